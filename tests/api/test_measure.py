"""Measuring a mask: what counts, and when no millimetre may be printed."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely

from graven.api.evaluate import evaluate
from graven.api.measure import measure
from graven.errors import DataError, InputError, MismatchError, ScaleError, UsageError
from graven.io.geotiff import write_mask_cog, write_probability_cog
from graven.io.strictjson import read_json
from graven.types import PETROGLYPH_CLASSES, Window


def _tiff(path: Path, pixels: np.ndarray, **options: object) -> Path:
    height, width = pixels.shape
    settings = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8", **options}
    settings.setdefault("transform", rasterio.Affine(1, 0, 5, 0, -1, 5))
    with rasterio.open(path, "w", **settings) as dataset:
        dataset.write(pixels, 1)
    return path


def _square() -> np.ndarray:
    pixels = np.zeros((20, 30), np.uint8)
    pixels[5:9, 6:11] = 255
    return pixels


def test_nodata_is_no_figure(tmp_path: Path) -> None:
    pixels = np.zeros((20, 30), np.uint8)
    pixels[:, 20:] = 255
    done = measure(_tiff(tmp_path / "m.tif", pixels, nodata=255), out=tmp_path / "out")
    assert done.n_traces == 0
    done = measure(_tiff(tmp_path / "plain.tif", _square()), out=tmp_path / "plain")
    assert (done.n_traces, done.totals["area"].value) == (1, 20.0)


def test_degrees_and_shear_need_a_stated_scale(tmp_path: Path) -> None:
    degrees = _tiff(
        tmp_path / "deg.tif", _square(), crs="EPSG:4326", transform=rasterio.Affine(1e-6, 0, 9, 0, -1e-6, 46)
    )
    with pytest.raises(ScaleError, match="degrees"):
        measure(degrees, out=tmp_path / "a")
    shear = rasterio.Affine(0.001, 0.0005, 600000, 0, -0.001, 5100000)
    sheared = _tiff(tmp_path / "shear.tif", _square(), crs="EPSG:32632", transform=shear)
    with pytest.raises(ScaleError, match="sheared"):
        measure(sheared, out=tmp_path / "b")
    assert not (tmp_path / "a").exists()
    assert measure(degrees, scale="0.5mm/px", out=tmp_path / "c").totals["area"].value == pytest.approx(5.0)


@pytest.mark.parametrize("least", [float("nan"), -1.0, float("inf")])
def test_an_impossible_smallest_area_is_refused_before_work(tmp_path: Path, least: float) -> None:
    with pytest.raises(InputError, match="--min-object"):
        measure(tmp_path / "not there.tif", min_object=least)


def _tagged(path: Path, text: str) -> Path:
    blocks = [(Window(0, 0, 20, 30), _square() // 255)]
    tags = {"GRAVEN_THRESHOLD": text}
    write_mask_cog(path, blocks, height=20, width=30, classes=PETROGLYPH_CLASSES, tags=tags)
    return path


def _prob(path: Path, pixels: np.ndarray) -> Path:
    blocks = [(Window(0, 0, 20, 30), pixels[None])]
    write_probability_cog(path, blocks, height=20, width=30, classes=PETROGLYPH_CLASSES)
    return path


def test_a_float_probability_gives_what_that_of_bytes_gives(tmp_path: Path) -> None:
    mask = _tagged(tmp_path / "m.tif", "0.5")
    prob = (np.random.default_rng(2).random((20, 30)) * 255).astype(np.uint8)
    as_float = _tiff(tmp_path / "f.tif", prob.astype(np.float32) / 255, dtype="float32")
    tables = []
    for path in (_prob(tmp_path / "p.tif", prob), as_float):
        measure(mask, prob=path, out=tmp_path / path.stem)
        tables.append((tmp_path / path.stem / "measures.csv").read_text(encoding="utf-8"))
    assert tables[0] == tables[1]


def test_what_is_no_probability_of_this_mask_is_refused(tmp_path: Path) -> None:
    mask = _tagged(tmp_path / "m.tif", "0.5")
    photo = _tiff(tmp_path / "photo.tif", np.arange(600, dtype=np.uint8).reshape(20, 30))
    for wrong in (photo, mask):
        with pytest.raises(DataError, match="must be a probability of one class"):
            measure(mask, prob=wrong, out=tmp_path / "out")
    logits = _tiff(tmp_path / "logits.tif", np.full((20, 30), 3, np.float32), dtype="float32")
    with pytest.raises(DataError, match="from 0 to 1, found"):
        measure(mask, prob=logits, out=tmp_path / "out")
    other = _tiff(tmp_path / "small.tif", np.zeros((10, 30), np.float32), dtype="float32")
    with pytest.raises(MismatchError, match="10 x 30"):
        measure(mask, prob=other, out=tmp_path / "out")
    placed = {"crs": "EPSG:32632", "transform": rasterio.Affine(0.001, 0, 600000, 0, -0.001, 5100000)}
    moved = {"crs": "EPSG:32632", "transform": rasterio.Affine(0.001, 0, 600001, 0, -0.001, 5100000)}
    here = _tiff(tmp_path / "here.tif", _square(), **placed)
    there = _tiff(tmp_path / "there.tif", np.zeros((20, 30), np.float32), dtype="float32", **moved)
    with pytest.raises(MismatchError, match="lies elsewhere"):
        measure(here, prob=there, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_threshold_of_the_mask_is_used(tmp_path: Path) -> None:
    mask = _tagged(tmp_path / "m.tif", "0.3")
    prob = np.zeros((20, 30), np.uint8)
    prob[5:9, 6:11] = 90  # 0.353: above 0.2 and 0.3, below 0.4, 0.5 and 0.6
    done = measure(mask, prob=_prob(tmp_path / "p.tif", prob), out=tmp_path / "out")
    assert done.n_traces == 1
    assert read_json(tmp_path / "out" / "run.json")["settings"]["threshold"] == 0.3
    rows = (tmp_path / "out" / "measures.csv").read_text(encoding="utf-8").splitlines()
    found = dict(zip(rows[0].split(","), rows[1].split(","), strict=True))
    assert (float(found["area_low_px2"]), float(found["area_high_px2"])) == (20.0, 0.0)
    with pytest.raises(DataError, match="GRAVEN_THRESHOLD"):
        measure(_tagged(tmp_path / "bad.tif", "much"), out=tmp_path / "bad")


def test_truth_with_unknown_pixels_is_scored_where_it_is_known(tmp_path: Path) -> None:
    truth, preds = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    truth[:2] = preds[:2, :3] = 255
    alpha = np.full((4, 6), 255, np.uint8)
    alpha[:, 5] = 0
    with rasterio.open(
        tmp_path / "t.tif",
        "w",
        driver="GTiff",
        height=4,
        width=6,
        count=2,
        dtype="uint8",
        transform=rasterio.Affine(1, 0, 5, 0, -1, 5),
    ) as dataset:
        dataset.colorinterp = (rasterio.enums.ColorInterp.gray, rasterio.enums.ColorInterp.alpha)
        dataset.write(np.stack([truth, alpha]))
    row = evaluate(_tiff(tmp_path / "p.tif", preds), tmp_path / "t.tif").images[0]
    assert row.scores["precision"] == 1.0
    assert row.scores["recall"] == pytest.approx(6 / 10)


def test_a_photograph_is_no_truth(tmp_path: Path) -> None:
    photo = _tiff(tmp_path / "photo.tif", np.arange(200, dtype=np.uint8).reshape(10, 20))
    plain = _tiff(tmp_path / "m.tif", np.zeros((10, 20), np.uint8))
    with pytest.raises(DataError, match="0, 1 and 255 only"):
        evaluate(plain, photo)


def _figures(tmp_path: Path) -> Path:
    """The GeoPackage of a record with two figures of 4 x 5 px and 4 x 8 px, at half a millimetre per pixel."""
    pixels = _square()
    pixels[12:16, 18:26] = 255
    measure(_tiff(tmp_path / "m.tif", pixels), scale="0.5mm/px", out=tmp_path / "first")
    return tmp_path / "first" / "m_traces.gpkg"


def _edited(package: Path, sql: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(package)) as db, db:
        # SQLite alone has no spatial functions, which the triggers of the geometry column need.
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        db.execute(sql, values)
        counted = "(SELECT count(*) FROM regions)"
        db.execute(f"UPDATE gpkg_ogr_contents SET feature_count = {counted} WHERE table_name = 'regions'")


def test_figures_that_nobody_edited_keep_their_measures(tmp_path: Path) -> None:
    package = _figures(tmp_path)
    again = measure(package, out=tmp_path / "again")
    assert again.edits == {"pecked": {"kept": 2, "changed": 0, "new": 0, "deleted": 0}}
    first = (tmp_path / "first" / "measures.csv").read_bytes()
    assert (tmp_path / "again" / "measures.csv").read_bytes() == first
    assert (tmp_path / "again" / "totals.csv").read_bytes() == (tmp_path / "first" / "totals.csv").read_bytes()
    assert again.notes == ()
    page = (tmp_path / "again" / "m_report.html").read_text(encoding="utf-8")
    assert "measured from m_traces.gpkg" in page
    assert "How sure the model was" not in page
    assert "Proposal, not yet confirmed by a person." in page


def test_edited_figures_are_measured_again(tmp_path: Path) -> None:
    package = _figures(tmp_path)
    box = np.array([[11, 0], [15, 0], [15, -4], [11, -4]])  # x 6 to 10 and y 5 to 9, in the frame of the raster
    blob = b"GP\0\x01\x00\x00\x00\x00" + shapely.to_wkb(shapely.MultiPolygon([shapely.Polygon(box)]))
    _edited(package, "UPDATE regions SET geom = ? WHERE number = 1", blob)
    _edited(package, "UPDATE regions SET status = 'rejected' WHERE number = 2")
    done = measure(package, out=tmp_path / "edited")
    assert done.edits == {"pecked": {"kept": 1, "changed": 1, "new": 0, "deleted": 0}}
    assert (done.n_traces, done.totals["n_traces"].value) == (2, 1)
    assert done.totals["area"].value == pytest.approx(16 * 0.25)
    assert done.totals["area"].sigma is None, "nobody knows how well a person drew"
    _edited(package, "DELETE FROM regions WHERE number = 2")
    assert measure(package, out=tmp_path / "fewer").edits["pecked"]["deleted"] == 1
    with pytest.raises(UsageError, match="--min-object does not go with a GeoPackage"):
        measure(package, min_object=2.0, out=tmp_path / "no")


def test_the_photograph_and_the_probability_are_shown(tmp_path: Path) -> None:
    mask = _tagged(tmp_path / "m.tif", "0.5")
    prob = _prob(tmp_path / "p.tif", _square())
    photo = _tiff(tmp_path / "photo.tif", np.arange(600, dtype=np.uint32).reshape(20, 30).astype(np.uint8))
    measure(mask, prob=prob, image=photo, out=tmp_path / "out")
    page = (tmp_path / "out" / "m_report.html").read_text(encoding="utf-8")
    for words in ("How sure the model was", "Photograph of the whole panel, photo.tif."):
        assert words in page, words
    other = _tiff(tmp_path / "small.tif", np.zeros((10, 30), np.uint8))
    with pytest.raises(MismatchError, match=r"small.tif has 10 x 30 px, the mask has 20 x 30"):
        measure(mask, image=other, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()
