"""Length of an outline that is made of pixel edges, without the excess of its staircase."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.types import Ring

__all__ = ["CROFTON_SIGMA", "crofton_perimeter"]

CROFTON_SIGMA = 0.023
"""Relative root mean square error of four directions on a straight border, over all its angles (square pixels)."""


def crofton_perimeter(rings: Sequence[Ring], *, size_x: float = 1.0, size_y: float = 1.0) -> float:
    """Estimate the perimeter of the smooth object behind a pixel outline.

    Parameters
    ----------
    rings : sequence of Ring
        All rings of one object on pixel edges, as `graven.measure.polygons.trace_polygons` gives them.
    size_x, size_y : float, > 0
        Width and height of a pixel in the unit of the result.

    Returns
    -------
    float, unit of the pixel size
        Perimeter of exteriors and holes together.

    Notes
    -----
    Cauchy and Crofton: a curve of length ``L`` is cut by lines of direction ``t`` and spacing ``d`` in ``n(t)`` points,
    and ``L`` is half the integral of ``d * n(t)`` over all ``t`` from 0 to pi [1]_. With the rows, columns and two
    diagonals of the pixel grid and ``f = atan(size_y / size_x)``, each weighed by the angle it stands for,
    ``L = (f * size_y * n_rows + (pi / 2 - f) * size_x * n_columns + pi / 4 * d * n_diagonals) / 2``. The counts are
    read off the rings: rows cut the vertical edges, columns the horizontal ones; diagonals cut the outline twice at a
    point where it runs straight, once at a corner, and not at all where two pixels touch at their corners.

    On a straight border the result lies between 0.948 and 1.026 of the true length, depending on its angle.

    References
    ----------
    .. [1] J. Ohser and F. Muecklich, Statistical Analysis of Microstructures in Materials Science, Wiley, 2000.

    Examples
    --------
    >>> square = np.array([[0, 0], [100, 0], [100, 100], [0, 100], [0, 0]], float)
    >>> round(crofton_perimeter([square]), 1)
    378.1
    """
    steps = np.abs(np.concatenate([np.diff(ring, axis=0) for ring in rings])).sum(axis=0)
    n_columns, n_rows = float(steps[0]), float(steps[1])
    corners = np.concatenate([ring[:-1] for ring in rings])
    _, visits = np.unique(corners[:, 1] * 2.0**26 + corners[:, 0], return_counts=True)
    n_diagonals = 2 * (n_columns + n_rows - len(corners)) + np.count_nonzero(visits == 1)
    angle = math.atan2(size_y, size_x)
    spacing = size_x * size_y / math.hypot(size_x, size_y)
    cut = angle * size_y * n_rows + (math.pi / 2 - angle) * size_x * n_columns
    return float(cut + math.pi / 4 * spacing * n_diagonals) / 2
