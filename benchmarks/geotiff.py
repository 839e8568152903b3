"""Reading and writing of whole images for those that need them in memory: one profile for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from graven.io.gdalenv import load_rasterio, quiet_about_missing_georeference, strict_options

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

__all__ = ["TiledWriter", "read_whole", "write_whole"]

BLOCK_PX = 512
PROFILE: dict[str, Any] = {
    "driver": "GTiff",
    "count": 1,
    "dtype": "uint8",
    "tiled": True,
    "blockxsize": BLOCK_PX,
    "blockysize": BLOCK_PX,
    "compress": "deflate",
    "zlevel": 1,
    "predictor": 2,
    "BIGTIFF": "IF_SAFER",
}
"""What graven, the floor and all peers write alike."""


def read_whole(path: Path) -> NDArray[np.uint8]:
    """Read a GeoTIFF of shape (C, H, W) at once."""
    rasterio = load_rasterio()
    with rasterio.Env(**strict_options()), quiet_about_missing_georeference(), rasterio.open(str(path)) as dataset:
        pixels: NDArray[np.uint8] = dataset.read()
    return pixels


def write_whole(path: Path, probs: NDArray[np.float32]) -> None:
    """Write probabilities of shape (H, W), rounded to 1/255, block row by block row to spare memory."""
    with TiledWriter(path, *probs.shape) as writer:
        for row in range(0, len(probs), BLOCK_PX):
            rows = probs[row : row + BLOCK_PX]
            writer.add(np.floor(rows * np.float32(255) + np.float32(0.5)).astype(np.uint8))


class TiledWriter:
    """A tiled GeoTIFF of one band of bytes that grows row by row; only whole rows of blocks are handed to GDAL.

    Parameters
    ----------
    path : Path
        File to be written; one that exists is replaced.
    height, width : int, pixels
        Its size.
    """

    def __init__(self, path: Path, height: int, width: int) -> None:
        rasterio = load_rasterio()
        self._area = rasterio.windows.Window
        self._height, self._width = height, width
        self._waiting: list[NDArray[np.uint8]] = []
        self._written = 0
        self._env = rasterio.Env(**strict_options())
        self._env.__enter__()
        with quiet_about_missing_georeference():
            self._dataset = rasterio.open(str(path), "w", height=height, width=width, **PROFILE)

    @property
    def rows_done(self) -> int:
        """Rows that were handed over."""
        return self._written + sum(len(rows) for rows in self._waiting)

    def add(self, rows: NDArray[np.uint8]) -> None:
        """Append rows of shape (n, W)."""
        self._waiting.append(rows)
        done = self.rows_done
        ready = done if done == self._height else done - done % BLOCK_PX
        if ready > self._written:
            joined = np.concatenate(self._waiting)
            count = ready - self._written
            self._dataset.write(joined[:count], 1, window=self._area(0, self._written, self._width, count))
            self._written, self._waiting = ready, [joined[count:]]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dataset.close()
        self._env.__exit__(kind, error, trace)
