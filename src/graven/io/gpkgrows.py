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
    {"uid", "class", "class_uri", "status", "creator", "generator", "run_id", "created", "modified", "note", "measures"}
)
WHOLE_COLUMNS = frozenset({"number", "class_id", "part"})


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
    """Yield geometry (WKB) and columns of each centre-line."""
    for trace in traces:
        for index, line in enumerate(trace.lines):
            width, p95 = stroke_measure(trace, index, "width"), stroke_measure(trace, index, "width_p95")
            row = _head(trace, classes) | {"part": index + 1} | dict.fromkeys(_LISTED)
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
