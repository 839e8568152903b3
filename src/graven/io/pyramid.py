"""Overviews of a raster of bytes, computed while it streams: each level half the size of the one before.

GDAL would read the finished raster again and write every overview twice. Here each level is a file of its own, named as
GDAL names overviews that lie beside a raster (``plain.tif.ovr``, then ``plain.tif.ovr.ovr`` for the next), so it takes
them over as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.io.bands import BAND_ROWS
from graven.io.gdalenv import load_rasterio, quiet_about_missing_georeference

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

__all__ = ["Pyramid", "halve_mean", "halve_mode", "level_sizes"]

Halve = Callable[["NDArray[np.uint8]"], "NDArray[np.uint8]"]


class Pyramid:
    """Overviews that grow with their raster.

    Parameters
    ----------
    path : Path
        The raster; its overviews are written beside it.
    height, width, n_bands : int
        Size of the raster.
    tile_px : int, pixels
        Side of a tile; the last level is the first that fits into one.
    halve : callable
        ``halve(pixels) -> pixels`` for an array of shape (n_bands, h, w); gives half of it, rounded up.
    """

    def __init__(self, path: Path, *, height: int, width: int, n_bands: int, tile_px: int, halve: Halve) -> None:
        self._halve, self._files = halve, ExitStack()
        self._levels: list[_Level] = []
        rasterio = load_rasterio()
        profile = {"driver": "GTiff", "count": n_bands, "dtype": "uint8", "tiled": True, "interleave": "band"}
        profile |= {"blockxsize": tile_px, "blockysize": tile_px, "BIGTIFF": "IF_SAFER"}
        with ExitStack() as files:
            for rows, cols in level_sizes(height, width, tile_px=tile_px):
                path = path.with_name(f"{path.name}.ovr")
                with quiet_about_missing_georeference():
                    dataset = rasterio.open(str(path), "w", height=rows, width=cols, **profile)
                self._levels.append(_Level(files.enter_context(dataset), rasterio.windows.Window))
            self._files = files.pop_all()

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """Take the next rows of the raster: an even number of them, but for the last."""
        for level in self._levels:
            level.waiting.append(self._halve(pixels))
            n_rows = sum(part.shape[1] for part in level.waiting)
            if n_rows < min(BAND_ROWS, level.height - level.n_written):
                return
            pixels = np.concatenate(level.waiting, axis=1)
            level.write(pixels)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()


class _Level:
    """The file of one level, and its rows that are not yet a row of tiles."""

    def __init__(self, dataset: Any, window: Any) -> None:
        self.height, self.n_written = int(dataset.height), 0
        self.waiting: list[NDArray[np.uint8]] = []
        self._dataset, self._window = dataset, window

    def write(self, pixels: NDArray[np.uint8]) -> None:
        """Write a row of tiles."""
        _, rows, cols = pixels.shape
        self._dataset.write(pixels, window=self._window(0, self.n_written, cols, rows))
        self.n_written += rows
        self.waiting.clear()


def level_sizes(height: int, width: int, *, tile_px: int) -> list[tuple[int, int]]:
    """Give the sizes of all overviews of a raster.

    Parameters
    ----------
    height, width : int, pixels
        Size of the raster.
    tile_px : int, pixels
        The last level is the first that fits into a tile.

    Returns
    -------
    list of (int, int)
        Height and width, halved and rounded up from level to level.

    Examples
    --------
    >>> level_sizes(1400, 1025, tile_px=512)
    [(700, 513), (350, 257)]
    """
    sizes = []
    while max(height, width) > tile_px:
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    return sizes


def halve_mean(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average squares of 2 x 2 pixels, or what of them lies inside; halves are rounded up, as GDAL does.

    Parameters
    ----------
    pixels : ndarray of shape (C, H, W), uint8
        Any values.

    Returns
    -------
    ndarray of shape (C, ceil(H / 2), ceil(W / 2)), uint8
        Means.

    Examples
    --------
    >>> halve_mean(np.array([[[0, 1, 9], [0, 1, 6]]], np.uint8)).tolist()
    [[[1, 8]]]
    """
    import cv2

    n_bands, height, width = pixels.shape
    halved = np.empty((n_bands, -(-height // 2), -(-width // 2)), np.uint8)
    for band, values in enumerate(pixels):
        cv2.resize(_even(values), halved.shape[:0:-1], dst=halved[band], interpolation=cv2.INTER_AREA)
    return halved


def halve_mode(pixels: NDArray[np.uint8], *, nodata: int) -> NDArray[np.uint8]:
    """Take the most frequent known value of squares of 2 x 2 pixels, of equally frequent ones the first as one reads.

    Parameters
    ----------
    pixels : ndarray of shape (C, H, W), uint8
        Classes.
    nodata : int
        Value that does not count; a square without another has it.

    Returns
    -------
    ndarray of shape (C, ceil(H / 2), ceil(W / 2)), uint8
        Classes; the same choice as GDAL's ``MODE``.

    Examples
    --------
    >>> halve_mode(np.array([[[0, 1, 7, 255], [1, 0, 255, 255]]], np.uint8), nodata=255).tolist()
    [[[1, 7]]]
    """
    even = np.stack([_even(band) for band in pixels])
    a, b, c, d = even[:, ::2, ::2], even[:, ::2, 1::2], even[:, 1::2, ::2], even[:, 1::2, 1::2]
    # Two neighbours at once as one number of 16 bits: nearly all squares hold one value, in whatever order of bytes.
    upper, lower = even[:, ::2].view(np.uint16), even[:, 1::2].view(np.uint16)
    chosen = (upper & 0xFF).astype(np.uint8)
    mixed = np.unravel_index(np.flatnonzero((upper != lower) | (upper >> 8 != chosen)), chosen.shape)
    chosen[mixed] = _mode_of(a[mixed], b[mixed], c[mixed], d[mixed], nodata=nodata)
    return chosen


def _mode_of(
    a: NDArray[np.uint8], b: NDArray[np.uint8], c: NDArray[np.uint8], d: NDArray[np.uint8], *, nodata: int
) -> NDArray[np.uint8]:
    """Choose among four values each: the pair that is complete first, else the first that is known."""
    pairs = [(a == b, a), (a == c, a), (b == c, b), (a == d, a), (b == d, b), (c == d, c)]
    known = [value != nodata for value in (a, b, c)]
    return np.select(
        [same & (value != nodata) for same, value in pairs] + known,
        [value for _, value in pairs] + [a, b, c],
        default=d,
    )


def _even(band: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last row and column where their number is odd: values inside then count twice, but all alike."""
    height, width = band.shape
    if height % 2 or width % 2:
        return np.pad(band, ((0, height % 2), (0, width % 2)), mode="edge")
    return band
