"""Scores of single test pictures of the craquelure study, as CSV keeps them: counts, and what follows from them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError
from graven.metrics import (
    BinaryCounts,
    MatchCounts,
    binary_counts,
    cldice_counts,
    confusion_matrix,
    iou,
    multiclass_scores,
    tolerance_counts,
)
from graven.studies.craquelure_contenders import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "CrackScore",
    "PaintingScore",
    "TOLERANCE_PX",
    "cracks_csv",
    "paintings_csv",
    "read_cracks",
    "read_paintings",
    "score_cracks",
    "score_painting",
]

TOLERANCE_PX = 2.0
N_CLASSES = len(CLASSES)
CELLS = tuple(f"n_{true}{found}" for true in range(N_CLASSES) for found in range(N_CLASSES))
PIXELS = ("tp", "fp", "fn", "tn")
NEAR = ("near_preds", "n_preds", "near_target", "n_target")
LINES = ("line_preds", "n_line_preds", "line_target", "n_line_target")
PAINTING_COLUMNS = ("contender", "seed", "set", "image", *CELLS, *NEAR, "iou_0", "iou_1", "iou_2", "miou", "f1_2px")
CRACK_COLUMNS = (
    *("contender", "seed", "set", "photograph", "image", *PIXELS, *NEAR, *LINES),
    *("n_distractor", "distractor_marked", "f1_2px", "precision_2px", "recall_2px", "iou", "cldice"),
)


@dataclass(frozen=True, slots=True)
class PaintingScore:
    """How one run did on one painting.

    Attributes
    ----------
    contender : str
        Key of what was trained, or of the baseline.
    seed : int
        Seed of the run.
    subset : str
        Test set: ``ordinary``, ``severe``, ``unseen``, or ``leaky``.
    image : str
        Name of the painting.
    confusion : tuple of int
        Known pixels by true class (slow) and predicted class (fast), row by row.
    near : MatchCounts
        Craquelure with a tolerance of 2 px.
    """

    contender: str
    seed: int
    subset: str
    image: str
    confusion: tuple[int, ...]
    near: MatchCounts

    @property
    def matrix(self) -> NDArray[np.int64]:
        """Confusion matrix, true classes in rows."""
        return np.array(self.confusion, np.int64).reshape(N_CLASSES, N_CLASSES)

    def has(self, number: int) -> bool:
        """Say whether the truth shows a class."""
        return bool(self.matrix[number].any())

    def iou(self, number: int) -> float:
        """IoU of a class; nan where neither truth nor prediction has it."""
        return multiclass_scores(self.matrix).iou[number]

    @property
    def miou(self) -> float:
        """Mean IoU of the classes that truth or prediction has."""
        return multiclass_scores(self.matrix).miou

    def row(self) -> list[str | int | float]:
        """Give the cells of the CSV."""
        found = multiclass_scores(self.matrix)
        head: list[str | int | float] = [self.contender, self.seed, self.subset, self.image]
        return [*head, *self.confusion, *_cells(self.near), *found.iou, found.miou, self.near.f1]


@dataclass(frozen=True, slots=True)
class CrackScore:
    """How one run did on one photograph of cracks.

    Attributes
    ----------
    contender : str
        ``res_unet``, or the key of the baseline.
    seed : int
        Seed of the run.
    subset : str
        Key of the set.
    photograph, image : str
        Photograph, and the picture that shows it or a part of it.
    counts : BinaryCounts
        Pixels by agreement.
    near, lines : MatchCounts
        With a tolerance of 2 px, and of the centre-lines (clDice).
    n_distractor, distractor_marked : int, pixels
        What looks like a crack and is none, and how much of it is marked.
    """

    contender: str
    seed: int
    subset: str
    photograph: str
    image: str
    counts: BinaryCounts
    near: MatchCounts
    lines: MatchCounts
    n_distractor: int
    distractor_marked: int

    def row(self) -> list[str | int | float]:
        """Give the cells of the CSV."""
        c = self.counts
        head: list[str | int | float] = [self.contender, self.seed, self.subset, self.photograph, self.image]
        pixels = [c.tp, c.fp, c.fn, c.tn]
        scores = [self.near.f1, self.near.precision, self.near.recall, iou(c), self.lines.f1]
        marks = [self.n_distractor, self.distractor_marked]
        return [*head, *pixels, *_cells(self.near), *_cells(self.lines), *marks, *scores]


def score_painting(
    preds: NDArray[np.uint8],
    target: NDArray[np.uint8],
    known: NDArray[np.bool_],
    *,
    contender: str,
    seed: int,
    subset: str,
    image: str,
) -> PaintingScore:
    """Compare a class map with the truth.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), uint8
        Class numbers.
    known : ndarray of shape (H, W), bool
        Where the truth is known.
    contender, seed, subset, image
        As in `PaintingScore`.

    Returns
    -------
    PaintingScore
        With exact counts.
    """
    matrix = confusion_matrix(preds, target, known, n_classes=N_CLASSES)
    near = tolerance_counts(preds == 1, target == 1, known, tolerance_px=TOLERANCE_PX)
    return PaintingScore(contender, seed, subset, image, tuple(matrix.ravel().tolist()), near)


def score_cracks(
    preds: NDArray[np.bool_],
    target: NDArray[np.bool_],
    distractor: NDArray[np.bool_] | None,
    *,
    contender: str,
    seed: int,
    subset: str,
    photograph: str,
    image: str,
) -> CrackScore:
    """Compare a mask of cracks with the truth.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    distractor : ndarray of shape (H, W), bool, or None
        What must not be marked.
    contender, seed, subset, photograph, image
        As in `CrackScore`.

    Returns
    -------
    CrackScore
        With exact counts.
    """
    return CrackScore(
        contender,
        seed,
        subset,
        photograph,
        image,
        binary_counts(preds, target),
        tolerance_counts(preds, target, tolerance_px=TOLERANCE_PX),
        cldice_counts(preds, target),
        0 if distractor is None else int(np.count_nonzero(distractor)),
        0 if distractor is None else int(np.count_nonzero(distractor & preds)),
    )


def paintings_csv(scores: Iterable[PaintingScore]) -> str:
    """Write scores as CSV, one row per painting; `read_paintings` gives them back."""
    return _table(PAINTING_COLUMNS, (score.row() for score in scores))


def cracks_csv(scores: Iterable[CrackScore]) -> str:
    """Write scores as CSV, one row per picture; `read_cracks` gives them back."""
    return _table(CRACK_COLUMNS, (score.row() for score in scores))


def read_paintings(path: Path) -> list[PaintingScore]:
    """Read what `paintings_csv` wrote.

    Parameters
    ----------
    path : Path
        The CSV file.

    Returns
    -------
    list of PaintingScore
        In the order of the file.

    Raises
    ------
    DataError
        If a column is missing or a cell is no number.
    """
    try:
        return [
            PaintingScore(
                row["contender"],
                int(row["seed"]),
                row["set"],
                row["image"],
                tuple(int(row[name]) for name in CELLS),
                _match(row, NEAR),
            )
            for row in _rows(path)
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error


def read_cracks(path: Path) -> list[CrackScore]:
    """Read what `cracks_csv` wrote.

    Parameters
    ----------
    path : Path
        The CSV file.

    Returns
    -------
    list of CrackScore
        In the order of the file.

    Raises
    ------
    DataError
        If a column is missing or a cell is no number.
    """
    try:
        return [
            CrackScore(
                row["contender"],
                int(row["seed"]),
                row["set"],
                row["photograph"],
                row["image"],
                BinaryCounts(*(int(row[name]) for name in PIXELS)),
                _match(row, NEAR),
                _match(row, LINES),
                int(row["n_distractor"]),
                int(row["distractor_marked"]),
            )
            for row in _rows(path)
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error


def _cells(counts: MatchCounts) -> list[int]:
    return [counts.matched_preds, counts.n_preds, counts.matched_target, counts.n_target]


def _match(row: dict[str, str], names: Sequence[str]) -> MatchCounts:
    return MatchCounts(*(int(row[name]) for name in names))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str | int | float]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path.name} is damaged ({error!r}); remove its run and repeat it with --resume")
