"""Batch normalisation taken into the convolutions before it: a network with fewer parts that answers the same.

Which normalisation follows which convolution is seen while a picture of noise goes through the network, so it does not
matter how the network is written down.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from graven.errors import DefectError

if TYPE_CHECKING:
    from graven.train.task import Standardised

__all__ = ["fold_norms"]

PROBE_PX = 64
MAX_SHIFT = 1e-3  # of the largest logit, which rounding alone never moves


@torch.no_grad()
def fold_norms(model: Standardised) -> Standardised:
    """Fold each batch normalisation that follows a convolution into that convolution.

    Parameters
    ----------
    model : Standardised
        In evaluation mode, on the CPU; changed in place and returned. Its answers stay the same up to rounding.

    Returns
    -------
    Standardised
        The same object. Normalisation of what no convolution gave, such as a sum, stays.

    Raises
    ------
    DefectError
        If the answers have changed, as where the output of a convolution is used beside its normalisation as well.
    """
    step = int(getattr(model.net, "multiple", 1))
    side = step * math.ceil(PROBE_PX / step)
    probe = 255 * torch.rand(1, model.mean.shape[1], side, side, generator=torch.Generator().manual_seed(0))
    pairs, before = _watch(model, probe)
    for conv_name, norm_name in pairs:
        conv, norm = model.get_submodule(conv_name), model.get_submodule(norm_name)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            _replace(model, conv_name, fuse_conv_bn_eval(conv, norm))
            _replace(model, norm_name, _rest(norm))
    shift = float((model(probe) - before).abs().max())
    if not shift <= MAX_SHIFT * max(1.0, float(before.abs().max())):
        raise DefectError(
            f"{type(model.net).__name__} answers differently once its normalisation is folded; please report the "
            "network and its options"
        )
    return model


def _watch(model: Standardised, probe: Tensor) -> tuple[list[tuple[str, str]], Tensor]:
    """Name the convolutions and normalisations that follow each other, and give the answer to the probe."""
    given: list[tuple[Tensor, str]] = []
    taken: list[tuple[str, str]] = []

    def note_given(name: str) -> Any:
        return lambda _module, _inputs, output: given.append((output, name))

    def note_taken(name: str) -> Any:
        def note(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            taken.extend((conv, name) for output, conv in given if output is inputs[0])

        return note

    hooks = [
        module.register_forward_hook(note_given(name))
        if isinstance(module, nn.Conv2d)
        else module.register_forward_pre_hook(note_taken(name))
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    ]
    answer = model(probe)
    for hook in hooks:
        hook.remove()
    calls = [name for _, name in given]
    shared = {name for pair in taken for name in pair if sum(name in other for other in taken) > 1}
    return [(c, n) for c, n in taken if calls.count(c) == 1 and not {c, n} & shared], answer


def _rest(norm: nn.Module) -> nn.Module:
    """Give what is left of a normalisation: nothing, or the activation that timm puts into it."""
    parts = [part for name in ("drop", "act") if isinstance(part := getattr(norm, name, None), nn.Module)]
    return nn.Sequential(*parts) if parts else nn.Identity()


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, module)
