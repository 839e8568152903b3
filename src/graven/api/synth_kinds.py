"""What `synth` can make: each kind grown and brought into one form for writing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.measure.components import Runs, find_components, runs_of
from graven.measure.polygons import trace_polygons
from graven.synthetic import condition_layers, dome_lights, measured_height, petroglyph_layers, render_bronze_lights
from graven.synthetic.bronze_light import exposure, photograph_bronze
from graven.synthetic.engraving_truth import clip_line
from graven.synthetic.painting import CRAQUELURE, PAINT_LOSS
from graven.synthetic.surface import surface_normals
from graven.synthetic.testsets import BRONZE_VERSION, GENERATOR_VERSION, PAINTING_VERSION
from graven.types import (
    CONDITION_CLASSES,
    ENGRAVING_CLASSES,
    NODATA,
    PETROGLYPH_CLASSES,
    ClassTable,
    Measure,
    Trace,
    trace_uid,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.synthetic import ConditionPanel, EngravingPanel, PetroglyphPanel

__all__ = [
    "Layers",
    "Photographs",
    "bronze_layers",
    "condition_traces",
    "engraving_traces",
    "painting_layers",
    "panel_layers",
]

N_LIGHTS = 16
ENGRAVED = 1


@dataclass(frozen=True, slots=True)
class Photographs:
    """A stack of photographs under one light each, taken one by one.

    Attributes
    ----------
    directions : ndarray of shape (K, 3), float64
        Unit vectors towards the lights (x, y up, z).
    take : callable
        ``take(k) -> ndarray of shape (3, H, W), uint16``, linear.
    """

    directions: NDArray[np.float64]
    take: Callable[[int], NDArray[np.uint16]]


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
    photographs : Photographs or None
        A stack under single lights, for a kind that has one.
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
    photographs: Photographs | None = None


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
    traces = [
        _line_trace(line, width, number=number, class_id=CRAQUELURE, size_mm=size, source=source)
        for number, (line, width) in enumerate(zip(panel.cracks.lines, panel.cracks.widths_px, strict=True), start=1)
    ]
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


def _line_trace(
    line: NDArray[np.float64],
    width_px: NDArray[np.float64],
    *,
    number: int,
    class_id: int,
    size_mm: float,
    source: str,
) -> Trace:
    """Describe a centre-line by its length and its exact widths, weighed by length."""
    step = np.hypot(*np.diff(line, axis=0).T)
    along = (width_px[:-1] + width_px[1:]) / 2
    rank = np.argsort(along, kind="stable")
    p95 = along[rank][np.searchsorted(np.cumsum(step[rank]), 0.95 * step.sum())]
    length, mean = float(step.sum()) * size_mm, float(np.average(along, weights=step)) * size_mm
    measures = {"length": length, "width_mean": mean, "width_p95": float(p95) * size_mm}
    measures |= {"stroke_1_length": length, "stroke_1_width": mean, "stroke_1_width_p95": float(p95) * size_mm}
    named = {name: Measure(value, "mm") for name, value in measures.items()}
    return Trace(trace_uid(source, class_id, [line]), number, class_id, (), (line,), 1.0, named)


def bronze_layers(panel: EngravingPanel) -> Layers:
    """Bring a bronze into the form for writing.

    Parameters
    ----------
    panel : EngravingPanel
        What was grown.

    Returns
    -------
    Layers
        With the height as it would be measured, true albedo and normals, engraved lines as traces, and a stack of
        photographs.
    """
    source = f"{BRONZE_VERSION} {panel.seed} {panel.degradation}"
    surface = panel.surface
    lights = dome_lights(N_LIGHTS)
    gain = exposure(panel, lights)

    def take(k: int) -> NDArray[np.uint16]:
        light = render_bronze_lights(panel, lights[k : k + 1], rng=np.random.default_rng([panel.seed, 2, k]))[0]
        return np.asarray(np.rint(np.clip(light * np.float32(gain), 0, 1) * np.float32(65535)), np.uint16)

    traces = engraving_traces(panel, source=source)
    return Layers(
        BRONZE_VERSION,
        source,
        photograph_bronze(panel, rng=np.random.default_rng([panel.seed, 0])),
        np.ones(panel.mask.shape, np.bool_),
        panel.mask.astype(np.uint8),
        ENGRAVING_CLASSES,
        {
            "height": measured_height(panel, np.random.default_rng([panel.seed, 1])),
            "albedo": surface.albedo,
            "normals": surface_normals(surface.height_mm, surface.pixel_size_mm),
        },
        {
            "style": panel.style,
            "degradation": panel.degradation,
            "engraved_share": round(float(panel.mask.sum() / max(1, panel.object_mask.sum())), 6),
            "line_length_mm": round(sum(trace.measures["length"].value for trace in traces), 3),
        },
        traces,
        Photographs(lights, take),
    )


def engraving_traces(panel: EngravingPanel, *, source: str) -> tuple[Trace, ...]:
    """Draw the truth of a bronze as vectors: one traceable line each, cut off at the frame.

    Parameters
    ----------
    panel : EngravingPanel
        What was grown.
    source : str
        Part of every ``uid``.

    Returns
    -------
    tuple of Trace
        Centre-lines with ``length``, ``width`` and ``width_p95`` as they were cut.
    """
    pieces = [piece for line in panel.lines for piece in clip_line(line.points_px, line.widths_px, panel.mask.shape)]
    return tuple(
        _line_trace(line, width, number=number, class_id=ENGRAVED, size_mm=panel.surface.pixel_size_mm, source=source)
        for number, (line, width) in enumerate(pieces, start=1)
    )
