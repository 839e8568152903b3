"""graven as the benchmarks call it, in one place: models, tiles in memory, whole images, and the record of `segment`.

If the interface of prediction changes, this module changes and no other of the benchmarks.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.geotiff import TiledWriter
from graven.api.segment import segment
from graven.io.bundle import read_bundle, read_companion
from graven.io.images import open_raster
from graven.io.rowstore import RowStore
from graven.methods.prediction import Panel, Tracer, screen
from graven.methods.tracing import TraceSettings, plan
from graven.predict.engines import load_engine
from graven.predict.stream import predict_raster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.io.bundle import Bundle
    from graven.methods.tracing import TracePlan
    from graven.types import Engine

__all__ = ["Done", "Job", "LeftOut", "Models", "Predictor", "network_only", "record", "whole_image"]

TILE_PX, OVERLAP_PX = 512, 128
POOL = 16


class LeftOut(Exception):
    """Says why something cannot be measured here."""


@dataclass(frozen=True, slots=True)
class Done:
    """What one run did.

    Attributes
    ----------
    n_tiles : int
        Tiles of the image, seen by the network or not.
    stages : dict of str to float, seconds
        Parts, where the run tells them.
    """

    n_tiles: int
    stages: dict[str, float] = field(default_factory=dict)


class Predictor:
    """A network for tiles in memory, called as often at once as its engine takes: for the floor and for peers.

    Parameters
    ----------
    engine : Engine
        What runs it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.at_once = engine.n_parallel
        self._pool = ThreadPoolExecutor(self.at_once, thread_name_prefix="bench")

    def stream(self, tiles: Iterable[NDArray[Any]]) -> Iterator[NDArray[np.float32]]:
        """Yield the answers (K, H, W) to tiles (C, H, W), in order."""
        if self.at_once == 1:
            return (self.engine(tile[None])[0] for tile in tiles)
        return self._pool.map(lambda tile: self.engine(tile[None])[0], tiles)

    def __call__(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Answer a batch of shape (N, C, H, W) with (N, K, H, W), each tile in a call of its own."""
        return np.stack(list(self.stream(batch)))


class Models:
    """The bundled petroglyph model; each part is loaded when first asked for."""

    @cached_property
    def bundle(self) -> Bundle:
        """The segmenter on disk."""
        return read_bundle("petroglyph")

    @cached_property
    def segmenter(self) -> Tracer:
        """The segmenter in the engine that graven chooses."""
        return Tracer(self.bundle.spec, load_engine(self.bundle.model_path))

    @cached_property
    def gate(self) -> Tracer:
        """Its gate."""
        found = read_companion(self.bundle, "gate")
        return Tracer(found.spec, load_engine(found.model_path, precision="float32"))

    @cached_property
    def predictor(self) -> Predictor:
        """The segmenter for peers."""
        return Predictor(self.segmenter.engine)

    @cached_property
    def reference(self) -> Predictor:
        """The same network in eager PyTorch in float32.

        Raises
        ------
        LeftOut
            If PyTorch is not installed.
        """
        if importlib.util.find_spec("torch") is None:
            raise LeftOut("torch is not installed")
        return Predictor(load_engine(self.bundle.model_path, engine="torch", precision="float32", device="cpu"))


@dataclass(frozen=True, slots=True)
class Job:
    """An image to be predicted.

    Attributes
    ----------
    source : Path
        GeoTIFF with three bands of bytes.
    folder : Path
        Where results go; what lies there of an earlier run is replaced.
    models : Models
        What predicts.
    tile_px, overlap_px : int
        Tiles, the same for everybody.
    """

    source: Path
    folder: Path
    models: Models
    tile_px: int = TILE_PX
    overlap_px: int = OVERLAP_PX


def network_only(job: Job) -> Callable[[], Done]:
    """Load tiles; give the call that has the network answer as many of them as the image has."""
    planned = _plan(job, is_prepared=False)
    windows = itertools.islice(planned.grid.windows(), POOL)
    tiles = [np.array(planned.prepared.read(window)) for _, _, window in windows]
    predictor, n_tiles = job.models.predictor, len(planned.grid)

    def run() -> Done:
        deque(predictor.stream(itertools.islice(itertools.cycle(tiles), n_tiles)), maxlen=0)
        return Done(n_tiles)

    return run


def whole_image(
    job: Job, key: str, *, to_rows: bool = False, is_prepared: bool = False, is_gated: bool = False
) -> Callable[[], Done]:
    """Give the call that predicts from the file to ``<key>.tif``, or to durable rows in the folder ``<key>``.

    Parameters
    ----------
    job : Job
        What to predict.
    key : str
        Stem of the result.
    to_rows : bool
        Durable rows instead of a GeoTIFF.
    is_prepared : bool
        With the whole preparation of the model; otherwise the bands as they are.
    is_gated : bool
        With the gate.

    Returns
    -------
    callable
        Everything from opening the file on happens in it; models are loaded before.
    """
    segmenter = job.models.segmenter
    gate = job.models.gate if is_gated else None

    def run() -> Done:
        planned = _plan(job, is_prepared=is_prepared)
        grid, work = planned.grid, job.folder / key
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        states = None if gate is None else screen(_panel(planned, work), segmenter, gate).states
        sink = (
            RowStore(work, height=grid.height, width=grid.width, n_bands=1, key=key)
            if to_rows
            else _TiffSink(job.folder / f"{key}.tif", grid.height, grid.width)
        )
        with sink:
            found = predict_raster(planned.prepared, grid, segmenter.engine, n_classes=1, sink=sink, states=states)
        return Done(found.n_tiles)

    return run


def record(job: Job, key: str) -> Callable[[], Done]:
    """Give the call of ``graven segment`` without its gate: rasters as COG and verified, vectors, drawing, report."""

    def run() -> Done:
        out = job.folder / key
        done = segment(job.source, out=out, tile_px=job.tile_px, overlap_px=job.overlap_px, gate=False, overwrite=True)
        told = json.loads((out / "run.json").read_text(encoding="utf-8"))["seconds"]
        return Done(done.n_tiles, {name: seconds for name, seconds in told.items() if name != "total"})

    return run


def _plan(job: Job, *, is_prepared: bool) -> TracePlan:
    spec = job.models.bundle.spec
    return plan(
        open_raster(job.source, hash_source=False),
        spec if is_prepared else replace(spec, prepare=()),
        TraceSettings(tile_px=job.tile_px, overlap_px=job.overlap_px),
    )


def _panel(planned: TracePlan, work: Path) -> Panel:
    """Say what the gate looks at; nothing is continued, so the hashes that guard stored rows are left empty."""
    return Panel(
        raster=planned.raster,
        frame=planned.frame,
        prepared=planned.prepared,
        grid=planned.grid,
        n_classes=1,
        work=work,
        valid_sha256="",
        n_valid_px=0,
        key="",
        resume=False,
    )


class _TiffSink(TiledWriter):
    """Finished rows straight into a tiled GeoTIFF, without a ledger."""

    def __init__(self, path: Path, height: int, width: int) -> None:
        super().__init__(path, height, width)
        self.states: list[str] = []

    def write_rows(self, row: int, probs: NDArray[np.uint8], *, state: str) -> None:
        """Store the next rows; `row` is where they must begin."""
        if row != self.rows_done:
            raise ValueError(f"rows must continue at {self.rows_done}, got {row}")
        self.add(probs[0])
        self.states.append(state)
