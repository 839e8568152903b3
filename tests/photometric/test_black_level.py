"""The offset of matt images is found; where it cannot be, that is said."""

from __future__ import annotations

import numpy as np
import pytest

from graven.photometric.black_level import estimate_black_level


@pytest.mark.parametrize("level", [-0.05, 0.0, 0.03])
def test_the_offset_of_a_matt_surface(relief, dome, level: float) -> None:
    noise = np.random.default_rng(1).normal(0, 0.001, (len(dome), 128, 128))
    images = np.maximum(relief.render(dome) + level + noise, 0).astype(np.float32)
    images[:3, :40, :40] = max(level, 0.0)  # in cast shadow
    black = estimate_black_level(images, dome)
    assert black.level == pytest.approx(level, abs=0.002)
    assert black.is_certain


@pytest.mark.parametrize(("elevations", "shininess"), [((25, 45, 65), 25.0), ((30, 55), 8.0), ((30, 55), 15.0)])
def test_highlights_make_it_uncertain(metal, rings, elevations, shininess) -> None:
    lights = rings(*elevations)
    images, _ = metal(lights, specular=0.6, shininess=shininess)
    assert not estimate_black_level(images, lights).is_certain


def test_one_ring_of_lights_cannot_tell_an_offset_from_an_albedo(relief, rings) -> None:
    ring = rings(45)
    black = estimate_black_level(relief.render(ring), ring)
    assert np.isnan(black.level)
    assert not black.is_certain


def test_a_handful_of_pixels_is_not_enough(relief, dome) -> None:
    assert not estimate_black_level(relief.render(dome)[:, :9, :9], dome).is_certain
