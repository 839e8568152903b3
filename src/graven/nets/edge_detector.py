"""The soft-edge detector of the relief method: the four-block Lightweight Dense CNN, with six classes per map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import UsageError
from graven.nets.blocks import check_input

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EdgeDetector"]

MEAN_BGR = (103.939, 116.779, 123.68)
WIDTHS = (16, 32, 64, 96)
HEAD_WIDTH = 16
FUSION_WIDTH = 32


class EdgeDetector(nn.Module):
    """Dense blocks at a half to an eighth of the size, four maps of edges, and their weighted sum.

    Parameters
    ----------
    n_classes : int, >= 1
        Classes of edges; with 1 it is the published detector of 674,500 parameters, with 6 it has 689,560.

    widths : sequence of 4 int
        Channels of the blocks; the published ones by default.

    Raises
    ------
    UsageError
        If there is no class, or not four widths.

    Notes
    -----
    The published network fuses its maps with a softmax over the maps; with several classes that is done for each class.
    The group norm of the fusion takes its mean over the whole picture, so tiles of a picture differ a little from it.

    References
    ----------
    .. [1] Soria et al., LDC: Lightweight Dense CNN for Edge Detection, IEEE Access 2022.
    .. [2] Reconstructing reliefs from old photographs, section on soft-edge detection.

    Examples
    --------
    >>> EdgeDetector().eval()(torch.zeros(1, 3, 32, 40)).shape
    torch.Size([1, 6, 32, 40])
    """

    mean: Tensor

    def __init__(self, *, n_classes: int = 6, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        if n_classes < 1 or len(widths) != len(WIDTHS):
            raise UsageError(f"an edge detector needs a class or more and four widths, got {n_classes} and {widths}")
        self.n_classes, self.multiple = n_classes, 8
        first, second, third, fourth = widths
        self.register_buffer("mean", torch.tensor(MEAN_BGR).reshape(1, 3, 1, 1), persistent=False)
        self.block1 = _double(3, first, stride=2, last_relu=True)
        self.block2 = _double(first, second, stride=1, last_relu=False)
        self.side1 = _project(first, second, stride=2)
        self.side2 = _project(second, third, stride=2)
        self.guide3 = _project(second, third)
        self.block3 = nn.ModuleList([_DenseLayer(second, third), _DenseLayer(third, third)])
        self.wide2 = _project(second, third, stride=2)
        self.guide4 = _project(third, fourth)
        self.block4 = nn.ModuleList([_DenseLayer(third, fourth), *(_DenseLayer(fourth, fourth) for _ in range(2))])
        self.heads = nn.ModuleList(
            _head(width, n_classes, n_doublings=n) for width, n in zip(widths, (1, 1, 2, 3), strict=True)
        )
        self.fusion = _Fusion(n_classes, n_maps=len(widths))
        _init(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the fused logits.

        Parameters
        ----------
        x : Tensor of shape (N, 3, H, W), float32, 0 to 255
            Photograph in RGB, or 255 times a depth in three equal channels; H and W are multiples of 8.

        Returns
        -------
        Tensor of shape (N, n_classes, H, W), float32
            Logits of the classes.

        Raises
        ------
        InputError
            If the size is no multiple of 8.
        """
        check_input(x, in_channels=3, multiple=self.multiple, name="EdgeDetector")
        one = self.block1(x.flip(1) - self.mean)
        two = self.block2(one)
        half = _pool(two)
        joined = half + self.side1(one)
        three = _dense(self.block3, joined, self.guide3(half))
        quarter = _pool(three)
        four = _dense(self.block4, quarter + self.side2(joined), self.guide4(quarter + self.wide2(half)))
        maps = [head(level) for head, level in zip(self.heads, (one, two, three, four), strict=True)]
        out: Tensor = self.fusion(torch.stack(maps, dim=1))
        return out


class _DenseLayer(nn.Module):
    """Two convolutions, averaged with the guide; the first one widens the frame that the second one takes back."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(in_channels, out_channels, 3, padding=2),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        out: Tensor = 0.5 * (self.body(x) + guide)
        return out


class _Fusion(nn.Module):
    """Weigh the maps against each other at every pixel, class by class, and add them up."""

    def __init__(self, n_classes: int, *, n_maps: int) -> None:
        super().__init__()
        channels = n_classes * n_maps
        self.weigh = nn.Sequential(
            nn.Conv2d(channels, FUSION_WIDTH, 3, padding=1),
            nn.GroupNorm(4, FUSION_WIDTH),
            nn.ReLU(),
            nn.Conv2d(FUSION_WIDTH, channels, 3, padding=1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        shares = self.weigh(maps.flatten(1, 2)).unflatten(1, tuple(maps.shape[1:3])).softmax(dim=1)
        out: Tensor = (maps * shares).sum(dim=1)
        return out


def _double(in_channels: int, out_channels: int, *, stride: int, last_relu: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.BatchNorm2d(out_channels),
        *([nn.ReLU()] if last_relu else []),
    )


def _project(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride=stride), nn.BatchNorm2d(out_channels))


def _head(in_channels: int, n_classes: int, *, n_doublings: int) -> nn.Sequential:
    """Enlarge to full size; every kernel spans the whole enlargement, as published."""
    kernel = 2**n_doublings
    layers: list[nn.Module] = []
    for n in range(n_doublings):
        out_channels = n_classes if n == n_doublings - 1 else HEAD_WIDTH
        layers += [
            nn.Conv2d(in_channels, out_channels, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(out_channels, out_channels, kernel, stride=2, padding=kernel // 2 - 1),
        ]
        in_channels = out_channels
    return nn.Sequential(*layers)


def _pool(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 3, stride=2, padding=1)


def _dense(layers: nn.ModuleList, x: Tensor, guide: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x, guide)
    return x


def _init(net: nn.Module) -> None:
    """Draw weights after Glorot, as published; a last ReLU before an enlargement must not begin dead."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
