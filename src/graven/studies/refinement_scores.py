"""What the refinement study writes down: counts of single test panels, and the records of work on whole objects."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

from graven.errors import DataError
from graven.metrics import BinaryCounts, MatchCounts, iou
from graven.refine.tally import EffortRecord
from graven.report.tables import csv_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["PatchScore", "WorkedObject", "patches_csv", "read_patches", "read_work", "work_csv"]

PIXELS = ("tp", "fp", "fn", "tn")
LINES = ("line_preds", "n_line_preds", "line_target", "n_line_target")
PATCH_COLUMNS = ("contender", "seed", "set", "image", *PIXELS, *LINES, "iou", "pfm")
RECORD = tuple(field.name for field in fields(EffortRecord))
WORK_COLUMNS = ("trial", "seed", "object", "annotator", "converged", *RECORD)


@dataclass(frozen=True, slots=True)
class PatchScore:
    """How one contender did on the patches of one test panel.

    Attributes
    ----------
    contender : str
        ``initial``, ``early``, the key of a refining network, the same with ``+strokes`` for the first answer with the
        strokes written in that this network was given, or the key of a baseline.
    seed : int
        Seed of the run.
    subset, image : str
        Test set, and name of the panel.
    pixels : BinaryCounts
        Pixels by agreement, all patches and strokes together.
    lines : MatchCounts
        Of the pseudo-F-measure, likewise.
    """

    contender: str
    seed: int
    subset: str
    image: str
    pixels: BinaryCounts
    lines: MatchCounts


@dataclass(frozen=True, slots=True)
class WorkedObject:
    """One object as one person worked on it.

    Attributes
    ----------
    trial : str
        Key of `graven.studies.refinement_contenders.TRIALS`.
    seed : int
        Seed of the networks.
    name : str
        The object.
    annotator : int
        Seed of the person.
    converged : bool
        Whether nothing was left that helps.
    records : tuple of EffortRecord
        The first is without strokes.
    """

    trial: str
    seed: int
    name: str
    annotator: int
    converged: bool
    records: tuple[EffortRecord, ...]

    def column(self, name: str) -> list[float]:
        """Give one field of all records, as `graven.metrics.effort` takes them."""
        return [float(getattr(record, name)) for record in self.records]

    @property
    def interactions(self) -> int:
        """Strokes that were accepted."""
        return self.records[-1].interactions


def patches_csv(scores: Iterable[PatchScore]) -> str:
    """Write scores as CSV, with IoU and pFM of each row beside its counts.

    Parameters
    ----------
    scores : iterable of PatchScore
        In any order.

    Returns
    -------
    str
        For `read_patches`.
    """
    rows = [
        [
            *(score.contender, score.seed, score.subset, score.image),
            *astuple(score.pixels),
            *astuple(score.lines),
            *(iou(score.pixels), score.lines.f1),
        ]
        for score in scores
    ]
    return csv_table(PATCH_COLUMNS, rows)


def read_patches(path: Path) -> list[PatchScore]:
    """Read scores that `patches_csv` wrote.

    Parameters
    ----------
    path : Path
        A file.

    Returns
    -------
    list of PatchScore
        In its order.

    Raises
    ------
    DataError
        If it is missing or damaged.
    """
    return [
        PatchScore(
            row["contender"],
            int(row["seed"]),
            row["set"],
            row["image"],
            BinaryCounts(*(int(row[name]) for name in PIXELS)),
            MatchCounts(*(int(row[name]) for name in LINES)),
        )
        for row in _rows(path, PATCH_COLUMNS)
    ]


def work_csv(worked: Iterable[WorkedObject]) -> str:
    """Write every record of work on objects as CSV.

    Parameters
    ----------
    worked : iterable of WorkedObject
        In any order.

    Returns
    -------
    str
        For `read_work`.
    """
    rows = [
        [*(work.trial, work.seed, work.name, work.annotator, int(work.converged)), *astuple(record)]
        for work in worked
        for record in work.records
    ]
    return csv_table(WORK_COLUMNS, rows)


def read_work(path: Path) -> list[WorkedObject]:
    """Read work that `work_csv` wrote.

    Parameters
    ----------
    path : Path
        A file.

    Returns
    -------
    list of WorkedObject
        In its order.

    Raises
    ------
    DataError
        If it is missing or damaged.
    """
    runs: dict[tuple[str, int, str, int, bool], list[EffortRecord]] = {}
    for row in _rows(path, WORK_COLUMNS):
        key = (row["trial"], int(row["seed"]), row["object"], int(row["annotator"]), row["converged"] == "1")
        scores = (float(row[name]) for name in RECORD[2:])
        runs.setdefault(key, []).append(EffortRecord(int(row["interactions"]), int(row["hint_px"]), *scores))
    return [WorkedObject(*key, tuple(records)) for key, records in runs.items()]


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name} cannot be read ({error}); remove the run and repeat it") from error
    if not rows or any(row.get(name) in (None, "") for row in rows for name in columns):
        raise DataError(f"{path.name} must hold the columns {', '.join(columns)}; remove the run and repeat it")
    return rows
