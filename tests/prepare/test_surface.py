"""Layers of a surface: each prepared by its own step, in any combination, tiled and resampled alike."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from graven.errors import DataError
from graven.prepare.chain import PrepareChain
from graven.prepare.frame import working_frame
from graven.types import PixelSize, PrepareStep, Raster, Window, raster_from_array

STEPS = {
    "height": PrepareStep("highpass", {"sigma_mm": 0.2}),
    "normals": PrepareStep("normals"),
    "albedo": PrepareStep("albedo"),
}
BANDS = {"height": slice(0, 1), "normals": slice(1, 4), "albedo": slice(4, 5)}
SIZE = (90, 120)
MM = PixelSize(0.05, 0.05, "user")


@pytest.fixture(scope="module")
def surface() -> np.ndarray:
    """Height, normals of any length, albedo; the left column is unknown in the albedo alone."""
    rng = np.random.default_rng(3)
    height = np.cumsum(rng.normal(0, 0.02, SIZE), axis=1) + 40
    normals = np.stack([*rng.normal(0, 0.3, (2, *SIZE)), rng.uniform(0.5, 2, SIZE)])
    albedo = rng.uniform(0.1, 0.6, SIZE)
    albedo[:, 0] = np.nan
    return np.concatenate([height[None], normals, albedo[None]]).astype(np.float32)


def raster_of(surface: np.ndarray, layers: tuple[str, ...]) -> Raster:
    return raster_from_array(np.concatenate([surface[BANDS[layer]] for layer in layers]), pixel_size=MM)


def chain_of(layers: tuple[str, ...]) -> PrepareChain:
    return PrepareChain(
        tuple(STEPS[layer] for layer in layers),
        n_bands=sum(BANDS[layer].stop - BANDS[layer].start for layer in layers),
    )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_combination_is_its_layers_prepared_alone(surface: np.ndarray, n: int) -> None:
    for layers in combinations(BANDS, n):
        chain = chain_of(layers)
        assert chain.layers == layers
        got = chain.view(raster_of(surface, layers)).read()
        alone = [chain_of((layer,)).view(raster_of(surface, (layer,))).read() for layer in layers]
        np.testing.assert_array_equal(got, np.concatenate(alone))


def test_bands_are_named_in_the_order_of_the_steps() -> None:
    assert chain_of(("albedo", "height", "normals")).bands == ("albedo", "height", "normal_x", "normal_y", "normal_z")


def test_normals_by_hand() -> None:
    normals = np.array([[3.0, 0.0, np.nan], [0.0, -0.5, 0.0], [4.0, 0.0, 1.0]], np.float32)[:, None]
    got = PrepareChain((PrepareStep("normals"),)).view(raster_from_array(normals)).read()
    # (0.6, 0, 0.8), (0, -1, 0), and an unknown one, which faces the viewer
    np.testing.assert_allclose(got[:, 0].T, [[204, 127.5, 229.5], [127.5, 0, 127.5], [127.5, 127.5, 255]], atol=1e-4)


def test_the_albedo_is_standardised_on_the_object_alone() -> None:
    albedo = np.array([[0.2, 0.4, 0.6, 99.0, np.nan]], np.float32)
    on_object = np.array([[True, True, True, False, True]])
    chain = PrepareChain((PrepareStep("albedo"),), n_bands=1)
    got = chain.view(raster_from_array(albedo, valid=on_object)).read()[0, 0]
    deviation = 0.2 * np.sqrt(2 / 3)
    step = 0.2 / deviation / 3 * 127.5
    np.testing.assert_allclose(got, [127.5 - step, 127.5, 127.5 + step, 127.5, 127.5], atol=1e-3)
    with pytest.raises(DataError, match="the albedo is the same everywhere"):
        chain.view(raster_from_array(np.full((4, 4), 0.3, np.float32)))


def test_a_measured_chain_gives_the_same_pixels_window_by_window(surface: np.ndarray) -> None:
    raster = raster_of(surface, tuple(BANDS))
    chain = chain_of(tuple(BANDS))
    measured = chain.measured(raster)
    assert set(measured.steps[0].options) == {"sigma_mm", "mean_mm", "std_mm"}
    assert set(measured.steps[2].options) == {"mean", "std"}
    assert measured.measured(raster) == measured
    whole = chain.view(raster).read()
    window = Window(20, -5, 40, 60)
    part = measured.window(raster, window)
    np.testing.assert_allclose(part[:, :, 5:], whole[:, 20:60, :55], atol=1e-3)


def test_a_surface_is_known_where_all_of_it_is(surface: np.ndarray) -> None:
    layers = tuple(BANDS)
    known = chain_of(layers).known(raster_of(surface, layers))
    valid = known.read_valid(known.bounds)
    assert not valid[:, 0].any()
    assert valid[:, 1:].all()


def test_what_is_not_known_does_not_spread_when_a_surface_is_resampled(surface: np.ndarray) -> None:
    layers = tuple(BANDS)
    broken = surface.copy()
    broken[:, 30:40, 50:70] = np.nan
    chain = chain_of(layers)
    frame = working_frame(chain.filled(chain.known(raster_of(broken, layers))), pixel_size_mm=0.1).raster
    assert (frame.height, frame.width) == (45, 60)
    assert np.isfinite(frame.read()).all()
    valid = frame.read_valid(frame.bounds)
    assert not valid[15:20, 25:35].any()
    assert valid[:14, 2:].all()


def test_other_bands_than_those_of_the_layers_are_refused(surface: np.ndarray) -> None:
    with pytest.raises(DataError, match="has 4 bands of float32; the model takes height, normals, albedo, 5 bands"):
        chain_of(tuple(BANDS)).known(raster_from_array(surface[:4]))
    with pytest.raises(DataError, match="found normals, normals"):
        PrepareChain((PrepareStep("normals"), PrepareStep("normals")), n_bands=6)
