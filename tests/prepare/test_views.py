"""Warped views: any window equals the whole, geometry is exact, and results come back to their place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import InputError, ScaleError
from graven.prepare.frame import working_frame
from graven.prepare.rotation import RotationEstimate, correction_affine, estimate_rotation
from graven.prepare.views import affine_view, bring_back
from graven.types import Georeference, PixelSize, Raster, Window, raster_from_array
from graven.types.affine import IDENTITY, compose, invert

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 150, 210), dtype=np.uint8)


def _rotated(skew_deg: float, step: float) -> tuple[tuple[float, ...], int, int]:
    matrix, height, width = correction_affine(150, 210, skew_deg)
    return compose(matrix, (step, 0, 0, 0, step, 0)), int(height / step) + 1, int(width / step) + 1


@settings(deadline=None, max_examples=60)
@given(
    skew=st.floats(-45, 45),
    step=st.floats(0.4, 4),
    place=st.tuples(st.integers(0, 999), st.integers(0, 999), st.integers(1, 90), st.integers(1, 90)),
    order=st.sampled_from([0, 1]),
)
def test_any_window_of_a_view_equals_the_whole(
    skew: float, step: float, place: tuple[int, int, int, int], order: int
) -> None:
    matrix, height, width = _rotated(skew, step)
    view = affine_view(raster_from_array(IMAGE), matrix, height, width, order=order)
    row, col = place[0] % height, place[1] % width
    window = Window(row, col, min(place[2], height - row), min(place[3], width - col))
    rows, cols = window.slices()
    np.testing.assert_array_equal(view.read(window), view.read()[:, rows, cols])
    np.testing.assert_array_equal(view.read_valid(window), view.read_valid(view.bounds)[rows, cols])


def test_a_view_larger_than_its_blocks_is_one_picture() -> None:
    image = np.random.default_rng(4).integers(0, 256, (1, 400, 900), dtype=np.uint8)
    matrix, height, width = correction_affine(400, 900, 11.0)
    view = affine_view(raster_from_array(image), matrix, height, width)
    whole, valid = view.read(), view.read_valid(view.bounds)
    for window in (Window(500, 480, 60, 70), Window(0, 511, height, 2), Window(511, 0, 2, width)):
        rows, cols = window.slices()
        np.testing.assert_array_equal(view.read(window), whole[:, rows, cols])
        np.testing.assert_array_equal(view.read_valid(window), valid[rows, cols])


def test_a_long_row_of_a_turned_view_reads_small_boxes() -> None:
    asked: list[Window] = []

    def read_pixels(window: Window) -> np.ndarray:
        asked.append(window)
        return np.zeros((1, window.height, window.width), np.uint8)

    source = Raster(4000, 30000, 1, np.dtype(np.uint8), read_pixels, lambda w: np.ones((w.height, w.width), bool))
    matrix, _, width = correction_affine(4000, 30000, 10.0)
    affine_view(source, matrix, 9000, width).read(Window(4000, 0, 64, width))
    assert max(w.height * w.width for w in asked) < 600 * 600


def test_sixteen_bits_and_floats_differ_by_rounding_only() -> None:
    wide = IMAGE.astype(np.uint16) * 257
    matrix, height, width = _rotated(17.3, 1.7)
    for pixels, tolerance in ((wide, 1), (wide.astype(np.float32), 0.02)):
        view = affine_view(raster_from_array(pixels), matrix, height, width)
        whole = view.read()
        for window in (Window(3, 5, 31, 17), Window(40, 60, 25, 33)):
            rows, cols = window.slices()
            np.testing.assert_allclose(
                view.read(window).astype(float), whole[:, rows, cols].astype(float), atol=tolerance, rtol=0
            )


def test_the_identity_view_is_the_raster() -> None:
    view = affine_view(raster_from_array(IMAGE), IDENTITY, 150, 210)
    np.testing.assert_array_equal(view.read(), IMAGE)
    assert view.read_valid(view.bounds).all()


def test_bilinear_values_equal_opencv_at_exact_positions() -> None:
    view = affine_view(raster_from_array(IMAGE), (1, 0, 0.25, 0, 1, 0.5), 149, 209)
    x, y = np.meshgrid(np.arange(209) + 0.25, np.arange(149) + 0.5)
    expected = [cv2.remap(b, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR) for b in IMAGE]
    np.testing.assert_array_equal(view.read(), expected)


def test_a_linear_ramp_is_sampled_at_pixel_centres() -> None:
    ramp = np.add.outer(2.0 * np.arange(80), 3.0 * np.arange(90)).astype(np.float32)
    matrix = (0.8, -0.6, 30.0, 0.6, 0.8, 5.0)
    view = affine_view(raster_from_array(ramp), matrix, 40, 40)
    y, x = np.mgrid[:40, :40] + 0.5
    col, row = 0.8 * x - 0.6 * y + 30 - 0.5, 0.6 * x + 0.8 * y + 5 - 0.5
    np.testing.assert_allclose(view.read()[0], 2 * row + 3 * col, atol=(2 + 3) / 64 + 1e-3)


def test_a_coarser_view_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (200, 100))
    coarse = affine_view(raster_from_array(stripes), (2.5, 0, 0, 0, 2.5, 0), 80, 80).read()[0, 5:-5, 5:-5]
    assert abs(float(coarse.mean()) - 127.5) < 2
    assert np.ptp(coarse.astype(int)) < 15


def test_validity_is_that_of_the_nearest_source_pixel() -> None:
    valid = np.zeros((6, 6), bool)
    valid[2, 3] = True
    view = affine_view(raster_from_array(np.zeros((6, 6), np.uint8), valid=valid), (0.5, 0, 0, 0, 0.5, -1.0), 16, 12)
    expected = np.zeros((16, 12), bool)
    expected[6:8, 6:8] = True
    np.testing.assert_array_equal(view.read_valid(view.bounds), expected)


@settings(deadline=None, max_examples=20)
@given(skew=st.floats(-45, 45), step=st.floats(0.5, 1.0))
def test_a_smooth_result_comes_back_to_its_place(skew: float, step: float) -> None:
    y, x = np.mgrid[:150, :210]
    smooth = np.rint(127 + 60 * np.sin(x / 15) + 60 * np.cos(y / 12)).astype(np.uint8)
    matrix, height, width = _rotated(skew, step)
    there = affine_view(raster_from_array(smooth), matrix, height, width)
    back = bring_back(there, matrix, 150, 210)
    assert (back.height, back.width) == (150, 210)
    difference = np.abs(back.read()[0].astype(int) - smooth)[2:-2, 2:-2]
    assert difference.max() <= 4


def test_bring_back_without_a_frame_is_the_raster_itself() -> None:
    raster = raster_from_array(IMAGE)
    assert bring_back(raster, IDENTITY, 150, 210) is raster


def test_georeference_and_pixel_size_follow_the_view() -> None:
    georeference = Georeference((0.5, 0, 100, 0, -0.25, 200), None, "local", 1000.0)
    raster = raster_from_array(IMAGE, georeference=georeference, pixel_size=PixelSize(0.5, 0.25, "user", 0.01))
    matrix, height, width = _rotated(20.0, 2.0)
    view = affine_view(raster, matrix, height, width)
    assert view.georeference is not None
    assert view.pixel_size is not None
    point = np.array([[11.0, 7.0]])
    a, b, c, d, e, f = matrix
    source = np.array([[a * 11 + b * 7 + c, d * 11 + e * 7 + f]])
    np.testing.assert_allclose(view.georeference.to_world(point), georeference.to_world(source))
    assert view.pixel_size.area_mm2 <= 4 * 0.125 * 1.3
    assert view.pixel_size.sigma_rel == 0.01
    half = affine_view(raster, (2, 0, 0, 0, 4, 0), 30, 30).pixel_size
    assert half is not None
    assert (half.x_mm, half.y_mm) == (1.0, 1.0)


def test_invert_undoes_compose() -> None:
    matrix = (0.8, -0.6, 30.0, 0.6, 0.9, 5.0)
    np.testing.assert_allclose(compose(matrix, invert(matrix)), IDENTITY, atol=1e-12)
    with pytest.raises(InputError, match="cannot be inverted"):
        invert((1, 2, 0, 2, 4, 0))
    degrees = (4.5e-9, 0.0, 12.0, 0.0, -4.5e-9, 42.0)  # half a millimetre, in degrees
    np.testing.assert_allclose(compose(invert(degrees), degrees), IDENTITY, atol=1e-3)


@pytest.mark.parametrize("options", [{"order": 2}, {"height": 0}])
def test_impossible_views_are_refused(options: dict[str, int]) -> None:
    given_options = {"height": 5, "width": 5, "order": 1} | options
    with pytest.raises(InputError):
        affine_view(raster_from_array(IMAGE), IDENTITY, **given_options)


def _scaled(mm: float | None) -> Raster:
    size = None if mm is None else PixelSize(mm, mm, "user")
    return raster_from_array(IMAGE, pixel_size=size)


def test_the_working_frame_has_the_pixel_size_of_the_model() -> None:
    frame = working_frame(_scaled(0.25), pixel_size_mm=0.5)
    assert frame.raster.shape == (3, 75, 105)
    assert frame.raster.pixel_size == PixelSize(0.5, 0.5, "user")
    assert frame.factor == (2.0, 2.0)
    assert any("0.5 mm pixels" in note for note in frame.notes)


def test_a_scale_that_is_nearly_right_leaves_the_pixels_alone() -> None:
    raster = _scaled(0.49)
    frame = working_frame(raster, pixel_size_mm=0.5)
    assert frame.raster is raster
    assert frame.matrix == IDENTITY


def test_no_scale_is_said() -> None:
    frame = working_frame(_scaled(None), pixel_size_mm=0.5)
    assert frame.matrix == IDENTITY
    assert any("no scale is known" in note for note in frame.notes)


def test_a_scale_that_is_far_off_needs_force() -> None:
    with pytest.raises(ScaleError, match=r"differ 5\.0 times and at most 4"):
        working_frame(_scaled(0.1), pixel_size_mm=0.5)
    assert working_frame(_scaled(0.1), pixel_size_mm=0.5, force_scale=True).raster.height == 30
    with pytest.raises(InputError, match="above 0 mm"):
        working_frame(_scaled(0.1), pixel_size_mm=0.0)


def test_a_turned_panel_stands_upright_in_the_working_frame() -> None:
    y, x = np.mgrid[:400, :600].astype(float)
    angle = np.radians(8.0)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    raster = raster_from_array((128 + 60 * (u % 23 < 3) - 60 * (v % 31 < 3)).astype(np.uint8))
    found = estimate_rotation(raster)
    frame = working_frame(raster, rotation=found)
    assert found.applied
    inner = frame.raster.read(Window(150, 200, 200, 250))
    again = estimate_rotation(raster_from_array(inner), min_peak_ratio=1.0)
    assert not again.applied
    assert abs(again.skew_deg) <= 0.6
    left = working_frame(raster, rotation=RotationEstimate(8.0, 1.0, applied=False, reason="not asked"))
    assert left.raster is raster
