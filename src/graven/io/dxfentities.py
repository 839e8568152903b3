"""Entities of a DXF drawing as text, one figure at a time, so that memory does not grow with the drawing.

Group codes as in the DXF reference of AutoCAD 2010; colour and line type are those of the layer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from graven.io.records import known, stroke_measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from graven.io.vectorframe import Placement
    from graven.types import ClassTable, Ring, Trace

__all__ = ["APPID", "count_entities", "entity_texts"]

APPID = "GRAVEN"
"""Application name of the XDATA on every entity."""

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
        return f"  0\n{kind}\n  5\n{handle - 1:X}\n330\n{owner}\n100\nAcDbEntity\n  8\n{layer}\n"

    scale = abs(placement.determinant) ** 0.5
    number = _formatted(placement.decimals)
    for trace in traces:
        stem, xdata = stems[trace.class_id], _xdata(trace)
        chunks = []
        for part in placement.parts(trace.polygons):
            chunks += [head("HATCH", f"{stem}_AREA"), _hatch(part, number), xdata]
            for ring in part:
                chunks += [head("LWPOLYLINE", f"{stem}_OUTLINE"), _polyline(ring, None, number), xdata]
        for index, line in enumerate(trace.lines):
            measure = stroke_measure(trace, index, "width")
            width = 0.0 if measure is None else measure.value * (1 if measure.unit == placement.unit else scale)
            chunks += [head("LWPOLYLINE", f"{stem}_LINE"), _polyline(placement.points(line), width, number), xdata]
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


def _hatch(part: Sequence[Ring], number: Callable[[float], str]) -> str:
    chunks = ["100\nAcDbHatch\n 10\n0\n 20\n0\n 30\n0\n210\n0\n220\n0\n230\n1\n  2\nSOLID\n 70\n1\n 71\n0\n"]
    chunks.append(f" 91\n{len(part)}\n")
    for position, ring in enumerate(part):
        flag = (_EXTERNAL if position == 0 else _OUTERMOST) | _POLYLINE
        chunks.append(f" 92\n{flag}\n 72\n0\n 73\n1\n 93\n{len(ring) - 1}\n")
        chunks += [f" 10\n{number(x)}\n 20\n{number(y)}\n" for x, y in ring[:-1].tolist()]
        chunks.append(" 97\n0\n")
    chunks.append(" 75\n0\n 76\n1\n 98\n0\n")
    return "".join(chunks)


def _polyline(points: Ring, width: float | None, number: Callable[[float], str]) -> str:
    """Write a ring, or a line with a width at the start and end of each stretch."""
    is_loop = bool((points[0] == points[-1]).all())
    vertices = (points[:-1] if is_loop else points).tolist()
    wide = "" if width is None else f" 40\n{number(width)}\n 41\n{number(width)}\n"
    chunks = [f"100\nAcDbPolyline\n 90\n{len(vertices)}\n 70\n{int(is_loop)}\n"]
    chunks += [f" 10\n{number(x)}\n 20\n{number(y)}\n{wide}" for x, y in vertices]
    return "".join(chunks)


def _formatted(decimals: int) -> Callable[[float], str]:
    def number(value: float) -> str:
        text = f"{value:.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    return number
