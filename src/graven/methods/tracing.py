"""What the tracing methods share: what a user may choose, what is decided before the first tile, and the record."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.errors import DataError, DefectError, InputError, MismatchError, UsageError
from graven.measure.components import bands
from graven.methods.prediction import BAND_ROWS, Panel, Tracer
from graven.predict.engine_base import engine_facts
from graven.prepare.blocks import shared_blocks
from graven.prepare.chain import PrepareChain
from graven.prepare.frame import WorkingFrame, fitted_frame, working_frame
from graven.prepare.rotation import RotationEstimate, estimate_rotation
from graven.types import PixelSize, TileGrid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.predict.stream import PredictSummary
    from graven.types import Measure, ModelSpec, PrepareStep, Provenance, Raster, Trace, Window

__all__ = ["MODES", "TracePlan", "TraceRecord", "TraceSettings", "Tracer", "panel", "plan", "probe_tile"]

MODES = ("tile", "stretch", "letterbox")
"""How an image becomes network inputs: cut at the model's scale, or whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSettings:
    """What a user may choose; None takes what the model was made for.

    Attributes
    ----------
    tile_px, overlap_px : int or None
        Network input, and what neighbours share.
    threshold : float, 0 to 1, or None
        Probability from which a pixel counts as worked.
    min_object : float or None
        Smaller figures are dropped: mm² where a scale is known, else px².
    gate, rotation : bool
        Whether the gate and the rotation correction take part.
    gate_threshold : float, 0 to 1, or None
        A tile is predicted where the gate reaches it.
    force_scale : bool
        Accept a pixel size more than four times off the model's.
    tta : str
        Test-time augmentation of the segmenter, a key of `graven.predict.augmented.AUGMENTATIONS`.
    mode : str
        One of `MODES`: tiles at the model's scale, or the whole image as one input, stretched or letterboxed
        (`graven.prepare.frame.fitted_frame`). A whole image takes no gate.
    """

    tile_px: int | None = None
    overlap_px: int | None = None
    threshold: float | None = None
    min_object: float | None = None
    gate: bool = True
    gate_threshold: float | None = None
    rotation: bool = True
    force_scale: bool = False
    tta: str = "none"
    mode: str = "tile"


@dataclass(frozen=True, slots=True)
class TracePlan:
    """Everything decided before the first tile is predicted.

    Attributes
    ----------
    raster : Raster
        The input.
    frame : WorkingFrame
        Where prediction runs.
    steps : tuple of PrepareStep
        The model's preparation, with what was measured of the whole panel filled in.
    prepared : Raster
        What the network sees, as a lazy view that computes each block of pixels once.
    grid : TileGrid
        Tiles over the working frame.
    threshold : float, 0 to 1
        As resolved.
    min_area_px : float
        Smallest figure, in pixels of the input.
    mode : str
        How the image becomes network inputs: one of `MODES`.
    tta : str
        Test-time augmentation of the segmenter.
    notes : tuple of str
        What a reader of the record must know.
    """

    raster: Raster
    frame: WorkingFrame
    steps: tuple[PrepareStep, ...]
    prepared: Raster
    grid: TileGrid
    threshold: float
    min_area_px: float
    mode: str
    tta: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """The result, still as readers: nothing large is held in memory.

    Attributes
    ----------
    plan : TracePlan
        What was decided.
    prob : Raster
        uint8, probability times 255 of each class, on the grid of the input; 0 where the input is invalid.
    read_mask : callable
        ``read_mask(window) -> (h, w)`` uint8: 0, a class, or 255 where nothing is known.
    traces : tuple of Trace
        Objects of all classes.
    totals : dict of int to dict of str to Measure
        Over the panel, by class.
    summary : PredictSummary
        What the gate saved.
    provenance : Provenance
        Steps, oldest first.
    valid_sha256 : str
        Hash of which pixels of the input are valid, the region of interest included.
    activation : ndarray of shape (h, w), float32, 0 to 1, or None
        What the gate saw over the input: its class activation map, or its coarse probability.
    """

    plan: TracePlan
    prob: Raster
    read_mask: Callable[[Window], NDArray[np.uint8]]
    traces: tuple[Trace, ...]
    totals: dict[int, dict[str, Measure]]
    summary: PredictSummary
    provenance: Provenance
    valid_sha256: str
    activation: NDArray[np.float32] | None

    def mask_blocks(self) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        """Yield the class raster in bands."""
        for window in _bands(self.plan.raster):
            yield window, self.read_mask(window)

    def prob_blocks(self) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        """Yield the probability raster in bands of shape (K, h, w)."""
        for window in _bands(self.plan.raster):
            yield window, self.prob.read(window)


