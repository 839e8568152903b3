"""Losses: exact areas, distances to the edge, sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from graven.errors import InputError
from graven.measure.loss_areas import measure_losses, size_table
from graven.measure.objects import Evidence, find_objects
from graven.types import PixelSize, Window

MASKS = arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20)))


def panel() -> np.ndarray:
    losses = np.zeros((100, 120), bool)
    losses[5:15, 20:40] = True
    losses[40:80, 50:90] = True
    losses[50:60, 60:70] = False  # an island of paint in it
    losses[98:100, 110:112] = True
    return losses


class TestLosses:
    def test_by_hand(self) -> None:
        found = [{name: measure.value for name, measure in loss.measures.items()} for loss in measure_losses(panel())]
        assert [loss["area"] for loss in found] == [200, 1500, 4]
        assert [loss["edge_distance"] for loss in found] == [5, 20, 0]
        assert [loss["share"] for loss in found] == pytest.approx([200 / 12000, 1500 / 12000, 4 / 12000])
        assert found[0]["equivalent_diameter"] == pytest.approx(2 * math.sqrt(200 / math.pi))
        assert found[1]["perimeter"] == pytest.approx(160 + 40, rel=0.07)  # squares are short by 6 % in four directions

    @settings(deadline=None, max_examples=100)
    @given(losses=MASKS)
    def test_areas_are_exact(self, losses: np.ndarray) -> None:
        label, count = ndimage.label(losses, np.ones((3, 3)))
        wanted = np.bincount(label.ravel(), minlength=count + 1)[1:]
        assert [loss.measures["area"].value for loss in measure_losses(losses)] == wanted.tolist()

    @settings(deadline=None, max_examples=100)
    @given(losses=MASKS)
    def test_a_panel_that_fills_the_picture_has_its_edge(self, losses: np.ndarray) -> None:
        plain, within = measure_losses(losses), measure_losses(losses, valid=np.ones_like(losses))
        for one, other in zip(plain, within, strict=True):
            assert one.measures["edge_distance"] == other.measures["edge_distance"]
            assert one.measures["share"] == other.measures["share"]

    def test_a_panel_smaller_than_the_picture(self) -> None:
        valid = np.zeros((100, 120), bool)
        valid[:90, 10:115] = True
        losses = panel() & valid
        found = [loss.measures for loss in measure_losses(losses, valid=valid)]
        assert [loss["edge_distance"].value for loss in found] == [5, 10]
        assert found[0]["share"].value == pytest.approx(200 / (90 * 105))

    def test_in_millimetres(self) -> None:
        size = PixelSize(0.5, 0.25, "user", 0.01)
        for valid in (None, np.ones((100, 120), bool)):
            first, second, _ = (loss.measures for loss in measure_losses(panel(), valid=valid, pixel_size=size))
            assert (first["area"].value, first["area"].unit) == (200 * 0.125, "mm2")
            assert first["edge_distance"].value == pytest.approx(5 * 0.25)
            assert second["edge_distance"].value == pytest.approx(20 * 0.25)
            assert first["area"].sigma == pytest.approx(
                math.hypot(0.02 * 25, math.sqrt(0.125 / 12) * first["perimeter"].value)
            )

    def test_the_threshold_adds_to_the_uncertainty(self) -> None:
        prob = ndimage.gaussian_filter(panel().astype(np.float32), 3)

        def read(window: Window) -> np.ndarray:
            return prob[window.slices()]

        components, evidence = find_objects(
            lambda window: read(window) >= 0.5, read, height=100, width=120, class_id=1, min_area_px=50
        )
        with_prob = measure_losses(components, evidence=evidence)
        without = measure_losses(components)
        for one, other in zip(with_prob, without, strict=True):
            assert one.measures["area"].value == other.measures["area"].value
            assert (one.measures["area"].sigma or 0) > (other.measures["area"].sigma or 0)

    def test_none(self) -> None:
        assert measure_losses(np.zeros((9, 9), bool)) == []

    def test_errors(self) -> None:
        with pytest.raises(InputError, match=r"valid must have the shape of the losses, \(9, 9\), got \(8, 9\)"):
            measure_losses(np.ones((9, 9), bool), valid=np.ones((8, 9), bool))
        with pytest.raises(InputError, match="pass the components"):
            measure_losses(np.ones((9, 9), bool), evidence=Evidence(*(np.zeros(0),) * 4))
        with pytest.raises(InputError, match="valid pixels"):
            measure_losses(np.ones((9, 9), bool), valid=np.zeros((9, 9), bool))


class TestSizes:
    def test_every_loss_stands_in_one_row(self) -> None:
        rows = size_table(measure_losses(panel()))
        assert [row.count for row in rows] == [1, 0, 1, 1, 0, 0]
        assert [row.area.value for row in rows] == [4, 0, 200, 1500, 0, 0]
        assert sum(row.share.value for row in rows) == pytest.approx(1704 / 12000)
        assert math.inf == rows[-1].high

    def test_a_size_on_a_bound_belongs_to_the_larger_bin(self) -> None:
        losses = np.zeros((20, 20), bool)
        losses[5, 5:15] = True
        assert [row.count for row in size_table(measure_losses(losses))] == [0, 1, 0, 0, 0, 0]

    def test_in_square_millimetres(self) -> None:
        size = PixelSize(0.1, 0.1, "user", 0.01)
        rows = size_table(measure_losses(panel(), pixel_size=size), pixel_size=size)
        assert [(row.low, row.count) for row in rows if row.count] == [(0, 1), (1, 1), (10, 1)]
        assert rows[2].area.value == pytest.approx(15)
        assert rows[2].area.unit == "mm2"

    def test_the_uncertainty_of_a_sum(self) -> None:
        losses = np.zeros((40, 40), bool)
        losses[5:10, 5:10] = losses[20:25, 20:25] = True
        size = PixelSize(1.0, 1.0, "user", 0.05)
        found = measure_losses(losses, pixel_size=size)
        (row,) = size_table(found, pixel_size=size, bounds=(0, 100))
        border = 2 * math.sqrt(1 / 12) * found[0].measures["perimeter"].value
        assert row.area.sigma == pytest.approx(math.hypot(0.1 * 50, border))

    def test_errors(self) -> None:
        found = measure_losses(panel())
        with pytest.raises(InputError, match="rising bounds, got"):
            size_table(found, bounds=(1, 1))
        with pytest.raises(InputError, match="from 10 to 1600, got 4"):
            size_table(found, bounds=(10, 1600))
