"""A marked corner is on the same physical corner in every format, whoever reads it.

The figure is an L on a raster of 40 rows and 70 columns, so neither an exchange of axes nor a flip goes unseen::

    x   10  20          50
    y 5  +---+
         |   |
      25 |   +-----------+      corners in pixels: (10, 5) (20, 5) (20, 25) (50, 25) (50, 35) (10, 35)
         |               |
      35 +---------------+

Each file is read back without the library that wrote it.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import sqlite3
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio.features
import shapely
from affine import Affine

from graven.io.dxf import write_dxf
from graven.io.geojson import geojson_name, write_geojson
from graven.io.gpkg import write_gpkg
from graven.io.svg import write_svg
from graven.measure.figures import trace_figures
from graven.types import PETROGLYPH_CLASSES, Georeference, PixelSize, Trace

HEIGHT, WIDTH = 40, 70
CORNERS = [(10, 5), (20, 5), (20, 25), (50, 25), (50, 35), (10, 35)]
LOCAL_WKT = (
    'ENGCRS["Panel 7 local",EDATUM["Panel 7 origin"],CS[Cartesian,2],AXIS["x",unspecified,ORDER[1]],'
    'AXIS["y",unspecified,ORDER[2]],LENGTHUNIT["metre",1]]'
)
UTM_WKT = rasterio.crs.CRS.from_epsg(32632).to_wkt()
TURN = math.radians(30)


@dataclass(frozen=True)
class Case:
    """A raster, and where pixel corners of it must be found: in the frame of geodata, in millimetres, and on paper."""

    georeference: Georeference | None
    pixel_size: PixelSize | None

    def frame(self, x: float, y: float) -> tuple[float, float]:
        raise NotImplementedError

    def drawing(self, x: float, y: float) -> tuple[float, float]:
        raise NotImplementedError

    def paper(self, x: float, y: float) -> tuple[float, float]:
        raise NotImplementedError


class Projected(Case):
    """UTM, pixels 0.5 mm wide and 0.8 mm high."""

    def frame(self, x: float, y: float) -> tuple[float, float]:
        return 500_000 + 0.0005 * x, 5_100_000 - 0.0008 * y

    def drawing(self, x: float, y: float) -> tuple[float, float]:
        return 500_000_000 + 0.5 * x, 5_100_000_000 - 0.8 * y

    def paper(self, x: float, y: float) -> tuple[float, float]:
        return 0.5 * x, 0.8 * y


class Turned(Case):
    """A wall frame in metres, 30 degrees from the image; pixels of 2 mm."""

    def frame(self, x: float, y: float) -> tuple[float, float]:
        right, down = (math.cos(TURN), math.sin(TURN)), (math.sin(TURN), -math.cos(TURN))
        return 3 + 0.002 * (x * right[0] + y * down[0]), 7 + 0.002 * (x * right[1] + y * down[1])

    def drawing(self, x: float, y: float) -> tuple[float, float]:
        return tuple(1000 * value for value in self.frame(x, y))  # type: ignore[return-value]  # two values

    def paper(self, x: float, y: float) -> tuple[float, float]:
        return 2 * x, 2 * y


class Scaled(Case):
    """A photograph of which a pixel is 0.2 x 0.3 mm: origin in its lower left corner, y up."""

    def frame(self, x: float, y: float) -> tuple[float, float]:
        return 0.2 * x, 0.3 * (HEIGHT - y)

    drawing = frame

    def paper(self, x: float, y: float) -> tuple[float, float]:
        return 0.2 * x, 0.3 * y


class Plain(Case):
    """A photograph without scale."""

    def frame(self, x: float, y: float) -> tuple[float, float]:
        return x, HEIGHT - y

    drawing = frame

    def paper(self, x: float, y: float) -> tuple[float, float]:
        return x, y


_C, _S = 0.002 * math.cos(TURN), 0.002 * math.sin(TURN)
CASES = {
    "projected": Projected(
        Georeference((0.0005, 0.0, 500_000.0, 0.0, -0.0008, 5_100_000.0), UTM_WKT, "projected", 1000.0),
        PixelSize(0.5, 0.8, "geotransform"),
    ),
    "turned": Turned(
        Georeference((_C, _S, 3.0, _S, -_C, 7.0), LOCAL_WKT, "local", 1000.0), PixelSize(2.0, 2.0, "geotransform")
    ),
    "scaled": Scaled(None, PixelSize(0.2, 0.3, "user", 0.01)),
    "plain": Plain(None, None),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def mask() -> np.ndarray:
    found = np.zeros((HEIGHT, WIDTH), bool)
    found[5:35, 10:20] = found[25:35, 10:50] = True
    return found


def traces(case: Case) -> list[Trace]:
    array = mask()
    return trace_figures(
        lambda window: array[window.slices()],
        height=HEIGHT,
        width=WIDTH,
        class_id=1,
        source="panel",
        pixel_size=case.pixel_size,
        with_centerlines=True,
    )


def options(case: Case) -> dict[str, object]:
    return {
        "classes": PETROGLYPH_CLASSES,
        "height": HEIGHT,
        "width": WIDTH,
        "georeference": case.georeference,
        "pixel_size": case.pixel_size,
    }


def assert_corners(found: list[tuple[float, float]], expected: list[tuple[float, float]], tolerance: float) -> None:
    assert len(found) == len(expected) == 6
    for point in expected:
        assert min(math.dist(point, other) for other in found) <= tolerance, (point, found)


def gpkg_shapes(path: Path, layer: str) -> list[shapely.Geometry]:
    """Read the blobs of a GeoPackage by its specification: a header of 8 bytes, an envelope, then WKB."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        blobs = [row[0] for row in connection.execute(f"SELECT geom FROM {layer} ORDER BY fid")]
    shapes = []
    for blob in blobs:
        assert blob[:2] == b"GP"
        envelope = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}[(blob[3] >> 1) & 7]
        shapes.append(shapely.from_wkb(blob[8 + envelope :]))
    return shapes


