"""The one place where vector geometry leaves the pixel frame and comes back to it.

Inside, geometry is ``(x, y)`` in pixels from the outer corner of the top-left pixel, y down. World frames have y up:

* a raster with a georeference keeps its affine and its CRS;
* a plain image with a scale gets a panel frame in millimetres, ``X = x * x_mm`` and ``Y = (height - y) * y_mm``;
* a plain image without one gets the same frame in pixels, and no CRS at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError, InputError
from graven.types import Affine6, Georeference, PixelSize, Ring

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Placement", "millimetre_placement", "vector_placement"]

_SNAP_PX = 1e-4  # what a coordinate of seven figures before the point may lose on its way to a file and back


@dataclass(frozen=True, slots=True)
class Placement:
    """Where pixel geometry lies in a file.

    Attributes
    ----------
    affine : tuple of 6 floats
        ``X = a*x + b*y + c``, ``Y = d*x + e*y + f``.
    crs_wkt : str or None
        CRS of the result; None where there is none.
    unit : str
        ``mm``, ``px`` or, in a georeferenced frame, ``frame``.
    """

    affine: Affine6
    crs_wkt: str | None
    unit: str

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.affine)) or self.determinant == 0:
            raise InputError(f"an affine must be finite and invertible, got {self.affine}")

    @property
    def determinant(self) -> float:
        """Area of a pixel in the frame, negative where the frame mirrors."""
        a, b, _, d, e, _ = self.affine
        return a * e - b * d

    @property
    def decimals(self) -> int:
        """Digits after the point that keep a thousandth of a pixel."""
        a, b, _, d, e, _ = self.affine
        side = min(math.hypot(a, d), math.hypot(b, e))
        return max(0, math.ceil(-math.log10(side / 1000)))

    def points(self, xy: Ring) -> Ring:
        """Map pixel coordinates to the frame."""
        return Georeference(self.affine, None, "local", None).to_world(np.asarray(xy, np.float64))

    def pixels(self, points: Ring) -> Ring:
        """Map the frame back to pixel coordinates; what is next to a pixel corner is put on it."""
        a, b, c, d, e, f = self.affine
        x, y = points[:, 0] - c, points[:, 1] - f
        back = np.stack([e * x - b * y, a * y - d * x], axis=1) / self.determinant
        corner = np.rint(back)
        return np.where(np.abs(back - corner) < _SNAP_PX, corner, back)

    def parts(self, polygons: Iterable[tuple[Ring, ...]]) -> list[list[Ring]]:
        """Map polygons to the frame, exteriors counter-clockwise and holes clockwise where y points up."""
        return [
            [_turned(self.points(ring), positive=position == 0) for position, ring in enumerate(part)]
            for part in polygons
        ]

    def pixel_parts(self, parts: Iterable[Iterable[Ring]]) -> tuple[tuple[Ring, ...], ...]:
        """Map polygons back to pixels, oriented as `graven.measure.polygons` does."""
        return tuple(
            tuple(_turned(self.pixels(ring), positive=position == 0) for position, ring in enumerate(part))
            for part in parts
        )


def vector_placement(
    georeference: Georeference | None, pixel_size: PixelSize | None, *, height: int, name: str = "panel"
) -> Placement:
    """Choose the frame for geodata.

    Parameters
    ----------
    georeference : Georeference or None
        Of the raster; one in a pixel frame counts as none.
    pixel_size : PixelSize or None
        Scale of a raster without georeference.
    height : int, pixels
        Height of the raster.
    name : str
        Name of the panel, for its CRS.

    Returns
    -------
    Placement
        As the head of the module says.
    """
    if georeference is not None and georeference.frame != "pixel":
        return Placement(georeference.affine, georeference.crs_wkt, "frame")
    return _panel(pixel_size, height=height, name=name)


def millimetre_placement(georeference: Georeference | None, pixel_size: PixelSize | None, *, height: int) -> Placement:
    """Choose the frame for drawings: millimetres wherever a length is known.

    Parameters
    ----------
    georeference : Georeference or None
        Of the raster; its frame is used where its unit has a length.
    pixel_size : PixelSize or None
        Scale of a raster otherwise.
    height : int, pixels
        Height of the raster.

    Returns
    -------
    Placement
        With unit ``mm``, or ``px`` where no length is known; y up in both.
    """
    if georeference is not None and georeference.frame != "pixel" and georeference.unit_mm is not None:
        a, b, c, d, e, f = (value * georeference.unit_mm for value in georeference.affine)
        return Placement((a, b, c, d, e, f), None, "mm")
    return _panel(pixel_size, height=height, name="")


def _panel(pixel_size: PixelSize | None, *, height: int, name: str) -> Placement:
    if pixel_size is None:
        return Placement((1.0, 0.0, 0.0, 0.0, -1.0, float(height)), None, "px")
    label = name.replace('"', "'")
    wkt = (
        f'ENGCRS["{label} local",EDATUM["{label} lower left corner"],CS[Cartesian,2],AXIS["x",unspecified,ORDER[1]],'
        'AXIS["y",unspecified,ORDER[2]],LENGTHUNIT["millimetre",0.001]]'
    )
    affine = (pixel_size.x_mm, 0.0, 0.0, 0.0, -pixel_size.y_mm, height * pixel_size.y_mm)
    return Placement(affine, wkt, "mm")


def _turned(ring: Ring, *, positive: bool) -> Ring:
    """Give the ring in the wanted direction, from the same first vertex."""
    if len(ring) < 4 or not np.isfinite(ring).all():
        raise DataError(f"a ring must have at least 4 finite points, got {len(ring)}")
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    area = float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    return ring if (area > 0) == positive else ring[::-1]
