"""Crops for training and tiles for validation.

A crop is a pure function of ``(seed, epoch, index)`` and of the panel it is cut from. Loader threads can therefore work
in any order and number, and a resumed run sees the crops that the uninterrupted one would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import InputError
from graven.train.augment import Augment, flip_and_turn, recolour, relight, turn_normals
from graven.types.raster import mirror_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.train.panels import Panel

__all__ = ["CropSource", "Sample", "cut", "repeated", "validation_tiles"]

CELL_PX = 32
NEGATIVE_TRIES = 16


@dataclass(frozen=True, slots=True)
class Sample:
    """One crop or tile.

    Attributes
    ----------
    image : ndarray of shape (C, H, W), float32 (crops) or uint8 (tiles), 0 to 255
        Prepared pixels, not standardised.
    target : ndarray of shape (H, W), uint8, 0 or 1, or the number of a class
        Truth.
    valid : ndarray of shape (H, W), bool
        False beyond the border of the panel and where nothing is known.
    origin : str
        ``panel[row,col]`` of the upper left pixel, for messages.
    """

    image: NDArray[np.float32] | NDArray[np.uint8]
    target: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    origin: str


def cut(
    panel: Panel, row: int, col: int, size_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """Cut a square window; beyond the border the image is mirrored and invalid.

    Parameters
    ----------
    panel : Panel
        Where to cut.
    row, col : int
        Upper left pixel; may lie outside.
    size_px : int, pixels
        Side of the square.

    Returns
    -------
    image : ndarray of shape (C, size_px, size_px), uint8
        Pixels, mirrored without repeating the border pixel.
    target : ndarray of shape (size_px, size_px), uint8
        Truth, 0 outside.
    valid : ndarray of shape (size_px, size_px), bool
        False outside.
    """
    height, width = panel.target.shape
    rows, cols = np.arange(row, row + size_px), np.arange(col, col + size_px)
    inside = row >= 0 and col >= 0 and row + size_px <= height and col + size_px <= width
    if inside:
        window = (slice(row, row + size_px), slice(col, col + size_px))
        valid = np.ones((size_px, size_px), bool) if panel.valid is None else panel.valid[window].astype(bool)
        return np.array(panel.image[(slice(None), *window)]), panel.target[window].astype(np.uint8), valid
    mesh = np.ix_(mirror_index(rows, height), mirror_index(cols, width))
    known = ((rows >= 0) & (rows < height))[:, None] & ((cols >= 0) & (cols < width))[None]
    if panel.valid is not None:
        known &= panel.valid[mesh].astype(bool)
    target = panel.target[mesh].astype(np.uint8)
    return np.stack([band[mesh] for band in panel.image]), target * known, known


@dataclass(frozen=True)
class CropSource:
    """Random crops of a set of panels, with a controlled share of those that contain foreground.

    Attributes
    ----------
    panels : tuple of Panel
        Where to cut.
    crop_px : int, pixels
        Side of the crops.
    augment : Augment
        How crops are changed.
    seed : int
        Fixes all draws.
    positive_share : float, 0 to 1, or None
        Share of crops cut around a spot with foreground; None cuts everywhere alike.
    empty_negatives : bool
        The other crops are moved (up to 16 tries) until they hold no foreground: for gates, which learn from the
        presence alone. Otherwise they are uniform.
    normals : int or None
        First of three bands that hold a normal, ``(n + 1) / 2``. They turn with the crop, x and y included, and keep
        their values where the other bands change theirs.
    """

    panels: tuple[Panel, ...]
    crop_px: int
    augment: Augment
    seed: int
    positive_share: float | None = None
    empty_negatives: bool = False
    normals: int | None = None
    _spots: tuple[NDArray[np.int32], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.panels:
            raise InputError("training needs at least one panel, got none")
        if self.crop_px < 8:
            raise InputError(f"crop_px must be at least 8, got {self.crop_px}")
        if self.positive_share is not None and not 0 <= self.positive_share <= 1:
            raise InputError(f"positive_share must lie between 0 and 1, got {self.positive_share}")
        object.__setattr__(self, "_spots", tuple(_foreground_cells(panel) for panel in self.panels))

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of each panel."""
        return tuple(panel.group for panel in self.panels)

    @property
    def has_foreground(self) -> bool:
        """Whether any panel has a foreground pixel."""
        return any(len(spots) for spots in self._spots)

    def crop(self, *, epoch: int, index: int, panel: int) -> Sample:
        """Cut and change one crop.

        Parameters
        ----------
        epoch, index : int
            Together with the seed they fix the crop.
        panel : int
            Which panel.

        Returns
        -------
        Sample
            Square of side `crop_px`.
        """
        rng = np.random.default_rng((self.seed, epoch, index, 2))
        source = self.panels[panel]
        draw = rng.uniform(-1, 1)
        further = self.augment.enlargement if draw < 0 else self.augment.reduction
        reach = max(self.augment.scale, further)
        size_px = max(2, round(self.crop_px * float(np.exp(draw * np.log1p(reach)))))
        row, col = self._place(panel, size_px, rng)
        flip, quarter_turns = bool(rng.integers(2)), int(rng.integers(4))
        more = np.random.default_rng((self.seed, epoch, index, 3)) if self.augment.draws_more else None
        if more is not None and self.augment.translation:
            moves = more.uniform(-1, 1, 2) * self.augment.translation * size_px
            row, col = row + round(moves[0]), col + round(moves[1])
        image, target, valid = cut(source, row, col, size_px)
        if more is not None and self.augment.aspect:
            image, target, valid = _narrowed(image, target, valid, self.augment.aspect, more)
        if image.shape[1:] != (self.crop_px, self.crop_px):
            image, target, valid = _resample(image, target, valid, self.crop_px)
        turned: dict[str, Any] = {
            "flip": flip and self.augment.flips,
            "quarter_turns": quarter_turns if self.augment.turns else 0,
        }
        changed = flip_and_turn((image, target, valid), **turned)
        pixels = self._relit(changed[0].astype(np.float32), rng, more, **turned)
        return Sample(pixels, changed[1].astype(np.uint8), changed[2].astype(bool), f"{source.name}[{row},{col}]")

    def _relit(
        self,
        pixels: NDArray[np.float32],
        rng: np.random.Generator,
        more: np.random.Generator | None,
        *,
        flip: bool,
        quarter_turns: int,
    ) -> NDArray[np.float32]:
        """Change the light of all bands but the normals, which turn as their crop was turned."""
        band = self.normals
        rest = pixels if band is None else np.delete(pixels, slice(band, band + 3), axis=0)
        if len(rest):
            rest = relight(rest, self.augment, rng)
            if more is not None:
                rest = recolour(rest, self.augment, more)
        if band is None:
            return rest
        normals = turn_normals(pixels[band : band + 3], flip=flip, quarter_turns=quarter_turns)
        return np.concatenate([rest[:band], normals, rest[band:]])

    def _place(self, panel: int, size_px: int, rng: np.random.Generator) -> tuple[int, int]:
        """Draw the upper left corner of a crop."""
        height, width = self.panels[panel].target.shape
        wants_positive = self.positive_share is not None and rng.random() < self.positive_share
        spots = self._spots[panel]
        if wants_positive and len(spots):
            spot = spots[rng.integers(len(spots))] + rng.integers(0, CELL_PX, 2)
            corner = spot - rng.integers(0, size_px, 2)
            return _clamp(int(corner[0]), height, size_px), _clamp(int(corner[1]), width, size_px)
        row, col = _uniform(height, size_px, rng), _uniform(width, size_px, rng)
        if self.positive_share is not None and self.empty_negatives:
            for _ in range(NEGATIVE_TRIES):
                if not self.panels[panel].target[max(0, row) : row + size_px, max(0, col) : col + size_px].any():
                    break
                row, col = _uniform(height, size_px, rng), _uniform(width, size_px, rng)
        return row, col


