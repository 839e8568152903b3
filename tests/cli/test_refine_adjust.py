"""``graven refine --adjust``: false lines that look alike go together, strokes hold, and doubt is told."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from onnx import TensorProto, helper, numpy_helper

from graven.io.bundle import write_bundle
from graven.types import ENGRAVING_CLASSES, ModelSpec, Normalisation, PrepareStep

FLOAT = TensorProto.FLOAT
SIDE, PIXEL_MM, TILE = 320, 0.05, 128
LINES, SCRATCHES = (60, 110, 160, 210, 260), (50, 100, 150)
SCALED = ("--scale", f"{PIXEL_MM}mm/px")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that takes all thin hollows for engraved, and could tell lying ones from standing ones.

    Its two features are how far the mean height of a lying and of a standing bar is below that of the square around it;
    its answer is their sum, less a little.
    """
    folder = tmp_path_factory.mktemp("model")
    square = np.full((21, 21), 1 / 441)
    lying, standing = np.zeros((21, 21)), np.zeros((21, 21))
    lying[8:13], standing[:, 8:13] = 1 / 105, 1 / 105
    kernels = np.stack([square - lying, square - standing])[:, None].astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["height"], to=FLOAT),
        helper.make_node("Conv", ["height", "kernels"], ["hollow"], pads=[10] * 4),
        helper.make_node("Relu", ["hollow"], ["features"]),
        helper.make_node("Conv", ["features", "sum", "less"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probability"]),
    ]
    constants = {
        "kernels": kernels,
        "sum": np.full((1, 2, 1, 1), 0.015, np.float32),
        "less": np.array([-0.6], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "hollows",
        [helper.make_tensor_value_info("image", FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info("probability", FLOAT, ["n", 1, "h", "w"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = folder / "hollows.onnx"
    onnx = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(onnx.SerializeToString())
    spec = ModelSpec(
        name="hollows",
        version="1.0",
        method="engraving",
        role="segment",
        network="by_hand",
        network_options={},
        classes=ENGRAVING_CLASSES,
        bands=("height",),
        pixel_size_mm=PIXEL_MM,
        tile_px=TILE,
        overlap_px=64,
        normalisation=Normalisation((0.0,), (1.0,)),
        prepare=(PrepareStep("highpass"),),
        threshold=0.5,
        min_object_mm2=0.02,
        companions={},
        sha256="",
    )
    return write_bundle(folder / "hollows", spec, path, "# hollows\n\nMade by hand for tests.\n").path


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """Five lying lines on the right, which are meant, and three standing scratches on the left, which are not."""
    drawn = np.zeros((SIDE, SIDE), np.float32)
    for row in LINES:
        cv2.line(drawn, (270, row), (310, row), 1.0, 5)
    for col in SCRATCHES:
        cv2.line(drawn, (col, 40), (col, 280), 1.0, 5)
    rng = np.random.default_rng(0)
    height = rng.normal(0, 0.0005, drawn.shape) - 0.05 * drawn
    path = tmp_path / "plate.tif"
    tifffile.imwrite(path, height.astype(np.float32))
    return path


@pytest.fixture
def strokes(tmp_path: Path) -> Path:
    """Two scratches are erased in pieces, and bare ground is drawn on once."""
    pieces = [("erase", [[col + 0.5, top], [col + 0.5, top + 70]]) for col in SCRATCHES[:2] for top in (45, 125, 205)]
    pieces.append(("add", [[30, 20], [60, 20]]))
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": points},
            "properties": {"polarity": polarity, "width_px": 9},
        }
        for polarity, points in pieces
    ]
    path = tmp_path / "mine.px.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def share(labels: np.ndarray, kind: str, which: range) -> float:
    """Give the share of the middles of lines or scratches that is called engraved."""
    if kind == "lines":
        cut = [labels[LINES[k], 275:305] for k in which]
    else:
        cut = [labels[60:260, SCRATCHES[k]] for k in which]
    return float(np.mean([part == 1 for part in cut]))


def test_what_strokes_teach_holds_on_the_whole_plate(
    graven: Callable, plate: Path, strokes: Path, model: Path, tmp_path: Path
) -> None:
    given = ("refine", plate, "--strokes", strokes, "-m", model, *SCALED, "-q")
    for out, options in (("plain", ()), ("adjusted", ("--adjust",))):
        result = graven(*given, "-o", out, *options)
        assert result.code == 0, result.err
    plain, adjusted = (tifffile.imread(tmp_path / out / "plate_mask.tif") for out in ("plain", "adjusted"))
    assert share(plain, "scratches", range(2, 3)) > 0.95
    assert share(adjusted, "scratches", range(2, 3)) < 0.2  # nobody touched this one
    assert share(adjusted, "lines", range(5)) > 0.95
    for labels in (plain, adjusted):
        assert (labels[17:23, 32:58] == 1).all()  # drawn where there is nothing
        assert not labels[50:110, 47:54].any()
    assert not (tmp_path / "plain" / "plate_doubt.tif").exists()
    assert not (tmp_path / "plain" / "plate_queue.csv").exists()


def test_doubt_and_queue_tell_one_thing(
    graven: Callable, plate: Path, strokes: Path, model: Path, tmp_path: Path
) -> None:
    result = graven("refine", plate, "--strokes", strokes, "-m", model, "-o", "out", *SCALED, "--adjust", "-q")
    assert result.code == 0, result.err
    out = tmp_path / "out"
    with tifffile.TiffFile(out / "plate_doubt.tif") as file:
        doubt, tags = file.asarray(), file.pages[0].tags["GDAL_METADATA"].value
    assert '<Item name="GRAVEN_CONTENT">doubt</Item>' in tags
    assert '<Item name="GRAVEN_SCALE" sample="0">1/255</Item>' in tags
    prob = tifffile.imread(out / "plate_prob.tif")
    np.testing.assert_array_equal(doubt, np.where(prob >= 128, 255 - prob, prob))
    assert not doubt[50:110, 48:53].any()  # erased by a person
    with (out / "plate_queue.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    gains = [float(row["expected_gain_px"]) for row in rows]
    assert gains == sorted(gains, reverse=True)
    assert sum(gains) == pytest.approx(doubt.sum() / 255, rel=1e-5)
    first = rows[0]
    x, y, width, height = (int(first[name]) for name in ("x_px", "y_px", "width_px", "height_px"))
    assert doubt[y : y + height, x : x + width].sum() / 255 == pytest.approx(gains[0], rel=1e-5)
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert {"plate_doubt.tif", "plate_queue.csv"} <= set(run["outputs"])
    (step,) = [step for step in run["provenance"] if "coefficients" in step["settings"]]
    assert step["category"] == "refine"
    assert run["settings"]["adjust"] == step["settings"]
    assert step["settings"]["strokes"] == 7


def test_the_same_strokes_give_the_same_record(
    graven: Callable, plate: Path, strokes: Path, model: Path, tmp_path: Path
) -> None:
    names = ("plate_mask.tif", "plate_prob.tif", "plate_doubt.tif", "plate_queue.csv")
    bytes_of = []
    for out in ("one", "two"):
        result = graven("refine", plate, "--strokes", strokes, "-m", model, "-o", out, *SCALED, "--adjust", "-q")
        assert result.code == 0, result.err
        bytes_of.append([(tmp_path / out / name).read_bytes() for name in names])
    assert bytes_of[0] == bytes_of[1]
