"""U-Nets whose encoder is any network of timm that gives feature maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import UsageError
from graven.nets.blocks import NormName, check_input, decoder_blocks, he_init
from graven.nets.optional import create_timm

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TimmUNet"]


class TimmUNet(nn.Module):
    """U-Net with a timm encoder, two convolutions per decoder level and bilinear upsampling.

    Parameters
    ----------
    in_channels : int
        Channels of the input image.
    n_classes : int
        Channels of the output logits.
    encoder : str
        Name of a convolutional timm network, such as ``resnet18`` or ``efficientnet_b0``. Weights are random:
        nothing is downloaded.
    decoder_widths : sequence of int
        Channels of the decoder from deep to shallow, one per encoder level in use; with fewer widths than the encoder
        has levels, its deepest levels are not built.
    norm : {"batch", "group"} or None
        Normalisation of the decoder.

    Raises
    ------
    UsageError
        If timm does not know the encoder, it gives no feature pyramid, or the number of widths does not fit.
    MissingExtra
        If timm is not installed.
    """

    def __init__(
        self,
        in_channels: int = 3,
        n_classes: int = 1,
        *,
        encoder: str = "resnet18",
        decoder_widths: Sequence[int] = (128, 64, 32, 16),
        norm: NormName = "batch",
    ) -> None:
        super().__init__()
        n_levels = len(decoder_widths)
        if n_levels < 1:
            raise UsageError("TimmUNet needs at least one decoder width, got none")
        levels = create_timm(encoder, features_only=True, in_chans=in_channels).feature_info.reduction()
        if n_levels > len(levels):
            raise UsageError(
                f"encoder {encoder!r} has {len(levels)} levels, got {n_levels} decoder widths {tuple(decoder_widths)}; "
                "give one per level, or fewer"
            )
        steps = [deep // shallow for shallow, deep in zip([1, *levels], levels, strict=False)]
        if any(step < 1 or step & (step - 1) for step in steps) or len(set(levels)) != len(levels):
            raise UsageError(
                f"encoder {encoder!r} gives maps at 1/{levels} of the size, not a pyramid of powers of two; "
                "choose a convolutional network such as resnet18"
            )
        self.encoder = create_timm(
            encoder, features_only=True, in_chans=in_channels, out_indices=tuple(range(n_levels))
        )
        channels = self.encoder.feature_info.channels()
        self.in_channels = in_channels
        self.multiple = int(levels[n_levels - 1])
        self.steps = [int(step) for step in reversed(steps[:n_levels])]
        self.decoder = decoder_blocks(channels, decoder_widths, norm=norm)
        self.head = nn.Conv2d(decoder_widths[-1], n_classes, 1)
        he_init(self.decoder)
        he_init(self.head)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits for a standardised image.

        Parameters
        ----------
        x : Tensor of shape (N, in_channels, H, W), float32
            Standardised image; H and W are multiples of `multiple`.

        Returns
        -------
        Tensor of shape (N, n_classes, H, W), float32
            Logits.

        Raises
        ------
        InputError
            If the size is no multiple; the message says to which size to pad.
        """
        check_input(x, in_channels=self.in_channels, multiple=self.multiple, name="TimmUNet")
        maps: list[Tensor] = self.encoder(x)
        x = maps[-1]
        skips: list[Tensor | None] = [*reversed(maps[:-1]), None]
        for block, skip, step in zip(self.decoder, skips, self.steps, strict=True):
            if step > 1:
                x = functional.interpolate(x, scale_factor=float(step), mode="bilinear", align_corners=False)
            x = block(x if skip is None else torch.cat([x, skip], dim=1))
        logits: Tensor = self.head(x)
        return logits
