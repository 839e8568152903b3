"""Differences between engines, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from graven.errors import MismatchError
from graven.predict.agreement import Agreement, Comparison, check_agreement


def test_differences_over_several_batches_are_those_of_one() -> None:
    rng = np.random.default_rng(0)
    found, expected = rng.random((2, 10, 1, 40, 50), np.float32)
    comparison = Comparison(0.3)
    for index in range(10):
        comparison.add(found[index], expected[index])
    result = comparison.result()
    difference = np.abs(found.astype(np.float64) - expected)
    assert result.n_values == 20_000
    assert result.mean == pytest.approx(difference.mean(), rel=1e-12)
    assert result.flipped_share == ((found >= 0.3) != (expected >= 0.3)).mean()
    assert (difference > result.p999).sum() <= 20
    assert (difference > result.p999 - 1.01e-5).sum() >= 20


def test_equal_answers_do_not_differ() -> None:
    comparison = Comparison(0.5)
    assert comparison.result() == Agreement(0.0, 0.0, 0.0, 0)
    comparison.add(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.5, 1.0]))
    assert comparison.result() == Agreement(0.0, 0.0, 0.0, 3)


def test_answers_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(MismatchError, match=r"shape \(2,\), got \(3,\)"):
        Comparison(0.5).add(np.zeros(3), np.zeros(2))
    for wrong in (np.nan, np.inf, -5.0):
        with pytest.raises(MismatchError, match="no probabilities"):
            Comparison(0.5).add(np.array([wrong]), np.zeros(1))


@pytest.mark.parametrize(
    ("found", "precision", "words"),
    [
        (Agreement(0.0021, 0.0, 0.0, 10_000), "bfloat16", "the mean difference is 0.0021, allowed is 0.002"),
        (Agreement(0.0, 0.251, 0.0, 10_000), "float16", "the p99.9 difference is 0.251, allowed is 0.25"),
        (Agreement(0.0, 0.0, 0.0021, 10_000), "bfloat16", "the share that changes sides is 0.0021, allowed is 0.002"),
        (Agreement(1.1e-5, 0.0, 0.0, 10_000), "float32", "the mean difference is 1.1e-05, allowed is 1e-05"),
        (Agreement(0.0, 0.0, 2 / 3, 3), "float32", "the share that changes sides is 0.667, allowed is 0.333"),
        (Agreement(float("nan"), 0.0, 0.0, 1), "float32", "the mean difference is nan"),
    ],
)
def test_what_is_beyond_a_bound_is_told(found: Agreement, precision: str, words: str) -> None:
    with pytest.raises(MismatchError, match=f"an engine does not answer as float32 did: {words}"):
        check_agreement(found, precision, what="an engine")


def test_one_value_may_lie_on_the_edge() -> None:
    check_agreement(Agreement(0.0, 0.0, 1 / 3, 3), "float32", what="a gate")
    check_agreement(Agreement(0.002, 0.25, 0.002, 10_000), "bfloat16", what="a segmenter")
