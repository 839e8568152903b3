"""Weighted sums of losses over several classes: Mixed 1 and Mixed 2 of the craquelure paper, and terms for lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from graven.errors import InputError
from graven.losses.class_boundary import class_boundary_term
from graven.losses.classes import class_pixels
from graven.losses.cldice import cldice_term
from graven.losses.cross_entropy import cross_entropy_term
from graven.losses.multiclass_dice import multiclass_dice_term
from graven.losses.multiclass_focal import multiclass_focal_term

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MixedLoss", "mixed_loss"]


def mixed_loss(
    logits: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    dice_weight: float = 1.0,
    focal_weight: float = 1.0,
    ce_weight: float = 0.0,
    cldice_weight: float = 0.0,
    boundary_weight: float = 0.0,
    alpha: float = 0.5,
    gamma: float = 2.0,
    smooth: float = 1e-5,
    thin_classes: Sequence[int] = (1,),
    iterations: int = 6,
    max_distance_px: float = 20.0,
) -> Tensor:
    r"""Weighted sum of Dice, focal loss, cross entropy, clDice and boundary loss.

    .. math:: L = w_D L_{Dice} + \lambda L_{Focal} + w_C L_{CE} + w_L L_{clDice} + w_B L_B

    The defaults are **Mixed 1** of [1]_, eq. (6), with :math:`\lambda = 1`; ``ce_weight=1`` gives **Mixed 2**, eq. (7).
    The plot over :math:`\lambda` is lost; its text finds larger values better and both terms equally important. The
    value falls to 0 as the logits approach a perfect prediction. A term of weight 0 is not computed.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating
        Before the softmax; any range. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W) or (N, H, W), 0 to K - 1
        True class of each pixel.
    valid : Tensor of shape (N, 1, H, W) or (N, H, W), bool, optional
        Invalid pixels are left out of all terms.
    dice_weight, focal_weight, ce_weight, cldice_weight, boundary_weight : float, >= 0
        Weights of the terms; `focal_weight` is the :math:`\lambda` of the paper.
    alpha, gamma
        See `multiclass_focal_loss`.
    smooth
        See `multiclass_dice_loss`.
    thin_classes, iterations
        The ``classes`` and ``iterations`` of `cldice_loss`.
    max_distance_px
        See `class_boundary_loss`, which is taken over all classes but 0.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss, 0 or more; 0 where no pixel is valid.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If an option is out of range, no term has a weight, or a valid pixel holds no class number.

    References
    ----------
    .. [1] Craquelure segmentation with Res-UNet, eqs. (6) and (7).

    Examples
    --------
    >>> target = torch.tensor([[[0, 1], [2, 1]]])
    >>> logits = 40.0 * torch.nn.functional.one_hot(target, 3).movedim(-1, 1)
    >>> float(mixed_loss(logits, target)) < 1e-6
    True
    """
    weights = (dice_weight, focal_weight, ce_weight, cldice_weight, boundary_weight)
    if not all(weight >= 0.0 for weight in weights) or not any(weights):
        raise InputError(f"weights of a mixed loss must be 0 or more and not all 0, got {weights}")
    with torch.autocast(device_type=logits.device.type, enabled=False):
        pixels = class_pixels(logits, target, valid)
        loss = pixels.weight.new_zeros(())
        if dice_weight:
            loss = loss + dice_weight * multiclass_dice_term(pixels, smooth=smooth)
        if focal_weight:
            loss = loss + focal_weight * multiclass_focal_term(pixels, alpha=alpha, gamma=gamma)
        if ce_weight:
            loss = loss + ce_weight * cross_entropy_term(pixels)
        if cldice_weight:
            loss = loss + cldice_weight * cldice_term(pixels, classes=thin_classes, iterations=iterations)
        if boundary_weight:
            loss = loss + boundary_weight * class_boundary_term(pixels, max_distance_px=max_distance_px)
        return loss


class MixedLoss(nn.Module):
    """Thin module around `mixed_loss`; the parameters are those of the function."""

    def __init__(
        self,
        *,
        dice_weight: float = 1.0,
        focal_weight: float = 1.0,
        ce_weight: float = 0.0,
        cldice_weight: float = 0.0,
        boundary_weight: float = 0.0,
        alpha: float = 0.5,
        gamma: float = 2.0,
        smooth: float = 1e-5,
        thin_classes: Sequence[int] = (1,),
        iterations: int = 6,
        max_distance_px: float = 20.0,
    ) -> None:
        super().__init__()
        self.dice_weight, self.focal_weight, self.ce_weight = dice_weight, focal_weight, ce_weight
        self.cldice_weight, self.boundary_weight = cldice_weight, boundary_weight
        self.alpha, self.gamma, self.smooth = alpha, gamma, smooth
        self.thin_classes = tuple(thin_classes)
        self.iterations, self.max_distance_px = iterations, max_distance_px

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `mixed_loss` of logits (N, K, H, W) and classes (N, 1, H, W)."""
        return mixed_loss(
            logits,
            target,
            valid=valid,
            dice_weight=self.dice_weight,
            focal_weight=self.focal_weight,
            ce_weight=self.ce_weight,
            cldice_weight=self.cldice_weight,
            boundary_weight=self.boundary_weight,
            alpha=self.alpha,
            gamma=self.gamma,
            smooth=self.smooth,
            thin_classes=self.thin_classes,
            iterations=self.iterations,
            max_distance_px=self.max_distance_px,
        )
