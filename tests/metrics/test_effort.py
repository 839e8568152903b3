"""Effort metrics: vectors B-RELIMP and B-WORK, pandas as a peer, hand-made curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graven import metrics
from graven.errors import InputError, MismatchError

Vectors = dict[str, dict[str, Any]]
curves = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_b_relimp_1(vectors: Vectors) -> None:
    entry = vectors["B-RELIMP-1"]
    refined, hint, init = (entry["inputs"][name] for name in ("pfm_refined", "pfm_hint", "pfm_init"))
    got = {
        "relative_improvement": float(metrics.relative_improvement(refined, hint)),
        "gain_over_init_ratio": float(metrics.gain_ratio(refined, init)),
        "gain_over_hint_ratio": float(metrics.gain_ratio(refined, hint)),
    }
    assert got == pytest.approx(entry["expected"], abs=entry["tolerance"])


def test_b_work_1(vectors: Vectors) -> None:
    entry = vectors["B-WORK-1"]
    columns = [entry["inputs"][name] for name in ("refined", "hint", "pixels")]
    for official in (False, True):
        got = metrics.workload_reduction(*columns, official=official)
        assert got == pytest.approx(entry["expected"]["reduction"], abs=entry["tolerance"])


def test_b_work_2_never_reached(vectors: Vectors) -> None:
    entry = vectors["B-WORK-2"]
    columns = [entry["inputs"][name] for name in ("refined", "hint", "pixels")]
    assert metrics.workload_reduction(*columns, official=True) == entry["expected"]["official"]
    assert metrics.workload_reduction(*columns) == entry["expected"]["recommended"]


def test_a_score_of_zero_gives_no_ratio() -> None:
    assert metrics.relative_improvement([0.5, 0.5], [0.0, 0.25]).tolist() == [0.0, 1.0]


def test_a_run_without_strokes_saves_nothing() -> None:
    assert metrics.workload_reduction([0.5], [0.5], [0]) == 0.0


@given(curves, st.integers(1, 9))
def test_rolling_mean_is_that_of_pandas(values: list[float], window: int) -> None:
    want = pd.Series(values).rolling(window, center=True).mean().to_numpy()
    np.testing.assert_allclose(metrics.rolling_mean(values, window=window), want, atol=1e-12)


@given(st.lists(curves, min_size=1, max_size=5))
def test_mean_by_record_is_that_of_pandas(runs: list[list[float]]) -> None:
    want = pd.concat([pd.Series(run) for run in runs]).groupby(level=0).mean().to_numpy()
    np.testing.assert_allclose(metrics.mean_by_record(runs), want, atol=1e-12)


@given(curves)
def test_the_drop_is_the_largest_fall_between_any_two_records(values: list[float]) -> None:
    falls = [early - late for k, early in enumerate(values) for late in values[k:]]
    assert metrics.running_maximum_drop(values) == pytest.approx(max(falls), abs=1e-15)


def test_improvement_curve_leaves_out_the_first_record() -> None:
    refined = [[0.5, 0.6, 0.75, 0.9], [0.5, 0.5, 0.75]]
    hints = [[0.1, 0.5, 0.5, 0.6], [0.1, 0.5, 0.5]]
    share, curve = metrics.improvement_curve(refined, hints, window=1)
    np.testing.assert_allclose(share, [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(curve, [0.1, 0.5, 0.5])


def test_refusals() -> None:
    with pytest.raises(MismatchError, match="columns of one length"):
        metrics.workload_reduction([0.5], [0.5, 0.6], [0, 10])
    with pytest.raises(InputError, match="at least one record"):
        metrics.workload_reduction([], [], [])
    with pytest.raises(InputError, match="at least one run with a record"):
        metrics.mean_by_record([[0.5], []])
    with pytest.raises(InputError, match="window must be 1 or more, got 0"):
        metrics.rolling_mean([1.0], window=0)
    with pytest.raises(MismatchError, match="record by record"):
        metrics.improvement_curve([[0.5, 0.6]], [[0.5]])
