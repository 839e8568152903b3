from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import block_reduce

from graven.errors import InputError
from graven.report.overview import overview, overview_factor, shrink_labels, shrink_max, shrink_mean
from graven.types import NODATA, Window, raster_from_array


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 70), st.integers(0, 9))
def test_band_by_band_equals_the_whole(height: int, width: int, long_side: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)
    raster = raster_from_array(pixels)
    factor = overview_factor(height, width, long_side_px=long_side)
    small = overview(raster.read, height=height, width=width, how="mean", long_side_px=long_side)
    np.testing.assert_array_equal(small, shrink_mean(pixels, factor))
    assert max(small.shape[1:]) <= long_side
    assert small.shape == (3, -(-height // factor), -(-width // factor))


def test_long_panels_are_read_in_several_bands() -> None:
    rng = np.random.default_rng(1)
    labels = rng.choice(np.array([0, 0, 0, 1, 2, NODATA], np.uint8), (1500, 40))
    read_rows: list[tuple[int, int]] = []

    def read(window: Window) -> np.ndarray:
        read_rows.append((window.row, window.row_end))
        return labels[window.slices()]

    small = overview(read, height=1500, width=40, how="labels", long_side_px=300)
    np.testing.assert_array_equal(small, shrink_labels(labels, 5))
    assert len(read_rows) > 3
    assert [start for start, _ in read_rows] == [0] + [end for _, end in read_rows[:-1]]


def test_mean_and_max_agree_with_skimage_on_whole_blocks() -> None:
    values = np.random.default_rng(2).random((24, 36)).astype(np.float32)
    np.testing.assert_allclose(shrink_mean(values, 6), block_reduce(values, (6, 6), np.mean), rtol=1e-6)
    np.testing.assert_array_equal(shrink_max(values, 6), block_reduce(values, (6, 6), np.max))


def test_fractions_of_a_pixel_count_by_their_area() -> None:
    # Factor 1.5: the first block holds pixel 0 and half of pixel 1, the second the other half and pixel 2.
    row = np.array([[6.0, 3.0, 9.0, 30.0]])
    np.testing.assert_allclose(shrink_mean(row, 1.5), [[5.0, 7.0, 30.0]])
    np.testing.assert_array_equal(shrink_max(row, 1.5), [[6.0, 9.0, 30.0]])
    assert overview_factor(10, 2048) == 1.5


@given(st.integers(1, 40), st.integers(4, 40), st.integers(0, 9))
def test_shrinking_keeps_the_mean_and_the_largest_value(side: int, quarters: int, seed: int) -> None:
    factor = quarters / 4
    values = np.random.default_rng(seed).random((side, side))
    blocks = shrink_mean(values, factor)
    edges = np.minimum(np.arange(len(blocks) + 1) * factor, side)
    area = np.outer(np.diff(edges), np.diff(edges))
    assert abs((blocks * area).sum() / side**2 - values.mean()) < 1e-12
    assert shrink_max(values, factor).max() == values.max()
    assert (shrink_max(values, factor) >= blocks - 1e-12).all()


def test_border_blocks_average_only_what_they_hold() -> None:
    # 3 columns by blocks of 2: the second block holds one column.
    np.testing.assert_array_equal(shrink_mean(np.array([[2, 4, 9], [2, 4, 9]], np.uint8), 2), [[3, 9]])


def test_one_pixel_mark_survives_and_nodata_does_not_cover_it() -> None:
    labels = np.full((40, 40), NODATA, np.uint8)
    labels[:, 20:] = 0
    labels[7, 3] = 1
    labels[33, 33] = 2
    small = shrink_labels(labels, 10)
    expected = np.array([[1, NODATA, 0, 0], [NODATA, NODATA, 0, 0], [NODATA, NODATA, 0, 0], [NODATA, NODATA, 0, 2]])
    np.testing.assert_array_equal(small, expected)


def test_bad_requests() -> None:
    with pytest.raises(InputError, match="mean, max or labels"):
        overview(lambda window: window, height=1, width=1, how="median")  # type: ignore[arg-type]  # a wrong word on purpose
    with pytest.raises(InputError, match="at least one pixel"):
        overview_factor(0, 5)
