"""What every tracing method leaves in its output folder: vectors, drawings, measures, and the account of the run.

Files are named after the input: ``panel_traces.gpkg``, ``panel_traces.svg`` and so on. Time stamps stand in
``run.json`` alone, so a resumed or repeated run gives the same bytes everywhere else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graven.io.dxf import write_dxf
from graven.io.fs import sha256_file, write_text_atomic
from graven.io.geojson import geojson_name, write_geojson
from graven.io.gpkg import write_gpkg
from graven.io.svg import write_svg
from graven.io.tables import write_measures, write_table, write_totals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from graven.io.gpkglayers import Layer
    from graven.io.tables import Table
    from graven.types import ClassTable, Georeference, Measure, PixelSize, Raster, Trace

__all__ = ["PARTS", "VECTOR_WRITERS", "Beside", "Scene", "file_hashes", "write_run", "write_vectors"]

PARTS = ("mask", "prob", "traces", "drawing", "measures", "report")
"""What ``--only`` may name."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The panel that traces belong to, as the vector formats need it.

    Attributes
    ----------
    name : str
        Stem of the output files.
    height, width : int, pixels
        Size of the raster.
    georeference : Georeference or None
        Where it lies.
    pixel_size : PixelSize or None
        Its scale.
    source : str
        Hash or name of the input.
    run_id : str or None
        Of the run that made the traces, for the GeoPackage.
    valid_px : int or None, pixels
        Where something is known of the panel, for the GeoPackage.
    """

    name: str
    height: int
    width: int
    georeference: Georeference | None
    pixel_size: PixelSize | None
    source: str
    run_id: str | None = None
    valid_px: int | None = None

    @classmethod
    def of(cls, raster: Raster, *, run_id: str | None = None, valid_px: int | None = None) -> Scene:
        """Describe a raster."""
        return cls(
            name=raster.name,
            height=raster.height,
            width=raster.width,
            georeference=raster.georeference,
            pixel_size=raster.pixel_size,
            source=raster.source_sha256 or raster.name,
            run_id=run_id,
            valid_px=valid_px,
        )


@dataclass(frozen=True, slots=True)
class Beside:
    """What a method leaves beside traces.

    Attributes
    ----------
    layers : tuple of Layer
        Of the GeoPackage.
    tables : mapping of str to Table
        By the end of their names: ``rose`` becomes ``panel_rose.csv``.
    """

    layers: tuple[Layer, ...] = ()
    tables: Mapping[str, Table] = field(default_factory=dict)


def _gpkg(
    folder: Path, traces: Sequence[Trace], scene: Scene, classes: ClassTable, layers: Sequence[Layer] = ()
) -> Path:
    target = folder / f"{scene.name}_traces.gpkg"
    facts: dict[str, Any] = {"name": scene.name, "run_id": scene.run_id, "valid_px": scene.valid_px}
    write_gpkg(target, traces, classes=classes, beside=layers, **facts, **_where(scene))
    return target


def _geojson(folder: Path, traces: Sequence[Trace], scene: Scene, classes: ClassTable) -> Path:
    target = folder / geojson_name(f"{scene.name}_traces", scene.georeference)
    write_geojson(target, traces, classes=classes, **_where(scene))
    return target


def _svg(folder: Path, traces: Sequence[Trace], scene: Scene, classes: ClassTable) -> Path:
    target = folder / f"{scene.name}_traces.svg"
    write_svg(target, traces, classes=classes, name=scene.name, **_where(scene))
    return target


def _dxf(folder: Path, traces: Sequence[Trace], scene: Scene, classes: ClassTable) -> Path:
    target = folder / f"{scene.name}_traces.dxf"
    write_dxf(target, traces, classes=classes, **_where(scene))
    return target


def _csv(folder: Path, traces: Sequence[Trace], scene: Scene, classes: ClassTable) -> Path:
    del scene
    target = folder / "measures.csv"
    write_measures(target, traces, classes=classes)
    return target


def _where(scene: Scene) -> dict[str, Any]:
    return {
        "height": scene.height,
        "width": scene.width,
        "georeference": scene.georeference,
        "pixel_size": scene.pixel_size,
        "source": scene.source,
    }


VECTOR_WRITERS: dict[str, Callable[[Path, Sequence[Trace], Scene, ClassTable], Path]] = {
    "gpkg": _gpkg,
    "geojson": _geojson,
    "svg": _svg,
    "dxf": _dxf,
    "csv": _csv,
}
"""Format → what writes it under its usual name."""

_OF_PART = {"traces": ("gpkg", "geojson"), "drawing": ("svg", "dxf"), "measures": ("csv",)}


def write_vectors(
    folder: Path,
    traces: Sequence[Trace],
    *,
    scene: Scene,
    classes: ClassTable,
    totals: Mapping[int, Mapping[str, Measure]],
    parts: Sequence[str] = PARTS,
    beside: Beside | None = None,
) -> list[Path]:
    """Write traces, drawings and measures.

    Parameters
    ----------
    folder : Path
        Existing folder.
    traces : sequence of Trace
        In any order.
    scene : Scene
        The panel.
    classes : ClassTable
        Names and colours.
    totals : mapping of int to mapping of str to Measure
        Per class, for ``totals.csv``.
    parts : sequence of str
        Which of ``traces``, ``drawing`` and ``measures`` to write; other names are ignored.
    beside : Beside, optional
        Layers that go with the traces and tables that go with the measures.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DiskFull, OutputError
        If a file cannot be written.
    """
    beside = beside or Beside()
    written = []
    for kind in (kind for part, kinds in _OF_PART.items() if part in parts for kind in kinds):
        if kind == "gpkg":
            written.append(_gpkg(folder, traces, scene, classes, beside.layers))
        else:
            written.append(VECTOR_WRITERS[kind](folder, traces, scene, classes))
    if "measures" in parts:
        write_totals(folder / "totals.csv", totals, classes=classes)
        written.append(folder / "totals.csv")
        for name, table in beside.tables.items():
            written.append(folder / f"{scene.name}_{name}.csv")
            write_table(written[-1], table)
    return written


def file_hashes(folder: Path) -> dict[str, str]:
    """Give the SHA-256 of every file of a folder by name, but ``run.json`` and hidden files."""
    return {
        path.name: sha256_file(path)
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != "run.json" and not path.name.startswith(".")
    }


def write_run(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write ``run.json``, the account of the run and the only file with time stamps."""
    write_text_atomic(folder / "run.json", json.dumps(facts, indent=2, allow_nan=False, default=str) + "\n")
