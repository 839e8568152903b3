"""Islands: what cracks enclose, and how it is shaped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy import ndimage

from graven.errors import InputError
from graven.measure.components import Components, find_components, read_runs
from graven.measure.perimeter import CROFTON_SIGMA, crofton_perimeter
from graven.measure.polygons import trace_polygons
from graven.measure.shape import pixel_sides
from graven.measure.uncertainty import BOUNDARY_SIGMA_PX, area_sigma
from graven.types import Measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import PixelSize, Ring

__all__ = ["Island", "find_islands", "island_totals", "mark_runs"]


@dataclass(frozen=True, slots=True)
class Island:
    """One region between cracks.

    Attributes
    ----------
    number : int
        From 1, in raster order of the first pixels.
    is_open : bool
        Whether it reaches the border of the picture or of what is known, so that its true size is not.
    polygons : tuple of tuple of Ring
        Its outline on pixel edges, as `graven.measure.polygons.trace_polygons` gives it.
    measures : dict of str to Measure
        See `find_islands`.
    """

    number: int
    is_open: bool
    polygons: tuple[tuple[Ring, ...], ...]
    measures: dict[str, Measure]


def find_islands(
    cracks: NDArray[np.bool_],
    *,
    other: NDArray[np.bool_] | None = None,
    valid: NDArray[np.bool_] | None = None,
    pixel_size: PixelSize | None = None,
    min_area_px: float = 0.0,
) -> list[Island]:
    """Find the islands between cracks and measure them.

    Parameters
    ----------
    cracks : ndarray of shape (H, W), bool
        The cracks.
    other : ndarray of shape (H, W), bool, optional
        What is no island either, such as losses.
    valid : ndarray of shape (H, W), bool, optional
        False where nothing is known.
    pixel_size : PixelSize, optional
        Without it all measures are in pixels.
    min_area_px : float, pixels
        Smaller islands are left out.

    Returns
    -------
    list of Island
        Each with the measures

        ``area``, ``perimeter``
            Pixels counted; the perimeter by Crofton's formula.
        ``equivalent_diameter``
            Of the circle of equal area.
        ``elongation``
            Longer over shorter axis of the ellipse of equal second moments: 1 for a circle or a square.
        ``solidity``
            Area over that of the convex hull: 1 for a convex island, less by its staircase on the pixel grid.

    Raises
    ------
    InputError
        If shapes differ.

    Notes
    -----
    Pixels of an island touch at edges, so a crack one pixel wide that runs diagonally divides. A region that touches no
    crack, such as a remnant within a loss, is no island.
    """
    ground = ~cracks
    for name, given in (("other", other), ("valid", valid)):
        if given is not None and given.shape != cracks.shape:
            raise InputError(f"{name} must have the shape of the cracks, {cracks.shape}, got {given.shape}")
    if other is not None:
        ground &= ~other
    if valid is not None:
        ground &= valid
    height, width = ground.shape
    runs = read_runs(lambda window: ground[window.slices()], height=height, width=width)
    components = find_components(runs, connectivity=4)
    beside_crack = mark_runs(components, ground & ndimage.binary_dilation(cracks))
    components = components.select(beside_crack & (components.area_px >= min_area_px))
    if len(components) == 0:
        return []
    is_open = _touches_border(components)
    if valid is not None:
        is_open |= mark_runs(components, ground & ndimage.binary_dilation(~valid))
    polygons = trace_polygons(components)
    elongation = _elongation(components, *pixel_sides(pixel_size))
    corners = [shapely.multipoints(np.concatenate([part[0] for part in parts])) for parts in polygons]
    solidity = components.area_px / shapely.area(shapely.convex_hull(np.array(corners)))
    return [
        Island(k + 1, bool(is_open[k]), parts, _measures(components, k, parts, elongation, solidity, pixel_size))
        for k, parts in enumerate(polygons)
    ]


def island_totals(islands: list[Island], *, valid_px: int, pixel_size: PixelSize | None = None) -> dict[str, Measure]:
    """Sum up islands.

    Parameters
    ----------
    islands : list of Island
        Of one panel.
    valid_px : int, > 0, pixels
        Pixels of the panel where something is known.
    pixel_size : PixelSize, optional
        The one they were measured with.

    Returns
    -------
    dict of str to Measure
        ``n_islands``, ``n_islands_open`` (those at a border, counted nowhere else), and of the closed ones, where there
        are any, ``island_share`` (of the valid surface), and the medians ``island_area``,
        ``island_equivalent_diameter``, ``island_elongation`` and ``island_solidity``.

    Raises
    ------
    InputError
        If `valid_px` is not positive.
    """
    if valid_px <= 0:
        raise InputError(f"the panel must have valid pixels to be measured, got {valid_px}")
    closed = [island for island in islands if not island.is_open]
    totals = {
        "n_islands": Measure(float(len(closed)), ""),
        "n_islands_open": Measure(float(len(islands) - len(closed)), ""),
    }
    if not closed:
        return totals
    size_x, size_y = pixel_sides(pixel_size)
    valid_area = valid_px * size_x * size_y
    scale = 0.0 if pixel_size is None else pixel_size.sigma_rel
    areas = [island.measures["area"] for island in closed]
    rest = sum(math.sqrt(max((area.sigma or 0.0) ** 2 - (2 * scale * area.value) ** 2, 0.0)) for area in areas)
    share = math.fsum(area.value for area in areas) / valid_area
    totals["island_share"] = Measure(share, "", rest / valid_area)
    for name in ("area", "equivalent_diameter", "elongation", "solidity"):
        measures = [island.measures[name] for island in closed]
        sigmas = [measure.sigma for measure in measures if measure.sigma is not None]
        sigma = float(np.median(sigmas)) if sigmas else None
        totals[f"island_{name}"] = Measure(float(np.median([m.value for m in measures])), measures[0].unit, sigma)
    return totals


def mark_runs(components: Components, marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say of each object whether one of its pixels is marked; `marked` lies inside the objects or outside all."""
    runs = components.runs
    row, col = np.nonzero(marked)
    key = runs.row.astype(np.int64) * runs.width + runs.start
    run = np.searchsorted(key, row * runs.width + col, side="right") - 1
    inside = (run >= 0) & (row == runs.row[run]) & (col < runs.stop[run]) if len(runs) else np.zeros(len(row), bool)
    return np.bincount(components.label[run[inside]], minlength=len(components)) > 0


