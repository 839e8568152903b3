"""Soft edges: vectors D-SURF-*, and constructed surfaces whose bend is known from theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from graven.errors import DataError, InputError
from graven.kernels.surface_variation import smallest_share
from graven.prepare.soft_edges import (
    SoftEdgeSettings,
    cloud_variation,
    edge_opacity,
    feature_bounds,
    soft_edges,
    surface_variation,
)
from graven.types.soft_edges import edge_classes

Vectors = dict[str, dict[str, Any]]
RADIUS_PX = 12.0


def _grid(size: int = 81) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates from the middle of a square map."""
    half = size // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    return x, y


def _middle(height: np.ndarray, radius_px: float = RADIUS_PX) -> float:
    found = surface_variation(height, pitch=1.0, radius_px=radius_px)
    return float(found[height.shape[0] // 2, height.shape[1] // 2])


def test_d_surf_1(vectors: Vectors) -> None:
    entry = vectors["D-SURF-1"]
    a, b, c = entry["inputs"]["eigenvalues"]
    want = entry["expected"]["change_of_curvature"]
    assert smallest_share(a, b, c, 0.0, 0.0, 0.0) == pytest.approx(want, abs=entry["tolerance"])
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    m = turn @ np.diag([a, b, c]) @ turn.T
    assert smallest_share(m[0, 0], m[1, 1], m[2, 2], m[0, 1], m[0, 2], m[1, 2]) == pytest.approx(want, abs=1e-12)
    assert smallest_share(2.0, 2.0, 2.0, 0.0, 0.0, 0.0) == pytest.approx(1 / 3)


def test_d_surf_2(vectors: Vectors) -> None:
    entry = vectors["D-SURF-2"]
    inputs, want = entry["inputs"], entry["expected"]
    settings = SoftEdgeSettings(exponent=inputs["d"])
    found = edge_opacity(np.array(inputs["f"]), (inputs["f1"], inputs["f2"]), settings)
    assert found.tolist() == pytest.approx(want["alpha"], abs=entry["tolerance"])
    levels = np.rint(255 * found).astype(np.uint8)
    assert levels.tolist() == want["value"]
    assert edge_classes(levels).tolist() == want["cls"]


@pytest.mark.parametrize(("right", "down"), [(0.0, 0.0), (0.3, 0.0), (0.4, -1.1)])
def test_a_plane_does_not_bend(right: float, down: float) -> None:
    x, y = _grid()
    found = surface_variation(right * x + down * y, pitch=1.0, radius_px=RADIUS_PX)
    assert np.nanmax(found) < 1e-9


@pytest.mark.parametrize(("radius_px", "tolerance"), [(12.0, 0.06), (30.0, 0.02)])
def test_cylinder_and_sphere_are_as_theory_says(radius_px: float, tolerance: float) -> None:
    """A cylinder has r² / 32 R², a sphere r² / 24 R²; a disc of pixels comes nearer to a disc as it grows."""
    x, y = _grid(101)
    bend = 400.0
    scale = (radius_px / bend) ** 2
    assert _middle(np.sqrt(bend**2 - x**2), radius_px) == pytest.approx(scale / 32, rel=tolerance)
    assert _middle(np.sqrt(bend**2 - x**2 - y**2), radius_px) == pytest.approx(scale / 24, rel=tolerance)


def test_a_ridge_is_as_integration_says() -> None:
    """Two planes that meet, against points that lie densely and evenly on them inside the sphere."""
    x, _ = _grid(101)
    slope, radius_px = 1.0, 30.0
    u, v = np.random.default_rng(0).uniform(-radius_px, radius_px, (2, 400_000))
    points = np.stack([u, v, -slope * np.abs(u)], axis=1)
    points = points[(points**2).sum(axis=1) <= radius_px**2]
    values = np.linalg.eigvalsh(np.cov(points.T))
    assert _middle(-slope * np.abs(x), radius_px) == pytest.approx(values[0] / values.sum(), rel=0.02)


def test_a_step_higher_than_the_sphere_is_two_planes_and_a_low_one_is_an_edge() -> None:
    x, _ = _grid()
    high = surface_variation(np.where(x > 0, 3 * RADIUS_PX, 0.0), pitch=1.0, radius_px=RADIUS_PX)
    low = surface_variation(np.where(x > 0, RADIUS_PX / 3, 0.0), pitch=1.0, radius_px=RADIUS_PX)
    assert np.nanmax(high) < 1e-9
    profile = low[40]
    assert profile[40 - 6 : 42 + 6].min() > 0.01
    assert max(profile[: 41 - 13].max(), profile[42 + 13 :].max()) < 1e-9


def test_a_ramp_bends_at_its_ends_alone() -> None:
    x, _ = _grid(161)
    found = surface_variation(np.clip(x, -40, 40), pitch=1.0, radius_px=8.0)[80]
    assert found[[80 - 40, 80 + 40]].min() > 0.01
    assert found[[80, 10, 150]].max() < 1e-9


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_change_nothing(turns: int) -> None:
    height = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(60, 60)), 3) * 20
    found = surface_variation(height, pitch=1.0)
    np.testing.assert_allclose(
        surface_variation(np.rot90(height, turns), pitch=1.0), np.rot90(found, turns), rtol=1e-4, atol=1e-7
    )


