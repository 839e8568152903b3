"""Parts of the published network of reliefs: two encoders, what joins them, context, and decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.nets.blocks import ConvNormAct, he_init
from graven.nets.optional import create_timm

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Context", "CrossAttention", "ReliefDecoder", "SamBranch", "SwinBranch"]

PHOTO_WIDTH, EDGE_WIDTH = 96, 32
PATCH_PX = 4
N_HEADS = 16
GRIDS = (1, 5)
SAM_WIDTH = 256
SAM_PATCH_PX = 16
SAM_MEAN, SAM_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class _TwoEmbeddings(nn.Module):
    """Cut photograph and edge map into patches of their own, and join their channels."""

    def __init__(self) -> None:
        super().__init__()
        self.photo = nn.Conv2d(3, PHOTO_WIDTH, PATCH_PX, stride=PATCH_PX)
        self.edges = nn.Conv2d(1, EDGE_WIDTH, PATCH_PX, stride=PATCH_PX)
        self.norm_photo, self.norm_edges = nn.LayerNorm(PHOTO_WIDTH), nn.LayerNorm(EDGE_WIDTH)

    def forward(self, photo: Tensor, edges: Tensor) -> Tensor:
        first = self.norm_photo(self.photo(photo).permute(0, 2, 3, 1))
        second = self.norm_edges(self.edges(edges).permute(0, 2, 3, 1))
        return torch.cat([first, second], dim=3)


class SwinBranch(nn.Module):
    """Swin Transformer V2 of width 128 over photograph and edge map (EMSAFormer, ``SwinV2-T-128``).

    Parameters
    ----------
    height, width : int, pixels, multiples of 32
        Size of the pictures.

    Notes
    -----
    Window 8, depths 2-2-6-2, heads 4-8-16-32, stochastic depth up to 0.2, from timm.
    """

    widths = (128, 256, 512, 1024)

    def __init__(self, *, height: int, width: int) -> None:
        super().__init__()
        net = create_timm(
            "swinv2_base_window8_256",
            img_size=(height, width),
            depths=(2, 2, 6, 2),
            drop_path_rate=0.2,
            num_classes=0,
        )
        self.embed = _TwoEmbeddings()
        self.stages = net.layers
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for channels in self.widths)

    def forward(self, photo: Tensor, edges: Tensor) -> list[Tensor]:
        """Give the maps of the four stages, at a 4th to a 32nd of the size, channels first."""
        x = self.embed(photo, edges)
        maps = []
        for stage, norm in zip(self.stages, self.norms, strict=True):
            x = stage(x)
            maps.append(norm(x).permute(0, 3, 1, 2).contiguous())
        return maps


class SamBranch(nn.Module):
    """The frozen image encoder of Segment Anything, and two layers that merge its tokens to those of the other encoder.

    Parameters
    ----------
    side_px : int, pixels, a multiple of 64
        Longer side of the picture; 1024 as published.
    out_channels : int
        Channels after the merges.
    with_weights : bool
        Whether the public weights are fetched.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *, side_px: int, out_channels: int, with_weights: bool) -> None:
        super().__init__()
        self.side_px = side_px
        self.body: Any = create_timm(
            "samvit_base_patch16", weights="sa1b" if with_weights else None, img_size=side_px, num_classes=0
        )
        for part in self.body.parameters():
            part.requires_grad_(requires_grad=False)
        self.merges = nn.ModuleList([_Merge(SAM_WIDTH, out_channels // 2), _Merge(out_channels // 2, out_channels)])
        self.register_buffer("mean", torch.tensor(SAM_MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(SAM_STD).reshape(1, 3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> SamBranch:  # noqa: FBT001, FBT002 - the signature of torch
        """Train the merges; the encoder stays as it is in use."""
        super().train(mode)
        self.body.eval()
        return self

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        """Give tokens (N, T, C), and which of them lie wholly in the padding, (T,) bool."""
        height, width = photo.shape[2:]
        scale = self.side_px / max(height, width)
        size = (round(height * scale), round(width * scale))
        seen = functional.interpolate(photo, size=size, mode="bilinear", align_corners=False, antialias=True)
        seen = functional.pad((seen - self.mean) / self.std, (0, self.side_px - size[1], 0, self.side_px - size[0]))
        with torch.no_grad():
            x: Tensor = self.body.forward_features(seen)
        for merge in self.merges:
            x = merge(x)
        step = self.side_px // x.shape[2]
        at = torch.arange(x.shape[2], device=x.device) * step
        empty = (at[:, None] >= size[0]) | (at[None, :] >= size[1])
        return x.flatten(2).transpose(1, 2), empty.flatten()


class _Merge(nn.Module):
    """Join 2 x 2 neighbours into one token."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(4 * in_channels, out_channels, bias=False)
        self.norm = nn.LayerNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pixel_unshuffle(x, 2).permute(0, 2, 3, 1)
        out: Tensor = self.norm(self.reduce(x)).permute(0, 3, 1, 2)
        return out


class CrossAttention(nn.Module):
    """Let the tokens of one encoder ask those of another; begins as the identity.

    Parameters
    ----------
    channels : int
        Of both.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm_query, self.norm_key, self.norm_mlp = (nn.LayerNorm(channels) for _ in range(3))
        self.attend = nn.MultiheadAttention(channels, N_HEADS, batch_first=True)
        narrow = nn.Linear(2 * channels, channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), narrow)
        for last in (self.attend.out_proj, narrow):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, tokens: Tensor, empty: Tensor) -> Tensor:
        """Give a map of the shape of `x` (N, C, h, w); `tokens` are (N, T, C), and `empty` ones answer nothing."""
        query = x.flatten(2).transpose(1, 2)
        key = self.norm_key(tokens)
        mask = empty.expand(len(key), -1)
        found, _ = self.attend(self.norm_query(query), key, key, key_padding_mask=mask, need_weights=False)
        query = query + found
        query = query + self.mlp(self.norm_mlp(query))
        out: Tensor = query.transpose(1, 2).reshape(x.shape)
        return out


class Context(nn.Module):
    """Pyramid pooling: what the whole picture and its fifths look like, beside every point.

    Parameters
    ----------
    channels : int
        Before and after.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(ConvNormAct(channels, channels // len(GRIDS), kernel=1) for _ in GRIDS)
        self.join = ConvNormAct(2 * channels, channels, kernel=1)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """Give a map of the shape of `x`."""
        around = [
            functional.interpolate(
                branch(functional.adaptive_avg_pool2d(x, grid)), size=x.shape[2:], mode="bilinear", align_corners=False
            )
            for grid, branch in zip(GRIDS, self.branches, strict=True)
        ]
        out: Tensor = self.join(torch.cat([x, *around], dim=1))
        return out


class ReliefDecoder(nn.Module):
    """Enlarge five times by two, joining the maps of the encoder at the first three.

    Parameters
    ----------
    widths : sequence of 4 int
        Channels of the encoder's maps.
    out_channels : int
        Channels of the answer.
    """

    def __init__(self, widths: Sequence[int], out_channels: int) -> None:
        super().__init__()
        *skips, deep = widths
        steps, previous = [], deep
        for skip in reversed(skips):
            steps.append(_Step(previous, skip, skip))
            previous = skip
        for _ in range(2):
            steps.append(_Step(previous, 0, previous // 2))
            previous //= 2
        self.steps = nn.ModuleList(steps)
        self.head = nn.Conv2d(previous, out_channels, 1)
        he_init(self)

    def forward(self, deep: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """Give the answer at full size."""
        joined: list[Tensor | None] = [*reversed(skips), None, None]
        x = deep
        for step, skip in zip(self.steps, joined, strict=True):
            x = step(x, skip)
        out: Tensor = self.head(x)
        return out


class _Step(nn.Module):
    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
        blocks = [ConvNormAct(out_channels + skip_channels, out_channels)]
        if skip_channels:
            blocks.append(ConvNormAct(out_channels, out_channels))
        self.convs = nn.Sequential(*blocks)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        x = self.enlarge(x)
        out: Tensor = self.convs(x if skip is None else torch.cat([x, skip], dim=1))
        return out
