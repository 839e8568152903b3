"""One stroke to the new probability of the patches that it touches: what a person waits for.

A session as `graven refine` has it, with the network in the engine and the precision that it takes there. What the
first network says of a place is known before a person corrects it, so it is not timed. Where no bundle for engravings
is installed a network of the same shape with random weights stands in; its answers mean nothing, its time is the same.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import UsageError
from graven.io.bundle import read_bundle, read_companion
from graven.methods.first_answer import logits_from_probs
from graven.predict.engines import load_engine
from graven.predict.weights import WEIGHTS
from graven.refine.local import Refiner
from graven.refine.session import RefineSession
from graven.types import TileGrid, Window, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.types import Engine

__all__ = ["NETWORKS", "stroke_rows", "time_strokes"]

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "compact": ("compact_unet", {"in_channels": 3}),
    "EfficientNet-B6": ("smp_unet", {"encoder": "efficientnet-b6", "in_channels": 3}),
}
"""Networks that refine, by their name in the tables; the first is the bundled one where there is one."""

GRIDS = {
    "one patch of 512 px": TileGrid(512, 512, tile_px=512, overlap_px=0),
    "tiles of 256 px that share half": TileGrid(1024, 1024, tile_px=256, overlap_px=128),
}
"""What a stroke touches: the first is that of the goal, the second what the bundle asks for."""

N_WARM = 3
LENGTH_PX, WIDTH_PX = 60.0, 5.0


def stroke_rows(folder: Path, *, n: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Time strokes with each network on each grid.

    Parameters
    ----------
    folder : Path
        For networks with random weights; they are kept.
    n : int, >= 1
        Strokes.
    say : callable
        Hears what goes on.

    Returns
    -------
    list of dict
        One row per network, grid and stroke: ``weights``, ``engine``, ``n_tiles`` that were asked, and ``seconds``.
    """
    found = []
    for network in NETWORKS:
        path, weights = _model(network, folder)
        engine = load_engine(path, precision="float32", takes_floats=True)
        for grid_name, grid in GRIDS.items():
            told = {"network": network, "weights": weights, "engine": engine.name, "grid": grid_name}
            found += [{**told, **row} for row in time_strokes(engine, grid, n=n)]
            say(f"stroke: {network}, {grid_name}")
    return found


def time_strokes(engine: Engine, grid: TileGrid, *, n: int) -> list[dict[str, Any]]:
    """Draw strokes one after the other and look at the new probability of what changed.

    Parameters
    ----------
    engine : Engine
        A network that refines.
    grid : TileGrid
        Tiles over the raster.
    n : int, >= 1
        Strokes; a few before them are not timed.

    Returns
    -------
    list of dict
        ``stroke n_tiles seconds cpu_s``; the last of all threads together.
    """
    rng = np.random.default_rng(0)
    planes = rng.normal(size=(2, grid.height, grid.width)).astype(np.float32)
    planes[0] = 128 + 40 * planes[0]

    def predict(patch: NDArray[np.float32]) -> NDArray[np.float32]:
        return logits_from_probs(engine(patch[None])[0, 0])

    weights = WEIGHTS["squared"](grid).tile.astype(np.float64)
    session = RefineSession(raster_from_array(planes), Refiner(predict, grid, weights))
    rows = []
    for number in range(-N_WARM, n):
        start = rng.uniform(0.1, 0.9, 2) * (grid.width, grid.height)
        angle = rng.uniform(0, 2 * np.pi)
        line = np.array([start, start + LENGTH_PX * np.array([np.cos(angle), np.sin(angle)])])
        pen = session.draw if rng.random() < 0.5 else session.erase
        begin, busy = time.perf_counter(), time.process_time()
        pen(line, width_px=WIDTH_PX)
        windows = session.refine()
        if windows:
            session.probability(_around(windows))
        seconds, cpu_s = time.perf_counter() - begin, time.process_time() - busy
        if number >= 0:
            rows.append({"stroke": number, "n_tiles": len(windows), "seconds": seconds, "cpu_s": cpu_s})
    return rows


def _around(windows: tuple[Window, ...]) -> Window:
    row, col = min(window.row for window in windows), min(window.col for window in windows)
    height = max(window.row_end for window in windows) - row
    return Window(row, col, height, max(window.col_end for window in windows) - col)


def _model(network: str, folder: Path) -> tuple[Path, str]:
    """Give the file of a network and where its weights come from."""
    if network == next(iter(NETWORKS)):
        try:
            return read_companion(read_bundle("engraving"), "refine").model_path, "bundled"
        except UsageError:
            pass  # this graven comes without it
    name, options = NETWORKS[network]
    path = folder / f"untrained-{name}.onnx"
    if not path.is_file():
        _write_untrained(name, options, path)
    return path, "random"


def _write_untrained(name: str, options: dict[str, Any], path: Path) -> None:
    """Export a network with random weights."""
    import torch

    from graven.nets import build_net
    from graven.train.export import export_onnx
    from graven.train.task import Standardised

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build_net(name, **options)
    model = Standardised(net, mean=(128.0, 0.0, 0.0), std=(40.0, 1.0, 1.0))
    check = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    export_onnx(model.eval(), path, check_input=check)
