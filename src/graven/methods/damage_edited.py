"""Cracks and losses after a person has edited them: measured again from their lines and areas.

What nobody touched keeps its measures. A changed or new line is measured as it was drawn; its width is looked for in
the photograph or the probability, where one is given. Nodes, networks and islands follow from all lines together.
What a person has rejected stays in the list and counts nowhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import shapely

from graven.io.classmasks import trace_classes
from graven.measure.crack_measures import CrackSurvey, networks_of
from graven.measure.crack_nodes import crack_nodes
from graven.measure.crack_sizes import crack_area, crack_bins
from graven.measure.crack_style import craquelure_style
from graven.measure.crack_totals import (
    WIDTHS,
    Scale,
    counts_of,
    direction_deg,
    directions_of,
    network_of,
    panel_measures,
)
from graven.measure.edited import loss_measures
from graven.measure.islands import find_islands, island_totals
from graven.measure.line_graph import LineGraph, graph_of_lines
from graven.measure.line_widths import LineWidths, measure_line_widths
from graven.measure.loss_areas import LossArea, size_table
from graven.measure.polygons import mask_outline
from graven.measure.shape import pixel_sides
from graven.measure.uncertainty import BOUNDARY_SIGMA_PX
from graven.methods.damage import CRACK_ID, LEAST_ISLAND_PX, LOSS_ID, Damage, loss_totals
from graven.types import CONDITION_CLASSES, Measure

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from graven.types import PixelSize, Trace

__all__ = ["measure_edited_damage"]


def measure_edited_damage(
    traces: Sequence[Trace],
    *,
    changed: Collection[str],
    valid: NDArray[np.bool_],
    valid_px: int | None = None,
    image: NDArray[np.uint8] | None = None,
    prob: NDArray[np.uint8] | None = None,
    pixel_size: PixelSize | None = None,
) -> Damage:
    """Measure the damage that a file of traces holds after editing.

    Parameters
    ----------
    traces : sequence of Trace
        Cracks as lines and losses as areas (`graven.io.gpkg.read_gpkg`).
    changed : collection of str
        Ids of those that a person has drawn or changed; the measures of all others hold.
    valid : ndarray of shape (H, W), bool
        Where something is known.
    valid_px : int, > 0, pixels, optional
        How many pixels were looked at when the traces were made, if `valid` does not say which; default is its count.
    image : ndarray of shape (H, W), uint8, optional
        Grey values, in which the widths of changed lines are measured.
    prob : ndarray of shape (H, W), uint8, optional
        Probability of cracks, times 255, for the same.
    pixel_size : PixelSize, optional
        The one the traces were measured with.

    Returns
    -------
    Damage
        As `graven.methods.damage.measure_damage` gives it. A changed line has no width where none could be measured,
        and there is no 95th percentile of all widths, for which their profiles would be needed.
    """
    height, width = valid.shape
    size: dict[str, Any] = {"pixel_size": pixel_size}
    outline = mask_outline(valid)
    surface, valid_px = (outline, int(np.count_nonzero(valid))) if valid_px is None else ((), valid_px)
    counted = [trace for trace in traces if trace.status != "rejected"]
    panel = shapely.MultiPolygon([(part[0], part[1:]) for part in outline])
    losses = _losses(counted, changed, surface=panel, valid_px=valid_px, pixel_size=pixel_size)
    lost = trace_classes(losses, classes=CONDITION_CLASSES, height=height, width=width) == LOSS_ID
    net = _Net.of([trace for trace in counted if trace.class_id == CRACK_ID], changed, lost, valid, pixel_size)
    cracks = net.measured(image=image, prob=prob, other=lost, valid=valid)
    each = [trace.measures for trace in cracks]
    survey = net.survey(each, valid_px=valid_px)
    drawn = _drawn(cracks, net.scale, valid.shape)
    islands = tuple(find_islands(drawn, other=lost, valid=valid, min_area_px=LEAST_ISLAND_PX, **size))
    island_measures = island_totals(list(islands), valid_px=valid_px, **size)
    loss_bins = tuple(size_table([LossArea(t.number, t.polygons, t.measures) for t in losses], **size))
    rejected = [trace for trace in traces if trace.status == "rejected"]
    return Damage(
        traces=tuple(sorted([*cracks, *losses, *rejected], key=lambda trace: (trace.class_id, trace.number))),
        totals={
            CRACK_ID: survey.measures | crack_area(each, valid_px=valid_px, **size) | island_measures,
            LOSS_ID: loss_totals(loss_bins),
        },
        networks=tuple(survey.networks),
        nodes=crack_nodes(survey.graph),
        rose=survey.rose,
        islands=islands,
        style=craquelure_style(survey, island_measures),
        width_bins=tuple(crack_bins(each, "width_mean", **size)),
        length_bins=tuple(crack_bins(each, "length", **size)),
        loss_bins=loss_bins,
        surface=surface,
    )


def _losses(traces: Sequence[Trace], changed: Collection[str], **settings: Any) -> list[Trace]:
    losses = [trace for trace in traces if trace.class_id == LOSS_ID]
    return [
        replace(trace, measures=loss_measures(trace.polygons, **settings)) if trace.uid in changed else trace
        for trace in losses
    ]


@dataclass(frozen=True, slots=True)
class _Net:
    """The cracks as a network: ``owner`` is the crack that each of its lines belongs to."""

    cracks: list[Trace]
    is_changed: NDArray[np.bool_]
    lines: LineGraph
    owner: NDArray[np.int64]
    scale: Scale

    @classmethod
    def of(
        cls,
        cracks: list[Trace],
        changed: Collection[str],
        lost: NDArray[np.bool_],
        valid: NDArray[np.bool_],
        pixel_size: PixelSize | None,
    ) -> _Net:
        size_x, size_y = pixel_sides(pixel_size)
        unit, sigma_rel = ("px", 0.0) if pixel_size is None else ("mm", pixel_size.sigma_rel)
        scale = Scale(math.sqrt(size_x * size_y), unit, sigma_rel)
        flat = [(k, line) for k, trace in enumerate(cracks) for line in trace.lines]
        is_changed = np.array([trace.uid in changed for trace in cracks], bool)
        owner = np.array([k for k, _ in flat], np.int64)
        widths = [_width(trace.measures) / scale.factor for trace in cracks]
        lines = graph_of_lines(
            [line for _, line in flat],
            is_changed=is_changed[owner].tolist(),
            widths_px=[widths[k] for k in owner],
            other=lost,
            valid=valid,
            size_x=size_x,
            size_y=size_y,
        )
        return cls(cracks, is_changed, lines, owner, scale)

    @property
    def crack_of(self) -> NDArray[np.int64]:
        """The crack of each edge of the graph."""
        return self.owner[self.lines.line]

    def measured(self, **evidence: Any) -> list[Trace]:
        """Give the cracks with their measures: those of changed ones anew, and the network of all."""
        has_evidence = any(evidence[name] is not None for name in ("image", "prob"))
        widths = measure_line_widths(self.lines, **evidence) if has_evidence and self.is_changed.any() else {}
        graph, crack = self.lines.graph, self.crack_of
        moment = directions_of(graph)[0]
        n = len(self.cracks)
        length = np.bincount(crack, graph.length, n)
        turn = direction_deg(np.bincount(crack, moment.real, n) + 1j * np.bincount(crack, moment.imag, n))
        network = np.ones(n, np.int64)
        network[crack[::-1]] = network_of(graph)[::-1] + 1
        found = []
        for k, trace in enumerate(self.cracks):
            measures = {name: measure for name, measure in trace.measures.items() if name != "network"}
            if self.is_changed[k]:
                own = [(line, widths[line]) for line in np.flatnonzero(self.owner == k).tolist() if line in widths]
                measures = self._of_line(trace, float(length[k]), float(turn[k]), [width for _, width in own])
            found.append(replace(trace, measures={**measures, "network": Measure(float(network[k]), "")}))
        return found

    def _of_line(self, trace: Trace, length: float, turn: float, widths: list[LineWidths]) -> dict[str, Measure]:
        """Measure one changed crack; it is known to half a pixel at either end."""
        measures = {"length": self.scale.distance(length, BOUNDARY_SIGMA_PX)}
        if len(widths) == len(trace.lines):
            values = np.array([[w.mean, w.median, w.p95, w.most] for w in widths])
            sigma = float(np.mean([w.sigma for w in widths]))
            joined = [*values[:, :3].mean(axis=0).tolist(), float(values[:, 3].max())]
            measures |= {name: self.scale.width(value, sigma) for name, value in zip(WIDTHS, joined, strict=True)}
        aside = math.degrees(math.sqrt(2) * BOUNDARY_SIGMA_PX / length) if length > 0 else 180.0
        measures["direction"] = Measure(turn, "deg", aside)
        ends = (trace.lines[0][0] - trace.lines[0][-1]) * self.lines.graph.size
        apart = float(np.hypot(*ends))
        if len(trace.lines) == 1 and apart > 0:
            tortuosity = length / apart
            measures["tortuosity"] = Measure(tortuosity, "", (tortuosity - 1) * 2 * BOUNDARY_SIGMA_PX / apart)
        return measures

    def survey(self, each: Sequence[Mapping[str, Measure]], *, valid_px: int) -> CrackSurvey:
        """Sum up the network; `each` are the measures of the cracks."""
        graph, scale = self.lines.graph, self.scale
        shift = np.array([self._shift(measures["length"]) for measures in each])[self.crack_of]
        moment, rose = directions_of(graph)
        networks = networks_of(graph, network_of(graph), shift, scale)
        measures = counts_of(graph, np.arange(len(graph)), shift, scale)
        measures |= panel_measures(graph, None, shift, moment, valid_px=valid_px, scale=scale)
        measures["n_cracks"] = Measure(float(len(each)), "")  # a line that others cross counts once
        measures |= _width_totals(each)
        measures["n_networks"] = Measure(float(len(networks)), "")
        return CrackSurvey(graph, [], networks, rose * scale.factor, measures)

    def _shift(self, length: Measure) -> float:
        """Give the uncertainty of the borders of a crack, in units, from that of its length."""
        rest = (length.sigma or 0.0) ** 2 - (self.scale.sigma_rel * length.value) ** 2
        return math.sqrt(max(rest, 0.0)) / 2 / self.scale.factor


def _width(measures: Mapping[str, Measure]) -> float:
    return measures["width_mean"].value if "width_mean" in measures else math.nan


def _width_totals(each: Sequence[Mapping[str, Measure]]) -> dict[str, Measure]:
    """Give mean and greatest width of the cracks that have one."""
    own = [measures for measures in each if "width_mean" in measures and "width_max" in measures]
    weights = [measures["length"].value for measures in own]
    if not own or sum(weights) == 0:
        return {}
    mean = [measures["width_mean"] for measures in own]
    value, sigma = (
        float(np.average(values, weights=weights))
        for values in ([m.value for m in mean], [m.sigma or 0.0 for m in mean])
    )
    widest = max((measures["width_max"] for measures in own), key=lambda measure: measure.value)
    return {"width_mean": Measure(value, mean[0].unit, sigma), "width_max": widest}


def _drawn(cracks: Sequence[Trace], scale: Scale, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Draw the cracks as wide as they are, and a pixel wide where that is not known."""
    mask = np.zeros(shape, np.uint8)
    for trace in cracks:
        width = _width(trace.measures) / scale.factor
        thick = max(1, round(width)) if math.isfinite(width) else 1
        lines = [np.rint((line - 0.5) * 16).astype(np.int32)[:, None] for line in trace.lines]
        cv2.polylines(mask, lines, isClosed=False, color=1, thickness=thick, shift=4)
    return mask.astype(bool)
