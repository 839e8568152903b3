"""Relief: closed forms on planes, grooves, steps and cones; turns, unknown heights and tiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import InputError
from graven.prepare.heights import heights_view, local_view
from graven.prepare.relief_light import GRADIENT_MARGIN_PX, gradient, hillshade, multi_hillshade, slope
from graven.prepare.relief_local import box_mean, msrm, msrm_radii_px, slrm, slrm_radius_px
from graven.prepare.relief_sky import local_dominance, openness, sky_margin_px, sky_view_factor
from graven.types import Window, raster_from_array

MM = 0.05
RELIEFS: dict[str, tuple[Callable[..., np.ndarray], int]] = {
    "slope": (slope, GRADIENT_MARGIN_PX),
    "hillshade": (hillshade, GRADIENT_MARGIN_PX),
    "svf": (partial(sky_view_factor, radius_mm=0.38), sky_margin_px(0.38, pixel_size_mm=MM)),
    "openness": (partial(openness, radius_mm=0.38, n_directions=20), sky_margin_px(0.38, pixel_size_mm=MM)),
    "openness-negative": (partial(openness, radius_mm=0.25, negative=True), sky_margin_px(0.25, pixel_size_mm=MM)),
    "local-dominance": (
        partial(local_dominance, min_radius_mm=0.1, max_radius_mm=0.3),
        sky_margin_px(0.3, pixel_size_mm=MM),
    ),
    "slrm": (partial(slrm, radius_mm=0.3), slrm_radius_px(0.3, pixel_size_mm=MM)),
    "msrm": (partial(msrm, feature_max_mm=0.9), msrm_radii_px(pixel_size_mm=MM, feature_max_mm=0.9)[-1]),
}
TURNING = [name for name in RELIEFS if name != "hillshade"]


@pytest.fixture(scope="module")
def rough() -> np.ndarray:
    """Noise on a slope, with a hole, single unknown points and an island of one pixel."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:70, :90] * MM
    height = (0.2 * x + 0.05 * np.sin(9 * y) + rng.normal(0, 0.01, x.shape)).astype(np.float32)
    height[20:40, 30:60] = np.nan
    height[30, 45] = 0.3
    height[rng.random(x.shape) < 0.02] = np.nan
    return height


def _plane(p: float, q: float, side: int = 61) -> np.ndarray:
    """Heights that rise by p to the right and by q upwards."""
    row, col = np.mgrid[:side, :side] * MM
    return (p * col - q * row).astype(np.float32)


@pytest.mark.parametrize(("p", "q"), [(0.0, 0.0), (0.3, -0.8), (-1.0, 0.0)])
def test_a_plane_has_its_slope_everywhere(p: float, q: float) -> None:
    found = slope(_plane(p, q), pixel_size_mm=MM)
    np.testing.assert_allclose(found, math.degrees(math.atan(math.hypot(p, q))), atol=1e-3)


def test_gradient_axes_are_right_and_up() -> None:
    p, q = gradient(_plane(0.25, -0.5), pixel_size_mm=MM)
    np.testing.assert_allclose(p, 0.25, atol=1e-5)
    np.testing.assert_allclose(q, -0.5, atol=1e-5)


def test_gradient_uses_the_neighbour_that_is_known() -> None:
    height = np.float32([[0, 1, 4, np.nan, 7]])
    p, q = gradient(height, pixel_size_mm=1.0)
    np.testing.assert_array_equal(p, np.float32([[1, 2, 3, np.nan, np.nan]]))
    assert np.isnan(q).all()


def test_light_falls_from_where_its_azimuth_says() -> None:
    # A plane that faces the light at 35 degrees: its normal is the light, so the cosine is 1.
    elevation = math.radians(35)
    for azimuth_deg in (0.0, 90.0, 200.0, 315.0):
        azimuth = math.radians(azimuth_deg)
        tilt = 1 / math.tan(elevation)
        facing = _plane(-tilt * math.sin(azimuth), -tilt * math.cos(azimuth), side=9)
        lit = hillshade(facing, pixel_size_mm=MM, azimuth_deg=azimuth_deg)
        np.testing.assert_allclose(lit, 1, atol=1e-5)
        turned = hillshade(-facing, pixel_size_mm=MM, azimuth_deg=azimuth_deg)
        np.testing.assert_allclose(turned, 0, atol=1e-5)
    np.testing.assert_allclose(hillshade(_plane(0, 0), pixel_size_mm=MM), math.sin(elevation), rtol=1e-6)


