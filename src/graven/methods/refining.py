"""A first tracing made better by a person's strokes: the networks and the frame behind a `RefineSession`.

The refining network sees the prepared panel, the logits of the first network as they are, and the strokes. Both
networks run in float32 here, and only where they are asked: a session on a large panel costs what is touched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import MismatchError
from graven.kernels.stitching import squared_distance_weights
from graven.measure.components import bands
from graven.methods.marks import marks_record
from graven.methods.prediction import BAND_ROWS, WORKING
from graven.methods.provenance import provenance
from graven.methods.tracing import panel
from graven.predict.stream import PredictSummary
from graven.prepare.blocks import shared_blocks
from graven.refine.drawing import hint_map
from graven.refine.local import Refiner, tiles_over
from graven.refine.session import RefineSession
from graven.refine.tally import LOWEST_WEIGHT
from graven.types import Step
from graven.types.affine import invert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.methods.prediction import Tracer
    from graven.methods.tracing import TracePlan, TraceRecord
    from graven.refine.events import Event
    from graven.refine.local import Tile
    from graven.types import Provenance, Raster, Stroke, Window
    from graven.types.raster import Affine6

__all__ = ["Desk", "logits_from_probs", "open_desk", "refined_record"]

SMALLEST = 1e-7
"""Probabilities are held this far from 0 and 1, so that logits stay within 16."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that a person needs to correct the tracing of one panel.

    Attributes
    ----------
    planned : TracePlan
        What was decided; strokes are drawn on its working frame.
    segmenter : Tracer
        The first network.
    refiner : Tracer or None
        The network that answers to strokes; without one they are hard constraints and no more.
    inputs : Raster
        What the refiner sees besides the strokes: the prepared panel and, last, the first network's logits.
    listener : Refiner or None
        The refiner as a session takes it.
    """

    planned: TracePlan
    segmenter: Tracer
    refiner: Tracer | None
    inputs: Raster
    listener: Refiner | None

    def session(self, *, author: str = "", record: Callable[[Event], None] | None = None) -> RefineSession:
        """Begin with the first network's answer and nothing decided.

        Parameters
        ----------
        author : str
            Who works.
        record : callable, optional
            Told every event before it takes effect.

        Returns
        -------
        RefineSession
            On the working frame.
        """
        return RefineSession(
            self.inputs,
            self.listener,
            author=author,
            class_id=self.segmenter.spec.classes.classes[0].id,
            threshold=self.planned.threshold,
            record=record,
        )

    def on_frame(self, stroke: Stroke) -> Stroke:
        """Bring a stroke from the pixels of the input to those of the working frame.

        Parameters
        ----------
        stroke : Stroke
            Drawn on the input.

        Returns
        -------
        Stroke
            The same line.
        """
        return _moved(stroke, invert(self.planned.frame.matrix))

    def on_input(self, stroke: Stroke) -> Stroke:
        """Bring a stroke from the working frame back to the pixels of the input; undoes `on_frame`."""
        return _moved(stroke, self.planned.frame.matrix)


def _moved(stroke: Stroke, matrix: Affine6) -> Stroke:
    a, b, c, d, e, f = matrix
    x, y = stroke.points.T
    points = np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)
    return replace(stroke, points=points, width_px=stroke.width_px * abs(a * e - b * d) ** 0.5)


def open_desk(planned: TracePlan, segmenter: Tracer, refiner: Tracer | None) -> Desk:
    """Lay out a panel for correction.

    Parameters
    ----------
    planned : TracePlan
        From `graven.methods.tracing.plan`.
    segmenter : Tracer
        A model with one class, in float32.
    refiner : Tracer or None
        Its companion that refines, in float32.

    Returns
    -------
    Desk
        Nothing is predicted yet.

    Raises
    ------
    MismatchError
        If the segmenter has several classes, or the refiner was made for another preparation, scale or tile.
    """
    spec = segmenter.spec
    if len(spec.classes) != 1:
        raise MismatchError(f"strokes correct a model with one class, and {spec.name!r} has {len(spec.classes)}")
    inputs = _with_logits(planned, segmenter)
    if refiner is None:
        return Desk(planned, segmenter, None, inputs, None)
    other = refiner.spec
    made_for = (spec.method, spec.prepare, spec.pixel_size_mm, spec.tile_px, len(spec.bands) + 2)
    if other.role != "refine" or made_for != (
        other.method,
        other.prepare,
        other.pixel_size_mm,
        other.tile_px,
        len(other.bands),
    ):
        raise MismatchError(
            f"the model {other.name!r} ({other.role} for {other.method}, {len(other.bands)} bands, tiles of "
            f"{other.tile_px} px of {other.pixel_size_mm} mm) does not refine what {spec.name!r} answers "
            f"({spec.method}, {len(spec.bands)} bands, tiles of {spec.tile_px} px of {spec.pixel_size_mm} mm); "
            "give its companion"
        )

    def predict(patch: NDArray[np.float32]) -> NDArray[np.float32]:
        return logits_from_probs(refiner.engine(patch[None])[0, 0])

    listener = Refiner(
        predict,
        planned.grid,
        squared_distance_weights(planned.grid.tile_px, lowest=LOWEST_WEIGHT),
        name=other.name,
        version=other.version,
        sha256=other.sha256,
    )
    return Desk(planned, segmenter, refiner, inputs, listener)


def logits_from_probs(probs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo the sigmoid.

    Parameters
    ----------
    probs : ndarray, float32, 0 to 1
        What an engine answered.

    Returns
    -------
    ndarray of that shape, float32
        Logits between -16.2 and 16.2.

    Examples
    --------
    >>> [round(float(logit), 1) for logit in logits_from_probs(np.float32([0.5, 0.0, 1.0]))]
    [0.0, -16.1, 16.1]
    """
    held = np.clip(probs.astype(np.float64), SMALLEST, 1 - SMALLEST)
    return np.log(held / (1 - held)).astype(np.float32)


