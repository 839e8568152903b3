"""``graven finetune``: a bundle learns from a few labelled photographs, and is kept only if it became better.

The photographs are split by name: some to learn from, some to choose the best moment by, and some that take no part
until the end, on which old and new model are compared.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.api.account import Clock, account, output_hashes
from graven.api.bundling import best_network, check_pixels
from graven.api.finetune_data import labelled_photographs, split_photographs
from graven.api.finetune_page import compare_models, defined, explain, write_page
from graven.api.jobs import job_folder
from graven.api.monitor import SILENT, Monitor
from graven.errors import MismatchError, UsageError
from graven.io.bundle import read_bundle, read_check, write_bundle
from graven.methods.record import write_run
from graven.predict.engines import load_engine
from graven.studies.class_scores import predict_labels
from graven.studies.sources import require_training, scaled_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from graven.io.bundle import Bundle
    from graven.prepare.splits import Side
    from graven.train.panels import Panel, PanelStore
    from graven.train.recipe import Recipe
    from graven.train.task import Standardised
    from graven.types.dataset import LabelledImage

__all__ = ["Finetuned", "finetune"]


@dataclass(frozen=True, slots=True)
class Finetuned:
    """What came of it.

    Attributes
    ----------
    path : Path
        Output folder; ``comparison.html`` shows old and new side by side.
    bundle : Path or None
        The better bundle; None where it did not become better.
    before, after : dict of str to float
        Scores of the two on the photographs that took no part (`graven.studies.class_scores.scores_of`).
    counts : dict of str to int
        Photographs on each side.
    sentences : tuple of str
        What happened, for people.
    """

    path: Path
    bundle: Path | None
    before: dict[str, float]
    after: dict[str, float]
    counts: dict[str, int]
    sentences: tuple[str, ...]

    def summary(self) -> str:
        """Say it in a few lines."""
        table = [f"{name:24} {self.before[name]:.3f} -> {self.after[name]:.3f}" for name in self.before]
        last = f"use it with: -m {self.bundle}" if self.bundle else "no bundle was written"
        return "\n".join([*table, *self.sentences, f"pictures: {self.path / 'comparison.html'}", last])

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary; a score that is undefined is None."""
        return {
            "path": str(self.path),
            "bundle": None if self.bundle is None else str(self.bundle),
            "before": defined(self.before),
            "after": defined(self.after),
            "photographs": self.counts,
            "sentences": list(self.sentences),
        }


