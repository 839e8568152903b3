"""Cross entropy over several classes: the plain measure that the mixed losses start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from graven.errors import InputError
from graven.losses.classes import ClassPixels, class_pixels, pixel_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CrossEntropyLoss", "cross_entropy_loss", "cross_entropy_term"]


def cross_entropy_term(pixels: ClassPixels, *, class_weights: Sequence[float] | None = None) -> Tensor:
    """Compute `cross_entropy_loss` of tensors that are checked already."""
    log_probs, weight = pixels.true_log_probs(), pixels.weight
    if class_weights is None:
        return pixel_mean(-log_probs, weight)
    n_classes = pixels.log_probs.shape[1]
    if len(class_weights) != n_classes or not all(w >= 0 for w in class_weights) or not max(class_weights) > 0:
        raise InputError(
            f"class_weights must be {n_classes} numbers of 0 or more, one per class and not all 0, "
            f"got {tuple(class_weights)}"
        )
    per_class = torch.tensor(list(class_weights), dtype=weight.dtype, device=weight.device)
    weight = weight * per_class[pixels.classes]
    total = weight.sum()
    return -(log_probs * weight).sum() / torch.where(total > 0, total, torch.ones_like(total))


def cross_entropy_loss(
    logits: Tensor, target: Tensor, *, valid: Tensor | None = None, class_weights: Sequence[float] | None = None
) -> Tensor:
    r"""Mean negative logarithm of the probability of the true class.

    .. math:: L = -\frac{\sum_i w_{t_i} \log p_{t_i}}{\sum_i w_{t_i}}

    The sums run over the valid pixels of the whole batch. The value falls to 0 as the logits approach a perfect
    prediction. The factor of eq. (1) of [1]_ is left out: a constant scales the loss and changes nothing else.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating
        Before the softmax; any range. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W) or (N, H, W), 0 to K - 1
        True class of each pixel.
    valid : Tensor of shape (N, 1, H, W) or (N, H, W), bool, optional
        Invalid pixels are left out of both sums.
    class_weights : sequence of K floats, >= 0, optional
        The *w* of the formula, one per class; without them all are 1.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss, 0 or more; 0 where no pixel is valid.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If a valid pixel holds no class number, or the weights do not fit the classes.

    References
    ----------
    .. [1] Craquelure segmentation with Res-UNet, eq. (1).

    Examples
    --------
    >>> probs = torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]]).T.reshape(1, 3, 1, 2)
    >>> round(float(cross_entropy_loss(probs.log(), torch.tensor([[[0, 1]]]))), 6)  # -(ln 0.7 + ln 0.3) / 2
    0.780324
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        return cross_entropy_term(class_pixels(logits, target, valid), class_weights=class_weights)


class CrossEntropyLoss(nn.Module):
    """Thin module around `cross_entropy_loss`; the parameter is that of the function."""

    def __init__(self, *, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.class_weights = None if class_weights is None else tuple(class_weights)

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `cross_entropy_loss` of logits (N, K, H, W) and classes (N, 1, H, W)."""
        return cross_entropy_loss(logits, target, valid=valid, class_weights=self.class_weights)
