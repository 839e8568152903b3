"""A view that computes each block of pixels once, however many overlapping tiles read it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError
from graven.types import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import Raster

__all__ = ["shared_blocks"]


def shared_blocks(raster: Raster, *, block_px: int, max_blocks: int) -> Raster:
    """Read a raster through blocks that are kept for a while.

    Parameters
    ----------
    raster : Raster
        A view whose pixels are dear; its readers may be called from several threads.
    block_px : int, >= 1
        Side of a block, on a grid that starts at the first pixel.
    max_blocks : int, >= 1
        Blocks kept; the one that was read longest ago goes first.

    Returns
    -------
    Raster
        The same pixels. Several threads may read it: a block that one of them is computing is waited for.

    Raises
    ------
    InputError
        If `block_px` or `max_blocks` is below 1.

    Notes
    -----
    Memory: `max_blocks` blocks.
    """
    if block_px < 1 or max_blocks < 1:
        raise InputError(f"blocks need at least one pixel and one place, got {block_px} px and {max_blocks} blocks")
    lock = threading.Lock()
    kept: OrderedDict[tuple[int, int], Future[NDArray[Any]]] = OrderedDict()

    def block(row: int, col: int) -> NDArray[Any]:
        key = row, col
        with lock:
            future = kept.get(key)
            is_mine = future is None
            if future is None:
                future = kept[key] = Future()
                if len(kept) > max_blocks:
                    kept.popitem(last=False)
            kept.move_to_end(key)
        if is_mine:
            place = Window(row * block_px, col * block_px, block_px, block_px)
            try:
                future.set_result(raster.read_pixels(place.intersection(raster.bounds)))
            except BaseException as error:
                with lock:
                    kept.pop(key, None)
                future.set_exception(error)
                raise
        return future.result()

    def read_pixels(window: Window) -> NDArray[Any]:
        out = np.empty((raster.n_bands, window.height, window.width), raster.dtype)
        around = window.aligned(block_px)
        for row in range(around.row // block_px, around.row_end // block_px):
            for col in range(around.col // block_px, around.col_end // block_px):
                origin = Window(row * block_px, col * block_px, block_px, block_px)
                part = origin.intersection(window)
                rows, cols = part.relative_to(origin).slices()
                to_rows, to_cols = part.relative_to(window).slices()
                out[:, to_rows, to_cols] = block(row, col)[:, rows, cols]
        return out

    return replace(raster, read_pixels=read_pixels, overviews={})
