"""Libraries of encoders, imported when a network asks for them: timm alone takes seconds to load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["create_timm", "import_smp"]


def create_timm(encoder: str, *, weights: str | None = None, **options: Any) -> Any:
    """Build a timm network.

    Parameters
    ----------
    encoder : str
        Name known to timm, such as ``resnet18``.
    weights : str, optional
        Tag of published weights of that network, such as ``tv_in1k``; they are fetched. Without one the weights are
        random and nothing is downloaded.
    **options
        Handed to ``timm.create_model``.

    Returns
    -------
    nn.Module
        The network.

    Raises
    ------
    MissingExtra
        If timm is not installed.
    UsageError
        If timm does not know the name or the tag, cannot build it that way, or cannot fetch the weights.
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
    name = encoder if weights is None else f"{encoder}.{weights}"
    if weights is not None and name not in (published := timm.list_pretrained(f"{encoder}.*")):
        tags = ", ".join(entry.partition(".")[2] for entry in published)
        raise UsageError(f"timm has no weights {weights!r} of {encoder!r}; choose one of {tags or 'none'}")
    try:
        net: nn.Module = timm.create_model(name, pretrained=weights is not None, **options)
    except OSError as error:
        raise UsageError(
            f"the weights {name!r} could not be fetched: {_first_line(error)}; connect this machine, or build the "
            "network without encoder_weights"
        ) from error
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


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
