"""LabelMe, COCO and mask folders: what others wrote is read, what we write others read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graven.errors import DataError, MismatchError
from graven.io.coco import list_coco, write_coco
from graven.io.labelme import list_labelme, read_labelme, write_labelme
from graven.io.maskfolders import list_mask_folders, list_pitoti, read_binary_mask
from graven.types import CONDITION_CLASSES, PETROGLYPH_CLASSES, Measure, PixelSize, Trace

SIZE = (20, 30)


def _ring(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], float)


def _traces() -> list[Trace]:
    simple = Trace("a" * 32, 1, 1, ((_ring(2, 3, 8, 9),),), (), 0.9)
    holed = Trace("b" * 32, 2, 1, ((_ring(10, 5, 25, 18), _ring(14, 8, 18, 12)), (_ring(26, 1, 29, 4),)), (), 0.7)
    return [simple, holed]


def _expected() -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[3:9, 2:8] = True
    mask[5:18, 10:25] = True
    mask[8:12, 14:18] = False
    mask[1:4, 26:29] = True
    return mask


def _image(path: Path) -> None:
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(path)


def test_labelme_keeps_holes_and_parts(tmp_path: Path) -> None:
    target = tmp_path / "panel.json"
    write_labelme(target, _traces(), classes=PETROGLYPH_CLASSES, image_path="panel.png", height=20, width=30)
    _image(tmp_path / "panel.png")
    (item,) = list_labelme(tmp_path)
    assert item.image_path.name == "panel.png"
    np.testing.assert_array_equal(item.read_target(SIZE), _expected())


def test_labelme_files_state_what_version_7_demands(tmp_path: Path) -> None:
    target = tmp_path / "panel.json"
    write_labelme(target, _traces(), classes=PETROGLYPH_CLASSES, image_path="panel.png", height=20, width=30)
    document = json.loads(target.read_text(encoding="utf-8"))
    assert (document["imageHeight"], document["imageWidth"], document["imageData"]) == (20, 30, None)
    assert [shape["shape_type"] for shape in document["shapes"]] == ["polygon", "mask", "polygon"]
    assert document["shapes"][1]["points"] == [[10, 5], [24, 17]]  # inclusive corner pixels
    assert [shape["group_id"] for shape in document["shapes"]] == [None, 2, 2]


def test_labelme_kinds_by_hand(tmp_path: Path) -> None:
    shapes = [
        {"label": "pecked", "points": [[1, 1], [4, 3]], "shape_type": "rectangle"},
        {"label": "pecked", "points": [[6, 6], [9, 6], [9, 9]], "shape_type": "linestrip"},
        {"label": "other", "points": [[20.5, 10.5], [22.5, 10.5]], "shape_type": "circle"},
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"shapes": shapes}), encoding="utf-8")
    mask = read_labelme(path, size=SIZE, labels=frozenset({"pecked"}))
    assert mask[1:3, 1:4].all()
    assert mask[6, 6:9].all()
    assert mask[6:9, 9].all()
    assert not mask[:, 15:].any()
    assert 9 <= read_labelme(path, size=SIZE, labels=frozenset({"other"})).sum() <= 14  # radius 2: pi * 4 = 12.6


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"points": [[1, 1], [2, 2]], "shape_type": "polygon"}, "needs 3 points"),
        ({"points": [[1, "x"]], "shape_type": "point"}, "pairs of numbers"),
        ({"points": [[1, 1], [1e9, 2]], "shape_type": "line"}, "near the image"),
        ({"points": [[0, 0], [3, 3]], "shape_type": "mask", "mask": "no"}, "PNG in base64"),
        ({"points": [[0, 0], [300, 3]], "shape_type": "rectangle"}, "near the image"),
        ({"points": [[0, 0]], "shape_type": "heart"}, "unknown kind"),
    ],
)
def test_malformed_shapes_are_named(tmp_path: Path, shape: dict[str, object], reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"shapes": [shape]}), encoding="utf-8")
    with pytest.raises(DataError, match=f"shape 1 of a.json .*{reason}"):
        read_labelme(path, size=SIZE)


def test_labelme_of_another_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"shapes": [], "imageHeight": 21, "imageWidth": 30}), encoding="utf-8")
    with pytest.raises(MismatchError, match="21 x 30 px, but it has 20 x 30"):
        read_labelme(path, size=SIZE)


def test_coco_keeps_holes_and_parts(tmp_path: Path) -> None:
    _image(tmp_path / "panel.png")
    target = tmp_path / "coco.json"
    write_coco(
        target, _traces(), classes=PETROGLYPH_CLASSES, file_name="panel.png", height=20, width=30, pixel_size=None
    )
    (item,) = list_coco(tmp_path)
    np.testing.assert_array_equal(item.read_target(SIZE), _expected())
    annotations = json.loads(target.read_text(encoding="utf-8"))["annotations"]
    assert [annotation["area"] for annotation in annotations] == [36.0, 195.0 - 16 + 9]
    assert annotations[0]["bbox"] == [2, 3, 6, 6]


def test_coco_names_that_lead_outside_are_refused(tmp_path: Path) -> None:
    inside = tmp_path / "set"
    inside.mkdir()
    _image(tmp_path / "secret.png")
    document = {"images": [{"id": 1, "file_name": "../secret.png"}], "annotations": []}
    (inside / "coco.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DataError, match="leads outside"):
        list_coco(inside)


def test_mask_folders_need_partners(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    _image(tmp_path / "images" / "a.png")
    with pytest.raises(DataError, match="1 files without a partner, the first is 'a'"):
        list_mask_folders(tmp_path)
    Image.fromarray(np.where(_expected(), 255, 0).astype(np.uint8)).save(tmp_path / "masks" / "a.png")
    (item,) = list_mask_folders(tmp_path)
    np.testing.assert_array_equal(item.read_target(SIZE), _expected())
    with pytest.raises(MismatchError, match="20 x 30 px, but its image has 5 x 5"):
        item.read_target((5, 5))


def test_a_photograph_is_not_a_mask(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(np.arange(200, dtype=np.uint8).reshape(10, 20)).save(path)
    with pytest.raises(DataError, match="0, 1 and 255 only, found 2, 3, 4"):
        read_binary_mask(path)


def test_pitoti_as_its_authors_distribute_it(tmp_path: Path) -> None:
    Image.fromarray(np.where(_expected(), 255, 0).astype(np.uint8)).save(tmp_path / "Seradina_1_gt.tif")
    valid = np.ones(SIZE, bool)
    valid[:, :3] = False
    Image.fromarray(np.where(valid, 255, 0).astype(np.uint8)).save(tmp_path / "Seradina_1.d_mask.png")
    _image(tmp_path / "Seradina_1.png")
    (item,) = list_pitoti(tmp_path)
    assert (item.name, item.image_path.name) == ("Seradina_1", "Seradina_1.png")
    assert item.read_valid is not None
    np.testing.assert_array_equal(item.read_valid(SIZE), valid)
    np.testing.assert_array_equal(item.read_target(SIZE), _expected())


def test_pitoti_without_an_image_says_what_is_missing(tmp_path: Path) -> None:
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(tmp_path / "P_gt.tif")
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(tmp_path / "P.d_mask.png")
    with pytest.raises(DataError, match="'P' needs exactly one image"):
        list_pitoti(tmp_path)


def test_empty_folders_are_refused(tmp_path: Path) -> None:
    for read in (list_labelme, list_coco, list_pitoti, list_mask_folders):
        with pytest.raises(DataError):
            read(tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"categories": None}, "list of categories"),
        ({"categories": [{"name": "pecked"}]}, "category without id"),
        ({"categories": [{"id": [1], "name": "pecked"}]}, "category without id"),
        ({"images": [{"id": [1], "file_name": "a.png"}]}, "image whose id"),
        ({"annotations": [{"image_id": {}, "segmentation": []}]}, "whose image_id is {}"),
        ({"annotations": [{"image_id": 1, "category_id": [], "segmentation": []}]}, "whose category_id is"),
    ],
)
def test_malformed_coco_is_named(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    _image(tmp_path / "a.png")
    document = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": []} | changes
    (tmp_path / "coco.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DataError, match=reason):
        list_coco(tmp_path, categories=frozenset({"pecked"}))


def test_coco_images_are_named_by_their_path(tmp_path: Path) -> None:
    for folder in ("rock4", "rock7"):
        (tmp_path / folder).mkdir()
        _image(tmp_path / folder / "a.png")
    images = [{"id": n, "file_name": f"{folder}/a.png"} for n, folder in enumerate(("rock4", "rock7"))]
    (tmp_path / "coco.json").write_text(json.dumps({"images": images, "annotations": []}), encoding="utf-8")
    assert [item.name for item in list_coco(tmp_path)] == ["rock4__a", "rock7__a"]


def _pitoti(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(folder / f"{name}_gt.tif")
    Image.fromarray(np.full(SIZE, 255, np.uint8)).save(folder / f"{name}.d_mask.png")
    _image(folder / f"{name}.png")


def test_pitoti_names_that_begin_alike_or_repeat(tmp_path: Path) -> None:
    for name in ("Seradina_1", "Seradina_1-2", "Rock [a]"):
        _pitoti(tmp_path / "x", name)
    _pitoti(tmp_path / "y", "Seradina_1")
    found = {item.name: item.image_path.relative_to(tmp_path).as_posix() for item in list_pitoti(tmp_path)}
    assert found == {
        "x__Rock [a]": "x/Rock [a].png",
        "x__Seradina_1": "x/Seradina_1.png",
        "x__Seradina_1-2": "x/Seradina_1-2.png",
        "y__Seradina_1": "y/Seradina_1.png",
    }


def test_unknown_pixels_of_a_class_raster_are_not_judged(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    _image(tmp_path / "images" / "a.png")
    classes = _expected().astype(np.uint8)
    classes[:, :2] = 255
    Image.fromarray(classes).save(tmp_path / "masks" / "a.png")
    (item,) = list_mask_folders(tmp_path)
    assert item.read_valid is not None
    np.testing.assert_array_equal(item.read_valid(SIZE), classes != 255)
    np.testing.assert_array_equal(item.read_target(SIZE), _expected())


def test_labelme_lines_keep_their_width_when_they_are_corrected(tmp_path: Path) -> None:
    line = Trace("c" * 32, 1, 1, (), (np.array([[3.0, 10.0], [27.0, 10.0]]),), 0.9, {"width_mean": Measure(0.4, "mm")})
    path = tmp_path / "panel.json"
    frame = {"classes": CONDITION_CLASSES, "image_path": "panel.png", "height": 20, "width": 30}
    write_labelme(path, [line], **frame, pixel_size=PixelSize(0.1, 0.1, "user"))
    assert read_labelme(path, size=SIZE).sum(axis=0)[10:20].tolist() == [4] * 10
    document = json.loads(path.read_text(encoding="utf-8"))
    document["shapes"][0]["points"] = [[3.0, 5.0], [27.0, 5.0]]
    document["shapes"].append({"label": "craquelure", "points": [[3, 15.5], [27, 15.5]], "shape_type": "linestrip"})
    path.write_text(json.dumps(document), encoding="utf-8")
    moved = read_labelme(path, size=SIZE)
    assert np.flatnonzero(moved[:, 15]).tolist() == [3, 4, 5, 6, 15]
    write_labelme(path, [line], **frame)
    assert read_labelme(path, size=SIZE).sum(axis=0)[15] == 1, "millimetres without a scale say nothing"
    document["x_graven"] = {"traces": {"c" * 32: {"width_px": "wide"}}}
    path.write_text(json.dumps(document), encoding="utf-8")
    assert read_labelme(path, size=SIZE)[:, 15].sum() == 2
