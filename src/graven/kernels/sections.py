"""Compiled loops across lines: how far an object reaches to either side, and what an image shows there.

Points are ``(x, y)`` in pixels from the outer corner of the top-left pixel; directions are in pixels per unit of the
distances, so pixels need not be square. Between the centres of pixels values are interpolated linearly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cross_sections", "fold_profiles", "integrate_across", "side_levels", "walk_out"]

_STEP = 0.5  # of the walk across, and of the integrals


@compiled
def _value(image: NDArray[Any], x: float, y: float) -> float:
    """Give the value at a point; outside the centres of the border pixels it stays as it is there."""
    height, width = image.shape
    x, y = min(max(x - 0.5, 0.0), width - 1.0), min(max(y - 0.5, 0.0), height - 1.0)
    c, r = min(int(x), max(width - 2, 0)), min(int(y), max(height - 2, 0))
    fx, fy = x - c, y - r
    c1, r1 = min(c + 1, width - 1), min(r + 1, height - 1)
    above = image[r, c] + fx * (float(image[r, c1]) - image[r, c])
    below = image[r1, c] + fx * (float(image[r1, c1]) - image[r1, c])
    return float(above + fy * (below - above))


@compiled
def _walk(
    evidence: NDArray[Any],
    blocked: NDArray[np.bool_],
    at: tuple[float, float],
    along: tuple[float, float],
    bend: tuple[float, float],
    reach: float,
    level: float,
) -> tuple[float, float]:
    """Walk from a point inside until the evidence falls below a level, and on to whatever comes next."""
    height, width = evidence.shape
    before = _value(evidence, at[0], at[1])
    edge = -1.0
    t = 0.0
    while t < reach:
        t += _STEP
        x, y = at[0] + t * along[0] + t * t * bend[0], at[1] + t * along[1] + t * t * bend[1]
        if x < 0 or y < 0 or x >= width or y >= height or blocked[int(y), int(x)]:
            return (t - _STEP / 2, 0.0) if edge < 0 else (edge, t - _STEP / 2 - edge)
        here = _value(evidence, x, y)
        if edge < 0 and here < level:
            edge = t - _STEP * (level - here) / (before - here) if before > here else t
        elif edge >= 0 and here >= level:
            return edge, t - _STEP / 2 - edge
        before = here
    return (reach, 0.0) if edge < 0 else (edge, reach - edge)


@compiled
def walk_out(
    evidence: NDArray[Any],
    blocked: NDArray[np.bool_],
    xy: NDArray[np.float64],
    along: NDArray[np.float64],
    bend: NDArray[np.float64],
    reach: NDArray[np.float64],
    level: float,
) -> NDArray[np.float64]:
    """Walk along parabolas to where an object ends.

    Parameters
    ----------
    evidence, blocked, reach, level
        As in `cross_sections`.
    xy, along, bend : ndarray of shape (S, 2), float64
        Where to begin, in which direction, and half the change of that direction: at distance ``t`` the walk is at
        ``xy + t * along + t * t * bend``.

    Returns
    -------
    ndarray of shape (S,), float64
        Distance to the end of the object; 0 for a point that lies outside.
    """
    found = np.zeros(len(xy))
    for s in range(len(xy)):
        if _value(evidence, xy[s, 0], xy[s, 1]) >= level:
            found[s], _ = _walk(
                evidence,
                blocked,
                (xy[s, 0], xy[s, 1]),
                (along[s, 0], along[s, 1]),
                (bend[s, 0], bend[s, 1]),
                reach[s],
                level,
            )
    return found


@compiled
def cross_sections(
    evidence: NDArray[Any],
    blocked: NDArray[np.bool_],
    xy: NDArray[np.float64],
    normal: NDArray[np.float64],
    reach: NDArray[np.float64],
    level: float,
) -> NDArray[np.float64]:
    """Measure how far an object reaches to both sides of points inside it, and how far it is to the next one.

    Parameters
    ----------
    evidence : ndarray of shape (H, W)
        Mask or probability.
    blocked : ndarray of shape (H, W), bool
        Where a walk ends: nothing is known, or something else lies there.
    xy, normal : ndarray of shape (S, 2), float64
        Points and directions.
    reach : ndarray of shape (S,), float64
        How far to look.
    level : float
        Where the object ends.

    Returns
    -------
    ndarray of shape (S, 4), float64
        Distance to the end of the object along the normal and against it (0 for a point that lies outside), and the
        free distance beyond either end.
    """
    found = np.zeros((len(xy), 4))
    for s in range(len(xy)):
        if _value(evidence, xy[s, 0], xy[s, 1]) < level:
            continue
        for side in range(2):
            sign = 1.0 - 2.0 * side
            along = sign * normal[s, 0], sign * normal[s, 1]
            edge, free = _walk(evidence, blocked, (xy[s, 0], xy[s, 1]), along, (0.0, 0.0), reach[s], level)
            found[s, side], found[s, 2 + side] = edge, free
    return found


@compiled
def side_levels(
    image: NDArray[Any], xy: NDArray[np.float64], normal: NDArray[np.float64], zone: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the mean of an image along stretches across a line.

    Parameters
    ----------
    image : ndarray of shape (H, W)
        The image.
    xy, normal : ndarray of shape (S, 2), float64
        Points and directions.
    zone : ndarray of shape (S, 2), float64
        Where the stretch begins and ends; against the normal where negative.

    Returns
    -------
    ndarray of shape (S,), float64
        The means.
    """
    level = np.zeros(len(xy))
    for s in range(len(xy)):
        n = max(2, int(np.ceil(abs(zone[s, 1] - zone[s, 0]) / _STEP)) + 1)
        for k in range(n):
            t = zone[s, 0] + (zone[s, 1] - zone[s, 0]) * k / (n - 1)
            level[s] += _value(image, xy[s, 0] + t * normal[s, 0], xy[s, 1] + t * normal[s, 1]) / n
    return level


