"""The tracing on paper: figures as hatched outlines with their numbers, at a drawing scale that a ruler confirms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from markupsafe import Markup, escape

from graven.errors import InputError
from graven.report.format import UNIT_SPACE, format_number
from graven.report.marks import Arrow, length_label
from graven.report.numbering import place_numbers
from graven.report.palette import hatch_pattern
from graven.report.units import round_length

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from graven.types import ClassTable, PixelSize, Trace

__all__ = ["SCALES", "Drawing", "choose_scale", "draw_traces", "scale_name"]

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 25.0, 50.0, 75.0, 100.0, 200.0, 500.0, 1000.0)
"""Denominators in use; 0.2 is an enlargement of five times, 5:1."""

PAGE_MM = (179.0, 208.0)
"""Width and height that a drawing may take on an A4 sheet with its caption."""

_UNITS_PER_MM = 20.0
_VERTEX_LIMIT = 120_000
_COARSEST = 2.0 * _UNITS_PER_MM
_PEN = 0.2 * _UNITS_PER_MM


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing ready for the page.

    Attributes
    ----------
    svg : Markup
        Inline SVG.
    width_cm : float
        Width on paper, margin included.
    scale : str or None
        ``1:10``; None where no scale is known.
    n_unnumbered : int
        Objects whose number found no room.
    tolerance_px : float
        Outlines on paper leave the stored ones by no more than this; the vector files keep every vertex.
    """

    svg: Markup
    width_cm: float
    scale: str | None
    n_unnumbered: int
    tolerance_px: float


def choose_scale(width_mm: float, height_mm: float) -> float:
    """Give the largest usual drawing scale at which an object fits the page.

    Parameters
    ----------
    width_mm, height_mm : float, millimetres, > 0
        Size of the object.

    Returns
    -------
    float
        Denominator, one of `SCALES`, or the next thousand beyond them.

    Examples
    --------
    >>> choose_scale(1500.0, 900.0), choose_scale(60.0, 40.0)
    (10.0, 0.5)
    """
    need = max(width_mm / PAGE_MM[0], height_mm / PAGE_MM[1])
    if not (math.isfinite(need) and need > 0):
        raise InputError(f"a drawing needs a positive, finite size, got {width_mm} x {height_mm} mm")
    return next((scale for scale in SCALES if scale >= need), 1000.0 * math.ceil(need / 1000))


def scale_name(denominator: float) -> str:
    """Print a drawing scale.

    Examples
    --------
    >>> scale_name(25.0), scale_name(0.2)
    ('1:25', '5:1')
    """
    return f"1:{denominator:g}" if denominator >= 1 else f"{1 / denominator:g}:1"


def draw_traces(
    traces: Sequence[Trace],
    *,
    height: int,
    width: int,
    classes: ClassTable,
    pixel_size: PixelSize | None,
    denominator: float | None = None,
    direction: Arrow | None = None,
    label: str,
    numbered: Collection[str] | None = None,
) -> Drawing:
    """Draw objects with outline, hatch and number; lines of known width as wide as they are, where ink allows.

    Parameters
    ----------
    traces : sequence of Trace
        Objects in pixel coordinates of the input.
    height, width : int, pixels
        Size of the input; its border is drawn as a thin frame.
    classes : ClassTable
        Colours and hatches.
    pixel_size : PixelSize or None
        Without a scale the drawing fills the page and carries a bar in pixels.
    denominator : float, optional
        Drawing scale, ``10`` for 1:10; by default `choose_scale`.
    direction : Arrow, optional
        Drawn in the foot.
    label : str
        What the drawing shows, for readers who cannot see it.
    numbered : collection of str, optional
        Ids of the objects that get a number; by default all.

    Returns
    -------
    Drawing
        The drawing. Outlines are simplified to a tenth of a millimetre on paper, more coarsely only where the page
        would otherwise become too heavy; `Drawing.tolerance_px` says how much.

    Raises
    ------
    InputError
        If the scale asked for does not fit an A4 sheet, or is not positive.
    """
    paper = _paper_mm_per_px(height, width, pixel_size, denominator)
    factors = np.array(paper, np.float64) * _UNITS_PER_MM
    frame_w, frame_h = width * paper[0] * _UNITS_PER_MM, height * paper[1] * _UNITS_PER_MM
    tolerance = 0.1 * _UNITS_PER_MM
    paths = _paths(traces, factors, tolerance)
    while sum(count for _, _, count in paths) > _VERTEX_LIMIT and tolerance < _COARSEST:
        tolerance *= 2
        paths = _paths(traces, factors, tolerance)
    per_unit = float(np.sqrt(factors.prod())) / (1.0 if pixel_size is None else pixel_size.mean_mm)
    shapes = "".join(
        f'<path class="k{trace.class_id}"{_line_width(trace, per_unit)} d="{data}"/>'
        for trace, data, _ in paths
        if data
    )
    numbers, n_left_out = place_numbers(
        traces, factors, (frame_w, frame_h), classes, size=2.3 * _UNITS_PER_MM, numbered=numbered
    )
    foot, foot_h = _foot(width, paper[0] * _UNITS_PER_MM, pixel_size, direction, frame_h)
    margin = 4.0
    box_w, box_h = frame_w + 2 * margin, frame_h + foot_h + 2 * margin
    defs = "".join(
        hatch_pattern(entry.hatch, entry.color, pattern_id=f"hatch-{entry.id}", period=1.1 * _UNITS_PER_MM)
        for entry in classes.classes
    )
    style = "".join(_class_style(entry.id, entry.color, entry.kind) for entry in classes.classes)
    svg = Markup(
        f'<svg class="tracing" viewBox="{-margin:g} {-margin:g} {box_w:.0f} {box_h:.0f}" role="img" '
        f'aria-label="{escape(label)}"><defs>{defs}</defs><style>{style}</style>'
        f'<rect width="{frame_w:.0f}" height="{frame_h:.0f}" fill="#fff" stroke="#9aa0a6" stroke-width="2"/>'
        f'<g fill-rule="evenodd" stroke-linejoin="round" stroke-linecap="round">{shapes}</g>{numbers}{foot}</svg>'
    )
    scale = None if pixel_size is None else scale_name(pixel_size.x_mm / paper[0])
    return Drawing(svg, box_w / _UNITS_PER_MM / 10, scale, n_left_out, tolerance / float(factors.min()))


