"""Figures of a panel: from a mask and its probability to numbered traces with measures and uncertainties."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError, ScaleError
from graven.measure.centerlines import Centerline, trace_centerlines
from graven.measure.objects import find_objects
from graven.measure.order import reading_order
from graven.measure.perimeter import crofton_perimeter
from graven.measure.polygons import trace_polygons
from graven.measure.shape import outline_measures, pixel_sides, stroke_measures
from graven.measure.uncertainty import border_shift_sigma, threshold_area_sigma
from graven.types import Measure, PixelSize, Ring, Trace, trace_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.measure.components import Components, ReadWindow
    from graven.measure.objects import Evidence

__all__ = ["trace_figures", "trace_lines", "trace_objects"]


def trace_figures(
    read_mask: ReadWindow,
    read_prob: ReadWindow | None = None,
    *,
    height: int,
    width: int,
    class_id: int,
    source: str,
    threshold: float = 0.5,
    threshold_spread: float = 0.1,
    pixel_size: PixelSize | None = None,
    min_area_px: float = 0.0,
    min_area_mm2: float = 0.0,
    with_centerlines: bool = False,
    band_rows: int = 1024,
) -> list[Trace]:
    """Trace the figures of one area class and measure them.

    Parameters
    ----------
    read_mask : callable
        ``read_mask(window) -> (h, w)``; a bool array is foreground where True, any other where it equals `class_id`.
    read_prob : callable, optional
        ``read_prob(window) -> (h, w)`` probability of the class, uint8 in steps of 1/255 or float from 0 to 1. Without
        it confidences are NaN and no uncertainty stems from the threshold.
    height, width : int, pixels
        Size of the raster.
    class_id : int
        Class to trace.
    source : str
        Hash or name of the input; part of every ``uid``.
    threshold, threshold_spread : float
        Where the mask was cut, and how far the cut is moved down and up.
    pixel_size : PixelSize, optional
        Without it all measures are in pixels.
    min_area_px, min_area_mm2 : float
        Smaller objects are dropped.
    with_centerlines : bool
        Whether to trace centre-lines of the figures as well.
    band_rows : int, >= 1
        Rows read at a time; the result does not depend on it.

    Returns
    -------
    list of Trace
        Numbered from 1 in reading order (`graven.measure.order.reading_order`), with the measures

        ``area``, ``perimeter``
            Of the pecked surface; the perimeter by Crofton's formula, holes included.
        ``length``, ``width``
            Sides of the smallest rectangle around the figure, in any direction.
        ``bbox_width``, ``bbox_height``
            Of the box along the axes of the image.
        ``equivalent_diameter``
            Of the circle of equal area.
        ``pecked_share``
            Area over the area of the filled outline: 1 for a figure without holes.
        ``area_low``, ``area_high``
            Area at the lower and the upper threshold, where a probability is given.
        ``stroke_length``, ``width_mean``, ``width_p95``
            With centre-lines: their total length, their width weighed by length, and the largest 95th percentile.
        ``stroke_<n>_length``, ``stroke_<n>_width``, ``stroke_<n>_width_p95``
            The same of each line of `Trace.lines`, counted from 1.

    Raises
    ------
    ScaleError
        If `min_area_mm2` is given without `pixel_size`.
    InputError
        If a threshold lies outside 0 to 1 or a reader breaks its contract.

    Notes
    -----
    Lengths and areas follow the pixel size along each axis, so non-square pixels are measured rightly. How the
    uncertainties come about stands in `graven.measure.uncertainty`; that of the perimeter adds the error of four
    directions. Memory: one band, and the runs and outlines of all objects.
    """
    components, evidence = find_objects(
        read_mask,
        read_prob,
        height=height,
        width=width,
        class_id=class_id,
        threshold=_checked(threshold, threshold_spread),
        threshold_spread=threshold_spread,
        min_area_px=_min_area_px(min_area_px, min_area_mm2, pixel_size),
        band_rows=band_rows,
    )
    return trace_objects(
        components,
        evidence,
        class_id=class_id,
        source=source,
        pixel_size=pixel_size,
        with_centerlines=with_centerlines,
        band_rows=band_rows,
    )


def trace_objects(
    components: Components,
    evidence: Evidence | None = None,
    *,
    class_id: int,
    source: str,
    pixel_size: PixelSize | None = None,
    with_centerlines: bool = False,
    band_rows: int = 1024,
) -> list[Trace]:
    """Trace objects that were found before, and measure them.

    Parameters
    ----------
    components : Components
        The objects, as `graven.measure.objects` finds them.
    evidence : Evidence, optional
        What the probability says of them.
    class_id, source, pixel_size, with_centerlines, band_rows
        As in `trace_figures`.

    Returns
    -------
    list of Trace
        As from `trace_figures`.
    """
    polygons = trace_polygons(components)
    borders = _Borders(components, evidence, polygons, pixel_size)
    lines: Sequence[tuple[Centerline, ...]] = [()] * len(components)
    if with_centerlines:
        size_x, size_y = pixel_sides(pixel_size)
        lines = trace_centerlines(components, size_x=size_x, size_y=size_y, band_rows=band_rows)
    traces = []
    for number, k in enumerate(_numbered(components), start=1):
        shift = borders.shift_sigma[k]
        measures = outline_measures(
            polygons[k], perimeter=borders.perimeter[k], shift_sigma=shift, pixel_size=pixel_size
        )
        measures |= borders.areas(k)
        measures |= stroke_measures(lines[k], shift_sigma=shift, pixel_size=pixel_size, total="stroke_length")
        uid = trace_uid(source, class_id, [ring for part in polygons[k] for ring in part])
        points = tuple(line.points for line in lines[k])
        confidence = math.nan if evidence is None else float(evidence.mean[k])
        traces.append(Trace(uid, number, class_id, polygons[k], points, confidence, measures))
    return traces


def trace_lines(
    read_mask: ReadWindow,
    read_prob: ReadWindow | None = None,
    *,
    height: int,
    width: int,
    class_id: int,
    source: str,
    threshold: float = 0.5,
    threshold_spread: float = 0.1,
    pixel_size: PixelSize | None = None,
    min_length: float = 0.0,
    band_rows: int = 1024,
) -> list[Trace]:
    """Trace the objects of one line class as centre-lines with widths.

    Parameters
    ----------
    read_mask, read_prob, height, width, class_id, source, threshold, threshold_spread, pixel_size, band_rows
        As in `trace_figures`.
    min_length : float, mm, or pixels without a scale
        Objects whose lines are shorter in total are dropped; a single point has no length and is always dropped.

    Returns
    -------
    list of Trace
        One per connected object, without polygons, numbered in reading order, with the measures ``length`` (total),
        ``width_mean``, ``width_p95``, and those of each line, ``stroke_<n>_…``.

    Raises
    ------
    InputError
        If a threshold lies outside 0 to 1 or a reader breaks its contract.
    """
    components, evidence = find_objects(
        read_mask,
        read_prob,
        height=height,
        width=width,
        class_id=class_id,
        threshold=_checked(threshold, threshold_spread),
        threshold_spread=threshold_spread,
        band_rows=band_rows,
    )
    borders = _Borders(components, evidence, trace_polygons(components), pixel_size)
    size_x, size_y = pixel_sides(pixel_size)
    lines = trace_centerlines(components, size_x=size_x, size_y=size_y, band_rows=band_rows)
    traces: list[Trace] = []
    for k in _numbered(components):
        if not lines[k] or sum(line.length for line in lines[k]) < min_length:
            continue
        points = tuple(line.points for line in lines[k])
        measures = stroke_measures(lines[k], shift_sigma=borders.shift_sigma[k], pixel_size=pixel_size, total="length")
        confidence = math.nan if evidence is None else float(evidence.mean[k])
        uid = trace_uid(source, class_id, list(points))
        traces.append(Trace(uid, len(traces) + 1, class_id, (), points, confidence, measures))
    return traces


def _checked(threshold: float, spread: float) -> float:
    if not (spread >= 0 and threshold - spread > 0 and threshold + spread <= 1):
        raise InputError(f"a threshold moved by its spread must stay between 0 and 1, got {threshold} ± {spread}")
    return threshold


def _min_area_px(min_area_px: float, min_area_mm2: float, pixel_size: PixelSize | None) -> float:
    if min_area_mm2 <= 0:
        return min_area_px
    if pixel_size is None:
        raise ScaleError(f"a smallest area of {min_area_mm2} mm² needs a pixel size; give --scale or use pixels")
    return max(min_area_px, min_area_mm2 / pixel_size.area_mm2)


def _numbered(components: Components) -> NDArray[np.int64]:
    heights = components.bbox_px[:, 2] - components.bbox_px[:, 0]
    return reading_order(components.centroid_px, heights, components.area_px)


class _Borders:
    """Perimeters of all objects, and how uncertain the position of their borders is."""

    def __init__(
        self,
        components: Components,
        evidence: Evidence | None,
        polygons: Sequence[tuple[tuple[Ring, ...], ...]],
        pixel_size: PixelSize | None,
    ) -> None:
        size_x, size_y = pixel_sides(pixel_size)
        self.pixel_area = size_x * size_y
        self.unit = "px2" if pixel_size is None else "mm2"
        self.perimeter = [
            crofton_perimeter([ring for part in parts for ring in part], size_x=size_x, size_y=size_y)
            for parts in polygons
        ]
        self.low = self.high = None
        sigma_threshold = [0.0] * len(components)
        if evidence is not None:
            self.low = evidence.area_low_px(components.area_px, np.array(self.perimeter)) * self.pixel_area
            self.high = evidence.area_high_px * self.pixel_area
            pairs = zip(self.low, self.high, strict=True)
            sigma_threshold = [threshold_area_sigma(float(low), float(high)) for low, high in pairs]
        self.shift_sigma = [
            border_shift_sigma(perimeter, area_sigma_threshold=sigma, pixel=math.sqrt(self.pixel_area))
            for perimeter, sigma in zip(self.perimeter, sigma_threshold, strict=True)
        ]

    def areas(self, k: int) -> dict[str, Measure]:
        """Give the areas of an object at the lower and upper threshold, where they are known."""
        if self.low is None or self.high is None:
            return {}
        low, high = float(self.low[k]), float(self.high[k])
        return {"area_low": Measure(low, self.unit), "area_high": Measure(high, self.unit)}
