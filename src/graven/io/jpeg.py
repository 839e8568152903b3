"""JPEG structure: the walk over its markers, before any decoder sees the file."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import FormatRefused, ImageDamaged, ImageTooLarge
from graven.io.exif import read_exif
from graven.io.header import Header, check_size

if TYPE_CHECKING:
    from mmap import mmap
    from pathlib import Path

__all__ = ["MAX_SCANS", "walk_jpeg"]

MAX_SCANS = 20
"""A progressive photograph has about ten; every scan goes over the whole image."""

_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_FRAMES = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


def walk_jpeg(path: Path, data: mmap) -> Header:
    """Walk all markers of a JPEG file up to its end.

    Parameters
    ----------
    path : pathlib.Path
        For messages and the result.
    data : mmap
        The file.

    Returns
    -------
    Header
        Size, kind, orientation and resolution.

    Raises
    ------
    ImageDamaged
        If a segment leaves the file, there is no image in it, or the end is missing (a truncated file).
    FormatRefused
        If it is lossless, arithmetic-coded, of 12 bits, or CMYK.
    ImageTooLarge
        If it exceeds the limits for formats decoded whole, or has more than `MAX_SCANS` scans.
    """
    position, n_scans = 2, 0
    frame: tuple[str, int, int, int] | None = None
    orientation, dpi = 1, None
    while True:
        marker, position = _next_marker(path, data, position)
        if marker == 0xD9:
            break
        segment = _segment(path, data, position)
        position += 2 + len(segment)
        if marker in _FRAMES:
            if frame is not None:
                raise ImageDamaged(f"{path.name}: the JPEG has two frames; save it again as a plain JPEG")
            frame = (_FRAMES[marker], *_read_frame(path, segment))
        elif marker in _OTHER_FRAMES:
            raise FormatRefused(f"{path.name}: lossless and arithmetic JPEG are not read; save it as TIFF or PNG")
        elif marker == 0xE0 and segment[:5] == b"JFIF\0" and len(segment) >= 12:
            dpi = _jfif_dpi(segment) or dpi
        elif marker == 0xE1 and segment[:6] == b"Exif\0\0":
            orientation, exif_dpi = read_exif(segment[6:])
            dpi = exif_dpi or dpi
        elif marker == 0xDA:
            n_scans += 1
            if n_scans > MAX_SCANS:
                raise ImageTooLarge(f"{path.name}: more than {MAX_SCANS} scans in the JPEG; save it as a plain JPEG")
            match = _AFTER_SCAN.search(data, position)
            if match is None:
                raise _truncated(path)
            position = match.start()
    if frame is None or n_scans == 0:
        raise ImageDamaged(f"{path.name}: the JPEG holds no image; get the file again")
    kind, height, width, n_samples = frame
    return Header(
        path=path,
        format="jpeg",
        height=height,
        width=width,
        n_samples=n_samples,
        bits=8,
        dtype=np.dtype(np.uint8),
        color="grey" if n_samples == 1 else "rgb",
        layout="whole",
        block_height=height,
        block_width=width,
        compression=f"jpeg {kind}",
        interlaced=kind == "progressive",
        orientation=orientation,
        dpi=dpi,
        estimated_bytes=height * width * (n_samples + (4 if n_samples == 3 else 1)),
    )


def _next_marker(path: Path, data: mmap, position: int) -> tuple[int, int]:
    """Read a marker, which any number of 0xFF may precede."""
    if position + 2 > len(data):
        raise _truncated(path)
    if data[position] != 0xFF:
        raise ImageDamaged(f"{path.name}: no JPEG marker at byte {position}; get the file again")
    while position < len(data) and data[position] == 0xFF:
        position += 1
    if position >= len(data):
        raise _truncated(path)
    return data[position], position + 1


def _segment(path: Path, data: mmap, position: int) -> bytes:
    if position + 2 > len(data):
        raise _truncated(path)
    (length,) = struct.unpack_from(">H", data, position)
    if length < 2:
        raise ImageDamaged(f"{path.name}: a JPEG segment of {length} bytes at byte {position}; get the file again")
    if position + length > len(data):
        raise _truncated(path)
    return data[position + 2 : position + length]


def _read_frame(path: Path, segment: bytes) -> tuple[int, int, int]:
    if len(segment) < 6:
        raise ImageDamaged(f"{path.name}: the JPEG frame header has {len(segment)} bytes; get the file again")
    bits, height, width, n_samples = struct.unpack_from(">BHHB", segment)
    check_size(path, height=height, width=width, n_samples=n_samples, whole=True)
    if bits != 8:
        raise FormatRefused(f"{path.name}: JPEG with {bits} bits is not read; save it as 16-bit TIFF")
    if n_samples not in (1, 3):
        raise FormatRefused(f"{path.name}: JPEG with {n_samples} components (CMYK) is not read; convert it to RGB")
    return height, width, n_samples


def _jfif_dpi(segment: bytes) -> tuple[float, float] | None:
    unit, x, y = struct.unpack_from(">BHH", segment, 7)
    per_inch = {1: 1.0, 2: 2.54}.get(unit)
    return (x * per_inch, y * per_inch) if per_inch and x and y else None


def _truncated(path: Path) -> ImageDamaged:
    return ImageDamaged(f"{path.name}: the JPEG ends before its end marker, it is truncated; get the file again")
