"""Soft Dice: one minus the overlap of prediction and truth, whatever the share of foreground."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graven.errors import InputError
from graven.losses.inputs import prepare_inputs

__all__ = ["DiceLoss", "dice_loss"]


def dice_loss(logits: Tensor, target: Tensor, *, valid: Tensor | None = None, smooth: float = 1.0) -> Tensor:
    r"""Soft Dice loss on the foreground, per image, then the mean over the batch.

    .. math:: L = 1 - \frac{2\sum y\hat y + s}{\sum y + \sum\hat y + s}

    It is 0 for a perfect prediction and at most 1.

    Parameters
    ----------
    logits : Tensor of shape (N, 1, H, W), floating
        Before the sigmoid; any range. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W), bool or floating, 0 to 1
        Truth.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Invalid pixels are left out of all sums.
    smooth : float, >= 0
        The *s* of the formula. With 0, an image without foreground in truth costs 1 for any prediction, and 0 where the
        prediction is exactly empty too (0/0 is agreement).

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If `smooth` is negative or a value is out of range.

    References
    ----------
    .. [1] Milletari et al., V-Net, 3DV 2016 (with plain instead of squared sums).

    Examples
    --------
    >>> probs, target = torch.tensor([[[[0.8, 0.3, 0.6, 0.1]]]]), torch.tensor([[[[1.0, 0.0, 1.0, 0.0]]]])
    >>> round(float(dice_loss(torch.logit(probs), target, smooth=0.0)), 6)
    0.263158
    """
    if not smooth >= 0.0:
        raise InputError(f"smooth must be 0 or more, got {smooth}")
    with torch.autocast(device_type=logits.device.type, enabled=False):
        logits, target, weight = prepare_inputs(logits, target, valid)
        probs = torch.sigmoid(logits) * weight
        overlap = 2.0 * (probs * target).sum(dim=(1, 2, 3)) + smooth
        total = probs.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3)) + smooth
        empty = total <= 0
        ratio = torch.where(empty, torch.ones_like(total), overlap / torch.where(empty, torch.ones_like(total), total))
        return (1.0 - ratio).mean()


class DiceLoss(nn.Module):
    """Thin module around `dice_loss`; the parameter is that of the function."""

    def __init__(self, *, smooth: float = 1.0) -> None:
        super().__init__()
        self.smooth = smooth

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `dice_loss` of logits and target, both of shape (N, 1, H, W)."""
        return dice_loss(logits, target, valid=valid, smooth=self.smooth)
