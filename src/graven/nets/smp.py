"""Networks of segmentation-models-pytorch behind our size check and with random weights only."""

from __future__ import annotations

from torch import Tensor, nn

from graven.errors import UsageError
from graven.nets.blocks import check_input
from graven.nets.optional import import_smp

__all__ = ["SmpUNet"]


class SmpUNet(nn.Module):
    """A U-Net of segmentation-models-pytorch; the library is imported when the network is built.

    Parameters
    ----------
    in_channels : int
        Channels of the input image.
    n_classes : int
        Channels of the output logits.
    encoder : str
        Name of an encoder of the library.
    depth : int, 3 to 5
        Number of halvings; the input must be a multiple of ``2 ** depth``.

    Raises
    ------
    MissingExtra
        If the library is not installed.
    UsageError
        If it does not know the encoder or cannot build it at that depth.
    """

    def __init__(self, in_channels: int = 3, n_classes: int = 1, *, encoder: str = "resnet18", depth: int = 5) -> None:
        super().__init__()
        if not 3 <= depth <= 5:
            raise UsageError(f"depth must be 3, 4 or 5, got {depth}")
        smp = import_smp()
        names = smp.encoders.get_encoder_names()
        if encoder not in names and not encoder.startswith("tu-"):
            raise UsageError(
                f"segmentation-models-pytorch has no encoder {encoder!r}; choose one of {', '.join(sorted(names))}, "
                "or 'tu-' and a timm name"
            )
        try:
            self.net = smp.Unet(
                encoder_name=encoder,
                encoder_weights=None,
                encoder_depth=depth,
                decoder_channels=(256, 128, 64, 32, 16)[-depth:],
                in_channels=in_channels,
                classes=n_classes,
            )
        except (RuntimeError, ValueError, KeyError) as error:
            raise UsageError(f"segmentation-models-pytorch cannot build {encoder!r} as asked: {error}") from error
        self.in_channels = in_channels
        self.multiple = 2**depth

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of shape (N, n_classes, H, W) for a standardised image (N, in_channels, H, W).

        Raises
        ------
        InputError
            If height or width is no multiple of ``2 ** depth``; the message says to which size to pad.
        """
        check_input(x, in_channels=self.in_channels, multiple=self.multiple, name="SmpUNet")
        logits: Tensor = self.net(x)
        return logits
