"""Blending of overlapping tiles in whole numbers, so that the order of tiles cannot matter.

A probability is rounded to 16 bits, weights are whole numbers, and sums of whole numbers are exact. The result is
therefore the same bytes for any order, batch, interruption or division of the work, as long as a tile is predicted the
same.

Weights rise linearly over the overlap: ``w(i) = min(i + 1, tile - i, overlap + 1)``. Where two tiles overlap their
weights add up to ``overlap + 1`` in each direction, which is also the weight of a tile alone; so for overlaps up to
half a tile the sum of weights is the same everywhere inside.

No sum can overflow. Along one direction the tiles that cover a pixel start a stride apart, so their weights add up to
at most ``S = max over r < stride of w(r) + w(r + stride) + w(r + 2 stride) + ...`` (`largest_weight_sum`; this is
``overlap + 1`` for overlaps up to half a tile). Weights are products of both directions, so a sum of products is at
most ``65535 * S**2``. `sum_dtype` takes uint32 where that is below ``2**32``, that is for ``S <= 256``, and uint64
otherwise. Rounding to a byte needs ``255 * 65535 * S**2 + 65535 * S**2 / 2`` in uint64, which is below ``2**64`` for
every ``S < 2**20``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import TileGrid

__all__ = ["RowBlender", "largest_weight_sum", "quantise", "ramp", "sum_dtype", "weight_sums"]

LEVELS = 65535
CHUNK_ROWS = 16
SLACK = 1e-3


def ramp(tile_px: int, overlap_px: int) -> NDArray[np.int64]:
    """Give the weights of one direction.

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
    """Give the largest sum of weights that any pixel can have along one direction.

    Examples
    --------
    >>> largest_weight_sum(512, 128), largest_weight_sum(6, 4)
    (129, 6)
    """
    stride = tile_px - overlap_px
    weights = ramp(tile_px, overlap_px)
    padded = np.pad(weights, (0, -tile_px % stride))
    return int(padded.reshape(-1, stride).sum(axis=0).max())


def sum_dtype(grid: TileGrid) -> np.dtype[np.unsignedinteger]:
    """Give the smallest type that no sum of this grid can overflow.

    Parameters
    ----------
    grid : TileGrid
        The tiles.

    Returns
    -------
    numpy.dtype
        uint32 or uint64; see the proof in the head of this module.

    Raises
    ------
    InputError
        If not even 64 bits are enough (a sum of weights of 2**20 in one direction).
    """
    largest = largest_weight_sum(grid.tile_px, grid.overlap_px)
    if largest >= 1 << 20:
        raise InputError(
            f"an overlap of {grid.overlap_px} px of {grid.tile_px} px is too large; use at most half a tile"
        )
    return np.dtype(np.uint32) if LEVELS * largest**2 < 1 << 32 else np.dtype(np.uint64)


def weight_sums(n_tiles: int, size: int, *, tile_px: int, overlap_px: int) -> NDArray[np.uint64]:
    """Add up the weights of all tiles along one direction.

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
        The sum over all tiles in two directions is the outer product of two of these, because weights are separable.
    """
    sums, weights = np.zeros(size, np.uint64), ramp(tile_px, overlap_px).astype(np.uint64)
    for index in range(n_tiles):
        start = index * (tile_px - overlap_px)
        sums[start : start + tile_px] += weights[: size - start]
    return sums


