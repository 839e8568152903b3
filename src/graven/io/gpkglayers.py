"""Layers of a GeoPackage that hold no traces: points and areas that belong to a panel, such as nodes and islands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import shapely

from graven.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graven.io.gpkgrows import Row
    from graven.io.vectorframe import Placement
    from graven.types import Ring

__all__ = ["SURFACE", "Layer", "layer_rows"]

SURFACE = "surface"
"""Name of the layer that says which part of the picture was looked at."""

Polygons = tuple[tuple["Ring", ...], ...]
"""Parts of an area with their rings, as in `graven.types.Trace`."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Features with their columns.

    Attributes
    ----------
    name : str
        Of the layer.
    geometry : {"Point", "MultiPolygon"}
        What its features are.
    shapes : tuple of (float, float), or of tuple of tuple of Ring
        Points ``(x, y)``, or parts of areas with their rings; in pixels.
    rows : tuple of dict
        Columns of each feature, the same for all. Those of `graven.io.gpkgrows` that are text or whole numbers stay so.
    style : str
        QGIS layer style (`graven.io.styles`).
    """

    name: str
    geometry: Literal["Point", "MultiPolygon"]
    shapes: tuple[tuple[float, float], ...] | tuple[Polygons, ...]
    rows: tuple[Row, ...]
    style: str

    def __post_init__(self) -> None:
        if len(self.shapes) != len(self.rows):
            raise InputError(f"layer {self.name} needs a row per shape, got {len(self.rows)} for {len(self.shapes)}")


def layer_rows(layer: Layer, placement: Placement) -> Iterator[tuple[bytes, Row]]:
    """Yield geometry (WKB) and columns of each feature."""
    for shape, row in zip(layer.shapes, layer.rows, strict=True):
        if layer.geometry == "Point":
            yield shapely.to_wkb(shapely.Point(placement.points(np.array([shape], np.float64))[0])), row
        else:
            parts = [(rings[0], rings[1:]) for rings in placement.parts(cast("Polygons", shape))]
            yield shapely.to_wkb(shapely.MultiPolygon(parts)), row
