"""Focal loss over several classes: pixels whose class is found already weigh little."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graven.errors import InputError
from graven.losses.classes import ClassPixels, class_pixels, pixel_mean

__all__ = ["MulticlassFocalLoss", "multiclass_focal_loss", "multiclass_focal_term"]


def multiclass_focal_term(pixels: ClassPixels, *, alpha: float = 0.5, gamma: float = 2.0) -> Tensor:
    """Compute `multiclass_focal_loss` of tensors that are checked already."""
    if not 0.0 <= alpha <= 1.0 or not gamma >= 0.0:
        raise InputError(f"focal loss needs alpha in 0 to 1 and gamma >= 0, got alpha={alpha}, gamma={gamma}")
    log_probs = pixels.true_log_probs()
    # 1 - p without cancellation; the floor keeps the slope of the power finite at p = 1 where gamma is below 1.
    missing = (-torch.expm1(log_probs)).clamp(min=torch.finfo(log_probs.dtype).tiny)
    return pixel_mean(-alpha * missing**gamma * log_probs, pixels.weight)


def multiclass_focal_loss(
    logits: Tensor, target: Tensor, *, valid: Tensor | None = None, alpha: float = 0.5, gamma: float = 2.0
) -> Tensor:
    r"""Cross entropy of the true class, scaled by what is missing of its probability.

    .. math:: L = -\frac{\alpha}{n}\sum_i (1-p_{t_i})^\gamma \log p_{t_i}

    Mean over the *n* valid pixels of the whole batch, with one constant :math:`\alpha` for all classes: eqs. (2) and
    (3) of [1]_ are written for two. The value falls to 0 as the logits approach a perfect prediction; ``gamma=0`` with
    ``alpha=1`` is the cross entropy.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating
        Before the softmax; any range. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W) or (N, H, W), 0 to K - 1
        True class of each pixel.
    valid : Tensor of shape (N, 1, H, W) or (N, H, W), bool, optional
        Invalid pixels are left out of sum and *n*.
    alpha : float, 0 to 1
        Scale of the loss; it matters beside other terms only.
    gamma : float, >= 0
        Strength of the focus.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss, 0 or more; 0 where no pixel is valid.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If `alpha` or `gamma` is out of range, or a valid pixel holds no class number.

    References
    ----------
    .. [1] Craquelure segmentation with Res-UNet, eq. (4).
    .. [2] Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. (5).

    Examples
    --------
    >>> probs = torch.tensor([[0.8, 0.1, 0.1], [0.25, 0.25, 0.5]]).T.reshape(1, 3, 1, 2)
    >>> round(float(multiclass_focal_loss(probs.log(), torch.tensor([[[0, 2]]]))), 6)
    0.045553
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        return multiclass_focal_term(class_pixels(logits, target, valid), alpha=alpha, gamma=gamma)


class MulticlassFocalLoss(nn.Module):
    """Thin module around `multiclass_focal_loss`; the parameters are those of the function."""

    def __init__(self, *, alpha: float = 0.5, gamma: float = 2.0) -> None:
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `multiclass_focal_loss` of logits (N, K, H, W) and classes (N, 1, H, W)."""
        return multiclass_focal_loss(logits, target, valid=valid, alpha=self.alpha, gamma=self.gamma)
