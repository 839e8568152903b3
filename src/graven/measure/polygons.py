"""Outlines of objects along pixel edges: exact, valid, canonical.

A corner of an outline lies where a run begins or ends in one row and not, or the other way round, in the next. Sorted
by rows, corners pair up to horizontal stretches; sorted by columns, to vertical ones; walking from stretch to stretch
gives the rings. No pixel is looked at again, so the size of an object does not matter, only that of its outline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from graven.measure.components import label_runs
from graven.measure.outlines import follow_rings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.measure.components import Components, Runs
    from graven.types import Ring

__all__ = ["outer_rings", "signed_area", "trace_polygons"]


def trace_polygons(components: Components) -> list[tuple[tuple[Ring, ...], ...]]:
    """Trace the outlines of all objects.

    Parameters
    ----------
    components : Components
        Objects of a mask.

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
    runs = components.runs
    if len(runs) == 0:
        return []
    x, y, run, is_start, is_below = _corners(runs)
    by_column = np.lexsort((is_below, y, x))
    vertical = np.empty(len(x), np.int64)
    vertical[by_column[::2]], vertical[by_column[1::2]] = by_column[1::2], by_column[::2]
    twin = np.full(len(x), -1, np.int64)
    pinch = np.flatnonzero((x[1:] == x[:-1]) & (y[1:] == y[:-1]))
    twin[pinch], twin[pinch + 1] = pinch + 1, pinch
    order, offset, double_area = follow_rings(x, y, vertical, twin, is_start)

    first = order[offset[:-1]]
    part = label_runs(runs, connectivity=4)[run[first]]
    owner = components.label[run[first]]
    sequence = np.lexsort((x[first], y[first], double_area < 0, part, owner))
    points = np.stack([x[order], y[order]], axis=1).astype(np.float64)
    objects: list[list[list[Ring]]] = [[] for _ in range(len(components))]
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


def _corners(runs: Runs) -> tuple[NDArray[Any], ...]:
    """Find the corners of all outlines, sorted by ``(y, x)``.

    Returns
    -------
    x, y : ndarray of shape (N,), int32, pixels
        The corner.
    run : ndarray of shape (N,), int64
        The run whose end lies on the vertical stretch of the corner.
    is_start : ndarray of shape (N,), bool
        Whether that end is the start of the run.
    is_below : ndarray of shape (N,), bool
        Whether the vertical stretch goes down from the corner.

    Notes
    -----
    Each end of a run is a vertical edge one pixel long, with an upper and a lower point. A point that two edges share
    is no corner when both are starts or both are stops: the outline goes straight on. When one is a start and the other
    a stop, two pixels touch there at their corners; both points stay, the stop before the start, so that the left
    stretch ends before the right one begins.
    """
    index = np.arange(len(runs))
    x = np.concatenate([runs.start, runs.stop] * 2)
    y = np.concatenate([runs.row, runs.row, runs.row + 1, runs.row + 1])
    run = np.concatenate([index] * 4)
    is_start = np.repeat([True, False, True, False], len(runs))
    is_below = np.repeat([True, True, False, False], len(runs))
    order = np.lexsort((is_start, x, y))
    x, y, run, is_start, is_below = x[order], y[order], run[order], is_start[order], is_below[order]
    straight = (x[1:] == x[:-1]) & (y[1:] == y[:-1]) & (is_start[1:] == is_start[:-1])
    keep = np.ones(len(x), bool)
    keep[1:] &= ~straight
    keep[:-1] &= ~straight
    return x[keep], y[keep], run[keep], is_start[keep], is_below[keep]
