"""What contrast and a global threshold find of the lines in the refinement study, without learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.metrics import binary_counts, iou
from graven.metrics.pseudo import pseudo_counts
from graven.studies.baselines import blackhat_otsu
from graven.studies.refinement_judge import score_tiles
from graven.studies.refinement_objects import open_whole
from graven.train.dataset import validation_tiles
from graven.train.panels import Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.studies.refinement_data import RefinementData
    from graven.studies.refinement_scores import PatchScore

__all__ = ["BASELINES", "baselines_on_objects", "baselines_on_patches"]


def _blackhat(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return blackhat_otsu(np.repeat(image, 3, axis=0))


def _otsu(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (
        cv2.threshold(np.ascontiguousarray(image[0]), 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)[1] > 0
    )
    return found


BASELINES: dict[str, tuple[str, Callable[[NDArray[np.uint8]], NDArray[np.bool_]]]] = {
    "blackhat-otsu": ("Black-hat + Otsu (no learning)", _blackhat),
    "otsu": ("Otsu (no learning)", _otsu),
}
"""Label and function; both see the prepared panel, in which lines are dark."""


def baselines_on_patches(data: RefinementData, *, patch_px: int) -> list[PatchScore]:
    """Mark dark lines without learning, on the same patches.

    Parameters
    ----------
    data : RefinementData
        Panels.
    patch_px : int, pixels
        Side of the patches.

    Returns
    -------
    list of PatchScore
        Of all `BASELINES`, with seed 0.
    """
    scores = []
    for entry in data.test.entries:
        panel = data.test.open([entry.name])[0]
        tiles = validation_tiles([panel], tile_px=patch_px)
        for key, (_, mark) in BASELINES.items():
            marked = mark(np.asarray(panel.image))[None].astype(np.uint8)
            cut = validation_tiles(
                [Panel(panel.name, panel.group, marked, panel.target, panel.valid)], tile_px=patch_px
            )
            masks = [tile.image[0] > 0 for tile in cut]
            known = {"subset": data.sets[panel.name], "contender": key}
            scores.append(score_tiles(masks, tiles, panel.name, seed=0, **known))
    return scores


def baselines_on_objects(data: RefinementData) -> dict[str, dict[str, tuple[float, float]]]:
    """Mark dark lines on whole objects without learning.

    Parameters
    ----------
    data : RefinementData
        Objects.

    Returns
    -------
    dict of str to dict of str to (float, float)
        IoU and pFM by object, for all `BASELINES`.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {key: {} for key in BASELINES}
    for entry in data.objects.entries:
        whole = open_whole(data, entry.name, patch_px=1)
        for key, (_, mark) in BASELINES.items():
            mask = mark(whole.image)
            pixels = binary_counts(mask, whole.target, whole.known)
            found[key][entry.name] = (iou(pixels), pseudo_counts(mask, whole.target, whole.known).f1)
    return found
