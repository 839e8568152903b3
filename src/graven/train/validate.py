"""One look at the validation tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from graven.train.task import Batch, Standardised, Task, collate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning.fabric import Fabric
    from numpy.typing import NDArray

    from graven.train.dataset import Sample

__all__ = ["Look", "predict_samples", "to_device", "validate"]

SHOWN = 6


@dataclass(frozen=True, slots=True)
class Look:
    """What a validation found.

    Attributes
    ----------
    loss : float
        Mean over batches.
    scores : dict of str to float
        As the task defines them.
    spread : float
        Standard deviation of all probabilities.
    shown : tuple of (image, preds, target, valid)
        Some samples for the eye, all classes as one; empty for gates.
    """

    loss: float
    scores: dict[str, float]
    spread: float
    shown: tuple[tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]], ...]


def to_device(batch: Batch, device: torch.device, *, channels_last: bool) -> Batch:
    """Copy a batch to a device, images in the layout of the network."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    image = batch.image.to(device, memory_format=layout, non_blocking=True)
    beside = None
    if batch.beside is not None:
        others, known = batch.beside
        beside = others.to(device, memory_format=layout, non_blocking=True), known.to(device)
    return Batch(image, batch.target.to(device), batch.valid.to(device), batch.origins, beside)


@torch.no_grad()
def validate(
    model: Standardised,
    task: Task,
    samples: Sequence[Sample],
    *,
    batch_size: int,
    fabric: Fabric,
    channels_last: bool,
) -> Look:
    """Judge a network on held-out tiles, and leave it in training mode.

    Parameters
    ----------
    model : Standardised
        On the device of `fabric`.
    task : Task
        Loss and scores.
    samples : sequence of Sample
        Tiles of equal size, at least one.
    batch_size : int
        Tiles at a time.
    fabric : lightning.fabric.Fabric
        Device and precision.
    channels_last : bool
        Memory layout.

    Returns
    -------
    Look
        Loss, scores and pictures.
    """
    model.eval()
    picks = set(_picks(samples))
    losses, rows, shown = [], [], []
    n, total, squares = 0, 0.0, 0.0
    for start in range(0, len(samples), batch_size):
        part = samples[start : start + batch_size]
        batch = to_device(collate(part), fabric.device, channels_last=channels_last)
        with fabric.autocast():
            loss, logits = task.outputs(model, batch)
        losses.append(float(loss) * len(part))
        probs = model.probabilities(logits.float()).cpu().numpy()
        rows.append(task.judge(probs, batch))
        n, total, squares = (
            n + probs.size,
            total + float(probs.sum(dtype=np.float64)),
            squares + float(np.square(probs, dtype=np.float64).sum()),
        )
        for index, sample in enumerate(part, start):
            if probs.ndim == 4 and index in picks:
                preds = probs[index - start].sum(axis=0) >= 0.5
                shown.append((sample.image.astype(np.uint8), preds, sample.target > 0, sample.valid))
    model.train()
    spread = math.sqrt(max(0.0, squares / n - (total / n) ** 2))
    return Look(sum(losses) / len(samples), task.scores(np.concatenate(rows)), spread, tuple(shown))


@torch.no_grad()
def predict_samples(
    model: Standardised, samples: Sequence[Sample], *, batch_size: int, channels_last: bool = True
) -> NDArray[np.float32]:
    """Give the probabilities of samples, in float32 on the device of the network.

    Parameters
    ----------
    model : Standardised
        Put into evaluation mode.
    samples : sequence of Sample
        Of equal size, at least one.
    batch_size : int
        Samples at a time.
    channels_last : bool
        Memory layout.

    Returns
    -------
    ndarray of shape (N, K, H, W) or (N, 1), float32, 0 to 1
        Of the foreground classes, in the order of the samples.
    """
    model.eval()
    device = next(model.parameters()).device
    found = []
    for start in range(0, len(samples), batch_size):
        batch = to_device(collate(samples[start : start + batch_size]), device, channels_last=channels_last)
        found.append(model.probabilities(model(batch.image).float()).cpu().numpy())
    probs: NDArray[np.float32] = np.concatenate(found)
    return probs


def _picks(samples: Sequence[Sample]) -> list[int]:
    """Pick a few tiles spread over those with most foreground."""
    shares = [float(sample.target.mean()) for sample in samples]
    filled = [i for i, share in enumerate(shares) if share > 0.01] or list(range(len(samples)))
    places = np.linspace(0, len(filled) - 1, min(SHOWN, len(filled))).round().astype(int)
    return [filled[int(place)] for place in places]
