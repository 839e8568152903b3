"""From a recipe and stored panels to weights, through the public function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from graven.errors import InputError
from graven.train.checkpoint import load_tensors
from graven.train.dataset import validation_tiles
from graven.train.panels import Panel, band_statistics, write_store
from graven.train.recipe import Recipe
from graven.train.run import build_model, train
from graven.train.validate import predict_samples


def test_weights_of_the_best_validation_give_its_score_again(
    recipe: Recipe, train_panels: tuple[Panel, ...], val_panels: tuple[Panel, ...], tmp_path: Path
) -> None:
    """A store on disk trains like panels in memory, and the saved weights answer as they did when they were judged."""
    store = write_store(
        tmp_path / "store",
        [(p.name, p.group, lambda p=p: (p.image, p.target > 0, None)) for p in train_panels],
        origin={"made": "by hand"},
    )
    mean, std = band_statistics(store.open())
    hashes = set()
    for name, panels in (("stored", store.open()), ("memory", train_panels)):
        _, result = train(
            recipe, panels, val_panels, tmp_path / name, mean=mean, std=std, accelerator="cpu", pictures=False
        )
        hashes.add(result.weights_sha256)
    assert len(hashes) == 1
    model = build_model(recipe, mean=mean, std=std)
    tensors, facts = load_tensors(result.best_path)
    model.load_state_dict(tensors)
    tiles = validation_tiles(val_panels, tile_px=recipe.data.validation_tile_px)
    probs = predict_samples(model, tiles, batch_size=3, channels_last=False)[:, 0]
    target = torch.stack([torch.from_numpy(tile.target) for tile in tiles]).numpy() > 0
    preds = probs >= 0.5
    ious = [(p & t).sum() / (p | t).sum() for p, t in ((preds, target), (~preds, ~target))]
    assert facts["scores"]["miou"] == pytest.approx(sum(ious) / 2, abs=2e-4)


def test_a_panel_on_both_sides_is_refused(recipe: Recipe, train_panels: tuple[Panel, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the group 'a' is in training and validation; split by panel or site"):
        train(recipe, train_panels, train_panels[:1], tmp_path, mean=[0.0] * 3, std=[1.0] * 3)
    assert list(tmp_path.iterdir()) == []


def test_training_needs_no_more_than_it_says() -> None:
    """A training job runs on a machine without GDAL, shapely, pydantic, ONNX or OpenVINO."""
    absent = ["rasterio", "shapely", "pydantic", "onnx", "openvino", "segmentation_models_pytorch", "geopandas"]
    code = (
        "import sys\n"
        f"for name in {absent}: sys.modules[name] = None\n"
        "import graven.train.run, graven.train.export, graven.train.recipe, graven.synthetic\n"
        "graven.train.recipe.read_recipe('petroglyph-segment')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
