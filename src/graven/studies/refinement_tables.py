"""Tables of the refinement study, measured and published side by side, as Markdown and as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.report.tables import csv_table, markdown_table
from graven.studies.refinement_baselines import BASELINES
from graven.studies.refinement_contenders import (
    MAIN_TRIALS,
    OF_PART,
    PUBLISHED_OPERATIONS,
    PUBLISHED_PATCHES,
    REFINERS,
    STARTS,
    TRIALS,
)
from graven.studies.refinement_judge import STROKES
from graven.studies.refinement_summary import PATCH_METRICS, WORK_METRICS, summarise_patches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.report.tables import Cell
    from graven.studies.craquelure_summary import Summary
    from graven.studies.refinement_summary import Results

__all__ = [
    "first_table",
    "objects_table",
    "percent",
    "refiners_table",
    "sets_table",
    "summary_csv",
    "work_table",
]

FIRST_LABELS = {"initial": STARTS["final"], "early": STARTS["early"]}


def percent(values: Sequence[float], *, sign: bool = False) -> str:
    """Print shares of several seeds as per cent, mean ± standard deviation.

    Examples
    --------
    >>> percent([0.1, 0.2]), percent([0.125], sign=True)
    ('15.0 ± 7.1 %', '+12.5 %')
    """
    mean = 100 * float(np.mean(values))
    text = f"{mean:+.1f}" if sign else f"{mean:.1f}"
    return f"{text} %" if len(values) < 2 else f"{text} ± {100 * float(np.std(values, ddof=1)):.1f} %"


def first_table(results: Results) -> str:
    """Set the first network beside what needs no learning, patch by patch and on whole objects.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        Markdown.
    """
    rows: list[list[Cell]] = []
    whole = {"initial": results.starts.get("final"), "early": results.starts.get("early")}
    for key, label in FIRST_LABELS.items():
        if key in results.patches:
            found = whole[key]
            objects = ["–", "–"] if found is None else [found.text("iou_initial"), found.text("pfm_initial")]
            rows.append([label, "measured", *_patch_cells(results.patch(key)), *objects])
        if key in PUBLISHED_PATCHES:
            rows.append(["", "published", *(f"{value:.3f}" for value in PUBLISHED_PATCHES[key]), "–", "–"])
    for key, (label, _) in BASELINES.items():
        if key in results.patches:
            listed = list(results.baselines.get(key, {}).values())
            means = [f"{float(np.mean(values)):.3f}" for values in zip(*listed, strict=True)] or ["–", "–"]
            rows.append([label, "measured", *_patch_cells(results.patch(key)), *means])
    return markdown_table(["", "", "IoU, patches", "pFM, patches", "IoU, objects", "pFM, objects"], rows)


def refiners_table(results: Results, part: str) -> str:
    """Set networks that refine, after one stroke on each patch; for the inputs this is Table 1.

    Parameters
    ----------
    results : Results
        What was measured.
    part : str
        ``inputs``, ``widths`` or ``strokes``.

    Returns
    -------
    str
        Markdown: each network beside the same strokes without it.
    """
    rows: list[list[Cell]] = []
    for key, label in FIRST_LABELS.items():
        if part == "inputs" and key in results.patches and key == "initial":
            rows.append([label, "measured", *_patch_cells(results.patch(key)), "–", "–"])
            rows.append(["", "published", *(f"{value:.3f}" for value in PUBLISHED_PATCHES[key]), "–", "–"])
    for entry in results.refiners(OF_PART[part]):
        strokes = results.patch(entry.key + STROKES)
        gain = percent(results.gain(entry.key), sign=True)
        rows.append([entry.label, "measured", *_patch_cells(results.patch(entry.key)), strokes.text("pfm"), gain])
        if part == "inputs" and entry.key in PUBLISHED_PATCHES:
            rows.append(["", "published", *(f"{value:.3f}" for value in PUBLISHED_PATCHES[entry.key]), "–", "–"])
    if part == "inputs":
        for key, (label, _) in BASELINES.items():
            rows.append([label, "measured", *_patch_cells(results.patch(key)), "–", "–"])
    return markdown_table(["", "", "IoU", "pFM", "pFM of the strokes alone", "Gain of pFM"], rows)


def sets_table(results: Results) -> str:
    """Set pFM on each test set.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        Markdown: a row per contender, a column per test set.
    """
    subsets = list(dict.fromkeys(score.subset for found in results.patches.values() for score in found))
    labels = FIRST_LABELS | {key: entry.label for key, entry in REFINERS.items()}
    labels |= {key: label for key, (label, _) in BASELINES.items()}
    rows: list[list[Cell]] = []
    for key, label in labels.items():
        if key in results.patches:
            parts = [[score for score in results.patches[key] if score.subset == subset] for subset in subsets]
            rows.append([label, *(summarise_patches(part).text("pfm") for part in parts)])
    return markdown_table(["", *subsets], rows)


def work_table(results: Results, part: str) -> str:
    """Set what work on whole objects came to, a row per trial.

    Parameters
    ----------
    results : Results
        What was measured.
    part : str
        Key of `TRIALS`.

    Returns
    -------
    str
        Markdown.
    """
    rows: list[list[Cell]] = []
    for trial in results.trials(part):
        found = results.trial(trial.key)
        rows.append([trial.label, *_work_cells(found)])
        if part == "operations":
            peak = f"about {PUBLISHED_OPERATIONS[trial.key]:+.0%} (one object)".replace("%", " %")
            rows.append(["published", "–", "–", "–", peak, "–", "–", "–", "–", "–"])
    return markdown_table(["", *WORK_HEADS], rows)


WORK_HEADS = (
    *("pFM at first", "Strokes alone, at the end", "Refined, at the end", "Peak of the improvement"),
    *("Workload saved", "by the official expression", "Worst fall of pFM", "Strokes", "Pixels drawn"),
)


def objects_table(results: Results) -> str:
    """Set the work on each object, for the trials of Figures 5 and 6.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        Markdown.
    """
    rows: list[list[Cell]] = [
        [name, TRIALS["objects"][key].label, *_work_cells(results.trial(key, name))]
        for name in results.objects
        for key in MAIN_TRIALS
        if key in results.work
    ]
    return markdown_table(["Object", "", *WORK_HEADS], rows)


def summary_csv(results: Results) -> str:
    """Write all summaries as one CSV.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        A row per contender or trial, object and metric, with mean, spread and every seed.
    """
    rows: list[list[Cell]] = []

    def add(kind: str, where: str, found: Summary, metrics: Sequence[str]) -> None:
        for name in metrics:
            seeds = " ".join(f"{value:.6f}" for value in found.by_seed[name])
            rows.append([kind, found.contender, where, name, found.mean(name), found.sd(name), found.n_images, seeds])

    for key in results.patches:
        add("patches", "all", results.patch(key), PATCH_METRICS)
    for key in results.work:
        for name in (None, *results.objects):
            add("objects", name or "all", results.trial(key, name), WORK_METRICS)
    return csv_table(["kind", "contender", "where", "metric", "mean", "sd", "n", "by_seed"], rows)


def _patch_cells(found: Summary) -> list[Cell]:
    return [found.text("iou"), found.text("pfm")]


def _work_cells(found: Summary) -> list[Cell]:
    return [
        found.text("pfm_initial"),
        found.text("pfm_strokes"),
        found.text("pfm_refined"),
        percent(found.by_seed["peak"], sign=True),
        percent(found.by_seed["workload"]),
        percent(found.by_seed["workload_official"]),
        f"{max(found.by_seed['drop']):.4f}",
        f"{found.mean('interactions'):.0f}",
        f"{found.mean('stroke_px'):.0f}",
    ]