def dxf_entities(path: Path) -> list[dict[str, list[str]]]:
    """Read the entities of a drawing as group code and values, without any library."""
    lines = path.read_text(encoding="utf-8").split("\n")
    tags = [(code.strip(), value) for code, value in zip(lines[::2], lines[1::2], strict=False)]
    begin = tags.index(("2", "ENTITIES"))
    end = tags.index(("0", "ENDSEC"), begin)
    entities: list[dict[str, list[str]]] = []
    for code, value in tags[begin + 1 : end]:
        if code == "0":
            entities.append({})
        entities[-1].setdefault(code, []).append(value)
    return entities


def svg_points(path: str) -> list[tuple[float, float]]:
    x = y = 0.0
    points = []
    for letter, numbers in re.findall(r"([MHVLZ])([^MHVLZ]*)", path):
        values = [float(number) for number in numbers.split()]
        if letter in "ML":
            x, y = values
        elif letter == "H":
            (x,) = values
        elif letter == "V":
            (y,) = values
        else:
            continue
        points.append((x, y))
    return points


def test_geopackage(tmp_path: Path, case: Case) -> None:
    write_gpkg(tmp_path / "a.gpkg", traces(case), **options(case))
    (shape,) = gpkg_shapes(tmp_path / "a.gpkg", "regions")
    assert shape.geom_type == "MultiPolygon"
    found = list(shape.geoms[0].exterior.coords)[:-1]
    assert_corners(found, [case.frame(*corner) for corner in CORNERS], 1e-9 if case.georeference is None else 1e-8)
    assert shape.geoms[0].exterior.is_ccw


