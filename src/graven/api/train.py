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
from graven.api.train_panels import check_classes, check_procedural, class_names, panel_stores, prepared_chain
from graven.errors import MismatchError, UsageError
from graven.io.bundle import read_bundle
from graven.methods.record import write_run
from graven.studies.sources import require_training

if TYPE_CHECKING:
    from graven.io.bundle import Bundle
    from graven.train.recipe import Recipe

__all__ = ["Trained", "recipes", "train"]


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
    first: str | Path | None = None,
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
        with ``--classes`` for a recipe whose task is ``classes``, and with a side ``unlabelled`` for one with ``cps``.
        For surfaces ``images`` holds ``<name>_height.tif``, ``<name>_normals.tif`` and ``<name>_albedo.tif``, those
        that the recipe prepares. By default a recipe for petroglyphs is trained on procedural panels and one for
        heights on procedural bronzes, and validated on their frozen list.
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
    first : str or Path, optional
        For a recipe that refines, bundle of the trained network whose answers it betters.
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
    chain = prepared_chain(plan)
    ahead = _first_bundle(plan, first)
    names = class_names(data)
    if start is not None and plan.cps is not None:
        raise UsageError(
            "with cps two networks begin apart, so there is nothing to begin --from; leave one of them out"
        )
    begin = None if start is None else start_bundle(plan, start, class_names=names, say=monitor.say)
    if data is None:
        check_procedural(plan, chain)
    check_classes(plan, names, n_outputs=n_outputs(plan))
    target = Path(out) if out is not None else Path(plan.name)
    with job_folder(target, command="train", resume=resume) as output:
        known = {"n_panels": n_panels, "panel_px": panel_px}
        stores = panel_stores(output.path / "panels", plan, data, monitor=monitor, **known)
        train_panels, val_panels = stores["train"].open(), stores["val"].open()
        mean, std = band_statistics(train_panels) if begin is None else astuple(begin.spec.normalisation)
        if plan.task == "refine" and begin is None:
            mean, std = (*mean, 0.0, 0.0), (*std, 1.0, 1.0)  # the first answer and the strokes are taken as they are
        first_net = None if ahead is None else trained_network(ahead.spec, ahead.model_path)
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
            data_sha256="".join(store.sha256 for store in stores.values()) + _hash_of(begin),
            first=first_net,
            unlabelled=stores["unlabelled"].open() if "unlabelled" in stores else (),
            initial=None if begin is None else trained_network(begin.spec, begin.model_path),
            resume=begun,
            say=monitor.say,
            event=monitor.event,
        )
        bundle = None
        if plan.task != "gate":
            bundle = leave_bundle(
                output.path,
                plan,
                net,
                val_panels[0],
                result,
                mean=mean,
                std=std,
                class_names=names,
                bands=chain.bands,
                first=first_net,
                say=monitor.say,
            )
        newest = max((output.path / "checkpoints").glob("step_*.safetensors"))
        trained = Trained(
            path=target,
            recipe=plan.name,
            stopped_by=result.stopped_by,
            steps=result.steps,
            score_name=build_task(plan, first=first_net).score_name,
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
                "first": None if first is None else Path(first),
                "n_panels": n_panels,
                "panel_px": panel_px,
            },
            inputs=[
                {"name": "recipe", "sha256": recipe_hash(plan)},
                *({"name": f"panels/{side}", "sha256": store.sha256} for side, store in stores.items()),
                *_bundle_inputs(start=begin, first=ahead),
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


def _first_bundle(plan: Recipe, first: str | Path | None) -> Bundle | None:
    """Read the bundle whose answers are refined, and see that it answers to the pictures that are learnt from."""
    if plan.task != "refine":
        if first is not None:
            raise UsageError(f"--first is for recipes that refine, but {plan.name!r} has the task {plan.task}")
        return None
    if first is None:
        raise UsageError(
            f"the recipe {plan.name!r} betters the answers of a first network; give its bundle with --first"
        )
    bundle = read_bundle(first)
    spec = bundle.spec
    asked = [(step.name, step.options) for step in plan.prepare]
    if spec.role != "segment" or len(spec.classes) > 1 or [(s.name, s.options) for s in spec.prepare] != asked:
        listed = ", ".join(name for name, _ in asked) or "nothing"
        raise MismatchError(
            f"--first {spec.name} must be a model that segments one class and is prepared by {listed}, as "
            f"{plan.name!r} is; give another bundle"
        )
    return bundle


def _hash_of(bundle: Bundle | None) -> str:
    return "" if bundle is None else bundle.spec.sha256


def _bundle_inputs(**bundles: Bundle | None) -> list[dict[str, str]]:
    """List bundles by the part that they have in a training."""
    return [
        {"name": bundle.spec.name, "sha256": bundle.spec.sha256, "role": role}
        for role, bundle in bundles.items()
        if bundle is not None
    ]
