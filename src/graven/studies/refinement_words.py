"""What the numbers of the refinement study say, in sentences computed from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.refine.keeping import KEEPING
from graven.studies.paired import findings
from graven.studies.refinement_baselines import BASELINES
from graven.studies.refinement_contenders import (
    EARLY,
    FINAL,
    GOALS,
    OF_PART,
    PUBLISHED_OPERATIONS,
    PUBLISHED_PATCHES,
    PUBLISHED_PEAKS,
    PUBLISHED_WORKLOAD,
    REFINERS,
)
from graven.studies.refinement_modality_words import modalities_words
from graven.studies.refinement_summary import compare_patches
from graven.studies.refinement_tables import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graven.studies.refinement_contenders import Trial
    from graven.studies.refinement_summary import Results

__all__ = [
    "first_words",
    "inputs_words",
    "keeping_words",
    "objects_words",
    "operations_words",
    "strokes_words",
    "verdict",
    "widths_words",
]


def verdict(results: Results) -> list[str]:
    """Say what all finished parts of the study found.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences, in Markdown.
    """
    parts = (
        *(first_words, modalities_words, objects_words, inputs_words, widths_words),
        *(strokes_words, operations_words, keeping_words),
    )
    return [line for words in parts for line in words(results)]


def first_words(results: Results) -> list[str]:
    """Say how strong the first network is, beside the goals and what needs no learning.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences.
    """
    iou, pfm = PUBLISHED_PATCHES["initial"]
    lines = []
    if "initial" in results.patches:
        found = results.patch("initial")
        lines.append(
            f"On the patches of the test the first network reaches IoU {found.text('iou')} and pFM {found.text('pfm')} "
            f"(in the paper, on mirrors, {iou:.3f} and {pfm:.3f})."
        )
    if FINAL in results.starts:
        start, goals = results.starts[FINAL], GOALS[results.kind]
        listed = [
            f"{name} {start.text(key)}{_goal(start.mean(key), goals.get(goal))}"
            for name, key, goal in (("IoU", "iou_initial", "iou"), ("pFM", "pfm_initial", "pfm"))
        ]
        lines.append(f"On whole objects it reaches {' and '.join(listed)}; {_baselines(results)}.")
    if EARLY in results.starts:
        early = results.starts[EARLY]
        lines.append(
            f"Stopped early, to start as weak as in the paper, it has pFM {early.text('pfm_initial')} on whole objects."
        )
    return lines


def objects_words(results: Results) -> list[str]:
    """Say what Figures 5 and 6 show, beside the published values and the goals.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences; none where no main trial is done.
    """
    trials, goals = results.trials("objects"), GOALS[results.kind]
    if not trials:
        return []

    def listed(text: Callable[[Trial], str]) -> str:
        return "; ".join(f"{trial.label}: {text(trial)}" for trial in trials)

    def peak(trial: Trial) -> str:
        values = results.trial(trial.key).by_seed["peak"]
        goal = goals.get("peak") if trial.start == EARLY else None
        return percent(values, sign=True) + _goal(float(np.mean(values)), goal, as_percent=True)

    def saved(trial: Trial) -> str:
        values = results.trial(trial.key).by_seed["workload"]
        goal = goals.get("workload") if trial.start == FINAL else None
        return percent(values) + _goal(float(np.mean(values)), goal, as_percent=True)

    def fall(trial: Trial) -> str:
        worst, limit = max(results.trial(trial.key).by_seed["drop"]), goals.get("drop")
        kept = "" if limit is None else f" (at most {100 * limit:g} allowed: {'kept' if worst <= limit else 'missed'})"
        return f"{100 * worst:.2f} points{kept}"

    low, high = (f"{100 * value:.0f}" for value in PUBLISHED_PEAKS)
    least, most = (f"{100 * value:.0f}" for value in PUBLISHED_WORKLOAD)
    return [
        f"Peak of the relative improvement over the strokes alone — {listed(peak)}. Published: +{low} to +{high} %.",
        f"Workload saved by the paper's formula — {listed(saved)}. Published: {least} to {most} %.",
        f"Worst fall of the refined pFM below its own running maximum in any run — {listed(fall)}.",
    ]


def inputs_words(results: Results) -> list[str]:
    """Say whether it helps to see the first answer, the strokes, or both.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences; none where fewer than two networks are finished.
    """
    lines = _compared(results, "inputs")
    if lines and "hints-only" in results.patches:
        gain = percent(results.gain("hints-only"), sign=True)
        lines.append(
            f"With strokes only, pFM is {gain} beside that of the same strokes alone; in the paper about +6 %."
        )
    return lines


def widths_words(results: Results) -> list[str]:
    """Say which width of strokes is best.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        A sentence; none where fewer than two networks are finished.
    """
    entries = results.refiners(OF_PART["widths"])
    if len(entries) < 2:
        return []
    named = {"published": "thin", "width-mean": "mean", "width-sampled": "sampled"}
    order = sorted(entries, key=lambda entry: -float(np.mean(results.gain(entry.key))))
    listed = ", ".join(f"{named[entry.key]} {percent(results.gain(entry.key), sign=True)}" for entry in order)
    return [f"Gain of pFM over the strokes alone, by their width: {listed}; in the paper fixed is slightly better."]


def strokes_words(results: Results) -> list[str]:
    """Say what drawing along the line and learning from many strokes change on whole objects.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        A sentence; none where fewer than two trials are done.
    """
    trials = results.trials("strokes")
    if len(trials) < 2:
        return []
    return [f"With all of each answer kept, as published — {_work(results, trials)}."]


def operations_words(results: Results) -> list[str]:
    """Say which operation helps most, beside the paper's order.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences; none where fewer than two trials are done.
    """
    trials = results.trials("operations")
    if len(trials) < 2:
        return []
    order = sorted(trials, key=lambda trial: -results.trial(trial.key).mean("peak"))
    published = sorted(trials, key=lambda trial: -PUBLISHED_OPERATIONS[trial.key])
    same = "the same order" if order == published else "another order"
    listed = ", ".join(
        f"{trial.label.lower()} {percent(results.trial(trial.key).by_seed['peak'], sign=True)}" for trial in order
    )
    theirs = ", ".join(f"{trial.label.lower()} about {PUBLISHED_OPERATIONS[trial.key]:+.0%}" for trial in published)
    return [f"Peaks by operation: {listed}. In the paper {theirs.replace('%', ' %')}: {same}."]


def keeping_words(results: Results) -> list[str]:
    """Say which rule of keeping an answer is best, and whether the late decline vanishes.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        A sentence per network; none where only one rule was tried.
    """
    lines = []
    for refiner in OF_PART["keeping"]:
        trials = [trial for trial in results.trials("keeping") if trial.refiner == refiner]
        fair = [trial for trial in trials if not KEEPING[trial.keeping].needs_gain]
        if len(fair) < 2:
            continue
        best = max(fair, key=lambda trial: results.trial(trial.key).mean("pfm_refined"))
        calm = min(fair, key=lambda trial: max(results.trial(trial.key).by_seed["drop"]))
        fall = 100 * max(results.trial(calm.key).by_seed["drop"])
        lines.append(
            f"{REFINERS[refiner].label}: of {len(fair)} rules without knowledge of the truth, {best.keeping} ends "
            f"highest (pFM {results.trial(best.key).text('pfm_refined')}), and {calm.keeping} falls least "
            f"({fall:.2f} points at worst)."
        )
    return lines


def _compared(results: Results, part: str) -> list[str]:
    """Rank the networks of a part by pFM, and compare the published one with the others panel by panel."""
    entries = results.refiners(OF_PART[part])
    if len(entries) < 2:
        return []
    order = sorted(entries, key=lambda entry: -results.patch(entry.key).mean("pfm"))
    listed = ", ".join(f"{entry.label.lower()} {results.patch(entry.key).text('pfm')}" for entry in order)
    lines = [f"By pFM after one stroke on each patch: {listed}."]
    if "published" in results.patches:
        found = compare_patches("published", {entry.key: results.patches[entry.key] for entry in entries})
        labels = {entry.key: entry.label.lower() for entry in entries}
        lines.append(f"Panel by panel, the network as published {findings(found, labels, items='panels')}.")
    return lines


def _work(results: Results, trials: Sequence[Trial]) -> str:
    parts = []
    for trial in trials:
        found = results.trial(trial.key)
        parts.append(
            f"{trial.label.lower()}: peak {percent(found.by_seed['peak'], sign=True)}, workload saved "
            f"{percent(found.by_seed['workload'])}, worst fall {100 * max(found.by_seed['drop']):.2f} points"
        )
    return "; ".join(parts)


def _baselines(results: Results) -> str:
    parts = []
    for key, (label, _) in BASELINES.items():
        iou, pfm = np.mean(list(results.baselines[key].values()), axis=0)
        parts.append(f"{label.partition(' (')[0]} {iou:.3f} and {pfm:.3f}")
    return f"without learning, {', '.join(parts)}"


def _goal(value: float, goal: float | None, *, as_percent: bool = False) -> str:
    if goal is None:
        return ""
    text = f"{100 * goal:g} %" if as_percent else f"{goal:g}"
    return f" (the goal of {text} is {'reached' if value >= goal else 'missed'})"
