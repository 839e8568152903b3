"""What a network that refines is asked: lines again, from the same picture, a first answer and one stroke of a person.

The first network is frozen and answers in evaluation mode in float32; a simulated person draws one stroke where that
answer is wrong. Strokes are a pure function of truth and answer, so a run that is resumed sees the same ones.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from graven.metrics.counts import ratio
from graven.refine.annotator import AnnotatorSettings, training_hints
from graven.refine.hints import composite_mask
from graven.train.line_task import N_BINARY, LineTask, line_counts, pooled_pfm

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.train.task import Batch, Standardised

__all__ = ["RefineTask", "standardised_for_refining"]

N_LINE = 4


@dataclass(frozen=True)
class RefineTask(LineTask):
    """One probability per pixel, after one stroke.

    Attributes
    ----------
    criterion : nn.Module
        From `graven.losses`, called with logits, truth and valid mask, all (N, 1, H, W).
    first : Standardised
        The trained network whose answers are refined.
    annotator : AnnotatorSettings
        How the simulated person draws.
    inputs : {"both", "initial", "hints"}
        What the refining network is shown beside the picture: the first answer, the hints, or both (the ablation of the
        paper's Table 1); what is left out is 0.
    most_strokes : int, >= 1
        Up to so many strokes are drawn on a sample.
    """

    first: Standardised = field(kw_only=True)
    annotator: AnnotatorSettings = field(default_factory=AnnotatorSettings, kw_only=True)
    inputs: str = field(default="both", kw_only=True)
    most_strokes: int = field(default=1, kw_only=True)
    score_name: str = "gain"

    def outputs(self, model: Standardised, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the criterion over valid pixels, and the refined logits (N, 1, H, W)."""
        initial, hints = self.interaction(batch)
        shown = torch.from_numpy(hints).to(initial)[:, None]
        parts = [
            batch.image,
            initial if self.inputs != "hints" else torch.zeros_like(initial),
            shown if self.inputs != "initial" else torch.zeros_like(shown),
        ]
        logits = model(torch.cat(parts, dim=1))
        return self.loss(logits, batch), logits

    @torch.no_grad()
    def interaction(self, batch: Batch) -> tuple[Tensor, NDArray[np.int8]]:
        """Let the first network answer, and a person draw one stroke on each sample.

        Parameters
        ----------
        batch : Batch
            On any device.

        Returns
        -------
        initial : Tensor of shape (N, 1, H, W), float32
            Logits of the first network.
        hints : ndarray of shape (N, H, W), int8
            Hint maps.
        """
        first = self.first.to(batch.image.device).eval()
        with torch.autocast(device_type=batch.image.device.type, enabled=False):
            initial: Tensor = first(batch.image.float()).float()
        logits = initial[:, 0].cpu().numpy()
        targets = ((batch.target[:, 0] > 0) & batch.valid[:, 0]).cpu().numpy()
        return initial, self._strokes(logits, targets, batch.origins or ("",) * len(logits))

    def _strokes(
        self, logits: NDArray[np.float32], targets: NDArray[np.bool_], origins: tuple[str, ...]
    ) -> NDArray[np.int8]:
        """Draw on each sample as it would be drawn on alone; the quirk that looks at a whole batch draws on that."""
        n = len(logits)
        parts = [slice(0, n)] if self.annotator.quirks.batch_turns_to_add else [slice(k, k + 1) for k in range(n)]
        drawn = []
        for part in parts:
            facts = (
                "\n".join(origins[part]).encode(),
                np.packbits(targets[part]).tobytes(),
                np.packbits(logits[part] >= 0).tobytes(),
            )
            rng = np.random.default_rng([zlib.crc32(fact) for fact in facts])
            drawn.append(
                training_hints(logits[part], targets[part], rng, self.annotator, most_strokes=self.most_strokes)
            )
        return np.concatenate(drawn)

    def judge(self, probs: NDArray[np.float32], batch: Batch) -> NDArray[np.float64]:
        """Return the rows of `LineTask`, then those of the first answer with the hints written in."""
        initial, hints = self.interaction(batch)
        by_hand = composite_mask(initial[:, 0].cpu().numpy(), hints)[:, None]
        return np.concatenate([super().judge(probs, batch), line_counts(by_hand, batch)], axis=1)

    def scores(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """Return the scores of `LineTask`, ``pfm_by_hand`` of first answer and hints, and ``gain``: their ratio."""
        found = super().scores(rows[:, : N_BINARY + N_LINE])
        by_hand = pooled_pfm(rows[:, N_BINARY + N_LINE :])
        return {**found, "pfm_by_hand": by_hand, "gain": ratio(found["pfm"], by_hand)}


def standardised_for_refining(mean: float, std: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give the standardisation of a refining network: the picture's own, and logits and hints as they are.

    Parameters
    ----------
    mean, std : float, 0 to 255
        Of the one band of the picture.

    Returns
    -------
    mean, std : tuple of three float
        Of picture, logits and hints.

    Examples
    --------
    >>> standardised_for_refining(131.0, 39.0)
    ((131.0, 0.0, 0.0), (39.0, 1.0, 1.0))
    """
    return (mean, 0.0, 0.0), (std, 1.0, 1.0)
