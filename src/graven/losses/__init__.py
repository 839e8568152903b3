"""Losses: one per file, a function and a thin module around it.

Those of the petroglyph and engraving methods ask one question of a pixel and take logits (N, 1, H, W); those of the
condition method choose between classes and take (N, K, H, W). Those of reliefs take depth, classes and graded edges.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from graven.errors import UsageError
from graven.losses.balanced_bce import BalancedBCELoss, balanced_bce_loss
from graven.losses.begl import BEGLLoss, begl_loss, begl_terms, boundary_term
from graven.losses.boundary_enhancement import BELoss, be_loss, boundary_enhancement_term
from graven.losses.class_boundary import ClassBoundaryLoss, class_boundary_loss
from graven.losses.cldice import ClDiceLoss, cldice_loss
from graven.losses.cross_entropy import CrossEntropyLoss, cross_entropy_loss
from graven.losses.cross_pseudo import cross_pseudo_loss
from graven.losses.dice import DiceLoss, dice_loss
from graven.losses.focal import FocalLoss, focal_loss
from graven.losses.generalised_dice import GeneralisedDiceLoss, generalised_dice_loss
from graven.losses.mixed import MixedLoss, mixed_loss
from graven.losses.multiclass_dice import MulticlassDiceLoss, multiclass_dice_loss
from graven.losses.multiclass_focal import MulticlassFocalLoss, multiclass_focal_loss
from graven.losses.pooled_dice import PooledDiceLoss, pooled_dice_loss
from graven.losses.relief import ReliefLoss, ReliefOutputs, ReliefTerms, ReliefTruth, relief_loss, relief_total
from graven.losses.silog import SilogLoss, silog_loss
from graven.losses.soft_edges import edge_class_loss, edge_match_loss, expected_class, matching_weight, soft_edge_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

__all__ = [
    "BEGLLoss",
    "BELoss",
    "BalancedBCELoss",
    "ClDiceLoss",
    "ClassBoundaryLoss",
    "CrossEntropyLoss",
    "DiceLoss",
    "FocalLoss",
    "GeneralisedDiceLoss",
    "LOSSES",
    "MixedLoss",
    "MulticlassDiceLoss",
    "MulticlassFocalLoss",
    "PooledDiceLoss",
    "ReliefLoss",
    "ReliefOutputs",
    "ReliefTerms",
    "ReliefTruth",
    "SilogLoss",
    "balanced_bce_loss",
    "be_loss",
    "begl_loss",
    "begl_terms",
    "boundary_enhancement_term",
    "boundary_term",
    "build_loss",
    "class_boundary_loss",
    "cldice_loss",
    "cross_entropy_loss",
    "cross_pseudo_loss",
    "dice_loss",
    "edge_class_loss",
    "edge_match_loss",
    "expected_class",
    "focal_loss",
    "generalised_dice_loss",
    "matching_weight",
    "mixed_loss",
    "multiclass_dice_loss",
    "multiclass_focal_loss",
    "pooled_dice_loss",
    "relief_loss",
    "relief_total",
    "silog_loss",
    "soft_edge_loss",
]

LOSSES: dict[str, Callable[..., nn.Module]] = {
    "begl": BEGLLoss,
    "be": BELoss,
    "focal": FocalLoss,
    "dice": DiceLoss,
    "bce": BalancedBCELoss,
    "pooled_dice": PooledDiceLoss,
    "generalised_dice": GeneralisedDiceLoss,
    "ce": CrossEntropyLoss,
    "focal_mc": MulticlassFocalLoss,
    "dice_mc": MulticlassDiceLoss,
    "mixed1": MixedLoss,
    "mixed2": partial(MixedLoss, ce_weight=1.0),
    "cldice": ClDiceLoss,
    "boundary_mc": ClassBoundaryLoss,
}
"""Losses by the name that a recipe uses: seven for one class, then seven for several."""


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
        Called with ``(logits, target, valid=None)``; gives a scalar. Target and valid mask have the shape (N, 1, H, W);
        the logits of the first seven as well, those of the others (N, K, H, W).

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
