"""Units as printed: one that fits for a column, and never a millimetre from a pixel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from graven.errors import InputError
from graven.report.format import UNIT_SPACE, format_value

if TYPE_CHECKING:
    from graven.types import Measure, PixelSize

__all__ = ["Unit", "convert", "format_measure", "format_pixel_size", "pick_unit", "round_length"]

Unit = Literal["px", "px²", "mm", "cm", "m", "mm²", "cm²", "m²", "°", "m/m²", "px/px²", ""]

_MM_PER: dict[str, float] = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "mm²": 1.0, "cm²": 100.0, "m²": 1e6}
_STORED: dict[str, Unit] = {
    "px": "px",
    "px2": "px²",
    "mm": "mm",
    "mm2": "mm²",
    "deg": "°",
    "m/m2": "m/m²",
    "px/px2": "px/px²",
    "": "",
}
_LARGEST: dict[str, tuple[tuple[float, Unit], ...]] = {
    "mm": ((1000.0, "m"), (10.0, "cm"), (0.0, "mm")),
    "mm2": ((1e6, "m²"), (100.0, "cm²"), (0.0, "mm²")),
}


def pick_unit(values: list[float], stored: str) -> Unit:
    """Choose one unit for a column, so that its middle value has between one and a few digits before the point.

    Parameters
    ----------
    values : list of float
        Magnitudes in the stored unit.
    stored : str
        Unit as in `graven.types.Measure`: ``px``, ``px2``, ``mm``, ``mm2``, ``deg``, ``m/m2``, ``px/px2`` or empty.

    Returns
    -------
    str
        Unit to print; pixels stay pixels.

    Raises
    ------
    InputError
        If the stored unit is none of those.

    Examples
    --------
    >>> pick_unit([1200.0, 45000.0, 90000.0], "mm2"), pick_unit([3.0], "px2")
    ('cm²', 'px²')
    """
    if stored not in _STORED:
        raise InputError(f"a unit must be one of {sorted(_STORED)}, got {stored!r}")
    if stored not in _LARGEST:
        return _STORED[stored]
    finite = sorted(abs(value) for value in values if math.isfinite(value))
    middle = finite[len(finite) // 2] if finite else 0.0
    return next(unit for least, unit in _LARGEST[stored] if middle >= least)


def convert(value: float, stored: str, unit: Unit) -> float:
    """Express a stored magnitude in the unit of a column.

    Parameters
    ----------
    value : float
        In the stored unit.
    stored : str
        Unit as in `graven.types.Measure`.
    unit : str
        Unit to print, of the same kind.

    Returns
    -------
    float
        The magnitude in `unit`.

    Raises
    ------
    InputError
        If the two are not of one kind: pixels never become millimetres here.

    Examples
    --------
    >>> convert(2500.0, "mm2", "cm²")
    25.0
    """
    own = _STORED.get(stored)
    if own is None:
        raise InputError(f"a unit must be one of {sorted(_STORED)}, got {stored!r}")
    if own == unit:
        return value
    if own not in _MM_PER or unit not in _MM_PER or own.endswith("²") != unit.endswith("²"):
        raise InputError(f"a measure in {own or 'no unit'} cannot be printed in {unit or 'no unit'}")
    return value * _MM_PER[own] / _MM_PER[unit]


def format_measure(measure: Measure, unit: Unit | None = None) -> str:
    """Print a measure with its uncertainty, in a unit that fits or in the one asked for.

    Parameters
    ----------
    measure : Measure
        Value, unit and sigma.
    unit : str, optional
        Unit of a column; by default the one that suits the value.

    Returns
    -------
    str
        For example ``12.3 ± 0.4 cm²``.

    Examples
    --------
    >>> from graven.types import Measure
    >>> format_measure(Measure(1234.5, "mm2", 41.0)).replace(UNIT_SPACE, " ")
    '12.3 ± 0.4 cm²'
    """
    chosen = pick_unit([measure.value], measure.unit) if unit is None else unit
    sigma = None if measure.sigma is None else convert(measure.sigma, measure.unit, chosen)
    return format_value(convert(measure.value, measure.unit, chosen), sigma, chosen)


_SOURCES: dict[str, str] = {
    "user": "stated by the user",
    "geotransform": "from the georeference of the file",
    "two-points": "from a known length between two points",
    "target": "from a scale target in the picture",
    "exif": "from the camera data of the file",
    "none": "of unstated origin",
}


def format_pixel_size(pixel_size: PixelSize) -> str:
    """Say how large a pixel is on the object, and how that is known.

    Parameters
    ----------
    pixel_size : PixelSize
        Width and height in millimetres, source and relative sigma.

    Returns
    -------
    str
        One phrase for a title block.

    Examples
    --------
    >>> from graven.types import PixelSize
    >>> format_pixel_size(PixelSize(0.5, 0.5, "user")).replace(UNIT_SPACE, " ")
    '0.5 mm per pixel, stated by the user'
    """
    same = math.isclose(pixel_size.x_mm, pixel_size.y_mm, rel_tol=1e-6)
    size = f"{pixel_size.x_mm:.4g}" if same else f"{pixel_size.x_mm:.4g} × {pixel_size.y_mm:.4g}"
    sigma = f", ± {100 * pixel_size.sigma_rel:.2g}{UNIT_SPACE}%" if pixel_size.sigma_rel else ""
    return f"{size}{UNIT_SPACE}mm per pixel{sigma}, {_SOURCES[pixel_size.source]}"


def round_length(longest: float) -> float:
    """Give the largest of 1, 2, 5, 10, 20, 50 … (and their fractions) that does not exceed a length.

    Parameters
    ----------
    longest : float, > 0
        Upper limit, any unit.

    Returns
    -------
    float
        The round length, in the same unit.

    Raises
    ------
    InputError
        If the limit is not positive and finite.

    Examples
    --------
    >>> round_length(730.0), round_length(0.21)
    (500.0, 0.2)
    """
    if not (math.isfinite(longest) and longest > 0):
        raise InputError(f"a scale bar needs a positive, finite length, got {longest}")
    exponent = math.floor(math.log10(longest))
    for candidate in (5.0, 2.0, 1.0):
        length = float(f"{candidate}e{exponent}")
        if length <= longest * (1 + 1e-12):
            return length
    return float(f"5e{exponent - 1}")
