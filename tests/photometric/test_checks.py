"""Angles, relit pictures and integrability, on cases with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError
from graven.photometric.checks import angular_error_deg, height_normals, integrability_deg, relative_residual, relight
from graven.photometric.lambertian import lambertian_normals
from graven.synthetic.surface import surface_normals


@pytest.mark.parametrize("angle_deg", [0.0, 1e-4, 3.0, 90.0, 179.0, 180.0])
def test_angles_of_any_size(angle_deg: float) -> None:
    angle = np.deg2rad(angle_deg)
    turned = np.array([np.sin(angle), 0.0, np.cos(angle)]).reshape(3, 1, 1)
    measured = angular_error_deg(3.0 * turned, np.array([0.0, 0.0, 1.0]).reshape(3, 1, 1))
    assert measured[0, 0] == pytest.approx(angle_deg, rel=1e-6, abs=1e-9)


def test_angles_where_there_is_something_to_compare() -> None:
    normals = np.ones((3, 1, 3))
    normals[:, 0, 0] = np.nan
    valid = np.array([[True, False, True]])
    assert np.isnan(angular_error_deg(normals, np.ones((3, 1, 3)), valid)).tolist() == [[True, True, False]]
    with pytest.raises(InputError, match="one shape"):
        angular_error_deg(normals, np.ones((3, 1, 4)))


def test_a_fit_relit_by_its_own_lights_gives_the_images_back(relief, dome) -> None:
    images = relief.render(dome)
    fit = lambertian_normals(images, dome)
    np.testing.assert_allclose(relight(fit, dome[3]), images[3], atol=1e-5)
    assert relative_residual(fit, images, dome).max() < 1e-4


def test_a_highlight_shows_in_the_residual(relief, dome) -> None:
    images = relief.render(dome)
    fit = lambertian_normals(images, dome)
    spoilt = images.copy()
    spoilt[0, 20, 20] += np.float32(np.linalg.norm(images[:, 20, 20]))  # as much as all the others together
    residual = relative_residual(fit, spoilt, dome)
    power = np.sqrt((spoilt[:, 20, 20] ** 2).sum())
    assert residual[20, 20] == pytest.approx(np.linalg.norm(images[:, 20, 20]) / power, rel=1e-3)
    assert np.delete(residual.ravel(), 20 * 128 + 20).max() < 1e-4


def test_normals_of_a_height_field_agree_with_those_that_render(relief) -> None:
    inner = (slice(None), slice(1, -1), slice(1, -1))
    by_difference = height_normals(relief.height_mm, pixel_size_mm=relief.pixel_size_mm)
    expected = surface_normals(relief.height_mm.astype(np.float32), relief.pixel_size_mm)
    np.testing.assert_allclose(by_difference[inner], expected[inner], atol=1e-4)
    assert np.isnan(by_difference[:, 0]).all()


def test_normals_of_no_surface_are_found() -> None:
    # A vortex turns once round its middle: no height field has such slopes.
    row, col = np.mgrid[:40, :40] - 19.5
    vortex = np.stack([row, col, np.full_like(row, 20.0)])
    vortex /= np.linalg.norm(vortex, axis=0)
    flat = np.zeros((40, 40))
    angle = integrability_deg(vortex, flat, pixel_size_mm=1.0)
    inner = angle[1:-1, 1:-1]
    np.testing.assert_allclose(inner, np.rad2deg(np.arctan(np.hypot(row, col) / 20))[1:-1, 1:-1], rtol=1e-5)
