"""Tables of the craquelure study, measured and published side by side, as Markdown and as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graven.report.tables import csv_table, markdown_table
from graven.studies.crack_sets import CRACK_SETS
from graven.studies.craquelure_contenders import (
    CLASSES,
    LABELS,
    LAMBDAS,
    LOSSES,
    METRICS,
    NETWORKS,
    PUBLISHED_FPS,
    PUBLISHED_IOU,
    PUBLISHED_NETWORKS,
)
from graven.studies.craquelure_judge import BASELINE, BASELINE_LABEL
from graven.studies.craquelure_summary import (
    CRACK_METRICS,
    PAINTING_METRICS,
    summarise_cracks,
    summarise_paintings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.report.tables import Cell
    from graven.studies.craquelure_contenders import Contender
    from graven.studies.craquelure_scores import CrackScore, PaintingScore
    from graven.studies.craquelure_speed import Speed
    from graven.studies.craquelure_summary import Summary

__all__ = [
    "Results",
    "cracks_table",
    "lambda_table",
    "losses_table",
    "networks_table",
    "summary_csv",
    "sets_table",
]

HEADS = {"accuracy": "Accuracy", "precision": "Precision", "recall": "Recall", "f1": "F1", "miou": "MIoU"}
LEAKY_NOTE = " (leaky split)"


@dataclass(frozen=True, slots=True)
class Results:
    """All scores of a study.

    Attributes
    ----------
    paintings : dict of str to sequence of PaintingScore
        By key of the contender, and of the baseline; empty where no run on paintings is finished.
    cracks : dict of str to dict of str to sequence of CrackScore
        By key of the set, then by contender.
    speed : sequence of Speed
        Of the networks; empty where they were not timed.
    is_leaky : bool
        Whether variants of one painting were in training and test.
    """

    paintings: Mapping[str, Sequence[PaintingScore]]
    cracks: Mapping[str, Mapping[str, Sequence[CrackScore]]]
    speed: Sequence[Speed] = ()
    is_leaky: bool = False

    def of(self, table: Mapping[Any, Contender]) -> list[Contender]:
        """Give the contenders of a table that have a finished run, in its order."""
        return [entry for entry in table.values() if entry.key in self.paintings]

    def family(self, table: Mapping[Any, Contender]) -> dict[str, Sequence[PaintingScore]]:
        """Give the scores of these contenders by key."""
        return {entry.key: self.paintings[entry.key] for entry in self.of(table)}

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the test sets of paintings, in the order of the paintings."""
        return tuple(dict.fromkeys(score.subset for score in self.paintings.get(BASELINE, ())))

    def summary(self, key: str, subset: str | None = None) -> Summary:
        """Reduce the paintings of a contender, of one test set or of all."""
        return summarise_paintings([score for score in self.paintings[key] if subset in (None, score.subset)])

    def crack_summary(self, subset: str, contender: str) -> Summary:
        """Reduce the pictures of a set of cracks."""
        return summarise_cracks(self.cracks[subset][contender])


