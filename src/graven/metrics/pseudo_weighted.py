"""Weighted pseudo-F-measure in the form of DIBCO from 2013: every pixel counts by how much it matters to a stroke.

Recall weights rise from 0 on the contour of a stroke to the middle and add up to 1 across it, so a stroke counts by its
length and not by its width. Precision weights double what a false pixel costs away from the border of a stroke, up to
its width: noise that joins strokes is worse than a thicker stroke.

The definition leaves open how wide a stroke is at a pixel and what a pixel near two strokes weighs; the organisers'
weight files come from their own tool. What `recall_weights` and `precision_weights` give is therefore an approximation
to them; scores from the organisers' files are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import MismatchError
from graven.metrics.counts import check_masks, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "WeightedCounts",
    "local_widths",
    "precision_weights",
    "recall_weights",
    "weighted_counts",
    "weighted_pseudo_fmeasure",
]


@dataclass(frozen=True, slots=True)
class WeightedCounts:
    """Sums over pixels and their weights; the sum of two values is the count over both images.

    Attributes
    ----------
    tp, fp : int, pixels
        True and false predicted pixels.
    extra_tp, extra_fp : float
        Precision weights beyond 1, summed over these pixels.
    found, missed : float
        Recall weights of true pixels that are predicted, and that are not.
    """

    tp: int
    fp: int
    extra_tp: float
    extra_fp: float
    found: float
    missed: float

    @property
    def precision(self) -> float:
        """Weighted precision; 0 without a predicted pixel."""
        right = self.tp + self.extra_tp
        return ratio(right, right + self.fp + self.extra_fp)

    @property
    def recall(self) -> float:
        """Weighted recall; 0 without a weighted true pixel."""
        return ratio(self.found, self.found + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where both are 0."""
        return ratio(2.0 * self.precision * self.recall, self.precision + self.recall)

    def __add__(self, other: WeightedCounts) -> WeightedCounts:
        return WeightedCounts(
            self.tp + other.tp,
            self.fp + other.fp,
            self.extra_tp + other.extra_tp,
            self.extra_fp + other.extra_fp,
            self.found + other.found,
            self.missed + other.missed,
        )


