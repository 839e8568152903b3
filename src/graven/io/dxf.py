"""DXF drawings for CAD: areas as hatches with holes, outlines and centre-lines as polylines, in millimetres, y up."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.errors import DefectError
from graven.io.dxfentities import APPID, ENTITY, count_entities, entity_texts
from graven.io.records import reading_key
from graven.io.textstream import write_text_stream
from graven.io.vectorframe import millimetre_placement

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from graven.types import ClassTable, Georeference, PixelSize, Trace

__all__ = ["write_dxf"]

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
        Size of the raster; limits, extents and first view of the drawing.
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
    constants, so the same traces give the same bytes. Figures are written one by one, so the size of the drawing does
    not matter.
    """
    from ezdxf.filemanagement import new

    target = Path(target)
    placement = millimetre_placement(georeference, pixel_size, height=height)
    is_metric = placement.unit == "mm"
    document = new("R2010", units=4 if is_metric else 0)
    document.header["$MEASUREMENT"] = 1
    corners = placement.points(np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64))
    _show(document, corners.min(axis=0).tolist(), corners.max(axis=0).tolist())
    document.appids.new(APPID)
    comments = [f"graven {__version__}", f"source {source}" if source else "source unknown"]
    comments.append("unit millimetre" if is_metric else "no scale is known: unit is the pixel of the image")
    document.header.custom_vars.append("graven", "; ".join(comments))
    stems = _add_layers(document, classes)
    owner = document.modelspace().layout_key
    ordered = sorted(traces, key=reading_key)
    n_entities = count_entities(ordered)
    head, tail, first_handle = _skeleton(document, n_entities)
    texts = entity_texts(
        ordered,
        classes=classes,
        placement=placement,
        stems=stems,
        owner=owner,
        first_handle=first_handle,
        text_height=float(np.ptp(corners, axis=0).max()) / 120,
    )

    def chunks() -> Iterator[str]:
        yield head
        found = 0
        for text in texts:
            found += text.count(ENTITY)
            yield text
        if found != n_entities:
            raise DefectError(f"{target.name}: {n_entities} entities were counted, {found} drawn; please report this")
        yield tail

    write_text_stream(target, chunks())


def _show(document: Any, low: list[float], high: list[float]) -> None:
    """Let the drawing open on the image: a projected frame lies far from the origin, where CAD looks otherwise."""
    space = document.modelspace()
    space.reset_limits(low, high)
    space.reset_extents((*low, 0.0), (*high, 0.0))
    center = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    document.set_modelspace_vport(height=max(b - a for a, b in zip(low, high, strict=True)), center=center)


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


def _skeleton(document: Any, n_entities: int) -> tuple[str, str, int]:
    """Write the empty drawing, cut it where entities go, and leave room for their handles."""
    for kind in sorted(document.entitydb.dxf_types_in_use()):
        document.classes.add_class(kind)  # left to the library, their order is that of a set, another in each process
    stream = io.StringIO()
    document.write(stream)
    text = stream.getvalue()
    for name, value in _VOLATILE.items():
        text = re.sub(rf"(\n  9\n\${name}\n *\d+\n)[^\n]*", rf"\g<1>{value}", text)
    text = re.sub(r"@ \d{4}-\d\d-\d\dT[0-9:.+]+", "@ 2000-01-01T00:00:00+00:00", text)
    seed = re.search(r"\$HANDSEED\n *5\n([0-9A-F]+)", text)
    head, mark, tail = text.partition("  2\nENTITIES\n")
    if seed is None or not mark:
        raise DefectError("the empty DXF drawing has no place for entities; please report this")
    first_handle = int(seed[1], 16)
    head = head.replace(seed[0], seed[0].replace(seed[1], f"{first_handle + n_entities:X}"))
    return head + mark, tail, first_handle
