"""Centre-lines: the skeleton as a graph, its spurs pruned, its junctions snapped, its lines simplified and measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from graven.measure.paths import paths_between_nodes
from graven.measure.skeleton import skeleton_of
from graven.measure.stroke_graph import StrokeGraph

if TYPE_CHECKING:
    from graven.measure.components import Components
    from graven.types import Ring

__all__ = ["Centerline", "trace_centerlines"]


@dataclass(frozen=True, slots=True)
class Centerline:
    """One stroke between two ends or junctions.

    Attributes
    ----------
    points : ndarray of shape (N, 2), float64, pixels
        ``(x, y)`` from the outer corner of the top-left pixel; a closed loop repeats its first point.
    length, width_mean, width_p95 : float
        Length of the line, mean and 95th percentile of the local width, in the unit of the pixel size.
    """

    points: Ring
    length: float
    width_mean: float
    width_p95: float


def trace_centerlines(
    components: Components,
    *,
    size_x: float = 1.0,
    size_y: float = 1.0,
    tolerance: float | None = None,
    band_rows: int = 1024,
) -> list[tuple[Centerline, ...]]:
    """Trace the centre-lines of all objects.

    Parameters
    ----------
    components : Components
        Objects of a mask.
    size_x, size_y : float, > 0
        Width and height of a pixel; lengths and widths come in their unit.
    tolerance : float, optional
        How far a simplified line may leave the pixels of the skeleton, in the same unit. Default is half a pixel.
    band_rows : int, >= 1
        Rows thinned at a time; the result does not depend on it.

    Returns
    -------
    list of tuple of Centerline
        The strokes of each object, in raster order of their first skeleton pixels; empty for an object whose skeleton
        is a single point.

    Notes
    -----
    Lines are split at junctions. A spur, which is a line from a junction to a free end, goes when it is shorter than
    the local width at the junction, the shortest one first; what is left of a junction of two lines is one line.
    Junctions nearer to each other than the local width become one point. Widths are taken outside the discs around
    ends and junctions that are as wide as the object is there, unless nothing of the line is left outside. A line ends
    on the skeleton, which may be up to half a local width before the free end of the object.
    """
    size = np.array([size_x, size_y])
    skeleton = skeleton_of(components.runs, size_x=size_x, size_y=size_y, band_rows=band_rows)
    paths = paths_between_nodes(skeleton.row, skeleton.col)
    xy = np.stack([skeleton.col + 0.5, skeleton.row + 0.5], axis=1)
    graph = StrokeGraph(xy * size, skeleton.width, paths.node, paths.n_nodes)
    for pixels in paths.pixels:
        graph.add(pixels, int(paths.node[pixels[0]]), int(paths.node[pixels[-1]]))
    graph.prune()
    graph.snap()
    step = float(size.min()) / 2 if tolerance is None else tolerance
    lines: list[list[Centerline]] = [[] for _ in range(len(components))]
    owner = components.label[skeleton.run]
    for pixels, points, widths in graph.strokes():
        simple = shapely.get_coordinates(shapely.simplify(shapely.linestrings(points), step, preserve_topology=False))
        length = float(np.hypot(*np.diff(simple, axis=0).T).sum())
        if length > 0:
            line = Centerline(simple / size, length, float(widths.mean()), float(np.percentile(widths, 95)))
            lines[owner[pixels[0]]].append(line)
    return [tuple(strokes) for strokes in lines]
