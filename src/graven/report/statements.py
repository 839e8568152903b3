"""The sentences and facts of a record: what stands in the title block, the method box and the citation.

The wording is for a person who looks after objects. Nothing is claimed that the run does not know: who has confirmed
what comes first, and a record without a scale has no millimetre.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from graven.report.damage import damage_headlines
from graven.report.format import UNIT_SPACE, format_count, format_number, format_share
from graven.report.units import format_measure, format_pixel_size
from graven.report.values import MeasureBox

if TYPE_CHECKING:
    from graven.report.drawing import Drawing
    from graven.report.quantities import Confirmation
    from graven.report.values import GateSummary, RotationNote, SegmentReport
    from graven.report.words import Words

__all__ = [
    "ARROW_WORDS",
    "checksums",
    "citation",
    "confirm_facts",
    "gate_text",
    "lead",
    "method_facts",
    "rotation_text",
    "status",
    "title_facts",
    "tolerance",
    "total_facts",
    "uncertainty_words",
]

Fact = tuple[str, str]
"""Name and value of one line in a block of facts; the value may be Markup."""

ARROW_WORDS = {
    "N": "The arrow points to grid north.",
    "Y": "The arrow points along the Y axis of the local frame.",
    "up": "The arrow points to the top of the picture; no compass direction is known.",
}

_FRAMES = {
    "projected": "projected coordinate system",
    "local": "local frame of the surface",
    "geographic": "geographic coordinates",
    "pixel": "pixels of the picture",
}


def lead(report: SegmentReport, n_kept: int, words: Words) -> str:
    """Say in one sentence what was found, on what, by what."""
    found = f"{format_count(n_kept)} {words.one if n_kept == 1 else words.many}" if n_kept else f"No {words.one}"
    return f"{found} traced on {report.source.name}{report.method.credit}."


def status(confirmed: Confirmation, report: SegmentReport, words: Words) -> dict[str, str]:
    """Say who has confirmed the record; the first thing that a reader sees."""
    n_kept = confirmed.n_proposed + confirmed.n_confirmed
    if n_kept == 0:
        text = "The model marked nothing, and no person has yet confirmed that there is nothing."
        return {"kind": "open", "head": "Machine result, not yet confirmed by a person.", "text": text}
    whose = "Machine proposal" if _is_by_model(report) else "Proposal"
    people = f" by {', '.join(report.confirmed_by)}" if report.confirmed_by else ""
    if confirmed.n_confirmed == 0:
        return {
            "kind": "open",
            "head": f"{whose}, not yet confirmed by a person.",
            "text": f"Confirmed: 0{UNIT_SPACE}%. No specialist has checked any of the outlines. "
            "Treat them, the count and the sizes as a draft.",
        }
    share, n_text = format_share(confirmed.share), format_count(confirmed.n_confirmed)
    if confirmed.n_proposed:
        return {
            "kind": "open",
            "head": f"Partly confirmed: {n_text} of {format_count(n_kept)} {words.many} ({share}){people}.",
            "text": f"The others are {whose.lower()}s that no person has confirmed yet.",
        }
    return {
        "kind": "done",
        "head": f"Confirmed{people}: all {n_text} {words.one if n_kept == 1 else words.many}.",
        "text": "Each outline was proposed by the machine or drawn by a person, and confirmed by a person.",
    }


def _is_by_model(report: SegmentReport) -> bool:
    """Whether a model has drawn anything of the record."""
    box = report.method
    return not isinstance(box, MeasureBox) or any(creator.startswith("model ") for creator in box.creators)


def title_facts(report: SegmentReport, confirmed: Confirmation, words: Words) -> list[Fact]:
    """Give the lines of the title block."""
    source = report.source
    scale: Any = (
        Markup('<span class="red">unknown</span>')
        if source.pixel_size is None
        else format_pixel_size(source.pixel_size)
    )
    rows: list[Fact] = [
        ("Source", source.name),
        ("Date", report.date),
        *(damage_headlines(report) if report.damage is not None else total_facts(report, words, only=_HEADLINES)),
        ("Picture", f"{format_count(source.width)} × {format_count(source.height)} pixels"),
        ("Scale", scale),
    ]
    if source.pixel_size is not None:
        rows.append(("Extent", _extent(source.width * source.pixel_size.x_mm, source.height * source.pixel_size.y_mm)))
    rows.append(("Frame", source.crs_name or _FRAMES[source.georeference.frame if source.georeference else "pixel"]))
    if source.region is not None:
        rows.append(("Limited to", source.region))
    rows.append(("Confirmed", format_share(confirmed.share)))
    if report.author is not None:
        rows.append(("Responsible", report.author))
    rows.append(("Fingerprint", Markup('<span class="hash">{}</span>').format(f"{source.sha256[:12]}…")))
    return rows


def _extent(width_mm: float, height_mm: float) -> str:
    """Size of the object, to three digits, in the unit that suits its longer side."""
    longest = max(width_mm, height_mm)
    per, unit = (1000.0, "m") if longest >= 1000 else (10.0, "cm") if longest >= 10 else (1.0, "mm")
    decimals = max(0, 2 - math.floor(math.log10(longest / per)))
    return f"{format_number(width_mm / per, decimals)} × {format_number(height_mm / per, decimals)}{UNIT_SPACE}{unit}"


def uncertainty_words(report: SegmentReport) -> str:
    """Say what the printed uncertainties hold, and what they do not."""
    scale = "the uncertainty of the scale, " if report.source.pixel_size is not None else ""
    known = "" if not isinstance(report.method, MeasureBox) else "where a probability was known, "
    return (
        f"The uncertainty holds {scale}half a pixel along every outline, and {known}how much the outline moves when "
        "the threshold is set a little lower or higher. It does not hold marks that were missed or taken for something "
        "they are not."
    )


_TOTALS = {
    "n_traces": "Number of {many}",
    "area": "Area of the {many}",
    "valid_area": "Area of the {ground}",
    "pecked_share": "Share of the {ground}",
    "stroke_length": "Length of all middle lines",
    "length": "Length of the {many}",
}
_HEADLINES = ("area", "pecked_share", "length", "stroke_length")


def total_facts(report: SegmentReport, words: Words, *, only: tuple[str, ...] | None = None) -> list[Fact]:
    """Give the totals of the record: names of `graven.measure` in words, counts as counts, shares in per cent."""
    facts = []
    for name, measure in report.totals.items():
        if only is not None and name not in only:
            continue
        group, _, bare = name.rpartition(".")
        label = bare.replace("_", " ") if group or name not in _TOTALS else _TOTALS[name].format(**_named(words))
        if bare.startswith("n_"):
            label, value = label.removeprefix("n "), format_count(round(measure.value))
        elif bare.endswith("share"):
            value = format_share(measure.value, measure.sigma)
        else:
            value = format_measure(measure)
        facts.append((f"{group.replace('_', ' ').capitalize()}: {label}" if group else label, value))
    return facts


def _named(words: Words) -> dict[str, str]:
    return {"many": words.many, "ground": words.ground}


def tolerance(report: SegmentReport, drawing: Drawing | None) -> str:
    """Say how far the drawn outlines leave the stored ones."""
    if drawing is None:
        return ""
    size = report.source.pixel_size
    if size is None:
        return f"{drawing.tolerance_px:.2g} pixels of the picture"
    return f"{drawing.tolerance_px * size.mean_mm:.2g}{UNIT_SPACE}mm on the object"


def gate_text(gate: GateSummary) -> str:
    """Say how much was passed over, by what rule, and what follows from it."""
    skipped, tiles = format_count(gate.n_skipped), format_count(gate.n_tiles)
    return (
        f"To save time a small model ({gate.model}) first looked over the picture in {tiles} overlapping squares. "
        f"{skipped} of them ({format_share(gate.n_skipped / gate.n_tiles)}) showed no sign of work above the limit of "
        f"{gate.threshold:.3g} and were passed over: nothing was traced there, and nothing is claimed of them. "
        "If you know of marks in a veiled part, run again without the gate."
    )


def rotation_text(rotation: RotationNote) -> str:
    """Say what the rotation correction found and did."""
    angle = f"{format_number(abs(rotation.angle_deg), 1)}°"
    measured = f"signal {rotation.strength:.2f}, at least {rotation.needed_strength:.2f} needed"
    if rotation.applied:
        return (
            f"The grain of the picture runs {angle} askew to its edges ({measured}). The model saw the picture "
            "turned straight; all results were turned back onto the original picture."
        )
    return f"The picture was not turned before the model saw it: the grain gave {angle} ({measured})."


def method_facts(report: SegmentReport) -> list[Fact]:
    """Give the lines of the method box."""
    box = report.method
    if isinstance(box, MeasureBox):
        return _measure_facts(box)
    rows: list[Fact] = [
        ("Model", f"{box.model} {box.model_version}"),
        ("Model file", Markup('<span class="hash">{}</span>').format(box.model_sha256)),
    ]
    if box.model_pixel_size_mm is not None:
        trained = f"{box.model_pixel_size_mm:g}{UNIT_SPACE}mm per pixel"
        unknown = "not comparable with this picture, which has no scale"
        rows.append(("Trained at", trained if report.source.pixel_size is not None else unknown))
    rows += [
        ("Threshold", f"{box.threshold:g} (a point is traced when its probability reaches this value)"),
        ("Tiles", f"{box.tile_px} × {box.tile_px} pixels, {box.overlap_px} pixels shared with each neighbour"),
    ]
    if box.min_object is not None:
        rows.append(("Left out", f"anything smaller than {format_measure(box.min_object)}"))
    if box.prepare:
        rows.append(("Preparation", "; ".join(box.prepare)))
    rows.append(("Ran on", f"{box.device}, {box.engine}"))
    rows.append(("Software", ", ".join(f"{name} {version}" for name, version in box.versions.items())))
    return rows


def _measure_facts(box: MeasureBox) -> list[Fact]:
    rows: list[Fact] = [
        ("Measured from", box.measured_from),
        ("Its checksum", Markup('<span class="hash">{}</span>').format(box.measured_sha256)),
        ("Drawn by", "; ".join(box.creators) or "nobody named"),
    ]
    if box.edits:
        rows.append(("Edited", box.edits))
    if box.min_object is not None:
        rows.append(("Left out", f"anything smaller than {format_measure(box.min_object)}"))
    rows.append(("Software", ", ".join(f"{name} {version}" for name, version in box.versions.items())))
    return rows


def confirm_facts(report: SegmentReport, confirmed: Confirmation, words: Words) -> list[Fact]:
    """Give the lines that say who stands behind the record."""
    n_kept = confirmed.n_proposed + confirmed.n_confirmed
    counted = f"{format_count(confirmed.n_confirmed)} of {format_count(n_kept)} {words.many}"
    rows: list[Fact] = [
        ("Responsible", report.author or "nobody named"),
        ("Confirmed", f"{counted} ({format_share(confirmed.share)})"),
        ("Confirmed by", ", ".join(report.confirmed_by) or "nobody"),
    ]
    if confirmed.n_rejected:
        rows.append(("Rejected", f"{format_count(confirmed.n_rejected)}, not drawn and not counted here"))
    return rows


def citation(report: SegmentReport, confirmed: Confirmation, words: Words) -> str:
    """Give a citation that names title, software, model, source, date and state of confirmation."""
    box = report.method
    n_kept = confirmed.n_proposed + confirmed.n_confirmed
    state = (
        f"{'Machine proposal' if _is_by_model(report) else 'Proposal'}, not confirmed by a person"
        if confirmed.n_confirmed == 0
        else f"{format_count(confirmed.n_confirmed)} of {format_count(n_kept)} {words.many} confirmed"
        + (f" by {', '.join(report.confirmed_by)}" if report.confirmed_by else "")
    )
    maker = (
        f"measured from {box.measured_from} (SHA-256 {box.measured_sha256[:12]}…)"
        if isinstance(box, MeasureBox)
        else f"model {box.model} {box.model_version} (SHA-256 {box.model_sha256[:12]}…)"
    )
    return (
        f"{report.author or '[name of the responsible person]'}: {report.title}. Tracing with graven "
        f"{box.versions['graven']}, {maker}, "
        f"{report.date}. Source: {report.source.name} (SHA-256 {report.source.sha256[:12]}…). {state}."
    )


def checksums(report: SegmentReport) -> list[tuple[str, str]]:
    """Give name and SHA-256 of the input, the model and every output that has one."""
    box = report.method
    made = (
        (f"{box.measured_from}, as it was measured", box.measured_sha256)
        if isinstance(box, MeasureBox)
        else (f"model {box.model}", box.model_sha256)
    )
    rows = [made] if made[1] == report.source.sha256 else [(report.source.name, report.source.sha256), made]
    return rows + [(file.name, file.sha256) for file in report.files if file.sha256 is not None]
