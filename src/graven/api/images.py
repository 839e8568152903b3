"""Opening an image with its scale and region, and saying what a file is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.errors import UsageError
from graven.io.fs import sha256_file
from graven.io.gate import inspect
from graven.io.images import open_raster, suggested_pixel_size
from graven.io.roi import read_roi, restrict
from graven.io.scale import parse_length, parse_scale
from graven.io.surfacefiles import layer_files, open_surface
from graven.prepare.surface import layers_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from graven.types import PixelSize, PrepareStep, Raster

__all__ = ["crs_name", "info", "layer_sources", "open_image", "open_layers", "stated_pixel_size"]


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


def open_layers(
    path: str | Path,
    steps: Sequence[PrepareStep],
    *,
    scale: str | None = None,
    length: str | None = None,
    roi: str | None = None,
) -> Raster:
    """Open what a model takes: an image, or the layers of a surface as the bands of one raster.

    Parameters
    ----------
    path : str or Path
        The image, or the file of one layer (`graven.io.surfacefiles`).
    steps : sequence of PrepareStep
        Preparation of the model, which says which layers it takes.
    scale, length, roi
        As in `open_image`.

    Returns
    -------
    Raster
        As `open_image` gives it.

    Raises
    ------
    DataError
        As `open_image`, or if a layer is missing.
    MismatchError
        If layers differ in size.
    UsageError
        As `open_image`.
    """
    layers = layers_of(steps)
    if not layers:
        return open_image(path, scale=scale, length=length, roi=roi)
    raster = open_surface(path, layers, pixel_size=stated_pixel_size(scale=scale, length=length))
    return raster if roi is None else restrict(raster, read_roi(roi, raster))


def layer_sources(path: str | Path, steps: Sequence[PrepareStep]) -> tuple[dict[str, str | None], ...]:
    """List the files of a surface of several layers with their hashes, for an account; none for a single file."""
    layers = layers_of(steps)
    if len(layers) < 2:
        return ()
    return tuple({"name": file.name, "sha256": sha256_file(file)} for file in layer_files(path, layers).values())


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
