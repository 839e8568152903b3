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
    return trace_marks(planned, segmenter, gate, work, resume=resume, progress=progress)
