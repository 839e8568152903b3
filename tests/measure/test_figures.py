"""Figures with their measures: shapes whose measures are known, in pixels and in millimetres."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from graven.errors import InputError, ScaleError
from graven.measure.figures import trace_figures, trace_lines
from graven.measure.shape import bounding_rectangle
from graven.types import PixelSize, Trace, Window

Reader = Callable[[Window], np.ndarray]
SIGMA_PX = 1 / math.sqrt(12)


def reader(array: np.ndarray) -> Reader:
    return lambda window: array[window.slices()]


def figures(mask: np.ndarray, prob: np.ndarray | None = None, **options: object) -> list[Trace]:
    settings: dict[str, object] = {"class_id": 1, "source": "panel"} | options
    return trace_figures(
        reader(mask), None if prob is None else reader(prob), height=mask.shape[0], width=mask.shape[1], **settings
    )


def panel(seed: int, shape: tuple[int, int] = (120, 90)) -> tuple[np.ndarray, np.ndarray]:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 4)
    prob = 1 / (1 + np.exp(-4 * (noise / noise.std() - 0.7)))
    return prob >= 0.5, prob.astype(np.float32)


def block(rows: slice, cols: slice, shape: tuple[int, int] = (40, 60)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[rows, cols] = True
    return mask


class TestMeasures:
    def test_a_rectangle_in_pixels(self) -> None:
        (found,) = figures(block(slice(10, 20), slice(5, 35)))
        values = {name: (m.value, m.unit) for name, m in found.measures.items()}
        assert values["area"] == (300.0, "px2")
        assert values["length"] == (30.0, "px")
        assert values["width"] == (10.0, "px")
        assert values["bbox_width"] == (30.0, "px")
        assert values["bbox_height"] == (10.0, "px")
        assert values["pecked_share"] == (1.0, "")
        assert values["equivalent_diameter"] == (pytest.approx(2 * math.sqrt(300 / math.pi)), "px")
        assert math.isnan(found.confidence)
        assert not any(measure.unit.startswith("mm") for measure in found.measures.values())

    def test_a_rectangle_in_millimetres_with_tall_pixels(self) -> None:
        size = PixelSize(0.5, 2.0, "user", 0.01)
        (found,) = figures(block(slice(10, 20), slice(5, 35)), pixel_size=size)
        values = {name: m.value for name, m in found.measures.items()}
        assert values["area"] == 300.0
        assert (values["length"], values["width"]) == (20.0, 15.0)
        assert (values["bbox_width"], values["bbox_height"]) == (15.0, 20.0)
        assert {m.unit for m in found.measures.values()} == {"mm", "mm2", ""}

    def test_uncertainty_without_probability_is_scale_and_half_a_pixel(self) -> None:
        size = PixelSize(0.5, 0.5, "user", 0.01)
        (found,) = figures(block(slice(10, 20), slice(5, 35)), pixel_size=size)
        area, length, perimeter = (found.measures[name] for name in ("area", "length", "perimeter"))
        shift = 0.5 * SIGMA_PX
        assert area.sigma == pytest.approx(math.hypot(2 * 0.01 * 75, shift * perimeter.value))
        assert length.sigma == pytest.approx(math.hypot(0.01 * 15, 2 * shift))

    def test_a_frame_is_pecked_in_part(self) -> None:
        mask = block(slice(5, 25), slice(5, 45))
        mask[10:20, 10:40] = False
        (found,) = figures(mask)
        assert found.measures["pecked_share"].value == 500 / 800
        assert found.measures["area"].value == 500
        assert found.measures["pecked_share"].sigma > 0

    def test_length_and_width_turn_with_the_figure(self) -> None:
        rows, cols = np.mgrid[:300, :300] - 150
        angle = math.radians(30)
        across, along = cols * math.sin(angle) - rows * math.cos(angle), cols * math.cos(angle) + rows * math.sin(angle)
        (found,) = figures((abs(across) <= 20) & (abs(along) <= 100))
        assert found.measures["length"].value == pytest.approx(200, abs=2)
        assert found.measures["width"].value == pytest.approx(40, abs=2)
        assert found.measures["area"].value == pytest.approx(8000, rel=0.01)

    def test_the_smallest_rectangle_is_no_larger_than_any_other(self) -> None:
        points = np.random.default_rng(3).normal(size=(60, 2)) * [5, 1] @ [[0.8, 0.6], [-0.6, 0.8]]
        length, width = bounding_rectangle(points)
        for angle in np.linspace(0, math.pi / 2, 2000):
            turned = points @ [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
            assert length * width <= np.ptp(turned, axis=0).prod() * (1 + 1e-12)


class TestProbability:
    def test_confidence_is_the_mean_inside(self) -> None:
        mask = block(slice(0, 2), slice(0, 2), (4, 4))
        prob = np.zeros((4, 4), np.uint8)
        prob[:2, :2] = [[255, 204], [153, 204]]
        (found,) = figures(mask, prob)
        assert found.confidence == pytest.approx((1 + 0.8 + 0.6 + 0.8) / 4)

    def test_areas_at_both_thresholds(self) -> None:
        # One row: 0.45 | 0.55 0.55 0.9 0.9 | 0.45 0.45 | 0.1
        prob = np.array([[0.45, 0.55, 0.55, 0.9, 0.9, 0.45, 0.45, 0.1]])
        (found,) = figures(prob >= 0.5, prob)
        values = {name: m.value for name, m in found.measures.items()}
        assert (values["area_high"], values["area"], values["area_low"]) == (2, 4, 7)
        sigma_threshold = (7 - 2) / math.sqrt(12)
        perimeter = values["perimeter"]
        shift = math.hypot(SIGMA_PX, sigma_threshold / perimeter)
        assert found.measures["area"].sigma == pytest.approx(shift * perimeter)

    def test_growth_of_figures_that_join_is_shared(self) -> None:
        prob = np.array([[0.9, 0.9, 0.45, 0.45, 0.9, 0.9]])
        first, second = figures(prob >= 0.5, prob)
        assert first.measures["area_low"].value == second.measures["area_low"].value == 3

    def test_growth_that_holds_no_figure_belongs_to_none(self) -> None:
        prob = np.array([[0.9, 0.0, 0.45, 0.45, 0.0, 0.9]])
        assert [found.measures["area_low"].value for found in figures(prob >= 0.5, prob)] == [1, 1]

    def test_unknown_probability_outside_is_allowed(self) -> None:
        prob = np.array([[0.9, math.nan]])
        assert figures(prob > 0.5, prob)[0].confidence == pytest.approx(0.9, abs=1e-6)

    @pytest.mark.parametrize("value", [math.nan, -0.1, 1.1])
    def test_a_wrong_probability_inside_is_refused(self, value: float) -> None:
        with pytest.raises(InputError, match="between 0 and 1"):
            figures(np.ones((1, 2), bool), np.array([[0.9, value]]))

    def test_integers_other_than_bytes_are_refused(self) -> None:
        with pytest.raises(InputError, match="int64"):
            figures(np.ones((1, 2), bool), np.array([[90, 80]]))


class TestClassesAndOrder:
    def test_a_class_raster_gives_the_objects_of_one_class(self) -> None:
        labels = np.array([[1, 1, 0, 2], [0, 0, 0, 2], [255, 255, 0, 1]], np.uint8)
        assert [trace.measures["area"].value for trace in figures(labels)] == [2, 1]
        assert [trace.measures["area"].value for trace in figures(labels, class_id=2)] == [2]

    def test_numbers_follow_reading_order(self) -> None:
        mask = np.zeros((60, 60), bool)
        for row, col in ((42, 40), (5, 30), (2, 45), (8, 5), (45, 3)):
            mask[row : row + 10, col : col + 10] = True
        found = figures(mask)
        assert [trace.number for trace in found] == [1, 2, 3, 4, 5]
        assert [trace.bounds_px[0] for trace in found] == [5, 30, 45, 3, 40]

    def test_small_objects_are_dropped_by_pixels_and_by_millimetres(self) -> None:
        mask = np.zeros((20, 20), bool)
        mask[0, 0] = mask[5:8, 5:8] = mask[10:15, 10:15] = True
        assert [t.measures["area"].value for t in figures(mask, min_area_px=9)] == [9, 25]
        size = PixelSize(2.0, 2.0, "user")
        assert [t.measures["area"].value for t in figures(mask, min_area_mm2=37, pixel_size=size)] == [100]

    def test_millimetres_without_a_scale_are_refused(self) -> None:
        with pytest.raises(ScaleError, match="needs a pixel size"):
            figures(np.ones((2, 2), bool), min_area_mm2=1.0)

    @pytest.mark.parametrize(("threshold", "spread"), [(0.05, 0.1), (0.95, 0.1), (0.5, -0.1)])
    def test_thresholds_stay_inside(self, threshold: float, spread: float) -> None:
        with pytest.raises(InputError, match="must stay between 0 and 1"):
            figures(np.ones((2, 2), bool), threshold=threshold, threshold_spread=spread)

    def test_uids_depend_on_source_and_geometry_alone(self) -> None:
        mask = block(slice(10, 20), slice(5, 35))
        (one,), (same,), (other,) = (
            figures(mask),
            figures(mask, min_area_px=5, pixel_size=PixelSize(1, 1, "user")),
            figures(mask, source="another"),
        )
        assert one.uid == same.uid != other.uid

    def test_an_empty_mask(self) -> None:
        assert figures(np.zeros((5, 5), bool), np.zeros((5, 5), np.uint8), with_centerlines=True) == []


class TestBands:
    @settings(deadline=None, max_examples=20)
    @given(seed=st.integers(0, 1000), band_rows=st.integers(1, 130))
    def test_traces_do_not_depend_on_the_bands(self, seed: int, band_rows: int) -> None:
        mask, prob = panel(seed)
        options = {"pixel_size": PixelSize(0.3, 0.4, "user", 0.02), "with_centerlines": True}
        whole, banded = figures(mask, prob, **options), figures(mask, prob, band_rows=band_rows, **options)
        assert [(t.uid, t.number, t.confidence, t.measures) for t in whole] == [
            (t.uid, t.number, t.confidence, t.measures) for t in banded
        ]
        for ours, theirs in zip(whole, banded, strict=True):
            assert all((a == b).all() for a, b in zip(ours.lines, theirs.lines, strict=True))

    def test_sums_equal_those_of_scipy(self) -> None:
        mask, prob = panel(7)
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        index = range(1, count + 1)
        expected = sorted(zip(ndimage.sum_labels(mask, labels, index), ndimage.mean(prob, labels, index), strict=True))
        found = sorted((trace.measures["area"].value, trace.confidence) for trace in figures(mask, prob))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


class TestCenterlines:
    def test_strokes_of_a_figure_are_measured(self) -> None:
        mask = block(slice(10, 15), slice(5, 55))
        (found,) = figures(mask, with_centerlines=True, pixel_size=PixelSize(0.5, 0.5, "user"))
        assert len(found.lines) == 1
        values = {name: m.value for name, m in found.measures.items()}
        assert values["width_mean"] == values["stroke_1_width"] == values["width_p95"] == 2.5
        assert values["stroke_length"] == values["stroke_1_length"] == pytest.approx(25, abs=2.6)

    def test_a_line_class_has_no_polygons(self) -> None:
        mask = block(slice(10, 13), slice(5, 55))
        mask[30, 30] = True  # a dot has no length
        (found,) = trace_lines(reader(mask), height=40, width=60, class_id=1, source="panel")
        assert found.polygons == ()
        assert found.measures["length"].value == pytest.approx(50, abs=3)
        assert found.measures["width_mean"].value == 3
        assert trace_lines(reader(mask), height=40, width=60, class_id=1, source="panel", min_length=60) == []


@pytest.mark.slow
def test_memory_is_that_of_a_band_and_the_figures() -> None:
    rows = np.arange(57) - 28
    tile = np.hypot(rows[:, None], rows[None]) < 20
    prob_tile = np.where(tile, np.uint8(230), np.uint8(20))

    def read(pattern: np.ndarray) -> Reader:
        def window_of(window: Window) -> np.ndarray:
            r = np.arange(window.row, window.row_end) % 57
            c = np.arange(window.col, window.col_end) % 57
            return pattern[np.ix_(r, c)]

        return window_of

    def run(size: int) -> tuple[int, int]:
        tracemalloc.start()
        found = trace_figures(
            read(tile), read(prob_tile), height=size, width=size, class_id=1, source="x", band_rows=256
        )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return len(found), peak

    run(256)
    n_figures, peak = run(4096)
    assert n_figures >= 5000
    # 16 Mpx of mask and probability would be 32 MiB as bytes and 64 MiB as labels, before any intermediate.
    assert peak < 150 * 2**20
