"""How a command speaks: a progress bar on a terminal, JSON lines for a machine, one plain line otherwise.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Console", "Progress"]


class Progress(Protocol):
    """What a long job calls to say how far it is."""

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` units are finished."""
        ...


class Console:
    """Speaks for one command.

    Parameters
    ----------
    json_lines : bool
        One JSON object per line on standard output instead of text.
    quiet : bool
        Nothing but results and errors.
    """

    def __init__(self, *, json_lines: bool = False, quiet: bool = False) -> None:
        self.json_lines = json_lines
        self.quiet = quiet

    def event(self, kind: str, /, **facts: Any) -> None:
        """Write one machine-readable event; nothing without ``--json``."""
        if self.json_lines:
            _write(sys.stdout, json.dumps({"event": kind, **facts}, default=str))

    def say(self, text: str) -> None:
        """Write one line for a person."""
        if not self.json_lines and not self.quiet:
            _write(sys.stderr, text)

    def result(self, text: str, /, **facts: Any) -> None:
        """Write the result: text for a person, or the facts as one JSON line."""
        if self.json_lines:
            self.event("result", **facts)
        else:
            _write(sys.stdout, text)

    def table(self, rows: Sequence[Mapping[str, Any]], *, event: str = "row") -> None:
        """Write rows as an aligned table, or as JSON lines that `event` names."""
        if self.json_lines:
            for row in rows:
                self.event(event, **row)
            return
        if not rows:
            return
        names = list(rows[0])
        cells = [[_cell(row[name]) for name in names] for row in rows]
        widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
        for line in [names, *cells]:
            _write(sys.stdout, "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())

    @contextmanager
    def progress(self, description: str) -> Iterator[Progress]:
        """Show the progress of one long step.

        Yields
        ------
        callable
            To be called as ``report(done, total)``.
        """
        if self.json_lines:
            yield self._json_progress(description)
        elif self.quiet or not sys.stderr.isatty():
            self.say(f"{description} …")
            yield lambda done, total: None  # noqa: ARG005 - nothing to show without a terminal
        else:
            from rich.console import Console as RichConsole
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            with RichProgress(*columns, console=RichConsole(stderr=True), transient=True) as bar:
                task = bar.add_task(description, total=None)
                yield lambda done, total: bar.update(task, completed=done, total=total)

    def _json_progress(self, description: str) -> Progress:
        last = 0.0

        def report(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if done == total or now - last >= 1.0:
                last = now
                self.event("progress", step=description, done=done, total=total)

        return report


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)


def _write(stream: Any, text: str) -> None:
    """Write a line; where nobody listens any more (``graven … | head``), go on with the work in silence."""
    if stream.encoding:  # a name that the terminal or file cannot show must not end the work
        text = text.encode(stream.encoding, "backslashreplace").decode(stream.encoding)
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