def plan(raster: Raster, spec: ModelSpec, settings: TraceSettings) -> TracePlan:
    """Decide frame, preparation, tiles and thresholds.

    Parameters
    ----------
    raster : Raster
        The panel.
    spec : ModelSpec
        Of the segmenter.
    settings : TraceSettings
        What the user chose.

    Returns
    -------
    TracePlan
        Nothing of it depends on when or where it is computed.

    Raises
    ------
    InputError
        If a setting is out of range.
    ScaleError
        If the pixel size is too far from the model's.
    DataError
        If no pixel of the panel is valid, or its bands do not suit the model.
    """
    if spec.role != "segment":
        raise MismatchError(
            f"-m needs a model that segments, but {spec.name!r} is a {spec.role}; name what it belongs to"
        )
    chain = PrepareChain.from_spec(spec)
    estimate = None
    if settings.rotation and chain.rotation is not None:
        estimate = estimate_rotation(raster, **chain.rotation)
    tile_px = spec.tile_px if settings.tile_px is None else settings.tile_px
    notes = chain.notes(raster)
    raster = chain.known(raster)
    frame = _frame(chain.filled(raster), spec, settings, estimate, tile_px)
    grid = TileGrid(
        frame.raster.height,
        frame.raster.width,
        tile_px=tile_px,
        overlap_px=spec.overlap_px if settings.overlap_px is None else settings.overlap_px,
    )
    threshold = spec.threshold if settings.threshold is None else settings.threshold
    if not 0.1 < threshold < 0.9:
        raise InputError(f"the threshold must lie between 0.1 and 0.9 (it is also moved by 0.1), got {threshold}")
    if settings.gate_threshold is not None and not 0 < settings.gate_threshold <= 1:
        raise InputError(f"--gate-threshold must lie above 0 and at most at 1, got {settings.gate_threshold}")
    scaled = frame.raster
    if chain.takes_surface:
        if scaled.pixel_size is None and spec.pixel_size_mm is not None:
            scaled = scaled.with_pixel_size(PixelSize(spec.pixel_size_mm, spec.pixel_size_mm, "none"))
            notes = (*notes, f"no scale is known, so pixels were taken for {spec.pixel_size_mm:g} mm, as of the model")
        chain = chain.measured(scaled)
    return TracePlan(
        raster=raster,
        frame=frame,
        steps=chain.steps,
        prepared=_shared(chain.view(scaled), grid),
        grid=grid,
        threshold=threshold,
        min_area_px=_min_area_px(raster, spec, settings.min_object),
        mode=settings.mode,
        tta=settings.tta,
        notes=(*notes, *frame.notes),
    )


def _frame(
    raster: Raster, spec: ModelSpec, settings: TraceSettings, rotation: RotationEstimate | None, tile_px: int
) -> WorkingFrame:
    """Choose where prediction runs."""
    if settings.mode not in MODES:
        raise UsageError(f"--mode takes {', '.join(MODES)}, got {settings.mode!r}")
    if settings.mode != "tile":
        return fitted_frame(raster, tile_px, fit=settings.mode, rotation=rotation)
    scale: dict[str, Any] = {"pixel_size_mm": spec.pixel_size_mm, "force_scale": settings.force_scale}
    return working_frame(raster, rotation=rotation, **scale)


