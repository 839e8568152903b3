"""Pixels of TIFF files: lazy windows through GDAL, one handle per thread, one driver, no sidecars."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graven.errors import ImageDamaged, OutOfMemory
from graven.io.gdalenv import gdal_warnings, load_rasterio, quiet_about_missing_georeference, strict_options
from graven.io.georeference import georeference_of, tagged_pixel_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.io.header import Header
    from graven.types.raster import Affine6
    from graven.types.window import Window

__all__ = ["TiffSource"]

_DAMAGE = ("Corrupt JPEG data", "Premature end of JPEG file")


class TiffSource:
    """Stored pixels of a TIFF file, read by windows.

    Parameters
    ----------
    header : Header
        From the gate.
    palette : {"rgb", "index"}
        Whether a palette image gives its colours or its numbers.

    Attributes
    ----------
    n_bands, dtype
        Of what `read_pixels` gives.
    georeference, pixel_size, nodata
        What the file says; None where it says nothing.
    tags : dict of str to str
        Its own tags.
    overviews : dict of int to callable
        By whole factor, readers of the reduced copies in the file, as `read_pixels` by windows of reduced pixels.

    Raises
    ------
    ImageDamaged
        If the decoder fails, or sees another image than the header describes.
    OutOfMemory
        If memory runs out.
    """

    def __init__(self, header: Header, *, palette: Literal["rgb", "index"]) -> None:
        self._header = header
        self._local = threading.local()
        dataset = self._dataset()
        if dataset.count != header.n_samples or (dataset.height, dataset.width) != (header.height, header.width):
            raise ImageDamaged(
                f"{header.path.name}: the header says {header.n_samples} bands of {header.width} x {header.height} px, "
                f"the decoder gives {dataset.count} of {dataset.width} x {dataset.height}; save the image again"
            )
        if any(np.dtype(name) != header.dtype for name in dataset.dtypes):
            raise ImageDamaged(
                f"{header.path.name}: the header says {header.dtype}, the decoder gives {dataset.dtypes[0]}; "
                "save the image again"
            )
        alpha = [i for i, meaning in enumerate(dataset.colorinterp, start=1) if meaning.name == "alpha"]
        self._alpha = alpha[0] if alpha and dataset.count > 1 else None
        self._bands = [i for i in range(1, dataset.count + 1) if i != self._alpha]
        self.nodata: float | None = dataset.nodata
        mask_flags = {flag.name for flag in dataset.mask_flag_enums[0]}
        self._has_mask = "per_dataset" in mask_flags and "alpha" not in mask_flags
        self._colors = _read_colors(dataset) if header.color == "palette" and palette == "rgb" else None
        self._stretch = 255 // ((1 << header.bits) - 1) if header.bits < 8 and header.color == "grey" else 1
        self.tags: dict[str, str] = dict(dataset.tags())
        affine: Affine6 = tuple(float(value) for value in dataset.transform[:6])  # type: ignore[assignment]  # 6 values
        self.georeference = georeference_of(dataset.crs, affine, self.tags)
        self.pixel_size = tagged_pixel_size(self.tags, header.path)
        self.n_bands = 3 if self._colors is not None else len(self._bands)
        self.dtype: np.dtype[Any] = np.dtype(np.uint8) if self._colors is not None else header.dtype
        factors = [] if self._colors is not None else list(dataset.overviews(1))
        self.overviews = {int(factor): partial(self._read_data, level=i) for i, factor in enumerate(factors)}

    def read_pixels(self, window: Window) -> NDArray[Any]:
        """Read data bands of a stored window."""
        return self._read_data(window)

    def _read_data(self, window: Window, *, level: int | None = None) -> NDArray[Any]:
        stored = self._read(self._bands, window, level=level)
        if self._colors is not None:
            return np.moveaxis(self._colors[stored[0]], -1, 0)
        if self._stretch != 1:
            stored = stored * np.uint8(self._stretch)
        if self._header.inverted:
            stored = np.iinfo(stored.dtype).max - stored
        return stored

    def read_valid(self, window: Window) -> NDArray[np.bool_]:
        """Read where a stored window is known."""
        valid = np.ones((window.height, window.width), bool)
        needs_pixels = self.nodata is not None or self.dtype.kind == "f"
        if needs_pixels:
            stored = self._read(self._bands, window)
            if self.nodata is not None and not np.isnan(self.nodata):
                valid &= (stored != self.nodata).any(axis=0)
            if stored.dtype.kind == "f":
                valid &= np.isfinite(stored).all(axis=0)
        if self._alpha is not None:
            valid &= self._read([self._alpha], window)[0] > 0
        if self._has_mask:
            valid &= self._read([1], window, mask=True)[0] > 0
        return valid

    def _dataset(self, level: int | None = None) -> Any:
        """Open the file, or one of its overviews, once per thread, with one driver and without its sidecars."""
        opened = self._local.__dict__.setdefault("datasets", {})
        if level not in opened:
            rasterio = load_rasterio()
            options = {} if level is None else {"OVERVIEW_LEVEL": level}
            try:
                with rasterio.Env(**strict_options()), quiet_about_missing_georeference():
                    opened[level] = rasterio.open(
                        str(self._header.path), driver="GTiff", GEOREF_SOURCES="INTERNAL", **options
                    )
            except Exception as error:
                raise _as_ours(error, self._header) from error
        return opened[level]

    def _read(self, bands: list[int], window: Window, *, mask: bool = False, level: int | None = None) -> NDArray[Any]:
        dataset = self._dataset(level)
        rasterio = load_rasterio()
        area = rasterio.windows.Window(window.col, window.row, window.width, window.height)
        try:
            with rasterio.Env(**strict_options()), gdal_warnings() as heard:
                read = dataset.read_masks if mask else dataset.read
                pixels: NDArray[Any] = read(bands, window=area)
        except Exception as error:
            raise _as_ours(error, self._header) from error
        if any(word in text for text in heard for word in _DAMAGE):  # libjpeg goes on where zip codecs stop
            raise ImageDamaged(f"{self._header.path.name}: JPEG blocks of the TIFF are damaged; get the file again")
        return pixels


def _read_colors(dataset: Any) -> NDArray[np.uint8]:
    """Give the palette as 256 (or 65,536) RGB triples; numbers without a colour are black."""
    table = dataset.colormap(1)
    colors = np.zeros((1 << (8 * np.dtype(dataset.dtypes[0]).itemsize), 3), np.uint8)
    for index, rgba in table.items():
        colors[index] = rgba[:3]
    return colors


def _as_ours(error: Exception, header: Header) -> Exception:
    """Turn whatever a decoder raised into an error of ours."""
    if isinstance(error, MemoryError):
        return OutOfMemory(f"{header.path.name}: memory ran out while decoding; close other programs and run again")
    text = " ".join(str(error.__cause__ or error).split())[:80] or type(error).__name__
    return ImageDamaged(f"{header.path.name}: pixels cannot be decoded ({text}); get the file again")
