"""Streaming prediction: right, resumable with the same bytes, and bounded in memory."""

from __future__ import annotations

import itertools
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import DataError, InputError, Interrupted, MismatchError
from graven.io.rowstore import RowStore
from graven.predict.engines import load_engine
from graven.predict.stream import predict_raster, rows_of
from graven.types import Raster, TileGrid, Window, raster_from_array


@dataclass
class Rows:
    """A sink in memory."""

    parts: list[np.ndarray] = field(default_factory=list)
    states: list[str] = field(default_factory=list)

    @property
    def rows_done(self) -> int:
        return sum(part.shape[1] for part in self.parts)

    def write_rows(self, row: int, probs: np.ndarray, *, state: str) -> None:
        assert row == self.rows_done
        self.parts.append(probs.copy())
        self.states.append(state)

    @property
    def image(self) -> np.ndarray:
        return np.concatenate(self.parts, axis=1)


class Red:
    """Answers red / 255 and counts the tiles it saw."""

    name, version, precision, device, n_parallel, reason = "red", "1", "float32", "cpu", 2, "by hand"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.batches.append(len(batch))
        return batch[:, :1] / 255


class Blurred(Red):
    """Depends on the place in the tile, so that blending matters."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        shade = np.linspace(0, 1, batch.shape[-1], dtype=np.float32)
        return super().__call__(batch) * shade


def _panel(height: int, width: int, seed: int = 0, valid: np.ndarray | None = None) -> Raster:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, height, width)).astype(np.float32)
    return raster_from_array(pixels, valid=valid)


@settings(deadline=None, max_examples=30)
@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    tile=st.tuples(st.integers(2, 32), st.floats(0, 0.9)),
    n_parallel=st.integers(1, 4),
)
def test_a_network_that_answers_with_its_input_gives_the_raster(
    size: tuple[int, int], tile: tuple[int, float], n_parallel: int
) -> None:
    raster, sink = _panel(*size), Rows()
    grid = TileGrid(*size, tile_px=tile[0], overlap_px=int(tile[0] * tile[1]))
    engine = Red()
    engine.n_parallel = n_parallel
    summary = predict_raster(raster, grid, engine, n_classes=1, sink=sink)
    np.testing.assert_array_equal(sink.image[0], raster.read()[0])
    assert summary.n_predicted == summary.n_tiles == len(grid)


def test_with_openvino_and_a_real_graph(write_onnx: Callable[..., Path]) -> None:
    raster, sink = _panel(70, 90), Rows()
    predict_raster(
        raster, TileGrid(70, 90, 32, 8), load_engine(write_onnx(), precision="float32"), n_classes=1, sink=sink
    )
    np.testing.assert_array_equal(sink.image[0], raster.read()[0])


def test_tiles_that_a_gate_rejected_are_neither_read_nor_predicted_and_count_as_zero() -> None:
    raster, engine, sink = _panel(40, 60), Red(), Rows()
    read: list[Window] = []

    def read_pixels(window: Window) -> np.ndarray:
        read.append(window)
        return raster.read_pixels(window)

    watched = Raster(40, 60, 3, raster.dtype, read_pixels, raster.read_valid)
    summary = predict_raster(watched, TileGrid(40, 60, 20, 0), engine, n_classes=1, sink=sink, states=("pgp", "ppi"))
    assert summary.states == ("pgp", "ppi")
    assert (summary.n_gated, summary.n_invalid, summary.n_predicted) == (1, 1, 4)
    assert summary.skipped_share == pytest.approx(1 / 3)
    assert len(engine.batches) == len(read) == 4
    expected = raster.read()[0].copy()
    expected[:20, 20:40] = expected[20:, 40:] = 0
    np.testing.assert_array_equal(sink.image[0], expected)


def test_decisions_for_another_grid_are_refused() -> None:
    with pytest.raises(MismatchError, match="not for a grid of 2 x 3 tiles"):
        predict_raster(_panel(40, 60), TileGrid(40, 60, 20, 0), Red(), n_classes=1, sink=Rows(), states=("pgp", "pp"))


def test_as_many_tiles_are_predicted_at_once_as_the_engine_takes() -> None:
    together = threading.Barrier(3, timeout=30)

    class Waits(Red):
        n_parallel = 2

        def __call__(self, batch: np.ndarray) -> np.ndarray:
            together.wait()  # breaks unless three calls are under way
            return super().__call__(batch)

    sink, raster = Rows(), _panel(30, 30)
    predict_raster(raster, TileGrid(30, 30, 10, 0), Waits(), n_classes=1, sink=sink)
    np.testing.assert_array_equal(sink.image[0], raster.read()[0])


def test_tiles_without_a_valid_pixel_are_not_read() -> None:
    valid = np.ones((40, 60), bool)
    valid[20:, 40:] = False
    raster = _panel(40, 60, valid=valid)
    read: list[Window] = []

    def read_pixels(window: Window) -> np.ndarray:
        read.append(window)
        return raster.read_pixels(window)

    watched = Raster(40, 60, 3, raster.dtype, read_pixels, raster.read_valid)
    sink = Rows()
    summary = predict_raster(watched, TileGrid(40, 60, 20, 0), Red(), n_classes=1, sink=sink)
    assert summary.states == ("ppp", "ppi")
    assert Window(20, 40, 20, 20) not in read
    assert len(read) == 5
    assert (sink.image[0, 20:, 40:] == 0).all()


@settings(deadline=None, max_examples=12)
@given(stop=st.integers(0, 40), overlap=st.integers(0, 15), seed=st.integers(0, 9))
def test_interrupted_and_resumed_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, stop: int, overlap: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    raster, grid = _panel(83, 61, seed), TileGrid(83, 61, 16, overlap)
    whole = Rows()
    letters = np.random.default_rng(seed).choice(["p", "p", "g"], (grid.n_rows, grid.n_cols))
    states = tuple("".join(line) for line in letters)
    expected = predict_raster(raster, grid, Blurred(), n_classes=1, sink=whole, states=states)
    asked = iter(range(10**6))
    options = {"height": 83, "width": 61, "n_bands": 1, "key": "k"}
    with RowStore(folder, **options) as store:
        interruption = None
        try:
            predict_raster(
                raster,
                grid,
                Blurred(),
                n_classes=1,
                sink=store,
                states=states,
                should_stop=lambda: next(asked) >= stop,
            )
        except Interrupted as error:
            interruption = str(error)
        assert store.is_complete == (interruption is None)
    assert interruption is None or "--resume" in interruption
    with RowStore(folder, **options, resume=True) as store:
        summary = predict_raster(raster, grid, Blurred(), n_classes=1, sink=store, states=states)
        np.testing.assert_array_equal(store.raster().read(), whole.image)
    assert summary.states == expected.states
    assert summary.n_gated == expected.n_gated


@settings(deadline=None, max_examples=12)
@given(cuts=st.sets(st.integers(1, 40)), overlap=st.integers(0, 15), seed=st.integers(0, 9))
def test_stretches_of_tile_rows_join_to_the_bytes_of_one_run(cuts: set[int], overlap: int, seed: int) -> None:
    raster, grid = _panel(83, 61, seed), TileGrid(83, 61, 16, overlap)
    whole = Rows()
    predict_raster(raster, grid, Blurred(), n_classes=1, sink=whole)
    ends = [0, *sorted(cut for cut in cuts if cut < grid.n_rows), grid.n_rows]
    parts = []
    for start, stop in itertools.pairwise(ends):
        sink, stretch = Rows(), range(start, stop)
        summary = predict_raster(raster, grid, Blurred(), n_classes=1, sink=sink, tile_rows=stretch)
        assert sink.rows_done == len(rows_of(grid, stretch))
        assert summary.n_tiles == len(stretch) * grid.n_cols == summary.n_predicted
        parts.append(sink.image)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole.image)


def test_a_complete_store_is_not_predicted_again(tmp_path: Path) -> None:
    raster, grid, engine = _panel(30, 30), TileGrid(30, 30, 16, 4), Red()
    with RowStore(tmp_path, height=30, width=30, n_bands=1, key="k") as store:
        predict_raster(raster, grid, engine, n_classes=1, sink=store)
        seen = len(engine.batches)
        summary = predict_raster(raster, grid, engine, n_classes=1, sink=store)
    assert len(engine.batches) == seen
    assert summary.n_tile_rows_resumed == grid.n_rows


def test_ctrl_c_inside_the_network_keeps_the_finished_rows() -> None:
    class Stops(Red):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            if len(self.batches) == 3:
                raise KeyboardInterrupt
            return super().__call__(batch)

    sink = Rows()
    with pytest.raises(Interrupted, match="stopped after 1 of 3 tile rows"):
        predict_raster(_panel(30, 20), TileGrid(30, 20, 10, 0), Stops(), n_classes=1, sink=sink)
    assert sink.rows_done == 10


def test_progress_counts_every_tile_once() -> None:
    told: list[tuple[int, int]] = []
    predict_raster(
        _panel(40, 50),
        TileGrid(40, 50, 20, 0),
        Red(),
        n_classes=1,
        sink=Rows(),
        progress=lambda a, b: told.append((a, b)),
    )
    assert told == [(n, 6) for n in range(1, 7)]


def _peak_of(height: int, *, read_rows: Sequence[int] = ()) -> int:
    def read_pixels(window: Window) -> np.ndarray:
        return np.full((3, window.height, window.width), 100.0, np.float32)

    def read_valid(window: Window) -> np.ndarray:
        return np.ones((window.height, window.width), bool)

    class Nowhere:
        rows_done = 0
        states: tuple[str, ...] = ()

        def write_rows(self, row: int, probs: np.ndarray, *, state: str) -> None:
            pass

    raster = Raster(height, 900, 3, np.dtype(np.float32), read_pixels, read_valid)
    tracemalloc.start()
    predict_raster(raster, TileGrid(height, 900, 128, 32), Red(), n_classes=1, sink=Nowhere())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_height() -> None:
    _peak_of(128)
    low, high = _peak_of(1000), _peak_of(8000)
    in_flight = 6 * 2 * 3 * 128 * 128 * 4  # how many tiles are on their way at the peak is chance
    assert high <= low + 8 * 7000 + in_flight  # the sums of weights are 8 bytes per row; the raster has 6.3 MB more
    assert high < 8 * 900 * 128 * 4 + in_flight


@pytest.mark.parametrize("answer", [np.nan, 1.5])
def test_answers_that_are_no_probabilities_stop_the_run(answer: float) -> None:
    class Wrong(Red):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            return np.full((len(batch), 1, 8, 8), answer, np.float32)

    with pytest.raises(DataError, match="probabilities from 0 to 1"):
        predict_raster(_panel(8, 8), TileGrid(8, 8, 8, 0), Wrong(), n_classes=1, sink=Rows())


def test_sizes_are_checked() -> None:
    with pytest.raises(MismatchError, match="the tile grid is for 9 x 8 px, the raster has 8 x 8"):
        predict_raster(_panel(8, 8), TileGrid(9, 8, 8, 0), Red(), n_classes=1, sink=Rows())
    with pytest.raises(InputError, match="a stretch of 0 to 1"):
        predict_raster(_panel(8, 8), TileGrid(8, 8, 8, 0), Red(), n_classes=1, sink=Rows(), tile_rows=range(0, 2))
    torn = Rows([np.zeros((1, 5, 8), np.uint8)], ["p"])
    with pytest.raises(MismatchError, match="ends at row 5 after 1 tile rows, the grid expects row 4"):
        predict_raster(_panel(8, 8), TileGrid(8, 8, 4, 0), Red(), n_classes=1, sink=torn)
