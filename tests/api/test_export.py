"""Exports of a record that has lost its mask, was edited, or is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio

from graven.api.export import export
from graven.api.measure import measure
from graven.errors import DataError
from graven.io.classmasks import read_class_mask
from graven.io.gpkg import write_gpkg
from graven.types import CONDITION_CLASSES, Trace


@pytest.fixture
def record(tmp_path: Path) -> Path:
    pixels = np.zeros((20, 30), np.uint8)
    pixels[5:9, 6:11] = 1
    with rasterio.open(
        tmp_path / "m.tif",
        "w",
        driver="GTiff",
        height=20,
        width=30,
        count=1,
        dtype="uint8",
        crs="EPSG:32632",
        transform=rasterio.Affine(0.0005, 0, 600000, 0, -0.0005, 5100000),
    ) as dataset:
        dataset.write(pixels, 1)
    return measure(tmp_path / "m.tif", out=tmp_path / "record").path


def test_the_frame_needs_no_mask(record: Path, tmp_path: Path) -> None:
    assert not list(record.glob("*_mask.tif"))
    export(record, to=("gpkg", "geojson"), out=tmp_path / "more")
    before = pyogrio.read_dataframe(record / "m_traces.gpkg", layer="regions")
    after = pyogrio.read_dataframe(tmp_path / "more" / "m_traces.gpkg", layer="regions")
    assert after.crs == before.crs
    assert after.geometry.geom_equals(before.geometry).all()
    assert after["area_mm2"].tolist() == before["area_mm2"].tolist()


def test_unknown_confidence_is_null_in_coco(record: Path, tmp_path: Path) -> None:
    export(record, to=("coco",), out=tmp_path / "more")
    document = json.loads((tmp_path / "more" / "m_coco.json").read_text(encoding="utf-8"))
    assert [entry["x_graven"]["confidence"] for entry in document["annotations"]] == [None]


def test_an_export_is_no_record(record: Path, tmp_path: Path) -> None:
    export(record, to=("gpkg",), out=tmp_path / "more")
    with pytest.raises(DataError, match="names no input"):
        export(tmp_path / "more", to=("svg",), out=tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_several_classes_are_exported_as_what_they_are(record: Path, tmp_path: Path) -> None:
    """Paint loss with a hole, and a crack that is a line alone and runs under the loss."""

    def ring(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], float)

    line = np.array([[2.5, 6.5], [20.5, 6.5]])
    crack = Trace("a" * 32, 1, 1, (), (line,), 1.0)
    loss = Trace("b" * 32, 1, 2, ((ring(10, 4, 24, 16), ring(14, 8, 18, 12)),), (), 1.0)
    write_gpkg(record / "m_traces.gpkg", [crack, loss], classes=CONDITION_CLASSES, height=20, width=30)
    export(record, to=("labelme", "coco", "palette"), out=tmp_path / "more")
    expected = np.zeros((20, 30), np.uint8)
    expected[6, 2:21] = 1
    expected[4:16, 10:24] = 2
    expected[8:12, 14:18] = 0
    found, valid = read_class_mask(tmp_path / "more" / "m_classes.png", classes=CONDITION_CLASSES)
    np.testing.assert_array_equal(found, expected)
    assert valid.all()
    shapes = json.loads((tmp_path / "more" / "m.json").read_text(encoding="utf-8"))["shapes"]
    assert [(shape["label"], shape["shape_type"]) for shape in shapes] == [
        ("craquelure", "linestrip"),
        ("paint_loss", "mask"),
    ]
    document = json.loads((tmp_path / "more" / "m_coco.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in document["categories"]] == ["craquelure", "paint_loss"]
    assert [(entry["category_id"], entry["area"]) for entry in document["annotations"]] == [(2, 14 * 12 - 16)]
