"""Validation scores of a run, from the counts of `graven.metrics`; thresholds and ranks of gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from graven.metrics import (
    BinaryCounts,
    accuracy,
    f1,
    iou,
    miou,
    multiclass_scores,
    per_image_mean,
    precision,
    recall,
    total,
)
from graven.metrics.counts import ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["binary_scores", "class_scores", "rank_score", "recall_threshold"]


def binary_scores(counts: Sequence[BinaryCounts]) -> dict[str, float]:
    """Pooled scores of a two-class result, and their means over images.

    Parameters
    ----------
    counts : sequence of BinaryCounts
        One per image, at least one.

    Returns
    -------
    dict of str to float, 0 to 1
        ``accuracy precision recall f1 iou miou`` over pooled counts (0/0 is 0), ``f1_per_image miou_per_image`` as
        means, and ``predicted_share true_share`` of the foreground.

    Examples
    --------
    >>> scores = binary_scores([BinaryCounts(tp=2, fp=1, fn=1, tn=4)])
    >>> round(scores["f1"], 3), round(scores["miou"], 3), scores["true_share"]
    (0.667, 0.583, 0.375)
    """
    pooled = total(counts)
    named = {"accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1, "iou": iou, "miou": miou}
    return {
        **{name: score(pooled) for name, score in named.items()},
        "f1_per_image": per_image_mean(counts, f1),
        "miou_per_image": per_image_mean(counts, miou),
        "predicted_share": ratio(pooled.tp + pooled.fp, pooled.total),
        "true_share": ratio(pooled.tp + pooled.fn, pooled.total),
    }


def class_scores(confusion: NDArray[np.int64]) -> dict[str, float]:
    """Pooled scores of a result of several classes.

    Parameters
    ----------
    confusion : ndarray of shape (K, K), int64
        Pixels by true class (row) and predicted class (column); class 0 is the background.

    Returns
    -------
    dict of str to float, 0 to 1
        ``accuracy``, ``precision`` and ``recall`` as means over the classes, ``f1`` of these two, ``miou``, ``iou_0``
        and so on, and ``predicted_share true_share`` of all that is no background. A class that is in neither truth nor
        prediction is left out of means, and its own score is nan.

    Examples
    --------
    >>> scores = class_scores(np.array([[4, 0, 0], [1, 2, 0], [0, 0, 1]]))
    >>> round(scores["miou"], 3), scores["iou_0"], scores["true_share"]
    (0.822, 0.8, 0.5)
    """
    found = multiclass_scores(confusion)
    n_px = max(1, int(confusion.sum()))
    return {
        "accuracy": found.accuracy,
        "precision": found.macro_precision,
        "recall": found.macro_recall,
        "f1": found.f1_of_macro_pr,
        "miou": found.miou,
        **{f"iou_{number}": value for number, value in enumerate(found.iou)},
        "predicted_share": 1 - float(confusion[:, 0].sum()) / n_px,
        "true_share": 1 - float(confusion[0].sum()) / n_px,
    }


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
