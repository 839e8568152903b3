"""Averages over mirrored and scaled views, put back in place."""

from __future__ import annotations

import numpy as np
import pytest

from graven.errors import UsageError
from graven.predict.augmented import augmented


class ByHand:
    name, version, precision, device, n_parallel, reason = "by hand", "1", "float32", "cpu", 2, "by hand"

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []


class Red(ByHand):
    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.sizes.append(batch.shape[2:])
        return batch[:, :1].astype(np.float32) / 255


class Shaded(Red):
    """Answers by the column alone, whatever it sees."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.linspace(0, 1, batch.shape[3], dtype=np.float32), super().__call__(batch).shape)


BATCH = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 128)).astype(np.uint8)


def test_mirrored_views_are_put_back_in_place() -> None:
    engine = Red()
    np.testing.assert_allclose(augmented(engine, "flips")(BATCH), Red()(BATCH), atol=1e-6)
    assert engine.sizes == [(64, 128)] * 4


def test_the_mean_takes_away_what_depends_on_the_side() -> None:
    np.testing.assert_allclose(augmented(Shaded(), "flips")(BATCH), 0.5, atol=1e-6)


def test_scaled_views_are_multiples_of_32_and_come_back_to_the_size_of_the_tile() -> None:
    engine = Red()
    smooth = np.tile(np.linspace(0, 255, 128).astype(np.uint8), (1, 3, 64, 1))
    answer = augmented(engine, "scales")(smooth)
    assert answer.shape == (1, 1, 64, 128)
    assert engine.sizes == [
        (64, 128),
        (64, 96),
        (64, 160),
    ]  # 48 and 80 lie between two multiples, and go to the even one
    np.testing.assert_allclose(answer, Red()(smooth), atol=0.02)


def test_all_views() -> None:
    engine = Red()
    augmented(engine, "all")(BATCH)
    assert len(engine.sizes) == 12


def test_none_is_the_engine_itself_and_an_unknown_kind_is_refused() -> None:
    engine = Red()
    assert augmented(engine, "none") is engine
    with pytest.raises(UsageError, match="--tta takes none, flips, scales, all, got 'mirrors'"):
        augmented(engine, "mirrors")
