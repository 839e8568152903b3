"""Photographs of one object under one light each, read as linear grey in bands of rows.

TIFF files are read where they lie. PNG and JPEG are decoded whole, one after the other; where all of them together
would not fit in memory, their pixels are laid down in scratch files and read from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graven.errors import DataError, InputError, MismatchError
from graven.io.floatrows import Planes
from graven.io.fs import require_free_space
from graven.io.gate import inspect
from graven.io.images import open_raster
from graven.types.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.io.header import Header
    from graven.types.raster import Georeference, PixelSize, Raster

__all__ = ["BAND_BYTES", "HELD_BYTES", "LightStack", "Transfer", "linear", "open_light_stack"]

Transfer = Literal["auto", "linear", "srgb"]

BAND_BYTES = 128 << 20
"""What the grey values of one band take."""

HELD_BYTES = 512 << 20
"""Decoded pixels of PNG and JPEG that are held in memory; more than that goes to scratch files."""

_COPY_ROWS = 512


@dataclass(frozen=True, slots=True)
class LightStack:
    """Images of equal size, opened.

    Attributes
    ----------
    images : tuple of Raster
        As stored, in the order of the lights.
    transfer : {"linear", "srgb"}
        How stored values stand to light.
    dark : Raster or None
        Frame without light, subtracted from every image.
    flats : tuple of Raster
        None, one for all images, or one each: an even white surface, by which images are divided.
    black : float
        Linear value that stands for no light; subtracted from images and flats, but not where a dark frame is.
    notes : tuple of str
        What was assumed, one sentence each.
    """

    images: tuple[Raster, ...]
    transfer: Literal["linear", "srgb"]
    dark: Raster | None = None
    flats: tuple[Raster, ...] = ()
    black: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows of every image, in pixels."""
        return self.images[0].height

    @property
    def width(self) -> int:
        """Columns of every image, in pixels."""
        return self.images[0].width

    @property
    def georeference(self) -> Georeference | None:
        """Where the first image lies."""
        return self.images[0].georeference

    @property
    def pixel_size(self) -> PixelSize | None:
        """Scale of the first image."""
        return self.images[0].pixel_size

    def only(self, index: int) -> LightStack:
        """Give the stack with one of its images, and what belongs to it."""
        flats = self.flats if len(self.flats) < 2 else self.flats[index : index + 1]
        return replace(self, images=self.images[index : index + 1], flats=flats)

    def with_black(self, stored: float) -> LightStack:
        """Give the stack with a black level in stored values, such as 300 of 65,535; floats keep their unit."""
        dtype = self.images[0].dtype
        if dtype.kind == "f":
            return replace(self, black=stored)
        top = np.iinfo(dtype).max
        if not 0 <= stored < top:
            raise InputError(f"a black level of {dtype} lies from 0 to below {top}, got {stored:g}")
        table = _table(dtype, self.transfer)
        return replace(self, black=float(np.interp(stored, np.arange(top + 1), table)))

    def bands(self, *, band_bytes: int = BAND_BYTES) -> Iterator[Window]:
        """Yield bands of whole rows that together cover the images.

        Parameters
        ----------
        band_bytes : int
            What the grey values of one band may take; a band has at least one row.

        Yields
        ------
        Window
            From the top to the bottom.
        """
        rows = max(1, band_bytes // (4 * self.width * len(self.images)))
        for row in range(0, self.height, rows):
            yield Window(row, 0, min(rows, self.height - row), self.width)

    def read(self, window: Window, *, keep_clipped: bool = False) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read linear grey values of all images.

        Parameters
        ----------
        window : Window
            Inside the images.
        keep_clipped : bool
            Give values at the end of the range as they are.

        Returns
        -------
        grey : ndarray of shape (K, h, w), float32
            Mean of the colour bands, each linear, less the dark frame, over the flat. 1 is full scale of whole numbers;
            floats keep their unit. NaN where any colour is clipped at full scale, and where `valid` is False.
        valid : ndarray of shape (h, w), bool
            Where every image, the dark frame and the flats are known and no flat is 0.
        """
        grey = np.empty((len(self.images), window.height, window.width), np.float32)
        valid = np.ones((window.height, window.width), bool)
        dark = np.float32(self.black) if self.dark is None else self._linear(self.dark, window, valid)
        flats = [self._level(flat, window, dark, valid) for flat in self.flats[:1]]
        for index, image in enumerate(self.images):
            stored = image.read(window)
            valid &= image.read_valid(window)
            values = linear(stored, transfer=self.transfer)
            values -= dark
            if len(self.flats) > 1:
                flats = [self._level(self.flats[index], window, dark, valid)]
            if flats:
                values /= flats[0]
            np.mean(values, axis=0, out=grey[index])
            if stored.dtype.kind == "u" and not keep_clipped:
                grey[index][(stored == np.iinfo(stored.dtype).max).any(axis=0)] = np.nan
        grey[:, ~valid] = np.nan
        return grey, valid

    def _linear(self, raster: Raster, window: Window, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        valid &= raster.read_valid(window)
        return linear(raster.read(window), transfer=self.transfer)

    def _level(
        self, flat: Raster, window: Window, dark: NDArray[np.float32] | np.float32, valid: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Give a flat less the dark frame; a pixel that saw nothing of the white surface is not valid."""
        values = self._linear(flat, window, valid)
        values -= dark
        blind = ~(values > 0)
        valid &= ~blind.any(axis=0)
        values[blind] = 1
        return values


def linear(pixels: NDArray[Any], *, transfer: Literal["linear", "srgb"]) -> NDArray[np.float32]:
    """Turn stored values into values in proportion to light.

    Parameters
    ----------
    pixels : ndarray, uint8, uint16 or float
        As stored.
    transfer : {"linear", "srgb"}
        Whether the sRGB curve was applied to them.

    Returns
    -------
    ndarray of the same shape, float32
        0 to 1 for whole numbers; floats as they are.

    Raises
    ------
    DataError
        If floats are said to be sRGB, or the type is another.

    Examples
    --------
    >>> [round(float(value), 4) for value in linear(np.array([0, 128, 255], np.uint8), transfer="srgb")]
    [0.0, 0.2159, 1.0]
    """
    if pixels.dtype.kind == "f" and transfer == "linear":
        return pixels.astype(np.float32)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(f"images of a stack have 8 or 16 bits, or are linear floats, got {transfer} {pixels.dtype}")
    return np.asarray(_table(pixels.dtype, transfer)[pixels], np.float32)


def open_light_stack(
    paths: Sequence[Path],
    *,
    transfer: Transfer = "auto",
    dark: Path | None = None,
    flats: Sequence[Path] = (),
    pixel_size: PixelSize | None = None,
    scratch: Path | None = None,
    held_bytes: int = HELD_BYTES,
) -> LightStack:
    """Open the images of a stack.

    Parameters
    ----------
    paths : sequence of Path
        At least three, in the order of the lights.
    transfer : {"auto", "linear", "srgb"}
        How stored values stand to light. ``auto`` takes 8 bits for sRGB and everything else for linear, and says so.
        Colour profiles are not read.
    dark : Path, optional
        Frame without light, of the same kind.
    flats : sequence of Path
        None, one for all, or one for each image.
    pixel_size : PixelSize, optional
        Scale that a person states.
    scratch : Path, optional
        Existing folder for scratch files. Without it nothing is laid down, whatever it takes.
    held_bytes : int
        Decoded pixels that are held in memory.

    Returns
    -------
    LightStack
        Nothing but headers, and PNG and JPEG files, has been read.

    Raises
    ------
    InputError
        If there are fewer than three images, or a number of flats that fits neither.
    MismatchError
        If an image, the dark frame or a flat has another size, number of bands or depth than the first image.
    DataError, FormatRefused, ImageDamaged, ImageTooLarge, ScaleError
        As `graven.io.images.open_raster`; a stack of floats cannot be sRGB.
    DiskFull, OutputError
        If the scratch files find no room.
    """
    if len(paths) < 3:
        raise InputError(f"a surface needs images under at least 3 lights, got {len(paths)}")
    if len(flats) not in (0, 1, len(paths)):
        raise InputError(f"flats are one for all images or one for each of {len(paths)}, got {len(flats)}")
    everything = [*paths, *([] if dark is None else [dark]), *flats]
    headers = [inspect(path) for path in everything]
    folder = _scratch_folder(headers, scratch, held_bytes)
    rasters: list[Raster] = []
    for index, (path, header) in enumerate(zip(everything, headers, strict=True)):
        raster = open_raster(path, pixel_size=pixel_size if index == 0 else None)
        _check_alike(rasters[0] if rasters else raster, raster, paths[0], path)
        if folder is not None and header.format != "tiff":
            raster = _laid_down(raster, folder / f"image-{index}.raw")
        rasters.append(raster)
    images, rest = rasters[: len(paths)], rasters[len(paths) :]
    chosen, note = _transfer(transfer, images[0])
    return LightStack(
        images=tuple(images),
        transfer=chosen,
        dark=None if dark is None else rest[0],
        flats=tuple(rest[0 if dark is None else 1 :]),
        notes=(note,) if note else (),
    )


def _transfer(asked: Transfer, image: Raster) -> tuple[Literal["linear", "srgb"], str]:
    if image.dtype.kind == "f" and asked == "srgb":
        raise DataError(f"{image.name} holds floats, which are linear; leave --srgb out")
    if asked != "auto":
        return asked, ""
    if image.dtype == np.uint8:
        return "srgb", "images of 8 bits are taken for sRGB and were made linear; say --linear if they are"
    kind = "16 bits" if image.dtype == np.uint16 else "floats"
    return "linear", f"images of {kind} are taken for linear; say --srgb if a tone curve was applied"


def _check_alike(first: Raster, other: Raster, first_path: Path, path: Path) -> None:
    """Refuse an image that does not lie on the first one pixel by pixel."""
    if other.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise DataError(f"{path.name} holds {other.dtype}; images of a stack have 8 or 16 bits or are floats")
    own, its = (first.n_bands, first.height, first.width), (other.n_bands, other.height, other.width)
    if own != its or first.dtype != other.dtype:
        raise MismatchError(
            f"{path.name} has {its[0]} bands of {its[2]} x {its[1]} px, {other.dtype}, but {first_path.name} has "
            f"{own[0]} of {own[2]} x {own[1]} px, {first.dtype}; images of a stack come from one camera in one place"
        )


def _scratch_folder(headers: Sequence[Header], scratch: Path | None, held_bytes: int) -> Path | None:
    """Give the folder to lay decoded images down in; None where they stay in memory."""
    decoded = sum(
        header.height * header.width * header.n_samples * header.dtype.itemsize
        for header in headers
        if header.format != "tiff"
    )
    if scratch is None or decoded <= held_bytes:
        return None
    require_free_space(scratch, decoded)
    return scratch


def _laid_down(raster: Raster, path: Path) -> Raster:
    """Lay the pixels of a raster down in a file and read them from there."""
    size = {"n_planes": raster.n_bands, "height": raster.height, "width": raster.width}
    planes = Planes(path, dtype=raster.dtype, **size)
    known = np.ones((raster.height, raster.width), bool)
    for row in range(0, raster.height, _COPY_ROWS):
        window = Window(row, 0, min(_COPY_ROWS, raster.height - row), raster.width)
        planes.write(row, raster.read(window))
        known[window.slices()] = raster.read_valid(window)
    packed = None if known.all() else np.packbits(known, axis=1)

    def read_valid(window: Window) -> NDArray[np.bool_]:
        if packed is None:
            return np.ones((window.height, window.width), bool)
        rows, cols = window.slices()
        return np.unpackbits(packed[rows], axis=1, count=planes.shape[2])[:, cols].astype(bool)

    return replace(raster, read_pixels=planes.read, read_valid=read_valid, overviews={})


@cache
def _table(dtype: np.dtype[Any], transfer: Literal["linear", "srgb"]) -> NDArray[np.float32]:
    """Give the linear value of every whole number that a pixel can hold."""
    top = np.iinfo(dtype).max
    share = np.arange(top + 1, dtype=np.float64) / top
    curve = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return (share if transfer == "linear" else curve).astype(np.float32)
