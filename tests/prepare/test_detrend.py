"""Detail of heights: the published preparation, ours where it agrees with it, and tiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import DataError, InputError, ScaleError
from graven.prepare.detrend import (
    DetailStatistics,
    detail_input,
    detail_statistics,
    highpass,
    highpass_margin_px,
    highpass_statistics,
    highpass_view,
)
from graven.prepare.detrend_official import NETWORK_STATISTICS, normalised, official_input
from graven.types import PixelSize, Window, raster_from_array

PIXEL_MM = 0.1
SIGMA_MM = 0.25


def _surface(height: int = 120, width: int = 150, seed: int = 0) -> np.ndarray:
    """A slanted dome with grooves and noise, in millimetres."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] * PIXEL_MM
    dome = 2 - 0.002 * ((x - 6) ** 2 + (y - 5) ** 2) + 0.05 * x
    grooves = 0.05 * np.cos(4 * x + 2 * y)
    return (dome + grooves + rng.normal(0, 0.01, x.shape)).astype(np.float32)


def _raster(height: np.ndarray, valid: np.ndarray | None = None):
    return raster_from_array(height, valid=valid, pixel_size=PixelSize(PIXEL_MM, PIXEL_MM, "user"))


def _gauss(image: np.ndarray, sigma_px: float) -> np.ndarray:
    """Smooth by the definition: a sampled Gaussian cut at 4 sigma, the border repeated."""
    reach = int(4 * sigma_px + 0.5)
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    weight /= weight.sum()
    for axis in (0, 1):
        padded = np.pad(image, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis)
        image = windows @ weight
    return image


@pytest.mark.parametrize("mm_per_inch", [25.0, 25.4])
def test_the_published_preparation_step_by_step(mm_per_inch: float) -> None:
    height = _surface()
    depth = height.astype(np.float64)
    sigma_px = 1.0 * 60 / mm_per_inch
    depth = depth - _gauss(depth, sigma_px) + depth.mean()
    depth = np.clip((depth - depth.mean()) / depth.std(), -3, 3)
    depth -= depth.min()
    depth /= depth.max()
    got = official_input(height, dpi=60, mm_per_inch=mm_per_inch)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, depth, atol=2e-5)
    np.testing.assert_allclose(normalised(got), (depth - 0.5140403) / 0.15302444, atol=2e-4)


def test_the_published_preparation_by_hand() -> None:
    # 0 0 0 9 0 0 0 with so narrow a Gaussian (0.05 px: one weight) that it returns the image: d - d + mean is the mean
    # everywhere, which leaves nothing. At 0.5 px the weights are 1, 2 exp(-2), 2 exp(-8) over their sum.
    row = np.zeros((1, 7), np.float32)
    row[0, 3] = 9
    with pytest.raises(InputError, match="all heights are the same"):
        official_input(row, dpi=25, sigma_mm=0.05)
    side, far = math.exp(-2), math.exp(-8)
    norm = 1 + 2 * side + 2 * far
    smooth = 9 * np.array([0, far, side, 1, side, far, 0]) / norm
    detail = row[0] - smooth + 9 / 7
    standard = (detail - detail.mean()) / detail.std()  # the middle is 2.4 deviations high: nothing is clipped
    expected = (standard - standard.min()) / (standard.max() - standard.min())
    np.testing.assert_allclose(official_input(row, dpi=25, sigma_mm=0.5)[0], expected, atol=1e-6)
    assert expected[3] == 1


def test_ours_is_the_published_filter_away_from_the_border() -> None:
    height = _surface()
    sigma_px = SIGMA_MM / PIXEL_MM
    expected = height - _gauss(height.astype(np.float64), sigma_px)
    inner = slice(highpass_margin_px(SIGMA_MM, pixel_size_mm=PIXEL_MM), -10)
    got = highpass(height, pixel_size_mm=PIXEL_MM, sigma_mm=SIGMA_MM)
    np.testing.assert_allclose(got[inner, inner], expected[inner, inner], atol=1e-6)


def test_unknown_heights_do_not_count() -> None:
    # With infinitely deep holes masked out, the detail is that of the definition over known neighbours.
    height = _surface(40, 50)
    valid = np.random.default_rng(1).random(height.shape) > 0.3
    got = highpass(np.where(valid, height, -1e9), pixel_size_mm=PIXEL_MM, sigma_mm=SIGMA_MM, valid=valid)
    reach = 10
    offset = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (offset / 2.5) ** 2)
    for row, col in [(0, 0), (20, 25), (39, 49), (5, 44)]:
        row, col = min(np.argwhere(valid), key=lambda place: abs(place[0] - row) + abs(place[1] - col))
        rows, cols = np.clip(row + offset, 0, 39), np.clip(col + offset, 0, 49)
        inside = ((row + offset >= 0) & (row + offset < 40))[:, None] & ((col + offset >= 0) & (col + offset < 50))
        share = np.outer(weight, weight) * inside * valid[np.ix_(rows, cols)]
        mean = (share * height[np.ix_(rows, cols)].astype(np.float64)).sum() / share.sum()
        assert got[row, col] == pytest.approx(height[row, col] - mean, abs=1e-6)
    np.testing.assert_array_equal(np.isnan(got), ~valid)


