"""The mix of bands that two photographs agree in: it holds the paint and leaves the light out."""

from __future__ import annotations

import numpy as np
import pytest

from graven.errors import MismatchError
from graven.prepare.light_free import agreeing_bands, log_detail

N = 4000
RNG = np.random.default_rng(2)
RED, BLUE, LIGHT, OTHER = RNG.normal(0, 1, (4, N))


def lit(light: np.ndarray) -> np.ndarray:
    """Logarithms of three bands: what the paint returns, and light that is the same in all."""
    return (np.stack([RED, np.zeros(N), BLUE]) + 3 * light).astype(np.float32)


def test_the_mix_leaves_out_what_all_bands_share() -> None:
    first, second = lit(LIGHT), lit(OTHER)
    ours, theirs = agreeing_bands(first, second)
    assert abs(ours.sum()) < 0.03 * abs(ours).max()
    assert np.corrcoef(ours @ first, theirs @ second)[0, 1] > 0.99
    assert np.corrcoef(first.mean(axis=0), second.mean(axis=0))[0, 1] < 0.1


def test_mixes_have_unit_variance_and_one_band_gives_itself() -> None:
    first = lit(LIGHT)[:1]
    ours, theirs = agreeing_bands(first, -2 * first)
    assert (ours @ first).std() == pytest.approx(1, abs=1e-3)
    assert theirs[0] == pytest.approx(-ours[0] / 2, rel=1e-3)


def test_copies_of_one_band_and_bands_without_anything_are_no_trouble() -> None:
    grey = np.repeat(lit(LIGHT)[:1], 3, axis=0)
    for bands in (grey, 0 * grey):
        ours, theirs = agreeing_bands(bands, bands)
        assert np.isfinite(ours).all()
        assert np.isfinite(theirs).all()
    assert np.ptp(agreeing_bands(grey, grey)[0]) < 1e-2


def test_stronger_light_leaves_detail_as_it_is() -> None:
    pixels = RNG.integers(60, 90, (2, 80, 80)).astype(np.uint8)
    assert np.abs(log_detail(pixels) - log_detail(2 * pixels)).max() < 0.02
    assert np.abs(log_detail(np.full((1, 80, 80), 77, np.uint8))).max() < 1e-5


def test_photographs_of_two_shapes_are_refused() -> None:
    with pytest.raises(MismatchError, match=r"one shape, got \(3, 4000\) and \(3, 3999\)"):
        agreeing_bands(lit(LIGHT), lit(LIGHT)[:, 1:])
