"""What every tracing method leaves in its output folder: rasters, vectors, drawings, measures and the report.

Files are named after the input: ``panel_mask.tif``, ``panel_prob.tif``, ``panel_traces.gpkg`` and so on. Time stamps
stand in ``run.json`` alone, so a resumed or repeated run gives the same bytes everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.io.dxf import write_dxf
from graven.io.fs import sha256_file, write_text_atomic
from graven.io.geojson import geojson_name, write_geojson
from graven.io.gpkg import write_gpkg
from graven.io.svg import write_svg
from graven.io.tables import write_measures
from graven.report import OutputFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from graven.types import ClassTable, Georeference, Measure, PixelSize, Raster, Trace

__all__ = ["PARTS", "TracedImage", "output_files", "write_drawings", "write_measures_table", "write_traces"]

PARTS = ("mask", "prob", "traces", "drawing", "measures", "report")
"""What ``--only`` may name."""