def local_widths(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Measure how wide the strokes are at each pixel.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        Strokes; what lies outside is background.

    Returns
    -------
    ndarray of shape (H, W), int64, pixels
        The shortest of the four runs of foreground through a pixel: along the row, the column and both diagonals; 0 on
        the background.

    Examples
    --------
    >>> local_widths(np.array([[True] * 5, [True] * 5, [False] * 5])).max(axis=1).tolist()
    [2, 2, 0]
    """
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), np.int64)
    padded[1:-1, 1:-1] = mask
    columns = padded.T
    runs = [_runs(padded, 0), _runs(columns, 0).T, _runs(padded, 1), _runs(padded, -1)]
    shortest: NDArray[np.int64] = np.min(runs, axis=0)[1:-1, 1:-1]
    return shortest


def _runs(padded: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Count the pixels of the run through each pixel that goes `step` columns to the right with each row."""
    return _so_far(padded, step) + _so_far(padded[::-1], -step)[::-1] - padded


def _so_far(padded: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Count the pixels of each run from above; the frame of zeros keeps runs from going round."""
    count = padded.copy()
    for row in range(1, len(count)):
        count[row] *= 1 + np.roll(count[row - 1], step)
    return count


def recall_weights(target: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weigh the pixels of strokes so that a section across a stroke weighs 1.

    Parameters
    ----------
    target : ndarray of shape (H, W), bool
        The truth.

    Returns
    -------
    ndarray of shape (H, W), float64, >= 0
        Chessboard distance to the contour, whose own is 0, over what these add up to across a stroke of that width;
        ``1 / w`` for widths 1 and 2; 0 outside. Approximate where strokes bend or cross.

    Examples
    --------
    >>> recall_weights(np.ones((9, 5), bool))[4].tolist()
    [0.0, 0.25, 0.5, 0.25, 0.0]
    """
    width = local_widths(target)
    framed = np.pad(target, 1).view(np.uint8)
    inside = np.asarray(cv2.distanceTransform(framed, cv2.DIST_C, 3))[1:-1, 1:-1] - 1.0
    half = width // 2
    across = np.where(width % 2 == 1, half**2, half * (half - 1))
    weights = inside / np.maximum(across, 1)
    return np.where(target, np.where(width <= 2, 1.0 / np.maximum(width, 1), weights), 0.0)


def precision_weights(target: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weigh the background around strokes by what a false pixel there costs beyond 1.

    Parameters
    ----------
    target : ndarray of shape (H, W), bool
        The truth.

    Returns
    -------
    ndarray of shape (H, W), float64, >= 0
        Around each 8-connected part of mean width ``W``, rounded: the chessboard distance ``d`` to it over ``W``, up to
        ``d = W``, and 0 beyond. Neighbourhoods of several parts add up. 0 on the truth.
    """
    width = local_widths(target)
    n_labels, labels, boxes, _ = cv2.connectedComponentsWithStats(target.view(np.uint8), connectivity=8)
    n_pixels = np.bincount(labels.ravel(), minlength=n_labels)
    means = np.rint(np.bincount(labels.ravel(), width.ravel(), minlength=n_labels) / np.maximum(n_pixels, 1))
    weights = np.zeros(target.shape)
    for label in range(1, n_labels):
        left, top, box_width, box_height = (int(number) for number in boxes[label, :4])
        reach = int(means[label])
        rows = slice(max(top - reach, 0), top + box_height + reach)
        cols = slice(max(left - reach, 0), left + box_width + reach)
        away = cv2.distanceTransform((labels[rows, cols] != label).view(np.uint8), cv2.DIST_C, 3)
        weights[rows, cols] += np.where(away <= reach, away / reach, 0)
    weights[target] = 0
    return weights


def weighted_counts(
    preds: NDArray[np.bool_],
    target: NDArray[np.bool_],
    valid: NDArray[np.bool_] | None = None,
    *,
    recall: NDArray[np.float64] | None = None,
    precision: NDArray[np.float64] | None = None,
) -> WeightedCounts:
    """Sum weights over predicted and true pixels.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    valid : ndarray of shape (H, W), bool, optional
        Foreground outside is cleared from both masks first.
    recall, precision : ndarray of shape (H, W), float64, optional
        Weights from the organisers' files; the latter are stored without the 1. By default `recall_weights` and
        `precision_weights` of the target.

    Returns
    -------
    WeightedCounts
        Its `precision`, `recall` and `f1` are the scores.

    Raises
    ------
    MismatchError, InputError
        If the masks cannot be compared, or weights have another shape.
    """
    preds, target = check_masks(preds, target, valid)
    recall = recall_weights(target) if recall is None else recall
    precision = precision_weights(target) if precision is None else precision
    for name, weights in (("recall", recall), ("precision", precision)):
        if weights.shape != target.shape:
            raise MismatchError(f"{name} weights have shape {weights.shape}, target {target.shape}; they must agree")
    right, wrong = preds & target, preds & ~target
    return WeightedCounts(
        tp=int(np.count_nonzero(right)),
        fp=int(np.count_nonzero(wrong)),
        extra_tp=float(precision[right].sum()),
        extra_fp=float(precision[wrong].sum()),
        found=float(recall[right].sum()),
        missed=float(recall[target & ~preds].sum()),
    )


def weighted_pseudo_fmeasure(
    preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_] | None = None
) -> float:
    """Harmonic mean of weighted precision and weighted recall, with weights approximated from the truth.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    valid : ndarray of shape (H, W), bool, optional
        Foreground outside is cleared from both masks first.

    Returns
    -------
    float, 0 to 1
        0 where either mask is empty.

    Raises
    ------
    MismatchError, InputError
        If the masks cannot be compared.

    References
    ----------
    .. [1] Ntirogiannis, Gatos and Pratikakis, Performance evaluation methodology for historical document image
       binarization, IEEE Trans. Image Processing 22, 2013, doi:10.1109/TIP.2012.2219550.
    """
    return weighted_counts(preds, target, valid).f1
