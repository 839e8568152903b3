"""What the first network says before anybody has drawn: of single tiles, and blended from those that overlap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from graven.prepare.blocks import shared_blocks
from graven.refine.local import Tile, tiles_over

if TYPE_CHECKING:
    from graven.methods.prediction import Tracer
    from graven.methods.tracing import TracePlan
    from graven.types import Raster, Window

__all__ = ["TileAnswer", "logits_from_probs", "tile_answers", "with_logits"]

TileAnswer = Callable[[Tile], NDArray[np.float32]]
"""Logits of a tile."""

SMALLEST = 1e-7
"""Probabilities are held this far from 0 and 1, so that logits stay within 16."""


def logits_from_probs(probs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo the sigmoid.

    Parameters
    ----------
    probs : ndarray, float32, 0 to 1
        What an engine answered.

    Returns
    -------
    ndarray of that shape, float32
        Logits between -16.2 and 16.2.

    Examples
    --------
    >>> [round(float(logit), 1) for logit in logits_from_probs(np.float32([0.5, 0.0, 1.0]))]
    [0.0, -16.1, 16.1]
    """
    held = np.clip(probs.astype(np.float64), SMALLEST, 1 - SMALLEST)
    return np.log(held / (1 - held)).astype(np.float32)


def tile_answers(planned: TracePlan, segmenter: Tracer, *, gives_logits: bool) -> TileAnswer:
    """Let the first network answer to tiles when they are asked for.

    Parameters
    ----------
    planned : TracePlan
        What it sees.
    segmenter : Tracer
        The network, in float32.
    gives_logits : bool
        Whether its engine answers with logits; those of probabilities end at 16.

    Returns
    -------
    callable
        ``answer(tile)``: logits of shape (tile, tile), not to be changed; those asked for last are remembered.
    """
    grid = planned.grid

    @lru_cache(maxsize=2 * (grid.n_cols + 2))
    def answer(tile: Tile) -> NDArray[np.float32]:
        pixels = np.asarray(planned.prepared.read(grid.window(*tile)), np.float32)
        found = segmenter.engine(pixels[None])[0, 0]
        logits = found if gives_logits else logits_from_probs(found)
        logits.flags.writeable = False
        return logits

    return answer


def with_logits(planned: TracePlan, answer: TileAnswer, weights: NDArray[np.float64]) -> Raster:
    """See the prepared panel with the logits that stand at first as a further band, made where it is read.

    Parameters
    ----------
    planned : TracePlan
        What the network sees.
    answer : callable
        From `tile_answers`.
    weights : ndarray of shape (tile, tile), float64, > 0
        How much an answer counts at each of its pixels where tiles overlap.

    Returns
    -------
    Raster
        float32. Probabilities are blended, as in `graven.segment`, and then turned into logits.
    """
    grid, prepared = planned.grid, planned.prepared

    def read_pixels(window: Window) -> NDArray[np.float32]:
        sums, whole = (np.zeros((window.height, window.width)) for _ in range(2))
        for tile in tiles_over(grid, window):
            frame = grid.window(*tile)
            part = frame.intersection(window)
            here, there = part.relative_to(window).slices(), part.relative_to(frame).slices()
            sums[here] += weights[there] * expit(answer(tile)[there])
            whole[here] += weights[there]
        logits = logits_from_probs((sums / whole).astype(np.float32))
        return np.concatenate([np.rint(prepared.read_pixels(window)).astype(np.float32), logits[None]])

    both = replace(
        prepared,
        n_bands=prepared.n_bands + 1,
        dtype=np.dtype(np.float32),
        read_pixels=read_pixels,
        overviews={},
    )
    return shared_blocks(both, block_px=grid.stride_px, max_blocks=2 * (grid.n_cols + 2))
