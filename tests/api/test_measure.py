"""Measuring a mask: what counts, and when no millimetre may be printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from graven.api.evaluate import evaluate
from graven.api.measure import measure
from graven.errors import DataError, InputError, MismatchError, ScaleError
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
