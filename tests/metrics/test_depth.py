"""Scores of depth and of soft edges: vectors D-DEPTH-* and D-BIN-1, and values by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graven.errors import InputError, MismatchError
from graven.metrics import confusion_matrix
from graven.metrics.depth import depth_scores
from graven.metrics.soft_edges import edge_scores
from graven.types.soft_edges import edge_classes, edge_levels

Vectors = dict[str, dict[str, Any]]
SHARED = ("abs_rel", "sq_rel", "rmse", "rmse_log")


def test_d_depth_1(vectors: Vectors) -> None:
    entry = vectors["D-DEPTH-1"]
    want, tol = entry["expected"], entry["tolerance"]
    maps = [np.array(entry["inputs"][key]) for key in ("pred", "gt")]
    strict, inclusive = depth_scores(*maps), depth_scores(*maps, inclusive=True)
    for name in (*SHARED, "log10", "mae"):
        assert getattr(strict, name) == pytest.approx(want[name], abs=tol), name
    assert (strict.delta1, inclusive.delta1) == (want["delta1_strict"], want["delta1_inclusive"])
    assert (strict.delta2, strict.delta3) == (want["delta2_strict"], want["delta3_strict"])


def test_d_depth_2(vectors: Vectors) -> None:
    entry = vectors["D-DEPTH-2"]
    found = depth_scores(*(np.array(entry["inputs"][key]) for key in ("pred", "gt")))
    for name in (*SHARED, "delta1", "delta2", "delta3"):
        assert getattr(found, name) == pytest.approx(entry["expected"][name], abs=entry["tolerance"]), name


def test_d_bin_1(vectors: Vectors) -> None:
    entry = vectors["D-BIN-1"]
    classes = edge_classes(entry["inputs"]["values"])
    assert classes.tolist() == entry["expected"]["classes"]
    assert edge_levels(classes).tolist() == entry["expected"]["representative"]
    np.testing.assert_array_equal(edge_classes(edge_levels(classes)), classes)


def test_only_known_pixels_count_and_units_scale() -> None:
    rng = np.random.default_rng(0)
    target, preds = rng.uniform(0.1, 1, (2, 20, 30))
    target[3:6] = 0
    valid = rng.random(target.shape) > 0.2
    found = depth_scores(preds, target, valid)
    assert found.n_pixels == int((valid & (target > 0)).sum())
    odd = preds.copy()
    odd[(target == 0) | ~valid] = np.nan
    assert depth_scores(odd, target, valid) == found
    grey = depth_scores(255 * preds, 255 * target, valid)
    assert (grey.abs_rel, grey.delta1) == pytest.approx((found.abs_rel, found.delta1))
    assert (grey.rmse, grey.sq_rel) == pytest.approx((255 * found.rmse, 255 * found.sq_rel))


def test_a_free_scale_costs_no_silog() -> None:
    target = np.linspace(0.2, 0.9, 50)
    assert depth_scores(0.5 * target, target).silog == pytest.approx(0, abs=1e-9)
    assert depth_scores(0.5 * target, target).rmse_log == pytest.approx(np.log(2))


def test_predictions_are_held_above_nothing() -> None:
    found = depth_scores(np.array([-1.0, 0.0]), np.array([0.5, 0.5]))
    assert found.rmse_log == pytest.approx(np.log(500))
    assert np.isnan(depth_scores(np.ones(2), np.zeros(2)).rmse)


def test_edges_by_hand() -> None:
    truth, preds = np.array([0, 0, 0, 5]), np.array([0, 0, 1, 3])
    found = edge_scores(confusion_matrix(preds, truth, n_classes=6))
    assert found.accuracy == 0.5
    assert found.macro_accuracy == pytest.approx((2 / 3 + 0) / 2)
    assert found.miou == pytest.approx((2 / 3 + 0 + 0 + 0) / 4)  # classes 0, 1, 3 and 5 occur
    assert found.rmse_levels == pytest.approx(51 * np.sqrt((1 + 4) / 4))
    assert found.rmse == pytest.approx(found.rmse_levels / 255)


def test_refusals() -> None:
    with pytest.raises(MismatchError, match="one shape"):
        depth_scores(np.ones(3), np.ones(4))
    with pytest.raises(InputError, match="NaN or infinity"):
        depth_scores(np.array([np.nan]), np.ones(1))
    with pytest.raises(InputError, match="above 0"):
        depth_scores(np.ones(1), np.ones(1), lowest=0.0)
    with pytest.raises(InputError, match="0 to 255"):
        edge_classes([256])
    with pytest.raises(InputError, match="0 to 5"):
        edge_levels([6])
