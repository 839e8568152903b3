"""Losses: areas where the paint is gone, one by one and by size."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.measure.components import Components, find_components, read_runs
from graven.measure.perimeter import CROFTON_SIGMA, crofton_perimeter
from graven.measure.polygons import trace_polygons
from graven.measure.shape import pixel_sides
from graven.measure.thinning import distance_to_border
from graven.measure.uncertainty import area_sigma, border_shift_sigma, threshold_area_sigma
from graven.types import Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.measure.objects import Evidence
    from graven.types import PixelSize, Ring

__all__ = ["LOSS_BINS_MM2", "LOSS_BINS_PX2", "LossArea", "SizeBin", "measure_losses", "size_table"]

LOSS_BINS_MM2 = (0.0, 1.0, 10.0, 100.0, 1_000.0, 10_000.0, math.inf)
"""Bounds of the size bins where a scale is known: decades, each with its lower bound."""

LOSS_BINS_PX2 = (0.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, math.inf)
"""Bounds of the size bins without a scale."""


@dataclass(frozen=True, slots=True)
class LossArea:
    """One loss.

    Attributes
    ----------
    number : int
        From 1, in raster order of the first pixels.
    polygons : tuple of tuple of Ring
        Its outline on pixel edges, with holes.
    measures : dict of str to Measure
        See `measure_losses`.
    """

    number: int
    polygons: tuple[tuple[Ring, ...], ...]
    measures: dict[str, Measure]


@dataclass(frozen=True, slots=True)
class SizeBin:
    """One row of the table of sizes.

    Attributes
    ----------
    low, high : float, mm², or px² without a scale
        Areas from `low` up to but not including `high`.
    count : int
        Losses of that size.
    area, share : Measure
        What they take together, and of the valid surface.
    """

    low: float
    high: float
    count: int
    area: Measure
    share: Measure


def measure_losses(
    losses: NDArray[np.bool_] | Components,
    *,
    evidence: Evidence | None = None,
    valid: NDArray[np.bool_] | None = None,
    pixel_size: PixelSize | None = None,
) -> list[LossArea]:
    """Measure the losses of a panel.

    Parameters
    ----------
    losses : ndarray of shape (H, W), bool, or Components
        Where the paint is lost; or the objects, as `graven.measure.objects` finds them together with their `evidence`.
    evidence : Evidence, optional
        What the probability says of the objects. Without it no uncertainty stems from the threshold.
    valid : ndarray of shape (H, W), bool, optional
        False outside of the panel. Without it the panel is the whole picture.
    pixel_size : PixelSize, optional
        Without it all measures are in pixels.

    Returns
    -------
    list of LossArea
        Pixels of a loss touch at edges or corners. Each has the measures

        ``area``, ``perimeter``
            Pixels counted, holes left out; the perimeter by Crofton's formula, holes included.
        ``equivalent_diameter``
            Of the circle of equal area.
        ``edge_distance``
            Least distance from the loss to the edge of the panel: 0 where it touches.
        ``share``
            Of the valid surface.

    Raises
    ------
    InputError
        If shapes differ, `evidence` comes without the objects it is about, or nothing is valid.
    """
    if isinstance(losses, Components):
        components = losses
    elif evidence is not None:
        raise InputError("evidence is about objects; pass the components that were found with it, not a mask")
    else:
        height, width = losses.shape
        runs = read_runs(lambda window: losses[window.slices()], height=height, width=width)
        components = find_components(runs)
    shape = components.runs.height, components.runs.width
    if valid is not None and valid.shape != shape:
        raise InputError(f"valid must have the shape of the losses, {shape}, got {valid.shape}")
    size_x, size_y = pixel_sides(pixel_size)
    n_valid = shape[0] * shape[1] if valid is None else int(np.count_nonzero(valid))
    if n_valid == 0:
        raise InputError("the panel must have valid pixels to be measured, got none")
    polygons = trace_polygons(components)
    rings = [[ring for part in parts for ring in part] for parts in polygons]
    perimeters = [crofton_perimeter(found, size_x=size_x, size_y=size_y) for found in rings]
    shifts = _shifts(components, evidence, perimeters, size_x * size_y)
    distances = _edge_distances(components, valid, size_x, size_y)
    valid_area = n_valid * size_x * size_y
    unit, scale = ("px", 0.0) if pixel_size is None else ("mm", pixel_size.sigma_rel)
    found_losses = []
    for k, parts in enumerate(polygons):
        area = float(components.area_px[k]) * size_x * size_y
        sigma = area_sigma(area, perimeter=perimeters[k], shift_sigma=shifts[k], scale_sigma_rel=scale)
        diameter = 2 * math.sqrt(area / math.pi)
        measures = {
            "area": Measure(area, f"{unit}2", sigma),
            "perimeter": Measure(perimeters[k], unit, math.hypot(scale, CROFTON_SIGMA) * perimeters[k]),
            "equivalent_diameter": Measure(diameter, unit, diameter / 2 * sigma / area),
            "edge_distance": Measure(distances[k], unit, math.hypot(scale * distances[k], shifts[k])),
            "share": Measure(area / valid_area, "", shifts[k] * perimeters[k] / valid_area),
        }
        found_losses.append(LossArea(k + 1, parts, measures))
    return found_losses


def size_table(
    losses: Sequence[LossArea],
    *,
    pixel_size: PixelSize | None = None,
    bounds: Sequence[float] | None = None,
) -> list[SizeBin]:
    """Sort losses by size.

    Parameters
    ----------
    losses : sequence of LossArea
        Of one panel.
    pixel_size : PixelSize, optional
        The one they were measured with.
    bounds : sequence of float, optional
        Rising bounds of the bins, in the unit of the areas. Default is `LOSS_BINS_MM2`, or `LOSS_BINS_PX2` without a
        scale.

    Returns
    -------
    list of SizeBin
        One per bin, empty ones as well. Errors of a sum are added, for they have one cause.

    Raises
    ------
    InputError
        If bounds do not rise, or an area lies outside all bins.

    Examples
    --------
    >>> mask = np.zeros((40, 40), bool)
    >>> mask[2:4, 2:4] = mask[10:30, 10:30] = True
    >>> [(row.count, row.area.value) for row in size_table(measure_losses(mask))][:3]
    [(1, 4.0), (0, 0.0), (1, 400.0)]
    """
    edges = list(bounds if bounds is not None else LOSS_BINS_PX2 if pixel_size is None else LOSS_BINS_MM2)
    if len(edges) < 2 or any(high <= low for low, high in itertools.pairwise(edges)):
        raise InputError(f"size bins need two or more rising bounds, got {edges}")
    areas = [loss.measures["area"] for loss in losses]
    outside = [area.value for area in areas if not edges[0] <= area.value < edges[-1]]
    if outside:
        raise InputError(f"every area must lie in a size bin from {edges[0]} to {edges[-1]}, got {outside[0]}")
    unit, scale = ("px2", 0.0) if pixel_size is None else ("mm2", pixel_size.sigma_rel)
    rows = []
    for low, high in itertools.pairwise(edges):
        inside = [loss.measures for loss in losses if low <= loss.measures["area"].value < high]
        area = math.fsum(measures["area"].value for measures in inside)
        rest = sum(
            math.sqrt(max((m["area"].sigma or 0.0) ** 2 - (2 * scale * m["area"].value) ** 2, 0.0)) for m in inside
        )
        share = Measure(
            math.fsum(measures["share"].value for measures in inside),
            "",
            math.fsum(measures["share"].sigma or 0.0 for measures in inside),
        )
        rows.append(SizeBin(low, high, len(inside), Measure(area, unit, math.hypot(2 * scale * area, rest)), share))
    return rows


def _shifts(
    components: Components, evidence: Evidence | None, perimeters: list[float], pixel_area: float
) -> list[float]:
    """Give the uncertainty of the borders."""
    sigmas = [0.0] * len(components)
    if evidence is not None:
        low = evidence.area_low_px(components.area_px, np.array(perimeters)) * pixel_area
        high = evidence.area_high_px * pixel_area
        sigmas = [threshold_area_sigma(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    return [
        border_shift_sigma(perimeter, area_sigma_threshold=sigma, pixel=math.sqrt(pixel_area))
        for perimeter, sigma in zip(perimeters, sigmas, strict=True)
    ]


def _edge_distances(
    components: Components, valid: NDArray[np.bool_] | None, size_x: float, size_y: float
) -> list[float]:
    """Give the least distance of each object to the edge of the panel."""
    runs, box = components.runs, components.bbox_px
    if valid is None:
        beside = np.minimum(box[:, 1], runs.width - box[:, 3]) * size_x
        above = np.minimum(box[:, 0], runs.height - box[:, 2]) * size_y
        found: list[float] = np.minimum(beside, above).tolist()
        return found
    distance, step = distance_to_border(valid.view(np.uint8), size_x=size_x, size_y=size_y)
    # between centres; the border runs half a pixel before the one and the loss ends half a pixel before the other
    distance -= np.where(step > 0, step, math.sqrt(size_x * size_y))
    np.maximum(distance, 0, out=distance)
    nearest = np.full(len(components), np.inf)
    first = np.flatnonzero(runs.row[1:] != runs.row[:-1]) + 1
    for chosen in np.split(np.arange(len(runs)), first):
        if len(chosen) == 0:
            continue
        values = distance[runs.row[chosen[0]]]
        ends = np.stack([runs.start[chosen], runs.stop[chosen]], axis=1).reshape(-1)
        ends = ends[:-1] if ends[-1] == runs.width else ends
        np.minimum.at(nearest, components.label[chosen], np.minimum.reduceat(values, ends)[::2])
    return [float(value) for value in nearest]
