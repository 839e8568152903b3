"""What of a new answer is kept, rule by rule, on arrays one can check by eye."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graven.errors import InputError, MismatchError
from graven.refine.keeping import KEEPING, Keeping, keep

SHAPE = (40, 60)


def stroke_at(*columns: int, sign: int = 1) -> np.ndarray:
    stroke = np.zeros(SHAPE, np.int8)
    stroke[20, list(columns)] = sign
    return stroke


def random_logits(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 4, SHAPE).astype(np.float32)


EARLIER, PROPOSED = random_logits(0), random_logits(1)


def test_by_default_the_new_answer_stands_as_it_is() -> None:
    np.testing.assert_array_equal(keep(EARLIER, PROPOSED, stroke_at(5), Keeping()), PROPOSED)
    assert KEEPING["official"] == Keeping()


def test_reach_takes_the_new_near_the_old_far_and_blends_between() -> None:
    kept = keep(EARLIER, PROPOSED, stroke_at(30), Keeping(reach_px=5))
    row, col = np.ogrid[: SHAPE[0], : SHAPE[1]]
    distance = np.hypot(row - 20, col - 30)
    np.testing.assert_array_equal(kept[distance <= 5], PROPOSED[distance <= 5])
    np.testing.assert_array_equal(kept[distance >= 10], EARLIER[distance >= 10])
    assert kept[20, 37] == pytest.approx(0.6 * PROPOSED[20, 37] + 0.4 * EARLIER[20, 37], abs=1e-5)


def test_an_addition_only_raises_and_an_erasure_only_lowers() -> None:
    rule = Keeping(follows_polarity=True)
    np.testing.assert_array_equal(keep(EARLIER, PROPOSED, stroke_at(1), rule), np.maximum(EARLIER, PROPOSED))
    np.testing.assert_array_equal(keep(EARLIER, PROPOSED, stroke_at(1, sign=-1), rule), np.minimum(EARLIER, PROPOSED))
    np.testing.assert_array_equal(keep(EARLIER, PROPOSED, stroke_at(1) + stroke_at(9, sign=-1), rule), PROPOSED)


def test_only_changes_joined_to_the_stroke_are_kept() -> None:
    earlier = np.full(SHAPE, -2, np.float32)
    proposed = earlier + 0.5
    proposed[20, 10:20] = 3  # touches the stroke
    proposed[5, 10:20] = 3  # does not
    kept = keep(earlier, proposed, stroke_at(9), Keeping(joined_only=True))
    np.testing.assert_array_equal(np.argwhere(kept >= 0), [[20, col] for col in range(10, 20)])
    np.testing.assert_array_equal(kept[5, 10:20], earlier[5, 10:20])


def test_the_undecided_do_not_overturn() -> None:
    kept = keep(EARLIER, PROPOSED, stroke_at(5), Keeping(margin_logit=2))
    np.testing.assert_array_equal(kept, np.where(np.abs(PROPOSED) >= 2, PROPOSED, EARLIER))


def test_the_oracle_refuses_what_scores_less() -> None:
    rule = KEEPING["oracle"]
    for score, want in ((np.sum, None), (lambda logits: -np.sum(logits), None), (lambda _: 1.0, PROPOSED)):
        kept = keep(EARLIER, PROPOSED, stroke_at(5), rule, score=score)
        best = max((PROPOSED, EARLIER), key=score) if want is None else want
        np.testing.assert_array_equal(kept, best)
    with pytest.raises(InputError, match="none was given"):
        keep(EARLIER, PROPOSED, stroke_at(5), rule)


@pytest.mark.parametrize("name", ["polarity", "joined", "local", "guarded"])
def test_without_a_stroke_no_pixel_changes_sides(name: str) -> None:
    kept = keep(EARLIER, PROPOSED, np.zeros(SHAPE, np.int8), KEEPING[name])
    np.testing.assert_array_equal(kept >= 0, EARLIER >= 0)


@pytest.mark.parametrize("name", KEEPING)
def test_logits_stay_finite_single_precision_and_inputs_unchanged(name: str) -> None:
    before = EARLIER.copy(), PROPOSED.copy()
    kept = keep(EARLIER, PROPOSED, stroke_at(5, 6), KEEPING[name], score=lambda logits: float(logits.mean()))
    assert kept.dtype == np.float32
    assert np.isfinite(kept).all()
    np.testing.assert_array_equal(before[0], EARLIER)
    np.testing.assert_array_equal(before[1], PROPOSED)


def test_refusals() -> None:
    with pytest.raises(InputError, match="reach_px must be above 0, got 0"):
        Keeping(reach_px=0)
    with pytest.raises(InputError, match="margin_logit must be 0 or more"):
        Keeping(margin_logit=math.nan)
    with pytest.raises(MismatchError, match="one shape"):
        keep(EARLIER, PROPOSED[1:], stroke_at(5), Keeping())
