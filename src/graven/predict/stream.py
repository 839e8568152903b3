"""Prediction over a raster of any height: tiles in parallel, a rolling band of sums, finished rows handed on.

Reading, preparing and predicting a tile is one piece of work; as many run at once as the engine takes, and one more, so
that reading and computing overlap. Their answers are blended in order, and finished rows are stored by a thread of
their own while the next are predicted. Sums are whole numbers (`graven.predict.blending`), so the bytes depend neither
on the number of threads nor on where a run began.

Memory depends on the tile and on the width of the raster. Work that is interrupted continues at the first tile row that
is not complete; the tile rows that overlap it are predicted again, so the bytes are those of an undisturbed run.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from graven.errors import DefectError, InputError, Interrupted, MismatchError
from graven.predict.blending import RowBlender, quantise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from graven.types import Blending, Engine, Raster, TileGrid

__all__ = ["GATED", "INVALID", "PREDICTED", "MemoryRows", "PredictSummary", "RowSink", "predict_raster", "rows_of"]

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


class MemoryRows:
    """A sink in memory, for rasters that are small enough."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.uint8]] = []
        self._states: list[str] = []

    @property
    def rows_done(self) -> int:
        """Rows that were stored."""
        return sum(part.shape[1] for part in self._parts)

    @property
    def states(self) -> Sequence[str]:
        """What was stored with each finished tile row."""
        return tuple(self._states)

    @property
    def probs(self) -> NDArray[np.uint8]:
        """All rows, of shape (K, H, W), uint8 scaled 1/255."""
        return np.concatenate(self._parts, axis=1)

    def write_rows(self, row: int, probs: NDArray[np.uint8], *, state: str) -> None:
        """Store the next rows."""
        if row != self.rows_done:
            raise DefectError(f"rows must continue at {self.rows_done}, got {row}")
        self._parts.append(probs)
        self._states.append(state)


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


def rows_of(grid: TileGrid, tile_rows: range) -> range:
    """Give the rows of the raster that a stretch of tile rows completes; stretches that adjoin give rows that adjoin.

    Parameters
    ----------
    grid : TileGrid
        The tiles.
    tile_rows : range
        Not empty, with step 1, inside the grid.

    Returns
    -------
    range
        Rows in pixels.

    Raises
    ------
    InputError
        If `tile_rows` is no such stretch.

    Examples
    --------
    >>> from graven.types import TileGrid
    >>> grid = TileGrid(1000, 600, tile_px=512, overlap_px=128)
    >>> rows_of(grid, range(0, 2)), rows_of(grid, range(2, 3))
    (range(0, 768), range(768, 1000))
    """
    start, stop = tile_rows.start, tile_rows.stop
    if tile_rows.step != 1 or not 0 <= start < stop <= grid.n_rows:
        raise InputError(f"tile rows must be a stretch of 0 to {grid.n_rows}, got {tile_rows}")
    return range(start * grid.stride_px, grid.height if stop == grid.n_rows else stop * grid.stride_px)


