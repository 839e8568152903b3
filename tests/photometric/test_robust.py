"""Highlights and shadows do not bend the normals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graven.errors import InputError
from graven.photometric.black_level import estimate_black_level
from graven.photometric.checks import angular_error_deg
from graven.photometric.lambertian import lambertian_normals
from graven.photometric.robust import MATT, METAL, PLAIN, RobustSettings, robust_normals


def mean_error(normals: np.ndarray, truth: np.ndarray, valid: np.ndarray | None = None) -> float:
    return float(np.nanmean(angular_error_deg(normals, truth, valid)))


@pytest.mark.parametrize("settings", [METAL, MATT, PLAIN])
def test_without_outliers_nothing_is_lost(relief, dome, settings) -> None:
    strengths = np.linspace(0.5, 1.5, len(dome))
    fit = robust_normals(relief.render(dome, strengths=strengths), dome, strengths=strengths, settings=settings)
    assert angular_error_deg(fit.normals, relief.normals).max() < 0.1
    np.testing.assert_allclose(fit.albedo, 0.6, rtol=1e-4)


def test_plain_settings_are_plain_least_squares() -> None:
    rng = np.random.default_rng(3)
    lights = np.array([[0, 0, 1], [0.6, 0, 0.8], [0, 0.6, 0.8], [-0.6, 0, 0.8]])
    images = rng.uniform(0.1, 1, (4, 3, 70))
    plain, fast = robust_normals(images, lights, settings=PLAIN), lambertian_normals(images, lights)
    np.testing.assert_allclose(plain.normals, fast.normals, atol=1e-12)
    np.testing.assert_allclose(plain.residual, fast.residual, atol=1e-12)


@pytest.mark.parametrize("settings", [METAL, MATT])
def test_two_highlights_and_a_shadow_among_sixteen_lights(relief, dome, settings) -> None:
    images = relief.render(dome)
    rng = np.random.default_rng(0)
    order = rng.permuted(np.tile(np.arange(16), (128 * 128, 1)), axis=1).T.reshape(16, 128, 128)
    glossy = np.where(order < 2, images + 1.0, images) if settings is METAL else images
    spoilt = np.where(order == 15, 0.2 * images, glossy).astype(np.float32)
    assert mean_error(lambertian_normals(spoilt, dome).normals, relief.normals) > 3
    assert mean_error(robust_normals(spoilt, dome, settings=settings).normals, relief.normals) < 0.2


@pytest.mark.parametrize(("specular", "shininess"), [(0.6, 8.0), (0.6, 25.0), (0.4, 40.0), (2.0, 80.0)])
def test_bronze_with_highlights_and_shadows(metal, rings, specular, shininess) -> None:
    # The lobes rendered are powers of the cosine (Blinn and Phong), not the one that is fitted.
    lights = rings(25, 45, 65)
    images, truth = metal(lights, specular=specular, shininess=shininess)
    assert mean_error(lambertian_normals(images, lights).normals, truth) > 6
    fit = robust_normals(images, lights, bright=0.98)
    assert mean_error(fit.normals, truth) < 2
    assert fit.valid.mean() > 0.99


def test_a_broad_highlight_needs_its_lobe(metal, rings) -> None:
    lights = rings(25, 45, 65)
    images, truth = metal(lights, specular=0.6, shininess=8.0)
    trimmed = robust_normals(images, lights, settings=replace(METAL, lobe_rounds=0))
    assert mean_error(robust_normals(images, lights).normals, truth) < 0.5 * mean_error(trimmed.normals, truth)


def test_with_seven_lights_there_is_no_lobe(metal, rings) -> None:
    lights = rings(30, 55)[::2][:7]
    images, _ = metal(lights, specular=0.6, shininess=25.0, size_px=40)
    with_lobe = robust_normals(images, lights)
    np.testing.assert_array_equal(
        with_lobe.normals, robust_normals(images, lights, settings=replace(METAL, lobe_rounds=0)).normals
    )


def test_the_unit_of_the_images_does_not_matter(metal, rings) -> None:
    lights = rings(25, 45, 65)
    images, _ = metal(lights, specular=0.6, shininess=25.0, size_px=40)
    usual, counts = robust_normals(images, lights), robust_normals(images * np.float32(4096), lights)
    np.testing.assert_allclose(counts.normals, usual.normals, atol=1e-4)
    np.testing.assert_allclose(counts.albedo, usual.albedo * 4096, rtol=1e-3)


def test_the_bunny_with_its_unknown_black_level(data_dir) -> None:
    held = np.load(data_dir / "ps" / "bunny_lambert" / "bunny_lambert.npz")
    images, lights, mask = held["images"], held["lights"], held["mask"].astype(bool)
    truth = np.moveaxis(held["normals"], -1, 0)
    as_it_is = robust_normals(images, lights, valid=mask, settings=MATT)
    assert mean_error(as_it_is.normals, truth, mask) <= 2.2
    black = estimate_black_level(images, lights, valid=mask)
    assert black.is_certain
    for settings in (MATT, METAL):
        fit = robust_normals(images, lights, valid=mask, black=black.level, settings=settings)
        assert mean_error(fit.normals, truth, mask) < 1
        assert fit.valid[mask].mean() > 0.99


@pytest.mark.parametrize("width", [1, 31, 32, 33, 100])
def test_rows_of_any_length_do_not_see_each_other(width: int, dome) -> None:
    rng = np.random.default_rng(width)
    images = rng.uniform(0.1, 1, (16, 3, width)).astype(np.float32)
    images[4, :, ::5] = np.nan
    valid = rng.random((3, width)) < 0.8
    whole = robust_normals(images, dome, valid=valid)
    for row, col in ((0, 0), (2, width - 1)):
        alone = robust_normals(images[:, row : row + 1, col : col + 1], dome)
        if valid[row, col]:
            np.testing.assert_array_equal(alone.normals[:, 0, 0], whole.normals[:, row, col])
        else:
            assert np.isnan(whole.normals[:, row, col]).all()


def test_four_values_stay_and_two_are_too_few() -> None:
    lights = np.array([[0, 0, 1], [0.6, 0, 0.8], [0, 0.6, 0.8], [-0.6, 0, 0.8]])
    normal = np.array([0.36, 0.48, 0.8])
    images = np.tile((0.5 * lights @ normal)[:, None, None], (1, 1, 2))
    images[2:, 0, 1] = 0.0  # in shadow
    fit = robust_normals(images, lights)
    np.testing.assert_allclose(fit.normals[:, 0, 0], normal, atol=1e-9)
    assert fit.valid.tolist() == [[True, False]]


@pytest.mark.parametrize(
    "options", [{"darkest": 0.6}, {"brightest": -0.1}, {"below": 0.0}, {"rounds": -1}, {"lobe_rounds": -1}]
)
def test_settings_out_of_range(options) -> None:
    given = {"darkest": 0.1, "brightest": 0.4, "below": 0.1, "above": 0.1, "readmit": True, **options}
    with pytest.raises(InputError, match="got"):
        RobustSettings(**given)
