"""One patch of an object in the simulation: what is known of it, and the next stroke on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graven.errors import DataError
from graven.metrics.counts import MatchCounts
from graven.metrics.guo_hall import thin_guo_hall
from graven.refine.annotator import AnnotatorSettings, simulate_hint
from graven.refine.errors import TrueLines, missing_lines, superfluous_lines, true_lines
from graven.refine.hints import ADD, ERASE, accumulate, composite_mask, write_hints
from graven.refine.keeping import Keeping, keep
from graven.refine.thresholds import foreground

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["BatchPredict", "Operation", "Patch", "Step", "next_steps"]

BatchPredict = Callable[["NDArray[np.float32]"], "NDArray[np.float32]"]
"""A refining network: (N, 3, h, w) with depth, initial logits and hints, to logits (N, h, w)."""

Operation = Literal["add", "erase"]


@dataclass(slots=True, eq=False)
class Patch:
    """A patch, and how far the person has come with it.

    Attributes
    ----------
    depth, initial : ndarray of shape (h, w), float32
        Standardised depth, and the logits of the initial network.
    target : ndarray of shape (h, w), bool
        The truth.
    allowed : ndarray of shape (h, w), bool
        Where something may be foreground.
    settings : AnnotatorSettings
        How the person draws.
    rng : numpy.random.Generator
        Randomness of this patch alone.
    hints : ndarray of shape (h, w), int8
        All hints so far.
    logits : ndarray of shape (h, w), float32
        The answer that stands; at first the initial one.
    best_hint_score : float
        Best score so far of the initial prediction with hints written in.
    """

    depth: NDArray[np.float32]
    initial: NDArray[np.float32]
    target: NDArray[np.bool_]
    allowed: NDArray[np.bool_]
    settings: AnnotatorSettings
    rng: np.random.Generator
    hints: NDArray[np.int8] = field(init=False)
    logits: NDArray[np.float32] = field(init=False)
    best_hint_score: float = field(init=False)
    _line: NDArray[np.bool_] = field(init=False, repr=False)
    _n_line: int = field(init=False, repr=False)
    _truth: TrueLines = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.target = self.target & self.allowed
        self.hints = np.zeros(self.initial.shape, np.int8)
        self.logits = self.initial
        self._line = thin_guo_hall(self.target)
        self._n_line = int(np.count_nonzero(self._line))
        self._truth = true_lines(self.target, n_guard=self.settings.statistics.n_guard)
        self.best_hint_score = self.score(self.initial, self.hints)

    def score(self, logits: NDArray[np.float32], hints: NDArray[np.int8]) -> float:
        """Give the pseudo-F-measure of logits with hints written in.

        Parameters
        ----------
        logits : ndarray of shape (h, w), float32
            Any answer.
        hints : ndarray of shape (h, w), int8
            Hint map.

        Returns
        -------
        float, 0 to 1
            0 where the patch has no truth.
        """
        mask = foreground(logits, rounds_half_down=self.settings.quirks.rounds_half_down)
        mask = write_hints(mask, hints) & self.allowed
        return MatchCounts(
            matched_preds=int(np.count_nonzero(mask & self.target)),
            n_preds=int(np.count_nonzero(mask)),
            matched_target=int(np.count_nonzero(mask & self._line)),
            n_target=self._n_line,
        ).f1

    def strokes(self, operations: Sequence[Operation]) -> list[NDArray[np.int8]]:
        """Draw the strokes that the person may make next on what stands.

        Parameters
        ----------
        operations : sequence of {"add", "erase"}
            What the person may do.

        Returns
        -------
        list of ndarray of shape (h, w), int8
            Hint maps of one stroke each, an erasure before an addition; what is impossible is left out.
        """
        mask = composite_mask(self.logits, self.hints) & self.allowed
        drawn = []
        if "erase" in operations:
            drawn.append(simulate_hint(superfluous_lines(mask, self._truth), ERASE, self.rng, self.settings))
        if "add" in operations:
            added = simulate_hint(missing_lines(mask, self._truth), ADD, self.rng, self.settings)
            if added is None and self.settings.quirks.empty_add_competes:
                added = np.zeros_like(self.hints)
            drawn.append(added)
        return [stroke for stroke in drawn if stroke is not None]

    def accept(self, step: Step) -> None:
        """Take a step over.

        Parameters
        ----------
        step : Step
            From `next_steps`.
        """
        self.hints, self.logits, self.best_hint_score = step.hints, step.logits, step.hint_score


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The better of the strokes tried on a patch, and what the network made of it.

    Attributes
    ----------
    hints : ndarray of shape (h, w), int8
        All hints, this stroke included.
    logits : ndarray of shape (h, w), float32
        The answer that would stand.
    score, hint_score : float, 0 to 1
        Scores of `logits` and of the initial prediction, both with `hints` written in.
    """

    hints: NDArray[np.int8]
    logits: NDArray[np.float32]
    score: float
    hint_score: float


def next_steps(
    patches: Sequence[Patch], predict: BatchPredict, *, operations: Sequence[Operation], keeping: Keeping
) -> list[Step | None]:
    """Try the next strokes on some patches, all in one batch.

    Parameters
    ----------
    patches : sequence of Patch
        Patches of one size.
    predict : callable
        The refining network.
    operations : sequence of {"add", "erase"}
        What the person may do.
    keeping : Keeping
        How much of an answer to keep.

    Returns
    -------
    list of Step or None
        For each patch the stroke with the best score, of equal ones the erasure; None where no stroke is possible.

    Raises
    ------
    DataError
        If the network answers with another shape, or with a number that is not finite.
    """
    tried = [(k, stroke) for k, patch in enumerate(patches) for stroke in patch.strokes(operations)]
    steps: list[Step | None] = [None] * len(patches)
    if not tried:
        return steps
    hints = [accumulate(patches[k].hints, stroke) for k, stroke in tried]
    batch = np.empty((len(tried), 3, *hints[0].shape), np.float32)
    for channels, (k, _), told in zip(batch, tried, hints, strict=True):
        channels[0], channels[1], channels[2] = patches[k].depth, patches[k].initial, told
    for (k, stroke), told, answer in zip(tried, hints, _checked(predict(batch), batch.shape), strict=True):
        patch, best = patches[k], steps[k]

        def score(logits: NDArray[np.float32], patch: Patch = patch, told: NDArray[np.int8] = told) -> float:
            return patch.score(logits, told)

        logits = keep(patch.logits, answer, stroke, keeping, score=score)
        value = score(logits)
        if best is None or value > best.score:
            steps[k] = Step(told, logits, value, patch.score(patch.initial, told))
    return steps


def _checked(answer: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    expected = (shape[0], *shape[2:])
    found = np.asarray(answer, np.float32)
    if found.shape != expected:
        raise DataError(f"a refining network must answer {shape} with logits of shape {expected}, got {found.shape}")
    if not np.isfinite(found).all():
        raise DataError("a refining network must answer with finite logits, got nan or infinity; check its weights")
    return found
