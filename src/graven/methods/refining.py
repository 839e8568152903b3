"""A first tracing made better by a person's strokes: the networks and the frame behind a `RefineSession`.

The refining network sees of each tile what it saw in its training: the prepared pixels, the logits of the first network
for this tile alone, and the strokes. What stands is blended from overlapping tiles as in `graven.segment`, and the
answer is kept as a change of that. Both networks run in float32 here, and only where they are asked: a session on a
large panel costs what is touched.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import MismatchError
from graven.measure.components import bands
from graven.methods.first_answer import logits_from_probs, tile_answers, with_logits
from graven.methods.marks import marks_record
from graven.methods.prediction import BAND_ROWS, WORKING
from graven.methods.provenance import provenance
from graven.methods.tracing import panel
from graven.predict.stream import PredictSummary
from graven.predict.weights import WEIGHTS
from graven.prepare.views import affine_view
from graven.refine.drawing import hint_map
from graven.refine.local import Refiner
from graven.refine.session import RefineSession
from graven.types import Step, raster_from_array
from graven.types.affine import invert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.methods.adjusting import AdjustedPanel
    from graven.methods.prediction import Tracer
    from graven.methods.tracing import TracePlan, TraceRecord
    from graven.refine.events import Event
    from graven.refine.local import Tile
    from graven.types import Provenance, Raster, Stroke, Window
    from graven.types.raster import Affine6

__all__ = ["Desk", "open_desk", "refined_record"]


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
        The prepared panel and, last, the logits that stand at first, blended from overlapping tiles.
    listener : Refiner or None
        The refiner as a session takes it.
    """

    planned: TracePlan
    segmenter: Tracer
    refiner: Tracer | None
    inputs: Raster
    listener: Refiner | None

    @property
    def head(self) -> dict[str, Any]:
        """What a journal of this desk is of, ready for JSON: the input, its working frame, and what stands at first."""
        planned, raster, grid = self.planned, self.planned.raster, self.planned.grid
        return {
            "input": raster.source_sha256,
            "size": [raster.height, raster.width],
            "frame": {"size": [grid.height, grid.width], "matrix": list(planned.frame.matrix)},
            "prepare": [asdict(step) for step in planned.steps],
            "model": self.segmenter.spec.sha256,
            "class_id": self.class_id,
        }

    @property
    def class_id(self) -> int:
        """The class that strokes are of."""
        return self.segmenter.spec.classes.classes[0].id

    def session(
        self,
        *,
        author: str = "",
        record: Callable[[Event], None] | None = None,
        events: Iterable[Event] = (),
    ) -> RefineSession:
        """Begin with the first network's answer and nothing decided, or where a journal ends.

        Parameters
        ----------
        author : str
            Who works.
        record : callable, optional
            Told every event before it takes effect.
        events : iterable of Event
            Of a journal whose head is `head`.

        Returns
        -------
        RefineSession
            On the working frame.

        Raises
        ------
        DataError, MismatchError
            As in `graven.refine.session.RefineSession.resume`.
        """
        return RefineSession.resume(
            events,
            self.inputs,
            self.listener,
            author=author,
            class_id=self.class_id,
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


def open_desk(planned: TracePlan, segmenter: Tracer, refiner: Tracer | None, *, gives_logits: bool = False) -> Desk:
    """Lay out a panel for correction.

    Parameters
    ----------
    planned : TracePlan
        From `graven.methods.tracing.plan`.
    segmenter : Tracer
        A model with one class, in float32.
    refiner : Tracer or None
        Its companion that refines, in float32.
    gives_logits : bool
        Whether the engine of the segmenter answers with logits (`graven.predict.engines.load_engine`). The refiner has
        learnt from logits as they are; those of probabilities end at 16.

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
    answer = tile_answers(planned, segmenter, gives_logits=gives_logits)
    weights = WEIGHTS[spec.blending](planned.grid).tile.astype(np.float64)
    inputs = with_logits(planned, answer, weights)
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

    def see(tile: Tile) -> NDArray[np.float32]:
        pixels = np.rint(planned.prepared.read(planned.grid.window(*tile))).astype(np.float32)
        return np.concatenate([pixels, answer(tile)[None]])

    listener = Refiner(
        predict,
        planned.grid,
        weights,
        name=other.name,
        version=other.version,
        sha256=other.sha256,
        see=see,
    )
    return Desk(planned, segmenter, refiner, inputs, listener)


def refined_record(
    desk: Desk,
    session: RefineSession,
    work: Path,
    *,
    adjusted: AdjustedPanel | None = None,
    progress: Callable[[int, int], None] | None = None,
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
    adjusted : AdjustedPanel, optional
        The session with a correction of the whole panel, which then counts.
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
    probability = session.probability if adjusted is None else adjusted.probability
    with found.store(WORKING, range(height), resume=False) as rows:
        for window in bands(height, planned.grid.width, BAND_ROWS):
            rows.write_rows(window.row, _as_bytes(probability(window))[None], state="")
            if progress is not None:
                progress(window.row_end, height)
    n_tiles = len(planned.grid)
    return marks_record(
        planned,
        found,
        rows,
        PredictSummary(n_tiles, n_tiles, 0, 0, 0, ()),
        steps=_steps(desk, session, () if adjusted is None else (adjusted.step,)),
        class_id=desk.class_id,
        with_centerlines=tracer.spec.method == "engraving",
        decided=_on_input_grid(desk, session),
    )


def _on_input_grid(desk: Desk, session: RefineSession) -> Callable[[Window], NDArray[np.int8]]:
    """Read what the person decided on the grid of the input.

    Strokes are drawn anew, so their edges are as fine as that grid. Where something else was decided first, the nearest
    pixel of the working frame tells.
    """
    raster = desk.planned.raster
    strokes = partial(hint_map, tuple(map(desk.on_input, session.strokes)))
    settled = np.where(session.hints() == 0, session.decided(), np.int8(0))
    if not settled.any():
        return strokes
    matrix = invert(desk.planned.frame.matrix)
    found = affine_view(raster_from_array(settled), matrix, raster.height, raster.width, order=0)

    def read(window: Window) -> NDArray[np.int8]:
        nearest = np.where(found.read_valid(window), found.read(window)[0], np.int8(0))
        return np.where(nearest != 0, nearest, strokes(window))

    return read


def _as_bytes(prob: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(prob * 255).astype(np.uint8)


def _steps(desk: Desk, session: RefineSession, further: tuple[Step, ...]) -> Provenance:
    """Tell of the strokes between prediction and measuring."""
    strokes: Iterable[Stroke] = session.strokes
    signs = [stroke.polarity for stroke in strokes]
    settings = {"added": signs.count("add"), "erased": signs.count("erase"), "decided": session.digest}
    model = None if desk.refiner is None else desk.refiner.spec
    text = "Drew strokes and decided on pixels, which stay whatever their size."
    if model is not None:
        settings |= {"model": model.name, "version": model.version}
        text = "Drew strokes and decided on pixels; a network proposed what follows from them."
    chain = provenance(desk.planned, desk.segmenter, None)
    step = Step("refine", text, settings, None if model is None else model.sha256)
    return replace(chain, steps=(*chain.steps[:-1], step, *further, chain.steps[-1]))
