"""What every loss over several classes does first: check tensors, leave half precision, set invalid pixels aside."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from graven.errors import InputError, MismatchError

__all__ = ["ClassPixels", "chosen_classes", "class_pixels", "pixel_mean"]


class ClassPixels(NamedTuple):
    """Logits and truth of a batch, checked and brought to one floating type.

    Attributes
    ----------
    log_probs : Tensor of shape (N, K, H, W), float32 or float64
        Logarithm of the softmax over the classes; finite for finite logits. The same for all classes where invalid.
    classes : Tensor of shape (N, 1, H, W), int64
        True class; 0 where invalid.
    weight : Tensor of shape (N, 1, H, W), as `log_probs`
        1 where valid, 0 elsewhere.
    """

    log_probs: Tensor
    classes: Tensor
    weight: Tensor

    def true_log_probs(self) -> Tensor:
        """Return the logarithm of the probability of the true class, (N, 1, H, W)."""
        return self.log_probs.gather(1, self.classes)

    def probs(self) -> Tensor:
        """Return the probability of every class, (N, K, H, W), 0 where invalid."""
        return self.log_probs.exp() * self.weight

    def truth(self) -> Tensor:
        """Return 1 at the true class and 0 at the others, (N, K, H, W), 0 where invalid."""
        return torch.zeros_like(self.log_probs).scatter_(1, self.classes, self.weight)


def class_pixels(logits: Tensor, target: Tensor, valid: Tensor | None) -> ClassPixels:
    """Check the three tensors of a loss over several classes.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating, K >= 2
        Before the softmax. Half precision is raised to float32; float64 stays.
    target : Tensor of shape (N, 1, H, W) or (N, H, W), whole numbers from 0 to K - 1
        True class of each pixel, of any dtype.
    valid : Tensor of shape (N, 1, H, W) or (N, H, W), bool, or None
        False where a pixel has no verdict; None means that all have one. Nothing at invalid pixels (not even NaN or a
        class 255) reaches the result or the gradient.

    Returns
    -------
    ClassPixels
        What the losses are computed from.

    Raises
    ------
    MismatchError
        If shapes differ (both are shown).
    InputError
        If the logits are not floating or have fewer than two classes, or a valid pixel holds no class number.
    """
    if logits.ndim != 4 or logits.shape[1] < 2:
        raise InputError(
            f"expected logits of shape (N, K, H, W) with two classes or more, got {tuple(logits.shape)}; "
            "for one class take a loss such as 'dice' or 'focal'"
        )
    if not logits.is_floating_point():
        raise InputError(f"expected floating logits, got {logits.dtype}; pass logits, not classes")
    target = _per_pixel(target, logits, "target")
    valid = None if valid is None else _per_pixel(valid, logits, "valid").to(torch.bool)
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    logits = logits.to(dtype)
    if valid is not None:
        logits = torch.where(valid, logits, torch.zeros((), dtype=dtype, device=logits.device))
        target = torch.where(valid, target, torch.zeros((), dtype=target.dtype, device=target.device))
    _check_classes(target, logits.shape[1])
    weight = torch.ones_like(logits[:, :1]) if valid is None else valid.to(dtype)
    return ClassPixels(functional.log_softmax(logits, dim=1), target.long(), weight)


def _per_pixel(values: Tensor, logits: Tensor, name: str) -> Tensor:
    """Bring a map to (N, 1, H, W), or show both shapes."""
    n, _, height, width = logits.shape
    if values.shape not in ((n, 1, height, width), (n, height, width)):
        raise MismatchError(
            f"{name} has shape {tuple(values.shape)}, logits {tuple(logits.shape)}; "
            f"expected {(n, 1, height, width)} or {(n, height, width)}"
        )
    return values.reshape(n, 1, height, width)


def _check_classes(target: Tensor, n_classes: int) -> None:
    if not target.numel():
        return
    low, high = (float(v) for v in torch.aminmax(target.to(torch.float32)))
    if not (low >= 0.0 and high <= n_classes - 1):
        raise InputError(
            f"target must hold classes 0 to {n_classes - 1}, got {low:g} to {high:g}; pass ignored pixels as "
            "valid=False, such as valid=(target != 255)"
        )
    if target.is_floating_point() and bool((target != target.round()).any()):
        raise InputError("target must hold whole class numbers, got fractions; resample labels with nearest neighbour")


def chosen_classes(classes: tuple[int, ...], n_classes: int) -> tuple[int, ...]:
    """Return the classes as they are, or say that there are none or that the logits do not have them."""
    if not classes or not all(0 <= number < n_classes for number in classes):
        raise InputError(f"classes must be numbers from 0 to {n_classes - 1}, at least one, got {classes}")
    return classes


def pixel_mean(per_pixel: Tensor, weight: Tensor) -> Tensor:
    """Return the mean over all valid pixels of the batch; 0 where there are none.

    Parameters
    ----------
    per_pixel, weight : Tensor of shape (N, 1, H, W)
        A value per pixel, and 1 where it counts, 0 elsewhere.

    Returns
    -------
    Tensor, scalar
        Every valid pixel weighs the same, whatever its image.
    """
    return (per_pixel * weight).sum() / weight.sum().clamp(min=1.0)
