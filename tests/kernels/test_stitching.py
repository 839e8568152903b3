"""Weights of patches and blending of logits: vectors B-STITCH, borders, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import expit

from graven.errors import InputError, MismatchError
from graven.kernels.stitching import blend_logits, squared_distance_weights


def test_b_stitch_1_weights(vectors: dict[str, dict[str, Any]]) -> None:
    entry = vectors["B-STITCH-1"]
    want, tol = entry["expected"], entry["tolerance"]
    small = squared_distance_weights(entry["inputs"]["n"], fraction=entry["inputs"]["fraction"])
    for row in range(3):
        assert small[row] == pytest.approx(want[f"row{row}"], abs=tol)
    large = squared_distance_weights(256)
    for row in (1, 32, 64):
        assert large[row, 128] == pytest.approx(want["n256"][f"row_{row}_col_128"], abs=tol)


def test_b_stitch_2_mean_of_logits(vectors: dict[str, dict[str, Any]]) -> None:
    entry = vectors["B-STITCH-2"]
    weights = np.array([entry["inputs"]["weights"]])
    patches = [np.full((1, 2), value, np.float32) for value in entry["inputs"]["logits"]]
    blended = blend_logits(patches, [(0, 1), (0, 0)], weights, (1, 3))
    assert blended[0, 1] == pytest.approx(entry["expected"]["mean_logit"], abs=1e-5)
    assert expit(blended[0, 1]) == pytest.approx(entry["expected"]["probability"], abs=1e-5)


@pytest.mark.parametrize("size_px", [4, 5, 31, 64])
def test_weights_are_the_capped_distance_to_the_ring(size_px: int) -> None:
    inside = np.zeros((size_px, size_px))
    inside[1:-1, 1:-1] = 1
    distance = np.minimum(ndimage.distance_transform_edt(inside), int(0.5 * size_px / 2))
    np.testing.assert_allclose(squared_distance_weights(size_px), (distance / distance.max()) ** 2, rtol=1e-12)


def test_patches_side_by_side_come_back_unchanged_but_for_a_blind_ring() -> None:
    patches = list(np.random.default_rng(0).normal(0, 8, (4, 8, 8)).astype(np.float32))
    origins = [(0, 0), (0, 8), (8, 0), (8, 8)]
    whole = np.block([[patches[0], patches[1]], [patches[2], patches[3]]])
    mended = blend_logits(patches, origins, squared_distance_weights(8, lowest=1e-6), (16, 16))
    np.testing.assert_array_equal(mended, whole)
    blind = blend_logits(patches, origins, squared_distance_weights(8), (16, 16))
    ring = np.isin(np.arange(16) % 8, (0, 7))
    on_ring = ring[:, None] | ring[None]
    np.testing.assert_array_equal(blind, np.where(on_ring, -np.inf, whole).astype(np.float32))


def test_nothing_is_known_where_no_patch_lies() -> None:
    blended = blend_logits([np.ones((2, 2), np.float32)], [(0, 0)], np.ones((2, 2)), (2, 3))
    assert blended.tolist() == [[1, 1, -np.inf]] * 2


def test_refusals() -> None:
    patch, weights = np.zeros((4, 4), np.float32), np.ones((4, 4))
    with pytest.raises(MismatchError, match=r"patch of shape \(4, 4\) at \(1, 0\) does not fit"):
        blend_logits([patch], [(1, 0)], weights, (4, 4))
    with pytest.raises(MismatchError, match="does not fit"):
        blend_logits([patch], [(-1, 0)], weights, (8, 8))
    with pytest.raises(MismatchError, match="got 1 patches and 2 origins"):
        blend_logits([patch], [(0, 0), (0, 0)], weights, (4, 4))
    with pytest.raises(InputError, match=r"got 0\.5 of 3 px"):
        squared_distance_weights(3)
