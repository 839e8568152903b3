"""What every loss does first: check the tensors, leave half precision, set invalid pixels aside."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from graven.errors import InputError, MismatchError

__all__ = ["erode_valid", "image_mean", "prepare_inputs"]


def prepare_inputs(preds: Tensor, target: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Check the three tensors of a loss and bring them to one floating type.

    Parameters
    ----------
    preds : Tensor of shape (N, 1, H, W), floating
        Logits or probabilities. Half precision is raised to float32; float64 stays.
    target : Tensor of shape (N, 1, H, W), bool, integer or floating, 0 to 1
        Truth: 1 is foreground.
    valid : Tensor of shape (N, 1, H, W), bool, or None
        False where a pixel has no verdict; None means that all have one.

    Returns
    -------
    preds : Tensor of shape (N, 1, H, W), float32 or float64
        As given, but 0 where invalid, so that nothing there (not even NaN) reaches the result or the gradient.
    target : Tensor of shape (N, 1, H, W), same type
        As given, but 0 where invalid.
    valid : Tensor of shape (N, 1, H, W), same type
        1 where valid, 0 elsewhere.

    Raises
    ------
    MismatchError
        If shapes differ (both are shown).
    InputError
        If the rank or the number of channels is wrong, or `target` leaves 0 to 1, as a 0 / 255 mask does.
    """
    if preds.ndim != 4 or preds.shape[1] != 1:
        raise InputError(f"expected predictions of shape (N, 1, H, W), got {tuple(preds.shape)}; add or drop axes")
    if target.shape != preds.shape:
        raise MismatchError(
            f"target has shape {tuple(target.shape)}, predictions {tuple(preds.shape)}; they must be the same"
        )
    if valid is not None and valid.shape != preds.shape:
        raise MismatchError(
            f"valid has shape {tuple(valid.shape)}, predictions {tuple(preds.shape)}; they must be the same"
        )
    if not preds.is_floating_point():
        raise InputError(f"expected floating predictions, got {preds.dtype}; pass logits, not classes")
    dtype = torch.float64 if preds.dtype == torch.float64 else torch.float32
    preds, target = preds.to(dtype), target.to(dtype)
    if valid is None:
        weight = torch.ones_like(target)
    else:
        keep = valid.to(torch.bool)
        zero = torch.zeros((), dtype=dtype, device=preds.device)
        preds, target, weight = torch.where(keep, preds, zero), torch.where(keep, target, zero), keep.to(dtype)
    if not torch.compiler.is_compiling() and target.numel():
        low, high = (float(v) for v in torch.aminmax(target.detach()))
        if not (low >= 0.0 and high <= 1.0):
            raise InputError(f"target must lie in 0 to 1, got {low:g} to {high:g}; turn a 0/255 mask into bool first")
    return preds, target, weight


def image_mean(per_pixel: Tensor, weight: Tensor) -> Tensor:
    """Return the mean over the valid pixels of each image, then over the images that have any.

    Parameters
    ----------
    per_pixel : Tensor of shape (N, 1, H, W)
        A value per pixel.
    weight : Tensor of shape (N, 1, H, W)
        1 where valid, 0 elsewhere.

    Returns
    -------
    Tensor, scalar
        0 where no image has a valid pixel.
    """
    count = weight.sum(dim=(1, 2, 3))
    per_image = (per_pixel * weight).sum(dim=(1, 2, 3)) / count.clamp(min=1.0)
    return per_image.sum() / (count > 0).sum().clamp(min=1)


def erode_valid(weight: Tensor, *, radius_px: int) -> Tensor:
    """Keep the pixels whose whole square neighbourhood is valid; outside the image counts as valid.

    Parameters
    ----------
    weight : Tensor of shape (N, 1, H, W), floating
        1 where valid, 0 elsewhere.
    radius_px : int, pixels, >= 0
        Half side of the square.

    Returns
    -------
    Tensor of shape (N, 1, H, W), same type
        1 where a filter of that radius has seen valid pixels only.
    """
    if radius_px == 0:
        return weight
    return -functional.max_pool2d(-weight, 2 * radius_px + 1, stride=1, padding=radius_px)
