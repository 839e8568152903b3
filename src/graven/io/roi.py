"""Region of interest: a polygon that limits the work, from WKT, GeoJSON or GeoPackage."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely import affinity

from graven.errors import DataError, InputError, MismatchError
from graven.io.crsnames import check_crs, named_crs
from graven.io.gate import check_path
from graven.io.gdalenv import load_rasterio, quiet_about_missing_georeference
from graven.io.ogrenv import check_ogr_path, load_pyogrio
from graven.io.strictjson import parse_json, read_json
from graven.types.affine import invert

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from graven.types.raster import Affine6, Raster
    from graven.types.window import Window

__all__ = ["read_roi", "restrict"]

_WKT_KINDS = ("POLYGON", "MULTIPOLYGON", "GEOMETRYCOLLECTION")
_MAX_POINTS = 1_000_000


def read_roi(text_or_path: str | Path, raster: Raster) -> BaseGeometry:
    """Read a region of interest and bring it into the pixel frame of a raster.

    Parameters
    ----------
    text_or_path : str or path
        WKT of a polygon, or the name of a ``.geojson`` (``.json``), ``.px.geojson`` or ``.gpkg`` file. Coordinates are
        those of the raster's frame if it is georeferenced, else pixels; ``.px.geojson`` is always in pixels, and a
        GeoPackage that graven wrote for a plain image is brought back to its pixels.
    raster : Raster
        What the region is for.

    Returns
    -------
    shapely geometry
        Polygon or MultiPolygon, valid, in pixels from the outer corner of the top-left pixel. Several polygons of a
        file are united.

    Raises
    ------
    InputError
        If there is no such file or the text is neither WKT nor a file name.
    DataError
        If the file holds no polygon, or an invalid one.
    MismatchError
        If the CRS differs from that of the raster, or the region lies beside it; both sides are shown.
    """
    text = str(text_or_path)
    in_pixels = raster.georeference is None
    if text.lstrip().upper().startswith(_WKT_KINDS):
        region = _from_wkt(text)
    else:
        path = check_path(text_or_path)
        suffix = path.suffix.lower()
        if suffix in (".geojson", ".json"):
            in_pixels = in_pixels or path.name.lower().endswith(".px.geojson")
            region = _from_geojson(path, raster)
        elif suffix == ".gpkg":
            region, in_pixels = _from_geopackage(path, raster)
        else:
            raise InputError(f"{path.name}: a region must be WKT, .geojson or .gpkg; convert it")
    region = _polygons_of(region)
    if not region.is_valid:
        raise DataError(f"the region is not a valid polygon ({shapely.is_valid_reason(region)}); correct it")
    if not in_pixels:
        region = _to_pixels(region, raster)
    frame = shapely.box(0, 0, raster.width, raster.height)
    if region.intersection(frame).area == 0:
        shown = ", ".join(f"{value:.1f}" for value in region.bounds)
        raise MismatchError(
            f"the region lies beside the image: in pixels it spans ({shown}), the image is {raster.width} x "
            f"{raster.height} px; check whether it is in the coordinates of the image"
        )
    return region


def restrict(raster: Raster, geometry: BaseGeometry) -> Raster:
    """Limit a raster to a region: outside, the valid mask is False.

    Parameters
    ----------
    raster : Raster
        Any.
    geometry : shapely geometry
        Polygon or MultiPolygon in pixels, as from `read_roi`.

    Returns
    -------
    Raster
        The same pixels; a pixel is valid if it was and its centre lies in the region. Computed per window.

    Examples
    --------
    >>> from graven.types import raster_from_array
    >>> raster = restrict(raster_from_array(np.zeros((2, 3))), shapely.box(0.4, 0, 2, 1))
    >>> raster.read_valid(raster.bounds).astype(int).tolist()
    [[1, 1, 0], [0, 0, 0]]
    """
    shapely.prepare(geometry)

    def read_valid(window: Window) -> NDArray[np.bool_]:
        box = shapely.box(window.col, window.row, window.col_end, window.row_end)
        if not geometry.intersects(box):
            return np.zeros((window.height, window.width), bool)
        valid = raster.read_valid(window)
        return valid if geometry.covers(box) else valid & _inside(geometry, window)

    return replace(raster, read_valid=read_valid)


def _inside(geometry: BaseGeometry, window: Window) -> NDArray[np.bool_]:
    rasterio = load_rasterio()
    transform = rasterio.Affine.translation(window.col, window.row)
    shape = (window.height, window.width)
    burn = rasterio.features.rasterize
    with quiet_about_missing_georeference():
        burned: NDArray[np.uint8] = burn([(geometry, 1)], out_shape=shape, transform=transform, dtype="uint8")
    return burned > 0


def _from_wkt(text: str) -> BaseGeometry:
    try:
        return shapely.from_wkt(text)
    except shapely.GEOSException as error:
        raise InputError(f"the region is not valid WKT ({' '.join(str(error).split())}); correct it") from error


def _from_geojson(path: Path, raster: Raster) -> BaseGeometry:
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path.name}: not a GeoJSON object; save the region as GeoJSON")
    kind = content.get("type")
    if kind == "FeatureCollection":
        features = content.get("features")
        if not isinstance(features, list):
            raise DataError(f"{path.name}: its features are not a list; save the region as GeoJSON")
        geometries = [feature.get("geometry") for feature in features if isinstance(feature, dict)]
    else:
        geometries = [content.get("geometry") if kind == "Feature" else content]
    name = named_crs(content)
    if name is not None and raster.georeference is not None and not path.name.lower().endswith(".px.geojson"):
        check_crs(path, name, raster, what="region")
    try:
        shapes = [shapely.from_geojson(json.dumps(geometry)) for geometry in geometries if geometry]
    except shapely.GEOSException as error:
        raise DataError(
            f"{path.name}: not valid GeoJSON ({' '.join(str(error).split())[:80]}); save it again"
        ) from error
    return shapely.GeometryCollection(shapes)


def _from_geopackage(path: Path, raster: Raster) -> tuple[BaseGeometry, bool]:
    """Read the polygons of a file, and say whether they are in pixels by now."""
    check_ogr_path(path)
    with path.open("rb") as stream:
        if stream.read(16) != b"SQLite format 3\0":
            raise DataError(f"{path.name}: not a GeoPackage, whatever its name says; save the region again")
    pyogrio = load_pyogrio()
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind and _may_hold_polygons(str(kind))]
        if len(layers) != 1:
            listed = ", ".join(layers) or "none"
            raise DataError(f"{path.name} must hold one layer of polygons, found {listed}; save the region on its own")
        meta, _, geometry, _ = pyogrio.raw.read(str(path), layer=layers[0], columns=[])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise DataError(f"{path.name}: cannot be read as GeoPackage ({' '.join(str(error).split())[:80]})") from error
    region = shapely.GeometryCollection([shape for shape in shapely.from_wkb(geometry) if shape is not None])
    if raster.georeference is None:
        affine = _affine_of(path, layers[0], raster)
        return (region if affine is None else _inverse(region, affine, path.name)), True
    if meta["crs"] and raster.georeference.frame != "local":
        check_crs(path, meta["crs"], raster, what="region")
    return region, False


def _affine_of(path: Path, layer: str, raster: Raster) -> Affine6 | None:
    """Give the affine of a file that graven wrote for a plain image, whose coordinates have y up; None for others."""
    pyogrio = load_pyogrio()
    metadata = pyogrio.read_info(str(path), layer=layer)["dataset_metadata"] or {}
    if "graven" not in metadata:
        return None
    facts = parse_json(metadata["graven"], name=path.name)
    try:
        a, b, c, d, e, f = (float(value) for value in facts["affine"])
        size = int(facts["height"]), int(facts["width"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path.name}: what graven wrote into it is damaged ({error}); write it again") from error
    if size != (raster.height, raster.width):
        raise MismatchError(
            f"{path.name} is of an image of {size[1]} x {size[0]} px, this one has {raster.width} x {raster.height}; "
            "draw the region on this image"
        )
    return a, b, c, d, e, f


def _may_hold_polygons(kind: str) -> bool:
    return any(word in kind for word in ("Polygon", "Surface", "Collection", "Unknown", "Geometry"))


def _polygons_of(region: BaseGeometry) -> BaseGeometry:
    parts = [part for part in shapely.get_parts(shapely.get_parts(region)) if part.geom_type == "Polygon"]
    if not parts or all(part.is_empty for part in parts):
        raise DataError("the region holds no polygon; draw it as an area")
    if sum(shapely.get_num_coordinates(part) for part in parts) > _MAX_POINTS:
        raise DataError(f"the region has more than {_MAX_POINTS} points; simplify it")
    if any(not np.isfinite(shapely.get_coordinates(part)).all() for part in parts):
        raise DataError("the region has coordinates that are not finite; correct it")
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)


def _to_pixels(region: BaseGeometry, raster: Raster) -> BaseGeometry:
    if raster.georeference is None:
        return region
    return _inverse(region, raster.georeference.affine, raster.name)


def _inverse(region: BaseGeometry, affine: Affine6, name: str) -> BaseGeometry:
    try:
        a, b, c, d, e, f = invert(affine)
    except InputError as error:
        raise DataError(f"{name}: its affine describes no plane; georeference it again") from error
    moved: BaseGeometry = affinity.affine_transform(region, [a, b, d, e, c, f])
    return moved
