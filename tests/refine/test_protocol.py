"""The whole-object experiment with networks one can foresee: an oracle, one that ignores hints, one that forgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import ndimage

from graven import metrics
from graven.errors import DataError, InputError, MismatchError
from graven.refine.annotator import AnnotatorSettings
from graven.refine.hints import composite_mask, write_hints
from graven.refine.keeping import KEEPING, Keeping
from graven.refine.protocol import AnnotationRun, ProtocolSettings, annotate_object
from graven.refine.quirks import CORRECTED, PARITY
from graven.refine.thresholds import foreground

PATCH = 64
BOTH = pytest.mark.parametrize("quirks", [CORRECTED, PARITY], ids=["corrected", "parity"])


def lines(seed: int, shape: tuple[int, int], n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = np.zeros(shape, np.uint8)
    for _ in range(n):
        points = np.stack([rng.integers(0, shape[1], 3), rng.integers(0, shape[0], 3)], axis=1)
        cv2.polylines(image, [points.astype(np.int32)], isClosed=False, color=1, thickness=6)
    return image.astype(bool)


class Object:
    """Lines of which the initial prediction misses some and invents others; depth tells a network the truth."""

    def __init__(self, shape: tuple[int, int] = (150, 205), seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        missed, seen, invented = lines(seed, shape, 3), lines(seed + 1, shape, 3), lines(seed + 2, shape, 2)
        self.target = missed | seen
        self.depth = self.target.astype(np.float32)
        self.initial = (np.where(seen | invented, 2, -2) + rng.normal(0, 0.3, shape)).astype(np.float32)
        self.mask = np.ones(shape, bool)
        self.mask[:, :9] = False


def oracle(batch: np.ndarray) -> np.ndarray:
    return 12 * batch[:, 0] - 6


def deaf(batch: np.ndarray) -> np.ndarray:
    return batch[:, 1]


def forgetful(batch: np.ndarray) -> np.ndarray:
    """Learns nothing from hints, and after three strokes no longer sees lines that are far from all of them."""
    answer = batch[:, 1].copy()
    for logits, hints in zip(answer, batch[:, 2], strict=True):
        if np.abs(hints).sum() > 300:
            logits[ndimage.distance_transform_edt(hints == 0) > 12] = -5
    return answer


def run(subject: Object, network: Any, *, seed: int = 0, **options: Any) -> AnnotationRun:
    quirks = options.pop("quirks", CORRECTED)
    settings = ProtocolSettings(annotator=AnnotatorSettings(quirks=quirks), patch_px=PATCH, **options)
    rng = np.random.default_rng(seed)
    return annotate_object(
        subject.depth, subject.initial, subject.target, network, rng, object_mask=subject.mask, settings=settings
    )


@BOTH
def test_an_oracle_network_gains_at_once_and_more_than_the_hints(quirks: Any) -> None:
    done = run(Object(), oracle, quirks=replace(quirks, blind_ring=False, blank_margin=False), record_every=1)
    refined, hints = done.column("pfm_refined"), done.column("pfm_hints")
    assert done.converged
    assert refined[0] == hints[0]
    assert (refined[1:] > hints[1:]).all()
    assert metrics.workload_reduction(refined, hints, done.column("hint_px")) > 0.5


@BOTH
def test_a_network_that_ignores_hints_is_worth_the_hints_alone(quirks: Any) -> None:
    done = run(Object(), deaf, quirks=quirks, record_every=1)
    np.testing.assert_array_equal(done.column("pfm_refined"), done.column("pfm_hints"))
    np.testing.assert_array_equal(done.column("iou_refined"), done.column("iou_hints"))
    assert done.interactions > 10
    assert done.converged


def test_on_one_patch_every_accepted_stroke_improves_the_hints_alone() -> None:
    for network in (oracle, deaf, forgetful):
        subject = Object((PATCH, PATCH), seed=4)
        done = run(subject, network, record_every=1)
        assert (np.diff(done.column("pfm_hints")) > 0).all()
        assert (np.diff(done.column("hint_px")) > 0).all()
        assert done.column("interactions").tolist() == list(range(done.interactions + 1))


@BOTH
@pytest.mark.parametrize("network", [oracle, forgetful])
def test_the_last_record_is_the_score_of_the_stitched_object(quirks: Any, network: Any) -> None:
    subject = Object()
    quirks = replace(quirks, open_end=False)
    done = run(subject, network, quirks=quirks, record_every=7)
    cover = np.zeros(subject.target.shape, bool)
    cover[: 2 * PATCH, : 3 * PATCH] = True
    ring = np.isin(np.arange(max(cover.shape)) % PATCH, (0, PATCH - 1))
    blind = (ring[: cover.shape[0], None] | ring[None, : cover.shape[1]]) & cover
    initial = subject.initial.copy()
    if quirks.blind_ring:
        initial[blind] = -np.inf
    if quirks.blank_margin:
        initial[~cover] = -np.inf
    np.testing.assert_array_equal(np.isneginf(done.logits), np.isneginf(initial))
    for logits, kind in ((initial, "hints"), (done.logits, "refined")):
        mask = write_hints(foreground(logits, floors_to_bytes=quirks.floors_to_bytes), done.hints)
        pfm = metrics.pseudo_fmeasure(mask, subject.target, subject.mask)
        iou = metrics.iou(metrics.binary_counts(mask, subject.target, subject.mask))
        assert getattr(done.records[-1], f"pfm_{kind}") == pytest.approx(pfm, abs=1e-15)
        assert getattr(done.records[-1], f"iou_{kind}") == pytest.approx(iou, abs=1e-15)
    assert done.records[-1].hint_px == np.count_nonzero(done.hints)
    assert done.records[-1].interactions == done.interactions


def test_looking_ahead_changes_no_result_and_a_seed_repeats_it() -> None:
    runs = [run(Object(), forgetful, n_ahead=n, seed=3) for n in (1, 2, 50)]
    for other in runs[1:]:
        assert other.records == runs[0].records
        np.testing.assert_array_equal(other.hints, runs[0].hints)
        np.testing.assert_array_equal(other.logits, runs[0].logits)
    assert run(Object(), forgetful, seed=4).records != runs[0].records


def test_the_network_gets_the_initial_logits_and_all_hints() -> None:
    subject = Object((PATCH, PATCH), seed=4)
    seen: list[np.ndarray] = []

    def network(batch: np.ndarray) -> np.ndarray:
        seen.extend(batch)
        return oracle(batch)

    done = run(subject, network, record_every=1)
    for depth, initial, hints in seen:
        np.testing.assert_array_equal(depth, subject.depth)
        np.testing.assert_array_equal(initial, subject.initial)
        assert set(np.unique(hints)) <= {-1, 0, 1}
    assert any(np.array_equal(hints, done.hints) for _, _, hints in seen)


def test_equal_scores_choose_the_erasure() -> None:
    subject = Object((PATCH, PATCH))
    subject.target[:] = False
    subject.target[10:24, 5:60] = True  # so wide that a thin stroke in its middle stays inside
    subject.depth = subject.target.astype(np.float32)
    subject.mask[:] = True
    subject.initial = np.full(subject.target.shape, -2, np.float32)
    subject.initial[45:51, 5:60] = subject.initial[10:24, 5:20] = 2
    done = run(subject, oracle, max_interactions=1)
    assert np.unique(done.hints).tolist() == [-1, 0]
    assert done.records[-1].pfm_refined == 1
    assert not done.converged


def test_a_step_that_leaves_the_score_as_it_was_is_rejected() -> None:
    subject = Object((PATCH, PATCH))
    subject.mask[:] = True
    subject.target[:] = False
    subject.target[10:24, 5:60] = subject.target[40:54, 5:60] = True
    subject.initial = np.full(subject.target.shape, -2, np.float32)
    subject.initial[40:54, 5:60] = 2

    def takes_back(batch: np.ndarray) -> np.ndarray:
        """Gives up in the lower bar what was drawn into the upper one."""
        return np.where(np.roll(batch[:, 2], 30, axis=1) > 0, np.float32(-5), batch[:, 1])

    assert run(subject, takes_back, operations=("add",)).interactions == 0
    assert run(subject, deaf, operations=("add",)).interactions > 0


def test_an_addition_without_a_hint_loses_the_patch_only_under_parity() -> None:
    subject = Object((PATCH, PATCH))
    subject.target[:] = False
    subject.target[10:16, 5:60] = True
    subject.initial = np.where(subject.target, 2, -2).astype(np.float32)
    subject.initial[45:51, 5:60] = 2

    def worse_with_hints(batch: np.ndarray) -> np.ndarray:
        return np.where((batch[:, 2] != 0).any(axis=(1, 2))[:, None, None], np.float32(4), batch[:, 1])

    assert run(subject, worse_with_hints, quirks=PARITY).interactions == 0
    assert run(subject, worse_with_hints, quirks=CORRECTED).interactions > 0


def test_only_the_operations_asked_for_are_used() -> None:
    for operation, sign in (("add", 1), ("erase", -1)):
        done = run(Object(), deaf, operations=(operation,))
        assert set(np.unique(done.hints)) == {0, sign}


def test_records_come_every_few_strokes_and_at_the_end_unless_parity() -> None:
    heard: list[Any] = []
    subject = Object()
    settings = ProtocolSettings(patch_px=PATCH, max_interactions=25)
    done = annotate_object(
        subject.depth,
        subject.initial,
        subject.target,
        deaf,
        np.random.default_rng(0),
        settings=settings,
        listen=heard.append,
    )
    assert tuple(heard) == done.records
    assert done.column("interactions").tolist() == [0, 10, 20, 25]
    open_end = run(subject, deaf, max_interactions=25, quirks=PARITY)
    assert open_end.column("interactions").tolist() == [0, 10, 20]
    assert not open_end.converged


def test_patches_without_truth_are_left_alone() -> None:
    subject = Object()
    subject.target[:, PATCH:] = False
    done = run(subject, deaf)
    assert done.hints[: 2 * PATCH, :PATCH].any()
    assert not done.hints[:, PATCH:].any()


def test_a_network_that_forgets_declines_unless_what_is_far_from_the_stroke_stays() -> None:
    drops = {}
    for name, keeping in {**KEEPING, "local": Keeping(reach_px=6)}.items():
        done = run(Object(), forgetful, record_every=1, keeping=keeping)
        drops[name] = metrics.running_maximum_drop(done.column("pfm_refined"))
    assert drops["official"] > 0.05
    assert drops["local"] < 0.005
    assert drops["oracle"] < 0.005


def test_hints_hold_whatever_the_network_says() -> None:
    done = run(Object(), lambda batch: -9 * batch[:, 2] + batch[:, 1])
    mask = composite_mask(done.logits, done.hints)
    assert mask[done.hints == 1].all()
    assert not mask[done.hints == -1].any()


def test_refusals() -> None:
    subject = Object((PATCH, PATCH))
    with pytest.raises(DataError, match=r"logits of shape \(2, 64, 64\), got \(2, 3, 64, 64\)"):
        run(subject, lambda batch: batch)
    with pytest.raises(DataError, match="finite logits"):
        run(subject, lambda batch: batch[:, 1] * np.nan)
    subject.mask = subject.mask[1:]
    with pytest.raises(MismatchError, match=r"object_mask has shape \(63, 64\)"):
        run(subject, deaf)
    with pytest.raises(InputError, match="must hold one patch of 64 px"):
        run(Object((40, 200)), deaf)
    subject = Object((PATCH, PATCH))
    subject.initial[3, 3] = np.inf
    with pytest.raises(InputError, match="initial logits must be finite"):
        run(subject, deaf)
    with pytest.raises(InputError, match="operations must be"):
        ProtocolSettings(operations=("draw",))
    with pytest.raises(InputError, match="record_every must be 1 or more, got 0"):
        ProtocolSettings(record_every=0)
