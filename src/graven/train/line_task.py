"""What networks for drawn lines are asked: a probability per pixel, judged by the pseudo-F-measure."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.metrics import MatchCounts
from graven.metrics.pseudo import pseudo_counts
from graven.train.task import SegmentTask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.train.task import Batch

__all__ = ["LineTask", "line_counts", "pooled_pfm"]

N_BINARY = 4


@dataclass(frozen=True)
class LineTask(SegmentTask):
    """One probability per pixel, of thin lines.

    Attributes
    ----------
    criterion : nn.Module
        From `graven.losses`, called with logits, truth and valid mask, all (N, 1, H, W).
    """

    score_name: str = "pfm"

    def judge(self, probs: NDArray[np.float32], batch: Batch) -> NDArray[np.float64]:
        """Return the counts of `SegmentTask`, then those of the pseudo-F-measure, at threshold 0.5."""
        return np.concatenate([super().judge(probs, batch), line_counts(probs >= 0.5, batch)], axis=1)

    def scores(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """Return pooled and per-image scores, and ``pfm`` of the pooled counts."""
        return {**super().scores(rows[:, :N_BINARY]), "pfm": pooled_pfm(rows[:, N_BINARY:])}


def line_counts(preds: NDArray[np.bool_], batch: Batch) -> NDArray[np.float64]:
    """Count what the pseudo-F-measure needs.

    Parameters
    ----------
    preds : ndarray of shape (N, 1, H, W), bool
        Predictions of a batch.
    batch : Batch
        Its truth, and where that is known.

    Returns
    -------
    ndarray of shape (N, 4), float64
        One row per sample in the order of `graven.metrics.MatchCounts`.
    """
    target, valid = batch.target.cpu().numpy() > 0, batch.valid.cpu().numpy()
    counts = [pseudo_counts(p[0], t[0], v[0]) for p, t, v in zip(preds, target, valid, strict=True)]
    return np.array([astuple(c) for c in counts], np.float64)


def pooled_pfm(rows: NDArray[np.float64]) -> float:
    """Give the pseudo-F-measure of counts that are summed first.

    Parameters
    ----------
    rows : ndarray of shape (N, 4), float64
        Per sample in the order of `graven.metrics.MatchCounts`.

    Returns
    -------
    float, 0 to 1
        0 where nothing is found or nothing is there.

    Examples
    --------
    >>> round(pooled_pfm(np.array([[10, 15, 8, 8], [2, 10, 2, 8]], np.float64)), 6)
    0.542986
    """
    return MatchCounts(*map(int, rows.sum(axis=0))).f1
