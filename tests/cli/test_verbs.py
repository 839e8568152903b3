"""The other verbs, from the command line to the files that they leave."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image

from graven.io.gpkg import read_gpkg

HEIGHT, WIDTH = 300, 420


@pytest.fixture
def record(graven: Callable, panel: Path, model: Path, tmp_path: Path) -> Path:
    """A finished record of the panel."""
    assert graven("segment", panel, "-m", model, "-o", "record", "-q").code == 0
    return tmp_path / "record"


def _image(path: Path, *, size: tuple[int, int] = (80, 100), seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_info_states_frame_and_scale(graven: Callable, panel: Path) -> None:
    facts = graven("info", panel, "--json").lines()[0]
    assert facts["size"] == "420 x 300 px"
    assert facts["frame"] == "projected"
    assert facts["crs"] == "WGS 84 / UTM zone 32N"
    assert facts["pixel_size"] == "0.5 x 0.5 mm (geotransform)"


def test_info_only_suggests_what_a_tag_says(graven: Callable, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "scan.png", dpi=(300, 300))
    text = graven("info", "scan.png").out
    assert "pixel_size        unknown" in text
    assert "0.08467 mm per pixel" in text


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("clahe", "shot_CLAHE_L2_C64.tif"),
        ("reversal", "shot_REVERSAL.tif"),
        ("rotation", "shot_ROTATION_A0.tif"),
        ("dstretch", "shot_DSTRETCH_YDS_S15.tif"),
    ],
)
def test_enhance_names_its_parameters_and_refuses_to_replace(
    graven: Callable, tmp_path: Path, method: str, name: str
) -> None:
    pixels = _image(tmp_path / "shot.png")
    assert graven("enhance", "shot.png", "--with", method, "-o", "seen").code == 0
    found = tifffile.imread(tmp_path / "seen" / name)
    assert found.shape == (80, 100, 3)
    if method == "reversal":
        np.testing.assert_array_equal(found, 255 - pixels)
    if method == "rotation":
        np.testing.assert_array_equal(found, pixels)
    again = graven("enhance", "shot.png", "--with", method, "-o", "seen")
    assert again.code == 1
    assert "--overwrite" in again.err


def test_enhance_keeps_frame_and_alpha(graven: Callable, panel: Path, tmp_path: Path) -> None:
    with rasterio.open(panel, "r+") as dataset:
        dataset.nodata = 40
    assert graven("enhance", panel, "--with", "reversal").code == 0
    with rasterio.open(panel) as source, rasterio.open(tmp_path / "panel_REVERSAL.tif") as found:
        assert (found.crs, found.transform) == (source.crs, source.transform)
        np.testing.assert_array_equal(found.read(4) > 0, source.dataset_mask() > 0)


def test_measure_agrees_with_the_record(graven: Callable, record: Path, tmp_path: Path) -> None:
    result = graven(
        "measure", record / "panel_mask.tif", "--prob", record / "panel_prob.tif", "-o", "measured", "--json"
    )
    assert result.code == 0, result.err
    before = list(csv.DictReader((record / "measures.csv").read_text(encoding="utf-8").splitlines()))
    after = list(csv.DictReader((tmp_path / "measured" / "measures.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["area_mm2"] for row in after] == [row["area_mm2"] for row in before]
    assert [row["area_sigma_mm2"] for row in after] == [row["area_sigma_mm2"] for row in before]


def test_predicted_figures_name_their_model_and_measuring_keeps_it(
    graven: Callable, record: Path, model: Path, tmp_path: Path
) -> None:
    sha256 = json.loads((model / "model.json").read_text(encoding="utf-8"))["sha256"]
    creator = f"model bright 1.0 {sha256[:12]}"
    assert graven("measure", record / "panel_mask.tif", "-o", "measured").code == 0
    assert graven("export", record, "--to", "gpkg", "-o", "more").code == 0
    plain = np.where(tifffile.imread(record / "panel_mask.tif") == 1, 255, 0).astype(np.uint8)
    Image.fromarray(plain).save(tmp_path / "plain.png")
    assert graven("measure", "plain.png", "-o", "drawn").code == 0
    for package, expected in (
        (record / "panel_traces.gpkg", creator),
        (tmp_path / "measured" / "panel_mask_traces.gpkg", creator),
        (tmp_path / "more" / "panel_traces.gpkg", creator),
        (tmp_path / "drawn" / "plain_traces.gpkg", None),
    ):
        assert gpd.read_file(package, layer="regions")["creator"].tolist() == [expected, expected], package


def test_measure_refuses_what_is_no_mask(graven: Callable, panel: Path) -> None:
    result = graven("measure", panel)
    assert result.code == 2
    assert "0, 1 and 255 only" in result.err


def test_evaluate_by_hand(graven: Callable, tmp_path: Path) -> None:
    truth, preds = np.zeros((2, 4), np.uint8), np.zeros((2, 4), np.uint8)
    truth[0, :3] = 255
    preds[0, :2] = preds[1, 0] = 255  # hits 2, misses 1, false alarms 1, rest 4: M-BIN-1
    for name, mask in (("truth", truth), ("preds", preds)):
        (tmp_path / name).mkdir()
        Image.fromarray(mask).save(tmp_path / name / "a.png")
    result = graven("evaluate", "preds", "truth", "-o", "scores", "--json")
    assert result.code == 0, result.err
    image, mean, pooled = (line for line in result.lines() if line["event"] == "row")
    assert (image["precision"], image["recall"], image["f1"]) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert image["miou"] == pytest.approx(0.5833333333)
    assert mean["iou"] == pooled["iou"] == pytest.approx(0.5)
    assert (pooled["false_alarm_rate"], pooled["iou_background"]) == pytest.approx((1 / 3, 2 / 3))
    assert pooled["boundary_f1"] is None
    assert {path.name for path in (tmp_path / "scores").iterdir()} == {
        "scores.json",
        "scores.csv",
        "evaluation.html",
        "run.json",
    }


def test_evaluate_finds_what_segment_wrote(graven: Callable, record: Path, tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    mask = tifffile.imread(record / "panel_mask.tif")
    Image.fromarray(np.where(mask == 1, 255, 0).astype(np.uint8)).save(tmp_path / "truth" / "panel.png")
    rows = graven("evaluate", tmp_path, "truth", "--json").lines()
    assert next(row for row in rows if row.get("name") == "panel")["f1"] == 1.0
    rows = graven("evaluate", record, tmp_path / "truth" / "panel.png", "--json").lines()
    assert rows[-1]["f1"] == 1.0


def test_evaluate_says_which_prediction_is_missing(graven: Callable, tmp_path: Path) -> None:
    for name in ("truth", "preds"):
        (tmp_path / name).mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "truth" / "p7.png")
    result = graven("evaluate", "preds", "truth")
    assert result.code == 2
    assert "p7_mask.tif" in result.err


def test_export_in_every_format(graven: Callable, record: Path, tmp_path: Path) -> None:
    result = graven("export", record, "--to", "gpkg,geojson,svg,dxf,csv,coco,labelme", "-o", "more")
    assert result.code == 0, result.err
    assert {path.name for path in (tmp_path / "more").iterdir()} == {
        "panel_traces.gpkg",
        "panel_traces.geojson",
        "panel_traces.svg",
        "panel_traces.dxf",
        "measures.csv",
        "panel_coco.json",
        "panel.json",
        "run.json",
    }
    coco = json.loads((tmp_path / "more" / "panel_coco.json").read_text(encoding="utf-8"))
    mask = tifffile.imread(record / "panel_mask.tif")
    assert sum(entry["area"] for entry in coco["annotations"]) == (mask == 1).sum()
    before = gpd.read_file(record / "panel_traces.gpkg", layer="regions")
    after = gpd.read_file(tmp_path / "more" / "panel_traces.gpkg", layer="regions")
    assert (before.geometry.geom_equals(after.geometry)).all()
    assert list(before["uid"]) == list(after["uid"])


def test_export_needs_a_record(graven: Callable, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    result = graven("export", "nothing", "--to", "svg")
    assert result.code == 2
    assert "graven segment" in result.err


def test_synth_writes_every_layer_in_one_frame(graven: Callable, tmp_path: Path) -> None:
    result = graven("synth", "petroglyph", "--seed", "3", "--size", "160", "-o", "made")
    assert result.code == 0, result.err
    made = tmp_path / "made"
    transforms = set()
    for layer, bands in (("image", 3), ("mask", 1), ("height", 1), ("albedo", 3), ("normals", 3)):
        with rasterio.open(made / f"petroglyph_3_{layer}.tif") as dataset:
            assert dataset.shape == (160, 160)
            assert dataset.count in (bands, bands + 1)
            transforms.add(dataset.transform)
    assert len(transforms) == 1
    again = graven("synth", "petroglyph", "--seed", "3", "--size", "160", "-o", "twin")
    assert again.code == 0
    for path in made.glob("*.tif"):
        assert path.read_bytes() == (tmp_path / "twin" / path.name).read_bytes()
    facts = graven("info", made / "petroglyph_3_image.tif", "--json").lines()[0]
    assert facts["frame"] == "local"
    assert facts["pixel_size"].startswith("0.5 x 0.5 mm")


def test_synth_writes_a_painting_with_its_cracks_and_losses(graven: Callable, tmp_path: Path) -> None:
    result = graven("synth", "condition", "--seed", "3", "--size", "256", "-o", "made")
    assert result.code == 0, result.err
    made = tmp_path / "made"
    for layer, bands in (("image", 3), ("mask", 1), ("height", 1), ("albedo", 3)):
        with rasterio.open(made / f"condition_3_{layer}.tif") as dataset:
            assert dataset.shape == (256, 256)
            assert dataset.count in (bands, bands + 1)
            assert dataset.transform.a == pytest.approx(0.0001)  # metres
    classes = tifffile.imread(made / "condition_3_mask.tif")
    traces = read_gpkg(made / "condition_3_traces.gpkg")
    areas = [trace.measures["area"].value for trace in traces if trace.class_id == 2]
    assert sum(areas) == pytest.approx((classes == 2).sum() * 0.01)
    cracks = [trace for trace in traces if trace.class_id == 1]
    told = json.loads((made / "run.json").read_text(encoding="utf-8"))
    assert sum(trace.measures["length"].value for trace in cracks) == pytest.approx(told["crack_length_mm"], abs=0.01)
    for trace in cracks:
        assert 0.04 < trace.measures["width_mean"].value <= trace.measures["width_p95"].value * 1.01 < 1.3
        x, y = trace.lines[0][len(trace.lines[0]) // 2].astype(int)
        assert len(trace.lines[0]) < 5 or classes[y, x] in (1, 255)
    again = graven("synth", "condition", "--seed", "3", "--size", "256", "-o", "twin")
    assert again.code == 0
    for path in made.glob("condition_3_*"):
        assert path.read_bytes() == (tmp_path / "twin" / path.name).read_bytes()


def test_a_rock_is_refused_for_a_painting(graven: Callable) -> None:
    result = graven("synth", "condition", "--rock", "granite")
    assert result.code == 1
    assert "--rock is for petroglyph" in result.err


def _labelled(folder: Path, n: int) -> None:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(n):
        _image(folder / "images" / f"p{index}.png", size=(70, 90), seed=index)
        mask = np.zeros((70, 90), np.uint8)
        mask[10 : 20 + index, 5:60] = 255
        Image.fromarray(mask).save(folder / "masks" / f"p{index}.png")


def test_prepare_keeps_panels_apart(graven: Callable, tmp_path: Path) -> None:
    _labelled(tmp_path / "set", 6)
    result = graven(
        "prepare", "set", "-o", "patches", "--patch", "64", "--val-share", "0.2", "--test-share", "0.2", "--json"
    )
    assert result.code == 0, result.err
    facts = result.lines()[-1]
    assert sum(facts["patches"].values()) == 6 * 4
    rows = list(csv.DictReader((tmp_path / "patches" / "patches.csv").read_text(encoding="utf-8").splitlines()))
    sides: dict[str, set[str]] = {}
    for row in rows:
        sides.setdefault(row["group"], set()).add(row["split"])
    assert all(len(found) == 1 for found in sides.values())
    assert len({next(iter(found)) for found in sides.values()}) == 3

    whole = np.zeros((128, 128), np.uint8)
    for row in (row for row in rows if row["group"] == "p3"):
        r, c = int(row["row"]), int(row["col"])
        path = tmp_path / "patches" / row["split"] / "masks" / f"{row['name']}.png"
        whole[r : r + 64, c : c + 64] = np.asarray(Image.open(path))
    np.testing.assert_array_equal(whole[:70, :90], np.asarray(Image.open(tmp_path / "set" / "masks" / "p3.png")))
    assert not whole[70:].any()


def _shapes(folder: Path) -> None:
    """Four photographs of two sites; the figure is in the upper half, the crack in the lower."""
    folder.mkdir()
    for name in ("north_1", "north_2", "south_1", "south_2"):
        _image(folder / f"{name}.png", size=(40, 40))
        shapes = [
            {"label": label, "points": [[4, row], [14, row + 10]], "shape_type": "rectangle"}
            for label, row in (("figure", 5), ("crack", 25))
        ]
        (folder / f"{name}.json").write_text(json.dumps({"shapes": shapes}), encoding="utf-8")


def _coco(folder: Path) -> None:
    """The same as COCO."""
    _shapes(folder)
    names = sorted(path.stem for path in folder.glob("*.png"))
    for path in folder.glob("*.json"):
        path.unlink()
    document = {
        "images": [{"id": n, "file_name": f"{name}.png"} for n, name in enumerate(names)],
        "categories": [{"id": 1, "name": "figure"}, {"id": 2, "name": "crack"}],
        "annotations": [
            {"image_id": n, "category_id": category, "segmentation": [[4, row, 14, row, 14, row + 10, 4, row + 10]]}
            for n in range(len(names))
            for category, row in ((1, 5), (2, 25))
        ],
    }
    (folder / "coco.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("make", [_shapes, _coco])
def test_prepare_takes_the_labels_named_and_keeps_sites_together(
    graven: Callable, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "set")
    halves = {"figure": [100, 0], "crack": [0, 100], "figure,crack": [100, 100], None: [100, 100]}
    options = ["--patch", "40", "--val-share", "0.5", "--test-share", "0", "--group-by", "([a-z]+)_"]
    for labels, pixels in halves.items():
        chosen = [] if labels is None else ["--labels", labels]
        result = graven("prepare", "set", "-o", "patches", *options, *chosen, "--overwrite")
        assert result.code == 0, result.err
        assert "from 2 panels or sites" in result.out
        for path in (tmp_path / "patches").rglob("masks/*.png"):
            mask = np.asarray(Image.open(path)) == 255
            assert [int(mask[:20].sum()), int(mask[20:].sum())] == pixels, (labels, path)
        rows = list(csv.DictReader((tmp_path / "patches" / "patches.csv").read_text(encoding="utf-8").splitlines()))
        assert {row["group"] for row in rows} == {"north", "south"}
        assert len({(row["group"], row["split"]) for row in rows}) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--labels", "figure,bird"], "--labels takes any of crack, figure, got bird"),
        (["--labels", ","], "--labels takes any of crack, figure, got nothing"),
        (["--group-by", "north"], "does not match the file name 'south_1'"),
        (["--group-by", "("], "--group-by must be a regular expression"),
        (["--group-by", "x", "--i-know-tiles-leak"], "give one of them"),
    ],
)
@pytest.mark.parametrize("make", [_shapes, _coco])
def test_prepare_says_which_labels_and_names_there_are(
    graven: Callable, tmp_path: Path, make: Callable[[Path], None], options: list[str], words: str
) -> None:
    make(tmp_path / "set")
    result = graven("prepare", "set", "-o", "patches", *options)
    assert result.code == 1
    assert words in result.err
    assert not (tmp_path / "patches").exists()


def test_labels_are_not_of_masks(graven: Callable, tmp_path: Path) -> None:
    _labelled(tmp_path / "set", 3)
    result = graven("prepare", "set", "--labels", "figure")
    assert result.code == 1
    assert "--labels belongs to labelme and coco, but set is read as folders" in result.err


def test_prepare_can_leak_only_when_told(graven: Callable, tmp_path: Path) -> None:
    _labelled(tmp_path / "set", 4)
    result = graven("prepare", "set", "-o", "patches", "--patch", "32", "--i-know-tiles-leak")
    assert result.code == 0, result.err
    assert "scores will be too good" in result.out
    assert "leaks" in (tmp_path / "patches" / "run.json").read_text(encoding="utf-8")
    for side in ("train", "val", "test"):
        images = {path.name for path in (tmp_path / "patches" / side / "images").iterdir()}
        assert images
        assert images == {path.name for path in (tmp_path / "patches" / side / "masks").iterdir()}


def test_models_show_and_verify_a_bundle(graven: Callable, model: Path) -> None:
    assert "Made by hand" in graven("models", "show", model).out
    rows = [line for line in graven("models", "verify", model, "--json").lines() if line["event"] == "row"]
    assert rows
    assert all(row["model"] == str(model) for row in rows)


def test_models_export_to_deepness(graven: Callable, model: Path, tmp_path: Path) -> None:
    import onnx

    result = graven("models", "export", model, "--to", "deepness", "-o", "qgis.onnx")
    assert result.code == 0, result.err
    keys = {entry.key for entry in onnx.load(tmp_path / "qgis.onnx").metadata_props}
    assert {"model_type", "class_names", "resolution", "tiles_size"} <= keys


def test_models_export_replaces_nothing_unasked(graven: Callable, model: Path, tmp_path: Path) -> None:
    (tmp_path / "panel.tif").write_text("mine", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    for name in ("panel.tif", "folder"):
        result = graven("models", "export", model, "-o", name)
        assert (result.code, result.err.count("\n")) == (1, 1), result.err
    assert (tmp_path / "panel.tif").read_text(encoding="utf-8") == "mine"
    assert graven("models", "export", model, "-o", "panel.tif", "--overwrite").code == 0
    assert (tmp_path / "panel.tif").read_bytes() != b"mine"


def test_the_version_is_printed_by_the_installed_command() -> None:
    import graven as package

    done = subprocess.run(
        [sys.executable, "-c", "from graven.cli.main import run; run(['--version'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"graven {package.__version__}\n"