def predict_raster(
    prepared: Raster,
    grid: TileGrid,
    engine: Engine,
    *,
    n_classes: int,
    sink: RowSink,
    states: Sequence[str] | None = None,
    tile_rows: range | None = None,
    blending: Blending = "linear",
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PredictSummary:
    """Predict a raster and hand finished rows to a sink.

    Parameters
    ----------
    prepared : Raster
        What the network sees, 0 to 255, as `graven.prepare.chain.PrepareChain.view` gives it; read by several threads.
    grid : TileGrid
        Tiles over this raster.
    engine : Engine
        Answers (N, K, tile, tile); called by ``engine.n_parallel`` threads and one more.
    n_classes : int, >= 1
        K.
    sink : RowSink
        Receives uint8 rows, scaled 1/255, in order and without gaps. What it already holds is not computed again.
    states : sequence of str, optional
        What a gate decided beforehand, one string per tile row of the grid: tiles of another letter than ``p`` count as
        probability 0 with their full weight and are neither read nor predicted. Default is to predict all tiles.
    tile_rows : range, optional
        Predict only these tile rows; the sink then counts from the first row of `rows_of`. Stretches put one after the
        other give the bytes of one run.
    blending : {"linear", "squared"}
        How tiles that overlap are weighed (`graven.predict.weights`).
    progress : callable, optional
        ``progress(tiles_done, n_tiles)``.
    should_stop : callable, optional
        Asked before every tile.

    Returns
    -------
    PredictSummary
        Over these tile rows, what an interrupted run had done included.

    Raises
    ------
    Interrupted
        On Ctrl-C or when `should_stop` says so; all finished tile rows are in the sink.
    MismatchError
        If grid or states are for another size, or the sink holds rows that do not end at a tile row.
    DataError
        If the network's answers have another shape or are no probabilities.
    """
    if (grid.height, grid.width) != (prepared.height, prepared.width):
        raise MismatchError(
            f"the tile grid is for {grid.height} x {grid.width} px, the raster has {prepared.height} x {prepared.width}"
        )
    if states is not None and [len(line) for line in states] != [grid.n_cols] * grid.n_rows:
        raise MismatchError(f"the gate's decisions are not for a grid of {grid.n_rows} x {grid.n_cols} tiles")
    span = range(grid.n_rows) if tile_rows is None else tile_rows
    pixel_rows = rows_of(grid, span)
    done = _tile_rows_done(grid, span, pixel_rows, sink)
    wanted = range(span.start + done, span.stop)
    first = max(0, wanted.start - math.ceil(grid.overlap_px / grid.stride_px)) if wanted else wanted.start
    blender = RowBlender(grid, n_classes=n_classes, first_tile_row=first, blending=blending)

    def answer(tile_row: int, tile_col: int) -> _Answer:
        if states is not None and states[tile_row][tile_col] != PREDICTED:
            return _Answer(states[tile_row][tile_col])
        window = grid.window(tile_row, tile_col)
        if not prepared.read_valid_padded(window).any():
            return _Answer(INVALID)
        return _Answer(PREDICTED, quantise(engine(prepared.read(window)[None])[0]))

    places = ((row, col) for row in range(first, wanted.stop) for col in range(grid.n_cols))
    tell = progress or _nobody
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="graven-write") as writer:
            writing: Future[None] | None = None
            answers = _in_order(answer, places, n_threads=engine.n_parallel + 1)
            for tile_row in range(first, wanted.stop):
                letters = ""
                for tile_col in range(grid.n_cols):
                    if should_stop is not None and should_stop():
                        raise KeyboardInterrupt
                    found = next(answers)
                    letters += found.state
                    if found.levels is not None:
                        blender.add(tile_col, found.levels)
                    tell((tile_row - span.start) * grid.n_cols + len(letters), len(span) * grid.n_cols)
                row, rows = blender.finish_row()
                if writing is not None:
                    writing.result()
                if tile_row >= wanted.start:
                    writing = writer.submit(sink.write_rows, row - pixel_rows.start, rows, state=letters)
            if writing is not None:
                writing.result()
    except KeyboardInterrupt as error:
        finished = len(sink.states)
        raise Interrupted(
            f"stopped after {finished} of {len(span)} tile rows; give the same command with --resume to continue"
        ) from error
    counts = Counter("".join(sink.states))
    return PredictSummary(
        n_tiles=len(span) * grid.n_cols,
        n_predicted=counts[PREDICTED],
        n_gated=counts[GATED],
        n_invalid=counts[INVALID],
        n_tile_rows_resumed=done,
        states=tuple(sink.states),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of a tile; `levels` only where the network saw it."""

    state: str
    levels: NDArray[np.uint16] | None = None


def _in_order(
    work: Callable[[int, int], _Answer], places: Iterator[tuple[int, int]], *, n_threads: int
) -> Iterator[_Answer]:
    """Do the work at all places with several threads, and yield the answers in the order of the places."""
    with ThreadPoolExecutor(n_threads, thread_name_prefix="graven-tile") as pool:
        ahead: deque[Future[_Answer]] = deque()
        try:
            for place in places:
                ahead.append(pool.submit(work, *place))
                if len(ahead) == 2 * n_threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _tile_rows_done(grid: TileGrid, span: range, pixel_rows: range, sink: RowSink) -> int:
    done = len(sink.states)
    expected = 0 if done == 0 else len(pixel_rows) if done >= len(span) else done * grid.stride_px
    if done > len(span) or sink.rows_done != expected:
        raise MismatchError(
            f"the stored work ends at row {sink.rows_done} after {done} tile rows, the grid expects row {expected}; "
            "start again without --resume"
        )
    return done


def _nobody(_done: int, _total: int) -> None:
    """Ignore the progress."""
