"""``graven doctor``: what the machine is and whether graven is sound on it."""

from __future__ import annotations

from graven.cli.console import Console
from graven.cli.options import Json
from graven.errors import PartialFailure

__all__ = ["doctor"]


def doctor(json: Json = False) -> None:
    """Print versions, memory, write permission, model hashes and the time of one tile."""
    from graven.api.doctor import doctor as run

    console = Console(json_lines=json)
    rows = run()
    console.table([{"check": row.check, "state": row.state, "detail": row.detail} for row in rows])
    wrong = [row.check for row in rows if row.state == "wrong"]
    if wrong:
        raise PartialFailure(f"{len(wrong)} of {len(rows)} checks found something wrong: {', '.join(wrong)}")
