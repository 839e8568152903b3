"""What counts and records of the refinement study add up to: per seed, over seeds, and as curves over the effort."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.metrics import iou, total
from graven.metrics.effort import (
    gain_ratio,
    improvement_curve,
    relative_improvement,
    running_maximum_drop,
    workload_reduction,
)
from graven.studies.craquelure_summary import Summary
from graven.studies.paired import compare_pairs
from graven.studies.refinement_contenders import REFINERS, STARTS, TRIALS
from graven.studies.refinement_judge import STROKES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from graven.studies.paired import Comparison
    from graven.studies.refinement_contenders import Refiner, Start, Trial
    from graven.studies.refinement_scores import PatchScore, WorkedObject

__all__ = [
    "PATCH_METRICS",
    "WORK_METRICS",
    "Results",
    "compare_patches",
    "effort_curve",
    "mean_improvement",
    "summarise_patches",
    "summarise_work",
]

PATCH_METRICS = ("iou", "pfm")
WORK_METRICS = (
    *("iou_initial", "pfm_initial", "pfm_strokes", "pfm_refined", "iou_refined"),
    *("peak", "last", "workload", "workload_official", "drop", "drop_mean", "interactions", "stroke_px"),
)
"""All but two are means over objects and persons: ``peak`` is that of the mean curve of each object, ``drop`` the worst
fall of any run below its running maximum."""

WINDOW = 8
"""Records per value of a smoothed curve, as published; at most a third of those of a run."""

GRID = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured.

    Attributes
    ----------
    kind : {"bronzes", "surfaces", "pages"}
        Which data.
    patches : dict of str to sequence of PatchScore
        By contender, as `PatchScore` names them; baselines included.
    work : dict of str to sequence of WorkedObject
        By trial.
    baselines : dict of str to dict of str to (float, float)
        IoU and pFM of whole objects without learning.
    """

    kind: str
    patches: Mapping[str, Sequence[PatchScore]]
    work: Mapping[str, Sequence[WorkedObject]]
    baselines: Mapping[str, Mapping[str, tuple[float, float]]]

    def refiners(self, keys: Sequence[str]) -> list[Refiner]:
        """List those of some networks that were judged."""
        return [REFINERS[key] for key in keys if key in self.patches]

    def trials(self, part: str) -> list[Trial]:
        """List the trials of a part that were done."""
        return [trial for key, trial in TRIALS[part].items() if key in self.work]

    def patch(self, contender: str) -> Summary:
        """Reduce the patches of a contender."""
        return summarise_patches(self.patches[contender])

    def trial(self, key: str, name: str | None = None) -> Summary:
        """Reduce the work of a trial, on one object or on all."""
        return summarise_work([work for work in self.work[key] if name in (None, work.name)])

    def gain(self, refiner: str) -> tuple[float, ...]:
        """Give the relative gain of a network's pFM over the same strokes alone, seed by seed."""
        found, strokes = (self.patch(key).by_seed["pfm"] for key in (refiner, refiner + STROKES))
        return tuple(relative_improvement(found, strokes).tolist())

    def first(self, start: Start) -> Summary | None:
        """Reduce the first network on whole objects, from any work that began with it; None where there is none."""
        keys = (trial.key for part in TRIALS.values() for trial in part.values() if trial.start == start)
        return next((self.trial(key) for key in keys if key in self.work), None)

    @property
    def starts(self) -> dict[Start, Summary]:
        """The first network on whole objects, as strong as it was worked with."""
        found = {start: self.first(start) for start in STARTS}
        return {start: summary for start, summary in found.items() if summary is not None}

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the objects that were worked on, in their order."""
        return tuple(dict.fromkeys(work.name for found in self.work.values() for work in found))


def summarise_patches(scores: Sequence[PatchScore]) -> Summary:
    """Pool the pixels of all test patches, seed by seed.

    Parameters
    ----------
    scores : sequence of PatchScore
        Of one contender, any number of seeds, each on the same panels; at least one.

    Returns
    -------
    Summary
        Of `PATCH_METRICS`.

    Raises
    ------
    InputError
        If there is no score, or contenders are mixed.
    """
    names = {score.contender for score in scores}
    if len(names) != 1:
        raise InputError(f"a summary is of one contender, got {', '.join(sorted(names)) or 'none'}")
    groups = defaultdict(list)
    for score in scores:
        groups[score.seed].append(score)
    seeds = tuple(sorted(groups))
    by_seed = {
        "iou": tuple(iou(total([score.pixels for score in groups[seed]])) for seed in seeds),
        "pfm": tuple(total([score.lines for score in groups[seed]]).f1 for seed in seeds),
    }
    return Summary(names.pop(), seeds, len(groups[seeds[0]]), by_seed)


def summarise_work(worked: Sequence[WorkedObject]) -> Summary:
    """Reduce work on objects, seed by seed.

    Parameters
    ----------
    worked : sequence of WorkedObject
        Of one trial, any number of seeds of the networks, objects and persons; at least one.

    Returns
    -------
    Summary
        Of `WORK_METRICS`; a share is 0 to 1, ``peak`` and ``last`` are relative improvements.

    Raises
    ------
    InputError
        If there is no work, or trials are mixed.
    """
    names = {work.trial for work in worked}
    if len(names) != 1:
        raise InputError(f"a summary is of one trial, got {', '.join(sorted(names)) or 'none'}")
    seeds = tuple(sorted({work.seed for work in worked}))
    rows = [_work_row([work for work in worked if work.seed == seed]) for seed in seeds]
    by_seed = {name: tuple(row[name] for row in rows) for name in WORK_METRICS}
    return Summary(names.pop(), seeds, len({work.name for work in worked}), by_seed)


def _work_row(worked: Sequence[WorkedObject]) -> dict[str, float]:
    first, last = [work.records[0] for work in worked], [work.records[-1] for work in worked]
    columns = [tuple(work.column(name) for name in ("pfm_refined", "pfm_hints", "hint_px")) for work in worked]
    drops = [running_maximum_drop(refined) for refined, _, _ in columns]
    peaks = [_peak(curve) for _, curve in _curves(worked)]
    row = {
        "iou_initial": [record.iou_hints for record in first],
        "pfm_initial": [record.pfm_hints for record in first],
        "pfm_strokes": [record.pfm_hints for record in last],
        "pfm_refined": [record.pfm_refined for record in last],
        "iou_refined": [record.iou_refined for record in last],
        "peak": peaks,
        "last": [float(gain_ratio(record.pfm_refined, record.pfm_hints)) - 1 for record in last],
        "workload": [workload_reduction(*found) for found in columns],
        "workload_official": [workload_reduction(*found, official=True) for found in columns],
        "drop": [max(drops)],
        "drop_mean": drops,
        "interactions": [float(record.interactions) for record in last],
        "stroke_px": [float(record.hint_px) for record in last],
    }
    return {name: float(np.mean(values)) for name, values in row.items()}


def _peak(curve: NDArray[np.float64]) -> float:
    """Give the highest point of a smoothed curve; 0 where not a single stroke helped."""
    return float(np.nanmax(curve)) if np.isfinite(curve).any() else 0.0


def _curves(worked: Sequence[WorkedObject]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Average the persons of each object and seed, and smooth."""
    groups: dict[tuple[int, str], list[WorkedObject]] = defaultdict(list)
    for work in worked:
        groups[work.seed, work.name].append(work)
    curves = []
    for group in groups.values():
        columns = ([work.column(name) for work in group] for name in ("pfm_refined", "pfm_hints"))
        n_records = max(len(work.records) for work in group) - 1
        curves.append(improvement_curve(*columns, window=max(1, min(WINDOW, n_records // 3))))
    return curves


def mean_improvement(worked: Sequence[WorkedObject]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the curve of Figure 5: relative improvement over the share of records, the mean over objects and seeds.

    Parameters
    ----------
    worked : sequence of WorkedObject
        Of one trial.

    Returns
    -------
    share : ndarray of shape (101,), float64, 0 to 1
        Of the records of each object.
    improvement : ndarray of shape (101,), float64
        Smoothed; NaN where an object has no value.
    """
    found = []
    for share, curve in _curves(worked):
        known = np.isfinite(curve)
        if known.any():
            found.append(np.interp(GRID, share[known], curve[known], left=np.nan, right=np.nan))
    return GRID, np.mean(found, axis=0) if found else np.full(GRID.shape, np.nan)


def effort_curve(worked: Sequence[WorkedObject], name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the curve of Figure 6: a score over the share of drawn pixels, the mean over objects, persons and seeds.

    Parameters
    ----------
    worked : sequence of WorkedObject
        Of one trial.
    name : str
        Field of `EffortRecord`.

    Returns
    -------
    share : ndarray of shape (101,), float64, 0 to 1
        Of all pixels that are drawn in a run.
    score : ndarray of shape (101,), float64
        Mean.
    """
    curves = []
    for work in worked:
        drawn = np.asarray(work.column("hint_px"))
        curves.append(np.interp(GRID, drawn / max(drawn[-1], 1.0), work.column(name)))
    return GRID, np.mean(curves, axis=0)


def compare_patches(key: str, scores: Mapping[str, Sequence[PatchScore]]) -> list[Comparison]:
    """Compare one contender with others by pFM, panel by panel, each averaged over its seeds.

    Parameters
    ----------
    key : str
        The one that is compared.
    scores : mapping of str to sequence of PatchScore
        Of each contender, `key` included, on the same panels.

    Returns
    -------
    list of Comparison
        In the order of `scores`.
    """
    values = {}
    for name, found in scores.items():
        by_image: dict[str, list[float]] = defaultdict(list)
        for score in found:
            by_image[score.image].append(score.lines.f1)
        values[name] = {image: float(np.mean(listed)) for image, listed in by_image.items()}
    return compare_pairs(key, values)
