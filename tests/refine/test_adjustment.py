"""A correction of the whole panel: its posterior by hand, and what strokes do and do not earn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from graven.errors import InputError, MismatchError
from graven.refine.adjustment import (
    AdjustmentSettings,
    Evidence,
    Samples,
    fit_adjustment,
    moderated,
)


def samples(features: list[list[float]], initial: list[float]) -> Samples:
    return Samples(np.array(features, np.float64), np.array(initial, np.float64))


def evidence(anchors: Samples, *strokes: tuple[bool, Samples], pixels_each: float = 10.0, anchor_px: float = 5.0):
    """Put strokes and anchors together; every drawn pixel stands for as many."""
    n_features = anchors.features.shape[1]
    sizes = [len(drawn.initial) for _, drawn in strokes]
    return Evidence(
        drawn=Samples(
            np.concatenate([np.empty((0, n_features)), *(drawn.features for _, drawn in strokes)]),
            np.concatenate([np.empty(0), *(drawn.initial for _, drawn in strokes)]),
        ),
        is_there=np.repeat(np.array([adds for adds, _ in strokes], np.bool_), sizes),
        stroke=np.repeat(np.arange(len(strokes)), sizes),
        drawn_px=np.full(sum(sizes), pixels_each),
        anchors=anchors,
        anchor_px=anchor_px,
    )


def test_the_posterior_of_a_constant_is_the_one_by_hand() -> None:
    # One pixel with logit 0 and feature 0, said to be there v times, and anchors that weigh nothing. The mode solves
    # w = v (1 - sigmoid(w)); w = ln 3 gives 1 - sigmoid = 1/4, so v = 4 ln 3. Its curvature is 1 + v * 3/16.
    settings = AdjustmentSettings(prior_sigma=1.0, stroke_weight=4 * math.log(3), anchor_weight=1e-12)
    found = fit_adjustment(
        evidence(samples([[-1.0], [1.0]], [0.0, 0.0]), (True, samples([[0.0]], [0.0]))), settings=settings
    )
    np.testing.assert_allclose(found.coefficients, [math.log(3), 0.0, 0.0], atol=1e-8)
    assert found.covariance[0, 0] == pytest.approx(1 / (1 + 0.75 * math.log(3)), abs=1e-8)
    assert found.sigma(samples([[0.0]], [0.0]))[0] == pytest.approx((1 + 0.75 * math.log(3)) ** -0.5, abs=1e-8)


def test_mode_and_covariance_are_those_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    anchors = Samples(rng.normal((0, 3, 0), (1, 5, 0.2), (200, 3)), rng.normal(-2, 2, 200))
    drawn = Samples(rng.normal((1, 0, 0), 1, (40, 3)), rng.normal(0, 1, 40))
    settings = AdjustmentSettings(prior_sigma=0.7, stroke_weight=9.0, anchor_weight=100.0)
    found = fit_adjustment(evidence(anchors, (True, drawn)), settings=settings)

    def phi(pixels: Samples) -> np.ndarray:
        mean, deviation = anchors.features.mean(axis=0), anchors.features.std(axis=0)
        ones = np.ones((len(pixels.initial), 1))
        return np.hstack([ones, (pixels.features - mean) / deviation, pixels.initial[:, None] / 4])

    design = np.vstack([phi(anchors), phi(drawn)])
    offset = np.concatenate([anchors.initial, drawn.initial])
    target = np.concatenate([expit(anchors.initial), np.ones(40)])
    weight = np.concatenate([np.full(200, 0.5), np.full(40, 9 / 40)])

    def loss(w: np.ndarray) -> float:
        prob = expit(offset + design @ w)
        cross = -(target * np.log(prob) + (1 - target) * np.log1p(-prob))
        return float(weight @ cross + w @ w / (2 * 0.7**2))

    mode = minimize(loss, np.zeros(5), tol=1e-12).x
    np.testing.assert_allclose(found.coefficients, mode, atol=1e-4)
    prob = expit(offset + design @ found.coefficients)
    curvature = design.T @ np.diag(weight * prob * (1 - prob)) @ design + np.eye(5) / 0.7**2
    np.testing.assert_allclose(found.covariance, np.linalg.inv(curvature), rtol=1e-9)


def two_kinds(rng: np.random.Generator, n: int, *, kind: float, logit: float) -> Samples:
    """Give pixels of one kind: their first feature is about `kind`, the second is noise."""
    features = np.stack([rng.normal(kind, 0.1, n), rng.normal(size=n)], axis=1)
    return Samples(features, np.full(n, logit))


def scratched(rng: np.random.Generator) -> Samples:
    """Untouched pixels: ground, true lines of kind -1, false lines of kind 1; both are called engraved."""
    ground, true, false = (
        two_kinds(rng, 900, kind=0.0, logit=-5.0),
        two_kinds(rng, 60, kind=-1.0, logit=1.0),
        two_kinds(rng, 40, kind=1.0, logit=1.0),
    )
    order = rng.permutation(1000)
    return Samples(
        np.concatenate([part.features for part in (ground, true, false)])[order],
        np.concatenate([part.initial for part in (ground, true, false)])[order],
    )


def test_erasures_teach_what_false_lines_look_like() -> None:
    rng = np.random.default_rng(1)
    anchors = scratched(rng)
    strokes = [(False, two_kinds(rng, 20, kind=1.0, logit=1.0)) for _ in range(5)]
    found = fit_adjustment(
        evidence(anchors, *strokes), settings=AdjustmentSettings(stroke_weight=20.0, anchor_weight=50.0)
    )
    false, true = two_kinds(rng, 50, kind=1.0, logit=1.0), two_kinds(rng, 50, kind=-1.0, logit=1.0)
    assert (false.initial + found.change(false) < 0).mean() > 0.9
    assert (true.initial + found.change(true) >= 0).all()
    assert (found.change(anchors) <= 0).all()  # nobody added anything, so nothing rises


def test_only_so_many_untouched_pixels_change_sides_as_were_earned() -> None:
    rng = np.random.default_rng(1)
    anchors = scratched(rng)
    strokes = [(False, two_kinds(rng, 2, kind=1.0, logit=1.0)) for _ in range(5)]
    learnt = evidence(anchors, *strokes, pixels_each=10.0, anchor_px=5.0)
    weights = {"stroke_weight": 20.0, "anchor_weight": 50.0}
    for trust in (0.0, 0.5, 1.0):
        found = fit_adjustment(learnt, settings=AdjustmentSettings(trust=trust, **weights))
        fallen = int((anchors.initial + found.change(anchors) < 0).sum() - (anchors.initial < 0).sum())
        assert found.credit_down == 100.0  # 5 strokes of 2 pixels that stand for 10 each, all set right by the others
        assert fallen == trust * 100 / 5


def test_what_strokes_do_not_teach_each_other_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    anchors = Samples(np.eye(6)[rng.integers(0, 6, 600)] + rng.normal(0, 0.01, (600, 6)), rng.normal(-3, 2, 600))
    strokes = [(False, Samples(np.tile(np.eye(6)[k], (20, 1)), np.full(20, 2.0))) for k in range(4)]
    found = fit_adjustment(evidence(anchors, *strokes), settings=AdjustmentSettings(stroke_weight=5.0))
    assert found.credit_down == 0
    assert not found.change(anchors).any()


def test_additions_must_foretell_each_other_well_before_anything_rises() -> None:
    rng = np.random.default_rng(3)
    anchors = Samples(rng.normal(size=(500, 1)), rng.normal(-4, 3, 500))
    alike = [(True, Samples(np.full((20, 1), 5.0), np.full(20, -0.5))) for _ in range(2)]
    unlike = [(True, Samples(rng.normal(size=(20, 1)), np.full(20, -12.0))) for _ in range(6)]
    settings = AdjustmentSettings(stroke_weight=20.0, anchor_weight=500.0)
    assert fit_adjustment(evidence(anchors, *alike), settings=settings).credit_up == 400
    assert fit_adjustment(evidence(anchors, *alike, *unlike), settings=settings).up == 0


def test_without_strokes_nothing_changes() -> None:
    anchors = scratched(np.random.default_rng(4))
    found = fit_adjustment(evidence(anchors))
    assert not found.change(anchors).any()


def test_equal_evidence_gives_equal_bytes() -> None:
    def learn() -> str:
        rng = np.random.default_rng(5)
        strokes = [(False, two_kinds(rng, 20, kind=1.0, logit=1.0)) for _ in range(3)]
        return fit_adjustment(evidence(scratched(rng), *strokes)).sha256

    assert learn() == learn()


@given(
    st.floats(-20, 20),
    st.floats(0, 50),
    st.floats(0.1, 0.9).map(lambda threshold: math.log(threshold / (1 - threshold))),
)
def test_moderation_takes_no_pixel_across_the_threshold(logit: float, sigma: float, threshold_logit: float) -> None:
    prob = moderated(np.array([logit]), np.array([sigma]), threshold_logit=threshold_logit)[0]
    plain, threshold = expit(logit), expit(threshold_logit)
    assert min(plain, threshold) - 1e-12 <= prob <= max(plain, threshold) + 1e-12


def test_bad_evidence_is_refused() -> None:
    anchors = samples([[0.0], [1.0]], [0.0, 1.0])
    with pytest.raises(InputError, match="untouched pixels to hold on to"):
        evidence(Samples(np.empty((0, 1)), np.empty(0)))
    with pytest.raises(InputError, match="must be finite"):
        samples([[math.nan]], [0.0])
    with pytest.raises(MismatchError, match="learnt from 1 features, got 2"):
        fit_adjustment(evidence(anchors)).change(samples([[0.0, 1.0]], [0.0]))
    with pytest.raises(InputError, match="n_folds must be 2 or more"):
        AdjustmentSettings(n_folds=1)
