"""The gate: which tiles are worth predicting, decided for the whole panel before the first is read at full size.

Two forms of gate exist, told apart by their answer. A *coarse* gate segments the panel at a fraction of its size, which
shows it a sixteenth of the pixels, and reads no more where the file has overviews; a tile is wanted where it sees
pecking anywhere in it. A *tile* gate answers with one number per tile, as the paper's ResNet does, and needs every tile
at full size; it spares the segmenter, not the reading.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError, Interrupted, MismatchError
from graven.io.rowstore import RowStore
from graven.measure.objects import least_step
from graven.predict.maps import join_maps
from graven.predict.stream import GATED, INVALID, PREDICTED, predict_raster
from graven.prepare.bands import bands_view
from graven.prepare.blocks import shared_blocks
from graven.prepare.chain import PrepareChain
from graven.prepare.reduced import reduced_view
from graven.prepare.views import affine_view, bring_back
from graven.report.overview import overview, overview_factor
from graven.types import ExplainingEngine, TileGrid, Window, raster_from_array
from graven.types.affine import IDENTITY, compose, invert

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.prepare.frame import WorkingFrame
    from graven.types import Affine6, Engine, ModelSpec, Raster

__all__ = [
    "Screening",
    "coarse_factor",
    "coarse_grid",
    "coarse_states",
    "coarse_view",
    "is_coarse",
    "screen_coarse",
    "screen_tiles",
]

PICTURE_CELLS = 512
NAME = "gate"


@dataclass(frozen=True, slots=True)
class Screening:
    """What a gate decided, and what it saw.

    Attributes
    ----------
    states : tuple of str
        One string per tile row: ``p`` to be predicted, ``g`` rejected, ``i`` without a valid pixel.
    seen : Raster
        (1, h, w) uint8, probability times 255 per cell, over the working frame.
    cell_px : float
        Side of a cell in pixels of the working frame.
    n_tiles : int
        Tiles that the gate was shown, of its own size.
    """

    states: tuple[str, ...]
    seen: Raster
    cell_px: float
    n_tiles: int

    def on_input(self, frame: WorkingFrame, original: Raster) -> NDArray[np.float32]:
        """Bring what the gate saw back to the input, as a small picture.

        Parameters
        ----------
        frame : WorkingFrame
            Where prediction ran.
        original : Raster
            The input.

        Returns
        -------
        ndarray of shape (h, w), float32, 0 to 1
            Over the whole input, at most 512 cells along each side; where cells were joined the largest counts.
        """
        size = {"height": self.seen.height, "width": self.seen.width}
        small = overview(self.seen.read, **size, how="max", long_side_px=PICTURE_CELLS).max(axis=0)
        cell_px = self.cell_px * overview_factor(**size, long_side_px=PICTURE_CELLS)
        height, width = (
            max(1, round(size / (cell_px * factor)))
            for size, factor in zip((original.height, original.width), frame.factor, strict=True)
        )
        cells = (original.width / width, 0.0, 0.0, 0.0, original.height / height, 0.0)
        matrix = compose(invert(cells), compose(frame.matrix, _scaling(cell_px)))
        found: NDArray[np.uint8] = bring_back(raster_from_array(small), matrix, height, width).read()[0]
        return found.astype(np.float32) / np.float32(255)


def is_coarse(engine: Engine, spec: ModelSpec) -> bool:
    """Say which form of gate a network is: whether it answers per pixel."""
    side = min(spec.tile_px, 64)
    return engine(np.zeros((1, len(spec.bands), side, side), np.uint8)).ndim == 4


def coarse_grid(frame: WorkingFrame, gate: ModelSpec, factor: int) -> TileGrid:
    """Give the tiles of a coarse gate over the reduced working frame."""
    return TileGrid(
        math.ceil(frame.raster.height / factor),
        math.ceil(frame.raster.width / factor),
        tile_px=gate.tile_px,
        overlap_px=gate.overlap_px,
    )


def coarse_view(original: Raster, frame: WorkingFrame, gate: ModelSpec, factor: int) -> Raster:
    """Give what a coarse gate sees: the panel reduced first, then brought into the working frame, then prepared.

    Parameters
    ----------
    original : Raster
        The input.
    frame : WorkingFrame
        Where prediction runs.
    gate : ModelSpec
        Of the gate.
    factor : int, >= 1
        Pixels of the working frame per pixel of the gate.

    Returns
    -------
    Raster
        Prepared pixels, of the size of `coarse_grid`.
    """
    bands, _ = bands_view(original, n_bands=len(gate.bands))
    first = max(1, int(factor * min(frame.factor) + 1e-9))
    view = reduced_view(bands, first)
    matrix = compose(invert(_scaling(first)), compose(frame.matrix, _scaling(factor)))
    if matrix != IDENTITY:
        grid = coarse_grid(frame, gate, factor)
        view = affine_view(view, matrix, grid.height, grid.width)
    return PrepareChain.from_spec(gate).view(view)


def coarse_factor(segmenter: ModelSpec, gate: ModelSpec) -> int:
    """Give how many pixels of the segmenter make one of the gate.

    Raises
    ------
    MismatchError
        If that is no whole number: the two were not made for each other.
    """
    ratio = (gate.pixel_size_mm or 1.0) / (segmenter.pixel_size_mm or gate.pixel_size_mm or 1.0)
    factor = round(ratio)
    if factor < 1 or abs(ratio - factor) > 0.01 * factor:
        raise MismatchError(
            f"the gate {gate.name!r} sees {gate.pixel_size_mm} mm per pixel, the model {segmenter.name!r} "
            f"{segmenter.pixel_size_mm}; the first must be a whole multiple of the second"
        )
    return factor


def screen_coarse(
    original: Raster,
    frame: WorkingFrame,
    grid: TileGrid,
    gate: ModelSpec,
    engine: Engine,
    work: Path,
    *,
    factor: int,
    key: str,
    resume: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Screening:
    """Let a coarse gate see the whole panel, and decide for every tile.

    Parameters
    ----------
    original, frame
        The input, and where prediction runs.
    grid : TileGrid
        Tiles of the segmenter.
    gate, engine
        The gate.
    work : Path
        Folder of the unfinished work.
    factor : int
        From `coarse_factor`.
    key, resume
        As for `graven.io.rowstore.RowStore`.
    progress : callable, optional
        ``progress(tiles_done, n_tiles)`` over the tiles of the gate.

    Returns
    -------
    Screening
        A tile is wanted where any pixel of it, overlap included, reaches the gate's threshold.

    Raises
    ------
    Interrupted
        When stopped; finished rows are kept.
    """
    own, n_classes = coarse_grid(frame, gate, factor), len(gate.classes.classes)
    view = coarse_view(original, frame, gate, factor)
    blocks = shared_blocks(view, block_px=own.stride_px, max_blocks=2 * own.n_cols + 4)
    with RowStore(
        work, height=own.height, width=own.width, n_bands=n_classes, key=key, name=NAME, resume=resume
    ) as rows:
        predict_raster(blocks, own, engine, n_classes=n_classes, sink=rows, progress=progress)
    seen = rows.raster(read_valid=view.read_valid)
    states = coarse_states(seen, grid, factor=factor, threshold=gate.threshold)
    return Screening(states, seen, float(factor), len(own))


def coarse_states(seen: Raster, grid: TileGrid, *, factor: int, threshold: float) -> tuple[str, ...]:
    """Decide for every tile from what a coarse gate saw.

    Parameters
    ----------
    seen : Raster
        (K, h, w) uint8, probability times 255, with the valid mask.
    grid : TileGrid
        Tiles of the segmenter, at `factor` times the size.
    factor : int, >= 1
        Pixels of the segmenter per pixel of `seen`.
    threshold : float, 0 to 1
        A tile is wanted from here on.

    Returns
    -------
    tuple of str
        One string per tile row, one letter per tile.

    Examples
    --------
    >>> seen = raster_from_array(np.array([[0, 0, 9], [0, 0, 0]], np.uint8))
    >>> coarse_states(seen, TileGrid(4, 6, tile_px=2, overlap_px=0), factor=2, threshold=9 / 255)
    ('ggp', 'ggg')
    """
    least = least_step(threshold)
    states = []
    for tile_row in range(grid.n_rows):
        line = _coarse(grid.window(tile_row, 0), factor).intersection(seen.bounds)
        strip = Window(line.row, 0, line.height, seen.width)
        highest: NDArray[np.uint8] = seen.read(strip).max(axis=(0, 1))
        known = np.asarray(seen.read_valid(strip).any(axis=0))
        letters = ""
        for tile_col in range(grid.n_cols):
            part = _coarse(grid.window(tile_row, tile_col), factor).intersection(seen.bounds)
            cols = slice(part.col, part.col_end)
            wanted = PREDICTED if highest[cols].max() >= least else GATED
            letters += wanted if known[cols].any() else INVALID
        states.append(letters)
    return tuple(states)


def screen_tiles(
    frame: WorkingFrame,
    grid: TileGrid,
    gate: ModelSpec,
    engine: Engine,
    work: Path,
    *,
    key: str,
    resume: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Screening:
    """Ask a tile gate about every tile, and keep its class activation maps.

    Parameters
    ----------
    frame, grid, gate, engine, work, key, resume, progress
        As for `screen_coarse`.

    Returns
    -------
    Screening
        A tile is wanted where any class reaches the gate's threshold. The cells are those of the class activation maps;
        of a gate without one, a tile is a cell.

    Raises
    ------
    Interrupted
        When stopped; finished rows are kept.
    DataError
        If the gate answers nonsense.
    """
    view = PrepareChain.from_spec(gate).view(frame.raster)
    side = _map_side(engine, n_bands=len(gate.bands), tile_px=grid.tile_px)
    size = {"height": grid.n_rows * side, "width": grid.n_cols * side, "n_bands": 1}
    with RowStore(work, **size, key=key, name=NAME, resume=resume) as rows:
        try:
            for tile_row in range(len(rows.states), grid.n_rows):
                line, letters = np.zeros((side, grid.n_cols, side), np.float32), ""
                for tile_col in range(grid.n_cols):
                    window = grid.window(tile_row, tile_col)
                    if view.read_valid_padded(window).any():
                        score, line[:, tile_col] = _ask(engine, view.read(window))
                        letters += PREDICTED if score >= gate.threshold else GATED
                    else:
                        letters += INVALID
                    if progress is not None:
                        progress(tile_row * grid.n_cols + len(letters), len(grid))
                cells = np.rint(255 * line.reshape(side, -1)).astype(np.uint8)
                rows.write_rows(tile_row * side, cells[None], state=letters)
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"stopped after the gate saw {len(rows.states)} of {grid.n_rows} tile rows; give the same command with "
                "--resume to continue"
            ) from error
    joined = join_maps(rows.raster(), grid, side)
    seen = raster_from_array(np.rint(255 * joined.clip(0, 1)).astype(np.uint8))
    return Screening(rows.states, seen, grid.tile_px / side, len(grid))


def _map_side(engine: Engine, *, n_bands: int, tile_px: int) -> int:
    """Ask a gate how many cells its class activation map has along a tile; 1 where it has none."""
    if not isinstance(engine, ExplainingEngine):
        return 1
    _, maps = engine.explain(np.zeros((1, n_bands, tile_px, tile_px), np.uint8))
    return 1 if maps is None else maps.shape[-1]


def _ask(engine: Engine, pixels: NDArray[np.uint8]) -> tuple[float, NDArray[np.float32] | float]:
    """Give the score of a tile, and its map; the score itself where there is none."""
    maps: NDArray[np.float32] | None = None
    if isinstance(engine, ExplainingEngine):
        scores, maps = engine.explain(pixels[None])
    else:
        scores = engine(pixels[None])
    if scores.ndim != 2 or len(scores) != 1 or not np.isfinite(scores).all():
        raise DataError(f"a gate must answer a tile with finite (1, K), got {scores.shape}; verify the model")
    score = float(scores.max())
    return score, score if maps is None else maps[0].max(axis=0)


def _coarse(window: Window, factor: int) -> Window:
    """Give the smallest window of reduced pixels around a window."""
    row, col = window.row // factor, window.col // factor
    return Window(row, col, -(-window.row_end // factor) - row, -(-window.col_end // factor) - col)


def _scaling(factor: float) -> Affine6:
    return (float(factor), 0.0, 0.0, 0.0, float(factor), 0.0)
