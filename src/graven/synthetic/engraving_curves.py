"""Curves of a drawing as arrays of points: evenly spaced, moved, closed to a ring, widened to a limb."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["moved", "offset_sides", "resample", "ring"]


def moved(curve: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
    """Shift a curve.

    Parameters
    ----------
    curve : ndarray of shape (N, 2), float64
        Its vertices (x, y).
    x, y : float
        By how much.

    Returns
    -------
    ndarray of shape (N, 2), float64
        A new array.
    """
    return np.asarray(curve + np.array([x, y]))


def resample(points: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Space the points of a polyline evenly.

    Parameters
    ----------
    points : ndarray of shape (N, 2), float64
        Its vertices, N >= 2.
    step : float, > 0
        Distance wanted; a little less is used so that both ends stay.

    Returns
    -------
    ndarray of shape (M, 2), float64
        M >= 2.

    Examples
    --------
    >>> resample(np.array([[0.0, 0.0], [3.0, 0.0]]), 1.0).tolist()
    [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
    """
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, along[-1], max(2, math.ceil(along[-1] / step - 1e-9) + 1))
    return np.stack([np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])], 1)


def ring(x: float, y: float, rx: float, ry: float | None = None) -> NDArray[np.float64]:
    """Give a closed ellipse.

    Parameters
    ----------
    x, y, rx : float
        Centre and first half-axis.
    ry : float, optional
        Second half-axis, by default `rx`.

    Returns
    -------
    ndarray of shape (33, 2), float64
        The first point comes again at the end.
    """
    angle = np.linspace(0, 2 * math.pi, 33)
    return np.stack([x + rx * np.cos(angle), y + (rx if ry is None else ry) * np.sin(angle)], 1)


def offset_sides(
    spine: NDArray[np.float64], halves: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the two sides of a limb.

    Parameters
    ----------
    spine : ndarray of shape (N, 2), float64
        Its middle.
    halves : ndarray of shape (N,), float64
        Distance of both sides from it.

    Returns
    -------
    tuple of two ndarray of shape (N, 2), float64
        Left and right as one walks along (y down).
    """
    along = np.gradient(spine, axis=0)
    along /= np.maximum(np.hypot(*along.T), 1e-12)[:, None]
    across = np.stack([along[:, 1], -along[:, 0]], 1) * halves[:, None]
    return spine + across, spine - across
