"""Lines and their refinement: the pseudo-F-measure chooses weights, strokes repeat, and a stroke helps."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graven.errors import InputError
from graven.metrics import pseudo_fmeasure
from graven.refine.strokes_stats import OFFICIAL_STROKES, StrokeStatistics
from graven.train.dataset import repeated, validation_tiles
from graven.train.panels import Panel
from graven.train.recipe import (
    Data,
    Hints,
    Named,
    Optimiser,
    Recipe,
    Run,
    Schedule,
    recipe_from_text,
    recipe_hash,
    recipe_to_text,
)
from graven.train.refine_task import RefineTask, standardised_for_refining
from graven.train.run import build_model, build_task, train
from graven.train.task import Batch, Standardised, collate

SIDE_PX = 96


def lines(name: str, seed: int) -> Panel:
    """Six dark lines on noise, of which half are so faint that a threshold misses them."""
    rng = np.random.default_rng(seed)
    target = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    image = rng.normal(150, 4, (SIDE_PX, SIDE_PX))
    for k in range(6):
        ends = rng.integers(4, SIDE_PX - 4, 4).tolist()
        line = np.zeros_like(target)
        cv2.line(line, ends[:2], ends[2:], 1, thickness=3)
        target |= line
        image -= line * (60 if k % 2 else 9)
    return Panel(name, name, np.clip(image, 0, 255).astype(np.uint8)[None], target)


class Threshold(nn.Module):
    """A first network that sees plain lines alone: its logit rises as the picture gets darker."""

    def forward(self, x: Tensor) -> Tensor:
        return (120.0 - x) / 10.0


@pytest.fixture
def first() -> Standardised:
    return Standardised(Threshold(), mean=[0.0], std=[1.0])


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(
        name="tiny-refine",
        method="engraving",
        task="refine",
        network=Named("unet", {"in_channels": 3, "widths": [8, 16], "norm": "batch"}),
        loss=Named("pooled_dice"),
        data=Data(crop_px=64, batch_size=4, items_per_epoch=40, validation_tile_px=96, positive_share=0.9),
        optimiser=Optimiser(name="adamw", lr=1e-2, clip_norm=2.0),
        schedule=Schedule("cosine", options={"warmup": 3}),
        hints=Hints(order="path", validation_repeats=2),
        run=Run(max_steps=40, validate_every_steps=20, precision="fp32"),
    )


def tiles(n: int = 1) -> Batch:
    return collate(repeated(validation_tiles([lines("v", 5), lines("w", 6)], tile_px=SIDE_PX), n=n))


def test_the_score_of_lines_is_the_pseudo_f_measure_of_pooled_counts(recipe: Recipe) -> None:
    task = build_task(dataclasses.replace(recipe, task="segment"))
    batch = tiles()
    probs = torch.rand(batch.target.shape, generator=torch.Generator().manual_seed(0)).numpy()
    alone = [task.scores(task.judge(probs[k : k + 1], _part(batch, k)))["pfm"] for k in range(2)]
    masks = [(probs[k, 0] >= 0.5, batch.target[k, 0].numpy() > 0) for k in range(2)]
    assert alone == pytest.approx([pseudo_fmeasure(*pair) for pair in masks])
    assert min(alone) < task.scores(task.judge(probs, batch))["pfm"] < max(alone)


def _part(batch: Batch, k: int) -> Batch:
    part = slice(k, k + 1)
    return Batch(batch.image[part], batch.target[part], batch.valid[part], batch.origins[part])


def test_strokes_depend_on_the_sample_alone_and_repeats_differ(recipe: Recipe, first: Standardised) -> None:
    task = build_task(recipe, first=first)
    assert isinstance(task, RefineTask)
    batch = tiles(n=6)
    (logits, hints), (_, again) = task.interaction(batch), task.interaction(batch)
    np.testing.assert_array_equal(hints, again)
    _, alone = task.interaction(_part(batch, 3))
    np.testing.assert_array_equal(hints[3:4], alone)
    assert not logits.requires_grad
    assert all(np.any(one) for one in hints)
    assert len({one.tobytes() for one in hints[::2]}) > 1  # the same tile six times
    wrong = (logits[:, 0].numpy() >= 0) != (batch.target[:, 0].numpy() > 0)
    assert all(np.any(error & (one != 0)) for error, one in zip(wrong, hints, strict=True))


@pytest.mark.parametrize(("inputs", "blank"), [("initial", 2), ("hints", 1)])
def test_what_is_left_out_is_zero(recipe: Recipe, first: Standardised, inputs: Any, blank: int) -> None:
    seen: list[Tensor] = []

    class Spy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return x[:, :1]

    chosen = dataclasses.replace(recipe, hints=Hints(inputs=inputs))
    mean, std = standardised_for_refining(140.0, 20.0)
    build_task(chosen, first=first).outputs(Standardised(Spy(), mean=mean, std=std), tiles())
    assert [bool(seen[0][:, k].any()) for k in range(3)] == [k != blank for k in range(3)]


def test_a_network_learns_to_go_beyond_the_stroke(recipe: Recipe, first: Standardised, tmp_path: Path) -> None:
    panels, held_out = [lines(name, seed) for seed, name in enumerate("abc")], [lines("v", 5), lines("w", 6)]
    mean, std = standardised_for_refining(140.0, 20.0)
    before = {name: tensor.clone() for name, tensor in first.state_dict().items()}
    options: dict[str, Any] = {"mean": mean, "std": std, "accelerator": "cpu", "first": first}
    _, result = train(recipe, panels, held_out, tmp_path / "whole", **options)
    assert result.best_score > 1.2  # pseudo-F-measure over that of first answer and stroke alone
    assert all(torch.equal(before[name], tensor) for name, tensor in first.state_dict().items())


def test_without_a_first_network_there_is_nothing_to_refine(recipe: Recipe) -> None:
    with pytest.raises(InputError, match="give it first"):
        build_task(recipe)
    assert build_model(recipe, mean=(0.0,) * 3, std=(1.0,) * 3).mean.numel() == 3


def test_strokes_are_as_wide_as_the_recipe_says_and_its_hash_tells(recipe: Recipe, first: Standardised) -> None:
    narrow = StrokeStatistics(shape=4.3, loc=0.7, scale=0.45)
    assert (narrow.n_thin, OFFICIAL_STROKES.n_thin) == (1, 3)
    other = dataclasses.replace(recipe, hints=dataclasses.replace(recipe.hints, statistics=narrow))
    drawn = []
    for each in (recipe, other):
        task = build_task(each, first=first)
        assert isinstance(task, RefineTask)
        drawn.append(np.count_nonzero(task.interaction(tiles())[1]))
    assert drawn[1] < 0.6 * drawn[0]
    assert recipe_from_text(recipe_to_text(other)) == other
    assert recipe_hash(other) != recipe_hash(recipe)


def test_truth_of_a_network_trained_in_half_precision_is_understood(recipe: Recipe, first: Standardised) -> None:
    task = build_task(recipe, first=first)
    assert isinstance(task, RefineTask)
    batch = tiles()
    half = Batch(batch.image, batch.target.bfloat16(), batch.valid, batch.origins)
    np.testing.assert_array_equal(task.interaction(half)[1], task.interaction(batch)[1])
