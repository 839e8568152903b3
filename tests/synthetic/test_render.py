from __future__ import annotations

import numpy as np
import pytest

from graven.synthetic.render import PhotoSettings, draw_photo, encode_srgb, render_old_photograph, render_orthophoto
from graven.synthetic.rock import make_rock
from graven.synthetic.surface import Surface

CLEAN = PhotoSettings(135.0, 45.0, 0.5, 0.2, 0.0, 1.0, 0.3, 0.0, 100)


def _plane(albedo: float = 0.18, size: int = 64) -> Surface:
    return Surface(np.zeros((size, size), np.float32), np.full((3, size, size), albedo, np.float32), {}, 0.5)


def _schist(size: int = 128) -> Surface:
    return make_rock("schist", shape=(size, size), pixel_size_mm=0.5, rng=np.random.default_rng(1)).freeze()


def test_a_grey_plane_comes_out_grey_and_exposed_as_asked() -> None:
    # albedo 0.18 is the reference of the exposure: the linear mean is 0.2, slightly compressed by the shoulder
    image = render_orthophoto(_plane(), rng=np.random.default_rng(0), photo=CLEAN)
    assert image.shape == (3, 64, 64)
    assert image.dtype == np.uint8
    linear = 0.2 / (1 + 0.22 * 0.2**2)
    expected = 255 * encode_srgb(np.array([linear], np.float32))[0]
    assert abs(float(image[1].mean()) - expected) < 4
    assert image.std() < 6


def test_same_generator_same_bytes_other_generator_other_noise() -> None:
    first, again, other = (render_orthophoto(_schist(), rng=np.random.default_rng(s)) for s in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_shadow_of_something_outside_darkens() -> None:
    shade = np.ones((64, 64), np.float32)
    shade[:, :32] = 0
    image = render_orthophoto(_plane(), rng=np.random.default_rng(0), photo=CLEAN, shade=shade)
    assert image[:, :, :28].mean() < 0.85 * image[:, :, 36:].mean()


def test_relief_is_lit_from_the_side_of_the_sun() -> None:
    height = np.zeros((80, 80), np.float32)
    y, x = np.mgrid[-40:40, -40:40]
    height += 6 * np.exp(-(x**2 + y**2) / 200)
    hill = Surface(height, np.full((3, 80, 80), 0.2, np.float32), {}, 0.5)
    image = render_orthophoto(hill, rng=np.random.default_rng(0), photo=CLEAN)[1].astype(int)
    # azimuth 135: light from the upper left
    assert image[32, 32] > image[40, 70] > image[48, 48]


@pytest.mark.parametrize("severe", [False, True])
def test_drawn_settings_are_usable(severe: bool) -> None:
    for seed in range(100):
        photo = draw_photo(np.random.default_rng(seed), severe=severe)
        assert 0 < photo.elevation_deg < 90
        assert 0 <= photo.sun_share <= 1
        assert 1 <= photo.jpeg_quality <= 100
        assert photo.blur_px > 0


def test_severe_pictures_are_worse() -> None:
    quality = [
        np.mean([draw_photo(np.random.default_rng(s), severe=v).jpeg_quality for s in range(50)]) for v in (0, 1)
    ]
    assert quality[1] < quality[0] - 10


def test_an_old_photograph_is_toned_faded_and_grainy() -> None:
    surface = _schist()
    old = render_old_photograph(surface, np.random.default_rng(3), photo=CLEAN)
    assert old.shape == (3, 128, 128)
    assert old.dtype == np.uint8
    assert old[0].mean() >= old[2].mean()  # sepia
    assert np.corrcoef(old[0].ravel(), old[2].ravel())[0, 1] > 0.9
    assert old.min() > 5  # faded black
    np.testing.assert_array_equal(old, render_old_photograph(surface, np.random.default_rng(3), photo=CLEAN))


def test_some_old_photographs_are_halftones() -> None:
    # a screen of 3 to 6 px puts lines into the spectrum that stand far above the grain
    rows, cols = np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128)[None]
    fine = np.hypot(rows, cols) > 0.12
    peaks = []
    for seed in range(14):
        old = render_old_photograph(_plane(size=128), np.random.default_rng(seed), photo=CLEAN)[1].astype(float)
        power = np.abs(np.fft.rfft2((old - old.mean()) * np.hanning(128)[:, None] * np.hanning(128)))[fine]
        peaks.append(power.max() / np.median(power))
    assert sum(peak > 100 for peak in peaks) >= 2
    assert sum(peak < 40 for peak in peaks) >= 5
