"""``graven segment`` and ``graven refine`` on a height map: grooves with centre-lines, and strokes that hold."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from onnx import TensorProto, helper, numpy_helper

from graven.io.bundle import write_bundle
from graven.io.images import open_raster
from graven.io.strokefiles import read_strokes
from graven.refine.drawing import hint_map
from graven.types import ENGRAVING_CLASSES, ModelSpec, Normalisation, PrepareStep, Window

FLOAT = TensorProto.FLOAT
SIDE, PIXEL_MM = 320, 0.05
TILE, OVERLAP = 128, 64


def _onnx(path: Path, nodes: list, constants: dict[str, np.ndarray], n_bands: int) -> Path:
    image = helper.make_tensor_value_info("image", FLOAT, ["n", n_bands, "h", "w"])
    answer = helper.make_tensor_value_info("probability", FLOAT, ["n", 1, "h", "w"])
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, path.stem, [image], [answer], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def _bundle(folder: Path, name: str, role: str, onnx: Path, bands: tuple[str, ...], companions: dict[str, str]) -> Path:
    spec = ModelSpec(
        name=name,
        version="1.0",
        method="engraving",
        role=role,
        network="by_hand",
        network_options={},
        classes=ENGRAVING_CLASSES,
        bands=bands,
        pixel_size_mm=PIXEL_MM,
        tile_px=TILE,
        overlap_px=OVERLAP,
        normalisation=Normalisation((0.0,) * len(bands), (1.0,) * len(bands)),
        prepare=(PrepareStep("highpass"),),
        threshold=0.5,
        min_object_mm2=0.02,
        companions=companions,
        sha256="",
    )
    return write_bundle(folder / name, spec, onnx, f"# {name}\n\nMade by hand for tests.\n").path


@pytest.fixture(scope="module")
def grooves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first network that finds what lies deep, and a second that carries hints 16 px further in all that is hollow.

    The first: sigmoid(0.5 * (40 - height)). The second adds to its logits 60 times the largest hint within 16 px, where
    the height is under 110 of 255.
    """
    folder = tmp_path_factory.mktemp("grooves")
    first = [
        helper.make_node("Cast", ["image"], ["height"], to=FLOAT),
        helper.make_node("Mul", ["height", "slope"], ["falling"]),
        helper.make_node("Add", ["falling", "offset"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probability"]),
    ]
    values = {"slope": np.array(-0.5, np.float32), "offset": np.array(20, np.float32)}
    _bundle(folder, "deep", "segment", _onnx(folder / "deep.onnx", first, values, 1), ("height",), {"refine": "hear"})
    second = [
        helper.make_node("Split", ["image", "parts"], ["height", "initial", "hint"], axis=1),
        helper.make_node("MaxPool", ["hint"], ["heard"], kernel_shape=[33, 33], pads=[16, 16, 16, 16]),
        helper.make_node("Less", ["height", "limit"], ["is_deep"]),
        helper.make_node("Cast", ["is_deep"], ["deep"], to=FLOAT),
        helper.make_node("Mul", ["heard", "deep"], ["where"]),
        helper.make_node("Mul", ["where", "gain"], ["more"]),
        helper.make_node("Add", ["initial", "more"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probability"]),
    ]
    values = {
        "parts": np.array([1, 1, 1], np.int64),
        "limit": np.array(110, np.float32),
        "gain": np.array(60, np.float32),
    }
    onnx = _onnx(folder / "hear.onnx", second, values, 3)
    _bundle(folder, "hear", "refine", onnx, ("height", "logit", "hint"), {})
    return folder / "deep"


def drawn(*, faint: bool = True) -> np.ndarray:
    """A bowed surface with a deep groove at row 80 and a faint one at row 200, each 6 px wide and 200 px long."""
    rows, cols = np.mgrid[:SIDE, :SIDE] * PIXEL_MM
    height = ((rows - 8) ** 2 + (cols - 8) ** 2) / 800
    rng = np.random.default_rng(0)
    height += rng.normal(0, 0.0005, height.shape)
    for row, depth in ((80, 0.06), (200, 0.012 if faint else 0.0)):
        line = np.zeros((SIDE, SIDE), np.float32)
        cv2.line(line, (60, row), (260, row), 1.0, 6)
        height -= depth * line
    return height.astype(np.float32)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    path = tmp_path / "mirror_height.tif"
    tifffile.imwrite(path, drawn())
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


SCALED = ("--scale", f"{PIXEL_MM}mm/px")


def test_a_height_map_gives_grooves_with_centre_lines(
    graven: Callable, mirror: Path, grooves: Path, tmp_path: Path
) -> None:
    result = graven("segment", mirror, "-m", grooves, "-o", "out", *SCALED, "--json")
    assert result.code == 0, result.err
    assert result.lines()[-1]["n_traces"] == 1  # the faint groove is beyond the first network
    (row,) = table(tmp_path / "out" / "measures.csv")
    assert float(row["stroke_length_mm"]) == pytest.approx(200 * PIXEL_MM, rel=0.05)
    assert float(row["width_mean_mm"]) == pytest.approx(7 * PIXEL_MM, abs=PIXEL_MM)
    with sqlite3.connect(tmp_path / "out" / "mirror_height_traces.gpkg") as db:
        layers = {name for (name,) in db.execute("SELECT table_name FROM gpkg_contents")}
    assert {"regions", "strokes"} <= layers
    run = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    prepared = next(step for step in run["provenance"] if step["category"] == "prepare")
    (step,) = prepared["settings"]["steps"]
    assert step["name"] == "highpass"
    assert 0 < step["std_mm"] < 0.05
    page = (tmp_path / "out" / "mirror_height_report.html").read_text(encoding="utf-8")
    assert "Engraving record" in page


def test_without_a_scale_the_pixel_of_the_model_is_taken_and_the_report_says_so(
    graven: Callable, mirror: Path, grooves: Path, tmp_path: Path
) -> None:
    result = graven("segment", mirror, "-m", grooves, "-o", "out", "--json")
    assert result.code == 0, result.err
    assert any("no scale is known" in note for note in result.lines()[-1]["notes"])
    assert result.lines()[-1]["n_traces"] == 1
    assert "stroke_length_px" in table(tmp_path / "out" / "measures.csv")[0]
    assert "no scale is known" in (tmp_path / "out" / "mirror_height_report.html").read_text(encoding="utf-8")


def test_a_photograph_is_no_height_map(graven: Callable, grooves: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.full((160, 160, 3), 90, np.uint8))
    result = graven("segment", photo, "-m", grooves, "-o", "out", *SCALED)
    assert result.code == 2
    assert "a height map has one band of float32" in result.err
    assert not (tmp_path / "out").exists()


def test_what_lies_beside_the_object_is_unknown(graven: Callable, mirror: Path, grooves: Path, tmp_path: Path) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, 160:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    result = graven(
        "segment", mirror, "-m", grooves, "-o", "out", *SCALED, "--object-mask", tmp_path / "mask.png", "-q"
    )
    assert result.code == 0, result.err
    labels = tifffile.imread(tmp_path / "out" / "mirror_height_mask.tif")
    assert (labels[:, :160] == 255).all()
    assert (labels[78:83, 165:255] == 1).all()


def strokes(path: Path, *lines: tuple[str, list[list[float]]]) -> Path:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": points},
            "properties": {"polarity": polarity, "width_px": 7},
        }
        for polarity, points in lines
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def test_strokes_hold_and_the_network_concludes_from_them(
    graven: Callable, mirror: Path, grooves: Path, tmp_path: Path
) -> None:
    drawn_here = strokes(
        tmp_path / "mine.px.geojson",
        ("add", [[100, 200.5], [140, 200.5]]),  # on the faint groove
        ("erase", [[120, 80.5], [150, 80.5]]),  # in the deep one
        ("add", [[20, 300], [60, 300]]),  # where there is nothing
    )
    result = graven("refine", mirror, "--strokes", drawn_here, "-m", grooves, "-o", "out", *SCALED, "--json")
    assert result.code == 0, result.err
    facts = result.lines()[-1]
    assert facts["n_strokes"] == 3
    labels = tifffile.imread(tmp_path / "out" / "mirror_height_mask.tif")
    assert (labels[199:203, 88:152] == 1).all()  # 12 px beyond both ends of the stroke, along the groove
    assert not labels[199:203, 170:].any()  # and no further
    assert not labels[78:83, 122:148].any()
    assert (labels[78:83, 65:110] == 1).all()
    assert (labels[299:302, 22:58] == 1).all()  # against all that the networks say
    assert not labels[286:294].any()  # nothing is deep there, so nothing follows
    events = (tmp_path / "out" / "mirror_height_journal.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in events[1:]]
    assert [event["action"] for event in told[:3]] == ["import"] * 3
    assert {event["action"] for event in told[3:]} == {"refine"}
    assert len({event["uid"] for event in told[3:]}) == facts["n_tiles"]
    run = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in run["inputs"]] == [mirror.name, drawn_here.name, "deep", "hear"]
    assert (tmp_path / "out" / "mirror_height_strokes.px.geojson").is_file()


def test_a_scan_of_twice_the_resolution_takes_strokes_in_its_own_pixels(
    graven: Callable, grooves: Path, tmp_path: Path
) -> None:
    fine = cv2.resize(drawn(), None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    tifffile.imwrite(tmp_path / "fine.tif", fine)
    drawn_here = strokes(tmp_path / "mine.px.geojson", ("add", [[200, 401], [280, 401]]))
    result = graven(
        "refine",
        tmp_path / "fine.tif",
        "--strokes",
        drawn_here,
        "-m",
        grooves,
        "-o",
        "out",
        "--scale",
        "0.025mm/px",
        "-q",
    )
    assert result.code == 0, result.err
    labels = tifffile.imread(tmp_path / "out" / "fine_mask.tif")
    assert labels.shape == (2 * SIDE, 2 * SIDE)
    assert (labels[399:404, 185:295] == 1).all()
    assert not labels[399:404, 340:].any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"type": "FeatureCollection", "features": []}', "holds no stroke; to trace without any, use graven segment"),
        ("[]", "GeoJSON"),
    ],
)
def test_a_file_without_strokes_is_refused(
    graven: Callable, mirror: Path, grooves: Path, tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "none.px.geojson"
    path.write_text(content, encoding="utf-8")
    result = graven("refine", mirror, "--strokes", path, "-m", grooves, "-o", "out", *SCALED)
    assert result.code in (1, 2)
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_model_of_several_classes_takes_no_strokes(graven: Callable, damage_model: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.full((160, 160, 3), 130, np.uint8))
    path = strokes(tmp_path / "mine.px.geojson", ("add", [[10, 10], [50, 10]]))
    result = graven("refine", photo, "--strokes", path, "-m", damage_model, "-o", "out", "--scale", "0.1mm/px")
    assert result.code == 2
    assert "strokes correct a model with one class" in result.err


def test_strokes_on_petroglyphs_are_hard_constraints(graven: Callable, model: Path, tmp_path: Path) -> None:
    photo = tmp_path / "rock.png"
    pixels = np.full((200, 260, 3), 40, np.uint8)
    pixels[60:140, 60:140] = 230
    cv2.imwrite(str(photo), pixels)
    path = strokes(tmp_path / "mine.px.geojson", ("erase", [[100, 60], [100, 140]]), ("add", [[200, 100], [230, 100]]))
    result = graven("refine", photo, "--strokes", path, "-m", model, "-o", "out", "--scale", "0.5mm/px", "-q")
    assert result.code == 0, result.err
    labels = tifffile.imread(tmp_path / "out" / "rock_mask.tif")
    assert not labels[65:135, 98:103].any()
    assert (labels[70:130, 70:90] == 1).all()
    assert (labels[98:103, 203:227] == 1).all()


def test_strokes_keep_their_edges_and_their_author_on_a_finer_grid(
    graven: Callable, grooves: Path, tmp_path: Path
) -> None:
    fine = cv2.resize(drawn(), None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    tifffile.imwrite(tmp_path / "fine.tif", fine)
    path = strokes(tmp_path / "mine.px.geojson", ("add", [[41, 600.5], [120, 600.5]]))
    scan = ("--scale", "0.025mm/px", "--author", "E. Vasari")
    assert graven("refine", "fine.tif", "--strokes", path, "-m", grooves, "-o", "out", *scan, "-q").code == 0
    labels = tifffile.imread(tmp_path / "out" / "fine_mask.tif")
    stroke = read_strokes(tmp_path / "out" / "fine_strokes.px.geojson", open_raster(tmp_path / "fine.tif"))
    told = hint_map(stroke, Window(0, 0, *labels.shape)) == 1
    assert (labels[told] == 1).all()
    near = cv2.dilate(told.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0  # a pixel of the working grid, on each side
    assert not (labels == 1)[560:640][~near[560:640]].any()  # no groove is there
    assert [one.author for one in stroke] == ["E. Vasari"]


def test_what_a_person_drew_is_never_too_small(graven: Callable, mirror: Path, grooves: Path, tmp_path: Path) -> None:
    """A dash of 10 px is far below the smallest object here, which the deep groove is not."""
    path = strokes(tmp_path / "dash.px.geojson", ("add", [[29, 300.5], [32, 300.5]]))
    options = (*SCALED, "--min-object", "1.5", "-q")  # mm2; the groove has 1400 px of 0.0025 mm2
    assert graven("refine", mirror, "--strokes", path, "-m", grooves, "-o", "out", *options).code == 0
    labels = tifffile.imread(tmp_path / "out" / "mirror_height_mask.tif")
    assert (labels[298:303, 28:33] == 1).all()
    assert (labels[78:83, 65:255] == 1).all()
    assert len(table(tmp_path / "out" / "measures.csv")) == 2
    assert graven("segment", mirror, "-m", grooves, "-o", "first", *SCALED, "--min-object", "5", "-q").code == 0
    assert not (tifffile.imread(tmp_path / "first" / "mirror_height_mask.tif") == 1).any()


def test_a_journal_is_gone_on_with_and_gives_the_same_bytes(
    graven: Callable, mirror: Path, grooves: Path, tmp_path: Path
) -> None:
    first = strokes(tmp_path / "first.px.geojson", ("add", [[100, 200.5], [140, 200.5]]))
    second = strokes(tmp_path / "second.px.geojson", ("erase", [[120, 80.5], [150, 80.5]]))
    both = strokes(
        tmp_path / "both.px.geojson", ("add", [[100, 200.5], [140, 200.5]]), ("erase", [[120, 80.5], [150, 80.5]])
    )
    common = ("-m", grooves, *SCALED, "-q")
    journal = tmp_path / "a" / "mirror_height_journal.jsonl"
    assert graven("refine", mirror, "--strokes", first, "-o", "a", *common).code == 0
    assert graven("refine", mirror, "--journal", journal, "--strokes", second, "-o", "b", *common).code == 0
    assert graven("refine", mirror, "--strokes", both, "-o", "c", *common).code == 0
    assert graven("refine", mirror, "--journal", tmp_path / "b" / journal.name, "-o", "d", *common).code == 0
    found = {name: tifffile.imread(tmp_path / name / "mirror_height_prob.tif") for name in "abcd"}
    assert not np.array_equal(found["a"], found["b"])
    assert np.array_equal(found["b"], found["c"])
    assert np.array_equal(found["b"], found["d"])
    assert (tmp_path / "b" / journal.name).read_bytes() == (tmp_path / "d" / journal.name).read_bytes()
    run = json.loads((tmp_path / "b" / "run.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in run["inputs"]][1:3] == [second.name, journal.name]
    assert len(json.loads((tmp_path / "d" / "mirror_height_strokes.px.geojson").read_text())["features"]) == 2


def test_a_journal_is_of_one_image_frame_and_object(
    graven: Callable, mirror: Path, grooves: Path, tmp_path: Path
) -> None:
    path = strokes(tmp_path / "mine.px.geojson", ("add", [[100, 200.5], [140, 200.5]]))
    common = ("-m", grooves, "-q")
    assert graven("refine", mirror, "--strokes", path, "-o", "out", *common, *SCALED).code == 0
    journal = tmp_path / "out" / "mirror_height_journal.jsonl"
    other = tmp_path / "other" / mirror.name
    other.parent.mkdir()
    tifffile.imwrite(other, drawn()[:, :-1])
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, 160:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    for image, options, what in (
        (other, SCALED, "size was [320, 320], now [320, 319]"),
        (mirror, ("--scale", "0.03mm/px"), "frame was"),
        (mirror, (*SCALED, "--object-mask", tmp_path / "mask.png"), "prepare was"),
    ):
        result = graven("refine", image, "--journal", journal, "-o", "again", *common, *options)
        assert result.code == 2
        assert "is the journal of something else" in result.err
        assert what in result.err
        assert len(result.err.splitlines()) == 1
        assert not (tmp_path / "again").exists()
    result = graven("refine", mirror, "--journal", tmp_path / "none.jsonl", "-o", "again", *common)
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "there is no journal at" in result.err
    result = graven("refine", mirror, "-o", "again", *common)
    assert result.code == 1
    assert "give strokes to draw, or a journal to go on with" in result.err


def test_the_object_mask_is_an_input_of_the_run(graven: Callable, mirror: Path, grooves: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), np.full((SIDE, SIDE), 255, np.uint8))
    options = ("-m", grooves, *SCALED, "--object-mask", tmp_path / "mask.png", "-q")
    path = strokes(tmp_path / "mine.px.geojson", ("add", [[100, 200.5], [140, 200.5]]))
    assert graven("segment", mirror, "-o", "a", *options).code == 0
    assert graven("refine", mirror, "--strokes", path, "-o", "b", *options).code == 0
    for name, expected in (("a", ["mask.png", "deep"]), ("b", [path.name, "mask.png", "deep", "hear"])):
        run = json.loads((tmp_path / name / "run.json").read_text(encoding="utf-8"))
        assert [entry["name"] for entry in run["inputs"]] == [mirror.name, *expected]
        assert all(len(entry["sha256"]) == 64 for entry in run["inputs"])
