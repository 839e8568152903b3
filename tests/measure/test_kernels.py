"""Compiled kernels compute what their source says: the same calls, once compiled and once interpreted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from graven.measure import outlines, paths, polygons, sweeps, thinning
from graven.measure.components import Components, Runs, find_components, runs_of
from graven.measure.polygons import trace_polygons


def masks() -> list[np.ndarray]:
    rng = np.random.default_rng(11)
    smooth = [ndimage.gaussian_filter(rng.standard_normal((23, 31)), sigma) > 0 for sigma in (0.7, 1.5, 3)]
    return [*smooth, rng.random((17, 13)) < 0.6, np.ones((5, 7), bool), np.eye(9, dtype=bool)]


def components_of(mask: np.ndarray) -> Components:
    return find_components(Runs(*runs_of(mask), height=mask.shape[0], width=mask.shape[1]))


@pytest.mark.parametrize("mask", masks())
def test_distance(mask: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = thinning.distance_to_border(mask.astype(np.uint8), size_x=0.7, size_y=1.3)
    monkeypatch.setattr(thinning, "_distance", thinning._distance.py_func)
    interpreted = thinning.distance_to_border(mask.astype(np.uint8), size_x=0.7, size_y=1.3)
    for ours, theirs in zip(compiled, interpreted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("mask", masks())
def test_outlines(mask: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = trace_polygons(components_of(mask))
    monkeypatch.setattr(outlines, "_emit", outlines._emit.py_func)
    monkeypatch.setattr(polygons, "follow_rings", outlines.follow_rings.py_func)
    interpreted = trace_polygons(components_of(mask))
    as_lists = [
        [[[ring.tolist() for ring in part] for part in parts] for parts in traced] for traced in (compiled, interpreted)
    ]
    assert as_lists[0] == as_lists[1]


@pytest.mark.parametrize("mask", masks())
def test_paths(mask: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    row, col = np.nonzero(thinning.thin(mask.astype(np.uint8))[0])
    compiled = paths.paths_between_nodes(row, col)
    for name in ("_links", "_three", "_nodes", "_walk"):
        monkeypatch.setattr(paths, name, getattr(paths, name).py_func)
    interpreted = paths.paths_between_nodes(row, col)
    assert [path.tolist() for path in compiled.pixels] == [path.tolist() for path in interpreted.pixels]


@pytest.mark.parametrize("mask", masks())
def test_sweeps(mask: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    prob = (np.random.default_rng(3).integers(0, 128, mask.shape) + 127 * mask).astype(np.uint8)
    found, wide = sweeps.cut_band(prob, 5, 60, 127, 200)
    runs = tuple(np.ascontiguousarray(column) for column in found.T[:3])
    label, n_labels = sweeps.join_runs(*runs, 1)
    summed, corners = sweeps.sum_up(*runs, label, n_labels), sweeps.find_corners(*runs)
    painted = np.zeros(mask.shape, np.uint8)
    sweeps.paint_runs.py_func(*runs, 5, painted)
    assert (painted == (prob >= 127)).all()
    monkeypatch.setattr(sweeps, "_root", sweeps._root.py_func)
    interpreted = sweeps.cut_band.py_func(prob, 5, 60, 127, 200)
    assert [table.tolist() for table in interpreted] == [found.tolist(), wide.tolist()]
    again, count = sweeps.join_runs.py_func(*runs, 1)
    assert (again.tolist(), count) == (label.tolist(), n_labels)
    for ours, theirs in zip(
        summed + corners, sweeps.sum_up.py_func(*runs, label, count) + sweeps.find_corners.py_func(*runs), strict=True
    ):
        assert ours.tolist() == theirs.tolist()