def finetune(
    photographs: str | Path,
    *,
    model: str = "condition",
    layout: str = "auto",
    labels: Sequence[str] | None = None,
    classes: Mapping[str, Sequence[str]] | None = None,
    group_by: str | None = None,
    scale: str | None = None,
    recipe: str | Path | None = None,
    out: str | Path | None = None,
    max_minutes: float | None = None,
    seed: int = 0,
    resume: bool = False,
    monitor: Monitor = SILENT,
) -> Finetuned:
    """Train a bundle on with labelled photographs of your own.

    Parameters
    ----------
    photographs : str or Path
        Data set with labels, for example a folder of images each with the JSON file of LabelMe beside it.
    model : str
        Name of a bundled model, or the path of a bundle; it is not altered.
    layout : {"auto", "pitoti", "folders", "labelme", "coco"}
        How labels lie.
    labels : sequence of str, optional
        For a model of one class: the labels that are foreground; default is every shape.
    classes : mapping of str to sequence of str, optional
        For a model of several classes: which labels go into each; default is the one of the same name. A class that is
        left out is in none of the photographs. Masks of 0 and 255 need one class named, without labels.
    group_by : str, optional
        Regular expression that finds the object or site in the name of a photograph, which then stays on one side.
    scale : str, optional
        Size of a pixel of all photographs; they are brought to the model's. Default is what each file says.
    recipe : str or Path, optional
        Default is ``<method>-finetune``. Network, standardisation and preparation are those of the model.
    out : str or Path, optional
        Output folder, by default ``<model>-finetuned`` here; its ``bundle`` is the new model.
    max_minutes : float, optional
        Stop after this time.
    seed : int
        Of the split.
    resume : bool
        Continue an interrupted run.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Finetuned
        Scores before and after, and the bundle where it became better.

    Raises
    ------
    UsageError
        If an option does not fit, the data set lacks a class of the model, or the output exists.
    DataError
        If a photograph or its labels are refused.
    MismatchError
        If the recipe is for another kind of model, or data and options are not those of the interrupted run.
    TrainingCollapsed
        If nothing can be learnt, with the reason.
    Interrupted
        After Ctrl-C or SIGTERM; the same command with `resume` continues.
    MissingExtra
        If PyTorch or Lightning is missing.

    Notes
    -----
    A fifth of the photographs chooses the best moment, a fifth is judged at the end, the rest is learnt from.
    """
    require_training()
    clock = Clock()
    bundle = read_bundle(model)
    plan = _recipe(bundle, recipe, max_minutes)
    mapping = {
        "layout": layout,
        "labels": None if labels is None else list(labels),
        "classes": None if classes is None else {name: list(chosen) for name, chosen in classes.items()},
        "group_by": group_by,
        "seed": seed,
    }
    items, sources = labelled_photographs(
        Path(photographs), bundle, layout, labels=labels, classes=classes, group_by=group_by, monitor=monitor
    )
    sides = split_photographs(items, seed)
    target = Path(out) if out is not None else Path(f"{bundle.spec.name}-finetuned")
    with job_folder(target, command="finetune", resume=resume) as output:
        origin = {"model": bundle.spec.sha256, "scale": scale, "files": sources, **mapping}
        stores = _stores(output.path / "panels", bundle, sides, origin, scale=scale, monitor=monitor)
        training = output.path / "training"
        net, result = _train(training, plan, bundle, stores, monitor)
        monitor.say("judging both models on the photographs that took no part …")
        candidate = _candidate(training, net, bundle, stores["val"].open()[0], target.name)
        panels = stores["test"].open()
        compared = compare_models(bundle.spec.classes, panels, _labels(bundle, panels), _labels(candidate, panels))
        sentences = explain(training, compared)
        finetuned = Finetuned(
            path=target,
            bundle=target / "bundle" if compared.is_better else None,
            before=compared.before,
            after=compared.after,
            counts={side: len(found) for side, found in sides.items()},
            sentences=sentences,
        )
        if compared.is_better:
            _keep(output.path, bundle, candidate, finetuned)
        shutil.rmtree(candidate.path)
        write_page(output.path / "comparison.html", compared, title=target.name, notes=sentences)
        told = account(
            "finetune",
            clock=clock,
            options={
                "photographs": Path(photographs),
                "model": Path(model),
                **mapping,
                "scale": scale,
                "recipe": plan.name,
                "out": target,
                "max_minutes": max_minutes,
                "resume": resume,
            },
            inputs=[{"name": bundle.spec.name, "sha256": bundle.spec.sha256, "role": "model"}, *sources],
            settings=asdict(plan),
            outputs=output_hashes(output.path, leave_out=("panels",)),
            sides={side: [item.name for item in found] for side, found in sides.items()},
            before=defined(compared.before),
            after=defined(compared.after),
            result=result,
            sentences=list(sentences),
        )
        write_run(output.path, told)
    return finetuned


def _recipe(bundle: Bundle, recipe: str | Path | None, max_minutes: float | None) -> Recipe:
    """Read the recipe, with the network and the preparation of the bundle."""
    from graven.train.recipe import Named, bundled_recipes, read_recipe

    spec = bundle.spec
    task = "classes" if len(spec.classes) > 1 else "segment"
    name = f"{spec.method}-finetune" if recipe is None else str(recipe)
    if spec.role != "segment" or (recipe is None and name not in bundled_recipes()):
        raise UsageError(f"the model {spec.name!r} ({spec.method}, {spec.role}) cannot be fine-tuned; give a segmenter")
    plan = read_recipe(name)
    if (plan.method, plan.task) != (spec.method, task):
        raise MismatchError(
            f"the recipe {plan.name!r} is for {plan.method} with task {plan.task}, but {spec.name!r} needs "
            f"{spec.method} with task {task}"
        )
    if max_minutes is not None:
        if not max_minutes > 0:
            raise UsageError(f"--max-minutes must be above 0, got {max_minutes}")
        plan = replace(plan, run=replace(plan.run, max_minutes=max_minutes))
    steps = tuple(Named(step.name, step.options) for step in spec.prepare)
    return replace(plan, network=Named(spec.network, spec.network_options), prepare=steps)


