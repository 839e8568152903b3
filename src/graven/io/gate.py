"""The one input gate: what a file is, judged from its bytes before any decoder opens it.

Magic bytes decide, the extension must agree, the structure must be whole, and the size must be within the limits.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from pathlib import Path

from graven.errors import FormatRefused, ImageDamaged, ImageTooLarge, InputError
from graven.io.header import MAX_FILE_BYTES, Header, check_memory, default_memory_limit_bytes
from graven.io.jpeg import walk_jpeg
from graven.io.png import PNG_SIGNATURE, walk_png
from graven.io.tiff import walk_tiff

__all__ = ["EXTENSIONS", "Header", "check_path", "inspect"]

EXTENSIONS: dict[str, tuple[str, ...]] = {
    "tiff": (".tif", ".tiff", ".gtiff", ".btf"),
    "png": (".png",),
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
}
"""Extensions that a file of each format may have."""

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_+.-]+:")
# Outputs bear the name of the input, and pyogrio takes ! and ; for dividers of an address.
_APART = re.compile(r"[\x00-\x1f\x7f!;\ud800-\udfff]")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_OTHERS = (
    (b"<", "an XML file (such as a GDAL virtual raster)"),
    (b"GIF8", "a GIF"),
    (b"RIFF", "a WebP"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"BM", "a BMP"),
    (b"\x89HDF", "an HDF5 file"),
    (b"CDF", "a netCDF file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"SQLite format 3", "an SQLite database"),
)


def check_path(path: str | os.PathLike[str]) -> Path:
    """Find the regular file behind a path, and refuse what a decoder could take for something else.

    Parameters
    ----------
    path : path
        As given by a person; a symbolic link to a regular file is followed.

    Returns
    -------
    pathlib.Path
        Absolute path of the regular file.

    Raises
    ------
    InputError
        If there is no such file.
    FormatRefused
        If the path holds ``/vsi``, ``://``, ``<``, a NUL or a driver prefix, the name of the file ``!``, ``;`` or a
        character that is no text, or if it is not a regular file.
    """
    text = os.fspath(path)
    if "\0" in text or "<" in text or "://" in text or "/vsi" in text or _PREFIX.match(text):
        raise FormatRefused(f"{text!r} is not the name of a plain file; graven opens local image files only")
    if found := _APART.search(Path(text).name):
        raise FormatRefused(f"{text!r}: other programs take a name with {found[0]!r} apart; rename the file")
    try:
        real = Path(os.path.realpath(text, strict=True))
        mode = real.stat().st_mode
    except FileNotFoundError:
        raise InputError(f"{text}: there is no such file; check the name") from None
    except OSError as error:
        raise InputError(f"{text}: cannot be opened ({error.strerror}); check its name and permissions") from None
    if not stat.S_ISREG(mode) or "/vsi" in str(real) or "<" in str(real):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise FormatRefused(f"{text} is {kind}; give the name of an image file")
    return real


def inspect(path: str | os.PathLike[str], *, memory_limit_bytes: int | None = None) -> Header:
    """Judge an image file from its bytes, decoding nothing.

    Parameters
    ----------
    path : path
        TIFF, BigTIFF, GeoTIFF or COG, PNG, or JPEG.
    memory_limit_bytes : int, optional
        What decoding may take; default `graven.io.header.default_memory_limit_bytes`.

    Returns
    -------
    Header
        What the file says about itself, checked against its structure.

    Raises
    ------
    InputError
        If there is no such file.
    FormatRefused
        If it is anything but the three formats (a virtual raster or network description, whatever its name), if the
        extension contradicts the content, or if it uses what is not read.
    ImageDamaged
        If it is empty, truncated, or contradicts itself.
    ImageTooLarge
        If it exceeds a limit; nothing was allocated then.
    """
    real = check_path(path)
    limit = default_memory_limit_bytes() if memory_limit_bytes is None else memory_limit_bytes
    size = real.stat().st_size
    if size == 0:
        raise ImageDamaged(f"{real.name}: the file is empty; get it again")
    if size > MAX_FILE_BYTES:
        raise ImageTooLarge(f"{real.name}: {size / 2**30:.0f} GiB, the limit is {MAX_FILE_BYTES >> 30} GiB; cut it")
    try:
        with real.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            kind = _kind(real, data[:64])
            if kind == "tiff":
                return walk_tiff(real, data, memory_limit_bytes=limit)
            header = walk_png(real, data) if kind == "png" else walk_jpeg(real, data)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    check_memory(real, header.estimated_bytes, limit)
    return header


def _kind(path: Path, head: bytes) -> str:
    """Tell the format from the first bytes, and compare it with the extension."""
    if head.startswith(_TIFF_MAGIC):
        kind = "tiff"
    elif head.startswith(PNG_SIGNATURE):
        kind = "png"
    elif head.startswith(b"\xff\xd8\xff"):
        kind = "jpeg"
    else:
        found = next((name for magic, name in _OTHERS if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(magic)), None)
        raise FormatRefused(
            f"{path.name} is {found or 'neither TIFF, PNG nor JPEG'}, whatever its name says; "
            "convert it to GeoTIFF, TIFF, PNG or JPEG"
        )
    if path.suffix.lower() not in EXTENSIONS[kind]:
        raise FormatRefused(f"{path.name} is a {kind.upper()} by content; let its name end in {EXTENSIONS[kind][0]}")
    return kind
