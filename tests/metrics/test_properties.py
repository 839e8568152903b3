"""Metrics by hand, by property, and against peers: scipy, scikit-image, torchmetrics, the reference script."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy import ndimage

from graven import metrics
from graven.errors import InputError, MismatchError
from graven.metrics import BinaryCounts, MatchCounts, binary
from graven.metrics.boundary import boundary_pixels
from graven.metrics.tolerance import within

SCORE = Path(__file__).resolve().parents[3] / "shared" / "tools" / "score.py"
RATES = [getattr(binary, name) for name in binary.__all__]

count = st.integers(0, 10**9)
counts = st.builds(BinaryCounts, tp=count, fp=count, fn=count, tn=count)
shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
pairs = shapes.flatmap(lambda s: st.tuples(*[hnp.arrays(np.bool_, s) for _ in range(3)]))
MASK_SCORES = [
    metrics.f1_at_tolerance,
    metrics.boundary_f1,
    metrics.cldice,
    metrics.pseudo_fmeasure,
]


def blobs(seed: int, shape: tuple[int, int] = (60, 80), share: float = 0.3) -> np.ndarray:
    """Smooth random regions."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5)
    return np.asarray(noise > np.quantile(noise, 1 - share))


@given(counts)
def test_iou_and_f1_are_one_quantity(c: BinaryCounts) -> None:
    f = metrics.f1(c)
    assert metrics.iou(c) == pytest.approx(f / (2 - f), rel=1e-12, abs=1e-15)
    assert metrics.dsc(c) == f


@given(counts)
def test_f1_is_the_harmonic_mean_and_false_alarm_completes_precision(c: BinaryCounts) -> None:
    p, r = metrics.precision(c), metrics.recall(c)
    if p + r:
        assert metrics.f1(c) == pytest.approx(2 * p * r / (p + r), rel=1e-12)
    if c.tp + c.fp:
        assert metrics.false_alarm_rate_pitoti(c) == pytest.approx(1 - p, abs=1e-12)


@given(counts)
def test_exchanging_prediction_and_truth_exchanges_precision_and_recall(c: BinaryCounts) -> None:
    other = BinaryCounts(tp=c.tp, fp=c.fn, fn=c.fp, tn=c.tn)
    assert metrics.precision(c) == metrics.recall(other)
    assert [s(c) for s in (binary.f1, binary.iou, binary.miou, binary.accuracy)] == [
        s(other) for s in (binary.f1, binary.iou, binary.miou, binary.accuracy)
    ]


@given(counts)
def test_inverting_both_masks_exchanges_foreground_and_background(c: BinaryCounts) -> None:
    inverse = BinaryCounts(tp=c.tn, fp=c.fn, fn=c.fp, tn=c.tp)
    assert metrics.iou_background(c) == metrics.iou(inverse)
    assert metrics.miou(c) == metrics.miou(inverse)


@given(counts, st.integers(1, 50))
def test_repeating_an_image_changes_no_pooled_score(c: BinaryCounts, n: int) -> None:
    for rate in RATES:
        assert metrics.pooled([c] * n, rate) == pytest.approx(rate(c), rel=1e-12)
        assert metrics.per_image_mean([c] * n, rate) == pytest.approx(rate(c), rel=1e-9)


@pytest.mark.parametrize("rate", RATES)
def test_zero_over_zero_is_zero_unless_asked_otherwise(rate: Any) -> None:
    nothing = BinaryCounts(0, 0, 0, 0)
    assert rate(nothing) == 0.0
    assert np.isnan(rate(nothing, zero_division=np.nan))


