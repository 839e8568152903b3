"""Rows of a GeoPackage back into traces, also after a person has drawn, changed, split or deleted some in QGIS.

A feature that graven wrote carries the hash of its geometry as ``uid``. Where the two no longer agree the geometry was
edited: it keeps its ``uid`` and its status, but its measures and its confidence spoke of another shape, and what a
model drew was ``edited by hand``. A feature without ``uid``, and a second one of the same ``uid`` (what splitting
leaves), is new.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from graven.errors import DataError
from graven.io.records import measures_from_json, reading_key
from graven.io.strictjson import parse_json
from graven.types import Trace, trace_uid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from graven.io.vectorframe import Placement
    from graven.types import Measure, PixelSize, Ring

    Remeasure = Callable[[Trace, PixelSize | None], dict[str, Measure]]

__all__ = ["Feature", "traces_of"]

_STATUS = ("proposed", "confirmed", "rejected")
_MODEL = "model "
_EDITED = "; edited by hand"
_LENGTH_TOL = 1e-5
_LENGTH_TOL_PX = 1e-3


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of a layer.

    Attributes
    ----------
    where : str
        What messages call it: file, layer and feature number.
    shape : shapely geometry or None
        In the frame of the file; None where it is NULL.
    row : dict
        Its columns.
    """

    where: str
    shape: Any
    row: dict[str, Any]


@dataclass(slots=True)
class _Draft:
    """What belongs to one trace."""

    where: str
    row: dict[str, Any]
    uid: str | None
    polygons: tuple[tuple[Ring, ...], ...] = ()
    lines: list[tuple[int, Ring]] = field(default_factory=list)
    shape: Any = None


def traces_of(
    regions: Iterable[Feature],
    strokes: Iterable[Feature],
    placement: Placement,
    *,
    source: str,
    pixel_size: PixelSize | None,
    remeasure: Remeasure | None,
) -> list[Trace]:
    """Put features together into traces.

    Parameters
    ----------
    regions, strokes : iterable of Feature
        Of the two layers.
    placement : Placement
        Frame of the file.
    source : str
        What the ids of its traces were computed with.
    pixel_size : PixelSize or None
        Scale of the panel.
    remeasure : callable, optional
        ``remeasure(trace, pixel_size) -> measures`` for new and edited traces; without it they have none.

    Returns
    -------
    list of Trace
        In order of class and number; new ones follow the highest number of their class.

    Raises
    ------
    DataError
        If a feature has no geometry, no class, an unknown status or an invalid polygon; it is named.
    """
    drafts = _drafts(regions, strokes, placement)
    classes = {int(draft.row["class_id"]) for draft in drafts if not _absent(draft.row.get("class_id"))}
    traces: list[tuple[Trace, str]] = []
    new: list[tuple[Trace, str]] = []
    for draft in drafts:
        trace = _trace(draft, classes)
        actual = trace_uid(source, trace.class_id, _rings(trace))
        if draft.uid is None or not _holds(trace, actual, pixel_size):
            if draft.shape is not None and not draft.shape.is_valid:
                raise DataError(f"{draft.where} crosses itself ({shapely.is_valid_reason(draft.shape)}); correct it")
            trace = replace(trace, uid=trace.uid or actual, confidence=math.nan, measures={})
            measures = {} if remeasure is None else remeasure(trace, pixel_size)
            trace = replace(trace, measures=measures, creator=_edited(trace.creator))
        (traces if draft.uid is not None and trace.number > 0 else new).append((trace, draft.where))
    for trace, where in new:
        if any(trace.uid == other.uid for other, _ in traces):
            raise DataError(f"{where} repeats the geometry of another feature; delete one of them")
        number = 1 + max((other.number for other, _ in traces if other.class_id == trace.class_id), default=0)
        traces.append((replace(trace, number=number), where))
    return sorted((trace for trace, _ in traces), key=reading_key)


