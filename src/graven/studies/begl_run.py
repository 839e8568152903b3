"""How a run of the BEGL study is judged: predict the test patches, keep what tables and figures need.

::

    <run>/scores.csv   one row per test patch
    <run>/preds.npz    predicted masks, packed bits
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError
from graven.io.fs import atomic_path, write_text_atomic
from graven.studies.begl_scores import score_patch, scores_csv
from graven.train.dataset import validation_tiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.studies.begl_data import StudyData
    from graven.studies.begl_protocol import Contender
    from graven.studies.begl_scores import PatchScore
    from graven.studies.listener import Listener
    from graven.train.dataset import Sample
    from graven.train.panels import PanelEntry
    from graven.train.recipe import Recipe

__all__ = ["cut_test_panels", "judge_run", "read_preds"]


def judge_run(
    model: Any, *, folder: Path, recipe: Recipe, contender: Contender, data: StudyData, monitor: Listener
) -> dict[str, Any]:
    """Predict and score the test patches, and keep scores and masks in the folder of the run.

    Parameters
    ----------
    model : Standardised
        With the weights that are judged.
    folder : Path
        Folder of the run.
    recipe : Recipe
        From `graven.studies.begl_protocol.run_recipe`.
    contender : Contender
        The loss.
    data : StudyData
        Panels.
    monitor : Listener
        Hears progress.

    Returns
    -------
    dict
        Nothing more is to be said about the run.
    """
    scores, packed = _judge(model, recipe, contender, data, monitor=monitor)
    write_text_atomic(folder / "scores.csv", scores_csv(scores))
    with atomic_path(folder / "preds.npz") as temporary:
        np.savez_compressed(temporary, preds=packed, patch_px=np.int64(recipe.data.crop_px))
    return {}


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
