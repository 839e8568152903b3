"""Several classes that exclude each other: trained, frozen in part at first, judged and exported."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn

from graven.errors import UsageError
from graven.losses import build_loss
from graven.predict.classes import class_map
from graven.train.dataset import CropSource, validation_tiles
from graven.train.export import export_onnx
from graven.train.loop import FitResult, fit
from graven.train.panels import Panel
from graven.train.recipe import Freeze, Recipe, recipe_from_text, recipe_hash
from graven.train.run import build_task
from graven.train.task import ClassTask, Standardised, collate

RECIPE = """
name: colours
method: condition
task: classes
network: unet
loss: {name: ce}
data: {crop_px: 32, batch_size: 4, items_per_epoch: 20, validation_tile_px: 64, validation_batch_size: 2}
augment: {flips: true}
optimiser: {name: adam, lr: 2.0e-2}
run: {max_steps: 40, validate_every_steps: 20, checkpoint_every_steps: 5, precision: fp32}
"""


class Net(nn.Module):
    """An encoder with statistics of its own, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.encoder(image))
        return found


def panel(seed: int) -> Panel:
    """Red squares are class 1, blue ones class 2, and a strip belongs to nobody."""
    rng = np.random.default_rng(seed)
    image = rng.integers(90, 110, (3, 96, 96)).astype(np.uint8)
    target = np.zeros((96, 96), np.uint8)
    for number in (1, 2) * 4:
        row, col = rng.integers(0, 76, 2)
        target[row : row + 20, col : col + 20] = number
    image[0, target == 1] += 60
    image[2, target == 2] += 60
    valid = np.ones((96, 96), bool)
    valid[:8] = False
    return Panel(str(seed), str(seed), image, target, valid)


def run(recipe: Recipe, out: Path, net: nn.Module | None = None, **options: Any) -> tuple[Standardised, FitResult]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = net or Net()
    model = Standardised(net, mean=[100.0] * 3, std=[20.0] * 3, is_exclusive=True)
    source = CropSource((panel(1), panel(2)), crop_px=recipe.data.crop_px, augment=recipe.augment, seed=0)
    tiles = validation_tiles([panel(9)], tile_px=64)
    settings = {"data_sha256": "d", "accelerator": "cpu", "pictures": False, **options}
    return model, fit(recipe, model, build_task(recipe), source, tiles, out, **settings)


@pytest.fixture
def recipe() -> Recipe:
    return recipe_from_text(RECIPE)


def test_three_colours_are_learnt_and_every_class_has_its_score(recipe: Recipe, tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    run(recipe, tmp_path, event=lambda kind, **facts: heard.append({"kind": kind, **facts}))
    scores = [facts for facts in heard if facts["kind"] == "validation"][-1]
    assert scores["miou"] > 0.9
    assert min(scores[f"iou_{number}"] for number in range(3)) > 0.85


def test_what_the_network_answers_is_what_is_left_of_the_background() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.15, 0.75], [0.4, 0.4, 0.2]])).T[None, :, None]
    model = Standardised(nn.Identity(), mean=[0.0], std=[1.0], is_exclusive=True)
    probs = model.probabilities(logits).numpy()
    assert probs.shape == (1, 2, 1, 3)
    np.testing.assert_allclose(probs[0, :, 0].T, [[0.3, 0.2], [0.15, 0.75], [0.4, 0.2]], atol=1e-6)
    assert class_map(probs)[0, 0].tolist()[:2] == [0, 2]


def test_pixels_that_belong_to_nobody_are_judged_nowhere() -> None:
    sample = validation_tiles([panel(4)], tile_px=96)[0]
    batch = collate([sample])
    probs = np.stack([sample.target == 1, sample.target == 2]).astype(np.float32)[None]
    probs[:, :, :8] = 0.4
    task = ClassTask(build_loss("ce"))
    rows = task.judge(probs, batch)
    assert rows.shape == (1, 9)
    assert rows.sum() == 88 * 96
    assert task.scores(rows)["miou"] == 1.0


def test_a_frozen_encoder_stays_as_it_is_and_is_then_let_go(recipe: Recipe, tmp_path: Path) -> None:
    def encoder(model: Standardised) -> dict[str, torch.Tensor]:
        return {name: tensor.clone() for name, tensor in model.net.encoder.state_dict().items()}

    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = Standardised(Net(), mean=[0.0] * 3, std=[1.0] * 3)
    held = dataclasses.replace(recipe, freeze=Freeze("encoder", epochs=2))
    short = dataclasses.replace(held, run=dataclasses.replace(held.run, max_steps=10))
    model, _ = run(short, tmp_path / "held")
    assert all(torch.equal(tensor, encoder(first)[name]) for name, tensor in encoder(model).items())
    assert not torch.equal(model.net.head.weight, first.net.head.weight)
    model, _ = run(held, tmp_path / "let_go")
    assert not any(torch.equal(tensor, encoder(first)[name]) for name, tensor in encoder(model).items())


def test_a_run_that_is_resumed_while_frozen_ends_as_an_undisturbed_one(recipe: Recipe, tmp_path: Path) -> None:
    held = dataclasses.replace(recipe, freeze=Freeze("encoder", epochs=2))

    class Stop(Exception):
        pass

    def stop(kind: str, **facts: Any) -> None:
        if (kind, facts["step"]) == ("checkpoint", 5):
            raise Stop

    _, whole = run(held, tmp_path / "whole")
    with pytest.raises(Stop):
        run(held, tmp_path / "cut", event=stop)
    _, resumed = run(held, tmp_path / "cut", resume=True)
    assert resumed.weights_sha256 == whole.weights_sha256


def test_a_part_that_is_not_there_is_named(recipe: Recipe, tmp_path: Path) -> None:
    held = dataclasses.replace(recipe, freeze=Freeze("trunk", epochs=1))
    with pytest.raises(UsageError, match=r"'trunk' is no part of Net; its parts are encoder, head"):
        run(held, tmp_path)


def test_a_recipe_without_freezing_keeps_its_hash(recipe: Recipe) -> None:
    assert recipe_hash(recipe) == recipe_hash(dataclasses.replace(recipe, freeze=Freeze("other", epochs=0)))
    assert recipe_hash(recipe) != recipe_hash(dataclasses.replace(recipe, freeze=Freeze(epochs=1)))


def test_the_exported_graph_answers_with_the_classes_without_background(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = Standardised(Net(), mean=[100.0] * 3, std=[20.0] * 3, is_exclusive=True).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 32, 32), np.uint8)
    export = export_onnx(model, tmp_path / "model.onnx", check_input=pixels)
    answer = ReferenceEvaluator(onnx.load(export.path)).run(None, {"image": pixels.astype(np.float32)})[0]
    assert answer.shape == (1, 2, 32, 32)
    expected = torch.softmax(model(torch.from_numpy(pixels).float()), dim=1)[:, 1:].detach().numpy()
    np.testing.assert_allclose(answer, expected, atol=2e-3)
