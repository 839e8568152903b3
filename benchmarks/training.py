"""A training step of graven beside that of a plain script: float32, no memory format, crops already in memory."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.panel import grow_cells
from graven.train.dataset import CropSource
from graven.train.loader import batches
from graven.train.panels import Panel
from graven.train.recipe import Named, Recipe, Run, read_recipe
from graven.train.run import build_model, build_task, train
from graven.train.sampler import BalancedSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["training_rows"]

MEAN, STD = (128.0,) * 3, (50.0,) * 3
N_PANELS, N_STEPS = 4, 10
RECIPES: dict[str, Callable[[Recipe], Recipe]] = {
    "compact U-Net as bundled": lambda recipe: recipe,
    "ResNet-50 U-Net": lambda recipe: replace(
        recipe,
        network=Named("timm_unet", {"encoder": "resnet50", "decoder_widths": [256, 128, 64, 32, 16]}),
        data=replace(recipe.data, crop_px=256),
    ),
}
"""Networks, as changes of the recipe ``petroglyph-segment``."""


def training_rows(folder: Path, *, n: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Time training steps, ours and those of a plain script in turn.

    Parameters
    ----------
    folder : Path
        For the surfaces to learn from.
    n : int
        Rounds.
    say : callable
        Hears what goes on.

    Returns
    -------
    list of dict
        One row per network, round and trainer: ``step_s``, and for ours ``waiting_share``, the part of a step that is
        spent waiting for crops.
    """
    panels = [
        Panel(str(number), str(number), image, mask)
        for number, (image, mask) in enumerate(grow_cells(folder / "cells")[: N_PANELS + 1])
    ]
    found = []
    for network, change in RECIPES.items():
        recipe = change(read_recipe("petroglyph-segment"))
        recipe = replace(recipe, run=Run(max_steps=N_STEPS, validate_every_steps=N_STEPS, collapse_after=99))
        for number in range(n):
            turns = [("graven", _ours), ("plain", _plain)]
            for trainer, run in turns[number % 2 :] + turns[: number % 2]:
                found.append({"network": network, "round": number, "trainer": trainer, **run(recipe, panels)})
        say(f"training: {network}")
    return found


def _ours(recipe: Recipe, panels: Sequence[Panel]) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        _, result = train(recipe, panels[1:], panels[:1], Path(folder) / "run", mean=MEAN, std=STD, pictures=False)
    return {"step_s": recipe.data.batch_size / result.images_per_s, "waiting_share": result.waiting_share}


def _plain(recipe: Recipe, panels: Sequence[Panel]) -> dict[str, float]:
    """Train as scripts do: Adam on float32, one call after the other."""
    data = recipe.data
    source = CropSource(tuple(panels[1:]), crop_px=data.crop_px, augment=recipe.augment, seed=0)
    sampler = BalancedSampler(source.groups, data.items_per_epoch, data.batch_size, 0)
    feed = batches(source, sampler, first_step=0, n_threads=1)
    ready = [next(feed)[2] for _ in range(N_STEPS)]
    feed.close()
    model, task = build_model(recipe, mean=MEAN, std=STD).train(), build_task(recipe)
    optimiser = torch.optim.Adam(model.parameters(), lr=recipe.optimiser.lr)
    start = time.perf_counter()
    for batch in ready:
        loss, _ = task.outputs(model, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if not np.isfinite(float(loss.detach())):
            raise RuntimeError("the loss of the plain script is no number")
    return {"step_s": (time.perf_counter() - start) / N_STEPS}
