"""EXIF orientation as a rule for windows: where a displayed pixel is stored, and how to turn what was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graven.types.window import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["displayed_size", "orient", "stored_window"]

# orientation: (transpose, then mirror rows, then mirror columns), from stored to displayed
_TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def displayed_size(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Give height and width as displayed.

    Parameters
    ----------
    height, width : int, pixels
        As stored.
    orientation : int, 1 to 8
        EXIF orientation.

    Returns
    -------
    tuple of int
        ``(height, width)``.

    Examples
    --------
    >>> displayed_size(3, 4, 6)
    (4, 3)
    """
    return (width, height) if _TURNS[orientation][0] else (height, width)


def orient(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn the last two axes of an array from stored to displayed.

    Parameters
    ----------
    array : ndarray of shape (..., h, w)
        As stored.
    orientation : int, 1 to 8
        EXIF orientation.

    Returns
    -------
    ndarray
        A view of the same values.

    Examples
    --------
    >>> orient(np.array([[1, 2], [3, 4]]), 6).tolist()
    [[3, 1], [4, 2]]
    """
    transpose, mirror_rows, mirror_cols = _TURNS[orientation]
    if transpose:
        array = np.swapaxes(array, -1, -2)
    if mirror_rows:
        array = array[..., ::-1, :]
    return array[..., ::-1] if mirror_cols else array


def stored_window(window: Window, orientation: int, *, height: int, width: int) -> Window:
    """Find the stored pixels of a displayed window.

    Parameters
    ----------
    window : Window
        Inside the displayed image.
    orientation : int, 1 to 8
        EXIF orientation.
    height, width : int, pixels
        Size as stored.

    Returns
    -------
    Window
        Inside the stored image; ``orient`` turns its pixels into those of `window`.
    """
    transpose, mirror_rows, mirror_cols = _TURNS[orientation]
    shown_height, shown_width = displayed_size(height, width, orientation)
    row = shown_height - window.row_end if mirror_rows else window.row
    col = shown_width - window.col_end if mirror_cols else window.col
    if transpose:
        return Window(col, row, window.width, window.height)
    return Window(row, col, window.height, window.width)
