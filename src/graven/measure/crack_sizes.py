"""Cracks by size, and the surface that they take."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from graven.errors import InputError
from graven.types import Measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.types import PixelSize

__all__ = [
    "LENGTH_BINS_MM",
    "LENGTH_BINS_PX",
    "WIDTH_BINS_MM",
    "WIDTH_BINS_PX",
    "LengthBin",
    "crack_area",
    "crack_bins",
]

WIDTH_BINS_MM = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, math.inf)
"""Bounds of the bins of widths where a scale is known, each with its lower bound."""

WIDTH_BINS_PX = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, math.inf)
"""Bounds of the bins of widths without a scale."""

LENGTH_BINS_MM = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, math.inf)
"""Bounds of the bins of lengths where a scale is known."""

LENGTH_BINS_PX = (0.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, math.inf)
"""Bounds of the bins of lengths without a scale."""

_BOUNDS = {
    ("width_mean", "mm"): WIDTH_BINS_MM,
    ("width_mean", "px"): WIDTH_BINS_PX,
    ("length", "mm"): LENGTH_BINS_MM,
    ("length", "px"): LENGTH_BINS_PX,
}


@dataclass(frozen=True, slots=True)
class LengthBin:
    """One row of a table of cracks by size.

    Attributes
    ----------
    low, high : float, mm, or pixels without a scale
        Sizes from `low` up to but not including `high`.
    count : int
        Cracks of that size.
    length : Measure
        Of these cracks together.
    share : Measure
        Of the length of all cracks in the table.
    """

    low: float
    high: float
    count: int
    length: Measure
    share: Measure


def crack_bins(
    cracks: Sequence[Mapping[str, Measure]],
    by: Literal["width_mean", "length"],
    *,
    pixel_size: PixelSize | None = None,
) -> list[LengthBin]:
    """Sort cracks by mean width or by length.

    Parameters
    ----------
    cracks : sequence of mapping of str to Measure
        Measures of each crack (`graven.measure.crack_measures.measure_cracks`). A crack without the measure asked for
        is left out.
    by : {"width_mean", "length"}
        Which measure.
    pixel_size : PixelSize, optional
        The one they were measured with.

    Returns
    -------
    list of LengthBin
        One per bin, empty ones as well. The error of a sum is that of the scale, and the sum of what else there is.

    Raises
    ------
    InputError
        If a crack was measured in another unit than `pixel_size` says.

    Examples
    --------
    >>> cracks = [{"length": Measure(30.0, "px"), "width_mean": Measure(w, "px")} for w in (0.5, 3.0, 4.0)]
    >>> [(row.count, row.length.value) for row in crack_bins(cracks, "width_mean")][:4]
    [(1, 30.0), (0, 0.0), (2, 60.0), (0, 0.0)]
    """
    unit, scale = ("px", 0.0) if pixel_size is None else ("mm", pixel_size.sigma_rel)
    own = [crack for crack in cracks if by in crack]
    if any(crack[by].unit != unit for crack in own):
        raise InputError(f"cracks must be measured in {unit}, as the pixel size says; measure them again")
    total = math.fsum(crack["length"].value for crack in own)
    rows = []
    for low, high in itertools.pairwise(_BOUNDS[by, unit]):
        inside = [crack["length"] for crack in own if low <= crack[by].value < high]
        length = math.fsum(measure.value for measure in inside)
        rest = math.fsum(_rest(measure, scale) for measure in inside)
        share = Measure(length / total if total > 0 else 0.0, "")
        rows.append(LengthBin(low, high, len(inside), Measure(length, unit, math.hypot(scale * length, rest)), share))
    return rows


def crack_area(
    cracks: Sequence[Mapping[str, Measure]], *, valid_px: int, pixel_size: PixelSize | None = None
) -> dict[str, Measure]:
    """Give the surface that cracks take: the sum of length times mean width.

    Parameters
    ----------
    cracks : sequence of mapping of str to Measure
        Measures of each crack.
    valid_px : int, > 0, pixels
        Pixels of the panel where something is known.
    pixel_size : PixelSize, optional
        The one they were measured with.

    Returns
    -------
    dict of str to Measure
        ``area``, and ``crack_share`` of the valid surface; nothing where the width of a crack is unknown. Junctions
        count for every crack that meets there.

    Raises
    ------
    InputError
        If `valid_px` is not positive.
    """
    if valid_px <= 0:
        raise InputError(f"the panel must have valid pixels to be measured, got {valid_px}")
    if any("width_mean" not in crack for crack in cracks):
        return {}
    unit, scale, pixel = ("px", 0.0, 1.0) if pixel_size is None else ("mm", pixel_size.sigma_rel, pixel_size.area_mm2)
    pairs = [(crack["length"], crack["width_mean"]) for crack in cracks]
    area = math.fsum(length.value * width.value for length, width in pairs)
    rest = math.fsum(
        math.hypot(width.value * _rest(length, scale), length.value * _rest(width, scale)) for length, width in pairs
    )
    valid = valid_px * pixel
    return {
        "area": Measure(area, f"{unit}2", math.hypot(2 * scale * area, rest)),
        "crack_share": Measure(area / valid, "", rest / valid),
    }


def _rest(measure: Measure, scale_sigma_rel: float) -> float:
    """Give the uncertainty of a length but for that of the scale."""
    return math.sqrt(max((measure.sigma or 0.0) ** 2 - (scale_sigma_rel * measure.value) ** 2, 0.0))
