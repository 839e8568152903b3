"""The account of a run, ``run.json``: what was asked, with what, from what, for how long, and what came out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven._version import __version__
from graven.api.doctor import versions
from graven.io.fs import sha256_file

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["Clock", "account", "output_hashes", "source_of"]


@dataclass
class Clock:
    """When a run began, and the seconds of its parts by the monotonic clock.

    Attributes
    ----------
    started : datetime
        In UTC.
    laps : dict of str to float, seconds
        Parts that have ended.
    """

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    laps: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = self._last = time.monotonic()

    def lap(self, name: str) -> None:
        """End a part."""
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 3)
        self._last = now

    def seconds(self) -> dict[str, float]:
        """Give the parts and the total."""
        return {**self.laps, "total": round(time.monotonic() - self._began, 3)}


def account(
    command: str,
    *,
    clock: Clock,
    options: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]] = (),
    settings: Mapping[str, Any] | None = None,
    outputs: Mapping[str, str],
    **facts: Any,
) -> dict[str, Any]:
    """Gather the account of a run, in one layout for every verb.

    Parameters
    ----------
    command : str
        The verb.
    clock : Clock
        Made when the run began.
    options : mapping
        As they were asked for, defaults included; of a path only the name is told.
    inputs : sequence of mappings
        Each with ``name`` and ``sha256``.
    settings : mapping, optional
        As they were resolved; default is `options`.
    outputs : mapping of str to str
        File name to SHA-256.
    **facts
        What else this verb has to tell.

    Returns
    -------
    dict
        For ``run.json``.

    Examples
    --------
    >>> told = account("synth", clock=Clock(), options={"out": Path("a/b")}, outputs={})
    >>> told["command"], told["options"], sorted(told["seconds"])
    ('synth', {'out': 'b'}, ['total'])
    """
    asked = {name: _plain(value) for name, value in options.items()}
    return {
        "command": command,
        "options": asked,
        "graven": __version__,
        "versions": versions(),
        "started": clock.started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": clock.seconds(),
        "inputs": [dict(entry) for entry in inputs],
        "settings": asked if settings is None else {name: _plain(value) for name, value in settings.items()},
        **facts,
        "outputs": dict(outputs),
    }


def source_of(path: str | Path) -> dict[str, str]:
    """Name an input file with its hash."""
    return {"name": Path(path).name, "sha256": sha256_file(path)}


def output_hashes(folder: Path, *, leave_out: Collection[str] = ()) -> dict[str, str]:
    """Give the SHA-256 of every file below a folder by its relative name.

    Parameters
    ----------
    folder : Path
        Output folder.
    leave_out : collection of str
        Names of folders and files that are left out, wherever they stand. ``run.json`` at the top, hidden files and
        files of work in progress always are.

    Returns
    -------
    dict of str to str
        In order of the names.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") or part in leave_out for part in name.parts)
        if path.is_file() and not hidden and name.as_posix() not in ("run.json", "job.json"):
            found[name.as_posix()] = sha256_file(path)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.resolve().name
    if isinstance(value, (tuple, list)):
        return [_plain(entry) for entry in value]
    return value
