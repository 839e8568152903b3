"""TIFF structure: the walk over its directories and block tables, before any decoder sees the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from graven.errors import FormatRefused, ImageDamaged
from graven.io.exif import resolution_dpi
from graven.io.header import Header, check_memory, check_size, pixel_dtype
from graven.io.tiffbytes import MAX_VALUES, TiffFile, TiffTag

if TYPE_CHECKING:
    from mmap import mmap
    from pathlib import Path


__all__ = ["MAX_DIRECTORIES", "SPARSE_ITEM", "walk_tiff"]

MAX_DIRECTORIES = 256
"""A picture with its mask and pyramid has at most about forty."""

SPARSE_ITEM = b'<Item name="GRAVEN_SPARSE">YES</Item>'
"""GDAL metadata item by which graven declares that missing blocks are background."""

_COMPRESSIONS = {
    1: "none",
    5: "lzw",
    7: "jpeg",
    8: "deflate",
    32773: "packbits",
    32946: "deflate",
    34887: "lerc",
    50000: "zstd",
}


@dataclass(frozen=True, slots=True)
class _Blocks:
    layout: Literal["tiled", "stripped"]
    height: int
    width: int
    count: int


def walk_tiff(path: Path, data: mmap, *, memory_limit_bytes: int) -> Header:
    """Walk all directories of a TIFF file and check that every block lies inside it.

    Parameters
    ----------
    path : pathlib.Path
        For messages and the result.
    data : mmap
        The file.
    memory_limit_bytes : int
        What one block may take when it is decoded.

    Returns
    -------
    Header
        Of the full-size image; masks and reduced copies are checked as well.

    Raises
    ------
    ImageDamaged
        If a directory, a tag value or a block leaves the file, blocks are missing or overlap, or directories form a
        circle.
    FormatRefused
        If it has several full-size pages, or a colour model or compression that is not read.
    ImageTooLarge
        If it exceeds the limits, or one block the memory limit.
    """
    file = TiffFile(path, data)
    main: Header | None = None
    pending, seen, sparse = [(file.first_directory(), False)], set[int](), False
    while pending:
        offset, is_child = pending.pop()
        if offset == 0:
            continue
        if offset in seen:
            raise ImageDamaged(f"{path.name}: the TIFF directories form a circle; get the file again")
        seen.add(offset)
        if len(seen) > MAX_DIRECTORIES:
            raise FormatRefused(f"{path.name}: more than {MAX_DIRECTORIES} directories in one TIFF; split the file")
        tags, following = file.directory(offset)
        if not is_child:
            pending.append((following, False))
        if 330 in tags and tags[330].count <= MAX_DIRECTORIES and not is_child:
            pending += [(int(child), True) for child in file.numbers(tags[330])]
        is_full_size = not is_child and not file.number(tags, 254, 0) & 5 and file.number(tags, 255, 1) != 2
        if is_full_size and main is not None:
            raise FormatRefused(f"{path.name}: the TIFF has several pages; save each page as a file of its own")
        sparse = sparse or (main is None and _declares_sparse(file, tags))
        if is_full_size:
            main = _read_main(file, tags, sparse=sparse, memory_limit_bytes=memory_limit_bytes)
        _check_blocks(file, tags, sparse=sparse)
    if main is None:
        raise ImageDamaged(f"{path.name}: the TIFF holds no image; get the file again")
    return main


def _read_main(file: TiffFile, tags: dict[int, TiffTag], *, sparse: bool, memory_limit_bytes: int) -> Header:
    path, number = file.path, file.number
    width, height, n_samples = number(tags, 256, 0), number(tags, 257, 0), number(tags, 277, 1)
    check_size(path, height=height, width=width, n_samples=n_samples, whole=False)
    compression = number(tags, 259, 1)
    if compression not in _COMPRESSIONS:
        raise FormatRefused(f"{path.name}: TIFF compression {compression} is not read; save it with deflate or LZW")
    bits, kind = _sample_type(file, tags, n_samples)
    dtype = pixel_dtype(path, bits, kind)
    color, inverted = _color(file, tags, n_samples=n_samples, compression=compression, dtype=dtype)
    blocks = _block_layout(file, tags)
    planes = 1 if number(tags, 284, 1) == 2 else n_samples
    block_bytes = min(blocks.height, height if blocks.layout == "stripped" else blocks.height) * blocks.width
    estimated = 2 * block_bytes * planes * dtype.itemsize
    check_memory(path, estimated, memory_limit_bytes)
    return Header(
        path=path,
        format="tiff",
        height=height,
        width=width,
        n_samples=n_samples,
        bits=bits,
        dtype=dtype,
        color=color,
        layout=blocks.layout,
        block_height=blocks.height,
        block_width=blocks.width,
        compression=_COMPRESSIONS[compression],
        orientation=_orientation(file, tags),
        dpi=_dpi(file, tags),
        estimated_bytes=estimated,
        inverted=inverted,
        sparse=sparse,
    )


def _sample_type(
    file: TiffFile, tags: dict[int, TiffTag], n_samples: int
) -> tuple[int, Literal["uint", "int", "float"]]:
    bits = set(file.numbers(tags[258], 0, n_samples).tolist()) if 258 in tags else {1}
    kinds = set(file.numbers(tags[339], 0, n_samples).tolist()) if 339 in tags else {1}
    if len(bits) != 1 or len(kinds) != 1:
        raise FormatRefused(f"{file.path.name}: the bands of the TIFF have different types; split the file")
    names: dict[int, Literal["uint", "int", "float"]] = {1: "uint", 2: "int", 3: "float", 4: "uint"}
    kind = int(kinds.pop())
    if kind not in names:
        raise FormatRefused(f"{file.path.name}: complex samples are not read; save magnitude or phase as float32")
    return int(bits.pop()), names[kind]


def _color(
    file: TiffFile, tags: dict[int, TiffTag], *, n_samples: int, compression: int, dtype: np.dtype[np.generic]
) -> tuple[Literal["grey", "rgb", "palette", "other"], bool]:
    photometric = file.number(tags, 262, 1)
    if photometric == 3 and n_samples == 1 and 320 in tags and dtype.kind == "u":
        return "palette", False
    if photometric == 0 and dtype.kind == "u" and n_samples == 1:
        return "grey", True
    if photometric == 1:
        return "grey" if n_samples <= 2 else "other", False
    if (photometric == 2 or (photometric == 6 and compression == 7)) and n_samples >= 3:
        return "rgb", False
    names = {5: "CMYK", 6: "YCbCr", 8: "CIELAB", 32803: "raw sensor"}
    raise FormatRefused(
        f"{file.path.name}: {names.get(photometric, f'colour model {photometric}')} TIFF is not read; convert it to RGB"
    )


def _orientation(file: TiffFile, tags: dict[int, TiffTag]) -> int:
    value = file.number(tags, 274, 1)
    return value if 1 <= value <= 8 else 1


def _dpi(file: TiffFile, tags: dict[int, TiffTag]) -> tuple[float, float] | None:
    values = []
    for tag in (282, 283):
        if tag not in tags or tags[tag].kind != 5 or tags[tag].count < 1:
            return None
        above, below = file.unpack("I", tags[tag].offset), file.unpack("I", tags[tag].offset + 4)
        values.append(above / below if below else 0.0)
    return resolution_dpi(values[0], values[1], file.number(tags, 296, 2))


def _declares_sparse(file: TiffFile, tags: dict[int, TiffTag]) -> bool:
    if 42112 not in tags or tags[42112].count > MAX_VALUES:
        return False
    tag = tags[42112]
    return SPARSE_ITEM in file.data[tag.offset : tag.offset + tag.count]


def _block_layout(file: TiffFile, tags: dict[int, TiffTag]) -> _Blocks:
    width, height = file.number(tags, 256, 0), file.number(tags, 257, 0)
    n_samples = max(1, file.number(tags, 277, 1))
    planes = n_samples if file.number(tags, 284, 1) == 2 else 1
    if min(width, height) < 1:
        raise ImageDamaged(f"{file.path.name}: the TIFF holds a picture of {width} x {height} px; get the file again")
    if 322 in tags or 323 in tags:
        block_width, block_height = file.number(tags, 322, 0), file.number(tags, 323, 0)
        if block_width < 1 or block_height < 1 or block_width % 16 or block_height % 16:
            raise ImageDamaged(f"{file.path.name}: TIFF tiles of {block_width} x {block_height} px; get the file again")
        count = -(-width // block_width) * -(-height // block_height) * planes
        return _Blocks("tiled", block_height, block_width, count)
    rows = min(height, file.number(tags, 278, height))
    if rows < 1:
        raise ImageDamaged(f"{file.path.name}: TIFF strips of {rows} rows; get the file again")
    return _Blocks("stripped", rows, width, -(-height // rows) * planes)


def _check_blocks(file: TiffFile, tags: dict[int, TiffTag], *, sparse: bool) -> None:
    """Check that the blocks of one directory are all there, inside the file, and not the same bytes over and over."""
    blocks = _block_layout(file, tags)
    offset_tag, count_tag = (324, 325) if 324 in tags else (273, 279)
    offsets, counts = tags.get(offset_tag), tags.get(count_tag)
    if offsets is None or counts is None or offsets.count != blocks.count or counts.count != blocks.count:
        have = 0 if offsets is None else offsets.count
        raise ImageDamaged(
            f"{file.path.name}: the TIFF lists {have} blocks where {blocks.count} are needed; get the file again"
        )
    total = 0
    for first in range(0, blocks.count, MAX_VALUES):
        start, length = (
            file.numbers(offsets, first, first + MAX_VALUES),
            file.numbers(counts, first, first + MAX_VALUES),
        )
        missing = (start == 0) | (length == 0)
        if missing.any() and not sparse:
            raise ImageDamaged(
                f"{file.path.name}: {int(missing.sum())} blocks of the TIFF were never written; get the file again"
            )
        start, length = start[~missing], length[~missing]
        size = np.uint64(file.size)
        if ((start > size) | (length > size)).any() or (start + length + np.uint64(file.trailer_bytes) > size).any():
            raise file.truncated()
        total += int(length.sum())
    if total > file.size:
        raise ImageDamaged(f"{file.path.name}: blocks of the TIFF overlap; get the file again")
    _check_plain_length(file, tags, blocks, counts, sparse=sparse)


def _check_plain_length(
    file: TiffFile, tags: dict[int, TiffTag], blocks: _Blocks, counts: TiffTag, *, sparse: bool
) -> None:
    """Check that uncompressed blocks are as long as their size demands."""
    if file.number(tags, 259, 1) != 1 or 258 not in tags or file.number(tags, 262, 1) == 6:
        return
    n_samples = max(1, file.number(tags, 277, 1))
    planes = n_samples if file.number(tags, 284, 1) == 2 else 1
    row_bytes = -(-blocks.width * file.number(tags, 258, 1) * (n_samples // planes) // 8)
    height = file.number(tags, 257, 0)
    per_plane = blocks.count // planes
    last_rows = blocks.height if blocks.layout == "tiled" else height - blocks.height * (per_plane - 1)
    for first in range(0, blocks.count, MAX_VALUES):
        length = file.numbers(counts, first, first + MAX_VALUES).astype(np.int64)
        index = np.arange(first, first + length.size)
        needed = np.where(index % per_plane == per_plane - 1, last_rows, blocks.height) * row_bytes
        if ((length < needed) & ~(sparse & (length == 0))).any():
            raise ImageDamaged(f"{file.path.name}: a block of the TIFF is shorter than its pixels; get the file again")
