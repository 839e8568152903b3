"""Res-UNet, the network of the craquelure paper: a ResNet-50 with the decoder of a U-Net."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import InputError
from graven.nets.blocks import check_input, decoder_blocks, he_init
from graven.nets.optional import create_timm

__all__ = ["Pool", "ResUNet"]

Pool = Literal["ceil", "padded"]
ENCODER_WIDTHS = (64, 128, 256, 512)
DECODER_WIDTHS = (512, 256, 128, 64, 64)


class ResUNet(nn.Module):
    """Five features of a ResNet, joined on the way up by pairs of 3×3 convolutions with bias and without norm.

    Parameters
    ----------
    in_channels : int
        Channels of the input image.
    n_classes : int
        Channels of the output logits; the paper has background, craquelure and paint loss.
    encoder : str
        A ResNet of timm.
    encoder_weights : str, optional
        Published weights of that encoder by their timm tag, such as ``tv_in1k``, fetched when the network is built;
        that needs a connection, or an earlier fetch. Without a name the weights are random.
    pool : {"ceil", "padded"}
        Max-pooling of the encoder's first step: without padding, the last window reaching beyond the border, as in the
        code behind the paper, or with one pixel of padding, as in torchvision and where `encoder_weights` were learned.
        The sizes are the same.
    align_corners : bool
        Whether upsampling keeps the corners in place, as in that code, or the half-pixel centres.
    narrowing : int
        Channels of encoder and decoder are divided by it, those of the first convolution excepted; 4 makes a network
        of 2.8 million parameters with ResNet-50 and of 1.3 million with ResNet-18, which two processor cores can train.

    Raises
    ------
    InputError
        If the narrowing is no divisor of the channels, or is asked for together with published weights.
    UsageError
        If timm does not know the encoder or the weights, or cannot fetch them.
    MissingExtra
        If timm is not installed.

    Notes
    -----
    43,932,931 parameters as it stands: 23,508,032 of the encoder and 20,424,899 of the decoder. The paper claims fewer
    than U-Net; with this decoder there are more, but few of its layers are at full size. "Copy and crop" crops nothing,
    since all convolutions keep the size.

    References
    ----------
    .. [1] Craquelure segmentation with Res-UNet, section on the network.
    .. [2] He et al., Deep Residual Learning for Image Recognition, CVPR 2016, with the stride on the 3×3 convolution.
    """

    def __init__(
        self,
        in_channels: int = 3,
        n_classes: int = 3,
        *,
        encoder: str = "resnet50",
        encoder_weights: str | None = None,
        pool: Pool = "ceil",
        align_corners: bool = True,
        narrowing: int = 1,
    ) -> None:
        super().__init__()
        if narrowing < 1 or DECODER_WIDTHS[-1] % narrowing:
            raise InputError(f"narrowing must divide {DECODER_WIDTHS[-1]}, got {narrowing}; take 1, 2, 4 or 8")
        if narrowing > 1 and encoder_weights is not None:
            raise InputError("published weights belong to the full width; leave out encoder_weights or narrowing")
        if pool not in ("ceil", "padded"):
            raise InputError(f"pool must be 'ceil' or 'padded', got {pool!r}")
        if not encoder.startswith("resnet"):
            raise InputError(f"ResUNet is built on a ResNet such as resnet50, got {encoder!r}; see TimmUNet for others")
        narrowed = {} if narrowing == 1 else {"channels": tuple(width // narrowing for width in ENCODER_WIDTHS)}
        self.encoder = create_timm(
            encoder, weights=encoder_weights, features_only=True, in_chans=in_channels, **narrowed
        )
        if pool == "ceil":
            self.encoder.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.in_channels = in_channels
        self.multiple = 32
        self.align_corners = align_corners
        widths = tuple(width // narrowing for width in DECODER_WIDTHS)
        self.decoder = decoder_blocks(self.encoder.feature_info.channels(), widths, norm=None)
        self.head = nn.Conv2d(widths[-1], n_classes, 1)
        he_init(self.decoder)
        he_init(self.head)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits for a standardised image.

        Parameters
        ----------
        x : Tensor of shape (N, in_channels, H, W), float32
            Standardised image; H and W are multiples of 32.

        Returns
        -------
        Tensor of shape (N, n_classes, H, W), float32
            Logits.

        Raises
        ------
        InputError
            If the size is no multiple; the message says to which size to pad.
        """
        check_input(x, in_channels=self.in_channels, multiple=self.multiple, name="ResUNet")
        maps: list[Tensor] = self.encoder(x)
        x = maps[-1]
        skips: list[Tensor | None] = [*reversed(maps[:-1]), None]
        for block, skip in zip(self.decoder, skips, strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=self.align_corners)
            x = block(x if skip is None else torch.cat([x, skip], dim=1))
        logits: Tensor = self.head(x)
        return logits
