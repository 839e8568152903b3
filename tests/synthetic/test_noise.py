from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graven.synthetic.noise import blur, cells, fractal, ridged, smoothstep, streaks, threshold_mask

FIELDS = {
    "fractal": lambda rng, shape: fractal(rng, shape, wavelength_px=20.0),
    "long": lambda rng, shape: fractal(rng, shape, wavelength_px=500.0, gain=0.4, finest_px=5.0),
    "ridged": lambda rng, shape: ridged(rng, shape, wavelength_px=20.0),
    "streaks": lambda rng, shape: streaks(rng, shape, wavelength_px=9.0, stretch=7.0, angle_deg=33.0),
}


@pytest.mark.parametrize("name", sorted(FIELDS))
@given(rows=st.integers(1, 90), cols=st.integers(1, 90), seed=st.integers(0, 2**32))
def test_fields_have_the_asked_shape_are_finite_and_repeat(name: str, rows: int, cols: int, seed: int) -> None:
    first = FIELDS[name](np.random.default_rng(seed), (rows, cols))
    again = FIELDS[name](np.random.default_rng(seed), (rows, cols))
    assert first.shape == (rows, cols)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)


def test_fractal_noise_prefers_no_direction() -> None:
    field = fractal(np.random.default_rng(7), (512, 512), wavelength_px=64.0, gain=0.6)
    power = np.abs(np.fft.fftshift(np.fft.fft2(field * np.hanning(512)[:, None] * np.hanning(512)))) ** 2
    y, x = np.indices((512, 512)) - 256
    ring = (np.hypot(x, y) > 20) & (np.hypot(x, y) < 100)
    angle = np.rad2deg(np.arctan2(y, x)) % 90
    axial = power[ring & ((angle < 15) | (angle > 75))].mean()
    diagonal = power[ring & (angle > 30) & (angle < 60)].mean()
    assert 0.7 < axial / diagonal < 1.4


def test_lower_gain_is_smoother() -> None:
    rough, smooth = (
        np.abs(np.diff(fractal(np.random.default_rng(3), (200, 200), wavelength_px=64.0, gain=g))).mean()
        for g in (0.8, 0.4)
    )
    assert rough > 2 * smooth


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 150.0])
def test_streaks_run_in_the_stated_direction(angle: float) -> None:
    field = streaks(np.random.default_rng(5), (256, 256), wavelength_px=10.0, stretch=15.0, angle_deg=angle)
    down, right = np.gradient(field)
    # the gradient of a streak is across it; structure tensor gives that axis, y counted up
    across = 0.5 * np.rad2deg(np.arctan2(2 * (-down * right).sum(), (right**2 - down**2).sum()))
    along = (across + 90) % 180
    assert min(abs(along - angle % 180), 180 - abs(along - angle % 180)) < 4


def test_cells_are_nearest_to_their_points() -> None:
    labels, distance = cells(np.random.default_rng(2), (80, 90), cell_px=9.0)
    centres = np.argwhere(distance == 0)
    owner = labels[tuple(centres.T)]
    assert len(np.unique(owner)) == len(centres) == labels.max() + 1
    y, x = np.indices(labels.shape)
    exact = np.hypot(y[..., None] - centres[:, 0], x[..., None] - centres[:, 1]).min(-1)
    # the 5 x 5 chamfer distance is within 3 % of the Euclidean one
    np.testing.assert_allclose(distance * 9.0, exact, rtol=0.03, atol=0.05)


def test_smoothstep_rises_and_falls() -> None:
    values = np.linspace(-1, 2, 31, dtype=np.float32)
    np.testing.assert_allclose(smoothstep(values, 0, 1), 1 - smoothstep(values, 1, 0), atol=1e-6)
    assert (np.diff(smoothstep(values, 0, 1)) >= 0).all()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9, 1.0])
def test_threshold_leaves_the_asked_share(share: float) -> None:
    field = fractal(np.random.default_rng(1), (400, 400), wavelength_px=8.0)
    assert abs((field > threshold_mask(field, share)).mean() - share) < 0.03


def test_blur_keeps_the_mean_of_a_mirrored_field() -> None:
    field = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    assert abs(blur(field, 3.0).mean() - field.mean()) < 0.02
    assert blur(field, 3.0).std() < 0.15
