"""Kernels behind the measures of cracks: small cases by hand, and compiled as interpreted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import erf

from graven.kernels import polylines, sections, slits
from graven.measure.crack_slits import STEP, slit_widths

OPEN, CLOSED = np.array([False]), np.array([True])


def offsets(*counts: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def circle(radius: float, n: int) -> np.ndarray:
    angle = 2 * math.pi * np.arange(n) / n
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


class TestPolylines:
    def test_smoothing_keeps_parabolas(self) -> None:
        t = np.arange(30.0)
        points = np.stack([t, 3 - 0.4 * t + 0.02 * t * t], axis=1)
        smooth = polylines.smooth_lines(points, offsets(30), OPEN, np.array([3.0]))
        np.testing.assert_allclose(smooth, points, atol=1e-9)

    def test_smoothing_keeps_the_radius_of_a_ring(self) -> None:
        smooth = polylines.smooth_lines(circle(20, 126), offsets(126), CLOSED, np.array([3.0]))
        assert np.hypot(*smooth.T) == pytest.approx(20, rel=2e-3)

    def test_smoothing_takes_out_a_staircase(self) -> None:
        t = np.arange(60.0)
        points = np.stack([t, np.floor(t / 3)], axis=1)
        smooth = polylines.smooth_lines(points, offsets(60), OPEN, np.array([3.0]))
        assert np.abs(smooth[:, 1] - (t - 1) / 3)[3:-3].max() < 0.01

    def test_even_points(self) -> None:
        points = np.array([[0, 0, 1], [3, 0, 4], [3, 4, 8.0]])
        new, offset = polylines.resample_lines(points, offsets(3), OPEN, 1.0)
        assert offset.tolist() == [0, 8]
        np.testing.assert_allclose(np.hypot(*np.diff(new[:, :2], axis=0).T), 1)
        assert new[[0, -1]].tolist() == points[[0, -1]].tolist()
        assert new[:, 2].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]

    def test_a_closed_line_is_not_repeated(self) -> None:
        square = np.array([[0, 0], [4, 0], [4, 4], [0, 4.0]])
        new, _ = polylines.resample_lines(square, offsets(4), CLOSED, 2.0)
        assert new.tolist() == [[0, 0], [2, 0], [4, 0], [4, 2], [4, 4], [2, 4], [0, 4], [0, 2]]

    def test_discs_cut_off_the_ends(self) -> None:
        points = np.stack([np.arange(10.0), np.zeros(10)], axis=1)
        for first, last, wanted in (((0, 0, 2.5), (9, 0, 1.5), [3, 8]), ((0, 0, 20), (9, 0, 20), [3, 6])):
            kept = polylines.trim_lines(points, offsets(10), np.array([first], float), np.array([last], float), 3)
            assert kept.tolist() == [wanted]

    def test_ends_of_a_straight_line_and_of_a_bent_one(self) -> None:
        t = np.arange(20.0)
        points = np.concatenate([np.stack([3 * t / 5, 4 * t / 5], 1), np.stack([t, t * t / 40], 1)])
        arms = np.array([9, 9])
        anchor, direction, bend = polylines.line_ends(points, offsets(20, 20), arms, 2)
        np.testing.assert_allclose(anchor[0], points[[0, 19]], atol=1e-9)
        np.testing.assert_allclose(direction[0], [[-0.6, -0.8], [0.6, 0.8]])
        np.testing.assert_allclose(anchor[1], points[[20, 39]], atol=1e-9)
        np.testing.assert_allclose(direction[1, 1, 1] / direction[1, 1, 0], 19 / 20)
        np.testing.assert_allclose(bend[1], [[0, 1 / 40], [0, 1 / 40]], atol=1e-9)

    def test_corners_are_found_and_arcs_have_none(self) -> None:
        straight = np.stack([np.arange(30.0), np.zeros(30)], axis=1)
        corner = np.concatenate([straight, np.stack([np.full(30, 29.0), np.arange(1, 31.0)], axis=1)])
        ring = circle(12, 75)
        gap, arm = np.array([2, 2]), np.array([6, 6])
        found = polylines.find_corners(
            np.concatenate([corner, ring]), offsets(60, 75), np.array([False, True]), gap, arm, math.radians(40)
        )
        assert np.flatnonzero(found).tolist() == [29]


class TestSections:
    def test_reach_and_free_distance_by_hand(self) -> None:
        mask = np.zeros((20, 30), np.uint8)
        mask[:, 10:14] = mask[:, 20:22] = 1
        blocked = np.zeros((20, 30), bool)
        blocked[:, 3] = True
        found = sections.cross_sections(
            mask, blocked, np.array([[12.0, 8.0], [6.0, 8.0]]), np.array([[1.0, 0.0]] * 2), np.array([30.0] * 2), 0.5
        )
        assert found[0, :2].tolist() == [2, 2]  # columns 10 to 14
        assert found[0, 2:] == pytest.approx([6, 6], abs=0.5)  # to column 20, and to the blocked one, which ends at 4
        assert found[1].tolist() == [0, 0, 0, 0]  # outside

    def test_the_integral_of_a_bar_and_its_centre(self) -> None:
        image = np.full((20, 30), 90.0, np.float32)
        image[:, 10:14] = 40
        lack, moment = sections.integrate_across(
            image, np.array([[11.0, 8.3]]), np.array([[1.0, 0.0]]), np.array([[-5.0, 7.0]]), np.array([[90.0, 90.0]])
        )[0]
        assert lack == pytest.approx(4 * 50)
        assert moment / lack == pytest.approx(1)

    def test_a_profile_is_folded_about_its_middle(self) -> None:
        image = np.tile(np.abs(np.arange(21.0) - 10), (9, 1)).astype(np.float32)
        total, count = sections.fold_profiles(
            image,
            np.array([[10.5, 4.5]]),
            np.array([[1.0, 0.0]]),
            np.array([[-3.0, 2.0]]),
            np.zeros((1, 2)),
            np.zeros(1, np.int64),
            1,
            8,
        )
        assert (-total / np.maximum(count, 1))[0].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 0]
        assert count[0].tolist() == [2, 2, 2, 2, 2, 1, 1, 0]

    def test_a_walk_follows_its_bend(self) -> None:
        mask = np.ones((40, 40), np.uint8)
        mask[20:] = 0
        far = sections.walk_out(
            mask,
            np.zeros((40, 40), bool),
            np.array([[5.0, 4.0]] * 2),
            np.array([[1.0, 0.0]] * 2),
            np.array([[0.0, 0.0], [0.0, 0.04]]),
            np.array([30.0] * 2),
            0.5,
        )
        assert far[0] == 30
        assert far[1] == pytest.approx(math.sqrt(16 / 0.04), abs=0.02)


def profiles(widths: np.ndarray, blur: float, depth: float = 80.0) -> np.ndarray:
    distance, half = STEP * np.arange(40), widths[:, None] / 2
    edges = (erf((distance + half) / (math.sqrt(2) * blur)) - erf((distance - half) / (math.sqrt(2) * blur))) / 2
    return np.asarray(depth * edges)


class TestSlits:
    def test_widths_follow_from_shapes_alone(self) -> None:
        widths = np.array([3.0, 4, 6, 9, 12])
        for k, width in enumerate(widths):  # alone, so that none helps the other
            found, sigma = slit_widths(profiles(widths, 0.8)[[k]], np.ones((1, 40)), np.array([width * 1.2]))
            assert found[0] == pytest.approx(width, abs=0.1)
            assert 0 < sigma[0] < 0.3

    def test_hairlines_borrow_the_depth_of_wide_cracks(self) -> None:
        widths = np.array([0.7, 1.0, 1.5, 5, 6, 7])
        found, _ = slit_widths(profiles(widths, 1.0), np.ones((6, 40)), np.maximum(widths, 2.0))
        assert found[:3] == pytest.approx(widths[:3], abs=0.15)

    def test_a_flat_profile_has_no_width(self) -> None:
        found, sigma = slit_widths(np.zeros((1, 40)), np.ones((1, 40)), np.array([3.0]))
        assert np.isnan([found[0], sigma[0]]).all()

    def test_nothing(self) -> None:
        assert [len(part) for part in slit_widths(np.zeros((0, 40)), np.zeros((0, 40)), np.zeros(0))] == [0, 0]


def interpreted(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in list(vars(module).items()):
        if hasattr(value, "py_func"):
            monkeypatch.setattr(module, name, value.py_func)


def test_compiled_and_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    lines, parts, closed = rng.random((60, 2)).cumsum(axis=0), offsets(25, 35), np.array([False, True])
    mask = (rng.random((30, 30)) < 0.7).astype(np.uint8)
    blocked = rng.random((30, 30)) < 0.02
    xy, angle = rng.random((40, 2)) * 30, rng.random(40) * 7
    normal, reach = np.stack([np.cos(angle), np.sin(angle)], axis=1), np.full(40, 9.0)
    image = rng.random((30, 30)).astype(np.float32)
    zone, base, group = np.tile([-4.0, 5.0], (40, 1)), rng.random((40, 2)), np.arange(40) % 3
    depth = profiles(np.array([2.0, 5.0]), 0.7) + rng.standard_normal((2, 40))
    table, log_width = profiles(np.exp(np.linspace(0, 2, 20)), 0.7, 1.0)[None], np.linspace(0, 2, 20)

    def results() -> list[Any]:
        return [
            polylines.smooth_lines(lines, parts, closed, np.array([1.5, 2.5])),
            *polylines.resample_lines(lines, parts, closed, 0.7),
            polylines.trim_lines(lines, parts, np.ones((2, 3)), np.full((2, 3), 9.0), 3),
            *polylines.line_ends(lines, parts, np.array([9, 12]), 2),
            polylines.find_corners(lines, parts, closed, np.array([1, 2]), np.array([4, 5]), 0.3),
            sections.cross_sections(mask, blocked, xy, normal, reach, 0.5),
            sections.walk_out(image, blocked, xy, normal, normal / 20, reach, 0.4),
            sections.side_levels(image, xy, normal, zone),
            sections.integrate_across(image, xy, normal, zone, base),
            *sections.fold_profiles(image, xy, normal, zone, base, group, 3, 12),
            *slits.fit_slits(
                depth, np.ones((2, 40)), table, log_width, np.array([0.8, 1.5]), 0.4, np.zeros(1), 4.0, 0.5, STEP
            ),
        ]

    compiled = results()
    for module in (polylines, sections, slits):
        interpreted(module, monkeypatch)
    for ours, theirs in zip(compiled, results(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-9)
