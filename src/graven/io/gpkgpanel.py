"""GeoPackages of graven opened for reading: what they say of their panel, and their features as they stand."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from graven.errors import DataError
from graven.io.gdalenv import load_rasterio
from graven.io.georeference import georeference_of
from graven.io.gpkglayers import SURFACE
from graven.io.gpkgtraces import Feature
from graven.io.ogrenv import check_ogr_path, load_pyogrio
from graven.io.rasterize import rasterize_geometries
from graven.io.strictjson import parse_json
from graven.io.vectorframe import Placement, vector_placement
from graven.types import Georeference, PixelSize

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from graven.types import Affine6, ScaleSource

__all__ = ["GpkgPanel", "features_of", "opened_gpkg", "read_gpkg_classes", "read_gpkg_panel", "read_gpkg_surface"]


@dataclass(frozen=True, slots=True)
class GpkgPanel:
    """The panel that a GeoPackage of graven speaks of, from its own metadata.

    Attributes
    ----------
    height, width : int, pixels
        Size of the raster.
    georeference : Georeference or None
        None for a plain image, whose file has a panel frame with y up.
    pixel_size : PixelSize or None
        Its scale.
    source : str
        Hash or name of the input.
    affine : tuple of 6 floats
        From pixels to the coordinates in the file.
    valid_px : int or None, pixels
        Where something is known; None where the file does not say.
    n_traces : dict of int to int, or None
        Traces of each class when the file was written; None where it does not say.
    """

    height: int
    width: int
    georeference: Georeference | None
    pixel_size: PixelSize | None
    source: str
    affine: Affine6
    valid_px: int | None = None
    n_traces: dict[int, int] | None = None


def read_gpkg_panel(path: str | os.PathLike[str]) -> GpkgPanel:
    """Read what a GeoPackage that `write_gpkg` wrote says of its panel.

    Parameters
    ----------
    path : path
        A GeoPackage of graven.

    Returns
    -------
    GpkgPanel
        Size, place and scale of the raster.

    Raises
    ------
    DataError
        If the file is no GeoPackage, or one that graven did not write.
    """
    with opened_gpkg(path) as (_, panel):
        return panel


def read_gpkg_classes(path: str | os.PathLike[str]) -> dict[int, str]:
    """Read which classes the features of a GeoPackage of graven have.

    Parameters
    ----------
    path : path
        A GeoPackage of graven.

    Returns
    -------
    dict of int to str
        Name by number, in rising order; features without either say nothing.

    Raises
    ------
    DataError
        If the file is no GeoPackage, or one that graven did not write.
    """
    path = Path(path)
    with opened_gpkg(path) as (names, _):
        layers = [features_of(path, name) for name in ("regions", "strokes") if name in names]
    found = {}
    for row in (feature.row for features in layers for feature in features):
        number, name = row.get("class_id"), row.get("class")
        if number is not None and np.isfinite(number) and isinstance(name, str) and name:
            found[int(number)] = name
    return dict(sorted(found.items()))


def read_gpkg_surface(path: str | os.PathLike[str]) -> NDArray[np.bool_] | None:
    """Read which part of the picture the traces of a GeoPackage of graven are from.

    Parameters
    ----------
    path : path
        A GeoPackage of graven.

    Returns
    -------
    ndarray of shape (H, W), bool, or None
        True where something was known when the traces were made, the region of interest included; None where the file
        does not say where that was, as those of figures and those that `graven export` wrote.

    Raises
    ------
    DataError
        If the file is no GeoPackage of graven, or its layer ``surface`` was changed since.
    """
    path = Path(path)
    with opened_gpkg(path) as (names, panel):
        if SURFACE not in names:
            return None
        placement = Placement(panel.affine, None, "frame")
        shapes = [feature.shape for feature in features_of(path, SURFACE) if feature.shape is not None]
    in_pixels = [shapely.transform(shape, placement.pixels) for shape in shapes]
    surface = rasterize_geometries(in_pixels, [], height=panel.height, width=panel.width)
    found_px = int(np.count_nonzero(surface))
    if found_px != panel.valid_px:
        raise DataError(
            f"{path.name}: its layer {SURFACE} covers {found_px} px, but {panel.valid_px} px were looked at; it is a "
            "statement and not to be edited: put the layer of the first record back"
        )
    return surface


@contextlib.contextmanager
def opened_gpkg(path: str | os.PathLike[str]) -> Iterator[tuple[list[str], GpkgPanel]]:
    """Open a GeoPackage of graven.

    Parameters
    ----------
    path : path
        A GeoPackage of graven.

    Yields
    ------
    names : list of str
        Its layers.
    panel : GpkgPanel
        What it is of.

    Raises
    ------
    InputError
        If the path holds a ``!``.
    DataError
        If the file is none; also for whatever a reader raises inside the block.
    """
    pyogrio = load_pyogrio()
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    check_ogr_path(path)
    _check_is_geopackage(path)
    try:
        names = [str(entry[0]) for entry in pyogrio.list_layers(path)]
        layer = next((name for name in names if name in ("regions", "strokes")), names[0])
        info = pyogrio.read_info(path, layer=layer)
        yield names, _panel(parse_json(info["dataset_metadata"]["graven"], name=path.name), info["crs"])
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(
            f"{path.name} is no GeoPackage of graven ({reason}); give the file that graven wrote"
        ) from error


def _panel(facts: dict[str, Any], crs: str | None) -> GpkgPanel:
    a, b, c, d, e, f = (float(value) for value in facts["affine"])
    affine: Affine6 = (a, b, c, d, e, f)
    height, width = int(facts["height"]), int(facts["width"])
    pixel_size = None
    if facts["pixel_size_mm"] is not None:
        x_mm, y_mm = facts["pixel_size_mm"]
        source: ScaleSource = facts["pixel_size_source"]
        pixel_size = PixelSize(float(x_mm), float(y_mm), source, float(facts["pixel_size_sigma"]))
    georeference = None
    if affine != vector_placement(None, pixel_size, height=height).affine:
        found = None if crs is None or "Undefined Cartesian" in crs else load_rasterio().crs.CRS.from_user_input(crs)
        georeference = (
            Georeference(affine, None, "local", None) if found is None else georeference_of(found, affine, {})
        )
    valid_px, counted = facts.get("valid_px"), facts.get("n_traces")
    return GpkgPanel(
        height,
        width,
        georeference,
        pixel_size,
        str(facts["source"]),
        affine,
        None if valid_px is None else int(valid_px),
        None if counted is None else {int(number): int(count) for number, count in counted.items()},
    )


def features_of(path: Path, layer: str) -> list[Feature]:
    """Read the rows of a layer in the frame of the file."""
    meta, fids, geometry, columns = load_pyogrio().raw.read(str(path), layer=layer, return_fids=True)
    names = [str(name) for name in meta["fields"]]
    shapes = shapely.from_wkb(geometry)
    return [
        Feature(f"{path.name}, {layer}, feature {fid}", shape, dict(zip(names, values, strict=True)))
        for fid, shape, values in zip(fids, shapes, zip(*columns, strict=True), strict=True)
    ]


def _check_is_geopackage(path: Path) -> None:
    """Judge the file before GDAL opens it: header, application number, pages."""
    with path.open("rb") as stream:
        head = stream.read(72)
    if not head.startswith(b"SQLite format 3\0") or head[68:] != b"GPKG":
        raise DataError(f"{path.name} is no GeoPackage; give the .gpkg file that graven wrote")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.Error as error:
        raise DataError(f"{path.name} is damaged ({error}); restore it from a copy") from error
    if verdict != "ok":
        raise DataError(f"{path.name} is damaged; restore it from a copy")
