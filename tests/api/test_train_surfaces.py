"""Networks for engravings trained by the function behind the command: any layers, a second network, CPS."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from graven.api.segment import segment
from graven.api.train import Trained, train
from graven.errors import DataError, MismatchError, ScaleError, UsageError
from graven.io.bundle import read_bundle
from graven.io.geotiff import write_float_cog
from graven.synthetic.surface import surface_normals
from graven.types import PixelSize, Window

pytest.importorskip("torch")
pytest.importorskip("lightning")

SIDE = 96
MM = 0.05
LAYERS = {"height": ("height",), "normals": ("x", "y", "z"), "albedo": ("albedo",)}

RECIPE = """
name: grooves
method: engraving
task: {task}
network: {{name: unet, options: {{widths: [4, 8], norm: batch, in_channels: {n_bands}}}}}
loss: pooled_dice
prepare: [{prepare}]
data: {{crop_px: 32, batch_size: 4, items_per_epoch: 40, validation_tile_px: 32, pixel_size_mm: {pixel_size_mm},
        positive_share: 0.9}}
optimiser: {{name: adamw, lr: 0.02}}
hints: {{validation_repeats: 1}}
run: {{max_steps: {steps}, validate_every_steps: {steps}, checkpoint_every_steps: {steps}, precision: fp32, seed: 1,
       collapse_after: 99}}
{more}
"""


def write_recipe(folder: Path, prepare: str, *, n_bands: int, more: str = "", **changes) -> Path:
    path = folder / "recipe.yaml"
    known = {"task": "segment", "steps": 30, "pixel_size_mm": MM, **changes}
    path.write_text(RECIPE.format(prepare=prepare, n_bands=n_bands, more=more, **known))
    return path


def write_surface(folder: Path, name: str, seed: int, *, size_mm: float = MM) -> np.ndarray:
    """Leave a plate with three grooves, dark along them, as graven stereo would; give the drawing."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(3):
        points = rng.integers(4, SIDE - 4, (2, 2))
        cv2.line(drawn, points[0].tolist(), points[1].tolist(), 1, 5)
    cut = cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), 1.5)
    height = 0.002 * rng.standard_normal((SIDE, SIDE)).astype(np.float32) - 0.08 * cut + 3
    layers = {
        "height": height[None],
        "normals": surface_normals(height, size_mm),
        "albedo": (0.5 - 0.2 * cut + 0.02 * rng.standard_normal((SIDE, SIDE)).astype(np.float32))[None],
    }
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for layer, bands in LAYERS.items():
        write_float_cog(
            folder / "images" / f"{name}_{layer}.tif",
            [(Window(0, 0, SIDE, SIDE), layers[layer].astype(np.float32))],
            height=SIDE,
            width=SIDE,
            names=bands,
            pixel_size=PixelSize(size_mm, size_mm, "user"),
        )
    return drawn


