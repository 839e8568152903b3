"""Blocks are computed once, by whichever thread comes first, and change no pixel."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graven.errors import DataError, InputError
from graven.prepare.blocks import shared_blocks
from graven.types import TileGrid, Window, raster_from_array

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 70, 90)).astype(np.uint8)


@given(
    st.integers(1, 100), st.integers(1, 5), st.tuples(*[st.integers(-20, 80)] * 2), st.tuples(*[st.integers(1, 60)] * 2)
)
def test_any_window_equals_the_raster(
    block_px: int, max_blocks: int, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    raster = raster_from_array(PIXELS)
    view = shared_blocks(raster, block_px=block_px, max_blocks=max_blocks)
    window = Window(*corner, *size)
    np.testing.assert_array_equal(view.read(window), raster.read(window))


def test_overlapping_tiles_read_each_block_once_from_any_thread() -> None:
    read: Counter[Window] = Counter()
    lock = threading.Lock()
    raster = raster_from_array(PIXELS)

    def read_pixels(window: Window) -> np.ndarray:
        with lock:
            read[window] += 1
        return raster.read_pixels(window)

    grid = TileGrid(70, 90, tile_px=16, overlap_px=4)
    view = shared_blocks(replace(raster, read_pixels=read_pixels), block_px=12, max_blocks=64)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda place: view.read(place[2]), grid.windows()))
    for (_, _, window), pixels in zip(grid.windows(), found, strict=True):
        np.testing.assert_array_equal(pixels, raster.read(window))
    assert set(read.values()) == {1}
    assert len(read) == 6 * 8


def test_a_failure_is_told_and_not_kept() -> None:
    failures = [DataError("damaged")]
    raster = raster_from_array(PIXELS)

    def read_pixels(window: Window) -> np.ndarray:
        if failures:
            raise failures.pop()
        return raster.read_pixels(window)

    view = shared_blocks(replace(raster, read_pixels=read_pixels), block_px=32, max_blocks=4)
    with pytest.raises(DataError, match="damaged"):
        view.read(Window(0, 0, 8, 8))
    np.testing.assert_array_equal(view.read(Window(0, 0, 8, 8)), PIXELS[:, :8, :8])


def test_sizes_are_checked() -> None:
    with pytest.raises(InputError, match="at least one pixel"):
        shared_blocks(raster_from_array(PIXELS), block_px=0, max_blocks=1)
