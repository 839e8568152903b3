"""Engraved lines on a metal surface: from its height to numbered grooves with centre-lines and widths.

The recipe, in order: a working frame at the model's pixel size, the slow shape of the surface taken away, tiles, the
U-Net, blending, back to the original grid, threshold, grooves and their centre-lines. The network and its refinement by
strokes (`graven.refine`) are those made for Etruscan mirrors [1]_; the choices that the paper leaves open are named in
``docs/methods/engraving.md``.

References
----------
.. [1] Fusing Forces: Deep-Human-Guided Refinement of Segmentation Masks, ICPR 2024.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graven.errors import MismatchError
from graven.methods.marks import trace_marks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from graven.methods.prediction import Tracer
    from graven.methods.tracing import TracePlan, TraceRecord

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
    """Predict the grooves of a height map, and trace them with their centre-lines.

    Parameters
    ----------
    planned, segmenter, gate, work, resume, progress
        As for `graven.methods.petroglyph.trace`; there is no gate for this method.

    Returns
    -------
    TraceRecord
        One trace per connected groove: its area, and its centre-lines with length and width. Resumed or not, the same.

    Raises
    ------
    Interrupted
        When stopped; finished rows are kept.
    DataError
        If no pixel is valid or the network answers nonsense.
    MismatchError
        If the model is for another method.
    """
    if segmenter.spec.method != "engraving":
        raise MismatchError(f"{segmenter.spec.name!r} is a model for {segmenter.spec.method}, not for engravings")
    return trace_marks(planned, segmenter, gate, work, with_centerlines=True, resume=resume, progress=progress)
