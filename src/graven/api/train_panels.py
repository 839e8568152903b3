"""What ``graven train`` learns from: panels of each side, read or grown once and prepared as the recipe says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.errors import DataError, UsageError
from graven.studies.labelled import digest_of, prepared_classes, prepared_sides, prepared_unlabelled
from graven.studies.sources import chain_of, labelled_source, procedural_source
from graven.studies.surfaces import bronze_source, surface_source, training_bronzes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from graven.api.monitor import Monitor
    from graven.prepare.chain import PrepareChain
    from graven.studies.sources import Source
    from graven.train.panels import PanelStore
    from graven.train.recipe import Recipe
    from graven.types.dataset import LabelledImage

__all__ = ["check_classes", "check_procedural", "class_names", "panel_stores", "prepared_chain"]

DEFAULT_PIXEL_SIZE_MM = 0.5
SIDES = ("train", "val")
UNLABELLED = "unlabelled"
STROKE_BANDS = 2
"""What a network that refines sees beside the picture: the first answer, and the strokes."""


@dataclass(frozen=True, slots=True)
class _Panels:
    """Where panels come from: `read` gives those of a side through a chain, `n` how many there are."""

    read: Callable[[str, PrepareChain], Iterator[Source]]
    origin: dict[str, Any]
    n: dict[str, int]


def prepared_chain(plan: Recipe) -> PrepareChain:
    """Build the preparation of a recipe for the bands of its network.

    Parameters
    ----------
    plan : Recipe
        What is trained.

    Returns
    -------
    PrepareChain
        For whole panels.

    Raises
    ------
    DataError
        If a step is unknown, or the steps make other bands than the network takes.
    UsageError
        If a step changes the frame, or a surface is to be seen unprepared as well.
    """
    n_bands = int(plan.network.options.get("in_channels", 3)) - (STROKE_BANDS if plan.task == "refine" else 0)
    chain = chain_of(plan.prepare, n_bands=n_bands)
    if chain.takes_surface and plan.augment_photometric:
        raise UsageError(f"augment_photometric is for photographs, but {plan.name!r} takes {', '.join(chain.layers)}")
    return chain


def panel_stores(
    folder: Path,
    plan: Recipe,
    data: str | Path | None,
    *,
    n_panels: int,
    panel_px: int,
    monitor: Monitor,
) -> dict[str, PanelStore]:
    """Prepare the panels of all sides once, whole; what is there already is kept.

    Parameters
    ----------
    folder : Path
        Where the stores lie.
    plan : Recipe
        What is trained.
    data, n_panels, panel_px, monitor
        As in `graven.api.train.train`.

    Returns
    -------
    dict of str to PanelStore
        ``train`` and ``val``, and ``unlabelled`` where the recipe learns from it.

    Raises
    ------
    DataError, MismatchError, ScaleError
        If data are not what they must be.
    UsageError
        If `n_panels` is below 1.
    """
    from graven.train.panels import write_store

    steps = [{"name": step.name, "options": step.options} for step in plan.prepare]
    chain = prepared_chain(plan)
    if data is not None:
        panels = _labelled(Path(data), plan, monitor=monitor)
    elif chain.takes_surface:
        panels = _bronzes(n_panels=n_panels, panel_px=panel_px)
    else:
        panels = _rocks(plan, n_panels=n_panels, panel_px=panel_px)

    def sources(side: str) -> Iterator[Source]:
        if not plan.augment_photometric:
            yield from panels.read(side, chain)
            return
        yield from panels.read(side, chain_of((), n_bands=chain.n_bands))
        if side == "train":
            for name, group, read in panels.read(side, chain):
                yield f"{name}-prepared", group, read

    with monitor.progress("preparing panels") as report:
        done, n = 0, sum(panels.n.values()) + plan.augment_photometric * panels.n["train"]

        def count(_entry: object) -> None:
            nonlocal done
            done += 1
            report(done, n)

        def write(side: str) -> PanelStore:
            facts = {**panels.origin, "side": side, "prepare": steps}
            if plan.augment_photometric:
                facts["augment_photometric"] = True
            return write_store(folder / side, sources(side), origin=facts, on_panel=count)

        return {side: write(side) for side in panels.n}


def _rocks(plan: Recipe, *, n_panels: int, panel_px: int) -> _Panels:
    from graven.studies.begl_data import training_specs
    from graven.synthetic.testsets import GENERATOR_VERSION, PETROGLYPH_VAL

    _check_number(n_panels)
    size_mm = plan.data.pixel_size_mm or DEFAULT_PIXEL_SIZE_MM
    specs = {"train": training_specs(n_panels), "val": PETROGLYPH_VAL}
    origin = {
        "kind": "procedural panels",
        "generator": GENERATOR_VERSION,
        "n_panels": n_panels,
        "panel_px": panel_px,
        "pixel_size_mm": size_mm,
    }

    def read(side: str, chain: PrepareChain) -> Iterator[Source]:
        return procedural_source(specs[side], size_px=panel_px, pixel_size_mm=size_mm, chain=chain)

    return _Panels(read, origin, {side: len(found) for side, found in specs.items()})


def _bronzes(*, n_panels: int, panel_px: int) -> _Panels:
    from graven.synthetic.testsets import BRONZE_VERSION, ENGRAVING_VAL

    _check_number(n_panels)
    specs = {"train": training_bronzes(n_panels), "val": ENGRAVING_VAL}
    origin = {
        "kind": "procedural bronzes",
        "generator": BRONZE_VERSION,
        "n_panels": n_panels,
        "panel_px": panel_px,
    }

    def read(side: str, chain: PrepareChain) -> Iterator[Source]:
        return bronze_source(specs[side], size_px=panel_px, chain=chain)

    return _Panels(read, origin, {side: len(found) for side, found in specs.items()})


def _labelled(folder: Path, plan: Recipe, *, monitor: Monitor) -> _Panels:
    sides, leaky = prepared_sides(folder)
    missing = [side for side in SIDES if side not in sides]
    if missing:
        raise DataError(f"{folder} has no images in {missing[0]}; training needs train and val, see graven prepare")
    if leaky:
        monitor.say("patches of one panel stand in training and validation; the scores will be too good")
    origin: dict[str, Any] = {
        "kind": "labelled images",
        "name": folder.resolve().name,
        "sha256": digest_of(folder),
        "leaky": leaky,
    }
    classes = class_names(folder)
    if classes:
        origin["classes"] = list(classes)
    items: dict[str, Sequence[LabelledImage]] = {"train": sides["train"], "val": sides["val"]}
    if plan.cps is not None:
        items[UNLABELLED] = prepared_unlabelled(folder, sides)

    def read(side: str, chain: PrepareChain) -> Iterator[Source]:
        if chain.takes_surface:
            return surface_source(items[side], chain=chain, pixel_size_mm=plan.data.pixel_size_mm)
        return labelled_source(items[side], chain=chain)

    return _Panels(read, origin, {side: len(found) for side, found in items.items()})


def _check_number(n_panels: int) -> None:
    if n_panels < 1:
        raise UsageError(f"--panels must be at least 1, got {n_panels}")


def class_names(data: str | Path | None) -> tuple[str, ...]:
    """Give the names of the classes of prepared data, the background left out; none where they are of one class."""
    classes = None if data is None else prepared_classes(Path(data))
    return () if classes is None else tuple(entry.name for entry in classes.classes)


def check_procedural(plan: Recipe, chain: PrepareChain) -> None:
    """Refuse a recipe that nothing procedural is there for, before anything is prepared.

    Parameters
    ----------
    plan : Recipe
        What is trained.
    chain : PrepareChain
        Its preparation.

    Raises
    ------
    UsageError
        If it is for another method than petroglyphs and engravings, for other layers than the height, or learns from
        images without truth.
    """
    if plan.cps is not None:
        raise UsageError(f"the recipe {plan.name!r} learns from images without truth as well; give them with --data")
    if chain.takes_surface and chain.layers != ("height",):
        raise UsageError(
            f"procedural bronzes come with their height alone, but {plan.name!r} takes {', '.join(chain.layers)}; give "
            "surfaces with --data"
        )
    if not (plan.method == "petroglyph" or chain.takes_surface):
        raise UsageError(f"the recipe {plan.name!r} trains the method {plan.method}; give its panels with --data")


def check_classes(plan: Recipe, names: tuple[str, ...], *, n_outputs: int) -> None:
    """Refuse data of other classes than a recipe is for, before anything is prepared.

    Parameters
    ----------
    plan : Recipe
        What is trained.
    names : tuple of str
        Of the data, from `class_names`.
    n_outputs : int
        Logits of the network.

    Raises
    ------
    UsageError
        With what to change.
    """
    if not names:
        if plan.task == "classes":
            raise UsageError(
                f"the recipe {plan.name!r} tells classes apart, but the data are of one class; prepare them with "
                "graven prepare --classes"
            )
        return
    listed = ", ".join(names)
    if plan.task != "classes":
        raise UsageError(
            f"the recipe {plan.name!r} is for one class (task: {plan.task}), but the data hold {listed}; take a recipe "
            "with task: classes, or prepare the data without --classes"
        )
    if n_outputs != len(names) + 1:
        raise UsageError(
            f"the network of {plan.name!r} has n_classes {n_outputs}, but the data need {len(names) + 1}: background, "
            f"{listed}; set network.options.n_classes"
        )
