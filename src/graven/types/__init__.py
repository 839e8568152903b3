"""Values that the stages hand to one another: frozen, NumPy only."""

from __future__ import annotations

from graven.types.labels import (
    CONDITION_CLASSES,
    ENGRAVING_CLASSES,
    NODATA,
    PETROGLYPH_CLASSES,
    ClassDefinition,
    ClassTable,
)
from graven.types.lights import Lights
from graven.types.model import Blending, Engine, ExplainingEngine, Method, ModelSpec, Normalisation, PrepareStep, Role
from graven.types.provenance import Provenance, Step
from graven.types.raster import Affine6, Frame, Georeference, PixelSize, Raster, ScaleSource, raster_from_array
from graven.types.strokes import Stroke, StrokeSet, stroke_uid
from graven.types.traces import Measure, Ring, Trace, trace_uid
from graven.types.window import TileGrid, Window

__all__ = [
    "CONDITION_CLASSES",
    "ENGRAVING_CLASSES",
    "NODATA",
    "PETROGLYPH_CLASSES",
    "Affine6",
    "ClassDefinition",
    "ClassTable",
    "Blending",
    "Engine",
    "ExplainingEngine",
    "Frame",
    "Georeference",
    "Lights",
    "Measure",
    "Method",
    "ModelSpec",
    "Normalisation",
    "PixelSize",
    "PrepareStep",
    "Provenance",
    "Raster",
    "Ring",
    "Role",
    "ScaleSource",
    "Step",
    "Stroke",
    "StrokeSet",
    "TileGrid",
    "Trace",
    "Window",
    "raster_from_array",
    "stroke_uid",
    "trace_uid",
]
