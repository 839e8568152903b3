"""Normals turn with their crop: what is augmented is what a turned surface would show."""

from __future__ import annotations

import numpy as np
import pytest

from graven.synthetic.surface import surface_normals
from graven.train.augment import Augment, flip_and_turn, turn_normals
from graven.train.dataset import CropSource
from graven.train.panels import Panel

SIDE = 40


def as_bytes(height: np.ndarray) -> np.ndarray:
    return (surface_normals(height, 1.0) + 1) * np.float32(127.5)


@pytest.fixture(scope="module")
def height() -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.cumsum(np.cumsum(rng.normal(0, 0.05, (SIDE, SIDE)), axis=0), axis=1).astype(np.float32)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_turned_normals_are_those_of_the_turned_surface(height: np.ndarray, flip: bool, quarter_turns: int) -> None:
    moved_height, moved = flip_and_turn((height, as_bytes(height)), flip=flip, quarter_turns=quarter_turns)
    got = turn_normals(moved, flip=flip, quarter_turns=quarter_turns)
    np.testing.assert_allclose(got[:, 1:-1, 1:-1], as_bytes(moved_height)[:, 1:-1, 1:-1], atol=1e-3)


def surface_panel(height: np.ndarray) -> Panel:
    level = np.clip(128 + 20 * height, 0, 255)
    image = np.rint(np.concatenate([level[None], as_bytes(height), level[None]])).astype(np.uint8)
    return Panel("p", "p", image, np.zeros((SIDE, SIDE), np.uint8))


def test_crops_keep_height_and_normals_together(height: np.ndarray) -> None:
    """Of every crop, the slope of the height band has the sign of the normals."""
    smooth = height * 0 + np.linspace(0, 3, SIDE, dtype=np.float32)  # rises to the right
    panel = surface_panel(smooth)
    source = CropSource((panel,), crop_px=16, augment=Augment(flips=True, turns=True), seed=0, normals=1)
    seen = set()
    for index in range(40):
        image = source.crop(epoch=0, index=index, panel=0).image
        right = np.sign(np.diff(image[0], axis=1).mean())
        up = np.sign(-np.diff(image[0], axis=0).mean())
        towards = np.sign(np.round(127.5 - image[1:3].mean(axis=(1, 2))))
        assert towards.tolist() == [right, up]
        seen.add((right, up))
    assert len(seen) == 4


def test_light_changes_all_bands_but_the_normals(height: np.ndarray) -> None:
    panel = surface_panel(height)
    still = {"flips": False, "turns": False}
    plain = CropSource((panel,), crop_px=SIDE, augment=Augment(**still), seed=1, normals=1)
    changes = Augment(**still, brightness=20, contrast=0.5, noise=9, inversion=1.0)
    lit = CropSource((panel,), crop_px=SIDE, augment=changes, seed=1, normals=1)
    one, other = (source.crop(epoch=0, index=3, panel=0).image for source in (plain, lit))
    np.testing.assert_array_equal(one[1:4], other[1:4])
    assert (np.abs(one[[0, 4]] - other[[0, 4]]).mean(axis=(1, 2)) > 5).all()


def test_normals_alone_need_no_other_band(height: np.ndarray) -> None:
    panel = surface_panel(height)
    alone = Panel("p", "p", panel.image[1:4], panel.target)
    source = CropSource((alone,), crop_px=16, augment=Augment(noise=9), seed=0, normals=0)
    assert source.crop(epoch=0, index=0, panel=0).image.shape == (3, 16, 16)
