"""Thinning, widths and centre-lines: shapes with known answers, and independence of the bands."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from graven.measure.centerlines import trace_centerlines
from graven.measure.components import Components, Runs, find_components, runs_of
from graven.measure.paths import paths_between_nodes, pixels_of
from graven.measure.skeleton import skeleton_of
from graven.measure.thinning import distance_to_border, thin

MASKS = arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))
EIGHT = np.ones((3, 3))


def components_of(mask: np.ndarray) -> Components:
    return find_components(Runs(*runs_of(mask), height=mask.shape[0], width=mask.shape[1]))


def blobs(seed: int, shape: tuple[int, int] = (90, 70)) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(shape)
    return ndimage.gaussian_filter(noise, 3) > 0.02


class TestThinning:
    @settings(deadline=None, max_examples=200)
    @given(mask=MASKS)
    def test_keeps_components_and_holes(self, mask: np.ndarray) -> None:
        skeleton, _ = thin(mask.astype(np.uint8))
        assert not (skeleton.astype(bool) & ~mask).any()
        theirs, count = ndimage.label(mask, EIGHT)
        ours, count_thin = ndimage.label(skeleton, EIGHT)
        assert count_thin == count
        assert len(np.unique(theirs[skeleton > 0])) == count, "one skeleton in each component"
        holes, holes_thin = (ndimage.label(~np.pad(array.astype(bool), 1))[1] for array in (mask, skeleton))
        assert holes_thin == holes
        assert ours.max() == count

    @settings(deadline=None, max_examples=200)
    @given(mask=MASKS)
    def test_is_as_thin_as_it_can_be(self, mask: np.ndarray) -> None:
        skeleton, _ = thin(mask.astype(np.uint8))
        again, n_passes = thin(skeleton)
        assert (again == skeleton).all()
        assert n_passes == 4, "four passes that change nothing"

    def test_a_bar_becomes_its_middle_row(self) -> None:
        mask = np.zeros((9, 21), np.uint8)
        mask[2:7, 3:18] = 1
        rows, _ = np.nonzero(thin(mask)[0][:, 6:15])
        assert set(rows.tolist()) == {4}


class TestDistance:
    @settings(deadline=None, max_examples=150)
    @given(mask=MASKS, size_x=st.floats(0.2, 5), size_y=st.floats(0.2, 5))
    def test_equals_scipy(self, mask: np.ndarray, size_x: float, size_y: float) -> None:
        ours, _ = distance_to_border(mask.astype(np.uint8), size_x=size_x, size_y=size_y)
        theirs = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=(size_y, size_x))[1:-1, 1:-1]
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=0)

    @settings(deadline=None, max_examples=50)
    @given(mask=MASKS, ends=st.tuples(st.integers(0, 24), st.integers(0, 24)))
    def test_rows_asked_for_are_rows_of_the_whole(self, mask: np.ndarray, ends: tuple[int, int]) -> None:
        begin, end = sorted(min(row, len(mask)) for row in ends)
        whole = distance_to_border(mask.astype(np.uint8), size_x=0.7)
        part = distance_to_border(mask.astype(np.uint8), size_x=0.7, begin_row=begin, end_row=end)
        assert all((ours == theirs[begin:end]).all() for ours, theirs in zip(part, whole, strict=True))


class TestSkeleton:
    @pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 8])
    def test_bars_along_an_axis_have_their_width_exactly(self, width: int) -> None:
        mask = np.zeros((30, 80), bool)
        mask[10 : 10 + width, 5:75] = True
        runs = components_of(mask).runs
        middle = skeleton_of(runs, size_y=0.5)
        assert set(middle.width[(middle.col > 20) & (middle.col < 60)].tolist()) == {width * 0.5}
        upright = skeleton_of(components_of(mask.T).runs, size_x=0.25)
        assert set(upright.width[(upright.row > 20) & (upright.row < 60)].tolist()) == {width * 0.25}

    @pytest.mark.parametrize("angle_deg", [0, 10, 20, 30, 40, 50, 60, 70, 80, 90])
    @pytest.mark.parametrize("width", [3.0, 6.4, 11.0])
    def test_bars_in_any_direction_have_their_width_nearly(self, angle_deg: int, width: float) -> None:
        rows, cols = np.mgrid[:200, :200] - 100.3
        angle = math.radians(angle_deg)
        across = abs(cols * math.sin(angle) - rows * math.cos(angle))
        along = abs(cols * math.cos(angle) + rows * math.sin(angle))
        found = skeleton_of(components_of((across <= width / 2) & (along < 90)).runs)
        inner = np.hypot(found.row - 100.3, found.col - 100.3) < 60
        assert found.width[inner].mean() == pytest.approx(width, abs=0.65)

    def test_a_bar_exactly_along_a_diagonal_is_a_pixel_too_wide_at_most(self) -> None:
        rows, cols = np.mgrid[:99, :99]
        mask = abs(rows - cols) <= 2  # five diagonals, each 1 / sqrt(2) wide
        found = skeleton_of(components_of(mask).runs)
        inner = abs(found.row - 50) < 30
        assert 0 < found.width[inner].mean() - 5 / math.sqrt(2) < 1

    @settings(deadline=None, max_examples=30)
    @given(seed=st.integers(0, 10_000), band_rows=st.integers(1, 90), halo_rows=st.integers(1, 9))
    def test_does_not_depend_on_bands_and_halo(self, seed: int, band_rows: int, halo_rows: int) -> None:
        runs = components_of(blobs(seed)).runs
        whole = skeleton_of(runs, size_x=1.5, size_y=0.7)
        banded = skeleton_of(runs, size_x=1.5, size_y=0.7, band_rows=band_rows, halo_rows=halo_rows)
        for name in ("row", "col", "width", "run"):
            assert (getattr(whole, name) == getattr(banded, name)).all(), name

    def test_an_empty_mask_has_no_skeleton(self) -> None:
        assert len(skeleton_of(components_of(np.zeros((5, 5), bool)).runs).row) == 0


class TestPaths:
    @settings(deadline=None, max_examples=100)
    @given(mask=MASKS)
    def test_pixels_are_those_of_numpy(self, mask: np.ndarray) -> None:
        for image in (mask, mask[::-1], mask[:, 1:]):
            assert all((ours == theirs).all() for ours, theirs in zip(pixels_of(image), np.nonzero(image), strict=True))

    @settings(deadline=None, max_examples=100)
    @given(mask=MASKS)
    def test_every_link_is_walked_once(self, mask: np.ndarray) -> None:
        row, col = np.nonzero(thin(mask.astype(np.uint8))[0])
        paths = paths_between_nodes(row, col)
        steps = [tuple(sorted(pair)) for path in paths.pixels for pair in itertools.pairwise(path)]
        assert len(set(steps)) == len(steps)
        on_lines = paths.node < 0
        walked = np.zeros(len(row), bool)
        for path in paths.pixels:
            walked[path] = True
        assert walked[on_lines].all()
        for path in paths.pixels:
            assert (paths.node[path[1:-1]] < 0).all(), "only the ends of a path are nodes"


class TestCenterlines:
    def test_a_tee_has_three_strokes_that_meet_in_one_point(self) -> None:
        mask = np.zeros((60, 80), bool)
        mask[10:15, 10:70] = True
        mask[10:50, 38:43] = True
        (lines,) = trace_centerlines(components_of(mask))
        assert len(lines) == 3
        ends = np.concatenate([line.points[[0, -1]] for line in lines])
        points, counts = np.unique(ends, axis=0, return_counts=True)
        assert sorted(counts.tolist()) == [1, 1, 1, 3]
        assert np.hypot(*(points[counts == 3][0] - [40.5, 12.5])) <= 1.5
        assert [line.width_mean for line in lines] == [5.0, 5.0, 5.0]

    def test_a_ring_is_one_closed_line_of_the_right_length(self) -> None:
        rows, cols = np.mgrid[:100, :100]
        mask = abs(np.hypot(rows - 50, cols - 50) - 30) < 3
        (lines,) = trace_centerlines(components_of(mask))
        assert len(lines) == 1
        assert (lines[0].points[0] == lines[0].points[-1]).all()
        assert lines[0].length == pytest.approx(2 * math.pi * 30, rel=0.03)
        assert lines[0].width_mean == pytest.approx(6, abs=0.5)

    def test_a_spur_shorter_than_the_stroke_is_wide_is_pruned(self) -> None:
        mask = np.zeros((40, 90), bool)
        mask[15:24, 5:85] = True
        mask[12:15, 44:47] = True  # a bump of 3 pixels on a stroke 9 wide
        (lines,) = trace_centerlines(components_of(mask))
        assert len(lines) == 1

    def test_a_branch_longer_than_the_stroke_is_wide_stays(self) -> None:
        mask = np.zeros((60, 90), bool)
        mask[35:40, 5:85] = True
        mask[10:35, 44:47] = True
        (lines,) = trace_centerlines(components_of(mask))
        assert len(lines) == 3

    def test_crossing_strokes_meet_in_one_node(self) -> None:
        rows, cols = np.mgrid[:120, :120]
        mask = (abs(rows - cols) <= 6) | (abs(rows + 0.6 * cols - 95) <= 6)
        mask[:8], mask[-8:], mask[:, :8], mask[:, -8:] = False, False, False, False
        (lines,) = trace_centerlines(components_of(mask))
        ends = np.concatenate([line.points[[0, -1]] for line in lines])
        _, counts = np.unique(ends, axis=0, return_counts=True)
        assert sorted(counts.tolist()) == [1, 1, 1, 1, 4]

    def test_lengths_follow_the_size_of_pixels(self) -> None:
        mask = np.zeros((20, 100), bool)
        mask[8:11, 10:90] = True
        (wide,) = trace_centerlines(components_of(mask), size_x=2.0, size_y=0.5)[0]
        (plain,) = trace_centerlines(components_of(mask))[0]
        assert wide.length == pytest.approx(2 * plain.length)
        assert (plain.width_mean, wide.width_mean) == (3.0, 1.5)
        assert (wide.points[[0, -1]] == plain.points[[0, -1]]).all(), "points stay in pixels"

    def test_a_simplified_line_stays_near_the_skeleton(self) -> None:
        components = components_of(blobs(5))
        skeleton = skeleton_of(components.runs)
        near = np.stack([skeleton.col + 0.5, skeleton.row + 0.5], axis=1)
        for lines in trace_centerlines(components):
            for line in lines:
                gaps = np.hypot(*(line.points[1:-1, None] - near[None]).transpose(2, 0, 1)).min(axis=1, initial=np.inf)
                assert (gaps < 1e-9).all(), "inner vertices are skeleton pixels"

    @settings(deadline=None, max_examples=25)
    @given(seed=st.integers(0, 10_000), band_rows=st.integers(1, 90))
    def test_does_not_depend_on_bands(self, seed: int, band_rows: int) -> None:
        components = components_of(blobs(seed))
        whole = trace_centerlines(components)
        banded = trace_centerlines(components, band_rows=band_rows)
        assert [len(lines) for lines in whole] == [len(lines) for lines in banded]
        for ours, theirs in zip(sum(whole, ()), sum(banded, ()), strict=True):
            assert (ours.points == theirs.points).all()
            assert (ours.length, ours.width_mean, ours.width_p95) == (
                theirs.length,
                theirs.width_mean,
                theirs.width_p95,
            )

    def test_a_dot_has_no_line(self) -> None:
        mask = np.zeros((9, 9), bool)
        mask[4, 4] = True
        assert trace_centerlines(components_of(mask)) == [()]
