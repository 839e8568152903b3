"""The table of the 3D-Pitoti benchmark, computed by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from graven.api.evaluate import evaluate
from graven.cli.main import app
from graven.errors import DataError, UsageError
from graven.io.geotiff import write_mask_cog
from graven.types import CONDITION_CLASSES, PETROGLYPH_CLASSES, Window

COLUMNS = ["surface", "DSC", "HR", "FAR", "IU-FG", "mIU", "pxAcc"]


def _mask(path: Path, pixels: Sequence[int]) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.array([pixels], np.uint8) * 255).save(path)


@pytest.fixture
def panels(tmp_path: Path) -> Path:
    """Three panels of two sites; only the first eight pixels are inside the mask.

    ============  ==  ==  ==  ==
    panel         TP  FP  FN  TN
    ============  ==  ==  ==  ==
    Naquane_1      2   1   1   4
    Seradina_1     4   0   0   4
    Seradina_2     0   0   4   4
    ============  ==  ==  ==  ==
    """
    truths = {"Naquane_1": [1, 1, 1, 0, 0, 0, 0, 0], "Seradina_1": [1, 1, 1, 1, 0, 0, 0, 0]}
    preds = {"Naquane_1": [1, 1, 0, 1, 0, 0, 0, 0], "Seradina_1": [1, 1, 1, 1, 0, 0, 0, 0]}
    truths["Seradina_2"], preds["Seradina_2"] = truths["Seradina_1"], [0] * 8
    for name in truths:
        _mask(tmp_path / "truth" / f"{name}_gt.tif", [*truths[name], 1, 0])
        _mask(tmp_path / "truth" / f"{name}.d_mask.png", [1] * 8 + [0, 0])
        _mask(tmp_path / "preds" / f"{name}.png", [*preds[name], 0, 1])
        Image.new("RGB", (10, 1)).save(tmp_path / "truth" / f"{name}.jpg")
    return tmp_path


ROWS = {
    # TP 2, FP 1, FN 1, TN 4: DSC 4/6, HR 2/3, FAR 1/3, IoU 2/4 and 4/6, accuracy 6/8
    "Naquane_1": (2 / 3, 2 / 3, 1 / 3, 1 / 2, (1 / 2 + 2 / 3) / 2, 6 / 8),
    "Seradina_1": (1, 1, 0, 1, 1, 1),
    # nothing found: no alarm is false, the background is 4 of 8
    "Seradina_2": (0, 0, 0, 0, (0 + 4 / 8) / 2, 4 / 8),
    "mean": (5 / 9, 5 / 9, 1 / 9, 1 / 2, (7 / 12 + 1 + 1 / 4) / 3, (6 + 8 + 4) / 24),
    # TP 6, FP 1, FN 5, TN 12
    "overall": (12 / 18, 6 / 11, 1 / 7, 6 / 12, (6 / 12 + 12 / 18) / 2, 18 / 24),
}
SITES = {
    "Naquane: mean": ROWS["Naquane_1"],
    "Naquane: overall": ROWS["Naquane_1"],
    "Seradina: mean": (1 / 2, 1 / 2, 0, 1 / 2, 5 / 8, 3 / 4),
    # TP 4, FP 0, FN 4, TN 8
    "Seradina: overall": (8 / 12, 4 / 8, 0, 4 / 8, (4 / 8 + 8 / 12) / 2, 12 / 16),
}


def test_the_table_of_the_benchmark_by_hand(panels: Path) -> None:
    result = evaluate(panels / "preds", panels / "truth", protocol="pitoti", out=panels / "out")
    table = {row["surface"]: tuple(row.values())[1:] for row in result.benchmark}
    assert list(table) == list(ROWS)
    for name, scores in ROWS.items():
        assert table[name] == pytest.approx(scores), name
    written = json.loads((panels / "out" / "pitoti.json").read_text(encoding="utf-8"))
    assert written == list(result.benchmark)
    with (panels / "out" / "pitoti.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == COLUMNS
    assert [[row[0], *map(float, row[1:])] for row in rows] == [list(row.values()) for row in written]
    assert [image.n_pixels for image in result.images] == [8, 8, 8]
    assert json.loads((panels / "out" / "run.json").read_text(encoding="utf-8"))["options"]["protocol"] == "pitoti"


def test_sites_have_rows_of_their_own_on_the_command_line(panels: Path) -> None:
    line = [
        "evaluate",
        str(panels / "preds"),
        str(panels / "truth"),
        "--protocol",
        "pitoti",
        "--group-by",
        "[A-Z][a-z]+",
    ]
    done = CliRunner().invoke(app, [*line, "--json"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    table = {row["surface"]: row for row in lines if row["event"] == "benchmark_row"}
    surfaces = ["Naquane_1", "Seradina_1", "Seradina_2"]
    assert list(table) == [*surfaces, *SITES, "mean", "overall"]
    for name, scores in (ROWS | SITES).items():
        assert [table[name][column] for column in COLUMNS[1:]] == pytest.approx(scores), name
    assert [row["name"] for row in lines if row["event"] == "row"][:3] == surfaces
    text = CliRunner().invoke(app, line).stdout
    head = next(row.split() for row in text.splitlines() if row.startswith("surface"))
    assert head == COLUMNS


def test_what_a_result_does_not_know_is_background_in_the_benchmark_alone(tmp_path: Path) -> None:
    _mask(tmp_path / "a_gt.tif", [1, 1, 0, 0])
    _mask(tmp_path / "a.d_mask.png", [1, 1, 1, 1])
    blocks = [(Window(0, 0, 1, 4), np.array([[1, 255, 0, 255]], np.uint8))]
    write_mask_cog(tmp_path / "preds.tif", blocks, height=1, width=4, classes=PETROGLYPH_CLASSES)
    result = evaluate(tmp_path / "preds.tif", tmp_path / "a_gt.tif", protocol="pitoti")
    assert result.images[0].scores["recall"] == 1.0  # one of the one that is known
    row = result.benchmark[0]
    assert (row["surface"], row["HR"], row["pxAcc"]) == ("a", 0.5, 0.75)


def test_plain_masks_have_the_table_too(tmp_path: Path) -> None:
    _mask(tmp_path / "truth" / "a [1].png", [1, 1, 0, 0])
    _mask(tmp_path / "preds" / "a [1].png", [1, 0, 0, 1])
    table = evaluate(tmp_path / "preds", tmp_path / "truth", protocol="pitoti").benchmark
    assert [row["surface"] for row in table] == ["a [1]", "mean", "overall"]
    assert {row["DSC"] for row in table} == {0.5}
    assert evaluate(tmp_path / "preds", tmp_path / "truth").benchmark == ()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"protocol": "cityscapes"}, UsageError, "--protocol takes pitoti, got 'cityscapes'"),
        ({"group_by": "x"}, UsageError, "--group-by belongs to --protocol"),
        ({"protocol": "pitoti", "group_by": "Sera"}, UsageError, "does not match the file name 'Naquane_1'"),
    ],
)
def test_what_cannot_be_obeyed_is_said(
    panels: Path, options: dict[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluate(panels / "preds", panels / "truth", **options)


def test_a_panel_without_its_mask_is_refused(panels: Path) -> None:
    (panels / "truth" / "Seradina_2.d_mask.png").unlink()
    with pytest.raises(DataError, match=r"'Seradina_2' has no valid mask; expected Seradina_2\.d_mask\.png"):
        evaluate(panels / "preds", panels / "truth", protocol="pitoti")


CLASSES = ("craquelure", "paint_loss")


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Two images of eight pixels with two classes and 255 for unknown.

    =======  ====================
    image a  truth 0 1 1 2 2 0 0 ?
             found 0 1 2 2 2 1 0 1
    image b  truth 0 0 1 1 2 2 2 2
             found 0 0 1 0 2 2 2 0
    =======  ====================
    """
    rows = {
        "truth": {"a": [0, 1, 1, 2, 2, 0, 0, 255], "b": [0, 0, 1, 1, 2, 2, 2, 2]},
        "preds": {"a": [0, 1, 2, 2, 2, 1, 0, 1], "b": [0, 0, 1, 0, 2, 2, 2, 0]},
    }
    for side, images in rows.items():
        (tmp_path / side).mkdir()
        for name, pixels in images.items():
            Image.fromarray(np.array([pixels], np.uint8)).save(tmp_path / side / f"{name}.png")
    return tmp_path


