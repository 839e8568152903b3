"""What `synth` can make: each kind grown and brought into one form for writing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.measure.components import Runs, find_components, runs_of
from graven.measure.polygons import trace_polygons
from graven.synthetic import condition_layers, petroglyph_layers
from graven.synthetic.painting import CRAQUELURE, PAINT_LOSS
from graven.synthetic.testsets import GENERATOR_VERSION, PAINTING_VERSION
from graven.types import CONDITION_CLASSES, NODATA, PETROGLYPH_CLASSES, ClassTable, Measure, Trace, trace_uid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic import ConditionPanel, PetroglyphPanel

__all__ = ["Layers", "condition_traces", "painting_layers", "panel_layers"]


@dataclass(frozen=True, slots=True)
class Layers:
    """A generated panel as it is written.

    Attributes
    ----------
    generator : str
        Version of what grew it.
    source : str
        What the ids of its traces were computed with.
    image : ndarray of shape (3, H, W), uint8
        sRGB.
    valid : ndarray of shape (H, W), bool
        False where there is no picture.
    labels : ndarray of shape (H, W), uint8
        Classes; 255 where nothing is known.
    classes : ClassTable
        Their names.
    floats : dict of str to ndarray
        Further layers by name, (H, W) or (3, H, W) float32.
    facts : dict
        What is told of the kind.
    traces : tuple of Trace or None
        Vectors, for a kind that has them.
    """

    generator: str
    source: str
    image: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    labels: NDArray[np.uint8]
    classes: ClassTable
    floats: dict[str, NDArray[Any]]
    facts: dict[str, Any] = field(default_factory=dict)
    traces: tuple[Trace, ...] | None = None


def panel_layers(panel: PetroglyphPanel) -> Layers:
    """Bring a panel with petroglyphs into the form for writing.

    Parameters
    ----------
    panel : PetroglyphPanel
        What was grown.

    Returns
    -------
    Layers
        With height, albedo and normals.
    """
    layers = petroglyph_layers(panel)
    return Layers(
        GENERATOR_VERSION,
        f"{GENERATOR_VERSION} {panel.seed} {panel.degradation}",
        panel.image,
        panel.valid,
        np.where(panel.valid, panel.mask.astype(np.uint8), np.uint8(NODATA)),
        PETROGLYPH_CLASSES,
        {name: layers[name] for name in ("height", "albedo", "normals")},
        {
            "rock": panel.rock,
            "degradation": panel.degradation,
            "figures": [figure.name for figure in panel.figures],
            "pecked_share": round(float(panel.mask.sum() / max(1, panel.valid.sum())), 6),
        },
    )


def painting_layers(panel: ConditionPanel) -> Layers:
    """Bring a painting into the form for writing.

    Parameters
    ----------
    panel : ConditionPanel
        What was grown.

    Returns
    -------
    Layers
        With height, albedo, and cracks and losses as traces.
    """
    layers = condition_layers(panel)
    source = f"{PAINTING_VERSION} {panel.seed} {panel.degradation}"
    shares = {entry.name: float((panel.classes == entry.id).mean()) for entry in CONDITION_CLASSES.classes}
    return Layers(
        PAINTING_VERSION,
        source,
        panel.image,
        np.ones(panel.classes.shape, np.bool_),
        panel.classes,
        CONDITION_CLASSES,
        {name: layers[name] for name in ("height", "albedo")},
        {
            "painting": panel.painting,
            "patterns": list(panel.patterns),
            "degradation": panel.degradation,
            **{f"{name}_share": round(share, 6) for name, share in shares.items()},
            "crack_length_mm": round(float(panel.cracks.lengths_px.sum()) * panel.surface.pixel_size_mm, 3),
        },
        condition_traces(panel, source=source),
    )


def condition_traces(panel: ConditionPanel, *, source: str) -> tuple[Trace, ...]:
    """Draw the truth of a painting as vectors: an edge of the crack graph or a loss each.

    Parameters
    ----------
    panel : ConditionPanel
        What was grown.
    source : str
        Part of every ``uid``.

    Returns
    -------
    tuple of Trace
        Centre-lines with ``length``, ``width`` and ``width_p95`` of their exact widths, weighed by length; areas with
        the ``area`` of their pixels. Nothing is uncertain, so there is no sigma.
    """
    size = panel.surface.pixel_size_mm
    traces = []
    for number, (line, width) in enumerate(zip(panel.cracks.lines, panel.cracks.widths_px, strict=True), start=1):
        step = np.hypot(*np.diff(line, axis=0).T)
        along = (width[:-1] + width[1:]) / 2
        rank = np.argsort(along, kind="stable")
        p95 = along[rank][np.searchsorted(np.cumsum(step[rank]), 0.95 * step.sum())]
        length, mean = float(step.sum()) * size, float(np.average(along, weights=step)) * size
        measures = {"length": length, "width_mean": mean, "width_p95": float(p95) * size}
        measures |= {"stroke_1_length": length, "stroke_1_width": mean, "stroke_1_width_p95": float(p95) * size}
        named = {name: Measure(value, "mm") for name, value in measures.items()}
        uid = trace_uid(source, CRAQUELURE, [line])
        traces.append(Trace(uid, number, CRAQUELURE, (), (line,), 1.0, named))
    rows, cols = panel.classes.shape
    row, start, stop = runs_of(panel.classes == PAINT_LOSS)
    losses = find_components(Runs(row, start, stop, height=rows, width=cols))
    areas = np.bincount(losses.label, weights=losses.runs.stop - losses.runs.start, minlength=len(losses))
    for number, (parts, area) in enumerate(zip(trace_polygons(losses), areas, strict=True), start=1):
        rings = [ring for part in parts for ring in part]
        covered = Measure(float(area) * size**2, "mm2")
        traces.append(
            Trace(trace_uid(source, PAINT_LOSS, rings), number, PAINT_LOSS, parts, (), 1.0, {"area": covered})
        )
    return tuple(traces)
