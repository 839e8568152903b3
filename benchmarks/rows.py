"""Raw measurements as rows of text, kept as CSV, and what is computed from them: paired ratios with their spread."""

from __future__ import annotations

import csv
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Row", "Spread", "key_of", "paired", "read_rows", "select", "spread", "write_rows"]

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest of `n` values."""

    median: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        if self.n == 1:
            return f"{self.median:.2f} (n = 1)"
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f}, n = {self.n})"


def spread(values: Iterable[float]) -> Spread | None:
    """Summarise values; None where there is none."""
    found = sorted(values)
    return Spread(statistics.median(found), found[0], found[-1], len(found)) if found else None


def select(rows: Iterable[Row], **wanted: object) -> list[Row]:
    """Keep the rows whose columns are as wanted."""
    return [row for row in rows if all(row.get(name, "") == str(value) for name, value in wanted.items())]


def key_of(row: Row) -> tuple[str, int, int]:
    """Give content, height and width of the panel that a row is about."""
    return row["content"], int(row["height"]), int(row["width"])


def paired(rows: Sequence[Row], over: Sequence[Row]) -> Spread | None:
    """Divide seconds by the seconds of `over` in the same round; rounds that only one of them has do not count."""
    base = {row["round"]: float(row["seconds"]) for row in over if row.get("seconds")}
    return spread(
        float(row["seconds"]) / base[row["round"]] for row in rows if row.get("seconds") and row["round"] in base
    )


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as CSV, with the columns of all of them in order of their appearance; none leaves no file."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _text(value) for name, value in row.items()} for row in rows)


def read_rows(path: Path) -> list[Row]:
    """Read rows; a file that is not there has none."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _text(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
