"""Which panel a training crop comes from: a permutation computed from seed and epoch, not kept in an iterator.

Everything is a pure function of its arguments. A run that stops in the middle of an epoch therefore continues with the
very next crop when it knows the epoch and the position, whatever the number of loader threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["BalancedSampler", "balanced_order", "permutation"]


def permutation(n: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """Shuffle ``0 … n - 1`` for an epoch.

    Parameters
    ----------
    n : int, >= 0
        How many.
    seed, epoch : int, >= 0
        Together they fix the order.

    Returns
    -------
    ndarray of shape (n,), int64
        Each number once.

    Examples
    --------
    >>> sorted(permutation(5, seed=1, epoch=0).tolist())
    [0, 1, 2, 3, 4]
    """
    return np.random.default_rng((seed, epoch, 0)).permutation(n)


def balanced_order(groups: Sequence[str], *, n_items: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Draw the panels of an epoch so that every group has the same share, whatever its size.

    Parameters
    ----------
    groups : sequence of str
        Group (panel, site) of each panel.
    n_items : int, >= 1
        Crops of the epoch.
    seed, epoch : int, >= 0
        Together they fix the draw.

    Returns
    -------
    ndarray of shape (n_items,), int64
        Index of the panel of each crop. Two groups differ by at most one crop, and so do two panels of one group.

    Raises
    ------
    InputError
        If there are no panels or no crops are asked for.

    Examples
    --------
    >>> order = balanced_order(["a", "a", "b"], n_items=8, seed=0, epoch=0)
    >>> np.bincount(order).tolist()
    [2, 2, 4]
    """
    if not groups or n_items < 1:
        raise InputError(f"sampling needs at least one panel and one crop, got {len(groups)} panels, {n_items} crops")
    rng = np.random.default_rng((seed, epoch, 1))
    names = sorted(set(groups))
    members = {name: [i for i, group in enumerate(groups) if group == name] for name in names}
    drawn = _cycle(np.arange(len(names)), n_items, rng)
    order = np.empty(n_items, np.int64)
    for rank, name in enumerate(names):
        places = np.flatnonzero(drawn == rank)
        order[places] = _cycle(np.asarray(members[name]), len(places), rng)
    return order


def _cycle(values: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Repeat shuffled passes over the values until there are `n`."""
    rounds = -(-n // len(values)) if n else 0
    passes = [rng.permutation(values) for _ in range(rounds)]
    return np.concatenate(passes)[:n] if passes else np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class BalancedSampler:
    """Order of the crops of every epoch.

    Attributes
    ----------
    groups : tuple of str
        Group of each panel.
    items_per_epoch : int
        Crops per epoch; a last batch that would not be full is left out.
    batch_size : int
        Crops per step.
    seed : int
        Fixes all orders.

    Examples
    --------
    >>> sampler = BalancedSampler(("a", "b"), items_per_epoch=4, batch_size=2, seed=0)
    >>> sampler.steps_per_epoch, sampler.place(3)
    (2, (1, 1))
    """

    groups: tuple[str, ...]
    items_per_epoch: int
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= self.items_per_epoch:
            raise InputError(
                f"an epoch of {self.items_per_epoch} crops holds no batch of {self.batch_size}; "
                "raise items_per_epoch or lower batch_size"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in an epoch."""
        return self.items_per_epoch // self.batch_size

    def place(self, step: int) -> tuple[int, int]:
        """Give the epoch and the batch within it of an update counted from 0."""
        return divmod(step, self.steps_per_epoch)

    def epoch_batches(self, epoch: int) -> list[list[tuple[int, int]]]:
        """Give index in the epoch and panel of each crop, batch by batch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        list of list of (int, int)
            ``(index, panel)``; the index names the crop within the epoch and seeds its augmentation.
        """
        order = balanced_order(self.groups, n_items=self.items_per_epoch, seed=self.seed, epoch=epoch).tolist()
        items = list(enumerate(order))
        size = self.batch_size
        return [items[start : start + size] for start in range(0, self.steps_per_epoch * size, size)]
