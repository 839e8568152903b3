"""What there is to see of a refinement: the mask that stands, what the network proposes, and what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError, MismatchError
from graven.refine.constraints import constrain
from graven.refine.hints import write_hints
from graven.refine.local import stitch
from graven.refine.state import RefineState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.refine.local import Refiner, Tile
    from graven.types import Raster, StrokeSet, Window

__all__ = ["Masks"]


class Masks:
    """The views of a `graven.refine.session.RefineSession`; none of them changes anything.

    Parameters
    ----------
    inputs, refiner, class_id, threshold
        As for `graven.refine.session.RefineSession`.

    Raises
    ------
    MismatchError
        If the tiles of the refiner are for a raster of another size.
    InputError
        If the threshold does not lie between 0 and 1.

    Notes
    -----
    A view of a window is that window of the view of the whole. Windows must lie inside the raster; without one, the
    whole is given.
    """

    def __init__(self, inputs: Raster, refiner: Refiner | None, *, class_id: int, threshold: float) -> None:
        if not 0 < threshold < 1:
            raise InputError(f"a threshold must lie between 0 and 1, got {threshold}")
        grid = None if refiner is None else refiner.grid
        if grid is not None and grid.bounds != inputs.bounds:
            raise MismatchError(
                f"the tiles of the refiner are for {grid.height} x {grid.width} px, the image has {inputs.height} x "
                f"{inputs.width}; make them for this image"
            )
        self.inputs, self.refiner = inputs, refiner
        self._state = RefineState(
            height=inputs.height,
            width=inputs.width,
            grid=grid,
            keeping=None if refiner is None else refiner.keeping,
            class_id=class_id,
        )
        self._threshold_logit = np.float32(np.log(threshold / (1 - threshold)))

    @property
    def bounds(self) -> Window:
        """The raster as a window."""
        return self._state.bounds

    @property
    def strokes(self) -> StrokeSet:
        """The strokes that were not undone, in order."""
        return self._state.strokes

    @property
    def digest(self) -> str:
        """Digest of all that was decided."""
        return self._state.digest

    @property
    def unanswered(self) -> tuple[Tile, ...]:
        """Tiles with strokes to which the network has not answered yet."""
        answers = self._state.answers
        return () if answers is None or self.refiner is None else tuple(answers.unanswered(self.refiner.sha256))

    def decided(self, window: Window | None = None) -> NDArray[np.int8]:
        """Give what the person decided: 1 engraved, -1 not, 0 open; a copy of shape (h, w)."""
        return self._state.decided[self._asked(window).slices()].copy()

    def hints(self, window: Window | None = None) -> NDArray[np.int8]:
        """Give what the network sees of the strokes; a copy of shape (h, w)."""
        return self._state.hints[self._asked(window).slices()].copy()

    def mask(self, window: Window | None = None) -> NDArray[np.bool_]:
        """Give the mask that stands: the initial prediction, with what the person decided written in."""
        asked = self._asked(window)
        return self._written(self._initial(asked), asked)

    def proposed(self, window: Window | None = None) -> NDArray[np.bool_]:
        """Give the mask as it would stand if all proposals of the network were confirmed."""
        asked = self._asked(window)
        return self._written(self.logits(asked), asked)

    def logits(self, window: Window | None = None) -> NDArray[np.float32]:
        """Give the logits with what is kept of the network's answers, without what was decided."""
        asked = self._asked(window)
        base = self._initial(asked)
        answers = self._state.answers
        if answers is None or self.refiner is None:
            return base
        grid, weights = self.refiner.grid, self.refiner.weights
        return stitch(asked, grid=grid, weights=weights, base=base, answer_of=answers.change_of)

    def probability(self, window: Window | None = None) -> NDArray[np.float32]:
        """Give the probability with all proposals, 0 or 1 where the person decided, 0 where nothing is valid."""
        asked = self._asked(window)
        prob = (0.5 + 0.5 * np.tanh(0.5 * self.logits(asked))).astype(np.float32)
        prob[~self.inputs.read_valid(asked)] = 0
        return constrain(prob, self._state.decided[asked.slices()])

    def _asked(self, window: Window | None) -> Window:
        asked = self.bounds if window is None else window
        if asked.intersection(self.bounds) != asked:
            raise InputError(f"{asked} reaches beyond the image of {self.bounds.height} x {self.bounds.width} px")
        return asked

    def _initial(self, window: Window) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self.inputs.read(window)[-1].astype(np.float32)
        return logits

    def _written(self, logits: NDArray[np.float32], window: Window) -> NDArray[np.bool_]:
        mask = (logits >= self._threshold_logit) & self.inputs.read_valid(window)
        return write_hints(mask, self._state.decided[window.slices()])
