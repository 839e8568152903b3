"""Lights read off mirror spheres that were rendered here, and off a chrome sphere that was photographed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graven.errors import DataError, InputError
from graven.io.lightfiles import read_lights
from graven.io.lightimages import list_images
from graven.io.lightstack import open_light_stack
from graven.io.masks import read_mask
from graven.photometric.spheres import (
    Circle,
    circles_of_mask,
    combine_directions,
    find_mirror_spheres,
    highlight_centre,
    reflected_direction,
    sphere_directions,
)
from graven.types import Window

SHAPE = (260, 340)


def _lights(*pairs: tuple[float, float]) -> np.ndarray:
    """Directions by azimuth and elevation in degrees."""
    azimuth, elevation = np.deg2rad(np.array(pairs)).T
    return np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], 1)


LIGHTS = _lights((0, 30), (60, 45), (120, 60), (180, 35), (240, 75), (300, 50), (20, 85))


def _render(circles: list[Circle], lights: np.ndarray = LIGHTS, *, floor: float = 0.3) -> np.ndarray:
    """A grey floor and mirror balls that see a dark room and one small lamp, each pixel the mean of 3 x 3 rays."""
    rows, cols = (np.mgrid[: 3 * SHAPE[0], : 3 * SHAPE[1]] + 0.5) / 3
    images = []
    for light in lights:
        picture = np.full(rows.shape, floor * light[2])
        for circle in circles:
            x, y = (cols - circle.x) / circle.radius, (circle.y - rows) / circle.radius
            across = x**2 + y**2
            up = np.sqrt(np.clip(1 - across, 0, 1))
            towards = np.stack([2 * up * x, 2 * up * y, 2 * up**2 - 1])
            lamp = np.tensordot(light, towards, axes=1) > np.cos(np.deg2rad(4))
            picture = np.where(across <= 1, np.where(lamp, 1.0, 0.02), picture)
        images.append(picture.reshape(SHAPE[0], 3, SHAPE[1], 3).mean(axis=(1, 3)))
    return np.stack(images).astype(np.float32)


def _angles_deg(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.rad2deg(np.arccos(np.clip((found * truth).sum(axis=1), -1, 1)))


BALL, SMALL = Circle(120.3, 140.7, 70.2), Circle(270.5, 60.2, 40.4)


def test_directions_of_a_rendered_sphere() -> None:
    found = sphere_directions(list(_render([BALL])), BALL)
    assert _angles_deg(found, LIGHTS).max() < 0.5


def test_up_in_the_image_is_positive_y() -> None:
    # a lamp above the object is mirrored in the upper half of the ball, where rows are small
    (image,) = _render([BALL], _lights((90, 45)))
    x, y = highlight_centre(image, BALL) or (0, 0)
    assert y < BALL.y - 10
    assert abs(x - BALL.x) < 0.5
    np.testing.assert_allclose(reflected_direction(BALL, x, y), [0, np.sqrt(0.5), np.sqrt(0.5)], atol=0.01)


def test_spheres_are_found_and_their_outlines_are_exact() -> None:
    images = _render([BALL, SMALL])
    first, second = find_mirror_spheres(images)
    for found, truth in ((first, BALL), (second, SMALL)):
        assert np.hypot(found.x - truth.x, found.y - truth.y) < 0.3
        assert abs(found.radius - truth.radius) < 0.4
    directions, spread = combine_directions(
        [sphere_directions(list(images), circle) for circle in (first, second)], names=list("abcdefg")
    )
    assert _angles_deg(directions, LIGHTS).max() < 1.0
    assert 0 < spread < 1.0


def test_round_things_that_are_no_mirrors_are_left_alone() -> None:
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    coin = np.hypot(cols - BALL.x, rows - BALL.y) <= BALL.radius
    images = np.stack([np.where(coin, 0.7 * light[2], 0.2) for light in LIGHTS]).astype(np.float32)
    images[:, 100:110, 100:110] = 3.0  # a bright spot that stays where it is
    assert find_mirror_spheres(images) == ()
    assert find_mirror_spheres(np.zeros((3, 50, 50), np.float32)) == ()


def test_a_light_that_one_sphere_does_not_see_comes_from_the_other() -> None:
    images = _render([BALL, SMALL])
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    images[2][(np.hypot(cols - BALL.x, rows - BALL.y) < BALL.radius)] = 0.02
    parts = [sphere_directions(list(images), circle) for circle in (BALL, SMALL)]
    assert np.isnan(parts[0][2]).all()
    directions, _ = combine_directions(parts, names=list("abcdefg"))
    assert _angles_deg(directions, LIGHTS).max() < 0.6
    with pytest.raises(DataError, match=r"no sphere shows the lamp of c \(1 of 7 images\)"):
        combine_directions(parts[:1], names=list("abcdefg"))


def test_a_glow_as_large_as_the_sphere_is_no_lamp() -> None:
    image = np.full(SHAPE, 0.02, np.float32)
    image[100:180, 80:140] = 1.0
    assert highlight_centre(image, BALL) is None
    assert highlight_centre(np.full(SHAPE, 0.5, np.float32), BALL) is None


def test_circles_of_a_mask() -> None:
    mask = BALL.disc(SHAPE) | SMALL.disc(SHAPE)
    for found, truth in zip(circles_of_mask(mask), (BALL, SMALL), strict=True):
        np.testing.assert_allclose([found.x, found.y, found.radius], [truth.x, truth.y, truth.radius], atol=0.3)
    mask[:60, :20] = True
    with pytest.raises(DataError, match="no disc"):
        circles_of_mask(mask)
    with pytest.raises(DataError, match="marks nothing"):
        circles_of_mask(np.zeros(SHAPE, bool))


@pytest.mark.parametrize("values", [(1.0, 2.0, 0.0), (1.0, 2.0, 3.0), (np.nan, 1.0, 20.0)])
def test_a_circle_that_is_none_is_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="radius of at least 8 px"):
        Circle(*values)


def test_a_place_outside_the_sphere_is_refused() -> None:
    with pytest.raises(InputError, match="outside the sphere"):
        reflected_direction(BALL, BALL.x + BALL.radius, BALL.y)


def test_a_photographed_chrome_sphere(data_dir: Path) -> None:
    # The lights that come with the set were read off the same sphere by others; on two of twelve images the reading
    # differs by 6 and 9 degrees, on the rest by less than 5.
    folder = data_dir / "ps" / "uw_psm"
    images = list_images(folder / "chrome", leave_out=[folder / "chrome" / "mask.png"])
    stack = open_light_stack(images)
    pixels, _ = stack.read(Window(0, 0, stack.height, stack.width), keep_clipped=True)
    (circle,) = circles_of_mask(read_mask(folder / "chrome" / "mask.png")[0])
    truth = read_lights(folder / "lights.csv").directions
    angles = _angles_deg(sphere_directions(list(pixels), circle), truth)
    assert np.median(angles) < 3
    assert np.sort(angles)[-3] < 5
