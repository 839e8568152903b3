"""``graven train``: one recipe, one network, checkpoints that resume, curves while it runs."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.api.account import Clock, account, output_hashes
from graven.api.bundling import leave_bundle, start_bundle
from graven.api.jobs import job_folder
from graven.api.monitor import SILENT, Monitor
from graven.errors import DataError, UsageError
from graven.methods.record import write_run
from graven.prepare.chain import HEIGHT_STEPS
from graven.studies.labelled import digest_of, prepared_classes, prepared_sides
from graven.studies.sources import chain_of, labelled_source, procedural_source, require_training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graven.prepare.chain import PrepareChain
    from graven.studies.sources import Source
    from graven.train.panels import PanelStore
    from graven.train.recipe import Recipe

__all__ = ["Trained", "recipes", "train"]

DEFAULT_PIXEL_SIZE_MM = 0.5
SIDES = ("train", "val")


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training run ended.

    Attributes
    ----------
    path : Path
        Output folder.
    recipe : str
        Name of the recipe.
    stopped_by : {"length", "minutes", "patience"}
        Why it ended.
    steps : int
        Updates done.
    score_name : str
        What the best weights were chosen by.
    best_score : float
        The best validation score.
    best_step : int
        Update after which it was reached.
    best_path : Path
        Weights of the best validation, ``best.safetensors``.
    checkpoint : Path
        Newest state, from which ``--resume`` continues.
    minutes : float
        Time spent, earlier parts included.
    images_per_s : float
        Training crops per second.
    bundle : Path or None
        The best weights as a bundle; None for a gate, whose threshold has to be calibrated first, and for a network
        that cannot be exported.
    """

    path: Path
    recipe: str
    stopped_by: str
    steps: int
    score_name: str
    best_score: float
    best_step: int
    best_path: Path
    checkpoint: Path
    minutes: float
    images_per_s: float
    bundle: Path | None

    def summary(self) -> str:
        """Say it in a few lines."""
        return (
            f"{self.recipe}: {self.steps} updates in {self.minutes:.1f} min (ended by {self.stopped_by}); best "
            f"validation {self.score_name} {self.best_score:.4f} after update {self.best_step}\n"
            f"best weights: {self.best_path}\n"
            f"newest checkpoint: {self.checkpoint}\n"
            + (f"use it with: -m {self.bundle}" if self.bundle else "no bundle was written")
        )

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}


def recipes() -> list[dict[str, str]]:
    """List the recipes that come with graven.

    Returns
    -------
    list of dict
        ``name``, ``method``, ``task``, ``network`` and ``loss``.

    Examples
    --------
    >>> "petroglyph-segment" in [row["name"] for row in recipes()]
    True
    """
    from graven.train.recipe import bundled_recipes, read_recipe

    rows = []
    for name in bundled_recipes():
        recipe = read_recipe(name)
        row = {"name": name, "method": recipe.method, "task": recipe.task}
        rows.append({**row, "network": recipe.network.name, "loss": recipe.loss.name})
    return rows


