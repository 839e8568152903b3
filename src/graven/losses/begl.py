"""BEGL: a blurred boundary term beside the balanced cross entropy, the loss of the petroglyph method."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import InputError
from graven.losses.balanced_bce import Beta, Degenerate, balanced_bce_loss
from graven.losses.inputs import erode_valid, prepare_inputs

__all__ = ["BEGLLoss", "Padding", "begl_loss", "begl_terms", "boundary_term", "gaussian_weights", "sobel_magnitude"]

Padding = Literal["reflect", "replicate"]


def gaussian_weights(*, sigma_px: float, size_px: int, normalise: bool = True) -> tuple[float, ...]:
    """Return the 1-D samples of a Gaussian; the 2-D kernel is their outer product.

    Parameters
    ----------
    sigma_px : float, pixels, > 0
        Standard deviation.
    size_px : int, pixels, odd
        Number of samples.
    normalise : bool
        Divide by the sum; otherwise the samples of the density are returned.

    Returns
    -------
    tuple of float
        `size_px` weights.

    Raises
    ------
    InputError
        If `sigma_px` is not positive or `size_px` is not odd.

    Examples
    --------
    >>> [round(w, 6) for w in gaussian_weights(sigma_px=0.8, size_px=3)]
    [0.238994, 0.522011, 0.238994]
    """
    if not sigma_px > 0:
        raise InputError(f"sigma_px must be positive, got {sigma_px}")
    if size_px < 1 or size_px % 2 == 0:
        raise InputError(f"size_px must be odd and positive, got {size_px}")
    radius = size_px // 2
    samples = [math.exp(-0.5 * (i / sigma_px) ** 2) for i in range(-radius, radius + 1)]
    divisor = sum(samples) if normalise else math.sqrt(2 * math.pi) * sigma_px
    return tuple(sample / divisor for sample in samples)


def _weighted_along(x: Tensor, weights: tuple[float, ...], dim: int) -> Tensor:
    """Correlate along one axis with a few weights, without padding."""
    length = x.shape[dim] - len(weights) + 1
    parts = [weight * x.narrow(dim, i, length) for i, weight in enumerate(weights) if weight]
    return torch.stack(parts).sum(dim=0) if len(parts) > 3 else sum(parts[1:], start=parts[0])


def sobel_magnitude(x: Tensor, *, padding: Padding = "reflect", eps: float = 1e-12) -> Tensor:
    r"""Length of the Sobel gradient (weights 1, 2, 1 across and -1, 0, 1 along; no factor 1/8).

    Parameters
    ----------
    x : Tensor of shape (N, 1, H, W), float
        Probability or mask.
    padding : {"reflect", "replicate"}
        Border rule; ``reflect`` mirrors without repeating the border pixel.
    eps : float, >= 0
        Added under the root, which has no derivative at 0.

    Returns
    -------
    Tensor of shape (N, 1, H, W), float
        :math:`\sqrt{S_h^2 + S_v^2 + \epsilon}`.

    References
    ----------
    .. [1] Petroglyph segmentation with BEGL-UNet, eqs. (3)-(5).
    """
    padded = functional.pad(x, (1, 1, 1, 1), mode=padding)
    across = _weighted_along(_weighted_along(padded, (1.0, 2.0, 1.0), -2), (-1.0, 0.0, 1.0), -1)
    down = _weighted_along(_weighted_along(padded, (1.0, 2.0, 1.0), -1), (-1.0, 0.0, 1.0), -2)
    return torch.sqrt(across.square() + down.square() + eps)


def boundary_term(
    probs: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    sigma_px: float = 0.8,
    size_px: int = 3,
    padding: Padding = "reflect",
    eps: float = 1e-12,
) -> Tensor:
    r"""Distance between the blurred edges of prediction and truth.

    .. math:: L_G = \frac1N \sum_n \lVert G(S(y_n)) - G(S(\hat y_n)) \rVert_2

    with the Sobel magnitude *S* and a Gaussian *G*: per image the root of the **sum** of squares over the pixels
    (neither squared nor averaged), then the mean over the batch [1]_. It is 0 for a perfect prediction, of order
    100 for a wrong 512² patch, and is always computed in float32 or wider.

    Parameters
    ----------
    probs : Tensor of shape (N, 1, H, W), floating, 0 to 1
        Probabilities, never thresholded.
    target : Tensor of shape (N, 1, H, W), bool or floating, 0 to 1
        Truth.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Pixels whose filters touch an invalid pixel are left out, so invalid pixels have no influence.
    sigma_px : float, pixels, > 0
        Width of the Gaussian.
    size_px : int, pixels, odd
        Size of its kernel; the weights are renormalised to sum 1.
    padding : {"reflect", "replicate"}
        Border rule of both filters.
    eps : float, >= 0
        Added under both roots and taken off the norm again, so that the gradient is finite and the value still 0 at
        a perfect prediction. With 0 the gradient is undefined where the image is flat.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The term, 0 or more.

    Raises
    ------
    MismatchError, InputError
        See `graven.losses.inputs.prepare_inputs`; also if the image is not larger than the filters' reach.

    References
    ----------
    .. [1] Petroglyph segmentation with BEGL-UNet, eqs. (3)-(8); kernel size, normalisation and border are ours.
    """
    with torch.autocast(device_type=probs.device.type, enabled=False):
        probs, target, weight = prepare_inputs(probs, target, valid)
        weights = gaussian_weights(sigma_px=sigma_px, size_px=size_px)
        radius = size_px // 2
        height, width = probs.shape[-2:]
        if min(height, width) <= max(1, radius):
            raise InputError(
                f"the boundary term mirrors {max(1, radius)} pixels at the border and needs larger images, "
                f"got {height}×{width}"
            )

        def blurred_edges(x: Tensor) -> Tensor:
            edges = sobel_magnitude(x, padding=padding, eps=eps)
            edges = functional.pad(edges, (radius, radius, radius, radius), mode=padding)
            return _weighted_along(_weighted_along(edges, weights, -1), weights, -2)

        difference = blurred_edges(target) - blurred_edges(probs)
        if valid is not None:
            difference = difference * erode_valid(weight, radius_px=1 + radius)
        norm = torch.sqrt(difference.square().sum(dim=(1, 2, 3)) + eps) - math.sqrt(eps)
        return norm.mean()


def begl_terms(
    logits: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    sigma_px: float = 0.8,
    size_px: int = 3,
    padding: Padding = "reflect",
    eps: float = 1e-12,
    beta: Beta = "balanced",
    degenerate: Degenerate = "half",
) -> tuple[Tensor, Tensor]:
    """Return the boundary term and the balanced cross entropy, unweighted, for logs and studies.

    Parameters
    ----------
    logits : Tensor of shape (N, 1, H, W), floating
        Before the sigmoid.
    target : Tensor of shape (N, 1, H, W), bool or floating, 0 to 1
        Truth.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        False where a pixel has no verdict.
    sigma_px, size_px, padding, eps
        See `boundary_term`.
    beta, degenerate
        See `graven.losses.balanced_bce.balanced_bce_loss`.

    Returns
    -------
    boundary : Tensor, scalar
        :math:`L_G`.
    bce : Tensor, scalar
        :math:`L_{BCE}`.
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        wide, target, _ = prepare_inputs(logits, target, valid)
        boundary = boundary_term(
            torch.sigmoid(wide), target, valid=valid, sigma_px=sigma_px, size_px=size_px, padding=padding, eps=eps
        )
        return boundary, balanced_bce_loss(wide, target, valid=valid, beta=beta, degenerate=degenerate)


