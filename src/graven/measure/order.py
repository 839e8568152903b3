"""In which order figures are numbered: as one reads a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["reading_order"]


def reading_order(
    centroid_px: NDArray[np.float64], height_px: NDArray[np.int64], area_px: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Sort objects from left to right in lines, and lines from top to bottom.

    Parameters
    ----------
    centroid_px : ndarray of shape (N, 2), float64, pixels
        Centres ``(x, y)``.
    height_px : ndarray of shape (N,), int64, pixels
        Height of the bounding boxes.
    area_px : ndarray of shape (N,), int64, pixels
        Areas.

    Returns
    -------
    ndarray of shape (N,), int64
        Indices in reading order.

    Notes
    -----
    A line begins at the topmost centre that no line holds yet and takes all centres less than one height below it: the
    height of the figure that holds the median pixel when figures are sorted by height, so that specks do not count.
    Within a line the order is that of x, then y, then of the first pixels.

    Examples
    --------
    >>> centres = np.array([[90.0, 8.0], [10.0, 12.0], [50.0, 30.0]])
    >>> reading_order(centres, np.array([20, 20, 20]), np.array([100, 100, 100])).tolist()
    [1, 0, 2]
    """
    if len(area_px) == 0:
        return np.zeros(0, np.int64)
    by_height = np.argsort(height_px, kind="stable")
    covered = np.cumsum(area_px[by_height])
    line_px = height_px[by_height[np.searchsorted(covered, covered[-1] / 2)]]
    line = np.zeros(len(area_px), np.int64)
    begin, number = -np.inf, 0
    for k in np.argsort(centroid_px[:, 1], kind="stable"):
        if centroid_px[k, 1] >= begin + line_px:
            begin, number = centroid_px[k, 1], number + 1
        line[k] = number
    return np.lexsort((centroid_px[:, 1], centroid_px[:, 0], line))
