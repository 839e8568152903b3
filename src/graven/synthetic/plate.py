"""The plate that cracks run through: who lies where, how far the nearest crack is, and where on it.

Cracks lie in pixels, distances in cells of four pixels. The plate reaches beyond the picture, so that cracks come in
from outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.cracknet import Points

__all__ = ["CELL_PX", "FAR_PX", "PAD_PX", "Plate"]

Float = np.float32
CELL_PX, PAD_PX = 4, 24
FAR_PX = 1e6
"""Distance where no crack is near."""

_BAND_PX = 3  # how broad a crack lies in the way of others
_REACH_PX = 120.0  # how far a crack is felt


class Plate:
    """What the tip of a crack feels of older cracks.

    Coordinates (x, y) are pixels of the plate, whose origin lies `PAD_PX` above and left of that of the picture.

    Parameters
    ----------
    shape : tuple of two int, pixels
        Height and width of the picture.

    Attributes
    ----------
    distance : ndarray of shape (cell rows, cell columns), float32, pixels
        To the nearest crack; `FAR_PX` where there is none within reach.
    family : ndarray of shape (2, cell rows, cell columns), float32, pixels
        To the nearest crack of an even and of an odd generation.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._picture = shape
        self.height, self.width = shape[0] + 2 * PAD_PX, shape[1] + 2 * PAD_PX
        self._owner = np.full((self.height, self.width), -1, np.int32)
        grid = (self.height // CELL_PX + 1, self.width // CELL_PX + 1)
        self.distance = np.full(grid, FAR_PX, Float)
        self.family = np.full((2, *grid), FAR_PX, Float)
        self._foot = np.zeros((2, *grid), Float)

    def contains(self, x: float, y: float) -> bool:
        """Whether a point lies on the plate."""
        return 1 <= x < self.width - 1 and 1 <= y < self.height - 1

    def spread(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring a field of the picture onto the cells, continued beyond the edges.

        Parameters
        ----------
        field : ndarray of shape (H, W), float32
            Any field.

        Returns
        -------
        ndarray of shape (cell rows, cell columns), float32
            Means over cells.
        """
        rows, cols = self.distance.shape
        size = (self._picture[1] // CELL_PX, self._picture[0] // CELL_PX)
        small = cv2.resize(field, size, interpolation=cv2.INTER_AREA)
        edge = PAD_PX // CELL_PX
        return np.ascontiguousarray(np.pad(small, ((edge, rows), (edge, cols)), mode="edge")[:rows, :cols])

    def towards(self, x: float, y: float, cell: tuple[int, int]) -> float:
        """Direction in radians from a point of a cell to the nearest crack."""
        return math.atan2(float(self._foot[1][cell]) - y, float(self._foot[0][cell]) - x)

    def met(self, x: float, y: float, back_x: float, back_y: float) -> int:
        """Find the crack at a tip or halfway back to where it was: its number, or -1."""
        there = int(self._owner[int(y), int(x)])
        return there if there >= 0 else int(self._owner[int((y + back_y) / 2), int((x + back_x) / 2)])

    def add(self, number: int, path: Points, family: int) -> None:
        """Lay a crack into the plate.

        Parameters
        ----------
        number : int
            Its number, from 0.
        path : ndarray of shape (N, 2), float64, pixels
            Its vertices.
        family : {0, 1}
            Whether its generation is even or odd.
        """
        pixels = np.floor(path).astype(np.int32)
        cv2.polylines(self._owner, [pixels], isClosed=False, color=number, thickness=_BAND_PX)
        rows, cols = self.distance.shape
        low = np.maximum(np.floor((path.min(0) - _REACH_PX) / CELL_PX), 0).astype(np.int32)
        high = np.minimum(np.ceil((path.max(0) + _REACH_PX) / CELL_PX) + 1, (cols, rows)).astype(np.int32)
        at = slice(low[1], high[1]), slice(low[0], high[0])
        blank = np.full((high[1] - low[1], high[0] - low[0]), 255, np.uint8)
        cells = np.floor(path / CELL_PX).astype(np.int32) - low
        cv2.polylines(blank, [cells], isClosed=False, color=0, thickness=1)
        found = cv2.distanceTransformWithLabels(blank, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        distance, labels = np.asarray(found[0], Float) * Float(CELL_PX), found[1]
        on_crack = np.nonzero(blank == 0)
        place = np.zeros((2, int(labels.max()) + 1), Float)
        place[0, labels[on_crack]] = (on_crack[1] + low[0] + 0.5) * CELL_PX
        place[1, labels[on_crack]] = (on_crack[0] + low[1] + 0.5) * CELL_PX
        np.minimum(self.family[family][at], distance, out=self.family[family][at])
        nearer = distance < self.distance[at]
        self.distance[at][nearer] = distance[nearer]
        for axis in range(2):
            self._foot[axis][at][nearer] = place[axis][labels[nearer]]
