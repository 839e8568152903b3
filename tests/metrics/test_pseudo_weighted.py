"""Weighted pseudo-F-measure: vectors B-PFM-W1 and W2, brute force for widths, hand-made weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graven import metrics
from graven.errors import MismatchError
from graven.metrics import WeightedCounts
from graven.metrics.pseudo_weighted import local_widths, precision_weights, recall_weights

Vectors = dict[str, dict[str, Any]]
masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))


def test_b_pfm_w1_sample_of_the_official_tool(vectors: Vectors) -> None:
    entry = vectors["B-PFM-W1"]
    given, want, tol = entry["inputs"], entry["expected"], entry["tolerance"]
    counts = WeightedCounts(
        tp=given["tp"],
        fp=given["fp"],
        extra_tp=given["extra_tp"],
        extra_fp=given["extra_fp"],
        found=given["wr_tp"],
        missed=given["wr_fn"],
    )
    assert counts.precision == pytest.approx(want["pseudo_precision"], abs=tol)
    assert counts.recall == pytest.approx(want["pseudo_recall"], abs=tol)
    assert counts.f1 == pytest.approx(want["weighted_pfm"], abs=tol)


def test_b_pfm_w2_weights_across_a_stroke(vectors: Vectors) -> None:
    entry = vectors["B-PFM-W2"]
    for width in entry["inputs"]["widths"]:
        stroke = np.zeros((2 * width + 40, width + 6), bool)
        stroke[:, 3 : 3 + width] = True
        middle = recall_weights(stroke)[width + 20, 3 : 3 + width]
        assert middle == pytest.approx(entry["expected"]["weights"][str(width)], abs=entry["tolerance"])
        assert middle.sum() == pytest.approx(1, abs=entry["tolerance"])


@given(masks)
@settings(deadline=None)
def test_local_width_is_the_shortest_run_by_walking(mask: np.ndarray) -> None:
    padded = np.pad(mask, 1)

    def run(row: int, col: int, down: int, right: int) -> int:
        length = 1
        for sign in (1, -1):
            r, c = row + sign * down, col + sign * right
            while padded[r, c]:
                length, r, c = length + 1, r + sign * down, c + sign * right
        return length

    want = np.zeros(mask.shape, int)
    for row, col in np.argwhere(mask):
        want[row, col] = min(run(row + 1, col + 1, *step) for step in ((0, 1), (1, 0), (1, 1), (1, -1)))
    np.testing.assert_array_equal(local_widths(mask), want)


def test_precision_weights_rise_to_one_within_the_width() -> None:
    target = np.zeros((30, 60), bool)
    target[:, 20:24] = True
    weights = precision_weights(target)[15]
    assert weights[20:24].tolist() == [0] * 4
    assert weights[24:29].tolist() == [0.25, 0.5, 0.75, 1, 0]
    assert weights[15:20].tolist() == [0, 1, 0.75, 0.5, 0.25]


def test_neighbourhoods_of_two_strokes_add_up() -> None:
    target = np.zeros((40, 40), bool)
    target[:, 10:14] = target[:, 18:22] = True
    assert precision_weights(target)[20, 14:18].tolist() == [1.25, 1.25, 1.25, 1.25]


@given(masks)
@settings(deadline=None)
def test_a_perfect_prediction_scores_one_where_something_weighs(mask: np.ndarray) -> None:
    counts = metrics.weighted_counts(mask, mask)
    assert counts.precision == float(mask.any())
    assert counts.recall == float((recall_weights(mask) > 0).any())


@given(masks, st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_without_weights_precision_is_the_ordinary_one_and_given_weights_are_used(mask: np.ndarray, seed: int) -> None:
    preds = np.random.default_rng(seed).random(mask.shape) < 0.5
    none, ones = np.zeros(mask.shape), np.ones(mask.shape)
    counts = metrics.weighted_counts(preds, mask, recall=ones, precision=none)
    plain = metrics.binary_counts(preds, mask)
    assert counts.precision == metrics.precision(plain)
    assert counts.recall == metrics.recall(plain)
    assert counts + counts == WeightedCounts(2 * plain.tp, 2 * plain.fp, 0, 0, 2 * plain.tp, 2 * plain.fn)


def test_noise_far_off_the_stroke_costs_more_than_a_thicker_stroke() -> None:
    target = np.zeros((40, 40), bool)
    target[:, 10:15] = True
    thick, noisy = target.copy(), target.copy()
    thick[:, 15] = True
    noisy[:, 19] = True
    assert metrics.weighted_pseudo_fmeasure(noisy, target) < metrics.weighted_pseudo_fmeasure(thick, target)


def test_weights_of_another_shape_are_refused() -> None:
    mask = np.ones((3, 3), bool)
    with pytest.raises(MismatchError, match=r"recall weights have shape \(2, 3\)"):
        metrics.weighted_counts(mask, mask, recall=np.ones((2, 3)))
