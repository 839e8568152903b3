"""A raster at a fraction of its size, by means of square blocks: what a gate looks at."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import InputError
from graven.types import PixelSize, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import Raster
    from graven.types.raster import ReadPixels

__all__ = ["TOLERANCE", "block_means", "reduced_view"]

TOLERANCE = 3.0
SAMPLE_PX = 64


def block_means(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Average square blocks of pixels.

    Parameters
    ----------
    pixels : ndarray of shape (C, H, W), uint8 or uint16
        H and W are multiples of `factor`.
    factor : int, >= 1, pixels
        Side of a block.

    Returns
    -------
    ndarray of shape (C, H / factor, W / factor), dtype of `pixels`
        Means, rounded.

    Raises
    ------
    InputError
        If the size is not a multiple of `factor`, or the type another.

    Examples
    --------
    >>> block_means(np.array([[[1, 3, 10, 10], [1, 3, 10, 14]]], np.uint8), 2).tolist()
    [[[2, 11]]]
    """
    n_bands, height, width = pixels.shape
    if factor < 1 or height % factor or width % factor:
        raise InputError(f"blocks of {factor} px must fill the pixels, got {height} x {width} px")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"block means are of uint8 or uint16, got {pixels.dtype}")
    out = np.empty((n_bands, height // factor, width // factor), pixels.dtype)
    for band, values in enumerate(pixels):
        cv2.resize(np.ascontiguousarray(values), out.shape[:0:-1], dst=out[band], interpolation=cv2.INTER_AREA)
    return out


def reduced_view(raster: Raster, factor: int) -> Raster:
    """See a raster reduced by a whole number, window by window.

    Parameters
    ----------
    raster : Raster
        uint8 or uint16.
    factor : int, >= 1
        Pixels of the raster per pixel of the view, along both axes.

    Returns
    -------
    Raster
        Each pixel is the mean of a block, whatever window it is read in; the last row and column of blocks are filled
        by mirroring. A pixel is valid where any of its block is. The view has no georeference.

        Where the file holds an overview of this factor it is read instead, if it was made by averaging: on five samples
        it must differ from the means by less than `TOLERANCE` levels of 255 in the mean. One made by picking pixels
        (the default of some programs) is not used, nor one that GDAL stretched because the size is no multiple of the
        factor, where the texture is fine.

    Raises
    ------
    InputError
        If the type or the factor is outside the above.
    """
    if factor < 1 or raster.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"a raster of uint8 or uint16 can be reduced by 1 or more, got {raster.dtype} reduced by {factor}"
        )
    if factor == 1:
        return raster

    def blocks(window: Window) -> Window:
        return Window(*(factor * value for value in (window.row, window.col, window.height, window.width)))

    def means(window: Window) -> NDArray[Any]:
        return block_means(raster.read(blocks(window)), factor)

    height, width = math.ceil(raster.height / factor), math.ceil(raster.width / factor)
    stored = raster.overviews.get(factor)
    read_pixels = stored if stored is not None and _agree(stored, means, raster.dtype, height, width) else means

    def read_valid(window: Window) -> NDArray[np.bool_]:
        valid = raster.read_valid_padded(blocks(window))
        return np.asarray(valid.reshape(window.height, factor, window.width, factor).any(axis=(1, 3)))

    size = raster.pixel_size
    return replace(
        raster,
        height=height,
        width=width,
        read_pixels=read_pixels,
        overviews={},
        read_valid=read_valid,
        georeference=None,
        pixel_size=None
        if size is None
        else PixelSize(size.x_mm * factor, size.y_mm * factor, size.source, size.sigma_rel),
    )


def _agree(stored: ReadPixels, means: ReadPixels, dtype: np.dtype[Any], height: int, width: int) -> bool:
    """Compare an overview with block means in the corners and the middle, the outermost row and column left out."""
    bounds = Window(0, 0, max(1, height - 1), max(1, width - 1))
    far_row, far_col = max(0, bounds.height - SAMPLE_PX), max(0, bounds.width - SAMPLE_PX)
    places = [(0, 0), (0, far_col), (far_row, 0), (far_row, far_col), (far_row // 2, far_col // 2)]
    levels = np.iinfo(dtype).max / 255
    differences = []
    for row, col in places:
        window = Window(row, col, SAMPLE_PX, SAMPLE_PX).intersection(bounds)
        differences.append(np.abs(stored(window).astype(np.float32) - means(window)).mean() / levels)
    return float(np.mean(differences)) < TOLERANCE