def test_several_lights_are_bands(rough: np.ndarray) -> None:
    bands = multi_hillshade(rough, pixel_size_mm=MM, azimuths_deg=[10, 130], elevation_deg=12)
    np.testing.assert_array_equal(bands[1], hillshade(rough, pixel_size_mm=MM, azimuth_deg=130, elevation_deg=12))
    assert bands.shape == (2, *rough.shape)


@pytest.mark.parametrize("n_directions", [4, 8, 16, 36])
@pytest.mark.parametrize(("p", "q"), [(0.0, 0.0), (0.3, -0.8), (2.0, 0.5)])
def test_openness_of_a_plane_is_90_however_it_slants(p: float, q: float, n_directions: int) -> None:
    for negative in (False, True):
        found = openness(_plane(p, q), pixel_size_mm=MM, radius_mm=0.5, n_directions=n_directions, negative=negative)
        np.testing.assert_allclose(found[10:-10, 10:-10], 90, atol=0.02)
    if p == q == 0:
        np.testing.assert_array_equal(found, 90)


@pytest.mark.parametrize("n_directions", [4, 16])
def test_sky_of_a_plane(n_directions: int) -> None:
    np.testing.assert_array_equal(sky_view_factor(_plane(0, 0), pixel_size_mm=MM, radius_mm=0.5), 1)
    # Half of the directions look up the plane; towards azimuth a the tangent is 0.75 cos(a).
    tangent = 0.75 * np.maximum(0, np.cos(2 * np.pi * np.arange(n_directions) / n_directions))
    expected = np.mean(1 - np.sin(np.arctan(tangent)))
    found = sky_view_factor(_plane(0.75, 0), pixel_size_mm=MM, radius_mm=0.5, n_directions=n_directions)
    np.testing.assert_allclose(found[10:-10, 10:-10], expected, atol=1e-5)


@pytest.mark.parametrize("n_directions", [4, 12, 16, 32])
def test_bottom_of_a_groove_sees_walls_on_both_sides(n_directions: int) -> None:
    # V-groove along the rows' direction with walls of slope 1.5: towards a the horizon has the tangent 1.5 |cos(a)|.
    groove = np.tile(1.5 * MM * np.abs(np.arange(-30, 31)), (41, 1)).astype(np.float32)
    tangent = 1.5 * np.abs(np.cos(2 * np.pi * np.arange(n_directions) / n_directions))
    zenith_deg = 90 - np.degrees(np.arctan(tangent)).mean()
    options = {"pixel_size_mm": MM, "radius_mm": 0.5, "n_directions": n_directions}
    inner = slice(10, -10)
    np.testing.assert_allclose(
        sky_view_factor(groove, **options)[inner, 30], np.mean(1 - np.sin(np.arctan(tangent))), atol=1e-5
    )
    np.testing.assert_allclose(openness(groove, **options)[inner, 30], zenith_deg, atol=0.01)
    np.testing.assert_allclose(openness(-groove, negative=True, **options)[inner, 30], zenith_deg, atol=0.01)
    np.testing.assert_allclose(openness(-groove, **options)[inner, 30], 180 - zenith_deg, atol=0.01)


def test_foot_of_a_step() -> None:
    # A wall of 0.4 mm, 3 px away: eight directions meet it at 0.15 mm and, at 45 degrees, at 0.15 * sqrt(2) mm.
    step = np.where(np.arange(40) >= 20, 0.4, 0.0).astype(np.float32) * np.ones((40, 1), np.float32)
    found = sky_view_factor(step, pixel_size_mm=MM, radius_mm=0.5, n_directions=8)
    ahead, aslant = math.sin(math.atan(0.4 / 0.15)), math.sin(math.atan(0.4 / (0.15 * math.sqrt(2))))
    np.testing.assert_allclose(found[10:-10, 17], 1 - (ahead + 2 * aslant) / 8, atol=1e-6)
    # The wall begins at column 20: 10 px away it is seen straight ahead and no longer aslant, 11 px away not at all.
    np.testing.assert_allclose(found[10:-10, 10], 1 - math.sin(math.atan(0.4 / 0.5)) / 8, atol=1e-6)
    np.testing.assert_array_equal(found[10:-10, 9], 1)
    np.testing.assert_array_equal(found[:, 20:], 1)