def test_several_classes_are_scored_one_against_all_others(maps: Path) -> None:
    result = evaluate(maps / "preds", maps / "truth", classes=CLASSES, out=maps / "out")
    rows = {(row["name"], row["class"]): row for row in result.rows()}
    assert list(rows) == [
        *((image, name) for image in "ab" for name in CLASSES),
        *((text, name) for name in CLASSES for text in ("mean over images", "pooled pixels")),
        ("pooled pixels", "all classes"),
    ]
    assert rows["a", "craquelure"]["n_pixels"] == 7
    # craquelure: 1 and 1 found, 1 and 1 missed, 1 and 0 false; loss: 2 and 3 found, 0 and 1 missed, 1 and 0 false
    assert rows["a", "craquelure"]["iou"] == pytest.approx(1 / 3)
    assert rows["b", "paint_loss"]["recall"] == pytest.approx(3 / 4)
    assert rows["mean over images", "craquelure"]["iou"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert rows["pooled pixels", "craquelure"]["iou"] == pytest.approx(2 / 5)
    assert rows["pooled pixels", "paint_loss"]["iou"] == pytest.approx(5 / 7)
    every = rows["pooled pixels", "all classes"]
    # background: 4 found, 1 called craquelure, 2 too many
    assert every["miou"] == pytest.approx((2 / 5 + 5 / 7 + 4 / 7) / 3)
    assert (every["accuracy"], every["f1"], every["n_pixels"]) == (pytest.approx(11 / 15), None, 15)
    page = (maps / "out" / "evaluation.html").read_text(encoding="utf-8")
    assert "paint loss" in page
    assert ">Class<" in page


def test_class_rasters_of_graven_name_their_classes(tmp_path: Path) -> None:
    numbers = np.repeat(np.array([[0, 1, 2, 2]], np.uint8), 4, axis=0)
    for name in ("a_mask.tif", "truth.tif"):
        blocks = [(Window(0, 0, 4, 4), numbers)]
        write_mask_cog(tmp_path / name, blocks, height=4, width=4, classes=CONDITION_CLASSES)
    rows = evaluate(tmp_path / "a_mask.tif", tmp_path / "truth.tif").rows()
    assert [row["class"] for row in rows[:2]] == list(CLASSES)
    assert rows[-1]["miou"] == 1


def test_several_classes_refuse_what_they_must(maps: Path) -> None:
    with pytest.raises(UsageError, match="--protocol pitoti is for masks of one class, these tell 2 apart"):
        evaluate(maps / "preds", maps / "truth", classes=CLASSES, protocol="pitoti")
    with pytest.raises(DataError, match=r"must hold 0 to 1 \(craquelure\) and 255"):
        evaluate(maps / "preds", maps / "truth", classes=CLASSES[:1])
