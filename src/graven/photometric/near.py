"""Lights that stand near: direction and strength differ from pixel to pixel, and with the height that is sought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.kernels.photometric_robust import fit_robust
from graven.photometric.integrate import integrate_normals
from graven.photometric.robust import METAL, RobustSettings
from graven.photometric.stack import SurfaceFit, checked_images, checked_lights, checked_valid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from graven.photometric.integrate import Integration

__all__ = ["near_normals", "near_surface", "pixel_places"]


def pixel_places(shape: tuple[int, int], *, pixel_size_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the centres of pixels lie on the object plane, from the centre of the image.

    Parameters
    ----------
    shape : (int, int), pixels
        Height and width of the whole image.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side.

    Returns
    -------
    x_mm : ndarray of shape (W,), float64, millimetres
        To the right.
    y_mm : ndarray of shape (H,), float64, millimetres
        **Upwards**, so that it falls from row to row.

    Examples
    --------
    >>> [place.tolist() for place in pixel_places((2, 4), pixel_size_mm=0.5)]
    [[-0.75, -0.25, 0.25, 0.75], [0.25, -0.25]]
    """
    rows, cols = shape
    x_mm = np.asarray((np.arange(cols) + 0.5 - cols / 2) * pixel_size_mm, np.float64)
    y_mm = np.asarray((rows / 2 - 0.5 - np.arange(rows)) * pixel_size_mm, np.float64)
    return x_mm, y_mm


def near_normals(
    images: NDArray[np.floating],
    positions_mm: ArrayLike,
    *,
    x_mm: NDArray[np.float64],
    y_mm: NDArray[np.float64],
    height_mm: NDArray[np.floating],
    strengths: ArrayLike | None = None,
    valid: NDArray[np.bool_] | None = None,
    black: float = 0.0,
    dark: float = 0.0,
    bright: float = np.inf,
    cos_power: float = 0.0,
    settings: RobustSettings = METAL,
) -> SurfaceFit:
    """Fit normals and albedo of one window, with its heights as they are known so far.

    Parameters
    ----------
    images : ndarray of shape (K, H, W), float32 or float64, linear
        A window of the images under each light; K >= 3.
    positions_mm : array of shape (K, 3), millimetres
        Where the lights stand: x right, y **up**, z towards the viewer, from the centre of the whole image on the
        object plane.
    x_mm, y_mm : ndarray of shapes (W,) and (H,), float64, millimetres
        Where the pixels of the window lie, from `pixel_places`.
    height_mm : ndarray of shape (H, W), floating, millimetres
        Heights over the object plane; zeros to begin with. NaN counts as 0.
    strengths : array of shape (K,), > 0, optional
        Brightness of a white surface at the centre that faces the light; 1 by default.
    valid : ndarray of shape (H, W), bool, optional
        Pixels to fit; all by default.
    black, dark, bright
        As in `graven.photometric.robust.robust_normals`.
    cos_power : float, >= 0
        A lamp points to the centre and fades with this power of the cosine to its axis; 0 shines evenly.
    settings : RobustSettings
        `METAL`, `MATT`, or `PLAIN` for least squares.

    Returns
    -------
    SurfaceFit
        As of `robust_normals`.

    Raises
    ------
    InputError
        If shapes or types disagree, a light is not above the surface, or strengths or power are out of range.
    """
    stack = checked_images(images)
    lights, gains = checked_lights(positions_mm, strengths, n_images=len(stack), unit=False)
    shape = stack.shape[1:]
    mask = checked_valid(valid, shape)
    if height_mm.shape != shape or x_mm.shape != shape[1:] or y_mm.shape != shape[:1]:
        raise InputError(
            f"heights and places must fit a window of {shape[0]} x {shape[1]} px, got {height_mm.shape}, "
            f"{y_mm.shape} and {x_mm.shape}"
        )
    height = np.nan_to_num(height_mm, nan=0.0).astype(np.float32)
    highest = float(height.max(initial=0.0, where=mask))
    if lights[:, 2].min() <= highest:
        raise InputError(
            f"every near light must stand above the surface, which reaches {highest:.4g} mm, but one is at z = "
            f"{lights[:, 2].min():.4g} mm; check axes and units"
        )
    if not 0 <= cos_power < np.inf:
        raise InputError(f"the power of the cosine must be at least 0, got {cos_power}")
    out = np.empty((5, *shape), stack.dtype)
    fit_robust(
        stack,
        mask,
        lights,
        gains,
        (np.ascontiguousarray(x_mm, np.float64), np.ascontiguousarray(y_mm, np.float64), height),
        float(cos_power),
        float(black),
        float(dark),
        float(bright),
        (settings.darkest, settings.brightest),
        settings.above,
        settings.below,
        settings.readmit,
        settings.rounds,
        settings.lobe_rounds,
        out,
    )
    return SurfaceFit(out[:3], out[3], out[4])


def near_surface(
    images: NDArray[np.floating],
    positions_mm: ArrayLike,
    *,
    pixel_size_mm: float,
    strengths: ArrayLike | None = None,
    valid: NDArray[np.bool_] | None = None,
    black: float = 0.0,
    dark: float = 0.0,
    bright: float = np.inf,
    cos_power: float = 0.0,
    settings: RobustSettings = METAL,
    method: Integration = "auto",
    rounds: int = 4,
) -> tuple[SurfaceFit, NDArray[np.float32]]:
    """Find normals and heights in turns, beginning with a plane.

    Parameters
    ----------
    images : ndarray of shape (K, H, W), float32 or float64, linear
        The whole images under each light; K >= 3.
    positions_mm : array of shape (K, 3), millimetres
        As in `near_normals`.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side on the object.
    strengths, valid, black, dark, bright, cos_power, settings
        As in `near_normals`.
    method : {"auto", "masked", "dct", "fc"}
        As in `graven.photometric.integrate.integrate_normals`.
    rounds : int, >= 1
        Turns; after 3 to 5 nothing changes any more while the relief is low against the distance of the lights.

    Returns
    -------
    fit : SurfaceFit
        Normals, albedo and residual.
    height : ndarray of shape (H, W), float32, millimetres
        Their surface, with mean 0 at the object plane.

    Raises
    ------
    InputError
        As from `near_normals` and `integrate_normals`, or if no round is asked for.
    """
    if rounds < 1:
        raise InputError(f"near lights need at least 1 round, got {rounds}")
    x_mm, y_mm = pixel_places((images.shape[-2], images.shape[-1]), pixel_size_mm=pixel_size_mm)
    height = np.zeros(images.shape[-2:], np.float32)
    for _ in range(rounds):
        fit = near_normals(
            images,
            positions_mm,
            x_mm=x_mm,
            y_mm=y_mm,
            height_mm=height,
            strengths=strengths,
            valid=valid,
            black=black,
            dark=dark,
            bright=bright,
            cos_power=cos_power,
            settings=settings,
        )
        height = integrate_normals(fit.normals, valid, pixel_size_mm=pixel_size_mm, method=method)
    return fit, height
