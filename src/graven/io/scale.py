"""Scales as people write them, and the one place that says whether millimetres may be printed."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from graven.errors import InputError, ScaleError
from graven.types.raster import PixelSize

if TYPE_CHECKING:
    from graven.types.raster import Raster, ScaleSource

__all__ = ["measurable_pixel_size", "parse_length", "parse_scale"]

_MM_PER_UNIT = {"um": 1e-3, "µm": 1e-3, "μm": 1e-3, "mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0}
_NUMBER = r"([0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)"
_UNIT = r"(um|µm|μm|mm|cm|dm|m)"
_PER_PIXEL = re.compile(rf"{_NUMBER}(?:x{_NUMBER})?{_UNIT}/(?:px|pixel)")
_PER_UNIT = re.compile(rf"{_NUMBER}(?:px|pixel)/{_UNIT}")
_LENGTH = re.compile(rf"{_NUMBER},{_NUMBER}:{_NUMBER},{_NUMBER}={_NUMBER}{_UNIT}")
_MAX_SHEAR = 1e-3


def parse_scale(text: str) -> PixelSize:
    """Read a stated scale.

    Parameters
    ----------
    text : str
        ``0.05mm/px``, ``0.05x0.06mm/px`` (width x height of a pixel) or ``20px/mm``; um, mm, cm, dm and m are known.

    Returns
    -------
    PixelSize
        With source ``user`` and sigma 0.

    Raises
    ------
    InputError
        If the text is not such a scale, or its value is not positive and finite; the message shows one.

    Examples
    --------
    >>> parse_scale("0.05 mm/px")
    PixelSize(x_mm=0.05, y_mm=0.05, source='user', sigma_rel=0.0)
    >>> parse_scale("20px/cm").x_mm
    0.5
    """
    compact = "".join(text.split())
    if match := _PER_PIXEL.fullmatch(compact):
        unit = _MM_PER_UNIT[match[3]]
        x_mm = float(match[1]) * unit
        return _stated(text, x_mm, x_mm if match[2] is None else float(match[2]) * unit)
    if match := _PER_UNIT.fullmatch(compact):
        side_mm = _MM_PER_UNIT[match[2]] / (float(match[1]) or math.inf)
        return _stated(text, side_mm, side_mm)
    raise InputError(f"a scale must look like 0.05mm/px or 20px/mm, got {text!r}{_hint(compact)}")


def parse_length(text: str) -> PixelSize:
    """Read a scale from a known length between two points.

    Parameters
    ----------
    text : str
        ``x1,y1:x2,y2=1200mm``: two points in pixels from the outer corner of the top-left pixel, and their distance.

    Returns
    -------
    PixelSize
        Square pixels with source ``two-points``. Each point is taken to be placed to 1 px (1 sigma) along the line, so
        the relative uncertainty is ``sqrt(2)`` px over the length in pixels; that of the stated length is not known.

    Raises
    ------
    InputError
        If the text is not such a statement, which the message then shows, the points lie less than 2 px apart, or the
        length is not positive and finite.

    Examples
    --------
    >>> size = parse_length("100,50:400,450=1000mm")
    >>> size.x_mm, round(size.sigma_rel, 6)
    (2.0, 0.002828)
    """
    compact = "".join(text.split())
    match = _LENGTH.fullmatch(compact)
    if match is None:
        raise InputError(f"a length must look like 120,80:2950,95=1200mm, got {text!r}")
    x1, y1, x2, y2, length = (float(match[index]) for index in range(1, 6))
    distance_px = math.hypot(x2 - x1, y2 - y1)
    if distance_px < 2:
        raise InputError(
            f"the two points of a length must lie at least 2 px apart, got {distance_px:.2f} px in {text!r}"
        )
    side_mm = length * _MM_PER_UNIT[match[6]] / distance_px
    return _stated(text, side_mm, side_mm, source="two-points", sigma_rel=math.sqrt(2.0) / distance_px)


def measurable_pixel_size(raster: Raster) -> PixelSize | None:
    """Give the pixel size in which a raster may be measured, or None where measures stay in pixels.

    Parameters
    ----------
    raster : Raster
        From `graven.io.images.open_raster`.

    Returns
    -------
    PixelSize or None
        A scale that a person stated holds whatever the frame; one that follows from the affine does not where pixels
        are sheared.

    Raises
    ------
    ScaleError
        If coordinates are in degrees and no scale is known, or the scale stems from a sheared affine.
    """
    size, georeference = raster.pixel_size, raster.georeference
    if georeference is None or (size is not None and size.source != "geotransform"):
        return size
    if georeference.frame == "geographic" and size is None:
        raise ScaleError(
            f"{raster.name}: coordinates are in degrees, in which nothing can be measured; reproject it to a metric "
            "system, for example UTM, or state a scale with --scale 0.05mm/px"
        )
    if size is not None and _is_sheared(raster):
        raise ScaleError(
            f"{raster.name}: its pixels are sheared, not rectangles; resample it to a plain grid, or state a scale "
            "with --scale 0.05mm/px"
        )
    return size


def _stated(text: str, x_mm: float, y_mm: float, *, source: ScaleSource = "user", sigma_rel: float = 0.0) -> PixelSize:
    """Give the pixel size that an option states; one that is none is wrong use, not bad data."""
    try:
        return PixelSize(x_mm, y_mm, source, sigma_rel)
    except ScaleError as error:
        raise InputError(f"a scale must be positive and finite, such as 0.05mm/px, got {text!r}") from error


def _is_sheared(raster: Raster) -> bool:
    if raster.georeference is None:
        return False
    a, b, _, d, e, _ = raster.georeference.affine
    return abs(a * b + d * e) > _MAX_SHEAR * math.hypot(a, d) * math.hypot(b, e)


def _hint(compact: str) -> str:
    if "," in compact:
        return "; write decimals with a point"
    if compact.lower().endswith("dpi"):
        return "; dots per inch speak of paper, not of the object"
    if re.fullmatch(_NUMBER + _UNIT, compact):
        return "; add /px"
    return ""
