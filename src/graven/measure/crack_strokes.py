"""The skeleton of a network of cracks: spurs and loops that are none, and junctions that are one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graven.measure.stroke_graph import Stroke, StrokeGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CrackStrokes"]

SLACK = 1.0
"""Units that are added to every local width: half a pixel at either border of a mask."""

_MOST_BEND = math.radians(20)  # between the two halves of a crack that runs through
_LEAST_ANGLE = math.radians(12)  # cracks that meet at less run side by side for ten widths and more
_ARM = 8  # pixels of a stroke at least that say where it comes from

Arm = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


class CrackStrokes(StrokeGraph):
    """Cracks between ends and junctions, as thin as a pixel: widths are compared with half a pixel at either border."""

    def simplify(self) -> None:
        """Prune spurs and loops, and join the junctions that are one."""
        self.prune()
        self.drop_loops()
        self.snap()
        self.drop_loops()
        self.join_crossings()

    def is_spur(self, edge: Stroke) -> bool:
        """Whether a free stroke, with the half width that it lacks at its tip, is shorter than the local width."""
        if edge.a < 0 or (len(self.at[edge.a]) == 1) == (len(self.at[edge.b]) == 1):
            return False
        junction, tip = (edge.a, -1) if len(self.at[edge.a]) > 1 else (edge.b, 0)
        length = edge.length + self.width[edge.pixels[tip]] / 2
        return bool(length < self.node_width[junction] + SLACK)

    def is_one(self, a: int, b: int, length: float) -> bool:
        """Whether the discs of two junctions touch."""
        return bool(length < self.node_width[[a, b]].mean() + SLACK)

    def drop_loops(self) -> None:
        """Remove what goes round no more than the disc of a junction: loops, and the longer of two strokes."""
        by_ends: dict[tuple[int, int], int] = {}
        for length, number in sorted((edge.length, number) for number, edge in self.edges.items()):
            edge = self.edges[number]
            if edge.a < 0:
                continue
            ends = min(edge.a, edge.b), max(edge.a, edge.b)
            first = by_ends.setdefault(ends, number)
            around = length if edge.a == edge.b else length + self.edges[first].length
            if (edge.a == edge.b or first != number) and around <= math.pi * (self.node_width[[*ends]].max() + SLACK):
                self.remove(number)
        for node in range(len(self.at)):
            self.join(node)

    def join_crossings(self) -> None:
        """Make one node of two branchings wherever both pairs of strokes beyond them run straight through.

        Strokes of width ``w`` that cross at the angle ``t`` cover each other over a length of ``w / sin(t / 2)``, so
        branchings that are no farther from each other may be one crossing. They are where each stroke at one has its
        straight continuation at the other, aside by no more than half the width.
        """
        for number in sorted(self.edges):
            edge = self.edges.get(number)
            if edge is None or edge.a < 0 or edge.a == edge.b:
                continue
            if len(self.at[edge.a]) != 3 or len(self.at[edge.b]) != 3:
                continue
            width = float(self.node_width[[edge.a, edge.b]].min()) + SLACK
            if edge.length <= width / math.sin(_LEAST_ANGLE / 2) and self._is_crossing(number, width):
                covered = edge.length + width
                self.join_nodes(number)
                self.node_width[edge.a] = max(self.node_width[edge.a], covered)

    def _is_crossing(self, number: int, width: float) -> bool:
        edge = self.edges[number]
        first, second, third, fourth = (
            self._arm(other, node) for node in (edge.a, edge.b) for other in self.at[node] if other != number
        )
        if first is None or second is None or third is None or fourth is None:
            return False
        for one, other in (((first, third), (second, fourth)), ((first, fourth), (second, third))):
            if _run_through(*one, width) and _run_through(*other, width):
                angle = _angle(one[0][1] - one[1][1], other[0][1] - other[1][1])
                if angle >= _LEAST_ANGLE and edge.length <= width / math.sin(angle / 2) + 2 * SLACK:
                    return True
        return False

    def _arm(self, number: int, node: int) -> Arm | None:
        """Give middle and direction, away from the node, of the first piece of a stroke outside the node's disc."""
        edge = self.edges[number]
        if edge.a == edge.b:
            return None
        points = self.points[edge.pixels if edge.a == node else edge.pixels[::-1]]
        skip = math.ceil(self.node_width[node] / 2 + SLACK)
        size = max(_ARM, math.ceil(self.node_width[node]))
        piece = points[skip : skip + size]
        if len(piece) < _ARM // 2:
            return None
        middle = piece.mean(axis=0)
        slope = (np.arange(len(piece)) - (len(piece) - 1) / 2) @ (piece - middle)
        return middle, slope / np.hypot(*slope)


def _run_through(one: Arm, other: Arm, width: float) -> bool:
    """Whether two arms point away from each other and lie on one line."""
    if one[1] @ other[1] > -math.cos(_MOST_BEND):
        return False
    along = one[1] - other[1]
    along /= np.hypot(*along)
    aside = other[0] - one[0]
    return bool(abs(along[0] * aside[1] - along[1] * aside[0]) <= width / 2)


def _angle(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Give the angle between two lines, at most a right one."""
    cosine = abs(one @ other) / (np.hypot(*one) * np.hypot(*other))
    return math.acos(min(1.0, cosine))
