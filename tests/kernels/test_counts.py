"""One pass over the bytes counts what NumPy counts."""

from __future__ import annotations

import numpy as np
import pytest

from graven.kernels.counts import count_agreement

Masks = list[np.ndarray]


def random_masks(*shape: int, share: float = 0.5) -> Masks:
    rng = np.random.default_rng(7)
    return [rng.random(shape) < share for _ in range(3)]


def by_numpy(preds: np.ndarray, target: np.ndarray, valid: np.ndarray) -> tuple[int, ...]:
    return tuple(int(mask.sum()) for mask in (preds & target & valid, preds & valid, target & valid, valid))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 1000, 70_001])
@pytest.mark.parametrize("share", [0.5, 1.0])  # full masks fill every block to the brim
def test_any_size(size: int, share: float) -> None:
    preds, target, valid = random_masks(size, share=share)
    assert count_agreement(preds, target, valid) == by_numpy(preds, target, valid)
    assert count_agreement(preds, target) == by_numpy(preds, target, np.ones(size, bool))


def test_arrays_that_are_not_contiguous() -> None:
    preds, target, valid = random_masks(300, 400)
    views = preds[::2, 1:], np.asfortranarray(target)[::2, 1:], valid[::2, :0:-1]
    assert count_agreement(*views) == by_numpy(*views)


def test_arrays_that_may_not_be_written() -> None:
    masks = random_masks(300, 400)
    for mask in masks:
        mask.flags.writeable = False
    assert count_agreement(*masks) == by_numpy(*masks)