def probe_tile(tracer: Tracer, tile_px: int) -> None:
    """Try a tile size that a person has chosen before anything is started: not every network takes every size.

    Parameters
    ----------
    tracer : Tracer
        The network.
    tile_px : int
        Side of its input.

    Raises
    ------
    UsageError
        If the network cannot take it; the message names its own size.
    OutOfMemory
        If there is too little memory for one tile.
    """
    spec = tracer.spec
    try:
        answer = tracer.engine(np.zeros((1, len(spec.bands), tile_px, tile_px), np.float32))
    except DefectError as error:
        raise _unfit(spec, tile_px) from error
    if spec.role == "segment" and answer.shape[2:] != (tile_px, tile_px):
        raise _unfit(spec, tile_px)


def _unfit(spec: ModelSpec, tile_px: int) -> UsageError:
    return UsageError(
        f"the network {spec.name!r} cannot take tiles of {tile_px} px; its own are {spec.tile_px} px, choose these "
        "or a multiple of 32"
    )


def panel(planned: TracePlan, segmenter: Tracer, gate: Tracer | None, work: Path, *, resume: bool = False) -> Panel:
    """Say what is to be predicted, for `graven.methods.prediction`.

    Parameters
    ----------
    planned, segmenter, gate, work, resume
        As for `trace`.

    Returns
    -------
    Panel
        With the hash of everything on which stored rows depend: input and its valid pixels, frame, models, engines.

    Raises
    ------
    DataError
        If no pixel of the input is valid.
    """
    valid_sha256, n_valid_px = _valid(planned.raster)
    return Panel(
        raster=planned.raster,
        frame=planned.frame,
        prepared=planned.prepared,
        grid=planned.grid,
        n_classes=len(segmenter.spec.classes.classes),
        work=work,
        valid_sha256=valid_sha256,
        n_valid_px=n_valid_px,
        key=_key(planned, segmenter, gate, valid_sha256),
        resume=resume,
    )


def _shared(view: Raster, grid: TileGrid) -> Raster:
    """Keep the prepared blocks of the tile rows that are being read, so that tiles which overlap share them."""
    n_kept = math.ceil(grid.tile_px / grid.stride_px) * (grid.n_cols + 2)
    return shared_blocks(view, block_px=grid.stride_px, max_blocks=n_kept)


def _bands(raster: Raster) -> list[Window]:
    return bands(raster.height, raster.width, BAND_ROWS)


def _min_area_px(raster: Raster, spec: ModelSpec, min_object: float | None) -> float:
    """Give the smallest figure in pixels; without a scale the model's own pixel size stands in."""
    if min_object is not None and not (math.isfinite(min_object) and min_object >= 0):
        raise InputError(f"--min-object must be an area of at least 0, got {min_object}")
    if raster.pixel_size is not None:
        asked = spec.min_object_mm2 if min_object is None else min_object
        return asked / raster.pixel_size.area_mm2
    if min_object is not None:
        return min_object
    return spec.min_object_mm2 / (spec.pixel_size_mm or 1.0) ** 2


def _valid(raster: Raster) -> tuple[str, int]:
    """Hash and count the valid pixels: alpha, nodata and the region of interest."""
    digest, count = hashlib.sha256(), 0
    for window in _bands(raster):
        valid = raster.read_valid(window)
        digest.update(np.packbits(valid).tobytes())
        count += int(np.count_nonzero(valid))
    if count == 0:
        raise DataError(f"{raster.name} has no valid pixel; check its alpha or nodata, and --roi")
    return digest.hexdigest(), count


def _key(planned: TracePlan, segmenter: Tracer, gate: Tracer | None, valid_sha256: str) -> str:
    """Hash everything on which the stored rows depend."""

    def model(tracer: Tracer) -> dict[str, Any]:
        return {"spec": asdict(tracer.spec), "engine": engine_facts(tracer.engine)}

    facts = {
        "input": planned.raster.source_sha256 or planned.raster.name,
        "grid": asdict(planned.grid),
        "matrix": planned.frame.matrix,
        "graven": __version__,
        "segmenter": model(segmenter),
        "gate": None if gate is None else model(gate),
        "valid": valid_sha256,
        "tta": planned.tta,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
