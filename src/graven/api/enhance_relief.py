"""Relief for the eye: what ``graven enhance`` makes of a height map.

Each method is a local function of heights with its settings resolved: a radius that was not given is the one of the
Relief Visualization Toolbox in pixels, said in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError, UsageError
from graven.prepare.heights import UNITS_MM, heights_view, local_view, square_pixel_mm
from graven.prepare.relief_light import GRADIENT_MARGIN_PX, multi_hillshade, slope
from graven.prepare.relief_local import msrm, msrm_radii_px, slrm, slrm_radius_px
from graven.prepare.relief_sky import local_dominance, openness, sky_margin_px, sky_view_factor

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.types import Raster

__all__ = ["RELIEFS", "Relief", "ReliefSettings", "Stretch", "greys", "relief_view"]

AZIMUTHS_DEG = (315.0, 22.5, 90.0)
MAX_RADIUS_PX = 2048
SAMPLES = 1_000_000
PERCENTILES = (1.0, 99.0)


@dataclass(frozen=True, slots=True)
class ReliefSettings:
    """What a person may say about a relief; None leaves it to the method.

    Attributes
    ----------
    radius_mm : float, millimetres
        How far to look; half the width of the widest feature for ``msrm``.
    n_directions : int, a multiple of 4
        Directions of a horizon; default is 16.
    elevation_deg : float, degrees
        Height of the lights; default is 35.
    unit : str, optional
        Unit of the heights, a key of `graven.prepare.heights.UNITS_MM`; default is ``mm``.
    """

    radius_mm: float | None = None
    n_directions: int | None = None
    elevation_deg: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Relief:
    """A method with its settings.

    Attributes
    ----------
    label : str
        What the file name carries.
    compute : callable
        ``compute(height (h, w)) -> (h, w) or (C, h, w)`` float32.
    margin_px : int, pixels
        How far it looks.
    bands : tuple of str
        Names of its bands.
    unit : str
        Of its values; 1 where they have none.
    shown : tuple of 2 floats, optional
        Lowest and highest value that the picture tells apart; None leaves them to the values found.
    high_is_dark : bool
        Whether the picture is inverted, so that hollows are dark in it as in all others.
    """

    label: str
    compute: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    margin_px: int
    bands: tuple[str, ...]
    unit: str
    shown: tuple[float, float] | None = None
    high_is_dark: bool = False


def _hillshade(pixel_mm: float, settings: ReliefSettings) -> Relief:
    elevation = 35.0 if settings.elevation_deg is None else settings.elevation_deg
    compute = partial(multi_hillshade, pixel_size_mm=pixel_mm, azimuths_deg=AZIMUTHS_DEG, elevation_deg=elevation)
    bands = tuple(f"hillshade {azimuth:g} deg" for azimuth in AZIMUTHS_DEG)
    return Relief(f"MULTI-HS_D3_H{elevation:g}", compute, GRADIENT_MARGIN_PX, bands, "1", shown=(0.0, 1.0))


def _slope(pixel_mm: float, _: ReliefSettings) -> Relief:
    return Relief("SLOPE", partial(slope, pixel_size_mm=pixel_mm), GRADIENT_MARGIN_PX, ("slope",), "deg")


def _svf(pixel_mm: float, settings: ReliefSettings) -> Relief:
    radius, directions = _horizon(pixel_mm, settings)
    compute = partial(sky_view_factor, pixel_size_mm=pixel_mm, radius_mm=radius, n_directions=directions)
    margin = sky_margin_px(radius, pixel_size_mm=pixel_mm)
    return Relief(f"SVF_R{radius:.4g}mm_D{directions}", compute, margin, ("sky-view factor",), "1")


def _openness(pixel_mm: float, settings: ReliefSettings, *, negative: bool) -> Relief:
    radius, directions = _horizon(pixel_mm, settings)
    compute = partial(openness, pixel_size_mm=pixel_mm, radius_mm=radius, n_directions=directions, negative=negative)
    side = "negative" if negative else "positive"
    label = f"OPEN-{side[:3].upper()}_R{radius:.4g}mm_D{directions}"
    margin = sky_margin_px(radius, pixel_size_mm=pixel_mm)
    return Relief(label, compute, margin, (f"{side} openness",), "deg", high_is_dark=negative)


def _local_dominance(pixel_mm: float, settings: ReliefSettings) -> Relief:
    radius = _radius(pixel_mm, settings, usual_px=20)
    nearest = max(pixel_mm, radius / 2)
    compute = partial(local_dominance, pixel_size_mm=pixel_mm, min_radius_mm=nearest, max_radius_mm=radius)
    margin = sky_margin_px(radius, pixel_size_mm=pixel_mm)
    return Relief(f"LD_R{nearest:.4g}-{radius:.4g}mm_A15", compute, margin, ("local dominance",), "1")


def _slrm(pixel_mm: float, settings: ReliefSettings) -> Relief:
    radius = _radius(pixel_mm, settings, usual_px=20)
    compute = partial(slrm, pixel_size_mm=pixel_mm, radius_mm=radius)
    margin = slrm_radius_px(radius, pixel_size_mm=pixel_mm)
    return Relief(f"SLRM_R{radius:.4g}mm", compute, margin, ("local relief",), "mm")


def _msrm(pixel_mm: float, settings: ReliefSettings) -> Relief:
    widest = 2 * _radius(pixel_mm, settings, usual_px=20)
    compute = partial(msrm, pixel_size_mm=pixel_mm, feature_max_mm=widest)
    margin = msrm_radii_px(pixel_size_mm=pixel_mm, feature_max_mm=widest)[-1]
    return Relief(f"MSRM_F0-{widest:.4g}mm_S2", compute, margin, ("multi-scale relief",), "mm")


RELIEFS: dict[str, Callable[[float, ReliefSettings], Relief]] = {
    "hillshade": _hillshade,
    "slope": _slope,
    "svf": _svf,
    "openness": partial(_openness, negative=False),
    "openness-negative": partial(_openness, negative=True),
    "local-dominance": _local_dominance,
    "slrm": _slrm,
    "msrm": _msrm,
}
"""Methods by name: from the pixel size in millimetres and settings to a relief."""


def relief_view(raster: Raster, method: str, settings: ReliefSettings) -> tuple[Raster, Relief]:
    """See a height map as a relief.

    Parameters
    ----------
    raster : Raster
        One band of float heights with a pixel size.
    method : str
        A key of `RELIEFS`.
    settings : ReliefSettings
        What was said about it.

    Returns
    -------
    view : Raster
        float32 with NaN where nothing is known, window by window.
    relief : Relief
        What it shows.

    Raises
    ------
    DataError, ScaleError
        If the raster is no height map, or its scale is not known.
    UsageError
        If a setting is out of range.
    """
    unit = settings.unit or "mm"
    if unit not in UNITS_MM:
        raise UsageError(f"--unit takes {', '.join(UNITS_MM)}, got {unit!r}")
    relief = RELIEFS[method](square_pixel_mm(raster), settings)
    if relief.margin_px > MAX_RADIUS_PX:
        raise InputError(
            f"--radius may reach {MAX_RADIUS_PX} px, got {relief.margin_px}; make it smaller, or the height map coarser"
        )
    relief.compute(np.full((1, 1), np.nan, np.float32))  # other settings are refused now, not at the first window
    heights = heights_view(raster, unit_mm=UNITS_MM[unit])
    return local_view(heights, relief.compute, margin_px=relief.margin_px, n_bands=len(relief.bands)), relief


class Stretch:
    """Finds the values that are black and white in the picture of a relief.

    Parameters
    ----------
    relief : Relief
        What is shown, and between which values if it says so.
    height, width : int, pixels
        Size of the raster; about a million of its pixels, on a regular grid, are remembered.
    """

    def __init__(self, relief: Relief, *, height: int, width: int) -> None:
        self._relief = relief
        self._step = max(1, round((height * width / SAMPLES) ** 0.5))
        self._values: list[NDArray[np.float32]] = []

    def look(self, first_row: int, rows: NDArray[np.float32]) -> None:
        """Take note of the values of some whole rows, of which the first has this number."""
        if self._relief.shown is None:
            sample = rows[:, -first_row % self._step :: self._step, :: self._step]
            self._values.append(sample[np.isfinite(sample)])

    def limits(self) -> tuple[float, float]:
        """Give black and white: as the relief says, or the percentiles 1 and 99 of what was seen."""
        low, high = self._relief.shown or self._percentiles()
        return (high, low) if self._relief.high_is_dark else (low, high)

    def _percentiles(self) -> tuple[float, float]:
        seen = np.concatenate([np.zeros(0, np.float32), *self._values])
        low, high = np.percentile(seen, PERCENTILES).tolist() if seen.size else (0.0, 1.0)
        return (low, high) if high > low else (low - 0.5, low + 0.5)


def greys(values: NDArray[np.float32], *, black: float, white: float) -> NDArray[np.uint8]:
    """Turn values into the greys of a picture.

    Parameters
    ----------
    values : ndarray, float32
        NaN where nothing is known.
    black, white : float
        Values of 0 and 255; `black` may be the larger one.

    Returns
    -------
    ndarray of the same shape, uint8
        0 where nothing is known.

    Examples
    --------
    >>> greys(np.float32([0, 1, 5, np.nan]), black=0.0, white=2.0).tolist()
    [0, 128, 255, 0]
    """
    share = (np.nan_to_num(values, nan=black) - np.float32(black)) / np.float32(white - black)
    return np.asarray(np.rint(np.clip(share, 0, 1) * 255), np.uint8)


def _horizon(pixel_mm: float, settings: ReliefSettings) -> tuple[float, int]:
    directions = 16 if settings.n_directions is None else settings.n_directions
    return _radius(pixel_mm, settings, usual_px=10), directions


def _radius(pixel_mm: float, settings: ReliefSettings, *, usual_px: int) -> float:
    radius_mm = usual_px * pixel_mm if settings.radius_mm is None else settings.radius_mm
    if not radius_mm >= pixel_mm:
        raise InputError(f"--radius must be at least one pixel of {pixel_mm:g} mm, got {radius_mm:g} mm")
    return radius_mm
