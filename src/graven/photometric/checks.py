"""How far to believe a fitted surface: angles to a reference, pictures lit again, and normals against heights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.photometric.stack import checked_images, checked_lights, checked_valid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from graven.photometric.stack import SurfaceFit

__all__ = ["angular_error_deg", "height_normals", "integrability_deg", "relative_residual", "relight"]


def angular_error_deg(
    normals: NDArray[np.floating], reference: NDArray[np.floating], valid: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Angle between two fields of normals.

    Parameters
    ----------
    normals, reference : ndarray of shape (3, H, W), floating
        Vectors with the same axes; their lengths do not matter.
    valid : ndarray of shape (H, W), bool, optional
        Pixels to compare; all by default.

    Returns
    -------
    ndarray of shape (H, W), float32, degrees, range [0, 180]
        NaN where not valid, and where either is NaN or has no length. `numpy.nanmean` is the mean angular error.

    Raises
    ------
    InputError
        If shapes differ.

    Notes
    -----
    From the tangent of half the angle, in float64, so that small angles keep their digits.

    Examples
    --------
    >>> up, right = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    >>> float(angular_error_deg(up.reshape(3, 1, 1), right.reshape(3, 1, 1))[0, 0])
    90.0
    """
    if normals.shape != reference.shape or normals.ndim != 3 or normals.shape[0] != 3:
        raise InputError(
            f"normals to compare must have one shape (3, height, width), got {normals.shape} and {reference.shape}"
        )
    first, second = normals.astype(np.float64), reference.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        first /= np.linalg.norm(first, axis=0)
        second /= np.linalg.norm(second, axis=0)
    apart, together = np.linalg.norm(first - second, axis=0), np.linalg.norm(first + second, axis=0)
    angle = np.asarray(np.rad2deg(2 * np.arctan2(apart, together)), np.float32)
    if valid is not None:
        angle[~checked_valid(valid, angle.shape)] = np.nan
    return angle


def relight(fit: SurfaceFit, direction: ArrayLike, strength: float = 1.0) -> NDArray[np.floating]:
    """Picture of the fitted surface under one far light, matt and without cast shadows.

    Parameters
    ----------
    fit : SurfaceFit
        Normals and albedo.
    direction : array of shape (3,)
        Unit vector towards the light: x right, y **up**, z towards the viewer.
    strength : float
        Strength of the light.

    Returns
    -------
    ndarray of shape (H, W), of the type of the fit, >= 0
        ``albedo * strength * max(0, n . l)``; NaN where there is no fit.
    """
    x, y, z = (fit.normals.dtype.type(part * strength) for part in np.asarray(direction, np.float64))
    shade = fit.normals[0] * x
    shade += fit.normals[1] * y
    shade += fit.normals[2] * z
    np.maximum(shade, 0, out=shade)
    shade *= fit.albedo
    return np.asarray(shade)


def relative_residual(
    fit: SurfaceFit,
    images: NDArray[np.floating],
    directions: ArrayLike,
    *,
    strengths: ArrayLike | None = None,
    black: float = 0.0,
) -> NDArray[np.float32]:
    """How far the relit surface is from the images, with their highlights and shadows.

    Parameters
    ----------
    fit : SurfaceFit
        What was fitted to the images.
    images : ndarray of shape (K, H, W), float32 or float64
        The images under each light.
    directions : array of shape (K, 3)
        Unit vectors towards far lights.
    strengths : array of shape (K,), > 0, optional
        Strengths of the lights; 1 by default.
    black : float
        Black level of the images.

    Returns
    -------
    ndarray of shape (H, W), float32, >= 0
        Root mean square of the differences over that of the values, over all lights; NaN where there is no fit. The
        median over the surface is the figure to report (`numpy.nanmedian`).

    Raises
    ------
    InputError
        If shapes or types disagree.
    """
    stack = checked_images(images)
    lights, gains = checked_lights(directions, strengths, n_images=len(stack), unit=True)
    if stack.shape[1:] != fit.albedo.shape:
        raise InputError(f"images of {stack.shape[1:]} px do not belong to a fit of {fit.albedo.shape} px")
    left, power = np.zeros((2, *fit.albedo.shape), np.float32)
    for image, light, gain in zip(stack, lights, gains, strict=True):
        value = image - image.dtype.type(black)
        power += value * value
        value -= relight(fit, light, float(gain))
        left += value * value
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(left / power), np.float32)


def height_normals(height_mm: NDArray[np.floating], *, pixel_size_mm: float) -> NDArray[np.floating]:
    """Give the normals of a height field by central differences.

    Parameters
    ----------
    height_mm : ndarray of shape (H, W), floating, millimetres
        Grows towards the viewer.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side.

    Returns
    -------
    ndarray of shape (3, H, W), of that type
        x right, y **up**, z towards the viewer; NaN at the border and beside NaN.

    Examples
    --------
    >>> ramp = np.tile(np.arange(3.0), (3, 1))  # rises to the right, 45 degrees
    >>> height_normals(ramp, pixel_size_mm=1.0)[:, 1, 1].round(3).tolist()
    [-0.707, 0.0, 0.707]
    """
    normals = np.full((3, *height_mm.shape), np.nan, height_mm.dtype)
    inner = normals[:, 1:-1, 1:-1]
    inner[0] = (height_mm[1:-1, :-2] - height_mm[1:-1, 2:]) / (2 * pixel_size_mm)
    inner[1] = (height_mm[2:, 1:-1] - height_mm[:-2, 1:-1]) / (2 * pixel_size_mm)
    inner[2] = 1
    inner /= np.sqrt(inner[0] ** 2 + inner[1] ** 2 + 1)
    return normals


def integrability_deg(
    normals: NDArray[np.floating], height_mm: NDArray[np.floating], *, pixel_size_mm: float
) -> NDArray[np.float32]:
    """Angle between the fitted normals and those of the integrated surface.

    Parameters
    ----------
    normals : ndarray of shape (3, H, W), floating
        What was integrated.
    height_mm : ndarray of shape (H, W), floating, millimetres
        The integrated surface; NaN outside.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side.

    Returns
    -------
    ndarray of shape (H, W), float32, degrees
        Large where the normals are not those of any surface: wrong lights, highlights, steps. NaN at the border.

    Raises
    ------
    InputError
        If shapes differ.

    Notes
    -----
    Relief of a few pixels is smoothed by the differences, so sharp edges show up as well.
    """
    return angular_error_deg(height_normals(height_mm, pixel_size_mm=pixel_size_mm), normals)
