"""What the craquelure study compares, and what the paper found: losses, weights, networks, parts, published values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graven.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CLASSES",
    "GOALS",
    "LABELS",
    "LAMBDAS",
    "LOSSES",
    "METRICS",
    "NETWORKS",
    "PARTS",
    "PUBLISHED_FPS",
    "PUBLISHED_IOU",
    "PUBLISHED_NETWORKS",
    "Contender",
    "choose_parts",
    "contenders_of",
]

CLASSES = ("background", "craquelure", "paint loss")
METRICS = ("accuracy", "precision", "recall", "f1", "miou")
PARTS = ("losses", "lambda", "networks", "cracks")


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of a comparison on paintings: a loss with a network.

    Attributes
    ----------
    key : str
        Short name in files.
    label : str
        As the tables print it.
    loss : str
        Key of `graven.losses.LOSSES`.
    options : dict
        Options of the loss; empty means the values of the paper, or our reading where it is silent.
    network : str
        Key of `NETWORKS`.
    """

    key: str
    label: str
    loss: str = "mixed1"
    options: dict[str, Any] = field(default_factory=dict)
    network: str = "res_unet"


LOSSES: dict[str, Contender] = {
    entry.key: entry
    for entry in (
        Contender("ce", "CE", "ce"),
        Contender("dice", "Dice", "dice_mc"),
        Contender("focal", "Focal", "focal_mc"),
        Contender("mixed2", "Mixed 2", "mixed2"),
        Contender("mixed1", "Mixed 1", "mixed1"),
    )
}
"""The five losses in the order of Table 2; their options are those of the paper."""

LAMBDAS: dict[float, Contender] = {
    0.1: Contender("mixed1-l0.1", "λ = 0.1", options={"focal_weight": 0.1}),
    0.5: Contender("mixed1-l0.5", "λ = 0.5", options={"focal_weight": 0.5}),
    1.0: Contender("mixed1", "λ = 1"),
    2.0: Contender("mixed1-l2", "λ = 2", options={"focal_weight": 2.0}),
    5.0: Contender("mixed1-l5", "λ = 5", options={"focal_weight": 5.0}),
}
"""Weights of the focal term of Mixed 1, for Figure 5; λ = 1 is the run of Table 2."""

NETWORKS: dict[str, Contender] = {
    "res_unet": Contender("mixed1", "Res-UNet"),
    "unet": Contender("unet", "U-Net", network="unet"),
    "mcdm": Contender("mcdm", "MC-DM", network="mcdm"),
}
"""The three networks of Figure 9, all with Mixed 1; Res-UNet is the run of Table 2."""

LABELS: dict[str, str] = {
    **{entry.key: entry.label for entry in LOSSES.values()},
    **{entry.key: f"Mixed 1, {entry.label}" for entry in LAMBDAS.values() if entry.options},
    **{entry.key: f"{entry.label}, Mixed 1" for entry in NETWORKS.values() if entry.network != "res_unet"},
}
"""All that is trained on paintings, each once, as it is called where rows of several tables stand together."""

PUBLISHED_IOU: dict[str, tuple[float, float, float]] = {
    "ce": (0.97, 0.59, 0.93),
    "dice": (0.98, 0.67, 0.93),
    "focal": (0.98, 0.69, 0.93),
    "mixed2": (0.97, 0.66, 0.93),
    "mixed1": (0.98, 0.71, 0.94),
}
"""Table 2 of the paper: IoU of `CLASSES`."""

PUBLISHED_NETWORKS: dict[str, dict[str, float]] = {
    key: dict(zip(METRICS, row, strict=True))
    for key, row in {
        "mixed1": (0.9819, 0.9318, 0.9367, 0.9342, 0.8781),
        "unet": (0.9594, 0.8957, 0.9020, 0.8988, 0.8579),
        "mcdm": (0.9405, 0.8839, 0.8974, 0.8906, 0.8317),
    }.items()
}
"""Figure 9 of the paper. Those of U-Net and MC-DM are derived: the stated gains are subtracted as percentage points."""

PUBLISHED_FPS = {"mixed1": 37.57}
"""On a GTX 1080 Ti; of the others the paper says only that MC-DM is the fastest."""

GOALS: dict[str, float] = {"background": 0.98, "craquelure": 0.71, "paint loss": 0.94, "miou": 0.878}
"""IoU of Mixed 1 in the paper, which was set as the goal on procedural paintings."""


def choose_parts(names: tuple[str, ...] | None, *, has_cracks: bool) -> tuple[str, ...]:
    """Find the parts of the study to run.

    Parameters
    ----------
    names : tuple of str or None
        Some of `PARTS`; None means all for which there are data.
    has_cracks : bool
        Whether the folder of the crack sets was given.

    Returns
    -------
    tuple of str
        In the order of `PARTS`.

    Raises
    ------
    UsageError
        If a name is unknown, none is left, or the data of a part are missing.

    Examples
    --------
    >>> choose_parts(None, has_cracks=False)
    ('losses', 'lambda', 'networks')
    """
    if names is None:
        return tuple(part for part in PARTS if part != "cracks" or has_cracks)
    unknown = [name for name in names if name not in PARTS]
    if unknown or not names:
        raise UsageError(f"--parts takes any of {','.join(PARTS)}, got {unknown[0] if unknown else ''!r}")
    if "cracks" in names and not has_cracks:
        raise UsageError("the part cracks needs --data with the folder of the crack sets; or leave it out of --parts")
    return tuple(part for part in PARTS if part in names)


def contenders_of(parts: tuple[str, ...]) -> tuple[Contender, ...]:
    """List what is trained on paintings, each once.

    Parameters
    ----------
    parts : tuple of str
        Some of `PARTS`.

    Returns
    -------
    tuple of Contender
        Losses first, then other λ, then other networks.

    Examples
    --------
    >>> [entry.key for entry in contenders_of(("lambda", "networks"))]
    ['mixed1-l0.1', 'mixed1-l0.5', 'mixed1', 'mixed1-l2', 'mixed1-l5', 'unet', 'mcdm']
    """
    tables: dict[str, Mapping[Any, Contender]] = {"losses": LOSSES, "lambda": LAMBDAS, "networks": NETWORKS}
    found: dict[str, Contender] = {}
    for part in (part for part in PARTS if part in parts and part in tables):
        for entry in tables[part].values():
            found.setdefault(entry.key, entry)
    return tuple(found.values())
