"""GeoPackage: the master file of vectors, with areas, centre-lines, measures and a style that QGIS applies."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from graven._version import __version__
from graven.errors import DataError, OutputError
from graven.io.fs import atomic_path
from graven.io.gdalenv import load_rasterio
from graven.io.georeference import georeference_of
from graven.io.gpkgrows import COLUMNS, TEXT_COLUMNS, WHOLE_COLUMNS, Row, region_rows, stroke_rows
from graven.io.gpkgtraces import Feature, traces_of
from graven.io.ogrenv import load_pyogrio
from graven.io.records import reading_key
from graven.io.strictjson import parse_json
from graven.io.styles import vector_style
from graven.io.vectorframe import Placement, vector_placement
from graven.types import Georeference, PixelSize

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from graven.io.gpkgtraces import Remeasure
    from graven.types import Affine6, ClassTable, ScaleSource, Trace

__all__ = ["GpkgPanel", "read_gpkg", "read_gpkg_panel", "write_gpkg"]

_NO_TIME = "1970-01-01T00:00:00.000Z"
_STYLES = """CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT,
styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)"""


def write_gpkg(
    target: str | os.PathLike[str],
    traces: Sequence[Trace],
    *,
    classes: ClassTable,
    height: int,
    width: int,
    georeference: Georeference | None = None,
    pixel_size: PixelSize | None = None,
    source: str = "",
    name: str = "panel",
    creator: str | None = None,
    run_id: str | None = None,
    created: str | None = None,
) -> None:
    """Write traces as GeoPackage.

    Parameters
    ----------
    target : path
        ``<item>_traces.gpkg``.
    traces : sequence of Trace
        Written in order of class and number.
    classes : ClassTable
        Names and colours.
    height, width : int, pixels
        Size of the raster.
    georeference, pixel_size
        Where the raster lies, and its scale; the frame follows from them (`graven.io.vectorframe`).
    source : str
        Hash or name of the input.
    name : str
        Name of the panel, for its CRS.
    creator, run_id, created : str, optional
        Written into the columns of these names; ``created`` as ISO 8601. No clock is read.

    Raises
    ------
    InputError
        If a trace has a class that is not in the table.
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.

    Notes
    -----
    Layer ``regions`` (MultiPolygon) has a row per trace with an area, layer ``strokes`` (LineString) one per
    centre-line; a layer without rows is left out, but a file has at least ``regions``. Exteriors run
    counter-clockwise. What is not known is NULL. ``measures`` holds all measures of the trace as JSON, in ``strokes``
    in its first row, where the columns ``length``, ``width`` and ``width_mean`` (the same), ``width_p95`` and
    ``width_sigma`` speak of the single line. Without CRS the layers have ``srs_id`` -1, undefined Cartesian.
    """
    target = Path(target)
    placement = vector_placement(georeference, pixel_size, height=height, name=name)
    ordered = sorted(traces, key=reading_key)
    shared: Row = {"creator": creator, "generator": f"graven {__version__}", "run_id": run_id, "created": created}
    shared |= {"modified": None, "note": None}
    regions = list(region_rows(ordered, placement, classes, shared))
    strokes = list(stroke_rows(ordered, placement, classes, shared))
    facts = {
        "schema": 1,
        "affine": placement.affine,
        "height": height,
        "width": width,
        "source": source,
        "pixel_size_mm": None if pixel_size is None else [pixel_size.x_mm, pixel_size.y_mm],
        "pixel_size_source": None if pixel_size is None else pixel_size.source,
        "pixel_size_sigma": None if pixel_size is None else pixel_size.sigma_rel,
    }
    layers = [("regions", "MultiPolygon", regions)] if regions or not strokes else []
    layers += [("strokes", "LineString", strokes)] if strokes else []
    counts = {layer: len(rows) for layer, _, rows in layers}
    with atomic_path(target, verify=lambda path: _verify(path, counts)) as path:
        for position, (layer, geometry, rows) in enumerate(layers):
            _write_layer(path, layer, geometry, rows, placement.crs_wkt, facts, append=position > 0)
        _finish(path, [layer for layer, _, _ in layers], classes, created or _NO_TIME)


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
    """

    height: int
    width: int
    georeference: Georeference | None
    pixel_size: PixelSize | None
    source: str
    affine: Affine6


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
    with _opened(path) as (_, panel):
        return panel


