"""Pieces of lines that a simulated person would draw in one stroke: the middle of the longest error.

Ends and junctions of error lines are taken away first, so what is left are curves without branches: open, or closed
loops. The published code lists the pixels of a curve in raster order, row by row; on a curve that folds back a window
of that list is not one piece. ``order="path"`` follows the curve instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from graven.errors import InputError
from graven.refine.dilation import dilate_diamond

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Order", "Segment", "draw_piece", "inner_pixels", "longest_segment", "stroke_hints", "window_indices"]

Order = Literal["raster", "path"]
"""How the pixels of a segment are listed."""

_REACH = 5
_LENGTH = 2 * _REACH + 1
_AROUND = tuple((r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A curve of pixels.

    Attributes
    ----------
    pixels : ndarray of shape (N, 2), int64
        Row and column, one pixel after the other.
    wraps : bool
        Whether a window may go on from the last pixel to the first: always in raster order, as published; along the
        path only if the curve is closed.
    """

    pixels: NDArray[np.int64]
    wraps: bool


def inner_pixels(lines: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the pixels of lines that have exactly two of their eight neighbours in the lines.

    Parameters
    ----------
    lines : ndarray of shape (H, W), bool
        Lines one pixel wide; what lies outside is background.

    Returns
    -------
    ndarray of shape (H, W), bool
        The lines without ends, junctions and single pixels.

    Examples
    --------
    >>> inner_pixels(np.array([[True, True, True, True]]))
    array([[False,  True,  True, False]])
    """
    n_with_centre = cv2.boxFilter(
        lines.view(np.uint8), ddepth=-1, ksize=(3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    kept: NDArray[np.bool_] = lines & (n_with_centre == 3)
    return kept


def longest_segment(lines: NDArray[np.bool_], *, order: Order = "raster") -> Segment | None:
    """Find the longest curve without ends and junctions.

    Parameters
    ----------
    lines : ndarray of shape (H, W), bool
        Lines one pixel wide, such as `graven.refine.errors.missing_lines` gives.
    order : {"raster", "path"}
        How its pixels are listed.

    Returns
    -------
    Segment or None
        The 8-connected curve with most pixels, of equal ones the first in raster order; None where nothing is left.

    Raises
    ------
    InputError
        If `order` is another word.
    """
    if order not in ("raster", "path"):
        raise InputError(f"order must be 'raster' or 'path', got {order!r}")
    inner = inner_pixels(lines)
    if not inner.any():
        return None
    _, labels = cv2.connectedComponents(inner.view(np.uint8), connectivity=8)
    rows, cols = np.nonzero(inner)
    of_pixel = labels[rows, cols]
    sizes = np.bincount(of_pixel)
    longest = of_pixel[np.argmax(sizes[of_pixel] == sizes.max())]
    pixels = np.stack([rows, cols], axis=1)[of_pixel == longest]
    return Segment(pixels, wraps=True) if order == "raster" else _along(pixels)


def _along(pixels: NDArray[np.int64]) -> Segment:
    """List the pixels of a curve from end to end; each has at most two others beside it."""
    listed = [(int(row), int(col)) for row, col in pixels]
    left = set(listed)

    def beside(at: tuple[int, int]) -> list[tuple[int, int]]:
        return [near for r, c in _AROUND if (near := (at[0] + r, at[1] + c)) in left]

    end = next((at for at in listed if len(beside(at)) < 2), None)
    path = [listed[0] if end is None else end]
    left.remove(path[0])
    while onward := beside(path[-1]):
        path.append(onward[0])
        left.remove(onward[0])
    return Segment(np.array(path, np.int64), wraps=end is None)


def window_indices(n_pixels: int, at: int, *, wraps: bool = True, collapses: bool = False) -> NDArray[np.int64]:
    """Choose eleven consecutive pixels around one.

    Parameters
    ----------
    n_pixels : int, >= 0
        Pixels of the segment.
    at : int, 0 to n_pixels - 1
        The pixel in the middle.
    wraps : bool
        Whether the window goes on at the other end; otherwise it is moved inside.
    collapses : bool
        The published rule: a segment of ten pixels is windowed as well, and with wrapping one pixel of it survives.

    Returns
    -------
    ndarray of shape (M,), int64
        Indices; all of them for segments of up to eleven pixels.

    Examples
    --------
    >>> window_indices(12, 0).tolist(), window_indices(12, 0, wraps=False).tolist()
    ([7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    """
    if n_pixels < _LENGTH - 1 or (n_pixels <= _LENGTH and not collapses):
        return np.arange(n_pixels)
    if not wraps:
        start = min(max(at - _REACH, 0), max(n_pixels - _LENGTH, 0))
        return np.arange(start, min(start + _LENGTH, n_pixels))
    start, end = (at - _REACH) % n_pixels, (at + _REACH) % n_pixels
    if start <= end:
        return np.arange(start, end + 1)
    return np.concatenate([np.arange(start, n_pixels), np.arange(end + 1)])


def draw_piece(segment: Segment, rng: np.random.Generator, *, collapses: bool = False) -> NDArray[np.int64]:
    """Draw the piece of a segment that one stroke covers.

    Parameters
    ----------
    segment : Segment
        Where to draw.
    rng : numpy.random.Generator
        Chooses the middle, every pixel alike.
    collapses : bool
        As in `window_indices`.

    Returns
    -------
    ndarray of shape (M, 2), int64
        Row and column of at most eleven pixels.
    """
    n_pixels = len(segment.pixels)
    at = int(rng.integers(n_pixels))
    return segment.pixels[window_indices(n_pixels, at, wraps=segment.wraps, collapses=collapses)]


def stroke_hints(
    pixels: NDArray[np.int64], shape: tuple[int, int], *, n_steps: int, polarity: Literal[-1, 1]
) -> NDArray[np.int8]:
    """Draw a piece of a line as hints.

    Parameters
    ----------
    pixels : ndarray of shape (M, 2), int64
        Row and column.
    shape : (int, int)
        Height and width of the hint map.
    n_steps : int, >= 0
        Dilation steps; the stroke becomes ``2 * n_steps + 1`` pixels wide.
    polarity : {1, -1}
        `graven.refine.hints.ADD` or `ERASE`.

    Returns
    -------
    ndarray of `shape`, int8
        Hint map with this stroke alone.
    """
    mask = np.zeros(shape, np.bool_)
    mask[pixels[:, 0], pixels[:, 1]] = True
    return dilate_diamond(mask, n_steps).astype(np.int8) * np.int8(polarity)
