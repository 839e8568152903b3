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


@pytest.mark.parametrize("value", [60, 200])
def test_a_line_is_alone_where_the_other_photograph_does_not_show_it(value: float) -> None:
    here, there = (even_light(with_band(value, first=0, last=last)) for last in (SIDE, 90))
    lines = [line_at(100)]
    sights = Sight.of(here, lines, width_px=4), Sight.of(there, [line_at(100, 20, 85)], width_px=4)
    alone = sights[0].alone(lines[0], sights[1])
    assert not alone[:50].any()
    assert alone[90:].all()
    assert not sights[1].alone(lines[0], sights[0]).any()


def test_a_line_of_half_the_contrast_is_there_as_well() -> None:
    here, there = (even_light(with_band(value)) for value in (40, 80))
    sights = [Sight.of(even, [line_at(100)], width_px=4) for even in (here, there)]
    assert not sights[0].alone(line_at(100), sights[1]).any()


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
