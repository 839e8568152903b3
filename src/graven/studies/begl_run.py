"""One run of the BEGL study: train one loss with one seed, predict the test patches, keep what tables and figures need.

::

    <run>/recipe.yaml train.csv validation.csv curves.png samples.png best.safetensors   from the training loop
    <run>/scores.csv                                                                     one row per test patch
    <run>/preds.npz                                                                      predicted masks, packed bits
    <run>/run.json                                                                       written last: the run is done
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, MismatchError, TrainingCollapsed
from graven.io.fs import atomic_path, write_text_atomic
from graven.studies.begl_scores import score_patch, scores_csv
from graven.train.dataset import CropSource, validation_tiles
from graven.train.recipe import recipe_hash
from graven.train.sampler import BalancedSampler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.studies.begl_data import StudyData
    from graven.studies.begl_protocol import Contender
    from graven.studies.begl_scores import PatchScore
    from graven.studies.listener import Listener
    from graven.train.dataset import Sample
    from graven.train.panels import Panel, PanelEntry
    from graven.train.recipe import Recipe

__all__ = ["do_run", "read_preds", "read_run", "cut_test_panels"]

DONE = "run.json"
PLATEAU = 0.01
"""A run has levelled off once its validation MIoU is this close to its best."""


def do_run(
    folder: Path,
    recipe: Recipe,
    contender: Contender,
    data: StudyData,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    monitor: Listener,
) -> bool:
    """Train and judge one loss, continue an interrupted run, or leave a finished one as it is.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    recipe : Recipe
        From `graven.studies.begl_protocol.run_recipe`.
    contender : Contender
        The loss.
    data : StudyData
        Panels.
    mean, std : sequence of float, 0 to 255
        Standardisation by the training panels.
    monitor : Listener
        Hears progress.

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
        "loss": contender.key,
        "seed": recipe.run.seed,
        "epochs": recipe.run.max_epochs,
        "recipe_sha256": recipe_hash(recipe),
        "data_sha256": data.sha256,
    }
    if (folder / DONE).is_file():
        found = read_run(folder)
        wrong = [key for key, value in identity.items() if found.get(key) != value]
        if wrong:
            raise MismatchError(
                f"{folder.name} is a finished run with another {wrong[0]} ({found.get(wrong[0])}, now "
                f"{identity[wrong[0]]}); repeat the first command, or give another output folder"
            )
        return False
    facts = {**identity, **_start_facts(recipe, data.train_panels(), mean=mean, std=std)}
    try:
        facts |= _train_and_judge(folder, recipe, contender, data, mean=mean, std=std, monitor=monitor)
    except TrainingCollapsed as error:
        monitor.say(f"{contender.label}, seed {recipe.run.seed}: {error}")
        facts |= {"status": "collapsed", "reason": str(error)}
    write_text_atomic(folder / DONE, json.dumps(facts, indent=1) + "\n")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # the optimiser's state, three times the weights
    return True


def _start_facts(
    recipe: Recipe, panels: tuple[Panel, ...], *, mean: Sequence[float], std: Sequence[float]
) -> dict[str, str]:
    """Hash the initial weights, and the order and first batch of the crops: equal for all losses of a seed."""
    from graven.train.checkpoint import tensor_hash
    from graven.train.run import build_model
    from graven.train.stop import check_foreground

    data, seed = recipe.data, recipe.run.seed
    source = CropSource(
        panels, crop_px=data.crop_px, augment=recipe.augment, seed=seed, positive_share=data.positive_share
    )
    check_foreground(source)
    sampler = BalancedSampler(source.groups, data.items_per_epoch, data.batch_size, seed)
    digest = hashlib.sha256()
    for epoch in range(recipe.run.max_epochs or 0):
        digest.update(json.dumps(sampler.epoch_batches(epoch)).encode())
    for index, panel in sampler.epoch_batches(0)[0]:
        crop = source.crop(epoch=0, index=index, panel=panel)
        digest.update(crop.image.tobytes() + crop.target.tobytes() + crop.valid.tobytes())
    weights = tensor_hash(build_model(recipe, mean=mean, std=std).state_dict())
    return {"initial_weights_sha256": weights, "crops_sha256": digest.hexdigest()}


