"""Scale-invariant log loss for depth, as printed and in the variant that is common in code."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from graven.errors import InputError, MismatchError

__all__ = ["LOWEST_DEPTH", "Silog", "SilogLoss", "silog_loss"]

Silog = Literal["printed", "common"]

LOWEST_DEPTH = 1e-3
"""Depths are held above this before the logarithm; a grey level is four times as much."""


def silog_loss(
    preds: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    lambda_depth: float = 0.15,
    variant: Silog = "printed",
) -> Tensor:
    r"""Mean square of the log error, less a share of the square of its mean.

    .. math:: L = \frac1n\sum_i g_i^2 - \frac{\lambda}{n^2}\Bigl(\sum_i g_i\Bigr)^2, \qquad g_i = \ln d_i - \ln d_i^*

    over the *n* valid pixels of the whole batch. A prediction that is *s* times the truth costs
    :math:`(1-\lambda)\ln^2 s`: only :math:`\lambda = 1` does not see scale. The paper prints 0.15 and calls it
    invariant; code in wide use computes :math:`10\sqrt{\operatorname{var} g + 0.15\,\bar g^2}` (``common``), which is
    :math:`\lambda = 0.85` under the root.

    Parameters
    ----------
    preds : Tensor of shape (N, 1, H, W), floating, 0 to 1
        Depth, larger is nearer; held at 0.001 or more. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W), floating, 0 to 1
        True depth, held likewise.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Invalid pixels are left out.
    lambda_depth : float, 0 to 1
        Share of the squared mean: 0.15 as printed. With ``common``, the weight of the squared mean under the root.
    variant : {"printed", "common"}
        Which form; the second takes the unbiased variance.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss; 0 where no pixel is valid.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If `lambda_depth` leaves 0 to 1 or the variant is unknown.

    References
    ----------
    .. [1] Reconstructing reliefs from old photographs, eqs. (3) and (4).
    .. [2] Eigen, Puhrsch and Fergus, NIPS 2014, eq. (4).

    Examples
    --------
    >>> truth = torch.tensor([0.4, 0.2, 0.1]).reshape(1, 1, 1, 3)
    >>> [round(float(silog_loss(2 * truth, truth, lambda_depth=share)), 4) + 0.0 for share in (0.15, 0.85, 1.0)]
    [0.4084, 0.0721, 0.0]
    """
    if preds.shape != target.shape or (valid is not None and valid.shape != preds.shape):
        shapes = [tuple(part.shape) for part in (preds, target, valid) if part is not None]
        raise MismatchError(f"depth, truth and valid mask must have one shape, got {shapes}")
    if not 0.0 <= lambda_depth <= 1.0 or variant not in ("printed", "common"):
        raise InputError(
            f"lambda_depth must lie in 0 to 1 and variant be printed or common, got {lambda_depth} and {variant!r}"
        )
    with torch.autocast(device_type=preds.device.type, enabled=False):
        dtype = torch.float64 if preds.dtype == torch.float64 else torch.float32
        keep = torch.ones_like(preds, dtype=torch.bool) if valid is None else valid.to(torch.bool)
        error = _log(preds.to(dtype)[keep]) - _log(target.to(dtype)[keep])
        n = error.numel()
        if n == 0:
            return preds.to(dtype).sum() * 0
        mean = error.mean()
        if variant == "printed":
            return (error**2).mean() - lambda_depth * mean**2
        spread = ((error - mean) ** 2).sum() / max(n - 1, 1) + lambda_depth * mean**2
        return 10 * spread.clamp(min=torch.finfo(dtype).tiny).sqrt()


def _log(depth: Tensor) -> Tensor:
    return depth.clamp(min=LOWEST_DEPTH).log()


class SilogLoss(nn.Module):
    """Thin module around `silog_loss`; the parameters are those of the function."""

    def __init__(self, *, lambda_depth: float = 0.15, variant: Silog = "printed") -> None:
        super().__init__()
        self.lambda_depth, self.variant = lambda_depth, variant

    def forward(self, preds: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `silog_loss` of depths (N, 1, H, W)."""
        return silog_loss(preds, target, valid=valid, lambda_depth=self.lambda_depth, variant=self.variant)
