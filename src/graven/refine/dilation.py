"""Dilation by a diamond: what a number of steps to the four neighbours reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dilate_diamond"]

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def dilate_diamond(mask: NDArray[np.bool_], n_steps: int) -> NDArray[np.bool_]:
    """Grow a mask by so many iterations of the cross of four neighbours.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        Foreground; what lies outside is background.
    n_steps : int, >= 0
        Iterations. A single pixel becomes a diamond of ``2 n**2 + 2 n + 1`` pixels.

    Returns
    -------
    ndarray of shape (H, W), bool
        The pixels at a city-block distance of at most `n_steps`; a new array.

    Raises
    ------
    InputError
        If `n_steps` is negative or `mask` is not a bool image.

    Examples
    --------
    >>> dilate_diamond(np.array([[False, False, True, False]]), 1)
    array([[False,  True,  True,  True]])
    """
    if n_steps < 0:
        raise InputError(f"n_steps must be 0 or more, got {n_steps}")
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise InputError(f"expected a bool mask of shape (H, W), got {mask.dtype} of shape {mask.shape}")
    grown: NDArray[np.bool_] = cv2.dilate(mask.view(np.uint8), _CROSS, iterations=n_steps).view(np.bool_)
    return grown
