"""Worked areas of one class, from predicted pixels to numbered, measured objects: what two methods share."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from graven.measure.figures import trace_objects
from graven.measure.objects import cut_objects
from graven.measure.totals import panel_totals
from graven.methods.prediction import on_input_grid, predict
from graven.methods.provenance import provenance
from graven.methods.tracing import TracePlan, TraceRecord, panel
from graven.refine.constraints import constrain
from graven.refine.hints import ADD
from graven.types import NODATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.io.rowstore import RowStore
    from graven.methods.prediction import Panel, Tracer
    from graven.predict.stream import PredictSummary
    from graven.types import Provenance, Raster, Window

__all__ = ["marks_record", "trace_marks"]


def trace_marks(
    planned: TracePlan,
    segmenter: Tracer,
    gate: Tracer | None,
    work: Path,
    *,
    with_centerlines: bool = False,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> TraceRecord:
    """Predict the panel, bring the answer back to its grid, cut it, and trace and measure the objects.

    Parameters
    ----------
    planned, segmenter, gate, work, resume, progress
        As for `graven.methods.petroglyph.trace`.
    with_centerlines : bool
        Whether the objects are drawn with a tool: then their centre-lines are traced and measured as well.

    Returns
    -------
    TraceRecord
        Resumed or not, the same bytes.

    Raises
    ------
    Interrupted
        When stopped; finished rows are kept.
    DataError
        If no pixel is valid or the network answers nonsense.
    """
    found = panel(planned, segmenter, gate, work, resume=resume)
    probs, summary, screening = predict(found, segmenter, gate, progress=progress)
    return marks_record(
        planned,
        found,
        probs,
        summary,
        steps=provenance(planned, segmenter, gate),
        class_id=segmenter.spec.classes.classes[0].id,
        with_centerlines=with_centerlines,
        activation=None if screening is None else screening.on_input(planned.frame, planned.raster),
    )


def marks_record(
    planned: TracePlan,
    found: Panel,
    probs: RowStore,
    summary: PredictSummary,
    *,
    steps: Provenance,
    class_id: int,
    with_centerlines: bool,
    activation: NDArray[np.float32] | None = None,
    decided: Callable[[Window], NDArray[np.int8]] | None = None,
) -> TraceRecord:
    """Cut a predicted panel into objects, and trace and measure them.

    Parameters
    ----------
    planned : TracePlan
        What was decided.
    found : Panel
        What was predicted.
    probs : RowStore
        Complete, (1, H, W) over the working frame.
    summary : PredictSummary
        What became of the tiles.
    steps : Provenance
        From the file to the probabilities.
    class_id : int
        The class.
    with_centerlines : bool
        As in `trace_marks`.
    activation : ndarray of shape (h, w), float32, optional
        What a gate saw.
    decided : callable, optional
        ``decided(window) -> (h, w)`` on the grid of the input, 1 engraved, -1 not, 0 open. What a person decided holds
        on known pixels, whatever was predicted and resampled, and no object with a pixel of it is too small to stay.

    Returns
    -------
    TraceRecord
        On the grid of the input.
    """
    raster = planned.raster
    prob = on_input_grid(found, probs)
    read_kept = None
    if decided is not None:
        prob = _constrained(prob, raster, decided)
        read_kept = partial(_said_to_be_there, raster, decided)
    objects, evidence = cut_objects(
        lambda window: prob.read(window)[0],
        height=raster.height,
        width=raster.width,
        threshold=planned.threshold,
        min_area_px=planned.min_area_px,
        read_kept=read_kept,
    )
    runs = objects.runs

    def read_mask(window: Window) -> NDArray[np.uint8]:
        painted = runs.paint(window.row, window.row_end)[:, window.col : window.col_end]
        return np.where(raster.read_valid(window), painted, np.uint8(NODATA))

    traces = trace_objects(
        objects,
        evidence,
        class_id=class_id,
        source=raster.source_sha256 or raster.name,
        pixel_size=raster.pixel_size,
        with_centerlines=with_centerlines,
    )
    totals = panel_totals(traces, valid_px=found.n_valid_px, pixel_size=raster.pixel_size)
    return TraceRecord(
        plan=planned,
        prob=prob,
        read_mask=read_mask,
        traces=tuple(traces),
        totals={class_id: totals},
        summary=summary,
        provenance=steps,
        valid_sha256=found.valid_sha256,
        activation=activation,
    )


def _said_to_be_there(
    raster: Raster, decided: Callable[[Window], NDArray[np.int8]], window: Window
) -> NDArray[np.bool_]:
    said: NDArray[np.bool_] = (decided(window) == ADD) & raster.read_valid(window)
    return said


def _constrained(prob: Raster, raster: Raster, decided: Callable[[Window], NDArray[np.int8]]) -> Raster:
    """See a probability with decisions written in."""
    read = prob.read_pixels

    def read_pixels(window: Window) -> NDArray[np.uint8]:
        hints = np.where(raster.read_valid(window), decided(window), np.int8(0))
        return constrain(read(window)[0], hints)[None]

    return replace(prob, read_pixels=read_pixels)
