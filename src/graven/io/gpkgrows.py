"""Rows of the layers of a GeoPackage: which columns there are, and what stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shapely

from graven.io.records import columns_of, known, measures_to_json, stroke_measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from graven.io.vectorframe import Placement
    from graven.types import ClassTable, Trace

__all__ = ["COLUMNS", "TEXT_COLUMNS", "WHOLE_COLUMNS", "Row", "region_rows", "stroke_rows"]

Row = dict[str, str | int | float | None]

COLUMNS = (
    *("uid", "number", "class_id", "class", "class_uri", "status", "confidence"),
    *("area_mm2", "length_mm", "width_mean_mm", "width_p95_mm", "width_sigma_mm"),
    *("creator", "generator", "run_id", "created", "modified", "note"),
)
"""What every layer has, in this order; other measures follow."""

_LISTED = COLUMNS[7:12]

TEXT_COLUMNS = frozenset(
    {
        *("uid", "class", "class_uri", "status", "creator", "generator", "run_id", "created", "modified", "note"),
        *("measures", "kind", "contact"),
    }
)
WHOLE_COLUMNS = frozenset({"number", "class_id", "part", "degree", "network", "is_open"})


def region_rows(
    traces: Sequence[Trace], placement: Placement, classes: ClassTable, shared: Row
) -> Iterator[tuple[bytes, Row]]:
    """Yield geometry (WKB) and columns of each trace that has an area."""
    for trace in traces:
        if trace.polygons:
            shape = shapely.MultiPolygon([(rings[0], rings[1:]) for rings in placement.parts(trace.polygons)])
            measured = columns_of(trace.measures)
            listed = {column: measured.pop(column, None) for column in _LISTED}
            row = _head(trace, classes) | listed | shared | measured | {"measures": measures_to_json(trace.measures)}
            yield shapely.to_wkb(shape), row


def stroke_rows(
    traces: Sequence[Trace], placement: Placement, classes: ClassTable, shared: Row
) -> Iterator[tuple[bytes, Row]]:
    """Yield geometry (WKB) and columns of each centre-line; a trace that is one line has all its measures there."""
    for trace in traces:
        is_line = not trace.polygons and len(trace.lines) == 1
        whole: Row = {**columns_of(trace.measures)} if is_line else {}
        if (mean := trace.measures.get("width_mean")) is not None and whole:
            whole[f"width_sigma_{mean.unit}"] = mean.sigma
        for index, line in enumerate(trace.lines):
            width, p95 = stroke_measure(trace, index, "width"), stroke_measure(trace, index, "width_p95")
            row = _head(trace, classes) | {"part": index + 1} | dict.fromkeys(_LISTED) | whole
            if width is not None:
                unit = width.unit
                row |= {f"width_{unit}": width.value, f"width_mean_{unit}": width.value}
                row |= {f"width_sigma_{unit}": width.sigma}
            if p95 is not None:
                row |= {f"width_p95_{p95.unit}": p95.value}
            length = stroke_measure(trace, index, "length")
            if length is not None:
                row |= {f"length_{length.unit}": length.value}
            row |= shared | {"measures": measures_to_json(trace.measures) if index == 0 else None}
            yield shapely.to_wkb(shapely.LineString(placement.points(line))), row


def _head(trace: Trace, classes: ClassTable) -> Row:
    return {
        "uid": trace.uid,
        "number": trace.number,
        "class_id": trace.class_id,
        "class": classes[trace.class_id].name,
        "class_uri": None,
        "status": trace.status,
        "confidence": known(trace.confidence),
        "creator": trace.creator,
    }
