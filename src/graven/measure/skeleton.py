"""Skeleton pixels of a mask, found band by band, each with the local width of the object around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.measure.components import bands
from graven.measure.paths import pixels_of
from graven.measure.thinning import distance_to_border, thin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.measure.components import Runs

__all__ = ["Skeleton", "skeleton_of"]


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Skeleton pixels in raster order.

    Attributes
    ----------
    row, col : ndarray of shape (N,), int64, pixels
        Where they are.
    width : ndarray of shape (N,), float64, unit of the pixel size
        Local width of the object.
    run : ndarray of shape (N,), int64
        The run of the mask that holds the pixel.
    """

    row: NDArray[np.int64]
    col: NDArray[np.int64]
    width: NDArray[np.float64]
    run: NDArray[np.int64]


def skeleton_of(
    runs: Runs, *, size_x: float = 1.0, size_y: float = 1.0, band_rows: int = 1024, halo_rows: int = 128
) -> Skeleton:
    """Thin a mask and measure its local width, in bands.

    Parameters
    ----------
    runs : Runs
        The mask.
    size_x, size_y : float, > 0
        Width and height of a pixel in the unit of the result.
    band_rows : int, >= 1
        Rows kept from each band; the result does not depend on it.
    halo_rows : int, >= 1
        Rows added above and below; doubled wherever the object is too wide for it.

    Returns
    -------
    Skeleton
        Pixels with widths. A bar of ``n`` pixels along an axis has width ``n`` exactly, odd or even.

    Notes
    -----
    A band is exact as soon as its halo is at least as high as the number of thinning passes and as the distances found,
    because neither can carry anything farther (`graven.measure.thinning.thin`).

    The width is twice the distance to the nearest background centre. Where that lies straight in the row or column, one
    pixel is taken off, for the border runs half a pixel before it; not, however, where a neighbour off the skeleton is
    as far from the border, because the middle then falls between the two. On straight bars 2 to 20 pixels wide at any
    angle the mean is off by 0.2 pixels at most and the root mean square error over angles is 0.35 pixels at most;
    exactly along a diagonal the result is up to a pixel too wide.
    """
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
    halo = halo_rows
    for window in bands(runs.height, runs.width, band_rows):
        while True:
            top, bottom = max(0, window.row - halo), min(runs.height, window.row_end + halo)
            is_whole = top == 0 and bottom == runs.height
            edge = slice(max(window.row - 1, top) - top, min(window.row_end + 1, bottom) - top)  # with the rows beside
            mask = runs.paint(top, bottom)
            skeleton, n_passes = thin(mask)
            reach: float = n_passes
            if reach <= halo or is_whole:
                distance, step = distance_to_border(
                    mask, size_x=size_x, size_y=size_y, begin_row=edge.start, end_row=edge.stop
                )
                reach = max(n_passes, float(distance.max(initial=0)) / size_y)
                if reach <= halo or is_whole:
                    break
            halo *= 2
        while halo // 2 >= max(halo_rows, reach):
            halo //= 2  # the next band begins with what would have done for this one
        core = slice(window.row - top - edge.start, window.row_end - top - edge.start)
        skeleton = skeleton[edge]
        row, col = pixels_of(skeleton[core])
        at = row + core.start, col
        own = distance[at].astype(np.float64)
        even = _has_equal_beside(distance, skeleton, *at)
        parts.append((row + window.row, col, 2 * own - np.where(even, 0, step[at])))
    row, col, width = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    key = runs.row.astype(np.int64) * runs.width + runs.start
    return Skeleton(row, col, width, np.searchsorted(key, row * runs.width + col, side="right") - 1)


def _has_equal_beside(
    distance: NDArray[np.float32], skeleton: NDArray[np.uint8], row: NDArray[np.int64], col: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether a neighbour at an edge, not on the skeleton, is as far from the border."""
    height, width = distance.shape
    found = np.zeros(len(row), bool)
    for d_row, d_col in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        r, c = row + d_row, col + d_col
        inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
        r, c = np.where(inside, r, row), np.where(inside, c, col)
        found |= inside & (skeleton[r, c] == 0) & (distance[r, c] >= distance[row, col])
    return found
