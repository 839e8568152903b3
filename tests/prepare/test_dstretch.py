"""The stretch decorrelates, keeps its statistics apart from its windows, and knows its colour spaces."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import DataError, InputError, UsageError
from graven.prepare.colour import lab_from_rgb, rgb_from_lab
from graven.prepare.dstretch import SPACES, _stretch_matrix, dstretch_statistics, dstretch_view
from graven.types import Window, raster_from_array


def _sandstone(height: int = 120, width: int = 90, seed: int = 0) -> np.ndarray:
    """Brown rock whose bands are strongly correlated, with a faint red patch."""
    rng = np.random.default_rng(seed)
    shade = rng.normal(0, 12, (height, width))
    colour = rng.normal(0, 1.5, (3, height, width))
    rock = np.array([150.0, 115.0, 85.0])[:, None, None] + shade * np.array([1.0, 0.9, 0.8])[:, None, None] + colour
    rock[0, 40:70, 30:60] += 4
    return np.clip(np.rint(rock), 0, 255).astype(np.uint8)


IMAGE = _sandstone()


@pytest.mark.parametrize("space", list(SPACES))
def test_components_become_uncorrelated_with_one_spread(space: str) -> None:
    statistics = dstretch_statistics(raster_from_array(IMAGE), space=space)
    matrix = _stretch_matrix(np.array(statistics.covariance), SPACES[space], 15.0)
    weights = np.diag(SPACES[space].weights)
    stretched = weights @ matrix @ np.array(statistics.covariance) @ matrix.T @ weights
    np.testing.assert_allclose(stretched, np.eye(3) * (0.15 * SPACES[space].span) ** 2, atol=1e-6)


@pytest.mark.parametrize("space", list(SPACES))
def test_statistics_are_those_of_numpy(space: str) -> None:
    valid = np.random.default_rng(1).random(IMAGE.shape[1:]) < 0.8
    found = dstretch_statistics(raster_from_array(IMAGE, valid=valid), space=space)
    values = SPACES[space].forward(IMAGE[:, valid].astype(float))
    np.testing.assert_allclose(found.mean, values.mean(axis=1))
    np.testing.assert_allclose(found.covariance, np.cov(values, bias=True), atol=1e-9)
    assert found.n_pixels == valid.sum()


def test_rgb_of_a_gentle_stretch_has_the_asked_spread() -> None:
    raster = raster_from_array(IMAGE)
    out = (
        dstretch_view(raster, dstretch_statistics(raster, space="rgb"), strength=10).read().reshape(3, -1).astype(float)
    )
    np.testing.assert_allclose(out.mean(axis=1), 127.5, atol=0.5)
    np.testing.assert_allclose(np.cov(out), np.eye(3) * 25.5**2, atol=12)


@pytest.mark.parametrize("space", ["yds", "lab", "crgb"])
def test_a_faint_red_patch_stands_out(space: str) -> None:
    raster = raster_from_array(IMAGE)
    out = dstretch_view(raster, dstretch_statistics(raster, space=space)).read().astype(float)

    def distance(image: np.ndarray) -> float:
        inside = image[:, 40:70, 30:60].mean(axis=(1, 2))
        return float(np.linalg.norm(inside - image[:, :30].mean(axis=(1, 2))))

    assert distance(out) > 5 * distance(IMAGE.astype(float))


@settings(deadline=None, max_examples=40)
@given(
    space=st.sampled_from(list(SPACES)),
    place=st.tuples(st.integers(0, 119), st.integers(0, 89), st.integers(1, 70), st.integers(1, 70)),
)
def test_any_window_equals_the_whole(space: str, place: tuple[int, int, int, int]) -> None:
    raster = raster_from_array(IMAGE)
    view = dstretch_view(raster, dstretch_statistics(raster, space=space))
    window = Window(*place).intersection(raster.bounds)
    rows, cols = window.slices()
    np.testing.assert_array_equal(view.read(window), view.read()[:, rows, cols])


def test_lab_agrees_with_opencv_and_comes_back() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (3, 40, 50)).astype(np.float64)
    lab = lab_from_rgb(rgb)
    expected = cv2.cvtColor(np.moveaxis(rgb / 255, 0, -1).astype(np.float32), cv2.COLOR_RGB2LAB)
    np.testing.assert_allclose(np.moveaxis(lab, 0, -1), expected, atol=0.5)
    np.testing.assert_allclose(rgb_from_lab(lab), rgb, atol=1e-6)


def test_grey_and_empty_images_are_refused() -> None:
    grey = raster_from_array(IMAGE[[0, 0, 0]])
    with pytest.raises(DataError, match="do not vary in three directions"):
        dstretch_statistics(grey)
    nothing = raster_from_array(IMAGE, valid=np.zeros(IMAGE.shape[1:], bool))
    with pytest.raises(DataError, match="no pixel of the image is valid"):
        dstretch_statistics(nothing)


def test_options_are_checked() -> None:
    raster = raster_from_array(IMAGE)
    with pytest.raises(UsageError, match="'xyz' is unknown; choose from rgb, lab"):
        dstretch_statistics(raster, space="xyz")
    with pytest.raises(InputError, match="the usual value is 15"):
        dstretch_view(raster, dstretch_statistics(raster), strength=0)
    with pytest.raises(DataError, match="3 bands of uint8"):
        dstretch_statistics(raster_from_array(IMAGE.astype(np.uint16)))