def read_gpkg(path: str | os.PathLike[str], *, remeasure: Remeasure | None = None) -> list[Trace]:
    """Read traces that `write_gpkg` wrote, also after editing in QGIS.

    Parameters
    ----------
    path : path
        A GeoPackage of graven.
    remeasure : callable, optional
        ``remeasure(trace, pixel_size) -> measures`` for what was drawn or changed since
        (`graven.measure.edited.geometry_measures`); without it such traces have no measures.

    Returns
    -------
    list of Trace
        In pixels, in order of class and number; see `graven.io.gpkgtraces` for what editing does to them.

    Raises
    ------
    DataError
        If the file is no GeoPackage, one that graven did not write, or a feature cannot be a trace.
    """
    path = Path(path)
    with _opened(path) as (names, panel):
        layers = {name: _features(path, name) if name in names else [] for name in ("regions", "strokes")}
        return traces_of(
            layers["regions"],
            layers["strokes"],
            Placement(panel.affine, None, "frame"),
            source=panel.source,
            pixel_size=panel.pixel_size,
            remeasure=remeasure,
        )


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[list[str], GpkgPanel]]:
    """Check a file, give its layers and its panel, and turn whatever a reader raises into an error of ours."""
    pyogrio = load_pyogrio()
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
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
    return GpkgPanel(height, width, georeference, pixel_size, str(facts["source"]), affine)


def _write_layer(
    path: Path,
    layer: str,
    geometry: str,
    rows: list[tuple[bytes, Row]],
    crs_wkt: str | None,
    facts: dict[str, Any],
    *,
    append: bool,
) -> None:
    names = list(dict.fromkeys([*COLUMNS, *(name for _, row in rows for name in row)]))
    columns, missing = [], []
    for name in names:
        values = [row.get(name) for _, row in rows]
        absent = np.array([value is None for value in values])
        if name in TEXT_COLUMNS:
            columns.append(np.array(["" if value is None else value for value in values], object))
        else:
            columns.append(
                np.array([value or 0 for value in values], np.int64 if name in WHOLE_COLUMNS else np.float64)
            )
        missing.append(absent if absent.any() else None)
    with warnings.catch_warnings():
        # The layer option says what "no CRS" means; the warning would say it is unknown.
        warnings.filterwarnings("ignore", message="'crs' was not provided", category=UserWarning)
        load_pyogrio().raw.write(
            str(path),
            np.array([wkb for wkb, _ in rows], object),
            columns,
            names,
            field_mask=missing,
            layer=layer,
            driver="GPKG",
            geometry_type=geometry,
            crs=crs_wkt,
            promote_to_multi=False,
            nan_as_null=False,
            append=append,
            dataset_metadata=None if append else {"graven": json.dumps(facts, allow_nan=False)},
            layer_options={} if crs_wkt else {"SRID": "-1"},
        )


def _finish(path: Path, layers: list[str], classes: ClassTable, time: str) -> None:
    """Add styles, and take out the clock times that GDAL put in."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(_STYLES)
        for layer in layers:
            qml = vector_style(classes, "area" if layer == "regions" else "line")
            row = ("", "", layer, "geom", "graven", qml, "", 1, "Classes in their colours", "", None, time)
            columns = (
                "f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML, styleSLD, "
                "useAsDefault, description, owner, ui, update_time"
            )
            connection.execute(f"INSERT INTO layer_styles ({columns}) VALUES ({', '.join('?' * 12)})", row)
        connection.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) VALUES "
            "('layer_styles', 'attributes', 'layer_styles', '', ?)",
            (time,),
        )
        connection.execute("UPDATE gpkg_contents SET last_change = ?", (time,))
        connection.execute("UPDATE gpkg_metadata_reference SET timestamp = ?", (time,))


def _verify(path: Path, counts: dict[str, int]) -> None:
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            sound = connection.execute("PRAGMA quick_check").fetchone()[0] == "ok"
            found = {
                layer: connection.execute(f'SELECT count(*) FROM "{layer}" WHERE geom IS NOT NULL').fetchone()[0]
                for layer in counts
            }
    except sqlite3.Error as error:
        raise OutputError(f"{path.name} does not read back ({error}); check the disk") from error
    if not sound or found != counts:
        raise OutputError(f"{path.name}: expected rows {counts}, found {found}; check the disk")


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


def _features(path: Path, layer: str) -> list[Feature]:
    meta, fids, geometry, columns = load_pyogrio().raw.read(str(path), layer=layer, return_fids=True)
    names = [str(name) for name in meta["fields"]]
    shapes = shapely.from_wkb(geometry)
    return [
        Feature(f"{path.name}, {layer}, feature {fid}", shape, dict(zip(names, values, strict=True)))
        for fid, shape, values in zip(fids, shapes, zip(*columns, strict=True), strict=True)
    ]