def losses_table(results: Results) -> str:
    """Set Table 2: IoU of the three classes by loss, measured and published, and the baseline.

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
    for entry in results.of(LOSSES):
        rows.append(_iou_row(results, entry.key, entry.label))
        published = [f"{value:.2f}" for value in PUBLISHED_IOU[entry.key]]
        rows.append(["", "published", *published, f"{sum(PUBLISHED_IOU[entry.key]) / 3:.3f}", "–"])
    rows.append(_iou_row(results, BASELINE, BASELINE_LABEL))
    return markdown_table(["Loss", "", *_iou_heads()], rows)


def lambda_table(results: Results) -> str:
    """Set the numbers of Figure 5: Mixed 1 with several weights of its focal term, and the baseline.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        Markdown.
    """
    rows = [_iou_row(results, entry.key, entry.label) for entry in results.of(LAMBDAS)]
    rows.append(_iou_row(results, BASELINE, BASELINE_LABEL))
    return markdown_table(["Mixed 1 with", "", *_iou_heads()], rows)


def networks_table(results: Results) -> str:
    """Set Figure 9: all metrics and images per second of the three networks, measured and published, and the baseline.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        Markdown.
    """
    speeds = {entry.contender: entry for entry in results.speed}
    rows: list[list[Cell]] = []
    for entry in results.of(NETWORKS):
        found, speed = results.summary(entry.key), speeds.get(entry.key)
        pace: list[Cell] = ["–", "–"]
        if speed is not None:
            pace = [f"{speed.fps:.2f} ({1 / speed.high:.2f}–{1 / speed.low:.2f})", f"{speed.n_parameters / 1e6:.2f} M"]
        rows.append([entry.label, _measured(results), *(found.text(name) for name in METRICS), *pace])
        kind = "published" if entry.key in PUBLISHED_FPS else "published, derived"
        values = [f"{PUBLISHED_NETWORKS[entry.key][name]:.4f}" for name in METRICS]
        rows.append(["", kind, *values, f"{PUBLISHED_FPS[entry.key]:g}" if entry.key in PUBLISHED_FPS else "–", "–"])
    found = results.summary(BASELINE)
    rows.append([BASELINE_LABEL, _measured(results), *(found.text(name) for name in METRICS), "–", "–"])
    return markdown_table(["Network", "", *HEADS.values(), "Images/s", "Parameters"], rows)


def sets_table(results: Results) -> str:
    """Set the IoU of craquelure and of paint loss on each test set of paintings.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        Markdown: a row per contender, two columns per test set.
    """
    keys = [key for key in results.paintings if key != BASELINE]
    rows: list[list[Cell]] = []
    for key in [*keys, BASELINE]:
        row: list[Cell] = [LABELS.get(key, BASELINE_LABEL)]
        for subset in results.subsets:
            found = results.summary(key, subset)
            row += [found.text(name) for name in CLASSES[1:]]
        rows.append(row)
    head = [f"{subset}: {name}" for subset in results.subsets for name in CLASSES[1:]]
    return markdown_table(["Trained with", *head], rows)


def cracks_table(results: Results) -> str:
    """Set the scores on photographed cracks, the baseline below each set.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        Markdown. Published values are not set: none for these parts of the sets is known to us.
    """
    head = ["Set", "Pictures", "", "F1 (2 px)", "Precision", "Recall", "IoU", "clDice", "F1 per picture", "Distractor"]
    rows: list[list[Cell]] = []
    for crack_set in (entry for entry in CRACK_SETS.values() if entry.key in results.cracks):
        for contender in results.cracks[crack_set.key]:
            found = results.crack_summary(crack_set.key, contender)
            is_baseline = contender == BASELINE
            values = [found.text(name) for name in CRACK_METRICS[:-1]]
            share = "–" if crack_set.distractor is None else f"{found.mean('distractor_share'):.1%}"
            name, n = ("", "") if is_baseline else (crack_set.label, str(found.n_images))
            rows.append([name, n, BASELINE_LABEL if is_baseline else "Res-UNet, Mixed 1", *values, share])
    return markdown_table(head, rows)


def summary_csv(results: Results) -> str:
    """Write all summaries of paintings and cracks as one CSV.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        A row per contender, set and metric, with mean, spread and every seed.
    """
    rows: list[list[Cell]] = []

    def add(kind: str, subset: str, found: Summary, metrics: Sequence[str]) -> None:
        for name in metrics:
            seeds = " ".join(f"{value:.6f}" for value in found.by_seed[name])
            rows.append([kind, found.contender, subset, name, found.mean(name), found.sd(name), found.n_images, seeds])

    kind = "paintings, leaky split" if results.is_leaky else "paintings"
    for key in results.paintings:
        for subset in (None, *(results.subsets if len(results.subsets) > 1 else ())):
            add(kind, subset or "all", results.summary(key, subset), PAINTING_METRICS)
    for subset, by_contender in results.cracks.items():
        for contender in by_contender:
            add("cracks", subset, results.crack_summary(subset, contender), CRACK_METRICS)
    return csv_table(["kind", "contender", "set", "metric", "mean", "sd", "n_images", "by_seed"], rows)


def _iou_heads() -> list[str]:
    return [*(f"IoU {name}" for name in CLASSES), "MIoU", "F1 craquelure (2 px)"]


def _iou_row(results: Results, key: str, label: str) -> list[Cell]:
    found = results.summary(key)
    return [label, _measured(results), *(found.text(name) for name in (*CLASSES, "miou", "f1_2px"))]


def _measured(results: Results) -> str:
    return "measured" + (LEAKY_NOTE if results.is_leaky else "")
