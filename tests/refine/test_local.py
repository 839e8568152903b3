"""Tiles: which see a change, and that local prediction is the prediction of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from graven.errors import DataError, InputError
from graven.refine.keeping import KEEPING, Keeping
from graven.refine.local import (
    STEPS,
    Refiner,
    Turn,
    answer_tile,
    in_steps,
    stitch,
    tiles_over,
    tiles_seeing,
)
from graven.types import TileGrid, Window, raster_from_array


@st.composite
def grids(draw: Any) -> TileGrid:
    tile = draw(st.integers(2, 9))
    return TileGrid(draw(st.integers(1, 25)), draw(st.integers(1, 25)), tile, draw(st.integers(0, tile - 1)))


@st.composite
def grids_and_windows(draw: Any) -> tuple[TileGrid, Window]:
    grid = draw(grids())
    row, col = draw(st.integers(0, grid.height - 1)), draw(st.integers(0, grid.width - 1))
    return grid, Window(row, col, draw(st.integers(1, grid.height - row)), draw(st.integers(1, grid.width - col)))


def cut(values: NDArray[Any], window: Window) -> NDArray[Any]:
    """The window of an array, mirrored by NumPy."""
    below, right = max(0, window.row_end - values.shape[0]), max(0, window.col_end - values.shape[1])
    padded = values
    for axis, missing in enumerate((below, right)):
        wide = [(0, 0), (0, 0)]
        wide[axis] = (0, missing)
        padded = np.pad(padded, wide, mode="reflect" if values.shape[axis] > 1 else "edge")
    return padded[window.slices()]


@settings(deadline=None)
@given(grids_and_windows())
def test_tiles_over_a_window_are_those_that_share_a_pixel(pair):
    grid, window = pair
    expected = [(row, col) for row, col, frame in grid.windows() if not frame.intersection(window).is_empty]
    assert tiles_over(grid, window) == expected


@settings(deadline=None)
@given(grids_and_windows())
def test_tiles_that_see_a_window_are_those_whose_input_it_changes(pair):
    grid, window = pair
    changed = np.zeros((grid.height, grid.width), np.int8)
    changed[window.slices()] = 1
    expected = {(row, col) for row, col, frame in grid.windows() if cut(changed, frame).any()}
    seeing = tiles_seeing(grid, window)
    assert expected <= set(seeing)
    # Where a tile is mirrored more than once, what lies between its extremes counts as seen too.
    for row, col in set(seeing) - expected:
        frame = grid.window(row, col)
        assert frame.row_end > grid.height or frame.col_end > grid.width


def test_an_empty_window_touches_no_tile():
    grid = TileGrid(20, 20, 8, 4)
    assert tiles_over(grid, Window(3, 3, 0, 0)) == tiles_seeing(grid, Window(3, 3, 0, 0)) == []


def blended_one_by_one(
    grid: TileGrid, weights: NDArray[np.float64], base: NDArray[np.float32], answers: dict[Any, NDArray[np.int16]]
) -> NDArray[np.float32]:
    """The weighted mean of the changes at every pixel, tile after tile."""
    found = base.copy()
    for row in range(grid.height):
        for col in range(grid.width):
            total = whole = 0.0
            for tile_row, tile_col, frame in grid.windows():
                i, j = row - frame.row, col - frame.col
                if not (0 <= i < grid.tile_px and 0 <= j < grid.tile_px):
                    continue
                change = answers.get((tile_row, tile_col))
                total += 0.0 if change is None else weights[i, j] * (change[i, j] / STEPS)
                whole += weights[i, j]
            found[row, col] += np.float32(total / whole)
    return found


@settings(deadline=None, max_examples=60)
@given(grids_and_windows(), st.integers(0, 2**32 - 1))
def test_answers_are_blended_by_their_weights_and_the_rest_is_left(pair, seed):
    grid, window = pair
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(grid.height, grid.width)).astype(np.float32)
    weights = rng.uniform(1e-6, 1, (grid.tile_px, grid.tile_px))
    answers = {
        (row, col): rng.integers(-500, 500, weights.shape).astype(np.int16)
        for row, col, _ in grid.windows()
        if rng.random() < 0.4
    }
    expected = blended_one_by_one(grid, weights, base, answers)
    slices = window.slices()
    found = stitch(window, grid=grid, weights=weights, base=base[slices], answer_of=answers.get)
    assert np.array_equal(found, expected[slices])


def test_vector_b_stitch_2(vectors):
    """Two tiles meet in the one column they share."""
    vector = vectors["B-STITCH-2"]
    grid = TileGrid(2, 3, 2, 1)
    weights = np.array(vector["inputs"]["weights"])
    first, second = (np.full((2, 2), STEPS * logit, np.int16) for logit in vector["inputs"]["logits"])
    answers = {(0, 0): first, (0, 1): second}
    # The shared column is the second of the first tile and the first of the second.
    both = np.array([[weights[1], weights[0]]] * 2)
    base = np.zeros((2, 3), np.float32)
    found = stitch(Window(0, 0, 2, 3), grid=grid, weights=both, base=base, answer_of=answers.get)
    expected = vector["expected"]["mean_logit"]
    assert found[0, 1] == pytest.approx(expected, abs=1e-6)
    assert 1 / (1 + np.exp(-found[0, 1])) == pytest.approx(vector["expected"]["probability"], abs=1e-6)


def refiner(grid: TileGrid, predict: Any, weights: Any = None, **options: Any) -> Refiner:
    side = grid.tile_px
    weights = np.ones((side, side)) if weights is None else weights
    return Refiner(predict=predict, grid=grid, weights=weights, **options)


def turn(hints: NDArray[np.int8], *, change: Any = 0, stroke: Any = None) -> Turn:
    changes = np.broadcast_to(np.int16(change), hints.shape)
    return Turn(hints, hints if stroke is None else stroke, changes)


def test_the_network_sees_the_inputs_the_logits_and_the_hints_of_its_tile_mirrored_at_the_border():
    rng = np.random.default_rng(3)
    grid = TileGrid(10, 13, 8, 3)
    planes = rng.normal(size=(2, 10, 13)).astype(np.float32)
    hints = rng.integers(-1, 2, (10, 13)).astype(np.int8)
    seen = []

    def predict(patch: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(patch)
        return patch[1]

    window = grid.window(1, 2)
    change = answer_tile(refiner(grid, predict), raster_from_array(planes), (1, 2), turn(cut(hints, window)))
    expected = np.stack([cut(plane, window) for plane in (*planes, hints)])
    assert seen[0].dtype == np.float32
    assert np.array_equal(seen[0], expected.astype(np.float32))
    assert not change.any()  # it answers with the initial logits


def test_the_network_may_be_shown_other_planes_than_those_that_are_changed():
    grid, planes = TileGrid(8, 8, 8, 0), np.full((2, 8, 8), 3, np.float32)
    shown = np.full((2, 8, 8), 5, np.float32)
    network = refiner(grid, lambda patch: patch[1] + patch[0], see=lambda _tile: shown, keeping=Keeping())
    change = answer_tile(network, raster_from_array(planes), (0, 0), turn(np.zeros((8, 8), np.int8)))
    assert (change == (10 - 3) * STEPS).all()


@pytest.mark.parametrize("name", [name for name in KEEPING if name != "oracle"])
def test_far_from_the_stroke_and_against_it_graven_keeps_what_stood(name):
    """Every rule does what `keep` does; ours lets nothing pass that lies far from the stroke or contradicts it."""
    side = 128
    grid = TileGrid(side, side, side, 0)
    rng = np.random.default_rng(4)
    planes = rng.normal(size=(2, side, side)).astype(np.float32)
    said = rng.normal(0, 3, (side, side)).astype(np.float32)
    before = rng.integers(-200, 200, (side, side)).astype(np.int16)
    stroke = np.zeros((side, side), np.int8)
    stroke[10, 10] = 1
    network = refiner(grid, lambda _patch: said, keeping=KEEPING[name])
    change = answer_tile(network, raster_from_array(planes), (0, 0), turn(stroke, change=before))
    earlier, later = planes[1] + before / STEPS, planes[1] + change / STEPS
    distance = np.hypot(*(np.mgrid[:side, :side] - 10))
    if name in ("guarded", "local"):
        assert np.array_equal(change[distance > 48], before[distance > 48])
    if name in ("guarded", "polarity"):
        assert (change >= before).all()
    if name == "official":
        assert np.abs(later - said).max() <= 0.5 / STEPS + 1e-5
    assert not np.allclose(later, earlier)


def test_what_graven_keeps_is_its_default_and_needs_no_truth():
    grid = TileGrid(8, 8, 8, 0)
    assert refiner(grid, None).keeping == KEEPING["guarded"]
    with pytest.raises(InputError, match="needs the truth is for simulations"):
        refiner(grid, None, keeping=KEEPING["oracle"])


def test_changes_are_kept_to_half_a_step_within_the_range():
    logits = np.linspace(-600, 600, 4096, dtype=np.float32)
    back = in_steps(logits) / STEPS
    inside = np.abs(logits) < 511
    assert np.abs(back - logits)[inside].max() <= 0.5 / STEPS
    assert np.array_equal(np.unique(back[~inside]), [-511, 511])


HINTS = np.zeros((8, 8), np.int8)


@pytest.mark.parametrize("answer", [np.zeros((8, 7)), np.full((8, 8), np.nan), np.full((8, 8), np.inf)])
def test_an_answer_that_is_none_is_refused(answer):
    grid = TileGrid(8, 8, 8, 0)
    planes = np.zeros((2, 8, 8), np.float32)
    with pytest.raises(DataError, match="8 x 8 finite logits"):
        answer_tile(refiner(grid, lambda _patch: answer), raster_from_array(planes), (0, 0), turn(HINTS))


def test_inputs_must_be_finite_everywhere():
    planes = np.zeros((2, 8, 8), np.float32)
    planes[0, 3, 3] = np.nan
    grid = TileGrid(8, 8, 8, 0)
    with pytest.raises(DataError, match="must be finite, also outside the object"):
        answer_tile(refiner(grid, lambda patch: patch[1]), raster_from_array(planes), (0, 0), turn(HINTS))


def test_weights_must_be_positive_and_of_the_tile():
    grid = TileGrid(8, 8, 4, 0)
    with pytest.raises(InputError, match=r"must have shape \(4, 4\), got \(8, 8\)"):
        refiner(grid, None, np.ones((8, 8)))
    with pytest.raises(InputError, match="positive, also on the border"):
        refiner(grid, None, np.pad(np.ones((2, 2)), 1))
