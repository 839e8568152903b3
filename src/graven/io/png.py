"""PNG structure: the walk over its chunks, before any decoder sees the file."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import FormatRefused, ImageDamaged
from graven.io.exif import read_exif
from graven.io.header import Header, check_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap
    from pathlib import Path

__all__ = ["PNG_SIGNATURE", "check_png_data", "walk_png"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_STEP_BYTES = 1 << 20
_MAX_EXIF_BYTES = 1 << 20


def walk_png(path: Path, data: mmap) -> Header:
    """Walk all chunks of a PNG file up to ``IEND`` and check the CRC of each.

    Parameters
    ----------
    path : pathlib.Path
        For messages and the result.
    data : mmap
        The file.

    Returns
    -------
    Header
        Size, kind, palette, transparency, orientation and resolution. Text and colour profiles are not unpacked.

    Raises
    ------
    ImageDamaged
        If a chunk leaves the file, fails its CRC or is out of order, or ``IEND`` is missing (a truncated file).
    FormatRefused
        If it is an animation.
    ImageTooLarge
        If it exceeds the limits for formats decoded whole.
    """
    chunks = _chunks(path, data)
    kind, start, length = next(chunks)
    if kind != b"IHDR" or length != 13:
        raise ImageDamaged(f"{path.name}: the PNG does not begin with its header; get the file again")
    width, height, bits, color_type, method, filtering, interlace = struct.unpack_from(">IIBBBBB", data, start)
    if bits not in _BITS.get(color_type, ()) or method or filtering or interlace > 1:
        raise ImageDamaged(f"{path.name}: the PNG header names an unknown kind of image; get the file again")
    n_samples = _SAMPLES[color_type]
    check_size(path, height=height, width=width, n_samples=n_samples, whole=True)

    palette = transparent = dpi = None
    orientation, has_data = 1, False
    for kind, start, length in chunks:
        if kind == b"acTL":
            raise FormatRefused(f"{path.name}: animated PNG is not read; save one picture of it")
        if kind == b"PLTE":
            palette = data[start : start + min(length, 768)]
        elif kind == b"tRNS":
            transparent = data[start : start + min(length, 256)]
        elif kind == b"pHYs" and length == 9:
            x, y, unit = struct.unpack_from(">IIB", data, start)
            dpi = (x * 0.0254, y * 0.0254) if unit == 1 and x and y else None
        elif kind == b"eXIf" and length <= _MAX_EXIF_BYTES:
            orientation, _ = read_exif(data[start : start + length])
        elif kind == b"IDAT":
            has_data = True
    if not has_data or (color_type == 3 and (not palette or len(palette) % 3)):
        raise ImageDamaged(f"{path.name}: the PNG lacks its pixels or its palette; get the file again")
    sample_bytes = 2 if bits == 16 else 1
    in_decoder = height * width * (4 if n_samples > 1 and bits < 16 else n_samples * sample_bytes)
    out_samples = 3 if color_type == 3 else n_samples
    return Header(
        path=path,
        format="png",
        height=height,
        width=width,
        n_samples=n_samples,
        bits=bits,
        dtype=np.dtype(np.uint16 if bits == 16 else np.uint8),
        color="palette" if color_type == 3 else "grey" if color_type in (0, 4) else "rgb",
        layout="whole",
        block_height=height,
        block_width=width,
        compression="deflate",
        interlaced=bool(interlace),
        orientation=orientation,
        dpi=dpi,
        estimated_bytes=in_decoder + height * width * (out_samples + (transparent is not None)) * sample_bytes,
        transparent=transparent,
        palette=palette,
    )


def check_png_data(header: Header, data: mmap) -> None:
    """Inflate the pixels of a PNG in small steps and compare their number with the header.

    Parameters
    ----------
    header : Header
        From `walk_png`.
    data : mmap
        The same file.

    Raises
    ------
    ImageDamaged
        If the stream is broken, too short or too long.
    """
    expected = _inflated_bytes(header)
    inflater, total = zlib.decompressobj(), 0
    try:
        for kind, start, length in _chunks(header.path, data, check_crc=False):
            if kind != b"IDAT":
                continue
            for first in range(start, start + length, _STEP_BYTES):
                pending = data[first : min(first + _STEP_BYTES, start + length)]
                while pending and not inflater.eof and total <= expected:
                    total += len(inflater.decompress(pending, _STEP_BYTES))
                    pending = inflater.unconsumed_tail
        if total <= expected and not inflater.eof:
            total += len(inflater.decompress(b"", _STEP_BYTES))
    except zlib.error as error:
        raise ImageDamaged(f"{header.path.name}: the PNG pixels do not unpack ({error}); get the file again") from error
    if total != expected:
        raise ImageDamaged(
            f"{header.path.name}: the PNG unpacks to {min(total, expected + 1)} bytes or more "
            f"where {expected} are needed; get the file again"
        )


def _chunks(path: Path, data: mmap, *, check_crc: bool = True) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and length of each chunk; returns only behind ``IEND``."""
    position = len(PNG_SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise _truncated(path)
        length, kind = struct.unpack_from(">I4s", data, position)
        start, end = position + 8, position + 8 + length
        if not kind.isalpha():
            raise ImageDamaged(f"{path.name}: no PNG chunk at byte {position}; get the file again")
        if end + 4 > len(data):
            raise _truncated(path)
        if check_crc:
            crc = zlib.crc32(kind)
            for first in range(start, end, _STEP_BYTES):
                crc = zlib.crc32(data[first : min(first + _STEP_BYTES, end)], crc)
            if crc != struct.unpack_from(">I", data, end)[0]:
                raise ImageDamaged(
                    f"{path.name}: the PNG chunk at byte {position} fails its checksum; get the file again"
                )
        if kind == b"IEND":
            return
        yield kind, start, length
        position = end + 4


def _inflated_bytes(header: Header) -> int:
    bits = header.bits * header.n_samples
    if not header.interlaced:
        return header.height * (1 + (header.width * bits + 7) // 8)
    total = 0
    for row, col, row_step, col_step in _ADAM7:
        rows = max(0, -(-(header.height - row) // row_step))
        cols = max(0, -(-(header.width - col) // col_step))
        total += rows * (1 + (cols * bits + 7) // 8) if cols else 0
    return total


def _truncated(path: Path) -> ImageDamaged:
    return ImageDamaged(f"{path.name}: the PNG ends before its end chunk, it is truncated; get the file again")