def _train_and_judge(
    folder: Path,
    recipe: Recipe,
    contender: Contender,
    data: StudyData,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    monitor: Listener,
) -> dict[str, Any]:
    from graven.train.checkpoint import load_tensors
    from graven.train.run import train

    model, result = train(
        recipe,
        data.train_panels(),
        data.val.open(),
        folder,
        mean=mean,
        std=std,
        data_sha256=data.sha256,
        resume=any((folder / "checkpoints").glob("step_*.safetensors")),
        say=monitor.say,
        event=monitor.event,
    )
    model.load_state_dict(load_tensors(result.best_path)[0])
    scores, packed = _judge(model, recipe, contender, data, monitor=monitor)
    write_text_atomic(folder / "scores.csv", scores_csv(scores))
    with atomic_path(folder / "preds.npz") as temporary:
        np.savez_compressed(temporary, preds=packed, patch_px=np.int64(recipe.data.crop_px))
    fitted = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    steps_per_epoch = recipe.data.items_per_epoch // recipe.data.batch_size
    return {
        "status": "complete",
        "steps": result.steps,
        "best_epoch": result.best_step / steps_per_epoch,
        "plateau_epoch": _plateau(folder, result.best_score) / steps_per_epoch,
        "best_val_miou": result.best_score,
        "minutes": result.elapsed_s / 60,
        "images_per_s": result.images_per_s,
        "last_weights_sha256": result.weights_sha256,
        "device": fitted["device"],
        "precision": fitted["precision"],
        "threads": fitted["threads"],
        "n_parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


def _plateau(folder: Path, best: float) -> float:
    """Find the first update after which validation MIoU was within `PLATEAU` of its best."""
    with (folder / "validation.csv").open(encoding="utf-8", newline="") as file:
        rows = [(float(row["step"]), float(row["miou"])) for row in csv.DictReader(file)]
    return next(step for step, score in rows if score >= best - PLATEAU)


def _judge(
    model: Any, recipe: Recipe, contender: Contender, data: StudyData, *, monitor: Listener
) -> tuple[list[PatchScore], NDArray[np.uint8]]:
    """Predict all test patches, panel by panel."""
    from graven.train.validate import predict_samples

    scores: list[PatchScore] = []
    packed: list[NDArray[np.uint8]] = []
    n_panels = len(data.test.entries)
    with monitor.progress(f"testing {contender.label}, seed {recipe.run.seed}") as report:
        for done, (entry, patches) in enumerate(cut_test_panels(data, patch_px=recipe.data.crop_px), start=1):
            probs = predict_samples(model, patches, batch_size=recipe.data.validation_batch_size)
            for patch, prob in zip(patches, probs[:, 0], strict=True):
                preds = prob >= 0.5
                scores.append(
                    score_patch(
                        preds,
                        patch.target > 0,
                        patch.valid,
                        loss=contender.key,
                        variant=contender.is_variant,
                        seed=recipe.run.seed,
                        subset=data.sets[entry.name],
                        panel=entry.group,
                        image=patch.origin,
                    )
                )
                packed.append(np.packbits(preds))
            report(done, n_panels)
    return scores, np.stack(packed)


def cut_test_panels(data: StudyData, *, patch_px: int) -> Iterator[tuple[PanelEntry, list[Sample]]]:
    """Cut the test panels into patches without overlap, as published.

    Parameters
    ----------
    data : StudyData
        Panels.
    patch_px : int, pixels
        Side of a patch; those at the border are mirrored and invalid there.

    Yields
    ------
    entry, patches : PanelEntry, list of Sample
        One panel at a time, so that memory stays small; patches without a valid pixel are left out.
    """
    for entry in data.test.entries:
        yield entry, validation_tiles(data.test.open([entry.name]), tile_px=patch_px)


def read_run(folder: Path) -> dict[str, Any]:
    """Read the facts of a finished run.

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


def read_preds(folder: Path) -> NDArray[np.bool_]:
    """Read the predicted masks of a finished run.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    ndarray of shape (N, H, W), bool
        In the order of its ``scores.csv``.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        with np.load(folder / "preds.npz", allow_pickle=False) as content:
            packed, side = content["preds"], int(content["patch_px"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{folder.name}/preds.npz cannot be read ({error}); remove the run and repeat it") from error
    return np.unpackbits(packed, axis=1, count=side * side).reshape(-1, side, side).astype(bool)
