"""GeoJSON: QuPath's shape in pixels, projected coordinates with their CRS, and both read back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio.crs
import shapely

from graven.errors import DataError, InputError
from graven.io.geojson import geojson_name, read_geojson, write_geojson
from graven.measure.figures import trace_figures, trace_lines
from graven.types import PETROGLYPH_CLASSES, Georeference, PixelSize, Trace

HEIGHT, WIDTH = 12, 16
UTM = Georeference(
    (0.0005, 0.0, 500_000.0, 0.0, -0.0005, 5_100_000.0),
    rasterio.crs.CRS.from_epsg(32632).to_wkt(),
    "projected",
    1000.0,
)
DEGREES = Georeference(
    (1e-8, 0.0, 9.5, 0.0, -1e-8, 46.1), rasterio.crs.CRS.from_epsg(4326).to_wkt(), "geographic", None
)
CUSTOM = Georeference(
    UTM.affine, rasterio.crs.CRS.from_string("+proj=tmerc +lon_0=10.123 +datum=WGS84").to_wkt(), "projected", 1000.0
)


def figures(**options: Any) -> list[Trace]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[1:9, 1:9] = True
    mask[3:6, 3:6] = False  # a hole
    mask[9:11, 9:12] = True  # a second part, touching at a corner
    mask[2:4, 12:15] = True  # a second figure
    prob = np.where(mask, np.uint8(204), np.uint8(0))
    return trace_figures(
        lambda window: mask[window.slices()],
        lambda window: prob[window.slices()],
        height=HEIGHT,
        width=WIDTH,
        class_id=1,
        source="panel",
        **options,
    )


def write(path: Path, traces: list[Trace], **options: Any) -> dict[str, Any]:
    settings = {"classes": PETROGLYPH_CLASSES, "height": HEIGHT, "width": WIDTH, "source": "panel"} | options
    write_geojson(path, traces, **settings)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


class TestNames:
    def test_only_a_crs_with_a_code_makes_plain_geojson(self) -> None:
        local = Georeference(UTM.affine, 'LOCAL_CS["wall",UNIT["metre",1]]', "local", 1000.0)
        cases = {UTM: "a.geojson", DEGREES: "a.geojson", CUSTOM: "a.px.geojson", local: "a.px.geojson"}
        assert {frame: geojson_name("a", frame) for frame in cases} == cases
        assert geojson_name("a", None) == "a.px.geojson"

    def test_a_code_stands_for_this_very_crs(self) -> None:
        """The grid of EPSG:5677 with a datum shift of its own lies metres away from EPSG:5677."""
        text = "+proj=tmerc +lat_0=0 +lon_0=9 +k=1 +x_0=3500000 +y_0=0 +ellps=bessel +towgs84=598,73,418,0.2,0,-2.4,6.7"
        shifted = rasterio.crs.CRS.from_string(text).to_wkt(version="WKT2_2019")
        assert geojson_name("a", Georeference(UTM.affine, shifted, "projected", 1000.0)) == "a.px.geojson"
        exact = rasterio.crs.CRS.from_epsg(5677).to_wkt(version="WKT2_2019")
        assert geojson_name("a", Georeference(UTM.affine, exact, "projected", 1000.0)) == "a.geojson"

    def test_a_plain_name_without_a_crs_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"end the name in \.px\.geojson"):
            write(tmp_path / "a.geojson", figures(), georeference=CUSTOM)
        assert list(tmp_path.iterdir()) == []


class TestPixels:
    def test_the_shape_of_qupath(self, tmp_path: Path) -> None:
        size = PixelSize(0.5, 0.5, "user", 0.01)
        document = write(tmp_path / "a.px.geojson", figures(pixel_size=size), pixel_size=size)
        first, second = document["features"]
        assert document["type"] == "FeatureCollection"
        assert "crs" not in document
        assert first["properties"]["objectType"] == "annotation"
        assert first["properties"]["classification"] == {"name": "pecked", "color": [213, 94, 0]}
        measurements = first["properties"]["measurements"]
        assert measurements["Area mm^2"] == (64 - 9 + 6) * 0.25
        assert measurements["Area sigma mm^2"] > 0
        assert measurements["Confidence"] == pytest.approx(0.8)
        uid = figures()[0].uid
        assert first["id"] == f"{uid[:8]}-{uid[8:12]}-{uid[12:16]}-{uid[16:20]}-{uid[20:]}"
        # Several parts or one: QuPath draws a MultiPolygon of one part as something else.
        assert first["geometry"]["type"] == "MultiPolygon"
        assert second["geometry"] == {
            "type": "Polygon",
            "coordinates": [[[12, 2], [12, 4], [15, 4], [15, 2], [12, 2]]],
        }

    def test_areas_and_holes_are_those_of_the_pixels(self, tmp_path: Path) -> None:
        document = write(tmp_path / "a.px.geojson", figures())
        shapes = [shapely.geometry.shape(feature["geometry"]) for feature in document["features"]]
        assert [shape.area for shape in shapes] == [61, 6]
        assert all(shape.is_valid for shape in shapes)

    def test_without_scale_nothing_is_in_millimetres(self, tmp_path: Path) -> None:
        write(tmp_path / "a.px.geojson", figures())
        text = (tmp_path / "a.px.geojson").read_text(encoding="utf-8")
        assert "mm" not in text.replace("pixel_size_mm", "")
        assert '"Area px^2"' in text


class TestProjected:
    def test_gdal_reads_crs_and_coordinates(self, tmp_path: Path) -> None:
        write(tmp_path / "a.geojson", figures(), georeference=UTM)
        frame = pyogrio.read_dataframe(tmp_path / "a.geojson")
        assert frame.crs.to_epsg() == 32632
        assert frame.total_bounds.tolist() == pytest.approx(
            [500_000.0005, 5_099_999.9945, 500_000.0075, 5_099_999.9995]
        )
        assert frame.geometry.area.tolist() == pytest.approx([61 * 0.0005**2, 6 * 0.0005**2], rel=1e-4)
        assert frame["uid"].tolist() == [trace.uid for trace in figures()]
        assert frame["area_px2"].tolist() == [61, 6]

    def test_exteriors_are_counter_clockwise(self, tmp_path: Path) -> None:
        document = write(tmp_path / "a.geojson", figures(), georeference=UTM)
        for feature in document["features"]:
            for part in shapely.get_parts(shapely.geometry.shape(feature["geometry"])):
                assert part.exterior.is_ccw
                assert not any(hole.is_ccw for hole in part.interiors)

    def test_degrees_need_no_crs_member_and_keep_their_digits(self, tmp_path: Path) -> None:
        document = write(tmp_path / "a.geojson", figures(), georeference=DEGREES)
        assert "crs" not in document
        x, y = document["features"][1]["geometry"]["coordinates"][0][0]
        assert (x, y) == pytest.approx((9.5 + 12e-8, 46.1 - 2e-8), abs=1e-11)


class TestRoundTrip:
    @pytest.mark.parametrize("georeference", [None, UTM, DEGREES], ids=["pixel", "projected", "degrees"])
    def test_areas(self, tmp_path: Path, georeference: Georeference | None) -> None:
        path = tmp_path / geojson_name("a", georeference)
        write(path, figures(), georeference=georeference)
        for ours, back in zip(figures(), read_geojson(path), strict=True):
            assert (ours.uid, ours.number, ours.confidence, ours.measures) == (
                back.uid,
                back.number,
                back.confidence,
                back.measures,
            )
            rings = [[ring.tolist() for ring in part] for part in ours.polygons]
            assert [[ring.tolist() for ring in part] for part in back.polygons] == rings

    def test_lines(self, tmp_path: Path) -> None:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[5, 1:15] = mask[1:11, 8] = True
        traces = trace_lines(lambda w: mask[w.slices()], height=HEIGHT, width=WIDTH, class_id=1, source="x")
        document = write(tmp_path / "a.px.geojson", traces)
        assert document["features"][0]["geometry"]["type"] == "MultiLineString"
        (back,) = read_geojson(tmp_path / "a.px.geojson")
        assert math.isnan(back.confidence)
        assert back.polygons == ()
        for line, other in zip(traces[0].lines, back.lines, strict=True):
            np.testing.assert_allclose(line, other, atol=1e-3)

    def test_order_does_not_matter(self, tmp_path: Path) -> None:
        write(tmp_path / "a.px.geojson", figures())
        write(tmp_path / "b.px.geojson", figures()[::-1])
        assert (tmp_path / "a.px.geojson").read_bytes() == (tmp_path / "b.px.geojson").read_bytes()

    def test_nothing(self, tmp_path: Path) -> None:
        assert write(tmp_path / "a.px.geojson", [])["features"] == []
        assert read_geojson(tmp_path / "a.px.geojson") == []


class TestRefusals:
    @pytest.mark.parametrize(
        "change",
        [
            lambda d: d.pop("graven"),
            lambda d: d["features"][0]["geometry"].update(type="Point"),
            lambda d: d["features"][0]["geometry"].update(coordinates=[[[[0, 0]]]]),
            lambda d: d["features"][0]["geometry"].update(coordinates=[[[["a", 0]] * 4]]),
            lambda d: d["features"][0]["properties"].update(status="maybe"),
            lambda d: d["features"][0]["properties"].update(measures={"area": [1]}),
            lambda d: d["graven"].update(affine=[1, 0]),
        ],
    )
    def test_files_that_graven_did_not_write(self, tmp_path: Path, change: Any) -> None:
        document = write(tmp_path / "a.px.geojson", figures())
        change(document)
        (tmp_path / "b.px.geojson").write_text(json.dumps(document), encoding="utf-8")
        with pytest.raises(DataError):
            read_geojson(tmp_path / "b.px.geojson")

    def test_an_infinite_coordinate(self, tmp_path: Path) -> None:
        write(tmp_path / "a.px.geojson", figures())
        text = (tmp_path / "a.px.geojson").read_text(encoding="utf-8").replace("[12,2]", "[Infinity,2]")
        (tmp_path / "b.px.geojson").write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match="Infinity"):
            read_geojson(tmp_path / "b.px.geojson")
