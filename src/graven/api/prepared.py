"""What ``graven prepare`` leaves, in one line and as facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Prepared"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` left.

    Attributes
    ----------
    path : Path
        Output folder with ``train``, ``val`` and ``test``, each with ``images``, ``masks`` and ``valid``.
    layout : str
        The layout that was read.
    counts : dict of str to int
        Patches, variants included, or drawings per side of the split.
    n_groups : int
        Panels or sites in all.
    leaky : bool
        Whether patches were split at random.
    classes : tuple of str
        Names in the order of their numbers, from 1; empty for masks of one class.
    what, of : str
        What is counted, and what a group is.
    """

    path: Path
    layout: str
    counts: dict[str, int]
    n_groups: int
    leaky: bool
    classes: tuple[str, ...] = ()
    what: str = "patches"
    of: str = "panels or sites"

    def summary(self) -> str:
        """Say it in one line."""
        sides = ", ".join(f"{count} {side}" for side, count in self.counts.items())
        warning = "; patches of one panel stand on both sides, scores will be too good" if self.leaky else ""
        named = ", ".join(f"{number} {name}" for number, name in enumerate(self.classes, start=1))
        classes = f"; classes: {named}" if named else ""
        origin = f"{self.what} from {self.n_groups} {self.of} ({self.layout})"
        return f"{self.path}: {sides} {origin}{classes}{warning}"

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        classes = {"classes": list(self.classes)} if self.classes else {}
        return {
            "path": str(self.path),
            "layout": self.layout,
            self.what: self.counts,
            "leaky": self.leaky,
            **classes,
        }
