"""Several classes in a data set: every layout gives the same patches, and what does not fit is one line."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from graven.api.prepare import prepare
from graven.cli.main import app
from graven.errors import DataError, MismatchError, UsageError
from graven.io.classmasks import read_class_mask, read_class_table, write_class_png
from graven.io.coco import list_coco, write_coco
from graven.io.geotiff import write_mask_cog
from graven.io.labelme import list_labelme, write_labelme
from graven.io.rle import encode_rle, pack_counts
from graven.types import CONDITION_CLASSES, Trace, Window
from graven.types.labels import named_classes

SIZE = (40, 48)
NAMES = ("a", "b", "c")
CLASSES: dict[str, tuple[str, ...]] = {"craquelure": ("crack", "network"), "paint loss": ("loss",)}
NUMBERS: dict[str, tuple[str, ...]] = {"craquelure": (), "paint loss": ()}
Maker = Callable[[Path], dict[str, tuple[str, ...]]]


def crack() -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[20:23, 2:40] = True
    return mask


def network() -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[4:36, 44:46] = True
    return mask


def loss() -> np.ndarray:
    """A ring, whose hole is paint, over the crack."""
    mask = np.zeros(SIZE, bool)
    mask[10:32, 10:30] = True
    mask[14:26, 15:25] = False
    return mask


def truth() -> np.ndarray:
    """By hand: 1 where cracks are, 2 where paint is gone, and the later class where both are."""
    numbers = np.zeros(SIZE, np.uint8)
    numbers[crack() | network()] = 1
    numbers[loss()] = 2
    return numbers


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3)).astype(np.uint8)


def make_labelme(folder: Path) -> dict[str, tuple[str, ...]]:
    """The loss comes first in the file, so that the order of shapes cannot decide; dust belongs to no class."""
    folder.mkdir(parents=True)
    buffer = io.BytesIO()
    Image.fromarray(np.where(loss()[10:32, 10:30], 255, 0).astype(np.uint8)).save(buffer, format="PNG")
    shapes = [
        {
            "label": "loss",
            "points": [[10, 10], [29, 31]],
            "shape_type": "mask",
            "mask": base64.b64encode(buffer.getvalue()).decode(),
        },
        {"label": "crack", "points": [[2, 20], [40, 23]], "shape_type": "rectangle"},
        {"label": "network", "points": [[44, 4], [46, 4], [46, 36], [44, 36]], "shape_type": "polygon"},
        {"label": "dust", "points": [[5, 5], [8, 8]], "shape_type": "rectangle"},
    ]
    for seed, name in enumerate(NAMES):
        Image.fromarray(picture(seed)).save(folder / f"{name}.png")
        (folder / f"{name}.json").write_text(json.dumps({"shapes": shapes}), encoding="utf-8")
    return CLASSES


def make_coco(folder: Path) -> dict[str, tuple[str, ...]]:
    folder.mkdir(parents=True)
    runs = encode_rle(loss())
    shapes: list[tuple[int, Any]] = [
        (3, {"size": list(SIZE), "counts": pack_counts(runs)}),
        (1, {"size": list(SIZE), "counts": encode_rle(crack())}),
        (2, [[44, 4, 46, 4, 46, 36, 44, 36]]),
        (9, [[5, 5, 8, 5, 8, 8, 5, 8]]),
    ]
    document = {
        "images": [{"id": n, "file_name": f"{name}.png"} for n, name in enumerate(NAMES)],
        "categories": [{"id": n, "name": name} for n, name in ((1, "crack"), (2, "network"), (3, "loss"), (9, "dust"))],
        "annotations": [
            {"image_id": n, "category_id": category, "segmentation": shape, "iscrowd": 0}
            for n in range(len(NAMES))
            for category, shape in shapes
        ],
    }
    for seed, name in enumerate(NAMES):
        Image.fromarray(picture(seed)).save(folder / f"{name}.png")
    (folder / "coco.json").write_text(json.dumps(document), encoding="utf-8")
    return CLASSES


def _pairs(folder: Path, write: Callable[[Path], None]) -> dict[str, tuple[str, ...]]:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        Image.fromarray(picture(seed)).save(folder / "images" / f"{name}.png")
        write(folder / "masks" / name)
    return NUMBERS


def make_grey(folder: Path) -> dict[str, tuple[str, ...]]:
    return _pairs(folder, lambda path: Image.fromarray(truth()).save(path.with_suffix(".png")))


def make_palette(folder: Path) -> dict[str, tuple[str, ...]]:
    """Palette images with colours of their own."""

    def write(path: Path) -> None:
        image = Image.fromarray(truth())
        image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        image.save(path.with_suffix(".png"))

    return _pairs(folder, write)


def make_rasters(folder: Path) -> dict[str, tuple[str, ...]]:
    """Class rasters of graven, which name their classes."""

    def write(path: Path) -> None:
        blocks = [(Window(0, 0, *SIZE), truth()[None])]
        write_mask_cog(path.with_suffix(".tif"), blocks, height=SIZE[0], width=SIZE[1], classes=CONDITION_CLASSES)
        path.with_suffix(".qml").unlink()

    return _pairs(folder, write)


@pytest.mark.parametrize("make", [make_labelme, make_coco, make_grey, make_palette, make_rasters])
def test_every_layout_gives_the_same_patches(tmp_path: Path, make: Maker) -> None:
    classes = make(tmp_path / "set")
    done = prepare(tmp_path / "set", out=tmp_path / "out", classes=classes, patch_px=48, val_share=0.3, test_share=0.3)
    assert done.counts == {"train": 1, "val": 1, "test": 1}
    assert done.classes == ("craquelure", "paint loss")
    assert "classes: 1 craquelure, 2 paint loss" in done.summary()
    expected = np.full((48, 48), 255, np.uint8)
    expected[:40] = truth()
    masks = sorted((tmp_path / "out").rglob("masks/*.png"))
    assert len(masks) == 3
    for path in masks:
        with Image.open(path) as image:
            assert image.mode == "P"
            np.testing.assert_array_equal(np.asarray(image), expected)
            colours = np.asarray(image.convert("RGB"))
        assert colours[21, 5].tolist() == [0xD5, 0x5E, 0x00]  # craquelure
        assert colours[12, 12].tolist() == [0x56, 0xB4, 0xE9]  # paint loss, its name written with a space
    with (tmp_path / "out" / "patches.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert float(row["share_craquelure"]) == pytest.approx((truth() == 1).mean(), abs=1e-6)
        assert float(row["share_paint_loss"]) == pytest.approx((truth() == 2).mean(), abs=1e-6)
        assert float(row["target_share"]) == pytest.approx((truth() > 0).mean(), abs=1e-6)
    table = json.loads((tmp_path / "out" / "classes.json").read_text(encoding="utf-8"))
    assert [(entry["id"], entry["name"], entry["labels"]) for entry in table["classes"]] == [
        (number, name, list(labels)) for number, (name, labels) in enumerate(classes.items(), start=1)
    ]


def test_the_later_class_wins_where_two_overlap(tmp_path: Path) -> None:
    make_labelme(tmp_path / "set")
    (one, *_) = list_labelme(tmp_path / "set", classes=[frozenset({"loss"}), frozenset({"crack"})])
    numbers = one.read_target(SIZE)
    both = crack() & loss()
    assert both.sum() > 20
    assert (numbers[both] == 2).all()
    assert np.array_equal(numbers == 1, loss() & ~crack())


def test_255_is_unknown_and_stays_unknown(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        numbers = truth()
        numbers[:6] = 255
        Image.fromarray(numbers).save(path.with_suffix(".png"))

    _pairs(tmp_path / "set", write)
    prepare(tmp_path / "set", out=tmp_path / "out", classes=NUMBERS, patch_px=48, val_share=0.3, test_share=0.3)
    for path in (tmp_path / "out").rglob("valid/*.png"):
        valid = np.asarray(Image.open(path)) > 0
        assert valid.sum() == 34 * 48
        assert (np.asarray(Image.open(path.parents[1] / "masks" / path.name))[~valid] == 255).all()


def test_masks_of_one_class_are_what_they_were(tmp_path: Path) -> None:
    make_labelme(tmp_path / "set")
    labels = ("crack", "network", "loss")
    options: dict[str, Any] = {"patch_px": 48, "val_share": 0.3, "test_share": 0.3}
    prepare(tmp_path / "set", out=tmp_path / "out", labels=labels, **options)
    assert not (tmp_path / "out" / "classes.json").exists()
    head = (tmp_path / "out" / "patches.csv").read_text(encoding="utf-8").splitlines()[0]
    assert head == "name,group,split,row,col,valid_share,target_share"
    for path in (tmp_path / "out").rglob("masks/*.png"):
        with Image.open(path) as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image)[:40], np.where(truth() > 0, 255, 0))


def test_the_command_line_takes_names_and_labels_and_says_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_labelme(tmp_path / "set")
    options = ["--patch", "48", "--val-share", "0.3", "--test-share", "0.3", "-o", "out"]
    done = CliRunner().invoke(
        app, ["prepare", "set", "--classes", "craquelure=crack+network,paint loss=loss", *options]
    )
    assert done.exit_code == 0, done.output
    assert "labels of no class count as background: dust" in done.output
    share = 100 * (truth() == 2).mean()
    assert f"known training pixels: {100 * (truth() == 1).mean():.2f} % craquelure, {share:.2f} % paint loss" in (
        done.output
    )
    assert [entry.name for entry in read_class_table(tmp_path / "out" / "classes.json").classes] == list(CLASSES)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (
            make_labelme,
            {"classes": {"crack": ()}},
            "--classes needs two names or more, got crack; for one use --labels",
        ),
        (make_labelme, {"classes": {"crack": (), "hole": ()}}, "out of crack, dust, loss, network, got hole"),
        (make_coco, {"classes": {"a": ("crack",), "b": ("crack", "loss")}}, "'crack' is in two classes"),
        (make_grey, {"classes": CLASSES}, "hold numbers, so --classes takes their names alone"),
        (make_labelme, {"classes": {"crack": (), "Crack ": ("loss",)}}, "names that differ"),
        (make_labelme, {"classes": CLASSES, "labels": ("crack",)}, "give one of them"),
    ],
)
def test_classes_that_do_not_fit_are_one_line(
    tmp_path: Path, make: Maker, arguments: dict[str, Any], message: str
) -> None:
    make(tmp_path / "set")
    with pytest.raises(UsageError, match=message) as caught:
        prepare(tmp_path / "set", out=tmp_path / "out", **arguments)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_masks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    classes = named_classes(["craquelure", "paint loss"])
    Image.fromarray(np.full(SIZE, 3, np.uint8)).save(tmp_path / "three.png")
    with pytest.raises(DataError, match=r"must hold 0 to 2 \(craquelure, paint loss\) and 255 for unknown, found 3"):
        read_class_mask(tmp_path / "three.png", classes=classes)
    Image.fromarray(picture(1)).save(tmp_path / "photo.png")
    with pytest.raises(DataError, match="3 bands that differ"):
        read_class_mask(tmp_path / "photo.png", classes=classes)
    make_rasters(tmp_path / "set")
    path = tmp_path / "set" / "masks" / "a.tif"
    with pytest.raises(MismatchError, match="names its classes 1 craquelure, 2 paint_loss"):
        read_class_mask(path, classes=named_classes(["paint loss", "craquelure"]))
    with pytest.raises(MismatchError, match="40 x 48 px, but its image has 48 x 40"):
        read_class_mask(path, classes=classes, size=(48, 40))


def test_a_palette_image_is_read_as_it_was_written(tmp_path: Path) -> None:
    classes = named_classes(["craquelure", "paint loss", "dust"])
    numbers = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 255], np.uint8), SIZE)
    write_class_png(tmp_path / "m.png", numbers, classes=classes)
    found, valid = read_class_mask(tmp_path / "m.png", classes=classes)
    np.testing.assert_array_equal(valid, numbers != 255)
    np.testing.assert_array_equal(np.where(valid, found, 255), numbers)
    with pytest.raises(UsageError, match=r"got \[4\]"):
        write_class_png(tmp_path / "m.png", np.full(SIZE, 4, np.uint8), classes=classes)


def _ring(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], float)


def test_labelme_and_coco_give_back_the_classes_that_were_written(tmp_path: Path) -> None:
    """Objects are counted per class, yet a file may not hold one number twice."""
    traces = [
        Trace("a" * 32, 1, 1, ((_ring(2, 20, 40, 23),), (_ring(44, 4, 46, 36),)), (), 1.0),
        Trace("b" * 32, 1, 2, ((_ring(10, 10, 30, 32), _ring(15, 14, 25, 26)), (_ring(2, 36, 5, 39),)), (), 1.0),
    ]
    expected = truth()
    expected[36:39, 2:5] = 2
    frame = {"height": SIZE[0], "width": SIZE[1]}
    groups = [frozenset({"craquelure"}), frozenset({"paint_loss"})]
    for name in ("labelme", "coco"):
        (tmp_path / name).mkdir()
        Image.fromarray(picture(0)).save(tmp_path / name / "a.png")
    write_labelme(tmp_path / "labelme" / "a.json", traces, classes=CONDITION_CLASSES, image_path="a.png", **frame)
    write_coco(
        tmp_path / "coco" / "c.json", traces, classes=CONDITION_CLASSES, file_name="a.png", pixel_size=None, **frame
    )
    (labelme,) = list_labelme(tmp_path / "labelme", classes=groups)
    (coco,) = list_coco(tmp_path / "coco", classes=groups)
    np.testing.assert_array_equal(labelme.read_target(SIZE), expected)
    np.testing.assert_array_equal(coco.read_target(SIZE), expected)
    written = json.loads((tmp_path / "coco" / "c.json").read_text(encoding="utf-8"))["annotations"]
    assert [(entry["id"], entry["category_id"]) for entry in written] == [(1, 1), (2, 2)]
    shapes = json.loads((tmp_path / "labelme" / "a.json").read_text(encoding="utf-8"))["shapes"]
    assert [shape["group_id"] for shape in shapes] == [1, 1, 2, 2]
