"""Which pictures a study shows: an easy, a median and a hard one, chosen by their scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["easy_median_hard", "ranked"]

QUANTILES = {"easy": 0.9, "median": 0.5, "hard": 0.1}


def ranked(values: Mapping[str, Sequence[float]]) -> list[str]:
    """Order pictures by the mean of their scores, lowest first; of equal ones by name."""
    return sorted(values, key=lambda image: (float(np.mean(values[image])), image))


def easy_median_hard(order: Sequence[str]) -> dict[str, str]:
    """Choose the quantiles 0.9, 0.5 and 0.1 of ranked pictures.

    Parameters
    ----------
    order : sequence of str, at least one
        Names of pictures, lowest score first.

    Returns
    -------
    dict of str to str
        Title (``easy``, ``median``, ``hard``) by name of the picture, each picture once.

    Examples
    --------
    >>> easy_median_hard(["a", "b", "c"])
    {'c': 'easy', 'b': 'median', 'a': 'hard'}
    """
    chosen: dict[str, str] = {}
    for title, quantile in QUANTILES.items():
        chosen.setdefault(order[round(quantile * (len(order) - 1))], title)
    return chosen
