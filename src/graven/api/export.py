"""``graven export``: the traces of a finished record in another format."""

from __future__ import annotations

from pathlib import Path

from graven.api.account import Clock, account, output_hashes, source_of
from graven.errors import DataError, UsageError
from graven.io.classmasks import trace_classes, write_class_png
from graven.io.coco import write_coco
from graven.io.folders import OutputFolder
from graven.io.gpkg import read_gpkg
from graven.io.gpkgpanel import read_gpkg_classes, read_gpkg_panel
from graven.io.labelme import write_labelme
from graven.io.strictjson import read_json
from graven.measure.edited import geometry_measures
from graven.methods.comparison import CHANGE_CLASSES
from graven.methods.record import VECTOR_WRITERS, Scene, write_run
from graven.types import CONDITION_CLASSES, PETROGLYPH_CLASSES, ClassTable

__all__ = ["FORMATS", "export", "package_classes"]

FORMATS = (*VECTOR_WRITERS, "coco", "labelme", "palette")
"""What ``--to`` may name."""

RUN = "run.json"


def export(
    record: str | Path, *, to: tuple[str, ...], out: str | Path | None = None, overwrite: bool = False
) -> list[Path]:
    """Write the traces of a record in the formats named.

    Parameters
    ----------
    record : str or Path
        Output folder of ``segment`` or ``measure``; its GeoPackage is the master and may have been edited in QGIS.
    to : tuple of str
        Any of `FORMATS`.
    out : str or Path, optional
        Output folder; default is ``<record>-export``.
    overwrite : bool
        Replace an earlier output of graven.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    UsageError
        If a format is unknown.
    DataError
        If the folder is no record, its GeoPackage is missing, or its classes are those of no method.
    """
    unknown = [name for name in to if name not in FORMATS]
    if unknown or not to:
        raise UsageError(f"--to takes any of {', '.join(FORMATS)}, got {', '.join(unknown) or 'nothing'}")
    clock = Clock()
    folder = Path(record)
    packages = sorted(folder.glob("*_traces.gpkg")) if folder.is_dir() else []
    if len(packages) != 1:
        raise DataError(
            f"{folder} must be a record with one *_traces.gpkg, found {len(packages)}; run graven segment first"
        )
    traces = read_gpkg(packages[0], remeasure=geometry_measures)
    classes = package_classes(packages[0])
    scene, image_name = _scene(folder, packages[0])
    target = Path(out) if out is not None else Path(f"{folder.resolve().name}-export")
    with OutputFolder(target, overwrite=overwrite) as output:
        for name in to:
            if name == "coco":
                write_coco(
                    output.path / f"{scene.name}_coco.json",
                    traces,
                    classes=classes,
                    file_name=image_name,
                    height=scene.height,
                    width=scene.width,
                    pixel_size=scene.pixel_size,
                )
            elif name == "labelme":
                write_labelme(
                    output.path / f"{scene.name}.json",
                    traces,
                    classes=classes,
                    image_path=image_name,
                    height=scene.height,
                    width=scene.width,
                    pixel_size=scene.pixel_size,
                )
            elif name == "palette":
                numbers = trace_classes(traces, classes=classes, height=scene.height, width=scene.width)
                write_class_png(output.path / f"{scene.name}_classes.png", numbers, classes=classes)
            else:
                VECTOR_WRITERS[name](output.path, traces, scene, classes)
        written = output_hashes(output.path)
        told = account(
            "export",
            clock=clock,
            options={"record": folder, "to": to, "out": target},
            inputs=[source_of(packages[0]), source_of(folder / RUN)],
            outputs=written,
            n_traces=len(traces),
        )
        write_run(output.path, told)
    return [target / name for name in written]


def package_classes(package: Path) -> ClassTable:
    """Find the method whose classes a GeoPackage has.

    Parameters
    ----------
    package : Path
        A GeoPackage of graven.

    Returns
    -------
    ClassTable
        The classes of that method.

    Raises
    ------
    DataError
        If they are of no method.
    """
    named = read_gpkg_classes(package)
    tables = (PETROGLYPH_CLASSES, CONDITION_CLASSES, CHANGE_CLASSES)
    fitting = [t for t in tables if named.items() <= {entry.id: entry.name for entry in t.classes}.items()]
    counted = read_gpkg_panel(package).n_traces
    same = [table for table in fitting if counted is not None and set(counted) == {e.id for e in table.classes}]
    if fitting:
        return (same or fitting)[0]
    listed = ", ".join(f"{number} {name}" for number, name in named.items())
    raise DataError(f"{package.name} has the classes {listed}, which are of no method; correct class_id and class")


def _scene(folder: Path, package: Path) -> tuple[Scene, str]:
    """Find out what the record is of: its place from the GeoPackage, the name of the image from its account."""
    told = read_json(folder / RUN)
    facts = told.get("input") if isinstance(told, dict) else None
    image_name = facts.get("name") if isinstance(facts, dict) else None
    if not isinstance(image_name, str):
        raise DataError(f"{folder} is no record of segment or measure: its run.json names no input; give the record")
    panel = read_gpkg_panel(package)
    name = package.name.removesuffix("_traces.gpkg")
    place = name, panel.height, panel.width, panel.georeference, panel.pixel_size, panel.source
    return Scene(*place, valid_px=panel.valid_px), image_name