def _with_logits(planned: TracePlan, segmenter: Tracer) -> Raster:
    """See the prepared panel with the first network's logits as a further band, computed where it is read."""
    grid, prepared = planned.grid, planned.prepared
    weights = squared_distance_weights(grid.tile_px, lowest=LOWEST_WEIGHT)

    @lru_cache(maxsize=2 * (grid.n_cols + 2))
    def answer(tile: Tile) -> NDArray[np.float32]:
        pixels = np.asarray(prepared.read(grid.window(*tile)), np.float32)
        return logits_from_probs(segmenter.engine(pixels[None])[0, 0])

    def read_pixels(window: Window) -> NDArray[np.float32]:
        sums, whole = (np.zeros((window.height, window.width)) for _ in range(2))
        for tile in tiles_over(grid, window):
            frame = grid.window(*tile)
            part = frame.intersection(window)
            here, there = part.relative_to(window).slices(), part.relative_to(frame).slices()
            sums[here] += weights[there] * answer(tile)[there]
            whole[here] += weights[there]
        logits = (sums / whole).astype(np.float32)
        return np.concatenate([np.rint(prepared.read_pixels(window)).astype(np.float32), logits[None]])

    both = replace(
        prepared,
        n_bands=prepared.n_bands + 1,
        dtype=np.dtype(np.float32),
        read_pixels=read_pixels,
        overviews={},
    )
    return shared_blocks(both, block_px=grid.stride_px, max_blocks=2 * (grid.n_cols + 2))


def refined_record(
    desk: Desk, session: RefineSession, work: Path, *, progress: Callable[[int, int], None] | None = None
) -> TraceRecord:
    """Trace what stands with all proposals of the network, and everything that the person decided.

    Parameters
    ----------
    desk : Desk
        From `open_desk`.
    session : RefineSession
        Of this desk.
    work : Path
        Existing empty folder for the rows.
    progress : callable, optional
        ``progress(rows_done, n_rows)``.

    Returns
    -------
    TraceRecord
        On the grid of the input, like that of `graven.methods.engraving.trace`.
    """
    planned, tracer = desk.planned, desk.segmenter
    found = panel(planned, tracer, desk.refiner, work)
    height = planned.grid.height
    with found.store(WORKING, range(height), resume=False) as rows:
        for window in bands(height, planned.grid.width, BAND_ROWS):
            rows.write_rows(window.row, _as_bytes(session.probability(window))[None], state="")
            if progress is not None:
                progress(window.row_end, height)
    n_tiles = len(planned.grid)
    return marks_record(
        planned,
        found,
        rows,
        PredictSummary(n_tiles, n_tiles, 0, 0, 0, ()),
        steps=_steps(desk, session),
        class_id=tracer.spec.classes.classes[0].id,
        with_centerlines=tracer.spec.method == "engraving",
        drawn=partial(hint_map, tuple(map(desk.on_input, session.strokes))),
    )


def _as_bytes(prob: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(prob * 255).astype(np.uint8)


def _steps(desk: Desk, session: RefineSession) -> Provenance:
    """Tell of the strokes between prediction and measuring."""
    strokes: Iterable[Stroke] = session.strokes
    signs = [stroke.polarity for stroke in strokes]
    settings = {"added": signs.count("add"), "erased": signs.count("erase"), "decided": session.digest}
    model = None if desk.refiner is None else desk.refiner.spec
    text = "Drew strokes and decided on pixels."
    if model is not None:
        settings |= {"model": model.name, "version": model.version}
        text = "Drew strokes and decided on pixels; a network proposed what follows from them."
    chain = provenance(desk.planned, desk.segmenter, None)
    step = Step("refine", text, settings, None if model is None else model.sha256)
    return replace(chain, steps=(*chain.steps[:-1], step, chain.steps[-1]))