@pytest.fixture(scope="module")
def surfaces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three plates to learn from, one to choose by, two without a drawing."""
    folder = tmp_path_factory.mktemp("surfaces")
    sides = {"train": ("a", "b", "c"), "val": ("d",), "unlabelled": ("e", "f")}
    for side, names in sides.items():
        for part in ("masks", "valid"):
            (folder / side / part).mkdir(parents=True)
        for name in names:
            drawn = write_surface(folder / side, name, ord(name))
            if side != "unlabelled":
                cv2.imwrite(str(folder / side / "masks" / f"{name}.png"), drawn * 255)
            cv2.imwrite(str(folder / side / "valid" / f"{name}.png"), np.full((SIDE, SIDE), 255, np.uint8))
    (folder / "unlabelled" / "masks").rmdir()
    return folder


@pytest.fixture(scope="module")
def first(surfaces: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("first")
    return train(write_recipe(folder, "highpass", n_bands=1), data=surfaces, out=folder / "run")


def traced(model: Path, surface: Path, out: Path, drawn: np.ndarray) -> float:
    """Segment a surface and give the IoU with its drawing."""
    segment(surface, model=str(model), out=out, only=("mask",), min_object=0)
    (path,) = out.glob("*_mask.tif")
    found = tifffile.imread(path) == 1
    return float((found & (drawn > 0)).sum() / (found | (drawn > 0)).sum())


def test_heights_are_learned_from_a_folder_and_their_bundle_traces(first: Trained, tmp_path: Path) -> None:
    assert first.score_name == "pfm"
    spec = read_bundle(first.bundle).spec
    assert (spec.method, spec.role, spec.bands) == ("engraving", "segment", ("height",))
    assert [entry.name for entry in spec.classes.classes] == ["engraved"]
    drawn = write_surface(tmp_path, "new", 77)
    assert traced(first.bundle, tmp_path / "images" / "new_height.tif", tmp_path / "out", drawn) > 0.4


@pytest.mark.parametrize(
    ("prepare", "bands"),
    [
        ("normals", ("normal_x", "normal_y", "normal_z")),
        ("highpass, albedo", ("height", "albedo")),
        ("highpass, normals, albedo", ("height", "normal_x", "normal_y", "normal_z", "albedo")),
    ],
)
def test_any_layers_are_learned_and_found_again_by_segment(
    surfaces: Path, tmp_path: Path, prepare: str, bands: tuple[str, ...]
) -> None:
    done = train(write_recipe(tmp_path, prepare, n_bands=len(bands)), data=surfaces, out=tmp_path / "run")
    spec = read_bundle(done.bundle).spec
    assert spec.bands == bands
    assert [step.name for step in spec.prepare] == prepare.split(", ")
    drawn = write_surface(tmp_path, "new", 78)
    given = tmp_path / "images" / f"new_{'normals' if prepare == 'normals' else 'albedo'}.tif"
    assert traced(done.bundle, given, tmp_path / "out", drawn) > 0.4
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    if len(bands) > 3:
        assert {f"new_{layer}.tif" for layer in LAYERS} <= {entry["name"] for entry in told["inputs"]}
        (tmp_path / "images" / "new_normals.tif").unlink()
        with pytest.raises(DataError, match=r"takes height, normals, albedo, but there is no new_normals\.tif"):
            segment(given, model=str(done.bundle), out=tmp_path / "again")


def test_surfaces_come_to_the_grid_of_the_recipe(surfaces: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "highpass", n_bands=1, pixel_size_mm=2 * MM, steps=2)
    train(recipe, data=surfaces, out=tmp_path / "run")
    target = np.load(tmp_path / "run" / "panels" / "train" / "a_target.npy")
    drawn = cv2.imread(str(surfaces / "train" / "masks" / "a.png"), cv2.IMREAD_GRAYSCALE) > 0
    assert target.shape == (SIDE // 2, SIDE // 2)
    blocks = drawn.reshape(SIDE // 2, 2, SIDE // 2, 2)
    assert (target[blocks.all(axis=(1, 3))] == 1).all()
    assert (target[~blocks.any(axis=(1, 3))] == 0).all()


def test_a_second_network_learns_from_the_answers_of_a_bundle(surfaces: Path, first: Trained, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "highpass", n_bands=3, task="refine", steps=4)
    done = train(recipe, data=surfaces, out=tmp_path / "run", first=first.bundle)
    assert done.score_name == "gain"
    spec = read_bundle(done.bundle).spec
    assert (spec.role, spec.bands) == ("refine", ("height", "logit", "hint"))
    assert spec.normalisation.std[1:] == (1.0, 1.0)
    told = json.loads((done.path / "run.json").read_text())
    assert {"name": "grooves", "role": "first", "sha256": read_bundle(first.bundle).spec.sha256} in told["inputs"]


def test_two_networks_learn_from_surfaces_without_a_drawing(surfaces: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "highpass", n_bands=1, more="cps: {weight: 1.0}\nmix: {cutmix: 0.3, mixup: 0.3}")
    done = train(recipe, data=surfaces, out=tmp_path / "run")
    index = json.loads((done.path / "panels" / "unlabelled" / "index.json").read_text())
    assert [panel["name"] for panel in index["panels"]] == ["e", "f"]
    spec = read_bundle(done.bundle).spec
    assert spec.network == "twins"
    drawn = write_surface(tmp_path, "new", 79)
    assert traced(done.bundle, tmp_path / "images" / "new_height.tif", tmp_path / "out", drawn) > 0.3


def test_what_does_not_fit_together_is_said_before_anything_is_prepared(
    surfaces: Path, first: Trained, tmp_path: Path
) -> None:
    all_layers = "highpass, normals, albedo"
    for error, words, prepare, n_bands, changes, options in (
        (DataError, "makes 5 bands .* but the network takes 3", all_layers, 3, {}, {}),
        (UsageError, "give its bundle with --first", "highpass", 3, {"task": "refine"}, {}),
        (UsageError, "--first is for recipes that refine", "highpass", 1, {}, {"first": "x"}),
        (MismatchError, "is prepared by normals", "normals", 5, {"task": "refine"}, {"first": first.bundle}),
        (UsageError, "give them with --data", "highpass", 1, {"more": "cps: {}"}, {"data": None}),
        (UsageError, "come with their height alone", "normals", 3, {}, {"data": None}),
    ):
        recipe = write_recipe(tmp_path, prepare, n_bands=n_bands, **changes)
        with pytest.raises(error, match=words):
            train(recipe, **{"data": surfaces, "out": tmp_path / "run", **options})
        assert not list(tmp_path.glob("run*"))


def test_a_surface_without_a_scale_is_refused(tmp_path: Path) -> None:
    for side in ("train", "val"):
        for part in ("images", "masks"):
            (tmp_path / side / part).mkdir(parents=True)
        name = side[0]
        tifffile.imwrite(tmp_path / side / "images" / f"{name}_height.tif", np.zeros((40, 40), np.float32))
        cv2.imwrite(str(tmp_path / side / "masks" / f"{name}.png"), np.zeros((40, 40), np.uint8))
    with pytest.raises(ScaleError, match="no scale is known"):
        train(write_recipe(tmp_path, "highpass", n_bands=1), data=tmp_path, out=tmp_path / "run")
