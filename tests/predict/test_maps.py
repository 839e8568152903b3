"""Maps of tiles join into one map of the panel, whatever the overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.predict.maps import join_maps
from graven.types import TileGrid, raster_from_array

SIDE, CELL = 8, 4
TILE = SIDE * CELL


def _join(grid: TileGrid, value: int) -> np.ndarray:
    tiles = np.full((grid.n_rows * SIDE, grid.n_cols * SIDE), value, np.uint8)
    return join_maps(raster_from_array(tiles), grid, SIDE)


@settings(deadline=None, max_examples=80)
@given(size=st.tuples(st.integers(1, 150), st.integers(1, 150)), overlap=st.integers(0, TILE - 1))
def test_every_size_and_overlap_gives_one_value_per_cell(size: tuple[int, int], overlap: int) -> None:
    joined = _join(TileGrid(*size, TILE, overlap), 255)
    assert joined.shape == (-(-size[0] // CELL), -(-size[1] // CELL))
    assert joined.max() == 1
    assert joined[: size[0] // CELL - 1, : size[1] // CELL - 1].min(initial=1) == 1


@pytest.mark.parametrize("size", [(64, 40), (40, 64)])
def test_a_last_tile_nearest_to_a_cell_beyond_the_panel_is_held_back(size: tuple[int, int]) -> None:
    # Stride 31: the third tile begins at pixel 62, that is cell 15.5 of 16, and the nearest whole one would be 16.
    joined = _join(TileGrid(*size, TILE, 1), 255)
    assert joined.shape == (size[0] // CELL, size[1] // CELL)
    assert joined.min() == 1


def test_overlapping_cells_hold_the_mean_and_the_rest_their_own() -> None:
    grid = TileGrid(TILE, TILE + 4 * CELL, TILE, 4 * CELL)
    tiles = np.zeros((SIDE, 2 * SIDE), np.uint8)
    tiles[:, :SIDE], tiles[:, SIDE:] = 51, 153
    joined = join_maps(raster_from_array(tiles), grid, SIDE)
    expected = np.repeat([0.2, 0.4, 0.6], 4)
    np.testing.assert_allclose(joined, np.broadcast_to(expected, (SIDE, 12)), atol=1e-6)
