"""Parts that the networks share: size check, He initialisation, convolution with norm, residual block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import Tensor, nn

from graven.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ConvNormAct", "NormName", "ResidualBlock", "check_input", "decoder_blocks", "he_init", "make_norm"]

NormName = Literal["batch", "group"] | None


def check_input(x: Tensor, *, in_channels: int, multiple: int, name: str) -> None:
    """Refuse a batch that the network cannot process, and say to which size it must be padded.

    Skipped while the network is traced for export, where sizes are symbols.

    Parameters
    ----------
    x : Tensor of shape (N, C, H, W)
        The batch.
    in_channels : int
        Number of channels the network was built for.
    multiple : int, pixels
        Height and width must be multiples of it.
    name : str
        Network named in the message.

    Raises
    ------
    InputError
        If the rank, the channels or the size do not fit.
    """
    if torch.compiler.is_compiling():
        return
    if x.ndim != 4:
        raise InputError(f"{name} expects a batch (N, {in_channels}, H, W), got shape {tuple(x.shape)}; add the axis")
    channels, height, width = x.shape[1:]
    if channels != in_channels:
        raise InputError(
            f"{name} was built for {in_channels} channels, got {channels}; build it with in_channels={channels}"
        )
    if height % multiple or width % multiple:
        padded = (-(-height // multiple) * multiple, -(-width // multiple) * multiple)
        raise InputError(
            f"{name} expects height and width divisible by {multiple}, got {height}×{width}; "
            f"pad to {padded[0]}×{padded[1]} and crop the result"
        )


def he_init(net: nn.Module, *, generator: torch.Generator | None = None) -> None:
    """Draw all convolution and linear weights anew after He et al. (fan in, ReLU), biases zero, norms one.

    Parameters
    ----------
    net : nn.Module
        Changed in place.
    generator : torch.Generator, optional
        Source of the draw; the same seed gives the same weights. Without one the default of torch is used.

    References
    ----------
    .. [1] He et al., Delving Deep into Rectifiers, ICCV 2015, eq. (10).
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm) and module.affine:
            nn.init.ones_(cast("Tensor", module.weight))
            nn.init.zeros_(cast("Tensor", module.bias))


def make_norm(norm: NormName, channels: int) -> nn.Module:
    """Return the normalisation layer of that name: batch, group (up to 8 groups) or identity."""
    if norm is None:
        return nn.Identity()
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "group":
        groups = next(n for n in (8, 4, 2, 1) if channels % n == 0)
        return nn.GroupNorm(groups, channels)
    raise UsageError(f"unknown normalisation {norm!r}; choose 'batch', 'group' or None")


class ConvNormAct(nn.Sequential):
    """Convolution, normalisation and ReLU; the convolution has a bias only where no norm follows.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    kernel : int, pixels
        Odd side of the kernel; zero padding keeps the size.
    stride : int, pixels
        Step of the convolution.
    groups : int
        Groups of the convolution.
    norm : {"batch", "group"} or None
        Normalisation between convolution and activation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
        norm: NormName = "batch",
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=norm is None),
            make_norm(norm, out_channels),
            nn.ReLU(inplace=True),
        )


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions added to a shortcut; the basic block of ResNet with the pooled shortcut of ResNet-D.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    stride : {1, 2}, pixels
        With 2 the result has half the size.
    norm : {"batch", "group"} or None
        Normalisation after each convolution.

    References
    ----------
    .. [1] He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
    .. [2] He et al., Bag of Tricks for Image Classification, CVPR 2019, fig. 2c.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, norm: NormName = "batch") -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNormAct(in_channels, out_channels, stride=stride, norm=norm),
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=norm is None),
            make_norm(norm, out_channels),
        )
        shortcut: list[nn.Module] = []
        if stride != 1:
            shortcut.append(nn.AvgPool2d(stride))
        if in_channels != out_channels:
            shortcut.append(nn.Conv2d(in_channels, out_channels, 1, bias=norm is None))
            shortcut.append(make_norm(norm, out_channels))
        self.shortcut = nn.Sequential(*shortcut)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output of shape (N, out_channels, H / stride, W / stride)."""
        out: Tensor = self.act(self.body(x) + self.shortcut(x))
        return out


def decoder_blocks(channels: Sequence[int], widths: Sequence[int], *, norm: NormName) -> nn.ModuleList:
    """Build the steps of a U-Net decoder: two convolutions each, after the features of the same size were joined.

    Parameters
    ----------
    channels : sequence of int
        Of the features, from the largest map to the smallest.
    widths : sequence of int
        Channels after each step, from the smallest map up; one per map, the last step has no features to join.
    norm : {"batch", "group"} or None
        As in `make_norm`.

    Returns
    -------
    nn.ModuleList
        The steps, in the order in which they run.
    """
    *shallow, previous = channels
    blocks: list[nn.Module] = []
    for skip, width in zip([*reversed(shallow), 0], widths, strict=True):
        first = ConvNormAct(previous + skip, width, norm=norm)
        blocks.append(nn.Sequential(first, ConvNormAct(width, width, norm=norm)))
        previous = width
    return nn.ModuleList(blocks)
