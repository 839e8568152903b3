"""Where the numbers of a drawing stand: beside their figures, off the ink where possible, never on one another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from markupsafe import escape

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from graven.types import ClassTable, Trace

__all__ = ["place_numbers"]


def place_numbers(
    traces: Sequence[Trace],
    factors: NDArray[np.float64],
    frame: tuple[float, float],
    classes: ClassTable,
    *,
    size: float,
    numbered: Collection[str] | None = None,
) -> tuple[str, int]:
    """Set numbers beside their objects, largest objects first, without two of them overlapping.

    Of the free places, the one with the least ink under it is taken.

    Parameters
    ----------
    traces : sequence of Trace
        Objects in pixels of the input.
    factors : ndarray of shape (2,), float64
        Units of the drawing per pixel, x and y.
    frame : (float, float)
        Width and height of the drawing; a number stays inside.
    classes : ClassTable
        With several classes, the letter of the class stands before the number.
    size : float
        Height of the type in units of the drawing.
    numbered : collection of str, optional
        Ids of the objects that get a number; by default all. The others are avoided all the same.

    Returns
    -------
    svg : str
        A group of ``<text>`` elements.
    n_left_out : int
        Objects whose number found no room at any of eight places around them.
    """
    several = len(classes) > 1
    ink = _Ink(traces, factors, frame, cell=size / 6)
    chosen = [trace for trace in traces if numbered is None or trace.uid in numbered]
    order = sorted(chosen, key=lambda trace: -_extent(trace))
    taken = _Taken(cell=4 * size)
    texts = []
    for trace in order:
        text = f"{classes[trace.class_id].code if several else ''}{trace.number}"
        text_w = 0.58 * size * len(text)
        free = [
            (ink.under(box), i, box)
            for i, box in enumerate(_places(_points(trace) * factors, text_w, size))
            if box[0] >= 0 and box[1] >= 0 and box[2] <= frame[0] and box[3] <= frame[1] and not taken.meets(box)
        ]
        if free:
            _, _, box = min(free)
            taken.add(box)
            texts.append(f'<text x="{box[0]:.0f}" y="{box[1] + 0.8 * size:.0f}">{escape(text)}</text>')
    group = f'<g class="numbers" font-size="{size:g}" fill="#111" stroke="#fff" stroke-width="8" paint-order="stroke">'
    return group + "".join(texts) + "</g>", len(chosen) - len(texts)


Box = tuple[float, float, float, float]
"""``(x_min, y_min, x_max, y_max)`` in units of the drawing."""

_DIRECTIONS = ((1, 0), (0, -1), (0, 1), (-1, 0), (1, -1), (1, 1), (-1, -1), (-1, 1))


def _points(trace: Trace) -> NDArray[np.float64]:
    return np.concatenate([part[0] for part in trace.polygons] or list(trace.lines))


def _extent(trace: Trace) -> float:
    x_min, y_min, x_max, y_max = trace.bounds_px
    return (x_max - x_min) * (y_max - y_min)


def _places(points: NDArray[np.float64], text_w: float, size: float) -> list[Box]:
    """Boxes that touch the figure from outside: at its furthest point in each of eight directions."""
    gap = 0.35 * size
    boxes = []
    for dx, dy in _DIRECTIONS:
        x, y = points[int(np.argmax(points @ np.array([dx, dy], np.float64)))]
        left = x - text_w / 2 + dx * (text_w / 2 + gap)
        top = y - size / 2 + dy * (size / 2 + gap)
        boxes.append((float(left), float(top), float(left + text_w), float(top + size)))
    return boxes


class _Ink:
    """Where figures lie, on a coarse grid, so that numbers avoid them."""

    def __init__(
        self, traces: Sequence[Trace], factors: NDArray[np.float64], frame: tuple[float, float], *, cell: float
    ) -> None:
        self._cell = cell
        grid = np.zeros((math.ceil(frame[1] / cell) + 1, math.ceil(frame[0] / cell) + 1), np.uint8)
        for trace in traces:
            for part in trace.polygons:
                cv2.fillPoly(grid, [np.rint(ring * factors / cell - 0.5).astype(np.int32) for ring in part], 1)
            if not trace.polygons:
                lines = [np.rint(line * factors / cell - 0.5).astype(np.int32) for line in trace.lines]
                cv2.polylines(grid, lines, isClosed=False, color=1)
        self._sums = np.pad(grid.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def under(self, box: Box) -> int:
        """Count the inked cells under a box that lies in the frame."""
        x0, y0, x1, y1 = (
            int(box[0] / self._cell),
            int(box[1] / self._cell),
            math.ceil(box[2] / self._cell),
            math.ceil(box[3] / self._cell),
        )
        return int(self._sums[y1, x1] - self._sums[y0, x1] - self._sums[y1, x0] + self._sums[y0, x0])


class _Taken:
    """Boxes that are set, found again by the cells of a grid that they touch."""

    def __init__(self, *, cell: float) -> None:
        self._cell = cell
        self._boxes: dict[tuple[int, int], list[Box]] = {}

    def _keys(self, box: Box) -> list[tuple[int, int]]:
        columns = range(int(box[0] // self._cell), int(box[2] // self._cell) + 1)
        rows = range(int(box[1] // self._cell), int(box[3] // self._cell) + 1)
        return [(i, j) for i in columns for j in rows]

    def meets(self, box: Box) -> bool:
        return any(_overlap(box, other) for key in self._keys(box) for other in self._boxes.get(key, []))

    def add(self, box: Box) -> None:
        for key in self._keys(box):
            self._boxes.setdefault(key, []).append(box)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
