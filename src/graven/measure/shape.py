"""Measures of one object from its outline and its centre-lines, each with its uncertainty."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import shapely

from graven.measure.perimeter import CROFTON_SIGMA, crofton_perimeter
from graven.measure.polygons import outer_rings, signed_area
from graven.measure.uncertainty import area_sigma, length_sigma, share_sigma
from graven.types import Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.measure.centerlines import Centerline
    from graven.types import PixelSize, Ring

__all__ = ["bounding_rectangle", "outline_measures", "pixel_sides", "stroke_measures"]


def pixel_sides(pixel_size: PixelSize | None) -> tuple[float, float]:
    """Give width and height of a pixel in millimetres, or 1 and 1 without a scale."""
    return (1.0, 1.0) if pixel_size is None else (pixel_size.x_mm, pixel_size.y_mm)


def outline_measures(
    polygons: tuple[tuple[Ring, ...], ...], *, perimeter: float, shift_sigma: float, pixel_size: PixelSize | None
) -> dict[str, Measure]:
    """Measure an object by its outline.

    Parameters
    ----------
    polygons : tuple of tuple of Ring
        The object as `graven.measure.polygons.trace_polygons` gives it.
    perimeter : float
        Its perimeter, in millimetres or pixels.
    shift_sigma : float
        Uncertainty of its border (`graven.measure.uncertainty.border_shift_sigma`), in the same unit.
    pixel_size : PixelSize or None
        Without it the measures are in pixels.

    Returns
    -------
    dict of str to Measure
        ``area perimeter length width bbox_width bbox_height equivalent_diameter pecked_share``, as described in
        `graven.measure.figures.trace_figures`.
    """
    size_x, size_y = pixel_sides(pixel_size)
    unit, scale = ("px", 0.0) if pixel_size is None else ("mm", pixel_size.sigma_rel)
    area = sum(signed_area(ring) for part in polygons for ring in part) * size_x * size_y
    outer = outer_rings(polygons)
    filled = sum(signed_area(ring) for ring in outer) * size_x * size_y
    is_full = sum(map(len, polygons)) == len(outer)
    filled_perimeter = perimeter if is_full else crofton_perimeter(outer, size_x=size_x, size_y=size_y)
    points = np.concatenate(outer) * [size_x, size_y]
    box_width, box_height = (float(side) for side in np.ptp(points, axis=0))
    length, width = bounding_rectangle(points)
    sigma_area = area_sigma(area, perimeter=perimeter, shift_sigma=shift_sigma, scale_sigma_rel=scale)

    def distance(value: float) -> Measure:
        return Measure(value, unit, length_sigma(value, shift_sigma=shift_sigma, scale_sigma_rel=scale))

    diameter = 2 * math.sqrt(area / math.pi)
    sigma_share = share_sigma(
        area, filled, perimeter=perimeter, whole_perimeter=filled_perimeter, shift_sigma=shift_sigma
    )
    return {
        "area": Measure(area, f"{unit}2", sigma_area),
        "perimeter": Measure(perimeter, unit, math.hypot(scale, CROFTON_SIGMA) * perimeter),
        "length": distance(length),
        "width": distance(width),
        "bbox_width": distance(box_width),
        "bbox_height": distance(box_height),
        "equivalent_diameter": Measure(diameter, unit, diameter / 2 * sigma_area / area),
        "pecked_share": Measure(area / filled, "", sigma_share),
    }


def stroke_measures(
    lines: Sequence[Centerline], *, shift_sigma: float, pixel_size: PixelSize | None, total: str
) -> dict[str, Measure]:
    """Measure an object by its centre-lines.

    Parameters
    ----------
    lines : sequence of Centerline
        Its strokes.
    shift_sigma : float
        Uncertainty of its border, in the unit of the lines.
    pixel_size : PixelSize or None
        Without it the measures are in pixels.
    total : str
        Name of the total length.

    Returns
    -------
    dict of str to Measure
        `total`, ``width_mean`` weighed by length, ``width_p95`` (the largest of all lines), and for line ``n`` from 1
        ``stroke_<n>_length``, ``stroke_<n>_width`` and ``stroke_<n>_width_p95``; nothing without lines.
    """
    if not lines:
        return {}
    unit, scale = ("px", 0.0) if pixel_size is None else ("mm", pixel_size.sigma_rel)

    def distance(value: float) -> Measure:
        return Measure(value, unit, length_sigma(value, shift_sigma=shift_sigma, scale_sigma_rel=scale))

    length = sum(line.length for line in lines)
    measures = {
        total: distance(length),
        "width_mean": distance(sum(line.width_mean * line.length for line in lines) / length),
        "width_p95": distance(max(line.width_p95 for line in lines)),
    }
    for number, line in enumerate(lines, start=1):
        measures[f"stroke_{number}_length"] = distance(line.length)
        measures[f"stroke_{number}_width"] = distance(line.width_mean)
        measures[f"stroke_{number}_width_p95"] = distance(line.width_p95)
    return measures


def bounding_rectangle(points: NDArray[np.float64]) -> tuple[float, float]:
    """Give the sides of the smallest rectangle around points, in any direction.

    Parameters
    ----------
    points : ndarray of shape (N, 2), float64
        Any points.

    Returns
    -------
    length, width : float, unit of the points
        The longer and the shorter side of the rectangle of least area.

    Notes
    -----
    One side of that rectangle lies along a side of the convex hull (Freeman and Shapira 1975), so each is tried.

    Examples
    --------
    >>> diamond = np.array([[1.0, 0.0], [4.0, 3.0], [3.0, 4.0], [0.0, 1.0]])
    >>> [round(side, 6) for side in bounding_rectangle(diamond)]
    [4.242641, 1.414214]
    """
    hull = shapely.get_coordinates(shapely.convex_hull(shapely.linestrings(points)))
    sides = np.diff(hull, axis=0)
    along = sides / np.hypot(sides[:, 0], sides[:, 1])[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    extents = np.stack([np.ptp(hull @ along.T, axis=0), np.ptp(hull @ across.T, axis=0)], axis=1)
    smallest = extents[np.argmin(extents.prod(axis=1))]
    return float(smallest.max()), float(smallest.min())
