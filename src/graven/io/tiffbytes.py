"""Bounded reads of numbers and directories from a TIFF file, classic or Big."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import ImageDamaged

if TYPE_CHECKING:
    from mmap import mmap
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["MAX_VALUES", "TiffFile", "TiffTag"]

MAX_VALUES = 1 << 20
"""Most values of a tag that are read at once."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NUMBERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_TRAILER = b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED"


@dataclass(frozen=True, slots=True)
class TiffTag:
    """Where the values of a tag lie, and how many of which type they are."""

    kind: int
    count: int
    offset: int


class TiffFile:
    """A TIFF file of which nothing is believed: every read is checked against its size.

    Parameters
    ----------
    path : pathlib.Path
        For messages.
    data : mmap
        The file.

    Raises
    ------
    ImageDamaged
        Here and in all methods, if something lies behind the end of the file.
    """

    def __init__(self, path: Path, data: mmap) -> None:
        self.path, self.data, self.size = path, data, len(data)
        self.order = "<" if data[:2] == b"II" else ">"
        if self.size < 16:
            raise self.truncated()
        self.big = self.unpack("H", 2) == 43
        if self.big and (self.unpack("H", 4), self.unpack("H", 6)) != (8, 0):
            raise ImageDamaged(f"{path.name}: the BigTIFF header is wrong; get the file again")
        structure = data[16:1040] if self.big else data[8:1032]
        repeated = structure.startswith(b"GDAL_STRUCTURAL_METADATA_SIZE=") and _TRAILER in structure
        self.trailer_bytes = 4 if repeated and b"KNOWN_INCOMPATIBLE_EDITION=YES" not in structure else 0

    def unpack(self, code: str, offset: int) -> int:
        """Read one unsigned number (``H``, ``I`` or ``Q``)."""
        if offset < 0 or offset + struct.calcsize(code) > self.size:
            raise self.truncated()
        value: int = struct.unpack_from(self.order + code, self.data, offset)[0]
        return value

    def first_directory(self) -> int:
        """Give the offset of the first directory."""
        return self.unpack("Q", 8) if self.big else self.unpack("I", 4)

    def directory(self, offset: int) -> tuple[dict[int, TiffTag], int]:
        """Read the tags of a directory and the offset of the next."""
        head, entry, code = (8, 20, "Q") if self.big else (2, 12, "I")
        count = self.unpack("Q" if self.big else "H", offset)
        if count == 0 or count > 4096:
            raise ImageDamaged(f"{self.path.name}: a TIFF directory with {count} tags; get the file again")
        tags: dict[int, TiffTag] = {}
        for index in range(count):
            place = offset + head + entry * index
            tag, kind, n = self.unpack("H", place), self.unpack("H", place + 2), self.unpack(code, place + 4)
            value = place + (12 if self.big else 8)
            n_bytes = _SIZES.get(kind, 1) * n
            if n_bytes > (8 if self.big else 4):
                value = self.unpack(code, value)
                if value + n_bytes > self.size:
                    raise self.truncated()
            tags.setdefault(tag, TiffTag(kind, n, value))
        return tags, self.unpack(code, offset + head + entry * count)

    def numbers(self, tag: TiffTag, first: int = 0, last: int | None = None) -> NDArray[np.uint64]:
        """Read unsigned numbers of a tag."""
        if tag.kind not in _NUMBERS:
            raise ImageDamaged(f"{self.path.name}: a TIFF tag has the wrong type; get the file again")
        dtype = np.dtype(self.order + _NUMBERS[tag.kind])
        count = (tag.count if last is None else min(last, tag.count)) - first
        if count > MAX_VALUES:
            raise ImageDamaged(f"{self.path.name}: a TIFF tag with {count} values; get the file again")
        if count < 1:
            return np.zeros(0, np.uint64)
        start = tag.offset + first * dtype.itemsize
        return np.frombuffer(self.data[start : start + count * dtype.itemsize], dtype).astype(np.uint64)

    def number(self, tags: dict[int, TiffTag], tag: int, default: int) -> int:
        """Read the first number of a tag, or give a default where the tag is absent."""
        if tag not in tags or tags[tag].count < 1:
            return default
        return int(self.numbers(tags[tag], 0, 1)[0])

    def truncated(self) -> ImageDamaged:
        """Say that something lies behind the end of the file."""
        return ImageDamaged(
            f"{self.path.name}: the TIFF refers to bytes behind its end, it is truncated or damaged; get the file again"
        )