def _drafts(regions: Iterable[Feature], strokes: Iterable[Feature], placement: Placement) -> list[_Draft]:
    known: dict[str, _Draft] = {}
    new: list[_Draft] = []

    def take(feature: Feature, uid: str | None) -> _Draft:
        draft = _Draft(feature.where, feature.row, uid)
        if uid is None:
            new.append(draft)
        else:
            known[uid] = draft
        return draft

    for feature in regions:
        parts = _parts(feature, "Polygon")
        uid = feature.row.get("uid") or None
        draft = take(feature, None if uid in known else uid)
        rings = [[shapely.get_coordinates(ring) for ring in (part.exterior, *part.interiors)] for part in parts]
        draft.polygons, draft.shape = placement.pixel_parts(rings), feature.shape
    areas = set(known)
    for feature in strokes:
        parts = _parts(feature, "LineString")
        uid = feature.row.get("uid") or None
        draft = known[uid] if uid in known else take(feature, uid)
        if uid not in areas and feature.row.get("measures"):
            draft.row = feature.row
        part = feature.row.get("part")
        for line in parts:
            number = len(draft.lines) + 1 if _absent(part) else int(part)  # type: ignore[arg-type]  # not None here
            draft.lines.append((number, placement.pixels(shapely.get_coordinates(line))))
    return [*known.values(), *new]


def _parts(feature: Feature, kind: str) -> list[Any]:
    if feature.shape is None or feature.shape.is_empty:
        raise DataError(f"{feature.where} has no geometry; delete it or draw it")
    parts = list(shapely.get_parts(feature.shape))
    if any(part.geom_type != kind for part in parts):
        raise DataError(f"{feature.where} must be of kind {kind}, got {feature.shape.geom_type}; draw it again")
    return parts


def _trace(draft: _Draft, classes: set[int]) -> Trace:
    row = draft.row
    if not _absent(row.get("class_id")):
        class_id = int(row["class_id"])
    elif len(classes) == 1:
        class_id = next(iter(classes))
    else:
        raise DataError(f"{draft.where} has no class_id and the file does not settle it; fill in the column")
    status: Any = row.get("status") or "proposed"
    if status not in _STATUS:
        raise DataError(f"{draft.where}: the status must be one of {', '.join(_STATUS)}, got {status!r}")
    number, confidence = row.get("number"), row.get("confidence")
    return Trace(
        draft.uid or "",
        0 if draft.uid is None or _absent(number) else int(number),  # type: ignore[arg-type]  # not None here
        class_id,
        draft.polygons,
        tuple(points for _, points in sorted(draft.lines, key=lambda entry: entry[0])),
        math.nan if _absent(confidence) else float(confidence),  # type: ignore[arg-type]  # not None here
        measures_from_json(parse_json(row.get("measures") or "{}", name=draft.where), where=draft.where),
        status,
        None if _absent(row.get("creator")) else str(row["creator"]) or None,
    )


def _edited(creator: str | None) -> str | None:
    """Add the person to the model whose geometry was changed; a person who is named stays as named."""
    is_model = creator is not None and creator.startswith(_MODEL) and not creator.endswith(_EDITED)
    return f"{creator}{_EDITED}" if is_model else creator


def _rings(trace: Trace) -> list[Ring]:
    return [ring for part in trace.polygons for ring in part] if trace.polygons else list(trace.lines)


def _holds(trace: Trace, actual: str, pixel_size: PixelSize | None) -> bool:
    """Whether the measures of a trace still speak of its geometry."""
    if trace.polygons and trace.uid != actual:
        return False
    if not trace.polygons and "area" in trace.measures:
        return False
    # Points of lines come back to 1e-5 px only, which can turn the last digit of the hash; their lengths tell as well.
    stored = [trace.measures.get(f"stroke_{n + 1}_length") for n in range(len(trace.lines) + 1)]
    if not any(stored):
        return bool(trace.polygons) or trace.uid == actual
    if stored[-1] is not None or None in stored[:-1]:
        return False
    return all(
        measure is not None and _has_length(line, measure, pixel_size)
        for line, measure in zip(trace.lines, stored, strict=False)
    )


def _has_length(line: Ring, measure: Measure, pixel_size: PixelSize | None) -> bool:
    if measure.unit == "mm" and pixel_size is None:
        return False
    sides = (1.0, 1.0) if pixel_size is None or measure.unit == "px" else (pixel_size.x_mm, pixel_size.y_mm)
    length = float(np.hypot(*(np.diff(line, axis=0) * sides).T).sum())
    return math.isclose(length, measure.value, rel_tol=_LENGTH_TOL, abs_tol=_LENGTH_TOL_PX * max(sides))


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and math.isnan(value))
