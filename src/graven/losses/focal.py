"""Binary focal loss: pixels that are already right weigh little."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import InputError
from graven.losses.inputs import image_mean, prepare_inputs

__all__ = ["FocalLoss", "focal_loss"]


def focal_loss(
    logits: Tensor, target: Tensor, *, valid: Tensor | None = None, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    r"""Cross entropy scaled by the remaining error.

    .. math:: L = -\frac1{HW}\sum \alpha\, y\,(1-\hat y)^\gamma \log\hat y
              + (1-\alpha)(1-y)\,\hat y^\gamma \log(1-\hat y)

    Mean over the valid pixels of an image, then over the images. It is 0 for a perfect prediction; ``gamma=0`` with
    ``alpha=0.5`` is half the plain cross entropy.

    Parameters
    ----------
    logits : Tensor of shape (N, 1, H, W), floating
        Before the sigmoid; any range. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W), bool or floating, 0 to 1
        Truth.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Invalid pixels are left out.
    alpha : float, 0 to 1
        Weight of the foreground; the background has the rest.
    gamma : float, >= 0
        Strength of the focus.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss, 0 or more.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If `alpha`, `gamma` or a value is out of range.

    References
    ----------
    .. [1] Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. (5).

    Examples
    --------
    >>> probs, target = torch.tensor([[[[0.8, 0.3]]]]), torch.tensor([[[[1.0, 0.0]]]])
    >>> round(float(focal_loss(torch.logit(probs), target)), 6)
    0.013153
    """
    if not 0.0 <= alpha <= 1.0 or not gamma >= 0.0:
        raise InputError(f"focal loss needs alpha in 0 to 1 and gamma >= 0, got alpha={alpha}, gamma={gamma}")
    with torch.autocast(device_type=logits.device.type, enabled=False):
        logits, target, weight = prepare_inputs(logits, target, valid)
        log_p, log_q = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        missed = -target * torch.exp(gamma * log_q) * log_p
        false = -(1.0 - target) * torch.exp(gamma * log_p) * log_q
        return image_mean(alpha * missed + (1.0 - alpha) * false, weight)


class FocalLoss(nn.Module):
    """Thin module around `focal_loss`; the parameters are those of the function."""

    def __init__(self, *, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `focal_loss` of logits and target, both of shape (N, 1, H, W)."""
        return focal_loss(logits, target, valid=valid, alpha=self.alpha, gamma=self.gamma)
