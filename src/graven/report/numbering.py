"""Where the numbers of a drawing stand: beside their figures, never on top of one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

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
) -> tuple[str, int]:
    """Set numbers beside their objects, largest objects first, without two of them overlapping.

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

    Returns
    -------
    svg : str
        A group of ``<text>`` elements.
    n_left_out : int
        Objects whose number found no room at any of six places.
    """
    several = len(classes) > 1
    cell = 4 * size
    taken: dict[tuple[int, int], list[tuple[float, float, float, float]]] = {}
    texts, left_out = [], 0
    boxes = [(np.array(trace.bounds_px).reshape(2, 2) * factors, trace) for trace in traces]
    boxes.sort(key=lambda item: -float(np.prod(item[0][1] - item[0][0])))
    for (low, high), trace in boxes:
        text = f"{classes[trace.class_id].code if several else ''}{trace.number}"
        text_w = 0.58 * size * len(text)
        middle = (low + high) / 2
        gap = 0.3 * size
        places = (
            (high[0] + gap, middle[1] - size / 2),
            (middle[0] - text_w / 2, low[1] - size - gap),
            (middle[0] - text_w / 2, high[1] + gap),
            (low[0] - gap - text_w, middle[1] - size / 2),
            (high[0] + gap, low[1] - size),
            (high[0] + gap, high[1]),
        )
        for x, y in places:
            box = (x, y, x + text_w, y + size)
            cells = [
                (i, j)
                for i in range(int(box[0] // cell), int(box[2] // cell) + 1)
                for j in range(int(box[1] // cell), int(box[3] // cell) + 1)
            ]
            inside = x >= 0 and y >= 0 and box[2] <= frame[0] and box[3] <= frame[1]
            if inside and not any(_overlap(box, other) for key in cells for other in taken.get(key, [])):
                for key in cells:
                    taken.setdefault(key, []).append(box)
                texts.append(f'<text x="{x:.0f}" y="{y + 0.8 * size:.0f}">{escape(text)}</text>')
                break
        else:
            left_out += 1
    group = f'<g class="numbers" font-size="{size:g}" fill="#111" stroke="#fff" stroke-width="8" paint-order="stroke">'
    return group + "".join(texts) + "</g>", left_out


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
