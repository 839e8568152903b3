"""Graphs of drawn cracks: exact nodes, true lengths, whatever the width and the direction."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from graven.errors import InputError
from graven.measure.crack_graph import NODE_KINDS, CrackGraph, trace_crack_graph

R = 50.0
MIDDLE = np.array([110.3, 110.6])
Lines = list[list[tuple[float, float]]]


def star(n: int, begin: float = 0.0) -> Lines:
    angles = [begin + 2 * math.pi * k / n for k in range(n)]
    return [[(0, 0), (R * math.cos(a), R * math.sin(a))] for a in angles]


def crossing(angle: float) -> Lines:
    return [
        [(-R, 0), (R, 0)],
        [(-R * math.cos(angle), -R * math.sin(angle)), (R * math.cos(angle), R * math.sin(angle))],
    ]


def circle(radius: float) -> list[tuple[float, float]]:
    return [(radius * math.cos(t), radius * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 181)]


BRICKS = [[(-75, y), (75, y)] for y in (-45, -15, 15, 45)] + [
    [(x, y), (x, y + 30)] for y, xs in ((-45, (-40, 0, 40)), (-15, (-60, -20, 20, 60)), (15, (-40, 0, 40))) for x in xs
]
GRID = [[(-75, y), (75, y)] for y in (-50, 0, 50)] + [[(x, -75), (x, 75)] for x in (-50, 0, 50)]
LADDER = [[(-25, -60), (-25, 60)], [(25, -60), (25, 60)]] + [[(-25, y), (25, y)] for y in (-35, 0, 35)]

# lines, free ends, bends, branchings, crossings, cracks
DRAWN: dict[str, tuple[Any, int, int, int, int, int]] = {
    "line": ([[(-60, 0), (60, 0)]], 2, 0, 0, 0, 1),
    "T": ([[(-R, 0), (R, 0)], [(0, 0), (0, R)]], 3, 0, 1, 0, 3),
    "Y": (star(3, 0.3), 3, 0, 1, 0, 3),
    "X": (crossing(math.pi / 2), 4, 0, 0, 1, 4),
    "sharp X": (crossing(0.6), 4, 0, 0, 1, 4),
    "star of 5": (star(5), 5, 0, 0, 1, 5),
    "star of 6": (star(6), 6, 0, 0, 1, 6),
    "ladder": (LADDER, 4, 0, 6, 0, 11),
    "grid": (GRID, 12, 0, 0, 9, 24),
    "bricks": (BRICKS, 8, 0, 20, 0, 34),
    "parallel lines": ([[(-60, y), (60, y)] for y in (-40, -20, 0, 20, 40)], 10, 0, 0, 0, 5),
    "corner": ([[(-R, 0), (0, 0), (0, R)]], 2, 1, 0, 0, 1),
    "zigzag": ([[(-80, 0), (-40, 20), (0, -20), (40, 20), (80, 0)]], 2, 3, 0, 0, 1),
    "square": ([[(-40, -40), (40, -40), (40, 40), (-40, 40), (-40, -40)]], 0, 4, 0, 0, 1),
    "ring": ([circle(45)], 0, 1, 0, 0, 1),
    "ring on a stem": ([circle(30), [(30, 0), (75, 0)]], 1, 0, 1, 0, 2),
}


def turned(lines: Lines, angle_deg: float) -> list[np.ndarray]:
    a = math.radians(angle_deg)
    turn = np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
    return [np.asarray(line, float) @ turn.T + MIDDLE for line in lines]


def kinds(graph: CrackGraph) -> tuple[int, ...]:
    count = Counter(graph.node_kind.tolist())
    return tuple(count[kind] for kind in NODE_KINDS)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("width", [1.5, 2, 3, 5, 8])
def test_nodes_are_exact(name: str, width: float, canvas: Callable[..., Any]) -> None:
    lines, *wanted, n_cracks = DRAWN[name]
    for angle_deg in (0, 7, 15, 30, 45, 60, 83):
        drawing = canvas(220, 220, fine=4)
        for line in turned(lines, angle_deg):
            drawing.line(line, width)
        if name == "square":  # a closed line turns at its first point as well
            drawing.disc(turned(lines, angle_deg)[0][0], width)
        graph = trace_crack_graph(drawing.mask())
        assert kinds(graph) == tuple(wanted), f"at {angle_deg} degrees"
        assert len(graph) == n_cracks


@pytest.mark.parametrize("width", [1.5, 2, 3, 5, 8, 12])
@pytest.mark.parametrize("angle_deg", [0, 3, 10, 22.5, 37, 45, 60, 88, 90])
class TestLength:
    """Within a hundredth; a mask says where a crack ends to half a pixel only, so those lines are 120 pixels long."""

    def test_of_a_line(self, width: float, angle_deg: float, canvas: Callable[..., Any]) -> None:
        (line,) = turned([[(-60, 0), (60, 0)]], angle_deg)
        graph = trace_crack_graph(canvas(220, 220).line(line, width).mask())
        assert graph.length == pytest.approx([120], rel=0.01)

    def test_of_an_arc(self, width: float, angle_deg: float, canvas: Callable[..., Any]) -> None:
        drawing = canvas(220, 220).arc(MIDDLE, 45, math.radians(angle_deg), 4, width)
        assert trace_crack_graph(drawing.mask()).length == pytest.approx([180], rel=0.01)

    def test_of_a_ring(self, width: float, angle_deg: float, canvas: Callable[..., Any]) -> None:
        radius = 20 + angle_deg / 3
        drawing = canvas(220, 220).arc(MIDDLE, radius, 0, 7, width)
        assert trace_crack_graph(drawing.mask()).length == pytest.approx([2 * math.pi * radius], rel=0.01)

    def test_of_a_polyline(self, width: float, angle_deg: float, canvas: Callable[..., Any]) -> None:
        (line,) = turned([[(-80, 0), (-40, 20), (0, -20), (40, 20), (80, 0)]], angle_deg)
        graph = trace_crack_graph(canvas(220, 220).line(line, width).mask())
        assert graph.length == pytest.approx([np.hypot(*np.diff(line, axis=0).T).sum()], rel=0.01)

    def test_in_a_probability(self, width: float, angle_deg: float, canvas: Callable[..., Any]) -> None:
        (line,) = turned([[(-30, 0), (30, 0)]], angle_deg)
        coverage = canvas(220, 220).line(line, width).coverage()
        graph = trace_crack_graph(coverage >= 0.5, prob=coverage)
        assert graph.length == pytest.approx([60], rel=0.01)


class TestLines:
    def test_lie_in_the_middle_of_the_crack(self, canvas: Callable[..., Any]) -> None:
        (line,) = turned([[(-80, 0), (80, 0)]], 8)
        for width in (2, 5, 12):
            (found,) = trace_crack_graph(canvas(220, 220).line(line, width).mask()).lines
            along = (line[1] - line[0]) / 160
            aside = (found - MIDDLE) @ [-along[1], along[0]]
            assert abs(aside[1:-1]).max() < 0.4
            assert abs(aside[[0, -1]]).max() < 0.7

    def test_nodes_lie_where_cracks_meet(self, canvas: Callable[..., Any]) -> None:
        for name in ("T", "Y", "X", "sharp X", "star of 5"):
            drawing = canvas(220, 220)
            for line in turned(DRAWN[name][0], 20):
                drawing.line(line, 5)
            graph = trace_crack_graph(drawing.mask())
            junction = graph.node_xy[graph.node_degree > 2]
            assert np.hypot(*(junction[0] - MIDDLE)) < 0.7, name

    def test_lines_run_from_node_to_node(self, canvas: Callable[..., Any]) -> None:
        drawing = canvas(220, 220)
        for line in turned(BRICKS, 12):
            drawing.line(line, 3)
        graph = trace_crack_graph(drawing.mask())
        for line, start, end in zip(graph.lines, graph.start, graph.end, strict=True):
            assert (line[0] == graph.node_xy[start]).all()
            assert (line[-1] == graph.node_xy[end]).all()


class TestNoise:
    def test_a_rough_border_makes_no_branches(self, canvas: Callable[..., Any]) -> None:
        rng = np.random.default_rng(4)
        for width in (3, 6, 12):
            drawing = canvas(220, 220)
            for line in turned(DRAWN["ladder"][0], 23):
                drawing.line(line, width)
            rough = drawing.coverage() + ndimage.gaussian_filter(rng.standard_normal((220, 220)), 0.7) * 0.5
            components, _ = ndimage.label(rough >= 0.5, np.ones((3, 3)))
            largest = components == 1 + np.argmax(np.bincount(components[components > 0] - 1))
            assert kinds(trace_crack_graph(largest)) == (4, 0, 6, 0), width

    def test_a_pinhole_in_a_crack_makes_no_loop(self) -> None:
        mask = np.zeros((40, 90), bool)
        mask[15:23, 5:85] = True
        mask[18:20, 40:42] = False
        assert kinds(trace_crack_graph(mask)) == (2, 0, 0, 0)


class TestSurroundings:
    def test_ends_say_what_they_run_into(self) -> None:
        mask = np.zeros((60, 90), bool)
        mask[20:23, 0:60] = True
        mask[40:43, 10:90] = True
        other, valid = np.zeros_like(mask), np.ones_like(mask)
        other[10:30, 50:70] = True
        valid[:, 85:] = False
        graph = trace_crack_graph(mask, other=other, valid=valid)
        found = {
            tuple(xy): contact for xy, contact in zip(np.round(graph.node_xy).tolist(), graph.node_contact, strict=True)
        }
        assert found == {(0, 22): "border", (50, 22): "other", (10, 42): "", (85, 42): "border"}
        assert sorted(graph.length.tolist()) == pytest.approx([50, 75], abs=0.6)

    def test_pixels_that_are_not_square(self, canvas: Callable[..., Any]) -> None:
        coverage = canvas(220, 220).line([(40, 60), (160, 150)], 4).coverage()
        tall = coverage.reshape(220, 110, 2).mean(axis=2)  # pixels twice as wide as high
        graph = trace_crack_graph(tall >= 0.5, size_x=2.0, size_y=1.0)
        assert graph.length * math.sqrt(2) == pytest.approx([150], rel=0.01)

    def test_nothing(self) -> None:
        graph = trace_crack_graph(np.zeros((9, 9), bool))
        assert (len(graph), len(graph.node_xy)) == (0, 0)

    def test_a_dot_is_no_crack(self) -> None:
        assert len(trace_crack_graph(np.eye(9, dtype=bool) & (np.arange(9) == 4))) == 0

    def test_bands_do_not_matter(self, canvas: Callable[..., Any]) -> None:
        drawing = canvas(220, 220)
        for line in turned(BRICKS, 12):
            drawing.line(line, 3)
        whole, banded = (trace_crack_graph(drawing.mask(), band_rows=rows) for rows in (1024, 37))
        assert (whole.length == banded.length).all()
        assert (whole.node_xy == banded.node_xy).all()

    def test_another_shape_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"valid must have the shape of the mask, \(9, 9\), got \(9, 8\)"):
            trace_crack_graph(np.zeros((9, 9), bool), valid=np.ones((9, 8), bool))
        with pytest.raises(InputError, match=r"must have shape \(H, W\), got \(9,\)"):
            trace_crack_graph(np.zeros(9, bool))

    def test_a_probability_in_percent_is_refused(self) -> None:
        with pytest.raises(InputError, match="got int64"):
            trace_crack_graph(np.zeros((9, 9), bool), prob=np.zeros((9, 9), np.int64))