def test_unknown_points_hide_nothing() -> None:
    flat = np.zeros((30, 30), np.float32)
    flat[10, 12] = 5
    flat[20, 5] = np.nan
    masked = np.ones(flat.shape, bool)
    masked[10, 12] = False
    found = sky_view_factor(flat, pixel_size_mm=1.0, radius_mm=6, valid=masked)
    np.testing.assert_array_equal(np.isnan(found), ~masked | np.isnan(flat))
    np.testing.assert_array_equal(found[~np.isnan(found)], 1)
    lonely = np.full((9, 9), np.nan, np.float32)
    lonely[4, 4] = 1
    for name, (relief, _) in RELIEFS.items():
        value = relief(lonely, pixel_size_mm=MM)[4, 4]
        assert np.isnan(value) if name not in ("slrm", "msrm") else value == 0, name


def test_dominance_of_planes_and_of_the_top_of_a_cone() -> None:
    options = {"pixel_size_mm": MM, "min_radius_mm": 0.5, "max_radius_mm": 1.0, "eye_mm": 0.4}
    np.testing.assert_allclose(local_dominance(_plane(0, 0), **options), 1, atol=1e-5)
    # While the whole plane is below the eye, what is gained downhill is lost uphill: 0.3 * 1.0 mm < 0.4 mm.
    np.testing.assert_allclose(local_dominance(_plane(0.3, 0), **options)[20:-20, 20:-20], 1, atol=1e-5)
    # From a cone of slope s one looks down by s + eye / d everywhere; by area the mean of 1 / d over the rings follows.
    row, col = np.mgrid[-30:31, -30:31]
    angle = np.radians(np.arange(0, 360, 15))
    radius = np.arange(10, 21)
    rows, cols = (np.rint(np.outer(along(angle), radius).round(9)) for along in (np.sin, np.cos))
    weight = np.broadcast_to(2 * radius + 1, rows.shape)
    plane = (weight * 0.4 / (MM * np.hypot(rows, cols))).sum()
    for s in (0.2, -0.2, -2.0):
        cone = (-s * MM * np.hypot(row, col)).astype(np.float32)
        below = np.maximum(0.4 / (MM * np.hypot(rows, cols)) + s, 0)
        assert local_dominance(cone, **options)[30, 30] == pytest.approx((weight * below).sum() / plane, abs=2e-5)


