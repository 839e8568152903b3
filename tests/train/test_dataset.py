"""Crops and tiles: pure functions of their place, cut by hand, mirrored as stated, balanced as asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graven.errors import InputError
from graven.train.augment import Augment, flip_and_turn, relight
from graven.train.dataset import CropSource, cut, validation_tiles
from graven.train.panels import Panel

STILL = Augment(flips=False, turns=False)


def numbered(height: int, width: int) -> Panel:
    """Panel whose pixel values tell where they come from."""
    image = (np.arange(height * width) % 251).astype(np.uint8).reshape(1, height, width)
    return Panel("n", "n", image, (image[0] % 2).astype(np.uint8))


def test_a_window_inside_is_the_slice() -> None:
    panel = numbered(10, 12)
    image, target, valid = cut(panel, 2, 3, 5)
    assert np.array_equal(image, panel.image[:, 2:7, 3:8])
    assert np.array_equal(target, panel.target[2:7, 3:8])
    assert valid.all()


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    row=st.integers(-12, 12),
    col=st.integers(-12, 12),
    size=st.integers(1, 20),
)
def test_beyond_the_border_a_window_is_numpys_reflection(
    height: int, width: int, row: int, col: int, size: int
) -> None:
    panel = numbered(height, width)
    image, target, valid = cut(panel, row, col, size)
    pad = 40
    reflected = np.pad(panel.image[0], pad, mode="reflect")
    inside = np.pad(np.ones((height, width), bool), pad)
    window = (slice(row + pad, row + pad + size), slice(col + pad, col + pad + size))
    assert np.array_equal(image[0], reflected[window])
    assert np.array_equal(valid, inside[window])
    assert np.array_equal(target, (reflected % 2 * inside)[window])


def test_a_crop_is_a_function_of_seed_epoch_index_and_panel(train_panels: tuple[Panel, ...]) -> None:
    augment = Augment(scale=0.3, brightness=20, contrast=0.3, colour=0.1, blur_sigma_px=1.0, noise=5)
    source = CropSource(train_panels, crop_px=32, augment=augment, seed=5, positive_share=0.5)
    again = CropSource(train_panels, crop_px=32, augment=augment, seed=5, positive_share=0.5)
    first = source.crop(epoch=1, index=7, panel=2)
    source.crop(epoch=0, index=0, panel=0)
    second = again.crop(epoch=1, index=7, panel=2)
    assert np.array_equal(first.image, second.image)
    assert first.origin == second.origin
    others = [
        source.crop(epoch=0, index=7, panel=2),
        source.crop(epoch=1, index=8, panel=2),
        dataclasses.replace(source, seed=6).crop(epoch=1, index=7, panel=2),
    ]
    assert not any(np.array_equal(first.image, other.image) for other in others)


def test_without_changes_a_crop_is_a_piece_of_its_panel(train_panels: tuple[Panel, ...]) -> None:
    source = CropSource(train_panels, crop_px=24, augment=STILL, seed=0)
    for index in range(20):
        sample = source.crop(epoch=0, index=index, panel=index % 3)
        name, place = sample.origin.rstrip("]").split("[")
        row, col = map(int, place.split(","))
        panel = train_panels["abc".index(name)]
        assert np.array_equal(sample.image, panel.image[:, row : row + 24, col : col + 24])
        assert np.array_equal(sample.target, panel.target[row : row + 24, col : col + 24])


def test_the_share_of_positive_crops_is_as_asked() -> None:
    target = np.zeros((256, 256), np.uint8)
    target[100:104, 60:64] = 1
    panel = Panel("p", "p", np.zeros((3, 256, 256), np.uint8), target)
    for share in (0.0, 0.5, 1.0):
        source = CropSource((panel,), crop_px=40, augment=STILL, seed=1, positive_share=share, empty_negatives=True)
        near = [source.crop(epoch=0, index=i, panel=0).origin for i in range(200)]
        rows, cols = np.array([[int(v) for v in origin[2:-1].split(",")] for origin in near]).T
        # crops around the spot begin within one crop (40 px) and one cell (32 px) of it
        around = (rows > 56) & (rows < 128) & (cols > -8) & (cols < 96)
        filled = np.array([source.crop(epoch=0, index=i, panel=0).target.any() for i in range(200)])
        assert around[filled].all()
        # a spot is drawn within its cell of 32 px, so some crops of a positive draw miss the 4 px mark itself
        assert filled.mean() <= share + 1e-9 if share < 1 else filled.mean() > 0.5


def test_a_panel_smaller_than_the_crop_is_centred_and_mirrored() -> None:
    source = CropSource((numbered(10, 50),), crop_px=20, augment=STILL, seed=0, positive_share=1.0)
    sample = source.crop(epoch=0, index=0, panel=0)
    assert sample.image.shape == (1, 20, 20)
    assert sample.valid.any(axis=1).tolist() == [False] * 5 + [True] * 10 + [False] * 5


def test_scale_jitter_keeps_truth_on_its_pixels() -> None:
    """The resampled mask stays where the resampled image is bright."""
    mask = np.zeros((128, 128), bool)
    mask[40:90, 30:100] = True
    panel = Panel("p", "p", np.repeat(np.where(mask, 200, 20).astype(np.uint8)[None], 3, 0), mask)
    source = CropSource((panel,), crop_px=64, augment=Augment(scale=0.5), seed=2, positive_share=1.0)
    sizes = set()
    for index in range(30):
        sample = source.crop(epoch=0, index=index, panel=0)
        bright = sample.image[0] > 110
        inner = cv2.erode(sample.target, np.ones((5, 5), np.uint8)) > 0
        outer = cv2.dilate(sample.target, np.ones((5, 5), np.uint8)) > 0
        assert bright[inner].all()
        assert not bright[~outer].any()
        sizes.add(int(sample.target.sum()))
    assert len(sizes) > 5


@given(flip=st.booleans(), turns=st.integers(0, 3))
def test_geometry_acts_alike_on_image_and_masks(flip: bool, turns: int) -> None:
    grid = np.arange(12).reshape(3, 4)
    image, mask = flip_and_turn((np.stack([grid, grid + 100]), grid), flip=flip, quarter_turns=turns)
    assert np.array_equal(image[0], mask)
    assert np.array_equal(image[1], mask + 100)
    back = np.rot90(mask, -turns)
    assert np.array_equal(back[:, ::-1] if flip else back, grid)


def test_light_by_hand() -> None:
    """One draw of each, reproduced with the same generator: contrast about the mean, then gains, then the offset."""
    image = np.array([[[80.0, 120.0]], [[80.0, 120.0]], [[80.0, 120.0]]], np.float32)
    augment = Augment(brightness=10, contrast=0.5, colour=0.2)
    rng = np.random.default_rng(4)
    offset, spread = rng.uniform(-1, 1, 2)
    gains = rng.uniform(-1, 1, 3)
    expected = ((image - 100) * (1 + 0.5 * spread) + 100) * (1 + 0.2 * gains)[:, None, None] + 10 * offset
    found = relight(image.copy(), augment, np.random.default_rng(4))
    assert np.allclose(found, np.clip(expected, 0, 255), atol=1e-3)


def test_no_light_change_leaves_the_image() -> None:
    image = np.random.default_rng(0).uniform(0, 255, (3, 8, 8)).astype(np.float32)
    assert np.array_equal(relight(image.copy(), STILL, np.random.default_rng(1)), image)


@given(height=st.integers(1, 40), width=st.integers(1, 40), tile=st.integers(1, 17))
def test_tiles_cover_every_pixel_once(height: int, width: int, tile: int) -> None:
    panel = numbered(height, width)
    tiles = validation_tiles([panel], tile_px=tile)
    assert sum(int(sample.valid.sum()) for sample in tiles) == height * width
    assert sum(int(sample.target.sum()) for sample in tiles) == int(panel.target.sum())


def test_overlapping_tiles_end_at_the_border() -> None:
    origins = [sample.origin for sample in validation_tiles([numbered(100, 64)], tile_px=64, stride_px=32)]
    assert origins == ["n[0,0]", "n[32,0]", "n[64,0]"]


def test_tiles_without_a_valid_pixel_are_left_out() -> None:
    panel = numbered(8, 8)
    valid = np.zeros((8, 8), bool)
    valid[5, 5] = True
    tiles = validation_tiles([dataclasses.replace(panel, valid=valid)], tile_px=4)
    assert [sample.origin for sample in tiles] == ["n[4,4]"]
    assert len(validation_tiles([panel], tile_px=2, max_per_panel=5)) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"panels": ()}, "at least one panel, got none"),
        ({"crop_px": 4}, "crop_px must be at least 8, got 4"),
        ({"positive_share": 1.5}, "positive_share must lie between 0 and 1, got 1.5"),
    ],
)
def test_impossible_crops_are_refused(options: dict[str, object], message: str) -> None:
    known = {"panels": (numbered(9, 9),), "crop_px": 8, "augment": STILL, "seed": 0}
    with pytest.raises(InputError, match=message):
        CropSource(**(known | options))  # type: ignore[arg-type]  # the names are known ones


@pytest.mark.parametrize(("name", "value"), [("scale", 1.5), ("brightness", -1), ("contrast", 2), ("noise", -0.1)])
def test_impossible_changes_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"augment.{name} must"):
        Augment(**{name: value})  # type: ignore[arg-type]  # the name is one of four


LATER_ONES = [
    {"inversion": 1.0},
    {"sharpening": 1.0},
    {"hue_deg": 90.0},
    {"saturation": 0.5},
    {"value": 0.3},
]


@pytest.mark.parametrize("option", LATER_ONES)
def test_later_changes_of_light_leave_every_other_draw(
    train_panels: tuple[Panel, ...], option: dict[str, float]
) -> None:
    plain = CropSource(train_panels, crop_px=32, augment=Augment(scale=0.3, contrast=0.3, noise=5), seed=5)
    more = dataclasses.replace(plain, augment=dataclasses.replace(plain.augment, **option))
    pairs = [[source.crop(epoch=0, index=i, panel=0) for i in range(12)] for source in (plain, more)]
    changed = 0
    for before, after in zip(*pairs, strict=True):
        assert before.origin == after.origin
        assert np.array_equal(before.target, after.target)
        assert np.array_equal(before.valid, after.valid)
        assert 0 <= after.image.min() <= after.image.max() <= 255
        changed += not np.array_equal(before.image, after.image)
        if "inversion" in option:
            assert np.array_equal(after.image, 255 - before.image)
    assert changed > 3


@pytest.mark.parametrize("option", [{"translation": 0.5}, {"aspect": 0.5}, {"reduction": 3.0}, {"enlargement": 2.0}])
def test_later_changes_of_place_keep_truth_on_its_pixels(option: dict[str, Any]) -> None:
    """Bright pixels are class 2, and the truth follows them wherever the crop is moved, narrowed or reduced."""
    mask = np.zeros((96, 96), bool)
    mask[30:70, 20:80] = True
    panel = Panel(
        "p", "p", np.repeat(np.where(mask, 200, 20).astype(np.uint8)[None], 3, 0), np.where(mask, 2, 0).astype(np.uint8)
    )
    source = CropSource((panel,), crop_px=48, augment=Augment(**option), seed=2)
    invalid, shares = 0, set()
    for index in range(40):
        sample = source.crop(epoch=0, index=index, panel=0)
        assert sample.image.shape == (3, 48, 48)
        assert set(np.unique(sample.target)) <= {0, 2}
        known = cv2.erode(sample.valid.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        inner = cv2.erode(sample.target, np.ones((5, 5), np.uint8)) > 0
        outer = cv2.dilate(sample.target, np.ones((5, 5), np.uint8)) > 0
        bright = sample.image[0] > 110
        assert bright[inner].all()
        assert not bright[known & ~outer].any()
        assert not sample.target[~sample.valid].any()
        invalid += not sample.valid.all()
        shares.add(round(float((sample.target > 0).mean()), 3))
    assert len(shares) > 5
    if "translation" in option or "reduction" in option:
        assert invalid > 3


def test_a_share_of_the_crops_loses_its_colours() -> None:
    rng = np.random.default_rng(0)
    panel = Panel("p", "p", rng.integers(0, 256, (3, 64, 64), np.uint8), np.zeros((64, 64), np.uint8))
    plain, grey = (CropSource((panel,), crop_px=16, augment=Augment(grey=share), seed=0) for share in (0.0, 0.5))
    n_grey = 0
    for index in range(60):
        before, after = (source.crop(epoch=0, index=index, panel=0).image for source in (plain, grey))
        if np.array_equal(before, after):
            continue
        n_grey += 1
        luminance = np.tensordot(np.array([0.299, 0.587, 0.114]), before, axes=1)
        assert np.abs(after - luminance).max() < 0.01
    assert 15 < n_grey < 45
    one_band = CropSource((numbered(40, 40),), crop_px=16, augment=Augment(grey=1.0), seed=0)
    with pytest.raises(InputError, match="red, green and blue, got 1 bands"):
        one_band.crop(epoch=0, index=0, panel=0)


def test_hue_needs_colours() -> None:
    source = CropSource((numbered(40, 40),), crop_px=16, augment=Augment(hue_deg=10), seed=0)
    with pytest.raises(InputError, match="red, green and blue, got 1 bands"):
        source.crop(epoch=0, index=0, panel=0)
