"""Losses of the petroglyph method and its baselines: one per file, a function and a thin module around it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from graven.errors import UsageError
from graven.losses.balanced_bce import BalancedBCELoss, balanced_bce_loss
from graven.losses.begl import BEGLLoss, begl_loss, begl_terms, boundary_term
from graven.losses.boundary_enhancement import BELoss, be_loss, boundary_enhancement_term
from graven.losses.dice import DiceLoss, dice_loss
from graven.losses.focal import FocalLoss, focal_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

__all__ = [
    "BEGLLoss",
    "BELoss",
    "BalancedBCELoss",
    "DiceLoss",
    "FocalLoss",
    "LOSSES",
    "balanced_bce_loss",
    "be_loss",
    "begl_loss",
    "begl_terms",
    "boundary_enhancement_term",
    "boundary_term",
    "build_loss",
    "dice_loss",
    "focal_loss",
]

LOSSES: dict[str, Callable[..., nn.Module]] = {
    "begl": BEGLLoss,
    "be": BELoss,
    "focal": FocalLoss,
    "dice": DiceLoss,
    "bce": BalancedBCELoss,
}


def build_loss(name: str, **options: Any) -> nn.Module:
    """Build a loss from its name and options.

    Parameters
    ----------
    name : str
        A key of `LOSSES`.
    **options
        Keyword options of that loss.

    Returns
    -------
    nn.Module
        Called with ``(logits, target, valid=None)``, all of shape (N, 1, H, W); gives a scalar.

    Raises
    ------
    UsageError
        If the name or an option is unknown; the choices are listed.

    Examples
    --------
    >>> build_loss("focal", gamma=1.0).gamma
    1.0
    """
    if name not in LOSSES:
        raise UsageError(f"unknown loss {name!r}; choose one of {', '.join(LOSSES)}")
    factory = LOSSES[name]
    known = list(inspect.signature(factory).parameters)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UsageError(f"loss {name!r} has no option {', '.join(unknown)}; it knows {', '.join(known)}")
    return factory(**options)
