"""Lazy warped views: a raster seen through an affine, window by window, without seams.

Sampling positions are computed from absolute coordinates and rounded to 1/32 pixel before anything is cut into windows,
so a pixel of the view does not depend on the window it is read in.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from graven.errors import InputError
from graven.types import Affine6, Georeference, PixelSize, Raster, Window
from graven.types.affine import IDENTITY, compose, invert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["affine_view", "bring_back"]

SUBPIXELS = 32
BLOCK_PX = 512


def affine_view(raster: Raster, matrix: Affine6, height: int, width: int, *, order: Literal[0, 1] = 1) -> Raster:
    """See a raster through an affine.

    Parameters
    ----------
    raster : Raster
        The source.
    matrix : tuple of 6 floats
        From pixel coordinates of the view to pixel coordinates of the source, both from outer corners.
    height, width : int, pixels
        Size of the view.
    order : {0, 1}
        0 takes the nearest pixel (labels), 1 interpolates bilinearly. Where the view is coarser than the source, order
        1 first smooths with a Gaussian of ``0.5 * sqrt(step**2 - 1)`` source pixels per axis, `step` being the distance
        of neighbouring samples; a step of 2 then keeps 0.7 of the contrast at half the new Nyquist frequency.

    Returns
    -------
    Raster
        Same bands and type. A pixel is valid where the nearest source pixel lies inside and is valid; pixels beyond the
        source are mirrored and invalid. Georeference and pixel size are carried over.

    Raises
    ------
    InputError
        If the affine cannot be inverted, the size is below 1, or `order` is neither 0 nor 1.

    Notes
    -----
    Any window equals the same part of the whole view: exactly for uint8, within one level for uint16 and within
    rounding for float32. The margin read around a window is three sigmas of the smoothing and two pixels.

    Examples
    --------
    >>> from graven.types import raster_from_array
    >>> source = raster_from_array(np.array([[1, 2], [3, 4]], np.uint8))
    >>> quarter_turn = (0.0, -1.0, 2.0, 1.0, 0.0, 0.0)
    >>> affine_view(source, quarter_turn, 2, 2).read().tolist()
    [[[2, 4], [1, 3]]]
    """
    if order not in (0, 1):
        raise InputError(f"order must be 0 (nearest) or 1 (bilinear), got {order!r}")
    if height < 1 or width < 1:
        raise InputError(f"a view needs at least one pixel, got {height} x {width}")
    invert(matrix)
    sigma = _smoothing(matrix) if order == 1 else (0.0, 0.0)

    def read_pixels(window: Window) -> NDArray[Any]:
        out = np.empty((raster.n_bands, window.height, window.width), raster.dtype)
        for block in _blocks(window):
            x, y = _sample_positions(matrix, block)
            rows, cols = block.relative_to(window).slices()
            out[:, rows, cols] = _sample(raster, x, y, order=order, sigma=sigma)
        return out

    def read_valid(window: Window) -> NDArray[np.bool_]:
        valid = np.zeros((window.height, window.width), bool)
        for block in _blocks(window):
            valid[block.relative_to(window).slices()] = read_valid_block(block)
        return valid

    def read_valid_block(window: Window) -> NDArray[np.bool_]:
        x, y = _sample_positions(matrix, window)
        cols, rows = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
        box = _box(rows, cols, margin=(0, 0)).intersection(raster.bounds)
        valid = np.zeros((window.height, window.width), bool)
        if not box.is_empty:
            inside = (rows >= box.row) & (rows < box.row_end) & (cols >= box.col) & (cols < box.col_end)
            valid[inside] = raster.read_valid(box)[rows[inside] - box.row, cols[inside] - box.col]
        return valid

    return Raster(
        height=height,
        width=width,
        n_bands=raster.n_bands,
        dtype=raster.dtype,
        read_pixels=read_pixels,
        read_valid=read_valid,
        georeference=_moved_georeference(raster.georeference, matrix),
        pixel_size=_moved_pixel_size(raster.pixel_size, matrix),
        name=raster.name,
        source_sha256=raster.source_sha256,
    )


def bring_back(working: Raster, matrix: Affine6, height: int, width: int) -> Raster:
    """See a result of the working frame on the original grid.

    Parameters
    ----------
    working : Raster
        For example probabilities, in the frame that prediction ran in.
    matrix : tuple of 6 floats
        From the working frame to the original one, as `affine_view` took it.
    height, width : int, pixels
        Size of the original raster; anything of the working frame outside is cropped.

    Returns
    -------
    Raster
        On the original grid, bilinear. With the identity the working raster itself.

    Raises
    ------
    MismatchError
        If the frames are the same but the sizes are not.
    """
    if matrix == IDENTITY and (working.height, working.width) == (height, width):
        return working
    return affine_view(working, invert(matrix), height, width)


def _blocks(window: Window) -> Iterator[Window]:
    """Cut a window into squares: positions are float64, and a long row of a turned view spans many source rows."""
    for row in range(window.row, window.row_end, BLOCK_PX):
        for col in range(window.col, window.col_end, BLOCK_PX):
            yield Window(row, col, BLOCK_PX, BLOCK_PX).intersection(window)


def _sample_positions(matrix: Affine6, window: Window) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give source coordinates (outer corners) of the pixel centres, rounded to 1/32 pixel."""
    a, b, c, d, e, f = matrix
    col = np.arange(window.col, window.col_end) + 0.5
    row = np.arange(window.row, window.row_end)[:, None] + 0.5
    x = np.rint(((a * col + b * row) + c) * SUBPIXELS) / SUBPIXELS
    y = np.rint(((d * col + e * row) + f) * SUBPIXELS) / SUBPIXELS
    return x, y


