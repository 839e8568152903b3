"""Soft Dice with sums over the whole batch, as the engraving networks were trained with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graven.losses.inputs import prepare_inputs

__all__ = ["PooledDiceLoss", "pooled_dice_loss"]

FLOOR = 1e-7


def pooled_dice_loss(logits: Tensor, target: Tensor, *, valid: Tensor | None = None) -> Tensor:
    r"""Soft Dice loss with sums over all pixels of all images of the batch.

    .. math:: L = 1 - \frac{2\sum_{b,i} \hat y_{bi} y_{bi}}{\max(\sum_{b,i} \hat y_{bi} + \sum_{b,i} y_{bi},\ 10^{-7})}

    It is 0 for a perfect prediction and at most 1. A batch without foreground costs 0 and gives no gradient: it says
    nothing about lines. An image without foreground counts through the foreground of the others, unlike in
    `graven.losses.dice_loss`.

    Parameters
    ----------
    logits : Tensor of shape (N, 1, H, W), floating
        Before the sigmoid; any range. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W), bool or floating, 0 to 1
        Truth.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Invalid pixels are left out of all sums.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If a value is out of range.

    References
    ----------
    .. [1] Interactive refinement of engravings on Etruscan mirrors, 2024; the code that the authors published uses this
       form where the paper names the generalised Dice (`graven.losses.generalised_dice_loss`).

    Examples
    --------
    >>> probs, target = torch.tensor([[[[0.8, 0.3]]], [[[0.1, 0.2]]]]), torch.tensor([[[[1.0, 0.0]]], [[[0.0, 0.0]]]])
    >>> round(float(pooled_dice_loss(torch.logit(probs), target)), 6)
    0.333333
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        logits, target, weight = prepare_inputs(logits, target, valid)
        probs = torch.sigmoid(logits) * weight
        overlap = 2.0 * (probs * target).sum()
        total = (probs.sum() + target.sum()).clamp_min(FLOOR)
        return (1.0 - overlap / total) * (target.sum() > 0)


class PooledDiceLoss(nn.Module):
    """Thin module around `pooled_dice_loss`."""

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `pooled_dice_loss` of logits and target, both of shape (N, 1, H, W)."""
        return pooled_dice_loss(logits, target, valid=valid)
