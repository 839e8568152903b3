"""Drawing in a window of a canvas: where it lies, what it hides, and paths of changing width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.surface import Canvas

__all__ = ["Window", "draw_path", "hide", "window_around"]

Float = np.float32
Window = tuple[slice, slice]


def window_around(canvas: Canvas, x: float, y: float, reach: float) -> tuple[Window, tuple[int, int]] | None:
    """Return the part of the canvas within reach of a point.

    Parameters
    ----------
    canvas : Canvas
        For its size.
    x, y, reach : float, pixels
        Centre and half the side of the window.

    Returns
    -------
    tuple of window and shape, or None
        None where next to nothing of the window lies on the canvas.
    """
    x0, y0 = max(0, int(x - reach)), max(0, int(y - reach))
    x1, y1 = min(canvas.shape[1], int(x + reach) + 1), min(canvas.shape[0], int(y + reach) + 1)
    if x1 - x0 < 6 or y1 - y0 < 6:
        return None
    return (slice(y0, y1), slice(x0, x1)), (y1 - y0, x1 - x0)


def hide(canvas: Canvas, name: str, where: NDArray[np.bool_], at: Window) -> None:
    """Record an opaque thing and take what it covers out of the truth.

    Parameters
    ----------
    canvas : Canvas
        Its masks are changed in place.
    name : str
        Mask of the thing.
    where : ndarray of shape (h, w), bool
        What it covers.
    at : tuple of two slices
        Window that `where` covers.
    """
    canvas.mark(name, where, at)
    if "pecked" in canvas.masks:
        canvas.masks["pecked"][at] &= ~where


def draw_path(
    shape: tuple[int, int], at: Window, path: NDArray[np.float64], widths: float | NDArray[np.float64]
) -> NDArray[np.float32]:
    """Draw a path of changing width, antialiased.

    Parameters
    ----------
    shape : tuple of two int
        Height and width of the window.
    at : tuple of two slices
        The window.
    path : ndarray of shape (N, 2), float64, pixels
        Vertices (x, y) in the frame of the canvas.
    widths : float or ndarray of shape (N,), pixels
        Full widths.

    Returns
    -------
    ndarray of shape `shape`, float32, range [0, 1]
        Coverage.
    """
    layer = np.zeros(shape, np.uint8)
    fixed = np.round((path - [at[1].start, at[0].start]) * 16).astype(np.int64)
    broad = np.broadcast_to(widths, len(path))
    for i in range(len(fixed) - 1):
        if np.abs(fixed[i : i + 2]).max() < 2**27:
            grey = 255 if broad[i] >= 1 else int(70 + 185 * broad[i])
            cv2.line(
                layer, fixed[i].tolist(), fixed[i + 1].tolist(), grey, max(1, round(float(broad[i]))), cv2.LINE_AA, 4
            )
    return layer.astype(Float) * Float(1 / 255)
