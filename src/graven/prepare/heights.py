"""Height maps as every step on them expects them: one band of float32, millimetres, NaN where nothing is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import DataError, InputError, ScaleError
from graven.types import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from graven.types import Raster

__all__ = [
    "FILL_MARGIN_PX",
    "UNITS_MM",
    "check_pixel_size",
    "fill_gaps",
    "filled_view",
    "first_known",
    "heights_view",
    "known_height",
    "local_view",
    "radius_in_px",
    "row_bands",
    "square_pixel_mm",
]

UNITS_MM = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}
"""Units that heights come in, in millimetres."""

BAND_ROWS = 512
BLOCK_COLS = 2048
MAX_PIXEL_RATIO = 1.02
FILL_MARGIN_PX = 12
FILL_SIGMA_PX = 3.0
FAINT = 1e-4


def known_height(height: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Give heights as float32 with NaN wherever they are not known.

    Parameters
    ----------
    height : ndarray of shape (H, W), float
        Heights; what is not finite is not known.
    valid : ndarray of shape (H, W), bool, optional
        False where `height` is not to be used.

    Returns
    -------
    ndarray of shape (H, W), float32
        A copy.

    Raises
    ------
    InputError
        If the array is not two-dimensional, not of floats, or `valid` has another shape.
    """
    if height.ndim != 2 or height.dtype.kind != "f":
        raise InputError(f"heights are a float array of shape (H, W), got {height.dtype} of shape {height.shape}")
    known = np.isfinite(height)
    if valid is not None:
        if valid.shape != height.shape:
            raise InputError(f"the valid mask must have the shape of the heights, {height.shape}, got {valid.shape}")
        known &= valid
    return np.where(known, height, np.nan).astype(np.float32)


def check_pixel_size(pixel_size_mm: float) -> None:
    """Refuse a pixel size in which nothing can be measured.

    Parameters
    ----------
    pixel_size_mm : float, millimetres
        Side of a pixel.

    Raises
    ------
    InputError
        If it is not positive and finite.
    """
    if not (math.isfinite(pixel_size_mm) and pixel_size_mm > 0):
        raise InputError(f"the pixel size must be positive and finite, got {pixel_size_mm} mm")


def radius_in_px(radius_mm: float, pixel_size_mm: float) -> float:
    """Give a radius in pixels and refuse one that reaches no neighbour.

    Parameters
    ----------
    radius_mm : float, millimetres
        At least one pixel.
    pixel_size_mm : float, millimetres, > 0
        Side of a pixel.

    Returns
    -------
    float, pixels, >= 1
        The radius.

    Raises
    ------
    InputError
        If one of them is not finite and positive, or the radius is below a pixel.

    Examples
    --------
    >>> radius_in_px(0.5, 0.05)
    10.0
    """
    check_pixel_size(pixel_size_mm)
    radius_px = round(radius_mm / pixel_size_mm, 6)
    if not (math.isfinite(radius_px) and radius_px >= 1):
        raise InputError(f"the radius must be at least one pixel of {pixel_size_mm:g} mm, got {radius_mm:g} mm")
    return radius_px


def square_pixel_mm(raster: Raster) -> float:
    """Give the side of the pixels of a height map.

    Parameters
    ----------
    raster : Raster
        With a pixel size.

    Returns
    -------
    float, millimetres
        Side of the square of equal area.

    Raises
    ------
    ScaleError
        If no scale is known, or a side is more than 2 % longer than the other.
    """
    size = raster.pixel_size
    if size is None:
        raise ScaleError(f"{raster.name}: relief in millimetres needs a scale; state it, for example --scale 0.05mm/px")
    if max(size.x_mm / size.y_mm, size.y_mm / size.x_mm) > MAX_PIXEL_RATIO:
        raise ScaleError(
            f"{raster.name}: relief needs square pixels, got {size.x_mm:g} x {size.y_mm:g} mm; resample it first"
        )
    return size.mean_mm


