from __future__ import annotations

import numpy as np
import pytest

from graven.synthetic import distractors, fractures, growth, scene, weather
from graven.synthetic.rock import make_rock

Rng = np.random.Generator

THINGS = {
    "lichen": ("lichen", lambda c, r: growth.add_lichen(c, radius_mm=25.0, rng=r)),
    "specks": ("lichen", lambda c, r: growth.add_specks(c, share=0.5, rng=r)),
    "moss": ("vegetation", lambda c, r: growth.add_moss(c, radius_mm=40.0, rng=r)),
    "roots": ("vegetation", lambda c, r: growth.add_roots(c, n_roots=6, rng=r)),
    "scratches": ("scratch", lambda c, r: distractors.add_scratches(c, n_scratches=12, rng=r)),
    "paint": ("paint", lambda c, r: distractors.add_paint(c, rng=r)),
    "chalk": ("chalk", lambda c, r: distractors.add_chalk(c, [np.array([[40.0, 40], [200, 60], [120, 200]])], rng=r)),
    "scale": ("scale_bar", lambda c, r: distractors.add_scale_bar(c, rng=r)),
    "water": ("water_streak", lambda c, r: distractors.add_water_streaks(c, rng=r)),
    "cracks": ("crack", lambda c, r: fractures.add_cracks(c, n_cracks=4, rng=r)),
    "wide cracks": ("crack", lambda c, r: fractures.add_cracks(c, n_cracks=4, rng=r, wide=True)),
    "joint": ("crack", lambda c, r: fractures.add_joint(c, rng=r)),
    "spall": ("spall", lambda c, r: fractures.add_spall(c, radius_mm=30.0, rng=r)),
    "background": ("vegetation", lambda c, r: scene.add_background(c, rng=r)),
}
HIDING = ("lichen", "moss", "roots", "scale", "spall", "background")


def _pecked_rock():
    canvas = make_rock("limestone", shape=(256, 256), pixel_size_mm=0.5, rng=np.random.default_rng(0))
    canvas.mark("pecked", np.ones(canvas.shape, np.bool_))
    return canvas


@pytest.mark.parametrize("name", sorted(THINGS))
def test_each_thing_shows_and_is_recorded_where_it_is(name: str) -> None:
    mask_name, add = THINGS[name]
    covered = 0
    for seed in range(6):
        canvas = _pecked_rock()
        before = canvas.albedo.copy(), canvas.height_mm.copy()
        add(canvas, np.random.default_rng(seed))
        assert np.isfinite(canvas.height_mm).all()
        assert np.isfinite(canvas.albedo).all()
        mask = canvas.masks.get(mask_name, np.zeros(canvas.shape, np.bool_))
        covered += int(mask.sum())
        changed = (np.abs(canvas.albedo - before[0]).max(0) > 1e-6) | (canvas.height_mm != before[1])
        assert changed[mask].mean() > 0.95 if mask.any() else True
        if name in HIDING:
            assert not (canvas.masks["pecked"] & mask).any()
        else:
            assert canvas.masks["pecked"].all()
    assert covered > 0


def test_a_flake_takes_the_pits_with_it_and_lies_lower() -> None:
    canvas = _pecked_rock()
    before = canvas.height_mm.copy()
    fractures.add_spall(canvas, radius_mm=30.0, rng=np.random.default_rng(2))
    lost = canvas.masks["spall"]
    assert lost.any()
    assert (canvas.height_mm - before)[lost].mean() < -0.3


def test_softening_lowers_the_roughness_and_keeps_the_shape() -> None:
    canvas = make_rock("basalt", shape=(256, 256), pixel_size_mm=0.5, rng=np.random.default_rng(0))
    before = canvas.height_mm.copy()
    weather.soften(canvas, sigma_mm=1.0, strength=0.8, rng=np.random.default_rng(0))

    def roughness(height: np.ndarray) -> float:
        return float(np.abs(np.diff(height, n=2)).mean())

    assert roughness(canvas.height_mm) < 0.75 * roughness(before)
    assert np.corrcoef(canvas.height_mm.ravel(), before.ravel())[0, 1] > 0.99


def test_no_softening_changes_nothing() -> None:
    canvas = _pecked_rock()
    before = canvas.height_mm.copy()
    weather.soften(canvas, sigma_mm=1.0, strength=0.0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(canvas.height_mm, before)


def test_dirt_gathers_in_hollows() -> None:
    canvas = _pecked_rock()
    canvas.height_mm[:] = 0
    canvas.height_mm[100:104, 100:104] = -1.5
    canvas.albedo[:] = 0.5
    weather.settle(canvas, tone=np.zeros(3, np.float32), strength=0.4)
    assert canvas.albedo[0, 101, 101] == pytest.approx(0.3, abs=0.01)
    assert canvas.albedo[0, 20, 20] == pytest.approx(0.5, abs=1e-5)


def test_crumbling_and_pebbles_roughen_without_marking() -> None:
    for change in (
        lambda c: weather.roughen_patches(c, share=0.5, rng=np.random.default_rng(0)),
        lambda c: weather.pebble(c, size_mm=5.0, rng=np.random.default_rng(0)),
    ):
        canvas = _pecked_rock()
        before = np.abs(np.diff(canvas.height_mm)).mean()
        change(canvas)
        assert np.abs(np.diff(canvas.height_mm)).mean() > 1.1 * before
        assert sorted(canvas.masks) == ["pecked"]


def test_tilting_moves_picture_and_truth_together() -> None:
    canvas = _pecked_rock()
    canvas.masks["pecked"][:] = False
    canvas.masks["pecked"][100:140, 60:90] = True
    canvas.albedo[:] = 0.1
    canvas.albedo[:, 100:140, 60:90] = 0.9
    matrix = scene.tilt_view(canvas, rng=np.random.default_rng(1), strength=0.15)
    bright = canvas.albedo[1] > 0.5
    assert (bright == canvas.masks["pecked"]).mean() > 0.999
    # the homography is given in the outer-corner frame: the centre of the square goes where it says
    x, y, w = matrix @ [75.0, 120.0, 1.0]
    rows, cols = np.nonzero(bright)
    assert abs(cols.mean() + 0.5 - x / w) < 1.5
    assert abs(rows.mean() + 0.5 - y / w) < 1.5


@pytest.mark.parametrize("seed", range(6))
def test_a_foreign_shadow_has_light_and_dark(seed: int) -> None:
    shade = scene.foreign_shadow((200, 300), rng=np.random.default_rng(seed), pixel_size_mm=0.5)
    assert shade.shape == (200, 300)
    assert 0 <= shade.min() < 0.1
    assert 0.9 < shade.max() <= 1


@pytest.mark.parametrize("seed", range(6))
def test_an_orthophoto_lacks_corners_not_its_middle(seed: int) -> None:
    valid = scene.ortho_margin((200, 300), rng=np.random.default_rng(seed))
    assert 0.5 < valid.mean() < 1
    assert valid[80:120, 120:180].all()
    corners = [valid[0, 0], valid[0, -1], valid[-1, 0], valid[-1, -1]]
    assert 1 <= corners.count(False) <= 3
