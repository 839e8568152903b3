"""From normals to slopes: the one place where the upward axis of normals meets rows that go down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEAST_NZ", "grid_slopes", "surface_slopes"]

LEAST_NZ = 0.05
"""Normals that face the viewer less than this (87 degrees) are taken as this steep."""


def surface_slopes(normals: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Slopes of the surface along the axes of its normals.

    Parameters
    ----------
    normals : ndarray of shape (3, ...), floating
        Unit vectors: x right, y **up**, z towards the viewer.

    Returns
    -------
    p : ndarray, of that type
        Rise to the right, ``-n_x / n_z``.
    q : ndarray, of that type
        Rise **upwards**, ``-n_y / n_z``.

    Raises
    ------
    InputError
        If the first axis has not three components.

    Examples
    --------
    >>> p, q = surface_slopes(np.array([0.36, 0.48, 0.8]))
    >>> round(float(p), 6), round(float(q), 6)
    (-0.45, -0.6)
    """
    if normals.shape[0] != 3:
        raise InputError(f"normals must have shape (3, height, width), got {normals.shape}")
    facing = np.maximum(normals[2], normals.dtype.type(LEAST_NZ))
    return -normals[0] / facing, -normals[1] / facing


def grid_slopes(
    normals: NDArray[np.floating], *, pixel_size_mm: float
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Slopes of the surface along the axes of the array.

    Parameters
    ----------
    normals : ndarray of shape (3, H, W), floating
        Unit vectors: x right, y **up**, z towards the viewer.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side; 1 for heights in pixels.

    Returns
    -------
    dcol : ndarray of shape (H, W), of that type, millimetres per pixel
        Change of height from one column to the next.
    drow : ndarray of shape (H, W), of that type, millimetres per pixel
        Change of height from one row to the next, which lies **below**.

    Raises
    ------
    InputError
        If the normals have not three components or the pixel size is not positive.

    Examples
    --------
    >>> towards_the_top = np.array([0.0, -0.6, 0.8]).reshape(3, 1, 1)  # the surface rises to the upper edge
    >>> _, drow = grid_slopes(towards_the_top, pixel_size_mm=0.1)
    >>> round(float(drow[0, 0]), 6)
    -0.075
    """
    if not 0 < pixel_size_mm < np.inf:
        raise InputError(f"pixel_size_mm must be positive, got {pixel_size_mm}; give 1 for heights in pixels")
    p, q = surface_slopes(normals)
    size = normals.dtype.type(pixel_size_mm)
    return p * size, -q * size
