"""Is one contender better than others on the same pictures? Wilcoxon's signed-rank test, with Holm's correction.

Besides the test here is how studies tell what it found, as a table and as a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import wilcoxon

from graven.errors import InputError
from graven.report.tables import markdown_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.report.tables import Cell

__all__ = ["LEVEL", "Comparison", "compare_pairs", "comparisons_table", "findings", "holm"]

LEVEL = 0.05
RESAMPLES = 2000
SMALL = 0.001


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


def comparisons_table(comparisons: Sequence[Comparison], labels: Mapping[str, str], *, metric: str, items: str) -> str:
    """Set paired comparisons.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Made together.
    labels : mapping of str to str
        Printed name of each contender.
    metric : str
        What was compared.
    items : str
        What it was compared on, such as ``paintings``.

    Returns
    -------
    str
        Markdown.
    """
    rows: list[list[Cell]] = [
        [
            f"{labels[entry.key]} − {labels[entry.other]}",
            entry.n,
            f"{entry.mean:+.4f}",
            f"{entry.low:+.4f} to {entry.high:+.4f}",
            f"{entry.wins:.0%}",
            *(f"{p:.3f}" if p >= SMALL else f"{p:.1e}" for p in (entry.p, entry.p_holm)),
        ]
        for entry in comparisons
    ]
    head = [f"Difference of {metric}", items.capitalize(), "Mean", f"95 % over {items}", "Better on", "p", "p (Holm)"]
    return markdown_table(head, rows)


def findings(comparisons: Sequence[Comparison], labels: Mapping[str, str], *, items: str) -> str:
    """Say over whom a contender is better, and over whom it is not.

    Parameters
    ----------
    comparisons : sequence of Comparison, at least one
        Of one contender, made together.
    labels : mapping of str to str
        What the others are called in a sentence.
    items : str
        As in `comparisons_table`.

    Returns
    -------
    str
        What follows the name of the contender, without a full stop.
    """
    parts = []
    for finding, verb in (
        ("better", "is better than"),
        ("worse", "is worse than"),
        ("undecided", "cannot be told apart from"),
    ):
        others = [
            f"{labels[entry.other]} ({entry.mean:+.3f}, p {_p(entry.p_holm)})"
            for entry in comparisons
            if entry.finding == finding
        ]
        if others:
            parts.append(f"{verb} {', '.join(others)}")
    n = comparisons[0].n
    return f"{'; '.join(parts)} (Wilcoxon's signed-rank test on {n} {items}, p after Holm's correction)"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= SMALL else f"< {SMALL:g}"
