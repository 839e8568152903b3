"""Whom a run tells what it does; nobody by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Event", "Say", "note_nothing", "say_nothing"]

Say = Callable[[str], None]
"""Takes one line for a person."""

Event = Callable[..., None]
"""``event(kind, **facts)`` takes one event for a machine log."""


def say_nothing(text: str) -> None:
    """Ignore a line."""
    del text


def note_nothing(kind: str, /, **facts: Any) -> None:
    """Ignore an event."""
    del kind, facts
