"""What the scores of single pictures add up to: per contender and seed, over seeds, and contender against contender."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from graven.errors import InputError
from graven.metrics import iou, multiclass_scores, per_image_mean, total
from graven.metrics.counts import ratio
from graven.studies.craquelure_contenders import CLASSES, METRICS
from graven.studies.paired import compare_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graven.metrics import MultiClassScores
    from graven.studies.craquelure_scores import CrackScore, PaintingScore
    from graven.studies.paired import Comparison

S = TypeVar("S", "PaintingScore", "CrackScore")

__all__ = [
    "CRACK_METRICS",
    "PAINTING_METRICS",
    "Summary",
    "compare_paintings",
    "summarise_cracks",
    "summarise_paintings",
]

PAINTING_METRICS = (*CLASSES, *METRICS, "f1_2px")
"""IoU of each class, the metrics of Figure 9, and F1 of craquelure at 2 px."""

CRACK_METRICS = ("f1_2px", "precision_2px", "recall_2px", "iou", "cldice", "f1_2px_per_image", "distractor_share")


@dataclass(frozen=True, slots=True)
class Summary:
    """One contender over all its seeds.

    Attributes
    ----------
    contender : str
        Its key.
    seeds : tuple of int
        In rising order.
    n_images : int
        Test pictures per seed.
    by_seed : dict of str to tuple of float
        Each metric, seed by seed; nan where it is not defined.
    """

    contender: str
    seeds: tuple[int, ...]
    n_images: int
    by_seed: Mapping[str, tuple[float, ...]]

    def mean(self, metric: str) -> float:
        """Mean over seeds."""
        return float(np.mean(self.by_seed[metric]))

    def sd(self, metric: str) -> float | None:
        """Sample standard deviation over seeds; None for a single seed."""
        values = self.by_seed[metric]
        return float(np.std(values, ddof=1)) if len(values) > 1 else None

    def text(self, metric: str) -> str:
        """Print mean ± standard deviation."""
        sd = self.sd(metric)
        return f"{self.mean(metric):.3f}" + ("" if sd is None else f" ± {sd:.3f}")


def summarise_paintings(scores: Sequence[PaintingScore]) -> Summary:
    """Pool the pixels of all test paintings, seed by seed: one confusion matrix over the test set, as in the paper.

    Parameters
    ----------
    scores : sequence of PaintingScore
        Of one contender, any number of seeds, each on the same paintings; at least one.

    Returns
    -------
    Summary
        Of `PAINTING_METRICS`; precision and recall are means over the classes, F1 is that of these two.

    Raises
    ------
    InputError
        If there is no score, several contenders are mixed, or seeds saw different paintings.
    """
    groups = _by_seed(scores)
    values: dict[str, list[float]] = {name: [] for name in PAINTING_METRICS}
    for group in groups.values():
        found = multiclass_scores(np.sum([score.matrix for score in group], axis=0))
        row = (*found.iou, *_metrics(found), total([score.near for score in group]).f1)
        for name, value in zip(PAINTING_METRICS, row, strict=True):
            values[name].append(value)
    return _summary(groups, values)


def summarise_cracks(scores: Sequence[CrackScore]) -> Summary:
    """Pool the pixels of all test pictures of a set, seed by seed.

    Parameters
    ----------
    scores : sequence of CrackScore
        Of one contender on one set, any number of seeds, each on the same pictures; at least one.

    Returns
    -------
    Summary
        Of `CRACK_METRICS`. ``f1_2px_per_image`` is the mean over pictures; ``distractor_share`` is nan where a set has
        no distractor.

    Raises
    ------
    InputError
        If there is no score, several contenders are mixed, or seeds saw different pictures.
    """
    groups = _by_seed(scores)
    values: dict[str, list[float]] = {name: [] for name in CRACK_METRICS}
    for group in groups.values():
        near = total([score.near for score in group])
        n_distractor = sum(score.n_distractor for score in group)
        marked = sum(score.distractor_marked for score in group)
        row = (
            near.f1,
            near.precision,
            near.recall,
            iou(total([score.counts for score in group])),
            total([score.lines for score in group]).f1,
            per_image_mean([score.near for score in group], lambda counts: counts.f1),
            ratio(marked, n_distractor, zero_division=float("nan")),
        )
        for name, value in zip(CRACK_METRICS, row, strict=True):
            values[name].append(value)
    return _summary(groups, values)


def compare_paintings(
    key: str, scores: Mapping[str, Sequence[PaintingScore]], *, metric: str = "craquelure"
) -> list[Comparison]:
    """Compare one contender with others, painting by painting, each averaged over its seeds.

    Parameters
    ----------
    key : str
        The one that is compared.
    scores : mapping of str to sequence of PaintingScore
        Of each contender, `key` included, on the same paintings.
    metric : {"craquelure", "paint loss", "miou"}
        IoU of a class, on the paintings whose truth shows it, or MIoU on all.

    Returns
    -------
    list of Comparison
        In the order of `scores`.

    Raises
    ------
    InputError
        If the paintings differ, or none shows the class.
    """
    number = CLASSES.index(metric) if metric in CLASSES else None

    def value(score: PaintingScore) -> float:
        return score.miou if number is None else score.iou(number)

    return compare_pairs(key, {name: _by_image(found, value, number) for name, found in scores.items()})


def _by_image(
    scores: Sequence[PaintingScore], value: Callable[[PaintingScore], float], number: int | None
) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for score in scores:
        if number is None or score.has(number):
            found.setdefault(score.image, []).append(value(score))
    return {image: float(np.mean(values)) for image, values in found.items()}


def _metrics(found: MultiClassScores) -> tuple[float, ...]:
    return (found.accuracy, found.macro_precision, found.macro_recall, found.f1_of_macro_pr, found.miou)


def _by_seed(scores: Sequence[S]) -> dict[int, list[S]]:
    if len({score.contender for score in scores}) != 1:
        raise InputError(f"a summary is of one contender, got {sorted({score.contender for score in scores})}")
    groups: dict[int, list[S]] = {seed: [] for seed in sorted({score.seed for score in scores})}
    for score in scores:
        groups[score.seed].append(score)
    if len({tuple(score.image for score in group) for group in groups.values()}) != 1:
        raise InputError(f"the seeds of {scores[0].contender!r} were not judged on the same pictures")
    return groups


def _summary(groups: Mapping[int, Sequence[PaintingScore | CrackScore]], values: Mapping[str, list[float]]) -> Summary:
    first = next(iter(groups.values()))
    by_seed = {name: tuple(found) for name, found in values.items()}
    return Summary(first[0].contender, tuple(groups), len(first), by_seed)
