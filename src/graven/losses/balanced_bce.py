"""Balanced cross entropy: the rarer class weighs more, by the share of the other in the same image."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import InputError
from graven.losses.inputs import image_mean, prepare_inputs

__all__ = ["BalancedBCELoss", "Beta", "Degenerate", "balanced_bce_loss"]

Beta = Literal["balanced", "printed"] | float
Degenerate = Literal["half", "raw"]


def _beta_map(target: Tensor, weight: Tensor, beta: Beta, degenerate: Degenerate) -> Tensor:
    """Return the foreground weight, broadcastable to the target."""
    if isinstance(beta, int | float):
        if not 0.0 <= beta <= 1.0:
            raise InputError(f"beta must lie in 0 to 1, got {beta}")
        return torch.full_like(target[:, :1, :1, :1], float(beta))
    count = weight.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1.0)
    if beta == "printed":
        return 1.0 - target / count
    if beta != "balanced":
        raise InputError(f"beta must be 'balanced', 'printed' or a number in 0 to 1, got {beta!r}")
    share = 1.0 - (target * weight).sum(dim=(1, 2, 3), keepdim=True) / count
    if degenerate == "raw":
        return share
    if degenerate != "half":
        raise InputError(f"degenerate must be 'half' or 'raw', got {degenerate!r}")
    return torch.where((share <= 0.0) | (share >= 1.0), torch.full_like(share, 0.5), share)


def balanced_bce_loss(
    logits: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    beta: Beta = "balanced",
    degenerate: Degenerate = "half",
) -> Tensor:
    r"""Cross entropy with class weights from the share of background.

    .. math:: L_{BCE} = -\frac1{HW}\sum \beta\, y \log\hat y + (1-\beta)(1-y)\log(1-\hat y)

    computed on logits as :math:`\beta y\,\mathrm{softplus}(-z) + (1-\beta)(1-y)\,\mathrm{softplus}(z)`; mean over the
    valid pixels of an image, then over the images. It is 0 for a perfect prediction.

    Parameters
    ----------
    logits : Tensor of shape (N, 1, H, W), floating
        Before the sigmoid; any range. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W), bool or floating, 0 to 1
        Truth.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Invalid pixels count in neither sum nor in the share.
    beta : {"balanced", "printed"} or float
        ``balanced``: share of background per image [2]_. ``printed``: the equation as printed in [1]_, read per pixel,
        :math:`\beta = 1 - y/HW`; it gives every background pixel weight 0 and is kept for comparison only.
        A number is taken as it is.
    degenerate : {"half", "raw"}
        What ``balanced`` does with an image of one class only: weight both classes 0.5, or keep the formula,
        which makes every error free.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss, 0 or more.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If an option or a value is out of range.

    References
    ----------
    .. [1] Petroglyph segmentation with BEGL-UNet, eq. (9).
    .. [2] Xie and Tu, Holistically-Nested Edge Detection, ICCV 2015, eq. (2).

    Examples
    --------
    >>> target = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    >>> probs = torch.tensor([[[[0.8, 0.3], [0.1, 0.2]]]])
    >>> round(float(balanced_bce_loss(torch.logit(probs), target)), 6)
    0.084663
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        logits, target, weight = prepare_inputs(logits, target, valid)
        share = _beta_map(target, weight, beta, degenerate)
        missed = -target * functional.logsigmoid(logits)
        false = -(1.0 - target) * functional.logsigmoid(-logits)
        return image_mean(share * missed + (1.0 - share) * false, weight)


class BalancedBCELoss(nn.Module):
    """Thin module around `balanced_bce_loss`; the parameters are those of the function."""

    def __init__(self, *, beta: Beta = "balanced", degenerate: Degenerate = "half") -> None:
        super().__init__()
        self.beta: Beta = beta
        self.degenerate: Degenerate = degenerate

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `balanced_bce_loss` of logits and target, both of shape (N, 1, H, W)."""
        return balanced_bce_loss(logits, target, valid=valid, beta=self.beta, degenerate=self.degenerate)
