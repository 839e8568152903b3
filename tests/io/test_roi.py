"""Regions of interest, in pixels and in the coordinates of the image."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import DataError, FormatRefused, InputError, MismatchError
from graven.io.gdalenv import load_rasterio
from graven.io.gpkg import write_gpkg
from graven.io.roi import read_roi, restrict
from graven.types import PETROGLYPH_CLASSES, Georeference, PixelSize, Trace, Window, raster_from_array

PIXELS = np.zeros((40, 60), np.uint8)
PLAIN = raster_from_array(PIXELS)


@pytest.fixture(scope="module")
def projected():
    wkt = load_rasterio().crs.CRS.from_epsg(32632).to_wkt()
    return raster_from_array(PIXELS, georeference=Georeference((0.5, 0, 1000, 0, -0.5, 2000), wkt, "projected", 1000.0))


BOX_WORLD = shapely.box(1005, 1985, 1010, 1995)
BOX_PIXELS = shapely.box(10, 10, 20, 30)  # x = (X - 1000) / 0.5, y = (2000 - Y) / 0.5


def test_wkt_in_pixels_of_a_plain_image():
    assert read_roi("POLYGON((10 10, 20 10, 20 30, 10 30, 10 10))", PLAIN).equals(BOX_PIXELS)


def test_wkt_in_world_coordinates_of_a_georeferenced_image(projected):
    assert read_roi(BOX_WORLD.wkt, projected).equals(BOX_PIXELS)


def test_geojson_and_geopackage_of_the_same_region_agree(tmp_path, projected):
    frame = geopandas.GeoDataFrame(geometry=[BOX_WORLD], crs=32632)
    frame.to_file(tmp_path / "roi.gpkg")
    frame.to_file(tmp_path / "roi.geojson")
    assert read_roi(tmp_path / "roi.gpkg", projected).equals(BOX_PIXELS)
    assert read_roi(tmp_path / "roi.geojson", projected).equals(BOX_PIXELS)
    (tmp_path / "bare.json").write_text(json.dumps(shapely.geometry.mapping(BOX_WORLD)))
    assert read_roi(tmp_path / "bare.json", projected).equals(BOX_PIXELS)


def test_px_geojson_is_in_pixels_even_of_a_georeferenced_image(tmp_path, projected):
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(BOX_PIXELS)}
    (tmp_path / "roi.px.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature, feature]}))
    assert read_roi(tmp_path / "roi.px.geojson", projected).equals(BOX_PIXELS)


@pytest.mark.parametrize("name", ["roi.gpkg", "roi.geojson"])
def test_another_crs_is_refused_and_both_are_named(tmp_path, projected, name):
    geopandas.GeoDataFrame(geometry=[BOX_WORLD], crs=32633).to_file(tmp_path / name)
    with pytest.raises(MismatchError, match=r"EPSG:32633.*EPSG:32632"):
        read_roi(tmp_path / name, projected)


def test_a_region_beside_the_image_is_refused(projected):
    with pytest.raises(MismatchError, match="beside the image"):
        read_roi(BOX_PIXELS.wkt, projected)
    with pytest.raises(MismatchError, match="60 x 40 px"):
        read_roi("POLYGON((60 0, 70 0, 70 9, 60 9, 60 0))", PLAIN)  # touches the border only


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("POLYGON((0 0, 9 9", InputError, "WKT"),
        ("POLYGON((0 0, 9 9, 9 0, 0 9, 0 0))", DataError, "not a valid polygon"),
        ("POLYGON EMPTY", DataError, "no polygon"),
        ("GEOMETRYCOLLECTION(POINT(3 3))", DataError, "no polygon"),
        ("roi.geojson", InputError, "no such file"),
        ("/vsicurl/http://x/roi.geojson", FormatRefused, "local"),
    ],
)
def test_what_is_no_region_is_refused(text, error, words):
    with pytest.raises(error, match=words):
        read_roi(text, PLAIN)


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"type": "FeatureCollection", "features": 7}', '{"type": "Point", "coordinates": [1, 2]}',
                '{"type": "Polygon", "coordinates": "x"}', '{"type": "Polygon", "coordinates": [[[0, 0], [NaN, 1]]]}'],
)  # fmt: skip
def test_broken_files_are_data_errors(tmp_path, content):
    (tmp_path / "roi.geojson").write_text(content)
    (tmp_path / "roi.gpkg").write_text(content)
    for name in ("roi.geojson", "roi.gpkg"):
        with pytest.raises(DataError) as caught:
            read_roi(tmp_path / name, PLAIN)
        assert "\n" not in str(caught.value)


def _coordinates(low, high):
    """Millionths of a pixel: GEOS itself stumbles over steps of 1e-200."""
    return st.floats(low, high).map(lambda value: round(value, 6))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(_coordinates(-5, 65), _coordinates(-5, 45)), min_size=3, max_size=8),
    st.integers(0, 39),
    st.integers(0, 59),
)
def test_restriction_holds_the_pixels_whose_centres_lie_inside_in_any_window(points, row, col):
    region = shapely.convex_hull(shapely.MultiPoint(points))
    if region.geom_type != "Polygon" or region.area < 1e-6:
        return
    valid = np.random.default_rng(0).random((40, 60)) > 0.3
    raster = restrict(raster_from_array(PIXELS, valid=valid), region)
    x, y = np.meshgrid(np.arange(60) + 0.5, np.arange(40) + 0.5)
    inside = shapely.contains_xy(region, x.ravel(), y.ravel()).reshape(40, 60)
    near = shapely.distance(region.exterior, shapely.points(x.ravel(), y.ravel())).reshape(40, 60) < 1e-6
    whole = raster.read_valid(raster.bounds)
    np.testing.assert_array_equal(whole[~near], (inside & valid)[~near])
    window = Window(row, col, 40 - row, 60 - col)
    np.testing.assert_array_equal(raster.read_valid(window)[~near[row:, col:]], whole[row:, col:][~near[row:, col:]])


@pytest.mark.parametrize("size", [None, PixelSize(0.5, 0.25, "user")])
def test_a_geopackage_of_graven_for_a_plain_image_comes_back_to_its_pixels(tmp_path, size):
    ring = np.array([[5, 3], [25, 3], [25, 13], [5, 13], [5, 3]], float)
    trace = Trace("a" * 32, 1, 1, ((ring,),), (), 0.5)
    path = tmp_path / "p_traces.gpkg"
    write_gpkg(path, [trace], classes=PETROGLYPH_CLASSES, height=40, width=60, pixel_size=size)
    assert read_roi(path, PLAIN).equals(shapely.box(5, 3, 25, 13))
    with pytest.raises(MismatchError, match="60 x 40 px, this one has 30 x 30"):
        read_roi(path, raster_from_array(np.zeros((30, 30), np.uint8)))


def test_an_unknown_crs_is_a_data_error(tmp_path, projected):
    content = {"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "EPSG:no"}}, "features": []}
    (tmp_path / "roi.geojson").write_text(json.dumps(content))
    with pytest.raises(DataError, match="not known, 'EPSG:no'"):
        read_roi(tmp_path / "roi.geojson", projected)


def test_two_layers_of_polygons_are_refused(tmp_path):
    for layer in ("one", "two"):
        geopandas.GeoDataFrame(geometry=[BOX_PIXELS], crs=32632).to_file(
            tmp_path / "roi.gpkg", layer=layer, engine="pyogrio"
        )
    with pytest.raises(DataError, match="one layer of polygons, found one, two"):
        read_roi(tmp_path / "roi.gpkg", PLAIN)
