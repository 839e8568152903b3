"""Outlines of objects along pixel edges: exact, valid, canonical.

A corner of an outline lies where a run begins or ends in one row and not, or the other way round, in the next. Along a
row, corners pair up to horizontal stretches; along a column, to vertical ones; walking from stretch to stretch gives
the rings. No pixel is looked at again, so the size of an object does not matter, only that of its outline. Objects
share no corner, so a large panel is traced some objects at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from graven.measure.components import find_components, read_runs
from graven.measure.outlines import follow_rings
from graven.measure.sweeps import find_corners, join_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from graven.measure.components import Components
    from graven.types import Ring

__all__ = ["mask_outline", "outer_rings", "signed_area", "trace_polygons"]

RUNS_AT_A_TIME = 1 << 18


def trace_polygons(
    components: Components, *, runs_at_a_time: int = RUNS_AT_A_TIME
) -> list[tuple[tuple[Ring, ...], ...]]:
    """Trace the outlines of all objects.

    Parameters
    ----------
    components : Components
        Objects of a mask.
    runs_at_a_time : int, >= 1
        How many runs are traced together, more where one object has more; the result does not depend on it.

    Returns
    -------
    list of tuple of tuple of Ring
        For each object its parts, for each part the exterior and then the holes. Rings are float64 of shape (N, 2),
        ``(x, y)`` in pixels from the outer corner of the top-left pixel, closed, without collinear vertices, and begin
        at their topmost, then leftmost vertex.

    Notes
    -----
    *Area.* The shoelace sum of an exterior is positive in this frame (x right, y down: clockwise as seen), that of a
    hole negative; the sum over all rings of an object is its pixel count, exactly.

    *Validity.* An object is 8-connected; each of its parts is 4-connected, so parts may touch at points but not along
    lines. Where a part or a hole would touch itself at a point the ring is cut there in two, so every polygon is valid
    in the sense of OGC Simple Features (ISO 19125-1, 6.1.11).

    *Order.* Parts follow each other in raster order of their first pixels, holes in that of their first vertices.

    Examples
    --------
    >>> from graven.measure.components import Runs, find_components, runs_of
    >>> mask = np.array([[1, 1], [1, 0]], bool)
    >>> outline = trace_polygons(find_components(Runs(*runs_of(mask), height=2, width=2)))[0][0][0]
    >>> outline.astype(int).tolist()
    [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2], [0, 0]]
    """
    objects: list[tuple[tuple[Ring, ...], ...]] = []
    runs = components.runs
    for chosen, owner in _shares(components.label, len(components), runs_at_a_time):
        objects += _trace(runs.row[chosen], runs.start[chosen], runs.stop[chosen], owner)
    return objects


def mask_outline(mask: NDArray[np.bool_]) -> tuple[tuple[Ring, ...], ...]:
    """Trace all that is True in a mask as one area.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        Any.

    Returns
    -------
    tuple of tuple of Ring
        Parts with their rings, as `trace_polygons` gives them of one object; empty where nothing is True.

    Examples
    --------
    >>> [part[0].astype(int).tolist() for part in mask_outline(np.ones((2, 3), bool))]
    [[[0, 0], [3, 0], [3, 2], [0, 2], [0, 0]]]
    """
    height, width = mask.shape
    runs = read_runs(lambda window: mask[window.slices()], height=height, width=width)
    return tuple(part for parts in trace_polygons(find_components(runs)) for part in parts)


def _shares(
    label: NDArray[np.int32], n_objects: int, runs_at_a_time: int
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Divide objects into shares of consecutive ones; yield the runs of each in raster order, and their objects."""
    ends = np.cumsum(np.bincount(label, minlength=n_objects))
    by_object = np.argsort(label, kind="stable").astype(np.int32)
    first = done = 0
    while first < n_objects:
        last = max(first + 1, int(np.searchsorted(ends, done + runs_at_a_time, side="right")))
        chosen = np.sort(by_object[done : ends[last - 1]])
        yield chosen, (label[chosen] - first).astype(np.int32)
        first, done = last, int(ends[last - 1])


def _trace(
    row: NDArray[np.int32], start: NDArray[np.int32], stop: NDArray[np.int32], label: NDArray[np.int32]
) -> list[tuple[tuple[Ring, ...], ...]]:
    """Trace objects of which each has a run, numbered from 0 without gaps."""
    x, y, run, is_start, vertical, twin = find_corners(row, start, stop)
    order, offset, double_area = follow_rings(x, y, vertical, twin, is_start)
    first = order[offset[:-1]]
    part = join_runs(row, start, stop, 0)[0][run[first]]
    owner = label[run[first]]
    sequence = np.lexsort((x[first], y[first], double_area < 0, part, owner))
    points = np.stack([x[order], y[order]], axis=1).astype(np.float64)
    objects: list[list[list[Ring]]] = [[] for _ in range(int(label.max()) + 1)]
    last_part = -1
    for ring in sequence:
        closed = np.concatenate([points[offset[ring] : offset[ring + 1]], points[offset[ring]][None]])
        if part[ring] != last_part:
            objects[owner[ring]].append([])
            last_part = part[ring]
        objects[owner[ring]][-1].append(closed)
    return [tuple(tuple(rings) for rings in parts) for parts in objects]


def signed_area(ring: Ring) -> float:
    """Compute the shoelace area of a closed ring.

    Parameters
    ----------
    ring : ndarray of shape (N, 2), float64, pixels
        Closed ring.

    Returns
    -------
    float, square pixels
        Positive for exteriors as `trace_polygons` orients them.
    """
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2


def outer_rings(polygons: tuple[tuple[Ring, ...], ...]) -> list[Ring]:
    """Give the exteriors that lie in no other exterior: the outline of the object with everything inside filled.

    Parameters
    ----------
    polygons : tuple of tuple of Ring
        One object as `trace_polygons` gives it.

    Returns
    -------
    list of Ring
        Exteriors that share no area.

    Notes
    -----
    A part that lies inside a hole of its neighbour touches it at a point. Exteriors never cross, so a part lies inside
    another when one point of its interior does; a tree of these points keeps the search short for objects that a noisy
    mask has broken into thousands of parts.
    """
    exteriors = [rings[0] for rings in polygons]
    if len(exteriors) == 1:
        return exteriors
    # the first vertex is a top left corner, so this is the centre of a pixel
    inside = [shapely.Point(ring[0] + 0.5) for ring in exteriors]
    around, within = shapely.STRtree(inside).query([shapely.Polygon(ring) for ring in exteriors], predicate="contains")
    hidden = set(within[around != within].tolist())
    return [ring for index, ring in enumerate(exteriors) if index not in hidden]
