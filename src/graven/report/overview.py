"""A panel of any size as a picture of bounded size, read band by band.

Photographs are averaged. Masks, labels and probabilities keep the **largest** value under each picture pixel: a groove
that is two pixels wide in 30,000 would be averaged away, and a record must not lose it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graven.errors import InputError
from graven.types import NODATA, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LONG_SIDE_PX", "ReadWindow", "overview", "overview_factor", "shrink_labels", "shrink_max", "shrink_mean"]

LONG_SIDE_PX = 1600
"""Longest side of a picture in a report."""

ReadWindow = Callable[[Window], "NDArray[Any]"]


def overview_factor(height: int, width: int, *, long_side_px: int = LONG_SIDE_PX) -> int:
    """Give the whole number by which a raster is divided to fit a picture.

    Examples
    --------
    >>> overview_factor(20000, 30000), overview_factor(900, 700)
    (19, 1)
    """
    if min(height, width, long_side_px) < 1:
        raise InputError(f"an overview needs at least one pixel, got {height} x {width} for {long_side_px} px")
    return max(1, math.ceil(max(height, width) / long_side_px))


def overview(
    read: ReadWindow,
    *,
    height: int,
    width: int,
    how: Literal["mean", "max", "labels"],
    long_side_px: int = LONG_SIDE_PX,
) -> NDArray[Any]:
    """Shrink a raster that is too large for memory to a picture.

    Parameters
    ----------
    read : callable
        ``read(window) -> (h, w)`` or ``(C, h, w)`` for windows inside the raster, as `graven.types.Raster.read`.
    height, width : int, pixels
        Size of the raster.
    how : {"mean", "max", "labels"}
        ``mean`` for photographs, ``max`` for probabilities and boolean masks, ``labels`` for class rasters.
    long_side_px : int, >= 1
        Longest side of the result.

    Returns
    -------
    ndarray of shape (h, w) or (C, h, w), dtype of the raster
        ``h = ceil(height / factor)`` with the factor of `overview_factor`. The memory needed is one band of rows.

    Raises
    ------
    InputError
        If `how` is unknown or a size is below one pixel.

    Examples
    --------
    >>> line = np.zeros((64, 64), np.uint8)
    >>> line[:, 30] = 1
    >>> small = overview(lambda w: line[w.slices()], height=64, width=64, how="labels", long_side_px=8)
    >>> small.shape, small.sum(axis=0).tolist()
    ((8, 8), [0, 0, 0, 8, 0, 0, 0, 0])
    """
    shrink = {"mean": shrink_mean, "max": shrink_max, "labels": shrink_labels}.get(how)
    if shrink is None:
        raise InputError(f"an overview is made by mean, max or labels, got {how!r}")
    factor = overview_factor(height, width, long_side_px=long_side_px)
    band_px = factor * max(1, 256 // factor)
    bands = [
        shrink(read(Window(row, 0, min(band_px, height - row), width)), factor) for row in range(0, height, band_px)
    ]
    whole: NDArray[Any] = np.concatenate(bands, axis=-2)
    return whole


def shrink_mean(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Average blocks of ``factor × factor``; the last row and column of blocks may be cut by the border.

    Parameters
    ----------
    pixels : ndarray of shape (..., H, W)
        Any real dtype; integers are rounded back to their dtype.
    factor : int, >= 1
        Side of a block.

    Returns
    -------
    ndarray of shape (..., ceil(H / factor), ceil(W / factor)), same dtype
        Block means.
    """
    if factor == 1:
        return pixels.copy()
    height, width = pixels.shape[-2:]
    rows, cols = np.arange(0, height, factor), np.arange(0, width, factor)
    total = np.add.reduceat(np.add.reduceat(pixels, rows, axis=-2, dtype=np.float64), cols, axis=-1)
    count = np.diff(np.append(rows, height))[:, None] * np.diff(np.append(cols, width))
    mean = total / count
    shrunk: NDArray[Any] = (np.rint(mean) if np.issubdtype(pixels.dtype, np.integer) else mean).astype(pixels.dtype)
    return shrunk


def shrink_max(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Keep the largest value of each block of ``factor × factor``; blocks may be cut by the border.

    Parameters
    ----------
    pixels : ndarray of shape (..., H, W)
        Boolean mask or real values.
    factor : int, >= 1
        Side of a block.

    Returns
    -------
    ndarray of shape (..., ceil(H / factor), ceil(W / factor)), same dtype
        Block maxima; no mark disappears, thin ones become as wide as one picture pixel.
    """
    height, width = pixels.shape[-2:]
    rows, cols = np.arange(0, height, factor), np.arange(0, width, factor)
    reduced: NDArray[Any] = np.maximum.reduceat(np.maximum.reduceat(pixels, rows, axis=-2), cols, axis=-1)
    return reduced


def shrink_labels(labels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Keep the highest class of each block; a block is nodata only where all of it is.

    Parameters
    ----------
    labels : ndarray of shape (..., H, W), uint8
        0 background, 1 to 254 classes, 255 nodata.
    factor : int, >= 1
        Side of a block.

    Returns
    -------
    ndarray of shape (..., ceil(H / factor), ceil(W / factor)), uint8
        Class per block.

    Examples
    --------
    >>> shrink_labels(np.array([[0, 255, 255, 255], [1, 255, 255, 255]], np.uint8), 2).tolist()
    [[1, 255]]
    """
    unknown = labels == NODATA
    marks = shrink_max(np.where(unknown, np.uint8(0), labels), factor)
    nothing_known = ~shrink_max(~unknown, factor)
    return np.where(nothing_known, np.uint8(NODATA), marks)
