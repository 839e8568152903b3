"""Boundary enhancement: prediction and truth are compared after a Laplacian, so only edges count."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import InputError
from graven.losses.dice import dice_loss
from graven.losses.inputs import erode_valid, prepare_inputs

__all__ = ["BELoss", "Border", "Form", "be_loss", "boundary_enhancement_term"]

Form = Literal["norm", "mean_square"]
Border = Literal["box", "none", "zero"]


def boundary_enhancement_term(
    probs: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    form: Form = "norm",
    box: bool = True,
    border: Border = "box",
    eps: float = 1e-12,
) -> Tensor:
    r"""Distance between the Laplacian responses of prediction and truth.

    .. math:: L_{BE} = \frac1N \sum_n \lVert \Delta * B * (\hat y_n - y_n) \rVert_2

    with the 3×3 mean *B* and the 4-neighbour Laplacian. It is 0 for a perfect prediction, but also for one that differs
    from the truth by a constant or a plane: the term sees edges only.

    Parameters
    ----------
    probs : Tensor of shape (N, 1, H, W), floating, 0 to 1
        Probabilities.
    target : Tensor of shape (N, 1, H, W), bool or floating, 0 to 1
        Truth.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Responses that touch an invalid pixel are left out.
    form : {"norm", "mean_square"}
        Root of the sum of squares per image, or their mean over the responses.
    box : bool
        Average with a 3×3 box before the Laplacian.
    border : {"box", "none", "zero"}
        ``box`` pads the difference with zeros for the box but not for the Laplacian, as a public version does, so one
        pixel is lost on each side; ``none`` keeps only the responses that need no padding (two are lost with the box,
        else one); ``zero`` pads for both, so an error that touches the border counts as an edge there.
    eps : float, >= 0
        Added under the root of the norm and taken off again; keeps the gradient finite at a perfect prediction.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The term, 0 or more.

    Raises
    ------
    MismatchError, InputError
        See `graven.losses.inputs.prepare_inputs`; also if the image is smaller than the filters.

    References
    ----------
    .. [1] Yang et al., boundary enhancement loss for polyp and vessel segmentation, 2020.
    """
    with torch.autocast(device_type=probs.device.type, enabled=False):
        probs, target, weight = prepare_inputs(probs, target, valid)
        radius = 2 if box else 1
        difference = probs - target
        pads = {"none": 0, "box": radius - 1, "zero": radius}
        if border not in pads:
            raise InputError(f"border must be 'box', 'none' or 'zero', got {border!r}")
        pad = pads[border]
        difference = functional.pad(difference, (pad, pad, pad, pad))
        weight = functional.pad(weight, (pad, pad, pad, pad), value=1.0)
        height, width = difference.shape[-2:]
        if min(height, width) <= 2 * radius:
            raise InputError(
                f"the boundary enhancement term needs images larger than {2 * (radius - pad)} pixels, "
                f"got {probs.shape[-2]}×{probs.shape[-1]}"
            )
        if box:
            difference = functional.avg_pool2d(difference, 3, stride=1)
        response = (
            difference[..., :-2, 1:-1]
            + difference[..., 2:, 1:-1]
            + difference[..., 1:-1, :-2]
            + difference[..., 1:-1, 2:]
            - 4.0 * difference[..., 1:-1, 1:-1]
        )
        seen = erode_valid(weight, radius_px=radius)[..., radius:-radius, radius:-radius]
        squares = (response.square() * seen).sum(dim=(1, 2, 3))
        if form == "norm":
            return (torch.sqrt(squares + eps) - math.sqrt(eps)).mean()
        if form != "mean_square":
            raise InputError(f"form must be 'norm' or 'mean_square', got {form!r}")
        return (squares / seen.sum(dim=(1, 2, 3)).clamp(min=1.0)).mean()


def be_loss(
    logits: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    form: Form = "norm",
    box: bool = True,
    border: Border = "box",
    boundary_weight: float = 1.0,
    dice_weight: float = 0.0,
    eps: float = 1e-12,
) -> Tensor:
    r"""Boundary enhancement loss, the "BE" row of the petroglyph paper's table.

    .. math:: L = w_B L_{BE} + w_D L_{Dice}

    The paper does not say how its BE row combines the term with others. We read the row as the **term alone** (box,
    Laplacian, L2 norm), hence ``dice_weight=0``. The original of Yang et al. adds soft Dice; ``boundary_weight`` and
    ``dice_weight`` give any such mixture. Alone, the term does not see a constant offset, so a network may leave large
    areas at any level. The value falls to 0 as the logits approach a perfect prediction.

    Parameters
    ----------
    logits : Tensor of shape (N, 1, H, W), floating
        Before the sigmoid; any range.
    target : Tensor of shape (N, 1, H, W), bool or floating, 0 to 1
        Truth.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Invalid pixels are left out.
    form, box, border, eps
        See `boundary_enhancement_term`.
    boundary_weight, dice_weight : float, >= 0
        Weights of the term and of the soft Dice loss with smoothing 1.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss, 0 or more.

    Raises
    ------
    MismatchError, InputError
        See `boundary_enhancement_term`.

    References
    ----------
    .. [1] Yang et al., boundary enhancement loss, 2020.
    """
    if not (boundary_weight >= 0.0 and dice_weight >= 0.0):
        raise InputError(f"weights must be 0 or more, got boundary {boundary_weight} and Dice {dice_weight}")
    with torch.autocast(device_type=logits.device.type, enabled=False):
        wide, target, _ = prepare_inputs(logits, target, valid)
        term = boundary_enhancement_term(
            torch.sigmoid(wide), target, valid=valid, form=form, box=box, border=border, eps=eps
        )
        loss = boundary_weight * term
        return loss + dice_weight * dice_loss(wide, target, valid=valid) if dice_weight else loss


class BELoss(nn.Module):
    """Thin module around `be_loss`; the parameters are those of the function."""

    def __init__(
        self,
        *,
        form: Form = "norm",
        box: bool = True,
        border: Border = "box",
        boundary_weight: float = 1.0,
        dice_weight: float = 0.0,
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        self.form: Form = form
        self.box = box
        self.border: Border = border
        self.boundary_weight, self.dice_weight = boundary_weight, dice_weight
        self.eps = eps

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `be_loss` of logits and target, both of shape (N, 1, H, W)."""
        return be_loss(
            logits,
            target,
            valid=valid,
            form=self.form,
            box=self.box,
            border=self.border,
            boundary_weight=self.boundary_weight,
            dice_weight=self.dice_weight,
            eps=self.eps,
        )
