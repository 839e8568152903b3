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
    assert "Craquelure: length" in page
    assert "Paint loss: area" in page


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
