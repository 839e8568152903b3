"""Whole-number blending: exact, independent of order, and equal to a plain float accumulator."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import DataError, InputError
from graven.kernels.stitching import squared_distance_weights
from graven.predict.blending import LEVELS, RowBlender, quantise, sum_dtype
from graven.predict.weights import WEIGHTS, LinearWeights, SquaredWeights, ramp, weight_sums
from graven.types import Blending, TileGrid

KINDS = st.sampled_from(sorted(WEIGHTS))


@st.composite
def grids(draw: st.DrawFn) -> TileGrid:
    tile = draw(st.integers(1, 24))
    return TileGrid(draw(st.integers(1, 70)), draw(st.integers(1, 70)), tile, draw(st.integers(0, tile - 1)))


def _tiles(grid: TileGrid, seed: int, n_classes: int = 2) -> dict[tuple[int, int], np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (n_classes, grid.tile_px, grid.tile_px)
    return {(r, c): rng.random(shape, dtype=np.float32) for r, c, _ in grid.windows()}


def _blend(
    grid: TileGrid,
    tiles: dict[tuple[int, int], np.ndarray],
    rng: np.random.Generator | None = None,
    *,
    blending: Blending = "linear",
) -> np.ndarray:
    blender = RowBlender(grid, n_classes=2, blending=blending)
    rows = []
    for tile_row in range(grid.n_rows):
        cols = np.arange(grid.n_cols) if rng is None else rng.permutation(grid.n_cols)
        for tile_col in cols:
            if (tile_row, int(tile_col)) in tiles:
                blender.add(int(tile_col), quantise(tiles[tile_row, int(tile_col)]))
        row, finished = blender.finish_row()
        assert row == sum(part.shape[1] for part in rows)
        rows.append(finished)
    return np.concatenate(rows, axis=1)


def _naive(grid: TileGrid, tiles: dict[tuple[int, int], np.ndarray], blending: Blending) -> np.ndarray:
    weight = WEIGHTS[blending](grid).tile.astype(np.float64)
    size = (grid.n_rows * grid.stride_px + grid.tile_px, grid.n_cols * grid.stride_px + grid.tile_px)
    total, weights = np.zeros((2, *size)), np.zeros(size)
    for row, col, window in grid.windows():
        area = window.slices()
        weights[area] += weight
        if (row, col) in tiles:
            total[:, area[0], area[1]] += weight * tiles[row, col]
    return (total / np.maximum(weights, 1e-9))[:, : grid.height, : grid.width]


@settings(deadline=None, max_examples=40)
@given(grid=grids(), seed=st.integers(0, 99), kind=KINDS)
def test_equals_a_float_accumulator_within_one_level(grid: TileGrid, seed: int, kind: Blending) -> None:
    tiles = _tiles(grid, seed)
    blended = _blend(grid, tiles, blending=kind)
    assert blended.shape == (2, grid.height, grid.width)
    assert np.abs(blended / 255 - _naive(grid, tiles, kind)).max() <= 0.5 / 255 + 1 / LEVELS


@settings(deadline=None, max_examples=25)
@given(grid=grids(), seed=st.integers(0, 99))
def test_the_order_of_tiles_does_not_matter(grid: TileGrid, seed: int) -> None:
    tiles = _tiles(grid, seed)
    np.testing.assert_array_equal(_blend(grid, tiles), _blend(grid, tiles, np.random.default_rng(seed)))


@settings(deadline=None, max_examples=40)
@given(grid=grids(), seed=st.integers(0, 99))
def test_a_missing_tile_counts_as_zero_with_its_weight(grid: TileGrid, seed: int) -> None:
    tiles = _tiles(grid, seed)
    rng = np.random.default_rng(seed)
    kept = {place: probs for place, probs in tiles.items() if rng.random() < 0.6}
    zeroed = {place: probs if place in kept else np.zeros_like(probs) for place, probs in tiles.items()}
    np.testing.assert_array_equal(_blend(grid, kept), _blend(grid, zeroed))


@settings(deadline=None, max_examples=40)
@given(grid=grids(), value=st.integers(0, 255), kind=KINDS)
def test_weights_are_a_partition_so_a_constant_stays(grid: TileGrid, value: int, kind: Blending) -> None:
    probs = np.full((2, grid.tile_px, grid.tile_px), value / 255, np.float32)
    blended = _blend(grid, {(r, c): probs for r, c, _ in grid.windows()}, blending=kind)
    assert (blended == value).all()


@settings(deadline=None, max_examples=60)
@given(grid=grids())
def test_weight_sums_are_those_of_the_tiles(grid: TileGrid) -> None:
    expected = np.zeros(grid.n_rows * grid.stride_px + grid.tile_px, int)
    for index in range(grid.n_rows):
        expected[index * grid.stride_px :][: grid.tile_px] += ramp(grid.tile_px, grid.overlap_px)
    found = weight_sums(grid.n_rows, grid.height, tile_px=grid.tile_px, overlap_px=grid.overlap_px)
    np.testing.assert_array_equal(found, expected[: grid.height])
    assert found.min() >= 1


@settings(deadline=None, max_examples=60)
@given(grid=grids(), kind=KINDS, rows=st.tuples(st.integers(0, 69), st.integers(1, 70)))
def test_sums_of_weights_are_those_of_the_tiles_whichever_rows_are_asked(
    grid: TileGrid, kind: Blending, rows: tuple[int, int]
) -> None:
    weights = WEIGHTS[kind](grid)
    expected = np.zeros((grid.n_rows * grid.stride_px + grid.tile_px, grid.n_cols * grid.stride_px + grid.tile_px), int)
    for _, _, window in grid.windows():
        expected[window.slices()] += weights.tile
    start, stop = sorted(min(row, grid.height) for row in rows)
    np.testing.assert_array_equal(weights.sums(start, stop), expected[start:stop, : grid.width])
    assert weights.tile.min() >= 1
    assert expected.max() <= weights.largest


@pytest.mark.parametrize("tile", [256, 512])
def test_squared_weights_are_the_published_ones_but_on_the_ring(tile: int) -> None:
    weights = SquaredWeights(TileGrid(tile, tile, tile, tile // 2)).tile
    published = squared_distance_weights(tile) * (tile // 4) ** 2
    np.testing.assert_allclose(weights[1:-1, 1:-1], published[1:-1, 1:-1], rtol=1e-12)
    assert (weights[[0, -1]] == 1).all()
    assert (published[[0, -1]] == 0).all()


def test_two_overlapping_ramps_add_up_to_the_plateau() -> None:
    sums = weight_sums(3, 12, tile_px=6, overlap_px=3)
    assert sums.tolist() == [1, 2, 3, 4, 4, 4, 4, 4, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("tile", "overlap"), [(512, 254), (512, 255), (512, 256), (512, 448), (1024, 512), (8192, 4096)]
)
def test_the_largest_possible_sum_fits_its_type(tile: int, overlap: int) -> None:
    grid = TileGrid(height=5 * tile, width=5 * tile, tile_px=tile, overlap_px=overlap)
    largest = int(weight_sums(grid.n_rows, grid.height, tile_px=tile, overlap_px=overlap).max())
    dtype = sum_dtype(LinearWeights(grid))
    assert LEVELS * largest**2 <= np.iinfo(dtype).max
    assert 255 * LEVELS * largest**2 + LEVELS * largest**2 // 2 < 2**64
    assert dtype == (np.uint32 if overlap <= 255 else np.uint64)


@pytest.mark.parametrize("kind", sorted(WEIGHTS))
@pytest.mark.parametrize("overlap", [255, 256, 300])
def test_all_ones_at_the_bound_give_all_255(overlap: int, kind: Blending) -> None:
    grid = TileGrid(height=600, width=600, tile_px=512, overlap_px=overlap)
    ones = np.ones((2, 512, 512), np.float32)
    assert (_blend(grid, {(r, c): ones for r, c, _ in grid.windows()}, blending=kind) == 255).all()


def test_an_absurd_overlap_is_refused() -> None:
    with pytest.raises(InputError, match="share at most half a tile"):
        sum_dtype(LinearWeights(TileGrid(height=9, width=9, tile_px=2100, overlap_px=2099)))


def test_every_sixteen_bit_probability_is_kept() -> None:
    levels = np.arange(LEVELS + 1)
    np.testing.assert_array_equal(quantise((levels / LEVELS).astype(np.float32)), levels)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.01, -0.01, 7.3])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(DataError, match="probabilities from 0 to 1"):
        quantise(np.array([[[0.5, value]]], np.float32))


def test_rounding_of_reduced_precision_is_clipped() -> None:
    assert quantise(np.array([-0.0005, 1.0005], np.float32)).tolist() == [0, LEVELS]


def test_a_tile_of_another_shape_is_refused() -> None:
    blender = RowBlender(TileGrid(20, 20, 8, 2), n_classes=2)
    for shape in itertools.chain([(1, 8, 8), (2, 8, 4), (2, 16, 16)]):
        with pytest.raises(DataError, match=r"must answer a tile with shape \(2, 8, 8\)"):
            blender.add(0, np.zeros(shape, np.uint16))
