"""The score of a whole object while its patches change one by one.

Counts of patches add up to those of the object, so after a step only the changed patch is counted anew. The result is
the same integers that stitching and comparing the whole object gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.stitching import squared_distance_weights
from graven.metrics.counts import MatchCounts, ratio
from graven.metrics.guo_hall import thin_guo_hall
from graven.refine.hints import write_hints
from graven.refine.thresholds import foreground

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.refine.quirks import Quirks

__all__ = ["LOWEST_WEIGHT", "EffortRecord", "Tally"]

LOWEST_WEIGHT = 1e-6
"""Weight of the border of a patch where it is not blind."""


@dataclass(frozen=True, slots=True)
class EffortRecord:
    """What an object's mask is worth after some interactions.

    Attributes
    ----------
    interactions : int
        Strokes accepted so far.
    hint_px : int, pixels
        Pixels of the hint map that are not 0.
    pfm_hints, iou_hints : float, 0 to 1
        Scores of the initial prediction with the hints written in: what the strokes do by hand.
    pfm_refined, iou_refined : float, 0 to 1
        Scores of the refined prediction with the same hints written in.
    """

    interactions: int
    hint_px: int
    pfm_hints: float
    pfm_refined: float
    iou_hints: float
    iou_refined: float


class Tally:
    """Counts of an object's patches, for the initial and the refined prediction.

    Parameters
    ----------
    target, object_mask : ndarray of shape (H, W), bool
        The truth, and where it is compared.
    initial : ndarray of shape (H, W), float32
        Logits; outside all patches they stand for both predictions.
    origins : sequence of (int, int)
        First row and column of each patch; patches do not overlap.
    patch_px : int, pixels
        Side of a patch.
    quirks : Quirks
        Which quirks of scoring are kept.
    """

    def __init__(
        self,
        target: NDArray[np.bool_],
        object_mask: NDArray[np.bool_],
        initial: NDArray[np.float32],
        origins: Sequence[tuple[int, int]],
        *,
        patch_px: int,
        quirks: Quirks,
    ) -> None:
        self._target = target & object_mask
        self._line = thin_guo_hall(self._target)
        self._object_mask = object_mask
        self._quirks = quirks
        self._n_target = int(np.count_nonzero(self._target))
        self._n_line = int(np.count_nonzero(self._line))
        weights = squared_distance_weights(patch_px, lowest=0.0 if quirks.blind_ring else LOWEST_WEIGHT)
        self._seen = weights > 0
        self._windows = [(slice(row, row + patch_px), slice(col, col + patch_px)) for row, col in origins]
        self._margin = np.zeros(3, np.int64)
        if not quirks.blank_margin:
            outside = self._object_mask.copy()
            for window in self._windows:
                outside[window] = False
            self._margin = self._count(self._threshold(initial) & outside, (slice(None), slice(None)))
        self._with_hints = np.zeros((len(origins), 3), np.int64)
        self._refined = np.zeros((len(origins), 3), np.int64)
        self._hint_px = np.zeros(len(origins), np.int64)
        for k, window in enumerate(self._windows):
            self.update(k, initial[window], initial[window], np.zeros((patch_px, patch_px), np.int8))

    def update(
        self, k: int, initial: NDArray[np.float32], refined: NDArray[np.float32], hints: NDArray[np.int8]
    ) -> None:
        """Count one patch anew.

        Parameters
        ----------
        k : int
            Which patch.
        initial, refined : ndarray of shape (patch_px, patch_px), float32
            Logits of the patch, without hints.
        hints : ndarray of shape (patch_px, patch_px), int8
            All hints of the patch.
        """
        window = self._windows[k]
        for logits, counts in ((initial, self._with_hints), (refined, self._refined)):
            mask = write_hints(self._threshold(logits) & self._seen, hints)
            counts[k] = self._count(mask & self._object_mask[window], window)
        self._hint_px[k] = np.count_nonzero(hints)

    def record(self, interactions: int) -> EffortRecord:
        """Give the scores as they stand.

        Parameters
        ----------
        interactions : int
            Strokes accepted so far.

        Returns
        -------
        EffortRecord
            Pseudo-F-measure and IoU over the object.
        """
        pfm_hints, iou_hints = self._scores(self._with_hints)
        pfm_refined, iou_refined = self._scores(self._refined)
        return EffortRecord(interactions, int(self._hint_px.sum()), pfm_hints, pfm_refined, iou_hints, iou_refined)

    def _threshold(self, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
        return foreground(logits, floors_to_bytes=self._quirks.floors_to_bytes)

    def _count(self, mask: NDArray[np.bool_], window: tuple[slice, slice]) -> NDArray[np.int64]:
        """Count hits, predicted pixels, and thinned true pixels found."""
        counted = (mask & self._target[window], mask, mask & self._line[window])
        return np.array([np.count_nonzero(pixels) for pixels in counted], np.int64)

    def _scores(self, counts: NDArray[np.int64]) -> tuple[float, float]:
        tp, n_preds, found = (int(n) for n in counts.sum(axis=0) + self._margin)
        pfm = MatchCounts(matched_preds=tp, n_preds=n_preds, matched_target=found, n_target=self._n_line).f1
        return pfm, ratio(tp, n_preds + self._n_target - tp)