def _foreground_cells(panel: Panel) -> NDArray[np.int32]:
    """Upper left pixels of the cells of 32 px that hold foreground."""
    height, width = panel.target.shape
    rows, cols = -(-height // CELL_PX), -(-width // CELL_PX)
    padded = np.zeros((rows * CELL_PX, cols * CELL_PX), bool)
    padded[:height, :width] = np.asarray(panel.target, bool)
    if panel.valid is not None:
        padded[:height, :width] &= np.asarray(panel.valid, bool)
    filled = padded.reshape(rows, CELL_PX, cols, CELL_PX).any(axis=(1, 3))
    return (np.argwhere(filled) * CELL_PX).astype(np.int32)


def _clamp(corner: int, length: int, size_px: int) -> int:
    """Move a crop inside where it fits, else centre it on the panel."""
    if size_px >= length:
        return (length - size_px) // 2
    return min(max(corner, 0), length - size_px)


def _uniform(length: int, size_px: int, rng: np.random.Generator) -> int:
    draw = float(rng.random())
    if size_px >= length:
        return (length - size_px) // 2
    return int(draw * (length - size_px + 1))


def _narrowed(
    image: NDArray[np.uint8],
    target: NDArray[np.uint8],
    valid: NDArray[np.bool_],
    aspect: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """Take the middle of a square crop with one side shorter, by a factor up to ``1 + aspect``, log-uniformly."""
    draw = rng.uniform(-1, 1)
    size_px = target.shape[0]
    shorter = max(2, round(size_px / float(np.exp(abs(draw) * np.log1p(aspect)))))
    start = (size_px - shorter) // 2
    part = slice(start, start + shorter)
    window = (part, slice(None)) if draw < 0 else (slice(None), part)
    return np.ascontiguousarray(image[(slice(None), *window)]), target[window], valid[window]


def _resample(
    image: NDArray[np.uint8], target: NDArray[np.uint8], valid: NDArray[np.bool_], size_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """Bring a crop to a square of another size: pixels by area or linearly, masks by the nearest pixel."""
    shrinks = min(image.shape[1:]) > size_px
    size = (size_px, size_px)
    hwc = np.ascontiguousarray(np.moveaxis(image, 0, -1))
    resized = cv2.resize(hwc, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    resized = resized.reshape(size_px, size_px, image.shape[0])
    small_target = cv2.resize(np.ascontiguousarray(target), size, interpolation=cv2.INTER_NEAREST_EXACT)
    small_valid = cv2.resize(valid.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
    return (
        np.ascontiguousarray(np.moveaxis(resized, -1, 0)).astype(np.uint8),
        small_target.astype(np.uint8),
        small_valid.astype(bool),
    )


def validation_tiles(
    panels: Sequence[Panel], *, tile_px: int, stride_px: int | None = None, max_per_panel: int | None = None
) -> list[Sample]:
    """Cut panels into tiles on a fixed grid.

    Parameters
    ----------
    panels : sequence of Panel
        Held out from training.
    tile_px : int, pixels
        Side of the tiles; those at the right and lower border are filled by mirroring and invalid there.
    stride_px : int, pixels, optional
        Distance between tiles; `tile_px` by default. With a smaller one tiles overlap, and none begins so late that an
        earlier one already reaches the border.
    max_per_panel : int, optional
        Take at most so many per panel, spread evenly over the grid.

    Returns
    -------
    list of Sample
        In reading order, panel by panel; tiles without a valid pixel are left out.

    Raises
    ------
    InputError
        If there are no panels.
    """
    if not panels:
        raise InputError("validation needs at least one panel, got none")
    samples: list[Sample] = []
    for panel in panels:
        starts = [_starts(length, tile_px, stride_px or tile_px) for length in panel.target.shape]
        corners: list[tuple[int, int]] = [(row, col) for row in starts[0] for col in starts[1]]
        if max_per_panel is not None and len(corners) > max_per_panel:
            picks: NDArray[Any] = np.linspace(0, len(corners) - 1, max_per_panel).round().astype(int)
            corners = [corners[int(pick)] for pick in picks]
        for row, col in corners:
            image, target, valid = cut(panel, row, col, tile_px)
            if valid.any():
                samples.append(Sample(image, target, valid, f"{panel.name}[{row},{col}]"))
    return samples


def repeated(samples: Sequence[Sample], *, n: int) -> list[Sample]:
    """List samples several times, told apart by their origin: what is drawn at random for each differs then.

    Parameters
    ----------
    samples : sequence of Sample
        Any.
    n : int, >= 1
        How often each appears.

    Returns
    -------
    list of Sample
        All of them, then all again.
    """
    return [replace(sample, origin=f"{sample.origin}#{k}") for k in range(n) for sample in samples]


def _starts(length: int, tile_px: int, stride_px: int) -> range:
    """First pixels of tiles until the border is covered."""
    n = 1 + max(0, -(-(length - tile_px) // stride_px))
    return range(0, n * stride_px, stride_px)
