"""Strokes to pixels: against distances computed one by one, and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import label

from graven.errors import InputError
from graven.refine.drawing import draw_ring, draw_stroke, hint_map, ring_window, stroke_window
from graven.types import Stroke, Window

BOUNDS = Window(0, 0, 18, 24)
SHARE = 1e-9  # of a pixel: closer to the border of a line, rounding decides

coordinates = st.one_of(
    st.integers(-12000, 36000).map(lambda value: value / 1000), st.integers(-24, 72).map(lambda value: value / 2)
)
polylines = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=6).map(np.array)
widths = st.one_of(st.floats(0.1, 12), st.integers(1, 12).map(float))


def stroke(points: Any, width_px: float = 1.0, **options: Any) -> Stroke:
    facts = {"polarity": "add", "uid": "a"} | options
    return Stroke(points=np.asarray(points, np.float64), width_px=width_px, **facts)


def distances(points: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """Distance of every pixel centre from a line, by a geometry library."""
    cols, rows = np.meshgrid(np.arange(window.width), np.arange(window.height))
    centres = shapely.points(cols + window.col + 0.5, rows + window.row + 0.5)
    line = shapely.Point(points[0]) if len(points) == 1 else shapely.LineString(points)
    found: NDArray[np.float64] = shapely.distance(centres, line)
    return found


@settings(deadline=None)
@given(polylines, widths)
def test_a_stroke_holds_the_pixels_whose_centre_is_near_enough(points, width_px):
    radius = max(width_px, np.sqrt(2)) / 2
    distance = distances(points, BOUNDS)
    clear = np.abs(distance - radius) > SHARE
    drawn = draw_stroke(stroke(points, width_px), BOUNDS)
    assert np.array_equal(drawn[clear], (distance < radius)[clear])


@settings(deadline=None)
@given(polylines, widths, st.integers(-5, 20), st.integers(-5, 20), st.integers(0, 12), st.integers(0, 12))
def test_a_window_shows_that_window_of_the_whole(points, width_px, row, col, height, width):
    big = Window(-10, -10, 60, 60)
    part = Window(row, col, height, width)
    whole = draw_stroke(stroke(points, width_px), big)
    assert np.array_equal(draw_stroke(stroke(points, width_px), part), whole[part.relative_to(big).slices()])


@settings(deadline=None)
@given(polylines, widths)
def test_the_box_of_a_stroke_holds_all_of_it(points, width_px):
    drawn = draw_stroke(stroke(points, width_px), BOUNDS)
    box = stroke_window(stroke(points, width_px), BOUNDS)
    if not box.is_empty:
        drawn[box.slices()] = False
    assert not drawn.any()


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(1, 17), st.floats(1, 17)), min_size=2, max_size=4), st.floats(0.01, 3))
def test_a_line_of_any_width_hangs_together(points, width_px):
    drawn = draw_stroke(stroke(points, width_px), BOUNDS)
    assert label(drawn, np.ones((3, 3)))[1] == 1


def test_a_line_that_runs_far_beyond_the_image_is_cut():
    drawn = draw_stroke(stroke([[-1e9, 5.5], [1e9, 5.5]], 1.0), BOUNDS)
    assert drawn[5].all()
    assert drawn.sum() == BOUNDS.width


def test_by_hand():
    """The border counts: the rows above and below lie exactly half the width away."""
    drawn = draw_stroke(stroke([[2.5, 2.5], [4.5, 2.5]], 2.0), Window(0, 0, 5, 7))
    expected = ["       ", "  ###  ", " ##### ", "  ###  ", "       "]
    assert ["".join(" #"[pixel] for pixel in row) for row in drawn.astype(int)] == expected


@settings(deadline=None)
@given(st.floats(0, 17), st.floats(0, 17), st.floats(0.01, 3))
def test_no_dot_vanishes(x, y, width_px):
    assert draw_stroke(stroke([[x, y]], width_px), BOUNDS).any()


def test_earlier_strokes_keep_their_pixels_unless_a_later_one_overrides():
    line = [[0.5, 0.5], [4.5, 0.5]]
    add = stroke([[0.5, 0.5], [2.5, 0.5]], uid="add")
    erase = stroke(line, polarity="erase", uid="erase")
    over = stroke([[1.5, 0.5]], polarity="erase", override=True, uid="over")
    window = Window(0, 0, 1, 6)
    assert hint_map([add, erase], window).tolist() == [[1, 1, 1, -1, -1, 0]]
    assert hint_map([erase, add], window).tolist() == [[-1, -1, -1, -1, -1, 0]]
    assert hint_map([add, erase, over], window).tolist() == [[1, -1, 1, -1, -1, 0]]
    assert hint_map([over, add], window).tolist() == [[1, -1, 1, 0, 0, 0]]


def test_a_hint_map_is_of_one_class():
    with pytest.raises(InputError, match="strokes of 1 and 2"):
        hint_map([stroke([[1, 1]]), stroke([[2, 2]], class_id=2, uid="b")], BOUNDS)


@settings(deadline=None)
@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=7, unique=True).map(np.array))
def test_a_ring_holds_the_pixels_whose_centre_is_inside(ring):
    window = ring_window(ring, BOUNDS)
    cols, rows = np.meshgrid(np.arange(window.width), np.arange(window.height))
    x, y = cols + window.col + 0.5, rows + window.row + 0.5
    inside = np.zeros(x.shape, bool)  # even and odd crossings of a ray to the right
    border = shapely.distance(shapely.points(x, y), shapely.LinearRing(ring)) < SHARE
    for (ax, ay), (bx, by) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        crosses = (ay > y) != (by > y)
        at = ax + (y - ay) / np.where(by == ay, 1, by - ay) * (bx - ax)
        inside ^= crosses & (x < at)
    assert np.array_equal(draw_ring(ring, window)[~border], inside[~border])


@pytest.mark.parametrize("ring", [np.zeros((2, 2)), np.full((4, 2), np.inf), np.zeros((4, 3))])
def test_what_is_no_ring_is_refused(ring):
    with pytest.raises(InputError, match="at least three finite points"):
        ring_window(ring, BOUNDS)
