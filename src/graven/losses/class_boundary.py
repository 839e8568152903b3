"""Boundary loss: a wrong pixel costs as much as it is far from the true edge of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from graven.errors import InputError
from graven.losses.classes import ClassPixels, chosen_classes, class_pixels, pixel_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["ClassBoundaryLoss", "class_boundary_loss", "class_boundary_term", "edge_distance"]


def edge_distance(
    inside: NDArray[np.bool_], *, valid: NDArray[np.bool_], max_distance_px: float
) -> NDArray[np.float32]:
    """Measure how far every pixel is from the edge of an area, on either side.

    The edge runs between pixels, so the two pixels beside it are half a pixel away, and a line one pixel wide counts.

    Parameters
    ----------
    inside : ndarray of shape (H, W), bool
        The area.
    valid : ndarray of shape (H, W), bool
        False where it is unknown whether a pixel belongs to the area; such pixels make no edge.
    max_distance_px : float, pixels, > 0
        Larger distances are cut to it; so is that to an edge which does not exist.

    Returns
    -------
    ndarray of shape (H, W), float32, pixels
        Distance from the pixel's centre, 0.5 or more unless `max_distance_px` is less.
    """
    to_inside = _distance_to(inside & valid, max_distance_px)
    to_outside = _distance_to(~inside & valid, max_distance_px)
    return np.minimum(np.where(inside, to_outside, to_inside) - np.float32(0.5), np.float32(max_distance_px))


def _distance_to(area: NDArray[np.bool_], nowhere: float) -> NDArray[np.float32]:
    if not area.any():
        return np.full(area.shape, nowhere + 0.5, np.float32)
    distances: NDArray[np.float32] = cv2.distanceTransform(
        (~area).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE, dstType=cv2.CV_32F
    ).astype(np.float32, copy=False)
    return distances


def _distances(pixels: ClassPixels, classes: Sequence[int], max_distance_px: float) -> Tensor:
    """Return `edge_distance` of every image and chosen class, (N, C, H, W), computed on the CPU."""
    numbers, valid = pixels.classes[:, 0].cpu().numpy(), (pixels.weight[:, 0] > 0).cpu().numpy()
    maps = [
        [edge_distance(image == number, valid=known, max_distance_px=max_distance_px) for number in classes]
        for image, known in zip(numbers, valid, strict=True)
    ]
    shape = (len(maps), len(classes), *numbers.shape[-2:])
    return torch.from_numpy(np.asarray(maps, np.float32).reshape(shape)).to(pixels.weight)


def class_boundary_term(
    pixels: ClassPixels, *, classes: Sequence[int] | None = None, max_distance_px: float = 20.0
) -> Tensor:
    """Compute `class_boundary_loss` of tensors that are checked already."""
    if not 0.0 < max_distance_px < float("inf"):
        raise InputError(f"max_distance_px must be positive and finite, got {max_distance_px}")
    n_classes = pixels.log_probs.shape[1]
    chosen = list(chosen_classes(tuple(range(1, n_classes)) if classes is None else tuple(classes), n_classes))
    error = (pixels.probs()[:, chosen] - pixels.truth()[:, chosen]).abs()
    cost = error * (_distances(pixels, chosen, max_distance_px) / max_distance_px)
    return pixel_mean(cost.mean(dim=1, keepdim=True), pixels.weight)


def class_boundary_loss(
    logits: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    classes: Sequence[int] | None = None,
    max_distance_px: float = 20.0,
) -> Tensor:
    r"""Boundary loss of chosen classes.

    .. math:: L = \frac1{|C|\,n}\sum_{c\in C}\sum_i \frac{\min(D_{ci}, D_0)}{D_0}\,|p_{ci} - y_{ci}|

    with the distance *D* from the edge of the true area. It is the integral of [1]_ with its constant part kept:
    :math:`\varphi\,(p - y) = D\,|p - y|` for the signed distance :math:`\varphi` (negative inside), so the gradient is
    that of the paper and the value is 0 for a perfect prediction, and at most 1. Two things differ: distances are cut
    at :math:`D_0` and given as a share of it, so that the value does not grow with the image and a class that an image
    lacks still costs where it is predicted; and the edge runs between pixels, so a crack one pixel wide counts. Errors
    near the edge cost little, so it belongs beside a loss of areas; see `mixed_loss`.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating
        Before the softmax; any range. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W) or (N, H, W), 0 to K - 1
        True class of each pixel.
    valid : Tensor of shape (N, 1, H, W) or (N, H, W), bool, optional
        Invalid pixels are left out and make no edge.
    classes : sequence of int, 0 to K - 1, optional
        Classes that count; all but 0 when left out.
    max_distance_px : float, pixels, > 0
        The :math:`D_0` of the formula.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss; 0 where no pixel is valid.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If an option is out of range, or a valid pixel holds no class number.

    References
    ----------
    .. [1] Kervadec et al., Boundary loss for highly unbalanced segmentation, MIDL 2019, eqs. (3) to (5).

    Examples
    --------
    >>> target = torch.zeros(1, 1, 6, dtype=torch.int64)
    >>> logits = torch.zeros(1, 2, 1, 6)
    >>> logits[:, 1, :, 0], logits[:, 0, :, 1:] = 60.0, 60.0  # one pixel of a class that is not there
    >>> round(float(class_boundary_loss(logits, target)), 6)
    0.166667
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        pixels = class_pixels(logits, target, valid)
        return class_boundary_term(pixels, classes=classes, max_distance_px=max_distance_px)


class ClassBoundaryLoss(nn.Module):
    """Thin module around `class_boundary_loss`; the parameters are those of the function."""

    def __init__(self, *, classes: Sequence[int] | None = None, max_distance_px: float = 20.0) -> None:
        super().__init__()
        self.classes = None if classes is None else tuple(classes)
        self.max_distance_px = max_distance_px

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `class_boundary_loss` of logits (N, K, H, W) and classes (N, 1, H, W)."""
        return class_boundary_loss(
            logits, target, valid=valid, classes=self.classes, max_distance_px=self.max_distance_px
        )
