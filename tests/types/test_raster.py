"""The raster as a lazy reader: mirrored borders, valid mask, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from graven.errors import InputError, ScaleError
from graven.types import Georeference, PixelSize, Raster, Window, raster_from_array

images = npst.arrays(
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    elements=st.integers(0, 255),
)


def pad_reflect(image: NDArray[Any], margins: tuple[int, int, int, int]) -> NDArray[Any]:
    """Pad with NumPy, whose "reflect" is the definition; an axis of one pixel can only be repeated."""
    top, bottom, left, right = margins
    for axis, (before, after) in ((1, (top, bottom)), (2, (left, right))):
        widths = [(0, 0), (0, 0), (0, 0)]
        widths[axis] = (before, after)
        image = np.pad(image, widths, mode="reflect" if image.shape[axis] > 1 else "edge")
    return image


class TestRead:
    @settings(deadline=None)
    @given(images, st.tuples(*[st.integers(0, 25)] * 4))
    def test_beyond_the_border_equals_numpy_reflect(
        self, image: NDArray[Any], margins: tuple[int, int, int, int]
    ) -> None:
        top, bottom, left, right = margins
        height, width = image.shape[1:]
        window = Window(-top, -left, top + height + bottom, left + width + right)
        read = raster_from_array(image).read(window)
        assert read.dtype == image.dtype
        np.testing.assert_array_equal(read, pad_reflect(image, margins))

    @settings(deadline=None)
    @given(images, st.integers(-25, 25), st.integers(-25, 25), st.integers(1, 12), st.integers(1, 12))
    def test_any_window_is_cut_from_the_endless_mirrored_image(
        self, image: NDArray[Any], row: int, col: int, height: int, width: int
    ) -> None:
        far = 40  # farther than any window drawn here reaches
        endless = pad_reflect(image, (far, far, far, far))
        expected = endless[:, far + row : far + row + height, far + col : far + col + width]
        np.testing.assert_array_equal(raster_from_array(image).read(Window(row, col, height, width)), expected)

    @settings(deadline=None)
    @given(images, st.integers(-25, 25), st.integers(-25, 25), st.integers(1, 12), st.integers(1, 12))
    def test_the_decoder_is_only_asked_for_pixels_inside(
        self, image: NDArray[Any], row: int, col: int, height: int, width: int
    ) -> None:
        asked: list[Window] = []
        source = raster_from_array(image)

        def spy(window: Window) -> NDArray[Any]:
            asked.append(window)
            return source.read_pixels(window)

        raster = Raster(source.height, source.width, source.n_bands, source.dtype, spy, source.read_valid)
        raster.read(Window(row, col, height, width))
        (window,) = asked
        assert window.intersection(raster.bounds) == window
        # Mirroring never needs more rows or columns than were asked for.
        assert window.height <= height
        assert window.width <= width

    def test_default_is_the_whole_raster(self) -> None:
        image = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
        raster = raster_from_array(image)
        assert raster.shape == (2, 3, 4)
        assert raster.bounds == Window(0, 0, 3, 4)
        np.testing.assert_array_equal(raster.read(), image)

    def test_two_axes_are_one_band(self) -> None:
        assert raster_from_array(np.zeros((3, 5), np.uint8)).shape == (1, 3, 5)

    @pytest.mark.parametrize("shape", [(4,), (1, 2, 3, 4)])
    def test_other_axes_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match=r"\(C, H, W\)"):
            raster_from_array(np.zeros(shape))

    def test_valid_mask_of_another_size_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"\(3, 5\), got \(5, 3\)"):
            raster_from_array(np.zeros((3, 5)), valid=np.ones((5, 3), bool))


class TestReadValid:
    @settings(deadline=None)
    @given(npst.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.tuples(*[st.integers(0, 9)] * 4))
    def test_beyond_the_border_nothing_is_known(
        self, valid: NDArray[np.bool_], margins: tuple[int, int, int, int]
    ) -> None:
        top, bottom, left, right = margins
        height, width = valid.shape
        raster = raster_from_array(np.zeros((height, width), np.uint8), valid=valid)
        read = raster.read_valid_padded(Window(-top, -left, top + height + bottom, left + width + right))
        np.testing.assert_array_equal(read, np.pad(valid, ((top, bottom), (left, right)), constant_values=False))

    def test_window_outside_is_all_false(self) -> None:
        raster = raster_from_array(np.zeros((4, 4), np.uint8))
        assert not raster.read_valid_padded(Window(10, 10, 3, 2)).any()
        assert raster.read_valid_padded(Window(10, 10, 3, 2)).shape == (3, 2)

    def test_default_is_everywhere_known(self) -> None:
        assert raster_from_array(np.zeros((4, 6), np.uint8)).read_valid_padded().tolist() == [[True] * 6] * 4


class TestPixelSize:
    def test_area_and_side_of_a_pixel_that_is_not_square(self) -> None:
        size = PixelSize(0.5, 2.0, "user")
        assert size.area_mm2 == 1.0
        assert size.mean_mm == 1.0

    @pytest.mark.parametrize(("x_mm", "y_mm"), [(0, 1), (1, -1), (np.nan, 1), (1, np.inf)])
    def test_impossible_scale_is_refused(self, x_mm: float, y_mm: float) -> None:
        with pytest.raises(ScaleError, match="positive and finite"):
            PixelSize(x_mm, y_mm, "user")

    @pytest.mark.parametrize("sigma", [-0.1, np.nan])
    def test_impossible_uncertainty_is_refused(self, sigma: float) -> None:
        with pytest.raises(ScaleError, match="at least 0"):
            PixelSize(1, 1, "user", sigma)

    def test_a_raster_takes_another_scale_and_nothing_else_changes(self) -> None:
        raster = raster_from_array(np.zeros((2, 2)), name="panel")
        scaled = raster.with_pixel_size(PixelSize(1, 1, "user"))
        assert raster.pixel_size is None
        assert scaled.pixel_size == PixelSize(1, 1, "user")
        assert scaled.with_pixel_size(None) == raster


class TestGeoreference:
    @settings(deadline=None)
    @given(
        st.tuples(*[st.floats(-1e6, 1e6)] * 6),
        npst.arrays(np.float64, st.tuples(st.integers(0, 5), st.just(2)), elements=st.floats(-1e5, 1e5)),
    )
    def test_is_the_affine_map(self, affine: tuple[float, ...], xy: NDArray[np.float64]) -> None:
        a, b, c, d, e, f = affine
        world = Georeference((a, b, c, d, e, f), None, "local", 1000.0).to_world(xy)
        matrix = np.array([[a, b, c], [d, e, f]])
        expected = np.column_stack([xy, np.ones(len(xy))]) @ matrix.T
        assert world.shape == xy.shape
        np.testing.assert_allclose(world, expected, rtol=1e-9, atol=1e-3)
