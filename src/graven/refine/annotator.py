"""A simulated person: looks where a mask is wrong and draws one stroke there.

`simulate_hint` draws one stroke for given errors. `training_hints` makes the samples a refining network learns from,
and `graven.refine.protocol` lets the person work on a whole object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from graven.errors import InputError, MismatchError
from graven.refine.errors import TrueLines, missing_lines, superfluous_lines, true_lines
from graven.refine.hints import ADD, ERASE, accumulate, composite_mask
from graven.refine.quirks import CORRECTED, Quirks
from graven.refine.segments import Order, draw_piece, longest_segment, stroke_hints
from graven.refine.strokes_stats import OFFICIAL_STROKES, StrokeStatistics, StrokeWidth

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AnnotatorSettings", "simulate_hint", "training_hints"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatorSettings:
    """How the simulated person draws.

    Attributes
    ----------
    statistics : StrokeStatistics
        Half-widths of strokes.
    width : {"thin", "mean", "sampled"}
        Width of a hint; ``thin`` is what the published code uses throughout.
    order : {"raster", "path"}
        How the pixels of an error are listed before a piece is taken.
    quirks : Quirks
        `PARITY`, `CORRECTED`, or a mixture.
    """

    statistics: StrokeStatistics = OFFICIAL_STROKES
    width: StrokeWidth = "thin"
    order: Order = "raster"
    quirks: Quirks = CORRECTED

    def __post_init__(self) -> None:
        if self.width not in ("thin", "mean", "sampled"):
            raise InputError(f"width must be 'thin', 'mean' or 'sampled', got {self.width!r}")
        if self.order not in ("raster", "path"):
            raise InputError(f"order must be 'raster' or 'path', got {self.order!r}")


def simulate_hint(
    lines: NDArray[np.bool_], polarity: Literal[-1, 1], rng: np.random.Generator, settings: AnnotatorSettings
) -> NDArray[np.int8] | None:
    """Draw one stroke on the longest error.

    Parameters
    ----------
    lines : ndarray of shape (H, W), bool
        Missing lines for an addition, superfluous ones for an erasure.
    polarity : {1, -1}
        `graven.refine.hints.ADD` or `ERASE`.
    rng : numpy.random.Generator
        Chooses where on the error, and the width where that is sampled.
    settings : AnnotatorSettings
        How to draw.

    Returns
    -------
    ndarray of shape (H, W), int8, or None
        Hint map with this stroke alone; None where there is no error to draw on.
    """
    segment = longest_segment(lines, order=settings.order)
    if segment is None:
        return None
    piece = draw_piece(segment, rng, collapses=settings.quirks.collapsing_window)
    n_steps = settings.statistics.steps(settings.width, rng)
    return stroke_hints(piece, (lines.shape[0], lines.shape[1]), n_steps=n_steps, polarity=polarity)


def training_hints(
    logits: NDArray[np.float32],
    targets: NDArray[np.bool_],
    rng: np.random.Generator,
    settings: AnnotatorSettings | None = None,
    *,
    most_strokes: int = 1,
) -> NDArray[np.int8]:
    """Draw strokes on each sample of a batch, each an addition or an erasure with equal probability.

    Parameters
    ----------
    logits : ndarray of shape (N, H, W), float32
        Initial predictions; 0 and above is foreground.
    targets : ndarray of shape (N, H, W), bool
        The truth.
    rng : numpy.random.Generator
        All randomness.
    settings : AnnotatorSettings, optional
        How to draw.
    most_strokes : int, >= 1
        1 as published. With more, each sample gets 1 to so many strokes, every number alike, and each is drawn with
        those before it written in: a network trained on single strokes never sees what a person has drawn in the end.

    Returns
    -------
    ndarray of shape (N, H, W), int8
        Hint maps. A sample with nothing to erase gets an addition; one with nothing to add stays as it is. With the
        quirk ``batch_turns_to_add`` one sample with nothing to erase makes additions of the whole batch.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If the arrays are not batches of images, or `most_strokes` is below 1.
    """
    settings = AnnotatorSettings() if settings is None else settings
    if logits.shape != targets.shape:
        raise MismatchError(f"logits have shape {logits.shape}, targets {targets.shape}; give one truth per sample")
    if logits.ndim != 3:
        raise InputError(f"expected batches of shape (N, H, W), got {logits.shape}; add an axis for one sample")
    if most_strokes < 1:
        raise InputError(f"most_strokes must be 1 or more, got {most_strokes}")
    hints = np.zeros(logits.shape, np.int8)
    truths = [true_lines(target, n_guard=settings.statistics.n_guard) for target in targets]
    n_strokes = rng.integers(1, most_strokes, size=len(logits), endpoint=True) if most_strokes > 1 else None
    for drawn in range(most_strokes):
        chosen = np.arange(len(logits)) if n_strokes is None else np.flatnonzero(n_strokes > drawn)
        masks = [composite_mask(logits[k], hints[k]) for k in chosen]
        strokes = _one_stroke_each(masks, [truths[k] for k in chosen], rng, settings)
        for k, stroke in zip(chosen, strokes, strict=True):
            if stroke is not None:
                hints[k] = accumulate(hints[k], stroke)
    return hints


def _one_stroke_each(
    masks: list[NDArray[np.bool_]], truths: list[TrueLines], rng: np.random.Generator, settings: AnnotatorSettings
) -> list[NDArray[np.int8] | None]:
    strokes: list[NDArray[np.int8] | None] = [None] * len(masks)
    for k in np.flatnonzero(rng.random(len(masks)) < 0.5):
        strokes[k] = simulate_hint(superfluous_lines(masks[k], truths[k]), ERASE, rng, settings)
        if strokes[k] is None and settings.quirks.batch_turns_to_add:
            strokes = [None] * len(masks)
            break
    return [
        simulate_hint(missing_lines(mask, truth), ADD, rng, settings) if stroke is None else stroke
        for mask, truth, stroke in zip(masks, truths, strokes, strict=True)
    ]
