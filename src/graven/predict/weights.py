"""How much a tile counts at each of its pixels where tiles overlap, in whole numbers; each kind once, by name.

``linear`` weights rise over the overlap: ``w(i) = min(i + 1, tile - i, overlap + 1)`` in each direction, and their
product counts. Where two tiles overlap they add up to ``overlap + 1``, which is also the weight of a tile alone; so for
overlaps up to half a tile the sum of weights is the same everywhere inside.

``squared`` weights are those published for engravings [1]_: the square of the distance to the outermost ring of pixels,
at most a quarter of a tile. The ring counts like the next one, and not 0 as published, so that every pixel is known.

References
----------
.. [1] Fusing Forces: Deep-Human-Guided Refinement of Segmentation Masks, ICPR 2024, published code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.types import Blending, TileGrid

__all__ = ["WEIGHTS", "LinearWeights", "SquaredWeights", "TileWeights", "largest_weight_sum", "ramp", "weight_sums"]


class TileWeights(Protocol):
    """Weights of the tiles of a grid."""

    @property
    def tile(self) -> NDArray[np.int64]:
        """Weights of one tile, of shape (tile_px, tile_px), all at least 1."""
        ...

    @property
    def largest(self) -> int:
        """No pixel has a larger sum of weights, however large the raster."""
        ...

    def sums(self, start: int, stop: int) -> NDArray[np.uint64]:
        """Add up the weights of all tiles in rows ``start … stop - 1`` of the raster; of shape (n, W)."""
        ...


class LinearWeights:
    """Products of two ramps; so are their sums.

    Parameters
    ----------
    grid : TileGrid
        The tiles.
    """

    def __init__(self, grid: TileGrid) -> None:
        size = {"tile_px": grid.tile_px, "overlap_px": grid.overlap_px}
        side = ramp(**size)
        self.tile = np.outer(side, side)
        self.largest = largest_weight_sum(**size) ** 2
        self._row_sums = weight_sums(grid.n_rows, grid.height, **size)
        self._col_sums = weight_sums(grid.n_cols, grid.width, **size)

    def sums(self, start: int, stop: int) -> NDArray[np.uint64]:
        """As in `TileWeights`."""
        return np.multiply.outer(self._row_sums[start:stop], self._col_sums)


class SquaredWeights:
    """Squares of the distance to the border of a tile.

    Parameters
    ----------
    grid : TileGrid
        The tiles.
    """

    def __init__(self, grid: TileGrid) -> None:
        tile, stride = grid.tile_px, grid.stride_px
        index = np.arange(tile, dtype=np.int64)
        side = np.minimum(np.minimum(index, index[::-1]), max(1, tile // 4))
        self.tile = np.maximum(np.minimum.outer(side, side) ** 2, 1)
        folded = np.pad(self.tile, (0, -tile % stride))
        n = len(folded) // stride
        self.largest = int(folded.reshape(n, stride, n, stride).sum(axis=(0, 2)).max())
        self._grid = grid
        self._across = np.zeros((tile, grid.width), np.uint64)  # of the tiles of one tile row
        for col in range(grid.n_cols):
            part = self._across[:, col * stride : col * stride + tile]
            part += self.tile[:, : part.shape[1]].astype(np.uint64)

    def sums(self, start: int, stop: int) -> NDArray[np.uint64]:
        """As in `TileWeights`."""
        tile, stride = self._grid.tile_px, self._grid.stride_px
        total = np.zeros((stop - start, self._grid.width), np.uint64)
        first = max(0, (start - tile) // stride + 1)
        for top in range(first * stride, min(stop, self._grid.n_rows * stride), stride):
            low, high = max(start, top), min(stop, top + tile)
            total[low - start : high - start] += self._across[low - top : high - top]
        return total


WEIGHTS: dict[Blending, Callable[[TileGrid], TileWeights]] = {"linear": LinearWeights, "squared": SquaredWeights}
"""By the name that `graven.types.ModelSpec.blending` gives."""


def ramp(tile_px: int, overlap_px: int) -> NDArray[np.int64]:
    """Give the linear weights of one direction.

    Parameters
    ----------
    tile_px, overlap_px : int
        As in `TileGrid`.

    Returns
    -------
    ndarray of shape (tile_px,), int64, >= 1
        Symmetric; rises over the overlap.

    Examples
    --------
    >>> ramp(6, 2).tolist()
    [1, 2, 3, 3, 2, 1]
    """
    index = np.arange(tile_px, dtype=np.int64)
    return np.minimum(np.minimum(index + 1, tile_px - index), overlap_px + 1)


def largest_weight_sum(tile_px: int, overlap_px: int) -> int:
    """Give the largest sum of linear weights that any pixel can have along one direction.

    Examples
    --------
    >>> largest_weight_sum(512, 128), largest_weight_sum(6, 4)
    (129, 6)
    """
    stride = tile_px - overlap_px
    weights = ramp(tile_px, overlap_px)
    padded = np.pad(weights, (0, -tile_px % stride))
    return int(padded.reshape(-1, stride).sum(axis=0).max())


def weight_sums(n_tiles: int, size: int, *, tile_px: int, overlap_px: int) -> NDArray[np.uint64]:
    """Add up the linear weights of all tiles along one direction.

    Parameters
    ----------
    n_tiles : int
        Tiles in this direction.
    size : int, pixels
        Size of the raster in this direction.
    tile_px, overlap_px : int
        As in `TileGrid`.

    Returns
    -------
    ndarray of shape (size,), uint64, >= 1
        The sum over all tiles in two directions is the outer product of two of these.
    """
    sums, weights = np.zeros(size, np.uint64), ramp(tile_px, overlap_px).astype(np.uint64)
    for index in range(n_tiles):
        start = index * (tile_px - overlap_px)
        sums[start : start + tile_px] += weights[: size - start]
    return sums
