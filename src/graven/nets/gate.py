"""Gates: does a patch contain pecking at all, and where did the network look (class activation map)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import UsageError
from graven.nets.blocks import ConvNormAct, NormName, ResidualBlock, check_input, he_init

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CompactGate", "Gate", "Pooling"]

Pooling = Literal["mean", "softmax"]


class Gate(nn.Module):
    r"""One logit per patch from the last feature maps *f*, with the class activation map that explains it.

    The map is :math:`M(x,y) = \sum_k w_k f_k(x,y)`. With ``pooling="mean"`` the logit is the mean of the map plus the
    bias, global average pooling as in [1]_. With ``pooling="softmax"`` it is :math:`\log\,\mathrm{mean}\,e^{M+b}`, a
    soft maximum: one small figure in a large patch is then not averaged away, so the gate needs no enormous
    activations to keep it.

    Subclasses give `features`.

    Parameters
    ----------
    in_channels : int
        Channels of the input image.
    n_features : int
        Channels of the last feature maps.
    pooling : {"mean", "softmax"}
        How the map becomes a logit.
    dropout : float, 0 to 1
        Share of feature channels dropped while training.

    References
    ----------
    .. [1] Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016.
    """

    def __init__(self, *, in_channels: int, n_features: int, pooling: Pooling, dropout: float) -> None:
        super().__init__()
        if pooling not in ("mean", "softmax"):
            raise UsageError(f"unknown pooling {pooling!r}; choose 'mean' or 'softmax'")
        self.in_channels = in_channels
        self.multiple = 32
        self.pooling = pooling
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Linear(n_features, 1)

    def features(self, x: Tensor) -> Tensor:
        """Return the last feature maps, of shape (N, K, h, w)."""
        raise NotImplementedError

    def forward_with_cam(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit and the map that it was pooled from.

        Parameters
        ----------
        x : Tensor of shape (N, in_channels, H, W), float32
            Standardised patches; H and W are multiples of `multiple`.

        Returns
        -------
        logits : Tensor of shape (N, 1), float32
            Positive means that the patch is kept at threshold 0.5.
        cam : Tensor of shape (N, 1, h, w), float32
            Class activation map without the bias, on the grid of the last features; enlarge it bilinearly.

        Raises
        ------
        InputError
            If channels or size do not fit.
        """
        check_input(x, in_channels=self.in_channels, multiple=self.multiple, name=type(self).__name__)
        maps = self.dropout(self.features(x))
        cam = functional.conv2d(maps, self.classifier.weight[:, :, None, None])
        bias = self.classifier.bias
        if self.pooling == "mean":
            return cam.mean(dim=(2, 3)) + bias, cam
        peak = cam.amax(dim=(2, 3), keepdim=True)
        pooled = torch.log(torch.exp(cam - peak).mean(dim=(2, 3))) + peak[:, :, 0, 0]
        return pooled + bias, cam

    def cell_logits(self, cam: Tensor) -> Tensor:
        r"""Bring a class activation map to one scale for all patches: the logit that each cell alone would answer.

        Parameters
        ----------
        cam : Tensor of shape (N, 1, h, w), float32
            From `forward_with_cam`.

        Returns
        -------
        Tensor of shape (N, 1, h, w), float32
            :math:`M + b`; under soft-maximum pooling of *n* cells :math:`M + b - \ln n`.

        Notes
        -----
        The paper scales each map between its own least and largest value. On a patch without pecking that shows noise
        as strongly as it shows a figure elsewhere.
        """
        logits = cam + self.classifier.bias
        if self.pooling == "mean":
            return logits
        return logits - torch.ones_like(cam).sum(dim=(2, 3), keepdim=True).log()

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of shape (N, 1) for patches of shape (N, in_channels, H, W); see `forward_with_cam`."""
        return self.forward_with_cam(x)[0]


class CompactGate(Gate):
    """The gate of the bundle: a narrow residual network on the patch at reduced resolution.

    Parameters
    ----------
    in_channels : int
        Channels of the input image.
    widths : sequence of int
        Channels of the levels at 1/4, 1/8, … of the reduced size.
    depths : sequence of int
        Residual blocks of each level; as long as `widths`.
    reduce : int
        The patch is averaged over squares of this side first: with 2, a 512 px patch is looked at with 256 px.
    pooling : {"mean", "softmax"}
        See `Gate`.
    dropout : float, 0 to 1
        Share of feature channels dropped while training.
    norm : {"batch", "group"} or None
        Normalisation.

    Raises
    ------
    UsageError
        If `widths` and `depths` differ in length, a level has no block, or `reduce` is not positive.

    Notes
    -----
    1.2 million parameters.

    Examples
    --------
    >>> gate = CompactGate().eval()
    >>> logits, cam = gate.forward_with_cam(torch.zeros(2, 3, 512, 512))
    >>> logits.shape, cam.shape
    (torch.Size([2, 1]), torch.Size([2, 1, 8, 8]))
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        widths: Sequence[int] = (24, 48, 96, 160),
        depths: Sequence[int] = (1, 1, 2, 2),
        reduce: int = 2,
        pooling: Pooling = "softmax",
        dropout: float = 0.0,
        norm: NormName = "batch",
    ) -> None:
        if len(widths) != len(depths) or not widths or min(depths) < 1 or reduce < 1:
            raise UsageError(
                "CompactGate needs as many depths as widths, all of them >= 1, and reduce >= 1; "
                f"got widths={tuple(widths)}, depths={tuple(depths)}, reduce={reduce}"
            )
        super().__init__(in_channels=in_channels, n_features=widths[-1], pooling=pooling, dropout=dropout)
        self.multiple = reduce * 2 ** (len(widths) + 1)
        self.reduce = reduce
        self.stem = ConvNormAct(16 * in_channels, widths[0], norm=norm)
        blocks: list[nn.Module] = []
        previous = widths[0]
        for level, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for block in range(depth):
                blocks.append(ResidualBlock(previous, width, stride=2 if level and not block else 1, norm=norm))
                previous = width
        self.body = nn.Sequential(*blocks)
        he_init(self.stem)
        he_init(self.body)

    def features(self, x: Tensor) -> Tensor:
        """Return the last feature maps, at ``1 / multiple`` of the size."""
        if self.reduce > 1:
            x = functional.avg_pool2d(x, self.reduce)
        maps: Tensor = self.body(self.stem(functional.pixel_unshuffle(x, 4)))
        return maps
