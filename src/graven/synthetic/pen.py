"""The pen that figures are drawn with: smooth curves, rings and areas in unit coordinates, x right and y down."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Pen", "Points", "disc", "smooth_curve"]

Points = list[tuple[float, float]]


class Pen:
    """Collect strokes, areas and bowls in unit coordinates; widths are relative to the unit as well.

    Attributes
    ----------
    strokes : list of (ndarray of shape (N, 2), ndarray of shape (N,) or None)
        Curves with their widths; None stands for the line width of the figure.
    areas : list of ndarray of shape (N, 2)
        Closed outlines.
    bowls : list of (x, y, radius)
        Cup marks.
    """

    def __init__(self) -> None:
        self.strokes: list[tuple[NDArray[np.float64], NDArray[np.float64] | None]] = []
        self.areas: list[NDArray[np.float64]] = []
        self.bowls: list[tuple[float, float, float]] = []

    def line(self, points: Points, width: float | list[float] | None = None) -> None:
        """Draw a smooth curve through points.

        Parameters
        ----------
        points : list of (x, y)
            Knots, two or more.
        width : float or list of float, optional
            Full width, one for all knots or one for each; by default the line width of the figure.
        """
        knots = np.asarray(points, np.float64)
        smooth = smooth_curve(knots)
        if width is None:
            self.strokes.append((smooth, None))
            return
        given = np.full(len(knots), width) if isinstance(width, float) else np.asarray(width, np.float64)
        at = np.linspace(0, 1, len(smooth))
        self.strokes.append((smooth, np.interp(at, np.linspace(0, 1, len(knots)), given)))

    def ring(
        self, x: float, y: float, rx: float, ry: float | None = None, gap: float = 0.0, start: float = 0.0
    ) -> None:
        """Draw an ellipse, closed or with a gap.

        Parameters
        ----------
        x, y, rx : float
            Centre and first half-axis.
        ry : float, optional
            Second half-axis, by default `rx`.
        gap, start : float, radians
            How much is left open, and the direction of the gap.
        """
        angle = start + np.linspace(gap / 2, 2 * math.pi - gap / 2, max(24, int(90 * rx)))
        ring = np.stack([x + rx * np.cos(angle), y + (ry or rx) * np.sin(angle)], 1)
        self.strokes.append((ring, None))

    def area(self, points: Points) -> None:
        """Fill an outline with rounded corners.

        Parameters
        ----------
        points : list of (x, y)
            Corners, three or more.
        """
        closed = np.asarray([points[-1], *points, points[0], points[1]], np.float64)
        self.areas.append(smooth_curve(closed)[8:-8])

    def raw(self, curve: NDArray[np.float64]) -> None:
        """Draw a curve that is smooth already.

        Parameters
        ----------
        curve : ndarray of shape (N, 2), float64
            Its vertices.
        """
        self.strokes.append((curve, None))


def smooth_curve(knots: NDArray[np.float64], steps: int = 8) -> NDArray[np.float64]:
    """Lay a cardinal spline (tension 0.2) through knots.

    Parameters
    ----------
    knots : ndarray of shape (N, 2), float64
        Two or more; two give a straight line.
    steps : int
        Samples per span.

    Returns
    -------
    ndarray of shape ((N - 1) * steps + 1, 2), float64
        Begins and ends at the first and last knot.

    Examples
    --------
    >>> smooth_curve(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]))[[0, 8, 16]].tolist()
    [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]
    """
    if len(knots) < 3:
        t = np.linspace(0, 1, steps + 1)[:, None]
        return np.asarray(knots[0] * (1 - t) + knots[-1] * t, np.float64)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    spans = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        tangent_b, tangent_c = 0.4 * (c - a), 0.4 * (d - b)
        spans.append(
            (2 * t**3 - 3 * t**2 + 1) * b
            + (t**3 - 2 * t**2 + t) * tangent_b
            + (3 * t**2 - 2 * t**3) * c
            + (t**3 - t**2) * tangent_c
        )
    return np.asarray(np.concatenate([*spans, knots[-1:]]), np.float64)


def disc(x: float, y: float, radius: float) -> Points:
    """Return eight points on a circle, for `Pen.area`.

    Parameters
    ----------
    x, y, radius : float
        Centre and radius in unit coordinates.

    Returns
    -------
    list of (x, y)
        In order around the circle.
    """
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 9)[:-1]]
