"""Generalised Dice: foreground and background, each weighted by the inverse square of its size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graven.losses.inputs import prepare_inputs

__all__ = ["GeneralisedDiceLoss", "generalised_dice_loss"]


def generalised_dice_loss(logits: Tensor, target: Tensor, *, valid: Tensor | None = None) -> Tensor:
    r"""Generalised Dice loss over foreground and background of the whole batch.

    .. math:: L = 1 - 2\,\frac{\sum_l w_l \sum_i r_{li} p_{li}}{\sum_l w_l \sum_i (r_{li} + p_{li})},
       \qquad w_l = \Bigl(\sum_i r_{li}\Bigr)^{-2}

    with truth *r* and prediction *p* of the classes *l*. It is 0 for a perfect prediction and at most 1.

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
        The loss. A class that the truth does not show has no weight; without a valid pixel the loss is 0.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If a value is out of range.

    References
    ----------
    .. [1] Sudre et al., Generalised Dice overlap as a deep learning loss function for highly unbalanced segmentations,
       DLMIA 2017.

    Examples
    --------
    >>> probs = torch.tensor([[[[0.6, 0.2, 0.1, 0.1]]]])
    >>> target = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
    >>> round(float(generalised_dice_loss(torch.logit(probs), target)), 6)
    0.333333
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        logits, target, weight = prepare_inputs(logits, target, valid)
        probs = torch.sigmoid(logits)
        truth = torch.stack([(target * weight), (1.0 - target) * weight])
        found = torch.stack([probs * weight, (1.0 - probs) * weight])
        size = truth.sum(dim=(1, 2, 3, 4))
        weights = torch.where(size > 0, 1.0 / size.clamp_min(1e-12).square(), torch.zeros_like(size))
        overlap = 2.0 * (weights * (truth * found).sum(dim=(1, 2, 3, 4))).sum()
        total = (weights * (truth + found).sum(dim=(1, 2, 3, 4))).sum()
        empty = total <= 0
        one = torch.ones_like(total)
        return 1.0 - torch.where(empty, one, overlap / torch.where(empty, one, total))


class GeneralisedDiceLoss(nn.Module):
    """Thin module around `generalised_dice_loss`."""

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `generalised_dice_loss` of logits and target, both of shape (N, 1, H, W)."""
        return generalised_dice_loss(logits, target, valid=valid)
