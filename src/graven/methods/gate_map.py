"""Where the gate looked: its class activation map over the whole input, as far as its network tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError
from graven.io.rowstore import RowStore
from graven.predict.maps import join_maps
from graven.prepare.views import bring_back
from graven.types import ExplainingEngine, raster_from_array
from graven.types.affine import compose, invert

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.prepare.frame import WorkingFrame
    from graven.types import Engine, Raster, TileGrid

__all__ = ["MapStore", "map_side"]


def map_side(engine: Engine, *, n_bands: int, tile_px: int) -> int:
    """Ask a gate how many cells its class activation map has along a tile; 0 where it has none."""
    if not isinstance(engine, ExplainingEngine):
        return 0
    _, maps = engine.explain(np.zeros((1, n_bands, tile_px, tile_px), np.float32))
    return 0 if maps is None else maps.shape[-1]


class MapStore:
    """The maps of all tiles, side by side on disk, so that an interrupted run keeps them.

    Parameters
    ----------
    work : Path
        Folder of the unfinished work.
    grid : TileGrid
        Tiles of the working frame.
    side : int, cells
        From `map_side`, at least 1.
    key, resume
        As for `graven.io.rowstore.RowStore`.
    """

    def __init__(self, work: Path, grid: TileGrid, side: int, *, key: str, resume: bool) -> None:
        self._grid, self._side = grid, side
        height, width = grid.n_rows * side, grid.n_cols * side
        self.rows = RowStore(work, height=height, width=width, n_bands=1, key=key, name="activation", resume=resume)

    def check(self, n_tile_rows: int) -> None:
        """Refuse stored maps that end before the stored rows; they are written first."""
        if self.rows.rows_done < n_tile_rows * self._side:
            raise DataError("the stored maps of the gate are damaged; start again without --resume")

    def write(self, tile_row: int, maps: Sequence[NDArray[np.float32] | None]) -> None:
        """Store the maps of a tile row, unless an earlier run has; tiles without one are 0."""
        if self.rows.rows_done != tile_row * self._side:
            return
        line = np.zeros((self._side, len(maps), self._side), np.float32)
        for col, cells in enumerate(maps):
            if cells is not None:
                line[:, col] = cells
        row = np.rint(255 * line.reshape(self._side, -1)).astype(np.uint8)
        self.rows.write_rows(self.rows.rows_done, row[None], state="")

    def on_input(self, frame: WorkingFrame, original: Raster) -> NDArray[np.float32]:
        """Join the maps and bring them back to the input.

        Parameters
        ----------
        frame : WorkingFrame
            Where prediction ran.
        original : Raster
            The input.

        Returns
        -------
        ndarray of shape (h, w), float32, 0 to 1
            Over the whole input, about as many cells as the gate's.
        """
        joined = join_maps(self.rows.raster(), self._grid, self._side)
        cell_px = self._grid.tile_px / self._side
        height, width = (
            max(1, round(size / (cell_px * factor)))
            for size, factor in zip((original.height, original.width), frame.factor, strict=True)
        )
        cells = (original.width / width, 0.0, 0.0, 0.0, original.height / height, 0.0)
        matrix = compose(invert(cells), compose(frame.matrix, (cell_px, 0.0, 0.0, 0.0, cell_px, 0.0)))
        found: NDArray[np.float32] = bring_back(raster_from_array(joined), matrix, height, width).read()[0]
        return found.clip(0, 1)
