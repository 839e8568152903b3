"""Islands between cracks: which regions are, and how they are shaped."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from graven.errors import InputError
from graven.measure.islands import find_islands, island_totals
from graven.measure.polygons import signed_area
from graven.types import PixelSize


def frame() -> np.ndarray:
    """A grid of cracks two pixels wide that encloses two islands, of 10 x 20 and 10 x 30 pixels."""
    cracks = np.zeros((40, 80), bool)
    cracks[10:12, 10:66] = cracks[22:24, 10:66] = True
    for col in (10, 32, 64):
        cracks[10:24, col : col + 2] = True
    return cracks


def test_areas_are_exact() -> None:
    islands = find_islands(frame())
    assert [island.measures["area"].value for island in islands if not island.is_open] == [200, 300]
    assert [island.measures["area"].value for island in islands if island.is_open] == [40 * 80 - 14 * 56]
    assert [island.number for island in islands] == [1, 2, 3]


def test_outlines_have_the_areas() -> None:
    for island in find_islands(frame()):
        area = sum(signed_area(ring) for part in island.polygons for ring in part)
        assert area == island.measures["area"].value


@pytest.mark.parametrize("seed", range(4))
def test_areas_of_any_mask_are_those_of_its_four_connected_ground(seed: int) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((80, 90)), 1.5)
    cracks = np.asarray(abs(noise) < 0.02)
    label, count = ndimage.label(~cracks)
    beside = np.unique(label[~cracks & ndimage.binary_dilation(cracks)])
    wanted = sorted(np.bincount(label.ravel(), minlength=count + 1)[beside].tolist())
    islands = find_islands(cracks)
    assert sorted(island.measures["area"].value for island in islands) == wanted
    border = set(np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]).tolist()) & set(beside.tolist())
    assert sum(island.is_open for island in islands) == len(border)


def test_a_crack_along_the_diagonal_divides() -> None:
    cracks = np.eye(20, dtype=bool)
    assert [island.measures["area"].value for island in find_islands(cracks)] == [190, 190]


def test_shapes_of_rectangles() -> None:
    first, second = (island.measures for island in find_islands(frame()) if not island.is_open)
    assert (first["elongation"].value, second["elongation"].value) == (pytest.approx(2), pytest.approx(3))
    assert (first["solidity"].value, second["solidity"].value) == (1, 1)
    assert first["equivalent_diameter"].value == pytest.approx(2 * math.sqrt(200 / math.pi))


def test_shapes_do_not_depend_on_the_direction(canvas: Callable[..., Any]) -> None:
    for angle in (0.0, 0.3, 0.8):
        along, across = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
        corners = [110 + a * along + b * across for a, b in ((-60, -20), (60, -20), (60, 20), (-60, 20), (-60, -20))]
        drawing = canvas(220, 220).line(corners, 4).disc(corners[0], 4)
        (island,) = (island for island in find_islands(drawing.mask()) if not island.is_open)
        assert island.measures["elongation"].value == pytest.approx(116 / 36, rel=0.02)
        assert island.measures["area"].value == pytest.approx(116 * 36, rel=0.01)
        assert island.measures["solidity"].value > 0.95


def test_an_island_in_the_shape_of_an_l_is_less_solid() -> None:
    cracks = np.ones((40, 40), bool)
    cracks[10:30, 10:15] = cracks[25:30, 10:30] = False
    (island,) = find_islands(cracks)
    assert island.measures["solidity"].value == pytest.approx(175 / (400 - 15 * 15 / 2))


def test_losses_are_no_islands() -> None:
    cracks = frame()
    other = np.zeros_like(cracks)
    other[12:22, 12:20] = True  # eight columns of the first island are lost
    other[30:38, 30:50] = True
    remnant = np.zeros_like(cracks)
    remnant[33:35, 40:44] = True  # a remnant within a loss touches no crack
    other &= ~remnant
    closed = [island for island in find_islands(cracks, other=other) if not island.is_open]
    assert [island.measures["area"].value for island in closed] == [120, 300]


def test_what_reaches_the_unknown_is_open() -> None:
    valid = np.ones((40, 80), bool)
    valid[:, 60:] = False
    islands = find_islands(frame(), valid=valid)
    assert sorted((island.is_open, island.measures["area"].value) for island in islands)[0] == (False, 200)
    assert sum(not island.is_open for island in islands) == 1


def test_small_ones_can_be_left_out() -> None:
    assert [island.measures["area"].value for island in find_islands(frame(), min_area_px=250)] == [2416, 300]


def test_in_millimetres() -> None:
    size = PixelSize(0.5, 0.2, "user", 0.01)
    first = find_islands(frame(), pixel_size=size)[1].measures
    assert (first["area"].value, first["area"].unit) == (pytest.approx(20), "mm2")
    assert first["elongation"].value == pytest.approx(20 * 0.5 / (10 * 0.2))
    assert (first["area"].sigma or 0) > 0.02 * 20


def test_totals() -> None:
    totals = island_totals(find_islands(frame()), valid_px=3200)
    assert (totals["n_islands"].value, totals["n_islands_open"].value) == (2, 1)
    assert totals["island_area"].value == 250
    assert totals["island_share"].value == pytest.approx(500 / 3200)
    assert totals["island_elongation"].value == pytest.approx(2.5)


def test_no_crack_no_island() -> None:
    assert find_islands(np.zeros((9, 9), bool)) == []
    assert find_islands(np.ones((9, 9), bool)) == []
    assert island_totals([], valid_px=81)["n_islands"].value == 0


def test_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"other must have the shape of the cracks, \(9, 9\), got \(9, 8\)"):
        find_islands(np.zeros((9, 9), bool), other=np.zeros((9, 8), bool))
