"""Centre-lines: the skeleton as a graph, its spurs pruned, its junctions snapped, its lines simplified and measured."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from graven.measure.paths import paths_between_nodes
from graven.measure.skeleton import skeleton_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    graph = _Graph(xy * size, skeleton.width, paths.node, paths.n_nodes)
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


@dataclass(slots=True)
class _Edge:
    pixels: NDArray[np.int64]
    a: int
    b: int
    length: float


class _Graph:
    """Strokes between nodes, while they are pruned and joined; node -1 closes a loop that has none."""

    def __init__(
        self, points: NDArray[np.float64], width: NDArray[np.float64], node: NDArray[np.int64], n_nodes: int
    ) -> None:
        self.points, self.width = points, width
        of_node = np.flatnonzero(node >= 0)
        count = np.maximum(np.bincount(node[of_node], minlength=n_nodes), 1)[:, None]
        columns = [np.bincount(node[of_node], weights=points[of_node, axis], minlength=n_nodes) for axis in (0, 1)]
        self.position = np.stack(columns, axis=1) / count
        self.node_width = np.zeros(n_nodes)
        np.maximum.at(self.node_width, node[of_node], width[of_node])
        self.edges: dict[int, _Edge] = {}
        self.at: list[list[int]] = [[] for _ in range(n_nodes)]
        self.next_id = 0

    def add(self, pixels: NDArray[np.int64], a: int, b: int) -> int:
        """Add a stroke and give its number."""
        number, self.next_id = self.next_id, self.next_id + 1
        self.edges[number] = _Edge(pixels, a, b, float(np.hypot(*np.diff(self.points[pixels], axis=0).T).sum()))
        for node in (a, b):
            if node >= 0:
                self.at[node].append(number)
        return number

    def remove(self, number: int) -> _Edge:
        """Take a stroke out."""
        edge = self.edges.pop(number)
        for node in (edge.a, edge.b):
            if node >= 0:
                self.at[node].remove(number)
        return edge

    def prune(self) -> None:
        """Remove spurs, shortest first, and join what then runs through."""
        for node in range(len(self.at)):
            self.join(node)
        queue = [(edge.length, number) for number, edge in self.edges.items() if self.is_spur(edge)]
        heapq.heapify(queue)
        while queue:
            _, number = heapq.heappop(queue)
            if number not in self.edges or not self.is_spur(self.edges[number]):
                continue
            edge = self.remove(number)
            for node in (edge.a, edge.b):
                joined = self.join(node)
                if joined is not None and self.is_spur(self.edges[joined]):
                    heapq.heappush(queue, (self.edges[joined].length, joined))

    def is_spur(self, edge: _Edge) -> bool:
        """Whether a stroke ends free at one end, meets others at the other and is shorter than the object is wide."""
        if edge.a < 0 or (len(self.at[edge.a]) == 1) == (len(self.at[edge.b]) == 1):
            return False
        junction = edge.a if len(self.at[edge.a]) > 1 else edge.b
        return bool(edge.length < self.node_width[junction])

    def join(self, node: int) -> int | None:
        """Make one stroke of two that meet at a node and no others do."""
        if len(self.at[node]) != 2 or self.at[node][0] == self.at[node][1]:
            return None
        first, second = (self.remove(number) for number in list(self.at[node]))
        head = first.pixels if first.b == node else first.pixels[::-1]
        tail = second.pixels if second.a == node else second.pixels[::-1]
        a = first.a if first.b == node else first.b
        b = second.b if second.a == node else second.a
        return self.add(np.concatenate([head, tail[1:] if head[-1] == tail[0] else tail]), a, b)

    def snap(self) -> None:
        """Make one node of two junctions that are nearer than the local width, nearest first."""
        queue = sorted((edge.length, number) for number, edge in self.edges.items())
        for length, number in queue:
            edge = self.edges[number]
            a, b = edge.a, edge.b
            if a == b or min(len(self.at[a]), len(self.at[b])) < 3:
                continue
            if length >= min(self.node_width[a], self.node_width[b]):
                continue
            self.remove(number)
            self.position[a] = (self.position[a] + self.position[b]) / 2
            self.node_width[a] = max(self.node_width[a], self.node_width[b])
            for other in list(self.at[b]):
                moved = self.edges[other]
                moved.a, moved.b = (a if node == b else node for node in (moved.a, moved.b))
            self.at[a] += self.at[b]
            self.at[b] = []

    def strokes(self) -> list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
        """Give pixels, points from node to node and local widths of each stroke, in raster order."""
        found = []
        for edge in self.edges.values():
            pixels = edge.pixels if edge.pixels[0] <= edge.pixels[-1] else edge.pixels[::-1]
            a, b = (edge.a, edge.b) if pixels is edge.pixels else (edge.b, edge.a)
            points = self.points[pixels]
            widths = self.width[pixels]
            free = np.ones(len(pixels), bool)
            for node in (a, b):
                if node >= 0:
                    free &= np.hypot(*(points - self.position[node]).T) > self.node_width[node] / 2
            if a >= 0:
                points = np.concatenate([self.position[a][None], points, self.position[b][None]])
            found.append((pixels, points, widths[free] if free.any() else widths))
        return sorted(found, key=lambda stroke: (stroke[0].min(), stroke[0][0], len(stroke[0])))
