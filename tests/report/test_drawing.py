from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from graven.errors import InputError
from graven.report.drawing import SCALES, choose_scale, draw_traces, scale_name
from graven.report.marks import arrow
from graven.types import PETROGLYPH_CLASSES, ClassDefinition, ClassTable, PixelSize, Trace

CLASSES = ClassTable(
    (
        ClassDefinition(1, "pecked", "#D55E00", "dots", "area", "P"),
        ClassDefinition(2, "crack", "#0072B2", "solid", "line", "C"),
    )
)


def _ring(*points: tuple[float, float]) -> np.ndarray:
    return np.array([*points, points[0]], np.float64)


def _square(number: int, x: float, y: float, side: float, class_id: int = 1) -> Trace:
    ring = _ring((x, y), (x + side, y), (x + side, y + side), (x, y + side))
    return Trace(f"{number:032x}", number, class_id, ((ring,),), (), 0.9)


def _points(data: str) -> np.ndarray:
    """Absolute points of the first subpath of ``Mx yldx dy …z``."""
    start, moves = re.match(r"M(-?\d+ -?\d+)l([^zM]*)", data).groups()  # type: ignore[union-attr]  # it matches
    steps = np.array(moves.split(), int).reshape(-1, 2)
    return np.cumsum(np.vstack([np.array(start.split(), int), steps]), axis=0)


def _area(points: np.ndarray) -> float:
    x, y = points.T.astype(float)
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def test_drawing_has_the_scale_it_states() -> None:
    # 1000 x 600 px of 0.5 mm: 500 x 300 mm, at 1:5 100 x 60 mm on paper. A square of 200 px is 20 mm there.
    drawing = draw_traces(
        [_square(1, 100, 50, 200)], height=600, width=1000, classes=CLASSES, pixel_size=PixelSize(0.5, 0.5, "user"),
        denominator=5, label="x",
    )  # fmt: skip
    assert drawing.scale == "1:5"
    svg = ET.fromstring(drawing.svg)
    x0, y0, width, _ = (float(value) for value in svg.get("viewBox", "").split())
    units_per_mm = width / (drawing.width_cm * 10)
    path = next(node for node in svg.iter("path") if node.get("class") == "k1")
    points = _points(path.get("d", "")) / units_per_mm
    np.testing.assert_allclose(points.min(axis=0), [10, 5], atol=0.05)
    np.testing.assert_allclose(points.max(axis=0), [30, 25], atol=0.05)
    frame = next(node for node in svg.iter("rect") if node.get("stroke") == "#9aa0a6")
    assert abs(float(frame.get("width", "0")) / units_per_mm - 100) < 0.1
    assert (x0, y0) < (0, 0)


def test_usual_scale_is_the_largest_that_fits() -> None:
    assert choose_scale(179.0, 100.0) == 1.0
    assert choose_scale(180.0, 100.0) == 2.0
    assert choose_scale(4000.0, 900.0) == 25.0
    assert choose_scale(17.0, 17.0) == 0.1
    assert choose_scale(3e6, 10.0) > SCALES[-1]
    assert [scale_name(scale) for scale in (0.1, 1.0, 75.0)] == ["10:1", "1:1", "1:75"]


def test_a_scale_that_does_not_fit_is_refused_with_the_one_that_does() -> None:
    with pytest.raises(InputError, match=r"use 1:25"):
        draw_traces([], height=100, width=8000, classes=CLASSES, pixel_size=PixelSize(0.5, 0.5, "user"), denominator=10,
                    label="x")  # fmt: skip
    with pytest.raises(InputError, match="positive"):
        draw_traces([], height=100, width=80, classes=CLASSES, pixel_size=PixelSize(1, 1, "user"), denominator=-1,
                    label="x")  # fmt: skip


def test_pixels_that_are_not_square_are_drawn_in_proportion() -> None:
    drawing = draw_traces(
        [_square(1, 0, 0, 100)],
        height=100,
        width=100,
        classes=CLASSES,
        pixel_size=PixelSize(1.0, 0.5, "user"),
        label="x",
    )
    path = next(node for node in ET.fromstring(drawing.svg).iter("path") if node.get("class") == "k1")
    spread = np.ptp(_points(path.get("d", "")), axis=0)
    assert abs(spread[0] / spread[1] - 2) < 0.01


