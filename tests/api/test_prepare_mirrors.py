"""A small folder laid out as the published mirrors are, brought into graven's own form."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from graven.api.prepare import prepare
from graven.api.prepared import Prepared
from graven.errors import DataError, MismatchError, UsageError
from graven.io.images import open_raster
from graven.io.surfacefiles import open_surface
from graven.studies.labelled import prepared_sides, prepared_unlabelled

HEIGHT, WIDTH = 40, 56
DPI = 1000
"""Dots per inch: 0.0254 mm per pixel."""
DRAWN = ("ANSA-VI-1700_R", "wels-11944_R", "M1_R", "M1_V", "M2_R", "M3_R")
BARE = ("M3_V", "M4_R")


def layers_of(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng([*name.encode()])
    normals = np.stack([*rng.normal(0, 0.2, (2, HEIGHT, WIDTH)), np.ones((HEIGHT, WIDTH))], axis=-1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    return (
        rng.normal(0, 5, (HEIGHT, WIDTH)).astype(np.float32),
        normals.astype(np.float32),
        rng.random((HEIGHT, WIDTH), np.float32),
    )


def drawing_of(name: str) -> np.ndarray:
    line = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.line(line, (5, 10 + len(name)), (45, 12), 255, 3)
    return line


def object_of() -> np.ndarray:
    return cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), (28, 20), 18, 255, -1)


def write_view(folder: Path, name: str, *, encoded: bool = True) -> None:
    scans = folder / name.rpartition("_")[0] / "PS"
    scans.mkdir(parents=True, exist_ok=True)
    height, normals, albedo = layers_of(name)
    stored = (normals + 1) / 2 if encoded else normals
    inch = {"resolution": (DPI, DPI), "resolutionunit": "INCH"}
    tifffile.imwrite(scans / f"{name}_N.tif", stored, photometric="rgb", **inch)
    tifffile.imwrite(scans / f"{name}_RHO.tif", albedo)
    tifffile.imwrite(scans / f"{name}_U.tif", height)
    cv2.imwrite(str(folder / "MASKS_REL" / f"{name}_mask.png"), cv2.merge([object_of()] * 3))


def lay_out(folder: Path) -> Path:
    for part in ("GT_REL", "MASKS_REL"):
        (folder / part).mkdir(parents=True)
    for name in (*DRAWN, *BARE):
        write_view(folder, name, encoded=name != "M2_R")
    for name in DRAWN:
        line = drawing_of(name)
        # some drawings are transparent where nothing is drawn, others black
        picture = line if name == "M1_V" else np.dstack([np.zeros((HEIGHT, WIDTH, 3), np.uint8), line])
        cv2.imwrite(str(folder / "GT_REL" / f"{name}_drawings.png"), picture)
    return folder


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "mirrors")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """All views brought over, those without a drawing included."""
    folder = tmp_path_factory.mktemp("mirrors")
    return prepare(lay_out(folder / "mirrors"), out=folder / "out", val_share=0.3, unlabelled=True)


def test_every_drawing_comes_over_with_its_layers(done: Prepared) -> None:
    assert done.layout == "mirrors"
    with (done.path / "surfaces.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file) if row["split"] != "unlabelled"}
    assert set(rows) == set(DRAWN)
    known = object_of() > 0
    for name, row in rows.items():
        folder = done.path / row["split"]
        surface = open_surface(folder / "images" / f"{name}_height.tif", ("height", "normals", "albedo"))
        height, normals, albedo = layers_of(name)
        expected = np.concatenate([height[None], np.moveaxis(normals, -1, 0), albedo[None]])
        np.testing.assert_allclose(surface.read(), np.where(known, expected, np.nan), atol=1e-6)
        assert surface.pixel_size is not None
        assert surface.pixel_size.mean_mm == pytest.approx(0.0254)
        target = cv2.imread(str(folder / "masks" / f"{name}.png"), cv2.IMREAD_GRAYSCALE) > 0
        np.testing.assert_array_equal(target, (drawing_of(name) > 0) & known)
        assert float(row["target_share"]) == pytest.approx(target.sum() / known.sum(), abs=1e-6)
        np.testing.assert_array_equal(
            cv2.imread(str(folder / "valid" / f"{name}.png"), cv2.IMREAD_GRAYSCALE) > 0, known
        )


def test_published_test_mirrors_are_held_out_and_both_sides_of_a_mirror_stay_together(done: Prepared) -> None:
    sides, leaky = prepared_sides(done.path)
    names = {side: {item.name for item in items} for side, items in sides.items()}
    assert names["test"] == {"ANSA-VI-1700_R", "wels-11944_R"}
    assert not leaky
    assert {"M1_R", "M1_V"} <= names["train"] or {"M1_R", "M1_V"} <= names["val"]
    assert {side: done.counts[side] for side in names} == {side: len(found) for side, found in names.items()}
    assert f"{done.counts['train']} train" in done.summary()
    assert "drawings from 5 mirrors (mirrors)" in done.summary()


def test_without_published_mirrors_all_sides_are_drawn(mirrors: Path, tmp_path: Path) -> None:
    for name in ("ANSA-VI-1700", "wels-11944"):
        shutil.rmtree(mirrors / name)
        (mirrors / "GT_REL" / f"{name}_R_drawings.png").unlink()
    done = prepare(mirrors, out=tmp_path / "out", val_share=0.3, test_share=0.3)
    assert min(done.counts.values()) >= 1


def test_views_without_a_drawing_come_along_when_asked_for(done: Prepared) -> None:
    sides, _ = prepared_sides(done.path)
    held_out = {item.group for side in ("val", "test") for item in sides[side]}
    items = prepared_unlabelled(done.path, sides)
    expected = {"M3_V", "M4_R"} - ({"M3_V"} if "M3" in held_out else set())
    assert {item.name for item in items} == expected
    assert done.counts["unlabelled"] == len(expected)
    assert not items[0].read_target((HEIGHT, WIDTH)).any()


def test_the_account_names_every_source(done: Prepared) -> None:
    told = json.loads((done.path / "run.json").read_text())
    assert len(told["inputs"]) == 5 * len(DRAWN) + 4 * done.counts["unlabelled"]
    assert {"MASKS_REL/M1_R_mask.png", "M1/PS/M1_R_N.tif"} <= {entry["name"] for entry in told["inputs"]}
    assert told["settings"]["layout"] == "mirrors"


def test_sixteen_bit_normals_are_colours(mirrors: Path, tmp_path: Path) -> None:
    path = mirrors / "M1" / "PS" / "M1_R_N.tif"
    inch = {"resolution": (DPI, DPI), "resolutionunit": "INCH"}
    stored = np.rint((layers_of("M1_R")[1] + 1) / 2 * 65535).astype(np.uint16)
    tifffile.imwrite(path, stored, photometric="rgb", **inch)
    prepare(mirrors, out=tmp_path / "out", val_share=0.3)
    (written,) = (tmp_path / "out").rglob("M1_R_normals.tif")
    known = object_of() > 0
    np.testing.assert_allclose(
        open_raster(written).read()[:, known], np.moveaxis(layers_of("M1_R")[1], -1, 0)[:, known], atol=1e-4
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: shutil.rmtree(folder / "GT_REL"), "must hold the folders GT_REL and MASKS_REL"),
        (lambda folder: (folder / "M1" / "PS" / "M1_R_RHO.tif").unlink(), "the view 'M1_R' lacks M1/PS/M1_R_RHO.tif"),
        (lambda folder: (folder / "MASKS_REL" / "M4_R_mask.png").unlink(), "lacks MASKS_REL/M4_R_mask.png"),
        (lambda folder: shutil.rmtree(folder / "M2"), "GT_REL/M2_R_drawings.png has no scan"),
        (
            lambda folder: tifffile.imwrite(folder / "M1" / "PS" / "M1_R_U.tif", np.zeros((40, 56), np.uint8)),
            "M1_R_U.tif has 1 bands of uint8; the height of a mirror has 1 of float32",
        ),
        (
            lambda folder: tifffile.imwrite(
                folder / "M1" / "PS" / "M1_R_N.tif", np.zeros((40, 56, 3), np.float32), photometric="rgb"
            ),
            "M1_R_N.tif has no resolution tag",
        ),
    ],
)
def test_a_wrong_folder_is_refused_in_one_line(mirrors: Path, tmp_path: Path, spoil, message: str) -> None:
    spoil(mirrors)
    with pytest.raises(DataError) as caught:
        prepare(mirrors, layout="mirrors", out=tmp_path / "out", val_share=0.3)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_files_of_a_view_must_have_one_size(mirrors: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(mirrors / "GT_REL" / "M1_R_drawings.png"), np.zeros((10, 10), np.uint8))
    with pytest.raises(MismatchError, match=r"M1_R_drawings\.png has 10 x 10 px, but M1_R_U\.tif has 40 x 56"):
        prepare(mirrors, out=tmp_path / "out", val_share=0.3)


def test_options_of_patches_do_not_belong_to_mirrors(mirrors: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="so --expand does not belong to them"):
        prepare(mirrors, out=tmp_path / "out", expand=4)
    with pytest.raises(UsageError, match="--unlabelled belongs to --as mirrors"):
        prepare(tmp_path, layout="folders", unlabelled=True)
    with pytest.raises(UsageError, match="--as takes auto, pitoti, folders, labelme, coco or mirrors, got 'mirror'"):
        prepare(mirrors, layout="mirror")
