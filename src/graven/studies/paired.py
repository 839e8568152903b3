"""Is one contender better than others on the same pictures? Wilcoxon's signed-rank test, with Holm's correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import wilcoxon

from graven.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["LEVEL", "Comparison", "compare_pairs", "holm"]

LEVEL = 0.05
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one contender does beside another on the same pictures.

    Attributes
    ----------
    key, other : str
        Contenders.
    n : int
        Pictures.
    mean : float
        Mean difference, positive where `key` is better.
    low, high : float
        Bounds of the middle 95 % of that mean when pictures are drawn anew with replacement.
    wins : float, 0 to 1
        Share of pictures on which `key` is better.
    p : float, 0 to 1
        Of Wilcoxon's signed-rank test, two-sided; 1 where all differences are 0.
    p_holm : float, 0 to 1
        The same after Holm's correction over all comparisons that were made together.
    """

    key: str
    other: str
    n: int
    mean: float
    low: float
    high: float
    wins: float
    p: float
    p_holm: float

    @property
    def finding(self) -> str:
        """One of ``better``, ``worse`` and ``undecided``, at a corrected p of 0.05."""
        if self.p_holm >= LEVEL or self.mean == 0:
            return "undecided"
        return "better" if self.mean > 0 else "worse"


def compare_pairs(key: str, values: Mapping[str, Mapping[str, float]]) -> list[Comparison]:
    """Compare one contender with all others.

    Parameters
    ----------
    key : str
        The one that is compared.
    values : mapping of str to mapping of str to float
        A score by picture, for each contender; larger is better.

    Returns
    -------
    list of Comparison
        In the order of `values`, without `key` itself. Draws are seeded.

    Raises
    ------
    InputError
        If contenders have different pictures, or there are none.

    References
    ----------
    .. [1] Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1(6), 1945.
    .. [2] Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2), 1979.

    Examples
    --------
    >>> a, b = ({str(i): share + i / 100 for i in range(8)} for share in (0.5, 0.4))
    >>> found = compare_pairs("a", {"a": a, "b": b})[0]
    >>> round(found.mean, 3), found.wins, round(found.p, 4), found.finding
    (0.1, 1.0, 0.0078, 'better')
    """
    mine = values[key]
    others = [other for other in values if other != key]
    if not mine or any(values[other].keys() != mine.keys() for other in others):
        sizes = {name: len(found) for name, found in values.items()}
        raise InputError(f"contenders must be compared on the same pictures, at least one; got {sizes}")
    differences = {
        other: np.round([mine[picture] - values[other][picture] for picture in mine], 12) for other in others
    }
    ps = {other: float(wilcoxon(found).pvalue) if np.any(found) else 1.0 for other, found in differences.items()}
    corrected = dict(zip(others, holm([ps[other] for other in others]), strict=True))
    draws = np.random.default_rng(0).integers(len(mine), size=(RESAMPLES, len(mine)))
    comparisons = []
    for other, found in differences.items():
        low, high = np.quantile(found[draws].mean(axis=1), (0.025, 0.975))
        comparisons.append(
            Comparison(
                key,
                other,
                n=len(mine),
                mean=float(found.mean()),
                low=float(low),
                high=float(high),
                wins=float(np.mean(found > 0)),
                p=ps[other],
                p_holm=corrected[other],
            )
        )
    return comparisons


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p-values for having made several tests.

    Parameters
    ----------
    ps : sequence of float, 0 to 1
        One per test.

    Returns
    -------
    list of float, 0 to 1
        In the same order; each is at most 1 and not below one of a smaller p.

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(ps, kind="stable")
    corrected = [0.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(order.tolist()):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        corrected[index] = highest
    return corrected