@given(pairs, st.data())
def test_counts_over_tiles_add_up(masks: tuple[np.ndarray, ...], data: st.DataObject) -> None:
    pred, gt, valid = masks
    cuts = [sorted({0, n, *data.draw(st.lists(st.integers(0, n), max_size=3))}) for n in pred.shape]
    tiles = [(slice(a, b), slice(c, d)) for a, b in pairwise(cuts[0]) for c, d in pairwise(cuts[1])]
    parts = [metrics.binary_counts(pred[t], gt[t], valid[t]) for t in tiles]
    assert metrics.total(parts) == metrics.binary_counts(pred, gt, valid)
    matrices = [metrics.confusion_matrix(pred[t] * 1, gt[t] * 1, valid[t], n_classes=2) for t in tiles]
    np.testing.assert_array_equal(sum(matrices), metrics.confusion_matrix(pred * 1, gt * 1, valid, n_classes=2))


@given(pairs)
def test_counts_are_those_of_a_slow_loop_and_of_the_confusion_matrix(masks: tuple[np.ndarray, ...]) -> None:
    pred, gt, valid = masks
    seen = [(bool(p), bool(g)) for p, g, v in zip(pred.flat, gt.flat, valid.flat, strict=True) if v]
    want = BinaryCounts(
        tp=seen.count((True, True)),
        fp=seen.count((True, False)),
        fn=seen.count((False, True)),
        tn=seen.count((False, False)),
    )
    got = metrics.binary_counts(pred, gt, valid)
    assert got == want
    assert got.total == valid.sum()
    matrix = metrics.confusion_matrix(pred.astype(np.uint8), gt.astype(np.uint8), valid, n_classes=2)
    assert matrix.tolist() == [[want.tn, want.fp], [want.fn, want.tp]]


@pytest.mark.parametrize("n_rows", [1023, 1024])  # from 2 ** 22 pixels on another code counts
def test_counts_of_a_large_mask_are_those_of_the_confusion_matrix(n_rows: int) -> None:
    pred, gt, valid = (blobs(seed, (n_rows, 4096)) for seed in (1, 2, 3))
    for within_mask in (None, valid):
        (tn, fp), (fn, tp) = metrics.confusion_matrix(pred * 1, gt * 1, within_mask, n_classes=2).tolist()
        assert metrics.binary_counts(pred, gt, within_mask) == BinaryCounts(tp=tp, fp=fp, fn=fn, tn=tn)
    with pytest.raises(MismatchError, match="target has shape"):
        metrics.binary_counts(pred, gt[1:], valid)
    with pytest.raises(InputError, match="valid must be a bool mask, got uint8"):
        metrics.binary_counts(pred, gt, valid.view(np.uint8))


def test_importing_metrics_and_counting_a_patch_loads_no_compiler() -> None:
    code = (
        "import sys, numpy as np\n"
        "from graven import metrics\n"
        "metrics.binary_counts(np.ones((512, 512), bool), np.eye(512, dtype=bool))\n"
        "print({'numba', 'llvmlite'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_invalid_pixels_may_hold_any_class() -> None:
    preds, target = np.array([[0, 1, 255]]), np.array([[0, 1, -1]])
    valid = np.array([[True, True, False]])
    assert metrics.confusion_matrix(preds, target, valid, n_classes=2).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(InputError, match="preds must hold classes 0 to 1, got 0 to 255"):
        metrics.confusion_matrix(preds, target, n_classes=2)


@given(pairs)
@settings(deadline=None)
def test_two_class_matrix_scores_equal_the_binary_ones(masks: tuple[np.ndarray, ...]) -> None:
    pred, gt, _ = masks
    c = metrics.binary_counts(pred, gt)
    scores = metrics.multiclass_scores(metrics.confusion_matrix(pred * 1, gt * 1, n_classes=2), absent="zero")
    assert scores.miou == pytest.approx(metrics.miou(c), abs=1e-12)
    assert scores.accuracy == pytest.approx(metrics.accuracy(c), abs=1e-12)
    assert scores.f1[1] == pytest.approx(metrics.f1(c), abs=1e-12)


@given(pairs, st.floats(0, 6))
@settings(deadline=None)
def test_within_equals_brute_force(masks: tuple[np.ndarray, ...], tolerance: float) -> None:
    mask = masks[0]
    tolerance = round(tolerance, 2)
    rows, cols = np.nonzero(mask)
    r, c = np.indices(mask.shape)
    squared = ((r[..., None] - rows) ** 2 + (c[..., None] - cols) ** 2).min(axis=-1, initial=10**6)
    np.testing.assert_array_equal(within(mask, tolerance_px=tolerance), squared <= tolerance**2 + 1e-9)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, np.sqrt(2), 2.0, np.sqrt(5), 3.0, 10.0, 25.0])