def train(
    recipe: str | Path,
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    max_minutes: float | None = None,
    start: str | Path | None = None,
    n_panels: int = 64,
    panel_px: int = 1024,
    monitor: Monitor = SILENT,
) -> Trained:
    """Train a network as a recipe says.

    Parameters
    ----------
    recipe : str or Path
        Name of a recipe that comes with graven, or a YAML file.
    data : str or Path, optional
        Folder that ``graven prepare`` has made: ``train`` and ``val``, each with ``images``, ``masks`` and ``valid``;
        with ``--classes`` for a recipe whose task is ``classes``.
        By default a petroglyph recipe is trained on procedural panels, and validated on their frozen list.
    out : str or Path, optional
        Output folder; default is the name of the recipe, here. Until the run ends it is called ``<out>.partial``.
    resume : bool
        Continue an interrupted run, on a CPU bit for bit as if it had not been interrupted; or go on with a finished
        one when the recipe has been given more steps.
    max_minutes : float, optional
        Stop after this time, in place of what the recipe says.
    start : str or Path, optional
        Bundle whose weights and standardisation training begins with, of the network that the recipe names; default is
        random weights. See `graven.finetune` for few photographs.
    n_panels : int
        Number of procedural training panels.
    panel_px : int
        Side of procedural panels.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Trained
        Best score, and where the weights lie.

    Raises
    ------
    UsageError
        If there is no such recipe, the output exists and `resume` is False, the recipe needs `data`, or it is for other
        classes than the data hold.
    DataError
        If data or recipe are not as they must be.
    TrainingCollapsed
        If nothing can be learnt, with the reason.
    MismatchError
        If recipe or data are not those of the interrupted run, or `start` is of another network.
    Interrupted
        After Ctrl-C or SIGTERM; a checkpoint has been written.
    MissingExtra
        If PyTorch or Lightning is missing.
    """
    require_training()
    from graven.train.panels import band_statistics
    from graven.train.recipe import read_recipe, recipe_hash
    from graven.train.run import build_task, n_outputs
    from graven.train.run import train as run
    from graven.train.transfer import trained_network

    plan = read_recipe(str(recipe))
    if max_minutes is not None:
        if not max_minutes > 0:
            raise UsageError(f"--max-minutes must be above 0, got {max_minutes}")
        plan = replace(plan, run=replace(plan.run, max_minutes=max_minutes))
    clock = Clock()
    if plan.task == "refine" or any(step.name in HEIGHT_STEPS for step in plan.prepare):
        raise UsageError(
            f"the recipe {plan.name!r} is for height maps, which train does not read yet; networks for engravings are "
            "trained by scripts/train_engraving.py"
        )
    chain_of(plan.prepare)
    begin = None if start is None else start_bundle(plan, start, class_names=_class_names(data), say=monitor.say)
    if data is None and plan.method != "petroglyph":
        raise UsageError(f"the recipe {plan.name!r} trains the method {plan.method}; give its panels with --data")
    names = _class_names(data)
    _check_classes(plan, names, n_outputs=n_outputs(plan))
    target = Path(out) if out is not None else Path(plan.name)
    with job_folder(target, command="train", resume=resume) as output:
        stores = _stores(output.path / "panels", plan, data, n_panels=n_panels, panel_px=panel_px, monitor=monitor)
        train_panels, val_panels = stores["train"].open(), stores["val"].open()
        mean, std = band_statistics(train_panels) if begin is None else astuple(begin.spec.normalisation)
        begun = any((output.path / "checkpoints").glob("step_*.safetensors"))
        if resume and not begun:
            monitor.say("no checkpoint had been written, so training starts from its first step")
        net, result = run(
            plan,
            train_panels,
            val_panels,
            output.path,
            mean=mean,
            std=std,
            class_names=names,
            data_sha256=stores["train"].sha256 + stores["val"].sha256 + ("" if begin is None else begin.spec.sha256),
            initial=None if begin is None else trained_network(begin.spec, begin.model_path),
            resume=begun,
            say=monitor.say,
            event=monitor.event,
        )
        bundle = None
        if plan.task != "gate":
            bundle = leave_bundle(
                output.path, plan, net, val_panels[0], result, mean=mean, std=std, class_names=names, say=monitor.say
            )
        newest = max((output.path / "checkpoints").glob("step_*.safetensors"))
        trained = Trained(
            path=target,
            recipe=plan.name,
            stopped_by=result.stopped_by,
            steps=result.steps,
            score_name=build_task(plan).score_name,
            best_score=result.best_score,
            best_step=result.best_step,
            best_path=target / result.best_path.name,
            checkpoint=target / "checkpoints" / newest.name,
            minutes=result.elapsed_s / 60,
            images_per_s=result.images_per_s,
            bundle=None if bundle is None else target / bundle.name,
        )
        told = account(
            "train",
            clock=clock,
            options={
                "recipe": Path(recipe),
                "data": None if data is None else Path(data),
                "out": target,
                "resume": resume,
                "max_minutes": max_minutes,
                "start": None if start is None else Path(start),
                "n_panels": n_panels,
                "panel_px": panel_px,
            },
            inputs=[
                {"name": "recipe", "sha256": recipe_hash(plan)},
                *({"name": f"panels/{side}", "sha256": store.sha256} for side, store in stores.items()),
                *([] if begin is None else [{"name": begin.spec.name, "sha256": begin.spec.sha256, "role": "start"}]),
            ],
            settings=asdict(plan),
            outputs=output_hashes(output.path, leave_out=("panels",)),
            recipe_sha256=recipe_hash(plan),
            standardisation={"mean": list(mean), "std": list(std)},
            data={side: {"origin": store.origin, "sha256": store.sha256} for side, store in stores.items()},
            result=json.loads((output.path / "result.json").read_text(encoding="utf-8")),
        )
        write_run(output.path, told)
    return trained


def _stores(
    folder: Path, plan: Recipe, data: str | Path | None, *, n_panels: int, panel_px: int, monitor: Monitor
) -> dict[str, PanelStore]:
    """Prepare the panels of both sides once, whole; what is there already is kept."""
    from graven.train.panels import write_store

    steps = [{"name": step.name, "options": step.options} for step in plan.prepare]
    if data is None:
        panels = _procedural(plan, n_panels=n_panels, panel_px=panel_px)
    else:
        panels = _labelled(Path(data), monitor=monitor)
    chain = chain_of(plan.prepare, n_bands=_n_bands(plan))

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

        return {side: write(side) for side in SIDES}


@dataclass(frozen=True, slots=True)
class _Panels:
    """Where panels come from: `read` gives those of a side through a chain, `n` how many there are."""

    read: Callable[[str, PrepareChain], Iterator[Source]]
    origin: dict[str, Any]
    n: dict[str, int]


def _procedural(plan: Recipe, *, n_panels: int, panel_px: int) -> _Panels:
    from graven.studies.begl_data import training_specs
    from graven.synthetic.testsets import GENERATOR_VERSION, PETROGLYPH_VAL

    if n_panels < 1:
        raise UsageError(f"--panels must be at least 1, got {n_panels}")
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


def _labelled(folder: Path, *, monitor: Monitor) -> _Panels:
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
    classes = _class_names(folder)
    if classes:
        origin["classes"] = list(classes)
    items = {"train": sides["train"], "val": sides["val"]}

    def read(side: str, chain: PrepareChain) -> Iterator[Source]:
        return labelled_source(items[side], chain=chain)

    return _Panels(read, origin, {side: len(found) for side, found in items.items()})


def _class_names(data: str | Path | None) -> tuple[str, ...]:
    """Give the names of the classes of prepared data, the background left out; none where they are of one class."""
    classes = None if data is None else prepared_classes(Path(data))
    return () if classes is None else tuple(entry.name for entry in classes.classes)


def _check_classes(plan: Recipe, names: tuple[str, ...], *, n_outputs: int) -> None:
    """Refuse data of other classes than the recipe is for, before anything is prepared."""
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


def _n_bands(plan: Recipe) -> int:
    """Bands that the network expects."""
    return int(plan.network.options.get("in_channels", 3))
