"""Local prediction: which tiles see a change, what the network answers for one, and how answers are blended.

A tile is given to the network as it would be in a prediction of the whole raster, so that its answer does not depend on
when it was asked. Answers are kept as whole steps of 1/64, which is at most 1/256 of a probability.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graven.errors import DataError, InputError
from graven.types import TileGrid, Window
from graven.types.raster import mirror_index, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graven.types import Raster

__all__ = [
    "STEPS",
    "AnswerOf",
    "Predict",
    "Refiner",
    "Tile",
    "answer_tile",
    "levels_from_logits",
    "read_mirrored",
    "stitch",
    "tiles_over",
    "tiles_seeing",
]

Tile = tuple[int, int]
"""Row and column of a tile in its grid."""

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""``predict(patch)``: (C + 1, tile, tile) with the inputs, the initial logits last among them, and the hints; gives
logits of shape (tile, tile)."""

AnswerOf = Callable[[Tile], NDArray[np.int16] | None]
"""What was answered for a tile, in steps; None where the network was not asked."""

STEPS = 64
"""Steps of a kept answer per unit of logit."""

_LARGEST = 511.0


@dataclass(frozen=True, slots=True)
class Refiner:
    """A network that answers to strokes, and how its tiles lie.

    Attributes
    ----------
    predict : callable
        As `Predict`; must answer the same to the same, alone or among others.
    grid : TileGrid
        Tiles over the raster.
    weights : ndarray of shape (tile, tile), > 0
        How much an answer counts at each of its pixels where tiles overlap.
    name, version : str
        Of the model.
    sha256 : str or None
        Of the model.

    Raises
    ------
    InputError
        If weights have another shape or are not positive everywhere.
    """

    predict: Predict
    grid: TileGrid
    weights: NDArray[np.floating]
    name: str = ""
    version: str = ""
    sha256: str | None = None

    def __post_init__(self) -> None:
        side = self.grid.tile_px
        if self.weights.shape != (side, side):
            raise InputError(f"weights of tiles of {side} px must have shape {(side, side)}, got {self.weights.shape}")
        if not (np.isfinite(self.weights).all() and (self.weights > 0).all()):
            raise InputError("weights must be positive, also on the border of a tile; raise them to at least 1e-6")


def tiles_over(grid: TileGrid, window: Window) -> list[Tile]:
    """List the tiles whose windows share a pixel with a window, row by row.

    Parameters
    ----------
    grid : TileGrid
        Tiles over the raster.
    window : Window
        Inside the raster.

    Returns
    -------
    list of Tile
        Empty for an empty window.
    """
    if window.is_empty:
        return []
    rows = _touching(window.row, window.row_end, grid.n_rows, grid)
    cols = _touching(window.col, window.col_end, grid.n_cols, grid)
    return [(row, col) for row in rows for col in cols]


def tiles_seeing(grid: TileGrid, window: Window) -> list[Tile]:
    """List the tiles whose input a change inside a window can change, row by row.

    Parameters
    ----------
    grid : TileGrid
        Tiles over the raster.
    window : Window
        Inside the raster.

    Returns
    -------
    list of Tile
        Those of `tiles_over`, and tiles beyond which the raster is mirrored so far that they show it again.
    """
    if window.is_empty:
        return []
    rows = _spans(grid.height, grid.n_rows, grid.tile_px, grid.stride_px)
    cols = _spans(grid.width, grid.n_cols, grid.tile_px, grid.stride_px)
    return [
        (row, col)
        for row, (top, bottom) in enumerate(rows)
        if top < window.row_end and window.row < bottom
        for col, (left, right) in enumerate(cols)
        if left < window.col_end and window.col < right
    ]


def read_mirrored(values: NDArray[np.int8], window: Window) -> NDArray[np.int8]:
    """Cut a window out of an array of shape (H, W), mirrored beyond the border as `Raster.read` does."""
    cut: NDArray[np.int8] = raster_from_array(values).read(window)[0]
    return cut


