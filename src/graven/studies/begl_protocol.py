"""What the BEGL study holds fixed and what it compares: protocols, losses, variants, published values.

The numbers of the paper and our readings of it stand in literal tables; the recipe of every run is computed from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from graven.errors import UsageError
from graven.studies.protocols import named_protocol
from graven.train.augment import Augment
from graven.train.recipe import Data, Named, Optimiser, Recipe, Run, Schedule

__all__ = [
    "CONTENDERS",
    "METRICS",
    "PREPARE",
    "PROTOCOLS",
    "PUBLISHED",
    "VARIANTS",
    "Contender",
    "Protocol",
    "choose_contenders",
    "choose_protocol",
    "run_recipe",
]

METRICS = ("accuracy", "precision", "recall", "f1", "miou", "dsc")
"""Columns of Table 1, in its order."""

PREPARE = (Named("reversal"), Named("clahe", {"clip_limit": 2.0, "cell_px": 64}))
"""Preparation of whole panels; procedural panels and crops are not skewed, so rotation correction is left out."""

NEVER = 10**9


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is the same for every loss.

    Attributes
    ----------
    name : str
        Key in `PROTOCOLS`.
    widths : tuple of int
        Channels of the U-Net from full size down.
    crop_px : int, pixels
        Side of training crops and of test patches.
    batch_size, crops_per_epoch, epochs : int
        The budget; equal for all runs, no early stop.
    lr : float
        Initial rate of Adam; it falls as ``lr / (1 + 1e-6 * update)``.
    panel_px : int, pixels
        Side of procedural panels.
    pixel_size_mm : float
        Size of their pixels.
    n_train, n_val, n_ordinary, n_severe : int
        Procedural panels; the last two are those of the frozen test lists.
    val_tiles_per_panel : int
        Validation patches from each panel.
    precision : {"auto", "fp32"}
        Of the training; tests are predicted in float32.
    note : str
        Where and why the protocol departs from the paper.
    """

    name: str
    widths: tuple[int, ...]
    crop_px: int
    batch_size: int
    crops_per_epoch: int
    epochs: int
    lr: float
    panel_px: int
    pixel_size_mm: float
    n_train: int
    n_val: int
    n_ordinary: int
    n_severe: int
    val_tiles_per_panel: int
    precision: Literal["auto", "fp32"]
    note: str


@dataclass(frozen=True, slots=True)
class Contender:
    """One loss of the comparison.

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
    is_variant : bool
        True for rows that are ours and not in the paper.
    """

    key: str
    label: str
    loss: str
    options: dict[str, Any] = field(default_factory=dict)
    is_variant: bool = False


PROTOCOLS: dict[str, Protocol] = {
    "small": Protocol(
        name="small",
        widths=(16, 32, 64, 128, 256),
        crop_px=256,
        batch_size=8,
        crops_per_epoch=512,
        epochs=12,
        lr=4e-4,
        panel_px=1024,
        pixel_size_mm=0.5,
        n_train=96,
        n_val=16,
        n_ordinary=24,
        n_severe=16,
        val_tiles_per_panel=4,
        precision="auto",
        note=(
            "Quarter width, patches of 256 px, batches of 8 and few epochs: the published size would take weeks "
            "on two cores. The published rate of 1e-4 belongs to batches of 2; it is scaled with the batch to 4e-4."
        ),
    ),
    "full": Protocol(
        name="full",
        widths=(64, 128, 256, 512, 1024),
        crop_px=512,
        batch_size=2,
        crops_per_epoch=494,
        epochs=100,
        lr=1e-4,
        panel_px=1024,
        pixel_size_mm=0.5,
        n_train=128,
        n_val=16,
        n_ordinary=24,
        n_severe=16,
        val_tiles_per_panel=2,
        precision="auto",
        note=(
            "Width, patch, batch, rate and crops per epoch as published (493 training patches, rounded up to whole "
            "batches). The paper does not report its number of epochs; 100 is our choice."
        ),
    ),
    "tiny": Protocol(
        name="tiny",
        widths=(4, 8),
        crop_px=32,
        batch_size=4,
        crops_per_epoch=16,
        epochs=2,
        lr=1e-3,
        panel_px=96,
        pixel_size_mm=0.5,
        n_train=3,
        n_val=3,
        n_ordinary=3,
        n_severe=2,
        val_tiles_per_panel=4,
        precision="fp32",
        note="Only shows that the study runs; its numbers mean nothing.",
    ),
}
"""Protocols by name; ``tiny`` is for tests."""

CONTENDERS: dict[str, Contender] = {
    "be": Contender("be", "BE", "be"),
    "focal": Contender("focal", "Focal", "focal"),
    "dice": Contender("dice", "Dice", "dice"),
    "bce": Contender("bce", "Balanced CE", "bce"),
    "begl": Contender("begl", "BEGL", "begl"),
}
"""The five losses in the order of Table 1."""

