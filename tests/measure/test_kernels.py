"""Compiled kernels compute what their source says: the same calls, once compiled and once interpreted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from graven.measure import outlines, paths, polygons, thinning
from graven.measure.components import Components, Runs, find_components, runs_of
from graven.measure.polygons import trace_polygons


def masks() -> list[np.ndarray]:
    rng = np.random.default_rng(11)
    smooth = [ndimage.gaussian_filter(rng.standard_normal((23, 31)), sigma) > 0 for sigma in (0.7, 1.5, 3)]
    return [*smooth, rng.random((17, 13)) < 0.6, np.ones((5, 7), bool), np.eye(9, dtype=bool)]


def components_of(mask: np.ndarray) -> Components:
    return find_components(Runs(*runs_of(mask), height=mask.shape[0], width=mask.shape[1]))


@pytest.mark.parametrize("mask", masks())
def test_thinning(mask: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, n_passes = thinning.thin(mask.astype(np.uint8))
    monkeypatch.setattr(thinning, "_thin", thinning._thin.py_func)
    interpreted, n_interpreted = thinning.thin(mask.astype(np.uint8))
    assert (compiled == interpreted).all()
    assert n_passes == n_interpreted


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
    monkeypatch.setattr(paths, "_walk", paths._walk.py_func)
    interpreted = paths.paths_between_nodes(row, col)
    assert [path.tolist() for path in compiled.pixels] == [path.tolist() for path in interpreted.pixels]
