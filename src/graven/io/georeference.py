"""Where a raster lies: its CRS sorted into a frame, world files read by us, and pixel sizes that follow from them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from graven.errors import DataError, ImageDamaged, ScaleError
from graven.types.raster import Affine6, Frame, Georeference, PixelSize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


__all__ = ["classify", "georeference_of", "pixel_size_of", "read_world_file", "tagged_pixel_size"]

_IDENTITY: Affine6 = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_WORLD_SUFFIXES = {
    "tiff": (".tfw", ".tifw", ".tiffw", ".wld"),
    "png": (".pgw", ".pngw", ".wld"),
    "jpeg": (".jgw", ".jpgw", ".jpegw", ".wld"),
}
_MAX_WORLD_BYTES = 4096


def classify(crs: Any) -> tuple[Frame, float | None]:
    """Sort a CRS into a frame.

    Parameters
    ----------
    crs : rasterio.crs.CRS
        As read.

    Returns
    -------
    frame : {"projected", "local", "geographic"}
        Geocentric systems count as geographic: their pixels have no size in the plane.
    unit_mm : float or None
        Millimetres per unit; None for degrees.
    """
    if crs.is_projected:
        return "projected", float(crs.linear_units_factor[1]) * 1000.0
    wkt = crs.to_wkt()
    if wkt.startswith(("LOCAL_CS", "ENGCRS")):
        return "local", float(crs.units_factor[1]) * 1000.0
    return "geographic", None


def georeference_of(
    crs: Any,
    affine: Affine6,
    tags: Mapping[str, str],
) -> Georeference | None:
    """Put together what a GeoTIFF says about its place.

    Parameters
    ----------
    crs : rasterio.crs.CRS or None
        As read.
    affine : tuple of 6 floats
        As read; the identity where the file has none.
    tags : mapping
        Tags of the file; those of graven restore what GeoTIFF cannot hold of a local frame.

    Returns
    -------
    Georeference or None
        None for a plain image. An affine without a CRS is a local frame of unknown unit.
    """
    if crs is None:
        return None if affine == _IDENTITY else Georeference(affine, None, "local", None)
    frame, unit_mm = classify(crs)
    wkt = crs.to_wkt(version="WKT2_2019")
    if frame == "local":
        wkt = tags.get("GRAVEN_CRS_WKT", wkt)
        unit_mm = float(tags["GRAVEN_UNIT_MM"]) if "GRAVEN_UNIT_MM" in tags else unit_mm
    return Georeference(affine, wkt, frame, unit_mm)


def read_world_file(image: Path, kind: str) -> Affine6 | None:
    """Read the world file beside an image, if there is one.

    Parameters
    ----------
    image : pathlib.Path
        Name of the image; ``panel.jpg`` looks for ``panel.jgw``, ``panel.jpgw``, ``panel.jpegw`` and ``panel.wld``.
    kind : {"tiff", "png", "jpeg"}
        Its format.

    Returns
    -------
    tuple of 6 floats or None
        Affine for the outer corner of the first pixel (the file itself speaks of its centre).

    Raises
    ------
    DataError
        If the file does not hold six numbers.
    """
    for suffix in _WORLD_SUFFIXES[kind]:
        path = next((p for p in (image.with_suffix(suffix), image.with_suffix(suffix.upper())) if p.is_file()), None)
        if path is None:
            continue
        with path.open("rb") as stream:
            text = stream.read(_MAX_WORLD_BYTES)
        try:
            a, d, b, e, x, y = (float(word) for word in text.split())
        except ValueError:
            raise DataError(f"{path.name}: a world file must hold six numbers; correct it or move it away") from None
        affine = (a, b, x - (a + b) / 2, d, e, y - (d + e) / 2)
        if not all(map(math.isfinite, affine)) or a * e == b * d:
            raise DataError(f"{path.name}: the world file describes no plane; correct it or move it away")
        return affine
    return None


def pixel_size_of(georeference: Georeference | None) -> PixelSize | None:
    """Derive the pixel size from the affine and the unit of its frame.

    Parameters
    ----------
    georeference : Georeference or None
        As read.

    Returns
    -------
    PixelSize or None
        With source ``geotransform`` and sigma 0; None where the unit has no length.

    Examples
    --------
    >>> pixel_size_of(Georeference((0.3, -0.4, 0.0, 0.4, 0.3, 0.0), None, "local", 1.0))
    PixelSize(x_mm=0.5, y_mm=0.5, source='geotransform', sigma_rel=0.0)
    """
    if georeference is None or georeference.unit_mm is None:
        return None
    a, b, _, d, e, _ = georeference.affine
    unit = georeference.unit_mm
    return PixelSize(math.hypot(a, d) * unit, math.hypot(b, e) * unit, "geotransform", 0.0)


def tagged_pixel_size(tags: Mapping[str, str], path: Path) -> PixelSize | None:
    """Read the pixel size that graven wrote into a file, with its source.

    Raises
    ------
    ImageDamaged
        If the tag does not hold what graven writes.
    """
    if "GRAVEN_PIXEL_SIZE_MM" not in tags:
        return None
    try:
        x_mm, y_mm = (float(word) for word in tags["GRAVEN_PIXEL_SIZE_MM"].split())
        source, sigma = tags["GRAVEN_PIXEL_SIZE_SOURCE"], float(tags["GRAVEN_PIXEL_SIZE_SIGMA"])
        if source not in ("user", "geotransform", "two-points", "target", "exif", "none"):
            raise ValueError(source)
        return PixelSize(x_mm, y_mm, source, sigma)  # type: ignore[arg-type]  # checked in the line above
    except (KeyError, ValueError, ScaleError) as error:
        raise ImageDamaged(f"{path.name}: its pixel size tags are wrong ({error}); write it again") from error
