"""The plain U-Net of the petroglyph paper: double convolutions, max-pooling, bilinear upsampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import UsageError
from graven.nets.blocks import ConvNormAct, NormName, check_input, he_init

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["UNet"]


def _double_conv(in_channels: int, out_channels: int, norm: NormName) -> nn.Sequential:
    return nn.Sequential(
        ConvNormAct(in_channels, out_channels, norm=norm), ConvNormAct(out_channels, out_channels, norm=norm)
    )


class UNet(nn.Module):
    """U-Net with bilinear upsampling (half-pixel centres) and no normalisation by default.

    Parameters
    ----------
    in_channels : int
        Channels of the input image.
    n_classes : int
        Channels of the output logits.
    widths : sequence of int
        Channels of the levels from full size down. The widths of the paper are in a lost figure; 64 to 1024 is the
        usual reading, and 16 to 256 is the quarter-width network of the CPU study.
    norm : {"batch", "group"} or None
        Normalisation; the paper's batch of two speaks for none.

    Notes
    -----
    31,378,945 parameters as it stands; 31,384,833 with ``norm="batch"``, whose convolutions have no bias.

    References
    ----------
    .. [1] Petroglyph segmentation with BEGL-UNet, section on the network.
    .. [2] Ronneberger et al., U-Net, MICCAI 2015.

    Examples
    --------
    >>> net = UNet(widths=(4, 8, 16))
    >>> net(torch.zeros(1, 3, 32, 48)).shape
    torch.Size([1, 1, 32, 48])
    """

    def __init__(
        self,
        in_channels: int = 3,
        n_classes: int = 1,
        *,
        widths: Sequence[int] = (64, 128, 256, 512, 1024),
        norm: NormName = None,
    ) -> None:
        super().__init__()
        if len(widths) < 2:
            raise UsageError(f"UNet needs at least two widths, got {tuple(widths)}")
        self.in_channels = in_channels
        self.multiple = 2 ** (len(widths) - 1)
        before = (in_channels, *widths[:-1])
        self.encoder = nn.ModuleList([_double_conv(a, b, norm) for a, b in zip(before, widths, strict=True)])
        pairs = list(zip(widths[1:], widths[:-1], strict=True))[::-1]
        self.decoder = nn.ModuleList([_double_conv(deep + skip, skip, norm) for deep, skip in pairs])
        self.head = nn.Conv2d(widths[0], n_classes, 1)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits for a standardised image.

        Parameters
        ----------
        x : Tensor of shape (N, in_channels, H, W), float32
            Standardised image; H and W are multiples of ``2 ** (len(widths) - 1)`` (16 by default).

        Returns
        -------
        Tensor of shape (N, n_classes, H, W), float32
            Logits.

        Raises
        ------
        InputError
            If the size is no multiple; the message says to which size to pad.
        """
        check_input(x, in_channels=self.in_channels, multiple=self.multiple, name="UNet")
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for block, skip in zip(self.decoder, reversed(skips[:-1]), strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = block(torch.cat([x, skip], dim=1))
        logits: Tensor = self.head(x)
        return logits
