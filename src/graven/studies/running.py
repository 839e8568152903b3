"""One run of a study: train one network with one seed, have it judged, and record it once.

::

    <run>/recipe.yaml train.csv validation.csv curves.png samples.png best.safetensors   from the training loop
    <run>/…                                                                              what the judge writes
    <run>/run.json                                                                       written last: the run is done
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graven.errors import DataError, MismatchError, TrainingCollapsed
from graven.io.fs import write_text_atomic
from graven.train.recipe import recipe_hash
from graven.train.sampler import BalancedSampler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from graven.studies.listener import Listener
    from graven.train.panels import Panel
    from graven.train.recipe import Recipe
    from graven.train.task import Standardised

    Judge = Callable[[Any], dict[str, Any]]

__all__ = ["PLATEAU", "Lessons", "do_run", "is_done", "read_run"]

DONE = "run.json"
PLATEAU = 0.01
"""A run has levelled off once its validation score is this close to its best."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a network learns from.

    Attributes
    ----------
    train, val : tuple of Panel
        Prepared; no group is in both.
    sha256 : str
        Hash of all that a run sees, test panels included.
    mean, std : tuple of float, 0 to 255
        Standardisation by the training panels.
    class_names : tuple of str
        Of the classes after the background, for messages; empty where there is one.
    """

    train: tuple[Panel, ...]
    val: tuple[Panel, ...]
    sha256: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...] = ()


def do_run(
    folder: Path,
    recipe: Recipe,
    lessons: Lessons,
    judge: Judge,
    *,
    label: str,
    identity: dict[str, Any],
    monitor: Listener,
    score: str = "miou",
    first: Standardised | None = None,
) -> bool:
    """Train and judge, continue an interrupted run, or leave a finished one as it is.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    recipe : Recipe
        What to train.
    lessons : Lessons
        Panels.
    judge : callable
        Given the network with its best weights, writes its findings into the folder and returns facts for ``run.json``.
    label : str
        What the run is called in messages.
    identity : dict
        What the run is one of, such as loss and seed; kept in ``run.json`` with the hashes of recipe and data.
    monitor : Listener
        Hears progress.
    score : str
        Validation score by which the task of the recipe chooses the weights.
    first : Standardised, optional
        For a network that refines, the trained one whose answers it betters; the hash of `lessons` must depend on it.

    Returns
    -------
    bool
        Whether anything had to be done.

    Raises
    ------
    MismatchError
        If the folder holds a finished run of another recipe, length or data.
    Interrupted
        After Ctrl-C; the run continues from its last checkpoint when it is called again.

    Notes
    -----
    A loss that becomes no number is recorded as collapsed, without scores; the others go on.
    """
    identity = {
        **identity,
        "epochs": recipe.run.max_epochs,
        "recipe_sha256": recipe_hash(recipe),
        "data_sha256": lessons.sha256,
    }
    if is_done(folder):
        found = read_run(folder)
        wrong = [key for key, value in identity.items() if found.get(key) != value]
        if wrong:
            raise MismatchError(
                f"{folder.name} is a finished run with another {wrong[0]} ({found.get(wrong[0])}, now "
                f"{identity[wrong[0]]}); repeat the first command, or give another output folder"
            )
        return False
    folder.mkdir(parents=True, exist_ok=True)
    facts = {**identity, **_start_facts(recipe, lessons)}
    try:
        facts |= _train_and_judge(folder, recipe, lessons, judge, monitor=monitor, score=score, first=first)
    except TrainingCollapsed as error:
        monitor.say(f"{label}, seed {recipe.run.seed}: {error}")
        facts |= {"status": "collapsed", "reason": str(error)}
    write_text_atomic(folder / DONE, json.dumps(facts, indent=1) + "\n")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # the optimiser's state, three times the weights
    return True


def _start_facts(recipe: Recipe, lessons: Lessons) -> dict[str, str]:
    """Hash what must be equal for all losses of a seed: initial weights, order of panels, the first crops."""
    from graven.train.checkpoint import tensor_hash
    from graven.train.run import build_model, crop_source
    from graven.train.stop import check_foreground

    data, seed = recipe.data, recipe.run.seed
    source = crop_source(recipe, lessons.train)
    check_foreground(source)
    sampler = BalancedSampler(source.groups, data.items_per_epoch, data.batch_size, seed)
    digest = hashlib.sha256()
    for epoch in range(recipe.run.max_epochs or 0):
        digest.update(json.dumps(sampler.epoch_batches(epoch)).encode())
    for index, panel in sampler.epoch_batches(0)[0]:
        crop = source.crop(epoch=0, index=index, panel=panel)
        digest.update(crop.image.tobytes() + crop.target.tobytes() + crop.valid.tobytes())
    weights = tensor_hash(build_model(recipe, mean=lessons.mean, std=lessons.std).state_dict())
    return {"initial_weights_sha256": weights, "crops_sha256": digest.hexdigest()}


def _train_and_judge(
    folder: Path,
    recipe: Recipe,
    lessons: Lessons,
    judge: Judge,
    *,
    monitor: Listener,
    score: str,
    first: Standardised | None,
) -> dict[str, Any]:
    from graven.train.checkpoint import load_tensors
    from graven.train.run import train

    model, result = train(
        recipe,
        lessons.train,
        lessons.val,
        folder,
        mean=lessons.mean,
        std=lessons.std,
        class_names=lessons.class_names,
        data_sha256=lessons.sha256,
        first=first,
        resume=any((folder / "checkpoints").glob("step_*.safetensors")),
        say=monitor.say,
        event=monitor.event,
    )
    model.load_state_dict(load_tensors(result.best_path)[0])
    judged = judge(model)
    fitted = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    steps_per_epoch = recipe.data.items_per_epoch // recipe.data.batch_size
    return {
        "status": "complete",
        "steps": result.steps,
        "best_epoch": result.best_step / steps_per_epoch,
        "plateau_epoch": _plateau(folder, result.best_score, score) / steps_per_epoch,
        f"best_val_{score}": result.best_score,
        "minutes": result.elapsed_s / 60,
        "images_per_s": result.images_per_s,
        "last_weights_sha256": result.weights_sha256,
        "device": fitted["device"],
        "precision": fitted["precision"],
        "threads": fitted["threads"],
        "n_parameters": sum(parameter.numel() for parameter in model.parameters()),
        **judged,
    }


def _plateau(folder: Path, best: float, score: str) -> float:
    """Find the first update after which the validation score was within `PLATEAU` of its best."""
    with (folder / "validation.csv").open(encoding="utf-8", newline="") as file:
        rows = [(float(row["step"]), float(row[score])) for row in csv.DictReader(file)]
    return next(step for step, found in rows if found >= best - PLATEAU)


def is_done(folder: Path) -> bool:
    """Say whether the folder holds a finished run, collapsed ones included."""
    return (folder / DONE).is_file()


def read_run(folder: Path) -> dict[str, Any]:
    """Read the facts of a finished run.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    dict
        Its ``run.json``.

    Raises
    ------
    DataError
        If there is no ``run.json``, or it is damaged.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / DONE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder.name}/{DONE} cannot be read ({error}); remove the run and repeat it") from error
    return facts
