"""``graven segment`` with a model for paintings: cracks as lines, losses as areas, and figures for both."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    """Two dark cracks that cross, and a bright loss of 40 x 50 px."""
    pixels = np.full((240, 300, 3), 130, np.uint8)
    cv2.line(pixels, (20, 60), (180, 60), (10, 10, 10), 4)
    cv2.line(pixels, (100, 10), (100, 200), (10, 10, 10), 4)
    pixels[100:140, 220:270] = 240
    path = tmp_path / "beam.png"
    cv2.imwrite(str(path), pixels)
    return path


def test_a_painting_leaves_cracks_and_losses(
    graven: Callable, painting: Path, damage_model: Path, tmp_path: Path
) -> None:
    result = graven("segment", painting, "-m", damage_model, "-o", "out", "--scale", "0.1mm/px", "--json")
    assert result.code == 0, result.err
    assert result.err == ""
    facts = result.lines()[-1]
    assert facts["n_traces"] == 5
    assert facts["totals"]["craquelure.n_nodes_X"]["value"] == 1
    assert facts["totals"]["paint_loss.area"]["value"] == pytest.approx(20.0)
    mask = tifffile.imread(tmp_path / "out" / "beam_mask.tif")
    assert np.unique(mask).tolist() == [0, 1, 2]
    prob = tifffile.imread(tmp_path / "out" / "beam_prob.tif")
    assert prob.shape in ((2, 240, 300), (240, 300, 2))
    with (tmp_path / "out" / "measures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["craquelure"] * 4 + ["paint_loss"]
    assert all(0.3 < float(row["width_mean_mm"]) < 0.55 for row in rows[:4])
    with sqlite3.connect(tmp_path / "out" / "beam_traces.gpkg") as db:
        tables = {name for (name,) in db.execute("SELECT table_name FROM gpkg_contents")}
    assert len(tables) >= 2, "lines and areas are layers of their own"
    page = (tmp_path / "out" / "beam_report.html").read_text(encoding="utf-8")
    for words in ("4 cracks and 1 loss on beam.png", "Condition map", "Directions of cracks", "Cracks by width"):
        assert words in page, words


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _layer(package: Path, name: str) -> list[dict[str, object]]:
    with sqlite3.connect(package) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(f'SELECT * FROM "{name}" ORDER BY fid')]


@pytest.fixture
def record(graven: Callable, painting: Path, damage_model: Path, tmp_path: Path) -> Path:
    """A finished record of the painting."""
    assert graven("segment", painting, "-m", damage_model, "-o", "record", "--scale", "0.1mm/px", "-q").code == 0
    return tmp_path / "record"


def test_what_lies_beside_the_traces_agrees_with_them(record: Path) -> None:
    totals = {row["quantity"]: float(row["value"]) for row in _rows(record / "totals.csv") if row["class_id"] == "1"}
    nodes = _layer(record / "beam_traces.gpkg", "nodes")
    kinds = [node["kind"] for node in nodes]
    assert {kind: kinds.count(kind) for kind in "IOYX"} == {"I": 4, "O": 0, "Y": 0, "X": 1}
    assert next(node["degree"] for node in nodes if node["kind"] == "X") == 4
    sizes = _rows(record / "beam_sizes.csv")
    for by, name in (("width_mean", "length"), ("length", "length")):
        assert sum(float(row["total"]) for row in sizes if row["by"] == by) == pytest.approx(totals[name])
    (loss,) = [row for row in sizes if row["class"] == "paint_loss" and row["count"] != "0"]
    assert (loss["low"], loss["high"], loss["unit"], float(loss["total"])) == ("10", "100", "mm2", pytest.approx(20.0))
    assert totals["area"] == pytest.approx(totals["length"] * totals["width_mean"], rel=1e-6)
    rose = _rows(record / "beam_rose.csv")
    assert len(rose) == 18
    assert sum(float(row["length_mm"]) for row in rose) == pytest.approx(totals["length"])
    level, upright = (
        sum(float(row["share"]) for row in rose if float(row["from_deg"]) in bins) for bins in ((0, 170), (80, 90))
    )
    assert (level + upright, level) == pytest.approx((1, 164 / 358), abs=0.01)
    networks = _rows(record / "beam_networks.csv")
    assert [(row["n_cracks"], row["n_nodes_X"]) for row in networks] == [("4", "1")]
    islands, layer = _rows(record / "beam_islands.csv"), _layer(record / "beam_traces.gpkg", "islands")
    assert [float(row["area_mm2"]) for row in islands] == pytest.approx([row["area_mm2"] for row in layer])
    assert {row["pattern"] for row in _rows(record / "beam_style.csv")} == {"undetermined"}
    cracks = _layer(record / "beam_traces.gpkg", "strokes")
    measures = _rows(record / "measures.csv")
    assert [row["length_mm"] for row in cracks] == pytest.approx([float(row["length_mm"]) for row in measures[:4]])
    assert all(0.3 < row["width_mean_mm"] < 0.55 and row["width_sigma_mm"] > 0 for row in cracks)


def test_a_second_run_leaves_the_same_bytes(
    graven: Callable, record: Path, painting: Path, damage_model: Path, tmp_path: Path
) -> None:
    assert graven("segment", painting, "-m", damage_model, "-o", "again", "--scale", "0.1mm/px", "-q").code == 0
    names = sorted(path.name for path in record.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        if name != "run.json":
            assert (record / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_only_names_layers_and_tables_with_traces_and_measures(
    graven: Callable, painting: Path, damage_model: Path, tmp_path: Path
) -> None:
    command = ("segment", painting, "-m", damage_model, "--scale", "0.1mm/px", "-q")
    assert graven(*command, "-o", "t", "--only", "traces").code == 0
    assert {path.name for path in (tmp_path / "t").iterdir()} == {
        "beam_traces.gpkg",
        "beam_traces.px.geojson",
        "run.json",
    }
    assert _layer(tmp_path / "t" / "beam_traces.gpkg", "islands")
    assert graven(*command, "-o", "m", "--only", "measures").code == 0
    assert {path.name for path in (tmp_path / "m").iterdir()} == {
        *("measures.csv", "totals.csv", "run.json"),
        *(f"beam_{name}.csv" for name in ("sizes", "rose", "networks", "islands", "style")),
    }


def test_without_scale_every_table_is_in_pixels(
    graven: Callable, painting: Path, damage_model: Path, tmp_path: Path
) -> None:
    assert graven("segment", painting, "-m", damage_model, "-o", "px", "-q").code == 0
    for path in (tmp_path / "px").glob("*.csv"):
        assert "mm" not in path.read_text(encoding="utf-8"), path.name
    assert {row["unit"] for row in _rows(tmp_path / "px" / "beam_sizes.csv")} == {"px", "px2"}


def test_a_record_can_be_exported(graven: Callable, record: Path, tmp_path: Path) -> None:
    result = graven("export", record, "--to", "gpkg,csv,svg,palette", "-o", "more")
    assert result.code == 0, result.err
    assert (tmp_path / "more" / "measures.csv").read_bytes() == (record / "measures.csv").read_bytes()


def test_a_model_that_segment_does_not_know_is_refused(
    graven: Callable, painting: Path, damage_model: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(damage_model, tmp_path / "other")
    spec = json.loads((other / "model.json").read_text(encoding="utf-8"))
    spec["method"] = "relief"
    (other / "model.json").write_text(json.dumps(spec), encoding="utf-8")
    result = graven("segment", painting, "-m", other, "-o", "out")
    assert (result.code, result.err.count("\n")) == (2, 1), result.err
    assert "relief" in result.err


def test_what_has_grown_is_told_with_its_uncertainty(graven: Callable, damage_model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    paint = cv2.GaussianBlur(rng.normal(0, 1, (480, 480)).astype(np.float32), (0, 0), 2.0)
    grey = (130 + 18 * paint / paint.std()).clip(95, 165).astype(np.uint8)
    for name, end in (("before", 250), ("after", 400)):
        pixels = np.roll(grey, 0 if name == "before" else 6, axis=1).copy()
        shift = 0 if name == "before" else 6
        cv2.line(pixels, (60 + shift, 200), (end + shift, 200), 10, 4)
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.stack([pixels] * 3, axis=-1))
    result = graven("compare", "before.png", "after.png", "-m", damage_model, "--scale", "0.1mm/px", "--json")
    assert result.code == 0, result.err
    facts = result.lines()[-1]
    gained = facts["totals"]["craquelure_gained.length"]
    assert gained["value"] == pytest.approx(15.0, rel=0.05)
    assert 0 < gained["sigma"] < 1
    assert facts["totals"]["craquelure_lost.length"]["value"] == 0
    assert facts["residual_px"] < 0.3
    folder = tmp_path / "before-change"
    assert {path.name for path in folder.iterdir()} >= {"before_mask.tif", "before_report.html", "run.json"}
    assert set(np.unique(tifffile.imread(folder / "before_mask.tif"))) >= {0, 1}
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert told["command"] == "compare"
    assert [entry["name"] for entry in told["inputs"]][:2] == ["before.png", "after.png"]
    again = graven("compare", "before.png", "before.png", "-m", damage_model, "--scale", "0.1mm/px", "-o", "same")
    assert again.code == 0, again.err
    assert json.loads((tmp_path / "same" / "run.json").read_text(encoding="utf-8"))["run_id"] != told["run_id"]
    exported = graven("export", folder, "--to", "coco", "-o", "exported")
    assert exported.code == 0, exported.err
    other = graven("compare", "before.png", "after.png", "-m", "petroglyph")
    assert (other.code, other.err.count("\n")) == (2, 1)


def test_photographs_of_two_things_are_refused(
    graven: Callable, painting: Path, damage_model: Path, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "other.png"), np.full((200, 200, 3), 120, np.uint8))
    result = graven("compare", painting, "other.png", "-m", damage_model)
    assert (result.code, result.err.count("\n")) == (2, 1), result.err
    assert "features in common" in result.err
    assert not (tmp_path / "beam-change").exists()
