"""Parts of a network that are not trained at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from graven.errors import UsageError

if TYPE_CHECKING:
    from graven.train.task import Standardised

__all__ = ["find_part", "hold"]


def find_part(model: Standardised, name: str) -> nn.Module:
    """Find the part of a network that is to be frozen.

    Parameters
    ----------
    model : Standardised
        The network behind its standardisation.
    name : str
        Attribute of the network.

    Returns
    -------
    nn.Module
        The part.

    Raises
    ------
    UsageError
        If it has no such part; those that it has are named.
    """
    part = getattr(model.net, name, None)
    if not isinstance(part, nn.Module):
        named = ", ".join(name for name, _ in model.net.named_children())
        raise UsageError(f"freeze.part {name!r} is no part of {type(model.net).__name__}; its parts are {named}")
    return part


def hold(part: nn.Module, *, is_held: bool) -> None:
    """Keep weights and statistics of a part as they are, or let them go.

    Parameters
    ----------
    part : nn.Module
        Of the network that is trained.
    is_held : bool
        Whether it stays; to be said before every update, since validation sets the mode of all parts anew.
    """
    part.train(not is_held)
    for weight in part.parameters():
        weight.requires_grad_(not is_held)
