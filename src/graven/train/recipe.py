"""What to train and how, as one frozen value that is read from and written to YAML.

Every key is checked: an unknown one is refused with the list of those that exist, a value of the wrong kind with what
was expected. Units stand in the names. Names of networks and losses are turned into objects by `graven.train.run`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from graven.errors import DataError, InputError
from graven.refine.strokes_stats import OFFICIAL_STROKES, StrokeStatistics
from graven.train.augment import LATER, Augment
from graven.train.options import CrossPseudo, Mix
from graven.train.schedule import PATIENCE, SCHEDULES
from graven.train.sections import parse_section

__all__ = [
    "Data",
    "Freeze",
    "Hints",
    "Named",
    "Optimiser",
    "Recipe",
    "Run",
    "Schedule",
    "bundled_recipes",
    "read_recipe",
    "recipe_from_text",
    "recipe_hash",
    "recipe_to_text",
]

FOLDER = Path(__file__).resolve().parent / "recipes"


@dataclass(frozen=True, slots=True)
class Named:
    """A part chosen by name, with its options.

    Attributes
    ----------
    name : str
        Key of the table the part comes from.
    options : dict
        Keyword options, handed on as they are.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_name(cls, name: str) -> Named:
        """Choose a part with its default options."""
        return cls(name)


@dataclass(frozen=True, slots=True)
class Data:
    """How crops and validation tiles are cut.

    Attributes
    ----------
    crop_px : int, pixels
        Side of the training crops.
    batch_size : int
        Crops per step.
    items_per_epoch : int
        Crops per epoch.
    positive_share : float, 0 to 1, or None
        Share of crops cut around foreground; None cuts everywhere alike.
    validation_tile_px : int, pixels
        Side of the validation tiles.
    validation_stride_px : int, pixels, or None
        Distance between tiles; None puts them side by side.
    validation_tiles_per_panel : int or None
        At most so many per panel; None takes all.
    validation_batch_size : int
        Tiles per validation batch.
    pixel_size_mm : float or None
        Scale of the panels.
    loader_threads : int
        Threads that cut crops while the network works; their number does not change the result.
    """

    crop_px: int = 256
    batch_size: int = 8
    items_per_epoch: int = 2000
    positive_share: float | None = None
    validation_tile_px: int = 512
    validation_stride_px: int | None = None
    validation_tiles_per_panel: int | None = None
    validation_batch_size: int = 4
    pixel_size_mm: float | None = None
    loader_threads: int = 1


