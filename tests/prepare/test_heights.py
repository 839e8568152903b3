"""Heights with gaps: filled for resampling, and not known any more than before."""

from __future__ import annotations

import numpy as np

from graven.prepare.frame import working_frame
from graven.prepare.heights import filled_view, heights_view
from graven.types import PixelSize, Window, raster_from_array


def test_missing_pixels_do_not_spread_when_a_scan_is_made_coarser() -> None:
    rng = np.random.default_rng(3)
    rows, cols = np.mgrid[:200, :240]
    height = (0.01 * cols - 0.02 * rows).astype(np.float32)
    missing = rng.random(height.shape) < 0.005
    missing[:, :30] = True  # beside the object
    holes = np.where(missing, np.nan, height)
    raster = raster_from_array(holes[None], pixel_size=PixelSize(0.0125, 0.0125, "user"))
    frame = working_frame(filled_view(heights_view(raster)), pixel_size_mm=0.05).raster
    known = frame.read_valid(frame.bounds)
    found = frame.read()[0]
    assert np.isfinite(found).all()
    assert 0.85 < known.mean() < 0.89  # an eighth lies beside the object
    whole = working_frame(
        raster_from_array(height[None], pixel_size=raster.pixel_size), pixel_size_mm=0.05
    ).raster.read()[0]
    error = found - whole
    error -= np.median(error[known])  # heights count from the first known pixel
    assert np.abs(error[known]).max() < 0.06  # beside a slope of 0.02 per pixel
    assert np.abs(error[:, 12:][known[:, 12:]]).max() < 0.01


def test_windows_of_filled_heights_are_parts_of_the_whole() -> None:
    rng = np.random.default_rng(4)
    height = rng.normal(size=(70, 90)).astype(np.float32)
    height[rng.random(height.shape) < 0.3] = np.nan
    view = filled_view(heights_view(raster_from_array(height[None])))
    window = Window(20, 31, 17, 23)
    np.testing.assert_allclose(view.read(window)[0], view.read()[0][window.slices()], rtol=0, atol=1e-5)
    assert np.isfinite(view.read()).all()
    assert np.array_equal(view.read_valid(view.bounds), np.isfinite(height))
