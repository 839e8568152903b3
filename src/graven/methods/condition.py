"""Craquelure and paint loss on a painted surface: from pixels to measured cracks and losses.

The recipe, in order: a working frame at the model's pixel size, tiles, a network that answers for every class,
blending, back to the original grid, the most probable class, cracks and losses. Network and losses follow the Res-UNet
that was made for the polychrome paintings of the Palace Museum in Beijing; the measures are what its authors announce
as future work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import MismatchError
from graven.measure.components import bands
from graven.measure.objects import find_objects
from graven.methods.damage import measure_damage
from graven.methods.prediction import BAND_ROWS, on_input_grid, predict
from graven.methods.provenance import provenance
from graven.methods.tracing import TracePlan, TraceRecord, panel
from graven.predict.classes import class_map
from graven.prepare.bands import grey_reader
from graven.types import NODATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.measure.components import Components
    from graven.measure.objects import Evidence
    from graven.methods.damage import Damage
    from graven.methods.prediction import Tracer
    from graven.types import ClassTable, Raster, Window

__all__ = ["ConditionRecord", "trace"]

CRAQUELURE, LOSS = "craquelure", "paint_loss"


@dataclass(frozen=True, slots=True)
class ConditionRecord(TraceRecord):
    """The result, with what is measured beyond single objects.

    Attributes
    ----------
    damage : Damage
        Nodes, networks, islands, sizes and the rose of directions; its traces and totals are those of the record.
    """

    damage: Damage


def trace(
    planned: TracePlan,
    segmenter: Tracer,
    gate: Tracer | None,
    work: Path,
    *,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ConditionRecord:
    """Predict a painting, bring the answer back to its grid, and measure cracks and losses.

    Parameters
    ----------
    planned, segmenter, gate, work, resume, progress
        As for `graven.methods.petroglyph.trace`.

    Returns
    -------
    ConditionRecord
        One trace per crack, a line, and one per loss, an area. Resumed or not, the same.

    Raises
    ------
    Interrupted
        When stopped; finished rows are kept.
    DataError
        If no pixel is valid or the network answers nonsense.
    MismatchError
        If the model is for another method, or has other classes.

    Notes
    -----
    Prediction takes the memory of a band; measuring holds six bytes per pixel of the photograph.
    """
    classes = segmenter.spec.classes
    if segmenter.spec.method != "condition" or [entry.name for entry in classes.classes] != [CRAQUELURE, LOSS]:
        named = ", ".join(entry.name for entry in classes.classes)
        raise MismatchError(
            f"{segmenter.spec.name!r} is a model for {segmenter.spec.method} with the classes {named}; "
            f"this method needs one for condition with {CRAQUELURE} and {LOSS}"
        )
    raster = planned.raster
    found = panel(planned, segmenter, gate, work, resume=resume)
    probs, summary, screening = predict(found, segmenter, gate, progress=progress)
    prob = on_input_grid(found, probs)
    objects = _objects(prob, raster, planned, classes)
    (cracks, _), (losses, evidence) = objects
    damage = measure_damage(
        cracks,
        losses,
        evidence=evidence,
        valid=_whole(raster.read_valid, raster, bool),
        image=_whole(grey_reader(raster), raster, np.uint8),
        prob=_whole(lambda window: prob.read(window)[0], raster, np.uint8),
        threshold=planned.threshold,
        pixel_size=raster.pixel_size,
        source=raster.source_sha256 or raster.name,
    )
    runs = [(entry.id, components.runs) for entry, (components, _) in zip(classes.classes, objects, strict=True)]

    def read_mask(window: Window) -> NDArray[np.uint8]:
        labels = np.zeros((window.height, window.width), np.uint8)
        for class_id, own in runs:
            painted = own.paint(window.row, window.row_end)[:, window.col : window.col_end]
            labels[painted.astype(bool)] = class_id
        return np.where(raster.read_valid(window), labels, np.uint8(NODATA))

    return ConditionRecord(
        plan=planned,
        prob=prob,
        read_mask=read_mask,
        traces=damage.traces,
        totals=damage.totals,
        summary=summary,
        provenance=provenance(planned, segmenter, gate),
        valid_sha256=found.valid_sha256,
        activation=None if screening is None else screening.on_input(planned.frame, raster),
        damage=damage,
    )


def _objects(
    prob: Raster, raster: Raster, planned: TracePlan, classes: ClassTable
) -> list[tuple[Components, Evidence | None]]:
    """Find the objects of each class that are large enough."""
    labels = _whole(lambda window: class_map(prob.read(window), threshold=planned.threshold), raster, np.uint8)

    def reader(band: int) -> Callable[[Window], NDArray[np.uint8]]:
        return lambda window: prob.read(window)[band]

    return [
        find_objects(
            lambda window: labels[window.slices()],
            reader(band),
            height=raster.height,
            width=raster.width,
            class_id=band + 1,
            threshold=planned.threshold,
            min_area_px=planned.min_area_px,
        )
        for band in range(len(classes))
    ]


def _whole(read: Callable[[Window], NDArray[Any]], raster: Raster, dtype: type) -> NDArray[Any]:
    """Read a layer of the input grid band by band into one array."""
    out: NDArray[Any] = np.empty((raster.height, raster.width), dtype)
    for window in bands(raster.height, raster.width, BAND_ROWS):
        out[window.slices()] = read(window)
    return out
