"""Rectangles of a raster, and the grid of overlapping tiles that prediction walks over.

A `Window` is half open: rows ``row <= r < row + height``. It may reach beyond the raster; readers say what they do
with the part outside. A `TileGrid` answers for its own geometry: which windows the network sees, and which part of the
raster each tile alone is responsible for (its core).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TileGrid", "Window"]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A rectangle of pixels.

    Attributes
    ----------
    row, col : int
        First row and column; may be negative when the window reaches beyond the raster.
    height, width : int, >= 0
        Size in pixels.

    Examples
    --------
    >>> Window(0, 0, 4, 6).padded(2)
    Window(row=-2, col=-2, height=8, width=10)
    """

    row: int
    col: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.height < 0 or self.width < 0:
            raise InputError(f"a window needs a height and width of at least 0, got {self.height} x {self.width}")

    @property
    def row_end(self) -> int:
        """Row after the last."""
        return self.row + self.height

    @property
    def col_end(self) -> int:
        """Column after the last."""
        return self.col + self.width

    @property
    def is_empty(self) -> bool:
        """Whether no pixel lies inside."""
        return self.height == 0 or self.width == 0

    def slices(self) -> tuple[slice, slice]:
        """Give the pair of slices that cuts this window out of a 2-D array.

        Raises
        ------
        InputError
            If the window starts before the array: Python would count from the end.
        """
        if self.row < 0 or self.col < 0:
            raise InputError(f"window {self} starts before the raster; intersect it with the raster first")
        return slice(self.row, self.row_end), slice(self.col, self.col_end)

    def intersection(self, other: Window) -> Window:
        """Give the common rectangle; empty (height and width 0) where there is none."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        height = min(self.row_end, other.row_end) - row
        width = min(self.col_end, other.col_end) - col
        if height <= 0 or width <= 0:
            return Window(row, col, 0, 0)
        return Window(row, col, height, width)

    def padded(self, margin_px: int) -> Window:
        """Give the window with a margin on all four sides."""
        height, width = self.height + 2 * margin_px, self.width + 2 * margin_px
        return Window(self.row - margin_px, self.col - margin_px, height, width)

    def relative_to(self, origin: Window) -> Window:
        """Give the same rectangle counted from the first pixel of `origin`."""
        return Window(self.row - origin.row, self.col - origin.col, self.height, self.width)

    def aligned(self, cell_px: int) -> Window:
        """Give the smallest window around this one whose edges are multiples of `cell_px`."""
        row, col = cell_px * (self.row // cell_px), cell_px * (self.col // cell_px)
        row_end, col_end = cell_px * -(-self.row_end // cell_px), cell_px * -(-self.col_end // cell_px)
        return Window(row, col, row_end - row, col_end - col)


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Overlapping square tiles that cover a raster.

    Tiles start at multiples of ``tile_px - overlap_px``; the last row and column of tiles may reach beyond the raster,
    where the reader mirrors. Position depends on the raster alone, never on where a run began.

    Attributes
    ----------
    height, width : int, >= 1
        Size of the raster in pixels.
    tile_px : int, >= 1
        Side of the network input, overlap included.
    overlap_px : int, 0 <= overlap_px < tile_px
        Pixels that neighbouring tiles share.

    Examples
    --------
    >>> grid = TileGrid(height=1000, width=600, tile_px=512, overlap_px=128)
    >>> grid.n_rows, grid.n_cols, grid.window(1, 1)
    (3, 2, Window(row=384, col=384, height=512, width=512))
    """

    height: int
    width: int
    tile_px: int
    overlap_px: int

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise InputError(f"a tile grid needs at least one pixel, got a raster of {self.height} x {self.width}")
        if not 0 <= self.overlap_px < self.tile_px:
            raise InputError(
                f"the overlap must be at least 0 and below the tile of {self.tile_px} px, got {self.overlap_px} px"
            )

    @property
    def stride_px(self) -> int:
        """Distance between the starts of neighbouring tiles."""
        return self.tile_px - self.overlap_px

    @property
    def n_rows(self) -> int:
        """Number of tile rows."""
        return max(1, math.ceil((self.height - self.overlap_px) / self.stride_px))

    @property
    def n_cols(self) -> int:
        """Number of tile columns."""
        return max(1, math.ceil((self.width - self.overlap_px) / self.stride_px))

    def __len__(self) -> int:
        return self.n_rows * self.n_cols

    @property
    def bounds(self) -> Window:
        """The raster as a window."""
        return Window(0, 0, self.height, self.width)

    def window(self, tile_row: int, tile_col: int) -> Window:
        """Give the rectangle that the network sees; it may reach beyond the raster."""
        return Window(tile_row * self.stride_px, tile_col * self.stride_px, self.tile_px, self.tile_px)

    def core(self, tile_row: int, tile_col: int) -> Window:
        """Give the part of the raster that belongs to this tile alone; cores partition the raster."""
        row, row_end = _core_span(tile_row, self.n_rows, self.height, self.stride_px, self.overlap_px)
        col, col_end = _core_span(tile_col, self.n_cols, self.width, self.stride_px, self.overlap_px)
        return Window(row, col, row_end - row, col_end - col)

    def windows(self) -> Iterator[tuple[int, int, Window]]:
        """Yield ``(tile_row, tile_col, window)`` row by row."""
        for tile_row in range(self.n_rows):
            for tile_col in range(self.n_cols):
                yield tile_row, tile_col, self.window(tile_row, tile_col)


def _core_span(index: int, count: int, size: int, stride: int, overlap: int) -> tuple[int, int]:
    """Cut the overlaps in the middle; the first and last tile keep the border of the raster."""
    start = 0 if index == 0 else index * stride + overlap // 2
    end = size if index == count - 1 else (index + 1) * stride + overlap // 2
    return start, end
