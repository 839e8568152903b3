"""GeoPackage: the master file of vectors, with areas, centre-lines, measures and a style that QGIS applies."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.errors import DiskFull, OutputError
from graven.io.fs import atomic_path
from graven.io.gpkglayers import layer_rows
from graven.io.gpkgpanel import features_of, opened_gpkg
from graven.io.gpkgrows import COLUMNS, TEXT_COLUMNS, WHOLE_COLUMNS, Row, region_rows, stroke_rows
from graven.io.gpkgtraces import traces_of
from graven.io.ogrenv import load_pyogrio
from graven.io.records import reading_key
from graven.io.styles import vector_style
from graven.io.vectorframe import Placement, vector_placement

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from graven.io.gpkglayers import Layer
    from graven.io.gpkgtraces import Remeasure
    from graven.types import ClassTable, Georeference, PixelSize, Trace

__all__ = ["read_gpkg", "write_gpkg"]

_FULL = ("disk is full", "No space left")
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
    run_id: str | None = None,
    created: str | None = None,
    beside: Sequence[Layer] = (),
    valid_px: int | None = None,
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
    run_id, created : str, optional
        Written into the columns of these names; ``created`` as ISO 8601. No clock is read.
    beside : sequence of Layer
        Further layers, such as nodes and islands; `read_gpkg` does not look at them.
    valid_px : int, optional
        Pixels of the raster where something is known.

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
    shared: Row = {"generator": f"graven {__version__}", "run_id": run_id, "created": created}
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
        "valid_px": valid_px,
        "n_traces": {str(entry.id): sum(trace.class_id == entry.id for trace in traces) for entry in classes.classes},
    }
    layers = [("regions", "MultiPolygon", regions)] if regions or not strokes else []
    layers += [("strokes", "LineString", strokes)] if strokes else []
    layers += [(layer.name, layer.geometry, list(layer_rows(layer, placement))) for layer in beside if layer.rows]
    counts = {layer: len(rows) for layer, _, rows in layers}
    styles = {"regions": vector_style(classes, "area"), "strokes": vector_style(classes, "line")}
    styles |= {layer.name: layer.style for layer in beside}
    with atomic_path(target, verify=lambda path: _verify(path, counts)) as path, _told(target):
        for position, (layer, geometry, rows) in enumerate(layers):
            _write_layer(path, layer, geometry, rows, placement.crs_wkt, facts, append=position > 0)
        _finish(path, {layer: styles[layer] for layer in counts}, created or _NO_TIME)


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
    with opened_gpkg(path) as (names, panel):
        layers = {name: features_of(path, name) if name in names else [] for name in ("regions", "strokes")}
        return traces_of(
            layers["regions"],
            layers["strokes"],
            Placement(panel.affine, None, "frame"),
            source=panel.source,
            pixel_size=panel.pixel_size,
            remeasure=remeasure,
        )


@contextlib.contextmanager
def _told(target: Path) -> Iterator[None]:
    """Turn what GDAL and SQLite say while writing into one line of ours."""
    pyogrio = load_pyogrio()
    try:
        yield
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, sqlite3.Error) as error:
        reason = " ".join(str(error).split())
        kind = DiskFull if any(word in reason for word in _FULL) else OutputError
        raise kind(f"{target.name} cannot be written: {reason}") from error


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
    first = COLUMNS if layer in ("regions", "strokes") else ()
    names = list(dict.fromkeys([*first, *(name for _, row in rows for name in row)]))
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


def _finish(path: Path, styles: dict[str, str], time: str) -> None:
    """Add styles, and take out the clock times that GDAL put in."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(_STYLES)
        for layer, qml in styles.items():
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
