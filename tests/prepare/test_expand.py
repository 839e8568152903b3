"""Variants of a labelled picture: what moves moves together, and light leaves the truth alone."""

from __future__ import annotations

import colorsys
import hashlib
import json
from typing import Any

import numpy as np
import pytest

from graven.errors import InputError
from graven.prepare.expand import VARIANTS, VARIANTS_VERSION, Variant, expand
from graven.prepare.variants import add_noise, sharpen, shift_hsv, translate

GEOMETRY = {"flip_h", "flip_v", "translation"}


def labelled(side: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture that says of each pixel where it was, so that every move can be seen in it."""
    row, col = np.mgrid[:side, :side]
    image = np.stack([row + 60, col + 60, (row * 37 + col * 91) % 251]).astype(np.uint8)
    target = ((row // 5 + col // 7) % 3).astype(np.uint8)
    valid = (row + 2 * col) % 11 > 0
    return image, target * valid, valid


def variants(**options: Any) -> list[Variant]:
    return list(expand(*labelled(), **{"n": len(VARIANTS), "seed": 3, "name": "a", **options}))


def test_the_table_is_frozen() -> None:
    """Another table or other strengths need another version: the same seed must not give other pixels."""
    assert VARIANTS_VERSION == 1
    digest = hashlib.sha256(json.dumps(VARIANTS).encode()).hexdigest()
    assert digest == "15cd1384cbf1d8525a90a7bb7df6c1fc670b5429494f12d3333022923dd64b15"
    assert len(VARIANTS) == len(set(VARIANTS)) == 35
    assert {change for changes in VARIANTS for change in changes} == GEOMETRY | {
        "inversion",
        "sharpening",
        "hsv",
        "noise",
    }
    assert VARIANTS[0] == ()


def test_the_first_variant_is_the_picture_itself() -> None:
    image, target, valid = labelled()
    first = variants()[0]
    assert np.array_equal(first.image, image)
    assert np.array_equal(first.target, target)
    assert np.array_equal(first.valid, valid)


def test_light_never_touches_the_truth() -> None:
    _, target, valid = labelled()
    for variant in variants():
        if not GEOMETRY & set(variant.changes):
            assert np.array_equal(variant.target, target), variant.changes
            assert np.array_equal(variant.valid, valid), variant.changes


def test_what_moves_pixels_moves_image_truth_and_valid_mask_alike() -> None:
    """Each pixel of a moved picture tells where it came from; its truth must be the truth there."""
    image, target, valid = labelled()
    for variant in variants():
        if not variant.changes or not GEOMETRY.issuperset(variant.changes):
            continue
        row, col = (variant.image[band].astype(int) - 60 for band in (0, 1))
        known = variant.valid
        assert known.sum() > 500
        assert np.array_equal(variant.target[known], target[row, col][known]), variant.changes
        assert valid[row, col][known].all()
        assert not variant.target[~known].any()
        assert not np.array_equal(variant.image, image)
        if "translation" not in variant.changes:
            assert known.sum() == valid.sum()


def test_what_comes_from_outside_is_invalid() -> None:
    ones = np.ones((20, 20), bool)
    image = np.arange(400, dtype=np.float32).reshape(1, 20, 20)
    moved, target, valid = translate(image, ones, ones, rows=3, cols=-5)
    assert np.array_equal(moved[0, 3:, :15], image[0, :17, 5:])
    assert valid.sum() == 17 * 15
    assert valid[3:, :15].all()
    assert np.array_equal(target, valid)


def test_inversion_is_the_negative() -> None:
    image, _, _ = labelled()
    inverted = next(variant for variant in variants() if variant.changes == ("inversion",))
    assert np.array_equal(inverted.image, 255 - image)


def test_a_variant_depends_on_seed_name_and_its_number_alone() -> None:
    def digests(**options: object) -> list[str]:
        return [hashlib.sha256(variant.image.tobytes()).hexdigest() for variant in variants(**options)]

    whole = digests()
    assert digests(n=12) == whole[:12]
    drawn = [number for number, changes in enumerate(VARIANTS) if {"translation", "hsv", "noise"} & set(changes)]
    for other in (digests(seed=4), digests(name="b")):
        assert not any(whole[number] == other[number] for number in drawn)
    assert len(set(whole)) == 35


def test_truth_of_one_class_stays_bool() -> None:
    image, target, valid = labelled()
    found = list(expand(image, target > 0, valid, n=35, seed=0, name="a"))
    assert all(variant.target.dtype == bool for variant in found)


@pytest.mark.parametrize("n", [0, 36])
def test_other_numbers_of_variants_are_refused(n: int) -> None:
    with pytest.raises(InputError, match=f"1 to 35 variants of a picture, got {n}"):
        variants(n=n)


def test_hue_saturation_and_value_as_colorsys_computes_them() -> None:
    rng = np.random.default_rng(5)
    image = rng.uniform(0, 255, (3, 6, 6)).astype(np.float32)
    found = shift_hsv(image, hue_deg=-30, saturation=0.6, value=1.2)
    for row, col in np.ndindex(6, 6):
        h, s, v = colorsys.rgb_to_hsv(*(image[:, row, col].astype(float) / 255))
        expected = colorsys.hsv_to_rgb((h - 30 / 360) % 1, s * 0.6, min(1.0, v * 1.2))
        assert found[:, row, col] == pytest.approx(255 * np.array(expected), abs=0.01)
    with pytest.raises(InputError, match="got 1 bands"):
        shift_hsv(image[:1], hue_deg=0, saturation=1, value=1)


def test_a_flat_picture_has_nothing_to_sharpen_and_noise_is_as_strong_as_asked() -> None:
    flat = np.full((3, 200, 200), 120, np.float32)
    assert np.allclose(sharpen(flat, amount=1.5), flat, atol=1e-3)
    noisy = add_noise(flat, sigma=6, rng=np.random.default_rng(0))
    assert noisy.std() == pytest.approx(6, rel=0.02)
    assert noisy.mean() == pytest.approx(120, abs=0.1)
