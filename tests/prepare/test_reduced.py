"""Reduced views: block means, the same from any window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import Resampling

from graven.errors import InputError
from graven.io.images import open_raster
from graven.prepare.bands import bands_view
from graven.prepare.clahe import clahe_view
from graven.prepare.reduced import block_means, reduced_view
from graven.prepare.reversal import reversal_view
from graven.types import PixelSize, Window, raster_from_array


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_a_pixel_is_the_mean_of_its_block(dtype: type[np.unsignedinteger], factor: int) -> None:
    pixels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (2, 48, 96)).astype(dtype)
    means = pixels.reshape(2, 48 // factor, factor, 96 // factor, factor).mean(axis=(2, 4))
    assert np.abs(block_means(pixels, factor) - means).max() <= 0.51


@given(st.integers(1, 9), st.tuples(st.integers(0, 8), st.integers(0, 8)), st.integers(0, 9))
def test_any_window_equals_the_whole_view(factor: int, corner: tuple[int, int], seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (1, 83, 77)).astype(np.uint8)
    view = reduced_view(raster_from_array(pixels), factor)
    whole = view.read()
    window = Window(*corner, view.height, view.width).intersection(view.bounds)
    if not window.is_empty:
        np.testing.assert_array_equal(view.read(window), whole[:, *window.slices()])


def test_valid_wherever_a_pixel_of_the_block_is_and_scaled() -> None:
    valid = np.zeros((5, 8), bool)
    valid[4, 7] = True
    raster = raster_from_array(np.zeros((3, 5, 8), np.uint8), valid=valid, pixel_size=PixelSize(0.5, 0.25, "user", 0.1))
    view = reduced_view(raster, 4)
    assert view.read_valid(view.bounds).tolist() == [[False, False], [False, True]]
    assert view.pixel_size == PixelSize(2.0, 1.0, "user", 0.1)


def test_what_cannot_be_averaged_is_refused() -> None:
    with pytest.raises(InputError, match="uint8 or uint16"):
        reduced_view(raster_from_array(np.zeros((3, 4, 4), np.float32)), 2)
    with pytest.raises(InputError, match="blocks of 3 px must fill"):
        block_means(np.zeros((1, 4, 6), np.uint8), 3)


@pytest.mark.parametrize("how", ["average", "nearest"])
def test_an_overview_is_read_in_place_of_the_pixels_if_it_was_averaged(tmp_path: Path, how: str) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (3, 1000, 1200)).astype(np.uint8)
    path = tmp_path / "panel.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=1000,
        width=1200,
        count=3,
        dtype="uint8",
        tiled=True,
        transform=rasterio.Affine(0.5, 0, 0, 0, -0.5, 0),
    ) as target:
        target.write(pixels)
        target.build_overviews([2, 4], Resampling[how])
    raster = open_raster(path)
    plain = reduced_view(raster_from_array(pixels), 4)
    asked: list[Window] = []

    def read_pixels(window: Window) -> np.ndarray:
        asked.append(window)
        return raster.read_pixels(window)

    view = reduced_view(replace(raster, read_pixels=read_pixels), 4)
    n_samples = len(asked)
    found = view.read(Window(100, 100, 90, 90)).astype(int)
    assert (len(asked) == n_samples) == (how == "average")
    assert np.abs(found - plain.read(Window(100, 100, 90, 90))).max() <= 1
    assert view.read().shape == (3, 250, 300)


def test_an_overview_is_converted_like_the_pixels() -> None:
    raster = raster_from_array(np.full((1, 8, 8), 257 * 7, np.uint16))
    raster = replace(
        raster, overviews={2: lambda window: np.full((1, window.height, window.width), 257 * 9, np.uint16)}
    )
    bands, _ = bands_view(raster, n_bands=3)
    assert bands.overviews[2](Window(0, 0, 2, 2)).tolist() == [[[9, 9], [9, 9]]] * 3
    assert clahe_view(bands).overviews == reversal_view(bands).overviews == {}
