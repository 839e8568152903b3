"""Blending of overlapping tiles in whole numbers, so that the order of tiles cannot matter.

A probability is rounded to 16 bits, weights are whole numbers, and sums of whole numbers are exact. The result is
therefore the same bytes for any order, batch, interruption or division of the work, as long as a tile is predicted the
same.

No sum can overflow. No pixel has a sum of weights above ``S`` (`TileWeights.largest`), so no sum of products is above
``65535 * S``. `sum_dtype` takes uint32 where that is below ``2**32``, and uint64 otherwise. Rounding to a byte needs
``255 * 65535 * S + 65535 * S / 2`` in uint64, which is below ``2**64`` for every ``S < 2**40``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError, InputError
from graven.predict.weights import WEIGHTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.predict.weights import TileWeights
    from graven.types import Blending, TileGrid

__all__ = ["RowBlender", "quantise", "sum_dtype"]

LEVELS = 65535
CHUNK_ROWS = 16
SLACK = 1e-3


def sum_dtype(weights: TileWeights) -> np.dtype[np.unsignedinteger]:
    """Give the smallest type that no sum of probabilities times weights can overflow.

    Parameters
    ----------
    weights : TileWeights
        Of the grid.

    Returns
    -------
    numpy.dtype
        uint32 or uint64; see the proof in the head of this module.

    Raises
    ------
    InputError
        If not even 64 bits are enough (a sum of weights of 2**40).
    """
    if weights.largest >= 1 << 40:
        raise InputError(f"tiles of {len(weights.tile)} px overlap too much; let them share at most half a tile")
    return np.dtype(np.uint32) if LEVELS * weights.largest < 1 << 32 else np.dtype(np.uint64)


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
    blending : {"linear", "squared"}
        Weights, of `graven.predict.weights.WEIGHTS`.
    """

    def __init__(
        self, grid: TileGrid, *, n_classes: int, first_tile_row: int = 0, blending: Blending = "linear"
    ) -> None:
        self._grid = grid
        self._tile_row = first_tile_row
        self._weights = WEIGHTS[blending](grid)
        self._sums = np.zeros((n_classes, grid.tile_px, grid.width), sum_dtype(self._weights))
        self._tile = self._weights.tile.astype(self._sums.dtype)

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
        values *= self._tile[:, :n_cols]
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
            whole = self._weights.sums(row + part.start, row + part.stop) * np.uint64(LEVELS)
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
