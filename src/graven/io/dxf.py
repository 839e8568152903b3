"""DXF drawings for CAD: areas as hatches with holes, outlines and centre-lines as polylines, in millimetres, y up."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.errors import OutputError
from graven.io.fs import write_text_atomic
from graven.io.records import known, reading_key, stroke_measure
from graven.io.vectorframe import millimetre_placement

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from graven.io.vectorframe import Placement
    from graven.types import ClassTable, Georeference, PixelSize, Trace

__all__ = ["APPID", "write_dxf"]

APPID = "GRAVEN"
"""Application name of the XDATA on every entity."""

_NO_GUID = "{00000000-0000-0000-0000-000000000000}"
_NO_DATE = "2451544.5"  # 2000-01-01 as a Julian date
_VOLATILE = {"TDCREATE": _NO_DATE, "TDUCREATE": _NO_DATE, "TDUPDATE": _NO_DATE, "TDUUPDATE": _NO_DATE}
_VOLATILE |= {"FINGERPRINTGUID": _NO_GUID, "VERSIONGUID": _NO_GUID}


def write_dxf(
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
    """Write traces as DXF of AutoCAD 2010.

    Parameters
    ----------
    target : path
        ``<item>_traces.dxf``.
    traces : sequence of Trace
        Drawn in order of class and number.
    classes : ClassTable
        Names and colours of the layers.
    height, width : int, pixels
        Size of the raster; the drawing limits.
    georeference : Georeference, optional
        Its frame in millimetres is the frame of the drawing, where its unit has a length.
    pixel_size : PixelSize, optional
        Otherwise the origin is the lower left corner of the image. Without either the drawing is in pixels, has no unit
        (``$INSUNITS`` 0) and says so in a comment.
    source : str
        Hash or name of the input, noted in a comment.

    Raises
    ------
    InputError
        If a trace has a class that is not in the table.
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.

    Notes
    -----
    Layers per class, in its colour: ``<CLASS>_AREA`` with a solid HATCH per part, ``<CLASS>_OUTLINE`` with its rings as
    closed LWPOLYLINE, ``<CLASS>_LINE`` with centre-lines as LWPOLYLINE of the measured width, ``<CLASS>_NUMBER`` with
    TEXT. Every entity carries XDATA of application ``GRAVEN``: ``uid=…``, ``number=…``, ``status=…`` and, where known,
    ``confidence=…``; the CSV of measures has the same ``uid``. No clock is read: dates and GUIDs of the header are
    constants, so the same traces give the same bytes.
    """
    from ezdxf.filemanagement import new

    placement = millimetre_placement(georeference, pixel_size, height=height)
    is_metric = placement.unit == "mm"
    document = new("R2010", units=4 if is_metric else 0)
    document.header["$MEASUREMENT"] = 1
    corners = placement.points(_corners(height, width))
    document.header["$LIMMIN"], document.header["$LIMMAX"] = corners.min(axis=0), corners.max(axis=0)
    document.appids.new(APPID)
    comments = [f"graven {__version__}", f"source {source}" if source else "source unknown"]
    comments.append("unit millimetre" if is_metric else "no scale is known: unit is the pixel of the image")
    document.header.custom_vars.append("graven", "; ".join(comments))
    space = document.modelspace()
    layers = _add_layers(document, classes)
    text_height = float(abs(corners.max(axis=0) - corners.min(axis=0)).max()) / 120
    ordered = sorted(traces, key=reading_key)
    for trace in ordered:
        _draw(space, trace, placement, layers[trace.class_id], classes, text_height)
    stream = io.StringIO()
    document.write(stream)
    text = _without_clock(stream.getvalue())
    _check(text, ordered, Path(target).name)
    write_text_atomic(target, text)


def _corners(height: int, width: int) -> Any:
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def _add_layers(document: Any, classes: ClassTable) -> dict[int, str]:
    """Add the layers of each class and give the stem of their names, which holds letters, digits and ``_`` only."""
    stems: dict[int, str] = {}
    for entry in classes.classes:
        stem = re.sub(r"[^A-Z0-9]+", "_", entry.name.upper()).strip("_") or f"CLASS_{entry.id}"
        stem = f"{stem}_{entry.id}" if stem in stems.values() else stem
        stems[entry.id] = stem
        for kind in ("AREA", "OUTLINE", "LINE", "NUMBER"):
            document.layers.add(f"{stem}_{kind}").rgb = entry.rgb
    return stems


def _draw(space: Any, trace: Trace, placement: Placement, stem: str, classes: ClassTable, text_height: float) -> None:
    facts = [f"uid={trace.uid}", f"number={trace.number}", f"status={trace.status}"]
    if known(trace.confidence) is not None:
        facts.append(f"confidence={trace.confidence:.3f}")
    xdata = [(1000, fact) for fact in facts]
    for part in placement.parts(trace.polygons):
        hatch = space.add_hatch(dxfattribs={"layer": f"{stem}_AREA"})
        hatch.set_xdata(APPID, xdata)
        for position, ring in enumerate(part):
            points = ring[:-1].tolist()
            hatch.paths.add_polyline_path(points, is_closed=True, flags=1 if position == 0 else 16)
            outline = space.add_lwpolyline(points, close=True, dxfattribs={"layer": f"{stem}_OUTLINE"})
            outline.set_xdata(APPID, xdata)
    scale = abs(placement.determinant) ** 0.5
    for index, line in enumerate(trace.lines):
        points = placement.points(line).tolist()
        is_loop = points[0] == points[-1]
        width = stroke_measure(trace, index, "width")
        wide = 0.0 if width is None else width.value if width.unit == placement.unit else width.value * scale
        vertices = [(x, y, wide, wide) for x, y in (points[:-1] if is_loop else points)]
        attributes = {"layer": f"{stem}_LINE"}
        polyline = space.add_lwpolyline(vertices, format="xyse", close=is_loop, dxfattribs=attributes)
        polyline.set_xdata(APPID, xdata)
    x_min, y_min, x_max, y_max = trace.bounds_px
    box = placement.points(np.array([[x_min, y_min], [x_max, y_min], [x_max, y_max], [x_min, y_max]]))
    label = space.add_text(
        f"{classes[trace.class_id].code}{trace.number}",
        height=text_height,
        dxfattribs={"layer": f"{stem}_NUMBER", "insert": tuple(box.max(axis=0).tolist())},
    )
    label.set_xdata(APPID, xdata)


def _without_clock(text: str) -> str:
    """Put constants where the library wrote the time of day and random numbers."""
    for name, value in _VOLATILE.items():
        text = re.sub(rf"(\n  9\n\${name}\n *\d+\n)[^\n]*", rf"\g<1>{value}", text)
    return re.sub(r"@ \d{4}-\d\d-\d\dT[0-9:.+]+", "@ 2000-01-01T00:00:00+00:00", text)


def _check(text: str, traces: Sequence[Trace], name: str) -> None:
    """Walk through the tags of the drawing and count its areas and lines."""
    lines = text.split("\n")
    kinds = [value for code, value in zip(lines[::2], lines[1::2], strict=False) if code == "  0"]
    n_parts = sum(len(trace.polygons) for trace in traces)
    n_lines = sum(len(part) for trace in traces for part in trace.polygons) + sum(len(t.lines) for t in traces)
    if (kinds.count("HATCH"), kinds.count("LWPOLYLINE"), kinds[-1]) != (n_parts, n_lines, "EOF"):
        raise OutputError(f"{name} does not read back as it was meant; please report this as a defect")
