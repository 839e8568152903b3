"""Networks of segmentation-models-pytorch behind our size check and with random weights only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import UsageError
from graven.nets.blocks import check_input
from graven.nets.optional import import_smp

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MCDM", "SmpDeepLabV3Plus", "SmpNet", "SmpPSPNet", "SmpUNet"]


class SmpNet(nn.Module):
    """Any network of segmentation-models-pytorch; the library is imported when the network is built.

    Parameters
    ----------
    architecture : str
        Class of the library.
    in_channels : int
        Channels of the input image.
    n_classes : int
        Channels of the output logits.
    encoder : str
        Name of an encoder of the library.
    multiple : int, pixels
        Height and width of the input must be multiples of it.
    **options
        Further options of that class.

    Raises
    ------
    MissingExtra
        If the library is not installed.
    UsageError
        If it does not know the encoder or cannot build it as asked.
    """

    def __init__(
        self, architecture: str, *, in_channels: int, n_classes: int, encoder: str, multiple: int, **options: Any
    ) -> None:
        super().__init__()
        smp = import_smp()
        names = smp.encoders.get_encoder_names()
        if encoder not in names and not encoder.startswith("tu-"):
            raise UsageError(
                f"segmentation-models-pytorch has no encoder {encoder!r}; choose one of {', '.join(sorted(names))}, "
                "or 'tu-' and a timm name"
            )
        try:
            self.net = getattr(smp, architecture)(
                encoder_name=encoder, encoder_weights=None, in_channels=in_channels, classes=n_classes, **options
            )
        except (RuntimeError, ValueError, KeyError) as error:
            raise UsageError(f"segmentation-models-pytorch cannot build {encoder!r} as asked: {error}") from error
        self.in_channels = in_channels
        self.multiple = multiple

    @property
    def encoder(self) -> nn.Module:
        """The part that extracts features."""
        return cast("nn.Module", self.net.encoder)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of shape (N, n_classes, H, W) for a standardised image (N, in_channels, H, W).

        Raises
        ------
        InputError
            If height or width is no multiple of `multiple`; the message says to which size to pad.
        """
        check_input(x, in_channels=self.in_channels, multiple=self.multiple, name=type(self).__name__)
        logits: Tensor = self.net(x)
        return logits


class SmpUNet(SmpNet):
    """A U-Net of segmentation-models-pytorch.

    Parameters
    ----------
    in_channels, n_classes, encoder
        As in `SmpNet`.
    depth : int, 3 to 5
        Number of halvings; the input must be a multiple of ``2 ** depth``.

    Raises
    ------
    MissingExtra, UsageError
        As in `SmpNet`, or if the depth is another.
    """

    def __init__(self, in_channels: int = 3, n_classes: int = 1, *, encoder: str = "resnet18", depth: int = 5) -> None:
        if not 3 <= depth <= 5:
            raise UsageError(f"depth must be 3, 4 or 5, got {depth}")
        super().__init__(
            "Unet",
            in_channels=in_channels,
            n_classes=n_classes,
            encoder=encoder,
            multiple=2**depth,
            encoder_depth=depth,
            decoder_channels=(256, 128, 64, 32, 16)[-depth:],
        )


class SmpDeepLabV3Plus(SmpNet):
    """DeepLabV3+: an atrous pyramid of depthwise separable convolutions, joined with the features at a quarter.

    Parameters
    ----------
    in_channels, n_classes, encoder
        As in `SmpNet`.
    output_stride : {8, 16}
        What the deepest features are smaller by; the input must be a multiple of it.
    rates : sequence of three int
        Dilations of the pyramid. Those of the paper belong to stride 16; it doubles them at 8.
    width : int
        Channels of pyramid and decoder.

    Raises
    ------
    MissingExtra, UsageError
        As in `SmpNet`, or if the stride or the rates are not as they must be.

    References
    ----------
    .. [1] Chen et al., Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation, ECCV 2018.
    """

    def __init__(
        self,
        in_channels: int = 3,
        n_classes: int = 3,
        *,
        encoder: str = "resnet50",
        output_stride: int = 16,
        rates: Sequence[int] = (6, 12, 18),
        width: int = 256,
    ) -> None:
        _check_stride(output_stride)
        if len(rates) != 3 or min(rates) < 1:
            raise UsageError(f"rates must be three dilations of 1 or more, got {tuple(rates)}")
        super().__init__(
            "DeepLabV3Plus",
            in_channels=in_channels,
            n_classes=n_classes,
            encoder=encoder,
            multiple=output_stride,
            encoder_output_stride=output_stride,
            decoder_atrous_rates=tuple(rates),
            decoder_channels=width,
        )


