from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from graven.errors import InputError
from graven.synthetic import EngravingPanel, dome_lights, make_bronze, measured_height, render_bronze_lights
from graven.synthetic.bronze_light import exposure, photograph_bronze
from graven.synthetic.surface import Surface, surface_normals


@pytest.fixture(scope="module")
def panel() -> EngravingPanel:
    return make_bronze(5, size_px=256)


def _flat(height: np.ndarray, gloss: float) -> EngravingPanel:
    """A grey plate of any relief, with the truth of nothing."""
    shape = height.shape
    nothing = np.zeros(shape, np.bool_)
    surface = Surface(height.astype(np.float32), np.full((3, *shape), 0.3, np.float32), {}, 0.05)
    return EngravingPanel(
        surface, nothing, ~nothing, (), (), np.full(shape, gloss, np.float32), 0, "classical", "ordinary"
    )


def _matt(panel: EngravingPanel, lights: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    return render_bronze_lights(panel, lights, rng=rng, shine=0, ambient=0, noise=0, shadows=False)


def test_a_matt_stack_gives_normals_and_albedo_back(panel) -> None:
    lights = dome_lights(12, elevations_deg=(55.0, 70.0))
    images = _matt(panel, lights)[:, 1].astype(np.float64)
    normals = surface_normals(panel.surface.height_mm, panel.surface.pixel_size_mm)
    lit = (np.einsum("kc,chw->khw", lights, normals) > 0).all(0)
    solved = np.linalg.lstsq(lights, images.reshape(12, -1), rcond=None)[0].reshape(3, 256, 256)
    albedo = np.linalg.norm(solved, axis=0)
    angle = np.degrees(np.arccos(np.clip((solved * normals).sum(0) / np.maximum(albedo, 1e-9), -1, 1)))
    assert lit.mean() > 0.95
    assert angle[lit].mean() < 0.1
    np.testing.assert_allclose(albedo[lit], panel.surface.albedo[1][lit], rtol=1e-3)


def test_highlights_stand_where_the_half_vector_is_normal() -> None:
    tilt = np.linspace(-1.0, 1.0, 201)  # slope of the plate along x
    height = np.tile(-np.cumsum(tilt) * 0.05, (9, 1))
    light = np.array([[np.sin(0.6), 0.0, np.cos(0.6)]])
    lit = render_bronze_lights(
        _flat(height, 1.0), light, rng=np.random.default_rng(0), ambient=0, noise=0, shadows=False
    )
    brightest = tilt[int((lit - _matt(_flat(height, 1.0), light))[0, 0, 4].argmax())]
    assert brightest == pytest.approx(np.tan(0.3), abs=0.06)


def test_gloss_makes_highlights_sharp_and_strong() -> None:
    height = np.tile(-np.cumsum(np.linspace(-1, 1, 201)) * 0.05, (9, 1))
    light = np.array([[0.0, 0.0, 1.0]])
    shine = [
        render_bronze_lights(_flat(height, gloss), light, rng=np.random.default_rng(0), noise=0, ambient=0)[0, 0, 4]
        - _matt(_flat(height, gloss), light)[0, 0, 4]
        for gloss in (0.0, 1.0)
    ]
    assert shine[1].max() > 20 * shine[0].max()
    assert (shine[1] > shine[1].max() / 2).sum() < 0.5 * (shine[0] > shine[0].max() / 2).sum()


def test_walls_throw_shadows() -> None:
    height = np.zeros((64, 64))
    height[:, 40:44] = 0.5  # a wall; the light stands on its right
    light = np.array([[0.8, 0.0, 0.6]])
    plate = _flat(height, 0.0)
    lit = render_bronze_lights(plate, light, rng=np.random.default_rng(0), shine=0, ambient=0, noise=0)[0, 0, 32]
    length_px = 0.5 * 0.8 / 0.6 / 0.05
    assert (lit[40 - int(length_px) + 4 : 38] < 0.01).all()
    assert (lit[: 40 - int(length_px) - 3] > 0.15).all()
    assert (lit[48:] > 0.15).all()


def test_noise_has_the_deviation_asked_for() -> None:
    plate = _flat(np.zeros((128, 128)), 0.0)
    lights = np.array([[0.0, 0.0, 1.0]])
    rng = np.random.default_rng(3)
    noisy = render_bronze_lights(plate, lights, rng=rng, shine=0, ambient=0, noise=0.01)[0, 0]
    assert noisy.std() == pytest.approx(0.01 * np.sqrt(0.3) + 0.001, rel=0.05)


def test_photographs_use_their_range(panel) -> None:
    lights = dome_lights(16)
    stack = render_bronze_lights(panel, lights, rng=np.random.default_rng(0)) * exposure(panel, lights)
    assert stack.max(axis=(1, 2, 3)).max() > 0.5
    assert (stack > 1).mean() < 0.01
    picture = photograph_bronze(panel, rng=np.random.default_rng(0))
    assert picture.shape == (3, 256, 256)
    assert picture.dtype == np.uint8
    assert 40 < picture.mean() < 200


@pytest.mark.parametrize("lights", [np.zeros((3, 2)), np.array([[0.0, 0.0, 2.0]]), np.array([[0.0, 0.6, -0.8]])])
def test_lights_must_be_unit_vectors_above_the_plane(panel, lights) -> None:
    with pytest.raises(InputError, match="lights must"):
        render_bronze_lights(panel, lights, rng=np.random.default_rng(0))


def test_domes_surround_the_object() -> None:
    lights = dome_lights(24)
    assert np.linalg.cond(lights) < 3
    np.testing.assert_allclose(lights[:, :2].mean(0), 0, atol=0.02)
    assert len(np.unique(lights.round(6), axis=0)) == 24
    with pytest.raises(InputError, match="3 lights"):
        dome_lights(2)


def test_a_perfect_measurement_is_the_height(panel) -> None:
    height = measured_height(panel, np.random.default_rng(0), severity=0)
    true = panel.surface.height_mm
    np.testing.assert_allclose(height, true - true.mean(), atol=1e-5)


def test_a_measurement_bends_slowly_but_keeps_the_lines(panel) -> None:
    height = measured_height(panel, np.random.default_rng(2))
    known = np.isfinite(height)
    assert 0.98 < known.mean() <= 1
    assert np.nanmean(height) == pytest.approx(0, abs=1e-6)
    error = np.where(known, height - panel.surface.height_mm, 0)
    error -= error.mean()
    step = np.abs(np.diff(error, axis=1))[known[:, 1:] & known[:, :-1]]
    assert error.std() > 0.01
    assert np.median(step) < 0.006
    same = measured_height(panel, np.random.default_rng(2))
    np.testing.assert_array_equal(height, same)


def test_nothing_is_measured_beside_the_object() -> None:
    whole = make_bronze(1, size_px=(288, 256), pixel_size_mm=0.1, whole=True)
    height = measured_height(whole, np.random.default_rng(0))
    assert np.isnan(height[~whole.object_mask]).all()
    assert np.isfinite(height[whole.object_mask]).mean() > 0.97
    assert np.ptp(height[np.isfinite(height)]) < 6
    empty = dataclasses.replace(whole, object_mask=np.zeros_like(whole.object_mask))
    assert np.isnan(measured_height(empty, np.random.default_rng(0))).all()
