"""Prediction over a raster of any height: tile rows in order, a rolling band of sums, finished rows handed on.

Memory depends on the tile and on the width of the raster. Work that is interrupted continues at the first tile row that
is not complete; the tile rows that overlap it are predicted again, so the bytes are those of an undisturbed run.
"""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from graven.errors import DataError, InputError, Interrupted, MismatchError
from graven.predict.blending import RowBlender
from graven.types import ExplainingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from graven.types import Engine, Raster, TileGrid

__all__ = ["Gate", "MapSink", "PredictSummary", "RowSink", "predict_raster"]

PREDICTED, GATED, INVALID = "p", "g", "i"


class RowSink(Protocol):
    """Where finished rows go, in order; `graven.io.rowstore` has one on disk."""

    @property
    def rows_done(self) -> int:
        """Rows that are safely stored."""
        ...

    @property
    def states(self) -> Sequence[str]:
        """What was stored with each finished tile row."""
        ...

    def write_rows(self, row: int, probs: NDArray[np.uint8], *, state: str) -> None:
        """Store rows ``row … row + n - 1`` of shape (K, n, W), durably, before returning."""
        ...


class MapSink(Protocol):
    """Where the class activation maps of a gate go; `graven.methods.gate_map` has one on disk."""

    def write(self, tile_row: int, maps: Sequence[NDArray[np.float32] | None]) -> None:
        """Store the maps (h, w), 0 to 1, of one tile row; None for tiles that the gate did not see."""
        ...


@dataclass(frozen=True, slots=True)
class Gate:
    """A network that says whether a tile is worth predicting.

    Attributes
    ----------
    engine : Engine
        Answers (N, K).
    threshold : float, 0 to 1
        A tile is predicted if any class reaches it.
    view : Raster or None
        What the gate sees, where its preparation differs; None for the same as the main network.
    maps : MapSink or None
        Receives the class activation maps of an `ExplainingEngine`.
    """

    engine: Engine
    threshold: float
    view: Raster | None = None
    maps: MapSink | None = None


@dataclass(frozen=True, slots=True)
class PredictSummary:
    """What a prediction did.

    Attributes
    ----------
    n_tiles, n_predicted, n_gated, n_invalid : int
        All tiles; those that the network saw; those that the gate rejected; those without a valid pixel.
    n_tile_rows_resumed : int
        Tile rows that an earlier, interrupted run had completed.
    states : tuple of str
        One string per tile row, one letter per tile: ``p`` predicted, ``g`` rejected by the gate, ``i`` invalid.
    """

    n_tiles: int
    n_predicted: int
    n_gated: int
    n_invalid: int
    n_tile_rows_resumed: int
    states: tuple[str, ...]

    @property
    def skipped_share(self) -> float:
        """Share of tiles that the network did not have to see."""
        return 1 - self.n_predicted / self.n_tiles


def predict_raster(
    prepared: Raster,
    grid: TileGrid,
    engine: Engine,
    *,
    n_classes: int,
    sink: RowSink,
    gate: Gate | None = None,
    batch: int = 1,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PredictSummary:
    """Predict a raster and hand finished rows to a sink.

    Parameters
    ----------
    prepared : Raster
        float32, 0 to 255, as `graven.prepare.chain.PrepareChain.view` gives it.
    grid : TileGrid
        Tiles over this raster.
    engine : Engine
        Answers (N, K, tile, tile).
    n_classes : int, >= 1
        K.
    sink : RowSink
        Receives uint8 rows, scaled 1/255, in order and without gaps. What it already holds is not computed again.
    gate : Gate, optional
        Rejected tiles count as probability 0 with their full weight and are not predicted.
    batch : int, >= 1
        Tiles per call, all of one tile row, so that batches do not depend on where a run began.
    progress : callable, optional
        ``progress(tiles_done, n_tiles)``.
    should_stop : callable, optional
        Asked before every batch.

    Returns
    -------
    PredictSummary
        Over the whole raster, what an interrupted run had done included.

    Raises
    ------
    Interrupted
        On Ctrl-C or when `should_stop` says so; all finished tile rows are in the sink.
    MismatchError
        If the grid is for another size, or the sink holds rows that do not end at a tile row.
    DataError
        If the network's answers have another shape or are no probabilities.

    Notes
    -----
    One window is read and prepared ahead in a thread of its own, which is the only one that reads.
    """
    if (grid.height, grid.width) != (prepared.height, prepared.width):
        raise MismatchError(
            f"the tile grid is for {grid.height} x {grid.width} px, the raster has {prepared.height} x {prepared.width}"
        )
    if batch < 1:
        raise InputError(f"a batch needs at least one tile, got {batch}")
    done = _tile_rows_done(grid, sink)
    first = max(0, done - math.ceil(grid.overlap_px / grid.stride_px))
    blender = RowBlender(grid, n_classes=n_classes, first_tile_row=first)
    tell = progress or _nobody
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="graven-read") as reader:
            for tile_row in range(first, grid.n_rows) if done < grid.n_rows else ():
                state = ""
                maps: list[NDArray[np.float32] | None] = []
                for tiles in _batches(prepared, gate, grid, tile_row, batch, reader):
                    if should_stop is not None and should_stop():
                        raise KeyboardInterrupt
                    for tile, answer in zip(tiles, _answers(tiles, engine, gate), strict=True):
                        state += answer.state
                        maps.append(answer.activation)
                        if answer.probs is not None:
                            blender.add(tile.col, answer.probs)
                    tell(tile_row * grid.n_cols + len(state), len(grid))
                row, rows = blender.finish_row()
                if gate is not None and gate.maps is not None:
                    gate.maps.write(tile_row, maps)
                if tile_row >= done:
                    sink.write_rows(row, rows, state=state)
    except KeyboardInterrupt as error:
        finished = len(sink.states)
        raise Interrupted(
            f"stopped after {finished} of {grid.n_rows} tile rows; give the same command with --resume to continue"
        ) from error
    counts = Counter("".join(sink.states))
    return PredictSummary(
        n_tiles=len(grid),
        n_predicted=counts[PREDICTED],
        n_gated=counts[GATED],
        n_invalid=counts[INVALID],
        n_tile_rows_resumed=done,
        states=tuple(sink.states),
    )