def answer_tile(refiner: Refiner, inputs: Raster, hints: NDArray[np.int8], tile: Tile) -> NDArray[np.int16]:
    """Ask the network about one tile.

    Parameters
    ----------
    refiner : Refiner
        The network.
    inputs : Raster
        What it sees besides the hints, float32, the initial logits last.
    hints : ndarray of shape (H, W), int8
        Hint map of the raster.
    tile : Tile
        Which one.

    Returns
    -------
    ndarray of shape (tile, tile), int16
        Its answer in steps of 1/64.

    Raises
    ------
    DataError
        If an input is not finite, or the answer has another shape or is not finite.
    """
    window = refiner.grid.window(*tile)
    patch = np.concatenate([inputs.read(window), read_mirrored(hints, window)[None]]).astype(np.float32)
    if not np.isfinite(patch).all():
        raise DataError(
            f"{inputs.name}: what the network sees must be finite, also outside the object; fill tile {tile}"
        )
    return levels_from_logits(refiner.predict(patch), side=refiner.grid.tile_px)


def levels_from_logits(logits: NDArray[np.float32], *, side: int) -> NDArray[np.int16]:
    """Round logits to steps of 1/64 between -511 and 511.

    Parameters
    ----------
    logits : ndarray of shape (side, side), floating
        Answer of a network.
    side : int, pixels
        Of the tile.

    Returns
    -------
    ndarray of shape (side, side), int16
        ``round(64 * logit)``.

    Raises
    ------
    DataError
        If the shape is another, or a value is not finite.
    """
    if logits.shape != (side, side) or not np.isfinite(logits).all():
        raise DataError(
            f"the refiner must answer a tile with {side} x {side} finite logits, got shape {logits.shape} of which "
            f"{np.isfinite(logits).mean():.0%} are finite; verify the model"
        )
    return np.rint(np.clip(logits, -_LARGEST, _LARGEST) * STEPS).astype(np.int16)


def stitch(
    window: Window, *, grid: TileGrid, weights: NDArray[np.floating], base: NDArray[np.float32], answer_of: AnswerOf
) -> NDArray[np.float32]:
    """Blend answers with the initial logits.

    Parameters
    ----------
    window : Window
        What to blend, inside the raster.
    grid, weights
        As in `Refiner`.
    base : ndarray of shape (h, w), float32
        Initial logits of the window.
    answer_of : callable
        Asked for every tile near the window.

    Returns
    -------
    ndarray of shape (h, w), float32
        Mean logits, weighted; a tile without an answer counts with the initial logits, so an answer fades out towards
        the border of its tile. Where no tile was answered, the initial logits themselves.

    Notes
    -----
    Sums are taken in the order of the tiles, so the bytes of a pixel depend on answers alone and not on the window.
    """
    blended = base.copy()
    levels = {tile: found for tile in tiles_over(grid, window) if (found := answer_of(tile)) is not None}
    region = _hull(grid.window(*tile).intersection(window) for tile in levels)
    if region is None:
        return blended
    inside = region.relative_to(window).slices()
    initial = base[inside].astype(np.float64)
    sums, whole = np.zeros_like(initial), np.zeros_like(initial)
    answered = np.zeros(initial.shape, bool)
    for tile in tiles_over(grid, region):
        frame = grid.window(*tile)
        part = frame.intersection(region)
        here, there = part.relative_to(region).slices(), part.relative_to(frame).slices()
        whole[here] += weights[there]
        if tile in levels:
            sums[here] += weights[there] * (levels[tile][there] / STEPS)
            answered[here] = True
        else:
            sums[here] += weights[there] * initial[here]
    blended[inside] = np.where(answered, sums / whole, initial)
    return blended


def _touching(start: int, end: int, count: int, grid: TileGrid) -> range:
    """Give the tiles of one direction that share a pixel with ``start … end - 1``."""
    first = (start - grid.tile_px) // grid.stride_px + 1
    return range(max(0, first), min(count, -(-end // grid.stride_px)))


@lru_cache(maxsize=8)
def _spans(size: int, count: int, tile_px: int, stride_px: int) -> tuple[tuple[int, int], ...]:
    """Give what the tiles of one direction read of the raster, mirrored parts included."""
    spans = []
    for start in range(0, count * stride_px, stride_px):
        seen = mirror_index(np.arange(start, start + tile_px), size)
        spans.append((int(seen.min()), int(seen.max()) + 1))
    return tuple(spans)


def _hull(windows: Iterable[Window]) -> Window | None:
    """Give the smallest window around others; None around none."""
    listed = list(windows)
    if not listed:
        return None
    row, col = min(window.row for window in listed), min(window.col for window in listed)
    height = max(window.row_end for window in listed) - row
    return Window(row, col, height, max(window.col_end for window in listed) - col)
