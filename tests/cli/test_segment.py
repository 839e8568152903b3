"""``graven segment`` from end to end, with a model that one can compute by hand."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image

HEIGHT, WIDTH, PIXEL_MM = 300, 420, 0.5
DISC_MM2 = math.pi * 30**2 * PIXEL_MM**2
FRAME_MM2 = (60 * 80 - 20 * 40) * PIXEL_MM**2


def test_a_panel_becomes_a_whole_record(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> None:
    result = graven("segment", panel, "-m", model, "-o", "out", "--json")
    assert result.code == 0, result.err
    facts = result.lines()[-1]
    assert (facts["event"], facts["n_traces"]) == ("result", 2)

    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        "panel_mask.tif",
        "panel_mask.qml",
        "panel_prob.tif",
        "panel_traces.gpkg",
        "panel_traces.geojson",
        "panel_traces.svg",
        "panel_traces.dxf",
        "panel_report.html",
        "measures.csv",
        "totals.csv",
        "run.json",
    }
    with rasterio.open(panel) as source, rasterio.open(out / "panel_mask.tif") as mask:
        assert (mask.crs, mask.transform) == (source.crs, source.transform)
        found = mask.read(1)
    rows, cols = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    disc = np.hypot(rows - 100, cols - 90)
    assert (found[disc < 28] == 1).all()
    assert (found[(disc > 32) & (cols < 250)] == 0).all()
    assert not found[40:60, 240:260].any()  # the speck is below the smallest object
    assert (tifffile.imread(out / "panel_prob.tif")[disc < 28] > 250).all()


def test_areas_agree_between_raster_vectors_and_tables(
    graven: Callable, panel: Path, model: Path, tmp_path: Path
) -> None:
    assert graven("segment", panel, "-m", model, "-o", "out").code == 0
    out = tmp_path / "out"
    with rasterio.open(out / "panel_mask.tif") as mask:
        pixels_mm2 = int((mask.read(1) == 1).sum()) * PIXEL_MM**2
    regions = gpd.read_file(out / "panel_traces.gpkg", layer="regions")
    rows = list(csv.DictReader((out / "measures.csv").read_text(encoding="utf-8").splitlines()))
    assert regions.geometry.area.sum() * 1e6 == pytest.approx(pixels_mm2, rel=1e-6)
    assert regions["area_mm2"].sum() == pytest.approx(pixels_mm2)
    assert sum(float(row["area_mm2"]) for row in rows) == pytest.approx(pixels_mm2, abs=0.1)
    assert sorted(regions["area_mm2"]) == pytest.approx(sorted([DISC_MM2, FRAME_MM2]), rel=0.03)


def test_every_drawing_opens_and_has_both_figures(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> None:
    import ezdxf

    assert graven("segment", panel, "-m", model, "-o", "out").code == 0
    out = tmp_path / "out"
    svg = ET.parse(out / "panel_traces.svg").getroot()
    assert (svg.get("width"), svg.get("height")) == ("210mm", "150mm")
    drawing = ezdxf.readfile(out / "panel_traces.dxf")
    assert drawing.header["$INSUNITS"] == 4
    assert len(drawing.modelspace().query("HATCH")) == 2
    geojson = json.loads((out / "panel_traces.geojson").read_text(encoding="utf-8"))
    assert len(geojson["features"]) == 2
    HTMLParser().feed((out / "panel_report.html").read_text(encoding="utf-8"))


def test_the_gate_saves_tiles_and_changes_nothing(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> None:
    with_gate = graven("segment", panel, "-m", model, "-o", "gate", "--json", "-q").lines()[-1]
    without = graven("segment", panel, "-m", model, "-o", "all", "--no-gate", "--json").lines()[-1]
    assert 0 < with_gate["n_skipped"] < with_gate["n_tiles"]
    assert without["n_skipped"] == 0
    masks = [tifffile.imread(tmp_path / name / "panel_mask.tif") for name in ("gate", "all")]
    np.testing.assert_array_equal(*masks)


def test_the_same_run_gives_the_same_record(
    graven: Callable, canonical: Callable, panel: Path, model: Path, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        assert graven("segment", panel, "-m", model, "-o", name).code == 0
    assert canonical(tmp_path / "first") == canonical(tmp_path / "second")


def test_a_region_limits_the_work(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> None:
    x, y = 600000, 5100000
    left = f"POLYGON(({x} {y},{x + 0.1} {y},{x + 0.1} {y - 0.15},{x} {y - 0.15},{x} {y}))"  # 200 of 420 columns
    result = graven("segment", panel, "-m", model, "-o", "out", "--roi", left, "--json")
    assert result.code == 0, result.err
    facts = result.lines()[-1]
    assert facts["n_traces"] == 1
    mask = tifffile.imread(tmp_path / "out" / "panel_mask.tif")
    assert (mask[:, 200:] == 255).all()
    assert (mask[:, :200] != 255).all()


def test_without_a_scale_nothing_is_in_millimetres(graven: Callable, model: Path, tmp_path: Path, panel: Path) -> None:
    with rasterio.open(panel) as source:
        Image.fromarray(np.moveaxis(source.read(), 0, -1)).save(tmp_path / "photo.png")
    assert graven("segment", "photo.png", "-m", model, "-o", "out").code == 0
    out = tmp_path / "out"
    assert (out / "photo_traces.px.geojson").is_file()
    header = (out / "measures.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "mm" not in header
    assert "area_px2" in header


def test_a_stated_scale_resamples_to_the_model(graven: Callable, model: Path, tmp_path: Path, panel: Path) -> None:
    with rasterio.open(panel) as source:
        Image.fromarray(np.moveaxis(source.read(), 0, -1)).save(tmp_path / "photo.png")
    coarse = graven("segment", "photo.png", "-m", model, "-o", "out", "--scale", "0.25mm/px", "--json").lines()[-1]
    area = coarse["totals"]["area"]
    assert area["value"] == pytest.approx((DISC_MM2 + FRAME_MM2) / 4, rel=0.06)
    assert any("resampled" in note for note in coarse["notes"])
    refused = graven("segment", "photo.png", "-m", model, "-o", "far", "--scale", "5mm/px")
    assert refused.code == 2
    assert "--force-scale" in refused.err


def test_a_dry_run_leaves_nothing(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    result = graven("segment", panel, "-m", model, "-o", "out", "--dry-run")
    assert (result.code, set(tmp_path.iterdir())) == (0, before)
    assert "would trace panel in 15 tiles" in result.out


def test_only_writes_what_is_asked_for(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> None:
    assert graven("segment", panel, "-m", model, "-o", "out", "--only", "mask,measures").code == 0
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {"panel_mask.tif", "panel_mask.qml", "measures.csv", "totals.csv", "run.json"}


def test_settings_can_come_from_a_file(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("only: mask\nmin-object: 2000\n", encoding="utf-8")
    facts = graven("segment", panel, "-m", model, "-o", "out", "--config", "run.yaml", "--json").lines()[-1]
    assert facts["n_traces"] == 0  # both figures are below 2000 mm²
    (tmp_path / "run.yaml").write_text("cutoff: 0.4\n", encoding="utf-8")
    refused = graven("segment", panel, "-m", model, "-o", "two", "--config", "run.yaml")
    assert refused.code == 1
    assert "cutoff" in refused.err


def test_an_existing_folder_is_not_touched(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work", encoding="utf-8")
    result = graven("segment", panel, "-m", model, "-o", "out", "--overwrite")
    assert result.code == 1
    assert (tmp_path / "out" / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_a_run_interrupted_after_the_report_resumes_to_the_same_bytes(
    graven: Callable, canonical: Callable, panel: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("graven.api.segment.write_run", interrupt)
        assert graven("segment", panel, "-m", model, "-o", "cut").code == 130
    assert (tmp_path / "cut.partial" / "panel_report.html").is_file()
    assert graven("segment", panel, "-m", model, "-o", "cut", "--resume", "--only", "mask,report").code == 0
    assert not list((tmp_path / "cut").glob("*.svg"))  # of the first attempt, which was asked for more
    assert graven("segment", panel, "-m", model, "-o", "whole", "--only", "mask,report").code == 0
    assert canonical(tmp_path / "cut") == canonical(tmp_path / "whole")


def test_rows_of_another_preparation_are_not_continued(
    graven: Callable, panel: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("graven.api.segment.write_run", interrupt)
        assert graven("segment", panel, "-m", model, "-o", "cut").code == 130
    for name in ("bright", "bright-gate"):  # the same network, but the picture is reversed before it
        path = tmp_path / "models" / name / "model.json"
        facts = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**facts, "prepare": [{"name": "reversal", "options": {}}]}), encoding="utf-8")
    refused = graven("segment", panel, "-m", model, "-o", "cut", "--resume")
    assert refused.code == 2, refused.err
    assert not (tmp_path / "cut").exists()


def test_the_run_id_depends_on_region_and_resolved_settings(
    graven: Callable, panel: Path, model: Path, tmp_path: Path
) -> None:
    x, y = 600000, 5100000
    halves = [f"POLYGON(({x} {y},{x + w} {y},{x + w} {y - 0.15},{x} {y - 0.15},{x} {y}))" for w in (0.1, 0.15)]
    runs = {"whole": [], "default": ["--threshold", "0.5"], "left": ["--roi", halves[0]], "more": ["--roi", halves[1]]}
    ids, masks = {}, {}
    for name, options in runs.items():
        assert (
            graven("segment", panel, "-m", model, "-o", name, "--only", "mask,prob,traces,report", *options).code == 0
        )
        ids[name] = json.loads((tmp_path / name / "run.json").read_text(encoding="utf-8"))["run_id"]
        assert set(gpd.read_file(tmp_path / name / "panel_traces.gpkg", layer="regions")["run_id"]) <= {ids[name]}
        for part in ("mask", "prob"):
            with rasterio.open(tmp_path / name / f"panel_{part}.tif") as raster:
                tags = raster.tags()
            assert float(tags["GRAVEN_THRESHOLD"]) == 0.5
            assert tags["GRAVEN_RUN_ID"] == ids[name]
        masks[name] = (tmp_path / name / "panel_report.html").read_text(encoding="utf-8")
    assert len({ids["whole"], ids["left"], ids["more"]}) == 3
    assert "POLYGON((600000 5100000" in masks["left"]
    assert "POLYGON" not in masks["whole"]


def test_the_account_tells_what_was_asked_and_what_came_out(
    graven: Callable, panel: Path, model: Path, tmp_path: Path
) -> None:
    assert graven("segment", panel, "-m", model, "-o", "out", "--only", "mask,report", "--no-rotation").code == 0
    assert graven("synth", "petroglyph", "--size", "64", "--seed", "3", "-o", "made").code == 0
    for name, inputs in (("out", 3), ("made", 0)):
        told = json.loads((tmp_path / name / "run.json").read_text(encoding="utf-8"))
        assert told["started"] <= told["finished"]
        assert told["seconds"]["total"] > 0
        assert told["versions"]["numpy"] == np.__version__
        assert told["options"]["out"] == name
        assert len(told["inputs"]) == inputs
        files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / name).iterdir()}
        files.pop("run.json")
        assert told["outputs"] == files
        assert str(tmp_path) not in json.dumps(told)
        if name == "out":
            assert (told["options"]["rotation"], told["options"]["threshold"]) == (False, None)
            assert told["resolved"]["threshold"] == 0.5
            assert told["inputs"][0] == {"name": "panel.tif", "sha256": hashlib.sha256(panel.read_bytes()).hexdigest()}
            assert [entry["name"] for entry in told["inputs"][1:]] == ["bright", "bright-gate"]
        else:
            assert (told["settings"]["seed"], told["kind"]) == (3, "petroglyph")


def test_a_rotation_that_was_not_needed_is_no_note(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> None:
    path = model / "model.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    step = {"name": "rotation", "options": {"min_peak_ratio": 77.5}}
    path.write_text(json.dumps({**facts, "prepare": [step]}), encoding="utf-8")
    result = graven("segment", panel, "-m", model, "-o", "out", "--only", "report", "--no-gate", "--json")
    assert not [note for note in result.lines()[-1]["notes"] if "rotation" in note]
    assert "77.5" in (tmp_path / "out" / "panel_report.html").read_text(encoding="utf-8")


def test_the_report_shows_where_the_gate_looked(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> None:
    pages = {}
    for out, *options in (("gate",), ("all", "--no-gate")):
        assert graven("segment", panel, "-m", model, "-o", out, "--only", "report", *options).code == 0
        pages[out] = (tmp_path / out / "panel_report.html").read_text(encoding="utf-8")
    assert "drew the attention of the first look" in pages["gate"]
    assert "drew the attention of the first look" not in pages["all"]


def _halving(folder: Path) -> None:
    """Put a network in a bundle's place that can only take sides that divide by two."""
    from onnx import TensorProto, helper

    from graven.io.bundle import read_bundle, write_bundle

    bundle = read_bundle(folder)
    nodes = [
        helper.make_node("SpaceToDepth", ["image"], ["folded"], blocksize=2),
        helper.make_node("DepthToSpace", ["folded"], ["unfolded"], blocksize=2),
        helper.make_node("ReduceMean", ["unfolded"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("Sigmoid", ["grey"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "halving",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1, "h", "w"])],
    )
    onnx = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder.parent / "halving.onnx").write_bytes(onnx.SerializeToString())
    write_bundle(folder, dataclasses.replace(bundle.spec, sha256=""), folder.parent / "halving.onnx", bundle.card)


