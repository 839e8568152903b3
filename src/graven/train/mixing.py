"""CutMix and MixUp: samples of a batch mixed with their neighbours in it, pictures and truth alike.

Truth stays hard, so that every loss takes it. CutMix [1]_ exchanges a rectangle. MixUp [2]_ lays two pictures over each
other at nearly equal strength, where the lines of both can be seen; so the truth has the lines of both, as in the
published code on mirrors.

References
----------
.. [1] S. Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, ICCV 2019,
   https://doi.org/10.1109/ICCV.2019.00612.
.. [2] H. Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018, https://arxiv.org/abs/1710.09412.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    import numpy as np

    from graven.train.options import Mix
    from graven.train.task import Batch

__all__ = ["cut_mix", "mix_batch", "mix_up"]

LEAST, REACH = 0.4, 0.2
"""MixUp: a sample has a weight between `LEAST` and `LEAST + REACH`."""


def mix_batch(batch: Batch, mix: Mix, rng: np.random.Generator) -> Batch:
    """Mix a batch, or leave it as it is.

    Parameters
    ----------
    batch : Batch
        On the CPU.
    mix : Mix
        How often.
    rng : numpy.random.Generator
        All draws are made whether or not they are used.

    Returns
    -------
    Batch
        Of the same shape; the one given where nothing is mixed.
    """
    height, width = batch.image.shape[-2:]
    which, share = rng.random(), rng.beta(mix.alpha, mix.alpha)
    row, col = rng.integers(height), rng.integers(width)
    if which < mix.cutmix:
        return cut_mix(batch, share=share, row=int(row), col=int(col))
    return mix_up(batch, weight=LEAST + REACH * share) if which < mix.cutmix + mix.mixup else batch


def cut_mix(batch: Batch, *, share: float, row: int, col: int) -> Batch:
    """Give every sample a rectangle of the one before it.

    Parameters
    ----------
    batch : Batch
        At least one sample; the first takes from the last.
    share : float, 0 to 1
        What a sample keeps, where the rectangle lies inside.
    row, col : int, pixels
        Middle of the rectangle, which is as wide for its height as the sample; what lies outside is cut off.

    Returns
    -------
    Batch
        Picture, truth and valid mask of the rectangle come from the other sample.
    """
    height, width = batch.image.shape[-2:]
    side = math.sqrt(1 - share)
    rows, cols = (
        slice(max(0, round(middle - side * length / 2)), min(length, round(middle + side * length / 2)))
        for middle, length in ((row, height), (col, width))
    )

    def pasted(tensor: torch.Tensor) -> torch.Tensor:
        changed = tensor.clone()
        changed[..., rows, cols] = tensor.roll(1, 0)[..., rows, cols]
        return changed

    return _changed(batch, pasted(batch.image), pasted(batch.target), pasted(batch.valid))


def mix_up(batch: Batch, *, weight: float) -> Batch:
    """Lay every sample over the one before it.

    Parameters
    ----------
    batch : Batch
        As in `cut_mix`.
    weight : float, 0 to 1
        Of the sample; the other has what is left to 1.

    Returns
    -------
    Batch
        Pictures are averaged. Truth is the larger of both: a line of either is a line, and of classes the later wins.
        Valid is what both know.
    """
    image = torch.lerp(batch.image.roll(1, 0), batch.image, weight)
    target = torch.maximum(batch.target, batch.target.roll(1, 0))
    return _changed(batch, image, target, batch.valid & batch.valid.roll(1, 0))


def _changed(batch: Batch, image: torch.Tensor, target: torch.Tensor, valid: torch.Tensor) -> Batch:
    others = (*batch.origins[-1:], *batch.origins[:-1])
    origins = tuple(f"{one} + {other}" for one, other in zip(batch.origins, others, strict=True))
    return replace(batch, image=image, target=target, valid=valid, origins=origins)
