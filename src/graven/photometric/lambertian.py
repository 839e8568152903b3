"""Normals of a matt surface by least squares (Woodham 1980)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.photometric import fit_lambert
from graven.photometric.stack import SurfaceFit, checked_images, checked_lights, checked_valid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["lambertian_normals"]


def lambertian_normals(
    images: NDArray[np.floating],
    directions: ArrayLike,
    *,
    strengths: ArrayLike | None = None,
    valid: NDArray[np.bool_] | None = None,
    black: float = 0.0,
    dark: float = -np.inf,
    bright: float = np.inf,
) -> SurfaceFit:
    """Fit ``I = black + albedo * strength * (n . l)`` to every pixel by least squares [1]_.

    Parameters
    ----------
    images : ndarray of shape (K, H, W), float32 or float64, linear
        A window of the images under each light; K >= 3.
    directions : array of shape (K, 3)
        Unit vectors towards far lights: x right, y **up**, z towards the viewer.
    strengths : array of shape (K,), > 0, optional
        Brightness of a white surface that faces the light; 1 by default.
    valid : ndarray of shape (H, W), bool, optional
        Pixels to fit; all by default.
    black : float
        What the images show where no light falls (`graven.photometric.black_level`).
    dark, bright : float
        Values at or below `dark` (shadow) and at or above `bright` (saturated) are left out, as the images hold them;
        so is NaN. By default nothing else is, which is what "plain" least squares means.

    Returns
    -------
    SurfaceFit
        Of the type of the images. NaN where not valid, where fewer than three values are left or their lights lie in a
        plane, and where the normal would not face the viewer.

    Raises
    ------
    InputError
        If shapes or types disagree, directions are not unit vectors or lie in a plane, or strengths are not positive.

    Notes
    -----
    Local: a pixel depends on nothing but its own values, so bands of rows can be done one by one. Sums are float64.

    References
    ----------
    .. [1] R. J. Woodham, Photometric method for determining surface orientation from multiple images, Optical
       Engineering 19(1), 1980, https://doi.org/10.1117/12.7972479.

    Examples
    --------
    >>> lights = [[0, 0, 1], [0.6, 0, 0.8], [0, 0.6, 0.8]]
    >>> fit = lambertian_normals(np.array([0.4, 0.428, 0.464]).reshape(3, 1, 1), lights)
    >>> fit.normals.ravel().round(6).tolist(), round(float(fit.albedo[0, 0]), 6)
    ([0.36, 0.48, 0.8], 0.5)
    """
    stack = checked_images(images)
    lights, gains = checked_lights(directions, strengths, n_images=len(stack), unit=True)
    shape = stack.shape[1:]
    mask = checked_valid(valid, shape)
    rows = lights * gains[:, None]
    out = np.empty((5, *shape), stack.dtype)
    fit_lambert(
        stack.reshape(len(stack), -1),
        mask.reshape(-1),
        rows,
        np.asarray(np.linalg.pinv(rows), np.float64),
        float(black),
        float(dark),
        float(bright),
        out.reshape(5, -1),
    )
    return SurfaceFit(out[:3], out[3], out[4])
