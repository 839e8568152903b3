"""Counts: the one place where masks are compared. Every overlap score is a ratio of these numbers.

Counts of tiles or images add up to those of the whole, so scores can be pooled without keeping masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError, MismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BinaryCounts", "MatchCounts", "binary_counts", "check_masks", "confusion_matrix", "ratio"]

_COMPILED_FROM_PX = 1 << 22
"""Masks of so many pixels are counted in one compiled pass; smaller ones are counted before Numba would be loaded."""


@dataclass(frozen=True, slots=True)
class BinaryCounts:
    """Pixels of two masks by agreement; the sum of two values is the count over both images.

    Attributes
    ----------
    tp, fp, fn, tn : int, pixels
        Foreground in both, in the prediction only, in the truth only, in neither.

    Examples
    --------
    >>> BinaryCounts(tp=2, fp=1, fn=1, tn=4) + BinaryCounts(tp=1, fp=0, fn=0, tn=0)
    BinaryCounts(tp=3, fp=1, fn=1, tn=4)
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def total(self) -> int:
        """Number of compared pixels."""
        return self.tp + self.fp + self.fn + self.tn

    def __add__(self, other: BinaryCounts) -> BinaryCounts:
        return BinaryCounts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)


@dataclass(frozen=True, slots=True)
class MatchCounts:
    """How much of each side is confirmed by the other, where the two sides count different pixels.

    Tolerance, boundary, skeleton and pseudo measures all are a precision and a recall of this kind.

    Attributes
    ----------
    matched_preds, n_preds : int, pixels
        Predicted pixels confirmed by the truth, and all of them.
    matched_target, n_target : int, pixels
        True pixels found by the prediction, and all of them.
    """

    matched_preds: int
    n_preds: int
    matched_target: int
    n_target: int

    @property
    def precision(self) -> float:
        """Confirmed share of the prediction; 0 without a predicted pixel."""
        return ratio(self.matched_preds, self.n_preds)

    @property
    def recall(self) -> float:
        """Found share of the truth; 0 without a true pixel."""
        return ratio(self.matched_target, self.n_target)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where both are 0."""
        return ratio(2.0 * self.precision * self.recall, self.precision + self.recall)

    def __add__(self, other: MatchCounts) -> MatchCounts:
        return MatchCounts(
            self.matched_preds + other.matched_preds,
            self.n_preds + other.n_preds,
            self.matched_target + other.matched_target,
            self.n_target + other.n_target,
        )


def ratio(numerator: float, denominator: float, *, zero_division: float = 0.0) -> float:
    """Divide two counts; a denominator of 0 gives `zero_division`.

    Parameters
    ----------
    numerator, denominator : float
        Counts, or products of them.
    zero_division : float
        The value of 0/0.

    Returns
    -------
    float
        The quotient.
    """
    return float(numerator / denominator) if denominator else zero_division


def check_masks(
    preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Refuse masks that cannot be compared, and clear the pixels without a verdict.

    Parameters
    ----------
    preds, target : ndarray of one shape, bool
        Prediction and truth; foreground is True.
    valid : ndarray of that shape, bool, optional
        False where a pixel has no verdict.

    Returns
    -------
    preds, target : ndarray, bool
        The masks, False where invalid.

    Raises
    ------
    MismatchError
        If shapes differ; both are shown.
    InputError
        If a mask is not bool: a probability or a 0/255 image needs a threshold first.
    """
    _check(preds, target, valid)
    return (preds, target) if valid is None else (preds & valid, target & valid)


def _check(preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_] | None) -> None:
    named = {"preds": preds, "target": target} | ({} if valid is None else {"valid": valid})
    for name, mask in named.items():
        if mask.dtype != np.bool_:
            raise InputError(f"{name} must be a bool mask, got {mask.dtype}; compare it with a threshold first")
        if mask.shape != preds.shape:
            raise MismatchError(
                f"{name} has shape {mask.shape}, preds {preds.shape}; bring both to one grid before comparing them"
            )


def binary_counts(
    preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_] | None = None
) -> BinaryCounts:
    """Count the pixels of two masks by agreement.

    Parameters
    ----------
    preds, target : ndarray of one shape, bool
        Prediction and truth; foreground is True.
    valid : ndarray of that shape, bool, optional
        Pixels that are False here count nowhere.

    Returns
    -------
    BinaryCounts
        Exact integers.

    Raises
    ------
    MismatchError
        If shapes differ; both are shown.
    InputError
        If a mask is not bool.

    Examples
    --------
    >>> binary_counts(np.array([True, True, False]), np.array([True, False, False]))
    BinaryCounts(tp=1, fp=1, fn=0, tn=1)
    """
    _check(preds, target, valid)
    if preds.size < _COMPILED_FROM_PX:
        n_valid = preds.size if valid is None else int(np.count_nonzero(valid))
        preds, target = check_masks(preds, target, valid)
        counted = (preds & target, preds, target)
        tp, n_preds, n_target = (int(np.count_nonzero(mask)) for mask in counted)
    else:
        from graven.kernels.counts import count_agreement

        tp, n_preds, n_target, n_valid = count_agreement(preds, target, valid)
    return BinaryCounts(tp=tp, fp=n_preds - tp, fn=n_target - tp, tn=n_valid - n_preds - n_target + tp)


def confusion_matrix(
    preds: NDArray[np.integer],
    target: NDArray[np.integer],
    valid: NDArray[np.bool_] | None = None,
    *,
    n_classes: int,
) -> NDArray[np.int64]:
    """Count pixels by true class (row) and predicted class (column).

    Parameters
    ----------
    preds, target : ndarray of one shape, integer, 0 to n_classes - 1
        Predicted and true classes.
    valid : ndarray of that shape, bool, optional
        Pixels that are False here count nowhere and may hold any number.
    n_classes : int
        Side of the matrix.

    Returns
    -------
    ndarray of shape (n_classes, n_classes), int64
        The counts; matrices of tiles add up.

    Raises
    ------
    MismatchError
        If shapes differ; both are shown.
    InputError
        If a valid pixel holds a class outside the range.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), n_classes=2)
    array([[1, 1],
           [0, 1]])
    """
    if preds.shape != target.shape:
        raise MismatchError(f"preds have shape {preds.shape}, target {target.shape}; bring both to one grid first")
    if valid is not None and valid.shape != preds.shape:
        raise MismatchError(f"valid has shape {valid.shape}, preds {preds.shape}; bring both to one grid first")
    truth, guess = (target.ravel(), preds.ravel()) if valid is None else (target[valid], preds[valid])
    for name, values in (("preds", guess), ("target", truth)):
        if values.size and not 0 <= int(values.min()) <= int(values.max()) < n_classes:
            raise InputError(
                f"{name} must hold classes 0 to {n_classes - 1}, got {values.min()} to {values.max()}; "
                "mark pixels without a class as invalid"
            )
    index = truth.astype(np.int64) * n_classes + guess.astype(np.int64)
    return np.bincount(index, minlength=n_classes * n_classes).reshape(n_classes, n_classes)
