"""``graven segment`` with a model for paintings: cracks as lines, losses as areas, and figures for both."""

from __future__ import annotations

import csv
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
    import json
    import shutil

    other = shutil.copytree(damage_model, tmp_path / "other")
    spec = json.loads((other / "model.json").read_text(encoding="utf-8"))
    spec["method"] = "relief"
    (other / "model.json").write_text(json.dumps(spec), encoding="utf-8")
    result = graven("segment", painting, "-m", other, "-o", "out")
    assert (result.code, result.err.count("\n")) == (2, 1), result.err
    assert "relief" in result.err
