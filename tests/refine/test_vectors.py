"""The independent vectors of the simulated person: B-STROKE, B-GAMMA, B-DILATE, B-SEG, B-ERR, B-HINT, B-THRESH."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import logit

from graven.metrics.guo_hall import thin_guo_hall
from graven.refine.dilation import dilate_diamond
from graven.refine.errors import missing_lines, superfluous_lines, true_lines
from graven.refine.hints import accumulate, composite_logits, composite_mask
from graven.refine.segments import Segment, draw_piece, inner_pixels, longest_segment, window_indices
from graven.refine.strokes_stats import OFFICIAL_STROKES, half_widths_at, within_two_sigma
from graven.refine.thresholds import byte_levels, foreground

Vectors = dict[str, dict[str, Any]]


def pixels(shape: tuple[int, int], *runs: tuple[int, int, int]) -> np.ndarray:
    """Rows of pixels, each given by its row and inclusive first and last column."""
    mask = np.zeros(shape, bool)
    for row, first, last in runs:
        mask[row, first : last + 1] = True
    return mask


def listed(mask: np.ndarray) -> list[list[int]]:
    found: list[list[int]] = np.argwhere(mask).tolist()
    return found


def test_b_stroke_1_half_widths_of_a_bar(vectors: Vectors) -> None:
    entry = vectors["B-STROKE-1"]
    (first, last), (left, right) = entry["inputs"]["rows"], entry["inputs"]["cols"]
    bar = pixels(tuple(entry["inputs"]["shape"]), *[(row, left, right) for row in range(first, last + 1)])
    skeleton = thin_guo_hall(bar)
    want = entry["expected"]
    assert listed(skeleton) == [[want["skeleton_row"], col] for col in want["skeleton_cols"]]
    assert half_widths_at(bar, skeleton).tolist() == want["distances"]


def test_b_stroke_2_two_sigma(vectors: Vectors) -> None:
    entry = vectors["B-STROKE-2"]
    want, tol = entry["expected"], entry["tolerance"]
    kept = within_two_sigma(np.array(entry["inputs"]["values"]))
    assert kept.tolist() == want["kept"]
    assert [kept.mean(), kept.std()] == pytest.approx([want["mean"], want["std"]], abs=tol)


def test_b_gamma_1_the_published_distribution(vectors: Vectors) -> None:
    entry = vectors["B-GAMMA-1"]
    given, want, tol = entry["inputs"], entry["expected"], entry["tolerance"]
    strokes = OFFICIAL_STROKES
    assert (strokes.shape, strokes.loc, strokes.scale) == (given["shape"], given["loc"], given["scale"])
    assert strokes.mean == pytest.approx(want["mean"], abs=tol)
    assert strokes.std == pytest.approx(want["std"], abs=tol)
    assert strokes.mean + 2 * strokes.std == pytest.approx(want["mean_plus_2std"], abs=tol)
    assert strokes.mean - 2 * strokes.std == pytest.approx(want["mean_minus_2std"], abs=tol)
    steps = [strokes.n_mean, strokes.n_guard, strokes.n_thin]
    assert steps == [want["iterations_mean"], want["iterations_erase_guard"], want["iterations_final"]]
    law = stats.gamma(strokes.shape, strokes.loc, strokes.scale)
    quantiles = {share: law.ppf(float(share)) for share in want["quantiles"]}
    assert quantiles == pytest.approx(want["quantiles"], abs=tol)
    assert law.cdf(1) == pytest.approx(want["prob_below_1"], abs=tol)


def test_b_dilate_1_a_pixel_becomes_a_diamond(vectors: Vectors) -> None:
    entry = vectors["B-DILATE-1"]
    point = np.zeros((41, 41), bool)
    point[20, 20] = True
    grown = [dilate_diamond(point, n) for n in entry["inputs"]["iterations"]]
    assert [int(mask.sum()) for mask in grown] == entry["expected"]["areas"]
    assert [int(mask[20].sum()) for mask in grown] == entry["expected"]["diamond_width"]


def test_b_seg_1_a_junction_falls_apart(vectors: Vectors) -> None:
    entry = vectors["B-SEG-1"]
    kept = inner_pixels(np.array(entry["inputs"]["skeleton"], bool))
    assert listed(kept) == entry["expected"]["kept"]


def test_b_seg_2_windows_of_a_straight_line(vectors: Vectors) -> None:
    entry = vectors["B-SEG-2"]
    row, (first, last) = entry["inputs"]["row"], entry["inputs"]["cols"]
    segment = longest_segment(pixels((5, 20), (row, first, last)))
    assert segment is not None
    assert segment.pixels.tolist() == [[row, col] for col in entry["expected"]["kept_cols"]]
    windows = {f"window_for_i_{at}": window_indices(12, at).tolist() for at in (5, 0, 11)}
    assert windows == {name: entry["expected"][name] for name in windows}


@pytest.mark.parametrize(("name", "collapses"), [("official", True), ("recommended", False)])
def test_b_seg_3_short_segments(vectors: Vectors, name: str, collapses: bool) -> None:
    entry = vectors["B-SEG-3"]
    lengths = entry["inputs"]["lengths"]
    counts = [{len(window_indices(n, at, collapses=collapses)) for at in range(n)} for n in lengths]
    assert counts == [{n} for n in entry["expected"][name]]
    for n, want in zip(lengths, entry["expected"][name], strict=True):
        segment = Segment(np.stack([np.zeros(n, np.int64), np.arange(n)], axis=1), wraps=True)
        assert len(draw_piece(segment, np.random.default_rng(0), collapses=collapses)) == want


def test_b_err_1_missing_and_superfluous(vectors: Vectors) -> None:
    entry = vectors["B-ERR-1"]
    target = pixels((7, 9), (1, 1, 7))
    mask = pixels((7, 9), (1, 1, 3), (5, 1, 7))
    truth = true_lines(target, n_guard=entry["inputs"]["guard_iterations"])
    missing, superfluous = missing_lines(mask, truth), superfluous_lines(mask, truth)
    segments = [longest_segment(lines) for lines in (missing, superfluous)]
    got = {
        "missing_pixels": listed(missing),
        "superfluous_pixels": listed(superfluous),
        "missing_segment": segments[0].pixels.tolist() if segments[0] else None,
        "superfluous_segment": segments[1].pixels.tolist() if segments[1] else None,
    }
    assert got == entry["expected"]


def test_b_hint_1_accumulation_and_composites(vectors: Vectors) -> None:
    entry = vectors["B-HINT-1"]
    old, new = (np.array(entry["inputs"][name], np.int8) for name in ("old", "new"))
    logits = np.array(entry["inputs"]["logits"])
    want = entry["expected"]
    combined = accumulate(old, new)
    assert combined.tolist() == want["combined"]
    assert combined.dtype == np.int8
    assert composite_logits(logits, combined).tolist() == [float(value) for value in want["composite_logits"]]
    assert composite_mask(logits, combined).astype(int).tolist() == want["binary"]


def test_b_thresh_1_where_one_half_falls(vectors: Vectors) -> None:
    entry = vectors["B-THRESH-1"]
    logits = logit(np.array(entry["inputs"]["probabilities"])).astype(np.float32)
    want = entry["expected"]
    assert foreground(logits)[0] == want["initial_mask_logit_0"]
    assert foreground(logits, rounds_half_down=True)[0] == want["pfm_round_of_0_5"]
    assert byte_levels(logits).tolist() == want["scan_eval_8bit"]
    assert foreground(logits, floors_to_bytes=True).astype(int).tolist() == want["scan_eval"]
