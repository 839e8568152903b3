"""Tables of a record: how many figures of which size, how much area, and who stands behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.report.format import format_count, format_number, format_value
from graven.report.units import Unit, convert, format_measure, pick_unit
from graven.types import Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.types import ClassDefinition, ClassTable, Trace

__all__ = [
    "BinRow",
    "ClassRow",
    "Confirmation",
    "class_rows",
    "confirmation",
    "object_head",
    "object_rows",
    "published",
    "size_of",
    "size_unit",
]

_MAX_ROWS = 30
_COLUMNS = ("area", "length", "width")


@dataclass(frozen=True, slots=True)
class BinRow:
    """One size bin of one class, as printed."""

    label: str
    count: str
    size: str
    n: int


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class of the quantities table, as printed, with its size bins."""

    entry: ClassDefinition
    n: int
    count: str
    size: str
    median: str
    bins: tuple[BinRow, ...]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How much of a record a person has looked at.

    Attributes
    ----------
    n_proposed, n_confirmed, n_rejected : int
        Objects by status.
    share : float, 0 to 1
        Confirmed among proposed and confirmed; 0 where there is none.
    """

    n_proposed: int
    n_confirmed: int
    n_rejected: int

    @property
    def share(self) -> float:
        """Confirmed among all objects that are not rejected."""
        kept = self.n_proposed + self.n_confirmed
        return self.n_confirmed / kept if kept else 0.0


def confirmation(traces: Sequence[Trace]) -> Confirmation:
    """Count what a person has confirmed and rejected."""
    status = [trace.status for trace in traces]
    return Confirmation(status.count("proposed"), status.count("confirmed"), status.count("rejected"))


def published(traces: Sequence[Trace]) -> list[Trace]:
    """Give the objects that count: all but the rejected, in the order they came."""
    return [trace for trace in traces if trace.status != "rejected"]


def size_of(trace: Trace) -> Measure | None:
    """Give the measure by which objects of a kind are sorted: area, or length for what is a line only."""
    return trace.measures.get("area" if trace.polygons else "length")


def size_unit(traces: Sequence[Trace]) -> Unit:
    """Give one unit in which the sizes of these objects are easily read."""
    sizes = [size for trace in traces if (size := size_of(trace)) is not None]
    return pick_unit([size.value for size in sizes], sizes[0].unit) if sizes else ""


def class_rows(traces: Sequence[Trace], classes: ClassTable, *, scale_sigma: float = 0.0) -> list[ClassRow]:
    """Sum objects per class and per size bin.

    Parameters
    ----------
    traces : sequence of Trace
        Objects of a run; rejected ones are left out.
    classes : ClassTable
        All classes get a row, also those without an object.
    scale_sigma : float, >= 0
        Relative standard uncertainty of the scale; it is part of every sigma already.

    Returns
    -------
    list of ClassRow
        Bins are the decades of the unit that fits the class (below 1, 1 to 10, 10 to 100, …), from the first to the
        last that holds an object.

    Notes
    -----
    The scale error is common to all objects, and their borders are taken to move together as well. In a sum, the
    uncertainties from the scale are therefore **added**, and so is the rest; then the two are joined by squares.
    """
    rows = []
    for entry in classes.classes:
        own = [trace for trace in published(traces) if trace.class_id == entry.id]
        sizes = [size for trace in own if (size := size_of(trace)) is not None]
        unit = size_unit(own)
        middle = sorted(sizes, key=lambda size: size.value)[len(sizes) // 2] if sizes else None
        rows.append(
            ClassRow(
                entry=entry,
                n=len(own),
                count=format_count(len(own)),
                size=_sum(sizes, unit, scale_sigma),
                median="–" if middle is None else _sum([middle], unit, scale_sigma),
                bins=tuple(_bins(sizes, unit, scale_sigma)),
            )
        )
    return rows


def _bins(sizes: Sequence[Measure], unit: Unit, scale_sigma: float) -> list[BinRow]:
    groups: dict[int, list[Measure]] = {}
    for size in sizes:
        value = convert(size.value, size.unit, unit)
        # 1e-9 keeps 1000 in the decade that it opens, whatever log10 gives.
        decade = 0 if value < 1 else math.floor(math.log10(value) + 1e-9) + 1
        groups.setdefault(decade, []).append(size)
    return [
        BinRow(_decade_label(decade, unit), format_count(len(own)), _sum(own, unit, scale_sigma), len(own))
        for decade in range(min(groups, default=0), max(groups, default=-1) + 1)
        for own in [groups.get(decade, [])]
    ]


def _decade_label(decade: int, unit: Unit) -> str:
    if decade == 0:
        return f"below 1 {unit}"
    return f"{format_count(10 ** (decade - 1))} to {format_count(10**decade)} {unit}"


def _sum(sizes: Sequence[Measure], unit: Unit, scale_sigma: float) -> str:
    if not sizes:
        return "–"
    value = math.fsum(size.value for size in sizes)
    sigma = None
    if all(size.sigma is not None for size in sizes):
        # An area follows the square of the scale, so its relative error is twice that of the scale.
        per_value = scale_sigma * (2 if sizes[0].unit.endswith("2") else 1)
        rest = (math.sqrt(max((size.sigma or 0.0) ** 2 - (per_value * size.value) ** 2, 0.0)) for size in sizes)
        sigma = math.hypot(per_value * value, math.fsum(rest))
    return format_measure(Measure(value, sizes[0].unit, sigma), unit)


def object_head(kept: Sequence[Trace], classes: ClassTable) -> list[str]:
    """Give the heads of the table of single objects, with the unit of each column."""
    head = ["No."] + (["Class"] if len(classes) > 1 else [])
    return head + [f"{name.capitalize()} ({unit})" for name, unit in _columns(kept)] + ["Sure", "Status"]


def object_rows(kept: Sequence[Trace], classes: ClassTable) -> list[list[str]]:
    """Print the largest objects, one per row, largest first.

    Parameters
    ----------
    kept : sequence of Trace
        Objects to print (`published`).
    classes : ClassTable
        With several classes, numbers carry the letter of the class and a column names it.

    Returns
    -------
    list of list of str
        At most 30 rows, in the columns of `object_head`.
    """

    def rank(trace: Trace) -> tuple[float, int, int]:
        size = size_of(trace)
        return (-size.value if size is not None else 0.0, trace.class_id, trace.number)

    columns = _columns(kept)
    rows = []
    for trace in sorted(kept, key=rank)[:_MAX_ROWS]:
        cells = [str(trace.number)]
        if len(classes) > 1:
            entry = classes[trace.class_id]
            cells = [f"{entry.code}{trace.number}", entry.title]
        cells += [_cell(trace.measures.get(name), unit) for name, unit in columns]
        rows.append([*cells, format_number(trace.confidence, 2), trace.status])
    return rows


def _columns(kept: Sequence[Trace]) -> list[tuple[str, Unit]]:
    """Measures that at least one object has, each with one unit for its column."""
    columns = []
    for name in _COLUMNS:
        own = [trace.measures[name] for trace in kept if name in trace.measures]
        if own:
            columns.append((name, pick_unit([measure.value for measure in own], own[0].unit)))
    return columns


def _cell(measure: Measure | None, unit: Unit) -> str:
    """Print a value under a column head that states the unit."""
    if measure is None:
        return "–"
    sigma = None if measure.sigma is None else convert(measure.sigma, measure.unit, unit)
    return format_value(convert(measure.value, measure.unit, unit), sigma)
