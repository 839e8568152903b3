"""Class activation maps of tiles, joined into one map of the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.types import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import Raster, TileGrid

__all__ = ["join_maps"]


def join_maps(tiles: Raster, grid: TileGrid, side: int) -> NDArray[np.float32]:
    """Join the maps of all tiles; where tiles overlap, the mean counts.

    Parameters
    ----------
    tiles : Raster of shape (1, n_rows * side, n_cols * side), uint8
        The maps of all tiles side by side, scaled 1/255.
    grid : TileGrid
        The tiles.
    side : int, cells
        Cells of a tile in each direction.

    Returns
    -------
    ndarray of shape (h, w), float32, 0 to 1
        One value per cell of ``grid.tile_px / side`` pixels, from the upper left corner of the panel; the last ones may
        reach beyond it. Tiles that do not start on a cell are moved to the nearest; one that would then begin at or
        beyond the last cell is held back there.

    Examples
    --------
    >>> from graven.types import TileGrid, raster_from_array
    >>> tiles = np.array([[0, 51, 51, 255], [0, 51, 51, 255]], np.uint8)
    >>> join_maps(raster_from_array(tiles), TileGrid(8, 12, tile_px=8, overlap_px=4), 2)[0].tolist()
    [0.0, 0.20000000298023224, 1.0]
    """
    cell_px = grid.tile_px / side
    height, width = (int(np.ceil(size / cell_px)) for size in (grid.height, grid.width))
    total, count = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    for tile_row, tile_col, window in grid.windows():
        row, col = min(round(window.row / cell_px), height - 1), min(round(window.col / cell_px), width - 1)
        place = np.s_[row : row + side, col : col + side]
        n_rows, n_cols = total[place].shape
        total[place] += tiles.read(Window(tile_row * side, tile_col * side, n_rows, n_cols))[0]
        count[place] += 1
    joined: NDArray[np.float32] = total / (255 * np.maximum(count, 1))
    return joined
