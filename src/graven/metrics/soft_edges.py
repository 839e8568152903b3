"""Scores of graded soft edges: overlap of the six classes, and how far the strengths are off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.metrics.multiclass import multiclass_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EdgeScores", "edge_scores"]

_LEVEL = 51


@dataclass(frozen=True, slots=True)
class EdgeScores:
    """Scores of a confusion matrix of edge classes.

    Attributes
    ----------
    miou : float, 0 to 1
        Mean over the classes that occur.
    accuracy, macro_accuracy : float, 0 to 1
        Share of all pixels that are right, and the mean of that share over the true classes. The paper prints 0.5703,
        which can only be the second.
    rmse_levels : float, 0 to 255
        Root of the mean square of what the grey levels 51 times the class are off.
    rmse : float, 0 to 1
        The same, divided by 255.
    """

    miou: float
    accuracy: float
    macro_accuracy: float
    rmse_levels: float
    rmse: float


def edge_scores(confusion: NDArray[np.integer]) -> EdgeScores:
    """Compute the scores of graded edges.

    Parameters
    ----------
    confusion : ndarray of shape (6, 6), integer, >= 0
        Pixels by true class (row) and predicted class (column), from `graven.metrics.confusion_matrix`.

    Returns
    -------
    EdgeScores
        All 0 for an empty matrix.

    Raises
    ------
    InputError
        If the matrix is not square or holds a negative number.

    References
    ----------
    .. [1] Reconstructing reliefs from old photographs, Table 2.

    Examples
    --------
    >>> matrix = np.zeros((6, 6), int)
    >>> matrix[0, 0], matrix[5, 4] = 3, 1
    >>> edge_scores(matrix).rmse_levels
    25.5
    """
    if confusion.ndim != 2:
        raise InputError(f"expected a square matrix of counts, got shape {confusion.shape}")
    scores = multiclass_scores(confusion)
    truth, preds = np.indices(confusion.shape)
    n = confusion.sum()
    square = float((confusion * (truth - preds) ** 2).sum() / n) if n else 0.0
    occurs = confusion.sum(axis=1) > 0
    recall = np.asarray(scores.recall)[occurs]
    levels = _LEVEL * square**0.5
    return EdgeScores(
        miou=scores.miou,
        accuracy=scores.accuracy,
        macro_accuracy=float(recall.mean()) if recall.size else 0.0,
        rmse_levels=levels,
        rmse=levels / 255,
    )
