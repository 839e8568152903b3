"""Pecked figures on a rock panel: from pixels to numbered, measured figures.

The recipe, in order: a working frame (upright, at the model's pixel size), reversal and CLAHE, tiles, a gate that drops
tiles without pecking, the U-Net, blending, back to the original grid, threshold, figures. The network and its loss are
those of the paper [1]_; the choices that it leaves open are named in ``docs/methods/petroglyph.md``.

References
----------
.. [1] Bai, Liu, Zhou, Wang, Zhou, BEGL: boundary enhancement with Gaussian Loss for rock-art image segmentation,
   Heritage Science 11:17, 2023, doi:10.1186/s40494-022-00857-5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import MismatchError
from graven.measure.figures import trace_objects
from graven.measure.objects import cut_objects
from graven.measure.totals import panel_totals
from graven.methods.prediction import on_input_grid, predict
from graven.methods.provenance import provenance
from graven.methods.tracing import TracePlan, TraceRecord, panel
from graven.types import NODATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.methods.prediction import Tracer
    from graven.types import Window

__all__ = ["trace"]


def trace(
    planned: TracePlan,
    segmenter: Tracer,
    gate: Tracer | None,
    work: Path,
    *,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> TraceRecord:
    """Predict the panel, bring the answer back to its grid, and trace the figures.

    Parameters
    ----------
    planned : TracePlan
        From `plan`.
    segmenter : Tracer
        The U-Net.
    gate : Tracer or None
        The gate; None predicts every tile.
    work : Path
        Existing folder for finished rows; what lies there makes an interrupted run resumable.
    resume : bool
        Continue what lies in `work`.
    progress : callable, optional
        ``progress(tiles_done, n_tiles)``.

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
    MismatchError
        If the model is for another method.
    """
    if segmenter.spec.method != "petroglyph":
        raise MismatchError(f"{segmenter.spec.name!r} is a model for {segmenter.spec.method}, not for petroglyphs")
    raster = planned.raster
    found = panel(planned, segmenter, gate, work, resume=resume)
    probs, summary, screening = predict(found, segmenter, gate, progress=progress)
    prob = on_input_grid(found, probs)
    objects, evidence = cut_objects(
        lambda window: prob.read(window)[0],
        height=raster.height,
        width=raster.width,
        threshold=planned.threshold,
        min_area_px=planned.min_area_px,
    )
    runs = objects.runs

    def read_mask(window: Window) -> NDArray[np.uint8]:
        painted = runs.paint(window.row, window.row_end)[:, window.col : window.col_end]
        return np.where(raster.read_valid(window), painted, np.uint8(NODATA))

    class_id = segmenter.spec.classes.classes[0].id
    traces = trace_objects(
        objects,
        evidence,
        class_id=class_id,
        source=raster.source_sha256 or raster.name,
        pixel_size=raster.pixel_size,
    )
    totals = panel_totals(traces, valid_px=found.n_valid_px, pixel_size=raster.pixel_size)
    return TraceRecord(
        plan=planned,
        prob=prob,
        read_mask=read_mask,
        traces=tuple(traces),
        totals={class_id: totals},
        summary=summary,
        provenance=provenance(planned, segmenter, gate),
        valid_sha256=found.valid_sha256,
        activation=None if screening is None else screening.on_input(planned.frame, raster),
    )
