"""Small panels and recipes on which training takes seconds."""

from __future__ import annotations

import numpy as np
import pytest

from graven.train.augment import Augment
from graven.train.panels import Panel
from graven.train.recipe import Data, Named, Optimiser, Recipe, Run, Schedule


def make_panel(name: str, *, side_px: int = 96, seed: int = 0, n_bands: int = 3) -> Panel:
    """Bright discs on dark noise, learnable by a few convolutions."""
    rng = np.random.default_rng((seed, *name.encode()))
    rows, cols = np.mgrid[:side_px, :side_px]
    target = np.zeros((side_px, side_px), bool)
    for _ in range(4):
        row, col, radius = [*rng.uniform(0, side_px, 2).tolist(), rng.uniform(6, 14)]
        target |= (rows - row) ** 2 + (cols - col) ** 2 < radius**2
    image = rng.normal(90, 12, (n_bands, side_px, side_px)) + 60 * target
    return Panel(name, name, np.clip(image, 0, 255).astype(np.uint8), target.astype(np.uint8))


@pytest.fixture(scope="session")
def train_panels() -> tuple[Panel, ...]:
    return tuple(make_panel(name) for name in ("a", "b", "c"))


@pytest.fixture(scope="session")
def val_panels() -> tuple[Panel, ...]:
    return (make_panel("v"), make_panel("w"))


@pytest.fixture
def recipe() -> Recipe:
    """A small U-Net on 32 px crops for 14 steps."""
    return Recipe(
        name="tiny",
        method="petroglyph",
        network=Named("unet", {"widths": [4, 8], "norm": "batch"}),
        loss=Named("begl"),
        data=Data(
            crop_px=32, batch_size=4, items_per_epoch=22, validation_tile_px=48, positive_share=0.7, loader_threads=2
        ),
        augment=Augment(scale=0.2, brightness=10, contrast=0.2, colour=0.1, blur_sigma_px=0.8, noise=4),
        optimiser=Optimiser(name="adamw", lr=1e-2, weight_decay=0.01, clip_norm=5.0, ema_decay=0.9),
        schedule=Schedule("cosine", options={"warmup": 3}),
        run=Run(max_steps=14, validate_every_steps=7, checkpoint_every_steps=4, precision="fp32"),
    )
