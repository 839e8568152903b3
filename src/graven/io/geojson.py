"""GeoJSON: geographic and projected geometry as it is, anything else in QuPath's shape and in pixels.

A bare ``.geojson`` is read as longitude and latitude unless it names another CRS, so geometry that is neither is
called ``.px.geojson``.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.errors import DataError, InputError, OutputError
from graven.io.crsnames import CRS84, crs_urn
from graven.io.records import columns_of, known, measures_from_json, measures_to_json, reading_key
from graven.io.strictjson import read_json
from graven.io.textstream import write_text_stream
from graven.io.vectorframe import Placement
from graven.types import Trace

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from graven.types import ClassTable, Georeference, Measure, PixelSize, Ring

__all__ = ["geojson_name", "read_geojson", "write_geojson"]

_PIXELS = Placement((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), None, "px")
_STATUS = ("proposed", "confirmed", "rejected")
_MAX_POINTS = 10**6
_N_REMEMBERED = 1 << 17  # coordinates of pixel corners repeat


def geojson_name(stem: str, georeference: Georeference | None) -> str:
    """Name a file by the frame that its geometry can be in.

    Parameters
    ----------
    stem : str
        For example ``panel_traces``.
    georeference : Georeference or None
        Of the raster.

    Returns
    -------
    str
        ``<stem>.geojson`` where the CRS is geographic or projected and has a code of an authority, by which GeoJSON
        can name it; ``<stem>.px.geojson`` otherwise.
    """
    return f"{stem}.geojson" if crs_urn(georeference) is not None else f"{stem}.px.geojson"


def write_geojson(
    target: str | os.PathLike[str],
    traces: Sequence[Trace],
    *,
    classes: ClassTable,
    height: int,
    width: int,
    georeference: Georeference | None = None,
    pixel_size: PixelSize | None = None,
    source: str = "",
) -> None:
    """Write traces as GeoJSON.

    Parameters
    ----------
    target : path
        Named by `geojson_name`; the ending decides the frame and must suit it.
    traces : sequence of Trace
        Written in order of class and number. An area is written without its centre-lines; the GeoPackage has both.
    classes : ClassTable
        Names and colours.
    height, width : int, pixels
        Size of the raster.
    georeference, pixel_size
        Of the raster.
    source : str
        Hash or name of the input.

    Raises
    ------
    InputError
        If the ending promises a CRS and there is none to name, or a trace has a class that is not in the table.
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.

    Notes
    -----
    ``.geojson`` keeps the coordinates of the CRS and names it in the member ``crs`` of the 2008 specification, which
    GDAL and QGIS obey; RFC 7946 would turn metres into degrees with a centimetre of rounding. WGS 84 needs no member.

    ``.px.geojson`` has pixels, y down, and QuPath's ``objectType``, ``classification`` and ``measurements``.

    Rings are closed, exteriors counter-clockwise as seen, and MultiPolygon means two parts or more. The member
    ``graven`` holds what reading back needs.
    """
    target = Path(target)
    is_pixel = target.name.endswith(".px.geojson")
    urn = None if is_pixel else crs_urn(georeference)
    if not is_pixel and (urn is None or georeference is None):
        raise InputError(f"{target.name}: this raster has no CRS that GeoJSON can name; end the name in .px.geojson")
    placement = _PIXELS if georeference is None or is_pixel else Placement(georeference.affine, None, "frame")
    document: dict[str, Any] = {"type": "FeatureCollection"}
    if urn is not None and urn != CRS84:
        document["crs"] = {"type": "name", "properties": {"name": urn}}
    document["graven"] = {
        "version": __version__,
        "frame": "pixel" if is_pixel else "crs",
        "affine": placement.affine,
        "size_px": [width, height],
        "pixel_size_mm": None if pixel_size is None else [pixel_size.x_mm, pixel_size.y_mm],
        "source": source,
    }
    describe = _qupath_properties if is_pixel else _flat_properties
    number = _rounded_to(placement.decimals)
    ordered = sorted(traces, key=reading_key)

    def chunks() -> Iterator[str]:
        yield f'{_compact(document)[:-1]},"features":[\n'
        for index, trace in enumerate(ordered):
            facts = _compact(describe(trace, classes))
            identity = _compact(_uuid(trace.uid) if is_pixel else trace.uid)
            geometry = _geometry(trace, placement, number)
            yield ",\n" if index else ""
            yield f'{{"type":"Feature","id":{identity},"geometry":{geometry},"properties":{facts}}}'
        yield "\n]}\n"

    write_text_stream(target, chunks(), check=lambda path: _check(path, len(ordered), target.name))


def read_geojson(path: str | os.PathLike[str]) -> list[Trace]:
    """Read traces that `write_geojson` wrote.

    Parameters
    ----------
    path : path
        A ``.geojson`` or ``.px.geojson`` of graven.

    Returns
    -------
    list of Trace
        In pixels, in order of class and number.

    Raises
    ------
    DataError
        If the file is not sound JSON, holds more than a million points, or was not written by graven.
    """
    path = Path(path)
    document = read_json(path)
    try:
        a, b, c, d, e, f = (float(value) for value in document["graven"]["affine"])
        placement = Placement((a, b, c, d, e, f), None, "frame")
        traces = [_trace(feature, placement, path.name) for feature in document["features"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{path.name} was not written by graven ({type(error).__name__}: {reason})") from error
    if sum(len(ring) for trace in traces for part in trace.polygons for ring in part) > _MAX_POINTS:
        raise DataError(f"{path.name} has more than {_MAX_POINTS} points; use the GeoPackage")
    return sorted(traces, key=reading_key)


def _compact(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _check(path: Path, n_features: int, name: str) -> None:
    """Parse what was written, feature by feature, and count them."""
    found = 0
    try:
        with path.open(encoding="utf-8", newline="\n") as stream:
            head = stream.readline()
            for line in stream:
                if line == "]}\n":
                    break
                found += line != "\n" and json.loads(line.removesuffix("\n").removesuffix(","))["type"] == "Feature"
            rest = json.loads(head + "]}")["features"] + stream.readlines()
    except ValueError as error:
        raise OutputError(f"{name} is not sound JSON ({error}); please report this as a defect") from error
    if found != n_features or rest:
        raise OutputError(f"{name} does not read back as it was meant; please report this as a defect")


def _rounded_to(decimals: int) -> Callable[[float], str]:
    @lru_cache(maxsize=_N_REMEMBERED)
    def number(value: float) -> str:
        short = round(value, decimals)
        return json.dumps(int(short) if short == int(short) else short)

    return number


def _geometry(trace: Trace, placement: Placement, number: Callable[[float], str]) -> str:
    """Write the geometry as JSON."""

    def coordinates(points: Ring) -> str:
        xs, ys = (map(number, values) for values in points.T.tolist())
        return f"[[{'],['.join(map('{},{}'.format, xs, ys))}]]"

    if not trace.polygons:
        lines = [coordinates(placement.points(line)) for line in trace.lines]
        if len(lines) == 1:
            return f'{{"type":"LineString","coordinates":{lines[0]}}}'
        return f'{{"type":"MultiLineString","coordinates":[{",".join(lines)}]}}'
    # Pixels have y down: what is counter-clockwise as seen has a negative area there.
    parts = placement.parts(trace.polygons)
    if placement is _PIXELS:
        parts = [[ring[::-1] for ring in part] for part in parts]
    written = [f"[{','.join(map(coordinates, part))}]" for part in parts]
    if len(written) == 1:
        return f'{{"type":"Polygon","coordinates":{written[0]}}}'
    return f'{{"type":"MultiPolygon","coordinates":[{",".join(written)}]}}'


def _flat_properties(trace: Trace, classes: ClassTable) -> dict[str, Any]:
    entry = classes[trace.class_id]
    return {
        "uid": trace.uid,
        "number": trace.number,
        "class_id": trace.class_id,
        "class": entry.name,
        "status": trace.status,
        "confidence": known(trace.confidence),
        **columns_of(trace.measures),
        "measures": json.loads(measures_to_json(trace.measures)),
    }


def _qupath_properties(trace: Trace, classes: ClassTable) -> dict[str, Any]:
    entry = classes[trace.class_id]
    shown = {_qupath_name(name): value for name, value in columns_of(trace.measures).items()}
    if known(trace.confidence) is not None:
        shown["Confidence"] = trace.confidence
    return {
        "objectType": "annotation",
        "name": f"{entry.code}{trace.number}",
        "classification": {"name": entry.name, "color": list(entry.rgb)},
        "isLocked": False,
        "measurements": shown,
        "uid": trace.uid,
        "number": trace.number,
        "class_id": trace.class_id,
        "status": trace.status,
        "confidence": known(trace.confidence),
        "measures": json.loads(measures_to_json(trace.measures)),
    }


@cache
def _qupath_name(column: str) -> str:
    """Write a column as QuPath does.

    Examples
    --------
    >>> _qupath_name("area_sigma_mm2")
    'Area sigma mm^2'
    """
    words = re.sub(r"(mm|px)2$", r"\1^2", column).replace("_", " ")
    return words[0].upper() + words[1:]


def _uuid(uid: str) -> str:
    """Write 32 hexadecimal digits as QuPath expects an id; others stay as they are."""
    if not re.fullmatch(r"[0-9a-f]{32}", uid):
        return uid
    return "-".join((uid[:8], uid[8:12], uid[12:16], uid[16:20], uid[20:]))


def _trace(feature: Any, placement: Placement, name: str) -> Trace:
    facts, geometry = feature["properties"], feature["geometry"]
    kind, coordinates = geometry["type"], geometry["coordinates"]
    polygons: tuple[tuple[Ring, ...], ...] = ()
    lines: tuple[Ring, ...] = ()
    if kind in ("Polygon", "MultiPolygon"):
        parts = [coordinates] if kind == "Polygon" else coordinates
        polygons = placement.pixel_parts([[_points(ring) for ring in part] for part in parts])
    elif kind in ("LineString", "MultiLineString"):
        listed = [coordinates] if kind == "LineString" else coordinates
        lines = tuple(placement.pixels(_points(line)) for line in listed)
    else:
        raise ValueError(f"geometry {kind}")
    if facts["status"] not in _STATUS:
        raise ValueError(f"status {facts['status']!r}")
    confidence = facts["confidence"]
    measures: dict[str, Measure] = measures_from_json(facts["measures"], where=name)
    return Trace(
        str(facts["uid"]),
        int(facts["number"]),
        int(facts["class_id"]),
        polygons,
        lines,
        math.nan if confidence is None else float(confidence),
        measures,
        facts["status"],
    )


def _points(values: Any) -> Ring:
    points = np.asarray(values, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"coordinates of shape {points.shape}")
    return points
