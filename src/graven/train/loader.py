"""Batches cut ahead of the network by a few threads; which thread cuts what makes no difference."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from graven.train.mixing import mix_batch
from graven.train.task import Batch, collate

if TYPE_CHECKING:
    from collections.abc import Generator

    from graven.train.dataset import CropSource, Sample
    from graven.train.options import Mix
    from graven.train.sampler import BalancedSampler

__all__ = ["batches"]

AHEAD = 2


def batches(
    source: CropSource,
    sampler: BalancedSampler,
    *,
    first_step: int,
    n_threads: int,
    rank: int = 0,
    world_size: int = 1,
    mix: Mix | None = None,
    beside: CropSource | None = None,
) -> Generator[tuple[int, int, Batch]]:
    """Yield batches from a step on, without end.

    Parameters
    ----------
    source : CropSource
        Cuts the crops.
    sampler : BalancedSampler
        Orders them.
    first_step : int, >= 0
        Updates already done.
    n_threads : int, >= 1
        Threads that cut ahead of the network.
    rank, world_size : int
        With several processes each takes every `world_size`-th crop of a batch.
    mix : Mix, optional
        How the crops of a batch are mixed with one another; not at all by default.
    beside : CropSource, optional
        Crops without truth, as many beside every batch.

    Yields
    ------
    step, epoch, batch : int, int, Batch
        In order.
    """
    sides = [(source, sampler)]
    if beside is not None:
        sides.append((beside, replace(sampler, groups=beside.groups, seed=sampler.seed + 1)))
    with ThreadPoolExecutor(n_threads, thread_name_prefix="crops") as pool:
        waiting: deque[tuple[int, int, list[list[Future[Sample]]]]] = deque()
        step, known_epoch, orders = first_step, -1, []
        try:
            while True:
                while len(waiting) <= AHEAD:
                    epoch, position = sampler.place(step)
                    if epoch != known_epoch:
                        known_epoch, orders = epoch, [order.epoch_batches(epoch) for _, order in sides]
                    cuts = [
                        [
                            pool.submit(side.crop, epoch=epoch, index=i, panel=panel)
                            for i, panel in order[position][rank::world_size]
                        ]
                        for (side, _), order in zip(sides, orders, strict=True)
                    ]
                    waiting.append((step, epoch, cuts))
                    step += 1
                ready, epoch, cuts = waiting.popleft()
                batch, *others = (collate([cut.result() for cut in part]) for part in cuts)
                if mix is not None and not mix.is_off:
                    batch = mix_batch(batch, mix, np.random.default_rng((sampler.seed, ready, rank, 4)))
                yield ready, epoch, replace(batch, beside=(others[0].image, others[0].valid)) if others else batch
        finally:
            for _, _, cuts in waiting:
                for cut in (cut for part in cuts for cut in part):
                    cut.cancel()
