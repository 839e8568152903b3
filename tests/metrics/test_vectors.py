"""The independent vectors M-*, B-PFM-* and B-THIN-1 of the metrics."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from skimage.morphology import thin

from graven import metrics
from graven.metrics import BinaryCounts, MatchCounts
from graven.metrics.guo_hall import thin_guo_hall

Vectors = dict[str, dict[str, Any]]


def mask(shape: Any, *, rows: Any = (), cols: Any = (), pixels: Any = ()) -> np.ndarray:
    """A rectangle given by inclusive limits, or single pixels."""
    out = np.zeros(tuple(shape), bool)
    if len(rows):
        out[rows[0] : rows[1] + 1, cols[0] : cols[1] + 1] = True
    for r, c in pixels:
        out[r, c] = True
    return out


def test_m_bin_1_all_scores_of_eight_pixels(vectors: Vectors) -> None:
    entry = vectors["M-BIN-1"]
    gt, pred = (np.array(entry["inputs"][k], bool) for k in ("gt", "pred"))
    counts = metrics.binary_counts(pred, gt)
    assert counts == BinaryCounts(tp=2, fp=1, fn=1, tn=4)
    got = {
        "accuracy": metrics.accuracy(counts),
        "precision": metrics.precision(counts),
        "recall": metrics.recall(counts),
        "f1": metrics.f1(counts),
        "dsc": metrics.dsc(counts),
        "iou_fg": metrics.iou(counts),
        "iou_bg": metrics.iou_background(counts),
        "miou": metrics.miou(counts),
        "pitoti_hit_rate": metrics.pitoti_scores(counts).hit_rate,
        "pitoti_false_alarm": metrics.false_alarm_rate_pitoti(counts),
    }
    assert got == pytest.approx({k: entry["expected"][k] for k in got}, abs=entry["tolerance"])


def test_m_bin_2_pooled_and_mean(vectors: Vectors) -> None:
    entry = vectors["M-BIN-2"]
    images = [BinaryCounts(*entry["inputs"][k]) for k in ("image1", "image2")]
    mean_p, mean_r = (metrics.per_image_mean(images, s) for s in (metrics.precision, metrics.recall))
    got = {
        "pooled_precision": metrics.pooled(images, metrics.precision),
        "pooled_recall": metrics.pooled(images, metrics.recall),
        "pooled_f1": metrics.pooled(images, metrics.f1),
        "mean_precision": mean_p,
        "mean_recall": mean_r,
        "mean_f1": metrics.per_image_mean(images, metrics.f1),
        "f1_of_mean_pr": 2 * mean_p * mean_r / (mean_p + mean_r),
        "pooled_iou": metrics.pooled(images, metrics.iou),
        "mean_iou": metrics.per_image_mean(images, metrics.iou),
    }
    assert got == pytest.approx({k: entry["expected"][k] for k in got}, abs=entry["tolerance"])
    assert metrics.pitoti_mean(images).dsc == pytest.approx(entry["expected"]["mean_f1"], abs=entry["tolerance"])
    assert metrics.pitoti_overall(images).dsc == pytest.approx(entry["expected"]["pooled_f1"], abs=entry["tolerance"])


def test_m_mc_1_three_classes(vectors: Vectors) -> None:
    entry = vectors["M-MC-1"]
    got = asdict(metrics.multiclass_scores(np.array(entry["inputs"]["confusion"])))
    assert set(got) == set(entry["expected"])
    for name, want in entry["expected"].items():
        assert got[name] == pytest.approx(tuple(want) if isinstance(want, list) else want, abs=entry["tolerance"])


def test_m_mc_2_absent_class(vectors: Vectors) -> None:
    entry = vectors["M-MC-2"]
    confusion = np.array(entry["inputs"]["confusion"])
    want, tol = entry["expected"], entry["tolerance"]
    skipped = metrics.multiclass_scores(confusion)
    assert skipped.miou == pytest.approx(want["miou_skip_absent"], abs=tol)
    assert np.isnan(skipped.iou[2])
    as_zero = metrics.multiclass_scores(confusion, absent="zero")
    assert as_zero.miou == pytest.approx(want["miou_absent_as_zero"], abs=tol)
    assert skipped.accuracy == as_zero.accuracy == want["accuracy"]


def test_m_pitoti_1_mid_range(vectors: Vectors) -> None:
    entry = vectors["M-PITOTI-1"]
    for values, binary in zip(entry["inputs"]["values"], entry["expected"]["binary"], strict=True):
        for dtype in (np.uint8, np.float32):
            assert metrics.binarise_mid_range(np.array(values, dtype)).astype(int).tolist() == binary


def test_b_thin_1_ours_and_the_library_s_are_the_two_sub_iteration_thinning(vectors: Vectors) -> None:
    want = vectors["B-THIN-1"]["expected"]
    shapes = {
        "bar3x7": mask((7, 11), rows=(2, 4), cols=(2, 8)),
        "bar5x9": mask((9, 13), rows=(2, 6), cols=(2, 10)),
        "ell": mask((8, 8), rows=(1, 6), cols=(1, 3)) | mask((8, 8), rows=(4, 6), cols=(1, 6)),
    }
    for thinned in (thin_guo_hall, thin):
        assert {name: np.argwhere(thinned(shape)).tolist() for name, shape in shapes.items()} == want


def test_b_pfm_1_bar(vectors: Vectors) -> None:
    entry = vectors["B-PFM-1"]
    given, want, tol = entry["inputs"], entry["expected"], entry["tolerance"]
    gt = mask(given["shape"], rows=given["gt_rows"], cols=given["gt_cols"])
    pred = mask(given["shape"], pixels=given["pred_pixels"])
    counts, pseudo = metrics.binary_counts(pred, gt), metrics.pseudo_counts(pred, gt)
    assert asdict(counts) == {k: want[k] for k in ("tp", "fp", "fn", "tn")}
    assert pseudo.precision == pytest.approx(want["precision"], abs=tol)
    assert pseudo.recall == pytest.approx(want["pseudo_recall"], abs=tol)
    assert metrics.recall(counts) == pytest.approx(want["recall"], abs=tol)
    assert metrics.f1(counts) == pytest.approx(want["f_measure"], abs=tol)
    assert metrics.iou(counts) == pytest.approx(want["iou"], abs=tol)
    assert metrics.pseudo_fmeasure(pred, gt) == pytest.approx(want["pfm"], abs=tol)


def test_b_pfm_2_thick_prediction_of_a_thin_line(vectors: Vectors) -> None:
    entry = vectors["B-PFM-2"]
    shape = entry["inputs"]["shape"]
    gt, pred = mask(shape, rows=(2, 2), cols=(1, 7)), mask(shape, rows=(1, 3), cols=(1, 7))
    pseudo = metrics.pseudo_counts(pred, gt)
    got = {
        "precision": pseudo.precision,
        "pseudo_recall": pseudo.recall,
        "pfm": metrics.pseudo_fmeasure(pred, gt),
        "iou": metrics.iou(metrics.binary_counts(pred, gt)),
    }
    assert got == pytest.approx(entry["expected"], abs=entry["tolerance"])


def test_b_pfm_3_empty_masks(vectors: Vectors) -> None:
    none, some = mask((5, 5)), mask((5, 5), rows=(1, 3), cols=(1, 3))
    got = [metrics.pseudo_fmeasure(p, g) for g, p in ((none, none), (none, some), (some, none))]
    assert got == vectors["B-PFM-3"]["expected"]["pfm"]


def test_b_pfm_4_pooled_and_mean(vectors: Vectors) -> None:
    entry = vectors["B-PFM-4"]
    patches = [
        MatchCounts(matched_preds=tp, n_preds=tp + fp, matched_target=hit, n_target=skeleton)
        for tp, fp, skeleton, hit in (entry["inputs"][k] for k in ("A", "B"))
    ]
    want, tol = entry["expected"], entry["tolerance"]
    assert [p.f1 for p in patches] == pytest.approx(want["per_patch"], abs=tol)
    assert metrics.per_image_mean(patches, lambda c: c.f1) == pytest.approx(want["mean_of_patches"], abs=tol)
    assert metrics.pooled(patches, lambda c: c.f1) == pytest.approx(want["pooled"], abs=tol)
