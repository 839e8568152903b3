"""Kernels and their peers give the same, and the comparison can tell when they do not."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.kernels import cases, rows, same_as_skan, same_as_sknw
from scipy import ndimage

from graven.measure.paths import paths_between_nodes, pixels_of
from graven.measure.thinning import thin

pytestmark = pytest.mark.slow  # the peers compile for a long time


def skeleton_of_blobs(seed: int, sigma: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((120, 150)), sigma)
    return thin((noise > 0.02).view(np.uint8))[0].astype(bool)


def drawn(*lines: str) -> np.ndarray:
    return np.pad(np.array([[mark == "#" for mark in line] for line in lines]), 1)


SHAPES = {
    "tee": drawn("#######", "   #   ", "   #   ", "   #   "),
    "cross": drawn("   #   ", "   #   ", "#######", "   #   ", "   #   "),
    "ring": drawn("  ##  ", " #  # ", "#    #", " #  # ", "  ##  "),
    "ring on a stem": drawn("  ##     ", " #  #    ", "#    ####", " #  #    ", "  ##     "),
    "two arms, two ways": drawn("   ###    ", "###   ####", "   ###    "),
    "pieces": drawn("####  #", "       ", "   #   ", "    #  ", "     # "),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_graph_of_a_shape(shape: np.ndarray) -> None:
    sknw, skan = pytest.importorskip("sknw"), pytest.importorskip("skan")
    ours = paths_between_nodes(*pixels_of(shape))
    assert same_as_sknw(shape, ours, sknw.build_sknw(shape, multi=True, full=False))
    theirs = skan.Skeleton(shape)
    assert same_as_skan(ours, theirs)
    (row, col), lengths = pixels_of(shape), theirs.path_lengths()
    own = sum(float(np.hypot(np.diff(row[path]), np.diff(col[path])).sum()) for path in ours.pixels)
    assert own == pytest.approx(lengths.sum())


@pytest.mark.parametrize("seed", range(5))
def test_graph_is_that_of_sknw(seed: int) -> None:
    sknw = pytest.importorskip("sknw")
    for sigma in (0.7, 1.5, 3.0):
        skeleton = skeleton_of_blobs(seed, sigma)
        ours = paths_between_nodes(*pixels_of(skeleton))
        assert same_as_sknw(skeleton, ours, sknw.build_sknw(skeleton, multi=True, full=False))


@pytest.mark.parametrize("seed", range(5))
def test_graph_is_that_of_skan(seed: int) -> None:
    skan = pytest.importorskip("skan")
    skeleton = skeleton_of_blobs(seed, 3.0)
    assert same_as_skan(paths_between_nodes(*pixels_of(skeleton)), skan.Skeleton(skeleton))


def test_another_skeleton_has_another_graph() -> None:
    sknw, skan = pytest.importorskip("sknw"), pytest.importorskip("skan")
    skeleton = skeleton_of_blobs(1, 3.0)
    other = skeleton.copy()
    row, col = pixels_of(skeleton)
    middle = paths_between_nodes(row, col).pixels[0]
    other[row[middle[len(middle) // 2]], col[middle[len(middle) // 2]]] = False
    ours = paths_between_nodes(*pixels_of(other))
    assert not same_as_sknw(skeleton, ours, sknw.build_sknw(skeleton, multi=True, full=False))
    assert not same_as_skan(ours, skan.Skeleton(skeleton))


def test_rows_have_what_the_page_shows_and_are_equal() -> None:
    found = rows(1, 0.25)
    assert {tuple(row) for row in found} == {
        ("what", "ours", "peer", "ratio_median", "ratio_min", "ratio_max", "goal", "equal")
    }
    assert [row["what"] for row in found if row["equal"] is False] == []
    assert all(row["ratio_min"] <= row["ratio_median"] <= row["ratio_max"] for row in found)
    assert {row["what"] for row in found if row["goal"]} >= {"pixel counts", "pFM"}
    limits = [row["peer"] for row in found if row["equal"] is None]
    assert limits == ["read limit", "read limit", "stream limit", "copy limit"]


def test_a_wrong_kernel_would_not_be_equal() -> None:
    for case in cases(0.25):
        if case.what == "distance to the border":
            distance, step = case.run()
            run, same = case.peers["scipy"]
            assert same is not None
            assert same((distance, step), run())
            assert not same((distance + 1, step), run())
