"""What two photographs show at one place: valleys along lines, areas that look different, and light that does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from graven.measure.evidence import Sight, areas_differ, detail_agreement, even_light, valley_depths

SIDE = 200
RNG = np.random.default_rng(3)
PAINT = 120 + 3 * cv2.GaussianBlur(RNG.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 1.0)


def line_at(row: float, first: int = 20, last: int = 180) -> np.ndarray:
    x = np.arange(first, last, 1.0)
    return np.column_stack([x, np.full(len(x), row)])


def with_band(value: float, row: int = 100, first: int = 0, last: int = SIDE) -> np.ndarray:
    picture = PAINT.copy()
    picture[row - 2 : row + 2, first:last] = value
    return picture


@pytest.mark.parametrize(("value", "expected"), [(60, 0.5), (90, 0.25), (120, 0.0)])
def test_a_valley_is_as_deep_as_its_contrast(value: float, expected: float) -> None:
    depth = np.median(valley_depths(even_light(with_band(value)), line_at(100), width_px=4))
    assert depth == pytest.approx(expected, abs=0.08)


def test_a_ridge_is_the_contrary_of_a_valley() -> None:
    assert np.median(valley_depths(even_light(with_band(180)), line_at(100), width_px=4)) < -0.2


def test_an_edge_is_no_valley() -> None:
    picture = PAINT.copy()
    picture[100:] *= 0.5
    assert abs(np.median(valley_depths(even_light(picture), line_at(100), width_px=3))) < 0.12


def test_light_is_divided_out_and_colours_keep_their_balance() -> None:
    ramp = np.linspace(0.4, 1.0, SIDE)
    assert np.abs(even_light(PAINT * ramp) - even_light(PAINT))[20:-20, 20:-20].max() < 0.05
    colours = np.stack([PAINT, PAINT * 0.5, PAINT * 0.25])
    even = even_light(colours)
    assert even[0].mean() / even[1].mean() == pytest.approx(2, rel=0.02)
    valid = np.zeros((SIDE, SIDE), bool)
    valid[:, :100] = True
    assert (even_light(PAINT, valid)[:, 100:] == 1).all()
    assert even_light(PAINT, valid)[:, 90].mean() == pytest.approx(1, abs=0.03)


def sight(picture: np.ndarray) -> Sight:
    """A grey photograph, or one in colour."""
    valid = np.ones(picture.shape[-2:], bool)
    grey = picture if picture.ndim == 2 else picture.mean(axis=0)
    return Sight(even_light(grey, valid), even_light(np.broadcast_to(picture, (3, *valid.shape)), valid), 4.0)


@pytest.mark.parametrize("value", [60, 200])
def test_a_line_is_alone_where_the_other_photograph_does_not_show_it(value: float) -> None:
    here, there = (sight(with_band(value, first=0, last=last)) for last in (SIDE, 90))
    alone = here.alone(line_at(100), there)
    assert not alone[:50].any()
    assert alone[90:].all()
    assert not there.alone(line_at(100), here).any()


def test_a_line_of_half_the_contrast_is_there_as_well() -> None:
    here, there = (sight(with_band(value)) for value in (40, 80))
    assert not here.alone(line_at(100), there).any()


def test_relief_lit_from_the_other_side_is_no_new_line() -> None:
    """One flank of a crack lies in shadow and the other is lit; from the other side it is the contrary."""
    shaded = PAINT.copy()
    shaded[97:100], shaded[100:103] = 80, 160
    assert not sight(shaded).alone(line_at(100), sight(np.flipud(shaded).copy())).any()
    assert not sight(shaded).alone(line_at(98.5), sight(PAINT)).any(), "no line of paint, whatever was there before"


def test_a_line_beside_ornament_that_stays_is_alone() -> None:
    """A dark band beside the line hides it from its flanks; the difference of the photographs has no band."""
    before = with_band(40, row=106)
    after = before.copy()
    after[98:102] = 60
    assert sight(after).alone(line_at(100), sight(before)).all()
    assert not sight(before).alone(line_at(106), sight(before)).any()


def test_a_line_that_shows_by_its_hue_was_there() -> None:
    """As bright as the paint, but redder; later dark."""
    before, after = np.stack([PAINT] * 3), np.stack([with_band(60)] * 3)
    assert sight(after).alone(line_at(100), sight(before)).all()
    before[0, 98:102] += 40
    before[2, 98:102] -= 40
    assert not sight(after).alone(line_at(100), sight(before)).any()


def test_detail_agrees_in_other_light_and_not_in_other_relief() -> None:
    other = cv2.GaussianBlur(RNG.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 1.0)
    known = np.ones((SIDE, SIDE), bool)
    first = even_light(PAINT)
    assert detail_agreement(first, even_light(PAINT * np.linspace(0.5, 1, SIDE)), known) > 0.97
    assert detail_agreement(first, even_light(PAINT + 4 * other), known) < 0.9
    assert np.isnan(detail_agreement(first, first, np.zeros_like(known)))


def test_areas_differ_where_their_colour_has_changed() -> None:
    labels = np.zeros((SIDE, SIDE), np.int32)
    labels[20:50, 20:50], labels[120:150, 120:150], labels[20:50, 120:150] = 1, 2, 3
    before = np.stack([PAINT] * 3)
    after = before.copy()
    before[:, 120:150, 120:150] *= 1.6  # lost at both dates
    after[:, 20:50, 20:50] *= 1.6
    after[:, 120:150, 120:150] *= 1.55
    chosen = np.array([False, True, True, False])
    found = areas_differ(labels, chosen, (even_light(after), even_light(before)))
    assert found.tolist() == [False, True, False, False]
