"""What a fine-tuning came to: the two models on the same photographs, in numbers, sentences and pictures."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven._version import __version__
from graven.io.fs import write_text_atomic
from graven.report import (
    EvaluationOverlay,
    EvaluationReport,
    EvaluationRow,
    defined_score,
    evaluation_picture,
    evaluation_report,
)
from graven.studies.class_scores import add_counts, count_classes, scores_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.studies.class_scores import ClassCounts
    from graven.train.panels import Panel
    from graven.types import ClassTable

__all__ = ["Comparison", "compare_models", "defined", "explain", "write_page"]

MAX_PHOTOGRAPHS = 6
MIN_FALL = 0.01
"""A fall of the validation score that is called one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same photographs.

    Attributes
    ----------
    before, after : dict of str to float
        Scores of all photographs together (`graven.studies.class_scores.scores_of`).
    rows : tuple of EvaluationRow
        Of every photograph, before and after, then of all.
    overlays : tuple of EvaluationOverlay
        Pictures, before and after.
    """

    before: dict[str, float]
    after: dict[str, float]
    rows: tuple[EvaluationRow, ...]
    overlays: tuple[EvaluationOverlay, ...]

    @property
    def is_better(self) -> bool:
        """Whether the second model has the higher MIoU."""
        return self.after["miou"] > self.before["miou"]


def compare_models(
    classes: ClassTable,
    panels: Sequence[Panel],
    before: Sequence[NDArray[np.uint8]],
    after: Sequence[NDArray[np.uint8]],
) -> Comparison:
    """Score two models on photographs with truth.

    Parameters
    ----------
    classes : ClassTable
        What the models tell apart.
    panels : sequence of Panel
        The photographs.
    before, after : sequence of ndarray of shape (H, W), uint8
        Classes that each model gives them.

    Returns
    -------
    Comparison
        In the order of the photographs.
    """
    rows: list[EvaluationRow] = []
    overlays: list[EvaluationOverlay] = []
    counts: dict[str, list[ClassCounts]] = {"before": [], "after": []}
    for index, (panel, *found) in enumerate(zip(panels, before, after, strict=True)):
        valid = np.ones(panel.target.shape, bool) if panel.valid is None else np.asarray(panel.valid, bool)
        target = np.asarray(panel.target, np.uint8)
        for when, labels in zip(counts, found, strict=True):
            counted = count_classes(labels, target, valid, classes=classes)
            counts[when].append(counted)
            rows.append(EvaluationRow(f"{panel.name}, {when}", dict(scores_of(counted, classes)), int(valid.sum())))
            if index < MAX_PHOTOGRAPHS:
                overlays.append(EvaluationOverlay(f"{panel.name}, {when}", _picture(labels, target, valid)))
    pooled = {when: scores_of(add_counts(found), classes) for when, found in counts.items()}
    rows += [EvaluationRow(f"all, {when}", dict(scores), is_summary=True) for when, scores in pooled.items()]
    return Comparison(pooled["before"], pooled["after"], tuple(rows), tuple(overlays))


def explain(training: Path, compared: Comparison) -> tuple[str, ...]:
    """Say in words how the training went and what follows.

    Parameters
    ----------
    training : Path
        Folder of the run, with ``validation.csv``.
    compared : Comparison
        Old and new on the photographs that took no part.

    Returns
    -------
    tuple of str
        Sentences that follow from the numbers.
    """
    steps, scores = _validation(training / "validation.csv")
    best = int(np.argmax(scores))
    sentences = []
    if best == 0:
        sentences.append(
            f"No update made the model better on the photographs that it was chosen by (MIoU {scores[0]:.3f} at the "
            f"start, at best {max(scores[1:], default=math.nan):.3f} later). Either it serves these photographs as "
            "well as it can, or the labels mean something else than its classes; look at the pictures and label more."
        )
    else:
        sentences.append(
            f"On the photographs that it was chosen by, MIoU rose from {scores[0]:.3f} to {scores[best]:.3f} after "
            f"{steps[best]} updates."
        )
        fall = scores[best] - min(scores[best:])
        if fall > MIN_FALL:
            sentences.append(
                f"Later it fell by {fall:.3f}: most often the network begins to learn the other photographs by heart "
                "(overfitting). The weights of the best moment were kept; more photographs help more than updates."
            )
    gain = compared.after["miou"] - compared.before["miou"]
    if compared.is_better:
        sentences.append(f"On the photographs that took no part the new model is better by {gain:.3f} MIoU.")
    else:
        sentences.append(
            f"On the photographs that took no part the new model is not better (MIoU {gain:+.3f}), so no bundle was "
            "written and the old one should be used."
        )
    worse = [name for name, value in compared.after.items() if value < compared.before[name] - MIN_FALL]
    if compared.is_better and worse:
        sentences.append(f"It is worse in {', '.join(worse)}; look at the pictures before you use it.")
    return tuple(sentences)


def write_page(path: Path, compared: Comparison, *, title: str, notes: Sequence[str]) -> None:
    """Write scores, sentences and pictures as a self-contained HTML page."""
    page = EvaluationReport(
        title=f"{title}: before and after",
        date="see run.json",
        version=__version__,
        rows=compared.rows,
        overlays=compared.overlays,
        notes=tuple(notes),
    )
    write_text_atomic(path, evaluation_report(page))


def defined(scores: dict[str, float]) -> dict[str, float | None]:
    """Replace what is not a number by None, for JSON."""
    return {name: defined_score(value) for name, value in scores.items()}


def _validation(path: Path) -> tuple[list[int], list[float]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [int(row["step"]) for row in rows], [float(row["miou"]) for row in rows]


def _picture(labels: NDArray[np.uint8], target: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Draw hits, misses and false alarms of all classes; the wrong class is a miss."""
    right = (labels > 0) & ((labels == target) | (target == 0))
    return evaluation_picture(right, target > 0, valid)
