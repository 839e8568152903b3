from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError
from graven.synthetic.light import cast_shadow, lambert, light_direction, render_light_stack, sky_view
from graven.synthetic.surface import Surface, surface_normals

RING = np.stack([light_direction(azimuth, 45.0) for azimuth in range(0, 360, 45)])


def _surface(height: np.ndarray, unit: float = 0.5, albedo: float = 0.4) -> Surface:
    return Surface(height.astype(np.float32), np.full((3, *height.shape), albedo, np.float32), {}, unit)


def test_azimuth_turns_from_right_over_up() -> None:
    np.testing.assert_allclose(light_direction(0, 0), [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(light_direction(90, 0), [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(light_direction(33, 90), [0, 0, 1], atol=1e-6)


def test_a_rendered_sphere_is_lambertian() -> None:
    radius, unit = 300.0, 0.5
    y, x = np.mgrid[-50:51, -50:51] * unit
    height = np.sqrt(radius**2 - x**2 - y**2)
    direction = light_direction(30.0, 40.0)
    picture = render_light_stack(_surface(height, unit), direction[None])[0]
    expected = 0.4 * np.clip((x * direction[0] - y * direction[1] + height * direction[2]) / radius, 0, 1)
    np.testing.assert_allclose(picture[1, 1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-3)


def test_a_stack_of_a_tilted_plane_gives_normal_and_albedo_back() -> None:
    # height 0.2 x + 0.1 y (up): the normal is (-0.2, -0.1, 1) normalised; least squares over the lights gives
    # albedo * normal
    rows, cols = np.mgrid[:40, :40]
    plane = _surface(0.2 * cols * 0.5 - 0.1 * rows * 0.5)
    stack = render_light_stack(plane, RING, shadows=False)[:, 0, 20, 20]
    scaled, *_ = np.linalg.lstsq(RING.astype(np.float64), stack.astype(np.float64), rcond=None)
    normal = np.array([-0.2, -0.1, 1]) / np.sqrt(1 + 0.05)
    np.testing.assert_allclose(scaled, 0.4 * normal, atol=1e-5)


def test_a_wall_throws_a_shadow_of_the_right_length_to_the_right_side() -> None:
    # a ridge 5 mm high under a light from the left at 45 degrees shades 5 mm = 10 px to its right
    height = np.zeros((20, 100), np.float32)
    height[:, 40:42] = 5.0
    free = cast_shadow(height, pixel_size_mm=0.5, direction=light_direction(180.0, 45.0))
    shaded = np.nonzero(free[10] < 0.5)[0]
    assert shaded.min() in (41, 42)
    assert 48 <= shaded.max() <= 53
    assert (free[10, :40] == 1).all()


def test_light_from_above_throws_no_shadow() -> None:
    height = np.random.default_rng(0).normal(size=(30, 30)).astype(np.float32)
    assert (cast_shadow(height, pixel_size_mm=0.5, direction=light_direction(0, 90)) == 1).all()


def test_a_light_below_the_plane_is_refused() -> None:
    with pytest.raises(InputError, match="above the plane"):
        cast_shadow(np.zeros((8, 8), np.float32), pixel_size_mm=1.0, direction=light_direction(0, -10))


@pytest.mark.parametrize("lights", [np.zeros(3), np.array([[0.0, 0.0, 2.0]]), np.array([[0.0, 0.6, -0.8]])])
def test_wrong_lights_are_refused(lights: np.ndarray) -> None:
    with pytest.raises(InputError, match="lights must"):
        render_light_stack(_surface(np.zeros((8, 8))), lights.astype(np.float32))


def test_a_highlight_stands_where_the_half_vector_meets_the_normal() -> None:
    radius, unit = 60.0, 0.5
    y, x = np.mgrid[-80:81, -80:81] * unit
    height = np.sqrt(radius**2 - x**2 - y**2)
    direction = light_direction(90.0, 40.0)
    plain, shiny = (
        render_light_stack(_surface(height, unit), direction[None], specular=s, shininess=60.0)[0, 0]
        for s in (0.0, 0.8)
    )
    row, col = np.unravel_index(np.argmax(shiny - plain), plain.shape)
    half = direction + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    assert abs(x[row, col] - radius * half[0]) < 1.0
    assert abs(-y[row, col] - radius * half[1]) < 1.0


def test_ambient_light_reaches_the_shadow() -> None:
    height = np.zeros((20, 60))
    height[:, 20:22] = 8.0
    stack = render_light_stack(_surface(height), light_direction(180, 30)[None], ambient=0.25)
    assert stack[0, 0, 10, 26] == pytest.approx(0.4 * 0.25, abs=1e-4)


def test_the_sky_sees_a_plane_fully_a_pit_less_and_a_crest_more() -> None:
    height = np.zeros((64, 64), np.float32)
    assert (sky_view(height, 0.5) == 1).all()
    height[30:34, 30:34] = -2
    height[10:12, 10:12] = 1
    view = sky_view(height, 0.5)
    assert view[31, 31] < 0.7
    assert view[10, 10] > 1.05


def test_lambert_never_goes_below_zero() -> None:
    normals = surface_normals(np.random.default_rng(1).normal(size=(40, 40)).astype(np.float32), 0.5)
    shade = lambert(normals, light_direction(10, 5))
    assert shade.min() == 0
    assert shade.max() <= 1
