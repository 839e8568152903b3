"""SVG drawings, true to size: areas, hatches for print, centre-lines, outlines for screens and numbers, in layers."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from graven._version import __version__
from graven.errors import OutputError
from graven.io.records import known, reading_key, stroke_measure
from graven.io.styles import svg_hatch
from graven.io.textstream import plain_number, write_text_stream

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from graven.types import ClassDefinition, ClassTable, Georeference, PixelSize, Ring, Trace

__all__ = ["write_svg"]

_NAMESPACES = (
    'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"'
)


def write_svg(
    target: str | os.PathLike[str],
    traces: Sequence[Trace],
    *,
    classes: ClassTable,
    height: int,
    width: int,
    georeference: Georeference | None = None,
    pixel_size: PixelSize | None = None,
    source: str = "",
    name: str = "panel",
    licence: str | None = None,
    image_href: str | None = None,
) -> None:
    """Write traces as a drawing in millimetres.

    Parameters
    ----------
    target : path
        ``<item>_traces.svg``.
    traces : sequence of Trace
        Drawn in order of class and number.
    classes : ClassTable
        Names, colours and hatches.
    height, width : int, pixels
        Size of the raster.
    georeference : Georeference, optional
        Its CRS is noted; the drawing stays in the frame of the image.
    pixel_size : PixelSize, optional
        Without it the drawing is in pixels and says so.
    source : str
        Hash or name of the input.
    name : str
        Title of the drawing.
    licence : str, optional
        Written into the metadata.
    image_href : str, optional
        Address of the raster to link (not embed) below the drawing, relative to the file.

    Raises
    ------
    InputError
        If a trace has a class that is not in the table.
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.

    Notes
    -----
    User units are millimetres on the object, or pixels without a scale; the origin is the outer corner of the top-left
    pixel and y points down. Per class there are the layers *areas* (even-odd fill), *hatch* (the same areas in black
    for print, hidden at first), *centre-lines* (as wide as measured, so they print true to size) and *outlines* (one
    pixel wide on any screen); then *numbers*. Each path carries its ``uid`` as id.
    """
    canvas = _Canvas(height, width, pixel_size)
    facts = {
        "generator": f"graven {__version__}",
        "unit": canvas.unit,
        "pixel_size_mm": None if pixel_size is None else [pixel_size.x_mm, pixel_size.y_mm],
        "pixel_size_source": None if pixel_size is None else pixel_size.source,
        "pixel_size_sigma": None if pixel_size is None else pixel_size.sigma_rel,
        "size_px": [width, height],
        "crs_wkt": None if georeference is None else georeference.crs_wkt,
        "source": source,
        "licence": licence,
        "classes": [{"id": entry.id, "name": entry.name, "code": entry.code} for entry in classes.classes],
    }
    scale = (
        "Drawn in pixels: no scale is known, so nothing may be measured in millimetres."
        if pixel_size is None
        else f"Drawn in millimetres; a pixel is {pixel_size.x_mm:.6g} x {pixel_size.y_mm:.6g} mm ({pixel_size.source})."
    )
    ordered = sorted(traces, key=reading_key)
    box_width, box_height = canvas.number(canvas.width), canvas.number(canvas.height)
    unit = "mm" if pixel_size is not None else ""
    head = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<svg {_NAMESPACES}",
        f'width="{box_width}{unit}" height="{box_height}{unit}" viewBox="0 0 {box_width} {box_height}">',
        f"<title>{escape(name)}</title>",
        f"<desc>{escape(scale)}</desc>",
        f"<metadata>{escape(json.dumps(facts, allow_nan=False, ensure_ascii=False))}</metadata>",
        "<defs>",
        *(svg_hatch(entry, size=canvas.diagonal / 200) for entry in classes.classes),
        "</defs>",
    ]
    if image_href is not None:
        place = f'width="{box_width}" height="{box_height}" preserveAspectRatio="none"'
        head += _layer("image", "image", "", [f"<image xlink:href={quoteattr(image_href)} {place}/>"])
    known_classes = {classes[trace.class_id].id for trace in ordered}

    def lines() -> Iterator[str]:
        yield from head
        for entry in classes.classes:
            if entry.id in known_classes:
                yield from _class_layers(entry, [trace for trace in ordered if trace.class_id == entry.id], canvas)
        yield from _numbers(ordered, classes, canvas)
        yield "</svg>"

    n_paths = sum(bool(trace.polygons) + len(trace.lines) for trace in ordered)
    text = (f"{line}\n" for line in lines())
    write_text_stream(target, text, check=lambda path: _check(path, n_paths, Path(target).name))


class _Canvas:
    """The unit of the drawing, and how its numbers are written."""

    def __init__(self, height: int, width: int, pixel_size: PixelSize | None) -> None:
        self.unit = "px" if pixel_size is None else "mm"
        self.size = (1.0, 1.0) if pixel_size is None else (pixel_size.x_mm, pixel_size.y_mm)
        self.width, self.height = width * self.size[0], height * self.size[1]
        self.diagonal = math.hypot(self.width, self.height)
        # to a thousandth of a pixel
        self.number = plain_number(max(0, math.ceil(-math.log10(min(self.size) / 1000))))

    def path(self, points: Ring, *, closed: bool) -> str:
        """Write a polyline; stretches along an axis take one number."""
        xs, ys = (map(self.number, values) for values in (np.asarray(points) * self.size).T.tolist())
        written = list(zip(xs, ys, strict=True))
        x_before, y_before = written[0]
        parts = [f"M{x_before} {y_before}"]
        for x, y in written[1:-1] if closed else written[1:]:
            parts.append("H" + x if y == y_before else "V" + y if x == x_before else f"L{x} {y}")
            x_before, y_before = x, y
        return "".join(parts) + ("Z" if closed else "")


def _class_layers(entry: ClassDefinition, traces: Sequence[Trace], canvas: _Canvas) -> Iterator[str]:
    """Yield the layers of a class line by line; one without content is left out."""
    label, hatch, color = f"{entry.name} ", f"url(#hatch-{entry.id})", entry.color
    areas = [trace for trace in traces if trace.polygons]
    if areas:
        look = f'fill="{color}" stroke="none"'
        yield from _layer(f"areas-{entry.id}", label + "areas", look, (_area(trace, canvas) for trace in areas))
        look = f'fill="{hatch}" stroke="black" stroke-width="1" style="display:none"'
        yield from _layer(f"hatch-layer-{entry.id}", label + "hatch", look, map(_again, areas))
    if any(trace.lines for trace in traces):
        look = f'fill="none" stroke="{color}" stroke-width="1" stroke-linecap="round" stroke-linejoin="round"'
        strokes = (stroke for trace in traces for stroke in _strokes(trace, canvas))
        yield from _layer(f"lines-{entry.id}", label + "centre-lines", look, strokes)
    if areas:
        look = f'fill="none" stroke="{color}" stroke-width="1"'
        yield from _layer(f"outlines-{entry.id}", label + "outlines", look, map(_again, areas))


def _area(trace: Trace, canvas: _Canvas) -> str:
    path = "".join(canvas.path(ring, closed=True) for part in trace.polygons for ring in part)
    return (
        f'<path id="t{trace.uid}" fill-rule="evenodd" vector-effect="non-scaling-stroke" d="{path}" {_facts(trace)}/>'
    )


def _again(trace: Trace) -> str:
    """Refer to an area that was drawn before."""
    return f'<use xlink:href="#t{trace.uid}"/>'


def _strokes(trace: Trace, canvas: _Canvas) -> Iterator[str]:
    for index, line in enumerate(trace.lines):
        width = stroke_measure(trace, index, "width")
        stroke = f' stroke-width="{canvas.number(width.value)}"' if width is not None else ""
        path = canvas.path(line, closed=bool((line[0] == line[-1]).all()))
        yield f'<path id="t{trace.uid}-{index + 1}" d="{path}"{stroke} {_facts(trace)}/>'


def _facts(trace: Trace) -> str:
    facts = f'data-number="{trace.number}" data-status="{trace.status}"'
    return facts if known(trace.confidence) is None else f'{facts} data-confidence="{trace.confidence:.3f}"'


def _numbers(traces: Sequence[Trace], classes: ClassTable, canvas: _Canvas) -> Iterator[str]:
    size = canvas.diagonal / 120

    def text(trace: Trace) -> str:
        label = f"{classes[trace.class_id].code}{trace.number}"
        x_min, y_min, x_max, _ = trace.bounds_px
        x, anchor = x_max * canvas.size[0] + size / 4, "start"
        if x + size * len(label) > canvas.width:  # no room to the right of the figure
            x, anchor = max(x_min * canvas.size[0] - size / 4, size * len(label)), "end"
        y = min(max(y_min * canvas.size[1] + size / 2, size), canvas.height)
        place = f'x="{canvas.number(x)}" y="{canvas.number(y)}" text-anchor="{anchor}"'
        return f"<text {place}>{escape(label)}</text>"

    if traces:
        look = f'font-family="sans-serif" font-size="{canvas.number(size)}" fill="black" stroke="none"'
        yield from _layer("numbers", "numbers", look, map(text, traces))


def _layer(identifier: str, label: str, look: str, content: Iterable[str]) -> Iterator[str]:
    yield f'<g id="{identifier}" inkscape:groupmode="layer" inkscape:label={quoteattr(label)} {look}'.rstrip() + ">"
    yield from content
    yield "</g>"


def _check(path: Path, n_paths: int, name: str) -> None:
    """Parse what was written, and count what is in it."""
    found = 0
    try:
        for _, element in ET.iterparse(path):
            found += element.tag.endswith("}path") and "data-number" in element.attrib
            element.clear()
    except ET.ParseError as error:
        raise OutputError(f"{name} is not sound XML ({error}); please report this as a defect") from error
    if found != n_paths:
        raise OutputError(f"{name}: {n_paths} paths were to be drawn, {found} are; please report this as a defect")
