"""Rotation is found in physical frequency, corrected as an affine, and left alone where nothing stands out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from graven.errors import InputError
from graven.prepare.overview import grey_overview
from graven.prepare.rotation import correction_affine, estimate_rotation, ray_energy, skew_of_grey, spectrum_angle_deg
from graven.types import Window, raster_from_array


def _grid(height: int, width: int, skew_deg: float, *, noise: float = 2.0) -> np.ndarray:
    """Lines along both axes of a frame that is turned from +x towards +y."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    cos, sin = math.cos(math.radians(skew_deg)), math.sin(math.radians(skew_deg))
    u, v = cos * x + sin * y, cos * y - sin * x
    image = 128 + 40 * (u % 23 < 3) - 30 * (v % 39 < 3) + rng.normal(0, noise, (height, width))
    return np.clip(image, 0, 255).astype(np.uint8)


def test_vector_a_rot_1(vectors: dict[str, dict[str, Any]]) -> None:
    vector = vectors["A-ROT-1"]
    given, expected = vector["inputs"], vector["expected"]
    height, width = given["height"], given["width"]
    y, x = np.mgrid[:height, :width]
    wave = np.cos(2 * np.pi * (given["cycles_x"] * x / width + given["cycles_y"] * y / height))
    magnitude = np.abs(np.fft.rfft2(wave))[: height // 2]
    peak_row, peak_col = (int(i) for i in np.unravel_index(magnitude.argmax(), magnitude.shape))
    assert (peak_row, peak_col) == (expected["peak_row"], expected["peak_col"])
    angle = spectrum_angle_deg(peak_row, peak_col, height=height, width=width)
    assert angle == pytest.approx(expected["wave_angle_deg"], abs=vector["tolerance"])
    assert angle - 90 == pytest.approx(expected["stripe_angle_deg"], abs=vector["tolerance"])
    ignored = spectrum_angle_deg(peak_row, peak_col, height=1, width=1)
    assert ignored == pytest.approx(expected["angle_if_aspect_ignored_deg"], abs=vector["tolerance"])


@pytest.mark.parametrize("shape", [(256, 512), (512, 256)])
def test_the_strongest_ray_crosses_the_lines_on_a_frame_that_is_not_square(shape: tuple[int, int]) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    direction = math.radians(53.1)
    across = math.cos(direction) * x + math.sin(direction) * y
    lines = 128 + 60 * (across % 21 < 3) + np.random.default_rng(2).normal(0, 3, shape)
    angles, energy = ray_energy(lines.astype(np.float32))
    assert angles[np.nanargmax(energy)] == pytest.approx(53.1, abs=0.3)


@pytest.mark.parametrize("skew_deg", [-37.4, -12.0, -1.0, 0.9, 7.3, 30.0, 44.0])
@pytest.mark.parametrize("shape", [(300, 900), (700, 500)])
def test_a_turned_grid_is_measured_within_a_step(shape: tuple[int, int], skew_deg: float) -> None:
    found = skew_of_grey(_grid(*shape, skew_deg).astype(np.float32), min_peak_ratio=1.1)
    assert found.applied
    assert found.skew_deg == pytest.approx(skew_deg, abs=0.15)


@pytest.mark.parametrize("shape", [(300, 900), (500, 500), (1024, 700)])
def test_an_upright_grid_is_left_alone(shape: tuple[int, int]) -> None:
    assert not skew_of_grey(_grid(*shape, 0.0).astype(np.float32), min_peak_ratio=1.0).applied


def test_noise_flat_and_tiny_images_are_left_alone_with_a_reason() -> None:
    rng = np.random.default_rng(1)
    noise = skew_of_grey(rng.normal(128, 30, (400, 600)).astype(np.float32))
    assert not noise.applied
    assert "no direction stands out" in noise.reason
    assert "flat" in skew_of_grey(np.full((100, 100), 9, np.float32)).reason
    assert "smaller than 64 px" in skew_of_grey(np.zeros((63, 500), np.float32)).reason


def test_thresholds_and_shapes_are_checked() -> None:
    with pytest.raises(InputError, match="min_peak_ratio must be at least 1"):
        skew_of_grey(np.zeros((100, 100), np.float32), min_peak_ratio=0.5)
    with pytest.raises(InputError, match=r"shape \(H, W\)"):
        skew_of_grey(np.zeros((3, 100, 100), np.float32))


def test_the_overview_keeps_the_angle_and_reads_small_windows() -> None:
    raster = raster_from_array(np.repeat(np.repeat(_grid(400, 700, 5.0), 3, axis=0), 3, axis=1))
    asked: list[Window] = []

    def read_pixels(window: Window) -> np.ndarray:
        asked.append(window)
        return raster.read_pixels(window)

    lazy = type(raster)(raster.height, raster.width, 1, raster.dtype, read_pixels, raster.read_valid)
    found = estimate_rotation(lazy, max_side_px=700, min_peak_ratio=1.1)
    assert found.applied
    assert found.skew_deg == pytest.approx(5.0, abs=0.15)
    assert max(w.height * w.width for w in asked) <= 1024 * 1024


def test_the_overview_is_the_mean_of_valid_pixels() -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (3, 130, 2501), dtype=np.uint8)
    valid = rng.random((130, 2501)) < 0.7
    valid[:20, :20] = False
    grey, factor = grey_overview(raster_from_array(image, valid=valid), max_side_px=300)
    assert factor == 9
    assert grey.shape == (14, 277)
    luma = np.tensordot([0.299, 0.587, 0.114], image.astype(np.float64), axes=1)[:126, :2493]
    kept = valid[:126, :2493].reshape(14, 9, 277, 9)
    total = (luma.reshape(14, 9, 277, 9) * kept).sum((1, 3))
    count = kept.sum((1, 3))
    expected = np.where(count > 0, total / np.maximum(count, 1), total.sum() / count.sum())
    np.testing.assert_allclose(grey, expected, atol=1e-3)
    assert (count == 0).sum() == 4


def test_an_overview_of_a_strip_thinner_than_a_block() -> None:
    grey, factor = grey_overview(raster_from_array(np.full((2, 640), 9, np.uint8)), max_side_px=64)
    assert (grey.shape, factor) == ((1, 64), 10)
    assert (grey == 9).all()


@pytest.mark.parametrize("skew_deg", [-30.0, 0.0, 12.5, 45.0])
def test_the_upright_frame_holds_the_whole_raster(skew_deg: float) -> None:
    (a, b, c, d, e, f), height, width = correction_affine(200, 330, skew_deg)
    corners = np.array([[0, 0], [330, 0], [0, 200], [330, 200]], float)
    view = np.linalg.solve([[a, b], [d, e]], (corners - [c, f]).T).T
    assert view.min() >= -1e-9
    assert (view <= np.array([width, height]) + 1e-9).all()
    assert a * e - b * d == pytest.approx(1)


def test_correction_turns_the_measured_direction_onto_the_axis() -> None:
    (a, _, _, d, _, _), _, _ = correction_affine(100, 100, 7.0)
    assert math.degrees(math.atan2(d, a)) == pytest.approx(7.0)
