"""Libraries of encoders, imported when a network asks for them: timm alone takes seconds to load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["create_timm", "import_smp"]


def create_timm(encoder: str, **options: Any) -> Any:
    """Build a timm network with random weights.

    Parameters
    ----------
    encoder : str
        Name known to timm, such as ``resnet18``.
    **options
        Handed to ``timm.create_model``.

    Returns
    -------
    nn.Module
        The network; nothing is downloaded.

    Raises
    ------
    MissingExtra
        If timm is not installed.
    UsageError
        If timm does not know the name, or cannot build it that way.
    """
    try:
        import timm
    except ImportError as error:
        raise MissingExtra(
            f"encoder {encoder!r} needs timm, which is not installed; run: pip install 'graven[ml]'"
        ) from error
    if not timm.is_model(encoder):
        import difflib

        near = difflib.get_close_matches(encoder, timm.list_models(), n=3) or ["resnet18", "resnet34", "resnet50"]
        raise UsageError(f"timm has no network {encoder!r}; choose for instance {', '.join(near)}")
    try:
        net: nn.Module = timm.create_model(encoder, pretrained=False, **options)
    except (RuntimeError, TypeError, AssertionError) as error:
        raise UsageError(f"timm cannot build {encoder!r} as asked: {error}; choose a convolutional network") from error
    return net


def import_smp() -> Any:
    """Return the module ``segmentation_models_pytorch``, or say how to install it."""
    try:
        import segmentation_models_pytorch
    except ImportError as error:
        raise MissingExtra(
            "this network needs segmentation-models-pytorch, which is not installed; run: pip install 'graven[ml]'"
        ) from error
    return segmentation_models_pytorch