@dataclass(frozen=True, slots=True)
class Optimiser:
    """Which optimiser, and its highest rate.

    Attributes
    ----------
    name : {"adam", "adamw", "sgd"}
        As in `torch.optim`; ``sgd`` uses Nesterov momentum 0.9.
    lr : float, > 0
        Highest learning rate; the schedule scales it.
    weight_decay : float, >= 0
        Applied to convolution and linear weights only, not to biases and norms.
    clip_norm : float or None
        Gradients are scaled down to this norm.
    ema_decay : float, 0 to 1, or None
        A running mean of the weights with this decay is validated and exported instead of the weights.
    """

    name: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = 1e-4
    weight_decay: float = 0.0
    clip_norm: float | None = None
    ema_decay: float | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the learning rate changes.

    Attributes
    ----------
    name : str
        A key of `graven.train.schedule.SCHEDULES`.
    counts : {"steps", "epochs", "minutes"}
        What the schedule is counted in. ``minutes`` fits the whole schedule into ``run.max_minutes`` on a machine of
        unknown speed; such a run cannot be repeated exactly.
    options : dict
        Further options of the schedule, numbers.
    """

    name: str = "constant"
    counts: Literal["steps", "epochs", "minutes"] = "steps"
    options: dict[str, float] = field(default_factory=dict)

    @property
    def patience(self) -> float:
        """Of a schedule that follows a plateau, the validations that it waits; infinite for others."""
        return self.options.get("patience", PATIENCE) if self.name == "plateau" else math.inf


@dataclass(frozen=True, slots=True)
class Freeze:
    """A part of the network that is not trained at first.

    Attributes
    ----------
    part : str
        Attribute of the network, such as ``encoder``.
    epochs : int, >= 0
        So many epochs its weights stay, and its batch normalisation uses and keeps the statistics it has.
    """

    part: str = "encoder"
    epochs: int = 0


@dataclass(frozen=True, slots=True)
class Hints:
    """What a network that refines learns from: one stroke of a simulated person per crop.

    Attributes
    ----------
    inputs : {"both", "initial", "hints"}
        What it is shown beside the picture: the first network's answer, the hints, or both.
    width : {"thin", "mean", "sampled"}
        Width of the strokes, from `statistics`.
    order : {"raster", "path"}
        How the pixels of an error are listed before a piece is taken.
    most_strokes : int
        Up to so many strokes are drawn one after the other on a crop; the published training draws one.
    parity : bool
        Keep the quirks of the published simulation (`graven.refine.quirks`).
    validation_repeats : int
        So many strokes are drawn on each validation tile.
    statistics : StrokeStatistics
        Half-widths of the lines that are drawn; those of the published code by default.
    """

    inputs: Literal["both", "initial", "hints"] = "both"
    width: Literal["thin", "mean", "sampled"] = "thin"
    order: Literal["raster", "path"] = "raster"
    most_strokes: int = 1
    parity: bool = False
    validation_repeats: int = 5
    statistics: StrokeStatistics = OFFICIAL_STROKES


@dataclass(frozen=True, slots=True)
class Run:
    """When to stop, look and save.

    Attributes
    ----------
    max_epochs, max_steps : int or None
        The run ends at the first that is reached.
    max_minutes : float or None
        Likewise; time of earlier runs that were resumed counts.
    validate_every_steps : int
        Steps between validations.
    checkpoint_every_steps : int
        Steps between checkpoints; one is also written every five minutes and at the end.
    patience : int or None
        Stop after so many validations without a better score; None never does.
    min_gain : float, >= 0
        By how much a score must be better to count for `patience`; a schedule that follows a plateau has its own.
    collapse_after : int
        Stop with an explanation after so many validations in which nothing, or everything, is predicted.
    precision : {"auto", "fp32", "bf16"}
        ``auto`` takes bf16 where the processor computes with it, else fp32.
    channels_last : bool
        Memory layout of the network and its input.
    seed : int
        Fixes initial weights, order, crops and dropout.
    """

    max_epochs: int | None = None
    max_steps: int | None = None
    max_minutes: float | None = None
    validate_every_steps: int = 500
    checkpoint_every_steps: int = 200
    patience: int | None = None
    min_gain: float = 0.0
    collapse_after: int = 3
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    channels_last: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a training run gives, besides the data themselves.

    Attributes
    ----------
    name : str
        How the run is called.
    method : {"petroglyph", "engraving", "condition", "relief"}
        Which method it trains for.
    task : {"segment", "classes", "gate", "refine"}
        A probability per pixel, one per pixel and class where classes exclude each other, one per tile, or one per
        pixel that betters the answer of a first network by a stroke.
    network, loss : Named
        From `graven.nets.NETS` and `graven.losses.LOSSES`.
    prepare : tuple of Named
        Preparation applied to whole panels before anything is cut; the bundle repeats it.
    augment_photometric : bool
        Use `prepare` as an augmentation instead: training sees every panel twice, as it is and prepared; validation and
        the bundle see panels as they are. The paper describes both.
    cps : CrossPseudo or None
        Train two networks that teach each other on images without truth; they are given beside the panels. Default is
        one network.
    data, augment, mix, optimiser, schedule, freeze, hints, run
        The sections.
    """

    name: str
    method: Literal["petroglyph", "engraving", "condition", "relief"]
    network: Named
    loss: Named
    task: Literal["segment", "classes", "gate", "refine"] = "segment"
    prepare: tuple[Named, ...] = ()
    augment_photometric: bool = False
    data: Data = field(default_factory=Data)
    augment: Augment = field(default_factory=Augment)
    mix: Mix = field(default_factory=Mix)
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)
    freeze: Freeze = field(default_factory=Freeze)
    hints: Hints = field(default_factory=Hints)
    run: Run = field(default_factory=Run)
    cps: CrossPseudo | None = None

    def __post_init__(self) -> None:
        run, data = self.run, self.data
        if run.max_epochs is None and run.max_steps is None and run.max_minutes is None:
            raise InputError("run needs an end: give max_epochs, max_steps or max_minutes")
        if self.schedule.name not in SCHEDULES:
            raise InputError(f"unknown schedule {self.schedule.name!r}; choose one of {', '.join(SCHEDULES)}")
        if self.schedule.counts == "minutes" and run.max_minutes is None:
            raise InputError("a schedule counted in minutes needs run.max_minutes")
        if not run.min_gain >= 0:
            raise InputError(f"run.min_gain must be at least 0, got {run.min_gain}")
        if self.cps is not None and self.task not in ("segment", "classes"):
            raise InputError(f"cps is for the tasks segment and classes, got {self.task}")
        if self.freeze.epochs < 0:
            raise InputError(f"freeze.epochs must be at least 0, got {self.freeze.epochs}")
        if not self.optimiser.lr > 0:
            raise InputError(f"optimiser.lr must be positive, got {self.optimiser.lr}")
        if run.max_minutes is not None and not run.max_minutes > 0:
            raise InputError(f"run.max_minutes must be positive, got {run.max_minutes}")
        if self.optimiser.ema_decay is not None and not 0 <= self.optimiser.ema_decay < 1:
            raise InputError(f"optimiser.ema_decay must be at least 0 and below 1, got {self.optimiser.ema_decay}")
        positive = {
            "data.crop_px": data.crop_px,
            "data.batch_size": data.batch_size,
            "data.items_per_epoch": data.items_per_epoch,
            "data.validation_tile_px": data.validation_tile_px,
            "data.validation_stride_px": data.validation_stride_px,
            "data.validation_batch_size": data.validation_batch_size,
            "data.loader_threads": data.loader_threads,
            "hints.most_strokes": self.hints.most_strokes,
            "hints.validation_repeats": self.hints.validation_repeats,
            "run.validate_every_steps": run.validate_every_steps,
            "run.checkpoint_every_steps": run.checkpoint_every_steps,
            "run.collapse_after": run.collapse_after,
            "run.max_epochs": run.max_epochs,
            "run.max_steps": run.max_steps,
            "run.patience": run.patience,
        }
        for key, value in positive.items():
            if value is not None and value < 1:
                raise InputError(f"{key} must be at least 1, got {value}")


