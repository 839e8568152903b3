"""Masks: which value means what in a raster of 0, 1 and 255, decided in one place.

A class raster has 0 for background, 1 for the class and 255 where nothing is known; a plain mask has 0 and 255. A
raster counts as a class raster where graven wrote it as one, where its nodata value is 255, or where a 1 occurs. Only
valid pixels speak: what alpha, nodata or an internal mask excludes may hold any value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError, MismatchError
from graven.io.gate import inspect
from graven.io.images import open_raster
from graven.io.tiffsource import TiffSource
from graven.types.labels import NODATA
from graven.types.window import Window

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from graven.types.raster import PixelSize, Raster

__all__ = ["Mask", "class_probability_reader", "open_mask", "probability_reader", "read_mask"]

BAND_ROWS = 1024
_VALUES = {0, 1, 255}


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask of one class that is read window by window.

    Attributes
    ----------
    raster : Raster
        As stored.
    foreground : {1, 255}
        Value of the class.
    tags : mapping of str to str
        Tags of a TIFF; empty otherwise.
    """

    raster: Raster
    foreground: int
    tags: Mapping[str, str] = field(default_factory=dict)

    def read(self, window: Window) -> NDArray[np.bool_]:
        """Read where a window is known to be foreground, shape (h, w)."""
        return np.asarray((self.raster.read(window)[0] == self.foreground) & self.raster.read_valid_padded(window))

    def read_valid(self, window: Window) -> NDArray[np.bool_]:
        """Read where a window is known, shape (h, w)."""
        valid = self.raster.read_valid_padded(window)
        return valid if self.foreground == NODATA else valid & (self.raster.read(window)[0] != NODATA)


def open_mask(path: str | os.PathLike[str], *, pixel_size: PixelSize | None = None, hash_source: bool = False) -> Mask:
    """Open a mask and decide which value is foreground; reads every pixel once.

    Parameters
    ----------
    path : path
        Class raster or plain mask.
    pixel_size, hash_source
        As in `graven.io.images.open_raster`.

    Returns
    -------
    Mask
        With its reader.

    Raises
    ------
    DataError
        If a valid pixel is neither 0, 1 nor 255, bands differ, or graven wrote the file as something else: a
        photograph, a probability or a raster of several classes was given.
    FormatRefused, ImageDamaged, ImageTooLarge, ScaleError
        As `graven.io.images.open_raster`.
    """
    raster = open_raster(path, pixel_size=pixel_size, palette="index", hash_source=hash_source)
    header = inspect(path)
    source = TiffSource(header, palette="index") if header.format == "tiff" else None
    tags = {} if source is None else source.tags
    content = tags.get("GRAVEN_CONTENT", "classes")
    name = Path(path).name
    if content != "classes":
        raise DataError(f"{name} is a raster of kind {content!r}, not a mask; give the file that ends in _mask.tif")
    found: set[float] = set()
    for window in _bands(raster):
        pixels, valid = raster.read(window), raster.read_valid(window)
        found.update(np.unique(pixels[0][valid]).tolist())
        if not found <= _VALUES:
            odd = ", ".join(f"{value:g}" for value in sorted(found - _VALUES)[:3])
            raise DataError(f"{name} must hold 0, 1 and 255 only, found {odd}; it is no mask of one class")
        if any((band != pixels[0])[valid].any() for band in pixels[1:]):
            raise DataError(f"{name} has {raster.n_bands} bands that differ; a mask has one value per pixel")
    stated = "GRAVEN_CONTENT" in tags or (source is not None and source.nodata == NODATA)
    return Mask(raster, 1 if stated or 1 in found else NODATA, tags)


