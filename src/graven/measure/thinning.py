"""Compiled kernels behind `graven.measure.centerlines`: thinning to one pixel, and distance to the border."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.measure.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["distance_to_border", "thin"]

_ROW_STEPS = np.array([0, -1, -1, -1, 0, 1, 1, 1])
_COL_STEPS = np.array([1, 1, 0, -1, -1, -1, 0, 1])
_DIRECTIONS = np.array([2, 6, 0, 4])  # of the neighbour that must be background: north, south, east, west


def _removable_table() -> NDArray[np.bool_]:
    """Say for each of the 256 neighbourhoods whether its centre may go.

    Bit ``k`` is neighbour ``k``: east, north-east, north, and so on. The centre may go when the number of 8-connected
    pieces that meet in it is 1 (Yokoi, Toriwaki and Fukumura 1975) and it is not the end of a line.
    """
    code = np.arange(256)
    set_ = (code[:, None] >> np.arange(9) % 8) & 1
    free = 1 - set_
    pieces = sum(free[:, k] - free[:, k] * free[:, k + 1] * free[:, k + 2] for k in (0, 2, 4, 6))
    removable: NDArray[np.bool_] = (pieces == 1) & (set_[:, :8].sum(axis=1) >= 2)
    return removable


_REMOVABLE = _removable_table()


@compiled
def _thin(flat: NDArray[np.uint8], width: int, steps: NDArray[np.int64], removable: NDArray[np.bool_]) -> int:
    """Thin a padded mask in place; 1 is foreground, 3 foreground in the list of candidates."""
    n_foreground = 0
    for p in range(flat.size):
        n_foreground += int(flat[p])
    removed = np.empty(n_foreground, np.int64)  # in order of removal
    begin = np.zeros(5, np.int64)  # where the last four passes and the present one begin in `removed`
    candidates = np.empty(n_foreground, np.int64)
    n_removed = 0
    n_passes = 0
    idle = 0
    while idle < 4:
        side = steps[_DIRECTIONS[n_passes % 4]]
        begin[:4] = begin[1:]
        begin[4] = n_removed
        n_candidates = 0
        if n_passes < 4:
            for p in range(width, flat.size - width):
                if flat[p] == 1 and flat[p + side] == 0:
                    candidates[n_candidates] = p
                    n_candidates += 1
        else:
            # Only where something went since the last pass of this direction can the answer have changed.
            for k in range(begin[0], n_removed):
                for step in steps:
                    p = removed[k] + step
                    if flat[p] == 1 and flat[p + side] == 0:
                        flat[p] = 3
                        candidates[n_candidates] = p
                        n_candidates += 1
        for k in range(n_candidates):
            p = candidates[k]
            flat[p] = 1
            code = 0
            for bit in range(8):
                if flat[p + steps[bit]] != 0:
                    code |= 1 << bit
            if removable[code]:
                removed[n_removed] = p
                n_removed += 1
        for k in range(begin[4], n_removed):
            flat[removed[k]] = 0
        n_passes += 1
        idle = 0 if n_removed > begin[4] else idle + 1
    return n_passes


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
    29, 1975). After the first four, a pass looks only where something has changed, so the work grows with the area
    and not with area times width.

    Examples
    --------
    >>> thin(np.ones((3, 7), np.uint8))[0].tolist()
    [[0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0]]
    """
    padded = np.pad(mask, 1)
    width = padded.shape[1]
    n_passes = _thin(padded.reshape(-1), width, _ROW_STEPS * width + _COL_STEPS, _REMOVABLE)
    return padded[1:-1, 1:-1], int(n_passes)


@compiled
def _distance(mask: NDArray[np.uint8], size_x: float, size_y: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = mask.shape
    up = np.zeros((height, width), np.int32)  # rows to the nearest background in the column
    for r in range(height):
        for c in range(width):
            if mask[r, c]:
                up[r, c] = (up[r - 1, c] if r else 0) + 1
    distance = np.zeros((height, width), np.float32)
    step = np.zeros((height, width), np.float32)
    below = np.zeros(width, np.int32)
    site = np.empty(width + 2, np.int64)
    begin = np.empty(width + 2, np.float64)
    g = np.empty(width + 2, np.float64)
    for r in range(height - 1, -1, -1):
        busy = False
        for c in range(width):
            below[c] = below[c] + 1 if mask[r, c] else 0
            busy = busy or below[c] > 0
            g[c + 1] = (size_y * min(below[c], up[r, c])) ** 2
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
                distance[r, c - 1] = d
                if c == s:
                    step[r, c - 1] = size_y
                elif g[s] == 0.0:
                    step[r, c - 1] = size_x
    return distance, step


def distance_to_border(
    mask: NDArray[np.uint8], *, size_x: float = 1.0, size_y: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the distance from the centre of each foreground pixel to the nearest background centre.

    Parameters
    ----------
    mask : ndarray of shape (H, W), uint8, 0 or 1
        Foreground is 1; what lies outside counts as background.
    size_x, size_y : float, > 0
        Width and height of a pixel, in the unit of the result.

    Returns
    -------
    distance : ndarray of shape (H, W), float32
        Exact Euclidean distance; 0 in the background.
    step : ndarray of shape (H, W), float32
        Size of a pixel towards that background pixel where it lies in the same row or column; 0 elsewhere.

    Examples
    --------
    >>> distance_to_border(np.ones((3, 3), np.uint8))[0].tolist()
    [[1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 1.0]]
    """
    distance, step = _distance(mask, float(size_x), float(size_y))
    return distance, step
