"""How GeoJSON names a coordinate reference system, and whether it is that of a raster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.errors import DataError, MismatchError
from graven.io.gdalenv import load_rasterio

if TYPE_CHECKING:
    from pathlib import Path

    from graven.types import Georeference, Raster

__all__ = ["CRS84", "check_crs", "crs_urn", "named_crs"]

CRS84 = "urn:ogc:def:crs:OGC:1.3:CRS84"
"""EPSG:4326 with longitude first, as an affine gives it; what a file means that names nothing."""

_LON_LAT = (CRS84, "urn:ogc:def:crs:OGC::CRS84")


def crs_urn(georeference: Georeference | None) -> str | None:
    """Name the CRS of a raster as GeoJSON does.

    Parameters
    ----------
    georeference : Georeference or None
        Of the raster.

    Returns
    -------
    str or None
        None where no authority has a code for exactly this CRS.
    """
    if georeference is None or georeference.crs_wkt is None or georeference.frame not in ("projected", "geographic"):
        return None
    system = load_rasterio().crs.CRS
    crs = system.from_wkt(georeference.crs_wkt)
    authority = crs.to_authority()
    # The search also gives near matches, such as the same grid with another shift of its datum.
    if authority is None or system.from_authority(*authority) != crs:
        return None
    if authority == ("EPSG", "4326"):
        return CRS84
    return f"urn:ogc:def:crs:{authority[0]}::{authority[1]}"


def named_crs(document: dict[str, Any]) -> str | None:
    """Find the CRS that a document names in the member of the 2008 specification.

    Parameters
    ----------
    document : dict
        A GeoJSON object.

    Returns
    -------
    str or None
        Text that PROJ understands; None where nothing is named.
    """
    member = document.get("crs")
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        return None
    return "EPSG:4326" if name in _LON_LAT else name


def check_crs(path: Path, name: str, raster: Raster, *, what: str) -> None:
    """Refuse a file in another CRS than the raster, if the raster has one.

    Parameters
    ----------
    path : Path
        The file, for messages.
    name : str
        Its CRS, as text that PROJ understands.
    raster : Raster
        What the file is for.
    what : str
        What is in the file, for messages.

    Raises
    ------
    DataError
        If the name is not known.
    MismatchError
        If the two differ; both are shown.
    """
    crs = load_rasterio().crs.CRS
    georeference = raster.georeference
    if georeference is None or georeference.crs_wkt is None:
        return
    try:
        theirs = crs.from_user_input(name)
    except ValueError as error:
        raise DataError(
            f"{path.name} names a coordinate system that is not known, {name[:60]!r}; correct it"
        ) from error
    ours = crs.from_wkt(georeference.crs_wkt)
    if theirs != ours:
        raise MismatchError(
            f"{path.name} is in {_short(theirs)}, the image in {_short(ours)}; reproject the {what} to that"
        )


def _short(crs: Any) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt()).split('"')[1]