def test_a_slanted_plane_has_no_detail_and_a_level_does_not_matter() -> None:
    y, x = np.mgrid[:60, :60].astype(np.float32)
    plane = highpass(1000 + x / 8 + y / 16, pixel_size_mm=PIXEL_MM, sigma_mm=SIGMA_MM)
    np.testing.assert_allclose(plane[10:-10, 10:-10], 0, atol=1e-5)
    height = np.round(_surface() * 4096) / 4096
    np.testing.assert_allclose(
        highpass(height + np.float32(512), pixel_size_mm=PIXEL_MM), highpass(height, pixel_size_mm=PIXEL_MM), atol=2e-6
    )


@settings(deadline=None, max_examples=40)
@given(place=st.tuples(st.integers(0, 119), st.integers(0, 149), st.integers(1, 60), st.integers(1, 60)))
def test_any_window_equals_the_whole(place: tuple[int, int, int, int]) -> None:
    height = _surface()
    valid = np.random.default_rng(2).random(height.shape) > 0.1
    valid[60:90, 40:80] = False
    view = highpass_view(_raster(height, valid), sigma_mm=SIGMA_MM)
    row, col = place[:2]
    window = Window(row, col, min(place[2], 120 - row), min(place[3], 150 - col))
    rows, cols = window.slices()
    np.testing.assert_allclose(view.read(window), view.read()[:, rows, cols], atol=2e-3, rtol=0)


def test_statistics_are_of_the_object_only() -> None:
    height = _surface()
    valid = np.zeros(height.shape, bool)
    valid[20:100, 30:120] = True
    height[~valid] += 50
    found = highpass_statistics(_raster(height, valid), sigma_mm=SIGMA_MM)
    detail = highpass(height, pixel_size_mm=PIXEL_MM, sigma_mm=SIGMA_MM, valid=valid)[valid].astype(np.float64)
    assert found.mean_mm == pytest.approx(detail.mean(), abs=1e-6)
    assert found.std_mm == pytest.approx(detail.std(), rel=1e-5)
    view = highpass_view(_raster(height, valid), sigma_mm=SIGMA_MM)
    standard = np.clip((detail - detail.mean()) / detail.std(), -3, 3)
    np.testing.assert_allclose(view.read()[0][valid], (standard + 3) / 6 * 255, atol=0.02)
    assert (view.read()[0][~valid] == 127.5).all()
    np.testing.assert_array_equal(view.read_valid(view.bounds), valid)


def test_statistics_of_parts_are_those_of_the_whole() -> None:
    detail = np.random.default_rng(4).normal(0.3, 0.1, (50, 40)).astype(np.float32)
    detail[7, :9] = np.nan
    whole, parts = detail_statistics([detail]), detail_statistics([detail[:11], detail[11:]])
    assert whole.mean_mm == pytest.approx(np.nanmean(detail, dtype=np.float64))
    assert (parts.mean_mm, parts.std_mm) == pytest.approx((whole.mean_mm, whole.std_mm))


def test_ours_and_the_published_input_agree_where_both_clips_are_reached() -> None:
    # Spikes of both signs reach both clips, so that the range found is the range of the clip; no border, all known.
    height = np.zeros((200, 200), np.float32)
    height[50:150:20, 50:150:20] = 1
    height[60:150:20, 60:150:20] = -1
    official = official_input(height, dpi=254, sigma_mm=0.25, mm_per_inch=25.4)
    detail = highpass(height, pixel_size_mm=0.1, sigma_mm=0.25)
    np.testing.assert_allclose(detail_input(detail, detail_statistics([detail])), official, atol=1e-5)


def test_network_statistics_are_the_published_ones() -> None:
    assert NETWORK_STATISTICS["depth"] == (0.5140403, 0.15302444)
    assert normalised(np.float32([0.7927827]), modality="normal_z").tolist() == [0.0]
    with pytest.raises(InputError, match="must be one of depth, albedo"):
        normalised(np.zeros(1, np.float32), modality="colour")


def test_what_cannot_be_prepared_is_refused() -> None:
    height = _surface()
    with pytest.raises(DataError, match="no detail is left"):
        highpass_view(_raster(np.ones((9, 9), np.float32)))
    with pytest.raises(DataError, match="no height is known"):
        highpass_view(_raster(height, np.zeros(height.shape, bool)))
    with pytest.raises(DataError, match="one band of float32"):
        highpass_view(raster_from_array(np.zeros((2, 9, 9), np.float32), pixel_size=PixelSize(1, 1, "user")))
    with pytest.raises(ScaleError, match=r"square pixels, got 0\.1 x 0\.2 mm"):
        highpass_view(raster_from_array(height, pixel_size=PixelSize(0.1, 0.2, "user")))
    with pytest.raises(InputError, match="give both or none"):
        highpass_view(_raster(height), mean_mm=0.0)
    with pytest.raises(InputError, match="deviation above 0"):
        DetailStatistics(0.0, 0.0)
    with pytest.raises(InputError, match="the clip must be positive"):
        highpass_view(_raster(height), clip=0.0)
    with pytest.raises(InputError, match="knows no missing heights"):
        official_input(np.float32([[1, np.nan]]), dpi=100)
    with pytest.raises(InputError, match="width of the Gaussian"):
        highpass(height, pixel_size_mm=0.1, sigma_mm=0.0)
    with pytest.raises(InputError, match="shape of the heights"):
        highpass(height, pixel_size_mm=0.1, valid=np.ones((2, 2), bool))
