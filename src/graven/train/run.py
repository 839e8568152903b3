"""From a recipe and panels to a trained network: where names become objects and numbers meet."""

from __future__ import annotations

import csv
import hashlib
import inspect
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from graven.errors import InputError
from graven.io.fs import write_text_atomic
from graven.losses import build_loss
from graven.nets import NETS, build_net
from graven.prepare.surface import band_of_normals
from graven.refine.annotator import AnnotatorSettings
from graven.refine.quirks import CORRECTED, PARITY
from graven.train.checkpoint import tensor_hash
from graven.train.dataset import CropSource, repeated, validation_tiles
from graven.train.line_task import LineTask
from graven.train.listen import Event, Say, note_nothing, say_nothing
from graven.train.loop import FitResult, fit
from graven.train.panels import class_shares
from graven.train.refine_task import RefineTask
from graven.train.task import ClassTask, GateTask, SegmentTask, Standardised, Task
from graven.train.twins import TwinTask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import nn

    from graven.train.panels import Panel
    from graven.train.recipe import Recipe

__all__ = ["build_model", "build_task", "bundled_network", "crop_source", "n_outputs", "panels_hash", "train"]


def build_model(recipe: Recipe, *, mean: Sequence[float], std: Sequence[float]) -> Standardised:
    """Build the network of a recipe with the initial weights of its seed.

    Parameters
    ----------
    recipe : Recipe
        Its `network` and seed are used.
    mean, std : sequence of float, 0 to 255
        Standardisation, one value per band.

    Returns
    -------
    Standardised
        The network behind its standardisation. The global generator of torch is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.run.seed)
        name, options = bundled_network(recipe)
        net = build_net(name, **options)
    return Standardised(net, mean=mean, std=std, is_exclusive=recipe.task == "classes")


def bundled_network(recipe: Recipe) -> tuple[str, dict[str, Any]]:
    """Give name and options of the network that is trained, as a bundle states them.

    Parameters
    ----------
    recipe : Recipe
        Its `network`, of which there are two with `cps`.

    Returns
    -------
    name : str
        A key of `graven.nets.NETS`.
    options : dict
        For `graven.nets.build_net`.
    """
    name, options = recipe.network.name, recipe.network.options
    return (name, options) if recipe.cps is None else ("twins", {"network": name, "options": options})


def build_task(recipe: Recipe, *, first: Standardised | None = None) -> Task:
    """Build the loss of a recipe.

    Parameters
    ----------
    recipe : Recipe
        For ``gate`` the loss is ``tile_bce`` with the options of `GateTask`, otherwise one of `graven.losses.LOSSES`.
    first : Standardised, optional
        For ``refine``, the trained network whose answers are refined.

    Returns
    -------
    Task
        What the loop asks of the network.

    Raises
    ------
    InputError
        If a gate's loss has another name or unknown options, or there is no network to refine.
    """
    if recipe.task != "gate":
        criterion = build_loss(recipe.loss.name, **recipe.loss.options)
        if recipe.task in ("classes", "segment"):
            task = _segment_task(recipe, criterion)
            return task if recipe.cps is None else TwinTask(task, recipe.cps.weight)
        if first is None:
            raise InputError("a network that refines needs the trained network whose answers it betters; give it first")
        hints = recipe.hints
        annotator = AnnotatorSettings(
            statistics=hints.statistics,
            width=hints.width,
            order=hints.order,
            quirks=PARITY if hints.parity else CORRECTED,
        )
        return RefineTask(
            criterion, first=first, annotator=annotator, inputs=hints.inputs, most_strokes=hints.most_strokes
        )
    known = ("min_share", "tile_weight", "map_weight", "smoothing")
    unknown = sorted(set(recipe.loss.options) - set(known))
    if recipe.loss.name != "tile_bce" or unknown:
        raise InputError(
            f"a gate is trained with the loss 'tile_bce' and its options {', '.join(known)}; "
            f"got {recipe.loss.name!r} with {', '.join(recipe.loss.options) or 'none'}"
        )
    return GateTask(**recipe.loss.options)


def _segment_task(recipe: Recipe, criterion: nn.Module) -> SegmentTask | ClassTask:
    if recipe.task == "classes":
        return ClassTask(criterion)
    return LineTask(criterion) if recipe.method == "engraving" else SegmentTask(criterion)


def n_outputs(recipe: Recipe) -> int:
    """Give the number of logits per pixel of the network of a recipe, without building it.

    Parameters
    ----------
    recipe : Recipe
        Its `network` is looked at.

    Returns
    -------
    int
        Of ``task: classes`` the background is one of them; 1 for networks that have no such option.

    Raises
    ------
    InputError
        If there is no such network.
    """
    name, options = recipe.network.name, recipe.network.options
    if name not in NETS:
        raise InputError(f"unknown network {name!r}; choose one of {', '.join(NETS)}")
    known = inspect.signature(NETS[name]).parameters.get("n_classes")
    return int(options.get("n_classes", 1 if known is None else known.default))


def panels_hash(panels: Sequence[Panel]) -> str:
    """Hash names, groups and pixels of panels."""
    digest = hashlib.sha256()
    for panel in panels:
        digest.update(f"{panel.name}\0{panel.group}\0{panel.image.shape}\0".encode())
        for array in (panel.image, panel.target, panel.valid):
            digest.update(b"-" if array is None else array.tobytes())
    return digest.hexdigest()


def crop_source(recipe: Recipe, panels: Sequence[Panel]) -> CropSource:
    """Cut training crops as a recipe says.

    Parameters
    ----------
    recipe : Recipe
        Its `data`, `augment`, `prepare` and seed are used.
    panels : sequence of Panel
        Where to cut.

    Returns
    -------
    CropSource
        Crops with truth.
    """
    return CropSource(
        tuple(panels),
        crop_px=recipe.data.crop_px,
        augment=recipe.augment,
        seed=recipe.run.seed,
        positive_share=recipe.data.positive_share,
        empty_negatives=recipe.task == "gate",
        normals=band_of_normals(recipe.prepare),
    )


def _beside(
    recipe: Recipe, unlabelled: Sequence[Panel], val_panels: Sequence[Panel], initial: Standardised | None
) -> CropSource | None:
    """Cut crops without truth, everywhere alike, where a recipe learns from them."""
    if recipe.cps is None:
        if unlabelled:
            raise InputError("panels without truth are for recipes with cps; this one has none")
        return None
    if not unlabelled:
        raise InputError("cps learns from panels without truth; give at least one")
    if initial is not None:
        raise InputError("cps needs two networks that differ, but both would begin as the one that is given")
    shared = sorted({panel.group for panel in unlabelled} & {panel.group for panel in val_panels})
    if shared:
        raise InputError(f"the group {shared[0]!r} is without truth and in validation; split by panel or site")
    source = crop_source(recipe, unlabelled)
    return replace(source, seed=recipe.run.seed + 1, positive_share=None)


def train(
    recipe: Recipe,
    train_panels: Sequence[Panel],
    val_panels: Sequence[Panel],
    out: Path,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    class_names: Sequence[str] = (),
    data_sha256: str | None = None,
    first: Standardised | None = None,
    unlabelled: Sequence[Panel] = (),
    initial: Standardised | None = None,
    judge_initial: bool = True,
    resume: bool = False,
    allow_changed: bool = False,
    accelerator: str = "auto",
    devices: int = 1,
    pictures: bool = True,
    say: Say = say_nothing,
    event: Event = note_nothing,
) -> tuple[Standardised, FitResult]:
    """Train the network of a recipe on panels.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    train_panels, val_panels : sequence of Panel
        Prepared by the chain of the recipe; no group may be on both sides.
    out : Path
        Folder of the run.
    mean, std : sequence of float, 0 to 255
        Standardisation, from `graven.train.panels.band_statistics` of the training panels.
    class_names : sequence of str
        For ``task: classes``, what messages call the classes after the background; numbers by default.
    data_sha256 : str, optional
        Hash of the data; computed from the pixels when left out.
    first : Standardised, optional
        For ``task: refine``, the trained network whose answers are refined; its weights stay.
    unlabelled : sequence of Panel
        For ``cps``, panels of which only the pixels count; at least one.
    initial : Standardised, optional
        A trained network to go on with (`graven.train.transfer`) in place of one with random weights; changed in place.
        Its own standardisation counts.
    judge_initial : bool
        Whether `initial` is validated first, so that its weights stay the best unless training betters them. False
        where it is known to do well on the validation panels, but shall learn more than these show.
    resume, allow_changed, accelerator, devices, pictures, say, event
        As in `graven.train.loop.fit`.

    Returns
    -------
    model : Standardised
        With the last weights; the best ones lie in ``best.safetensors``.
    result : FitResult
        How the run ended.

    Raises
    ------
    InputError
        If a group is on both sides, or panels without truth are missing or not asked for.
    DataError
        If a panel holds the number of a class that the network does not have.
    GravenError
        As in `graven.train.loop.fit`.
    """
    shared = sorted({panel.group for panel in train_panels} & {panel.group for panel in val_panels})
    if shared:
        raise InputError(f"the group {shared[0]!r} is in training and validation; split by panel or site")
    source, beside = crop_source(recipe, train_panels), _beside(recipe, unlabelled, val_panels, initial)
    data = recipe.data
    tiles = validation_tiles(
        val_panels,
        tile_px=data.validation_tile_px,
        stride_px=data.validation_stride_px,
        max_per_panel=data.validation_tiles_per_panel,
    )
    if recipe.task == "refine":
        tiles = repeated(tiles, n=recipe.hints.validation_repeats)
    model = build_model(recipe, mean=mean, std=std) if initial is None else initial
    if recipe.task == "classes":
        n_classes = n_outputs(recipe)
        names = ("background", *(class_names or map(str, range(1, n_classes))))
        shares = {
            side: class_shares(panels, n_classes=n_classes)
            for side, panels in (("train", train_panels), ("val", val_panels))
        }
        _tell_shares(out, names, shares, say=say, event=event)
    known: dict[str, Any] = {"resume": resume, "allow_changed": allow_changed, "say": say, "event": event}
    result = fit(
        recipe,
        model,
        build_task(recipe, first=first),
        source,
        tiles,
        out,
        data_sha256=_seen(data_sha256 or panels_hash([*train_panels, *val_panels, *unlabelled]), first),
        unlabelled=beside,
        accelerator=accelerator,
        devices=devices,
        pictures=pictures,
        is_trained=initial is not None and judge_initial,
        **known,
    )
    return model, result


def _seen(data_sha256: str, first: Standardised | None) -> str:
    """Hash all that a run learns from: of a network that refines, the first one's answers are a part of it."""
    if first is None:
        return data_sha256
    return hashlib.sha256(f"{data_sha256} {tensor_hash(first.state_dict())}".encode()).hexdigest()


def _tell_shares(
    out: Path, names: Sequence[str], shares: dict[str, tuple[float, ...]], *, say: Say, event: Event
) -> None:
    """Say how unequal the classes are, and keep it as ``classes.csv`` beside the logs."""
    listed = [f"{name} {100 * share:.2f} %" for name, share in zip(names, shares["train"], strict=True)]
    say(f"training pixels: {', '.join(listed)}")
    absent = [name for name, share in zip(names, shares["train"], strict=True) if not share]
    if absent:
        say(f"no training pixel is {' or '.join(absent)}; what is not shown cannot be learnt")
    event("classes", names=list(names), **{side: list(found) for side, found in shares.items()})
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["number", "class", *(f"{side}_share" for side in shares)])
    for number, name in enumerate(names):
        rows.writerow([number, name, *(f"{found[number]:.6f}" for found in shares.values())])
    out.mkdir(parents=True, exist_ok=True)
    write_text_atomic(out / "classes.csv", text.getvalue())
