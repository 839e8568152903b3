"""Where the object is in a picture with an even background, bright or dark: the classical way, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import DataError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["find_object"]

_RIM_SHARE = 0.02
_LEAST_SHARE, _MOST_SHARE = 0.01, 0.98
_LEAST_STEP = 14.0  # an even spread of brightness, as of a slow gradient, gives 12
_MOST_MIXED = 0.25
_SMOOTH_SHARE = 1 / 800


def find_object(picture: NDArray[Any], *, known: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Find the one object of a picture.

    Parameters
    ----------
    picture : ndarray of shape (H, W), float or uint8
        Brightness, for example the largest value of each pixel under all lights, or the albedo; any unit. NaN is
        background.
    known : ndarray of shape (H, W), bool, optional
        False where the picture says nothing; taken for background.

    Returns
    -------
    ndarray of shape (H, W), bool
        The largest connected part that differs from the background, its holes filled.

    Raises
    ------
    InputError
        If the picture has not two axes.
    DataError
        If nothing stands out: both sides are hardly further apart than each is wide, more than a quarter of the border
        belongs to the object, or the part covers less than 1 % or more than 98 % of the picture. The remedy is a mask
        as a file.

    Notes
    -----
    Otsu's threshold on the square root of the smoothed picture. Background is the side that holds more of the outermost
    2 % of the picture. The threshold is one for the whole picture, so this is not local.

    References
    ----------
    .. [1] Otsu, A threshold selection method from gray-level histograms, IEEE Trans. SMC 9, 1979.

    Examples
    --------
    >>> picture = np.full((60, 80), 200.0)
    >>> picture[20:40, 30:60] = 50.0
    >>> mask = find_object(picture)
    >>> int(mask.sum()), bool(mask[30, 45])
    (600, True)
    """
    if picture.ndim != 2:
        raise InputError(f"an object is looked for in a picture of shape (H, W), got {picture.shape}")
    levels = _levels(picture)
    threshold, bright = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    border = float(bright[_rim(picture.shape)].mean())
    if _separation(levels, int(threshold)) < _LEAST_STEP or min(border, 1 - border) > _MOST_MIXED:
        raise DataError("no object stands out from the background; give its mask as a file with --object-mask FILE")
    found = bright.astype(bool) if border < 0.5 else ~bright.astype(bool)
    if known is not None:
        found &= known
    mask = _filled(_largest(found))
    share = float(mask.mean())
    if not _LEAST_SHARE <= share <= _MOST_SHARE:
        raise DataError(
            f"what stands out covers {100 * share:.2g} % of the picture, which is hardly the object; give its mask as "
            "a file with --object-mask FILE"
        )
    return mask


def _rim(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    width = max(1, round(_RIM_SHARE * min(shape)))
    rim = np.ones(shape, np.bool_)
    rim[width:-width, width:-width] = False
    return rim


def _levels(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Give 256 levels of the square root, smoothed a little; the square root gives dark objects their share of them."""
    values = np.sqrt(np.maximum(np.nan_to_num(picture, nan=0.0, posinf=0.0, neginf=0.0), 0)).astype(np.float32)
    sigma = _SMOOTH_SHARE * max(picture.shape)
    if sigma >= 0.4:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)
    low, high = np.percentile(values[:: max(1, values.shape[0] // 1000)], [0.1, 99.9])
    if not high > low:
        return np.zeros(picture.shape, np.uint8)
    return np.asarray(np.rint(255 * np.clip((values - low) / (high - low), 0, 1)), np.uint8)


def _separation(levels: NDArray[np.uint8], threshold: int) -> float:
    """Give the squared distance between the means of both sides over the mean of their variances."""
    counts = np.bincount(levels.ravel(), minlength=256).astype(np.float64)
    sides = counts[: threshold + 1], counts[threshold + 1 :]
    if min(side.sum() for side in sides) == 0:
        return 0.0
    values = np.arange(threshold + 1), np.arange(threshold + 1, 256)
    means = [float(np.average(value, weights=side)) for value, side in zip(values, sides, strict=True)]
    spreads = [
        float(np.average((value - mean) ** 2, weights=side))
        for value, side, mean in zip(values, sides, means, strict=True)
    ]
    return (means[1] - means[0]) ** 2 / max(float(np.mean(spreads)), 1e-9)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return mask
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), np.bool_)


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what the outside cannot reach."""
    outside = np.pad((~mask).astype(np.uint8), 1, constant_values=1)
    cv2.floodFill(outside, None, (0, 0), 2)
    return np.asarray(outside[1:-1, 1:-1] != 2, np.bool_)
