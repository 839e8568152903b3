"""Where an adjusted record may be wrong: a raster of doubt, and a list of places in the order they are worth a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.io.geotiff import write_doubt_cog
from graven.io.tables import Table, write_table
from graven.measure.components import bands
from graven.methods.prediction import BAND_ROWS
from graven.refine.queue import doubt, queue
from graven.types import TileGrid

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.api.segment_record import Run
    from graven.types import Window

__all__ = ["write_doubt"]

_HEAD = ("rank", "tile_row", "tile_col", "x_px", "y_px", "width_px", "height_px", "expected_gain_px")


def write_doubt(folder: Path, run: Run) -> None:
    """Write ``<name>_doubt.tif`` and ``<name>_queue.csv``.

    Parameters
    ----------
    folder : Path
        Existing folder.
    run : Run
        What was done; its probabilities must be moderated by what is known of them.

    Raises
    ------
    DiskFull, OutputError
        If a file cannot be written.

    Notes
    -----
    Both are on the grid of the input. The tiles of the list lie side by side and are as many pixels wide as the input
    of the network.
    """
    raster, prob, threshold = run.raster, run.record.prob, run.plan.threshold

    def read_doubt(window: Window) -> NDArray[np.float32]:
        return doubt(prob.read(window)[0].astype(np.float32) / 255, threshold=threshold)

    write_doubt_cog(
        folder / f"{raster.name}_doubt.tif",
        (
            (window, np.rint(read_doubt(window) * 255).astype(np.uint8)[None])
            for window in bands(raster.height, raster.width, BAND_ROWS)
        ),
        height=raster.height,
        width=raster.width,
        georeference=raster.georeference,
        pixel_size=raster.pixel_size,
        tags={
            "GRAVEN_RUN_ID": run.run_id,
            "GRAVEN_SOURCE_SHA256": raster.source_sha256 or "",
            "GRAVEN_THRESHOLD": repr(float(threshold)),
            "GRAVEN_MODEL": run.model,
        },
    )
    places = queue(read_doubt, TileGrid(raster.height, raster.width, tile_px=run.plan.grid.tile_px, overlap_px=0))
    rows = tuple(
        (rank, *place.tile, *_corner_and_size(place.window), place.expected_gain_px)
        for rank, place in enumerate(places, start=1)
    )
    write_table(folder / f"{raster.name}_queue.csv", Table(_HEAD, rows))


def _corner_and_size(window: Window) -> tuple[int, int, int, int]:
    return window.col, window.row, window.width, window.height