def begl_loss(
    logits: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    lambda1: float = 0.001,
    lambda2: float = 1.0,
    sigma_px: float = 0.8,
    size_px: int = 3,
    padding: Padding = "reflect",
    eps: float = 1e-12,
    beta: Beta = "balanced",
    degenerate: Degenerate = "half",
) -> Tensor:
    r"""Boundary term and balanced cross entropy, the total of the petroglyph method.

    .. math:: L = \lambda_1 L_G + \lambda_2 L_{BCE}

    The value falls to 0 as the logits approach a perfect prediction.

    Parameters
    ----------
    logits : Tensor of shape (N, 1, H, W), floating
        Before the sigmoid; any range.
    target : Tensor of shape (N, 1, H, W), bool or floating, 0 to 1
        Truth.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Invalid pixels are left out of both terms.
    lambda1, lambda2 : float
        Weights of the boundary term and of the cross entropy.
    sigma_px, size_px, padding, eps
        See `boundary_term`.
    beta, degenerate
        See `graven.losses.balanced_bce.balanced_bce_loss`.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss.

    References
    ----------
    .. [1] Petroglyph segmentation with BEGL-UNet, eq. (10).

    Examples
    --------
    >>> target = torch.zeros(1, 1, 8, 8)
    >>> target[..., 4:] = 1
    >>> float(begl_loss(40 * (2 * target - 1), target)) < 1e-6
    True
    """
    boundary, bce = begl_terms(
        logits,
        target,
        valid=valid,
        sigma_px=sigma_px,
        size_px=size_px,
        padding=padding,
        eps=eps,
        beta=beta,
        degenerate=degenerate,
    )
    return lambda1 * boundary + lambda2 * bce


class BEGLLoss(nn.Module):
    """Thin module around `begl_loss`; the parameters are those of the function."""

    def __init__(
        self,
        *,
        lambda1: float = 0.001,
        lambda2: float = 1.0,
        sigma_px: float = 0.8,
        size_px: int = 3,
        padding: Padding = "reflect",
        eps: float = 1e-12,
        beta: Beta = "balanced",
        degenerate: Degenerate = "half",
    ) -> None:
        super().__init__()
        self.lambda1, self.lambda2 = lambda1, lambda2
        self.sigma_px, self.size_px = sigma_px, size_px
        self.padding: Padding = padding
        self.eps = eps
        self.beta: Beta = beta
        self.degenerate: Degenerate = degenerate

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `begl_loss` of logits and target, both of shape (N, 1, H, W)."""
        return begl_loss(
            logits,
            target,
            valid=valid,
            lambda1=self.lambda1,
            lambda2=self.lambda2,
            sigma_px=self.sigma_px,
            size_px=self.size_px,
            padding=self.padding,
            eps=self.eps,
            beta=self.beta,
            degenerate=self.degenerate,
        )