def quantise(probs: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round probabilities to 16 bits.

    Parameters
    ----------
    probs : ndarray, float32, 0 to 1
        What an engine answered; up to 0.001 beyond is clipped (bfloat16 rounds that far).

    Returns
    -------
    ndarray of the same shape, uint16
        ``round(p * 65535)``.

    Raises
    ------
    DataError
        If a value is NaN or further outside: the network gives no probabilities.
    """
    low, high = float(probs.min(initial=0.0)), float(probs.max(initial=0.0))
    if not (low >= -SLACK and high <= 1 + SLACK):
        raise DataError(
            f"a network must answer with probabilities from 0 to 1, got {low:.4g} to {high:.4g}; verify the model"
        )
    return np.rint(np.clip(probs, 0, 1).astype(np.float64) * LEVELS).astype(np.uint16)


class RowBlender:
    """Sums of one tile row and its overlap with the next; memory depends on tile and width, not on height.

    Parameters
    ----------
    grid : TileGrid
        The tiles.
    n_classes : int, >= 1
        Bands of the answers.
    first_tile_row : int
        Where a resumed run begins; rows that earlier tile rows also cover are then incomplete and must be left out by
        the caller.
    """

    def __init__(self, grid: TileGrid, *, n_classes: int, first_tile_row: int = 0) -> None:
        self._grid = grid
        self._tile_row = first_tile_row
        self._sums = np.zeros((n_classes, grid.tile_px, grid.width), sum_dtype(grid))
        weights = ramp(grid.tile_px, grid.overlap_px)
        self._weights = np.outer(weights, weights).astype(self._sums.dtype)
        size = {"tile_px": grid.tile_px, "overlap_px": grid.overlap_px}
        self._row_sums = weight_sums(grid.n_rows, grid.height, **size)
        self._col_sums = weight_sums(grid.n_cols, grid.width, **size)

    @property
    def nbytes(self) -> int:
        """Memory of the band in bytes."""
        return self._sums.nbytes

    def add(self, tile_col: int, levels: NDArray[np.uint16]) -> None:
        """Add the answer of one tile of the current tile row.

        Parameters
        ----------
        tile_col : int
            Column of the tile. A tile that is never added counts as probability 0 with its full weight.
        levels : ndarray of shape (K, tile_px, tile_px), uint16, 0 to 65535
            From `quantise`; the part beyond the raster is left out.

        Raises
        ------
        DataError
            If the shape is another.
        """
        n_classes, tile_px, width = self._sums.shape
        if levels.shape != (n_classes, tile_px, tile_px) or levels.dtype != np.uint16:
            raise DataError(
                f"the network must answer a tile with shape {(n_classes, tile_px, tile_px)}, got {levels.shape} "
                f"of {levels.dtype}; verify the model"
            )
        start = tile_col * self._grid.stride_px
        n_cols = min(tile_px, width - start)
        values = levels[:, :, :n_cols].astype(self._sums.dtype)
        values *= self._weights[:, :n_cols]
        self._sums[:, :, start : start + n_cols] += values

    def finish_row(self) -> tuple[int, NDArray[np.uint8]]:
        """Close the current tile row and hand out the rows that no later tile touches.

        Returns
        -------
        row : int
            First of these rows in the raster.
        probs : ndarray of shape (K, n, W), uint8, scaled 1/255
            ``round(255 * p)``, halves up.
        """
        grid = self._grid
        row = self._tile_row * grid.stride_px
        is_last = self._tile_row == grid.n_rows - 1
        n_rows = grid.height - row if is_last else grid.stride_px
        finished = np.empty((self._sums.shape[0], n_rows, grid.width), np.uint8)
        for start in range(0, n_rows, CHUNK_ROWS):
            part = slice(start, min(start + CHUNK_ROWS, n_rows))
            weights = self._row_sums[row + part.start : row + part.stop]
            whole = np.multiply.outer(weights, self._col_sums) * np.uint64(LEVELS)
            finished[:, part] = _rounded_bytes(self._sums[:, part], whole)
        keep = grid.tile_px - grid.stride_px
        self._sums[:, :keep] = self._sums[:, grid.stride_px :].copy()
        self._sums[:, keep:] = 0
        self._tile_row += 1
        return row, finished


def _rounded_bytes(sums: NDArray[np.unsignedinteger], whole: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Give ``round(255 * sums / whole)``, halves up.

    Below 2**32 a sum times 255 and half of `whole` have less than 42 bits. A quotient of such numbers lies at least
    ``1 / whole`` below the next whole number, which a double resolves; so the faster division of doubles, cut off, is
    exact. Larger sums are divided as integers.
    """
    if sums.dtype == np.uint32:
        divisor = whole.astype(np.float64)
        quotient = sums * 255.0
        quotient += np.floor(divisor / 2)
        quotient /= divisor
        return quotient.astype(np.uint8)
    scaled = sums.astype(np.uint64) * np.uint64(255)
    return ((scaled + whole // np.uint64(2)) // whole).astype(np.uint8)
