"""What patch scores add up to: per loss and seed, over seeds, and loss against loss.

All of it is computed from pixel counts, so a table can be checked from ``results.csv`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from graven.errors import InputError
from graven.metrics import miou, per_image_mean, pooled
from graven.studies.begl_protocol import METRICS
from graven.studies.begl_scores import SCORES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.studies.begl_scores import PatchScore

__all__ = ["Difference", "Reduction", "Summary", "paired_difference", "summarise"]

RESAMPLES = 2000
Reduction = Literal["mean over images", "pooled"]
"""Whether every patch weighs the same, or every pixel."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One loss over all its seeds.

    Attributes
    ----------
    loss : str
        Key of the loss.
    reduction : {"mean over images", "pooled"}
        Every patch weighs the same, or every pixel.
    seeds : tuple of int
        In rising order.
    n_images : int
        Patches per seed.
    by_seed : dict of str to tuple of float
        Each metric of Table 1 and ``boundary_f1`` (undefined where pooled), seed by seed.
    """

    loss: str
    reduction: Reduction
    seeds: tuple[int, ...]
    n_images: int
    by_seed: dict[str, tuple[float, ...]]

    @property
    def n_seeds(self) -> int:
        """Number of seeds."""
        return len(self.seeds)

    def mean(self, metric: str) -> float:
        """Mean over seeds."""
        return float(np.mean(self.by_seed[metric]))

    def sd(self, metric: str) -> float | None:
        """Sample standard deviation over seeds; None for a single seed."""
        return float(np.std(self.by_seed[metric], ddof=1)) if self.n_seeds > 1 else None


def summarise(scores: Sequence[PatchScore], *, reduction: Reduction) -> Summary:
    """Reduce the scores of one loss.

    Parameters
    ----------
    scores : sequence of PatchScore
        Of one loss, any number of seeds, each on the same patches; at least one.
    reduction : {"mean over images", "pooled"}
        How patches are joined within a seed.

    Returns
    -------
    Summary
        Metrics per seed.

    Raises
    ------
    InputError
        If there is no score, several losses are mixed, or seeds saw different patches.
    """
    if len({score.loss for score in scores}) != 1:
        raise InputError(f"a summary is of one loss, got {sorted({score.loss for score in scores})}")
    seeds = sorted({score.seed for score in scores})
    groups = [[score for score in scores if score.seed == seed] for seed in seeds]
    if len({tuple(score.image for score in group) for group in groups}) != 1:
        raise InputError(f"the seeds of {scores[0].loss!r} were not judged on the same patches")
    by_seed: dict[str, tuple[float, ...]] = {}
    for name in METRICS:
        reduce = per_image_mean if reduction == "mean over images" else pooled
        by_seed[name] = tuple(reduce([score.counts for score in group], SCORES[name]) for group in groups)
    if reduction == "mean over images":
        by_seed["boundary_f1"] = tuple(float(np.mean([s.boundary_f1 for s in group])) for group in groups)
    return Summary(scores[0].loss, reduction, tuple(seeds), len(groups[0]), by_seed)


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one loss beats another on the same patches.

    Attributes
    ----------
    loss, other : str
        Keys.
    mean : float
        Mean over patches of the difference of MIoU, each averaged over seeds; positive where `loss` is better.
    low, high : float
        Bounds of the middle 95 % when whole panels are drawn anew with replacement.
    wins : float, 0 to 1
        Share of patches on which `loss` is better.
    n_panels : int
        Panels that were drawn.
    """

    loss: str
    other: str
    mean: float
    low: float
    high: float
    wins: float
    n_panels: int


def paired_difference(first: Sequence[PatchScore], second: Sequence[PatchScore]) -> Difference:
    """Compare the MIoU of two losses patch by patch.

    Parameters
    ----------
    first, second : sequence of PatchScore
        Of one loss each, on the same patches.

    Returns
    -------
    Difference
        With an interval from 2000 draws of whole panels, since patches of one panel are alike; the draws are seeded.

    Raises
    ------
    InputError
        If the patches differ.
    """
    a, b = _miou_by_image(first), _miou_by_image(second)
    if a.keys() != b.keys() or not a:
        raise InputError(f"two losses must be judged on the same patches, got {len(a)} and {len(b)}")
    panel_of = {score.image: score.panel for score in first}
    differences: dict[str, list[float]] = {}
    for image, value in a.items():
        differences.setdefault(panel_of[image], []).append(value - b[image])
    sums = np.array([sum(values) for values in differences.values()])
    sizes = np.array([len(values) for values in differences.values()])
    draws = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    wins = float(np.mean([value > 0 for values in differences.values() for value in values]))
    mean = float(sums.sum() / sizes.sum())
    return Difference(first[0].loss, second[0].loss, mean, float(low), float(high), wins, len(sums))


def _miou_by_image(scores: Sequence[PatchScore]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for score in scores:
        values.setdefault(score.image, []).append(miou(score.counts))
    return {image: float(np.mean(found)) for image, found in values.items()}
