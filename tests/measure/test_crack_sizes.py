"""Cracks by size, the surface that they take, and the list of their nodes."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from graven.errors import InputError
from graven.measure.crack_measures import measure_cracks
from graven.measure.crack_nodes import crack_nodes
from graven.measure.crack_sizes import WIDTH_BINS_MM, crack_area, crack_bins
from graven.types import Measure, PixelSize

SCALE = PixelSize(0.1, 0.1, "user", 0.01)


def crack(length: float, width: float | None, unit: str = "mm", sigma: float | None = None) -> dict[str, Measure]:
    found = {"length": Measure(length, unit, sigma)}
    return found if width is None else found | {"width_mean": Measure(width, unit, sigma)}


def test_every_crack_falls_into_one_bin_and_lengths_add_up() -> None:
    cracks = [crack(10.0, 0.05), crack(20.0, 0.0999), crack(30.0, 3.0), crack(40.0, None)]
    by_width = crack_bins(cracks, "width_mean", pixel_size=SCALE)
    assert [row.low for row in by_width] == list(WIDTH_BINS_MM[:-1])
    assert {row.low: (row.count, row.length.value) for row in by_width if row.count} == {0.05: (2, 30), 2.0: (1, 30)}
    assert [row.share.value for row in by_width if row.count] == [0.5, 0.5]
    by_length = crack_bins(cracks, "length", pixel_size=SCALE)
    assert sum(row.count for row in by_length) == 4
    assert math.fsum(row.length.value for row in by_length) == 100.0


def test_errors_of_a_bin_are_those_of_the_scale_and_the_sum_of_the_rest() -> None:
    cracks = [crack(10.0, 0.3, sigma=math.hypot(0.1, 0.2))] * 3  # 1 % of scale, and 0.2 mm each
    row = next(row for row in crack_bins(cracks, "length", pixel_size=SCALE) if row.count)
    assert row.length.sigma == pytest.approx(math.hypot(0.3, 0.6))


def test_the_area_is_length_times_width() -> None:
    found = crack_area([crack(10.0, 0.2), crack(5.0, 0.4)], valid_px=1000, pixel_size=SCALE)
    assert found["area"].value == pytest.approx(4.0)
    assert found["crack_share"].value == pytest.approx(0.4)
    assert found["area"].sigma == pytest.approx(2 * 0.01 * 4.0)
    assert crack_area([crack(10.0, 0.2), crack(5.0, None)], valid_px=1000, pixel_size=SCALE) == {}


def test_the_area_of_drawn_cracks_is_that_of_their_pixels() -> None:
    mask = np.zeros((200, 300), np.uint8)
    cv2.line(mask, (20, 50), (270, 50), 1, 5)
    cv2.line(mask, (30, 180), (250, 120), 1, 7)
    survey = measure_cracks(mask.astype(bool))
    found = crack_area([one.measures for one in survey.cracks], valid_px=mask.size)
    assert found["area"].value == pytest.approx(int(mask.sum()), rel=0.03)


def test_units_and_panels_must_fit() -> None:
    with pytest.raises(InputError, match="measured in mm"):
        crack_bins([crack(10.0, 2.0, "px")], "length", pixel_size=SCALE)
    with pytest.raises(InputError, match="valid pixels"):
        crack_area([], valid_px=0)


def test_nodes_are_listed_with_kind_network_and_contact() -> None:
    mask = np.zeros((160, 240), np.uint8)
    cv2.line(mask, (20, 60), (120, 60), 1, 3)
    cv2.line(mask, (70, 10), (70, 140), 1, 3)
    cv2.polylines(mask, [np.array([[150, 120], [190, 40], [230, 120]])], isClosed=False, color=1, thickness=3)
    survey = measure_cracks(mask.astype(bool))
    nodes = crack_nodes(survey.graph)
    kinds = [node.kind for node in nodes]
    assert {kind: kinds.count(kind) for kind in "IOYX"} == {"I": 6, "O": 1, "Y": 0, "X": 1}
    crossing = next(node for node in nodes if node.kind == "X")
    assert (crossing.x, crossing.y) == pytest.approx((70.5, 60.5), abs=0.6)
    assert crossing.degree == 4
    bend = next(node for node in nodes if node.kind == "O")
    assert (bend.x, bend.y) == pytest.approx((190.5, 40.5), abs=1.5)
    assert bend.network != crossing.network
    for network in survey.networks:
        own = [node for node in nodes if node.network == network.number]
        assert len(own) == sum(network.measures[f"n_nodes_{kind}"].value for kind in "IOYX")