def probability_reader(path: str | os.PathLike[str], mask: Raster) -> Callable[[Window], NDArray[np.uint8]]:
    """Open the probability raster of a mask.

    Parameters
    ----------
    path : path
        What `graven.io.geotiff.write_probability_cog` wrote for one class, or one band of float32 from 0 to 1.
    mask : Raster
        The mask; size and, where both have one, frame must be the same.

    Returns
    -------
    callable
        ``read(window) -> (h, w)`` uint8, probability times 255.

    Raises
    ------
    MismatchError
        If size or frame differ.
    DataError
        If it is no probability of one class: a photograph or a mask would give wrong uncertainties.
    """
    read = class_probability_reader(path, mask, n_classes=1)
    return lambda window: read(window)[0]


def class_probability_reader(
    path: str | os.PathLike[str], mask: Raster, *, n_classes: int
) -> Callable[[Window], NDArray[np.uint8]]:
    """Open the probability raster of several classes.

    Parameters
    ----------
    path : path
        What `graven.io.geotiff.write_probability_cog` wrote, or as many bands of float32 from 0 to 1.
    mask : Raster
        What it belongs to; size and, where both have one, frame must be the same.
    n_classes : int, >= 1
        Bands that it must have.

    Returns
    -------
    callable
        ``read(window) -> (C, h, w)`` uint8, probability times 255.

    Raises
    ------
    MismatchError
        If size or frame differ.
    DataError
        If it is no probability of so many classes.
    """
    name = Path(path).name
    prob = open_raster(path, palette="index", hash_source=False)
    if (prob.height, prob.width) != (mask.height, mask.width):
        raise MismatchError(
            f"{name} has {prob.height} x {prob.width} px, the mask has {mask.height} x {mask.width}; give the one "
            "that belongs to it"
        )
    if None not in (prob.georeference, mask.georeference) and prob.georeference != mask.georeference:
        raise MismatchError(f"{name} lies elsewhere than the mask (CRS or affine); give the one that belongs to it")
    is_float = prob.dtype == np.float32
    header = inspect(path)
    tags = TiffSource(header, palette="index").tags if header.format == "tiff" else {}
    is_ours = prob.dtype == np.uint8 and tags.get("GRAVEN_CONTENT") == "probability"
    if prob.n_bands != n_classes or not (is_float or is_ours):
        what, bands = ("one class", "one band") if n_classes == 1 else (f"{n_classes} classes", f"{n_classes} bands")
        raise DataError(
            f"{name} must be a probability of {what}: a file of graven that ends in _prob.tif, or {bands} of "
            f"float32 from 0 to 1; got {prob.n_bands} of {prob.dtype}"
        )

    def read(window: Window) -> NDArray[np.uint8]:
        pixels = prob.read(window)
        if not is_float:
            return np.asarray(pixels, np.uint8)
        known = np.where(prob.read_valid_padded(window), pixels, 0)
        if not (known.min(initial=0) >= 0 and known.max(initial=0) <= 1):
            raise DataError(f"{name} must hold probabilities from 0 to 1, found {known.min():g} to {known.max():g}")
        scaled: NDArray[np.uint8] = np.rint(255 * known).astype(np.uint8)
        return scaled

    return read


def read_mask(
    path: str | os.PathLike[str], *, size: tuple[int, int] | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Read a whole mask.

    Parameters
    ----------
    path : path
        As in `open_mask`.
    size : tuple of int, optional
        ``(height, width)`` that it must have.

    Returns
    -------
    mask : ndarray of shape (H, W), bool
        True where a pixel is known to be foreground.
    valid : ndarray of shape (H, W), bool
        True where a pixel is known.

    Raises
    ------
    MismatchError
        If the size differs; both are shown.
    DataError
        As in `open_mask`.
    """
    mask = open_mask(path)
    raster = mask.raster
    if size is not None and (raster.height, raster.width) != size:
        raise MismatchError(
            f"{Path(path).name} has {raster.height} x {raster.width} px, but its image has {size[0]} x {size[1]}"
        )
    return mask.read(raster.bounds), mask.read_valid(raster.bounds)


def _bands(raster: Raster) -> Iterator[Window]:
    for row in range(0, raster.height, BAND_ROWS):
        yield Window(row, 0, min(BAND_ROWS, raster.height - row), raster.width)
