"""Near lights: what a far light would get wrong is right after a few turns."""

from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError
from graven.photometric.checks import angular_error_deg
from graven.photometric.near import near_normals, near_surface, pixel_places
from graven.photometric.robust import MATT, METAL, PLAIN, robust_normals

POWER = 2.0


def render_near(relief, positions, strengths, cos_power: float) -> np.ndarray:
    """Written from the law, light by light: direction, distance and lamp of every pixel."""
    shape = relief.height_mm.shape
    x_mm, y_mm = pixel_places(shape, pixel_size_mm=relief.pixel_size_mm)
    height = relief.height_mm - relief.height_mm.mean()
    points = np.stack([np.broadcast_to(x_mm, shape), np.broadcast_to(y_mm[:, None], shape), height])
    images = []
    for position, strength in zip(positions, strengths, strict=True):
        ray = position[:, None, None] - points
        distance = np.linalg.norm(ray, axis=0)
        away = np.linalg.norm(position)
        lamp = np.clip(np.tensordot(position / away, ray / distance, 1), 0, None) ** cos_power
        shade = np.clip((ray / distance * relief.normals).sum(axis=0), 0, None)
        images.append(0.5 * strength * (away / distance) ** 2 * lamp * shade)
    return np.array(images, np.float32)


@pytest.fixture(scope="module")
def stand(dome):
    """Lamps 40 mm from the middle of a relief of 13 mm."""
    return 40.0 * dome, np.linspace(0.7, 1.3, len(dome))


@pytest.mark.parametrize("settings", [PLAIN, METAL, MATT])
@pytest.mark.parametrize("cos_power", [0.0, POWER])
def test_normals_and_height_under_near_lamps(relief, stand, settings, cos_power: float) -> None:
    positions, strengths = stand
    images = render_near(relief, positions, strengths, cos_power)
    fit, height = near_surface(
        images,
        positions,
        pixel_size_mm=relief.pixel_size_mm,
        strengths=strengths,
        cos_power=cos_power,
        settings=settings,
    )
    assert np.nanmean(angular_error_deg(fit.normals, relief.normals)) < 0.1
    np.testing.assert_allclose(fit.albedo, 0.5, rtol=0.01)
    truth = relief.height_mm - relief.height_mm.mean()
    assert np.abs(height - truth).max() < 0.005 * np.ptp(truth)


def test_far_lights_would_be_wrong(relief, stand, dome) -> None:
    positions, strengths = stand
    images = render_near(relief, positions, strengths, 0.0)
    far = robust_normals(images, dome, strengths=strengths, settings=PLAIN)
    assert np.nanmean(angular_error_deg(far.normals, relief.normals)) > 3


def test_the_true_height_gives_the_true_normals_at_once(relief, stand) -> None:
    positions, strengths = stand
    images = render_near(relief, positions, strengths, POWER)
    x_mm, y_mm = pixel_places(relief.height_mm.shape, pixel_size_mm=relief.pixel_size_mm)
    rows = slice(30, 60)  # a band
    fit = near_normals(
        images[:, rows],
        positions,
        x_mm=x_mm,
        y_mm=y_mm[rows],
        height_mm=(relief.height_mm - relief.height_mm.mean())[rows],
        strengths=strengths,
        cos_power=POWER,
        settings=PLAIN,
    )
    assert angular_error_deg(fit.normals, relief.normals[:, rows]).max() < 0.02


def test_what_cannot_be_obeyed(stand) -> None:
    positions, _ = stand
    images = np.ones((len(positions), 4, 4), np.float32)
    with pytest.raises(InputError, match="must stand above the surface"):
        near_surface(images, positions * [1, 1, -1], pixel_size_mm=1.0)
    with pytest.raises(InputError, match="at least 1 round, got 0"):
        near_surface(images, positions, pixel_size_mm=1.0, rounds=0)
    with pytest.raises(InputError, match="power of the cosine"):
        near_surface(images, positions, pixel_size_mm=1.0, cos_power=-1)
    with pytest.raises(InputError, match="window of 4 x 4 px"):
        near_normals(images, positions, x_mm=np.zeros(5), y_mm=np.zeros(4), height_mm=np.zeros((4, 4)))
