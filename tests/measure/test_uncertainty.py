"""Formulae of uncertainty by hand, the perimeter on circles, printing, order and totals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graven.errors import InputError
from graven.measure.components import Runs, find_components, runs_of
from graven.measure.order import reading_order
from graven.measure.perimeter import CROFTON_SIGMA, crofton_perimeter
from graven.measure.polygons import trace_polygons
from graven.measure.totals import panel_totals
from graven.measure.uncertainty import (
    area_sigma,
    border_shift_sigma,
    length_sigma,
    share_sigma,
    threshold_area_sigma,
)
from graven.types import Measure, PixelSize, Trace


class TestFormulae:
    def test_threshold(self) -> None:
        assert threshold_area_sigma(112.0, 100.0) == pytest.approx(12 / math.sqrt(12))

    def test_an_area_that_grows_with_the_threshold_is_refused(self) -> None:
        with pytest.raises(InputError, match="got 1 and 2"):
            threshold_area_sigma(1, 2)

    def test_border(self) -> None:
        # Half a pixel: 0.6 / sqrt(12), squared 0.03; threshold: 4 mm² along 40 mm is a shift of 0.1 mm, squared 0.01.
        assert border_shift_sigma(40, area_sigma_threshold=4, pixel=0.6) == pytest.approx(math.sqrt(0.03 + 0.01))

    def test_area(self) -> None:
        # Scale: 2 * 1 % of 300 = 6; border: 0.2 * 40 = 8; together 10.
        assert area_sigma(300, perimeter=40, shift_sigma=0.2, scale_sigma_rel=0.01) == pytest.approx(10)

    def test_length(self) -> None:
        # Scale: 1 % of 300 = 3; both ends: 2 * 2 = 4; together 5.
        assert length_sigma(300, shift_sigma=2, scale_sigma_rel=0.01) == pytest.approx(5)

    def test_share(self) -> None:
        # Of 100 mm², 60 are pecked. Outwards by d: (60 + 50 d) / (100 + 40 d), with the slope (50 - 0.6 * 40) / 100.
        sigma = share_sigma(60, 100, perimeter=50, whole_perimeter=40, shift_sigma=0.1)
        assert sigma == pytest.approx((50 - 24) / 100 * 0.1)
        step = 1e-6
        slope = ((60 + 50 * step) / (100 + 40 * step) - 0.6) / step
        assert sigma == pytest.approx(slope * 0.1, rel=1e-4)

    def test_a_full_figure_has_a_share_of_one_for_certain(self) -> None:
        assert share_sigma(100, 100, perimeter=40, whole_perimeter=40, shift_sigma=0.1) == 0


class TestPerimeter:
    @pytest.mark.parametrize(("size_x", "size_y"), [(1.0, 1.0), (0.5, 0.5), (1.0, 0.7)])
    def test_a_circle(self, size_x: float, size_y: float) -> None:
        rows, cols = np.mgrid[:301, :301] - 150
        mask = np.hypot(rows * size_y, cols * size_x) < 60
        (parts,) = trace_polygons(find_components(Runs(*runs_of(mask), height=301, width=301)))
        found = crofton_perimeter(parts[0], size_x=size_x, size_y=size_y)
        assert found == pytest.approx(2 * math.pi * 60, rel=0.01)

    def test_the_stated_error_is_that_of_straight_borders_over_all_angles(self) -> None:
        angle = np.linspace(0, math.pi, 100_000, endpoint=False)
        directions = np.arange(4)[:, None] * math.pi / 4
        ratio = math.pi / 8 * abs(np.sin(angle - directions)).sum(axis=0)
        assert ratio.mean() == pytest.approx(1, abs=1e-6)
        assert np.sqrt(np.mean((ratio - 1) ** 2)) == pytest.approx(CROFTON_SIGMA, abs=5e-4)
        assert (round(ratio.min(), 3), round(ratio.max(), 3)) == (0.948, 1.026)

    def test_counts_of_the_grid_by_hand(self) -> None:
        # One pixel: two cuts by rows, two by columns, one by each diagonal through each of its four corners.
        ring = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], float)
        assert crofton_perimeter([ring]) == pytest.approx(math.pi / 8 * (2 + 2 + 4 / math.sqrt(2)))


class TestOrder:
    def test_lines_from_the_top_and_each_from_the_left(self) -> None:
        centres = np.array([[300, 45], [100, 30], [200, 55], [150, 140], [50, 160]], float)
        heights = np.full(5, 100)
        assert reading_order(centres, heights, np.full(5, 10)).tolist() == [1, 2, 0, 4, 3]

    def test_specks_do_not_make_the_lines_thin(self) -> None:
        centres = np.array([[300, 20], [100, 60], [200, 90], [10, 95]], float)
        heights, areas = np.array([100, 100, 2, 2]), np.array([5000, 5000, 4, 4])
        assert reading_order(centres, heights, areas).tolist() == [3, 1, 2, 0]

    def test_nothing(self) -> None:
        empty = np.zeros(0, np.int64)
        assert reading_order(np.zeros((0, 2)), empty, empty).tolist() == []


def trace_of(area: Measure) -> Trace:
    ring = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], float)
    return Trace("a", 1, 1, ((ring,),), (), 0.9, {"area": area})


class TestTotals:
    def test_scale_adds_linearly_and_cancels_in_the_share(self) -> None:
        size = PixelSize(2.0, 2.0, "user", 0.05)
        # Each: scale 10 % of the area, the rest 3 and 4 mm².
        traces = [trace_of(Measure(40, "mm2", 5.0)), trace_of(Measure(30, "mm2", 5.0))]
        found = panel_totals(traces, valid_px=100, pixel_size=size)
        assert found["n_traces"].value == 2
        assert (found["area"].value, found["area"].sigma) == pytest.approx((70, math.hypot(7, 3 + 4)))
        assert (found["valid_area"].value, found["valid_area"].sigma) == pytest.approx((400, 40))
        assert (found["pecked_share"].value, found["pecked_share"].sigma) == pytest.approx((70 / 400, 7 / 400))

    def test_in_pixels(self) -> None:
        found = panel_totals([trace_of(Measure(40, "px2", 5.0))], valid_px=100)
        assert (found["area"].unit, found["pecked_share"].value) == ("px2", 0.4)

    def test_lines_have_a_length(self) -> None:
        line = Trace("b", 1, 1, (), (np.zeros((2, 2)),), 0.9, {"length": Measure(40, "px", 3.0)})
        found = panel_totals([line, line], valid_px=100)
        assert (found["length"].value, found["length"].sigma) == pytest.approx((80, 6))
        assert "area" not in found

    def test_an_empty_panel(self) -> None:
        found = panel_totals([], valid_px=100)
        assert (found["n_traces"].value, found["area"].value, found["pecked_share"].value) == (0, 0, 0)

    def test_another_unit_is_refused(self) -> None:
        with pytest.raises(InputError, match="measured in mm"):
            panel_totals([trace_of(Measure(40, "px2", 5.0))], valid_px=100, pixel_size=PixelSize(1, 1, "user"))

    def test_a_panel_without_pixels_is_refused(self) -> None:
        with pytest.raises(InputError, match="got 0"):
            panel_totals([], valid_px=0)
