"""COCO run lengths: column-major counts of 0s and 1s in turn, plain or packed into a string.

The packed form writes each count (from the third on, its difference from the count two before) in groups of five bits,
least significant first, with a continuation bit, offset by 48 into printable ASCII. The decoder is ours and checks the
sum before it allocates: unchecked runs have crashed and overflowed elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError, ImageTooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["decode_rle", "encode_rle", "pack_counts", "unpack_counts"]

MAX_PIXELS = 400_000_000


def encode_rle(mask: NDArray[np.bool_]) -> list[int]:
    """Count the runs of a mask, column by column, beginning with background.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        Any mask.

    Returns
    -------
    list of int
        Runs of 0 and 1 in turn; the first may be 0; they sum to ``H * W``.

    Examples
    --------
    >>> encode_rle(np.array([[True, False], [True, True]]))
    [0, 2, 1, 1]
    """
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    bounds = np.concatenate([[0], edges, [flat.size]])
    counts = np.diff(bounds).tolist()
    return [0, *counts] if flat.size and flat[0] else counts


def decode_rle(counts: Sequence[int], *, height: int, width: int) -> NDArray[np.bool_]:
    """Rebuild a mask from its runs.

    Parameters
    ----------
    counts : sequence of int, >= 0
        Column-major runs, background first.
    height, width : int
        Size of the mask.

    Returns
    -------
    ndarray of shape (H, W), bool
        The mask.

    Raises
    ------
    ImageTooLarge
        If the size exceeds 400 million pixels.
    DataError
        If a run is negative or the runs do not sum to ``height * width``.
    """
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise ImageTooLarge(f"a run-length mask must have 1 to {MAX_PIXELS} pixels, got {height} x {width}")
    total = sum(counts)
    if total != height * width or min(counts, default=0) < 0:
        raise DataError(f"run lengths must be at least 0 and sum to {height} x {width} = {height * width}, got {total}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, np.asarray(counts, np.int64)).reshape((height, width), order="F")


def pack_counts(counts: Sequence[int]) -> str:
    """Pack runs into the compressed string of COCO.

    Parameters
    ----------
    counts : sequence of int
        As from `encode_rle`.

    Returns
    -------
    str
        Printable ASCII.

    Examples
    --------
    >>> unpack_counts(pack_counts([0, 2, 1, 1, 40000]))
    [0, 2, 1, 1, 40000]
    """
    packed = []
    for index, count in enumerate(counts):
        value = int(count) - (int(counts[index - 2]) if index > 2 else 0)
        while True:
            low = value & 0x1F
            value >>= 5
            done = (value == -1) if low & 0x10 else (value == 0)
            packed.append(chr((low if done else low | 0x20) + 48))
            if done:
                break
    return "".join(packed)


def unpack_counts(text: str) -> list[int]:
    """Unpack the compressed string of COCO.

    Parameters
    ----------
    text : str
        As from `pack_counts`.

    Returns
    -------
    list of int
        The runs.

    Raises
    ------
    DataError
        If a character lies outside the code, a number does not end, or one exceeds 60 bits.
    """
    counts: list[int] = []
    value, shift = 0, 0
    for char in text:
        code = ord(char) - 48
        if not 0 <= code < 64 or shift > 60:
            raise DataError(f"compressed run lengths hold {char!r}, which is not part of the code")
        value |= (code & 0x1F) << shift
        shift += 5
        if not code & 0x20:
            if code & 0x10:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise DataError("compressed run lengths end inside a number; the file is cut short")
    return counts
