"""Least squares gives the normals and albedo back that the images were made with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import InputError
from graven.photometric.checks import angular_error_deg
from graven.photometric.lambertian import lambertian_normals
from graven.photometric.slopes import surface_slopes
from graven.photometric.stack import light_condition

LIGHTS = np.array([[0, 0, 1], [0.6, 0, 0.8], [0, 0.6, 0.8], [-0.6, 0, 0.8], [0, -0.6, 0.8]])


@pytest.mark.parametrize("name", ["P-PS-1", "P-PS-2"])
def test_vectors(vectors, name: str) -> None:
    vector = vectors[name]
    values = np.array(vector["inputs"]["intensities"])
    fit = lambertian_normals(values[:, None, None], vector["inputs"]["lights"])
    expected, tolerance = vector["expected"], vector["tolerance"]
    np.testing.assert_allclose(fit.normals.ravel(), expected["normal"], atol=tolerance, rtol=0)
    assert fit.albedo[0, 0] == pytest.approx(expected["albedo"], abs=tolerance)
    if "p" in expected:
        p, q = surface_slopes(fit.normals)
        assert (p[0, 0], q[0, 0]) == pytest.approx((expected["p"], expected["q"]), abs=tolerance)


def test_a_rendered_relief_gives_its_normals_back(relief, dome) -> None:
    strengths = np.linspace(0.5, 1.5, len(dome))
    fit = lambertian_normals(relief.render(dome, strengths=strengths), dome, strengths=strengths)
    assert angular_error_deg(fit.normals, relief.normals).max() < 0.01
    np.testing.assert_allclose(fit.albedo, 0.6, rtol=1e-5)
    assert fit.residual.max() < 1e-4
    assert fit.normals.dtype == fit.albedo.dtype == np.float32


def test_lights_with_the_vertical_axis_flipped_are_seen_in_the_normals(relief, dome) -> None:
    fit = lambertian_normals(relief.render(dome), dome * [1, -1, 1])
    np.testing.assert_allclose(fit.normals[1], -relief.normals[1], atol=1e-4)


@settings(max_examples=100, deadline=None)
@given(
    slopes=st.tuples(st.floats(-0.7, 0.7), st.floats(-0.7, 0.7)),
    albedo=st.floats(0.01, 2),
    black=st.floats(-0.5, 0.5),
    lost=st.sets(st.integers(0, 4), max_size=2),
)
def test_any_normal_survives_lost_values(slopes, albedo, black, lost) -> None:
    # Any three of the five lights span space; a NaN, like a saturated value, leaves the others.
    normal = np.array([*slopes, 1.0]) / np.linalg.norm([*slopes, 1.0])
    values = black + albedo * LIGHTS @ normal
    values[list(lost)] = np.nan
    if lost == {1, 3} or lost == {2, 4}:
        return  # what is left lies in a plane
    fit = lambertian_normals(values[:, None, None], LIGHTS, black=black)
    np.testing.assert_allclose(fit.normals.ravel(), normal, atol=1e-9)
    assert fit.albedo[0, 0] == pytest.approx(albedo, rel=1e-9)


def test_values_outside_the_limits_are_left_out() -> None:
    values = LIGHTS @ [0.0, 0.0, 1.0]
    values[1], values[2] = 5.0, 0.0
    fit = lambertian_normals(values[:, None, None], LIGHTS, dark=0.0, bright=5.0)
    np.testing.assert_allclose(fit.normals.ravel(), [0, 0, 1], atol=1e-12)


def test_no_normal_without_three_lights_that_span_space() -> None:
    values = np.tile((LIGHTS @ [0.0, 0.0, 1.0])[:, None, None], (1, 1, 4))
    values[2:, 0, 0] = np.nan  # two are left
    values[[2, 4], 0, 1] = np.nan  # three are left, in a plane
    values[:, 0, 2] = -1.0  # a normal that turns away
    fit = lambertian_normals(values, LIGHTS)
    assert fit.valid.tolist() == [[False, False, False, True]]
    assert np.isnan(fit.normals[:, 0, :3]).all()
    assert np.isnan(fit.residual[0, :3]).all()


@pytest.mark.parametrize("width", [1, 1023, 1024, 1025, 2500])
def test_rows_of_any_length_and_masks(width: int) -> None:
    rng = np.random.default_rng(width)
    images = rng.uniform(0.1, 1, (5, 2, width)).astype(np.float32)
    valid = rng.random((2, width)) < 0.7
    fit = lambertian_normals(images, LIGHTS, valid=valid)
    solved = np.tensordot(np.linalg.pinv(LIGHTS), images.astype(np.float64), 1)
    albedo = np.linalg.norm(solved, axis=0)
    expected = np.where(valid & (solved[2] > 0), solved / albedo, np.nan)
    np.testing.assert_allclose(fit.normals, expected, atol=1e-6)
    left = images - np.tensordot(LIGHTS, solved, 1)
    relative = np.linalg.norm(left, axis=0) / np.linalg.norm(images, axis=0)
    np.testing.assert_allclose(fit.residual[fit.valid], relative[fit.valid], atol=1e-6)


def test_bands_of_rows_are_the_whole(relief, dome) -> None:
    images = relief.render(dome)
    whole = lambertian_normals(images, dome)
    bands = [lambertian_normals(images[:, rows : rows + 17], dome).normals for rows in range(0, 128, 17)]
    np.testing.assert_array_equal(np.concatenate(bands, axis=1), whole.normals)


def test_the_condition_of_lights_close_together() -> None:
    # Eigenvalues of L^T L for the ring (s cos a, s sin a, c): 8 c^2 and twice 4 s^2.
    angles = np.arange(8) * np.pi / 4
    s, c = 0.02, np.sqrt(1 - 0.02**2)
    ring = np.stack([s * np.cos(angles), s * np.sin(angles), np.full(8, c)], axis=1)
    assert light_condition(ring) == pytest.approx(2 * c**2 / s**2, rel=1e-9)


@pytest.mark.parametrize(
    ("images", "lights", "options", "message"),
    [
        (np.ones((3, 4, 4)), LIGHTS[:2], {}, r"one finite light .* each of 3 images, got \(2, 3\)"),
        (np.ones((2, 4, 4)), LIGHTS[:2], {}, "at least 3 lights, got 2"),
        (np.ones((3, 4, 4), np.uint16), LIGHTS[:3], {}, "float32 or float64.*uint16"),
        (np.ones((3, 4, 4)), 2 * LIGHTS[:3], {}, "unit vectors, but light 0 has length 2"),
        (np.ones((3, 4, 4)), LIGHTS[[0, 1, 3]], {}, "in one plane"),
        (np.ones((3, 4, 4)), LIGHTS[:3], {"strengths": [1, 0, 1]}, "above 0"),
        (np.ones((3, 4, 4)), LIGHTS[:3], {"valid": np.ones((4, 5), bool)}, r"\(4, 4\), got bool \(4, 5\)"),
    ],
)
def test_what_cannot_be_obeyed(images, lights, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        lambertian_normals(images, lights, **options)
