"""Blocks in row order, gathered into full bands of rows, each pixel exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError
from graven.types.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["BAND_ROWS", "gather_bands"]

BAND_ROWS = 512
"""Rows of a band: one row of tiles in our files."""


def gather_bands(
    blocks: Iterable[tuple[Window, NDArray[Any]]], *, height: int, width: int, n_bands: int, dtype: np.dtype[Any]
) -> Iterator[tuple[Window, NDArray[Any]]]:
    """Join blocks into full-width bands, from top to bottom.

    Parameters
    ----------
    blocks : iterable of (Window, ndarray of shape (C, h, w) or (h, w))
        Any partition of the raster whose windows start in rising rows; a block may span several bands.
    height, width, n_bands : int
        Size of the raster.
    dtype : numpy.dtype
        Type that each block must have.

    Yields
    ------
    window : Window
        Full width, `BAND_ROWS` high (the last may be lower).
    band : ndarray of shape (n_bands, h, width)
        Its pixels; valid until the next is asked for.

    Raises
    ------
    InputError
        If a block has another shape or type, leaves the raster, covers a pixel twice, or if some are missing.

    Notes
    -----
    Memory: the bands that are open at a time, usually one or two.

    Examples
    --------
    >>> halves = [(Window(0, 0, 2, 1), np.zeros((2, 1), np.uint8)), (Window(0, 1, 2, 1), np.ones((2, 1), np.uint8))]
    >>> [band.tolist() for _, band in gather_bands(halves, height=2, width=2, n_bands=1, dtype=np.dtype(np.uint8))]
    [[[[0, 1], [0, 1]]]]
    """
    bounds = Window(0, 0, height, width)
    waiting: dict[int, tuple[NDArray[Any], NDArray[np.bool_]]] = {}
    upcoming = 0
    for window, block in blocks:
        pixels = block[None] if block.ndim == 2 else block
        if pixels.shape != (n_bands, window.height, window.width) or pixels.dtype != dtype:
            raise InputError(
                f"a block at {window} must be {dtype} of shape {(n_bands, window.height, window.width)}, "
                f"got {block.dtype} of shape {block.shape}"
            )
        if window.is_empty or window.intersection(bounds) != window:
            raise InputError(f"block {window} leaves the raster of {height} x {width} px")
        whole = _whole_bands(window, height, width) if not waiting else range(0)
        if whole and whole.start == upcoming:  # nothing to gather: the usual case when we read our own rows
            for index in whole:
                band = _band_window(index, height, width)
                yield band, pixels[(slice(None), *band.relative_to(window).slices())]
            upcoming = whole.stop
            continue
        for index in range(window.row // BAND_ROWS, (window.row_end - 1) // BAND_ROWS + 1):
            band = _band_window(index, height, width)
            if index < upcoming:
                raise InputError(f"block {window} comes after its rows were finished; blocks must come in row order")
            if index not in waiting:
                waiting[index] = np.empty((n_bands, band.height, width), dtype), np.zeros((band.height, width), bool)
            part = window.intersection(band)
            values, covered = waiting[index]
            place = part.relative_to(band).slices()
            if covered[place].any():
                raise InputError(f"block {window} covers pixels that another block has covered")
            values[(slice(None), *place)] = pixels[(slice(None), *part.relative_to(window).slices())]
            covered[place] = True
        while upcoming in waiting and waiting[upcoming][1].all():
            yield _band_window(upcoming, height, width), waiting.pop(upcoming)[0]
            upcoming += 1
    if upcoming * BAND_ROWS < height:
        raise InputError(f"blocks ended before rows {upcoming * BAND_ROWS} to {height} of the raster were complete")


def _whole_bands(window: Window, height: int, width: int) -> range:
    """Give the bands that a block consists of; none where it begins or ends inside one."""
    is_whole = window.width == width and window.row % BAND_ROWS == 0
    if not is_whole or (window.row_end % BAND_ROWS and window.row_end != height):
        return range(0)
    return range(window.row // BAND_ROWS, -(-window.row_end // BAND_ROWS))


def _band_window(index: int, height: int, width: int) -> Window:
    row = index * BAND_ROWS
    return Window(row, 0, min(BAND_ROWS, height - row), width)
