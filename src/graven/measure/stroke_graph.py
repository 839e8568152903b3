"""A skeleton as a graph of strokes, while its spurs are pruned and its junctions joined."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Stroke", "StrokeGraph"]


@dataclass(slots=True)
class Stroke:
    """Pixels from node `a` to node `b`, both ends included, and the length of the staircase through them."""

    pixels: NDArray[np.int64]
    a: int
    b: int
    length: float


class StrokeGraph:
    """Strokes between nodes; node -1 closes a loop that has none.

    Parameters
    ----------
    points : ndarray of shape (N, 2), float64
        Where the pixels are, in the unit of lengths.
    width : ndarray of shape (N,), float64
        Local width of the object at each pixel.
    node : ndarray of shape (N,), int64
        Node of each pixel, or -1 (`graven.measure.paths.Paths`).
    n_nodes : int
        Number of nodes.
    """

    def __init__(
        self,
        points: NDArray[np.float64],
        width: NDArray[np.float64],
        node: NDArray[np.int64],
        n_nodes: int,
    ) -> None:
        self.points, self.width = points, width
        of_node = np.flatnonzero(node >= 0)
        count = np.maximum(np.bincount(node[of_node], minlength=n_nodes), 1)[:, None]
        columns = [np.bincount(node[of_node], weights=points[of_node, axis], minlength=n_nodes) for axis in (0, 1)]
        self.position = np.stack(columns, axis=1) / count
        self.node_width = np.zeros(n_nodes)
        np.maximum.at(self.node_width, node[of_node], width[of_node])
        self.edges: dict[int, Stroke] = {}
        self.at: list[list[int]] = [[] for _ in range(n_nodes)]
        self.next_id = 0

    def add(self, pixels: NDArray[np.int64], a: int, b: int) -> int:
        """Add a stroke and give its number."""
        number, self.next_id = self.next_id, self.next_id + 1
        self.edges[number] = Stroke(pixels, a, b, float(np.hypot(*np.diff(self.points[pixels], axis=0).T).sum()))
        for node in (a, b):
            if node >= 0:
                self.at[node].append(number)
        return number

    def remove(self, number: int) -> Stroke:
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

    def is_spur(self, edge: Stroke) -> bool:
        """Whether a stroke ends free at one end, meets others at the other and is shorter than the object is wide."""
        if edge.a < 0 or (len(self.at[edge.a]) == 1) == (len(self.at[edge.b]) == 1):
            return False
        junction = edge.a if len(self.at[edge.a]) > 1 else edge.b
        return bool(edge.length < self.node_width[junction])

    def is_one(self, a: int, b: int, length: float) -> bool:
        """Whether two junctions are nearer to each other than the object is wide."""
        return bool(length < min(self.node_width[a], self.node_width[b]))

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
            if self.is_one(a, b, length):
                self.join_nodes(number)

    def join_nodes(self, number: int) -> None:
        """Make one node of the two that a stroke joins, and take it out."""
        edge = self.remove(number)
        a, b = edge.a, edge.b
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
