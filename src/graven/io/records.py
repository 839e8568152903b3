"""Measures of traces as columns of a table, and as text that loses nothing."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from graven.errors import DataError
from graven.types import Measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.types import Trace

__all__ = [
    "columns_of",
    "known",
    "measures_from_json",
    "measures_to_json",
    "object_numbers",
    "reading_key",
    "stroke_measure",
]

_STROKE = re.compile(r"stroke_\d+_\w+")


def reading_key(trace: Trace) -> tuple[int, int, str]:
    """Order in every file: by class, then by number."""
    return trace.class_id, trace.number, trace.uid


def object_numbers(traces: Sequence[Trace]) -> list[int]:
    """Give objects numbers that are unique in a file: their own, or anew where classes count each for itself."""
    numbers = [trace.number for trace in traces]
    return numbers if len(set(numbers)) == len(numbers) else list(range(1, len(numbers) + 1))


def columns_of(measures: Mapping[str, Measure]) -> dict[str, float]:
    """Give measures as columns with their unit in the name.

    Parameters
    ----------
    measures : mapping of str to Measure
        Of one trace; those of single strokes are left out.

    Returns
    -------
    dict of str to float
        ``<name>_<unit>`` and, where one is known, ``<name>_sigma_<unit>``; a ratio has no unit.

    Examples
    --------
    >>> columns_of({"area": Measure(4.0, "mm2", 0.5), "pecked_share": Measure(1.0, "")})
    {'area_mm2': 4.0, 'area_sigma_mm2': 0.5, 'pecked_share': 1.0}
    """
    columns = {}
    for name, measure in measures.items():
        if _STROKE.fullmatch(name):
            continue
        unit = f"_{measure.unit}" if measure.unit else ""
        columns[f"{name}{unit}"] = measure.value
        if measure.sigma is not None:
            columns[f"{name}_sigma{unit}"] = measure.sigma
    return columns


def stroke_measure(trace: Trace, index: int, kind: str) -> Measure | None:
    """Give a measure of one centre-line of a trace, counted from 0; for example its ``width``."""
    return trace.measures.get(f"stroke_{index + 1}_{kind}")


def known(value: float) -> float | None:
    """Give a number, or None where it is NaN."""
    return value if math.isfinite(value) else None


def measures_to_json(measures: Mapping[str, Measure]) -> str:
    """Write all measures as ``{name: [value, unit, sigma]}``."""
    listed = {name: [m.value, m.unit, m.sigma] for name, m in measures.items()}
    return json.dumps(listed, separators=(",", ":"), allow_nan=False)


def measures_from_json(value: Any, *, where: str) -> dict[str, Measure]:
    """Read what `measures_to_json` wrote, from its parsed form.

    Raises
    ------
    DataError
        If it has another shape.
    """
    try:
        return {
            str(name): Measure(float(number), str(unit), None if sigma is None else float(sigma))
            for name, (number, unit, sigma) in value.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{where}: measures must be {{name: [value, unit, sigma]}} ({error})") from error
