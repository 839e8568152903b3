"""Where a person decides: a rectangle, a polygon, or the tiles in which a network answered to a stroke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graven.errors import InputError
from graven.refine.drawing import draw_ring, ring_window
from graven.refine.events import window_list
from graven.types import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.types import Ring

__all__ = ["Region", "region_parameter", "region_pixels", "union_pixels"]

Region = Window | NDArray[np.float64] | str
"""A `Window`, a polygon of shape (N, 2) with ``(x, y)`` in pixels, or the uid of a stroke."""


def region_pixels(region: Window | Ring, bounds: Window) -> tuple[Window, NDArray[np.bool_]]:
    """Give the pixels of a region.

    Parameters
    ----------
    region : Window or ndarray of shape (N, 2)
        A rectangle or a polygon; it may reach beyond the raster.
    bounds : Window
        The raster.

    Returns
    -------
    window : Window
        Around the region, inside the raster.
    inside : ndarray of shape (h, w), bool
        Which pixels of the window belong to it.

    Raises
    ------
    InputError
        If the region holds no pixel of the raster, or is no polygon.
    """
    if isinstance(region, Window):
        window = region.intersection(bounds)
        inside = np.ones((window.height, window.width), bool)
    else:
        ring = np.asarray(region, np.float64)
        window = ring_window(ring, bounds)
        inside = draw_ring(ring, window)
    if not inside.any():
        raise InputError(
            f"the region lies beside the image of {bounds.width} x {bounds.height} px, or between its pixels"
        )
    return window, inside


def union_pixels(windows: Sequence[Window]) -> tuple[Window, NDArray[np.bool_]]:
    """Give the pixels of several windows together.

    Parameters
    ----------
    windows : sequence of Window
        At least one, all inside the raster.

    Returns
    -------
    window : Window
        Around all of them.
    inside : ndarray of shape (h, w), bool
        Which pixels of it belong to one of them.
    """
    row, col = min(part.row for part in windows), min(part.col for part in windows)
    row_end, col_end = max(part.row_end for part in windows), max(part.col_end for part in windows)
    window = Window(row, col, row_end - row, col_end - col)
    inside = np.zeros((window.height, window.width), bool)
    for part in windows:
        inside[part.relative_to(window).slices()] = True
    return window, inside


def region_parameter(region: Region) -> Any:
    """Write a region for a journal: a list of four numbers, a list of points, or a uid."""
    if isinstance(region, Window):
        return window_list(region)
    return region if isinstance(region, str) else np.asarray(region, np.float64).tolist()
