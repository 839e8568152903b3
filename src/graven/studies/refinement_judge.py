"""How networks of the refinement study are judged patch by patch: the first one, and others after one stroke.

::

    <run>/scores.csv   one row per test panel and contender
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.io.fs import write_text_atomic
from graven.metrics import binary_counts, total
from graven.metrics.pseudo import pseudo_counts
from graven.refine.annotator import training_hints
from graven.refine.hints import composite_mask
from graven.studies.refinement_scores import PatchScore, patches_csv
from graven.train.dataset import validation_tiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.refine.annotator import AnnotatorSettings
    from graven.studies.listener import Listener
    from graven.studies.refinement_contenders import Refiner
    from graven.studies.refinement_data import RefinementData
    from graven.studies.refinement_protocol import RefinementProtocol
    from graven.train.dataset import Sample
    from graven.train.panels import Panel, PanelStore

__all__ = ["STROKES", "judge_first", "judge_refiner", "score_tiles"]

STROKES = "+strokes"
"""After the key of a network: the first answer with the strokes written in that this network was given."""


def judge_first(
    model: Any, *, folder: Path, early: Path, seed: int, data: RefinementData, patch_px: int, monitor: Listener
) -> dict[str, Any]:
    """Score the first network on the patches of the test, with its best and with its early weights.

    Parameters
    ----------
    model : Standardised
        With its best weights; left with the early ones.
    folder : Path
        Folder of the run.
    early : Path
        File of the early weights.
    seed : int
        Of the run.
    data : RefinementData
        Panels.
    patch_px : int, pixels
        Side of the patches.
    monitor : Listener
        Hears progress.

    Returns
    -------
    dict
        ``early_step`` and ``early_val_pfm``.
    """
    from graven.train.answers import predict_logits
    from graven.train.checkpoint import load_tensors

    tensors, facts = load_tensors(early)
    scores: list[PatchScore] = []
    for contender in ("initial", "early"):
        if contender == "early":
            model.load_state_dict(tensors)
        for panel in _opened(data.test, f"testing {contender}, seed {seed}", monitor):
            tiles = validation_tiles([panel], tile_px=patch_px)
            masks = predict_logits(model, _images(tiles)) >= 0
            known = {"subset": data.sets[panel.name], "contender": contender}
            scores.append(score_tiles(masks, tiles, panel.name, seed=seed, **known))
    write_text_atomic(folder / "scores.csv", patches_csv(scores))
    return {"early_step": facts["step"], "early_val_pfm": facts["scores"]["pfm"]}


def judge_refiner(
    model: Any,
    *,
    first: Any,
    folder: Path,
    refiner: Refiner,
    seed: int,
    data: RefinementData,
    person: AnnotatorSettings,
    protocol: RefinementProtocol,
    monitor: Listener,
) -> dict[str, Any]:
    """Score a network that refines on the patches of the test, after one stroke on each.

    Parameters
    ----------
    model, first : Standardised
        The network, and the one whose answers it betters.
    folder : Path
        Folder of the run.
    refiner : Refiner
        What it is shown.
    seed : int
        Of the run.
    data : RefinementData
        Panels.
    person : AnnotatorSettings
        How the stroke is drawn; the same strokes for all networks with the same first answers and this person.
    protocol : RefinementProtocol
        Patches, and how often a stroke is drawn on each.
    monitor : Listener
        Hears progress.

    Returns
    -------
    dict
        Nothing more is to be said about the run.
    """
    from graven.train.answers import predict_logits

    scores: list[PatchScore] = []
    for panel in _opened(data.test, f"testing {refiner.key}, seed {seed}", monitor):
        tiles = validation_tiles([panel], tile_px=protocol.patch_px)
        images = _images(tiles)
        initial = predict_logits(first, images)
        targets = np.stack([(tile.target > 0) & tile.valid for tile in tiles])
        refined, by_hand = [], []
        for repeat in range(protocol.test_repeats):
            rng = np.random.default_rng((repeat, zlib.crc32(panel.name.encode())))
            hints = training_hints(initial, targets, rng, person)
            shown = [np.zeros_like(initial) if refiner.inputs == "hints" else initial]
            shown += [np.zeros_like(initial) if refiner.inputs == "initial" else hints.astype(np.float32)]
            answer = predict_logits(model, np.concatenate([images, *(part[:, None] for part in shown)], axis=1))
            refined += list(answer >= 0)
            by_hand += [composite_mask(*pair) for pair in zip(initial, hints, strict=True)]
        for key, masks in ((refiner.key, refined), (refiner.key + STROKES, by_hand)):
            known = {"subset": data.sets[panel.name], "contender": key}
            scores.append(score_tiles(masks, tiles * protocol.test_repeats, panel.name, seed=seed, **known))
    write_text_atomic(folder / "scores.csv", patches_csv(scores))
    return {}


def score_tiles(
    masks: Sequence[NDArray[np.bool_]] | NDArray[np.bool_],
    tiles: Sequence[Sample],
    name: str,
    *,
    subset: str,
    contender: str,
    seed: int,
) -> PatchScore:
    """Compare masks of the patches of a panel with the truth.

    Parameters
    ----------
    masks : sequence of ndarray of shape (H, W), bool
        One per tile.
    tiles : sequence of Sample
        Patches; one may appear several times.
    name : str
        Of the panel that they were cut from.
    subset : str
        Its test set.
    contender, seed
        As in `PatchScore`.

    Returns
    -------
    PatchScore
        Lines are thinned patch by patch.
    """
    pairs = [(mask, tile.target > 0, tile.valid) for mask, tile in zip(masks, tiles, strict=True)]
    return PatchScore(
        contender,
        seed,
        subset,
        name,
        total([binary_counts(*pair) for pair in pairs]),
        total([pseudo_counts(*pair) for pair in pairs]),
    )


def _opened(store: PanelStore, what: str, monitor: Listener) -> Iterator[Panel]:
    """Open panels one at a time, so that memory stays small."""
    with monitor.progress(what) as report:
        for done, entry in enumerate(store.entries, start=1):
            yield store.open([entry.name])[0]
            report(done, len(store.entries))


def _images(tiles: Sequence[Sample]) -> NDArray[np.float32]:
    return np.stack([tile.image for tile in tiles]).astype(np.float32)
