"""The record of a damaged painting in words, tables and drawings: what a conservator wants to know of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from graven.report.format import UNIT_SPACE, format_count, format_number, format_share, format_value
from graven.report.rose import draw_rose
from graven.report.units import Unit, convert, format_measure, pick_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.report.values import DamageSheet, SegmentReport, SizeRow
    from graven.types import Measure, Trace

__all__ = ["PATTERNS", "damage_headlines", "damage_lead", "damage_values", "listed_objects"]

Fact = tuple[str, str]

PATTERNS = {
    "net": "a net: it has no main direction, most cracks meet, and they enclose islands",
    "parallel": "parallel: it has a main direction, and most cracks end freely",
    "wood-grain": "along the grain: it has a main direction, and the cracks are joined around long islands",
    "random": "random: it has no main direction, most cracks end freely, and hardly any island is closed",
    "undetermined": "of no kind that the figures settle",
}
"""Kind of craquelure, in words that follow "The craquelure is"."""

N_LISTED = 15
_LEAST_PREFERENCE = 0.1  # below it a mean direction says nothing
_CRACKS, _LOSSES = "craquelure", "paint_loss"
_MEASURED = {
    _CRACKS: (
        ("length", "Length"),
        ("width_mean", "Mean width"),
        ("width_max", "Largest width"),
        ("direction", "Direction"),
    ),
    _LOSSES: (
        ("area", "Area"),
        ("perimeter", "Perimeter"),
        ("equivalent_diameter", "Diameter of equal circle"),
        ("edge_distance", "To the edge"),
    ),
}
_NODES = (
    ("I", "free end", '<path d="M4 12H15"/><circle cx="15" cy="12" r="2.6"/>'),
    ("O", "bend, or a closed ring", '<path d="M4 18L12 6L20 18"/>'),
    ("Y", "three cracks meet", '<path d="M12 12V3M12 12L4 20M12 12L20 20"/>'),
    ("X", "four or more meet", '<path d="M4 4L20 20M20 4L4 20"/>'),
)


def damage_values(report: SegmentReport, kept: Sequence[Trace]) -> dict[str, Any] | None:
    """Give what the page of a painting prints beside what every record prints.

    Parameters
    ----------
    report : SegmentReport
        The record.
    kept : sequence of Trace
        Its objects but for the rejected ones.

    Returns
    -------
    dict of str to object, or None
        For the template; None where the record is of no painting.
    """
    sheet = report.damage
    if sheet is None:
        return None
    unit = "px" if report.source.pixel_size is None else "mm"
    listed = listed_objects(report, kept)
    return {
        "class_rows": _class_rows(report, kept),
        "width_rows": _size_rows(sheet.widths, unit),
        "length_rows": _size_rows(sheet.lengths, unit),
        "loss_rows": _size_rows(sheet.losses, f"{unit}2"),
        "sentence": _sentence(report, sheet),
        "crack_facts": _facts(report, _CRACK_FACTS),
        "island_facts": _facts(report, _ISLAND_FACTS),
        "node_rows": _node_rows(report),
        "node_words": _node_words(report),
        "rose": draw_rose(sheet.rose.tolist()) if sheet.rose.sum() > 0 else None,
        "cracks": _object_table(report, listed[_CRACKS], _CRACKS),
        "losses": _object_table(report, listed[_LOSSES], _LOSSES),
        "n_cracks": format_count(_n_of(report, kept, _CRACKS)),
        "n_losses": format_count(_n_of(report, kept, _LOSSES)),
        "n_widths": sum(row.count for row in sheet.widths),
    }


def damage_lead(report: SegmentReport, kept: Sequence[Trace]) -> str:
    """Say in one sentence what was found, on what, by what."""
    found = []
    for name, one, many in ((_CRACKS, "crack", "cracks"), (_LOSSES, "loss", "losses")):
        n = _n_of(report, kept, name)
        found.append(f"{format_count(n) if n else 'no'} {one if n == 1 else many}")
    text = " and ".join(found)
    return f"{text[0].upper()}{text[1:]} on {report.source.name}{report.method.credit}."


def damage_headlines(report: SegmentReport) -> list[Fact]:
    """Give the two lines of the title block that sum up the damage."""
    lines = []
    for label, own, share in (
        ("Craquelure", _total(report, _CRACKS, "length"), _total(report, _CRACKS, "density")),
        ("Paint loss", _total(report, _LOSSES, "area"), _total(report, _LOSSES, "loss_share")),
    ):
        if own is not None and share is not None:
            of = format_share(share.value, share.sigma) if share.unit == "" else format_measure(share)
            lines.append((label, f"{format_measure(own)}; {of}"))
    return lines


def listed_objects(report: SegmentReport, kept: Sequence[Trace]) -> dict[str, list[Trace]]:
    """Give the objects that stand in the tables and carry a number on the drawing: the longest and the largest."""
    listed = {}
    for name, columns in _MEASURED.items():
        first = columns[0][0]
        own = [trace for trace in kept if _class_name(report, trace) == name and first in trace.measures]
        listed[name] = sorted(own, key=lambda trace: (-trace.measures[first].value, trace.number))[:N_LISTED]
    return listed


def _class_name(report: SegmentReport, trace: Trace) -> str:
    return report.classes[trace.class_id].name


def _n_of(report: SegmentReport, kept: Sequence[Trace], name: str) -> int:
    return sum(_class_name(report, trace) == name for trace in kept)


def _total(report: SegmentReport, name: str, measure: str) -> Measure | None:
    return report.totals.get(f"{name}.{measure}")


def _printed(measure: Measure | None) -> str:
    return "–" if measure is None else format_measure(measure)


def _share(measure: Measure | None) -> str:
    return "–" if measure is None else format_share(measure.value, measure.sigma)


def _class_rows(report: SegmentReport, kept: Sequence[Trace]) -> list[tuple[str, ...]]:
    """How much there is of each kind of damage, and what it takes of the surface."""
    numbers = [format_count(_n_of(report, kept, name)) for name in (_CRACKS, _LOSSES)]
    cracks = (_printed(_total(report, _CRACKS, name)) for name in ("length", "area"))
    losses = _printed(_total(report, _LOSSES, "area"))
    return [
        ("craquelure", numbers[0], *cracks, _share(_total(report, _CRACKS, "crack_share"))),
        ("paint loss", numbers[1], "–", losses, _share(_total(report, _LOSSES, "loss_share"))),
    ]


def _size_rows(rows: Sequence[SizeRow], stored: str) -> list[tuple[str, str, str, str]]:
    """Print the bins from the first to the last that holds something."""
    used = [index for index, row in enumerate(rows) if row.count]
    if not used:
        return []
    shown = rows[used[0] : used[-1] + 1]
    unit = pick_unit([row.total.value for row in shown if row.count], shown[0].total.unit)
    bounds = pick_unit([0.0], stored)
    return [
        (
            _between(row, bounds),
            format_count(row.count),
            format_measure(row.total, unit) if row.count else "–",
            format_share(row.share.value, row.share.sigma) if row.count else "–",
        )
        for row in shown
    ]


def _between(row: SizeRow, unit: Unit) -> str:
    if row.low == 0:
        return f"below {_bound(row.high)}{UNIT_SPACE}{unit}"
    if math.isinf(row.high):
        return f"{_bound(row.low)}{UNIT_SPACE}{unit} and more"
    return f"{_bound(row.low)} to {_bound(row.high)}{UNIT_SPACE}{unit}"


def _bound(value: float) -> str:
    return f"{value:g}" if value < 1000 else format_count(round(value))


_CRACK_FACTS = (
    ("length", "Length in all"),
    ("density", "Density"),
    ("spacing", "Spacing"),
    ("width_mean", "Mean width"),
    ("width_p95", "Width, 95 % below"),
    ("width_max", "Widest place"),
    ("n_networks", "Networks"),
    ("n_loops", "Closed meshes"),
    ("tortuosity", "Tortuosity"),
    ("direction_resultant", "One direction"),
    ("direction", "Mean direction"),
)
_ISLAND_FACTS = (
    ("n_islands", "Closed islands"),
    ("n_islands_open", "Open islands"),
    ("island_share", "Closed ones take"),
    ("island_area", "Median area"),
    ("island_equivalent_diameter", "Median diameter"),
    ("island_elongation", "Median elongation"),
    ("island_solidity", "Median solidity"),
)
_EXPLAINED = {
    "spacing": " between parallel cracks as dense",
    "tortuosity": " (1 is straight)",
    "direction": " from the right, counter-clockwise",
    "direction_resultant": " (0 none preferred, 1 all parallel)",
    "n_islands_open": " reach the border; not counted below",
    "island_share": " of the surface",
    "island_elongation": " (1 is a circle or a square)",
    "island_solidity": " (1 is convex)",
}


def _facts(report: SegmentReport, names: Sequence[tuple[str, str]]) -> list[Fact]:
    facts = []
    preference = _total(report, _CRACKS, "direction_resultant")
    has_direction = preference is not None and preference.value >= _LEAST_PREFERENCE
    for name, label in names:
        measure = _total(report, _CRACKS, name)
        if measure is None or (name == "direction" and not has_direction):
            continue
        if name.startswith("n_"):
            value = format_count(round(measure.value))
        elif name.endswith("_share"):
            value = format_share(measure.value, measure.sigma)
        else:
            value = format_measure(measure)
        facts.append((label, value + _EXPLAINED.get(name, "")))
    return facts


def _node_rows(report: SegmentReport) -> list[tuple[Markup, str, str, str]]:
    """Print how many nodes of each kind there are, each with a small drawing."""
    counts = {kind: _total(report, _CRACKS, f"n_nodes_{kind}") for kind, _, _ in _NODES}
    n_all = sum(count.value for count in counts.values() if count is not None)
    rows = []
    for kind, meaning, drawn in _NODES:
        count = counts[kind]
        if count is None:
            continue
        glyph = Markup(
            '<svg class="node" viewBox="0 0 24 24" aria-hidden="true"><g fill="#111" stroke="#111" stroke-width="2.2" '
            f'fill-opacity="{1 if kind == "I" else 0}" stroke-linecap="round">{drawn}</g></svg>{kind}'
        )
        share = format_share(count.value / n_all) if n_all else "–"
        rows.append((glyph, meaning, format_count(round(count.value)), share))
    return rows


def _node_words(report: SegmentReport) -> str:
    found = (_total(report, _CRACKS, f"n_ends_at_{name}") for name in ("border", "other"))
    border, loss = (0 if count is None else round(count.value) for count in found)
    if border + loss == 0:
        return ""
    return (
        f"Of the free ends {format_count(border)} lie at the border of the picture and {format_count(loss)} at a loss; "
        "there the crack may go on, or have gone on, and these ends do not count for the kind of craquelure."
    )


def _sentence(report: SegmentReport, sheet: DamageSheet) -> str:
    """Say what kind of craquelure it is, and by which figures."""
    cracks = _total(report, _CRACKS, "n_cracks")
    if cracks is None or cracks.value == 0:
        return "No craquelure was found."
    said = []
    shares = [(sheet.style.get(f"share_{kind}"), words) for kind, words in _SHARES]
    counted = [f"{format_share(share.value)} {words}" for share, words in shares if share is not None]
    if counted:
        said.append(f"of the nodes, {', '.join(counted)}")
    resultant = sheet.style.get("direction_resultant")
    if resultant is not None:
        said.append(f"the preference for one direction is {format_number(resultant.value, 2)} on a scale from 0 to 1")
    islands = sheet.style.get("island_share")
    if islands is not None:
        said.append(f"closed islands take {format_share(islands.value, islands.sigma)} of the surface")
    figures = f" The figures: {'; '.join(said)}." if said else ""
    return f"The craquelure is {PATTERNS[sheet.pattern]}.{figures}"


_SHARES = (("I", "are free ends"), ("Y", "are branchings"), ("X", "are crossings"))


def _object_table(report: SegmentReport, traces: Sequence[Trace], name: str) -> dict[str, Any] | None:
    """Print single objects, largest first; each column has one unit."""
    if not traces:
        return None
    columns: list[tuple[str, str, Unit]] = []
    for measure, label in _MEASURED[name]:
        own = [trace.measures[measure] for trace in traces if measure in trace.measures]
        if own:
            columns.append((measure, label, pick_unit([one.value for one in own], own[0].unit)))
    rows = [
        [
            f"{report.classes[trace.class_id].code}{trace.number}",
            *(_cell(trace.measures.get(measure), unit) for measure, _, unit in columns),
            format_number(trace.confidence, 2),
            trace.status,
        ]
        for trace in traces
    ]
    return {"head": ["No.", *(f"{label} ({unit})" for _, label, unit in columns), "Sure", "Status"], "rows": rows}


def _cell(measure: Measure | None, unit: Unit) -> str:
    if measure is None:
        return "–"
    sigma = None if measure.sigma is None else convert(measure.sigma, measure.unit, unit)
    return format_value(convert(measure.value, measure.unit, unit), sigma)
