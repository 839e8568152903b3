"""The columns of the 3D-Pitoti benchmark, inside the panel's mask: mean over images, and pooled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.metrics import binary
from graven.metrics.aggregate import per_image_mean, pooled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from graven.metrics.counts import BinaryCounts

__all__ = ["PitotiScores", "binarise_mid_range", "pitoti_mean", "pitoti_overall", "pitoti_scores"]


@dataclass(frozen=True, slots=True)
class PitotiScores:
    """One row of the benchmark's table; all in 0 to 1.

    Attributes
    ----------
    dsc, hit_rate, false_alarm_rate, iou, miou, accuracy : float
        Dice coefficient, recall, FP/(TP+FP), foreground IoU, mean of both IoUs, pixel accuracy.
    """

    dsc: float
    hit_rate: float
    false_alarm_rate: float
    iou: float
    miou: float
    accuracy: float


def _row(reduced: Callable[[Callable[[BinaryCounts], float]], float]) -> PitotiScores:
    return PitotiScores(
        dsc=reduced(binary.dsc),
        hit_rate=reduced(binary.recall),
        false_alarm_rate=reduced(binary.false_alarm_rate_pitoti),
        iou=reduced(binary.iou),
        miou=reduced(binary.miou),
        accuracy=reduced(binary.accuracy),
    )


def pitoti_scores(counts: BinaryCounts) -> PitotiScores:
    """Score one image or panel from its counts inside the mask.

    Parameters
    ----------
    counts : BinaryCounts
        From `graven.metrics.binary_counts` with the panel's mask as `valid`.

    Returns
    -------
    PitotiScores
        The row; 0/0 is 0.
    """
    return _row(lambda score: score(counts))


def pitoti_mean(counts: Sequence[BinaryCounts]) -> PitotiScores:
    """Mean of the rows of all images.

    Parameters
    ----------
    counts : sequence of BinaryCounts, at least one
        One value per image.

    Returns
    -------
    PitotiScores
        The mean row.

    Raises
    ------
    InputError
        If there is no image.
    """
    return _row(lambda score: per_image_mean(counts, score))


def pitoti_overall(counts: Sequence[BinaryCounts]) -> PitotiScores:
    """Row of the summed counts of all images.

    Parameters
    ----------
    counts : sequence of BinaryCounts, at least one
        One value per image.

    Returns
    -------
    PitotiScores
        The pooled row.

    Raises
    ------
    InputError
        If there is no image.
    """
    return _row(lambda score: pooled(counts, score))


def binarise_mid_range(image: NDArray[np.integer] | NDArray[np.floating]) -> NDArray[np.bool_]:
    """Binarise a result image as the benchmark's scripts do: strictly above the middle of its own range.

    Kept for files in their format only. A constant image becomes empty, even one that is foreground everywhere; a
    mask or a probability of graven has a fixed threshold instead.

    Parameters
    ----------
    image : ndarray of any shape, integer or floating, finite
        A result image, such as 0 and 255.

    Returns
    -------
    ndarray of that shape, bool
        True where the value is above ``(min + max) / 2``.

    Raises
    ------
    InputError
        If the image is empty or holds values that are not finite.

    Examples
    --------
    >>> binarise_mid_range(np.array([0, 1, 255], np.uint8))
    array([False, False,  True])
    """
    if image.size == 0 or not np.isfinite(image).all():
        raise InputError(f"expected a result image of finite values, got {image.dtype} of shape {image.shape}")
    middle = (float(image.min()) + float(image.max())) / 2
    above: NDArray[np.bool_] = image > middle
    return above
