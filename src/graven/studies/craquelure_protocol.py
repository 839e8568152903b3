"""What the craquelure study holds fixed: networks, budgets and data of each protocol, and the recipe of every run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from graven.studies.budget import Budget
from graven.studies.craquelure_contenders import CLASSES
from graven.studies.protocols import named_protocol
from graven.train.augment import Augment
from graven.train.recipe import Data, Named, Optimiser, Recipe, Run, Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graven.studies.craquelure_contenders import Contender

__all__ = [
    "PROTOCOLS",
    "CraquelureProtocol",
    "choose_protocol",
    "crack_recipe",
    "painting_recipe",
]

NEVER = 10**9


@dataclass(frozen=True, slots=True)
class CraquelureProtocol:
    """What is the same for every loss and network.

    Attributes
    ----------
    name : str
        Key in `PROTOCOLS`.
    networks : dict of str to Named
        By the name that a `Contender` gives, without the number of classes.
    paintings : Budget
        Of the runs on paintings.
    cracks : dict of str to Budget
        Of the runs on photographed cracks, by set.
    n_train, n_val, n_ordinary, n_severe, n_unseen : int
        Paintings; all but the first are the first ones of the frozen lists.
    panel_px : int, pixels
        Side of a painting.
    tile_px : int, pixels
        Side of the tiles in which test paintings are predicted.
    val_tiles_per_panel : int or None
        Validation tiles of each painting; None takes all.
    n_variants : int, 1 to 35
        Variants of each source where the leak of the paper is repeated.
    precision : {"auto", "fp32"}
        Of the training; tests are predicted in float32.
    note : str
        Where and why the protocol departs from the paper.
    """

    name: str
    networks: Mapping[str, Named]
    paintings: Budget
    cracks: Mapping[str, Budget]
    n_train: int
    n_val: int
    n_ordinary: int
    n_severe: int
    n_unseen: int
    panel_px: int
    tile_px: int
    val_tiles_per_panel: int | None
    n_variants: int
    precision: Literal["auto", "fp32"]
    note: str


PAPER_AUGMENT = Augment(
    flips=True,
    turns=False,
    scale=1.0,
    reduction=3.0,
    aspect=0.3,
    hue_deg=18.0,
    saturation=0.7,
    value=0.3,
    noise=10.0,
    sharpening=1.0,
)
"""Online, as in the code base that the paper follows; noise and sharpening are ours."""

MILD_AUGMENT = Augment(
    flips=True, turns=True, brightness=15.0, contrast=0.2, hue_deg=9.0, saturation=0.3, noise=6.0, sharpening=0.5
)
"""For few updates: paintings have one scale, so nothing is resampled."""

ROAD_AUGMENT = Augment(
    flips=True,
    turns=True,
    scale=0.25,
    brightness=20.0,
    contrast=0.3,
    colour=0.05,
    blur_sigma_px=0.7,
    noise=5.0,
    sharpening=0.5,
)
"""For photographed cracks, which differ in scale and light and hardly in colour."""

PAPER_SCHEDULE = Schedule("warm_cosine", "epochs", {"lr_min": 1e-6, "lr_start": 1e-5, "warmup": 3.0, "flat": 5.0})
SHORT_SCHEDULE = Schedule("cosine", "steps", {"lr_min": 1e-6, "warmup": 40.0})
PAPER_BUDGET = Budget(
    crop_px=512,
    batch_size=8,
    crops_per_epoch=18_900,
    epochs=100,
    lr=1e-4,
    schedule=PAPER_SCHEDULE,
    augment=PAPER_AUGMENT,
    positive_share=None,
)


def _small(crop_px: int, batch_size: int, crops_per_epoch: int, epochs: int) -> Budget:
    """Give the budget of a set of cracks on two cores."""
    return Budget(
        crop_px=crop_px,
        batch_size=batch_size,
        crops_per_epoch=crops_per_epoch,
        epochs=epochs,
        lr=2e-3,
        schedule=SHORT_SCHEDULE,
        augment=ROAD_AUGMENT,
        positive_share=0.7,
        optimiser="adamw",
        ema_decay=0.99,
    )


def _full(crop_px: int) -> Budget:
    """Give the budget of a set of cracks on an accelerator."""
    return replace(
        PAPER_BUDGET, crop_px=crop_px, crops_per_epoch=800, positive_share=0.7, augment=ROAD_AUGMENT, ema_decay=0.99
    )


TINY = Budget(
    crop_px=32,
    batch_size=2,
    crops_per_epoch=10,
    epochs=2,
    lr=1e-3,
    schedule=Schedule(),
    augment=Augment(),
    positive_share=0.5,
)

PROTOCOLS: dict[str, CraquelureProtocol] = {
    "small": CraquelureProtocol(
        name="small",
        networks={
            "res_unet": Named("res_unet", {"encoder": "resnet18", "narrowing": 4}),
            "unet": Named("unet", {"widths": [16, 32, 64, 128, 256]}),
            "mcdm": Named("mcdm", {"width": 64}),
        },
        paintings=Budget(
            crop_px=256,
            batch_size=4,
            crops_per_epoch=400,
            epochs=10,
            lr=1e-3,
            schedule=SHORT_SCHEDULE,
            augment=MILD_AUGMENT,
        ),
        cracks={
            "crackforest": _small(256, 8, 800, 12),
            "deepcrack_crops": _small(128, 16, 1600, 8),
            "masonry224": _small(224, 4, 400, 8),
            "uav75": _small(256, 8, 800, 10),
        },
        n_train=96,
        n_val=16,
        n_ordinary=24,
        n_severe=16,
        n_unseen=16,
        panel_px=1024,
        tile_px=512,
        val_tiles_per_panel=1,
        n_variants=5,
        precision="auto",
        note=(
            "Res-UNet has the encoder ResNet-18 instead of ResNet-50, and it and U-Net have a quarter of the channels; "
            "MC-DM, which is light, keeps its encoder and has 64 channels after it. Crops of 256 px, batches of 4 and "
            "few updates: the published size would take months on two cores. The rate is higher in turn, and nothing "
            "is frozen, since no weights were learned before. Cracks have budgets of their own, a running mean of the "
            "weights, and AdamW."
        ),
    ),
    "full": CraquelureProtocol(
        name="full",
        networks={
            "res_unet": Named("res_unet"),
            "unet": Named("unet"),
            "mcdm": Named("mcdm"),
        },
        paintings=PAPER_BUDGET,
        cracks={
            "crackforest": _full(256),
            "deepcrack_crops": _full(128),
            "masonry224": _full(224),
            "uav75": _full(512),
        },
        n_train=600,
        n_val=16,
        n_ordinary=24,
        n_severe=16,
        n_unseen=16,
        panel_px=1024,
        tile_px=512,
        val_tiles_per_panel=None,
        n_variants=35,
        precision="auto",
        note=(
            "Network, crop, batch, rate, schedule and epochs as published, on 600 sources; an epoch is nine tenths of"
            " 21,000 crops, changed when they are cut. The encoder of the paper came from a medical data set that is "
            "not public; here it begins at random, so it is not frozen. Cracks have epochs of 800 crops."
        ),
    ),
    "tiny": CraquelureProtocol(
        name="tiny",
        networks={
            "res_unet": Named("res_unet", {"encoder": "resnet18", "narrowing": 8}),
            "unet": Named("unet", {"widths": [4, 8]}),
            "mcdm": Named("unet", {"widths": [4, 8, 8]}),
        },
        paintings=TINY,
        cracks=dict.fromkeys(("crackforest", "deepcrack_crops", "masonry224", "uav75"), TINY),
        n_train=3,
        n_val=2,
        n_ordinary=2,
        n_severe=1,
        n_unseen=1,
        panel_px=128,
        tile_px=64,
        val_tiles_per_panel=2,
        n_variants=4,
        precision="fp32",
        note="Only shows that the study runs; its numbers mean nothing.",
    ),
}
"""Protocols by name; ``tiny`` is for tests."""


def choose_protocol(name: str, *, epochs: int | None = None) -> CraquelureProtocol:
    """Find a protocol.

    Parameters
    ----------
    name : str
        ``small`` or ``full``.
    epochs : int, optional
        Epochs of every run, on paintings and cracks alike, instead of the protocol's.

    Returns
    -------
    CraquelureProtocol
        The protocol, with those epochs.

    Raises
    ------
    UsageError
        If the name is unknown or the epochs are fewer than one.

    Examples
    --------
    >>> choose_protocol("full").paintings.epochs, choose_protocol("small", epochs=3).cracks["uav75"].epochs
    (100, 3)
    """
    found = named_protocol(PROTOCOLS, name, epochs=epochs)
    if epochs is None:
        return found
    cracks = {key: replace(budget, epochs=epochs) for key, budget in found.cracks.items()}
    return replace(found, paintings=replace(found.paintings, epochs=epochs), cracks=cracks)


def painting_recipe(protocol: CraquelureProtocol, contender: Contender, *, seed: int) -> Recipe:
    """Write the recipe of a run on paintings; runs of one seed differ in loss or network and in nothing else.

    Parameters
    ----------
    protocol : CraquelureProtocol
        The budget.
    contender : Contender
        Loss and network.
    seed : int
        Of weights, order and crops.

    Returns
    -------
    Recipe
        Three classes that exclude each other.
    """
    network = protocol.networks[contender.network]
    return _recipe(
        f"craquelure study: {contender.key}, seed {seed}",
        protocol,
        protocol.paintings,
        network=Named(network.name, {**network.options, "n_classes": len(CLASSES)}),
        loss=Named(contender.loss, dict(contender.options)),
        tile_px=protocol.tile_px,
        tiles_per_panel=protocol.val_tiles_per_panel,
        seed=seed,
    )


def crack_recipe(protocol: CraquelureProtocol, key: str, *, tile_px: int, seed: int) -> Recipe:
    """Write the recipe of a run on a set of photographed cracks: Res-UNet and Mixed 1 with two classes.

    Parameters
    ----------
    protocol : CraquelureProtocol
        The budgets.
    key : str
        Key of the set.
    tile_px : int, pixels
        Side of the square that holds a whole picture.
    seed : int
        Of weights, order and crops.

    Returns
    -------
    Recipe
        Background and crack.
    """
    network = protocol.networks["res_unet"]
    return _recipe(
        f"craquelure study: {key}, seed {seed}",
        protocol,
        protocol.cracks[key],
        network=Named(network.name, {**network.options, "n_classes": 2}),
        loss=Named("mixed1"),
        tile_px=tile_px,
        tiles_per_panel=None,
        seed=seed,
    )


def _recipe(
    name: str,
    protocol: CraquelureProtocol,
    budget: Budget,
    *,
    network: Named,
    loss: Named,
    tile_px: int,
    tiles_per_panel: int | None,
    seed: int,
) -> Recipe:
    steps_per_epoch = budget.crops_per_epoch // budget.batch_size
    return Recipe(
        name=name,
        method="condition",
        task="classes",
        network=network,
        loss=loss,
        data=Data(
            crop_px=budget.crop_px,
            batch_size=budget.batch_size,
            items_per_epoch=budget.crops_per_epoch,
            positive_share=budget.positive_share,
            validation_tile_px=tile_px,
            validation_tiles_per_panel=tiles_per_panel,
            validation_batch_size=min(4, budget.batch_size),
        ),
        augment=budget.augment,
        optimiser=Optimiser(budget.optimiser, lr=budget.lr, ema_decay=budget.ema_decay),
        schedule=budget.schedule,
        run=Run(
            max_epochs=budget.epochs,
            validate_every_steps=2 * steps_per_epoch if budget.epochs % 2 == 0 else steps_per_epoch,
            checkpoint_every_steps=max(1, min(500, steps_per_epoch)),
            collapse_after=NEVER,
            precision=protocol.precision,
            seed=seed,
        ),
    )