def _stores(
    folder: Path,
    bundle: Bundle,
    sides: Mapping[Side, list[LabelledImage]],
    origin: Mapping[str, Any],
    *,
    scale: str | None,
    monitor: Monitor,
) -> dict[str, PanelStore]:
    """Prepare the photographs of each side once, at the scale of the model."""
    from graven.train.panels import write_store

    done, n = 0, sum(len(found) for found in sides.values())
    stores: dict[str, PanelStore] = {}
    with monitor.progress("preparing photographs") as report:

        def count(_entry: object) -> None:
            nonlocal done
            done += 1
            report(done, n)

        for side, found in sides.items():
            panels = scaled_source(found, bundle.spec, scale=scale)
            stores[side] = write_store(
                folder / side, panels, origin={"kind": "labelled photographs", **origin, "side": side}, on_panel=count
            )
    return stores


def _train(
    folder: Path, plan: Recipe, bundle: Bundle, stores: Mapping[str, PanelStore], monitor: Monitor
) -> tuple[Standardised, dict[str, Any]]:
    """Train, or go on, and give the network and what the loop says of it."""
    from graven.train.run import train
    from graven.train.transfer import trained_network

    spec = bundle.spec
    net, _ = train(
        plan,
        stores["train"].open(),
        stores["val"].open(),
        folder,
        mean=spec.normalisation.mean,
        std=spec.normalisation.std,
        class_names=[entry.name for entry in spec.classes.classes],
        data_sha256=stores["train"].sha256 + stores["val"].sha256,
        initial=trained_network(spec, bundle.model_path),
        resume=any((folder / "checkpoints").glob("step_*.safetensors")),
        say=monitor.say,
        event=monitor.event,
    )
    result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return net, result


def _candidate(folder: Path, net: Standardised, bundle: Bundle, panel: Panel, name: str) -> Bundle:
    """Export the best weights as a bundle beside the training, for the comparison."""
    from graven.train.export import export_onnx

    export = export_onnx(best_network(net, folder), folder / "candidate.onnx", check_input=check_pixels(panel))
    spec = replace(bundle.spec, name=_slug(name), version=f"{bundle.spec.version}+finetuned", sha256="")
    check = (export.check_input, export.check_output)
    candidate = write_bundle(folder / "candidate", spec, export.path, "To be judged.\n", check=check)
    export.path.unlink()
    return candidate


def _labels(bundle: Bundle, panels: Sequence[Panel]) -> list[NDArray[np.uint8]]:
    """Predict prepared photographs tile by tile in float32; no gate takes part, and no object is dropped."""
    engine = load_engine(bundle.model_path, sha256=bundle.spec.sha256, precision="float32")
    return [predict_labels(bundle.spec, engine, np.asarray(panel.image)) for panel in panels]


def _slug(name: str) -> str:
    """Make a model's name of the name of a folder."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "finetuned"


def _keep(output: Path, bundle: Bundle, candidate: Bundle, finetuned: Finetuned) -> None:
    """Write the better bundle with a card that says where it comes from."""
    rows = [f"| {name} | {finetuned.before[name]:.3f} | {after:.3f} |" for name, after in finetuned.after.items()]
    counts = finetuned.counts
    card = [
        f"# {candidate.spec.name} {candidate.spec.version}",
        "",
        (
            f"Fine-tuned from {bundle.spec.name} {bundle.spec.version} (SHA-256 {bundle.spec.sha256[:12]}) by graven "
            f"{__version__} with `graven finetune`, on {counts['train']} labelled photographs; {counts['val']} more "
            f"chose the moment to stop. Scores on {counts['test']} photographs that took no part:"
        ),
        "",
        "| score | before | after |",
        "| --- | --- | --- |",
        *rows,
        "",
        *finetuned.sentences,
        "",
        (
            "It is meant for photographs like these; on others it may be worse than what it was made from. What may be "
            "done with it depends on the rights in the photographs."
        ),
        "",
        "## The model it was made from",
        "",
        bundle.card,
    ]
    check = read_check(candidate)
    write_bundle(output / "bundle", candidate.spec, candidate.model_path, "\n".join(card), check=check)
