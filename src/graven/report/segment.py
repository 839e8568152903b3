"""The record of one panel as a page: what was found, how large it is, how sure that is, and how it came about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from graven.report.charts import histogram
from graven.report.damage import damage_lead, damage_values, listed_objects
from graven.report.drawing import Drawing, draw_traces
from graven.report.encode import Picture, indexed_png, jpeg_picture
from graven.report.format import format_bytes, format_count
from graven.report.marks import arrow, color_bar, scale_bar
from graven.report.overlays import cam_overlay, doubt_overlay, outline_overlay, skipped_overlay
from graven.report.overview import overview_factor, shrink_labels, shrink_max, shrink_mean
from graven.report.page import Numbers, render_page
from graven.report.palette import UNKNOWN, colormap, hatch_pattern
from graven.report.pictures import doubt, unit_levels
from graven.report.quantities import class_rows, confirmation, object_head, object_rows, published, size_unit
from graven.report.statements import (
    ARROW_WORDS,
    checksums,
    citation,
    confirm_facts,
    gate_text,
    lead,
    method_facts,
    rotation_text,
    status,
    title_facts,
    tolerance,
    total_facts,
    uncertainty_words,
)
from graven.report.units import convert
from graven.report.values import MethodBox
from graven.report.words import OPENS, WORDS, Words
from graven.types import NODATA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.report.values import SegmentReport
    from graven.types import ClassDefinition, Trace

__all__ = ["segment_report"]

_MAP_SIDE_PX = 1000


def segment_report(report: SegmentReport) -> str:
    """Write the record of one panel as a self-contained HTML page.

    Parameters
    ----------
    report : SegmentReport
        Plain arrays, values and text; pictures at overview size.

    Returns
    -------
    str
        HTML 5 with its style, pictures (data URIs) and drawing (inline SVG) inside. It needs no network and no script;
        printed on A4 at 100 % the drawing has the scale it states. Equal input gives equal text.

    Raises
    ------
    InputError
        If a part contradicts another (see the values), or the drawing scale asked for does not fit the page.
    """
    words = WORDS[report.method.method]
    kept = published(report.traces)
    source = report.source
    direction, scale = arrow(source.georeference), source.pixel_size
    bar = scale_bar(source.width, scale)
    drawing = _drawing(report, kept, words)
    confirmed = confirmation(report.traces)
    version = report.method.versions["graven"]
    values = {
        "report": report,
        "words": words,
        "next": Numbers(),
        "damage": damage_values(report, kept),
        "page_title": f"{report.title} – {words.kicker.lower()}",
        "generator": f"graven {version}",
        "version": version,
        "version_css": "".join(c for c in version if c.isalnum() or c in ".-"),
        "source_id": source.sha256[:12],
        "kicker": words.kicker,
        "lead": lead(report, len(kept), words) if report.damage is None else damage_lead(report, kept),
        "metric": scale is not None,
        "status": status(confirmed, report, words),
        "title_facts": title_facts(report, confirmed, words),
        "aspect": _aspect(report),
        "bar": bar,
        "arrow": direction,
        "arrow_words": ARROW_WORDS[direction.label],
        "pictures": _pictures(report, words),
        "ramps": {name: color_bar(ramp, bar_id=f"ramp-{name}") for name, ramp in _RAMPS.items()},
        "drawing": drawing,
        "unnumbered": format_count(drawing.n_unnumbered) if drawing else "",
        "tolerance": tolerance(report, drawing),
        "legend": [_legend(entry) for entry in report.classes.classes],
        "uncertainty_words": uncertainty_words(report),
        "totals": total_facts(report, words),
        "class_rows": class_rows(report.traces, report.classes, scale_sigma=0.0 if scale is None else scale.sigma_rel),
        "chart": _chart(kept, words.many if report.damage is None else "losses"),
        "object_head": object_head(kept, report.classes),
        "object_rows": object_rows(kept, report.classes) if report.damage is None else [],
        "n_objects": len(kept),
        "n_objects_text": format_count(len(kept)),
        "threshold": f"{report.method.threshold:g}" if isinstance(report.method, MethodBox) else "",
        "how": words.how if isinstance(report.method, MethodBox) else report.method.how,
        "gate": None if report.gate is None else {"text": gate_text(report.gate)},
        "rotation": None if report.rotation is None else rotation_text(report.rotation),
        "method_facts": method_facts(report),
        "confirm_facts": confirm_facts(report, confirmed, words),
        "citation": citation(report, confirmed, words),
        "file_rows": [(file.name, *OPENS.describe(file.name), _size(file.n_bytes)) for file in report.files],
        "steps": [_step(step) for step in report.provenance.to_dicts()],
        "checksums": checksums(report),
    }
    return render_page("segment.html.j2", values)


_RAMPS = {"prob": "viridis", "doubt": "cividis", "cam": "viridis"}


def _aspect(report: SegmentReport) -> float:
    size = report.source.pixel_size
    stretch = 1.0 if size is None else size.x_mm / size.y_mm
    return stretch * report.source.width / report.source.height


def _pictures(report: SegmentReport, words: Words) -> dict[str, Picture | None]:
    factor = overview_factor(*report.labels.shape, long_side_px=_MAP_SIDE_PX)
    name, gate, photo = report.source.name, report.gate, report.photo
    small = None if photo is None else np.moveaxis(shrink_mean(np.moveaxis(photo, 2, 0), factor), 0, 2)
    small = None if small is None else np.ascontiguousarray(small)
    pictures: dict[str, Picture | None] = dict.fromkeys(("photo", "outline", "prob", "doubt", "skipped", "cam"))
    if photo is not None:
        alt = f"{words.picture.capitalize()} of the whole {words.ground}, {name}."
        pictures["photo"] = jpeg_picture(photo, alt=alt)
        pictures["outline"] = jpeg_picture(
            outline_overlay(photo, report.labels, report.classes),
            alt=f"The same {words.picture} with coloured outlines around the traced {words.many}.",
            has_lines=True,
        )
    if report.prob is not None:
        pictures |= _doubts(report, report.prob, small, factor, words)
    if small is None:
        return pictures
    if gate is not None and gate.grid is not None and gate.skipped is not None:
        pictures["skipped"] = jpeg_picture(
            skipped_overlay(small, gate.skipped, gate.grid),
            alt="The photograph with the parts that were passed over veiled and hatched.",
            max_bytes=400_000,
        )
    if gate is not None and gate.activation is not None:
        pictures["cam"] = jpeg_picture(
            cam_overlay(small, gate.activation),
            alt="The photograph in grey, coloured where the first look found signs of work.",
            max_bytes=400_000,
        )
    return pictures


def _doubts(
    report: SegmentReport, prob: NDArray[np.float32], small: NDArray[np.uint8] | None, factor: float, words: Words
) -> dict[str, Picture | None]:
    """Draw how sure the model was; on a painting, doubt is hatched on the photograph where there is one."""
    unknown = shrink_labels(report.labels, factor) == NODATA
    largest = shrink_max(prob, factor)
    found: dict[str, Picture | None] = {
        "prob": _map(
            largest,
            unknown,
            scale=_RAMPS["prob"],
            alt=f"Map of the probability of {words.mark}, dark violet for 0 to yellow for 1.",
        )
    }
    if report.damage is not None:
        ground = np.full((*largest.shape, 3), 255, np.uint8) if small is None else small
        return found | {
            "doubt": jpeg_picture(
                doubt_overlay(ground, np.where(unknown, 0, largest)),
                alt="The photograph pale and grey, hatched in black where the model wavered.",
                has_lines=True,
            )
        }
    unsure = doubt(prob) if report.uncertainty is None else report.uncertainty
    return found | {
        "doubt": _map(
            shrink_max(unsure, factor),
            unknown,
            scale=_RAMPS["doubt"],
            alt="Map of doubt, dark where the model was decided, bright where it wavered.",
        )
    }


def _map(values: NDArray[np.float32], unknown: NDArray[np.bool_], *, scale: str, alt: str) -> Picture:
    """Colour a map of values between 0 and 1; grey where nothing is known."""
    colors = colormap(scale).copy()
    # The 64 steps of a map use every fourth colour or so; the second one is free for the unknown.
    colors[1] = UNKNOWN
    return indexed_png(np.where(unknown, np.uint8(1), unit_levels(values)), colors, alt=alt)


def _drawing(report: SegmentReport, kept: list[Trace], words: Words) -> Drawing | None:
    if not kept:
        return None
    source = report.source
    return draw_traces(
        kept,
        height=source.height,
        width=source.width,
        classes=report.classes,
        pixel_size=source.pixel_size,
        denominator=report.drawing_scale,
        direction=arrow(source.georeference),
        label=f"Tracing of {format_count(len(kept))} {words.many} as hatched outlines with their numbers.",
        numbered=None if report.damage is None else _listed_ids(report, kept),
    )


def _listed_ids(report: SegmentReport, kept: list[Trace]) -> set[str]:
    """Give the ids of the objects that stand in a table; a damage map would drown in all numbers."""
    return {trace.uid for traces in listed_objects(report, kept).values() for trace in traces}


def _legend(entry: ClassDefinition) -> dict[str, Any]:
    pattern = hatch_pattern(entry.hatch, entry.color, pattern_id=f"legend-{entry.id}", period=9)
    fill = f"url(#legend-{entry.id})" if entry.kind == "area" else "none"
    shape = (
        f'<rect x="1" y="1" width="46" height="24" fill="{fill}" stroke="{entry.color}" stroke-width="1.6"/>'
        if entry.kind == "area"
        else f'<path d="M2 20Q16 2 26 13T46 8" fill="none" stroke="{entry.color}" stroke-width="2.4"/>'
    )
    svg = f'<svg class="swatch" viewBox="0 0 48 26" aria-hidden="true"><defs>{pattern}</defs>{shape}</svg>'
    return {"name": entry.title, "code": entry.code, "swatch": Markup(svg)}


def _chart(kept: list[Trace], noun: str) -> Markup | None:
    areas = [trace for trace in kept if trace.polygons and "area" in trace.measures]
    unit = size_unit(areas)
    sizes = [convert(trace.measures["area"].value, trace.measures["area"].unit, unit) for trace in areas]
    return histogram(sizes, unit=unit, quantity="area", noun=noun) if sizes else None


def _size(n_bytes: int | None) -> str:
    return "–" if n_bytes is None else format_bytes(n_bytes)


def _step(step: dict[str, Any]) -> dict[str, Any]:
    settings = [(key, json.dumps(value, ensure_ascii=False, default=str)) for key, value in step["settings"].items()]
    return step | {"settings": settings}
