"""Figures 5, 6 and 9 of the craquelure paper, and maps of photographed cracks, as PNG bytes."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from graven.report.figures import box_plots, curves, picture_grid
from graven.report.overlays import evaluation_overlay
from graven.studies.craquelure_contenders import (
    CLASSES,
    LAMBDAS,
    LOSSES,
    NETWORKS,
    PUBLISHED_IOU,
    PUBLISHED_NETWORKS,
)
from graven.studies.craquelure_judge import BASELINE
from graven.studies.shown import easy_median_hard, ranked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.studies.craquelure_contenders import Contender
    from graven.studies.craquelure_scores import CrackScore
    from graven.studies.craquelure_tables import Results

__all__ = ["choose_pictures", "crack_maps", "figure2", "figure5", "figure6", "figure9", "validation_figure"]

BASELINE_SHORT = "black-hat + Otsu"
CELL_PX = 220


def figure2(results: Results) -> bytes:
    """Draw the IoU of craquelure of single paintings by loss; diamonds are the published values of Table 2.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    bytes
        PNG; the last box is the baseline.
    """
    groups = {
        label: [score.iou(1) for score in results.paintings[key] if score.has(1)]
        for key, label in _boxes(results.of(LOSSES))
    }
    published = {entry.label: PUBLISHED_IOU[entry.key][1] for entry in LOSSES.values()}
    title = "IoU of craquelure of single test paintings, all seeds" + _leak(results)
    return box_plots(groups, ylabel="IoU", title=title, published=published, limits=(0.0, 1.0))


def figure5(results: Results) -> bytes:
    """Draw IoU over the weight of the focal term, the mean over seeds, beside the baseline.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    bytes
        PNG.
    """
    weights = [weight for weight, entry in LAMBDAS.items() if entry.key in results.paintings]
    found = [results.summary(LAMBDAS[weight].key) for weight in weights]
    series: dict[str, tuple[Sequence[float], Sequence[float]]] = {
        name: (weights, [summary.mean(name) for summary in found]) for name in (*CLASSES[1:], "miou")
    }
    baseline = results.summary(BASELINE).mean("craquelure")
    series[f"craquelure, {BASELINE_SHORT}"] = (weights, [baseline] * len(weights))
    title = "Mixed 1 = Dice + λ · focal" + _leak(results)
    return curves(series, xlabel="λ", ylabel="IoU, all test paintings pooled", title=title)


def figure6(folders: Mapping[str, Sequence[Path]]) -> bytes:
    """Draw the training loss over updates, the mean over the seeds of each loss.

    Parameters
    ----------
    folders : mapping of str to sequence of Path
        Folders of the finished runs by label.

    Returns
    -------
    bytes
        PNG. Losses have different scales: the course can be compared, the height cannot.
    """
    series = {
        label: _mean_curve([folder / "train.csv" for folder in found], "loss") for label, found in folders.items()
    }
    return curves(series, xlabel="updates", ylabel="training loss", title="Loss while training", log_y=True)


def validation_figure(folders: Mapping[str, Sequence[Path]]) -> bytes:
    """Draw validation MIoU over updates, the mean over the seeds of each run.

    Parameters
    ----------
    folders : mapping of str to sequence of Path
        Folders of the finished runs by label.

    Returns
    -------
    bytes
        PNG.
    """
    series = {
        label: _mean_curve([folder / "validation.csv" for folder in found], "miou") for label, found in folders.items()
    }
    return curves(series, xlabel="updates", ylabel="MIoU, validation tiles pooled", title="Validation")


def figure9(results: Results) -> bytes:
    """Draw MIoU of single paintings by network; diamonds are the published values.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    bytes
        PNG; the last box is the baseline.
    """
    groups = {label: [score.miou for score in results.paintings[key]] for key, label in _boxes(results.of(NETWORKS))}
    published = {entry.label: PUBLISHED_NETWORKS[entry.key]["miou"] for entry in NETWORKS.values()}
    title = "MIoU of single test paintings, all seeds" + _leak(results)
    return box_plots(groups, ylabel="MIoU", title=title, published=published, limits=(0.0, 1.0))


def choose_pictures(scores: Sequence[CrackScore]) -> dict[str, str]:
    """Choose an easy, a median and a hard picture: quantiles 0.9, 0.5 and 0.1 of F1 at 2 px over all seeds.

    Parameters
    ----------
    scores : sequence of CrackScore
        Of one contender on one set.

    Returns
    -------
    dict of str to str
        Title by name of the picture, each picture once.
    """
    values: dict[str, list[float]] = {}
    for score in scores:
        values.setdefault(score.image, []).append(score.near.f1)
    return easy_median_hard(ranked(values))


def crack_maps(
    rows: Sequence[tuple[str, NDArray[np.uint8], NDArray[np.bool_], Mapping[str, NDArray[np.bool_]]]],
) -> bytes:
    """Draw photograph, truth and masks: hit white, miss blue, false alarm orange.

    Parameters
    ----------
    rows : sequence of (title, photograph, truth, masks by label)
        One picture each: (H, W, 3) uint8, (H, W) bool, and masks of that size.

    Returns
    -------
    bytes
        PNG.
    """
    pictures = []
    for _, photo, target, masks in rows:
        valid = np.ones(target.shape, bool)
        maps = [evaluation_overlay(mask, target, valid=valid) for mask in (target, *masks.values())]
        pictures.append([photo, *maps])
    titles = ["photograph", "truth", *rows[0][3]]
    return picture_grid(pictures, column_titles=titles, row_titles=[row[0] for row in rows], cell_px=CELL_PX)


def _boxes(entries: Sequence[Contender]) -> list[tuple[str, str]]:
    """Give key and label of every box, the baseline last."""
    return [*((entry.key, entry.label) for entry in entries), (BASELINE, BASELINE_SHORT)]


def _mean_curve(paths: Sequence[Path], column: str) -> tuple[list[float], list[float]]:
    found: dict[float, list[float]] = {}
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault(float(row["step"]), []).append(float(row[column]))
    steps = sorted(found)
    return steps, [float(np.mean(found[step])) for step in steps]


def _leak(results: Results) -> str:
    return " (leaky split)" if results.is_leaky else ""