def _touches_border(components: Components) -> NDArray[np.bool_]:
    box, runs = components.bbox_px, components.runs
    return np.asarray((box[:, 0] == 0) | (box[:, 1] == 0) | (box[:, 2] == runs.height) | (box[:, 3] == runs.width))


def _elongation(components: Components, size_x: float, size_y: float) -> NDArray[np.float64]:
    """Give the ratio of the axes from second moments of the area, each pixel a small rectangle."""
    runs, label, n = components.runs, components.label, len(components)
    length = runs.length.astype(np.float64)
    x = (runs.start + runs.stop) / 2 - components.centroid_px[label, 0]
    y = runs.row + 0.5 - components.centroid_px[label, 1]
    xx = np.bincount(label, length * (x * x + length**2 / 12), n) * size_x**2
    yy = np.bincount(label, length * (y * y + 1 / 12), n) * size_y**2
    xy = np.bincount(label, length * x * y, n) * size_x * size_y
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    return np.asarray(np.sqrt((middle + half) / (middle - half)))


def _measures(
    components: Components,
    k: int,
    polygons: tuple[tuple[Ring, ...], ...],
    elongation: NDArray[np.float64],
    solidity: NDArray[np.float64],
    pixel_size: PixelSize | None,
) -> dict[str, Measure]:
    size_x, size_y = pixel_sides(pixel_size)
    unit, scale = ("px", 0.0) if pixel_size is None else ("mm", pixel_size.sigma_rel)
    area = float(components.area_px[k]) * size_x * size_y
    perimeter = crofton_perimeter([ring for part in polygons for ring in part], size_x=size_x, size_y=size_y)
    shift = BOUNDARY_SIGMA_PX * math.sqrt(size_x * size_y)
    sigma = area_sigma(area, perimeter=perimeter, shift_sigma=shift, scale_sigma_rel=scale)
    diameter = 2 * math.sqrt(area / math.pi)
    long, short = math.sqrt(elongation[k]) * diameter, diameter / math.sqrt(elongation[k])
    return {
        "area": Measure(area, f"{unit}2", sigma),
        "perimeter": Measure(perimeter, unit, math.hypot(scale, CROFTON_SIGMA) * perimeter),
        "equivalent_diameter": Measure(diameter, unit, diameter / 2 * sigma / area),
        # both axes grow by twice the shift of the border
        "elongation": Measure(float(elongation[k]), "", float(elongation[k]) * 2 * shift * (1 / short - 1 / long)),
        "solidity": Measure(float(solidity[k]), "", abs(1 - float(solidity[k])) * perimeter * shift / area),
    }
