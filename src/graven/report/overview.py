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


def overview_factor(height: int, width: int, *, long_side_px: int = LONG_SIDE_PX) -> float:
    """Give the number by which a raster is divided to fit a picture.

    Parameters
    ----------
    height, width : int, pixels
        Size of the raster.
    long_side_px : int, >= 1
        Longest side of the picture.

    Returns
    -------
    float
        At least 1; whole from 4 on, in quarters below, so that bands of rows can be reduced one by one.

    Raises
    ------
    InputError
        If a size is below one pixel.

    Examples
    --------
    >>> overview_factor(20000, 30000), overview_factor(1500, 2048), overview_factor(900, 700)
    (19.0, 1.5, 1.0)
    """
    if min(height, width, long_side_px) < 1:
        raise InputError(f"an overview needs at least one pixel, got {height} x {width} for {long_side_px} px")
    need = max(height, width) / long_side_px
    return float(max(1.0, math.ceil(4 * need) / 4 if need < 4 else math.ceil(need)))


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
    # Whole blocks end where a band ends: a factor in quarters meets whole rows after four blocks at the latest.
    step = int(4 * factor)
    band_px = step * max(1, 256 // step)
    bands = [
        shrink(read(Window(row, 0, min(band_px, height - row), width)), factor) for row in range(0, height, band_px)
    ]
    whole: NDArray[Any] = np.concatenate(bands, axis=-2)
    return whole


def shrink_mean(pixels: NDArray[Any], factor: float) -> NDArray[Any]:
    """Average blocks of ``factor × factor``; the last row and column of blocks may be cut by the border.

    Parameters
    ----------
    pixels : ndarray of shape (..., H, W)
        Any real dtype; integers are rounded back to their dtype.
    factor : float, >= 1
        Side of a block; a pixel that two blocks share counts for each by the area inside it.

    Returns
    -------
    ndarray of shape (..., ceil(H / factor), ceil(W / factor)), same dtype
        Block means.
    """
    mean = _mean_along(_mean_along(pixels, factor, axis=-2), factor, axis=-1)
    shrunk: NDArray[Any] = (np.rint(mean) if np.issubdtype(pixels.dtype, np.integer) else mean).astype(pixels.dtype)
    return shrunk


def shrink_max(pixels: NDArray[Any], factor: float) -> NDArray[Any]:
    """Keep the largest value of each block of ``factor × factor``; blocks may be cut by the border.

    Parameters
    ----------
    pixels : ndarray of shape (..., H, W)
        Boolean mask or real values.
    factor : float, >= 1
        Side of a block; a pixel that two blocks share counts for both.

    Returns
    -------
    ndarray of shape (..., ceil(H / factor), ceil(W / factor)), same dtype
        Block maxima; no mark disappears, thin ones become as wide as one picture pixel.
    """
    return _max_along(_max_along(pixels, factor, axis=-2), factor, axis=-1)


def shrink_labels(labels: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Keep the highest class of each block; a block is nodata only where all of it is.

    Parameters
    ----------
    labels : ndarray of shape (..., H, W), uint8
        0 background, 1 to 254 classes, 255 nodata.
    factor : float, >= 1
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


def _edges(size: int, factor: float) -> NDArray[np.float64]:
    edges: NDArray[np.float64] = np.minimum(np.arange(math.ceil(size / factor) + 1) * float(factor), size)
    return edges


def _mean_along(pixels: NDArray[Any], factor: float, *, axis: int) -> NDArray[np.float64]:
    """Average along one axis: exact sums at whole edges, a share of the pixel between them at others."""
    size = pixels.shape[axis]
    edges = _edges(size, factor)
    if float(factor).is_integer() and axis == -2 and pixels.dtype in (np.uint8, np.uint16):
        total = _row_sums(pixels, int(factor)).astype(np.float64)
    elif float(factor).is_integer():
        total = np.add.reduceat(pixels, edges[:-1].astype(int), axis=axis, dtype=np.float64)
    else:
        sums = np.cumsum(pixels, axis=axis, dtype=np.float64)
        sums = np.concatenate([np.zeros_like(np.take(sums, [0], axis=axis)), sums], axis=axis)
        low = np.minimum(edges.astype(int), size - 1)
        share = _column(edges - low, axis)
        at_edges = (1 - share) * np.take(sums, low, axis=axis) + share * np.take(sums, low + 1, axis=axis)
        total = np.diff(at_edges, axis=axis)
    mean: NDArray[np.float64] = total / _column(np.diff(edges), axis)
    return mean


def _row_sums(pixels: NDArray[Any], factor: int) -> NDArray[np.uint32]:
    """Add up every `factor` rows of whole numbers, row by row: a photograph has many, and a general sum is slow."""
    *bands, height, width = pixels.shape
    total = np.zeros((*bands, -(-height // factor), width), np.uint32)
    for row in range(min(factor, height)):
        rows = pixels[..., row::factor, :]
        total[..., : rows.shape[-2], :] += rows
    return total


def _max_along(pixels: NDArray[Any], factor: float, *, axis: int) -> NDArray[Any]:
    edges = _edges(pixels.shape[axis], factor)
    first, last = np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int) - 1
    largest = np.take(pixels, first, axis=axis)
    for step in range(1, int((last - first).max()) + 1):
        np.maximum(largest, np.take(pixels, np.minimum(first + step, last), axis=axis), out=largest)
    return largest


def _column(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Lay values along one of the two last axes."""
    return values[:, None] if axis == -2 else values