@dataclass(frozen=True, slots=True)
class _Tile:
    """A tile that was read; without pixels where none is valid."""

    col: int
    pixels: NDArray[np.float32] | None
    gate_pixels: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of a tile; `probs` only where the network saw it, `activation` only where a gate showed its map."""

    state: str
    probs: NDArray[np.float32] | None = None
    activation: NDArray[np.float32] | None = None


def _batches(
    prepared: Raster, gate: Gate | None, grid: TileGrid, tile_row: int, batch: int, reader: ThreadPoolExecutor
) -> Iterator[list[_Tile]]:
    """Yield the tiles of one row, `batch` at a time, reading one tile ahead."""

    def read(tile_col: int) -> _Tile:
        window = grid.window(tile_row, tile_col)
        if not prepared.read_valid_padded(window).any():
            return _Tile(tile_col, None, None)
        pixels = np.asarray(prepared.read(window), np.float32)
        if gate is None:
            return _Tile(tile_col, pixels, None)
        own = pixels if gate.view is None else np.asarray(gate.view.read(window), np.float32)
        return _Tile(tile_col, pixels, own)

    tiles: list[_Tile] = []
    ahead = reader.submit(read, 0)
    for tile_col in range(grid.n_cols):
        tiles.append(ahead.result())
        if tile_col + 1 < grid.n_cols:
            ahead = reader.submit(read, tile_col + 1)
        if len(tiles) == batch or tile_col + 1 == grid.n_cols:
            yield tiles
            tiles = []


def _answers(tiles: list[_Tile], engine: Engine, gate: Gate | None) -> list[_Answer]:
    """Ask the gate about the tiles that have pixels, and the network about those that pass."""
    answers = [_Answer(INVALID) if tile.pixels is None else _Answer(GATED) for tile in tiles]
    wanted = [(index, tile.pixels) for index, tile in enumerate(tiles) if tile.pixels is not None]
    if wanted and gate is not None:
        scores, maps = _screen(np.stack([tile.gate_pixels for tile in tiles if tile.gate_pixels is not None]), gate)
        for (index, _), activation in zip(wanted, maps, strict=True):
            answers[index] = _Answer(GATED, activation=activation)
        wanted = [item for item, score in zip(wanted, scores, strict=True) if score.max() >= gate.threshold]
    if wanted:
        found = engine(np.stack([pixels for _, pixels in wanted]))
        if len(found) != len(wanted):
            raise DataError(f"the network answered {len(found)} tiles of {len(wanted)}; verify the model")
        for (index, _), probs in zip(wanted, found, strict=True):
            answers[index] = _Answer(PREDICTED, probs, answers[index].activation)
    return answers


def _screen(batch: NDArray[np.float32], gate: Gate) -> tuple[NDArray[np.float32], Sequence[NDArray[np.float32] | None]]:
    """Ask the gate; its maps only where they are wanted."""
    if gate.maps is not None and isinstance(gate.engine, ExplainingEngine):
        scores, maps = gate.engine.explain(batch)
    else:
        scores, maps = gate.engine(batch), None
    if scores.ndim != 2 or len(scores) != len(batch) or not np.isfinite(scores).all():
        raise DataError(
            f"a gate must answer {len(batch)} tiles with finite (N, K), got {scores.shape}; verify the model"
        )
    return scores, [None] * len(batch) if maps is None else [cells.max(axis=0) for cells in maps]


def _tile_rows_done(grid: TileGrid, sink: RowSink) -> int:
    done = len(sink.states)
    rows = grid.height if done >= grid.n_rows else done * grid.stride_px
    if done > grid.n_rows or sink.rows_done != rows:
        raise MismatchError(
            f"the stored work ends at row {sink.rows_done} after {done} tile rows, the grid expects row {rows}; "
            "start again without --resume"
        )
    return done


def _nobody(_done: int, _total: int) -> None:
    """Ignore the progress."""
