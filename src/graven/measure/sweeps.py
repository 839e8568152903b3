"""Compiled loops over runs: cut a band into runs, join runs to objects, sum up objects, find corners of outlines.

Each is one sweep from the first run to the last, since runs come in raster order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cut_band", "find_corners", "join_runs", "paint_runs", "sum_up"]


@compiled
def cut_band(prob: NDArray[np.uint8], first_row: int, low: int, cut: int, high: int) -> tuple[NDArray[np.int32], ...]:
    """Cut a band of a probability at three levels at once.

    Parameters
    ----------
    prob : ndarray of shape (h, w), uint8
        The band.
    first_row : int, pixels
        Row number of its first row.
    low, cut, high : int
        Least values at the lower threshold, in the mask, and at the upper threshold; ``low <= cut``.

    Returns
    -------
    found : ndarray of shape (N, 5), int32
        Runs of the mask: row, start, stop, sum of the values, pixels at the upper threshold.
    wide : ndarray of shape (M, 3), int32
        Runs at the lower threshold: row, start, stop.
    """
    height, width = prob.shape
    found, wide = np.empty((1024, 5), np.int32), np.empty((1024, 3), np.int32)
    n_found = n_wide = 0
    for row in range(height):
        line = prob[row]
        col = 0
        while True:
            while col < width and line[col] < low:
                col += 1
            if col == width:
                break
            if n_wide == len(wide):
                wide = np.concatenate((wide, np.empty_like(wide)))
            wide[n_wide, 0], wide[n_wide, 1] = first_row + row, col
            inside = False
            while col < width and line[col] >= low:
                value = line[col]
                if value >= cut:
                    if not inside:
                        if n_found == len(found):
                            found = np.concatenate((found, np.empty_like(found)))
                        found[n_found, 0], found[n_found, 1] = first_row + row, col
                        found[n_found, 3], found[n_found, 4] = 0, 0
                        inside = True
                    found[n_found, 3] += value
                    found[n_found, 4] += value >= high
                elif inside:
                    found[n_found, 2] = col
                    n_found += 1
                    inside = False
                col += 1
            if inside:
                found[n_found, 2] = col
                n_found += 1
            wide[n_wide, 2] = col
            n_wide += 1
    return found[:n_found].copy(), wide[:n_wide].copy()


@compiled
def paint_runs(
    row: NDArray[np.int32], start: NDArray[np.int32], stop: NDArray[np.int32], first_row: int, out: NDArray[np.uint8]
) -> None:
    """Set the pixels of runs to 1.

    Parameters
    ----------
    row, start, stop : ndarray of shape (N,), int32
        Runs, all of them in the rows of `out`.
    first_row : int, pixels
        Row number of the first row of `out`.
    out : ndarray of shape (h, w), uint8
        Changed in place.
    """
    for k in range(len(row)):
        out[row[k] - first_row, start[k] : stop[k]] = 1


@compiled
def join_runs(
    row: NDArray[np.int32], start: NDArray[np.int32], stop: NDArray[np.int32], reach: int
) -> tuple[NDArray[np.int32], int]:
    """Join runs of neighbouring rows to objects.

    Parameters
    ----------
    row, start, stop : ndarray of shape (N,), int32
        Runs in raster order.
    reach : {0, 1}
        1 joins runs that touch at a corner as well.

    Returns
    -------
    label : ndarray of shape (N,), int32
        Object of each run, numbered from 0 in the order of their first runs.
    n_labels : int
        How many there are.
    """
    count = len(row)
    label = np.arange(count, dtype=np.int32)  # an earlier run of the same object, or the run itself
    above = 0
    for k in range(count):
        while above < k and (row[above] < row[k] - 1 or (row[above] < row[k] and stop[above] + reach <= start[k])):
            above += 1
        other = above
        while other < k and row[other] < row[k] and start[other] < stop[k] + reach:
            a, b = _root(label, k), _root(label, other)
            if a < b:
                label[b] = a
            else:
                label[a] = b
            other += 1
    n_labels = 0
    for k in range(count):
        if label[k] == k:
            label[k] = n_labels
            n_labels += 1
        else:
            label[k] = label[label[k]]  # numbered before, since it lies before
    return label, n_labels


@compiled
def _root(label: NDArray[np.int32], k: int) -> int:
    while label[k] != k:
        label[k] = label[label[k]]
        k = label[k]
    return k


@compiled
def sum_up(
    row: NDArray[np.int32], start: NDArray[np.int32], stop: NDArray[np.int32], label: NDArray[np.int32], n_objects: int
) -> tuple[NDArray[Any], ...]:
    """Sum up the runs of each object.

    Parameters
    ----------
    row, start, stop, label : ndarray of shape (N,), int32
        Runs in raster order, and the object of each.
    n_objects : int
        How many objects there are; each has a run.

    Returns
    -------
    first_run, area : ndarray of shape (n_objects,), int64
        First run, and pixels.
    bbox : ndarray of shape (n_objects, 4), int64
        ``(row, col, row_end, col_end)``.
    moment : ndarray of shape (n_objects, 2), float64
        Sums of x and y over the centres of all pixels.
    """
    first_run, area = np.full(n_objects, -1, np.int64), np.zeros(n_objects, np.int64)
    bbox, moment = np.empty((n_objects, 4), np.int64), np.zeros((n_objects, 2), np.float64)
    for k in range(len(row)):
        one = label[k]
        if first_run[one] < 0:
            first_run[one] = k
            bbox[one, 0], bbox[one, 1], bbox[one, 3] = row[k], start[k], stop[k]
        bbox[one, 1] = min(bbox[one, 1], start[k])
        bbox[one, 2] = row[k] + 1
        bbox[one, 3] = max(bbox[one, 3], stop[k])
        length = np.int64(stop[k]) - np.int64(start[k])
        area[one] += length
        moment[one, 0] += length * (np.int64(start[k]) + np.int64(stop[k])) / 2
        moment[one, 1] += length * (row[k] + 0.5)
    return first_run, area, bbox, moment


@compiled
def find_corners(row: NDArray[np.int32], start: NDArray[np.int32], stop: NDArray[np.int32]) -> tuple[NDArray[Any], ...]:
    """Find the corners of all outlines, sorted by ``(y, x)``, and how vertical stretches link them.

    Parameters
    ----------
    row, start, stop : ndarray of shape (N,), int32
        Runs in raster order.

    Returns
    -------
    x, y : ndarray of shape (M,), int32, pixels
        The corner.
    run : ndarray of shape (M,), int32
        The run whose end lies on the vertical stretch of the corner.
    is_start : ndarray of shape (M,), bool
        Whether that end is the start of the run.
    vertical : ndarray of shape (M,), int64
        Other end of the vertical stretch.
    twin : ndarray of shape (M,), int64
        The other corner at the same point, or -1.

    Notes
    -----
    Ends of runs above and below a line between two rows are merged from left to right. An end that both rows have, as a
    start or as a stop in both, is no corner: the outline goes straight on. A start in one row and a stop in the other
    are two pixels that touch at their corners; both stay, the stop before the start, so that the left stretch ends
    before the right one begins.
    """
    count = len(row)
    most = 4 * count
    x, y, run = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    is_start = np.empty(most, np.bool_)
    vertical, twin = np.empty(most, np.int64), np.full(most, -1, np.int64)
    top = np.empty(2 * count, np.int64)  # the corner where the vertical stretch through an end begins
    n_corners = 0
    above = above_end = below = 0  # ends 2 * k and 2 * k + 1 are start and stop of run k
    line = np.int64(-1)
    while above_end > above or below < 2 * count:
        # the next line between two rows: under the row that was below the last one, or over the next run
        if above_end == above:
            line = np.int64(row[below // 2])
        below_end = below
        while below_end < 2 * count and row[below_end // 2] == line:
            below_end += 1
        up, down = above, below
        while up < above_end or down < below_end:
            at_up = np.int64(1) << 40
            at_down = at_up
            if up < above_end:
                at_up = np.int64(stop[up // 2] if up % 2 else start[up // 2])
            if down < below_end:
                at_down = np.int64(stop[down // 2] if down % 2 else start[down // 2])
            if at_up == at_down and up % 2 == down % 2:
                top[down] = top[up]
                up += 1
                down += 1
                continue
            # of two at one point the stop comes first; an odd end is a stop
            ends_above = at_up < at_down or (at_up == at_down and up % 2 == 1)
            end = up if ends_above else down
            x[n_corners], y[n_corners] = min(at_up, at_down), line
            run[n_corners], is_start[n_corners] = end // 2, end % 2 == 0
            if n_corners and y[n_corners - 1] == line and x[n_corners - 1] == x[n_corners]:
                twin[n_corners], twin[n_corners - 1] = n_corners - 1, n_corners
            if ends_above:
                vertical[n_corners] = top[up]
                vertical[top[up]] = n_corners
                up += 1
            else:
                top[down] = n_corners
                down += 1
            n_corners += 1
        above, above_end, below = below, below_end, below_end
        line += 1
    size = n_corners
    return (
        x[:size].copy(), y[:size].copy(), run[:size].copy(), is_start[:size].copy(), vertical[:size].copy(),
        twin[:size].copy(),
    )  # fmt: skip