def _paper_mm_per_px(
    height: int, width: int, pixel_size: PixelSize | None, denominator: float | None
) -> tuple[float, float]:
    if pixel_size is None:
        fit = min(PAGE_MM[0] / width, PAGE_MM[1] / height)
        return fit, fit
    size_mm = width * pixel_size.x_mm, height * pixel_size.y_mm
    chosen = choose_scale(*size_mm) if denominator is None else denominator
    if not (math.isfinite(chosen) and chosen > 0):
        raise InputError(f"a drawing scale must be positive, got 1:{chosen}")
    if max(size_mm[0] / PAGE_MM[0], size_mm[1] / PAGE_MM[1]) > chosen * (1 + 1e-9):
        raise InputError(
            f"at {scale_name(chosen)} the drawing does not fit an A4 sheet; use {scale_name(choose_scale(*size_mm))}"
        )
    return pixel_size.x_mm / chosen, pixel_size.y_mm / chosen


def _paths(traces: Sequence[Trace], factors: NDArray[np.float64], tolerance: float) -> list[tuple[Trace, str, int]]:
    paths = []
    for trace in traces:
        outlines = [(ring, i > 0) for part in trace.polygons for i, ring in enumerate(part)]
        pieces, count = [], 0
        for points, is_hole in outlines:
            kept = _simplified(points * factors, tolerance, closed=True)
            if is_hole and len(kept) < 3:
                continue
            pieces.append(_path_data(kept, closed=True))
            count += len(kept)
        # Centre-lines of an area are in the vector files; on paper they would hide the hatch.
        for points in () if trace.polygons else trace.lines:
            kept = _simplified(points * factors, tolerance, closed=False)
            pieces.append(_path_data(kept, closed=False))
            count += len(kept)
        paths.append((trace, "".join(pieces), count))
    return paths


def _simplified(points: NDArray[np.float64], tolerance: float, *, closed: bool) -> NDArray[np.int64]:
    open_points = points[:-1] if closed and len(points) > 1 else points
    kept = cv2.approxPolyDP(open_points.astype(np.float32)[:, None, :], tolerance, closed)[:, 0, :]
    return np.rint(kept).astype(np.int64)


def _path_data(points: NDArray[np.int64], *, closed: bool) -> str:
    """Write a ring or line; relative moves are shorter. What shrank to a point becomes a dot, so no object vanishes."""
    if len(points) < 2:
        return f"M{points[0, 0]} {points[0, 1]}h0"
    steps = np.diff(points, axis=0)
    moves = " ".join(f"{dx} {dy}" for dx, dy in steps.tolist())
    return f"M{points[0, 0]} {points[0, 1]}l{moves}{'z' if closed else ''}"


def _line_width(trace: Trace, per_unit: float) -> str:
    """Give the width of a line as measured, never thinner than a pen."""
    width = None if trace.polygons else trace.measures.get("width_mean")
    return "" if width is None else f' style="stroke-width:{max(_PEN, width.value * per_unit):.3g}"'


def _class_style(class_id: int, color: str, kind: str) -> str:
    fill = f"url(#hatch-{class_id})" if kind == "area" else "none"
    return f".k{class_id}{{fill:{fill};stroke:{color};stroke-width:{4 if kind == 'area' else 6}}}"


def _foot(
    width: int, factor: float, pixel_size: PixelSize | None, direction: Arrow | None, top: float
) -> tuple[str, float]:
    """Scale bar and arrow below the frame, in the units of the drawing."""
    size = 2.6 * _UNITS_PER_MM
    full = width * (1.0 if pixel_size is None else pixel_size.x_mm)
    length = round_length(full * 0.35)
    bar = length / full * width * factor
    label = f"{format_number(length, 0)}{UNIT_SPACE}pixels" if pixel_size is None else length_label(length)
    ink = "#111" if pixel_size is not None else "#a3260c"
    y, thick = top + size, 1.2 * _UNITS_PER_MM
    parts = [
        f'<rect x="{i * bar / 4:.1f}" y="{y:.1f}" width="{bar / 4:.1f}" height="{thick:g}" '
        f'fill="{ink if i % 2 == 0 else "#fff"}" stroke="{ink}" stroke-width="3"/>'
        for i in range(4)
    ]
    parts.append(
        f'<text x="{bar + 0.5 * size:.1f}" y="{y + 0.95 * thick:.1f}" font-size="{size:g}" fill="{ink}">{label}</text>'
    )
    if direction is not None:
        x = width * factor - (1.3 + 0.55 * len(direction.label)) * size
        parts.append(
            f'<g transform="translate({x:.1f} {y + thick:.1f})"><text x="{0.8 * size:.1f}" y="{0.35 * size:.1f}" '
            f'font-size="{size:g}" fill="#111">{escape(direction.label)}</text>'
            f'<g transform="rotate({direction.angle_deg:.2f}) scale({size / 14:.3f})">'
            '<path d="M0 -14L6 10L0 5L-6 10Z" fill="#fff" stroke="#111" stroke-width="1.4"/>'
            '<path d="M0 -14L0 5L-6 10Z" fill="#111"/></g></g>'
        )
    return "".join(parts), 3.2 * size
