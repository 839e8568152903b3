"""The order of the crops: balanced, complete, a function of seed and epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graven.errors import InputError
from graven.train.sampler import BalancedSampler, balanced_order, permutation

groups = st.lists(st.sampled_from("abcd"), min_size=1, max_size=12)


@given(n=st.integers(0, 200), seed=st.integers(0, 2**31), epoch=st.integers(0, 100))
def test_a_permutation_holds_each_number_once(n: int, seed: int, epoch: int) -> None:
    order = permutation(n, seed=seed, epoch=epoch)
    assert sorted(order.tolist()) == list(range(n))
    assert order.tolist() == permutation(n, seed=seed, epoch=epoch).tolist()


@given(groups=groups, n_items=st.integers(1, 60), seed=st.integers(0, 99), epoch=st.integers(0, 9))
def test_groups_and_their_panels_differ_by_at_most_one_crop(
    groups: list[str], n_items: int, seed: int, epoch: int
) -> None:
    order = balanced_order(groups, n_items=n_items, seed=seed, epoch=epoch)
    per_panel = np.bincount(order, minlength=len(groups))
    per_group = {name: per_panel[[g == name for g in groups]] for name in set(groups)}
    totals = [int(counts.sum()) for counts in per_group.values()]
    assert len(order) == n_items == sum(totals)
    assert max(totals) - min(totals) <= 1
    assert all(int(np.ptp(counts)) <= 1 for counts in per_group.values())


def test_epochs_and_seeds_give_other_orders() -> None:
    names = [str(i) for i in range(50)]
    orders = {
        tuple(balanced_order(names, n_items=50, seed=seed, epoch=epoch)) for seed in range(3) for epoch in range(3)
    }
    assert len(orders) == 9


def test_batches_are_the_order_cut_up() -> None:
    sampler = BalancedSampler(("a", "b", "b"), items_per_epoch=11, batch_size=4, seed=3)
    batches = sampler.epoch_batches(2)
    order = balanced_order(("a", "b", "b"), n_items=11, seed=3, epoch=2)
    assert [len(batch) for batch in batches] == [4, 4] == [4] * sampler.steps_per_epoch
    assert [item for batch in batches for item in batch] == [(i, int(order[i])) for i in range(8)]


def test_a_step_has_one_place() -> None:
    sampler = BalancedSampler(("a",), items_per_epoch=9, batch_size=3, seed=0)
    assert [sampler.place(step) for step in (0, 2, 3, 7)] == [(0, 0), (0, 2), (1, 0), (2, 1)]


@pytest.mark.parametrize("batch_size", [0, 9])
def test_an_epoch_without_a_batch_is_refused(batch_size: int) -> None:
    with pytest.raises(InputError, match="an epoch of 8 crops holds no batch"):
        BalancedSampler(("a",), items_per_epoch=8, batch_size=batch_size, seed=0)


def test_sampling_from_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="at least one panel"):
        balanced_order([], n_items=3, seed=0, epoch=0)
