"""CSV tables of measures: one row per trace, and one per total."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.io.fs import write_text_atomic
from graven.io.records import columns_of, known, reading_key

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from graven.types import ClassTable, Measure, Trace

__all__ = ["Table", "write_measures", "write_table", "write_totals"]

_HEAD = ("uid", "number", "class_id", "class", "status", "confidence")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a record.

    Attributes
    ----------
    head : tuple of str
        Names of the columns, units included.
    rows : tuple of tuple
        Text, whole numbers, numbers, or None for what is not known.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]


def write_table(target: str | os.PathLike[str], table: Table) -> None:
    """Write any table as CSV.

    Parameters
    ----------
    target : path
        ``<item>_<what>.csv``.
    table : Table
        What to write, as `write_measures` does: numbers at nine significant digits, the unknown and the infinite empty.

    Raises
    ------
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.
    """
    write_text_atomic(target, _csv([list(table.head), *([_cell(value) for value in row] for row in table.rows)]))


def write_measures(target: str | os.PathLike[str], traces: Sequence[Trace], *, classes: ClassTable) -> None:
    """Write the measures of traces as CSV.

    Parameters
    ----------
    target : path
        ``measures.csv``.
    traces : sequence of Trace
        Written in order of class and number.
    classes : ClassTable
        Names of the classes.

    Raises
    ------
    InputError
        If a trace has a class that is not in the table.
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.

    Notes
    -----
    RFC 4180, UTF-8, a point as decimal sign. Columns: ``uid number class_id class status confidence``, then every
    measure as ``<name>_<unit>`` and ``<name>_sigma_<unit>``, at nine significant digits; unknown is empty. A class name
    that a spreadsheet would take for a formula is set behind an apostrophe.
    """
    ordered = sorted(traces, key=reading_key)
    rows = [columns_of(trace.measures) for trace in ordered]
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = [[*_HEAD, *names]]
    for trace, row in zip(ordered, rows, strict=True):
        head = [trace.uid, str(trace.number), str(trace.class_id), _text(classes[trace.class_id].name), trace.status]
        table.append([*head, _number(known(trace.confidence)), *(_number(row.get(name)) for name in names)])
    write_text_atomic(target, _csv(table))


def write_totals(
    target: str | os.PathLike[str], totals: Mapping[int, Mapping[str, Measure]], *, classes: ClassTable
) -> None:
    """Write the totals of a panel as CSV.

    Parameters
    ----------
    target : path
        ``totals.csv``.
    totals : mapping of int to mapping of str to Measure
        By class id, then by name.
    classes : ClassTable
        Names of the classes.

    Raises
    ------
    InputError
        If a class is not in the table.
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.

    Notes
    -----
    Columns ``class_id class quantity value sigma unit``; otherwise as `write_measures`.
    """
    table = [["class_id", "class", "quantity", "value", "sigma", "unit"]]
    for class_id, named in sorted(totals.items()):
        for name, measure in named.items():
            label = _text(classes[class_id].name)
            table.append([str(class_id), label, name, _number(measure.value), _number(measure.sigma), measure.unit])
    write_text_atomic(target, _csv(table))


def _csv(table: list[list[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(table)
    return text.getvalue()


def _cell(value: str | float | None) -> str:
    return _text(value) if isinstance(value, str) else _number(value)


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.9g}"


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
