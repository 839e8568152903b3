"""Networks of the relief method: depth, classes and graded edges from one photograph.

Data flow without a circle: photograph → detector R → edge map → encoder with photograph → (fusion with a second
encoder) → two decoders → depth → detector D. Every network takes RGB of 0 to 255 and answers with
``(depth, semantics, edges_photo, edges_depth)``, the fields of `graven.losses.ReliefOutputs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import UsageError
from graven.nets.blocks import check_input, he_init
from graven.nets.compact import CompactUNet, Up
from graven.nets.edge_detector import EdgeDetector
from graven.nets.relief_parts import Context, CrossAttention, ReliefDecoder, SamBranch, SwinBranch

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["N_EDGES", "CompactRelief", "ReliefNet", "depth_from", "edge_map"]

N_EDGES = 6
MEAN_RGB, STD_RGB = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
LEAST_DEPTH = 1e-3
WHITE = 255.0

Answer = tuple[Tensor, Tensor, "Tensor | None", "Tensor | None"]


def edge_map(logits: Tensor) -> Tensor:
    """Turn graded edges into the picture that an encoder takes: the expected class from 0 to 1, without gradient.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating
        Of a detector.

    Returns
    -------
    Tensor of shape (N, 1, H, W), as `logits`
        The most probable class would have no gradient anyhow, and the detector is taught by its own loss.
    """
    probs = logits.detach().softmax(dim=1)
    numbers = torch.arange(probs.shape[1], dtype=probs.dtype, device=probs.device).reshape(1, -1, 1, 1)
    return (probs * numbers).sum(dim=1, keepdim=True) / (probs.shape[1] - 1)


def depth_from(z: Tensor) -> Tensor:
    """Bring an answer into 0.001 to 0.999, so that logarithms of depth stay finite."""
    return LEAST_DEPTH + (1 - 2 * LEAST_DEPTH) * torch.sigmoid(z)


class _Relief(nn.Module):
    """What all networks of reliefs share: standardisation, and the two detectors around the rest."""

    mean: Tensor
    std: Tensor
    multiple: int

    def __init__(self, *, n_classes: int, edges: bool, detector_widths: Sequence[int]) -> None:
        super().__init__()
        if n_classes < 2:
            raise UsageError(f"a relief needs two classes or more, got {n_classes}")
        self.n_classes = n_classes
        self.register_buffer("mean", torch.tensor(MEAN_RGB).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD_RGB).reshape(1, 3, 1, 1), persistent=False)

        def detector() -> EdgeDetector | None:
            return EdgeDetector(n_classes=N_EDGES, widths=detector_widths) if edges else None

        self.detector_photo, self.detector_depth = detector(), detector()

    def forward(self, photo: Tensor) -> Answer:
        """Answer to photographs.

        Parameters
        ----------
        photo : Tensor of shape (N, 3, H, W), float32, 0 to 255
            RGB; H and W are multiples of `multiple`.

        Returns
        -------
        depth : Tensor of shape (N, 1, H, W), 0.001 to 0.999
            Larger is nearer.
        semantics : Tensor of shape (N, n_classes, H, W)
            Logits of the classes.
        edges_photo, edges_depth : Tensor of shape (N, 6, H, W) or None
            Logits of graded edges, seen in the photograph and in the depth.

        Raises
        ------
        InputError
            If the size is no multiple.
        """
        check_input(photo, in_channels=3, multiple=self.multiple, name=type(self).__name__)
        edges_photo = None if self.detector_photo is None else self.detector_photo(photo)
        hint = photo.new_zeros(photo[:, :1].shape) if edges_photo is None else edge_map(edges_photo)
        z, semantics = self.decode(photo, hint)
        depth = depth_from(z)
        if self.detector_depth is None:
            return depth, semantics, None, None
        return depth, semantics, edges_photo, self.detector_depth((WHITE * depth).expand(-1, 3, -1, -1))

    def decode(self, photo: Tensor, hint: Tensor) -> tuple[Tensor, Tensor]:
        """Give depth before its sigmoid, and logits of the classes."""
        raise NotImplementedError

    def standardised(self, photo: Tensor) -> Tensor:
        """Give the photograph with mean 0 and deviation 1, as ImageNet has them."""
        return (photo - self.mean) / self.std


class ReliefNet(_Relief):
    """The published network: Swin V2 over photograph and edges, SAM beside it, two decoders, two edge detectors.

    Parameters
    ----------
    n_classes : int
        Semantic classes.
    height, width : int, pixels, multiples of 32
        Size of the pictures; position biases of the encoder are made for it.
    sam : bool
        Whether the frozen branch of Segment Anything is there.
    edges : bool
        Whether edges are detected and matched; without, the encoder sees an empty edge map.
    sam_weights : bool
        Whether the public weights of Segment Anything are fetched. Those of an encoder of this width are not in timm:
        it begins at random.
    sam_px : int, pixels
        Longer side of what the second branch sees.

    Raises
    ------
    UsageError
        If a size is no multiple of 32, or weights cannot be fetched.
    MissingExtra
        If timm is not installed.

    References
    ----------
    .. [1] Reconstructing reliefs from old photographs.
    .. [2] Fischedick et al., EMSAFormer, IJCNN 2023.
    """

    def __init__(
        self,
        *,
        n_classes: int = 4,
        height: int = 512,
        width: int = 640,
        sam: bool = True,
        edges: bool = True,
        sam_weights: bool = False,
        sam_px: int = 1024,
    ) -> None:
        super().__init__(n_classes=n_classes, edges=edges, detector_widths=(16, 32, 64, 96))
        if height % 32 or width % 32:
            raise UsageError(f"height and width must be multiples of 32, got {height} and {width}")
        self.multiple = 32
        self.encoder = SwinBranch(height=height, width=width)
        deep = self.encoder.widths[-1]
        self.sam = SamBranch(side_px=sam_px, out_channels=deep, with_weights=sam_weights) if sam else None
        self.fusion = CrossAttention(deep) if sam else None
        self.context = Context(deep)
        self.decoder_depth = ReliefDecoder(self.encoder.widths, 1)
        self.decoder_semantics = ReliefDecoder(self.encoder.widths, n_classes)

    def decode(self, photo: Tensor, hint: Tensor) -> tuple[Tensor, Tensor]:
        """Give depth before its sigmoid, and logits of the classes."""
        *skips, deep = self.encoder(self.standardised(photo), hint)
        if self.sam is not None and self.fusion is not None:
            tokens, empty = self.sam(photo)
            deep = self.fusion(deep, tokens, empty)
        deep = self.context(deep)
        return self.decoder_depth(deep, skips), self.decoder_semantics(deep, skips)


class CompactRelief(_Relief):
    """The network of the bundle: one small residual encoder, two decoders, two narrow edge detectors.

    Parameters
    ----------
    n_classes : int
        Semantic classes.
    edges : bool
        Whether edges are detected and matched.
    widths, depths, decoder_widths
        As in `graven.nets.CompactUNet`.
    detector_widths : sequence of 4 int
        As in `graven.nets.EdgeDetector`.

    Examples
    --------
    >>> depth, semantics, edges, _ = CompactRelief().eval()(torch.zeros(1, 3, 64, 96))
    >>> depth.shape, semantics.shape, edges.shape
    (torch.Size([1, 1, 64, 96]), torch.Size([1, 4, 64, 96]), torch.Size([1, 6, 64, 96]))
    """

    def __init__(
        self,
        *,
        n_classes: int = 4,
        edges: bool = True,
        widths: Sequence[int] = (16, 32, 96, 192, 224),
        depths: Sequence[int] = (0, 1, 2, 2, 1),
        decoder_widths: Sequence[int] = (128, 96, 32, 16),
        detector_widths: Sequence[int] = (8, 16, 32, 48),
    ) -> None:
        super().__init__(n_classes=n_classes, edges=edges, detector_widths=detector_widths)
        self.trunk = CompactUNet(4, n_classes, widths=widths, depths=depths, decoder_widths=decoder_widths)
        self.multiple = self.trunk.multiple
        previous, ups = widths[-1], []
        for skip, width in zip(reversed(widths[:-1]), decoder_widths, strict=True):
            ups.append(Up(previous, skip, width, norm="batch"))
            previous = width
        self.decoder_depth = nn.ModuleList(ups)
        self.head_depth = nn.Conv2d(previous, self.trunk.cell_px**2, 3, padding=1)
        he_init(self.decoder_depth)
        he_init(self.head_depth)

    def decode(self, photo: Tensor, hint: Tensor) -> tuple[Tensor, Tensor]:
        """Give depth before its sigmoid, and logits of the classes."""
        skips = self.trunk.encode(torch.cat([self.standardised(photo), hint], dim=1))
        x = skips[-1]
        for up, skip in zip(self.decoder_depth, reversed(skips[:-1]), strict=True):
            x = up(x, skip)
        z = functional.pixel_shuffle(self.head_depth(x), self.trunk.cell_px)
        return z, self.trunk.decode(skips)
