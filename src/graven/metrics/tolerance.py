"""F1 with a tolerance: a pixel is right if the other mask has one nearby."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError
from graven.metrics.counts import MatchCounts, check_masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["f1_at_tolerance", "tolerance_counts", "within"]


def within(mask: NDArray[np.bool_], *, tolerance_px: float) -> NDArray[np.bool_]:
    """Mark the pixels whose centre lies at most so far from the centre of a foreground pixel.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        Foreground.
    tolerance_px : float, pixels, >= 0
        Euclidean distance, inclusive.

    Returns
    -------
    ndarray of shape (H, W), bool
        Empty where `mask` is empty.

    Raises
    ------
    InputError
        If `tolerance_px` is negative or not a number, or `mask` is not an image.

    Examples
    --------
    >>> within(np.array([[True, False, False, False]]), tolerance_px=2.0)
    array([[ True,  True,  True, False]])
    """
    if not tolerance_px >= 0:
        raise InputError(f"tolerance_px must be 0 or more, got {tolerance_px}")
    if mask.ndim != 2:
        raise InputError(f"expected a mask of shape (H, W), got {mask.shape}; give one image at a time")
    if not mask.any():
        return np.zeros_like(mask)
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Roots of integers rounded to float32: a ten-thousandth more catches the rounding and no other distance below 5000.
    near: NDArray[np.bool_] = np.asarray(distance) <= tolerance_px + 1e-4
    return near


def tolerance_counts(
    preds: NDArray[np.bool_],
    target: NDArray[np.bool_],
    valid: NDArray[np.bool_] | None = None,
    *,
    tolerance_px: float = 2.0,
) -> MatchCounts:
    """Count the pixels of each mask that have one of the other within the tolerance.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    valid : ndarray of shape (H, W), bool, optional
        Foreground outside is cleared from both masks first.
    tolerance_px : float, pixels, >= 0
        Euclidean distance, inclusive.

    Returns
    -------
    MatchCounts
        Its `precision`, `recall` and `f1` are the scores at that tolerance.

    Raises
    ------
    MismatchError, InputError
        If the masks cannot be compared or the tolerance is negative.
    """
    preds, target = check_masks(preds, target, valid)
    return MatchCounts(
        matched_preds=int(np.count_nonzero(preds & within(target, tolerance_px=tolerance_px))),
        n_preds=int(np.count_nonzero(preds)),
        matched_target=int(np.count_nonzero(target & within(preds, tolerance_px=tolerance_px))),
        n_target=int(np.count_nonzero(target)),
    )


def f1_at_tolerance(
    preds: NDArray[np.bool_],
    target: NDArray[np.bool_],
    valid: NDArray[np.bool_] | None = None,
    *,
    tolerance_px: float = 2.0,
) -> float:
    """Harmonic mean of the share of predicted pixels near the truth and of true pixels near the prediction.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    valid : ndarray of shape (H, W), bool, optional
        Foreground outside is cleared from both masks first.
    tolerance_px : float, pixels, >= 0
        Euclidean distance, inclusive; 0 gives the ordinary F1.

    Returns
    -------
    float, 0 to 1
        0 where either mask is empty.

    Raises
    ------
    MismatchError, InputError
        See `tolerance_counts`.
    """
    return tolerance_counts(preds, target, valid, tolerance_px=tolerance_px).f1
