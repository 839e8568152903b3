"""``graven demo``: the main job on generated input, with the bundled weights, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Quiet

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder; an earlier demo there is replaced whole.")] = Path(
        "graven-demo"
    ),
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Generate a rock panel, a painting and an engraved bronze, document each, and show all on one HTML page."""
    from graven.api.demo import demo as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(out=out, monitor=console)
    console.result(result.summary(), **result.facts())
