"""GeoPackages after a person has worked on them in QGIS."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from graven.errors import DataError
from graven.io.gpkg import read_gpkg, write_gpkg
from graven.io.gpkgpanel import read_gpkg_panel
from graven.measure.edited import geometry_measures
from graven.measure.figures import trace_figures
from graven.types import PETROGLYPH_CLASSES, Georeference, PixelSize, Trace, trace_uid

HEIGHT, WIDTH = 40, 60
SCALE = PixelSize(0.5, 0.5, "user")
MODEL = "model petroglyph 1.0 0123456789ab"


def _figures() -> list[Trace]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:15, 5:25] = True
    mask[20:30, 30:50] = True
    return trace_figures(
        lambda w: mask[w.slices()],
        lambda w: mask[w.slices()] * 0.8,
        height=HEIGHT,
        width=WIDTH,
        class_id=1,
        source="panel",
        pixel_size=SCALE,
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "a.gpkg"
    write_gpkg(
        path,
        [replace(trace, creator=MODEL) for trace in _figures()],
        classes=PETROGLYPH_CLASSES,
        height=HEIGHT,
        width=WIDTH,
        pixel_size=SCALE,
        source="panel",
    )
    return path


def _blob(shape: Any) -> bytes:
    return b"GP\0\x01" + struct.pack("<i", 0) + shapely.to_wkb(shape)


def _box(x0: float, y0: float, x1: float, y1: float) -> shapely.MultiPolygon:
    """Give a box in pixels as the file has it: millimetres, y up."""
    points = np.array([[x0, y1], [x1, y1], [x1, y0], [x0, y0]], float)
    return shapely.MultiPolygon([shapely.Polygon(np.stack([points[:, 0] * 0.5, (HEIGHT - points[:, 1]) * 0.5], 1))])


def _edit(path: Path, sql: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        # SQLite alone has no spatial functions, which the triggers of the geometry column need.
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(sql, values)
        for table in ("regions", "strokes"):
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute(
                    f"UPDATE gpkg_ogr_contents SET feature_count = (SELECT count(*) FROM {table}) WHERE table_name = ?",
                    (table,),
                )


def test_a_drawn_figure_is_accepted(package: Path) -> None:
    _edit(package, "INSERT INTO regions (geom) VALUES (?)", _blob(_box(30, 2, 34, 8)))
    *old, new = read_gpkg(package, remeasure=geometry_measures)
    assert [trace.measures for trace in old] == [trace.measures for trace in _figures()]
    assert (new.number, new.class_id, new.status) == (3, 1, "proposed")
    assert new.uid == trace_uid("panel", 1, list(new.polygons[0]))
    assert math.isnan(new.confidence)
    assert new.measures["area"].value == pytest.approx(4 * 6 * 0.25)
    assert new.measures["perimeter"].value == pytest.approx(20 * 0.5)
    assert (new.measures["length"].value, new.measures["width"].value) == pytest.approx((3.0, 2.0))


def test_a_changed_outline_is_measured_again(package: Path) -> None:
    first = _figures()[0]
    _edit(
        package, "UPDATE regions SET geom = ?, status = 'confirmed' WHERE uid = ?", _blob(_box(5, 5, 15, 15)), first.uid
    )
    changed, other = read_gpkg(package, remeasure=geometry_measures)
    assert (changed.uid, changed.number, changed.status) == (first.uid, 1, "confirmed")
    assert changed.measures["area"].value == pytest.approx(100 * 0.25)
    assert "area_low" not in changed.measures
    assert math.isnan(changed.confidence)
    assert other.measures == _figures()[1].measures
    assert read_gpkg(package)[0].measures == {}


def test_the_halves_of_a_split_are_two_figures(package: Path) -> None:
    first = _figures()[0]
    _edit(package, "UPDATE regions SET geom = ? WHERE uid = ?", _blob(_box(5, 5, 12, 15)), first.uid)
    columns = "uid, number, class_id, status, measures"
    _edit(
        package,
        f"INSERT INTO regions (geom, {columns}) SELECT ?, {columns} FROM regions WHERE uid = ?",
        _blob(_box(12, 5, 25, 15)),
        first.uid,
    )
    traces = read_gpkg(package, remeasure=geometry_measures)
    assert [trace.number for trace in traces] == [1, 2, 3]
    assert len({trace.uid for trace in traces}) == 3
    assert [traces[i].measures["area"].value for i in (0, 2)] == pytest.approx([70 * 0.25, 130 * 0.25])


def test_who_changes_an_outline_is_a_creator_too(package: Path, tmp_path: Path) -> None:
    first, second = _figures()
    _edit(package, "UPDATE regions SET geom = ? WHERE uid = ?", _blob(_box(5, 5, 15, 15)), first.uid)
    _edit(package, "UPDATE regions SET status = 'confirmed' WHERE uid = ?", second.uid)
    _edit(package, "INSERT INTO regions (geom) VALUES (?)", _blob(_box(30, 2, 34, 8)))
    _edit(package, "INSERT INTO regions (geom, creator) VALUES (?, 'Anna Rossi')", _blob(_box(36, 2, 40, 8)))
    expected = [f"{MODEL}; edited by hand", MODEL, None, "Anna Rossi"]
    traces = read_gpkg(package)
    assert [trace.creator for trace in traces] == expected
    again = tmp_path / "again.gpkg"
    write_gpkg(again, traces, classes=PETROGLYPH_CLASSES, height=HEIGHT, width=WIDTH, pixel_size=SCALE, source="panel")
    assert [trace.creator for trace in read_gpkg(again)] == expected


@pytest.mark.parametrize(
    ("sql", "values", "words"),
    [
        ("UPDATE regions SET geom = NULL WHERE number = 2", (), "regions, feature 2 has no geometry"),
        ("UPDATE regions SET status = 'done' WHERE number = 2", (), "feature 2: the status must be one of"),
        (
            "UPDATE regions SET geom = ? WHERE number = 2",
            (_blob(shapely.from_wkt("MULTIPOLYGON(((0 0, 5 4, 5 0, 0 3, 0 0)))")),),
            "feature 2 crosses itself",
        ),
    ],
)
def test_what_cannot_be_a_trace_is_named(package: Path, sql: str, values: tuple[bytes, ...], words: str) -> None:
    _edit(package, sql, *values)
    with pytest.raises(DataError, match=words):
        read_gpkg(package, remeasure=geometry_measures)


def test_a_status_that_was_emptied_is_proposed(package: Path) -> None:
    _edit(package, "UPDATE regions SET status = NULL WHERE number = 1")
    assert read_gpkg(package)[0].status == "proposed"


def test_strokes_without_their_first_part_stay(tmp_path: Path) -> None:
    lines = (np.array([[1.5, 1.5], [9.5, 1.5]]), np.array([[2.5, 4.5], [2.5, 10.5]]))
    trace = Trace(trace_uid("x", 1, list(lines)), 1, 1, (), lines, 0.5)
    path = tmp_path / "a.gpkg"
    write_gpkg(path, [trace], classes=PETROGLYPH_CLASSES, height=20, width=20, source="x")
    _edit(path, "DELETE FROM strokes WHERE part = 1")
    (found,) = read_gpkg(path, remeasure=geometry_measures)
    np.testing.assert_allclose(found.lines[0], lines[1])
    assert found.measures["length"].value == pytest.approx(6.0)


@pytest.mark.parametrize("kind", ["plain", "scaled", "projected", "local", "unnamed"])
def test_the_place_of_the_panel_comes_back(tmp_path: Path, kind: str) -> None:
    from rasterio.crs import CRS

    affine = (0.0005, 0.0, 600000.0, 0.0, -0.0005, 5100000.0)
    georeference = {
        "projected": Georeference(affine, CRS.from_epsg(32632).to_wkt(version="WKT2_2019"), "projected", 1000.0),
        "local": Georeference(
            affine,
            'ENGCRS["Panel 7 local",EDATUM["Panel 7 origin"],CS[Cartesian,2],AXIS["x",unspecified,ORDER[1]],'
            'AXIS["y",unspecified,ORDER[2]],LENGTHUNIT["metre",1]]',
            "local",
            1000.0,
        ),
        "unnamed": Georeference(affine, None, "local", None),
    }.get(kind)
    size = None if kind == "plain" else SCALE
    path = tmp_path / "a.gpkg"
    write_gpkg(
        path,
        _figures(),
        classes=PETROGLYPH_CLASSES,
        height=HEIGHT,
        width=WIDTH,
        georeference=georeference,
        pixel_size=size,
        source="panel",
    )
    panel = read_gpkg_panel(path)
    assert (panel.height, panel.width, panel.pixel_size, panel.source) == (HEIGHT, WIDTH, size, "panel")
    if georeference is None:
        assert panel.georeference is None
        return
    assert panel.georeference is not None
    found = panel.georeference
    assert (found.affine, found.frame, found.unit_mm) == (affine, georeference.frame, georeference.unit_mm)
    if kind == "projected":
        assert found.crs_wkt == georeference.crs_wkt
