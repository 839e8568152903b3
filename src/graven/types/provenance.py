"""How a result came about: steps with settings and content hashes, written into every output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Provenance", "Step"]

Category = Literal["read", "prepare", "predict", "refine", "measure", "write"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run.

    Attributes
    ----------
    category : str
        Stage: read, prepare, predict, refine, measure or write.
    description : str
        One sentence for a person.
    settings : mapping
        The resolved settings, JSON-ready.
    sha256 : str or None
        Hash of what the step used (input, model), where there is one.
    """

    category: Category
    description: str
    settings: Mapping[str, Any]
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """The chain of steps behind a result, oldest first."""

    steps: tuple[Step, ...] = ()

    def then(self, step: Step) -> Provenance:
        """Give the chain with one more step."""
        return Provenance((*self.steps, step))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Give the chain as plain dictionaries for JSON."""
        return [
            {
                "category": step.category,
                "description": step.description,
                "settings": dict(step.settings),
                "sha256": step.sha256,
            }
            for step in self.steps
        ]
