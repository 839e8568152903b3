"""Strokes to pixels: exact, without soft edges, and the same whichever window is drawn.

A pixel belongs to a stroke if its centre lies at most half the width from the line; the border counts. Lines are at
least as wide as the diagonal of a pixel, so that none vanishes between pixel centres or falls apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from skimage.draw import polygon2mask

from graven.errors import InputError
from graven.kernels.strokes import fill_capsules
from graven.types import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from graven.types import Ring, Stroke

__all__ = ["draw_ring", "draw_stroke", "hint_map", "ring_window", "stroke_window"]


def stroke_window(stroke: Stroke, bounds: Window) -> Window:
    """Give the smallest window that can hold the pixels of a stroke.

    Parameters
    ----------
    stroke : Stroke
        Any.
    bounds : Window
        The raster, or a part of it.

    Returns
    -------
    Window
        Inside `bounds`; empty where the stroke lies beside it.
    """
    x_min, y_min = stroke.points.min(axis=0) - _radius(stroke)
    x_max, y_max = stroke.points.max(axis=0) + _radius(stroke)
    return _box(x_min, y_min, x_max, y_max).intersection(bounds)


def draw_stroke(stroke: Stroke, window: Window) -> NDArray[np.bool_]:
    """Draw one stroke.

    Parameters
    ----------
    stroke : Stroke
        Any.
    window : Window
        What to draw; it may be anywhere.

    Returns
    -------
    ndarray of shape (h, w), bool
        True where the centre of a pixel lies at most half the width from the line.

    Examples
    --------
    >>> from graven.types import Stroke
    >>> dot = Stroke(points=np.array([[1.5, 1.5]]), width_px=2.0, polarity="add", uid="a")
    >>> draw_stroke(dot, Window(0, 0, 3, 3)).astype(int).tolist()
    [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    """
    mask = np.zeros((window.height, window.width), bool)
    fill_capsules(stroke.points, _radius(stroke), window.row, window.col, mask)
    return mask


def hint_map(strokes: Iterable[Stroke], window: Window) -> NDArray[np.int8]:
    """Draw strokes one after the other into a hint map.

    Parameters
    ----------
    strokes : iterable of Stroke
        In the order in which they were drawn, all of one class.
    window : Window
        What to draw.

    Returns
    -------
    ndarray of shape (h, w), int8
        1 where added, -1 where erased, 0 where nothing was said.

    Raises
    ------
    InputError
        If strokes are of different classes; draw one class after the other (`StrokeSet.of_class`).

    Notes
    -----
    A pixel keeps what was said of it first, as where the network was trained; a stroke that is marked as an override
    replaces it. The map of a window is the window of the whole map.

    Examples
    --------
    >>> from graven.types import Stroke
    >>> line = np.array([[0.5, 0.5], [3.5, 0.5]])
    >>> add = Stroke(points=line[:1], width_px=1, polarity="add", uid="a")
    >>> erase = Stroke(points=line, width_px=1, polarity="erase", uid="b")
    >>> hint_map([add, erase], Window(0, 0, 1, 5)).tolist()
    [[1, -1, -1, -1, 0]]
    """
    hints = np.zeros((window.height, window.width), np.int8)
    class_id = None
    for stroke in strokes:
        class_id = stroke.class_id if class_id is None else class_id
        if stroke.class_id != class_id:
            raise InputError(f"one hint map is of one class, got strokes of {class_id} and {stroke.class_id}")
        inside = stroke_window(stroke, window)
        if inside.is_empty:
            continue
        part = hints[inside.relative_to(window).slices()]
        drawn = draw_stroke(stroke, inside)
        part[drawn if stroke.override else drawn & (part == 0)] = stroke.sign
    return hints


def ring_window(ring: Ring, bounds: Window) -> Window:
    """Give the smallest window that can hold the pixels inside a ring.

    Parameters
    ----------
    ring : ndarray of shape (N, 2), float64, pixels
        ``(x, y)`` of a polygon; closed or not.
    bounds : Window
        The raster, or a part of it.

    Returns
    -------
    Window
        Inside `bounds`; empty where the polygon lies beside it.

    Raises
    ------
    InputError
        If it is no polygon: fewer than three points, or not finite.
    """
    if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 3 or not np.isfinite(ring).all():
        raise InputError(f"a region needs at least three finite points (x, y), got an array of shape {ring.shape}")
    (x_min, y_min), (x_max, y_max) = ring.min(axis=0), ring.max(axis=0)
    return _box(x_min, y_min, x_max, y_max).intersection(bounds)


def draw_ring(ring: Ring, window: Window) -> NDArray[np.bool_]:
    """Fill a polygon.

    Parameters
    ----------
    ring : ndarray of shape (N, 2), float64, pixels
        As in `ring_window`.
    window : Window
        What to draw.

    Returns
    -------
    ndarray of shape (h, w), bool
        True where the centre of a pixel lies inside; where the outline crosses itself, insides alternate.
    """
    if window.is_empty:
        return np.zeros((window.height, window.width), bool)
    # The library numbers pixels by their centres, rows first.
    corners = ring[:, ::-1] - (window.row + 0.5, window.col + 0.5)
    shape = window.height, window.width
    filled = polygon2mask(shape, corners)
    return np.asarray(filled, bool)


def _radius(stroke: Stroke) -> float:
    return max(stroke.width_px, math.sqrt(2)) / 2


def _box(x_min: float, y_min: float, x_max: float, y_max: float) -> Window:
    row, col = math.floor(y_min), math.floor(x_min)
    return Window(row, col, math.ceil(y_max) - row, math.ceil(x_max) - col)
