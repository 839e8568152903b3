"""The network of lines that a person has drawn: what touches, crosses, ends, and what is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graven.measure.crack_measures import measure_cracks
from graven.measure.crack_nodes import crack_nodes
from graven.measure.line_graph import LineGraph, graph_of_lines

SHAPE = (200, 300)


def network(*lines: list[tuple[float, float]], changed: list[bool] | None = None, **options: Any) -> LineGraph:
    settings: dict[str, Any] = {
        "is_changed": changed or [True] * len(lines),
        "widths_px": [np.nan] * len(lines),
        "other": np.zeros(SHAPE, bool),
        "valid": np.ones(SHAPE, bool),
    }
    return graph_of_lines([np.array(line, float) for line in lines], **(settings | options))


def kinds(found: LineGraph) -> dict[str, int]:
    listed = [node.kind for node in crack_nodes(found.graph)]
    return {kind: listed.count(kind) for kind in "IOYX"}


def test_lines_that_cross_have_a_node_there_and_stay_whole_lines() -> None:
    found = network([(50, 100), (250, 100)], [(150, 20), (150, 180)])
    assert kinds(found) == {"I": 4, "O": 0, "Y": 0, "X": 1}
    crossing = next(node for node in crack_nodes(found.graph) if node.kind == "X")
    assert (crossing.x, crossing.y) == pytest.approx((150, 100))
    assert found.line.tolist() == [0, 0, 1, 1]
    assert found.graph.length.tolist() == pytest.approx([100, 100, 80, 80])


@pytest.mark.parametrize("gap", [-1.5, 0.0, 1.5])
def test_a_branch_that_stops_short_or_runs_beyond_is_a_branch(gap: float) -> None:
    found = network([(50, 100), (250, 100)], [(150, 20), (150, 100 - gap)])
    assert kinds(found) == {"I": 3, "O": 0, "Y": 1, "X": 0}
    assert len({node.network for node in crack_nodes(found.graph)}) == 1


def test_what_is_farther_does_not_touch() -> None:
    assert kinds(network([(50, 100), (250, 100)], [(150, 20), (150, 97)])) == {"I": 4, "O": 0, "Y": 0, "X": 0}
    wide = network([(50, 100), (250, 100)], [(150, 20), (150, 97)], widths_px=[8.0, np.nan])
    assert kinds(wide) == {"I": 3, "O": 0, "Y": 1, "X": 0}


def test_lines_that_nobody_changed_touch_at_common_ends_only() -> None:
    near = ([(50, 100), (250, 100)], [(150, 20), (150, 99)])
    assert kinds(network(*near, changed=[False, False])) == {"I": 4, "O": 0, "Y": 0, "X": 0}
    assert kinds(network(*near, changed=[False, True])) == {"I": 3, "O": 0, "Y": 1, "X": 0}
    joined = ([(50, 100), (150, 100)], [(150, 100), (250, 100)], [(150, 100), (150, 20)])
    assert kinds(network(*joined, changed=[False] * 3)) == {"I": 3, "O": 0, "Y": 1, "X": 0}


def test_bends_and_rings() -> None:
    ring = [(100 + 40 * np.cos(t), 100 + 40 * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 80)]
    ring[-1] = ring[0]
    found = network(ring, [(200, 150), (230, 60), (260, 150)])
    assert kinds(found) == {"I": 2, "O": 2, "Y": 0, "X": 0}
    assert len(found.graph) == 2


def test_free_ends_know_what_they_run_into() -> None:
    loss = np.zeros(SHAPE, bool)
    loss[80:120, 200:240] = True
    found = network([(0.2, 100), (199.8, 100)], [(100, 20), (100, 60)], other=loss)
    contacts = {(round(node.x), round(node.y)): node.contact for node in crack_nodes(found.graph)}
    assert contacts == {(0, 100): "border", (200, 100): "other", (100, 20): "", (100, 60): ""}


def test_the_lines_of_a_traced_network_give_its_nodes_again() -> None:
    import cv2

    mask = np.zeros((400, 500), np.uint8)
    rng = np.random.default_rng(3)
    for _ in range(14):
        start, end = (tuple(int(v) for v in rng.integers(10, 390, 2)) for _ in range(2))
        cv2.line(mask, start, end, 1, int(rng.integers(2, 6)))
    cv2.circle(mask, (440, 200), 40, 1, 3)
    survey = measure_cracks(mask.astype(bool))
    found = graph_of_lines(
        [crack.points for crack in survey.cracks],
        is_changed=[False] * len(survey.cracks),
        widths_px=[crack.measures["width_mean"].value for crack in survey.cracks],
        other=np.zeros(mask.shape, bool),
        valid=np.ones(mask.shape, bool),
    )
    assert found.line.tolist() == list(range(len(survey.cracks)))
    traced = [node.kind for node in crack_nodes(survey.graph)]
    assert kinds(found) == {kind: traced.count(kind) for kind in "IOYX"}
    assert found.graph.length == pytest.approx(survey.graph.length)


def test_no_lines_are_an_empty_network() -> None:
    assert len(network().graph) == 0