def test_a_tile_that_the_network_cannot_take_is_wrong_use(
    graven: Callable, panel: Path, model: Path, tmp_path: Path
) -> None:
    _halving(model)
    result = graven("segment", panel, "-m", model, "-o", "out", "--tile", "99", "--overlap", "16")
    assert result.code == 1, result.err
    assert "99 px" in result.err
    assert "its own are 128 px" in result.err
    assert not (tmp_path / "out.partial").exists()
    assert graven("segment", panel, "-m", model, "-o", "out", "--tile", "96", "--overlap", "16").code == 0


def test_free_space_is_asked_for_the_working_frame_as_well(
    graven: Callable, panel: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("graven.api.segment.require_free_space", lambda _, needed: asked.append(needed))
    assert graven("segment", panel, "-m", model, "-o", "out", "--only", "mask").code == 0
    assert asked == [6 * HEIGHT * WIDTH]  # the frame is the panel itself here: 5 bytes and 1 byte


SLOW_SEGMENT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite that runs in the background ignores it
from graven.predict import stream
real = stream.RowBlender.finish_row
calls = []
def slow(self):
    calls.append(0)
    time.sleep(60 if len(calls) > 2 else 0)
    return real(self)
stream.RowBlender.finish_row = slow
from graven.cli.main import run
run(sys.argv[1:])
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_continues_to_the_same_record(
    graven: Callable, canonical: Callable, panel: Path, model: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    command = ["segment", str(panel), "-m", str(model), "-o", "cut"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_SEGMENT, *command], cwd=tmp_path, stderr=subprocess.PIPE, env={**os.environ}
    )
    ledger = tmp_path / "cut.partial" / ".work" / "working.ledger"
    deadline = time.monotonic() + 120
    while not (ledger.is_file() and ledger.read_bytes().count(b"\n") >= 2):
        assert time.monotonic() < deadline, "the run never wrote a tile row"
        time.sleep(0.02)
    process.send_signal(sign)
    _, err = process.communicate(timeout=60)
    if sign == signal.SIGINT:
        assert process.returncode == 130
        assert b"--resume" in err
    assert not (tmp_path / "cut").exists()

    assert graven("segment", panel, "-m", model, "-o", "cut").code == 1  # unfinished work is not thrown away
    resumed = graven(*command, "--resume")
    assert resumed.code == 0, resumed.err
    assert json.loads((tmp_path / "cut" / "run.json").read_text(encoding="utf-8"))["tiles"]["rows_resumed"] >= 1
    assert graven("segment", panel, "-m", model, "-o", "whole").code == 0
    assert canonical(tmp_path / "cut") == canonical(tmp_path / "whole")
