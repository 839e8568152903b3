"""A raster as the stages see it: a size, a lazy window reader, and where and how large its pixels are.

Nothing here opens a file. `graven.io` builds a `Raster` around a decoder; `graven.prepare` builds one around another
`Raster` (a rotated or resampled view); tests build one around an array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from graven.errors import InputError, ScaleError
from graven.types.window import Window

__all__ = [
    "Affine6",
    "Frame",
    "Georeference",
    "PixelSize",
    "Raster",
    "ScaleSource",
    "mirror_index",
    "raster_from_array",
]

Affine6 = tuple[float, float, float, float, float, float]
"""``(a, b, c, d, e, f)``: world ``X = a*x + b*y + c``, ``Y = d*x + e*y + f`` for ``(x, y)`` in pixel units."""

Frame = Literal["projected", "local", "geographic", "pixel"]
ScaleSource = Literal["user", "geotransform", "two-points", "target", "exif", "none"]


@dataclass(frozen=True, slots=True)
class PixelSize:
    """How large a pixel is on the object, and how we know.

    Attributes
    ----------
    x_mm, y_mm : float, millimetres, > 0
        Width and height of a pixel.
    source : str
        Where the value comes from.
    sigma_rel : float, >= 0
        Relative standard uncertainty of the scale (1 sigma).
    """

    x_mm: float
    y_mm: float
    source: ScaleSource
    sigma_rel: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.x_mm, self.y_mm]).all() and self.x_mm > 0 and self.y_mm > 0):
            raise ScaleError(f"a pixel size must be positive and finite, got {self.x_mm} x {self.y_mm} mm")
        if not (np.isfinite(self.sigma_rel) and self.sigma_rel >= 0):
            raise ScaleError(f"the uncertainty of a scale must be at least 0, got {self.sigma_rel}")

    @property
    def mean_mm(self) -> float:
        """Side of the square of equal area, in millimetres."""
        return float(np.sqrt(self.x_mm * self.y_mm))

    @property
    def area_mm2(self) -> float:
        """Area of a pixel in square millimetres."""
        return self.x_mm * self.y_mm


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where a raster lies.

    Attributes
    ----------
    affine : tuple of 6 floats
        From pixel coordinates (outer corner of the first pixel is the origin, y down) to the frame.
    crs_wkt : str or None
        Coordinate reference system; None for a pixel frame.
    frame : {"projected", "local", "geographic", "pixel"}
        Kind of frame. Nothing is measured in a geographic one.
    unit_mm : float or None
        Millimetres per unit of the frame; None where a unit has no length (degrees, pixels).
    """

    affine: Affine6
    crs_wkt: str | None
    frame: Frame
    unit_mm: float | None

    def to_world(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map pixel coordinates to the frame.

        Parameters
        ----------
        xy : ndarray of shape (N, 2), float64, pixels
            Points ``(x, y)`` from the outer corner of the top-left pixel.

        Returns
        -------
        ndarray of shape (N, 2), float64, units of the frame
            The same points in the frame.
        """
        a, b, c, d, e, f = self.affine
        x, y = xy[..., 0], xy[..., 1]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1)


ReadPixels = Callable[[Window], NDArray[Any]]
ReadValid = Callable[[Window], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Raster:
    """Pixels that are read window by window.

    Attributes
    ----------
    height, width, n_bands : int
        Size in pixels and number of data bands (alpha is not a data band; it becomes the valid mask).
    dtype : numpy.dtype
        Type of the pixels as stored; never changed on reading.
    read_pixels : callable
        ``read_pixels(window) -> (C, h, w)`` for a window inside the raster.
    read_valid : callable
        ``read_valid(window) -> (h, w) bool``; False where nothing is known (alpha 0, nodata, outside the panel).
    georeference : Georeference or None
        None for a plain image.
    pixel_size : PixelSize or None
        None while no scale is known; a millimetre is then never printed.
    overviews : mapping of int to callable
        By whole factor, readers of reduced copies that the file holds: ``read(window) -> (C, h, w)`` in reduced pixels,
        of which there are ``ceil(size / factor)``. A view that changes the pixels changes these as well or drops them.
    name : str
        Stem for output names, for example ``panel``.
    source_sha256 : str or None
        Hash of the source file, where known.

    Notes
    -----
    A reader must not be shared between threads; readers from `graven.io` open one handle per thread.
    """

    height: int
    width: int
    n_bands: int
    dtype: np.dtype[Any]
    read_pixels: ReadPixels
    read_valid: ReadValid
    georeference: Georeference | None = None
    pixel_size: PixelSize | None = None
    overviews: Mapping[int, ReadPixels] = field(default_factory=dict)
    name: str = "image"
    source_sha256: str | None = None

    @property
    def bounds(self) -> Window:
        """The whole raster as a window."""
        return Window(0, 0, self.height, self.width)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)``."""
        return self.n_bands, self.height, self.width

    def read(self, window: Window | None = None) -> NDArray[Any]:
        """Read pixels, mirrored beyond the border.

        Parameters
        ----------
        window : Window, optional
            May reach beyond the raster: rows and columns outside are mirrored without repeating the border pixel.
            Default is the whole raster.

        Returns
        -------
        ndarray of shape (C, h, w), dtype of the raster
            The pixels.
        """
        return _read_mirrored(self.bounds, self.bounds if window is None else window, self.read_pixels)

    def read_valid_padded(self, window: Window | None = None) -> NDArray[np.bool_]:
        """Read the valid mask; everything beyond the border is False."""
        asked = self.bounds if window is None else window
        inside = asked.intersection(self.bounds)
        valid = np.zeros((asked.height, asked.width), bool)
        if not inside.is_empty:
            valid[inside.relative_to(asked).slices()] = self.read_valid(inside)
        return valid

    def with_pixel_size(self, pixel_size: PixelSize | None) -> Raster:
        """Give the same raster with another scale."""
        return replace(self, pixel_size=pixel_size)


def _read_mirrored(bounds: Window, asked: Window, read: ReadPixels) -> NDArray[Any]:
    if asked.intersection(bounds) == asked:
        return read(asked)
    rows = mirror_index(np.arange(asked.row, asked.row_end), bounds.height)
    cols = mirror_index(np.arange(asked.col, asked.col_end), bounds.width)
    row, col = int(rows.min()), int(cols.min())
    needed = Window(row, col, int(rows.max()) + 1 - row, int(cols.max()) + 1 - col)
    return read(needed)[:, rows - row][:, :, cols - col]


def mirror_index(index: NDArray[np.int_], size: int) -> NDArray[np.int_]:
    """Fold indices into ``0 … size - 1`` by mirrors that do not repeat the border (NumPy's "reflect").

    Parameters
    ----------
    index : ndarray of shape (n,), int
        Any whole numbers.
    size : int, >= 1
        Length of the axis.

    Returns
    -------
    ndarray of shape (n,), int
        Where the mirrored axis is read.

    Examples
    --------
    >>> mirror_index(np.arange(-2, 5), 3).tolist()
    [2, 1, 0, 1, 2, 1, 0]
    """
    if size == 1:
        return np.zeros_like(index)
    period = 2 * (size - 1)
    folded = np.abs(index) % period
    return np.where(folded < size, folded, period - folded)


def raster_from_array(
    pixels: NDArray[Any],
    *,
    valid: NDArray[np.bool_] | None = None,
    georeference: Georeference | None = None,
    pixel_size: PixelSize | None = None,
    name: str = "image",
) -> Raster:
    """Wrap an array that is already in memory.

    Parameters
    ----------
    pixels : ndarray of shape (C, H, W) or (H, W)
        Pixels of any dtype; not copied.
    valid : ndarray of shape (H, W), bool, optional
        Default is everywhere True.
    georeference, pixel_size, name
        As in `Raster`.

    Returns
    -------
    Raster
        Its readers slice the array.

    Raises
    ------
    InputError
        If `pixels` has not 2 or 3 axes, or `valid` another size.

    Examples
    --------
    >>> raster = raster_from_array(np.arange(6, dtype=np.uint8).reshape(2, 3))
    >>> raster.read(Window(-1, 0, 2, 3)).tolist()
    [[[3, 4, 5], [0, 1, 2]]]
    """
    if pixels.ndim == 2:
        pixels = pixels[None]
    if pixels.ndim != 3:
        raise InputError(f"an image array must have shape (C, H, W) or (H, W), got {pixels.shape}")
    n_bands, height, width = pixels.shape
    mask = np.ones((height, width), bool) if valid is None else valid
    if mask.shape != (height, width):
        raise InputError(f"the valid mask must have shape {(height, width)}, got {mask.shape}")

    def read_pixels(window: Window) -> NDArray[Any]:
        rows, cols = window.slices()
        return pixels[:, rows, cols]

    def read_valid(window: Window) -> NDArray[np.bool_]:
        return mask[window.slices()]

    return Raster(
        height=height,
        width=width,
        n_bands=n_bands,
        dtype=pixels.dtype,
        read_pixels=read_pixels,
        read_valid=read_valid,
        georeference=georeference,
        pixel_size=pixel_size,
        name=name,
    )