def test_within_equals_the_exact_distance_of_scipy_on_ties(tolerance: float) -> None:
    mask = blobs(3, share=0.05)
    want = ndimage.distance_transform_edt(~mask) <= tolerance + 1e-9
    np.testing.assert_array_equal(within(mask, tolerance_px=tolerance), want)


@given(pairs)
@settings(deadline=None)
def test_boundary_is_mask_less_its_erosion_by_the_cross(masks: tuple[np.ndarray, ...]) -> None:
    mask = masks[0]
    np.testing.assert_array_equal(boundary_pixels(mask), mask & ~ndimage.binary_erosion(mask))


@given(pairs)
@settings(deadline=None, max_examples=40)
def test_scores_lie_in_range_and_are_one_for_a_perfect_prediction(masks: tuple[np.ndarray, ...]) -> None:
    pred, gt, valid = masks
    for score in MASK_SCORES:
        assert 0.0 <= score(pred, gt, valid) <= 1.0
        if (gt & valid).any():
            assert score(gt, gt, valid) == 1.0
            assert score(np.zeros_like(gt), gt, valid) == 0.0


@given(pairs)
@settings(deadline=None, max_examples=40)
def test_symmetric_scores_do_not_care_which_mask_is_the_truth(masks: tuple[np.ndarray, ...]) -> None:
    pred, gt, _ = masks
    for score in (metrics.f1_at_tolerance, metrics.boundary_f1, metrics.cldice):
        assert score(pred, gt) == pytest.approx(score(gt, pred), abs=1e-12)


@given(pairs, st.integers(1, 3), st.booleans())
@settings(deadline=None, max_examples=40)
def test_turning_both_masks_changes_nothing(masks: tuple[np.ndarray, ...], turns: int, flip: bool) -> None:
    pred, gt, _ = (np.rot90(np.flipud(m) if flip else m, turns) for m in masks)
    assert metrics.binary_counts(pred, gt) == metrics.binary_counts(*masks[:2])
    for score in (metrics.f1_at_tolerance, metrics.boundary_f1):
        assert score(pred, gt) == score(*masks[:2])


@given(pairs, st.floats(0, 5), st.floats(0, 5))
@settings(deadline=None, max_examples=40)
def test_more_tolerance_never_lowers_a_score(masks: tuple[np.ndarray, ...], a: float, b: float) -> None:
    pred, gt, _ = masks
    low, high = sorted((a, b))
    assert metrics.f1_at_tolerance(pred, gt, tolerance_px=low) <= metrics.f1_at_tolerance(pred, gt, tolerance_px=high)
    assert metrics.f1_at_tolerance(pred, gt, tolerance_px=0) == pytest.approx(
        metrics.f1(metrics.binary_counts(pred, gt)), abs=1e-12
    )


