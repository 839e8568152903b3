"""Local prediction: which tiles see a change, what the network answers for one, and how answers are blended.

A tile is given to the network as it would be in a prediction of the whole raster, so that its answer does not depend on
when it was asked. What is kept of an answer (`graven.refine.keeping`) is written as the change that it makes to the
initial logits, in whole steps of 1/64, which is at most 1/256 of a probability: where nothing changes, nothing is
rounded either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graven.errors import DataError, InputError
from graven.refine.keeping import KEEPING, OUR_KEEPING, Keeping, keep
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
    "See",
    "Tile",
    "Turn",
    "answer_tile",
    "in_steps",
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

See = Callable[[Tile], NDArray[np.float32]]
"""``see(tile)``: (C, tile, tile) with what the network is shown of a tile besides the hints."""

AnswerOf = Callable[[Tile], NDArray[np.int16] | None]
"""How the initial logits of a tile change, in steps; None where the network was not asked."""

STEPS = 64
"""Steps of a kept change per unit of logit."""

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
    keeping : Keeping
        How much of an answer is kept; that of graven by default.
    see : callable or None
        What the network is shown besides the hints, as `See`; None shows it the inputs of the session.

    Raises
    ------
    InputError
        If weights have another shape or are not positive everywhere, or the rule of keeping needs the truth.
    """

    predict: Predict
    grid: TileGrid
    weights: NDArray[np.floating]
    name: str = ""
    version: str = ""
    sha256: str | None = None
    keeping: Keeping = KEEPING[OUR_KEEPING]
    see: See | None = None

    def __post_init__(self) -> None:
        side = self.grid.tile_px
        if self.keeping.needs_gain:
            raise InputError("a rule of keeping that needs the truth is for simulations; choose another one")
        if self.weights.shape != (side, side):
            raise InputError(f"weights of tiles of {side} px must have shape {(side, side)}, got {self.weights.shape}")
        if not (np.isfinite(self.weights).all() and (self.weights > 0).all()):
            raise InputError("weights must be positive, also on the border of a tile; raise them to at least 1e-6")


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A stroke as one tile sees it, and what came before it.

    Attributes
    ----------
    hints : ndarray of shape (tile, tile), int8
        All hints so far, this stroke included.
    stroke : ndarray of shape (tile, tile), int8
        The hints that are new.
    change : ndarray of shape (tile, tile), int16
        What was kept of the answer before, as `answer_tile` gave it; 0 where none was.
    """

    hints: NDArray[np.int8]
    stroke: NDArray[np.int8]
    change: NDArray[np.int16]


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


def answer_tile(refiner: Refiner, inputs: Raster, tile: Tile, turn: Turn) -> NDArray[np.int16]:
    """Ask the network what follows from a stroke in one tile, and keep of its answer what the rule lets pass.

    Parameters
    ----------
    refiner : Refiner
        The network.
    inputs : Raster
        What it sees besides the hints, float32, the initial logits last.
    tile : Tile
        Which one.
    turn : Turn
        The stroke, and what came before.

    Returns
    -------
    ndarray of shape (tile, tile), int16
        How the initial logits change, in steps of 1/64.

    Raises
    ------
    DataError
        If an input is not finite, or the answer has another shape or is not finite.
    """
    planes = inputs.read(refiner.grid.window(*tile))
    initial = planes[-1].astype(np.float32)
    shown = planes if refiner.see is None else refiner.see(tile)
    patch = np.concatenate([shown, turn.hints[None]]).astype(np.float32)
    if not (np.isfinite(patch).all() and np.isfinite(initial).all()):
        raise DataError(
            f"{inputs.name}: what the network sees must be finite, also outside the object; fill tile {tile}"
        )
    earlier = initial + turn.change / np.float32(STEPS)
    proposed = _checked(refiner.predict(patch), side=refiner.grid.tile_px)
    return in_steps(keep(earlier, proposed, turn.stroke, refiner.keeping) - initial)


def in_steps(change: NDArray[np.float32]) -> NDArray[np.int16]:
    """Round a change of logits to steps of 1/64 between -511 and 511.

    Parameters
    ----------
    change : ndarray, float32
        Finite.

    Returns
    -------
    ndarray of that shape, int16
        ``round(64 * change)``.

    Examples
    --------
    >>> in_steps(np.float32([0.5, -1.0, 900.0])).tolist()
    [32, -64, 32704]
    """
    return np.rint(np.clip(change, -_LARGEST, _LARGEST) * STEPS).astype(np.int16)


def _checked(answer: NDArray[np.float32], *, side: int) -> NDArray[np.float32]:
    if answer.shape != (side, side) or not np.isfinite(answer).all():
        raise DataError(
            f"the refiner must answer a tile with {side} x {side} finite logits, got shape {answer.shape} of which "
            f"{np.isfinite(answer).mean():.0%} are finite; verify the model"
        )
    return answer.astype(np.float32, copy=False)


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
        Initial logits plus the mean change, weighted. A tile without an answer counts as one without a change, so an
        answer fades out towards the border of its tile; where nothing changes, the initial logits themselves.

    Notes
    -----
    Sums are taken in the order of the tiles, so the bytes of a pixel depend on answers alone and not on the window.
    """
    blended = base.copy()
    changes = {tile: found for tile in tiles_over(grid, window) if (found := answer_of(tile)) is not None}
    region = _hull(grid.window(*tile).intersection(window) for tile in changes)
    if region is None:
        return blended
    sums, whole = (np.zeros((region.height, region.width)) for _ in range(2))
    for tile in tiles_over(grid, region):
        frame = grid.window(*tile)
        part = frame.intersection(region)
        here, there = part.relative_to(region).slices(), part.relative_to(frame).slices()
        whole[here] += weights[there]
        if tile in changes:
            sums[here] += weights[there] * (changes[tile][there] / STEPS)
    blended[region.relative_to(window).slices()] += (sums / whole).astype(np.float32)
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
