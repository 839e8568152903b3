"""Entities of a DXF drawing as text, one figure at a time, so that memory does not grow with the drawing.

Group codes as in the DXF reference of AutoCAD 2010; colour and line type are those of the layer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from graven.io.records import known, stroke_measure
from graven.io.textstream import plain_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from graven.io.vectorframe import Placement
    from graven.types import ClassTable, Ring, Trace

__all__ = ["APPID", "ENTITY", "count_entities", "entity_texts"]

APPID = "GRAVEN"
"""Application name of the XDATA on every entity."""

ENTITY = "100\nAcDbEntity\n"
"""What every entity holds once, before anything that is its own."""

_EXTERNAL, _OUTERMOST, _POLYLINE = 1, 16, 2  # kinds of hatch boundaries


def count_entities(traces: Sequence[Trace]) -> int:
    """Count the entities that `entity_texts` makes: hatches, outlines, centre-lines and numbers."""
    return sum(
        len(trace.polygons) + sum(len(part) for part in trace.polygons) + len(trace.lines) + 1 for trace in traces
    )


def entity_texts(
    traces: Sequence[Trace],
    *,
    classes: ClassTable,
    placement: Placement,
    stems: dict[int, str],
    owner: str,
    first_handle: int,
    text_height: float,
) -> Iterator[str]:
    """Yield the entities of each trace.

    Parameters
    ----------
    traces : sequence of Trace
        In the order of the drawing.
    classes : ClassTable
        Letter codes for the numbers.
    placement : Placement
        Frame of the drawing.
    stems : dict of int to str
        Beginning of the layer names of each class.
    owner : str
        Handle of the model space.
    first_handle : int
        Handle of the first entity; those of the others follow one by one.
    text_height : float
        Height of the numbers in drawing units.

    Yields
    ------
    str
        Tags of all entities of one trace.
    """
    handle = first_handle

    def head(kind: str, layer: str) -> str:
        nonlocal handle
        handle += 1
        return f"  0\n{kind}\n  5\n{handle - 1:X}\n330\n{owner}\n{ENTITY}  8\n{layer}\n"

    scale = abs(placement.determinant) ** 0.5
    number = plain_number(placement.decimals)
    for trace in traces:
        stem, xdata = stems[trace.class_id], _xdata(trace)
        chunks = []
        for part in placement.parts(trace.polygons):
            rings = [_vertices(ring[:-1], number) for ring in part]
            sizes = [len(ring) - 1 for ring in part]
            chunks += [head("HATCH", f"{stem}_AREA"), _hatch(rings, sizes), xdata]
            for vertices, size in zip(rings, sizes, strict=True):
                chunks += [head("LWPOLYLINE", f"{stem}_OUTLINE"), _polyline(vertices, size, closed=True), xdata]
        for index, line in enumerate(trace.lines):
            measure = stroke_measure(trace, index, "width")
            width = 0.0 if measure is None else measure.value * (1 if measure.unit == placement.unit else scale)
            points = placement.points(line)
            is_loop = bool((points[0] == points[-1]).all())
            points = points[:-1] if is_loop else points
            vertices = _vertices(points, number, width=width)
            chunks += [head("LWPOLYLINE", f"{stem}_LINE"), _polyline(vertices, len(points), closed=is_loop), xdata]
        x_min, y_min, x_max, y_max = trace.bounds_px
        box = placement.points(np.array([[x_min, y_min], [x_max, y_min], [x_max, y_max], [x_min, y_max]]))
        x, y = (number(value) for value in box.max(axis=0))
        label = re.sub(r"[\x00-\x1f]", " ", classes[trace.class_id].code) + str(trace.number)
        chunks += [
            head("TEXT", f"{stem}_NUMBER"),
            f"100\nAcDbText\n 10\n{x}\n 20\n{y}\n 30\n0\n 40\n{number(text_height)}\n  1\n{label}\n100\nAcDbText\n",
            xdata,
        ]
        yield "".join(chunks)


def _xdata(trace: Trace) -> str:
    facts = [f"uid={trace.uid}", f"number={trace.number}", f"status={trace.status}"]
    if known(trace.confidence) is not None:
        facts.append(f"confidence={trace.confidence:.3f}")
    return f"1001\n{APPID}\n" + "".join(f"1000\n{fact}\n" for fact in facts)


def _hatch(rings: Sequence[str], sizes: Sequence[int]) -> str:
    chunks = ["100\nAcDbHatch\n 10\n0\n 20\n0\n 30\n0\n210\n0\n220\n0\n230\n1\n  2\nSOLID\n 70\n1\n 71\n0\n"]
    chunks.append(f" 91\n{len(rings)}\n")
    for position, (vertices, size) in enumerate(zip(rings, sizes, strict=True)):
        flag = (_EXTERNAL if position == 0 else _OUTERMOST) | _POLYLINE
        chunks += [f" 92\n{flag}\n 72\n0\n 73\n1\n 93\n{size}\n", vertices, " 97\n0\n"]
    chunks.append(" 75\n0\n 76\n1\n 98\n0\n")
    return "".join(chunks)


def _polyline(vertices: str, size: int, *, closed: bool) -> str:
    return f"100\nAcDbPolyline\n 90\n{size}\n 70\n{int(closed)}\n{vertices}"


def _vertices(points: Ring, number: Callable[[float], str], *, width: float | None = None) -> str:
    """Write points, with a width at the start and end of each stretch where there is one."""
    wide = "" if width is None else f" 40\n{number(width)}\n 41\n{number(width)}\n"
    xs, ys = (map(number, values) for values in points.T.tolist())
    return "".join(map(f" 10\n{{}}\n 20\n{{}}\n{wide}".format, xs, ys))
