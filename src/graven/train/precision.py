"""In which number format a network is trained, chosen by what the processor computes with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from graven.errors import InputError
from graven.nets.precision import has_bf16

if TYPE_CHECKING:
    import torch

__all__ = ["resolve_precision"]


def resolve_precision(wanted: str, device: torch.device) -> Literal["fp32", "bf16"]:
    """Turn the precision of a recipe into what will be used.

    Parameters
    ----------
    wanted : {"auto", "fp32", "bf16"}
        ``auto`` takes bf16 where the device has it in hardware.
    device : torch.device
        Where the network will run.

    Returns
    -------
    {"fp32", "bf16"}
        The format of the matrix products; weights, losses and optimiser stay in float32.

    Raises
    ------
    InputError
        If the name is unknown.

    Examples
    --------
    >>> import torch
    >>> resolve_precision("fp32", torch.device("cpu"))
    'fp32'
    """
    if wanted == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    if wanted == "bf16":
        return "bf16"
    if wanted == "fp32":
        return "fp32"
    raise InputError(f"unknown precision {wanted!r}; choose auto, fp32 or bf16")
