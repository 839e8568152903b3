"""Soft clDice: compares lines by their centre lines, so that a gap in a crack costs more than a pixel of width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import InputError
from graven.losses.classes import ClassPixels, chosen_classes, class_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ClDiceLoss", "cldice_loss", "cldice_term", "soft_skeleton"]


def soft_skeleton(x: Tensor, weight: Tensor, *, iterations: int) -> Tensor:
    """Thin a map of probabilities to its ridges by repeated erosion, in a way that gradients pass.

    What an opening removes is ridge; the map is eroded and opened again and the ridges are gathered (algorithm 1 of
    [1]_). Erosion takes the smallest value of a cross of five pixels, dilation the largest of a square of nine.

    Parameters
    ----------
    x : Tensor of shape (N, C, H, W), 0 to 1
        Probabilities, 0 where invalid.
    weight : Tensor of shape (N, 1, H, W)
        1 where valid; what is invalid is treated as what lies outside the image and takes part in no minimum.
    iterations : int, >= 0
        Erosions. A line keeps its centre up to a width of about ``2 * iterations + 2`` pixels.

    Returns
    -------
    Tensor of shape (N, C, H, W), 0 to 1
        The ridges, about one or two pixels wide; 0 where invalid.

    References
    ----------
    .. [1] Shit et al., clDice: a Novel Topology-Preserving Loss Function for Tubular Structure Segmentation, CVPR 2021.
    """
    skeleton = torch.zeros_like(x)
    for _ in range(iterations + 1):
        eroded = _erode(x, weight)
        ridge = functional.relu(x - _dilate(eroded, weight))
        skeleton = skeleton + (1.0 - skeleton) * ridge
        x = eroded
    return skeleton


def _erode(x: Tensor, weight: Tensor) -> Tensor:
    raised = -(x + (1.0 - weight))
    return -torch.maximum(_largest_above(raised), _largest_beside(raised)) * weight


def _dilate(x: Tensor, weight: Tensor) -> Tensor:
    return _largest_beside(_largest_above(x)) * weight


def _largest_above(x: Tensor) -> Tensor:
    """Return the largest of three pixels of a column."""
    return functional.max_pool2d(x, (3, 1), stride=1, padding=(1, 0))


def _largest_beside(x: Tensor) -> Tensor:
    """Return the largest of three pixels of a row."""
    return functional.max_pool2d(x, (1, 3), stride=1, padding=(0, 1))


def cldice_term(
    pixels: ClassPixels, *, classes: Sequence[int] = (1,), iterations: int = 6, smooth: float = 1.0
) -> Tensor:
    """Compute `cldice_loss` of tensors that are checked already."""
    if not smooth > 0.0 or iterations < 0:
        raise InputError(f"clDice needs smooth > 0 and iterations >= 0, got smooth={smooth}, iterations={iterations}")
    chosen = list(chosen_classes(tuple(classes), pixels.log_probs.shape[1]))
    probs, truth = pixels.probs()[:, chosen], pixels.truth()[:, chosen]
    ridges = soft_skeleton(probs, pixels.weight, iterations=iterations)
    true_ridges = soft_skeleton(truth, pixels.weight, iterations=iterations)
    precision = _share_inside(ridges, truth, smooth)
    sensitivity = _share_inside(true_ridges, probs, smooth)
    return 1.0 - (2.0 * precision * sensitivity / (precision + sensitivity)).mean()


def _share_inside(ridges: Tensor, region: Tensor, smooth: float) -> Tensor:
    """Return the share of ridges that lies in a region, per class over the batch."""
    return ((ridges * region).sum(dim=(0, 2, 3)) + smooth) / (ridges.sum(dim=(0, 2, 3)) + smooth)


def cldice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    classes: Sequence[int] = (1,),
    iterations: int = 6,
    smooth: float = 1.0,
) -> Tensor:
    r"""Soft centre-line Dice of thin classes.

    .. math:: L = 1 - \frac1{|C|}\sum_c \frac{2\,T_p T_s}{T_p + T_s},\quad
              T_p = \frac{\sum s(p_c)\, y_c + s_0}{\sum s(p_c) + s_0},\quad
              T_s = \frac{\sum s(y_c)\, p_c + s_0}{\sum s(y_c) + s_0}

    with the soft skeleton *s*: the share of the predicted centre lines that lies in true lines, and the share of the
    true centre lines that is covered. Sums run over the whole batch, per class. It is 0 for a perfect prediction and
    below 1. The width of a line hardly matters to it, so it belongs beside a loss of areas [1]_; see `mixed_loss`.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating
        Before the softmax; any range. Half precision is raised to float32.
    target : Tensor of shape (N, 1, H, W) or (N, H, W), 0 to K - 1
        True class of each pixel.
    valid : Tensor of shape (N, 1, H, W) or (N, H, W), bool, optional
        Invalid pixels are left out; they end lines and areas as the border of the image does.
    classes : sequence of int, 0 to K - 1
        Classes that consist of lines.
    iterations : int, >= 0
        Half the width in pixels of the widest line, rounded up. The time it takes grows with it.
    smooth : float, > 0
        The :math:`s_0` of the formula.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss; 0 where no pixel is valid or no line is in truth and prediction.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If an option is out of range, or a valid pixel holds no class number.

    References
    ----------
    .. [1] Shit et al., clDice: a Novel Topology-Preserving Loss Function for Tubular Structure Segmentation, CVPR 2021.

    Examples
    --------
    >>> target = torch.zeros(1, 9, 9, dtype=torch.int64)
    >>> target[:, 3:6] = 1
    >>> thin = torch.zeros_like(target)
    >>> thin[:, 4] = 1
    >>> logits = 40.0 * torch.stack([1.0 - thin, thin.float()], dim=1)
    >>> float(cldice_loss(logits, target)) < 1e-6  # the same centre line
    True
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        pixels = class_pixels(logits, target, valid)
        return cldice_term(pixels, classes=classes, iterations=iterations, smooth=smooth)


class ClDiceLoss(nn.Module):
    """Thin module around `cldice_loss`; the parameters are those of the function."""

    def __init__(self, *, classes: Sequence[int] = (1,), iterations: int = 6, smooth: float = 1.0) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.iterations, self.smooth = iterations, smooth

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return `cldice_loss` of logits (N, K, H, W) and classes (N, 1, H, W)."""
        return cldice_loss(
            logits, target, valid=valid, classes=self.classes, iterations=self.iterations, smooth=self.smooth
        )
