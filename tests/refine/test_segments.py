"""Segments and the strokes drawn on them: hand-made curves, and what a person draws for training."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from graven.errors import InputError, MismatchError
from graven.refine.annotator import AnnotatorSettings, simulate_hint, training_hints
from graven.refine.hints import ADD, ERASE
from graven.refine.quirks import CORRECTED, PARITY
from graven.refine.segments import draw_piece, inner_pixels, longest_segment, stroke_hints, window_indices

SIZE = 64


def canvas(*strokes: tuple[int, int, int, int]) -> np.ndarray:
    """Filled rectangles given by rows and columns, half open."""
    mask = np.zeros((SIZE, SIZE), bool)
    for top, bottom, left, right in strokes:
        mask[top:bottom, left:right] = True
    return mask


def as_logits(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 3, -3).astype(np.float32)


def hairpin() -> np.ndarray:
    """Two long arms side by side, joined at one end; raster order jumps between the arms."""
    lines = canvas((10, 11, 5, 30), (13, 14, 5, 30))
    lines[11:13, 30] = True
    return lines


def are_beside(pixels: np.ndarray) -> bool:
    return bool((np.abs(np.diff(pixels, axis=0)).max(axis=1) == 1).all())


def test_inner_pixels_are_counted_inside_the_lines_alone() -> None:
    rng = np.random.default_rng(0)
    lines = rng.random((40, 50)) < 0.3
    around = ndimage.convolve(lines.astype(int), np.array([[1, 1, 1], [1, 10, 1], [1, 1, 1]]), mode="constant")
    np.testing.assert_array_equal(inner_pixels(lines), around == 12)


def test_of_equal_segments_the_first_in_raster_order_is_taken() -> None:
    lines = canvas((40, 41, 2, 20), (5, 6, 40, 58), (20, 21, 3, 10))
    segment = longest_segment(lines)
    assert segment is not None
    assert segment.pixels.tolist() == [[5, col] for col in range(41, 57)]


@pytest.mark.parametrize("order", ["raster", "path"])
def test_both_orders_list_the_same_pixels(order: str) -> None:
    segment = longest_segment(hairpin(), order=order)
    assert segment is not None
    found = {tuple(pixel) for pixel in segment.pixels.tolist()}
    assert found == {tuple(pixel) for pixel in np.argwhere(inner_pixels(hairpin())).tolist()}
    assert are_beside(segment.pixels) == (order == "path")
    assert segment.wraps == (order == "raster")


def test_a_piece_along_the_path_is_one_piece_and_in_raster_order_need_not_be() -> None:
    rng = np.random.default_rng(2)
    along, by_rows = (longest_segment(hairpin(), order=order) for order in ("path", "raster"))
    assert along is not None
    assert by_rows is not None
    pieces = [draw_piece(along, rng) for _ in range(200)]
    assert {len(piece) for piece in pieces} == {11}
    assert all(are_beside(piece) for piece in pieces)
    assert not all(are_beside(draw_piece(by_rows, rng)) for _ in range(200))


def test_a_closed_loop_is_followed_round() -> None:
    row, col = np.ogrid[:SIZE, :SIZE]
    disc = (row - 30) ** 2 + (col - 30) ** 2 <= 100
    ring = disc & ~ndimage.binary_erosion(disc)
    segment = longest_segment(ring, order="path")
    assert segment is not None
    assert segment.wraps
    assert len(segment.pixels) == ring.sum()
    assert are_beside(np.vstack([segment.pixels, segment.pixels[:1]]))


def test_windows_without_wrapping_are_moved_inside() -> None:
    for n in range(1, 40):
        for at in range(n):
            window = window_indices(n, at, wraps=False)
            assert len(window) == min(n, 11)
            assert at in window
            assert (np.diff(window) == 1).all()


def test_nothing_is_drawn_where_only_ends_and_junctions_are() -> None:
    lines = canvas((5, 6, 5, 7), (20, 21, 20, 21))
    assert longest_segment(lines) is None
    assert simulate_hint(lines, ADD, np.random.default_rng(0), AnnotatorSettings()) is None


@pytest.mark.parametrize(("width", "n_steps"), [("thin", 3), ("mean", 6)])
def test_a_stroke_is_eleven_pixels_grown_by_the_width(width: str, n_steps: int) -> None:
    line = canvas((30, 31, 4, 60))
    hints = simulate_hint(line, ERASE, np.random.default_rng(4), AnnotatorSettings(width=width, order="path"))
    assert hints is not None
    rows, cols = np.nonzero(hints)
    assert set(hints[rows, cols]) == {-1}
    assert np.ptp(rows) == 2 * n_steps
    assert np.ptp(cols) == 10 + 2 * n_steps
    piece = np.stack([np.full(11, 30), np.arange(cols.min() + n_steps, cols.max() - n_steps + 1)], axis=1)
    np.testing.assert_array_equal(hints, stroke_hints(piece, (SIZE, SIZE), n_steps=n_steps, polarity=-1))


def test_training_adds_what_is_missing_and_erases_what_is_too_much() -> None:
    target, wrong = canvas((10, 16, 5, 60)), canvas((40, 46, 5, 60))
    logits = as_logits(np.stack([wrong] * 60))
    hints = training_hints(logits, np.stack([target] * 60), np.random.default_rng(0))
    erased = (hints == ERASE).any(axis=(1, 2))
    np.testing.assert_array_equal(erased, ~(hints == ADD).any(axis=(1, 2)))
    assert 15 < erased.sum() < 45
    assert not (hints[:, :30] == ERASE).any()
    assert not (hints[:, 30:] == ADD).any()


def test_one_sample_with_nothing_to_erase_turns_its_whole_batch_only_under_parity() -> None:
    target, wrong = canvas((10, 16, 5, 60)), canvas((40, 46, 5, 60))
    logits = as_logits(np.stack([wrong] * 20 + [np.zeros_like(wrong)] * 20))
    targets = np.stack([target] * 40)
    erased = {}
    for name, quirks in (("parity", PARITY), ("corrected", CORRECTED)):
        hints = training_hints(logits, targets, np.random.default_rng(1), AnnotatorSettings(quirks=quirks))
        assert hints.any(axis=(1, 2)).all()
        erased[name] = (hints == ERASE).any(axis=(1, 2))
    assert not erased["parity"].any()
    assert erased["corrected"][:20].any()
    assert not erased["corrected"][20:].any()


def test_a_perfect_prediction_gets_no_stroke() -> None:
    target = canvas((10, 16, 5, 60))
    hints = training_hints(as_logits(target[None]), target[None], np.random.default_rng(0))
    assert not hints.any()


def test_more_strokes_than_one_fall_on_different_places() -> None:
    target = canvas((10, 16, 5, 60), (30, 36, 5, 60), (50, 56, 5, 60))
    logits, targets = as_logits(np.zeros((200, SIZE, SIZE), bool)), np.stack([target] * 200)
    hints = training_hints(logits, targets, np.random.default_rng(0), most_strokes=4)
    one_stroke = int(np.abs(training_hints(logits[:1], targets[:1], np.random.default_rng(0))).sum())
    n_px = np.abs(hints).sum(axis=(1, 2), dtype=int)
    assert n_px.min() == one_stroke
    assert n_px.max() > 3 * one_stroke
    assert n_px.mean() == pytest.approx(2.5 * one_stroke, rel=0.1)


def test_refusals() -> None:
    logits = np.zeros((2, 8, 8), np.float32)
    rng = np.random.default_rng(0)
    with pytest.raises(MismatchError, match="one truth per sample"):
        training_hints(logits, np.zeros((1, 8, 8), bool), rng)
    with pytest.raises(InputError, match=r"batches of shape \(N, H, W\)"):
        training_hints(logits[0], np.zeros((8, 8), bool), rng)
    with pytest.raises(InputError, match="most_strokes must be 1 or more"):
        training_hints(logits, logits > 0, rng, most_strokes=0)
    with pytest.raises(InputError, match="order must be 'raster' or 'path'"):
        longest_segment(np.ones((3, 3), bool), order="random")
    with pytest.raises(InputError, match="width must be"):
        AnnotatorSettings(width="wide")
