"""What to train and how, as one frozen value that is read from and written to YAML.

Every key is checked: an unknown one is refused with the list of those that exist, a value of the wrong kind with what
was expected. Units stand in the names. Names of networks and losses are turned into objects by `graven.train.run`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from graven.errors import DataError, InputError
from graven.train.augment import LATER, Augment
from graven.train.schedule import SCHEDULES

__all__ = [
    "Data",
    "Freeze",
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
    task : {"segment", "classes", "gate"}
        A probability per pixel, one per pixel and class where classes exclude each other, or one per tile.
    network, loss : Named
        From `graven.nets.NETS` and `graven.losses.LOSSES`.
    prepare : tuple of Named
        Preparation applied to whole panels before anything is cut; the bundle repeats it.
    augment_photometric : bool
        Use `prepare` as an augmentation instead: training sees every panel twice, as it is and prepared; validation and
        the bundle see panels as they are. The paper describes both.
    data, augment, optimiser, schedule, freeze, run
        The sections.
    """

    name: str
    method: Literal["petroglyph", "engraving", "condition", "relief"]
    network: Named
    loss: Named
    task: Literal["segment", "classes", "gate"] = "segment"
    prepare: tuple[Named, ...] = ()
    augment_photometric: bool = False
    data: Data = field(default_factory=Data)
    augment: Augment = field(default_factory=Augment)
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)
    freeze: Freeze = field(default_factory=Freeze)
    run: Run = field(default_factory=Run)

    def __post_init__(self) -> None:
        run, data = self.run, self.data
        if run.max_epochs is None and run.max_steps is None and run.max_minutes is None:
            raise InputError("run needs an end: give max_epochs, max_steps or max_minutes")
        if self.schedule.name not in SCHEDULES:
            raise InputError(f"unknown schedule {self.schedule.name!r}; choose one of {', '.join(SCHEDULES)}")
        if self.schedule.counts == "minutes" and run.max_minutes is None:
            raise InputError("a schedule counted in minutes needs run.max_minutes")
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
        recipe: Recipe = _parse(Recipe, content, "")
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
    for name in LATER:
        if not content["augment"][name]:
            del content["augment"][name]
    if recipe.schedule.name in ("constant", "time_decay"):
        for key in ("max_epochs", "max_steps", "max_minutes"):
            del content["run"][key]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _parse(kind: Any, value: Any, where: str) -> Any:
    """Turn plain YAML into a value of an annotated type, or say where it does not fit."""
    place = where or "the recipe"
    if dataclasses.is_dataclass(kind):
        return _parse_section(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _parse(next(a for a in arguments if a is not type(None)), value, where)
    if origin is Literal:
        if value not in arguments:
            raise InputError(f"{place} must be one of {', '.join(map(str, arguments))}, got {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise InputError(f"{place} must be a list, got {value!r}")
        return tuple(_parse(arguments[0], entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise InputError(f"{place} must map names to values, got {value!r}")
        return {key: _parse(arguments[1], entry, f"{where}.{key}") for key, entry in value.items()}
    if kind is Any:
        return value
    return _parse_scalar(kind, value, place)


def _parse_scalar(kind: Any, value: Any, place: str) -> Any:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf"):
        return float(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) and kind is not float:
        return value
    hint = "; YAML reads 1e-4 as text, write 1.0e-4" if kind is float and isinstance(value, str) else ""
    word = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}[kind.__name__]
    raise InputError(f"{place} must be {word}, got {value!r}{hint}")


def _parse_section(kind: Any, value: Any, where: str) -> Any:
    place = where or "the recipe"
    if kind is Named and isinstance(value, str):
        return Named(value)
    hints = get_type_hints(kind)
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}
    if not isinstance(value, dict):
        raise InputError(f"{place} must be a section with the keys {', '.join(fields)}, got {value!r}")
    unknown = [key for key in value if key not in fields]
    if unknown:
        raise InputError(f"{place} does not know {str(unknown[0])!r}; its keys are {', '.join(fields)}")
    nothing = dataclasses.MISSING
    missing = [
        key
        for key, entry in fields.items()
        if key not in value and entry.default is nothing and entry.default_factory is nothing
    ]
    if missing:
        raise InputError(f"{place} needs {missing[0]!r}; its keys are {', '.join(fields)}")
    prefix = f"{where}." if where else ""
    return kind(**{key: _parse(hints[key], entry, f"{prefix}{key}") for key, entry in value.items()})
