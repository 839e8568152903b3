"""Stored pixels into the bytes and bands that a network was trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import DataError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.types import Raster, Window
    from graven.types.raster import ReadPixels

__all__ = ["bands_view", "grey_reader", "to_bytes"]


def to_bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale stored pixels to 0 … 255 by the range of their type.

    Parameters
    ----------
    pixels : ndarray, uint8 or uint16
        Bytes stay as they are; 16 bits are divided by 257 (65535 becomes 255) and rounded.

    Returns
    -------
    ndarray of the same shape, uint8
        A value depends on the pixel alone, never on the rest of the image, so tiles agree.

    Raises
    ------
    DataError
        For any other type: a float or a signed integer does not say which value is white.

    Examples
    --------
    >>> to_bytes(np.array([0, 128, 129, 65535], np.uint16)).tolist()
    [0, 0, 1, 255]
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    raise DataError(
        f"a colour method needs 8-bit or 16-bit unsigned pixels, got {pixels.dtype}; export the image as 16-bit TIFF"
    )


def bands_view(raster: Raster, *, n_bands: int = 3) -> tuple[Raster, str | None]:
    """Give a raster the number of bands that a network expects, in bytes.

    Parameters
    ----------
    raster : Raster
        uint8 or uint16 with any number of bands.
    n_bands : int, >= 1
        Bands of the network.

    Returns
    -------
    raster : Raster
        `n_bands` bands of uint8. One band is repeated; of more bands the first are taken.
    note : str or None
        What was done, for the report; None where nothing was.

    Raises
    ------
    DataError
        If the type is refused by `to_bytes`, or there are fewer bands than needed and not exactly one.
    """
    if n_bands < 1:
        raise InputError(f"a network needs at least one band, got {n_bands}")
    to_bytes(np.zeros(0, raster.dtype))
    found = raster.n_bands
    if found != n_bands and found != 1 and found < n_bands:
        raise DataError(f"the model expects {n_bands} bands, the image has {found}; give an image with {n_bands} or 1")

    def converted(read: ReadPixels) -> ReadPixels:
        def read_pixels(window: Window) -> NDArray[Any]:
            pixels = to_bytes(read(window)[:n_bands])
            return np.repeat(pixels, n_bands, axis=0) if found == 1 and n_bands > 1 else pixels

        return read_pixels

    notes = []
    if found == 1 and n_bands > 1:
        notes.append(f"the grey band was repeated {n_bands} times")
    elif found > n_bands:
        notes.append(f"the first {n_bands} of {found} bands were used")
    if raster.dtype != np.uint8:
        notes.append("16-bit values were divided by 257")
    view = replace(
        raster,
        n_bands=n_bands,
        dtype=np.dtype(np.uint8),
        read_pixels=converted(raster.read_pixels),
        overviews={factor: converted(read) for factor, read in raster.overviews.items()},
    )
    return view, "; ".join(notes) or None


def grey_reader(raster: Raster) -> Callable[[Window], NDArray[np.uint8]]:
    """Give a reader of one grey band.

    Parameters
    ----------
    raster : Raster
        As for `bands_view`; of three bands and more the first are red, green and blue.

    Returns
    -------
    callable
        ``read(window) -> (h, w)`` uint8, ``0.299 R + 0.587 G + 0.114 B`` rounded.

    Raises
    ------
    DataError
        As `bands_view`.
    """
    colour = raster.n_bands >= 3
    view, _ = bands_view(raster, n_bands=3 if colour else 1)

    def read(window: Window) -> NDArray[np.uint8]:
        pixels = view.read(window)
        return np.asarray(cv2.cvtColor(cv2.merge([*pixels]), cv2.COLOR_RGB2GRAY) if colour else pixels[0], np.uint8)

    return read
