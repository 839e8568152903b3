"""CLAHE on a fixed grid: tiles, whole image and OpenCV agree."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import InputError
from graven.prepare.clahe import clahe, clahe_view, clahe_window
from graven.types import Window, raster_from_array


def _panel(height: int, width: int, n_bands: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    slow = cv2.resize(rng.uniform(0, 255, (5, 6)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    noise = rng.normal(0, 15, (n_bands, height, width))
    return np.clip(slow + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("cell_px", [32, 64])
def test_grey_equals_opencv_on_multiples_of_the_cell(cell_px: int) -> None:
    image = _panel(cell_px * 5, cell_px * 3, 1, seed=1)
    expected = cv2.createCLAHE(2.0, (3, 5)).apply(image[0])
    np.testing.assert_array_equal(clahe(image, cell_px=cell_px)[0], expected)


def test_rgb_changes_only_the_lightness() -> None:
    image = _panel(128, 128, 3, seed=2)
    lab = cv2.cvtColor(np.moveaxis(image, 0, -1).copy(), cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(2.0, (2, 2)).apply(lab[..., 0].copy())
    np.testing.assert_array_equal(clahe(image), np.moveaxis(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), -1, 0))


def test_last_cells_are_filled_by_mirroring_without_the_border() -> None:
    image = _panel(100, 70, 1, seed=3)
    mirrored = np.pad(image[0], ((0, 28), (0, 58)), mode="reflect")
    expected = cv2.createCLAHE(2.0, (2, 2)).apply(mirrored)[:100, :70]
    np.testing.assert_array_equal(clahe(image)[0], expected)


WINDOWS = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 300), st.integers(1, 300))


@settings(deadline=None, max_examples=60)
@given(size=st.tuples(st.integers(1, 420), st.integers(1, 420)), place=WINDOWS, n_bands=st.sampled_from([1, 3]))
def test_any_window_equals_the_whole_image(
    size: tuple[int, int], place: tuple[int, int, int, int], n_bands: int
) -> None:
    image = _panel(*size, n_bands, seed=sum(size))
    row, col = place[0] % size[0], place[1] % size[1]
    window = Window(row, col, min(place[2], size[0] - row), min(place[3], size[1] - col))
    raster = raster_from_array(image)
    got = clahe_window(raster.read, window, height=size[0], width=size[1])
    rows, cols = window.slices()
    np.testing.assert_array_equal(got, clahe(image)[:, rows, cols])


def test_a_window_reads_less_than_one_and_a_half_cells_beyond_itself() -> None:
    raster = raster_from_array(_panel(1000, 1000, 1, seed=4))
    window = Window(415, 479, 97, 33)
    asked: list[Window] = []

    def read(wanted: Window) -> np.ndarray:
        asked.append(wanted)
        return raster.read(wanted)

    clahe_window(read, window, height=1000, width=1000)
    assert asked == [asked[0].intersection(window.padded(95))]


def test_tiles_of_a_view_join_without_a_seam() -> None:
    image = _panel(300, 260, 3, seed=5)
    view = clahe_view(raster_from_array(image))
    joined = np.concatenate(
        [
            np.concatenate([view.read(Window(r, c, 100, 52)) for c in range(0, 260, 52)], axis=2)
            for r in range(0, 300, 100)
        ],
        axis=1,
    )
    np.testing.assert_array_equal(joined, clahe(image))


@pytest.mark.parametrize("options", [{"cell_px": 48}, {"cell_px": 4}, {"clip_limit": 0.0}, {"clip_limit": np.nan}])
def test_refuses_options_that_would_make_seams_or_nothing(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="the usual value is"):
        clahe(np.zeros((64, 64), np.uint8), **options)


@pytest.mark.parametrize("image", [np.zeros((2, 9, 9), np.uint8), np.zeros((3, 9, 9), np.uint16)])
def test_refuses_bands_and_types_it_cannot_equalise(image: np.ndarray) -> None:
    with pytest.raises(InputError, match="1 or 3 bands of uint8"):
        clahe(image)
    with pytest.raises(InputError, match="1 or 3 bands of uint8"):
        clahe_view(raster_from_array(image))


def test_refuses_a_window_beyond_the_raster() -> None:
    raster = raster_from_array(np.zeros((50, 50), np.uint8))
    with pytest.raises(InputError, match="inside the raster of 50 x 50"):
        clahe_window(raster.read, Window(-1, 0, 4, 4), height=50, width=50)
