"""What a network is asked: a probability per pixel, per pixel and class, or per tile. The loop knows no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import InputError
from graven.metrics import BinaryCounts, binary_counts, confusion_matrix
from graven.nets.gate import Gate
from graven.predict.classes import class_map
from graven.train.scores import binary_scores, class_scores, rank_score, recall_threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.train.dataset import Sample

__all__ = ["Batch", "ClassTask", "GateTask", "SegmentTask", "Standardised", "Task", "collate"]

CELL_SHARE = 0.02


class Standardised(nn.Module):
    """A network behind its standardisation: ``net((image - mean) / std)`` for values in 0 to 255.

    Parameters
    ----------
    net : nn.Module
        Takes standardised images.
    mean, std : sequence of float, 0 to 255
        One per band; kept as buffers, so they travel with the weights.
    is_exclusive : bool
        Whether the classes exclude each other and the first logit is the background's; otherwise each logit is a
        question of its own.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, net: nn.Module, *, mean: Sequence[float], std: Sequence[float], is_exclusive: bool = False
    ) -> None:
        super().__init__()
        self.is_exclusive = is_exclusive
        if len(mean) != len(std) or min(std) <= 0:
            raise InputError(f"standardisation needs as many stds as means, all positive; got {mean} and {std}")
        self.net = net
        self.register_buffer("mean", torch.tensor(list(mean), dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(list(std), dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of the network for images (N, C, H, W), 0 to 255."""
        logits: Tensor = self.net((image - self.mean) / self.std)
        return logits

    def probabilities(self, logits: Tensor) -> Tensor:
        """Turn logits into the probabilities of the foreground classes; what is left to 1 is the background's."""
        return torch.softmax(logits, dim=1)[:, 1:] if self.is_exclusive else torch.sigmoid(logits)


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples stacked for the network.

    Attributes
    ----------
    image : Tensor of shape (N, C, H, W), float32, 0 to 255
        Prepared pixels.
    target, valid : Tensor of shape (N, 1, H, W), float32 and bool
        Truth (0 or 1, or a number of a class), and where it is known.
    origins : tuple of str
        Where each sample comes from.
    beside : tuple of Tensor, or None
        Image and valid mask, of the same shapes, of as many samples without truth.
    """

    image: Tensor
    target: Tensor
    valid: Tensor
    origins: tuple[str, ...]
    beside: tuple[Tensor, Tensor] | None = None


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples of equal size into a batch on the CPU."""
    image = torch.from_numpy(np.stack([sample.image for sample in samples]).astype(np.float32, copy=False))
    target = torch.from_numpy(np.stack([sample.target for sample in samples]).astype(np.float32))[:, None]
    valid = torch.from_numpy(np.stack([sample.valid for sample in samples]))[:, None]
    return Batch(image, target, valid, tuple(sample.origin for sample in samples))


class Task(Protocol):
    """What the loop needs to know about a method."""

    @property
    def score_name(self) -> str:
        """Score by which the best weights are chosen; larger is better."""
        ...

    def outputs(self, model: Standardised, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the scalar loss of a batch and its logits, (N, K, H, W) or (N, 1)."""
        ...

    def judge(self, probs: NDArray[np.float32], batch: Batch) -> NDArray[np.float64]:
        """Return one row of numbers per sample, from which `scores` can be computed."""
        ...

    def scores(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """Return the scores over all samples of the validation set."""
        ...


@dataclass(frozen=True)
class SegmentTask:
    """One probability per pixel.

    Attributes
    ----------
    criterion : nn.Module
        From `graven.losses`, called with logits, truth and valid mask, all (N, 1, H, W).
    """

    criterion: nn.Module
    score_name: str = "miou"

    def outputs(self, model: Standardised, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the criterion over valid pixels, and the logits (N, 1, H, W)."""
        logits = model(batch.image)
        return self.loss(logits, batch), logits

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the criterion of logits (N, 1, H, W) over the valid pixels of a batch."""
        loss: Tensor = self.criterion(logits, batch.target, batch.valid)
        return loss

    def judge(self, probs: NDArray[np.float32], batch: Batch) -> NDArray[np.float64]:
        """Return true and false positives and negatives of each sample at threshold 0.5."""
        preds, target = probs >= 0.5, batch.target.cpu().numpy() > 0
        valid = batch.valid.cpu().numpy()
        counts = [binary_counts(p, t, v) for p, t, v in zip(preds, target, valid, strict=True)]
        return np.array([(c.tp, c.fp, c.fn, c.tn) for c in counts], np.float64)

    def scores(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """Return pooled and per-image scores."""
        return binary_scores([BinaryCounts(*map(int, row)) for row in rows])


@dataclass(frozen=True)
class ClassTask:
    """One of several classes per pixel, the background being class 0.

    Attributes
    ----------
    criterion : nn.Module
        From `graven.losses`, called with logits (N, K + 1, H, W), class numbers and valid mask, both (N, 1, H, W).
    """

    criterion: nn.Module
    score_name: str = "miou"

    def outputs(self, model: Standardised, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the criterion over valid pixels, and the logits (N, K + 1, H, W)."""
        logits = model(batch.image)
        return self.loss(logits, batch), logits

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the criterion of logits (N, K + 1, H, W) over the valid pixels of a batch."""
        loss: Tensor = self.criterion(logits, batch.target.long(), batch.valid)
        return loss

    def judge(self, probs: NDArray[np.float32], batch: Batch) -> NDArray[np.float64]:
        """Return the confusion matrix of each sample as a row, from probabilities of the K foreground classes."""
        n_classes = probs.shape[1] + 1
        target = batch.target.cpu().numpy()[:, 0].astype(np.int64)
        valid = batch.valid.cpu().numpy()[:, 0]
        found = class_map(probs)
        return np.array(
            [
                confusion_matrix(p, t, n_classes=n_classes, valid=v).ravel()
                for p, t, v in zip(found, target, valid, strict=True)
            ],
            np.float64,
        )

    def scores(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """Return pooled scores, ``iou_0`` to ``iou_K`` among them."""
        side = round(rows.shape[1] ** 0.5)
        return class_scores(rows.sum(axis=0).reshape(side, side).astype(np.int64))


@dataclass(frozen=True)
class GateTask:
    r"""One probability per tile: that it holds at least a given share of foreground.

    The loss is the binary cross entropy of the tile's logit. Where the network shows its class activation map, the map
    is taught as well: with *n* cells and :math:`z` their activation plus bias, :math:`z - \ln n` is the logit that a
    cell alone would give the tile under soft-maximum pooling; it is compared with whether the cell holds foreground.

    Attributes
    ----------
    min_share : float, 0 to 1
        Foreground among valid pixels from which a tile counts as positive.
    tile_weight : float, >= 0
        Weight of the tile's cross entropy.
    map_weight : float, >= 0
        Weight of the map's; 0 for networks without a map. A gate learns several times faster from the map than from the
        tiles, since every cell is an example.
    smoothing : float, 0 to 0.5
        Tile labels are moved this far towards one half.
    """

    min_share: float = 0.001
    tile_weight: float = 1.0
    map_weight: float = 0.0
    smoothing: float = 0.0
    score_name: str = "auc"

    def labels(self, batch: Batch) -> Tensor:
        """Return the truth of each tile, (N, 1), float32, 0 or 1."""
        known = batch.valid.sum(dim=(2, 3)).clamp_min(1)
        share = (batch.target * batch.valid).sum(dim=(2, 3)) / known
        return (share >= self.min_share).float()

    def outputs(self, model: Standardised, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the cross entropy of tiles and, weighted, of the map, and the logits (N, 1)."""
        labels = self.labels(batch)
        smooth = labels * (1 - 2 * self.smoothing) + self.smoothing
        if not self.map_weight:
            logits = model(batch.image)
            return self.tile_weight * functional.binary_cross_entropy_with_logits(logits.float(), smooth), logits
        net = model.net
        if not isinstance(net, Gate):
            raise InputError(f"{type(net).__name__} has no class activation map; set the gate's map_weight to 0")
        logits, cam = net.forward_with_cam((batch.image - model.mean) / model.std)
        tile = functional.binary_cross_entropy_with_logits(logits.float(), smooth)
        size = (cam.shape[-2], cam.shape[-1])
        cells = net.cell_logits(cam.float())
        share = functional.adaptive_avg_pool2d(batch.target * batch.valid, size)
        known = functional.adaptive_avg_pool2d(batch.valid.float(), size)
        weight = known * ((share == 0) | (share > CELL_SHARE)).float()
        each = functional.binary_cross_entropy_with_logits(cells, (share > CELL_SHARE).float(), reduction="none")
        of_map = (each * weight).sum() / weight.sum().clamp_min(1)
        return self.tile_weight * tile + self.map_weight * of_map, logits

    def judge(self, probs: NDArray[np.float32], batch: Batch) -> NDArray[np.float64]:
        """Return probability and truth of each tile."""
        return np.concatenate([probs, self.labels(batch).cpu().numpy()], axis=1).astype(np.float64)

    def scores(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """Return scores at threshold 0.5, ``auc``, and ``skipped``: empty tiles left out at a recall of 0.99."""
        probs, labels = rows[:, 0], rows[:, 1] > 0
        counts = [binary_counts(p[None] >= 0.5, t[None]) for p, t in zip(probs, labels, strict=True)]
        skipped = probs[~labels] < recall_threshold(probs, labels, recall=0.99)
        return {
            **binary_scores(counts),
            "auc": rank_score(probs, labels),
            "skipped": float(skipped.mean()) if skipped.size else 0.0,
        }
