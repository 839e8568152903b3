"""A panel corrected as a whole from the strokes on it: evidence gathered from a session, and what follows from it.

What the first network saw before its last convolution is blended from overlapping tiles like its answer. Untouched
pixels are drawn once, from all of a small panel or from parts of a large one; pixels of a stroke are looked at once.
A new correction after a further stroke therefore costs a fit, and no network.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit

from graven.errors import InputError, MismatchError
from graven.predict.weights import WEIGHTS
from graven.prepare.blocks import shared_blocks
from graven.refine.adjustment import AdjustmentSettings, Evidence, Samples, fit_adjustment, moderated
from graven.refine.constraints import constrain
from graven.refine.drawing import draw_stroke, stroke_window
from graven.refine.hints import write_hints
from graven.refine.local import tiles_over
from graven.types import ExplainingEngine, Raster, Step, TileGrid, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.methods.prediction import Tracer
    from graven.methods.refining import Desk
    from graven.methods.tracing import TracePlan
    from graven.refine.adjustment import Adjustment
    from graven.refine.local import Tile
    from graven.refine.session import RefineSession
    from graven.types import Stroke

__all__ = ["AdjustedPanel", "Adjuster", "feature_view"]

_N_ANCHORS = 65_536
_N_CELLS = 64
_N_OF_STROKE = 64
_SEED = 0
_CELL_PX = 128  # read at once; so few rows that what is read of them is still at hand when it is read again


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Pixels that were looked at: index in the raster, row by row, and what the network saw there."""

    index: NDArray[np.int64]
    samples: Samples

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Samples:
        return Samples(self.samples.features[chosen], self.samples.initial[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class AdjustedPanel:
    """A session with the correction that follows from its strokes.

    Attributes
    ----------
    session : RefineSession
        Where strokes and the local answers to them come from.
    features : Raster
        From `feature_view`.
    adjustment : Adjustment
        The correction.
    settings : AdjustmentSettings
        How it was learnt.
    threshold : float, 0 to 1
        Probability from which a pixel counts.
    """

    session: RefineSession
    features: Raster
    adjustment: Adjustment
    settings: AdjustmentSettings
    threshold: float

    def logits(self, window: Window | None = None) -> NDArray[np.float64]:
        """Give the logits with all proposals of the network and the correction, without what was decided.

        Parameters
        ----------
        window : Window, optional
            Inside the raster; by default all of it.

        Returns
        -------
        ndarray of shape (h, w), float64
            Their means.
        """
        asked = self.session.bounds if window is None else window
        samples = _samples(self.session.inputs, self.features, asked)
        return self.session.logits(asked) + self.adjustment.change(samples).reshape(asked.height, asked.width)

    def proposed(self, window: Window | None = None) -> NDArray[np.bool_]:
        """Give the mask that follows, with what the person decided written in; window as in `logits`."""
        asked = self.session.bounds if window is None else window
        mask = (self.logits(asked) >= logit(self.threshold)) & self.session.inputs.read_valid(asked)
        return write_hints(mask, self.session.decided(asked))

    def probability(self, window: Window | None = None) -> NDArray[np.float32]:
        """Give the moderated probability; 0 or 1 where the person decided, 0 where nothing is valid.

        Parameters
        ----------
        window : Window, optional
            As in `logits`.

        Returns
        -------
        ndarray of shape (h, w), float32
            Nearer to the threshold than that of the logits, the less is known of the correction.
        """
        asked = self.session.bounds if window is None else window
        stripes = [
            Window(row, asked.col, min(_CELL_PX, asked.row_end - row), asked.width)
            for row in range(asked.row, asked.row_end, _CELL_PX)
        ]
        return np.concatenate([self._moderated(stripe) for stripe in stripes])

    def _moderated(self, stripe: Window) -> NDArray[np.float32]:
        sigma = self.adjustment.sigma(_samples(self.session.inputs, self.features, stripe))
        found = moderated(
            self.logits(stripe),
            sigma.reshape(stripe.height, stripe.width),
            threshold_logit=float(logit(self.threshold)),
        )
        found[~self.session.inputs.read_valid(stripe)] = 0
        return constrain(found.astype(np.float32), self.session.decided(stripe))

    @property
    def step(self) -> Step:
        """Tell of the correction, for the provenance of a record."""
        found = self.adjustment
        settings = {
            "coefficients": found.sha256,
            "strokes": len(self.session.strokes),
            "features": len(found.centre),
            "up": round(found.up, 6),
            "down": round(found.down, 6),
            "credit_up_px": round(found.credit_up, 1),
            "credit_down_px": round(found.credit_down, 1),
            **asdict(self.settings),
        }
        return Step("refine", "Corrected the whole panel by what its strokes teach.", settings)


class Adjuster:
    """What a session of a desk needs to be corrected as a whole, again and again.

    Parameters
    ----------
    desk : Desk
        With a first network that gives its features.
    features : Raster, optional
        From `feature_view`, which is the default.
    settings : AdjustmentSettings, optional
        How strokes and untouched pixels are weighed.

    Raises
    ------
    InputError
        If the first network was loaded without its features, or no pixel is valid.
    """

    def __init__(
        self, desk: Desk, *, features: Raster | None = None, settings: AdjustmentSettings | None = None
    ) -> None:
        self._inputs, self._threshold = desk.inputs, desk.planned.threshold
        self._features = feature_view(desk.planned, desk.segmenter) if features is None else features
        if self._features.bounds != self._inputs.bounds:
            raise MismatchError("features and inputs of an adjustment must be of one panel; make both from one desk")
        self._settings = AdjustmentSettings() if settings is None else settings
        self._anchors, self._anchor_px = self._draw_anchors()
        self._seen: dict[str, _Places] = {}

    def adjust(self, session: RefineSession) -> AdjustedPanel:
        """Learn from what was drawn so far.

        Parameters
        ----------
        session : RefineSession
            Of the desk.

        Returns
        -------
        AdjustedPanel
            Of the session as it is now; without strokes, one that changes nothing.
        """
        found = fit_adjustment(
            self._evidence(session), threshold_logit=float(logit(self._threshold)), settings=self._settings
        )
        return AdjustedPanel(session, self._features, found, self._settings, self._threshold)

    def _evidence(self, session: RefineSession) -> Evidence:
        decided, hints = session.decided().ravel(), session.hints().ravel()
        parts = []
        for stroke in session.strokes:
            if stroke.uid not in self._seen:
                self._seen[stroke.uid] = self._look(stroke)
            places = self._seen[stroke.uid]
            holds = hints[places.index] == stroke.sign
            if holds.any():
                parts.append((stroke, places.where(holds)))
        sizes = [len(samples.initial) for _, samples in parts]
        areas = [_area_px(stroke) for stroke, _ in parts]
        untouched = decided[self._anchors.index] == 0
        return Evidence(
            drawn=_joined([samples for _, samples in parts], self._features.n_bands),
            is_there=np.repeat(np.array([stroke.sign > 0 for stroke, _ in parts], np.bool_), sizes),
            stroke=np.repeat(np.arange(len(parts)), sizes),
            drawn_px=np.repeat(np.array(areas, np.float64) / np.array(sizes, np.float64), sizes),
            anchors=self._anchors.where(untouched),
            anchor_px=self._anchor_px,
        )

    def _look(self, stroke: Stroke) -> _Places:
        """Look at pixels of a stroke, evenly spread over it."""
        window = stroke_window(stroke, self._inputs.bounds)
        inside = np.flatnonzero(draw_stroke(stroke, window) & self._inputs.read_valid(window))
        chosen = np.linspace(0, len(inside) - 1, min(_N_OF_STROKE, len(inside))).astype(np.int64)
        return self._places(self._index(window, inside[chosen]))

    def _draw_anchors(self) -> tuple[_Places, float]:
        """Draw valid pixels at random, cell by cell, and say how many pixels of the panel each stands for."""
        rng = np.random.default_rng(_SEED)
        bounds = self._inputs.bounds
        grid = TileGrid(bounds.height, bounds.width, tile_px=_CELL_PX, overlap_px=0)
        cells = [grid.core(row, col) for row, col, _ in grid.windows()]
        chosen = [cells[k] for k in rng.permutation(len(cells))[:_N_CELLS]]
        valid = np.concatenate([self._index(cell, np.flatnonzero(self._inputs.read_valid(cell))) for cell in chosen])
        if not len(valid):
            raise InputError(f"no valid pixel was found in {self._inputs.name}; an adjustment needs some to hold on to")
        places = self._places(rng.permutation(valid)[:_N_ANCHORS])
        in_random_order = rng.permutation(len(places.index))
        anchors = _Places(places.index[in_random_order], places.where(in_random_order))
        return anchors, len(valid) / len(anchors.index) * len(cells) / len(chosen)

    def _index(self, window: Window, inside: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count pixels of a window from the first of the raster."""
        rows, cols = np.divmod(inside, window.width)
        return (rows + window.row) * self._inputs.width + cols + window.col

    def _places(self, index: NDArray[np.int64]) -> _Places:
        """Look at pixels, cell by cell, and give them in the order of the cells."""
        rows, cols = np.divmod(index, self._inputs.width)
        cell = rows // _CELL_PX * self._inputs.width + cols // _CELL_PX
        order = np.argsort(cell, kind="stable")
        found = []
        for one in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
            if not len(one):
                continue
            corner = rows[one[0]] // _CELL_PX * _CELL_PX, cols[one[0]] // _CELL_PX * _CELL_PX
            window = Window(int(corner[0]), int(corner[1]), _CELL_PX, _CELL_PX).intersection(self._inputs.bounds)
            inside = (rows[one] - window.row) * window.width + cols[one] - window.col
            seen = _samples(self._inputs, self._features, window)
            found.append(Samples(seen.features[inside], seen.initial[inside]))
        return _Places(index[order], _joined(found, self._features.n_bands))


def feature_view(planned: TracePlan, segmenter: Tracer) -> Raster:
    """See what the first network saw before its last convolution, made where it is read.

    Parameters
    ----------
    planned : TracePlan
        What the network sees.
    segmenter : Tracer
        The network, loaded with ``gives_features`` (`graven.predict.engines.load_engine`).

    Returns
    -------
    Raster
        float32, one band per feature, on the working frame: each pixel of a feature enlarged to those it was computed
        for, then blended from overlapping tiles with the weights of the answer.

    Raises
    ------
    InputError
        If the network was loaded without its features.
    """
    grid, prepared = planned.grid, planned.prepared
    weights = WEIGHTS[segmenter.spec.blending](grid).tile.astype(np.float32)

    @lru_cache(maxsize=2 * (grid.n_cols + 2))
    def answer(tile: Tile) -> NDArray[np.float32]:
        pixels = np.asarray(prepared.read(grid.window(*tile)), np.float32)
        return _features_of(segmenter, pixels)

    n_features = len(_features_of(segmenter, np.zeros((prepared.n_bands, grid.tile_px, grid.tile_px), np.float32)))

    def read_pixels(window: Window) -> NDArray[np.float32]:
        sums = np.zeros((n_features, window.height, window.width), np.float32)
        whole = np.zeros((window.height, window.width), np.float32)
        for tile in tiles_over(grid, window):
            frame, found = grid.window(*tile), answer(tile)
            part = frame.intersection(window)
            (rows, cols), there = part.relative_to(window).slices(), part.relative_to(frame)
            scale = grid.tile_px // found.shape[1]
            taken = found[:, np.arange(there.row, there.row_end) // scale][
                :, :, np.arange(there.col, there.col_end) // scale
            ]
            sums[:, rows, cols] += weights[there.slices()] * taken
            whole[rows, cols] += weights[there.slices()]
        return sums / whole

    view = Raster(
        name=prepared.name,
        height=prepared.height,
        width=prepared.width,
        n_bands=n_features,
        dtype=np.dtype(np.float32),
        read_pixels=read_pixels,
        read_valid=prepared.read_valid,
    )
    return shared_blocks(view, block_px=grid.stride_px, max_blocks=2 * (grid.n_cols + 2))


def _features_of(segmenter: Tracer, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    engine = segmenter.engine
    found = engine.explain(pixels[None])[1] if isinstance(engine, ExplainingEngine) else None
    if found is None:
        raise InputError(f"the network {segmenter.spec.name!r} was loaded without its features; load it with them")
    features: NDArray[np.float32] = found[0]
    return features


def _samples(inputs: Raster, features: Raster, window: Window) -> Samples:
    """Give all pixels of a window, row by row."""
    seen = features.read(window)
    return Samples(seen.reshape(len(seen), -1).T, inputs.read(window)[-1].astype(np.float64).ravel())


def _joined(parts: list[Samples], n_features: int) -> Samples:
    return Samples(
        np.concatenate([np.empty((0, n_features), np.float32), *(part.features for part in parts)]),
        np.concatenate([np.empty(0), *(part.initial for part in parts)]),
    )


def _area_px(stroke: Stroke) -> float:
    """Count the pixels of a stroke, wherever they lie."""
    return float(np.count_nonzero(draw_stroke(stroke, _around(stroke))))


def _around(stroke: Stroke) -> Window:
    (x_min, y_min), (x_max, y_max) = stroke.points.min(axis=0), stroke.points.max(axis=0)
    reach = int(np.ceil(stroke.width_px)) + 2
    row, col = int(np.floor(y_min)) - reach, int(np.floor(x_min)) - reach
    return Window(row, col, int(np.ceil(y_max)) + reach - row, int(np.ceil(x_max)) + reach - col)
