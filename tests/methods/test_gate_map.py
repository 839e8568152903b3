"""The class activation map of the gate lies where the gate looked, in any frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graven.errors import DataError
from graven.methods.gate_map import MapStore
from graven.prepare.frame import working_frame
from graven.prepare.rotation import RotationEstimate
from graven.types import PixelSize, Raster, TileGrid, raster_from_array
from graven.types.affine import invert

TILE, OVERLAP, SIDE = 64, 16, 8


def _panel(pixel_mm: float) -> Raster:
    pixels = np.zeros((3, 200, 280), np.uint8)
    return raster_from_array(pixels, pixel_size=PixelSize(pixel_mm, pixel_mm, "option"))


def _store(tmp_path: Path, grid: TileGrid, *, resume: bool = False) -> MapStore:
    return MapStore(tmp_path, grid, SIDE, key="k", resume=resume)


@pytest.mark.parametrize("skew_deg", [0.0, -30.0, 12.0])
@pytest.mark.parametrize("pixel_mm", [0.5, 0.25, 1.0])
def test_a_hot_place_of_the_working_frame_is_found_on_the_input(
    tmp_path: Path, pixel_mm: float, skew_deg: float
) -> None:
    original = _panel(pixel_mm)
    rotation = RotationEstimate(skew_deg, 2.0, applied=skew_deg != 0, reason="by hand")
    frame = working_frame(original, rotation=rotation, pixel_size_mm=0.5)
    grid = TileGrid(frame.raster.height, frame.raster.width, TILE, OVERLAP)
    store, cell = _store(tmp_path, grid), TILE // SIDE
    a, b, c, d, e, f = invert(frame.matrix)
    x, y = original.width * 0.7, original.height * 0.4
    spot = (d * x + e * y + f, a * x + b * y + c)
    for tile_row in range(grid.n_rows):
        maps = []
        for tile_col in range(grid.n_cols):
            window = grid.window(tile_row, tile_col)
            rows = window.row + cell * (np.arange(SIDE) + 0.5) - spot[0]
            cols = window.col + cell * (np.arange(SIDE) + 0.5) - spot[1]
            maps.append(np.exp(-np.hypot(rows[:, None], cols) / 30).astype(np.float32))
        store.write(tile_row, maps)
    found = store.on_input(frame, original)
    store.rows.close()
    row, col = np.unravel_index(found.argmax(), found.shape)
    assert (row + 0.5) / found.shape[0] == pytest.approx(0.4, abs=0.75 / found.shape[0])
    assert (col + 0.5) / found.shape[1] == pytest.approx(0.7, abs=0.75 / found.shape[1])


def test_rows_that_are_there_are_not_written_again_and_missing_ones_are_told(tmp_path: Path) -> None:
    grid = TileGrid(112, 112, TILE, OVERLAP)
    store = _store(tmp_path, grid)
    store.write(0, [np.full((SIDE, SIDE), 1, np.float32), None])
    store.rows.close()
    again = _store(tmp_path, grid, resume=True)
    again.check(1)
    with pytest.raises(DataError, match="start again without --resume"):
        again.check(2)
    again.write(0, [None, None])
    again.write(1, [None, None])
    frame = working_frame(raster_from_array(np.zeros((3, 112, 112), np.uint8)))
    found = again.on_input(frame, raster_from_array(np.zeros((3, 112, 112), np.uint8)))
    again.rows.close()
    assert found[:6, :6].min() == 1
    assert found[8:].max() == found[:, 8:].max() == 0
