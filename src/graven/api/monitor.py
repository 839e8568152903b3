"""What a verb reports to while it works: a console, a notebook, or nobody."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SILENT", "Monitor"]


class Monitor(Protocol):
    """Receives what a person or a machine log should hear."""

    def say(self, text: str) -> None:
        """Take one line for a person."""
        ...

    def event(self, kind: str, /, **facts: Any) -> None:
        """Take one event for a machine log."""
        ...

    def progress(self, description: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Open a step and give a function ``report(done, total)``."""
        ...


class _Silent:
    """Hears nothing."""

    def say(self, text: str) -> None:
        """Ignore the line."""

    def event(self, kind: str, /, **facts: Any) -> None:
        """Ignore the event."""

    def progress(self, description: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Ignore the progress."""
        del description
        return nullcontext(_ignore)


def _ignore(done: int, total: int) -> None:
    del done, total


SILENT: Monitor = _Silent()
"""A monitor for library use: nothing is printed."""
