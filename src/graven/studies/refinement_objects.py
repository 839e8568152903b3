"""Work of simulated persons on whole objects in the refinement study.

::

    <run>/objects/<trial>/<object>.csv     every record of every person; written last
    <run>/objects/<trial>/<object>.npz     first answer, strokes written in, and what the first person arrived at
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError
from graven.io.fs import atomic_path, write_text_atomic
from graven.kernels.stitching import blend_logits, squared_distance_weights
from graven.refine.hints import composite_mask
from graven.refine.protocol import annotate_object
from graven.refine.tally import LOWEST_WEIGHT
from graven.studies.refinement_contenders import MAIN_TRIALS
from graven.studies.refinement_protocol import work_settings
from graven.studies.refinement_scores import WorkedObject, work_csv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.refine.protocol import AnnotationRun
    from graven.studies.listener import Listener
    from graven.studies.refinement_contenders import Trial
    from graven.studies.refinement_data import RefinementData
    from graven.studies.refinement_protocol import RefinementProtocol

__all__ = ["Whole", "object_logits", "open_whole", "read_maps", "work_on_objects", "work_path"]


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """An object that whole patches cover; what was added to it is not known.

    Attributes
    ----------
    image : ndarray of shape (1, H, W), uint8
        Prepared pixels, mirrored beyond the object.
    target, known : ndarray of shape (H, W), bool
        Truth, and where it counts.
    """

    image: NDArray[np.uint8]
    target: NDArray[np.bool_]
    known: NDArray[np.bool_]


def open_whole(data: RefinementData, name: str, *, patch_px: int) -> Whole:
    """Open an object and fill it up to whole patches.

    Parameters
    ----------
    data : RefinementData
        Objects.
    name : str
        Of the object.
    patch_px : int, pixels
        Side of the patches.

    Returns
    -------
    Whole
        In memory.
    """
    panel = data.objects.open([name])[0]
    more = [(0, -size % patch_px) for size in panel.target.shape]
    known = np.ones(panel.target.shape, bool) if panel.valid is None else np.asarray(panel.valid) > 0
    image = np.pad(np.asarray(panel.image), [(0, 0), *more], mode="symmetric")
    return Whole(image, np.pad((np.asarray(panel.target) > 0) & known, more), np.pad(known, more))


def object_logits(model: Any, image: NDArray[np.uint8], *, patch_px: int) -> NDArray[np.float32]:
    """Let the first network answer to a whole object, in patches that overlap by half.

    Parameters
    ----------
    model : Standardised
        The first network.
    image : ndarray of shape (1, H, W), uint8
        Whole patches.
    patch_px : int, pixels
        Side of the patches.

    Returns
    -------
    ndarray of shape (H, W), float32
        Means of logits, weighted by the squared distance to the border of the patch.
    """
    from graven.train.answers import predict_logits

    _, height, width = image.shape
    starts = [range(0, size - patch_px + 1, patch_px // 2) for size in (height, width)]
    corners = [(row, col) for row in starts[0] for col in starts[1]]
    patches = np.stack([image[:, row : row + patch_px, col : col + patch_px] for row, col in corners])
    weights = squared_distance_weights(patch_px, lowest=LOWEST_WEIGHT)
    return blend_logits(list(predict_logits(model, patches)), corners, weights, (height, width))


def work_on_objects(
    folder: Path,
    trials: Sequence[Trial],
    networks: Callable[[], tuple[Any, Any]],
    *,
    seed: int,
    data: RefinementData,
    protocol: RefinementProtocol,
    monitor: Listener,
) -> int:
    """Let simulated persons work on all objects with one network; what is finished is kept.

    Parameters
    ----------
    folder : Path
        Folder of the network's run.
    trials : sequence of Trial
        Ways to work with this network.
    networks : callable
        Gives the first network and the one that refines; called only if something is to be done.
    seed : int
        Of the networks.
    data : RefinementData
        Objects.
    protocol : RefinementProtocol
        Rules of the work.
    monitor : Listener
        Hears progress.

    Returns
    -------
    int
        Objects that were worked on now.
    """
    todo = {
        entry.name: [trial for trial in trials if not work_path(folder, trial.key, entry.name).is_file()]
        for entry in data.objects.entries
    }
    n = sum(map(len, todo.values()))
    if not n:
        return 0
    first, refiner = networks()
    done = 0
    with monitor.progress(f"working with {folder.name}") as report:
        for name, left in todo.items():
            if not left:
                continue
            whole = open_whole(data, name, patch_px=protocol.patch_px)
            initial = object_logits(first, whole.image, patch_px=protocol.patch_px)
            for trial in left:
                runs = _all_persons(trial, refiner, whole, initial, name, data=data, protocol=protocol)
                path = work_path(folder, trial.key, name)
                _write_maps(path, whole, initial, runs[0])
                worked = [
                    WorkedObject(trial.key, seed, name, person, run.converged, run.records)
                    for person, run in enumerate(runs)
                ]
                write_text_atomic(path, work_csv(worked))
                done += 1
                report(done, n)
    return n


def _all_persons(
    trial: Trial,
    refiner: Any,
    whole: Whole,
    initial: NDArray[np.float32],
    name: str,
    *,
    data: RefinementData,
    protocol: RefinementProtocol,
) -> list[AnnotationRun]:
    from graven.train.answers import predict_logits

    rules = work_settings(protocol, trial, statistics=data.statistics, record_every=data.record_every)
    return [
        annotate_object(
            whole.image[0].astype(np.float32),
            initial,
            whole.target,
            partial(predict_logits, refiner),
            np.random.default_rng((person, zlib.crc32(name.encode()))),
            object_mask=whole.known,
            settings=rules,
        )
        for person in range(protocol.n_annotators if trial.key in MAIN_TRIALS else protocol.n_side_annotators)
    ]


def read_maps(folder: Path, trial: str, name: str, *, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
    """Read what the first person arrived at on an object.

    Parameters
    ----------
    folder : Path
        Folder of the network's run.
    trial, name : str
        Key of the trial, and the object.
    shape : (int, int)
        Height and width of the filled object.

    Returns
    -------
    dict of {"initial", "by_hand", "refined"} to ndarray of `shape`, bool
        Masks.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    path = work_path(folder, trial, name).with_suffix(".npz")
    try:
        with np.load(path, allow_pickle=False) as content:
            return {
                key: np.unpackbits(content[key], count=shape[0] * shape[1]).reshape(shape).astype(bool)
                for key in ("initial", "by_hand", "refined")
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name} cannot be read ({error}); remove {path.parent.name} and repeat it") from error


def work_path(folder: Path, trial: str, name: str) -> Path:
    """Give the file of the work on an object.

    Parameters
    ----------
    folder : Path
        Folder of the network's run.
    trial, name : str
        Key of the trial, and the object.

    Returns
    -------
    Path
        There once all persons are done.
    """
    return folder / "objects" / trial / f"{name}.csv"


def _write_maps(path: Path, whole: Whole, initial: NDArray[np.float32], run: AnnotationRun) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    maps = {
        "initial": initial >= 0,
        "by_hand": composite_mask(initial, run.hints),
        "refined": composite_mask(run.logits, run.hints),
    }
    with atomic_path(path.with_suffix(".npz")) as temporary:
        packed = {key: np.packbits(mask & whole.known) for key, mask in maps.items()}
        np.savez_compressed(temporary, allow_pickle=False, **packed)