def heights_view(raster: Raster, *, unit_mm: float = 1.0) -> Raster:
    """See a height map in millimetres above its first known pixel.

    Parameters
    ----------
    raster : Raster
        One band of float32 or float64, growing towards the viewer.
    unit_mm : float, > 0
        Millimetres per unit of the file.

    Returns
    -------
    Raster
        float32 with NaN where the source is invalid or not finite. Heights count from the first known pixel, row by
        row: those above sea level would leave float32 too few digits for detail. Nothing that follows depends on where
        zero is.

    Raises
    ------
    DataError
        If there is more than one band, the type is another, or no height is known.
    InputError
        If the unit is not positive.
    """
    if raster.n_bands != 1 or raster.dtype.kind != "f":
        raise DataError(
            f"{raster.name} has {raster.n_bands} bands of {raster.dtype}; a height map has one band of float32"
        )
    if not (math.isfinite(unit_mm) and unit_mm > 0):
        raise InputError(f"the unit of heights must be positive and finite, got {unit_mm} mm")
    level = first_known(raster)

    def read_pixels(window: Window) -> NDArray[np.float32]:
        height = (raster.read_pixels(window)[0].astype(np.float64) - level) * unit_mm
        return known_height(height, raster.read_valid(window))[None]

    def read_valid(window: Window) -> NDArray[np.bool_]:
        return np.asarray(np.isfinite(read_pixels(window)[0]))

    return replace(raster, dtype=np.dtype(np.float32), read_pixels=read_pixels, read_valid=read_valid, overviews={})


def filled_view(heights: Raster) -> Raster:
    """See a height map without gaps, so that it can be resampled: what is not known takes after what lies near.

    Parameters
    ----------
    heights : Raster
        From `heights_view`.

    Returns
    -------
    Raster
        The same where heights are known, and the same valid mask. Unknown pixels have the Gaussian mean of the known
        ones within `FILL_MARGIN_PX`, farther away 0: nothing that counts on valid pixels sees them, and resampling does
        not spread their NaN into these.
    """
    return local_view(heights, fill_gaps, margin_px=FILL_MARGIN_PX)


def fill_gaps(height: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give unknown pixels, which are NaN, the Gaussian mean of known ones within `FILL_MARGIN_PX`, farther away 0."""
    known = np.isfinite(height)
    if known.all():
        return height
    size = (2 * FILL_MARGIN_PX + 1,) * 2
    whole, weight = (
        cv2.GaussianBlur(part, size, FILL_SIGMA_PX, borderType=cv2.BORDER_CONSTANT)
        for part in (np.where(known, height, np.float32(0)), known.astype(np.float32))
    )
    near = np.divide(whole, weight, out=np.zeros_like(whole), where=weight > FAINT)
    return np.where(known, height, near)


def local_view(
    heights: Raster,
    compute: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    margin_px: int,
    n_bands: int = 1,
) -> Raster:
    """See the result of a local function of heights, window by window.

    Parameters
    ----------
    heights : Raster
        From `heights_view`.
    compute : callable
        ``compute(height (h, w)) -> (h, w) or (n_bands, h, w)``; takes what lies beyond its array for unknown.
    margin_px : int, pixels, >= 0
        How far its result depends on neighbours.
    n_bands : int
        Bands of its result.

    Returns
    -------
    Raster
        float32; every window equals the same part of the whole. Wide windows are computed in blocks of columns, so that
        memory depends on the margin and not on the width of the raster.
    """

    def read_pixels(window: Window) -> NDArray[np.float32]:
        out = np.empty((n_bands, window.height, window.width), np.float32)
        for col in range(window.col, window.col_end, BLOCK_COLS):
            block = Window(window.row, col, window.height, min(BLOCK_COLS, window.col_end - col))
            around = block.padded(margin_px).intersection(heights.bounds)
            result = compute(heights.read_pixels(around)[0]).reshape(n_bands, around.height, around.width)
            rows, cols = block.relative_to(around).slices()
            out[:, :, block.relative_to(window).slices()[1]] = result[:, rows, cols]
        return out

    return replace(heights, n_bands=n_bands, read_pixels=read_pixels)


def row_bands(raster: Raster) -> Iterator[Window]:
    """Walk over a raster from top to bottom.

    Parameters
    ----------
    raster : Raster
        Any.

    Yields
    ------
    Window
        Whole rows, 512 at a time.
    """
    for row in range(0, raster.height, BAND_ROWS):
        yield Window(row, 0, min(BAND_ROWS, raster.height - row), raster.width)


def first_known(raster: Raster) -> float:
    """Give the first height of a raster of one band that is known, row by row."""
    for window in row_bands(raster):
        height = raster.read_pixels(window)[0]
        known = height[raster.read_valid(window) & np.isfinite(height)]
        if known.size:
            return float(known[0])
    raise DataError(f"{raster.name}: no height is known, every pixel is invalid; give another file")