@given(pairs, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_what_is_predicted_on_invalid_pixels_does_not_matter(masks: tuple[np.ndarray, ...], random: Any) -> None:
    pred, gt, valid = masks
    noise = np.random.default_rng(random.randrange(2**32)).random(pred.shape) < 0.5
    other = np.where(valid, pred, noise)
    assert metrics.score_masks(other, gt, valid) == metrics.score_masks(pred, gt, valid)


def test_a_square_shifted_by_hand() -> None:
    # 6×6 square moved right by 3: outline columns 2 and 7 against 5 and 10. Boundary pixels 20 each.
    a, b = np.zeros((12, 16), bool), np.zeros((12, 16), bool)
    a[3:9, 2:8], b[3:9, 5:11] = True, True
    c = metrics.boundary_counts(a, b, tolerance_px=1.0)
    # Pixels of a near the outline of b: rows 3 and 8 in columns 4..7 (distance 1, 0, 0, 0), and column 7 rows 4 and 7
    # (each touches the horizontal outline of b at distance 1): 8 + 2.
    assert (c.matched_preds, c.n_preds, c.matched_target, c.n_target) == (10, 20, 10, 20)
    assert metrics.boundary_f1(a, b, tolerance_px=1.0) == 0.5
    assert metrics.boundary_f1(a, b, tolerance_px=3.0) == 1.0


def test_empty_masks() -> None:
    none, some = np.zeros((6, 6), bool), np.eye(6, dtype=bool)
    assert metrics.boundary_f1(none, none) == 1.0
    assert metrics.boundary_f1(none, some) == metrics.boundary_f1(some, none) == 0.0
    for score in (metrics.f1_at_tolerance, metrics.cldice, metrics.pseudo_fmeasure):
        assert [score(none, none), score(none, some), score(some, none)] == [0.0, 0.0, 0.0]


def test_cldice_sees_a_gap_that_iou_hardly_sees() -> None:
    # A bar 3×40 cut by 2 columns: the whole line of the prediction is true, two pixels of the truth's are lost.
    truth = np.zeros((9, 44), bool)
    truth[3:6, 2:42] = True
    cut = truth.copy()
    cut[:, 21:23] = False
    c = metrics.cldice_counts(cut, truth)
    assert (c.matched_preds, c.n_target - c.matched_target) == (c.n_preds, 2)


def test_patches_of_a_panel_add_up() -> None:
    parts = [BinaryCounts(1, 2, 3, 4), BinaryCounts(5, 0, 0, 1), BinaryCounts(1, 1, 1, 1)]
    got = metrics.per_panel(parts, ["b", "a", "b"])
    assert list(got.items()) == [("b", BinaryCounts(2, 3, 4, 5)), ("a", BinaryCounts(5, 0, 0, 1))]
    assert metrics.total([MatchCounts(1, 2, 3, 4), MatchCounts(1, 1, 1, 1)]) == MatchCounts(2, 3, 4, 5)
    with pytest.raises(MismatchError, match="3 patches and 1 panel"):
        metrics.per_panel(parts, ["a"])


def test_pitoti_rows_stay_inside_the_mask() -> None:
    gt, pred, panel = blobs(1), blobs(2), blobs(3, share=0.6)
    row = metrics.pitoti_scores(metrics.binary_counts(pred, gt, panel))
    flat = metrics.binary_counts(pred[panel], gt[panel])
    assert row == metrics.pitoti_scores(flat)
    assert row.false_alarm_rate == pytest.approx(1 - metrics.precision(flat))


def test_refusals_show_what_came() -> None:
    mask = np.zeros((4, 5), bool)
    with pytest.raises(MismatchError, match=r"target has shape \(4, 4\), preds \(4, 5\)"):
        metrics.score_masks(mask, mask[:, :4])
    with pytest.raises(MismatchError, match=r"valid has shape \(5, 4\)"):
        metrics.binary_counts(mask, mask, mask.T)
    with pytest.raises(InputError, match="preds must be a bool mask, got uint8"):
        metrics.binary_counts(mask.astype(np.uint8) * 255, mask)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(InputError, match="0 or more, got -1"):
        metrics.f1_at_tolerance(mask, mask, tolerance_px=-1)
    with pytest.raises(InputError, match="0 or more, got nan"):
        metrics.boundary_f1(mask, mask, tolerance_px=float("nan"))
    with pytest.raises(InputError, match=r"\(H, W\), got \(20,\)"):
        metrics.boundary_f1(mask.ravel(), mask.ravel())
    with pytest.raises(InputError, match=r"\(H, W\), got \(20,\)"):
        metrics.f1_at_tolerance(mask.ravel(), mask.ravel())
    with pytest.raises(InputError, match="at least one image"):
        metrics.pooled([], metrics.f1)
    with pytest.raises(InputError, match="at least one image"):
        metrics.per_image_mean([], metrics.f1)
    with pytest.raises(InputError, match=r"square matrix of counts, got shape \(2, 3\)"):
        metrics.multiclass_scores(np.zeros((2, 3), int))
    with pytest.raises(InputError, match="'skip' or 'zero'"):
        metrics.multiclass_scores(np.eye(2, dtype=int), absent="nan")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(InputError, match="finite"):
        metrics.binarise_mid_range(np.array([0.0, np.nan]))
    with pytest.raises(MismatchError, match=r"preds have shape \(4, 5\), target \(5, 4\)"):
        metrics.confusion_matrix(mask * 1, mask.T * 1, n_classes=2)
    with pytest.raises(MismatchError, match=r"valid has shape \(5, 4\)"):
        metrics.confusion_matrix(mask * 1, mask * 1, mask.T, n_classes=2)


@pytest.mark.parametrize("nodata", [False, True])
def test_parity_with_the_reference_script(tmp_path: Path, nodata: bool) -> None:
    if not SCORE.is_file():
        pytest.skip(f"reference script not found at {SCORE}")
    (tmp_path / "gt").mkdir()
    (tmp_path / "pred").mkdir()
    rows, pooled = [], []
    for i in range(8):
        gt, pred, valid = blobs(10 + i), blobs(20 + i) | blobs(10 + i, share=0.2), blobs(30 + i, share=0.8)
        if i in (3, 5):
            pred = np.zeros_like(pred)
        if i in (4, 5):
            gt = np.zeros_like(gt)
        if i == 6:
            valid[:] = False
        if i == 7:
            gt, pred = np.ones_like(gt), np.ones_like(pred)
        image = np.where(valid | (not nodata), pred * np.uint8(1), np.uint8(7))
        Image.fromarray(gt.astype(np.uint8) * 255).save(tmp_path / "gt" / f"{i}.png")
        Image.fromarray(image).save(tmp_path / "pred" / f"{i}_mask.png")
        rows.append(metrics.score_masks(pred, gt, valid if nodata else None, tolerance_px=3.0))
        pooled.append(metrics.binary_counts(pred, gt, valid if nodata else None))
    command = [sys.executable, str(SCORE), str(tmp_path / "pred"), str(tmp_path / "gt"), "--tol", "3"]
    command += ["--nodata", "7"] if nodata else []
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    want = json.loads(run.stdout)
    assert want.pop("n") == 8
    got = {f"mean_{name}": float(np.mean([row[name] for row in rows])) for name in rows[0]}
    got |= {"pooled_f1": metrics.pooled(pooled, metrics.f1), "pooled_iou": metrics.pooled(pooled, metrics.iou)}
    assert want == pytest.approx({name: got[name] for name in want}, abs=5.1e-5)  # the script prints four digits


def test_parity_with_scikit_image_confusion_by_another_route() -> None:
    # An independent count: the joint histogram of two masks.
    gt, pred = blobs(40), blobs(41)
    joint = np.histogram2d(gt.ravel(), pred.ravel(), bins=2)[0].astype(int)
    c = metrics.binary_counts(pred, gt)
    assert [[c.tn, c.fp], [c.fn, c.tp]] == joint.tolist()


@pytest.mark.slow
def test_parity_with_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("torchmetrics.functional.classification")
    gt, pred = blobs(50), blobs(51)
    c = metrics.binary_counts(pred, gt)
    p, t = torch.from_numpy(pred.astype(np.int64)), torch.from_numpy(gt.astype(np.int64))
    want = {
        "accuracy": peer.binary_accuracy(p, t),
        "precision": peer.binary_precision(p, t),
        "recall": peer.binary_recall(p, t),
        "f1": peer.binary_f1_score(p, t),
        "iou": peer.binary_jaccard_index(p, t),
    }
    got = {name: getattr(metrics, name)(c) for name in want}
    assert got == pytest.approx({name: float(value) for name, value in want.items()}, abs=1e-6)
    matrix = metrics.confusion_matrix(pred * 1, gt * 1, n_classes=2)
    np.testing.assert_array_equal(matrix, peer.binary_confusion_matrix(p, t).numpy())
