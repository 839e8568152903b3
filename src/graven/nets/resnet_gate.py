"""The gate of the petroglyph paper: a residual network of usual size from timm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graven.nets.gate import Gate, Pooling
from graven.nets.optional import create_timm

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ResNetGate"]


class ResNetGate(Gate):
    """The gate of the paper: a ResNet with one logit and global average pooling.

    Parameters
    ----------
    in_channels : int
        Channels of the input image.
    encoder : str
        Name of a timm network that gives feature maps.
    pooling : {"mean", "softmax"}
        See `Gate`.
    dropout : float, 0 to 1
        Share of feature channels dropped while training.

    Notes
    -----
    The paper says ResNet without a depth; 18 is our choice. Weights are random: no download is attempted.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        encoder: str = "resnet18",
        pooling: Pooling = "mean",
        dropout: float = 0.0,
    ) -> None:
        body = create_timm(encoder, in_chans=in_channels, num_classes=0, global_pool="")
        super().__init__(in_channels=in_channels, n_features=body.num_features, pooling=pooling, dropout=dropout)
        self.body = body

    def features(self, x: Tensor) -> Tensor:
        """Return the last feature maps, at 1/32 of the size."""
        maps: Tensor = self.body(x)
        return maps
