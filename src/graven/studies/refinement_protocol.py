"""What the refinement study holds fixed: network, budgets, objects and the person of each protocol, and all recipes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from graven.refine.annotator import AnnotatorSettings
from graven.refine.keeping import KEEPING
from graven.refine.protocol import ProtocolSettings
from graven.studies.budget import Budget
from graven.studies.protocols import named_protocol
from graven.studies.refinement_contenders import REFINERS
from graven.train.augment import Augment
from graven.train.recipe import Data, Hints, Named, Optimiser, Recipe, Run, Schedule

if TYPE_CHECKING:
    from graven.refine.strokes_stats import StrokeStatistics
    from graven.studies.refinement_contenders import Refiner, Trial

__all__ = [
    "PROTOCOLS",
    "RefinementProtocol",
    "choose_protocol",
    "first_recipe",
    "person_of",
    "refiner_recipe",
    "work_settings",
]

NEVER = 10**9


@dataclass(frozen=True, slots=True)
class RefinementProtocol:
    """What is the same for every network and every person.

    Attributes
    ----------
    name : str
        Key in `PROTOCOLS`.
    network : Named
        Of both networks, without the number of bands.
    first, refiner : Budget
        Of the first network, and of each that refines.
    validations : int
        Looks at the validation tiles during the training of the first network, evenly spread; the early start is one of
        them.
    n_train, n_val, n_ordinary, n_severe, n_unseen, n_objects : int
        Bronzes; all but the first are the first ones of the frozen lists.
    panel_px : int, pixels
        Side of a bronze.
    object_px : int or None, pixels
        Side of the middle part of a whole bronze that is worked on; None takes it whole.
    patch_px : int, pixels
        Side of crops, tiles and patches.
    val_tiles_per_panel : int or None
        Validation tiles of each panel; None takes all.
    test_repeats : int
        Strokes drawn on each patch of the test, one at a time.
    most_strokes : int
        Of the networks that learn from many.
    n_annotators, n_side_annotators : int
        Times that each object is worked on, with other randomness: for Figures 5 and 6, and for all else.
    work_seeds : int
        Objects are worked on with the networks of so many seeds.
    max_interactions : int
        A person stops after so many strokes.
    precision : {"auto", "fp32"}
        Of the training; tests are predicted in float32.
    note : str
        Where and why the protocol departs from the paper.
    """

    name: str
    network: Named
    first: Budget
    refiner: Budget
    validations: int
    n_train: int
    n_val: int
    n_ordinary: int
    n_severe: int
    n_unseen: int
    n_objects: int
    panel_px: int
    object_px: int | None
    patch_px: int
    val_tiles_per_panel: int | None
    test_repeats: int
    most_strokes: int
    n_annotators: int
    n_side_annotators: int
    work_seeds: int
    max_interactions: int
    precision: Literal["auto", "fp32"]
    note: str


SHORT_AUGMENT = Augment(flips=True, turns=True, scale=0.1, brightness=8.0, contrast=0.3, noise=6.0, blur_sigma_px=0.7)
"""That of the bundled models; few updates need pictures that differ."""

PAPER_AUGMENT = Augment(flips=True, turns=True, scale=0.1, translation=0.0625)
SHORT_SCHEDULE = Schedule("cosine", "steps", {"warmup": 100.0})


def _short(epochs: int) -> Budget:
    return Budget(
        crop_px=256,
        batch_size=8,
        crops_per_epoch=2400,
        epochs=epochs,
        lr=1e-3,
        schedule=SHORT_SCHEDULE,
        augment=SHORT_AUGMENT,
        positive_share=0.8,
        optimiser="adamw",
        ema_decay=0.99,
    )


def _published(epochs: int) -> Budget:
    return Budget(
        crop_px=256,
        batch_size=32,
        crops_per_epoch=6240,
        epochs=epochs,
        lr=3e-4,
        schedule=Schedule("plateau", "steps", {"factor": 0.5, "patience": 5.0}),
        augment=PAPER_AUGMENT,
        positive_share=1.0,
    )


TINY = Budget(
    crop_px=64,
    batch_size=4,
    crops_per_epoch=80,
    epochs=2,
    lr=1e-2,
    schedule=Schedule(),
    augment=Augment(),
    positive_share=0.9,
    optimiser="adamw",
)

PROTOCOLS: dict[str, RefinementProtocol] = {
    "small": RefinementProtocol(
        name="small",
        network=Named("compact_unet", {"widths": [8, 16, 48, 96, 128], "decoder_widths": [64, 48, 16, 8]}),
        first=_short(12),
        refiner=_short(10),
        validations=72,
        n_train=128,
        n_val=16,
        n_ordinary=24,
        n_severe=16,
        n_unseen=16,
        n_objects=5,
        panel_px=1024,
        object_px=None,
        patch_px=256,
        val_tiles_per_panel=4,
        test_repeats=2,
        most_strokes=8,
        n_annotators=5,
        n_side_annotators=2,
        work_seeds=1,
        max_interactions=3000,
        precision="auto",
        note=(
            "The network is a compact U-Net with 0.8 million parameters instead of 43.8, since the published size "
            "would take weeks on two cores; batches of 8, few updates, a higher rate that falls to 0, and a running "
            "mean of the weights. The person works with the quirks of the published code mended."
        ),
    ),
    "full": RefinementProtocol(
        name="full",
        network=Named("smp_unet", {"encoder": "efficientnet-b6"}),
        first=_published(60),
        refiner=_published(60),
        validations=240,
        n_train=600,
        n_val=16,
        n_ordinary=24,
        n_severe=16,
        n_unseen=16,
        n_objects=5,
        panel_px=1024,
        object_px=None,
        patch_px=256,
        val_tiles_per_panel=None,
        test_repeats=5,
        most_strokes=8,
        n_annotators=10,
        n_side_annotators=10,
        work_seeds=3,
        max_interactions=3000,
        precision="auto",
        note=(
            "Network, loss, batch, rate, plateau and augmentation as published (quarter turns in place of any angle), "
            "on 600 bronzes; 60 epochs, where the published weights stem from epochs 39 and 55. The person works with "
            "the quirks of the published code mended."
        ),
    ),
    "tiny": RefinementProtocol(
        name="tiny",
        network=Named("unet", {"widths": [8, 16], "norm": "batch"}),
        first=TINY,
        refiner=TINY,
        validations=8,
        n_train=3,
        n_val=2,
        n_ordinary=1,
        n_severe=1,
        n_unseen=1,
        n_objects=1,
        panel_px=256,
        object_px=256,
        patch_px=64,
        val_tiles_per_panel=2,
        test_repeats=1,
        most_strokes=3,
        n_annotators=2,
        n_side_annotators=1,
        work_seeds=1,
        max_interactions=30,
        precision="fp32",
        note="Only shows that the study runs; its numbers mean nothing.",
    ),
}
"""Protocols by name; ``tiny`` is for tests."""


def choose_protocol(name: str, *, epochs: int | None = None) -> RefinementProtocol:
    """Find a protocol.

    Parameters
    ----------
    name : str
        ``small`` or ``full``.
    epochs : int, optional
        Epochs of every run instead of the protocol's.

    Returns
    -------
    RefinementProtocol
        The protocol, with those epochs.

    Raises
    ------
    UsageError
        If the name is unknown or the epochs are fewer than one.

    Examples
    --------
    >>> choose_protocol("small").first.steps, choose_protocol("small", epochs=2).refiner.steps
    (3600, 600)
    """
    found = named_protocol(PROTOCOLS, name, epochs=epochs)
    if epochs is None:
        return found
    return replace(found, first=replace(found.first, epochs=epochs), refiner=replace(found.refiner, epochs=epochs))


def first_recipe(protocol: RefinementProtocol, *, seed: int, prepare: tuple[Named, ...]) -> Recipe:
    """Write the recipe of the first network.

    Parameters
    ----------
    protocol : RefinementProtocol
        The budget.
    seed : int
        Of weights, order and crops.
    prepare : tuple of Named
        How the panels were prepared.

    Returns
    -------
    Recipe
        It is validated often, so that there are weights near any strength.
    """
    every = max(1, protocol.first.steps // protocol.validations)
    return _recipe(f"refinement study: first network, seed {seed}", protocol, None, seed, prepare, every, Hints())


def refiner_recipe(
    protocol: RefinementProtocol,
    refiner: Refiner,
    *,
    seed: int,
    prepare: tuple[Named, ...],
    statistics: StrokeStatistics,
) -> Recipe:
    """Write the recipe of a network that refines; those of one seed differ in what `refiner` says and in nothing else.

    Parameters
    ----------
    protocol : RefinementProtocol
        The budget.
    refiner : Refiner
        What it sees, and how the person draws.
    seed : int
        Of weights, order and crops.
    prepare : tuple of Named
        How the panels were prepared.
    statistics : StrokeStatistics
        Half-widths of the lines of the data.

    Returns
    -------
    Recipe
        Weights are chosen by the gain over the strokes alone.
    """
    hints = Hints(
        inputs=refiner.inputs,
        width=refiner.width,
        order=refiner.order,
        most_strokes=protocol.most_strokes if refiner.has_many else 1,
        validation_repeats=1,
        statistics=statistics,
    )
    budget = protocol.refiner
    every = budget.steps // budget.epochs * (2 if budget.epochs % 2 == 0 else 1)
    name = f"refinement study: {refiner.key}, seed {seed}"
    return _recipe(name, protocol, refiner, seed, prepare, every, hints)


def _recipe(
    name: str,
    protocol: RefinementProtocol,
    refiner: Refiner | None,
    seed: int,
    prepare: tuple[Named, ...],
    validate_every: int,
    hints: Hints,
) -> Recipe:
    budget = protocol.first if refiner is None else protocol.refiner
    n_bands = 1 if refiner is None else 3
    return Recipe(
        name=name,
        method="engraving",
        task="segment" if refiner is None else "refine",
        network=Named(protocol.network.name, {**protocol.network.options, "in_channels": n_bands}),
        loss=Named("pooled_dice"),
        prepare=prepare,
        data=Data(
            crop_px=budget.crop_px,
            batch_size=budget.batch_size,
            items_per_epoch=budget.crops_per_epoch,
            positive_share=budget.positive_share,
            validation_tile_px=protocol.patch_px,
            validation_tiles_per_panel=protocol.val_tiles_per_panel,
            validation_batch_size=min(16, budget.batch_size),
        ),
        augment=budget.augment,
        optimiser=Optimiser(budget.optimiser, lr=budget.lr, clip_norm=2.0, ema_decay=budget.ema_decay),
        schedule=budget.schedule,
        hints=hints,
        run=Run(
            max_epochs=budget.epochs,
            validate_every_steps=validate_every,
            checkpoint_every_steps=max(1, min(500, budget.steps // budget.epochs)),
            collapse_after=NEVER,
            precision=protocol.precision,
            seed=seed,
        ),
    )


def person_of(refiner: Refiner, statistics: StrokeStatistics) -> AnnotatorSettings:
    """Give the person who draws as in the training of a network.

    Parameters
    ----------
    refiner : Refiner
        The network.
    statistics : StrokeStatistics
        Half-widths of the lines of the data.

    Returns
    -------
    AnnotatorSettings
        With the quirks of the published code mended.
    """
    return AnnotatorSettings(statistics=statistics, width=refiner.width, order=refiner.order)


def work_settings(
    protocol: RefinementProtocol, trial: Trial, *, statistics: StrokeStatistics, record_every: int
) -> ProtocolSettings:
    """Give the rules of the work on a whole object.

    Parameters
    ----------
    protocol : RefinementProtocol
        Patches and ends.
    trial : Trial
        Who works how.
    statistics : StrokeStatistics
        Half-widths of the lines of the data.
    record_every : int
        Strokes between records.

    Returns
    -------
    ProtocolSettings
        For `graven.refine.protocol.annotate_object`.
    """
    return ProtocolSettings(
        annotator=person_of(REFINERS[trial.refiner], statistics),
        keeping=KEEPING[trial.keeping],
        operations=trial.operations,
        patch_px=protocol.patch_px,
        max_interactions=protocol.max_interactions,
        record_every=record_every,
    )
