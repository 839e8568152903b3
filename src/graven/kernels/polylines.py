"""Compiled loops over many lines at once: smoothing, even spacing, corners.

Lines are ragged: line ``k`` holds the points ``offset[k]`` to ``offset[k + 1]`` of one array. A closed line does not
repeat its first point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["find_corners", "line_ends", "resample_lines", "smooth_lines", "trim_lines"]

_TOP = 0.9  # of its greatest value, where a turn is at its top
_LEAST_BENT = 8  # points that say how a line bends at its end
_REACH = 3.0  # standard deviations of the weights that are looked at


@compiled
def smooth_lines(
    points: NDArray[np.float64], offset: NDArray[np.int64], closed: NDArray[np.bool_], sigma: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Smooth each coordinate of each line by local quadratic regression.

    Parameters
    ----------
    points : ndarray of shape (P, D), float64
        Points, evenly spaced along each line.
    offset : ndarray of shape (K + 1,), int64
        Where lines begin.
    closed : ndarray of shape (K,), bool
        Whether the last point of a line is followed by its first.
    sigma : ndarray of shape (K,), float64, points
        Standard deviation of the Gaussian weights.

    Returns
    -------
    ndarray of shape (P, D), float64
        The value at each point of the parabola that fits its neighbours best. An arc keeps its radius, because a
        parabola follows it; the ends of an open line are fitted with what there is on one side.
    """
    n_dims = points.shape[1]
    smooth = points.copy()
    for line in range(len(offset) - 1):
        begin, n = offset[line], offset[line + 1] - offset[line]
        if n < 4:
            continue
        reach = max(2, int(np.ceil(_REACH * sigma[line])))
        if closed[line]:
            reach = min(reach, (n - 1) // 2)
        factor = -0.5 / sigma[line] ** 2
        weight = np.exp(factor * np.arange(reach + 1) ** 2)
        sums = np.empty((3, n_dims))
        for i in range(n):
            first, last = -reach, reach
            if not closed[line]:
                first, last = max(first, -i), min(last, n - 1 - i)
            s0 = s1 = s2 = s3 = s4 = 0.0
            sums[:] = 0.0
            for t in range(first, last + 1):
                w = weight[abs(t)]
                s0 += w
                s1 += w * t
                s2 += w * t * t
                s3 += w * t * t * t
                s4 += w * t * t * t * t
                at = begin + (i + t) % n
                for d in range(n_dims):
                    x = points[at, d]
                    sums[0, d] += w * x
                    sums[1, d] += w * t * x
                    sums[2, d] += w * t * t * x
            c0 = s2 * s4 - s3 * s3
            c1 = s2 * s3 - s1 * s4
            c2 = s1 * s3 - s2 * s2
            whole = s0 * c0 + s1 * c1 + s2 * c2
            for d in range(n_dims):
                smooth[begin + i, d] = (c0 * sums[0, d] + c1 * sums[1, d] + c2 * sums[2, d]) / whole
    return smooth


@compiled
def resample_lines(
    points: NDArray[np.float64], offset: NDArray[np.int64], closed: NDArray[np.bool_], step: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Place points evenly along each line.

    Parameters
    ----------
    points : ndarray of shape (P, D), float64
        The first two columns are x and y; the others are carried along.
    offset, closed
        As in `smooth_lines`.
    step : float, > 0
        Distance of points, in the unit of the coordinates; each line rounds it so that its ends stay.

    Returns
    -------
    points : ndarray of shape (Q, D), float64
        New points.
    offset : ndarray of shape (K + 1,), int64
        Where the lines begin now.
    """
    n_lines = len(offset) - 1
    new_offset = np.zeros(n_lines + 1, np.int64)
    length = np.zeros(n_lines)
    for line in range(n_lines):
        begin, n = offset[line], offset[line + 1] - offset[line]
        for i in range(n if closed[line] else n - 1):
            a, b = begin + i, begin + (i + 1) % n
            length[line] += np.hypot(points[b, 0] - points[a, 0], points[b, 1] - points[a, 1])
        n_steps = max(1, int(np.rint(length[line] / step)))
        size = max(3, n_steps) if closed[line] else n_steps + 1
        new_offset[line + 1] = new_offset[line] + (size if n > 1 else n)
    new = np.empty((new_offset[n_lines], points.shape[1]))
    for line in range(n_lines):
        begin, n = offset[line], offset[line + 1] - offset[line]
        at, size = new_offset[line], new_offset[line + 1] - new_offset[line]
        if n < 2:
            new[at : at + size] = points[begin : begin + n]
            continue
        spacing = length[line] / (size if closed[line] else size - 1)
        i, passed = 0, 0.0
        a, b = begin, begin + 1
        here = np.hypot(points[b, 0] - points[a, 0], points[b, 1] - points[a, 1])
        for k in range(size):
            goal = k * spacing
            while passed + here < goal and i < (n - 1 if closed[line] else n - 2):
                passed += here
                i += 1
                a, b = begin + i, begin + (i + 1) % n
                here = np.hypot(points[b, 0] - points[a, 0], points[b, 1] - points[a, 1])
            share = min(1.0, (goal - passed) / here) if here > 0 else 0.0
            new[at + k] = points[a] + share * (points[b] - points[a])
    return new, new_offset


@compiled
def trim_lines(
    points: NDArray[np.float64],
    offset: NDArray[np.int64],
    first_disc: NDArray[np.float64],
    last_disc: NDArray[np.float64],
    least: int,
) -> NDArray[np.int64]:
    """Find what is left of each line outside the discs at its two ends.

    Parameters
    ----------
    points, offset
        As in `smooth_lines`.
    first_disc, last_disc : ndarray of shape (K, 3), float64
        Centre ``(x, y)`` and radius of the disc at either end.
    least : int
        Points that are left in any case, as far as there are any: those about as far outside of one disc as of the
        other.

    Returns
    -------
    ndarray of shape (K, 2), int64
        First point that is left, and the one behind the last.
    """
    n_lines = len(offset) - 1
    kept = np.empty((n_lines, 2), np.int64)
    for line in range(n_lines):
        low, high = offset[line], offset[line + 1]
        gap_first, gap_last = first_disc[line], last_disc[line]
        while low < offset[line + 1]:
            x, y = points[low, 0] - gap_first[0], points[low, 1] - gap_first[1]
            if np.hypot(x, y) >= gap_first[2]:
                break
            low += 1
        while high > offset[line]:
            x, y = points[high - 1, 0] - gap_last[0], points[high - 1, 1] - gap_last[1]
            if np.hypot(x, y) >= gap_last[2]:
                break
            high -= 1
        if high - low < least:
            size = min(least, offset[line + 1] - offset[line])
            low = (low + high - size) // 2
            low = max(offset[line], min(low, offset[line + 1] - size))
            high = low + size
        kept[line, 0], kept[line, 1] = low, high
    return kept


@compiled
def line_ends(
    points: NDArray[np.float64], offset: NDArray[np.int64], arm: NDArray[np.int64], degree: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give where each line ends and in which direction, from a fit to its last points.

    Parameters
    ----------
    points, offset
        As in `smooth_lines`; lines of one point have no direction.
    arm : ndarray of shape (K,), int64
        Points of a line that are fitted at either end.
    degree : {1, 2}
        Of the fit: a straight line, or a parabola where there are eight points or more.

    Returns
    -------
    anchor, direction : ndarray of shape (K, 2, 2), float64
        For the first and the last end: the fit beside the end, and its unit vector outwards there.
    bend : ndarray of shape (K, 2, 2), float64
        Half the second derivative of the fit; 0 for a straight one.
    """
    n_lines = len(offset) - 1
    bends = np.zeros((n_lines, 2, 2))
    anchor = np.zeros((n_lines, 2, 2))
    direction = np.zeros((n_lines, 2, 2))
    for line in range(n_lines):
        begin, n = offset[line], offset[line + 1] - offset[line]
        if n == 0:
            continue
        size = min(n, max(2, arm[line]))
        half = (size - 1) / 2
        spread = size * (size * size - 1.0) / 12  # sum of t * t for t from -half to half
        level = (size * size - 1.0) / 12  # and its mean
        wider = spread * (size * size - 4.0) / 15  # sum of (t * t - level) squared
        for end in range(2):
            at, step = (begin, 1) if end == 0 else (begin + n - 1, -1)
            for d in range(2):
                mean = slope = bend = 0.0
                for k in range(size):
                    t, x = k - half, points[at + k * step, d]
                    mean += x / size
                    slope += t * x
                    bend += (t * t - level) * x
                slope = slope / spread if size > 1 else 0.0
                bend = bend / wider if degree == 2 and size >= _LEAST_BENT else 0.0
                anchor[line, end, d] = mean - slope * half + bend * (half * half - level)
                direction[line, end, d] = 2 * bend * half - slope
                bends[line, end, d] = bend
            long = np.hypot(direction[line, end, 0], direction[line, end, 1])
            if long > 0:
                direction[line, end] /= long
    return anchor, direction, bends


@compiled
def _turn(points: NDArray[np.float64], a: int, b: int, c: int, d: int) -> float:
    """Give the angle between the steps from `a` to `b` and from `c` to `d`, in radians, with its sign."""
    ux, uy = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    vx, vy = points[d, 0] - points[c, 0], points[d, 1] - points[c, 1]
    return float(np.arctan2(ux * vy - uy * vx, ux * vx + uy * vy))


@compiled
def find_corners(
    points: NDArray[np.float64],
    offset: NDArray[np.int64],
    closed: NDArray[np.bool_],
    gap: NDArray[np.int64],
    arm: NDArray[np.int64],
    least_turn: float,
) -> NDArray[np.bool_]:
    """Find the points where a line turns at once, and not as an arc does.

    Parameters
    ----------
    points, offset, closed
        As in `smooth_lines`.
    gap, arm : ndarray of shape (K,), int64, points
        What is left out on either side of a corner, and how much of the line beyond it says where it goes.
    least_turn : float, radians
        Smaller turns are no corners.

    Returns
    -------
    ndarray of shape (P,), bool
        True at a corner: the sharpest within `gap` and `arm`.

    Notes
    -----
    The turn between the two arms, or that less what they turn themselves, carried on over the gap, whichever is
    smaller. The latter is nothing on an arc of any radius and all of it at a corner between straight lines; the former
    is nothing on a staircase.
    """
    is_corner = np.zeros(len(points), np.bool_)
    excess = np.zeros(len(points))
    for line in range(len(offset) - 1):
        begin, n = offset[line], offset[line + 1] - offset[line]
        g, half = gap[line], max(1, arm[line] // 2)
        reach = g + 2 * half
        if n < 2 * reach + 1:
            continue
        for i in range(0 if closed[line] else reach, n if closed[line] else n - reach):
            at = (
                begin + (i - reach + n) % n,
                begin + (i - g - half + n) % n,
                begin + (i - g + n) % n,
                begin + (i + g) % n,
                begin + (i + g + half) % n,
                begin + (i + reach) % n,
            )
            whole = _turn(points, at[0], at[2], at[3], at[5])
            own = _turn(points, at[0], at[1], at[1], at[2]) + _turn(points, at[3], at[4], at[4], at[5])
            beyond = whole - own * (g + half) / half
            if whole * beyond > 0:
                excess[begin + i] = min(abs(whole), abs(beyond))
        for i in range(n):
            most = excess[begin + i]
            if most < least_turn:
                continue
            sharpest, count, total = True, 0, 0
            for t in range(-reach, reach + 1):
                if not closed[line] and not 0 <= i + t < n:
                    continue
                other = excess[begin + (i + t + n) % n]
                if other > most or (other == most and t < 0):
                    sharpest = False
                    break
                if abs(t) <= 2 * g and other > _TOP * most:
                    count += 1
                    total += t
            if sharpest:  # the turn is nearly the same all over the gap: the corner lies in the middle
                is_corner[begin + (i + int(np.rint(total / count)) + n) % n] = True
    return is_corner
