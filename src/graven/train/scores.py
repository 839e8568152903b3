"""Validation scores from pixel or tile counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Counts", "binary_scores", "count", "rank_score", "recall_threshold"]


@dataclass(frozen=True, slots=True)
class Counts:
    """True and false positives and negatives; counts over parts add up.

    Attributes
    ----------
    tp, fp, fn, tn : int
        Numbers of valid pixels (or tiles).
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def to_row(self) -> NDArray[np.float64]:
        """Give the four numbers in the order of the fields."""
        return np.array([self.tp, self.fp, self.fn, self.tn], np.float64)

    @classmethod
    def from_row(cls, row: NDArray[np.float64]) -> Counts:
        """Build from `to_row`; exact up to 2**53."""
        return cls(*(int(value) for value in row))

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)


def count(preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_]) -> Counts:
    """Count agreement where `valid` holds.

    Parameters
    ----------
    preds, target, valid : ndarray of one shape, bool
        Prediction, truth and where to count.

    Returns
    -------
    Counts
        Sums to the number of valid pixels.

    Examples
    --------
    >>> a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    >>> count(a, b, np.ones(4, bool))
    Counts(tp=1, fp=1, fn=1, tn=1)
    """
    table = np.bincount(2 * preds[valid].astype(np.int64) + target[valid], minlength=4)
    return Counts(tp=int(table[3]), fp=int(table[2]), fn=int(table[1]), tn=int(table[0]))


def binary_scores(counts: Iterable[Counts]) -> dict[str, float]:
    """Pooled scores of a two-class result, and their means over images.

    Parameters
    ----------
    counts : iterable of Counts
        One per image.

    Returns
    -------
    dict of str to float, 0 to 1
        ``accuracy precision recall f1 iou miou`` over pooled counts (0/0 is 0), ``f1_per_image miou_per_image`` as
        means, and ``predicted_share true_share`` of the foreground.
    """
    each = list(counts)
    pooled = sum(each, Counts())
    scores = _scores(pooled)
    total = max(1, pooled.tp + pooled.fp + pooled.fn + pooled.tn)
    scores["f1_per_image"] = float(np.mean([_scores(c)["f1"] for c in each])) if each else 0.0
    scores["miou_per_image"] = float(np.mean([_scores(c)["miou"] for c in each])) if each else 0.0
    scores["predicted_share"] = (pooled.tp + pooled.fp) / total
    scores["true_share"] = (pooled.tp + pooled.fn) / total
    return scores


def _scores(c: Counts) -> dict[str, float]:
    iou, background = _ratio(c.tp, c.tp + c.fp + c.fn), _ratio(c.tn, c.tn + c.fp + c.fn)
    return {
        "accuracy": _ratio(c.tp + c.tn, c.tp + c.tn + c.fp + c.fn),
        "precision": _ratio(c.tp, c.tp + c.fp),
        "recall": _ratio(c.tp, c.tp + c.fn),
        "f1": _ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn),
        "iou": iou,
        "miou": (iou + background) / 2,
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def recall_threshold(probs: NDArray[np.float64], target: NDArray[np.bool_], *, recall: float) -> float:
    """Largest threshold at which at least the given share of the positives is kept (``probs >= threshold``).

    Parameters
    ----------
    probs : ndarray of shape (N,), 0 to 1
        Probability of each item.
    target : ndarray of shape (N,), bool
        Truth of each item.
    recall : float, 0 to 1
        Share that must be kept.

    Returns
    -------
    float
        The threshold; 0 if there are no positives.

    Examples
    --------
    >>> recall_threshold(np.array([0.9, 0.6, 0.2, 0.1]), np.array([True, True, True, False]), recall=0.6)
    0.6
    """
    positives = np.sort(np.asarray(probs, np.float64)[target])[::-1]
    if not positives.size:
        return 0.0
    needed = int(np.ceil(recall * positives.size - 1e-9))
    return float(positives[max(needed, 1) - 1])


def rank_score(probs: NDArray[np.float64], target: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive ranks above a negative, ties counting half.

    Parameters
    ----------
    probs : ndarray of shape (N,)
        Any score that grows with the belief in the positive class.
    target : ndarray of shape (N,), bool
        Truth of each item.

    Returns
    -------
    float, 0 to 1
        0.5 if one class is missing.

    Examples
    --------
    >>> rank_score(np.array([0.9, 0.4, 0.6, 0.1]), np.array([True, True, False, False]))
    0.75
    """
    n_positive, n_negative = int(target.sum()), int((~target).sum())
    if not n_positive or not n_negative:
        return 0.5
    ranks = rankdata(probs)
    return float((ranks[target].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))