def test_box_mean_is_of_known_heights_only(rough: np.ndarray) -> None:
    found = box_mean(rough, 3)
    padded = np.pad(rough.astype(np.float64), 3, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7)).reshape(*rough.shape, 49)
    count = np.isfinite(windows).sum(-1)
    expected = np.divide(np.nansum(windows, -1), count, out=np.full(rough.shape, np.nan), where=count > 0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(box_mean(rough, 0), rough)


def test_local_relief_of_a_groove_and_of_a_plane() -> None:
    np.testing.assert_allclose(slrm(_plane(0.4, 0.1), pixel_size_mm=MM, radius_mm=0.5)[10:-10, 10:-10], 0, atol=1e-6)
    groove = np.zeros((41, 41), np.float32)
    groove[:, 20] = -0.21  # one of 21 columns of the square: the mean is a 21st of it
    found = slrm(groove, pixel_size_mm=MM, radius_mm=0.5)
    np.testing.assert_allclose(found[:, 20], -0.20, atol=1e-6)
    np.testing.assert_allclose(found[10:-10, 10:20], 0.01, atol=1e-6)
    np.testing.assert_array_equal(found[10:-10, 9], 0)


def test_multi_scale_relief_is_the_mean_of_successive_differences(rough: np.ndarray) -> None:
    # Orengo and Petrie: radii i**2 from i = floor(((min - px) / 2 px) ** 0.5) to ceil(((max - px) / 2 px) ** 0.5).
    assert msrm_radii_px(pixel_size_mm=0.5, feature_min_mm=0, feature_max_mm=20) == (0, 1, 4, 9, 16, 25)
    assert msrm_radii_px(pixel_size_mm=0.5, feature_min_mm=9.5, feature_max_mm=12, scaling=1) == (9, 10, 11, 12)
    radii = msrm_radii_px(pixel_size_mm=MM, feature_min_mm=0.15, feature_max_mm=0.9)
    assert radii == (1, 4, 9)
    levels = [box_mean(rough, radius) for radius in radii]
    expected = sum(finer - coarser for finer, coarser in pairwise(levels)) / 2
    found = msrm(rough, pixel_size_mm=MM, feature_min_mm=0.15, feature_max_mm=0.9)
    np.testing.assert_allclose(found, np.where(np.isnan(rough), np.nan, expected), atol=1e-6)


@pytest.mark.parametrize("move", [np.rot90, np.fliplr, np.transpose])
@pytest.mark.parametrize("name", TURNING)
def test_a_turned_or_mirrored_surface_has_such_a_relief(
    name: str, move: Callable[[np.ndarray], np.ndarray], rough: np.ndarray
) -> None:
    relief, _ = RELIEFS[name]
    moved = relief(move(rough), pixel_size_mm=MM)
    np.testing.assert_allclose(moved, move(relief(rough, pixel_size_mm=MM)), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", RELIEFS)
def test_the_level_of_a_surface_does_not_matter_and_unknown_stays_unknown(name: str, rough: np.ndarray) -> None:
    relief, _ = RELIEFS[name]
    exact = np.round(rough * 2**16) / np.float32(2**16)  # so that adding a level loses no digit
    found = relief(exact, pixel_size_mm=MM)
    np.testing.assert_allclose(relief(exact + np.float32(64), pixel_size_mm=MM), found, rtol=1e-5, atol=1e-5)
    assert np.isnan(found[np.isnan(rough)]).all()
    assert (found.dtype, found.shape) == (np.float32, rough.shape)


@pytest.mark.parametrize("name", RELIEFS)
@settings(deadline=None, max_examples=15)
@given(place=st.tuples(st.integers(0, 69), st.integers(0, 89), st.integers(1, 70), st.integers(1, 90)))
def test_any_window_equals_the_whole(name: str, rough: np.ndarray, place: tuple[int, int, int, int]) -> None:
    relief, margin_px = RELIEFS[name]
    view = local_view(heights_view(raster_from_array(rough)), partial(relief, pixel_size_mm=MM), margin_px=margin_px)
    row, col = place[:2]
    window = Window(row, col, min(place[2], 70 - row), min(place[3], 90 - col))
    rows, cols = window.slices()
    np.testing.assert_allclose(view.read(window), view.read()[:, rows, cols], rtol=1e-6, atol=1e-7)


def test_a_wide_window_is_computed_in_blocks_without_a_seam() -> None:
    wide = np.random.default_rng(5).normal(0, 0.1, (8, 4500)).astype(np.float32)
    wide[0, 0] = 0  # heights count from the first one
    shapes = []

    def compute(height: np.ndarray) -> np.ndarray:
        shapes.append(height.shape)
        return sky_view_factor(height, pixel_size_mm=MM, radius_mm=0.5)

    view = local_view(heights_view(raster_from_array(wide)), compute, margin_px=10)
    np.testing.assert_array_equal(view.read()[0], sky_view_factor(wide, pixel_size_mm=MM, radius_mm=0.5))
    assert max(width for _, width in shapes) <= 2048 + 20


def test_detail_of_a_surface_far_above_sea_level_survives() -> None:
    # 2 km up, in metres and doubles: float32 would keep steps of 0.12 mm; the relief is 0.01 mm.
    detail_mm = np.random.default_rng(6).normal(0, 0.01, (40, 40))
    heights = heights_view(raster_from_array(2000 + detail_mm / 1000), unit_mm=1000.0)
    np.testing.assert_allclose(np.diff(heights.read()[0]), np.diff(detail_mm), atol=1e-8 + 2 * 2000e3 * 2**-52)


def test_wrong_settings_are_refused() -> None:
    flat = np.zeros((9, 9), np.float32)
    with pytest.raises(InputError, match=r"at least one pixel of 0\.05 mm, got 0\.01 mm"):
        sky_view_factor(flat, pixel_size_mm=MM, radius_mm=0.01)
    with pytest.raises(InputError, match="multiple of 4, got 10"):
        openness(flat, pixel_size_mm=MM, radius_mm=0.5, n_directions=10)
    with pytest.raises(InputError, match="smaller radius comes first"):
        local_dominance(flat, pixel_size_mm=MM, min_radius_mm=0.5, max_radius_mm=0.2)
    with pytest.raises(InputError, match="above the surface"):
        local_dominance(flat, pixel_size_mm=MM, min_radius_mm=0.1, max_radius_mm=0.2, eye_mm=0.0)
    with pytest.raises(InputError, match="span no scale"):
        msrm(flat, pixel_size_mm=MM, feature_min_mm=0.05, feature_max_mm=0.05)
    with pytest.raises(InputError, match="0 to 90 degrees, got 100"):
        hillshade(flat, pixel_size_mm=MM, elevation_deg=100)
    with pytest.raises(InputError, match="pixel size must be positive"):
        slope(flat, pixel_size_mm=0.0)
    with pytest.raises(InputError, match="a float array of shape"):
        slope(np.zeros((9, 9), np.uint8), pixel_size_mm=MM)
