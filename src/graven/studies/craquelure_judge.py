"""How a run of the craquelure study is judged: predict the test pictures, count, and keep what the tables need.

::

    <run>/scores.csv   one row per test painting or photograph
    <run>/preds.npz    of cracks: masks of the test pictures, packed bits
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError
from graven.io.fs import atomic_path, write_text_atomic
from graven.io.maskfolders import read_binary_mask
from graven.metrics import tolerance_counts, total
from graven.predict.classes import class_map
from graven.studies.baselines import blackhat_otsu
from graven.studies.craquelure_scores import (
    TOLERANCE_PX,
    cracks_csv,
    paintings_csv,
    score_cracks,
    score_painting,
)
from graven.train.dataset import validation_tiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.studies.crack_sets import CrackSet
    from graven.studies.craquelure_data import StudyData
    from graven.studies.craquelure_scores import CrackScore, PaintingScore
    from graven.studies.listener import Listener
    from graven.train.panels import Panel

__all__ = [
    "BASELINE",
    "BASELINE_LABEL",
    "baseline_on_cracks",
    "baseline_on_paintings",
    "best_threshold",
    "judge_cracks",
    "judge_paintings",
    "predict_panel",
    "read_crack_masks",
]

BASELINE, BASELINE_LABEL = "blackhat-otsu", "Black-hat + Otsu (no learning)"
CRACK_CONTENDER = "res_unet"
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))


def predict_panel(model: Any, panel: Panel, *, tile_px: int, batch_size: int = 4) -> NDArray[np.float32]:
    """Predict a panel in tiles side by side, those at the border filled by mirroring.

    Parameters
    ----------
    model : Standardised
        The network.
    panel : Panel
        Any size.
    tile_px : int, pixels
        Side of the tiles.
    batch_size : int
        Tiles at a time.

    Returns
    -------
    ndarray of shape (K, H, W), float32, 0 to 1
        Probabilities of the classes after the background.
    """
    from graven.train.validate import predict_samples

    whole = panel if panel.valid is None else type(panel)(panel.name, panel.group, panel.image, panel.target)
    tiles = validation_tiles([whole], tile_px=tile_px)
    height, width = panel.target.shape
    n_cols = -(-width // tile_px)
    found = predict_samples(model, tiles, batch_size=batch_size)
    probs = np.zeros((found.shape[1], height, width), np.float32)
    for index, tile in enumerate(found):
        row, col = tile_px * (index // n_cols), tile_px * (index % n_cols)
        part = probs[:, row : row + tile_px, col : col + tile_px]
        part[:] = tile[:, : part.shape[1], : part.shape[2]]
    return probs


def judge_paintings(
    model: Any, *, folder: Path, contender: str, seed: int, tile_px: int, data: StudyData, monitor: Listener
) -> dict[str, Any]:
    """Predict and score the test paintings.

    Parameters
    ----------
    model : Standardised
        With the weights that are judged.
    folder : Path
        Folder of the run.
    contender : str
        Key of the loss or network.
    seed : int
        Of the run.
    tile_px : int, pixels
        Side of the tiles.
    data : StudyData
        Paintings.
    monitor : Listener
        Hears progress.

    Returns
    -------
    dict
        Nothing more is to be said about the run.
    """
    scores: list[PaintingScore] = []
    with monitor.progress(f"testing {contender}, seed {seed}") as report:
        for panel in _tests(data):
            preds = class_map(predict_panel(model, panel, tile_px=tile_px))
            scores.append(_painting(preds, panel, data, contender=contender, seed=seed))
            report(len(scores), len(data.test.entries))
    write_text_atomic(folder / "scores.csv", paintings_csv(scores))
    return {}


def baseline_on_paintings(data: StudyData) -> list[PaintingScore]:
    """Mark dark lines without learning; no pixel is ever called paint loss.

    Parameters
    ----------
    data : StudyData
        Paintings.

    Returns
    -------
    list of PaintingScore
        In the order of the test paintings.
    """
    return [
        _painting(blackhat_otsu(np.asarray(panel.image)).astype(np.uint8), panel, data, contender=BASELINE, seed=0)
        for panel in _tests(data)
    ]


def judge_cracks(
    model: Any,
    *,
    folder: Path,
    crack_set: CrackSet,
    seed: int,
    source: Path,
    data: StudyData,
    monitor: Listener,
) -> dict[str, Any]:
    """Choose a threshold on the validation part, then predict and score the test photographs with it.

    Parameters
    ----------
    model : Standardised
        With the weights that are judged.
    folder : Path
        Folder of the run.
    crack_set : CrackSet
        Which set.
    seed : int
        Of the run.
    source : Path
        Folder of the set, for the masks of its distractor.
    data : StudyData
        Pictures.
    monitor : Listener
        Hears progress.

    Returns
    -------
    dict
        ``threshold``, and ``val_f1_2px`` with it.
    """
    tile_px = crack_set.tile_px
    held_out = data.val.open()
    threshold, val_f1 = best_threshold(
        [predict_panel(model, panel, tile_px=tile_px)[0] for panel in held_out],
        [np.asarray(panel.target) > 0 for panel in held_out],
    )
    scores: list[CrackScore] = []
    masks: dict[str, NDArray[np.uint8]] = {}
    with monitor.progress(f"testing {crack_set.label}, seed {seed}") as report:
        for panel in _tests(data):
            preds = predict_panel(model, panel, tile_px=tile_px)[0] >= threshold
            scores.append(_crack(preds, panel, crack_set, source, contender=CRACK_CONTENDER, seed=seed))
            masks[panel.name] = np.packbits(preds)
            report(len(scores), len(data.test.entries))
    write_text_atomic(folder / "scores.csv", cracks_csv(scores))
    with atomic_path(folder / "preds.npz") as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **masks)
    return {"threshold": threshold, "val_f1_2px": val_f1}


def baseline_on_cracks(crack_set: CrackSet, source: Path, data: StudyData) -> list[CrackScore]:
    """Mark dark lines without learning.

    Parameters
    ----------
    crack_set : CrackSet
        Which set.
    source : Path
        Folder of the set.
    data : StudyData
        Pictures.

    Returns
    -------
    list of CrackScore
        In the order of the test pictures.
    """
    return [
        _crack(blackhat_otsu(np.asarray(panel.image)), panel, crack_set, source, contender=BASELINE, seed=0)
        for panel in _tests(data)
    ]


def best_threshold(probs: Sequence[NDArray[np.float32]], targets: Sequence[NDArray[np.bool_]]) -> tuple[float, float]:
    """Find the threshold with the best F1 at 2 px over all pixels of some pictures.

    Parameters
    ----------
    probs : sequence of ndarray of shape (H, W), float32, 0 to 1
        Probabilities.
    targets : sequence of ndarray of shape (H, W), bool
        Truth.

    Returns
    -------
    threshold : float
        Out of 0.05 to 0.95 in steps of 0.05; of equal ones the one nearest to 0.5.
    f1 : float, 0 to 1
        With that threshold.

    Examples
    --------
    >>> best_threshold([np.float32([[0.2, 0.2, 0.2, 0.2, 0.9]])], [np.array([[False, False, False, False, True]])])
    (0.5, 1.0)
    """
    found = {
        threshold: total(
            [
                tolerance_counts(prob >= threshold, target, tolerance_px=TOLERANCE_PX)
                for prob, target in zip(probs, targets, strict=True)
            ]
        ).f1
        for threshold in THRESHOLDS
    }
    best = max(found, key=lambda threshold: (found[threshold], -abs(threshold - 0.5)))
    return best, found[best]


def read_crack_masks(folder: Path, shapes: dict[str, tuple[int, int]]) -> dict[str, NDArray[np.bool_]]:
    """Read the predicted masks of a finished run on photographed cracks.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    shapes : dict of str to (int, int)
        Height and width of the pictures that are wanted.

    Returns
    -------
    dict of str to ndarray of shape (H, W), bool
        By name of the picture.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        with np.load(folder / "preds.npz", allow_pickle=False) as content:
            return {
                name: np.unpackbits(content[name], count=height * width).reshape(height, width).astype(bool)
                for name, (height, width) in shapes.items()
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{folder.name}/preds.npz cannot be read ({error}); remove the run and repeat it") from error


def _tests(data: StudyData) -> Iterator[Panel]:
    """Open the test panels one at a time, so that memory stays small."""
    for entry in data.test.entries:
        yield data.test.open([entry.name])[0]


def _painting(preds: NDArray[np.uint8], panel: Panel, data: StudyData, *, contender: str, seed: int) -> PaintingScore:
    target = np.asarray(panel.target, np.uint8)
    known = np.ones(target.shape, bool) if panel.valid is None else np.asarray(panel.valid, bool)
    return score_painting(
        preds, target, known, contender=contender, seed=seed, subset=data.sets[panel.name], image=panel.name
    )


def _crack(
    preds: NDArray[np.bool_], panel: Panel, crack_set: CrackSet, source: Path, *, contender: str, seed: int
) -> CrackScore:
    distractor = None
    if crack_set.distractor is not None:
        path = source / crack_set.distractor / f"{panel.name}.png"
        distractor = read_binary_mask(path, size=(preds.shape[0], preds.shape[1]))
    return score_cracks(
        preds,
        np.asarray(panel.target) > 0,
        distractor,
        contender=contender,
        seed=seed,
        subset=crack_set.key,
        photograph=panel.group,
        image=panel.name,
    )