def _sample(
    raster: Raster,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    order: Literal[0, 1],
    sigma: tuple[float, float],
) -> NDArray[Any]:
    if order == 0:
        rows, cols = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
        box = _box(rows, cols, margin=(0, 0))
        return raster.read(box)[:, rows - box.row, cols - box.col]
    margin = tuple(math.ceil(3 * s) + 2 for s in sigma)
    box = _box(np.floor(y).astype(np.intp), np.floor(x).astype(np.intp), margin=(margin[0], margin[1]))
    pixels = raster.read(box)
    map_x, map_y = (x - (box.col + 0.5)).astype(np.float32), (y - (box.row + 0.5)).astype(np.float32)
    out = np.empty((raster.n_bands, *x.shape), pixels.dtype)
    for band, values in enumerate(pixels):
        smooth = _smooth(np.ascontiguousarray(values), sigma)
        out[band] = cv2.remap(smooth, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return out


def _smooth(values: NDArray[Any], sigma: tuple[float, float]) -> NDArray[Any]:
    if sigma == (0.0, 0.0):
        return values
    size = [2 * math.ceil(3 * s) + 1 for s in sigma]
    smooth: NDArray[Any] = cv2.GaussianBlur(
        values, (size[1], size[0]), sigmaX=max(sigma[1], 1e-6), sigmaY=max(sigma[0], 1e-6)
    )
    return smooth


def _smoothing(matrix: Affine6) -> tuple[float, float]:
    """Give the sigmas (rows, columns) in source pixels that a coarser view needs."""
    a, b, _, d, e, _ = matrix
    step_x, step_y = math.hypot(a, b), math.hypot(d, e)
    sigmas = [0.5 * math.sqrt(max(0.0, step * step - 1)) for step in (step_y, step_x)]
    return (sigmas[0] if sigmas[0] > 0.1 else 0.0, sigmas[1] if sigmas[1] > 0.1 else 0.0)


def _box(rows: NDArray[np.intp], cols: NDArray[np.intp], *, margin: tuple[int, int]) -> Window:
    row, col = int(rows.min()) - margin[0], int(cols.min()) - margin[1]
    return Window(row, col, int(rows.max()) + margin[0] + 1 - row, int(cols.max()) + margin[1] + 1 - col)


def _moved_georeference(georeference: Georeference | None, matrix: Affine6) -> Georeference | None:
    if georeference is None:
        return None
    return Georeference(
        compose(georeference.affine, matrix), georeference.crs_wkt, georeference.frame, georeference.unit_mm
    )


def _moved_pixel_size(pixel_size: PixelSize | None, matrix: Affine6) -> PixelSize | None:
    if pixel_size is None:
        return None
    a, b, _, d, e, _ = matrix
    x_mm = math.hypot(a * pixel_size.x_mm, d * pixel_size.y_mm)
    y_mm = math.hypot(b * pixel_size.x_mm, e * pixel_size.y_mm)
    return PixelSize(x_mm, y_mm, pixel_size.source, pixel_size.sigma_rel)
