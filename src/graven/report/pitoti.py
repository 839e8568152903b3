"""The table of the 3D-Pitoti benchmark, with the columns that its evaluation script prints."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

from graven.errors import MismatchError
from graven.metrics import pitoti_mean, pitoti_overall, pitoti_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.metrics import BinaryCounts, PitotiScores
    from graven.report.tables import Cell

__all__ = ["PITOTI_COLUMNS", "pitoti_rows"]

PITOTI_COLUMNS = ("DSC", "HR", "FAR", "IU-FG", "mIU", "pxAcc")
"""Dice coefficient, hit rate, false-alarm rate, foreground IoU, mean IoU and pixel accuracy, as in `PitotiScores`."""


def pitoti_rows(
    names: Sequence[str], counts: Sequence[BinaryCounts], *, groups: Sequence[str] | None = None
) -> list[dict[str, Cell]]:
    """Set the table of the benchmark.

    Parameters
    ----------
    names : sequence of str
        Surfaces.
    counts : sequence of BinaryCounts
        Of each surface, inside its mask.
    groups : sequence of str, optional
        Site or fold of each surface.

    Returns
    -------
    list of dict
        One row per surface, then mean and overall of each group in the order of their names, then of all. ``mean`` is
        that of the surfaces' scores, ``overall`` the score of their summed pixels. Keys are ``surface`` and
        `PITOTI_COLUMNS`; all scores are in 0 to 1, and 0/0 is 0.

    Raises
    ------
    MismatchError
        If the sequences differ in length.
    InputError
        If there is no surface.

    Examples
    --------
    >>> from graven.metrics import BinaryCounts
    >>> rows = pitoti_rows(["a", "b"], [BinaryCounts(tp=1, fp=0, fn=0, tn=1), BinaryCounts(tp=0, fp=2, fn=2, tn=0)])
    >>> [(row["surface"], row["HR"]) for row in rows]
    [('a', 1.0), ('b', 0.0), ('mean', 0.5), ('overall', 0.3333333333333333)]
    """
    if len(names) != len(counts) or (groups is not None and len(groups) != len(names)):
        raise MismatchError(
            f"got {len(names)} surfaces, counts of {len(counts)} and groups of {len(groups or names)}; "
            "each surface needs one of both"
        )
    rows = [_row(name, pitoti_scores(count)) for name, count in zip(names, counts, strict=True)]
    for group in sorted(set(groups or ())):
        members = [count for count, other in zip(counts, groups or (), strict=True) if other == group]
        rows += _summaries(members, f"{group}: ")
    return rows + _summaries(counts, "")


def _summaries(counts: Sequence[BinaryCounts], prefix: str) -> list[dict[str, Cell]]:
    return [_row(f"{prefix}mean", pitoti_mean(counts)), _row(f"{prefix}overall", pitoti_overall(counts))]


def _row(name: str, scores: PitotiScores) -> dict[str, Cell]:
    return {"surface": name, **dict(zip(PITOTI_COLUMNS, astuple(scores), strict=True))}
