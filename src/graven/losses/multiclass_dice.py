"""Soft Dice over several classes: a thin crack counts as much as the wide ground around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graven.errors import InputError
from graven.losses.classes import ClassPixels, class_pixels

__all__ = ["MulticlassDiceLoss", "multiclass_dice_loss", "multiclass_dice_term"]


def multiclass_dice_term(pixels: ClassPixels, *, smooth: float = 1e-5) -> Tensor:
    """Compute `multiclass_dice_loss` of tensors that are checked already."""
    if not smooth > 0.0:
        raise InputError(f"smooth must be positive, got {smooth}")
    probs, truth = pixels.probs(), pixels.truth()
    overlap = 2.0 * (probs * truth).sum(dim=(0, 2, 3)) + smooth
    total = probs.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3)) + smooth
    return 1.0 - (overlap / total).mean()


def multiclass_dice_loss(
    logits: Tensor, target: Tensor, *, valid: Tensor | None = None, smooth: float = 1e-5
) -> Tensor:
    r"""Soft Dice loss per class over the whole batch, then the mean over the classes, background included.

    .. math:: L = 1 - \frac1K\sum_c \frac{2\sum_i p_{ci} y_{ci} + s}{\sum_i p_{ci} + \sum_i y_{ci} + s}

    It is 0 for a perfect prediction and below 1. A class that neither truth nor prediction holds costs nothing. Sums
    are pooled over the batch, so an image without cracks does not spoil the share of one that has some.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating
        Before the softmax; any range. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W) or (N, H, W), 0 to K - 1
        True class of each pixel.
    valid : Tensor of shape (N, 1, H, W) or (N, H, W), bool, optional
        Invalid pixels are left out of all sums.
    smooth : float, > 0
        The *s* of the formula.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss; 0 where no pixel is valid.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If `smooth` is not positive, or a valid pixel holds no class number.

    References
    ----------
    .. [1] Craquelure segmentation with Res-UNet, eq. (5).

    Examples
    --------
    >>> probs = torch.tensor([[0.75, 0.25], [0.25, 0.75]]).T.reshape(1, 2, 1, 2)
    >>> round(float(multiclass_dice_loss(probs.log(), torch.tensor([[[0, 1]]]))), 4)  # 1 - 2 * 0.75 / 2
    0.25
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        return multiclass_dice_term(class_pixels(logits, target, valid), smooth=smooth)


class MulticlassDiceLoss(nn.Module):
    """Thin module around `multiclass_dice_loss`; the parameter is that of the function."""

    def __init__(self, *, smooth: float = 1e-5) -> None:
        super().__init__()
        self.smooth = smooth

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `multiclass_dice_loss` of logits (N, K, H, W) and classes (N, 1, H, W)."""
        return multiclass_dice_loss(logits, target, valid=valid, smooth=self.smooth)