def test_geopackage_lies_on_the_pixels_of_the_raster(tmp_path: Path, case: Case) -> None:
    write_gpkg(tmp_path / "a.gpkg", traces(case), **options(case))
    # Frames that GDAL knows from a GeoTIFF: its own rasteriser must paint the mask again.
    affine = Affine(1, 0, 0, 0, -1, HEIGHT) if case.georeference is None else Affine(*case.georeference.affine)
    if case.georeference is None and case.pixel_size is not None:
        affine = Affine(case.pixel_size.x_mm, 0, 0, 0, -case.pixel_size.y_mm, HEIGHT * case.pixel_size.y_mm)
    shapes = gpkg_shapes(tmp_path / "a.gpkg", "regions")
    painted = rasterio.features.rasterize(shapes, out_shape=(HEIGHT, WIDTH), transform=affine)
    assert (painted.astype(bool) == mask()).all()


def test_geojson(tmp_path: Path, case: Case) -> None:
    name = geojson_name("a", case.georeference)
    write_geojson(tmp_path / name, traces(case), **options(case))
    document = json.loads((tmp_path / name).read_text(encoding="utf-8"))
    found = [tuple(point) for point in document["features"][0]["geometry"]["coordinates"][0]]
    assert found[0] == found[-1]
    if isinstance(case, Projected):
        assert name == "a.geojson"
        assert document["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32632"
        assert_corners(found[:-1], [case.frame(*corner) for corner in CORNERS], 5e-7)
    else:
        assert name == "a.px.geojson"
        assert "crs" not in document
        assert_corners(found[:-1], CORNERS, 0)


def test_svg(tmp_path: Path, case: Case) -> None:
    write_svg(tmp_path / "a.svg", traces(case), **options(case))
    root = ET.parse(tmp_path / "a.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    areas = root.find(f"{space}g[@id='areas-1']")
    assert areas is not None
    (path,) = areas.findall(f"{space}path")
    assert_corners(svg_points(path.attrib["d"]), [case.paper(*corner) for corner in CORNERS], 1e-9)
    box = [float(value) for value in root.attrib["viewBox"].split()]
    assert box == pytest.approx([0, 0, *case.paper(WIDTH, HEIGHT)])
    unit = "" if case.pixel_size is None else "mm"
    assert root.attrib["width"] == f"{box[2]:g}{unit}"
    assert root.attrib["height"] == f"{box[3]:g}{unit}"


def test_dxf(tmp_path: Path, case: Case) -> None:
    write_dxf(tmp_path / "a.dxf", traces(case), **options(case))
    text = (tmp_path / "a.dxf").read_text(encoding="utf-8")
    unit = re.search(r"\$INSUNITS\n *70\n *(\d+)", text)
    assert unit is not None
    assert unit[1] == ("0" if isinstance(case, Plain) else "4")
    expected = [case.drawing(*corner) for corner in CORNERS]
    tolerance = 1.5e-3 if isinstance(case, Turned) else 1e-5  # a thousandth of a pixel; the others are whole steps
    entities = dxf_entities(tmp_path / "a.dxf")
    (outline,) = [entity for entity in entities if entity["8"] == ["PECKED_OUTLINE"]]
    assert_corners(
        [(float(x), float(y)) for x, y in zip(outline["10"], outline["20"], strict=True)], expected, tolerance
    )
    (hatch,) = [entity for entity in entities if entity["8"] == ["PECKED_AREA"]]
    # The first point of a hatch is its elevation and the last one its seed, where there is one.
    points = [(float(x), float(y)) for x, y in zip(hatch["10"], hatch["20"], strict=False)][1:7]
    assert_corners(points, expected, tolerance)


def test_centre_lines_go_with_their_areas(tmp_path: Path, case: Case) -> None:
    write_gpkg(tmp_path / "a.gpkg", traces(case), **options(case))
    (area,) = gpkg_shapes(tmp_path / "a.gpkg", "regions")
    lines = gpkg_shapes(tmp_path / "a.gpkg", "strokes")
    assert lines
    assert all(area.covers(line) for line in lines)
