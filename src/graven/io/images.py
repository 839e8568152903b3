"""Images as `Raster`: opened through the gate, read lazily, turned upright, with what is unknown marked.

Rules, one each:

* alpha 0, the nodata value in all bands, an internal mask, or a value that is not finite make a pixel invalid;
* a palette becomes RGB (or stays a class number on request);
* grey of fewer than 8 bits is stretched to 0–255, and grey where 0 is white is inverted;
* EXIF orientation is applied; a picture that is turned *and* georeferenced is refused, since it is unclear which of the
  two speaks of the stored pixels;
* several pages, CMYK, CIELAB and raw sensor data are refused with what to do instead;
* bits and floats stay as they are stored.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graven.errors import FormatRefused, ScaleError
from graven.io.decode import decode_whole
from graven.io.fs import sha256_file
from graven.io.gate import Header, inspect
from graven.io.georeference import pixel_size_of, read_world_file
from graven.io.orientation import displayed_size, orient, stored_window
from graven.io.tiffsource import TiffSource
from graven.types.raster import Georeference, PixelSize, Raster

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.types.window import Window

__all__ = ["open_raster", "suggested_pixel_size"]

Palette = Literal["rgb", "index"]
_MAX_SCALE_CONFLICT = 0.05


def open_raster(
    path: str | os.PathLike[str],
    *,
    pixel_size: PixelSize | None = None,
    memory_limit_bytes: int | None = None,
    palette: Palette = "rgb",
    hash_source: bool = True,
) -> Raster:
    """Open an image as a raster that is read window by window.

    Parameters
    ----------
    path : path
        TIFF, BigTIFF, GeoTIFF, COG, PNG or JPEG.
    pixel_size : PixelSize, optional
        Scale stated by the user; without it, the geotransform or the tags of graven decide. A DPI tag never does.
    memory_limit_bytes : int, optional
        What decoding may take; default 4 GiB or half of the memory.
    palette : {"rgb", "index"}
        Whether a palette image gives its colours or its numbers (a class raster).
    hash_source : bool
        Whether to compute the SHA-256 of the file, which reads it once.

    Returns
    -------
    Raster
        TIFF is read by tiles or strips with one handle per thread; PNG and JPEG are decoded now, once.

    Raises
    ------
    InputError, FormatRefused, ImageDamaged, ImageTooLarge
        As `graven.io.gate.inspect`; `ImageDamaged` also later, when a window does not decode.
    OutOfMemory
        If memory runs out.
    ScaleError
        If `pixel_size`, or without it the tag of graven, contradicts the geotransform by more than 5 %.
    """
    header = inspect(path, memory_limit_bytes=memory_limit_bytes)
    world = read_world_file(Path(path), header.format)
    source = TiffSource(header, palette=palette) if header.format == "tiff" else _WholeSource(header, palette=palette)
    georeference = source.georeference
    if georeference is None and world is not None:
        georeference = Georeference(world, None, "local", None)
    if georeference is not None and header.orientation != 1:
        raise FormatRefused(
            f"{header.path.name}: the image has both an EXIF orientation and a georeference; "
            "turn the pixels upright and georeference them again"
        )
    height, width = displayed_size(header.height, header.width, header.orientation)

    def turned(read: Callable[[Window], NDArray[Any]]) -> Callable[[Window], NDArray[Any]]:
        def read_turned(window: Window) -> NDArray[Any]:
            stored = stored_window(window, header.orientation, height=header.height, width=header.width)
            return np.ascontiguousarray(orient(read(stored), header.orientation))

        return read_turned

    return Raster(
        height=height,
        width=width,
        n_bands=source.n_bands,
        dtype=source.dtype,
        read_pixels=turned(source.read_pixels),
        read_valid=turned(source.read_valid),
        overviews=source.overviews if header.orientation == 1 else {},
        georeference=georeference,
        pixel_size=_settle_scale(header, pixel_size, source.pixel_size, pixel_size_of(georeference)),
        name=Path(path).stem,
        source_sha256=sha256_file(header.path) if hash_source else None,
    )


def suggested_pixel_size(path: str | os.PathLike[str]) -> PixelSize | None:
    """Give the pixel size that the resolution tag of an image suggests.

    Parameters
    ----------
    path : path
        An image.

    Returns
    -------
    PixelSize or None
        With source ``exif``, upright. It holds for a scan of a drawing; in a photograph it is mostly an invention of
        the camera, so nothing in graven uses it unless a person says so.

    Raises
    ------
    InputError, FormatRefused, ImageDamaged, ImageTooLarge
        As `graven.io.gate.inspect`.
    """
    header = inspect(path)
    if header.dpi is None:
        return None
    x_mm, y_mm = 25.4 / header.dpi[0], 25.4 / header.dpi[1]
    if displayed_size(1, 2, header.orientation) == (2, 1):
        x_mm, y_mm = y_mm, x_mm
    return PixelSize(x_mm, y_mm, "exif")


class _WholeSource:
    """A PNG or JPEG in memory."""

    georeference: Georeference | None = None
    pixel_size: PixelSize | None = None

    def __init__(self, header: Header, *, palette: Palette) -> None:
        self._pixels, self._valid = decode_whole(header, palette=palette)
        self.n_bands, self.dtype = self._pixels.shape[0], self._pixels.dtype
        self.overviews: dict[int, Callable[[Window], NDArray[Any]]] = {}

    def read_pixels(self, window: Window) -> NDArray[Any]:
        rows, cols = window.slices()
        return self._pixels[:, rows, cols]

    def read_valid(self, window: Window) -> NDArray[np.bool_]:
        if self._valid is None:
            return np.ones((window.height, window.width), bool)
        return self._valid[window.slices()]


def _settle_scale(
    header: Header, stated: PixelSize | None, tagged: PixelSize | None, derived: PixelSize | None
) -> PixelSize | None:
    """Take the stated scale, else what graven wrote, else the geotransform; none may contradict the last."""
    if derived is not None and stated is not None and _differ(stated, derived):
        raise ScaleError(
            f"{header.path.name}: the file says {derived.mean_mm:.6g} mm/px, but {stated.mean_mm:.6g} was stated; "
            "leave --scale out or correct the georeference"
        )
    if derived is not None and stated is None and tagged is not None and _differ(tagged, derived):
        raise ScaleError(
            f"{header.path.name}: its tag says {tagged.mean_mm:.6g} mm/px, its geotransform {derived.mean_mm:.6g}; it "
            "was resampled or georeferenced anew, so state which is true with --scale"
        )
    return stated or tagged or derived


def _differ(one: PixelSize, other: PixelSize) -> bool:
    ratios = one.x_mm / other.x_mm, one.y_mm / other.y_mm
    return max(abs(ratio - 1) for ratio in ratios) > _MAX_SCALE_CONFLICT
