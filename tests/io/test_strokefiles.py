"""Strokes in GeoJSON: back as they were, and as a GIS writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely

from graven.errors import DataError, InputError, MismatchError, ScaleError
from graven.io.gdalenv import load_rasterio
from graven.io.strokefiles import read_strokes, write_strokes
from graven.types import Georeference, PixelSize, Stroke, StrokeSet, raster_from_array

PIXELS = np.zeros((40, 60), np.uint8)
PLAIN = raster_from_array(PIXELS)
SCALED = raster_from_array(PIXELS, pixel_size=PixelSize(0.05, 0.05, "user"))


@pytest.fixture(scope="module")
def projected():
    wkt = load_rasterio().crs.CRS.from_epsg(32632).to_wkt()
    georeference = Georeference((0.5, 0, 1000, 0, -0.5, 2000), wkt, "projected", 1000.0)
    return raster_from_array(PIXELS, georeference=georeference, pixel_size=PixelSize(500, 500, "geotransform"))


def facts(strokes: StrokeSet) -> list[tuple[Any, ...]]:
    return [
        (s.points.tolist(), s.width_px, s.polarity, s.uid, s.class_id, s.override, s.author, s.time) for s in strokes
    ]


def test_strokes_in_pixels_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(7)
    strokes = [
        Stroke(
            points=np.round(rng.uniform(0, (60, 40), (1 + index % 5, 2)), index % 12),
            width_px=float(rng.uniform(0.1, 30)),
            polarity=("add", "erase")[index % 2],
            uid=f"stroke {index}",
            class_id=1 + index,
            override=index % 3 == 0,
            author=("", "Ada", "Žofie")[index % 3],
            time=("", "2026-05-31T14:00:00Z")[index % 2],
        )
        for index in range(60)
    ]
    path = tmp_path / "mirror.px.geojson"
    write_strokes(path, StrokeSet(tuple(strokes)), PLAIN)
    assert facts(read_strokes(path, PLAIN)) == facts(StrokeSet(tuple(strokes)))


def test_no_strokes_at_all_are_a_file_too(tmp_path):
    path = tmp_path / "mirror.px.geojson"
    write_strokes(path, StrokeSet(), PLAIN)
    assert len(read_strokes(path, PLAIN)) == 0


def test_strokes_in_a_crs_name_it_and_come_back(tmp_path, projected):
    drawn = Stroke(points=np.array([[10.25, 4.0], [17.5, 39.0]]), width_px=3, polarity="erase", uid="a")
    path = tmp_path / "mirror.geojson"
    write_strokes(path, StrokeSet((drawn,)), projected)
    frame = geopandas.read_file(path)
    assert frame.crs == "EPSG:32632"
    assert shapely.get_coordinates(frame.geometry).tolist() == [[1005.125, 1998.0], [1008.75, 1980.5]]
    assert facts(read_strokes(path, projected)) == facts(StrokeSet((drawn,)))


def test_strokes_without_a_crs_to_name_must_be_in_pixels(tmp_path):
    with pytest.raises(InputError, match=r"end the name in \.px\.geojson"):
        write_strokes(tmp_path / "mirror.geojson", StrokeSet(), PLAIN)


def test_a_layer_drawn_in_a_gis(tmp_path, projected):
    """Lines of one and several parts, with fields in capitals, empty fields, and millimetres."""
    lines = [
        shapely.LineString([(1005, 1990, 7), (1010, 1990, 7)]),
        shapely.MultiLineString([[(1001, 1999), (1002, 1999)], [(1003, 1998), (1004, 1998)]]),
    ]
    table = {
        "Polarity": ["ADD", "erase"],
        "width_mm": [1500.0, None],
        "WIDTH_PX": [None, 2.0],
        "author": ["", "Ada"],
        "geometry": lines,
    }
    geopandas.GeoDataFrame(table, crs=32632).to_file(tmp_path / "layer.geojson")
    strokes = read_strokes(tmp_path / "layer.geojson", projected).strokes
    assert [stroke.points.tolist() for stroke in strokes] == [[[10, 20], [20, 20]], [[2, 2], [4, 2]], [[6, 4], [8, 4]]]
    assert [(stroke.polarity, stroke.width_px) for stroke in strokes] == [("add", 3.0), ("erase", 2.0), ("erase", 2.0)]
    assert [stroke.author for stroke in strokes] == ["", "Ada", "Ada"]
    again = read_strokes(tmp_path / "layer.geojson", projected)
    assert [stroke.uid for stroke in strokes] == [stroke.uid for stroke in again]


def write(folder: Path, *features: Any, name: str = "strokes.px.geojson", **members: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps({"type": "FeatureCollection", **members, "features": list(features)}))
    return path


def line(points: Any = ((1, 1), (5, 5)), kind: str = "LineString", **properties: Any) -> dict[str, Any]:
    told = {"polarity": "add", "width_px": 2} | properties
    return {"type": "Feature", "properties": told, "geometry": {"type": kind, "coordinates": points}}


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (line(polarity=None), r"feature 2: polarity must be 'add' or 'erase', got None"),
        (line(polarity="remove"), r"got 'remove'"),
        (line(width_px=None), "needs a width; fill in the field width_mm or width_px"),
        (line(width_mm=1), "got both width_mm and width_px"),
        (line(width_px="3,5"), "could not convert string to float: '3,5'"),
        (line(width_px=-2), "must be a positive number of pixels"),
        (line(kind="Polygon"), "must be a LineString or MultiLineString, got Polygon"),
        ({**line(), "geometry": None}, "got None; draw it as a line"),
        (line(points=[[1, 1]]), "at least two positions"),
        (line(points=[[1, 1], [2]]), "feature 2"),
        (line(override="perhaps"), "override must be true or false"),
        (line(class_id=0), "between 1 and 254"),
        (line(time="noon"), "2026-05-31T14:00:00Z"),
        ("no feature", "got None; draw it as a line"),
    ],
)
def test_a_feature_that_is_no_stroke_is_named(tmp_path, feature, message):
    with pytest.raises(DataError, match=message):
        read_strokes(write(tmp_path, line(), feature), PLAIN)


def test_words_and_numbers_for_the_polarity(tmp_path):
    words = ["add", "Erase", 1, -1, "+1"]
    strokes = read_strokes(write(tmp_path, *(line(polarity=word) for word in words)), PLAIN)
    assert [stroke.sign for stroke in strokes] == [1, -1, 1, -1, 1]


def test_a_width_that_is_not_told_may_be_given(tmp_path):
    strokes = read_strokes(write(tmp_path, line(width_px=None), line()), PLAIN, width_px=5.7)
    assert [stroke.width_px for stroke in strokes] == [5.7, 2.0]


def test_millimetres_need_a_scale(tmp_path):
    path = write(tmp_path, line(width_px=None, width_mm=0.3))
    assert read_strokes(path, SCALED).strokes[0].width_px == pytest.approx(6)
    with pytest.raises(ScaleError, match=r"strokes.px.geojson, feature 1: the width is in millimetres"):
        read_strokes(path, PLAIN)


def test_two_features_with_one_uid_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"two strokes have the uid 'a'.*empty the field uid"):
        read_strokes(write(tmp_path, line(uid="a"), line(uid="a")), PLAIN)


def test_a_stroke_beside_the_image_is_named(tmp_path):
    with pytest.raises(MismatchError, match=r"feature 1: the stroke lies beside the image of 60 x 40 px \(x 99"):
        read_strokes(write(tmp_path, line([[100, 5], [120, 5]])), PLAIN)
    with pytest.raises(MismatchError, match="y must grow downwards from 0, so change its sign"):
        read_strokes(write(tmp_path, line([[10, -5], [12, -5]])), PLAIN)


def test_a_crs_must_be_that_of_the_image(tmp_path, projected):
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    path = write(tmp_path, line([[1005, 1990], [1010, 1990]]), name="strokes.geojson", crs=crs)
    with pytest.raises(MismatchError, match="EPSG:32633, the image in EPSG:32632; reproject the layer of strokes"):
        read_strokes(path, projected)
    with pytest.raises(MismatchError, match="the image has no CRS; draw on the image itself"):
        read_strokes(path, PLAIN)
    bare = write(tmp_path, line(), name="bare.geojson")
    with pytest.raises(MismatchError, match=r"strokes are in pixels; name the file …\.px\.geojson"):
        read_strokes(bare, PLAIN)


@pytest.mark.parametrize("text", ["[]", '{"type": "Feature"}', '{"features": 3}'])
def test_what_is_no_collection_is_refused(tmp_path, text):
    path = tmp_path / "strokes.px.geojson"
    path.write_text(text)
    with pytest.raises(DataError, match="no GeoJSON FeatureCollection"):
        read_strokes(path, PLAIN)


def test_other_kinds_of_file_are_refused(tmp_path):
    path = tmp_path / "strokes.gpkg"
    path.write_bytes(b"SQLite format 3\0")
    with pytest.raises(DataError, match=r"export the layer as \.geojson"):
        read_strokes(path, PLAIN)
