"""Pixels of formats that are decoded at once: PNG and JPEG, with the decoder that keeps the depth.

8-bit images and 16-bit grey go through Pillow. Pillow turns deeper colour into 8 bits without a word, so that goes
through GDAL, after our own walk has found the file whole. Pillow also fills damaged parts of a JPEG without a word, and
GDAL tells, so it looks at each JPEG first. What leaves a valid code, such as a single wrong bit, no decoder notices.
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import GravenError, ImageDamaged, OutOfMemory
from graven.io.gdalenv import load_rasterio, quiet_about_missing_georeference, strict_options
from graven.io.png import check_png_data

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from graven.io.header import Header

__all__ = ["decode_whole"]

_ROWS = 256
_TELLING = {"GDAL_ERROR_ON_LIBJPEG_WARNING": "YES", "GDAL_ALLOW_LARGE_LIBJPEG_MEM_ALLOC": "YES"}
_DAMAGE = "Corrupt JPEG data"
_MODES = {"1": 1, "L": 1, "P": 1, "I;16": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def decode_whole(header: Header, *, palette: str = "rgb") -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Decode a PNG or JPEG, as stored (not yet turned upright).

    Parameters
    ----------
    header : Header
        From the gate.
    palette : {"rgb", "index"}
        Whether palette images give their colours or their numbers.

    Returns
    -------
    pixels : ndarray of shape (C, H, W), uint8 or uint16
        Data bands; a view of pixel-interleaved memory.
    valid : ndarray of shape (H, W), bool, or None
        False where alpha is 0 or the colour key says transparent; None where the file has neither.

    Raises
    ------
    ImageDamaged
        If the decoder fails, or gives another size or depth than the header.
    OutOfMemory
        If memory runs out.
    """
    try:
        if header.format == "png":
            with header.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                check_png_data(header, data)
        else:
            _check_jpeg_data(header)
        deep_color = header.bits == 16 and header.n_samples > 1
        samples = _decode_gdal(header) if deep_color else _decode_pillow(header)
    except GravenError:
        raise
    except MemoryError as error:
        raise OutOfMemory(f"{header.path.name}: memory ran out while decoding; convert it to tiled GeoTIFF") from error
    except Exception as error:
        raise ImageDamaged(f"{header.path.name}: cannot be decoded ({_one_line(error)}); get the file again") from error
    expected = (header.height, header.width, header.n_samples)
    if samples.shape != expected or samples.dtype != header.dtype:
        raise ImageDamaged(
            f"{header.path.name}: the header says {expected} {header.dtype}, the decoder gave {samples.shape} "
            f"{samples.dtype}; save the image again"
        )
    return _interpret(header, samples, palette=palette)


def _decode_pillow(header: Header) -> NDArray[Any]:
    # The classes themselves, not PIL.Image.open: one decoder per format, and the gate has applied our own size limit
    # where Pillow's is a switch of the whole process.
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    with (PngImageFile if header.format == "png" else JpegImageFile)(header.path) as image:
        if image.size != (header.width, header.height) or image.mode not in _MODES:
            raise ImageDamaged(f"{header.path.name}: the decoder sees {image.mode} {image.size}; save it again")
        image.load()
        return _copy_rows(image, header)


def _copy_rows(image: Image, header: Header) -> NDArray[Any]:
    """Copy a few rows at a time, since one copy of the whole would double the memory."""
    samples = np.empty((header.height, header.width, _MODES[image.mode]), header.dtype)
    for row in range(0, header.height, _ROWS):
        part = np.asarray(image.crop((0, row, header.width, min(row + _ROWS, header.height))))
        if part.dtype == np.bool_:
            part = part.astype(np.uint8) * 255
        if part.dtype != header.dtype:
            raise ImageDamaged(
                f"{header.path.name}: the header says {header.dtype}, the decoder gave {part.dtype}; save it again"
            )
        samples[row : row + part.shape[0]] = part.reshape(part.shape[0], header.width, -1)
    return samples


def _decode_gdal(header: Header) -> NDArray[Any]:
    rasterio = load_rasterio()
    with rasterio.Env(**strict_options()), quiet_about_missing_georeference():
        dataset = rasterio.open(str(header.path), driver=header.format.upper())
    with dataset:
        samples = np.empty((header.height, header.width, dataset.count), dataset.dtypes[0])
        for row in range(0, header.height, _ROWS):
            rows = min(_ROWS, header.height - row)
            part = dataset.read(window=rasterio.windows.Window(0, row, header.width, rows))
            samples[row : row + rows] = part.transpose(1, 2, 0)
        return samples


def _check_jpeg_data(header: Header) -> None:
    """Decode a JPEG for what the library has to say about it; whatever else GDAL dislikes is left to the decoder."""
    rasterio = load_rasterio()
    try:
        with rasterio.Env(**{**strict_options(), **_TELLING}):
            with quiet_about_missing_georeference():
                dataset = rasterio.open(str(header.path), driver="JPEG")
            with dataset:
                for row in range(0, header.height, _ROWS):
                    rows = min(_ROWS, header.height - row)
                    dataset.read(1, window=rasterio.windows.Window(0, row, header.width, rows))
    except rasterio.errors.RasterioError as error:
        reason = str(error.__cause__ or error)
        if _DAMAGE in reason:
            raise ImageDamaged(
                f"{header.path.name}: parts of the JPEG are damaged ({reason.split(': ')[-1]}); get the file again, or "
                "save it anew from an image program if it looks whole there"
            ) from error


def _interpret(header: Header, samples: NDArray[Any], *, palette: str) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Split alpha off, expand the palette, and apply the colour key."""
    valid: NDArray[np.bool_] | None = None
    if header.color == "palette":
        index = samples[..., 0]
        if header.palette is None or int(index.max()) >= len(header.palette) // 3:
            raise ImageDamaged(f"{header.path.name}: pixels refer to colours that the palette lacks; save it again")
        if header.transparent is not None:
            opaque = np.ones(256, bool)
            alpha = np.frombuffer(header.transparent, np.uint8)
            opaque[: alpha.size] = alpha > 0
            valid = opaque[index]
        if palette == "rgb":
            samples = np.frombuffer(header.palette, np.uint8).reshape(-1, 3)[index]
    elif header.n_samples in (2, 4):
        valid = samples[..., -1] > 0
        samples = samples[..., :-1]
    elif header.transparent is not None:
        valid = (samples != _color_key(header)).any(axis=-1)
    return np.moveaxis(samples, -1, 0), valid


def _color_key(header: Header) -> NDArray[Any]:
    """Give the transparent colour of a PNG in the values of the decoded samples."""
    key = header.transparent or b""
    if len(key) != 2 * header.n_samples:
        raise ImageDamaged(f"{header.path.name}: the transparent colour of the PNG is incomplete; save the image again")
    values = np.array(struct.unpack(f">{header.n_samples}H", key))
    if header.bits < 8:
        values = values * (255 // ((1 << header.bits) - 1))
    return values.astype(header.dtype)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 80 else text[:77] + "..."
