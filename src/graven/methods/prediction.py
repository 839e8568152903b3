"""The probability of a panel: the gate's pass, the tiles it wants, and the way back to the grid of the input.

Everything of one panel lies in one folder of unfinished work, so that it can be continued, and the tile rows can be
divided into bands that are predicted anywhere and joined: the bytes are those of one undisturbed run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DefectError
from graven.io.rowstore import RowStore
from graven.measure.components import bands
from graven.methods.screening import coarse_factor, is_coarse, screen_coarse, screen_tiles
from graven.predict.stream import predict_raster, rows_of
from graven.prepare.views import bring_back
from graven.types import Window
from graven.types.affine import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.methods.screening import Screening
    from graven.predict.stream import PredictSummary
    from graven.prepare.frame import WorkingFrame
    from graven.types import Engine, ModelSpec, Raster, TileGrid

__all__ = ["Panel", "Tracer", "join_bands", "on_input_grid", "predict", "predict_band", "screen"]

WORKING = "working"
BAND_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Tracer:
    """A model that is ready to run.

    Attributes
    ----------
    spec : ModelSpec
        Its description.
    engine : Engine
        What runs it.
    """

    spec: ModelSpec
    engine: Engine


@dataclass(frozen=True, slots=True)
class Panel:
    """What is predicted, and where its unfinished work lies.

    Attributes
    ----------
    raster : Raster
        The input.
    frame : WorkingFrame
        Where prediction runs.
    prepared : Raster
        What the segmenter sees.
    grid : TileGrid
        Tiles over the working frame.
    n_classes : int, >= 1
        Classes of the segmenter.
    work : Path
        Existing folder.
    valid_sha256 : str
        Hash of which pixels of the input are valid.
    n_valid_px : int
        How many are.
    key : str
        Hash of everything on which stored rows depend.
    resume : bool
        Continue what lies in `work`.
    """

    raster: Raster
    frame: WorkingFrame
    prepared: Raster
    grid: TileGrid
    n_classes: int
    work: Path
    valid_sha256: str
    n_valid_px: int
    key: str
    resume: bool

    def store(self, name: str, rows: range, *, resume: bool) -> RowStore:
        """Open a store for a stretch of rows of the working frame."""
        size = {"height": len(rows), "width": self.grid.width, "n_bands": self.n_classes}
        return RowStore(self.work, **size, key=self.key, name=name, resume=resume)


def screen(
    panel: Panel, segmenter: Tracer, gate: Tracer, *, progress: Callable[[int, int], None] | None = None
) -> Screening:
    """Let the gate decide which tiles are worth predicting; see `graven.methods.screening`.

    Parameters
    ----------
    panel : Panel
        What is predicted.
    segmenter, gate : Tracer
        The two networks.
    progress : callable, optional
        ``progress(tiles_done, n_tiles)`` over the tiles of the gate.

    Returns
    -------
    Screening
        The decisions, and what the gate saw.
    """
    common: dict[str, Any] = {"key": panel.key, "resume": panel.resume, "progress": progress}
    if not is_coarse(gate.engine, gate.spec):
        return screen_tiles(panel.frame, panel.grid, gate.spec, gate.engine, panel.work, **common)
    factor = coarse_factor(segmenter.spec, gate.spec)
    return screen_coarse(
        panel.raster, panel.frame, panel.grid, gate.spec, gate.engine, panel.work, factor=factor, **common
    )


def predict(
    panel: Panel, segmenter: Tracer, gate: Tracer | None, *, progress: Callable[[int, int], None] | None = None
) -> tuple[RowStore, PredictSummary, Screening | None]:
    """Predict a whole panel.

    Parameters
    ----------
    panel : Panel
        What is predicted.
    segmenter : Tracer
        The network.
    gate : Tracer or None
        None predicts every tile.
    progress : callable, optional
        ``progress(tiles_done, n_tiles)`` over the tiles of both networks.

    Returns
    -------
    probs : RowStore
        Complete, (K, H, W) over the working frame.
    summary : PredictSummary
        What became of the tiles.
    screening : Screening or None
        What the gate decided.

    Raises
    ------
    Interrupted
        When stopped; finished rows are kept.
    """
    tell = progress or _nobody
    screening, n_screened = None, 0
    if gate is not None:
        n_tiles = len(panel.grid)
        screening = screen(panel, segmenter, gate, progress=lambda done, total: tell(done, total + n_tiles))
        n_screened = screening.n_tiles
    with panel.store(WORKING, range(panel.grid.height), resume=panel.resume) as rows:
        summary = predict_raster(
            panel.prepared,
            panel.grid,
            segmenter.engine,
            n_classes=panel.n_classes,
            sink=rows,
            blending=segmenter.spec.blending,
            states=None if screening is None else screening.states,
            progress=lambda done, total: tell(n_screened + done, n_screened + total),
        )
    return rows, summary, screening


def predict_band(
    panel: Panel,
    segmenter: Tracer,
    tile_rows: range,
    *,
    states: Sequence[str] | None,
    progress: Callable[[int, int], None] | None = None,
) -> PredictSummary:
    """Predict a stretch of tile rows into a store of its own, for `join_bands`.

    Parameters
    ----------
    panel : Panel
        What is predicted.
    segmenter : Tracer
        The network.
    tile_rows : range
        Which tile rows.
    states : sequence of str or None
        What the gate decided about all tiles of the panel.
    progress : callable, optional
        ``progress(tiles_done, n_tiles)`` over the tiles of the band.

    Returns
    -------
    PredictSummary
        Of this band.

    Raises
    ------
    Interrupted
        When stopped; finished rows are kept.
    """
    with panel.store(_band_name(tile_rows), rows_of(panel.grid, tile_rows), resume=panel.resume) as rows:
        return predict_raster(
            panel.prepared,
            panel.grid,
            segmenter.engine,
            n_classes=panel.n_classes,
            sink=rows,
            blending=segmenter.spec.blending,
            states=states,
            tile_rows=tile_rows,
            progress=progress,
        )


def join_bands(panel: Panel, stretches: Sequence[range]) -> None:
    """Put predicted bands together, as if one run had predicted them; `predict` then finds its work done.

    Parameters
    ----------
    panel : Panel
        What was predicted.
    stretches : sequence of range
        The stretches of tile rows given to `predict_band`, in order and without gaps.

    Raises
    ------
    DefectError
        If they do not make up the panel, or one is not finished.
    """
    if [row for band in stretches for row in band] != list(range(panel.grid.n_rows)):
        raise DefectError(f"the bands {[*stretches]} do not make up {panel.grid.n_rows} tile rows")
    stride = panel.grid.stride_px
    with panel.store(WORKING, range(panel.grid.height), resume=True) as whole:
        for band in stretches:
            rows = rows_of(panel.grid, band)
            with panel.store(_band_name(band), rows, resume=True) as part:
                found = part.raster()
                for tile_row, state in zip(band, part.states, strict=True):
                    if tile_row < len(whole.states):
                        continue
                    stop = rows.stop if tile_row + 1 == panel.grid.n_rows else (tile_row + 1) * stride
                    first = tile_row * stride
                    window = Window(first - rows.start, 0, stop - first, panel.grid.width)
                    whole.write_rows(first, found.read(window), state=state)


def on_input_grid(panel: Panel, probs: RowStore) -> Raster:
    """Bring probabilities back to the grid of the input, 0 where it is invalid.

    Parameters
    ----------
    panel : Panel
        What was predicted.
    probs : RowStore
        From `predict`.

    Returns
    -------
    Raster
        (K, H, W) uint8, probability times 255. Where the frame is another than that of the input the result is stored
        in `panel.work` as well, since it is read several times.
    """
    raster, found = panel.raster, probs.raster()
    if panel.frame.matrix == IDENTITY:
        return replace(found, read_pixels=_known(raster, found), read_valid=raster.read_valid)
    found = bring_back(found, panel.frame.matrix, raster.height, raster.width)
    read = _known(raster, found)
    size = {"height": raster.height, "width": raster.width, "n_bands": panel.n_classes}
    with RowStore(panel.work, **size, key=panel.key, name="grid", resume=panel.resume) as store:
        for window in bands(raster.height, raster.width, BAND_ROWS):
            if window.row >= store.rows_done:
                store.write_rows(window.row, read(window), state="")
    return store.raster(read_valid=raster.read_valid)


def _known(raster: Raster, found: Raster) -> Callable[[Window], NDArray[np.uint8]]:
    """Read `found`, 0 where `raster` is invalid."""

    def read(window: Window) -> NDArray[np.uint8]:
        return np.where(raster.read_valid(window), found.read(window), np.uint8(0))

    return read


def _nobody(_done: int, _total: int) -> None:
    """Ignore the progress."""


def _band_name(tile_rows: range) -> str:
    return f"band_{tile_rows.start:05d}_{tile_rows.stop:05d}"
