"""Boundary F: how much of the outlines of two masks runs within a tolerance of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.metrics.counts import MatchCounts, check_masks
from graven.metrics.tolerance import tolerance_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["boundary_counts", "boundary_f1", "boundary_pixels"]


def boundary_pixels(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the foreground pixels that have a 4-neighbour outside the mask; beyond the image is outside.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        Foreground.

    Returns
    -------
    ndarray of shape (H, W), bool
        The inner boundary, empty only where `mask` is empty.

    Raises
    ------
    InputError
        If `mask` is not an image.

    Examples
    --------
    >>> boundary_pixels(np.ones((3, 4), bool)).astype(int)
    array([[1, 1, 1, 1],
           [1, 0, 0, 1],
           [1, 1, 1, 1]])
    """
    if mask.ndim != 2:
        raise InputError(f"expected a mask of shape (H, W), got {mask.shape}; give one image at a time")
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def boundary_counts(
    preds: NDArray[np.bool_],
    target: NDArray[np.bool_],
    valid: NDArray[np.bool_] | None = None,
    *,
    tolerance_px: float = 2.0,
) -> MatchCounts:
    """Count the boundary pixels of each mask that have one of the other within the tolerance.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    valid : ndarray of shape (H, W), bool, optional
        Foreground outside is cleared from both masks first, so its edge is a boundary of both.
    tolerance_px : float, pixels, >= 0
        Euclidean distance, inclusive.

    Returns
    -------
    MatchCounts
        For pooling; see `boundary_f1` for the empty cases.

    Raises
    ------
    MismatchError, InputError
        If the masks cannot be compared or the tolerance is negative.
    """
    preds, target = check_masks(preds, target, valid)
    return tolerance_counts(boundary_pixels(preds), boundary_pixels(target), tolerance_px=tolerance_px)


def boundary_f1(
    preds: NDArray[np.bool_],
    target: NDArray[np.bool_],
    valid: NDArray[np.bool_] | None = None,
    *,
    tolerance_px: float = 2.0,
) -> float:
    """F1 of the boundary pixels of two masks at a tolerance.

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
    float, 0 to 1
        1 where both masks are empty, 0 where one of them is.

    Raises
    ------
    MismatchError, InputError
        See `boundary_counts`.
    """
    counts = boundary_counts(preds, target, valid, tolerance_px=tolerance_px)
    return 1.0 if counts.n_preds == counts.n_target == 0 else counts.f1
