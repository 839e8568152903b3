"""The chain joins steps in the order of the bundle and adapts bands and bit depth."""

from __future__ import annotations

import numpy as np
import pytest

from graven.errors import DataError, InputError, ScaleError
from graven.prepare.bands import bands_view, to_bytes
from graven.prepare.chain import PrepareChain
from graven.prepare.clahe import clahe
from graven.prepare.detrend import detail_input, detail_statistics, highpass
from graven.prepare.reversal import reversal, reversal_view
from graven.types import PixelSize, PrepareStep, Window, raster_from_array

PETROGLYPH = (
    PrepareStep("rotation"),
    PrepareStep("reversal"),
    PrepareStep("clahe", {"clip_limit": 2.0, "cell_px": 64}),
)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 200, 150), dtype=np.uint8)


def test_steps_run_in_the_given_order(image: np.ndarray) -> None:
    raster = raster_from_array(image)
    first = PrepareChain((PrepareStep("reversal"), PrepareStep("clahe"))).window(raster, raster.bounds)
    second = PrepareChain((PrepareStep("clahe"), PrepareStep("reversal"))).window(raster, raster.bounds)
    np.testing.assert_array_equal(first, clahe(255 - image))
    np.testing.assert_array_equal(second, 255 - clahe(image))
    assert (first != second).any()


def test_a_window_beyond_the_border_is_a_mirror_of_the_prepared_image(image: np.ndarray) -> None:
    raster = raster_from_array(image)
    window = Window(-30, 100, 260, 90)
    got = PrepareChain(PETROGLYPH).window(raster, window)
    expected = np.pad(clahe(255 - image), ((0, 0), (30, 30), (0, 40)), mode="reflect")[:, :, 100:]
    np.testing.assert_array_equal(got, expected)
    assert got.dtype == np.float32


def test_sixteen_bits_equal_bytes_where_the_bytes_are_exact(image: np.ndarray) -> None:
    wide = raster_from_array(image.astype(np.uint16) * 257)
    chain = PrepareChain(PETROGLYPH)
    np.testing.assert_array_equal(
        chain.window(wide, wide.bounds), chain.window(raster_from_array(image), Window(0, 0, 200, 150))
    )
    assert chain.notes(wide) == ("16-bit values were divided by 257",)


def test_sixteen_bits_are_rounded_to_the_nearest_byte() -> None:
    values = np.arange(65536, dtype=np.uint16)
    expected = np.floor(values / 257 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(to_bytes(values), expected)


def test_grey_is_repeated_and_spare_bands_are_left_out_and_both_are_said(image: np.ndarray) -> None:
    grey, note = bands_view(raster_from_array(image[0]))
    np.testing.assert_array_equal(grey.read(), image[[0, 0, 0]])
    assert note == "the grey band was repeated 3 times"
    five, note = bands_view(raster_from_array(image[[0, 1, 2, 0, 1]]))
    np.testing.assert_array_equal(five.read(), image)
    assert note == "the first 3 of 5 bands were used"
    assert bands_view(raster_from_array(image))[1] is None


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint32])
def test_types_without_a_known_white_are_refused(dtype: type) -> None:
    with pytest.raises(DataError, match="8-bit or 16-bit unsigned"):
        bands_view(raster_from_array(np.zeros((3, 4, 4), dtype)))


def test_two_bands_are_refused() -> None:
    with pytest.raises(DataError, match="expects 3 bands, the image has 2"):
        bands_view(raster_from_array(np.zeros((2, 4, 4), np.uint8)))


def test_unknown_steps_and_options_are_refused_with_the_choices() -> None:
    with pytest.raises(DataError, match="'sharpen' is unknown; choose from albedo, clahe, highpass, normals, "):
        PrepareChain((PrepareStep("sharpen"),))
    with pytest.raises(DataError, match="does not take cell; its options: cell_px, clip_limit"):
        PrepareChain((PrepareStep("clahe", {"cell": 64}),))
    with pytest.raises(DataError, match="must come first, found at 2"):
        PrepareChain((PrepareStep("reversal"), PrepareStep("rotation")))


def test_rotation_options_are_handed_out() -> None:
    assert PrepareChain(PETROGLYPH).rotation == {}
    assert PrepareChain((PrepareStep("clahe"),)).rotation is None


def test_reversal_counts_from_the_largest_value_of_the_type() -> None:
    assert reversal(np.array([0, 65535], np.uint16)).tolist() == [65535, 0]
    with pytest.raises(InputError, match="unsigned integers"):
        reversal_view(raster_from_array(np.zeros((2, 2), np.float32)))


def test_reversal_twice_is_the_image(image: np.ndarray) -> None:
    twice = reversal_view(reversal_view(raster_from_array(image)))
    np.testing.assert_array_equal(twice.read(), image)


HIGHPASS = PrepareStep("highpass", {"sigma_mm": 0.2})


@pytest.fixture(scope="module")
def height() -> np.ndarray:
    rng = np.random.default_rng(3)
    surface = np.cumsum(rng.normal(0, 0.02, (90, 120)), axis=1).astype(np.float32) + 40
    surface[:, 0] = np.nan
    return surface


def test_highpass_makes_prepared_pixels_of_heights(height: np.ndarray) -> None:
    raster = raster_from_array(height, pixel_size=PixelSize(0.05, 0.05, "user"))
    chain = PrepareChain((HIGHPASS,), n_bands=1)
    detail = highpass(height, pixel_size_mm=0.05, sigma_mm=0.2)
    got = chain.window(raster, raster.bounds)
    assert chain.takes_surface
    assert chain.notes(raster) == ()
    assert (got.dtype, got.shape) == (np.float32, (1, 90, 120))
    np.testing.assert_allclose(got[0], 255 * detail_input(detail, detail_statistics([detail])), atol=1e-2, rtol=0)
    assert (got[0, :, 0] == 127.5).all()


def test_a_measured_chain_says_its_statistics_and_gives_the_same_pixels(height: np.ndarray) -> None:
    raster = raster_from_array(height, pixel_size=PixelSize(0.05, 0.05, "user"))
    chain = PrepareChain((HIGHPASS,), n_bands=1)
    measured = chain.measured(raster)
    assert set(measured.steps[0].options) == {"sigma_mm", "mean_mm", "std_mm"}
    assert measured.measured(raster) == measured
    np.testing.assert_array_equal(measured.view(raster).read(), chain.view(raster).read())
    half = raster_from_array(height[:45], pixel_size=raster.pixel_size)
    np.testing.assert_allclose(
        measured.window(half, Window(0, 0, 25, 120)), chain.window(raster, Window(0, 0, 25, 120)), atol=1e-2, rtol=0
    )


def test_heights_are_refused_without_a_scale_and_beside_other_steps(height: np.ndarray) -> None:
    with pytest.raises(ScaleError, match="needs a scale"):
        PrepareChain((HIGHPASS,), n_bands=1).view(raster_from_array(height))
    with pytest.raises(DataError, match="once and beside no other step, found highpass, clahe"):
        PrepareChain((HIGHPASS, PrepareStep("clahe")), n_bands=1)
    with pytest.raises(DataError, match=r"makes 1 bands \(height\), but the network takes 3; correct its in_channels"):
        PrepareChain((HIGHPASS,))
    with pytest.raises(DataError, match="one band of float32"):
        PrepareChain((HIGHPASS,), n_bands=1).view(
            raster_from_array(np.zeros((9, 9), np.uint8), pixel_size=PixelSize(1, 1, "user"))
        )
