"""Adaptive histogram equalisation (CLAHE) that does not know about tiles.

The usual CLAHE cuts *the array it is given* into cells, so that a tile and the whole image disagree. Here the cells lie
on a fixed grid that starts at the first pixel of the raster. A window is computed from the cells whose histograms it
touches and from nothing else, therefore any window equals the same part of the whole result, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from graven.errors import InputError
from graven.types import Raster, Window, raster_from_array

__all__ = ["clahe", "clahe_view", "clahe_window"]

ReadPixels = Callable[[Window], NDArray[Any]]


def clahe(image: NDArray[np.uint8], *, clip_limit: float = 2.0, cell_px: int = 64) -> NDArray[np.uint8]:
    """Equalise a whole image locally, with limited contrast [1]_.

    Parameters
    ----------
    image : ndarray of shape (3, H, W) or (1, H, W) or (H, W), uint8
        RGB or grey. In RGB only the lightness L of CIELAB is equalised, so hues stay.
    clip_limit : float, > 0
        A histogram bin above ``clip_limit`` times the mean bin is cut and its excess spread over all bins.
    cell_px : int, a power of two, 8 to 4096
        Side of the cells, on a grid that starts at the first pixel. Cells beyond the right and lower border are filled
        by mirroring without repeating the border pixel.

    Returns
    -------
    ndarray of the same shape, uint8
        The equalised image.

    Raises
    ------
    InputError
        If shape, type, clip limit or cell are outside the above.

    Notes
    -----
    256 bins. A power of two makes the interpolation weights exact binary fractions, so that they do not depend on where
    a window begins. On sizes that are multiples of `cell_px` grey images equal OpenCV's CLAHE.

    References
    ----------
    .. [1] K. Zuiderveld, Contrast Limited Adaptive Histogram Equalization, Graphics Gems IV, 1994, 474-485.

    Examples
    --------
    >>> ramp = np.tile(np.arange(100, 164, dtype=np.uint8), (64, 1))
    >>> bool(np.ptp(clahe(ramp)) > np.ptp(ramp))
    True
    """
    raster = raster_from_array(image)
    return clahe_window(
        raster.read, raster.bounds, height=raster.height, width=raster.width, clip_limit=clip_limit, cell_px=cell_px
    ).reshape(image.shape)


def clahe_window(
    read: ReadPixels, window: Window, *, height: int, width: int, clip_limit: float = 2.0, cell_px: int = 64
) -> NDArray[np.uint8]:
    """Equalise one window so that it equals the same part of `clahe` of the whole image.

    Parameters
    ----------
    read : callable
        ``read(window) -> (C, h, w) uint8``; asked for whole cells around the window, which may reach beyond the right
        and lower border by less than a cell, where it must mirror as `Raster.read` does.
    window : Window
        Inside the raster.
    height, width : int, pixels
        Size of the raster.
    clip_limit, cell_px
        As in `clahe`.

    Returns
    -------
    ndarray of shape (C, h, w), uint8
        The equalised pixels of the window.

    Raises
    ------
    InputError
        If the window reaches beyond the raster, or for the reasons of `clahe`.

    Notes
    -----
    A pixel depends on the four cells around it, so less than ``1.5 * cell_px`` pixels away (96 px by default).
    """
    _check_options(clip_limit=clip_limit, cell_px=cell_px)
    bounds = Window(0, 0, height, width)
    if window.intersection(bounds) != window:
        raise InputError(f"CLAHE needs a window inside the raster of {height} x {width} px, got {window}")
    cells = window.padded(cell_px // 2).aligned(cell_px).intersection(bounds.aligned(cell_px))
    pixels = read(cells)
    if pixels.dtype != np.uint8 or pixels.shape[0] not in (1, 3):
        raise InputError(
            f"CLAHE needs 1 or 3 bands of uint8, got {pixels.shape[0]} of {pixels.dtype}; scale to 0 to 255 first"
        )
    kernel = cv2.createCLAHE(clip_limit, (cells.width // cell_px, cells.height // cell_px))
    rows, cols = window.relative_to(cells).slices()
    if pixels.shape[0] == 1:
        return np.asarray(kernel.apply(np.ascontiguousarray(pixels[0])), np.uint8)[None, rows, cols]
    # OpenCV's merge and split are several times as fast as NumPy's move of an axis.
    lab = cv2.cvtColor(cv2.merge([np.ascontiguousarray(band) for band in pixels]), cv2.COLOR_RGB2LAB)
    lightness = kernel.apply(cv2.extractChannel(lab, 0))
    lab = np.ascontiguousarray(lab[rows, cols])
    cv2.insertChannel(np.ascontiguousarray(lightness[rows, cols]), lab, 0)
    return np.stack(cv2.split(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)))


def clahe_view(raster: Raster, *, clip_limit: float = 2.0, cell_px: int = 64) -> Raster:
    """Give the equalised raster, read window by window.

    Parameters
    ----------
    raster : Raster
        1 or 3 bands of uint8.
    clip_limit, cell_px
        As in `clahe`.

    Returns
    -------
    Raster
        The same size and frame; every window equals the whole result.

    Raises
    ------
    InputError
        As `clahe`.
    """
    _check_options(clip_limit=clip_limit, cell_px=cell_px)
    if raster.dtype != np.uint8 or raster.n_bands not in (1, 3):
        raise InputError(
            f"CLAHE needs 1 or 3 bands of uint8, got {raster.n_bands} of {raster.dtype}; scale to 0 to 255 first"
        )

    def read_pixels(window: Window) -> NDArray[Any]:
        return clahe_window(
            raster.read, window, height=raster.height, width=raster.width, clip_limit=clip_limit, cell_px=cell_px
        )

    return replace(raster, read_pixels=read_pixels, overviews={})


def _check_options(*, clip_limit: float, cell_px: int) -> None:
    if not (np.isfinite(clip_limit) and clip_limit > 0):
        raise InputError(f"the clip limit of CLAHE must be above 0, got {clip_limit}; the usual value is 2.0")
    if not 8 <= cell_px <= 4096 or cell_px & (cell_px - 1):
        raise InputError(f"a CLAHE cell must be a power of two from 8 to 4096 px, got {cell_px}; the usual value is 64")
