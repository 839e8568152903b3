"""The page of ``graven stereo``: what was computed from the lights, how it looks, and how far it can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.report.encode import Picture, indexed_png, jpeg_picture
from graven.report.format import UNIT_SPACE, format_bytes, format_number, format_value
from graven.report.lightplot import azimuth_deg, draw_lights
from graven.report.marks import arrow, color_bar, scale_bar
from graven.report.page import Numbers, render_page
from graven.report.palette import UNKNOWN, colormap
from graven.report.pictures import unit_levels
from graven.report.words import OPENS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.report.values import OutputFile
    from graven.types import Georeference, Lights, PixelSize

__all__ = ["StereoReport", "relit", "shaded", "stereo_report"]

SHADE_DIRECTIONS = ((135.0, "upper left"), (45.0, "upper right"), (225.0, "lower left"), (315.0, "lower right"))
_RAKING_DEG, _SHADE_DEG = 20.0, 45.0
_VISIBLE_SLOPE = math.tan(math.radians(30))
_MAX_BYTES = 320_000
_UNKNOWN_INDEX = 1


@dataclass(frozen=True, slots=True)
class StereoReport:
    """Everything `stereo_report` prints; maps are at picture size, NaN where nothing is known.

    Attributes
    ----------
    title, version : str
        As printed; `version` is that of graven.
    lead : str
        What was made of what, one sentence.
    lights : Lights
        In the order of the images, named.
    height, width : int, pixels
        Full size.
    pixel_size : PixelSize or None
        None where no scale is known; heights are then in pixels.
    georeference : Georeference or None
        Where the images lie.
    factor : float, >= 1
        Full pixels per pixel of the maps.
    normals : ndarray of shape (3, h, w), float32
        x right, y up, z towards the viewer.
    albedo, relief, residual, misfit_deg : ndarray of shape (h, w), float32
        Albedo; height in mm (or pixels); relative residual; angle between the normal and that of the height.
    photographed : tuple of (int, ndarray of shape (h, w), float32), or None
        Index of a light, and its linear image, to be held against what normals and albedo predict.
    figures : tuple of (str, str)
        Figures of the surface and its quality, as printed.
    method : tuple of (str, str)
        How it was computed.
    notes : tuple of str
        What a reader must know.
    files : tuple of OutputFile
        What lies beside the page.
    """

    title: str
    version: str
    lead: str
    lights: Lights
    height: int
    width: int
    pixel_size: PixelSize | None
    georeference: Georeference | None
    factor: float
    normals: NDArray[np.float32]
    albedo: NDArray[np.float32]
    relief: NDArray[np.float32]
    residual: NDArray[np.float32]
    misfit_deg: NDArray[np.float32]
    photographed: tuple[int, NDArray[np.float32]] | None
    figures: tuple[tuple[str, str], ...]
    method: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    files: tuple[OutputFile, ...] = ()

    def __post_init__(self) -> None:
        shape = self.relief.shape
        maps = {"albedo": self.albedo, "residual": self.residual, "misfit_deg": self.misfit_deg}
        for name, values in maps.items():
            if values.shape != shape:
                raise InputError(f"{name} must have the shape {shape} of the relief, got {values.shape}")
        if self.normals.shape != (3, *shape):
            raise InputError(f"normals must have shape {(3, *shape)}, got {self.normals.shape}")


def stereo_report(report: StereoReport) -> str:
    """Write the page.

    Parameters
    ----------
    report : StereoReport
        Plain arrays, values and text.

    Returns
    -------
    str
        HTML 5 with everything inside. Equal input gives equal text.
    """
    pitch = report.factor * (1.0 if report.pixel_size is None else report.pixel_size.mean_mm)
    exaggeration = _exaggeration(report.relief, pitch)
    values = {
        "report": report,
        "page_title": f"{report.title} – surface from lights",
        "generator": f"graven {report.version}",
        "next": Numbers(),
        "aspect": report.width / report.height,
        "bar": scale_bar(report.width, report.pixel_size),
        "arrow": arrow(report.georeference),
        "pair": _pair(report),
        "relit": [
            (name, jpeg_picture(relit(report.normals, report.albedo, azimuth, _RAKING_DEG), max_bytes=_MAX_BYTES,
                                alt=f"The surface under a low light from the {name}."))
            for azimuth, name in SHADE_DIRECTIONS
        ],
        "shades": [
            (name, jpeg_picture(shaded(report.relief, pitch, azimuth, _SHADE_DEG, exaggeration=exaggeration),
                                max_bytes=_MAX_BYTES, alt=f"The height map shaded from the {name}."))
            for azimuth, name in SHADE_DIRECTIONS
        ],
        "exaggeration": f"{exaggeration:.3g}",
        "pictures": _maps(report),
        "ends": _ends(report),
        "ramps": {name: color_bar("cividis", bar_id=f"ramp-{name}") for name in ("residual", "misfit")},
        "unit": "px" if report.pixel_size is None else "mm",
        "plot": draw_lights(report.lights),
        "light_rows": _light_rows(report.lights),
        "file_rows": [(file.name, *OPENS.describe(file.name), _size(file.n_bytes)) for file in report.files],
        "checksums": [(file.name, file.sha256) for file in report.files if file.sha256],
    }  # fmt: skip
    return render_page("stereo.html.j2", values)


def relit(
    normals: NDArray[np.float32], albedo: NDArray[np.float32], azimuth_deg: float, elevation_deg: float
) -> NDArray[np.uint8]:
    """Light a surface anew: ``albedo * max(0, n . l)``, as a picture.

    Parameters
    ----------
    normals : ndarray of shape (3, h, w), float32
        Unit normals, NaN where unknown.
    albedo : ndarray of shape (h, w), float32
        Reflectance, any unit.
    azimuth_deg, elevation_deg : float, degrees
        Where the light stands; azimuth counter-clockwise from the right.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        sRGB, brightened so that 1 % of the points are white; grey where nothing is known.
    """
    return _grey_picture(albedo * np.maximum(0, _facing(normals, azimuth_deg, elevation_deg)))


def shaded(
    relief: NDArray[np.float32], pitch: float, azimuth_deg: float, elevation_deg: float, *, exaggeration: float = 1.0
) -> NDArray[np.uint8]:
    """Shade a height map, all of one colour.

    Parameters
    ----------
    relief : ndarray of shape (h, w), float32
        Height towards the viewer, NaN where unknown.
    pitch : float, > 0
        Distance of pixels in the unit of the height.
    azimuth_deg, elevation_deg : float, degrees
        Where the light stands; azimuth counter-clockwise from the right.
    exaggeration : float, > 0
        By which heights are multiplied first.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        Grey; a plane that lies flat is ``sin(elevation)`` of white.
    """
    down, right = np.gradient(relief.astype(np.float64) * (exaggeration / pitch))
    length = np.sqrt(right**2 + down**2 + 1)
    light = np.maximum(0, _facing(np.stack([-right, down, np.ones_like(down)]) / length, azimuth_deg, elevation_deg))
    return _with_unknown(np.rint(255 * np.nan_to_num(light)).astype(np.uint8), ~np.isfinite(light))


def _facing(normals: NDArray[np.floating], azimuth_deg: float, elevation_deg: float) -> NDArray[np.float64]:
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    flat = math.cos(elevation)
    light = np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)])
    return np.asarray(np.tensordot(light, normals, axes=1), np.float64)


def _grey_picture(linear: NDArray[np.floating], *, white: float | None = None) -> NDArray[np.uint8]:
    """Show linear light with the square root for a curve; by default 1 % of it is white."""
    top = _top(linear) if white is None else white
    share = np.clip(np.nan_to_num(linear) / top, 0, 1)
    return _with_unknown(np.rint(255 * np.sqrt(share)).astype(np.uint8), ~np.isfinite(linear))


def _with_unknown(grey: NDArray[np.uint8], unknown: NDArray[np.bool_]) -> NDArray[np.uint8]:
    picture = np.repeat(grey[..., None], 3, axis=2)
    picture[unknown] = UNKNOWN
    return picture


def _exaggeration(relief: NDArray[np.float32], pitch: float) -> float:
    """Give the factor that makes the steepest twentieth of a flat relief slope by 30 degrees; a steep one keeps 1."""
    slope = np.hypot(*np.gradient(relief.astype(np.float64) / pitch))
    known = slope[np.isfinite(slope)]
    steep = float(np.percentile(known, 95)) if known.size else 0.0
    return float(f"{max(1.0, min(20.0, _VISIBLE_SLOPE / steep)):.2g}") if steep > 0 else 1.0


def _pair(report: StereoReport) -> tuple[str, Picture, Picture] | None:
    """Hold one photograph against its prediction, both with one brightness."""
    if report.photographed is None:
        return None
    index, photograph = report.photographed
    seen = report.lights.at_centre()
    facing = np.tensordot(seen.towards[index], report.normals, axes=1)
    predicted = report.albedo * np.maximum(0, facing) * seen.strengths[index]
    white = _top(predicted)
    seen_there = np.where(np.isfinite(predicted), np.nan_to_num(photograph, nan=white), np.nan)  # clipped is white
    first, second = (
        jpeg_picture(_grey_picture(values, white=white), alt=alt, max_bytes=_MAX_BYTES)
        for values, alt in (
            (seen_there, "Photograph under one light."),
            (predicted, "The same view, computed from normals and albedo."),
        )
    )
    return report.lights.label(index).strip("'"), first, second


def _maps(report: StereoReport) -> dict[str, Picture]:
    unknown = ~np.isfinite(report.normals).all(axis=0)
    colours = np.rint(127.5 * (np.nan_to_num(report.normals) + 1)).astype(np.uint8).transpose(1, 2, 0)
    colours = np.ascontiguousarray(colours)
    colours[unknown] = UNKNOWN
    low, high = _range(report.relief)
    grey = np.clip((np.nan_to_num(report.relief, nan=low) - low) / max(high - low, 1e-9), 0, 1)
    relief = _with_unknown(np.rint(255 * grey).astype(np.uint8), ~np.isfinite(report.relief))
    return {
        "normals": jpeg_picture(colours, alt="Map of normals as colours.", max_bytes=_MAX_BYTES, has_lines=True),
        "albedo": jpeg_picture(_grey_picture(report.albedo), alt="Map of albedo.", max_bytes=_MAX_BYTES),
        "relief": jpeg_picture(relief, alt="Height map, bright is near.", max_bytes=_MAX_BYTES),
        "residual": _quality(report.residual, "Map of the relative residual, dark blue small, yellow large."),
        "misfit": _quality(report.misfit_deg, "Map of the angle between normals and height, dark blue small."),
    }


def _quality(values: NDArray[np.float32], alt: str) -> Picture:
    """Colour a map of errors from 0 to the value that 99 % stay below."""
    colors = colormap("cividis").copy()
    colors[_UNKNOWN_INDEX] = UNKNOWN
    share = np.clip(np.nan_to_num(values) / _top(values), 0, 1)
    levels = np.where(np.isfinite(values), unit_levels(share), np.uint8(_UNKNOWN_INDEX))
    return indexed_png(levels.astype(np.uint8), colors, alt=alt)


def _top(values: NDArray[np.floating]) -> float:
    known = values[np.isfinite(values)]
    return max(float(np.percentile(known, 99)), 1e-9) if known.size else 1.0


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, [0.5, 99.5]) if known.size else (0.0, 1.0)
    return float(low), float(high)


def _ends(report: StereoReport) -> dict[str, tuple[str, str]]:
    unit = "px" if report.pixel_size is None else "mm"
    low, high = _range(report.relief)
    return {
        "residual": ("0", f"{100 * _top(report.residual):.3g}{UNIT_SPACE}%"),
        "misfit": ("0", f"{_top(report.misfit_deg):.3g}°"),
        "relief": (format_value(low, unit=unit), format_value(high, unit=unit)),
    }


def _light_rows(lights: Lights) -> list[tuple[str, ...]]:
    seen = lights.at_centre()
    strengths = seen.strengths / seen.strengths.mean()
    rows: list[tuple[str, ...]] = []
    for index, (azimuth, elevation, strength) in enumerate(
        zip(azimuth_deg(lights), lights.elevations_deg, strengths, strict=True)
    ):
        name = lights.names[index] if lights.names else ""
        numbers = (format_number(azimuth, 1), format_number(elevation, 1), format_number(strength, 2))
        rows.append((str(index + 1), name, *numbers))
    return rows


def _size(n_bytes: int | None) -> str:
    return "–" if n_bytes is None else format_bytes(n_bytes)
