"""Batches cut ahead of the network by a few threads; which thread cuts what makes no difference."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from graven.train.task import Batch, collate

if TYPE_CHECKING:
    from collections.abc import Generator

    from graven.train.dataset import CropSource, Sample
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

    Yields
    ------
    step, epoch, batch : int, int, Batch
        In order.
    """
    with ThreadPoolExecutor(n_threads, thread_name_prefix="crops") as pool:
        waiting: deque[tuple[int, int, list[Future[Sample]]]] = deque()
        step, known_epoch, order = first_step, -1, []
        try:
            while True:
                while len(waiting) <= AHEAD:
                    epoch, position = sampler.place(step)
                    if epoch != known_epoch:
                        known_epoch, order = epoch, sampler.epoch_batches(epoch)
                    items = order[position][rank::world_size]
                    cuts = [pool.submit(source.crop, epoch=epoch, index=i, panel=panel) for i, panel in items]
                    waiting.append((step, epoch, cuts))
                    step += 1
                ready, epoch, cuts = waiting.popleft()
                yield ready, epoch, collate([cut.result() for cut in cuts])
        finally:
            for _, _, cuts in waiting:
                for cut in cuts:
                    cut.cancel()