def test_outlines_keep_area_and_holes_within_the_stated_tolerance() -> None:
    # A staircase circle with a square hole, as a mask gives it.
    t = np.linspace(0, 2 * np.pi, 4000)
    circle = np.stack([500 + 300 * np.cos(t), 500 + 300 * np.sin(t)], 1)
    hole = _ring((400, 400), (400, 600), (600, 600), (600, 400))
    trace = Trace("0" * 32, 1, 1, ((np.round(circle), hole),), (), 0.9)
    drawing = draw_traces([trace], height=1000, width=1000, classes=CLASSES, pixel_size=None, label="x")
    svg = ET.fromstring(drawing.svg)
    data = next(node for node in svg.iter("path") if node.get("class") == "k1").get("d", "")
    assert data.count("z") == 2
    scale = 179.0 / 1000 * 20
    area = _area(_points(data)) / scale**2
    assert abs(area - np.pi * 300**2) < 2 * np.pi * 300 * drawing.tolerance_px
    assert len(_points(data)) < 1000
    assert drawing.scale is None


def test_no_object_vanishes_however_small() -> None:
    specks = [_square(i + 1, 10 + 90 * i, 10, 1) for i in range(50)]
    drawing = draw_traces(specks, height=20_000, width=30_000, classes=CLASSES, pixel_size=None, label="x")
    paths = [node for node in ET.fromstring(drawing.svg).iter("path") if node.get("class") == "k1"]
    assert len(paths) == 50
    assert all(node.get("d") for node in paths)


def test_a_heavy_drawing_is_simplified_more_and_says_so() -> None:
    rng = np.random.default_rng(0)
    t = np.linspace(0, 2 * np.pi, 1500)
    traces = []
    for i in range(240):
        r = 60 + rng.uniform(-20, 20, t.size)
        x, y = 100 + 150 * (i % 12), 100 + 75 * (i // 12)
        ring = np.stack([x + r * np.cos(t), y + r * np.sin(t)], 1)
        traces.append(Trace(f"{i:032x}", i + 1, 1, ((np.vstack([ring, ring[:1]]),),), (), 0.9))
    light = draw_traces(traces[:2], height=1700, width=2000, classes=CLASSES, pixel_size=None, label="x")
    heavy = draw_traces(traces, height=1700, width=2000, classes=CLASSES, pixel_size=None, label="x")
    assert heavy.tolerance_px > light.tolerance_px
    assert len(heavy.svg) < 1_500_000


def test_numbers_do_not_overlap_and_missing_ones_are_counted() -> None:
    rng = np.random.default_rng(0)
    traces = [_square(i + 1, *rng.uniform(0, 380, 2), side=12) for i in range(500)]
    drawing = draw_traces(traces, height=400, width=400, classes=PETROGLYPH_CLASSES, pixel_size=None, label="x")
    svg = ET.fromstring(drawing.svg)
    group = next(node for node in svg.iter("g") if node.get("class") == "numbers")
    size = float(group.get("font-size", "0"))
    boxes = []
    for node in group:
        text = node.text or ""
        x, y = float(node.get("x", "0")), float(node.get("y", "0"))
        boxes.append((x, y - 0.8 * size, x + 0.58 * size * len(text), y + 0.2 * size))
    assert len(boxes) + drawing.n_unnumbered == 500
    assert 0 < drawing.n_unnumbered < 500
    b = np.array(boxes)
    overlap = (
        (b[:, None, 0] < b[None, :, 2] - 2) & (b[None, :, 0] < b[:, None, 2] - 2)
        & (b[:, None, 1] < b[None, :, 3] - 2) & (b[None, :, 1] < b[:, None, 3] - 2)
    )  # fmt: skip
    assert overlap.sum() == len(b)  # each with itself


def test_lines_are_drawn_open_and_classes_carry_their_letter() -> None:
    line = Trace("1" * 32, 4, 2, (), (np.array([[10.0, 10.0], [50.0, 60.0], [90.0, 20.0]]),), 0.8)
    drawing = draw_traces([line, _square(4, 40, 70, 20)], height=100, width=100, classes=CLASSES, pixel_size=None,
                          direction=arrow(None), label='a "b" <c>')  # fmt: skip
    svg = ET.fromstring(drawing.svg)
    path = next(node for node in svg.iter("path") if node.get("class") == "k2")
    assert "z" not in path.get("d", "")
    texts = {node.text for node in svg.iter("text")}
    assert {"C4", "P4", "up"} <= texts
    assert svg.get("aria-label") == 'a "b" <c>'