class MCDM(SmpDeepLabV3Plus):
    """MC-DM, the light network that the craquelure paper compares with: DeepLabV3+ on a MobileNetV2.

    Only its abstract is known to us: MobileNetV2, atrous pyramid, depthwise separable convolutions, fusion with
    low-level features. All else is that of DeepLabV3+.

    Parameters
    ----------
    in_channels, n_classes, output_stride, rates, width
        As in `SmpDeepLabV3Plus`.

    Raises
    ------
    MissingExtra, UsageError
        As in `SmpDeepLabV3Plus`.

    Notes
    -----
    4,379,027 parameters as it stands.

    References
    ----------
    .. [1] Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018.
    """

    def __init__(
        self,
        in_channels: int = 3,
        n_classes: int = 3,
        *,
        output_stride: int = 16,
        rates: Sequence[int] = (6, 12, 18),
        width: int = 256,
    ) -> None:
        super().__init__(
            in_channels, n_classes, encoder="mobilenet_v2", output_stride=output_stride, rates=rates, width=width
        )


class SmpPSPNet(SmpNet):
    """PSPNet: means over 1, 4, 9 and 36 parts of the image beside the deepest features.

    Parameters
    ----------
    in_channels, n_classes, encoder
        As in `SmpNet`; the encoder is a ResNet or another that can be dilated.
    output_stride : {8, 16}
        What the deepest features are smaller by; the input must be a multiple of it.
    width : int
        Channels after the pyramid.

    Raises
    ------
    MissingExtra, UsageError
        As in `SmpNet`, or if the stride is another.

    Notes
    -----
    The encoder is dilated as in the paper; the library alone would stop after its third stage.

    References
    ----------
    .. [1] Zhao et al., Pyramid Scene Parsing Network, CVPR 2017.
    """

    def __init__(
        self,
        in_channels: int = 3,
        n_classes: int = 3,
        *,
        encoder: str = "resnet50",
        output_stride: int = 8,
        width: int = 512,
    ) -> None:
        _check_stride(output_stride)
        super().__init__(
            "PSPNet",
            in_channels=in_channels,
            n_classes=n_classes,
            encoder=encoder,
            multiple=output_stride,
            encoder_depth=5,
            output_stride=output_stride,
            upsampling=output_stride,
            psp_out_channels=width,
        )
        blocks: Any = cast("Any", self.net).decoder.psp.blocks
        for index, block in enumerate(blocks):
            blocks[index] = _Parts(block.pool_size, block.pool[1])


class _Parts(nn.Module):
    """Means over n × n parts of a map, convolved and enlarged again.

    It does what the library's block does, which an exported graph would do at a single size only.
    """

    def __init__(self, n: int, conv: nn.Module) -> None:
        super().__init__()
        self.n = n
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        means = _part_means(size[0], self.n, x) @ x @ _part_means(size[1], self.n, x).mT
        return functional.interpolate(self.conv(means), size=size, mode="bilinear", align_corners=True)


def _part_means(length: int, n: int, like: Tensor) -> Tensor:
    """Return the weights (n, length) that take the mean of each of n parts, as adaptive pooling cuts them.

    Part i runs from ``floor(i * length / n)`` to ``ceil((i + 1) * length / n)``; here without a division.
    """
    places = torch.arange(length, device=like.device)
    parts = torch.arange(n, device=like.device)[:, None]
    inside = ((places + 1) * n > parts * length) & (places * n < (parts + 1) * length)
    weights = inside.to(like.dtype)
    return weights / weights.sum(dim=1, keepdim=True)


def _check_stride(output_stride: int) -> None:
    if output_stride not in (8, 16):
        raise UsageError(f"output_stride must be 8 or 16, got {output_stride}")
