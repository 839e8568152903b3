"""What the first bytes of an image say: the value that the gate hands out, and the limits it applies."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from graven.errors import FormatRefused, ImageDamaged, ImageTooLarge

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "MAX_BANDS",
    "MAX_FILE_BYTES",
    "MAX_SIDE_PX",
    "MAX_TILED_PX",
    "MAX_WHOLE_PX",
    "Header",
    "check_memory",
    "check_size",
    "default_memory_limit_bytes",
    "pixel_dtype",
]

MAX_SIDE_PX = 200_000
MAX_TILED_PX = 40_000_000_000
MAX_WHOLE_PX = 400_000_000
MAX_BANDS = 64
MAX_FILE_BYTES = 64 << 30

Format = Literal["tiff", "png", "jpeg"]
Layout = Literal["tiled", "stripped", "whole"]
Color = Literal["grey", "rgb", "palette", "other"]


@dataclass(frozen=True, slots=True)
class Header:
    """An image as its header describes it, nothing decoded.

    Attributes
    ----------
    path : pathlib.Path
        The regular file, links followed.
    format : {"tiff", "png", "jpeg"}
        By its first bytes.
    height, width : int, pixels
        As stored, before any orientation.
    n_samples : int
        Samples per pixel as stored, alpha included; 1 for a palette.
    bits : int
        Bits per sample.
    dtype : numpy.dtype
        Type that the samples have after reading.
    color : {"grey", "rgb", "palette", "other"}
        How the samples are meant.
    layout : {"tiled", "stripped", "whole"}
        Whether windows can be read on their own; "whole" is decoded at once.
    block_height, block_width : int, pixels
        Size of a tile or strip.
    compression : str
        Name of the method.
    interlaced : bool
        Interlaced PNG or progressive JPEG.
    orientation : int, 1 to 8
        EXIF orientation; 1 is upright.
    dpi : tuple of float or None
        Resolution tag in dots per inch, x and y; only ever a suggestion.
    estimated_bytes : int
        Memory that reading takes: the whole image, or one block of a tiled or stripped one.
    transparent : bytes or None
        PNG: the colour key or the alpha of the palette, as stored.
    palette : bytes or None
        PNG: RGB triples.
    inverted : bool
        TIFF: grey where 0 is white.
    sparse : bool
        TIFF: written sparse by graven; missing blocks are background.
    """

    path: Path
    format: Format
    height: int
    width: int
    n_samples: int
    bits: int
    dtype: np.dtype[np.generic]
    color: Color
    layout: Layout
    block_height: int
    block_width: int
    compression: str
    interlaced: bool = False
    orientation: int = 1
    dpi: tuple[float, float] | None = None
    estimated_bytes: int = 0
    transparent: bytes | None = None
    palette: bytes | None = None
    inverted: bool = False
    sparse: bool = False


def default_memory_limit_bytes() -> int:
    """Give what decoding may use unless told otherwise.

    Returns
    -------
    int
        4 GiB or half of the memory, whichever is less; 2 GiB where the system does not tell.
    """
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2 << 30
    return min(4 << 30, total // 2)


def check_size(path: Path, *, height: int, width: int, n_samples: int, whole: bool) -> None:
    """Judge the size of an image before anything else is looked at.

    Parameters
    ----------
    path : pathlib.Path
        For messages.
    height, width : int, pixels
        As the header says.
    n_samples : int
        Samples per pixel.
    whole : bool
        Whether the format must be decoded at once.

    Raises
    ------
    ImageDamaged
        If a side or the number of samples is 0.
    ImageTooLarge
        If it exceeds a limit; the message names it.
    """
    if height < 1 or width < 1 or n_samples < 1:
        raise ImageDamaged(f"{path.name}: the header says {width} x {height} px, {n_samples} bands; get it again")
    if max(height, width) > MAX_SIDE_PX:
        raise ImageTooLarge(
            f"{path.name}: {width} x {height} px, but {MAX_SIDE_PX} px a side are the limit; cut the image into parts"
        )
    if n_samples > MAX_BANDS:
        raise ImageTooLarge(f"{path.name}: {n_samples} bands, but {MAX_BANDS} are the most; split the file")
    if whole and height * width > MAX_WHOLE_PX:
        raise ImageTooLarge(
            f"{path.name}: {width} x {height} px must be decoded at once, for which {MAX_WHOLE_PX} px are the limit; "
            "convert it to a tiled GeoTIFF"
        )
    if height * width > MAX_TILED_PX:
        raise ImageTooLarge(
            f"{path.name}: {width} x {height} px, but {MAX_TILED_PX} px are the limit; cut the image into parts"
        )


def check_memory(path: Path, needed_bytes: int, limit_bytes: int) -> None:
    """Refuse what would take more memory than allowed.

    Parameters
    ----------
    path : pathlib.Path
        For messages.
    needed_bytes, limit_bytes : int
        Estimate and limit.

    Raises
    ------
    ImageTooLarge
        With both figures and what to do.
    """
    if needed_bytes > limit_bytes:
        raise ImageTooLarge(
            f"{path.name}: reading takes {needed_bytes / 2**20:.0f} MiB, the limit is {limit_bytes / 2**20:.0f} MiB; "
            "convert the image to a tiled GeoTIFF, which is read part by part"
        )


def pixel_dtype(path: Path, bits: int, kind: Literal["uint", "int", "float"]) -> np.dtype[np.generic]:
    """Give the NumPy type of samples; fewer than 8 bits become 8.

    Parameters
    ----------
    path : pathlib.Path
        For messages.
    bits : int
        Bits per sample.
    kind : {"uint", "int", "float"}
        Meaning of the bits.

    Returns
    -------
    numpy.dtype
        Type after reading.

    Raises
    ------
    FormatRefused
        If there is no such type.
    """
    if kind == "uint" and bits in (1, 2, 4):
        return np.dtype(np.uint8)
    allowed = {"uint": (8, 16, 32), "int": (8, 16, 32), "float": (32, 64)}[kind]
    if bits not in allowed:
        raise FormatRefused(f"{path.name}: {bits}-bit {kind} samples are not read; convert to 8 or 16 bits or float32")
    return np.dtype(f"{kind}{bits}")
