"""Craquelure and paint loss on a painted surface: from pixels to measured cracks and losses.

The recipe, in order: a working frame at the model's pixel size, tiles, a network that answers for every class,
blending, back to the original grid, the most probable class, cracks and losses. Network and losses follow the Res-UNet
that was made for the polychrome paintings of the Palace Museum in Beijing; the measures are what its authors announce
as future work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import MismatchError
from graven.measure.components import bands
from graven.measure.crack_measures import measure_cracks
from graven.measure.crack_style import craquelure_style
from graven.measure.islands import find_islands, island_totals
from graven.measure.loss_areas import measure_losses, size_table
from graven.measure.objects import find_objects
from graven.methods.prediction import BAND_ROWS, on_input_grid, predict
from graven.methods.tracing import TracePlan, TraceRecord, panel, provenance
from graven.predict.classes import class_map
from graven.prepare.bands import grey_reader
from graven.types import NODATA, Measure, Trace, trace_uid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.measure.components import Components
    from graven.measure.crack_measures import CrackSurvey
    from graven.measure.crack_style import CraquelureStyle
    from graven.measure.islands import Island
    from graven.measure.loss_areas import LossArea, SizeBin
    from graven.measure.objects import Evidence
    from graven.methods.prediction import Tracer
    from graven.types import ClassTable, Raster, Window

__all__ = ["ConditionRecord", "trace"]

CRAQUELURE, LOSS = "craquelure", "paint_loss"


@dataclass(frozen=True, slots=True)
class ConditionRecord(TraceRecord):
    """The result, with what is measured beyond single objects.

    Attributes
    ----------
    survey : CrackSurvey
        Cracks, networks, nodes and the rose of directions.
    islands : tuple of Island
        Regions between cracks.
    style : CraquelureStyle
        What the pattern of cracks is like.
    sizes : tuple of SizeBin
        Losses by size.
    """

    survey: CrackSurvey
    islands: tuple[Island, ...]
    style: CraquelureStyle
    sizes: tuple[SizeBin, ...]


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
    size: dict[str, Any] = {"pixel_size": raster.pixel_size}
    valid = _whole(raster.read_valid, raster, bool)
    masks = [_painted(components) for components, _ in objects]
    crack_prob = _whole(lambda window: prob.read(window)[0], raster, np.uint8)
    survey = measure_cracks(
        masks[0],
        image=_whole(grey_reader(raster), raster, np.uint8),
        prob=crack_prob,
        other=masks[1],
        valid=valid,
        threshold=planned.threshold,
        **size,
    )
    islands = find_islands(masks[0], other=masks[1], valid=valid, **size)
    losses = measure_losses(objects[1][0], evidence=objects[1][1], valid=valid, **size)
    island_measures = island_totals(islands, valid_px=found.n_valid_px, **size)
    sizes = tuple(size_table(losses, **size))
    runs = [(entry.id, components.runs) for entry, (components, _) in zip(classes.classes, objects, strict=True)]

    def read_mask(window: Window) -> NDArray[np.uint8]:
        labels = np.zeros((window.height, window.width), np.uint8)
        for class_id, own in runs:
            painted = own.paint(window.row, window.row_end)[:, window.col : window.col_end]
            labels[painted.astype(bool)] = class_id
        return np.where(raster.read_valid(window), labels, np.uint8(NODATA))

    source = raster.source_sha256 or raster.name
    crack_id, loss_id = (entry.id for entry in classes.classes)
    return ConditionRecord(
        plan=planned,
        prob=prob,
        read_mask=read_mask,
        traces=(
            *_crack_traces(survey, crack_id, source, crack_prob),
            *_loss_traces(losses, objects[1][1], loss_id, source),
        ),
        totals={
            crack_id: survey.measures | island_measures,
            loss_id: _loss_totals(sizes, losses),
        },
        summary=summary,
        provenance=provenance(planned, segmenter, gate),
        valid_sha256=found.valid_sha256,
        activation=None if screening is None else screening.on_input(planned.frame, raster),
        survey=survey,
        islands=tuple(islands),
        style=craquelure_style(survey, island_measures),
        sizes=sizes,
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


def _painted(components: Components) -> NDArray[np.bool_]:
    return components.runs.paint(0, components.runs.height).astype(bool)


def _whole(read: Callable[[Window], NDArray[Any]], raster: Raster, dtype: type) -> NDArray[Any]:
    """Read a layer of the input grid band by band into one array."""
    out: NDArray[Any] = np.empty((raster.height, raster.width), dtype)
    for window in bands(raster.height, raster.width, BAND_ROWS):
        out[window.slices()] = read(window)
    return out


def _crack_traces(survey: CrackSurvey, class_id: int, source: str, prob: NDArray[np.uint8]) -> list[Trace]:
    """Make a line of every crack; its confidence is the mean probability along it."""
    height, width = prob.shape
    traces = []
    for crack in survey.cracks:
        cols, rows = np.floor(crack.points).astype(np.intp).T
        confidence = float(prob[rows.clip(0, height - 1), cols.clip(0, width - 1)].mean()) / 255
        uid = trace_uid(source, class_id, [crack.points])
        measures = {**crack.measures, "network": Measure(float(crack.network), "")}
        traces.append(Trace(uid, crack.number, class_id, (), (crack.points,), confidence, measures))
    return traces


def _loss_traces(losses: list[LossArea], evidence: Evidence | None, class_id: int, source: str) -> list[Trace]:
    traces = []
    for index, loss in enumerate(losses):
        uid = trace_uid(source, class_id, [ring for part in loss.polygons for ring in part])
        confidence = math.nan if evidence is None else float(evidence.mean[index])
        traces.append(Trace(uid, loss.number, class_id, loss.polygons, (), confidence, loss.measures))
    return traces


def _loss_totals(sizes: tuple[SizeBin, ...], losses: list[LossArea]) -> dict[str, Measure]:
    """Add up all losses; errors are added, for they have one cause."""
    area, share = ([getattr(row, name) for row in sizes] for name in ("area", "share"))

    def added(parts: list[Measure]) -> Measure:
        return Measure(sum(part.value for part in parts), parts[0].unit, sum(part.sigma or 0.0 for part in parts))

    return {"n_traces": Measure(float(len(losses)), ""), "area": added(area), "loss_share": added(share)}