VARIANTS: dict[str, Contender] = {
    entry.key: entry
    for entry in (
        Contender("begl-l0.01", "BEGL, λ1 = 0.01", "begl", {"lambda1": 0.01}, is_variant=True),
        Contender("begl-l0.1", "BEGL, λ1 = 0.1", "begl", {"lambda1": 0.1}, is_variant=True),
        Contender("begl-g7", "BEGL, Gaussian 7 px, σ 1.6", "begl", {"size_px": 7, "sigma_px": 1.6}, is_variant=True),
        Contender("begl-even", "BEGL, plain CE (β = 0.5)", "begl", {"beta": 0.5}, is_variant=True),
        Contender(
            "begl-even-l0.01",
            "BEGL, plain CE (β = 0.5), λ1 = 0.01",
            "begl",
            {"beta": 0.5, "lambda1": 0.01},
            is_variant=True,
        ),
    )
}
"""Attempts at a better boundary loss; they are reported as extra rows, never as the paper's."""

PUBLISHED: dict[str, dict[str, float]] = {
    key: dict(zip(METRICS, row, strict=True))
    for key, row in {
        "be": (0.695, 0.450, 0.964, 0.613, 0.514, 0.613),
        "focal": (0.757, 0.899, 0.056, 0.104, 0.404, 0.104),
        "dice": (0.829, 0.591, 0.992, 0.739, 0.679, 0.739),
        "bce": (0.907, 0.804, 0.832, 0.804, 0.778, 0.804),
        "begl": (0.935, 0.863, 0.873, 0.865, 0.840, 0.865),
    }.items()
}
"""Table 1 of the paper, measured there on 3D-Pitoti, where patches of one panel were in training and test."""


def choose_protocol(name: str, *, epochs: int | None = None) -> Protocol:
    """Find a protocol.

    Parameters
    ----------
    name : str
        ``small`` or ``full``.
    epochs : int, optional
        Epochs of every run instead of the protocol's.

    Returns
    -------
    Protocol
        The protocol, with those epochs.

    Raises
    ------
    UsageError
        If the name is unknown or the epochs are fewer than one.

    Examples
    --------
    >>> choose_protocol("full").widths[-1], choose_protocol("small", epochs=3).epochs
    (1024, 3)
    """
    found = named_protocol(PROTOCOLS, name, epochs=epochs)
    return found if epochs is None else replace(found, epochs=epochs)


def choose_contenders(losses: tuple[str, ...] | None, variants: tuple[str, ...]) -> tuple[Contender, ...]:
    """Find the losses to compare.

    Parameters
    ----------
    losses : tuple of str or None
        Keys of `CONTENDERS`; None means all five.
    variants : tuple of str
        Keys of `VARIANTS`.

    Returns
    -------
    tuple of Contender
        In the order of the tables, variants last.

    Raises
    ------
    UsageError
        If a name is unknown, or nothing is left to compare.

    Examples
    --------
    >>> [entry.key for entry in choose_contenders(("begl", "bce"), ("begl-g7",))]
    ['bce', 'begl', 'begl-g7']
    """
    wanted = tuple(CONTENDERS) if losses is None else losses
    for option, names, table in (("--losses", wanted, CONTENDERS), ("--variants", variants, VARIANTS)):
        unknown = [name for name in names if name not in table]
        if unknown:
            raise UsageError(f"{option} takes any of {','.join(table)}, got {unknown[0]!r}")
    chosen = [entry for entry in CONTENDERS.values() if entry.key in wanted]
    chosen += [entry for entry in VARIANTS.values() if entry.key in variants]
    if not chosen:
        raise UsageError("a study needs at least one loss; name one with --losses")
    return tuple(chosen)


def run_recipe(protocol: Protocol, contender: Contender, *, seed: int) -> Recipe:
    """Write the recipe of one run.

    Two runs of one seed differ in their loss and name alone, so they start from the same weights and see the same crops
    in the same order.

    Parameters
    ----------
    protocol : Protocol
        The budget.
    contender : Contender
        The loss.
    seed : int
        Of weights, order and crops.

    Returns
    -------
    Recipe
        Crops lie around foreground, as in the paper, whose patches had passed a filter for it.
    """
    steps_per_epoch = protocol.crops_per_epoch // protocol.batch_size
    return Recipe(
        name=f"begl study: {contender.label}, seed {seed}",
        method="petroglyph",
        network=Named("unet", {"widths": list(protocol.widths)}),
        loss=Named(contender.loss, dict(contender.options)),
        prepare=PREPARE,
        data=Data(
            crop_px=protocol.crop_px,
            batch_size=protocol.batch_size,
            items_per_epoch=protocol.crops_per_epoch,
            positive_share=1.0,
            validation_tile_px=protocol.crop_px,
            validation_tiles_per_panel=protocol.val_tiles_per_panel,
            validation_batch_size=protocol.batch_size,
            pixel_size_mm=protocol.pixel_size_mm,
        ),
        augment=Augment(flips=True, turns=True),
        optimiser=Optimiser("adam", lr=protocol.lr),
        schedule=Schedule("time_decay", "steps", {"decay": 1e-6}),
        run=Run(
            max_epochs=protocol.epochs,
            validate_every_steps=steps_per_epoch,
            checkpoint_every_steps=max(1, min(200, steps_per_epoch)),
            collapse_after=NEVER,
            precision=protocol.precision,
            seed=seed,
        ),
    )
