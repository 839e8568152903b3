"""Strokes are timed from the pen to the probability, with all patches that see them asked."""

from __future__ import annotations

import numpy as np
from benchmarks.stroke import GRIDS, NETWORKS, time_strokes
from numpy.typing import NDArray

from graven.types import TileGrid


def test_every_stroke_asks_the_patches_that_see_it() -> None:
    asked: list[NDArray[np.float32]] = []

    def engine(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        asked.append(batch)
        return np.full((1, 1, *batch.shape[2:]), 0.75, np.float32)

    rows = time_strokes(engine, TileGrid(256, 256, tile_px=128, overlap_px=64), n=4)  # type: ignore[arg-type]
    assert [row["stroke"] for row in rows] == [0, 1, 2, 3]
    assert all(row["n_tiles"] >= 1 and row["seconds"] > 0 for row in rows)
    assert len(asked) >= sum(row["n_tiles"] for row in rows)
    assert all(batch.shape == (1, 3, 128, 128) and (batch[0, 2] != 0).any() for batch in asked)


def test_the_grid_of_the_goal_is_one_patch_of_512_px() -> None:
    grid = GRIDS["one patch of 512 px"]
    assert (grid.tile_px, len(grid)) == (512, 1)
    assert all(options["in_channels"] == 3 for _, options in NETWORKS.values())
