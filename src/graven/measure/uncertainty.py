"""Where the error of a measure comes from, how its parts combine, and how a value with its error is printed.

Three parts, independent of each other and added in squares:

*Scale.* The pixel size has a relative standard uncertainty ``r``. It moves all lengths by ``r`` and all areas by
``2 r``, together.

*Boundary.* A mask says of each pixel yes or no, so the true border lies somewhere within half a pixel of the drawn one.
It is taken as shifted outwards or inwards as a whole by ``d``, uniform between -1/2 and 1/2 pixel: ``sigma_d = 1 /
sqrt(12)`` pixel. That the whole border moves together is the cautious assumption.

*Threshold.* A mask is a probability cut at ``t``. With ``t`` uniform between ``t - s`` and ``t + s`` (0.4 and 0.6 by
default) and an area that falls evenly in between, ``sigma_A = (A(t - s) - A(t + s)) / sqrt(12)``. Divided by the
perimeter it is a shift of the border, which carries it over to lengths.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graven.errors import InputError

if TYPE_CHECKING:
    from graven.types import Measure

__all__ = [
    "BOUNDARY_SIGMA_PX",
    "area_sigma",
    "border_shift_sigma",
    "format_measure",
    "length_sigma",
    "share_sigma",
    "threshold_area_sigma",
]

BOUNDARY_SIGMA_PX = 1 / math.sqrt(12)
"""Standard uncertainty of the position of a border, in pixels."""

_UNITS = {"px": "px", "px2": "px²", "mm": "mm", "mm2": "mm²", "": ""}


def threshold_area_sigma(area_low: float, area_high: float) -> float:
    """Compute the uncertainty of an area that stems from the threshold.

    Parameters
    ----------
    area_low, area_high : float
        Area at the lower threshold (the larger one) and at the upper.

    Returns
    -------
    float, unit of the areas
        ``(area_low - area_high) / sqrt(12)``.

    Raises
    ------
    InputError
        If the area grows with the threshold.
    """
    if area_low < area_high:
        raise InputError(f"the area at the lower threshold must be the larger one, got {area_low} and {area_high}")
    return (area_low - area_high) / math.sqrt(12)


def border_shift_sigma(perimeter: float, *, area_sigma_threshold: float, pixel: float) -> float:
    """Compute the uncertainty of the position of a border, from pixels and threshold together.

    Parameters
    ----------
    perimeter : float, > 0
        Length of the border.
    area_sigma_threshold : float
        Result of `threshold_area_sigma`; 0 where no probability is known.
    pixel : float, > 0
        Side of a pixel, in the unit of `perimeter`.

    Returns
    -------
    float, unit of `perimeter`
        ``hypot(pixel / sqrt(12), area_sigma_threshold / perimeter)``.
    """
    return math.hypot(BOUNDARY_SIGMA_PX * pixel, area_sigma_threshold / perimeter)


def area_sigma(area: float, *, perimeter: float, shift_sigma: float, scale_sigma_rel: float) -> float:
    """Compute the uncertainty of an area.

    Parameters
    ----------
    area, perimeter : float
        Of the object.
    shift_sigma : float
        Result of `border_shift_sigma`.
    scale_sigma_rel : float
        Relative uncertainty of the scale.

    Returns
    -------
    float, unit of `area`
        ``hypot(2 * r * area, shift_sigma * perimeter)``.
    """
    return math.hypot(2 * scale_sigma_rel * area, shift_sigma * perimeter)


def length_sigma(length: float, *, shift_sigma: float, scale_sigma_rel: float) -> float:
    """Compute the uncertainty of the distance between two opposite borders.

    Parameters
    ----------
    length : float
        Length, width or side of a box.
    shift_sigma : float
        Result of `border_shift_sigma`; both ends move outwards together.
    scale_sigma_rel : float
        Relative uncertainty of the scale.

    Returns
    -------
    float, unit of `length`
        ``hypot(r * length, 2 * shift_sigma)``.
    """
    return math.hypot(scale_sigma_rel * length, 2 * shift_sigma)


def share_sigma(area: float, whole: float, *, perimeter: float, whole_perimeter: float, shift_sigma: float) -> float:
    """Compute the uncertainty of the share of an area in the area that surrounds it; the scale cancels.

    Parameters
    ----------
    area, perimeter : float
        Of the object.
    whole, whole_perimeter : float
        Of its filled outline, whose border is part of that of the object and moves with it.
    shift_sigma : float
        Result of `border_shift_sigma`.

    Returns
    -------
    float
        ``abs(perimeter - share * whole_perimeter) / whole * shift_sigma``.
    """
    return abs(perimeter - area / whole * whole_perimeter) / whole * shift_sigma


def format_measure(measure: Measure) -> str:
    """Print a measure with its uncertainty and no digit beyond it.

    Parameters
    ----------
    measure : Measure
        A value with unit and sigma.

    Returns
    -------
    str
        ``value ± sigma unit``. Sigma has one significant digit, or two when the first is 1; the value ends where sigma
        ends. Without sigma the value has three significant digits and no error is claimed; a count is printed whole.

    Examples
    --------
    >>> from graven.types import Measure
    >>> format_measure(Measure(1234.5678, "mm2", 3.21)), format_measure(Measure(1234.5678, "mm", 12.9))
    ('1235 ± 3 mm²', '1235 ± 13 mm')
    >>> format_measure(Measure(1234.5678, "mm", 347.0)), format_measure(Measure(0.51234, "", 0.0096))
    ('1200 ± 300 mm', '0.512 ± 0.010')
    """
    unit = f" {_UNITS.get(measure.unit, measure.unit)}".rstrip()
    if not math.isfinite(measure.value):
        return "unknown"
    if measure.sigma is None and not measure.unit and measure.value == round(measure.value):
        return f"{measure.value:.0f}"  # a count
    if measure.sigma is None or measure.sigma == 0 or not math.isfinite(measure.sigma):
        digits = 2 - _exponent(measure.value) if measure.value else 0
        return f"{_rounded(measure.value, digits)}{unit}"
    digits = -_exponent(measure.sigma)
    leading = round(measure.sigma * 10.0**digits, 1)
    if leading >= 9.5:
        digits -= 1
        leading = 1.0
    if leading < 1.95:
        digits += 1
    return f"{_rounded(measure.value, digits)} ± {_rounded(measure.sigma, digits)}{unit}"


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _rounded(value: float, digits: int) -> str:
    return f"{round(value, digits):.{max(digits, 0)}f}"
