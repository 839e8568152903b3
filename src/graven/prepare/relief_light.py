"""Relief by its gradient: slope, and light that falls from one side.

Axes are those of lights and normals: x right, y up, z to the viewer. Conventions are those of the Relief Visualization
Toolbox: central differences, azimuths clockwise from the top, slopes in degrees.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError
from graven.prepare.heights import check_pixel_size, known_height, local_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.types import Raster, Window

__all__ = ["GRADIENT_MARGIN_PX", "gradient", "hillshade", "multi_hillshade", "shaded_view", "slope"]

GRADIENT_MARGIN_PX = 1
"""How far the functions of this module look."""


def gradient(
    height: NDArray[Any], *, pixel_size_mm: float, valid: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give how fast a surface rises to the right and upwards.

    Parameters
    ----------
    height : ndarray of shape (H, W), float32, millimetres
        Heights, growing towards the viewer; NaN where they are not known.
    pixel_size_mm : float, millimetres, > 0
        Side of a pixel.
    valid : ndarray of shape (H, W), bool, optional
        False where `height` is not to be used.

    Returns
    -------
    p, q : ndarray of shape (H, W), float32
        ``dz/dx`` and ``dz/dy``: half the difference of the two neighbours, or the difference to the only one that is
        known. NaN where the height or both neighbours are not known.

    Raises
    ------
    InputError
        If shapes differ or the pixel size is not positive.

    Notes
    -----
    Local: needs `GRADIENT_MARGIN_PX`.

    Examples
    --------
    >>> p, q = gradient(np.float32([[2, 4, 8], [4, 6, 10]]), pixel_size_mm=2.0)
    >>> p.tolist(), q.tolist()
    ([[1.0, 1.5, 2.0], [1.0, 1.5, 2.0]], [[-1.0, -1.0, -1.0], [-1.0, -1.0, -1.0]])
    """
    check_pixel_size(pixel_size_mm)
    known = known_height(height, valid)
    per_mm = np.float32(1 / pixel_size_mm)
    return _rise(known, axis=1) * per_mm, _rise(known, axis=0) * -per_mm


def slope(height: NDArray[Any], *, pixel_size_mm: float, valid: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Give how steep a surface is.

    Parameters
    ----------
    height, pixel_size_mm, valid
        As in `gradient`.

    Returns
    -------
    ndarray of shape (H, W), float32, degrees, 0 to 90
        Angle between the surface and the image plane; NaN where it is not known.

    Raises
    ------
    InputError
        As in `gradient`.
    """
    p, q = gradient(height, pixel_size_mm=pixel_size_mm, valid=valid)
    return np.asarray(np.degrees(np.arctan(np.hypot(p, q))))


def hillshade(
    height: NDArray[Any],
    *,
    pixel_size_mm: float,
    azimuth_deg: float = 315.0,
    elevation_deg: float = 35.0,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Give how bright a matt surface is under one distant light.

    Parameters
    ----------
    height, pixel_size_mm, valid
        As in `gradient`.
    azimuth_deg : float, degrees
        Where the light comes from, clockwise from the top; 315 is the upper left.
    elevation_deg : float, degrees, 0 to 90
        How high it stands above the image plane. Low relief asks for 10 and less.

    Returns
    -------
    ndarray of shape (H, W), float32, 0 to 1
        Cosine between normal and light, 0 where the surface turns away; a plane has ``sin(elevation_deg)``. No shadows
        are cast. NaN where the gradient is not known.

    Raises
    ------
    InputError
        As in `gradient`, or if the light is below the plane.
    """
    bands = multi_hillshade(
        height, pixel_size_mm=pixel_size_mm, azimuths_deg=[azimuth_deg], elevation_deg=elevation_deg, valid=valid
    )
    return bands.reshape(height.shape)


def multi_hillshade(
    height: NDArray[Any],
    *,
    pixel_size_mm: float,
    azimuths_deg: Sequence[float] = (315.0, 22.5, 90.0),
    elevation_deg: float = 35.0,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Give the shading under several lights, one band each.

    Parameters
    ----------
    height, pixel_size_mm, valid
        As in `gradient`.
    azimuths_deg : sequence of float, degrees
        One per band. The default makes red, green and blue of RVT's picture: colour then tells the direction of a line,
        and none is lost for running towards the light. The mean over a full circle of lights would tell no more than
        the slope.
    elevation_deg : float, degrees, 0 to 90
        As in `hillshade`.

    Returns
    -------
    ndarray of shape (K, H, W), float32, 0 to 1
        As in `hillshade`.

    Raises
    ------
    InputError
        As in `hillshade`.
    """
    if not 0 <= elevation_deg <= 90:
        raise InputError(f"the elevation of a light must be 0 to 90 degrees, got {elevation_deg}")
    p, q = gradient(height, pixel_size_mm=pixel_size_mm, valid=valid)
    per_length = 1 / np.sqrt(1 + p * p + q * q)
    flat, up = math.cos(math.radians(elevation_deg)), math.sin(math.radians(elevation_deg))
    shades = np.empty((len(azimuths_deg), *p.shape), np.float32)
    for shade, azimuth_deg in zip(shades, azimuths_deg, strict=True):
        x, y = flat * math.sin(math.radians(azimuth_deg)), flat * math.cos(math.radians(azimuth_deg))
        np.maximum((np.float32(up) - np.float32(x) * p - np.float32(y) * q) * per_length, 0, out=shade)
    return shades


def _rise(height: NDArray[np.float32], *, axis: int) -> NDArray[np.float32]:
    """Give the difference per pixel along an axis, central where both neighbours are known."""
    unknown = np.full_like(height.take([0], axis), np.nan)
    ahead = np.diff(height, axis=axis, append=unknown)
    behind = np.diff(height, axis=axis, prepend=unknown)
    central = (ahead + behind) / 2
    return np.where(np.isfinite(central), central, np.where(np.isfinite(ahead), ahead, behind))


def shaded_view(raster: Raster) -> Raster:
    """See a height map as a grey picture, lit from the upper left.

    Parameters
    ----------
    raster : Raster
        From `graven.prepare.heights.heights_view`. Without a scale a pixel is taken for 0.05 mm.

    Returns
    -------
    Raster
        One band of uint8, 0 where nothing is known; a plane is middle grey.
    """
    size = raster.pixel_size
    light = partial(hillshade, pixel_size_mm=0.05 if size is None else size.mean_mm, elevation_deg=30.0)
    shade = local_view(raster, light, margin_px=GRADIENT_MARGIN_PX)

    def read_pixels(window: Window) -> NDArray[np.uint8]:
        return np.asarray(np.rint(np.nan_to_num(shade.read_pixels(window), nan=0.0) * 255), np.uint8)

    return replace(shade, dtype=np.dtype(np.uint8), read_pixels=read_pixels)
