"""What is timed beside what: a kernel of graven and its peers, or a limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Case"]


@dataclass(frozen=True, slots=True)
class Case:
    """One kernel and those it is set beside.

    Attributes
    ----------
    what, ours, goal : str
        In words; the goal is for the ratio of its peers' time over ours, or of ours over a limit.
    run : callable
        Our kernel.
    peers : dict of str to pair of callables
        The kernel of a peer, and ``equal(ours, theirs)``. None instead of it makes a limit: what no kernel can beat.
    """

    what: str
    ours: str
    goal: str
    run: Callable[[], Any]
    peers: dict[str, tuple[Callable[[], Any], Callable[[Any, Any], bool] | None]] = field(default_factory=dict)
