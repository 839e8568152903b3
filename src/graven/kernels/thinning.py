"""Parallel thinning by tables: which of the 256 neighbourhoods lets a pixel go, pass by pass.

Algorithms differ in their tables only: `graven.metrics.guo_hall` thins for scores, `graven.measure.thinning` for
centre-lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["neighbours", "thin_by_tables"]

_FOREGROUND = 256  # bit 8 of the state of a pixel; bits 0 to 7 say which of its neighbours are foreground


def neighbours() -> NDArray[np.bool_]:
    """Give the eight neighbours in each of the 256 neighbourhoods.

    Returns
    -------
    ndarray of shape (8, 256), bool
        Whether neighbour ``k`` is foreground in neighbourhood ``code``, which is bit ``k`` of `code`. Neighbour 0 is
        east, 1 north-east, 2 north, and so on.

    Examples
    --------
    >>> neighbours()[:, 0b101].astype(int).tolist()
    [1, 0, 1, 0, 0, 0, 0, 0]
    """
    found: NDArray[np.bool_] = (np.arange(256) >> np.arange(8)[:, None]) & 1 == 1
    return found


@compiled
def _fill_state(padded: NDArray[np.uint8], state: NDArray[np.uint16]) -> None:
    one = np.uint16(1)
    for r in range(1, padded.shape[0] - 1):
        above, here, below, out = padded[r - 1], padded[r], padded[r + 1], state[r]
        for c in range(1, padded.shape[1] - 1):
            out[c] = (
                (here[c + 1] & one)
                | (above[c + 1] & one) << 1
                | (above[c] & one) << 2
                | (above[c - 1] & one) << 3
                | (here[c - 1] & one) << 4
                | (below[c - 1] & one) << 5
                | (below[c] & one) << 6
                | (below[c + 1] & one) << 7
                | (here[c] & one) << 8
            )


@compiled
def _next_pass(tables: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Say in which pass of the cycle a pixel goes if nothing changes around it after a given pass; -1 for never."""
    n_tables = len(tables)
    found = np.full((n_tables, 2 * _FOREGROUND), -1, np.int8)
    for after in range(n_tables):
        for code in range(256):
            for ahead in range(n_tables, 0, -1):
                if tables[(after + ahead) % n_tables, code]:
                    found[after, _FOREGROUND + code] = (after + ahead) % n_tables
    return found


@compiled
def _thin(state: NDArray[np.uint16], width: int, tables: NDArray[np.bool_]) -> int:
    """Thin in place the states of a padded mask; give the number of passes."""
    n_tables = len(tables)
    steps = np.array([1, 1 - width, -width, -1 - width, -1, width - 1, width, width + 1])
    due = _next_pass(tables)
    due_first = due[n_tables - 1]
    n_due = 0
    for p in range(state.size):
        n_due += due_first[state[p]] >= 0
    queue = np.empty((n_tables, 2 * n_due + 64), np.int64)  # of each pass, the pixels that may go in it
    n_queued = np.zeros(n_tables, np.int64)
    for p in range(state.size):
        at = due_first[state[p]]
        if at >= 0:
            queue[at, n_queued[at]] = p
            n_queued[at] += 1
    removed = np.empty(0, np.int64)
    n_passes = 0
    idle = 0
    while idle < n_tables:
        now = n_passes % n_tables
        if removed.size < n_queued[now]:
            removed = np.empty(2 * n_queued[now], np.int64)
        n_removed = 0
        for k in range(n_queued[now]):
            p = queue[now, k]
            if state[p] >= _FOREGROUND and tables[now, state[p] - _FOREGROUND]:
                state[p] -= _FOREGROUND  # its neighbours learn of it below, when all of this pass are found
                removed[n_removed] = p
                n_removed += 1
        n_queued[now] = 0
        for k in range(n_removed):
            for bit in range(8):
                state[removed[k] + steps[bit]] &= 0xFFFF ^ (1 << ((bit + 4) & 7))
        if n_queued.max() + 8 * n_removed > queue.shape[1]:
            larger = np.empty((n_tables, 2 * queue.shape[1] + 8 * n_removed), np.int64)
            larger[:, : queue.shape[1]] = queue
            queue = larger
        for k in range(n_removed):
            for step in steps:
                p = removed[k] + step
                at = due[now, state[p]]
                if at >= 0:
                    queue[at, n_queued[at]] = p
                    n_queued[at] += 1
        n_passes += 1
        idle = 0 if n_removed else idle + 1
    return n_passes


def thin_by_tables(mask: NDArray[np.uint8], tables: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int]:
    """Thin a mask in passes that take one table each, in turn, until none of them changes anything.

    Parameters
    ----------
    mask : ndarray of shape (H, W), uint8, 0 or 1
        Foreground is 1; what lies outside counts as background.
    tables : ndarray of shape (K, 256), bool
        Whether a pixel with that neighbourhood goes, for the passes ``k, k + K, k + 2 * K`` and so on; all pixels of a
        pass go at once. The neighbourhoods are those of `neighbours`.

    Returns
    -------
    skeleton : ndarray of shape (H, W), bool
        What is left.
    n_passes : int
        Passes, with the last `K` that changed nothing. A pixel depends on the mask within as many pixels and no
        farther.

    Notes
    -----
    Each pixel carries its neighbourhood, and is queued when that changes for the first pass in which it would go, so a
    pass looks only at what has changed. The work grows with the area and not with area times width; memory is three
    bytes per pixel and 8 per queued one.

    Examples
    --------
    >>> ends_of_rows = np.array([neighbours()[0] & ~neighbours()[4]])  # a neighbour in the east, none in the west
    >>> thin_by_tables(np.ones((2, 5), np.uint8), ends_of_rows)[0].astype(int).tolist()
    [[0, 0, 0, 0, 1], [0, 0, 0, 0, 1]]
    """
    height, width = mask.shape[0] + 2, mask.shape[1] + 2
    padded = np.zeros((height, width), np.uint8)
    padded[1:-1, 1:-1] = mask
    state = np.zeros((height, width), np.uint16)
    _fill_state(padded, state)
    del padded
    n_passes = _thin(state.reshape(-1), width, tables)
    return state[1:-1, 1:-1] >= _FOREGROUND, int(n_passes)
