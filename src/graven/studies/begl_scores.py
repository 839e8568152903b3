"""Scores of single test patches, as ``results.csv`` keeps them: pixel counts, and what follows from them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.errors import DataError
from graven.metrics import (
    BinaryCounts,
    accuracy,
    binary_counts,
    boundary_f1,
    dsc,
    f1,
    miou,
    precision,
    recall,
)
from graven.studies.begl_protocol import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "COLUMNS",
    "SCORES",
    "PatchScore",
    "read_scores",
    "score_patch",
    "scores_csv",
]

MIN_SHARE = 0.001
MIN_VALID = 0.1
TOLERANCE_PX = 2.0
COLUMNS = (
    *("loss", "variant", "seed", "set", "panel", "image", "kept", "valid_px", "truth_share", "tp", "fp", "fn", "tn"),
    *METRICS,
    "boundary_f1",
)
SCORES: dict[str, Callable[[BinaryCounts], float]] = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "miou": miou,
    "dsc": dsc,
}


@dataclass(frozen=True, slots=True)
class PatchScore:
    """How one run did on one test patch.

    Attributes
    ----------
    loss : str
        Key of the loss, or of the baseline.
    variant : bool
        Whether the loss is ours and not in the paper.
    seed : int
        Seed of the run.
    subset : str
        ``ordinary``, ``severe`` or ``test``.
    panel, image : str
        Group (panel or photograph) of the patch, and where it was cut: ``name[row,col]``.
    kept : bool
        Whether the filter of the paper, given the truth, would keep the patch: at least 0.1 % of its valid pixels are
        foreground, and at least 10 % of its pixels are valid.
    counts : BinaryCounts
        Valid pixels by agreement.
    boundary_f1 : float, 0 to 1
        Agreement of outlines within 2 px.
    """

    loss: str
    variant: bool
    seed: int
    subset: str
    panel: str
    image: str
    kept: bool
    counts: BinaryCounts
    boundary_f1: float

    def row(self) -> list[str | int | float]:
        """Give the cells of `COLUMNS`."""
        c = self.counts
        head: list[str | int | float] = [self.loss, int(self.variant), self.seed, self.subset, self.panel, self.image]
        truth_share = (c.tp + c.fn) / c.total
        return [
            *head,
            *(int(self.kept), c.total, truth_share, c.tp, c.fp, c.fn, c.tn),
            *(SCORES[name](c) for name in METRICS),
            self.boundary_f1,
        ]


def score_patch(
    preds: NDArray[np.bool_],
    target: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    *,
    loss: str,
    variant: bool,
    seed: int,
    subset: str,
    panel: str,
    image: str,
) -> PatchScore:
    """Compare one patch with its truth.

    Parameters
    ----------
    preds, target, valid : ndarray of shape (H, W), bool
        Prediction, truth and where it is known; at least one pixel is.
    loss, variant, seed, subset, panel, image
        As in `PatchScore`.

    Returns
    -------
    PatchScore
        With exact counts.
    """
    counts = binary_counts(preds, target, valid)
    share = (counts.tp + counts.fn) / counts.total
    kept = share >= MIN_SHARE and counts.total >= MIN_VALID * valid.size
    outlines = boundary_f1(preds & valid, target & valid, tolerance_px=TOLERANCE_PX)
    return PatchScore(loss, variant, seed, subset, panel, image, kept, counts, outlines)


def scores_csv(scores: Iterable[PatchScore]) -> str:
    """Write scores as CSV with the columns of `COLUMNS`, one row per patch; `read_scores` gives them back."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(score.row() for score in scores)
    return text.getvalue()


def read_scores(path: Path) -> list[PatchScore]:
    """Read what `scores_csv` wrote.

    Parameters
    ----------
    path : Path
        The CSV file.

    Returns
    -------
    list of PatchScore
        In the order of the file.

    Raises
    ------
    DataError
        If a column is missing or a cell is no number.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return [
            PatchScore(
                loss=row["loss"],
                variant=bool(int(row["variant"])),
                seed=int(row["seed"]),
                subset=row["set"],
                panel=row["panel"],
                image=row["image"],
                kept=bool(int(row["kept"])),
                counts=BinaryCounts(*(int(row[name]) for name in ("tp", "fp", "fn", "tn"))),
                boundary_f1=float(row["boundary_f1"]),
            )
            for row in rows
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path.name} is damaged ({error!r}); remove it and repeat the run with --resume") from error
