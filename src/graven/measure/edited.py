"""Measures of an object that a person drew or changed: from its geometry alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import shapely

from graven.errors import DataError
from graven.measure.shape import bounding_rectangle, pixel_sides
from graven.measure.uncertainty import area_sigma, border_shift_sigma
from graven.types import Measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import PixelSize, Ring, Trace

__all__ = ["geometry_measures", "loss_measures"]

_STAIR_PX = 1.0  # the outline of a traced object is a staircase whose steps lie within 0.71 px of the border behind it


def geometry_measures(trace: Trace, pixel_size: PixelSize | None) -> dict[str, Measure]:
    """Measure a trace by its polygons and lines.

    Parameters
    ----------
    trace : Trace
        Its geometry, in pixels; its measures are not looked at.
    pixel_size : PixelSize or None
        Without it the measures are in pixels.

    Returns
    -------
    dict of str to Measure
        For an area ``area perimeter length width bbox_width bbox_height equivalent_diameter pecked_share``, for a line
        ``length``, and ``stroke_<n>_length`` for each line. The perimeter is that of the outline simplified to 1 pixel,
        which takes out the steps of a traced one. No uncertainty is known of what a person drew, so none is given; nor
        are widths of lines, which need the mask.

    Examples
    --------
    >>> from graven.types import Trace
    >>> ring = np.array([[0, 0], [4, 0], [4, 3], [0, 3], [0, 0]], float)
    >>> measures = geometry_measures(Trace("", 1, 1, ((ring,),), (), 0.5), None)
    >>> measures["area"], measures["perimeter"]
    (Measure(value=12.0, unit='px2', sigma=None), Measure(value=14.0, unit='px', sigma=None))
    """
    sides = np.array(pixel_sides(pixel_size))
    unit = "px" if pixel_size is None else "mm"
    lengths = [float(np.hypot(*(np.diff(line, axis=0) * sides).T).sum()) for line in trace.lines]
    measures = {f"stroke_{n}_length": Measure(value, unit) for n, value in enumerate(lengths, start=1)}
    if not trace.polygons:
        return {"length": Measure(sum(lengths), unit)} | measures
    shape = shapely.MultiPolygon([(part[0], part[1:]) for part in trace.polygons])
    perimeter = _perimeter(shape, sides)
    area = float(shape.area * sides.prod())
    filled = shapely.union_all([shapely.Polygon(part[0]) for part in trace.polygons]).area * sides.prod()
    points = np.concatenate([part[0] for part in trace.polygons]) * sides
    length, width = bounding_rectangle(points)
    box_width, box_height = (float(side) for side in np.ptp(points, axis=0))
    found = {
        "area": Measure(area, f"{unit}2"),
        "perimeter": Measure(perimeter, unit),
        "length": Measure(length, unit),
        "width": Measure(width, unit),
        "bbox_width": Measure(box_width, unit),
        "bbox_height": Measure(box_height, unit),
        "equivalent_diameter": Measure(2 * math.sqrt(area / math.pi), unit),
        "pecked_share": Measure(area / float(filled), ""),
    }
    return found | ({"stroke_length": Measure(sum(lengths), unit)} if lengths else {}) | measures


def loss_measures(
    polygons: tuple[tuple[Ring, ...], ...],
    *,
    surface: shapely.MultiPolygon,
    valid_px: int,
    pixel_size: PixelSize | None,
) -> dict[str, Measure]:
    """Measure a loss by its outline.

    Parameters
    ----------
    polygons : tuple of tuple of Ring
        Its parts, in pixels.
    surface : shapely.MultiPolygon
        Outline of the panel, in pixels: where something is known.
    valid_px : int, > 0, pixels
        Pixels of the panel.
    pixel_size : PixelSize or None
        Without it the measures are in pixels.

    Returns
    -------
    dict of str to Measure
        As `graven.measure.loss_areas.measure_losses`, but that the area is that of the polygons and the perimeter that
        of the outline simplified to 1 pixel. The uncertainty holds the scale and half a pixel along the outline.

    Raises
    ------
    DataError
        If the corners lie on one line, so that there is no area.
    """
    sides = np.array(pixel_sides(pixel_size))
    unit, scale = ("px", 0.0) if pixel_size is None else ("mm", pixel_size.sigma_rel)
    shape = shapely.MultiPolygon([(part[0], part[1:]) for part in polygons])
    area = float(shape.area * sides.prod())
    if not area > 0:
        x, y = polygons[0][0][0]
        raise DataError(f"the loss at x {x:.0f}, y {y:.0f} px has no area; delete it or draw it again")
    perimeter = _perimeter(shape, sides)
    shift = border_shift_sigma(perimeter, area_sigma_threshold=0.0, pixel=math.sqrt(float(sides.prod())))
    sigma = area_sigma(area, perimeter=perimeter, shift_sigma=shift, scale_sigma_rel=scale)
    diameter = 2 * math.sqrt(area / math.pi)
    edge = _edge_distance(shape, surface, sides)
    valid_area = valid_px * float(sides.prod())
    return {
        "area": Measure(area, f"{unit}2", sigma),
        "perimeter": Measure(perimeter, unit),
        "equivalent_diameter": Measure(diameter, unit, diameter / 2 * sigma / area),
        "edge_distance": Measure(edge, unit, math.hypot(scale * edge, shift)),
        "share": Measure(area / valid_area, "", shift * perimeter / valid_area),
    }


def _edge_distance(shape: shapely.MultiPolygon, surface: shapely.MultiPolygon, sides: NDArray[np.float64]) -> float:
    """Give the least distance to the edge of the panel: 0 for what touches it or reaches beyond."""
    inner, outer = (shapely.transform(area, lambda points: points * sides) for area in (shape, surface))
    return float(inner.distance(outer.boundary)) if outer.covers(inner) else 0.0


def _perimeter(shape: shapely.MultiPolygon, sides: NDArray[np.float64]) -> float:
    """Measure the outline without the steps of a traced one."""
    outline = shapely.simplify(shape, _STAIR_PX)
    outline = shape if outline.is_empty else outline
    return float(shapely.transform(outline, lambda points: points * sides).length)
