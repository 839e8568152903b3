"""Mixed batches by hand: which pixels come from where, and what becomes of truth and valid mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graven.errors import InputError
from graven.losses import LOSSES, build_loss
from graven.train.augment import Augment
from graven.train.dataset import CropSource
from graven.train.loader import batches
from graven.train.mixing import cut_mix, mix_batch, mix_up
from graven.train.options import Mix
from graven.train.panels import Panel
from graven.train.sampler import BalancedSampler
from graven.train.task import Batch


def batch_of(*values: float, side: int = 8) -> Batch:
    """One sample of one value each; truth is 1 where the value is odd."""
    shape = (len(values), 1, side, side)
    image = torch.tensor(values).view(-1, 1, 1, 1).expand(shape).clone()
    return Batch(image, (image % 2), torch.ones(shape, dtype=torch.bool), tuple(map(str, values)))


def test_cutmix_takes_a_rectangle_from_the_sample_before() -> None:
    mixed = cut_mix(batch_of(1.0, 2.0, 4.0), share=0.75, row=4, col=4)
    # a quarter of the area: half the side, 4 of 8 px, around the middle
    expected = torch.full((8, 8), 2.0)
    expected[2:6, 2:6] = 1.0
    assert torch.equal(mixed.image[1, 0], expected)
    assert torch.equal(mixed.target[1, 0], expected % 2)
    assert mixed.image[0, 0, 4, 4] == 4.0  # the first takes from the last
    assert mixed.origins == ("1.0 + 4.0", "2.0 + 1.0", "4.0 + 2.0")


def test_cutmix_moves_what_is_known_with_its_pixels() -> None:
    batch = batch_of(1.0, 2.0)
    batch.valid[0] = False
    mixed = cut_mix(batch, share=0.75, row=0, col=7)
    # the rectangle of 4 x 4 px around a corner keeps its quarter inside
    expected = torch.ones(8, 8, dtype=torch.bool)
    expected[:2, 5:] = False
    assert torch.equal(mixed.valid[1, 0], expected)
    assert torch.equal(mixed.valid[0, 0], ~expected)


def test_mixup_averages_pictures_and_joins_lines() -> None:
    batch = batch_of(1.0, 2.0)
    batch.target[0, 0, :, :4] = 0
    batch.valid[1, 0, 0] = False
    mixed = mix_up(batch, weight=0.6)
    assert mixed.image[0, 0, 3, 3] == pytest.approx(0.6 * 1 + 0.4 * 2)
    assert mixed.image[1, 0, 3, 3] == pytest.approx(0.6 * 2 + 0.4 * 1)
    assert torch.equal(mixed.target[0], mixed.target[1])
    assert mixed.target[0, 0].sum() == 32
    assert not mixed.valid[:, :, 0].any()
    assert mixed.valid[:, :, 1:].all()


def test_of_two_classes_the_later_wins() -> None:
    batch = batch_of(1.0, 2.0)
    mixed = mix_up(Batch(batch.image, batch.image, batch.valid, batch.origins), weight=0.5)
    assert (mixed.target == 2).all()


@pytest.mark.parametrize("name", list(LOSSES))
def test_truth_stays_what_every_loss_takes(name: str) -> None:
    batch = batch_of(1.0, 2.0, 3.0, side=32)
    several = list(LOSSES).index(name) >= 7
    for mixed in (cut_mix(batch, share=0.5, row=9, col=20), mix_up(batch, weight=0.5)):
        assert set(mixed.target.unique().tolist()) <= {0.0, 1.0}
        logits = torch.zeros(3, 3 if several else 1, 32, 32)
        loss = build_loss(name)(logits, mixed.target.long() if several else mixed.target, mixed.valid)
        assert torch.isfinite(loss)


def test_shares_of_batches_are_as_asked() -> None:
    batch, rng = batch_of(1.0, 2.0), np.random.default_rng(0)
    kinds = {"cut": 0, "up": 0, "none": 0}
    for _ in range(600):
        mixed = mix_batch(batch, Mix(cutmix=0.3, mixup=0.5), rng)
        if mixed is batch:
            kinds["none"] += 1
        else:
            kinds["up" if 1 < float(mixed.image[0, 0, 0, 0]) < 2 else "cut"] += 1
    assert kinds["cut"] == pytest.approx(180, abs=45)
    assert kinds["up"] == pytest.approx(300, abs=45)


def test_weights_of_mixup_lie_around_one_half() -> None:
    rng = np.random.default_rng(1)
    found = [float(mix_batch(batch_of(0.0, 1.0), Mix(mixup=1.0), rng).image[1, 0, 0, 0]) for _ in range(200)]
    assert 0.4 <= min(found) < 0.42
    assert 0.58 < max(found) <= 0.6


def test_the_loader_mixes_each_step_alike_wherever_it_begins() -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (1, 64, 64), np.uint8)
    panel = Panel("p", "p", image, (image[0] > 128).astype(np.uint8))
    source = CropSource((panel,), crop_px=16, augment=Augment(), seed=3)
    sampler = BalancedSampler(("p",), items_per_epoch=12, batch_size=4, seed=3)

    def third(first_step: int, mix: Mix) -> Batch:
        stream = batches(source, sampler, first_step=first_step, n_threads=2, mix=mix)
        found = [next(stream)[2] for _ in range(4 - first_step)]
        stream.close()
        return found[-1]

    mix = Mix(cutmix=0.5, mixup=0.5)
    assert torch.equal(third(0, mix).image, third(3, mix).image)
    assert not torch.equal(third(0, mix).image, third(0, Mix()).image)


def test_shares_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match=r"together at most 1, got 0\.7, 0\.5"):
        Mix(cutmix=0.7, mixup=0.5)
    with pytest.raises(InputError, match=r"mix\.alpha must be above 0, got 0\.0"):
        Mix(alpha=0.0)
