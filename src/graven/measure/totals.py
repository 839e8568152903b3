"""What a panel holds in total."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graven.errors import InputError
from graven.types import Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.types import PixelSize, Trace

__all__ = ["panel_totals"]


def panel_totals(traces: Sequence[Trace], *, valid_px: int, pixel_size: PixelSize | None = None) -> dict[str, Measure]:
    """Add up the traces of one class.

    Parameters
    ----------
    traces : sequence of Trace
        Traces of one class, as `graven.measure.figures` makes them.
    valid_px : int, > 0, pixels
        Pixels of the panel where something is known.
    pixel_size : PixelSize, optional
        The one the traces were measured with.

    Returns
    -------
    dict of str to Measure
        ``n_traces``; ``area``, ``valid_area`` and ``pecked_share`` (area over valid area) where traces have areas;
        ``length`` where they are lines, ``stroke_length`` where they are areas with centre-lines.

    Raises
    ------
    InputError
        If `valid_px` is not positive, or the traces have another unit than `pixel_size` says.

    Notes
    -----
    The scale is the same for all traces, and so is the threshold; the borders are taken to move together as well. The
    uncertainty of a sum is therefore the sum of the uncertainties, for the scale and for the rest by themselves. The
    scale cancels in the share; the valid area is taken as exact but for the scale.
    """
    if valid_px <= 0:
        raise InputError(f"the panel must have valid pixels to be measured, got {valid_px}")
    scale = 0.0 if pixel_size is None else pixel_size.sigma_rel
    unit = "px" if pixel_size is None else "mm"
    totals = {"n_traces": Measure(float(len(traces)), "")}
    areas = [trace.measures["area"] for trace in traces if trace.polygons]
    lengths = [trace.measures["length"] for trace in traces if not trace.polygons]
    if any(measure.unit != f"{unit}2" for measure in areas) or any(measure.unit != unit for measure in lengths):
        raise InputError(f"traces must be measured in {unit}, as the pixel size says; measure them again")
    if areas or not lengths:
        valid = valid_px * (1.0 if pixel_size is None else pixel_size.area_mm2)
        area, rest = _added(areas, scale=2 * scale)
        totals["area"] = Measure(area, f"{unit}2", math.hypot(2 * scale * area, rest))
        totals["valid_area"] = Measure(valid, f"{unit}2", 2 * scale * valid)
        totals["pecked_share"] = Measure(area / valid, "", rest / valid)
    strokes = [trace.measures["stroke_length"] for trace in traces if "stroke_length" in trace.measures]
    if strokes:
        drawn, rest = _added(strokes, scale=scale)
        totals["stroke_length"] = Measure(drawn, unit, math.hypot(scale * drawn, rest))
    if lengths:
        length, rest = _added(lengths, scale=scale)
        totals["length"] = Measure(length, unit, math.hypot(scale * length, rest))
    return totals


def _added(measures: Sequence[Measure], *, scale: float) -> tuple[float, float]:
    """Give the sum of values, and the sum of uncertainties without that of the scale."""
    rest = sum(math.sqrt(max((m.sigma or 0.0) ** 2 - (scale * m.value) ** 2, 0.0)) for m in measures)
    return math.fsum(m.value for m in measures), rest