@compiled
def integrate_across(
    image: NDArray[Any],
    xy: NDArray[np.float64],
    normal: NDArray[np.float64],
    zone: NDArray[np.float64],
    base: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Integrate what an image lacks to a sloping base line across a line, and find its centre.

    Parameters
    ----------
    image, xy, normal, zone
        As in `side_levels`.
    base : ndarray of shape (S, 2), float64
        Value of the base line at the two ends of the stretch.

    Returns
    -------
    ndarray of shape (S, 2), float64
        The integral of base minus image, and that of the same times the distance from the point.
    """
    found = np.zeros((len(xy), 2))
    for s in range(len(xy)):
        long = zone[s, 1] - zone[s, 0]
        n = max(2, int(np.ceil(long / _STEP)))
        for k in range(n):
            share = (k + 0.5) / n
            t = zone[s, 0] + long * share
            lack = base[s, 0] + (base[s, 1] - base[s, 0]) * share
            lack -= _value(image, xy[s, 0] + t * normal[s, 0], xy[s, 1] + t * normal[s, 1])
            found[s, 0] += lack * long / n
            found[s, 1] += lack * t * long / n
    return found


@compiled
def fold_profiles(
    image: NDArray[Any],
    xy: NDArray[np.float64],
    normal: NDArray[np.float64],
    zone: NDArray[np.float64],
    base: NDArray[np.float64],
    group: NDArray[np.int64],
    n_groups: int,
    n_steps: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Add up the profiles of each group, both sides together, by distance from the line.

    Parameters
    ----------
    image, xy, normal, zone, base
        As in `integrate_across`; nothing is looked at beyond the zone.
    group : ndarray of shape (S,), int64
        Group of each point.
    n_groups, n_steps : int
        Number of groups, and of distances: 0, 1/2, 1 and so on.

    Returns
    -------
    total, count : ndarray of shape (n_groups, n_steps), float64
        Sum of base minus image, and of how many values.
    """
    total = np.zeros((n_groups, n_steps))
    count = np.zeros((n_groups, n_steps))
    for s in range(len(xy)):
        long = zone[s, 1] - zone[s, 0]
        for side in range(2):
            for k in range(n_steps):
                t = _STEP * k if side == 0 else -_STEP * k
                if not zone[s, 0] <= t <= zone[s, 1]:
                    break
                lack = base[s, 0] + (base[s, 1] - base[s, 0]) * (t - zone[s, 0]) / long
                lack -= _value(image, xy[s, 0] + t * normal[s, 0], xy[s, 1] + t * normal[s, 1])
                total[group[s], k] += lack
                count[group[s], k] += 1
    return total, count
