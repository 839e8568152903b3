"""SegNet: on its way up every value returns to the pixel that it came from when the map was pooled."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import UsageError
from graven.nets.blocks import ConvNormAct, NormName, check_input, he_init

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SegNet", "pool_with_places", "put_back"]


def pool_with_places(x: Tensor) -> tuple[Tensor, Tensor]:
    """Take the largest value of every square of 2×2 pixels, and note where it stood.

    Written without pooling indices, which few engines can run.

    Parameters
    ----------
    x : Tensor of shape (N, C, H, W)
        Map with even sides.

    Returns
    -------
    pooled : Tensor of shape (N, C, H / 2, W / 2)
        The largest values.
    places : Tensor of shape (N, C, 4, H / 2, W / 2)
        1 at the place of the largest value, row by row, and 0 at the three others; the first one wins a tie.
    """
    n, channels, height, width = x.shape
    cells = functional.pixel_unshuffle(x, 2).reshape(n, channels, 4, height // 2, width // 2)
    numbers = torch.arange(4, device=x.device).view(1, 1, 4, 1, 1)
    places = (cells.argmax(dim=2, keepdim=True) == numbers).to(x.dtype)
    return (cells * places).sum(dim=2), places


def put_back(x: Tensor, places: Tensor) -> Tensor:
    """Put every value where `pool_with_places` had found one, between zeros.

    Parameters
    ----------
    x : Tensor of shape (N, C, H, W)
        Small map.
    places : Tensor of shape (N, C, 4, H, W)
        From `pool_with_places`.

    Returns
    -------
    Tensor of shape (N, C, 2 H, 2 W)
        Large map, three quarters zeros.
    """
    return functional.pixel_shuffle((x.unsqueeze(2) * places).flatten(1, 2), 2)


class SegNet(nn.Module):
    """The convolutions of VGG-16 and their mirror image, joined by the places of the pooled pixels alone.

    Parameters
    ----------
    in_channels : int
        Channels of the input image.
    n_classes : int
        Channels of the output logits.
    widths : sequence of int
        Channels of the levels from full size down.
    depths : sequence of int, >= 1
        Convolutions of each level, on the way down as on the way up; as long as `widths`.
    norm : {"batch", "group"} or None
        Normalisation.

    Raises
    ------
    UsageError
        If `widths` and `depths` do not belong together.

    Notes
    -----
    29.4 million parameters as it stands.

    References
    ----------
    .. [1] Badrinarayanan et al., SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation,
       IEEE TPAMI, 2017.

    Examples
    --------
    >>> net = SegNet(widths=(8, 16), depths=(1, 2)).eval()
    >>> net(torch.zeros(1, 3, 8, 12)).shape
    torch.Size([1, 3, 8, 12])
    """

    def __init__(
        self,
        in_channels: int = 3,
        n_classes: int = 3,
        *,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        depths: Sequence[int] = (2, 2, 3, 3, 3),
        norm: NormName = "batch",
    ) -> None:
        super().__init__()
        if not widths or len(widths) != len(depths) or min(depths) < 1:
            raise UsageError(
                "SegNet needs at least one width and as many depths of 1 or more; "
                f"got widths={tuple(widths)}, depths={tuple(depths)}"
            )
        self.in_channels = in_channels
        self.multiple = 2 ** len(widths)
        before = (in_channels, *widths[:-1])
        self.encoder = nn.ModuleList(
            [_convolutions(a, [b] * depth, norm) for a, b, depth in zip(before, widths, depths, strict=True)]
        )
        # The last convolution of a level gives the channels of the level above; at full size the head is that one.
        after = [*reversed(widths[:-1]), None]
        self.decoder = nn.ModuleList(
            [
                _convolutions(width, [width] * (depth - 1) + ([] if up is None else [up]), norm)
                for width, depth, up in zip(reversed(widths), reversed(depths), after, strict=True)
            ]
        )
        self.head = nn.Conv2d(widths[0], n_classes, 3, padding=1)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits for a standardised image.

        Parameters
        ----------
        x : Tensor of shape (N, in_channels, H, W), float32
            Standardised image; H and W are multiples of ``2 ** len(widths)`` (32 by default).

        Returns
        -------
        Tensor of shape (N, n_classes, H, W), float32
            Logits.

        Raises
        ------
        InputError
            If the size is no multiple; the message says to which size to pad.
        """
        check_input(x, in_channels=self.in_channels, multiple=self.multiple, name="SegNet")
        noted: list[Tensor] = []
        for block in self.encoder:
            x, places = pool_with_places(block(x))
            noted.append(places)
        for block, places in zip(self.decoder, reversed(noted), strict=True):
            x = block(put_back(x, places))
        logits: Tensor = self.head(x)
        return logits


def _convolutions(in_channels: int, widths: Sequence[int], norm: NormName) -> nn.Sequential:
    return nn.Sequential(*(ConvNormAct(a, b, norm=norm) for a, b in pairwise((in_channels, *widths))))
