"""How well predictions agree with truth: rows for machines and a page for people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.errors import InputError
from graven.report.encode import jpeg_picture
from graven.report.format import format_count, format_number
from graven.report.overlays import evaluation_overlay
from graven.report.overview import overview_factor, shrink_max
from graven.report.page import render_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from graven.report.tables import Cell

__all__ = [
    "EXPLAINED",
    "EvaluationOverlay",
    "EvaluationReport",
    "EvaluationRow",
    "defined_score",
    "evaluation_picture",
    "evaluation_report",
    "evaluation_rows",
    "metric_label",
    "metric_meaning",
]

EXPLAINED: Mapping[str, str] = {
    "accuracy": "share of all points that are judged rightly; high even when few marks are found, because most is rock",
    "precision": "of what was marked, the share that is a mark",
    "recall": "of what is a mark, the share that was found",
    "f1": "precision and recall in one number; also called DSC",
    "dsc": "the same as F1",
    "iou": "overlap of prediction and truth, divided by what either covers",
    "miou": "overlap divided by what either covers, for marks and for background, averaged",
    "hit_rate": "the same as recall",
    "false_alarm_rate": "of what was marked, the share that is not a mark",
    "boundary_f1": "F1 of the outlines, where a small stated distance is forgiven",
    "pfm": "F1 that asks how much of the true centre lines was found, and what of the marked surface is right",
    "cldice": "F1 of the centre lines: are thin parts found, and is nothing cut through",
}
"""Metrics in one sentence each, by the first part of their name."""

PICTURE_PX = 900
_LABELS = {"f1": "F1", "miou": "MIoU", "iou": "IoU", "dsc": "DSC", "cldice": "clDice", "pfm": "pFM"}


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """The scores of one image, or of many together.

    Attributes
    ----------
    name : str
        Image, or ``mean over images`` and the like.
    scores : mapping of str to float or None
        By metric; None where a metric is undefined.
    n_pixels : int or None
        Judged pixels.
    is_summary : bool
        Printed below the images, in bold.
    class_name : str
        Class that is judged; empty where there is only one.
    """

    name: str
    scores: Mapping[str, float | None]
    n_pixels: int | None = None
    is_summary: bool = False
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class EvaluationOverlay:
    """A picture of one image with hits, misses and false alarms (`graven.report.pictures.evaluation_overlay`)."""

    name: str
    picture: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Everything `evaluation_report` prints.

    Attributes
    ----------
    title, date, version : str
        As printed; `version` is that of graven.
    rows : tuple of EvaluationRow
        Images first, summaries after them; all with the same metrics.
    overlays : tuple of EvaluationOverlay
        Pictures to show.
    notes : tuple of str
        Remarks, for example which pixels were not judged.
    """

    title: str
    date: str
    version: str
    rows: tuple[EvaluationRow, ...]
    overlays: tuple[EvaluationOverlay, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.rows:
            raise InputError("an evaluation needs at least one row of scores, got none")
        metrics = list(self.rows[0].scores)
        for row in self.rows:
            if list(row.scores) != metrics:
                raise InputError(f"all rows need the metrics {metrics}, {row.name!r} has {list(row.scores)}")


def evaluation_picture(
    preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Draw hits, misses and false alarms of an image at picture size, 900 px on its longer side.

    Parameters
    ----------
    preds, target, valid : ndarray of shape (H, W), bool
        Prediction, truth, and where both are known.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        sRGB, as `graven.report.evaluation_overlay` colours it.
    """
    factor = overview_factor(*target.shape, long_side_px=PICTURE_PX)
    small = [shrink_max(mask, factor) for mask in (preds, target, valid)]
    return evaluation_overlay(small[0], small[1], valid=small[2])


def evaluation_rows(rows: Sequence[EvaluationRow]) -> list[dict[str, Cell]]:
    """Give the rows as plain dictionaries for JSON, CSV or a terminal.

    Parameters
    ----------
    rows : sequence of EvaluationRow
        Scores.

    Returns
    -------
    list of dict
        ``name``, ``class`` where there are several, ``n_pixels`` and every metric; an undefined one is None, since
        JSON knows no NaN.

    Examples
    --------
    >>> evaluation_rows([EvaluationRow("a", {"f1": float("nan")}, 4)])
    [{'name': 'a', 'n_pixels': 4, 'f1': None}]
    """
    plain: list[dict[str, Cell]] = []
    with_classes = any(row.class_name for row in rows)
    for row in rows:
        values: dict[str, Cell] = {"name": row.name}
        if with_classes:
            values["class"] = row.class_name
        values["n_pixels"] = row.n_pixels
        values.update((key, defined_score(value)) for key, value in row.scores.items())
        plain.append(values)
    return plain


def evaluation_report(report: EvaluationReport) -> str:
    """Write an evaluation as a self-contained HTML page.

    Parameters
    ----------
    report : EvaluationReport
        Scores and pictures.

    Returns
    -------
    str
        HTML 5; equal input gives equal text.
    """
    metrics = list(report.rows[0].scores)
    with_classes = any(row.class_name for row in report.rows)
    values = {
        "with_classes": with_classes,
        "page_title": f"{report.title} – evaluation",
        "generator": f"graven {report.version}",
        "report": report,
        "head": [
            "Image",
            *(["Class"] if with_classes else []),
            "Judged pixels",
            *(metric_label(name) for name in metrics),
        ],
        "rows": [
            {
                "name": row.name,
                "is_summary": row.is_summary,
                "class_name": row.class_name,
                "cells": ["–" if row.n_pixels is None else format_count(row.n_pixels)]
                + [_score(row.scores[name]) for name in metrics],
            }
            for row in report.rows
        ],
        "explained": [(metric_label(name), text) for name in metrics if (text := metric_meaning(name))],
        "pictures": [
            (
                overlay.name,
                overlay.picture.shape[1] / overlay.picture.shape[0],
                jpeg_picture(
                    overlay.picture,
                    alt=f"Agreement on {overlay.name}: hits white, misses blue, false alarms orange.",
                    max_bytes=400_000,
                    has_lines=True,
                ),
            )
            for overlay in report.overlays
        ],
    }
    return render_page("evaluate.html.j2", values)


def defined_score(value: float | None) -> float | None:
    """Give None for a score that is undefined, since JSON knows no NaN.

    Parameters
    ----------
    value : float or None
        A score.

    Returns
    -------
    float or None
        The same where it is finite.

    Examples
    --------
    >>> defined_score(float("nan")) is None
    True
    """
    return None if value is None or not math.isfinite(value) else float(value)


def _score(value: float | None) -> str:
    defined = defined_score(value)
    return "–" if defined is None else format_number(defined, 3)


def metric_label(name: str) -> str:
    """Write a metric's name for people.

    Examples
    --------
    >>> metric_label("boundary_f1_2px"), metric_label("miou")
    ('boundary F1 2px', 'MIoU')
    """
    return " ".join(_LABELS.get(part, part) for part in name.split("_"))


def metric_meaning(name: str) -> str | None:
    """Explain the longest known metric that the name begins with: ``iou_pooled`` as ``iou``; None for an unknown."""
    known = [key for key in EXPLAINED if name == key or name.startswith(f"{key}_")]
    return EXPLAINED[max(known, key=len)] if known else None
