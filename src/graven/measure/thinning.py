"""Compiled kernels behind `graven.measure.centerlines`: thinning to one pixel, and distance to the border."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled
from graven.kernels.thinning import neighbours, thin_by_tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["distance_to_border", "thin"]


def _tables() -> NDArray[np.bool_]:
    """Say for each pass and neighbourhood whether the pixel goes.

    It goes when the number of 8-connected pieces that meet in it is 1 (Yokoi, Toriwaki and Fukumura 1975), it is not
    the end of a line, and the neighbour on the side of the pass is background.
    """
    is_set = neighbours()
    free = ~is_set[np.arange(10) % 8]
    pieces = sum((free[k] & ~(free[k + 1] & free[k + 2])).astype(int) for k in (0, 2, 4, 6))
    removable = (pieces == 1) & (is_set.sum(axis=0) >= 2)
    return np.stack([removable & ~is_set[side] for side in (2, 6, 0, 4)])  # north, south, east, west


_TABLES = _tables()


def thin(mask: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Thin a mask to lines one pixel wide.

    Parameters
    ----------
    mask : ndarray of shape (H, W), uint8, 0 or 1
        Foreground is 1; what lies outside counts as background.

    Returns
    -------
    skeleton : ndarray of shape (H, W), uint8, 0 or 1
        A subset of `mask` with the same 8-connected components and the same holes.
    n_passes : int
        Passes until nothing changed. A pixel depends on the mask within as many pixels and no farther.

    Notes
    -----
    Passes take border pixels from the north, south, east and west in turn; all pixels of a pass go at once, if they
    join nothing and end no line (Rosenfeld, A characterization of parallel thinning algorithms, Information and Control
    29, 1975).

    Examples
    --------
    >>> thin(np.ones((3, 7), np.uint8))[0].tolist()
    [[0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0]]
    """
    skeleton, n_passes = thin_by_tables(mask, _TABLES)
    return skeleton.view(np.uint8), n_passes


@compiled
def _distance(
    mask: NDArray[np.uint8], begin_row: int, end_row: int, size_x: float, size_y: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = mask.shape
    above = np.zeros(width, np.int32)  # rows to the nearest background in the column
    for r in range(begin_row):
        for c in range(width):
            above[c] = above[c] + 1 if mask[r, c] else 0
    up = np.empty((end_row - begin_row, width), np.int32)
    for r in range(begin_row, end_row):
        for c in range(width):
            above[c] = above[c] + 1 if mask[r, c] else 0
            up[r - begin_row, c] = above[c]
    distance = np.zeros(up.shape, np.float32)
    step = np.zeros(up.shape, np.float32)
    below = np.zeros(width, np.int32)
    for r in range(height - 1, end_row - 1, -1):
        for c in range(width):
            below[c] = below[c] + 1 if mask[r, c] else 0
    site = np.empty(width + 2, np.int64)
    begin = np.empty(width + 2, np.float64)
    g = np.empty(width + 2, np.float64)
    for r in range(end_row - 1, begin_row - 1, -1):
        at = r - begin_row
        busy = False
        for c in range(width):
            below[c] = below[c] + 1 if mask[r, c] else 0
            busy = busy or below[c] > 0
            g[c + 1] = (size_y * min(below[c], up[at, c])) ** 2
        if not busy:
            continue
        g[0] = g[width + 1] = 0.0
        # Lower envelope of the parabolas over the columns (Felzenszwalb and Huttenlocher 2012).
        top = 0
        site[0] = 0
        begin[0] = -np.inf
        square = size_x * size_x
        for c in range(1, width + 2):
            cross = 0.0
            while True:
                s = site[top]
                cross = ((g[c] - g[s]) / square + c * c - s * s) / (2.0 * (c - s))
                if cross > begin[top]:
                    break
                top -= 1
            top += 1
            site[top] = c
            begin[top] = cross
        site_of = 0
        for c in range(1, width + 1):
            while site_of < top and begin[site_of + 1] < c:
                site_of += 1
            if mask[r, c - 1]:
                s = site[site_of]
                d = np.sqrt(square * (c - s) ** 2 + g[s])
                distance[at, c - 1] = d
                if c == s:
                    step[at, c - 1] = size_y
                elif g[s] == 0.0:
                    step[at, c - 1] = size_x
    return distance, step


def distance_to_border(
    mask: NDArray[np.uint8], *, size_x: float = 1.0, size_y: float = 1.0, begin_row: int = 0, end_row: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the distance from the centre of each foreground pixel to the nearest background centre.

    Parameters
    ----------
    mask : ndarray of shape (H, W), uint8, 0 or 1
        Foreground is 1; what lies outside counts as background.
    size_x, size_y : float, > 0
        Width and height of a pixel, in the unit of the result.
    begin_row, end_row : int, pixels
        Rows to give, half open; the others only serve as surroundings. Default is all.

    Returns
    -------
    distance : ndarray of shape (end_row - begin_row, W), float32
        Exact Euclidean distance; 0 in the background.
    step : ndarray of shape (end_row - begin_row, W), float32
        Size of a pixel towards that background pixel where it lies in the same row or column; 0 elsewhere.

    Notes
    -----
    OpenCV's precise transform (`graven.metrics.tolerance` calls it) knows neither pixels that are not square nor where
    the nearest background lies.

    Examples
    --------
    >>> distance_to_border(np.ones((3, 3), np.uint8))[0].tolist()
    [[1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 1.0]]
    """
    end = mask.shape[0] if end_row is None else end_row
    distance, step = _distance(mask, begin_row, end, float(size_x), float(size_y))
    return distance, step
