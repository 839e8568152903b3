"""Cross pseudo supervision: on images without truth each of two networks learns from what the other is sure of."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from graven.errors import MismatchError
from graven.losses.cross_entropy import cross_entropy_loss

__all__ = ["cross_pseudo_loss", "pseudo_labels"]


def pseudo_labels(logits: Tensor) -> Tensor:
    """Give the class that a network takes for the likeliest.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating
        Before sigmoid (K = 1) or softmax.

    Returns
    -------
    Tensor of shape (N, 1, H, W), int64
        The number of the class; of one logit, 1 at 0 and above. It carries no gradient.
    """
    fixed = logits.detach()
    return (fixed >= 0).long() if fixed.shape[1] == 1 else fixed.argmax(dim=1, keepdim=True)


def cross_pseudo_loss(first: Tensor, second: Tensor, *, valid: Tensor | None = None) -> Tensor:
    r"""Cross entropy of each network with the labels that the other gives, both ways [1]_.

    .. math:: L = \mathrm{CE}(z_1, \hat y(z_2)) + \mathrm{CE}(z_2, \hat y(z_1))

    Labels are hard and pass no gradient. The value falls to 0 as both networks become sure of the same.

    Parameters
    ----------
    first, second : Tensor of shape (N, K, H, W), floating
        Logits of the two networks; for K = 1 the binary cross entropy is taken. Half precision is raised to float32.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Invalid pixels are left out of the means.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss, 0 or more; 0 where no pixel is valid.

    Raises
    ------
    MismatchError
        If the shapes differ.

    References
    ----------
    .. [1] X. Chen, Y. Yuan, G. Zeng, J. Wang, Semi-Supervised Semantic Segmentation with Cross Pseudo Supervision,
       CVPR 2021, https://doi.org/10.1109/CVPR46437.2021.00264.

    Examples
    --------
    >>> first, second = torch.tensor([[[[2.0]]]]), torch.tensor([[[[-1.0]]]])
    >>> round(float(cross_pseudo_loss(first, second)), 6)  # ln(1 + e^2) + ln(1 + e^1)
    3.44019
    """
    if first.shape != second.shape:
        raise MismatchError(
            f"the networks answer in the shapes {tuple(first.shape)} and {tuple(second.shape)}; they must be the same"
        )
    return _taught(first, pseudo_labels(second), valid) + _taught(second, pseudo_labels(first), valid)


def _taught(logits: Tensor, labels: Tensor, valid: Tensor | None) -> Tensor:
    """Mean cross entropy over valid pixels."""
    if logits.shape[1] > 1:
        return cross_entropy_loss(logits, labels, valid=valid)
    with torch.autocast(device_type=logits.device.type, enabled=False):
        wide = logits if logits.dtype == torch.float64 else logits.float()
        each = functional.binary_cross_entropy_with_logits(wide, labels.to(wide.dtype), reduction="none")
        weight = torch.ones_like(each) if valid is None else valid.to(each.dtype)
        return (each * weight).sum() / weight.sum().clamp_min(1)
