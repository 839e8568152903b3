"""Scores of several classes from a confusion matrix whose rows are the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MultiClassScores", "multiclass_scores"]


@dataclass(frozen=True, slots=True)
class MultiClassScores:
    """Scores per class and their means; all in 0 to 1.

    Attributes
    ----------
    accuracy : float
        Share of all pixels on the diagonal.
    recall, precision, iou, f1 : tuple of float
        Per class; nan for a class that is in neither truth nor prediction, where it is skipped.
    macro_recall, macro_precision, miou, macro_f1 : float
        Means over the classes.
    f1_of_macro_pr : float
        Harmonic mean of macro precision and macro recall, which is not the mean of the classes' F1.
    """

    accuracy: float
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    iou: tuple[float, ...]
    f1: tuple[float, ...]
    macro_recall: float
    macro_precision: float
    miou: float
    macro_f1: float
    f1_of_macro_pr: float


def multiclass_scores(confusion: NDArray[np.integer], *, absent: Literal["skip", "zero"] = "skip") -> MultiClassScores:
    """Compute all scores of a confusion matrix.

    Parameters
    ----------
    confusion : ndarray of shape (K, K), integer, >= 0
        Pixels by true class (row) and predicted class (column).
    absent : {"skip", "zero"}
        What a class in neither truth nor prediction does to the means: nothing, or count as 0. A class that is in one
        of the two only always counts 0.

    Returns
    -------
    MultiClassScores
        With an empty matrix all means are 0.

    Raises
    ------
    InputError
        If the matrix is not square or holds a negative number, or `absent` is unknown.

    Examples
    --------
    >>> multiclass_scores(np.diag([2, 2, 0])).miou
    1.0
    """
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1] or (confusion < 0).any():
        raise InputError(f"expected a square matrix of counts, got shape {confusion.shape}, minimum {confusion.min()}")
    if absent not in ("skip", "zero"):
        raise InputError(f"absent must be 'skip' or 'zero', got {absent!r}")
    matrix = confusion.astype(np.float64)
    diagonal, rows, columns = np.diagonal(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    present = rows + columns > 0

    def per_class(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
        return np.where(present, values, np.nan if absent == "skip" else 0.0)

    def mean(values: NDArray[np.float64]) -> float:
        kept = values[present] if absent == "skip" else values
        return float(kept.mean()) if kept.size else 0.0

    recall, precision = per_class(diagonal, rows), per_class(diagonal, columns)
    iou, f1 = per_class(diagonal, rows + columns - diagonal), per_class(2 * diagonal, rows + columns)
    p, r = mean(precision), mean(recall)
    return MultiClassScores(
        accuracy=float(diagonal.sum() / matrix.sum()) if matrix.sum() else 0.0,
        recall=tuple(recall.tolist()),
        precision=tuple(precision.tolist()),
        iou=tuple(iou.tolist()),
        f1=tuple(f1.tolist()),
        macro_recall=r,
        macro_precision=p,
        miou=mean(iou),
        macro_f1=mean(f1),
        f1_of_macro_pr=2 * p * r / (p + r) if p + r else 0.0,
    )
