"""What is measured of a damaged surface, wherever its cracks and losses come from: a model, a mask or a person."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.measure.crack_measures import measure_cracks
from graven.measure.crack_nodes import CrackNode, crack_nodes
from graven.measure.crack_sizes import LengthBin, crack_area, crack_bins
from graven.measure.crack_style import CraquelureStyle, craquelure_style
from graven.measure.islands import Island, find_islands, island_totals
from graven.measure.loss_areas import LossArea, SizeBin, measure_losses, size_table
from graven.measure.polygons import mask_outline
from graven.types import CONDITION_CLASSES, Measure, Trace, trace_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.measure.components import Components
    from graven.measure.crack_measures import CrackNetwork, CrackSurvey
    from graven.measure.objects import Evidence
    from graven.types import PixelSize, Ring

__all__ = ["CRACK_ID", "LEAST_ISLAND_PX", "LOSS_ID", "Damage", "loss_totals", "measure_damage"]

CRACK_ID, LOSS_ID = (entry.id for entry in CONDITION_CLASSES.classes)
"""Numbers of the two kinds of damage."""

LEAST_ISLAND_PX = 10.0
"""Smaller regions are slivers at the border of a crack, and no islands."""

_POINT_DECIMALS = 3  # of a pixel, as ids hash points: a line that comes back from a file has the id it had


@dataclass(frozen=True, slots=True)
class Damage:
    """Cracks and losses of a panel, in figures.

    Attributes
    ----------
    traces : tuple of Trace
        One per crack, a line, and one per loss, an area.
    totals : dict of int to dict of str to Measure
        Over the panel, by class.
    networks : tuple of CrackNetwork
        Cracks that hang together.
    nodes : tuple of CrackNode
        Where cracks end, bend and meet.
    rose : ndarray of shape (18,), float64, mm, or pixels without a scale
        Length of crack by direction, in bins of 10 degrees (`graven.measure.crack_measures.CrackSurvey`).
    islands : tuple of Island
        Regions between cracks.
    style : CraquelureStyle
        What the pattern of cracks is like.
    width_bins, length_bins : tuple of LengthBin
        Cracks by mean width, and by length.
    loss_bins : tuple of SizeBin
        Losses by area.
    surface : tuple of tuple of Ring
        Outline of what was looked at, in pixels: where the photograph shows something, within the region of interest.
        Empty where nobody knows.
    """

    traces: tuple[Trace, ...]
    totals: dict[int, dict[str, Measure]]
    networks: tuple[CrackNetwork, ...]
    nodes: tuple[CrackNode, ...]
    rose: NDArray[np.float64]
    islands: tuple[Island, ...]
    style: CraquelureStyle
    width_bins: tuple[LengthBin, ...]
    length_bins: tuple[LengthBin, ...]
    loss_bins: tuple[SizeBin, ...]
    surface: tuple[tuple[Ring, ...], ...]


def measure_damage(
    cracks: Components,
    losses: Components,
    *,
    evidence: Evidence | None = None,
    valid: NDArray[np.bool_],
    image: NDArray[np.uint8] | None = None,
    prob: NDArray[np.uint8] | None = None,
    threshold: float = 0.5,
    pixel_size: PixelSize | None = None,
    source: str,
) -> Damage:
    """Measure cracks and losses that were found before.

    Parameters
    ----------
    cracks, losses : Components
        The objects of the two classes, as `graven.measure.objects` finds them.
    evidence : Evidence, optional
        What the probability says of the losses.
    valid : ndarray of shape (H, W), bool
        Where something is known.
    image : ndarray of shape (H, W), uint8, optional
        Grey values, in which widths are measured.
    prob : ndarray of shape (H, W), uint8, optional
        Probability of cracks, times 255.
    threshold : float
        Where the probability was cut.
    pixel_size : PixelSize, optional
        Without it all measures are in pixels.
    source : str
        Hash or name of the input; part of every ``uid``.

    Returns
    -------
    Damage
        The figures.

    Notes
    -----
    Centre-lines are kept to a thousandth of a pixel, as ids hash them.
    """
    size: dict[str, Any] = {"pixel_size": pixel_size}
    masks = [_painted(components) for components in (cracks, losses)]
    survey = measure_cracks(masks[0], image=image, prob=prob, other=masks[1], valid=valid, threshold=threshold, **size)
    islands = tuple(find_islands(masks[0], other=masks[1], valid=valid, min_area_px=LEAST_ISLAND_PX, **size))
    areas = measure_losses(losses, evidence=evidence, valid=valid, **size)
    valid_px = int(np.count_nonzero(valid))
    island_measures = island_totals(list(islands), valid_px=valid_px, **size)
    each = [crack.measures for crack in survey.cracks]
    loss_bins = tuple(size_table(areas, **size))
    return Damage(
        traces=(*_crack_traces(survey, source, prob), *_loss_traces(areas, evidence, source)),
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
        surface=mask_outline(valid),
    )


def loss_totals(bins: Sequence[SizeBin]) -> dict[str, Measure]:
    """Add up all losses; errors are added, for they have one cause.

    Parameters
    ----------
    bins : sequence of SizeBin
        Losses by area.

    Returns
    -------
    dict of str to Measure
        ``n_traces``, ``area`` and ``loss_share``.
    """

    def added(parts: list[Measure]) -> Measure:
        return Measure(sum(part.value for part in parts), parts[0].unit, sum(part.sigma or 0.0 for part in parts))

    return {
        "n_traces": Measure(float(sum(row.count for row in bins)), ""),
        "area": added([row.area for row in bins]),
        "loss_share": added([row.share for row in bins]),
    }


def _painted(components: Components) -> NDArray[np.bool_]:
    return components.runs.paint(0, components.runs.height).astype(bool)


def _crack_traces(survey: CrackSurvey, source: str, prob: NDArray[np.uint8] | None) -> list[Trace]:
    """Make a line of every crack; its confidence is the mean probability along it."""
    traces = []
    for crack in survey.cracks:
        points = np.round(crack.points, _POINT_DECIMALS)
        measures = {**crack.measures, "network": Measure(float(crack.network), "")}
        uid = trace_uid(source, CRACK_ID, [points])
        traces.append(Trace(uid, crack.number, CRACK_ID, (), (points,), _confidence(crack.points, prob), measures))
    return traces


def _confidence(points: NDArray[np.float64], prob: NDArray[np.uint8] | None) -> float:
    if prob is None:
        return math.nan
    height, width = prob.shape
    cols, rows = np.floor(points).astype(np.intp).T
    return float(prob[rows.clip(0, height - 1), cols.clip(0, width - 1)].mean()) / 255


def _loss_traces(losses: list[LossArea], evidence: Evidence | None, source: str) -> list[Trace]:
    traces = []
    for index, loss in enumerate(losses):
        uid = trace_uid(source, LOSS_ID, [ring for part in loss.polygons for ring in part])
        confidence = math.nan if evidence is None else float(evidence.mean[index])
        traces.append(Trace(uid, loss.number, LOSS_ID, loss.polygons, (), confidence, loss.measures))
    return traces
