"""GeoPackages: what is in them, that it is the same every time, and that it comes back."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from scipy import ndimage

from graven.errors import DataError, InputError, OutputError
from graven.io.gpkg import read_gpkg, write_gpkg
from graven.measure.figures import trace_figures, trace_lines
from graven.types import (
    PETROGLYPH_CLASSES,
    ClassDefinition,
    ClassTable,
    Georeference,
    PixelSize,
    Trace,
)

HEIGHT, WIDTH = 90, 120
SCALE = PixelSize(0.2, 0.3, "user", 0.01)
LOCAL = Georeference(
    (0.0018, 0.0009, 3.0, 0.0009, -0.0018, 7.0),
    'ENGCRS["Panel 7 local",EDATUM["Panel 7 origin"],CS[Cartesian,2],AXIS["x",unspecified,ORDER[1]],'
    'AXIS["y",unspecified,ORDER[2]],LENGTHUNIT["metre",1]]',
    "local",
    1000.0,
)
UTM = Georeference((0.0005, 0.0, 499_999.9, 0.0, -0.0005, 5_100_000.1), None, "projected", 1000.0)


def figures(**options: Any) -> list[Trace]:
    noise = ndimage.gaussian_filter(np.random.default_rng(4).standard_normal((HEIGHT, WIDTH)), 4)
    prob = 1 / (1 + np.exp(-4 * (noise / noise.std() - 0.7)))
    return trace_figures(
        lambda window: prob[window.slices()] >= 0.5,
        lambda window: prob[window.slices()],
        height=HEIGHT,
        width=WIDTH,
        class_id=1,
        source="panel",
        **({"with_centerlines": True, "pixel_size": SCALE} | options),
    )


def write(path: Path, traces: list[Trace], **options: Any) -> None:
    settings = {"classes": PETROGLYPH_CLASSES, "height": HEIGHT, "width": WIDTH, "pixel_size": SCALE, "source": "panel"}
    settings |= options
    write_gpkg(path, traces, **settings)


def query(path: Path, sql: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def assert_same(ours: list[Trace], theirs: list[Trace]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        facts = (one.uid, one.number, one.class_id, one.status, one.creator, one.measures)
        assert facts == (other.uid, other.number, other.class_id, other.status, other.creator, other.measures)
        assert one.confidence == other.confidence or (math.isnan(one.confidence) and math.isnan(other.confidence))
        assert [[ring.tolist() for ring in part] for part in one.polygons] == [
            [ring.tolist() for ring in part] for part in other.polygons
        ]
        assert len(one.lines) == len(other.lines)
        for line, back in zip(one.lines, other.lines, strict=True):
            np.testing.assert_allclose(line, back, atol=1e-5)


class TestRoundTrip:
    @pytest.mark.parametrize("georeference", [None, LOCAL, UTM], ids=["panel", "local", "projected"])
    def test_what_is_written_comes_back(self, tmp_path: Path, georeference: Georeference | None) -> None:
        write(tmp_path / "a.gpkg", figures(), georeference=georeference)
        assert_same(figures(), read_gpkg(tmp_path / "a.gpkg"))

    def test_in_pixels_without_confidence(self, tmp_path: Path) -> None:
        mask = np.eye(5, dtype=bool)
        traces = trace_figures(lambda w: mask[w.slices()], height=5, width=5, class_id=1, source="x")
        write(tmp_path / "a.gpkg", traces, pixel_size=None, height=5, width=5, source="x")
        assert_same(traces, read_gpkg(tmp_path / "a.gpkg"))

    def test_lines(self, tmp_path: Path) -> None:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[20:24, 10:90] = mask[10:70, 50:53] = True
        traces = trace_lines(lambda w: mask[w.slices()], height=HEIGHT, width=WIDTH, class_id=1, source="x")
        write(tmp_path / "a.gpkg", traces, pixel_size=None, source="x")
        assert_same(traces, read_gpkg(tmp_path / "a.gpkg"))
        assert query(tmp_path / "a.gpkg", "SELECT table_name FROM gpkg_geometry_columns") == [("strokes",)]

    def test_every_trace_has_its_own_creator(self, tmp_path: Path) -> None:
        creators = ["model a 1.0 0123456789ab", None, "Anna Rossi"]
        traces = [replace(trace, creator=creator) for trace, creator in zip(figures(), creators, strict=False)]
        write(tmp_path / "a.gpkg", traces)
        assert query(tmp_path / "a.gpkg", "SELECT creator FROM regions ORDER BY number") == [
            (name,) for name in creators
        ]
        strokes = query(tmp_path / "a.gpkg", "SELECT DISTINCT number, creator FROM strokes ORDER BY number")
        assert strokes == [(trace.number, trace.creator) for trace in traces if trace.lines]
        assert_same(traces, read_gpkg(tmp_path / "a.gpkg"))

    def test_nothing(self, tmp_path: Path) -> None:
        write(tmp_path / "a.gpkg", [])
        assert read_gpkg(tmp_path / "a.gpkg") == []

    def test_an_edit_of_the_status_is_read(self, tmp_path: Path) -> None:
        write(tmp_path / "a.gpkg", figures())
        wanted = figures()[3].uid
        with contextlib.closing(sqlite3.connect(tmp_path / "a.gpkg")) as connection, connection:
            # SQLite alone has no spatial functions, which the triggers of the geometry column need; none is on status.
            connection.execute("PRAGMA recursive_triggers = OFF")
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                connection.execute(f'DROP TRIGGER "{name}"')
            connection.execute("UPDATE regions SET status = 'confirmed' WHERE uid = ?", (wanted,))
        statuses = {trace.uid: trace.status for trace in read_gpkg(tmp_path / "a.gpkg")}
        assert statuses.pop(wanted) == "confirmed"
        assert set(statuses.values()) == {"proposed"}


class TestContent:
    def test_columns_of_the_master(self, tmp_path: Path) -> None:
        write(tmp_path / "a.gpkg", figures(), run_id="r1", created="2026-11-21T00:00:00Z")
        frame = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="regions")
        listed = (
            "uid class_id class_uri status confidence area_mm2 length_mm width_mean_mm width_p95_mm width_sigma_mm "
            "creator generator run_id created modified note"
        )
        assert set(listed.split()) <= set(frame.columns)
        first = figures()[0]
        row = frame.iloc[0]
        assert (row["uid"], row["number"], row["class"], row["status"]) == (first.uid, 1, "pecked", "proposed")
        assert (row["area_mm2"], row["area_sigma_mm2"]) == (first.measures["area"].value, first.measures["area"].sigma)
        assert row["run_id"] == "r1"
        assert frame["number"].tolist() == sorted(frame["number"])
        assert shapely.is_valid(frame.geometry.values).all()
        for area, shape in zip(frame["area_mm2"], frame.geometry, strict=True):
            assert shape.area == pytest.approx(area)

    def test_columns_of_strokes(self, tmp_path: Path) -> None:
        write(tmp_path / "a.gpkg", figures())
        frame = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="strokes")
        trace = next(trace for trace in figures() if len(trace.lines) > 1)
        rows = frame[frame["uid"] == trace.uid]
        assert rows["part"].tolist() == list(range(1, len(trace.lines) + 1))
        widths = [trace.measures[f"stroke_{n + 1}_width"] for n in range(len(trace.lines))]
        assert rows["width_mm"].tolist() == [width.value for width in widths]
        assert rows["width_sigma_mm"].tolist() == [width.sigma for width in widths]

    def test_without_scale_no_column_of_millimetres_is_filled(self, tmp_path: Path) -> None:
        write(tmp_path / "a.gpkg", figures(pixel_size=None), pixel_size=None)
        frame = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="regions")
        metric = [name for name in frame.columns if name.endswith(("_mm", "_mm2"))]
        assert frame[metric].isna().all().all()
        assert frame["area_px2"].notna().all()

    def test_frames(self, tmp_path: Path) -> None:
        sql = "SELECT g.srs_id, s.definition FROM gpkg_geometry_columns g JOIN gpkg_spatial_ref_sys s USING (srs_id)"
        write(tmp_path / "pixel.gpkg", figures(pixel_size=None), pixel_size=None)
        assert query(tmp_path / "pixel.gpkg", sql)[0] == (-1, "undefined")
        write(tmp_path / "panel.gpkg", figures(), name='panel "7"')
        assert "millimetre" in query(tmp_path / "panel.gpkg", sql)[0][1]
        write(tmp_path / "local.gpkg", figures(), georeference=LOCAL)
        srs_id, definition = query(tmp_path / "local.gpkg", sql)[0]
        assert srs_id not in (0, -1)
        assert definition.startswith(("LOCAL_CS", "ENGCRS"))

    def test_qgis_finds_a_style_with_the_classes(self, tmp_path: Path) -> None:
        classes = ClassTable(
            (*PETROGLYPH_CLASSES.classes, ClassDefinition(2, 'crack <"wide">', "#0072B2", "cross", "line", "C"))
        )
        write(tmp_path / "a.gpkg", figures(), classes=classes)
        styles = query(
            tmp_path / "a.gpkg", "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        )
        assert [row[:3] for row in styles] == [("regions", "geom", 1), ("strokes", "geom", 1)]
        for *_, qml in styles:
            renderer = ET.fromstring(qml.split("\n", 1)[1]).find("renderer-v2")
            assert renderer is not None
            assert renderer.attrib["attr"] == "class_id"
            found = [(e.attrib["value"], e.attrib["label"], e.attrib["symbol"]) for e in renderer.iter("category")]
            assert found == [("1", "pecked", "0"), ("2", 'crack <"wide">', "1")]
            assert [symbol.attrib["name"] for symbol in renderer.iter("symbol")] == ["0", "1"]

    def test_the_same_traces_in_any_order_give_the_same_bytes(self, tmp_path: Path) -> None:
        write(tmp_path / "a.gpkg", figures())
        write(tmp_path / "b.gpkg", figures()[::-1])
        assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()


class TestRefusals:
    def test_a_class_that_is_not_in_the_table(self, tmp_path: Path) -> None:
        classes = ClassTable((ClassDefinition(7, "other", "#000000", "solid", "area", "O"),))
        with pytest.raises(InputError, match="class id 1"):
            write(tmp_path / "a.gpkg", figures(), classes=classes)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + b"\0" * 200, b"not a file of ours"])
    def test_files_that_are_none(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.gpkg").write_bytes(content)
        with pytest.raises(DataError, match=r"a\.gpkg"):
            read_gpkg(tmp_path / "a.gpkg")

    def test_a_truncated_file(self, tmp_path: Path) -> None:
        write(tmp_path / "a.gpkg", figures())
        content = (tmp_path / "a.gpkg").read_bytes()
        (tmp_path / "a.gpkg").write_bytes(content[: len(content) // 2])
        with pytest.raises(DataError, match="damaged"):
            read_gpkg(tmp_path / "a.gpkg")

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such file"):
            read_gpkg(tmp_path / "a.gpkg")

    def test_a_geopackage_of_others(self, tmp_path: Path) -> None:
        pyogrio.raw.write(
            str(tmp_path / "a.gpkg"),
            np.array([shapely.to_wkb(shapely.Point(1, 2))], object),
            [np.array([1])],
            ["n"],
            layer="points",
            driver="GPKG",
            geometry_type="Point",
            crs="EPSG:4326",
        )
        with pytest.raises(DataError, match="no GeoPackage of graven"):
            read_gpkg(tmp_path / "a.gpkg")


def test_a_name_too_long_for_the_files_that_sqlite_adds_is_one_line_of_ours(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / f"{'x' * 245}.gpkg", figures())
    assert list(tmp_path.iterdir()) == []
