"""The published experiment: a simulated person improves a whole object, worst patch first.

The object is cut into patches side by side, which wait in a heap by their pseudo-F-measure. The worst is taken, one
addition and one erasure are tried, and the better one is accepted if the hints alone improve the initial prediction.
A patch on which that fails is given up for good; when none is left the run has converged.

Randomness and the next step of a patch depend on that patch alone, so steps of several patches are predicted ahead in
one batch, and the result does not depend on how many.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError, MismatchError
from graven.kernels.stitching import blend_logits, squared_distance_weights
from graven.refine.annotator import AnnotatorSettings
from graven.refine.keeping import Keeping
from graven.refine.patches import BatchPredict, Operation, Patch, Step, next_steps
from graven.refine.tally import LOWEST_WEIGHT, EffortRecord, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["AnnotationRun", "ProtocolSettings", "annotate_object"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSettings:
    """How the experiment goes.

    Attributes
    ----------
    annotator : AnnotatorSettings
        How the person draws, and which quirks are kept.
    keeping : Keeping
        How much of the network's answer to keep; all of it by default.
    operations : tuple of {"add", "erase"}
        What the person may do.
    patch_px : int, pixels
        Side of a patch.
    max_interactions : int
        The run ends after so many accepted strokes.
    record_every : int
        Accepted strokes between records.
    n_ahead : int
        Patches predicted in one batch; changes the time, not the result.
    """

    annotator: AnnotatorSettings = field(default_factory=AnnotatorSettings)
    keeping: Keeping = field(default_factory=Keeping)
    operations: tuple[Operation, ...] = ("add", "erase")
    patch_px: int = 256
    max_interactions: int = 3000
    record_every: int = 10
    n_ahead: int = 8

    def __post_init__(self) -> None:
        if not self.operations or not set(self.operations) <= {"add", "erase"}:
            raise InputError(f"operations must be 'add', 'erase' or both, got {self.operations}")
        for name in ("max_interactions", "record_every", "n_ahead"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, eq=False)
class AnnotationRun:
    """One run over one object.

    Attributes
    ----------
    records : tuple of EffortRecord
        The first is without hints.
    hints : ndarray of shape (H, W), int8
        All strokes.
    logits : ndarray of shape (H, W), float32
        The refined prediction, stitched, without hints; ``-inf`` where a quirk makes it blind.
    interactions : int
        Accepted strokes.
    converged : bool
        Whether the run ended because no patch was left.
    """

    records: tuple[EffortRecord, ...]
    hints: NDArray[np.int8]
    logits: NDArray[np.float32]
    interactions: int
    converged: bool

    def column(self, name: str) -> NDArray[np.float64]:
        """Give one field of all records.

        Parameters
        ----------
        name : str
            A field of `EffortRecord`.

        Returns
        -------
        ndarray of shape (n_records,), float64
            Its values, as `graven.metrics.effort` takes them.
        """
        return np.array([getattr(record, name) for record in self.records], np.float64)


def annotate_object(
    depth: NDArray[np.float32],
    initial: NDArray[np.float32],
    target: NDArray[np.bool_],
    predict: BatchPredict,
    rng: np.random.Generator,
    *,
    object_mask: NDArray[np.bool_] | None = None,
    settings: ProtocolSettings | None = None,
    listen: Callable[[EffortRecord], None] | None = None,
) -> AnnotationRun:
    """Let the simulated person work on one object until nothing helps any more.

    Parameters
    ----------
    depth : ndarray of shape (H, W), float32
        Standardised depth, as the refining network takes it.
    initial : ndarray of shape (H, W), float32
        Finite logits of the initial network.
    target : ndarray of shape (H, W), bool
        The truth.
    predict : callable
        The refining network: a batch (N, 3, h, w) of depth, initial logits and hints to logits (N, h, w). It always
        gets the initial logits, never its own earlier answer.
    rng : numpy.random.Generator
        All randomness.
    object_mask : ndarray of shape (H, W), bool, optional
        Where the object is scored; everywhere by default.
    settings : ProtocolSettings, optional
        How the experiment goes.
    listen : callable, optional
        Told of each record when it is made.

    Returns
    -------
    AnnotationRun
        The records, and what the work has led to.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If the object is smaller than a patch, or the initial logits are not finite.
    DataError
        If the network does not answer as it must.

    Notes
    -----
    A patch without truth scores 0, is taken first and given up at once; it is not put into the heap at all.
    """
    settings = ProtocolSettings() if settings is None else settings
    whole = np.ones(target.shape, np.bool_) if object_mask is None else object_mask
    _check(depth, initial, target, whole, patch_px=settings.patch_px)
    quirks = settings.annotator.quirks
    origins = _grid(target.shape, settings.patch_px)
    patches = _cut(depth, initial, target, whole, origins, rng, settings)
    tally = Tally(target, whole, initial, origins, patch_px=settings.patch_px, quirks=quirks)
    records: list[EffortRecord] = []

    def note(interactions: int) -> None:
        records.append(tally.record(interactions))
        if listen is not None:
            listen(records[-1])

    note(0)
    heap = [(patch.best_hint_score, k) for k, patch in enumerate(patches) if patch.target.any()]
    heapq.heapify(heap)
    ready: dict[int, Step | None] = {}
    interactions = 0
    while heap and interactions < settings.max_interactions:
        score, k = heap[0]
        if k not in ready:
            ahead = [j for _, j in heapq.nsmallest(settings.n_ahead, heap) if j not in ready]
            batch = [patches[j] for j in ahead]
            made = next_steps(batch, predict, operations=settings.operations, keeping=settings.keeping)
            ready.update(zip(ahead, made, strict=True))
        heapq.heappop(heap)
        step, patch = ready.pop(k), patches[k]
        if step is None or step.score == score or step.hint_score <= patch.best_hint_score:
            continue
        patch.accept(step)
        heapq.heappush(heap, (step.score, k))
        tally.update(k, patch.initial, patch.logits, patch.hints)
        interactions += 1
        if interactions % settings.record_every == 0:
            note(interactions)
    if not quirks.open_end and records[-1].interactions < interactions:
        note(interactions)
    hints, logits = _joined(patches, origins, initial, settings)
    return AnnotationRun(tuple(records), hints, logits, interactions, converged=not heap)


def _check(
    depth: NDArray[np.float32],
    initial: NDArray[np.float32],
    target: NDArray[np.bool_],
    object_mask: NDArray[np.bool_],
    *,
    patch_px: int,
) -> None:
    named = {"depth": depth, "initial": initial, "object_mask": object_mask}
    for name, image in named.items():
        if image.shape != target.shape:
            raise MismatchError(f"{name} has shape {image.shape}, target {target.shape}; bring both to one grid")
    if target.ndim != 2 or min(target.shape) < patch_px:
        raise InputError(f"the object must hold one patch of {patch_px} px, got {target.shape}; choose a smaller one")
    if not np.isfinite(initial).all():
        raise InputError("initial logits must be finite; give what the network answered, without hints written in")


def _grid(shape: tuple[int, ...], patch_px: int) -> list[tuple[int, int]]:
    """Place complete patches side by side from the first pixel on."""
    starts = [range(0, size - patch_px + 1, patch_px) for size in shape]
    return [(row, col) for row in starts[0] for col in starts[1]]


def _cut(
    depth: NDArray[np.float32],
    initial: NDArray[np.float32],
    target: NDArray[np.bool_],
    object_mask: NDArray[np.bool_],
    origins: list[tuple[int, int]],
    rng: np.random.Generator,
    settings: ProtocolSettings,
) -> list[Patch]:
    size = settings.patch_px
    everywhere = np.ones((size, size), np.bool_)
    patches = []
    for (row, col), own in zip(origins, rng.spawn(len(origins)), strict=True):
        at = slice(row, row + size), slice(col, col + size)
        allowed = everywhere if settings.annotator.quirks.unmasked_patches else object_mask[at]
        patches.append(Patch(depth[at], initial[at], target[at], allowed, settings.annotator, own))
    return patches


def _joined(
    patches: list[Patch], origins: list[tuple[int, int]], initial: NDArray[np.float32], settings: ProtocolSettings
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Bring hints and answers of all patches back to the object."""
    quirks, size = settings.annotator.quirks, settings.patch_px
    weights = squared_distance_weights(size, lowest=0.0 if quirks.blind_ring else LOWEST_WEIGHT)
    shape = (initial.shape[0], initial.shape[1])
    logits = blend_logits([patch.logits for patch in patches], origins, weights, shape)
    hints = np.zeros(shape, np.int8)
    outside = np.ones(shape, np.bool_)
    for (row, col), patch in zip(origins, patches, strict=True):
        at = slice(row, row + size), slice(col, col + size)
        hints[at] = patch.hints
        outside[at] = False
    if not quirks.blank_margin:
        logits[outside] = initial[outside]
    return hints, logits
