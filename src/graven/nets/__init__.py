"""Networks: modules only, no files and no training. `build_net` turns a name and options into one."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from graven.errors import UsageError
from graven.nets.blocks import he_init
from graven.nets.compact import CompactUNet
from graven.nets.encoders import TimmUNet
from graven.nets.gate import CompactGate, Gate
from graven.nets.res_unet import ResUNet
from graven.nets.resnet_gate import ResNetGate
from graven.nets.segnet import SegNet
from graven.nets.smp import MCDM, SmpDeepLabV3Plus, SmpPSPNet, SmpUNet
from graven.nets.twins import Twins
from graven.nets.unet import UNet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

__all__ = [
    "CompactGate",
    "CompactUNet",
    "Gate",
    "MCDM",
    "NETS",
    "ResNetGate",
    "ResUNet",
    "SegNet",
    "SmpDeepLabV3Plus",
    "SmpPSPNet",
    "SmpUNet",
    "TimmUNet",
    "Twins",
    "UNet",
    "build_net",
    "build_twins",
    "he_init",
]


def build_twins(*, network: str = "compact_unet", options: Mapping[str, Any] | None = None) -> Twins:
    """Build two networks of one kind, each with random weights of its own.

    Parameters
    ----------
    network : str
        A key of `NETS`.
    options : mapping, optional
        Options of that network.

    Returns
    -------
    Twins
        Answers with the mean of their logits.
    """
    first, second = (build_net(network, **(options or {})) for _ in range(2))
    return Twins(first, second)


NETS: dict[str, Callable[..., nn.Module]] = {
    "unet": UNet,
    "compact_unet": CompactUNet,
    "timm_unet": TimmUNet,
    "smp_unet": SmpUNet,
    "res_unet": ResUNet,
    "mcdm": MCDM,
    "segnet": SegNet,
    "smp_deeplabv3plus": SmpDeepLabV3Plus,
    "smp_pspnet": SmpPSPNet,
    "resnet_gate": ResNetGate,
    "compact_gate": CompactGate,
    "twins": build_twins,
}


def build_net(name: str, **options: Any) -> nn.Module:
    """Build a network with random weights from its name and options.

    Parameters
    ----------
    name : str
        A key of `NETS`.
    **options
        Options of that network, all by keyword, such as ``in_channels=1``.

    Returns
    -------
    nn.Module
        Takes a batch (N, C, H, W) with H and W multiples of its attribute ``multiple``; segmenters return logits
        (N, n_classes, H, W), gates (N, 1).

    Raises
    ------
    UsageError
        If the name or an option is unknown; the choices are listed.

    Examples
    --------
    >>> build_net("unet", in_channels=1, widths=(8, 16)).multiple
    2
    """
    if name not in NETS:
        raise UsageError(f"unknown network {name!r}; choose one of {', '.join(NETS)}")
    factory = NETS[name]
    known = list(inspect.signature(factory).parameters)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UsageError(f"network {name!r} has no option {', '.join(unknown)}; it knows {', '.join(known)}")
    return factory(**options)
