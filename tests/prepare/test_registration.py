"""Two photographs of one surface: known homographies are found, in other light too; what does not fit is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from graven.errors import DataError
from graven.prepare.registration import register, transform_points
from graven.synthetic import make_petroglyph
from graven.types import Raster, raster_from_array

SIZE = 640
STEPS = np.linspace(20, 620, 13)
PLACES = np.stack(np.meshgrid(STEPS, STEPS), axis=-1).reshape(-1, 2)
VIEWS = {
    "moved": [[1, 0, 7.3], [0, 1, -4.6], [0, 0, 1]],
    "turned and larger": [[1.2, -0.35, 60], [0.35, 1.2, -90], [0, 0, 1]],
    "oblique": [[1.02, 0.06, 5], [-0.04, 0.97, 12], [8e-5, -6e-5, 1]],
    "half the size": [[0.5, 0.02, 3], [-0.01, 0.5, 6], [0, 0, 1]],
}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return make_petroglyph(5, size_px=SIZE).image


def seen(picture: np.ndarray, matrix: np.ndarray, *, rng: np.random.Generator, light: float) -> Raster:
    """Photograph a picture from elsewhere, in other light and with noise; the homography is of outer corners."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    index = np.linalg.inv(half) @ matrix @ half
    pixels = cv2.warpPerspective(
        np.moveaxis(picture, 0, -1), index, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    ).astype(np.float32)
    ramp = np.linspace(1 - light, 1 + light, SIZE, dtype=np.float32)
    pixels = 255 * (pixels / 255 * ramp[:, None, None] * ramp[None, ::-1, None]) ** (1 + light)
    pixels += rng.normal(0, 2, pixels.shape)
    return raster_from_array(np.moveaxis(pixels, -1, 0).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("light", [0.0, 0.3])
@pytest.mark.parametrize("view", VIEWS)
def test_a_known_view_is_found(picture: np.ndarray, view: str, light: float) -> None:
    matrix = np.array(VIEWS[view], np.float64)
    other = seen(picture, matrix, rng=np.random.default_rng(1), light=light)
    found = register(raster_from_array(picture), other)
    inside = transform_points(matrix, PLACES)
    known = (inside > 0).all(axis=1) & (inside < SIZE).all(axis=1)
    errors = np.hypot(*(transform_points(found.matrix, PLACES) - inside)[known].T)
    assert known.sum() >= 30
    assert errors.max() < 0.35
    assert found.residual_p95_px < 0.6
    assert found.n_patches >= 6


def test_light_from_another_side_does_not_move_the_paint() -> None:
    """Rough paint that is thick where it is bright: with the shading of its slope it looks as if it had moved."""
    rng = np.random.default_rng(5)
    parts = [cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), (0, 0), 2.5) for _ in range(4)]
    *hues, rough = (20 * part / part.std() for part in parts)
    hues = 130 + np.stack(hues)
    shading = np.gradient(hues.mean(axis=0) + 0.6 * rough, axis=1) / 130
    lit = [(hues * (1 + side * shading)).clip(0, 255).astype(np.uint8) for side in (0.5, -0.5)]
    for n_bands, least, most in ((3, 0.0, 0.1), (1, 0.7, 1.3)):  # in grey, half a pixel either way cannot be told
        bands = [pixels if n_bands == 3 else pixels.mean(axis=0, keepdims=True).astype(np.uint8) for pixels in lit]
        moved = transform_points(register(*map(raster_from_array, bands)).matrix, PLACES) - PLACES
        assert np.abs(moved[:, 1]).max() < 0.1
        assert least <= np.abs(moved[:, 0]).min()
        assert np.abs(moved[:, 0]).max() <= most


def test_the_overlap_is_that_of_the_views(picture: np.ndarray) -> None:
    matrix = np.array([[1, 0, -320], [0, 1, 0], [0, 0, 1.0]])
    other = seen(picture, matrix, rng=np.random.default_rng(2), light=0.0)
    assert register(raster_from_array(picture), other).overlap_share == pytest.approx(0.5, abs=0.03)


def test_another_surface_is_refused(picture: np.ndarray) -> None:
    other = make_petroglyph(6, size_px=SIZE).image
    with pytest.raises(DataError, match=r"in common|could be brought|agree in|is seen in"):
        register(raster_from_array(picture), raster_from_array(other))


def test_a_blank_picture_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(DataError, match="0 features in common"):
        register(raster_from_array(picture), raster_from_array(np.full((3, SIZE, SIZE), 90, np.uint8)))


def test_a_surface_that_has_moved_in_itself_is_refused_with_the_residual(picture: np.ndarray) -> None:
    rows, cols = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    bent = cv2.remap(
        np.moveaxis(picture, 0, -1), cols + 6 * np.sin(rows / 60), rows + 6 * np.cos(cols / 60), cv2.INTER_LINEAR
    )
    other = raster_from_array(np.ascontiguousarray(np.moveaxis(bent, -1, 0)))
    with pytest.raises(DataError, match=r"within \d+\.\d px only|agree in"):
        register(raster_from_array(picture), other)
