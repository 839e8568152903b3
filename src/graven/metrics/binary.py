"""Scores of two masks, each a ratio of `BinaryCounts`; 0/0 is 0 unless the caller asks for another value."""

from __future__ import annotations

from graven.metrics.counts import BinaryCounts, ratio

__all__ = ["accuracy", "dsc", "f1", "false_alarm_rate_pitoti", "iou", "iou_background", "miou", "precision", "recall"]


def accuracy(counts: BinaryCounts, *, zero_division: float = 0.0) -> float:
    """Share of pixels on which prediction and truth agree, (TP+TN)/all; 0/0 without any pixel.

    Parameters
    ----------
    counts : BinaryCounts
        Pixel counts of one image, or summed over many.
    zero_division : float
        Value of 0/0.

    Returns
    -------
    float, 0 to 1
        The score.
    """
    return ratio(counts.tp + counts.tn, counts.total, zero_division=zero_division)


def precision(counts: BinaryCounts, *, zero_division: float = 0.0) -> float:
    """Share of the prediction that is true, TP/(TP+FP); 0/0 where nothing is predicted.

    Parameters
    ----------
    counts : BinaryCounts
        Pixel counts of one image, or summed over many.
    zero_division : float
        Value of 0/0.

    Returns
    -------
    float, 0 to 1
        The score.
    """
    return ratio(counts.tp, counts.tp + counts.fp, zero_division=zero_division)


def recall(counts: BinaryCounts, *, zero_division: float = 0.0) -> float:
    """Share of the truth that is found (hit rate), TP/(TP+FN); 0/0 where the truth is empty.

    Parameters
    ----------
    counts : BinaryCounts
        Pixel counts of one image, or summed over many.
    zero_division : float
        Value of 0/0.

    Returns
    -------
    float, 0 to 1
        The score.
    """
    return ratio(counts.tp, counts.tp + counts.fn, zero_division=zero_division)


def f1(counts: BinaryCounts, *, zero_division: float = 0.0) -> float:
    """Harmonic mean of precision and recall, 2TP/(2TP+FP+FN); 0/0 where both masks are empty.

    Parameters
    ----------
    counts : BinaryCounts
        Pixel counts of one image, or summed over many.
    zero_division : float
        Value of 0/0.

    Returns
    -------
    float, 0 to 1
        The score.
    """
    return ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn, zero_division=zero_division)


def dsc(counts: BinaryCounts, *, zero_division: float = 0.0) -> float:
    """Dice similarity coefficient: for two masks the same number as `f1`.

    Parameters
    ----------
    counts : BinaryCounts
        Pixel counts of one image, or summed over many.
    zero_division : float
        Value of 0/0.

    Returns
    -------
    float, 0 to 1
        The score.
    """
    return f1(counts, zero_division=zero_division)


def iou(counts: BinaryCounts, *, zero_division: float = 0.0) -> float:
    """Intersection over union of the foreground (Jaccard), TP/(TP+FP+FN); 0/0 where both masks are empty.

    Parameters
    ----------
    counts : BinaryCounts
        Pixel counts of one image, or summed over many.
    zero_division : float
        Value of 0/0.

    Returns
    -------
    float, 0 to 1
        The score.

    Examples
    --------
    >>> iou(BinaryCounts(tp=2, fp=1, fn=1, tn=4))
    0.5
    """
    return ratio(counts.tp, counts.tp + counts.fp + counts.fn, zero_division=zero_division)


def iou_background(counts: BinaryCounts, *, zero_division: float = 0.0) -> float:
    """Intersection over union of the background, TN/(TN+FP+FN); 0/0 where both masks are full.

    Parameters
    ----------
    counts : BinaryCounts
        Pixel counts of one image, or summed over many.
    zero_division : float
        Value of 0/0.

    Returns
    -------
    float, 0 to 1
        The score.
    """
    return ratio(counts.tn, counts.tn + counts.fp + counts.fn, zero_division=zero_division)


def miou(counts: BinaryCounts, *, zero_division: float = 0.0) -> float:
    """Mean of the two intersections over union, the MIoU of the petroglyph paper and of 3D-Pitoti.

    Parameters
    ----------
    counts : BinaryCounts
        Pixel counts of one image, or summed over many.
    zero_division : float
        Value of 0/0.

    Returns
    -------
    float, 0 to 1
        The score.
    """
    return 0.5 * (iou(counts, zero_division=zero_division) + iou_background(counts, zero_division=zero_division))


def false_alarm_rate_pitoti(counts: BinaryCounts, *, zero_division: float = 0.0) -> float:
    """False-alarm rate as 3D-Pitoti's scripts compute it: FP/(TP+FP), 1 - precision and not FP/(FP+TN).

    0/0 where nothing is predicted: no alarm was raised.

    Parameters
    ----------
    counts : BinaryCounts
        Pixel counts of one image, or summed over many.
    zero_division : float
        Value of 0/0.

    Returns
    -------
    float, 0 to 1
        The score.
    """
    return ratio(counts.fp, counts.tp + counts.fp, zero_division=zero_division)
