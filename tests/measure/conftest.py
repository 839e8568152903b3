"""A canvas on which tests draw cracks of known width and length, each pixel dark by the area that is covered."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest


class Canvas:
    """Lines with flat ends, drawn on a grid `fine` times finer than the pixels."""

    def __init__(self, height: int, width: int, *, fine: int = 8) -> None:
        self.fine = fine
        self.cells = np.zeros((height * fine, width * fine), bool)

    def _window(self, points: np.ndarray, margin: float) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        low = np.maximum(0, np.floor((points.min(axis=0) - margin) * self.fine)).astype(int)
        high = np.ceil((points.max(axis=0) + margin) * self.fine).astype(int)
        window = slice(low[1], min(high[1], self.cells.shape[0])), slice(low[0], min(high[0], self.cells.shape[1]))
        y, x = np.mgrid[window]
        return window, (x + 0.5) / self.fine, (y + 0.5) / self.fine

    def line(self, points: Sequence[Sequence[float]] | np.ndarray, width: float) -> Canvas:
        corners = np.asarray(points, float)
        for p, q in itertools.pairwise(corners):
            window, x, y = self._window(np.stack([p, q]), width)
            along = (q - p) / np.hypot(*(q - p))
            t = (x - p[0]) * along[0] + (y - p[1]) * along[1]
            aside = (y - p[1]) * along[0] - (x - p[0]) * along[1]
            self.cells[window] |= (t >= 0) & (t <= np.hypot(*(q - p))) & (abs(aside) <= width / 2)
        for corner in corners[1:-1]:
            self.disc(corner, width)
        return self

    def disc(self, centre: Sequence[float] | np.ndarray, width: float) -> Canvas:
        window, x, y = self._window(np.asarray(centre, float)[None], width)
        self.cells[window] |= np.hypot(x - centre[0], y - centre[1]) <= width / 2
        return self

    def arc(self, centre: Sequence[float], radius: float, begin: float, turn: float, width: float) -> Canvas:
        window, x, y = self._window(np.asarray(centre, float)[None], radius + width)
        x, y = x - centre[0], y - centre[1]
        angle = np.mod(np.arctan2(y, x) - begin, 2 * math.pi)
        self.cells[window] |= (abs(np.hypot(x, y) - radius) <= width / 2) & (angle <= turn)
        return self

    def coverage(self) -> np.ndarray:
        height, width = (side // self.fine for side in self.cells.shape)
        return self.cells.reshape(height, self.fine, width, self.fine).mean(axis=(1, 3)).astype(np.float32)

    def mask(self) -> np.ndarray:
        return np.asarray(self.coverage() >= 0.5)


@pytest.fixture
def canvas() -> Callable[..., Canvas]:
    """Give the class to draw with."""
    return Canvas
