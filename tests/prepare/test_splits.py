"""Splits never put one panel on two sides."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graven.errors import DataError, InputError, UsageError
from graven.prepare.splits import split_groups, split_random_patches

GROUPS = st.lists(st.sampled_from([f"panel{i}" for i in range(12)]), min_size=30, max_size=80)


@given(groups=GROUPS, seed=st.integers(0, 50), order=st.randoms(use_true_random=False))
def test_every_group_has_one_side_whatever_the_order(groups: list[str], seed: int, order: object) -> None:
    if len(set(groups)) < 3:
        return
    sides = split_groups(groups, val_share=0.2, test_share=0.2, seed=seed)
    shuffled = list(groups)
    order.shuffle(shuffled)
    assert split_groups(shuffled, val_share=0.2, test_share=0.2, seed=seed) == sides
    assert set(sides) == set(groups)
    assert set(sides.values()) == {"train", "val", "test"}


def test_equal_groups_meet_their_shares_exactly() -> None:
    groups = [f"p{i}" for i in range(20) for _ in range(7)]
    counts = Counter(split_groups(groups, val_share=0.1, test_share=0.2, seed=3).values())
    assert counts == {"train": 14, "val": 2, "test": 4}


def test_the_seed_decides() -> None:
    groups = [f"p{i}" for i in range(20)]
    splits = {tuple(split_groups(groups, seed=seed).items()) for seed in range(10)}
    assert len(splits) > 5
    assert split_groups(groups, seed=4) == split_groups(groups, seed=4)


def test_a_side_with_share_zero_stays_empty() -> None:
    assert set(split_groups(["a", "b", "c"], val_share=0.0, test_share=0.3).values()) == {"train", "test"}


def test_one_giant_group_leaves_room_for_the_other_sides() -> None:
    sides = split_groups(["giant"] * 1000 + ["a", "b"], val_share=0.1, test_share=0.1, seed=0)
    assert sorted(sides.values()) == ["test", "train", "val"]


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(DataError, match="needs at least 3 panels or sites, got 2"):
        split_groups(["a", "b", "a"])


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.5, 0.5), (float("nan"), 0.1)])
def test_impossible_shares_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="together below 1"):
        split_groups(["a", "b", "c"], val_share=shares[0], test_share=shares[1])


def test_random_patches_must_be_asked_for_by_name() -> None:
    names = [f"panel0_{i}" for i in range(40)]
    with pytest.raises(UsageError, match="--i-know-tiles-leak"):
        split_random_patches(names, tiles_leak=False)
    sides = split_random_patches(names, tiles_leak=True, val_share=0.1, test_share=0.25, seed=1)
    assert Counter(sides.values()) == {"train": 26, "val": 4, "test": 10}
    assert split_random_patches(names[::-1], tiles_leak=True, val_share=0.1, test_share=0.25, seed=1) == sides


def test_random_patches_are_checked() -> None:
    with pytest.raises(InputError, match="named twice"):
        split_random_patches(["a", "a"], tiles_leak=True)
    with pytest.raises(DataError, match="too few for a val share"):
        split_random_patches(["a", "b", "c"], tiles_leak=True)
