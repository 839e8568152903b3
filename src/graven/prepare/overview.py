"""A small picture of a large raster, by block means, in bounded memory."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError
from graven.prepare.bands import bands_view
from graven.types import Raster, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["grey_overview"]

WINDOW_PX = 1024
N_THREADS = 2


def grey_overview(raster: Raster, *, max_side_px: int = 1024) -> tuple[NDArray[np.float32], int]:
    """Reduce a raster to a grey picture.

    Parameters
    ----------
    raster : Raster
        8 or 16 bits; one band, or at least three of which the first are red, green and blue.
    max_side_px : int, >= 64
        Longest side of the result.

    Returns
    -------
    grey : ndarray of shape (h, w), float32, 0 to 255
        Mean of the valid pixels of each block, ``0.299 R + 0.587 G + 0.114 B``; blocks without a valid pixel hold the
        mean of the picture. An incomplete last row or column of blocks is left out, unless it is the only one.
    factor : int
        Pixels per block, the same in both axes.

    Raises
    ------
    DataError
        If the pixels are neither 8 nor 16 bits.

    Examples
    --------
    >>> from graven.types import raster_from_array
    >>> grey, factor = grey_overview(raster_from_array(np.full((200, 300), 7, np.uint8)), max_side_px=100)
    >>> grey.shape, factor, float(grey.max())
    ((66, 100), 3, 7.0)
    """
    if max_side_px < 64:
        raise InputError(f"an overview needs at least 64 px on its longest side, got {max_side_px}")
    colour = raster.n_bands >= 3
    view, _ = bands_view(raster, n_bands=3 if colour else 1)
    weights = np.array([0.299, 0.587, 0.114] if colour else [1.0], np.float32)
    factor = math.ceil(max(raster.height, raster.width) / max_side_px)
    height, width = max(1, raster.height // factor), max(1, raster.width // factor)
    total, count = np.zeros((height, width)), np.zeros((height, width))
    step = max(1, WINDOW_PX // factor)

    def add(place: Window) -> None:
        around = Window(*(factor * value for value in (place.row, place.col, place.height, place.width)))
        window = around.intersection(raster.bounds)
        valid = raster.read_valid_padded(window)
        grey = np.tensordot(weights, view.read(window).astype(np.float32), axes=1)
        blocks = place.slices()
        if valid.all():
            total[blocks] = _block_sum(grey, factor)
            count[blocks] = min(factor, window.height) * min(factor, window.width)
        else:
            total[blocks] = _block_sum(np.where(valid, grey, np.float32(0)), factor)
            count[blocks] = _block_sum(valid.astype(np.float32), factor)

    bounds = Window(0, 0, height, width)
    places = [
        Window(row, col, step, step).intersection(bounds)
        for row in range(0, height, step)
        for col in range(0, width, step)
    ]
    with ThreadPoolExecutor(N_THREADS, thread_name_prefix="graven-overview") as pool:
        list(pool.map(add, places))
    mean = total.sum() / max(1.0, count.sum())
    grey = np.divide(total, count, out=np.full(total.shape, mean), where=count > 0)
    return grey.astype(np.float32), factor


def _block_sum(values: NDArray[np.float32], factor: int) -> NDArray[np.float64]:
    """Add up square blocks; the picture may be smaller than one."""
    height, width = values.shape
    if height % factor or width % factor:
        rows = np.add.reduceat(values, np.arange(0, height, factor), axis=0, dtype=np.float64)
        return np.asarray(np.add.reduceat(rows, np.arange(0, width, factor), axis=1), np.float64)
    means = cv2.resize(values, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float64) * factor**2
