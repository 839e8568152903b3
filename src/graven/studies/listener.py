"""What a study reports to while it works; `graven.api.monitor` has the same shape, one floor up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["Listener"]


class Listener(Protocol):
    """Hears what a person or a machine log should know."""

    def say(self, text: str) -> None:
        """Take one line for a person."""
        ...

    def event(self, kind: str, /, **facts: Any) -> None:
        """Take one event for a machine log."""
        ...

    def progress(self, description: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Open a step and give a function ``report(done, total)``."""
        ...
