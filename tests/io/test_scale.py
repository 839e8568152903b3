"""Scales as people write them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graven.errors import InputError, ScaleError
from graven.io.scale import measurable_pixel_size, parse_length, parse_scale
from graven.types import Georeference, PixelSize, raster_from_array

PIXELS = np.zeros((3, 4), np.uint8)


@pytest.mark.parametrize(
    ("text", "x_mm", "y_mm"),
    [
        ("0.05mm/px", 0.05, 0.05),
        (" 0.05 mm / px ", 0.05, 0.05),
        ("50um/px", 0.05, 0.05),
        ("50µm/pixel", 0.05, 0.05),
        ("0.005cm/px", 0.05, 0.05),
        ("5e-5m/px", 0.05, 0.05),
        (".05mm/px", 0.05, 0.05),
        ("20px/mm", 0.05, 0.05),
        ("200 px/cm", 0.05, 0.05),
        ("0.05x0.06mm/px", 0.05, 0.06),
    ],
)
def test_scales(text, x_mm, y_mm):
    size = parse_scale(text)
    assert (size.x_mm, size.y_mm) == pytest.approx((x_mm, y_mm), rel=1e-12)
    assert (size.source, size.sigma_rel) == ("user", 0.0)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("0,05mm/px", "point"),
        ("300dpi", "paper"),
        ("0.05mm", "/px"),
        ("0.05", "0.05mm/px"),
        ("mm/px", "0.05mm/px"),
        ("-1mm/px", "0.05mm/px"),
        ("nanmm/px", "0.05mm/px"),
        ("1inch/px", "0.05mm/px"),
        ("", "0.05mm/px"),
    ],
)
def test_what_is_no_scale_is_refused_with_a_hint(text, hint):
    with pytest.raises(InputError, match=hint):
        parse_scale(text)


@pytest.mark.parametrize("text", ["0mm/px", "0px/mm", "1e999mm/px"])
def test_a_scale_must_be_positive_and_finite(text):
    with pytest.raises(InputError, match="positive and finite"):
        parse_scale(text)


def test_length_by_hand():
    """Points 300 px and 400 px apart along the axes are 500 px apart: 1 m over 500 px is 2 mm."""
    size = parse_length("100,50:400,450=1m")
    assert (size.x_mm, size.y_mm, size.source) == (2.0, 2.0, "two-points")
    assert size.sigma_rel == pytest.approx(math.sqrt(1**2 + 1**2) / 500)


@given(
    st.tuples(*[st.integers(0, 100_000)] * 4).filter(lambda p: math.dist(p[:2], p[2:]) >= 2),
    st.floats(0.1, 1e5),
)
def test_a_length_measures_itself(points, length_mm):
    x1, y1, x2, y2 = points
    size = parse_length(f"{x1},{y1}:{x2},{y2}={length_mm!r}mm")
    assert size.x_mm * math.dist((x1, y1), (x2, y2)) == pytest.approx(length_mm, rel=1e-9)


@pytest.mark.parametrize("text", ["1,2,3,4=5mm", "1,2:3,4", "1,2:3,4=5", "a,b:c,d=5mm", ""])
def test_what_is_no_length_is_refused(text):
    with pytest.raises(InputError, match="120,80:2950,95=1200mm"):
        parse_length(text)


def test_points_too_close_or_no_length_are_refused():
    with pytest.raises(InputError, match="2 px apart"):
        parse_length("5,5:6,5=10mm")
    with pytest.raises(InputError, match="positive"):
        parse_length("5,5:60,5=0mm")


DEGREES = Georeference((1e-5, 0, 10, 0, -1e-5, 45), 'GEOGCRS["x"]', "geographic", None)
SHEARED = Georeference((0.5, 0.1, 0.0, 0.0, -0.5, 0.0), None, "local", 1.0)


def test_without_a_scale_measures_stay_in_pixels_but_degrees_are_refused():
    assert measurable_pixel_size(raster_from_array(PIXELS)) is None
    with pytest.raises(ScaleError, match="reproject"):
        measurable_pixel_size(raster_from_array(PIXELS, georeference=DEGREES))


@pytest.mark.parametrize("frame", [DEGREES, SHEARED])
def test_a_scale_that_a_person_states_holds_in_any_frame(frame):
    size = PixelSize(0.5, 0.5, "user")
    assert measurable_pixel_size(raster_from_array(PIXELS, georeference=frame, pixel_size=size)) == size


def test_rectangles_may_be_turned_but_not_sheared():
    size = PixelSize(0.5, 0.5, "geotransform")
    turned = Georeference((0.3, -0.4, 0.0, 0.4, 0.3, 0.0), None, "local", 1.0)
    assert measurable_pixel_size(raster_from_array(PIXELS, georeference=turned, pixel_size=size)) == size
    with pytest.raises(ScaleError, match="sheared"):
        measurable_pixel_size(raster_from_array(PIXELS, georeference=SHEARED, pixel_size=size))
