"""Hints, dilation, half-widths and thresholds by property and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage, stats

from graven.errors import DataError, InputError, MismatchError
from graven.refine.dilation import dilate_diamond
from graven.refine.hints import accumulate, composite_logits, composite_mask, write_hints
from graven.refine.strokes_stats import (
    OFFICIAL_STROKES,
    StrokeStatistics,
    fit_stroke_statistics,
    half_widths,
    within_two_sigma,
)

SHAPE = (6, 7)
hint_maps = hnp.arrays(np.int8, SHAPE, elements=st.integers(-1, 1))
logit_maps = hnp.arrays(np.float32, SHAPE, elements=st.floats(-20, 20, width=32))
masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=15))


@given(st.lists(hint_maps, min_size=1, max_size=5))
def test_every_pixel_keeps_the_first_hint_it_got(maps: list[np.ndarray]) -> None:
    total = np.zeros(SHAPE, np.int8)
    for hints in maps:
        total = accumulate(total, hints)
    stack = np.stack(maps)
    first = np.take_along_axis(stack, np.argmax(stack != 0, axis=0)[None], axis=0)[0]
    np.testing.assert_array_equal(total, first)


@given(logit_maps, hint_maps)
def test_composites_agree_and_leave_their_inputs_alone(logits: np.ndarray, hints: np.ndarray) -> None:
    before = logits.copy(), hints.copy()
    mask = composite_mask(logits, hints)
    np.testing.assert_array_equal(mask, composite_logits(logits, hints) >= 0)
    np.testing.assert_array_equal(mask, np.where(hints == 0, logits >= 0, hints > 0))
    np.testing.assert_array_equal(write_hints(mask, hints), mask)
    np.testing.assert_array_equal(before[0], logits)
    np.testing.assert_array_equal(before[1], hints)


def test_what_is_no_hint_map_is_refused() -> None:
    zeros = np.zeros(SHAPE, np.int8)
    with pytest.raises(InputError, match="the new hints must be int8 with -1, 0 and 1, got float64"):
        accumulate(zeros, np.zeros(SHAPE))
    with pytest.raises(InputError, match="hints must be -1, 0 or 1, got 0 to 2"):
        write_hints(zeros > 0, np.where(np.eye(*SHAPE) > 0, 2, 0).astype(np.int8))
    with pytest.raises(MismatchError, match=r"hints have shape \(5, 7\), got \(6, 7\)"):
        composite_logits(np.zeros(SHAPE, np.float32), zeros[1:])


@given(masks, st.integers(0, 12))
@settings(deadline=None)
def test_dilation_is_that_of_scipy(mask: np.ndarray, n_steps: int) -> None:
    want = ndimage.binary_dilation(mask, iterations=n_steps) if n_steps else mask
    got = dilate_diamond(mask, n_steps)
    np.testing.assert_array_equal(got, want)
    assert not np.shares_memory(got, mask)


def test_dilation_refuses_what_it_cannot_grow() -> None:
    with pytest.raises(InputError, match="n_steps must be 0 or more, got -1"):
        dilate_diamond(np.ones((2, 2), bool), -1)
    with pytest.raises(InputError, match="expected a bool mask"):
        dilate_diamond(np.ones((2, 2), np.uint8), 1)


@pytest.mark.parametrize("width", [1, 3, 5, 7, 11])
def test_half_width_of_an_odd_stroke(width: int) -> None:
    stroke = np.zeros((width + 6, 120), bool)
    stroke[3 : 3 + width, 5:-5] = True
    assert np.median(half_widths(stroke)) == (width + 1) / 2


def test_half_widths_are_the_exact_distances_of_scipy() -> None:
    rng = np.random.default_rng(3)
    mask = ndimage.gaussian_filter(rng.normal(size=(200, 150)), 6) > 0
    from skimage.morphology import skeletonize

    want = ndimage.distance_transform_edt(mask)[skeletonize(mask)]
    np.testing.assert_array_equal(half_widths(mask), want)


def test_half_widths_need_a_background() -> None:
    with pytest.raises(DataError, match="set everywhere"):
        half_widths(np.ones((4, 4), bool))
    assert half_widths(np.zeros((4, 4), bool)).size == 0


@pytest.mark.parametrize("law", [stats.gamma(9, 1.0, 0.5), stats.gamma(40, -4, 0.25), stats.gamma(2.5, 2, 1)])
def test_the_fit_is_at_least_as_likely_as_that_of_scipy(law: stats.rv_continuous) -> None:
    values = np.rint(law.rvs(4000, random_state=5) * 64) / 64
    kept = within_two_sigma(values)
    fitted = fit_stroke_statistics(values)
    peer = stats.gamma.fit(kept)
    likelihood = [stats.gamma.logpdf(kept, *p).mean() for p in ((fitted.shape, fitted.loc, fitted.scale), peer)]
    assert likelihood[0] >= likelihood[1] - 1e-6
    assert fitted.mean == pytest.approx(kept.mean(), rel=1e-9)


def test_a_fit_needs_three_values() -> None:
    with pytest.raises(DataError, match="got 2 among 4 values"):
        fit_stroke_statistics(np.array([3.0, 3.0, 4.0, 4.0]))
    with pytest.raises(DataError, match="got 0 among 0 values"):
        fit_stroke_statistics(np.empty(0))


def test_sampled_widths_follow_the_distribution_and_stay_above_zero() -> None:
    rng = np.random.default_rng(1)
    steps = np.array([OFFICIAL_STROKES.steps("sampled", rng) for _ in range(4000)])
    assert steps.mean() == pytest.approx(OFFICIAL_STROKES.mean, abs=0.1)
    assert steps.std() == pytest.approx(OFFICIAL_STROKES.std, abs=0.1)
    below = StrokeStatistics(shape=4.0, loc=-9.0, scale=0.5)
    assert {below.steps(width, rng) for width in ("sampled", "mean", "thin")} == {1}


def test_a_distribution_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="positive shape and scale"):
        StrokeStatistics(shape=0.0, loc=0.0, scale=1.0)
