"""A whole image as one network input: stretched, or with borders, and back on its own grid."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from graven.errors import InputError
from graven.prepare.frame import fitted_frame
from graven.prepare.rotation import RotationEstimate
from graven.prepare.views import bring_back
from graven.types import PixelSize, Window, raster_from_array

HEIGHT, WIDTH, SIDE = 150, 210, 64
PAINT = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 6)
IMAGE = np.moveaxis(cv2.normalize(PAINT, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8), -1, 0)


def test_a_stretched_image_fills_the_square() -> None:
    frame = fitted_frame(raster_from_array(IMAGE), SIDE, fit="stretch")
    assert frame.raster.shape == (3, SIDE, SIDE)
    assert frame.factor == (HEIGHT / SIDE, WIDTH / SIDE)
    assert frame.raster.read_valid(frame.raster.bounds).all()
    resized = cv2.resize(np.moveaxis(IMAGE, 0, -1), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert np.abs(np.moveaxis(frame.raster.read(), 0, -1).astype(int) - resized).mean() < 1.5


def test_a_letterboxed_image_keeps_its_shape_between_grey_borders() -> None:
    frame = fitted_frame(raster_from_array(IMAGE), SIDE, fit="letterbox")
    rows = round(SIDE * HEIGHT / WIDTH)
    top = (SIDE - rows) // 2
    valid = np.zeros((SIDE, SIDE), bool)
    valid[top : top + rows] = True
    assert np.array_equal(frame.raster.read_valid(frame.raster.bounds), valid)
    assert (frame.raster.read()[:, ~valid] == 128).all()
    assert np.abs(frame.factor[0] / frame.factor[1] - 1) < 0.02


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("turned", [False, True])
def test_what_is_found_in_the_square_lies_at_its_place(fit: str, turned: bool) -> None:
    rotation = RotationEstimate(4.0, 9.0, True, "by 4 degrees") if turned else None
    raster = raster_from_array(IMAGE, pixel_size=PixelSize(0.2, 0.2, "user"))
    frame = fitted_frame(raster, SIDE, fit=fit, rotation=rotation)
    back = bring_back(frame.raster, frame.matrix, HEIGHT, WIDTH).read()
    inner = (slice(None), slice(20, -20), slice(20, -20))
    assert np.corrcoef(back[inner].ravel(), IMAGE[inner].ravel())[0, 1] > 0.97


def test_any_window_of_a_bordered_frame_equals_the_whole() -> None:
    frame = fitted_frame(raster_from_array(IMAGE.astype(np.uint16) * 257), SIDE, fit="letterbox")
    whole, valid = frame.raster.read(), frame.raster.read_valid(frame.raster.bounds)
    assert whole[0, 0, 0] == 65535 * 128 // 255
    for window in (Window(0, 0, 20, 64), Window(5, 30, 25, 11), Window(-3, 60, 9, 9)):
        rows = np.arange(window.row, window.row_end).clip(0)
        cols = np.arange(window.col, window.col_end).clip(None, SIDE - 1)
        inside = window.intersection(frame.raster.bounds)
        at = inside.relative_to(window).slices()
        assert np.abs(frame.raster.read(window)[:, *at].astype(int) - whole[:, *inside.slices()]).max() <= 1
        assert np.array_equal(frame.raster.read_valid(window)[at], valid[inside.slices()])
        assert frame.raster.read(window).shape[1:] == (len(rows), len(cols))


def test_a_large_image_of_one_row_still_fits() -> None:
    frame = fitted_frame(raster_from_array(np.zeros((3, 1, 5000), np.uint8)), SIDE, fit="letterbox")
    assert frame.raster.read_valid(frame.raster.bounds).sum() == SIDE


def test_a_square_without_pixels_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1 px, got 0"):
        fitted_frame(raster_from_array(IMAGE), 0, fit="stretch")
    with pytest.raises(InputError, match="stretch or letterbox, got 'crop'"):
        fitted_frame(raster_from_array(IMAGE), SIDE, fit="crop")
