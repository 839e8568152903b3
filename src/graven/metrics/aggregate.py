"""From images to one number: mean of the images' scores, score of the pooled counts, or either per panel.

These differ: a mean weighs every image alike, pooled counts weigh every pixel alike.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from graven.errors import InputError, MismatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Addable", "per_image_mean", "per_panel", "pooled", "total"]


class Addable(Protocol):
    """Counts that can be added: `BinaryCounts` and `MatchCounts`."""

    def __add__(self, other: Any, /) -> Self: ...


C = TypeVar("C", bound=Addable)


def total(counts: Sequence[C]) -> C:
    """Add the counts of all images.

    Parameters
    ----------
    counts : sequence of counts, at least one
        One value per image or tile.

    Returns
    -------
    counts
        Their sum.

    Raises
    ------
    InputError
        If there is none.
    """
    if not counts:
        raise InputError("expected the counts of at least one image, got none")
    return reduce(add, counts)


def pooled(counts: Sequence[C], score: Callable[[C], float]) -> float:
    """Score of the summed counts: every pixel weighs the same.

    Parameters
    ----------
    counts : sequence of counts, at least one
        One value per image.
    score : callable
        Turns counts into a number.

    Returns
    -------
    float
        The pooled score.

    Raises
    ------
    InputError
        If there is no image.
    """
    return score(total(counts))


def per_image_mean(counts: Sequence[C], score: Callable[[C], float]) -> float:
    """Mean of the images' scores: every image weighs the same.

    Parameters
    ----------
    counts : sequence of counts, at least one
        One value per image.
    score : callable
        Turns counts into a number.

    Returns
    -------
    float
        The mean; an image whose score is 0/0 counts with what `score` gives for it.

    Raises
    ------
    InputError
        If there is no image.
    """
    if not counts:
        raise InputError("expected the counts of at least one image, got none")
    return sum(score(c) for c in counts) / len(counts)


def per_panel(counts: Sequence[C], panels: Sequence[str]) -> dict[str, C]:
    """Add the counts of the patches of each panel.

    Parameters
    ----------
    counts : sequence of counts
        One value per patch.
    panels : sequence of str
        The panel of each patch.

    Returns
    -------
    dict of str to counts
        Panels in the order of their first patch; score their values with `pooled` or `per_image_mean`.

    Raises
    ------
    MismatchError
        If the two sequences differ in length.
    """
    if len(counts) != len(panels):
        raise MismatchError(
            f"got counts of {len(counts)} patches and {len(panels)} panel names; one per patch is needed"
        )
    sums: dict[str, C] = {}
    for panel, count in zip(panels, counts, strict=True):
        sums[panel] = sums[panel] + count if panel in sums else count
    return sums
