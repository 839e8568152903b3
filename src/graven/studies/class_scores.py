"""How well a bundle tells classes apart, through the tiles, the engine and the blending that users get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.metrics import MatchCounts, cldice_counts, confusion_matrix, multiclass_scores, tolerance_counts
from graven.predict.classes import class_map
from graven.predict.stream import MemoryRows, predict_raster
from graven.types import TileGrid, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.types import ClassTable, Engine, ModelSpec

__all__ = ["TOLERANCE_PX", "ClassCounts", "add_counts", "count_classes", "predict_labels", "scores_of"]

TOLERANCE_PX = 2.0
"""Distance within which a crack counts as found."""


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """What one image, or many, have to say.

    Attributes
    ----------
    matrix : ndarray of shape (K + 1, K + 1), int64
        Pixels by true class (row) and predicted class (column); 0 is the background.
    near, centres : dict of str to MatchCounts
        For classes that are lines: pixels with one of the other side within `TOLERANCE_PX`, and pixels of the
        centre-lines inside the other side.
    """

    matrix: NDArray[np.int64]
    near: dict[str, MatchCounts]
    centres: dict[str, MatchCounts]


def predict_labels(spec: ModelSpec, engine: Engine, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Predict the classes of a whole image.

    Parameters
    ----------
    spec : ModelSpec
        Tiles, threshold and classes.
    engine : Engine
        Runs its network.
    image : ndarray of shape (C, H, W), uint8
        Prepared as the model asks.

    Returns
    -------
    ndarray of shape (H, W), uint8
        0 is the background, then the classes in the order of `spec`.
    """
    raster = raster_from_array(image)
    grid = TileGrid(raster.height, raster.width, tile_px=spec.tile_px, overlap_px=spec.overlap_px)
    sink = MemoryRows()
    predict_raster(raster, grid, engine, n_classes=len(spec.classes), sink=sink, blending=spec.blending)
    return class_map(sink.probs, threshold=spec.threshold)


def count_classes(
    preds: NDArray[np.uint8], target: NDArray[np.uint8], valid: NDArray[np.bool_] | None, *, classes: ClassTable
) -> ClassCounts:
    """Compare the classes of an image with truth.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), uint8, 0 to K
        Number of the class of every pixel, in the order of `classes` from 1.
    valid : ndarray of shape (H, W), bool, or None
        Where truth is known.
    classes : ClassTable
        Names and kinds.

    Returns
    -------
    ClassCounts
        To be added with `add_counts`.
    """
    lines = [(number, entry.name) for number, entry in enumerate(classes.classes, start=1) if entry.kind == "line"]
    return ClassCounts(
        confusion_matrix(preds, target, valid, n_classes=len(classes) + 1),
        {
            name: tolerance_counts(preds == number, target == number, valid, tolerance_px=TOLERANCE_PX)
            for number, name in lines
        },
        {name: cldice_counts(preds == number, target == number, valid) for number, name in lines},
    )


def add_counts(counts: Sequence[ClassCounts]) -> ClassCounts:
    """Add the counts of several images, at least one."""
    first = counts[0]
    return ClassCounts(
        np.sum([entry.matrix for entry in counts], axis=0),
        {name: sum((entry.near[name] for entry in counts[1:]), first.near[name]) for name in first.near},
        {name: sum((entry.centres[name] for entry in counts[1:]), first.centres[name]) for name in first.centres},
    )


def scores_of(counts: ClassCounts, classes: ClassTable) -> dict[str, float]:
    """Give the scores of counts.

    Parameters
    ----------
    counts : ClassCounts
        Of one image or the sum of several.
    classes : ClassTable
        Names of the classes.

    Returns
    -------
    dict of str to float, 0 to 1
        ``miou``, ``iou_background`` and ``iou_<class>``, and of lines ``f1_2px_<class>`` and ``cldice_<class>``. A
        class that is in neither truth nor prediction has nan.
    """
    found = multiclass_scores(counts.matrix)
    names = ("background", *(entry.name for entry in classes.classes))
    return {
        "miou": found.miou,
        **{f"iou_{name}": value for name, value in zip(names, found.iou, strict=True)},
        **{f"f1_{TOLERANCE_PX:g}px_{name}": entry.f1 for name, entry in counts.near.items()},
        **{f"cldice_{name}": entry.f1 for name, entry in counts.centres.items()},
    }
