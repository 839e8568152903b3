"""Patterns of cracks that are drawn as one kind or another are told apart, and the rest is left open."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.spatial import Voronoi

from graven.measure.crack_measures import measure_cracks
from graven.measure.crack_style import CraquelureStyle, craquelure_style
from graven.measure.islands import find_islands, island_totals

SIDE = 260


def style_of(mask: np.ndarray) -> CraquelureStyle:
    return craquelure_style(measure_cracks(mask), island_totals(find_islands(mask), valid_px=mask.size))


def net(canvas: Callable[..., Any], seed: int) -> np.ndarray:
    cells = Voronoi(np.random.default_rng(seed).random((60, 2)) * SIDE)
    drawing = canvas(SIDE, SIDE, fine=4)
    for a, b in cells.ridge_vertices:
        ends = cells.vertices[[a, b]]
        if min(a, b) >= 0 and np.abs(ends - SIDE / 2).max() < SIDE and np.hypot(*(ends[1] - ends[0])) > 0.5:
            low, high = ends.min(axis=0), ends.max(axis=0)
            if (low < SIDE - 1).all() and (high > 1).all():
                drawing.line(np.clip(ends, 0.1, SIDE - 0.1), 3)
    return np.asarray(drawing.mask())


def strokes(canvas: Callable[..., Any], seed: int, *, spread_deg: float) -> np.ndarray:
    """Short cracks on a loose grid, in all directions up to `spread_deg` from the horizontal."""
    rng = np.random.default_rng(seed)
    drawing = canvas(SIDE, SIDE, fine=4)
    places = [(x, y) for x in range(35, SIDE - 20, 48) for y in range(35, SIDE - 20, 48)]
    angles = np.radians(rng.permutation(np.linspace(-spread_deg, spread_deg, len(places))))
    for place, angle in zip(places, angles, strict=True):
        half = 17 * np.array([math.cos(angle), math.sin(angle)])
        middle = np.array(place) + rng.uniform(-3, 3, 2)
        drawing.line([middle - half, middle + half], 3)
    return np.asarray(drawing.mask())


def grain(canvas: Callable[..., Any], seed: int) -> np.ndarray:
    """Long cracks along the grain, 20 apart, joined by a few short ones across."""
    rng = np.random.default_rng(seed)
    drawing = canvas(SIDE, SIDE, fine=4)
    for k, y in enumerate(range(20, SIDE, 20)):
        drawing.line([(5, y), (SIDE - 5, y)], 3)
        for x in range(30 + 40 * (k % 2), SIDE - 20, 90):
            at = x + rng.uniform(-8, 8)
            if y + 20 < SIDE:
                drawing.line([(at, y), (at, y + 20)], 3)
    return np.asarray(drawing.mask())


@pytest.mark.parametrize("seed", range(3))
class TestPatterns:
    def test_net(self, seed: int, canvas: Callable[..., Any]) -> None:
        found = style_of(net(canvas, seed))
        assert found.name == "net"
        assert found.measures["share_Y"].value > found.measures["share_X"].value

    def test_parallel(self, seed: int, canvas: Callable[..., Any]) -> None:
        found = style_of(strokes(canvas, seed, spread_deg=8))
        assert found.name == "parallel"
        assert found.measures["direction_resultant"].value > 0.9

    def test_random(self, seed: int, canvas: Callable[..., Any]) -> None:
        assert style_of(strokes(canvas, seed, spread_deg=90)).name == "random"

    def test_wood_grain(self, seed: int, canvas: Callable[..., Any]) -> None:
        found = style_of(grain(canvas, seed))
        assert found.name == "wood-grain"
        assert found.measures["island_elongation"].value > 2.5

    def test_what_lies_between_is_left_open(self, seed: int, canvas: Callable[..., Any]) -> None:
        assert style_of(strokes(canvas, seed, spread_deg=55)).name == "undetermined"


def test_a_few_cracks_are_no_pattern(canvas: Callable[..., Any]) -> None:
    found = style_of(canvas(60, 60).line([(10, 10), (50, 50)], 3).mask())
    assert found.name == "undetermined"
    assert "fewer than 10" in found.reason


def test_shares_add_up_and_ends_at_the_border_do_not_count(canvas: Callable[..., Any]) -> None:
    drawing = canvas(100, 100)
    for y in (20, 50, 80):
        drawing.line([(0, y), (100, y)], 3).line([(50, y), (50, y + 12)], 3)
    found = style_of(drawing.mask()).measures
    # three branchings and three ends of the short cracks; the long ones end at the border
    assert (found["share_I"].value, found["share_Y"].value, found["share_X"].value) == (0.5, 0.5, 0)


def test_nothing() -> None:
    assert style_of(np.zeros((30, 30), bool)).name == "undetermined"