def test_turning_a_surface_in_its_plane_turns_the_feature() -> None:
    x, y = _grid(121)

    def ridge(angle: float) -> float:
        return _middle(-0.8 * np.abs(np.cos(angle) * x + np.sin(angle) * y), 9.0)

    straight = ridge(0.0)
    assert [ridge(np.deg2rad(degrees)) for degrees in (17, 30, 45, 71)] == pytest.approx([straight] * 4, rel=0.06)


def test_the_unit_of_height_is_that_of_the_pitch() -> None:
    height = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(40, 40)), 3) * 10
    np.testing.assert_allclose(
        surface_variation(0.25 * height, pitch=0.25), surface_variation(height, pitch=1.0), rtol=1e-5, atol=1e-8
    )


def test_a_cloud_of_the_same_points_has_the_same_feature() -> None:
    height = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(24, 30)), 2) * 8
    y, x = np.mgrid[:24, :30]
    points = np.stack([x.ravel(), y.ravel(), height.ravel()], axis=1).astype(float)
    found = cloud_variation(points, radius=4.0).reshape(height.shape)
    np.testing.assert_allclose(found, surface_variation(height, pitch=1.0, radius_px=4.0), rtol=1e-4, atol=1e-7)


def test_holes_stay_holes_and_do_not_reach_their_neighbours() -> None:
    x, y = _grid(41)
    height = 0.2 * x - 0.1 * y
    height[10:14, 20:24] = np.nan
    found = surface_variation(height, pitch=1.0)
    assert np.isnan(found[10:14, 20:24]).all()
    assert np.nanmax(found) < 1e-9
    assert np.isnan(surface_variation(np.full((5, 5), np.nan), pitch=1.0)).all()


def test_levels_cover_the_range_of_the_panel() -> None:
    height = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(120, 120)), 4) * 40
    height[:5] = np.nan
    levels = soft_edges(height, pitch=1.0)
    known = np.isfinite(height)
    assert (levels[~known] == 0).all()
    assert np.mean(levels[known] == 0) == pytest.approx(0.7, abs=0.02)
    assert np.mean(levels[known] == 255) == pytest.approx(0.01, abs=0.005)
    part = soft_edges(
        height[30:90, 30:90],
        pitch=1.0,
        bounds=feature_bounds(surface_variation(height, pitch=1.0), SoftEdgeSettings()),
    )
    np.testing.assert_array_equal(part[10:-10, 10:-10], levels[40:80, 40:80])


def test_refusals() -> None:
    with pytest.raises(DataError, match="bends everywhere alike"):
        soft_edges(np.zeros((20, 20)), pitch=1.0)
    with pytest.raises(DataError, match="enough neighbours"):
        feature_bounds(np.full(4, np.nan), SoftEdgeSettings())
    with pytest.raises(InputError, match="percentiles must rise"):
        SoftEdgeSettings(low_percentile=99.0, high_percentile=70.0)
    with pytest.raises(InputError, match="pitch above 0"):
        surface_variation(np.zeros((4, 4)), pitch=0.0)
    with pytest.raises(InputError, match="finite points"):
        cloud_variation(np.zeros((4, 2)), radius=1.0)
    with pytest.raises(InputError, match="must rise"):
        edge_opacity(np.zeros(2), (0.1, 0.1))