def bundled_recipes() -> tuple[str, ...]:
    """Give the names of the recipes that come with graven, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def read_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe by its name or path.

    Parameters
    ----------
    name_or_path : str or Path
        One of `bundled_recipes`, or a YAML file.

    Returns
    -------
    Recipe
        The checked recipe.

    Raises
    ------
    InputError
        If there is neither such a recipe nor such a file.
    DataError
        If the YAML is damaged, or a key or value is not as it must be.

    Examples
    --------
    >>> read_recipe("petroglyph-segment").network.name
    'compact_unet'
    """
    if isinstance(name_or_path, str) and name_or_path in bundled_recipes():
        path = FOLDER / f"{name_or_path}.yaml"
    else:
        path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(bundled_recipes())
        raise InputError(f"there is no recipe {str(name_or_path)!r}; give a YAML file or one of: {known}")
    return recipe_from_text(path.read_text(encoding="utf-8"), where=path.name)


def recipe_from_text(text: str, *, where: str = "the recipe") -> Recipe:
    """Parse a recipe.

    Parameters
    ----------
    text : str
        YAML.
    where : str
        Name of the file in messages.

    Returns
    -------
    Recipe
        The checked recipe.

    Raises
    ------
    DataError
        If the YAML is damaged, or a key or value is not as it must be.

    Examples
    --------
    >>> recipe_from_text("{name: a, method: petroglyph, network: unet, loss: {nam: begl}}")
    Traceback (most recent call last):
        ...
    graven.errors.DataError: the recipe: loss does not know 'nam'; its keys are name, options
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        first_line = " ".join(str(error).split())
        raise DataError(f"{where} is not valid YAML: {first_line}") from error
    try:
        recipe: Recipe = parse_section(Recipe, content)
    except InputError as error:
        raise DataError(f"{where}: {error}") from error
    return recipe


def recipe_to_text(recipe: Recipe) -> str:
    """Write a recipe as YAML, defaults included; `recipe_from_text` gives it back."""
    content = json.loads(json.dumps(dataclasses.asdict(recipe), allow_nan=False))
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))


def recipe_hash(recipe: Recipe) -> str:
    """Hash what decides the result of a run: all but its name, its ends and its threads.

    A finished run may therefore be resumed with more steps or minutes when its schedule does not depend on them.
    """
    content = dataclasses.asdict(recipe)
    del content["name"], content["data"]["loader_threads"]
    if not recipe.augment_photometric:
        del content["augment_photometric"]  # runs that began before there was this choice can be resumed
    if not recipe.freeze.epochs:
        del content["freeze"]  # likewise
    if recipe.task != "refine":
        del content["hints"]
    elif recipe.hints.statistics == OFFICIAL_STROKES:
        del content["hints"]["statistics"]  # likewise
    if recipe.mix.is_off:
        del content["mix"]
    if recipe.cps is None:
        del content["cps"]
    if not recipe.run.min_gain:
        del content["run"]["min_gain"]
    for name in LATER:
        if not content["augment"][name]:
            del content["augment"][name]
    if recipe.schedule.name in ("constant", "time_decay"):
        for key in ("max_epochs", "max_steps", "max_minutes"):
            del content["run"][key]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
