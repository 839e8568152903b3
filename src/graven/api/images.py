"""Opening an image with its scale and region, and saying what a file is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.errors import UsageError
from graven.io.gate import inspect
from graven.io.images import open_raster, suggested_pixel_size
from graven.io.roi import read_roi, restrict
from graven.io.scale import parse_length, parse_scale

if TYPE_CHECKING:
    from pathlib import Path

    from graven.types import PixelSize, Raster

__all__ = ["crs_name", "info", "open_image", "stated_pixel_size"]


def stated_pixel_size(*, scale: str | None, length: str | None) -> PixelSize | None:
    """Read the two ways in which a person states a scale.

    Parameters
    ----------
    scale : str, optional
        ``0.05mm/px``.
    length : str, optional
        ``x1,y1:x2,y2=1200mm``.

    Returns
    -------
    PixelSize or None
        None when neither is given.

    Raises
    ------
    UsageError
        If both are given or one does not parse.
    """
    if scale is not None and length is not None:
        raise UsageError("give --scale or --length, not both: each states the size of a pixel")
    if scale is not None:
        return parse_scale(scale)
    return None if length is None else parse_length(length)


def open_image(
    path: str | Path, *, scale: str | None = None, length: str | None = None, roi: str | None = None
) -> Raster:
    """Open an image as a raster that is read window by window.

    Parameters
    ----------
    path : str or Path
        TIFF, GeoTIFF, COG, PNG or JPEG.
    scale, length : str, optional
        Scale, as ``0.05mm/px`` or as a known length ``x1,y1:x2,y2=1200mm``.
    roi : str, optional
        Polygon that limits the work: WKT, or a GeoJSON or GeoPackage file, in world coordinates where the image has a
        CRS, else in pixels.

    Returns
    -------
    Raster
        Pixels keep their depth; alpha, nodata and everything outside `roi` are invalid.

    Raises
    ------
    DataError
        If the file is refused, damaged or too large.
    UsageError
        If an option does not parse or the polygon misses the image.
    """
    raster = open_raster(path, pixel_size=stated_pixel_size(scale=scale, length=length))
    return raster if roi is None else restrict(raster, read_roi(roi, raster))


def info(path: str | Path) -> dict[str, Any]:
    """Say what an image is: a TIFF by its header alone, a PNG or JPEG is decoded once.

    Parameters
    ----------
    path : str or Path
        The image.

    Returns
    -------
    dict
        Format, size, bands, depth, compression, layout, frame, pixel size and its source, and what a resolution tag
        suggests.

    Raises
    ------
    DataError
        If the file is refused, damaged or too large.
    """
    header = inspect(path)
    raster = open_raster(path, hash_source=False)
    georeference, size = raster.georeference, raster.pixel_size
    suggestion = suggested_pixel_size(path)
    return {
        "file": header.path.name,
        "format": header.format,
        "size": f"{raster.width} x {raster.height} px",
        "megapixels": round(raster.width * raster.height / 1e6, 2),
        "bands": raster.n_bands,
        "depth": str(raster.dtype),
        "compression": header.compression,
        "layout": header.layout,
        "frame": "pixel" if georeference is None else georeference.frame,
        "crs": None if georeference is None else crs_name(georeference.crs_wkt),
        "pixel_size": "unknown" if size is None else f"{size.x_mm:g} x {size.y_mm:g} mm ({size.source})",
        "suggested_by_tag": None
        if suggestion is None
        else f"{suggestion.x_mm:.4g} mm per pixel; use it with --scale only if you know it to be true",
    }


def crs_name(wkt: str | None) -> str | None:
    """Give the name of a coordinate system: the first quoted text of its WKT."""
    if wkt is None or '"' not in wkt:
        return None
    return wkt.split('"', 2)[1]
