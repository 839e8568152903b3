"""Compiled loop behind `graven.measure.polygons`: walk along the corners of outlines and cut rings where they pinch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["follow_rings"]


@compiled
def follow_rings(
    x: NDArray[np.int32],
    y: NDArray[np.int32],
    vertical: NDArray[np.int64],
    twin: NDArray[np.int64],
    is_start: NDArray[np.bool_],
) -> tuple[NDArray[Any], ...]:
    """Follow every outline once and cut it into rings that visit no point twice.

    Parameters
    ----------
    x, y : ndarray of shape (N,), int32, pixels
        Corners sorted by ``(y, x)``; corner ``i`` and ``i ^ 1`` are the ends of one horizontal stretch.
    vertical : ndarray of shape (N,), int64
        Other end of the vertical stretch of each corner.
    twin : ndarray of shape (N,), int64
        The other corner at the same point, or -1.
    is_start : ndarray of shape (N,), bool
        Whether foreground lies to the right of the vertical stretch.

    Returns
    -------
    order : ndarray of shape (N,), int64
        Corners ring after ring. Foreground lies to the right of the way; each ring begins at its topmost, then
        leftmost corner.
    offset : ndarray of shape (R + 1,), int64
        Where each ring begins in `order`.
    double_area : ndarray of shape (R,), int64
        Twice the signed area; positive for exteriors.
    """
    count = len(x)
    done = np.zeros(count, np.bool_)
    position = np.full(count, -1, np.int64)  # of a corner on the stack
    stack = np.empty(count, np.int64)
    order = np.empty(count, np.int64)
    offset = np.zeros(count // 4 + 1, np.int64)
    double_area = np.zeros(count // 4, np.int64)
    n_rings = 0
    for seed in range(count):
        if done[seed]:
            continue
        top = 0
        # The seed is the top left corner of its outline. An exterior is walked to the right first, a hole downwards.
        along = is_start[seed]
        corner = np.int64(seed)
        while True:
            done[corner] = True
            other = twin[corner]
            if other >= 0 and position[other] >= 0:
                bottom = position[other]
                n_rings = _emit(stack, bottom, top, x, y, position, order, offset, double_area, n_rings)
                top = bottom
            stack[top] = corner
            position[corner] = top
            top += 1
            corner = (corner ^ 1) if along else vertical[corner]
            along = not along
            if corner == seed:
                break
        n_rings = _emit(stack, 0, top, x, y, position, order, offset, double_area, n_rings)
    return order, offset[: n_rings + 1], double_area[:n_rings]


@compiled
def _emit(
    stack: NDArray[np.int64],
    bottom: int,
    top: int,
    x: NDArray[np.int32],
    y: NDArray[np.int32],
    position: NDArray[np.int64],
    order: NDArray[np.int64],
    offset: NDArray[np.int64],
    double_area: NDArray[np.int64],
    n_rings: int,
) -> int:
    """Copy the ring ``stack[bottom:top]`` to `order`, turned so that it begins at its top left corner."""
    first = bottom
    for k in range(bottom, top):
        a, b = stack[k], stack[first]
        if y[a] < y[b] or (y[a] == y[b] and x[a] < x[b]):
            first = k
    size = top - bottom
    base = offset[n_rings]
    area = np.int64(0)
    for k in range(size):
        a = stack[bottom + (first - bottom + k) % size]
        b = stack[bottom + (first - bottom + k + 1) % size]
        order[base + k] = a
        position[a] = -1
        area += np.int64(x[a]) * np.int64(y[b]) - np.int64(x[b]) * np.int64(y[a])
    offset[n_rings + 1] = base + size
    double_area[n_rings] = area
    return n_rings + 1
