"""What the innermost loop of prediction costs before any network runs: walking the grid and reading windows."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np

from graven.types import TileGrid, raster_from_array


def test_walk_the_grid_of_a_large_panel(benchmark: Any) -> None:
    grid = TileGrid(height=20_000, width=30_000, tile_px=512, overlap_px=64)
    listed = benchmark(lambda: list(grid.windows()))
    assert len(listed) == len(grid) == 45 * 67


def test_read_tiles_with_mirrored_border(benchmark: Any) -> None:
    raster = raster_from_array(np.zeros((3, 1500, 1500), np.uint8))
    grid = TileGrid(height=1500, width=1500, tile_px=512, overlap_px=64)
    total = benchmark(lambda: sum(raster.read(window).nbytes for _, _, window in grid.windows()))
    assert total == len(grid) * 3 * 512 * 512


def test_import_graven(benchmark: Any) -> None:
    done = benchmark(lambda: subprocess.run([sys.executable, "-c", "import graven"], check=True))
    assert done.returncode == 0
