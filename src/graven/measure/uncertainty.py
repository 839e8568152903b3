"""Where the error of a measure comes from, and how its parts combine.

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

from graven.errors import InputError

__all__ = [
    "BOUNDARY_SIGMA_PX",
    "area_sigma",
    "border_shift_sigma",
    "length_sigma",
    "share_sigma",
    "threshold_area_sigma",
]

BOUNDARY_SIGMA_PX = 1 / math.sqrt(12)
"""Standard uncertainty of the position of a border, in pixels."""


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
