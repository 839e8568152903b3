"""Where a look is worth most: places in the order of how many pixels are probably called wrong there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.refine.local import Tile
    from graven.types import TileGrid, Window

__all__ = ["Queued", "doubt", "queue"]


@dataclass(frozen=True, slots=True)
class Queued:
    """A place to look at.

    Attributes
    ----------
    tile : Tile
        Row and column in the grid.
    window : Window
        Its part of the raster; windows of a queue do not overlap.
    expected_gain_px : float, pixels
        How many of its pixels are probably called wrong.
    """

    tile: Tile
    window: Window
    expected_gain_px: float


def doubt(probability: NDArray[np.float32], *, threshold: float = 0.5) -> NDArray[np.float32]:
    """Give the probability that a pixel is called wrong.

    Parameters
    ----------
    probability : ndarray, float32, 0 to 1
        That it is engraved; 0 or 1 where a person decided.
    threshold : float, 0 to 1
        From which it is called engraved.

    Returns
    -------
    ndarray of that shape, float32, 0 to 1
        ``1 - p`` where it is called engraved, else ``p``; so 0 where it is decided.

    Examples
    --------
    >>> doubt(np.float32([0.0, 0.25, 0.5, 1.0])).tolist()
    [0.0, 0.25, 0.5, 0.0]
    """
    return np.where(probability >= np.float32(threshold), 1 - probability, probability)


def queue(read_doubt: Callable[[Window], NDArray[np.float32]], grid: TileGrid) -> list[Queued]:
    """List places by expected gain.

    Parameters
    ----------
    read_doubt : callable
        ``read_doubt(window) -> (h, w)``, as `doubt` gives it; 0 where nothing is known.
    grid : TileGrid
        Tiles over the raster; of each, its own part counts (`TileGrid.core`).

    Returns
    -------
    list of Queued
        The greatest gain first; where it is equal, row by row. Places without any doubt are left out.
    """
    found = []
    for row, col, _ in grid.windows():
        window = grid.core(row, col)
        gain = float(read_doubt(window).sum(dtype=np.float64))
        if gain > 0:
            found.append(Queued((row, col), window, gain))
    return sorted(found, key=lambda queued: (-queued.expected_gain_px, queued.tile))
