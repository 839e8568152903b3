"""``graven export``: the traces of a finished record in another format."""

from __future__ import annotations

from pathlib import Path

from graven.errors import DataError, UsageError
from graven.io.coco import write_coco
from graven.io.folders import OutputFolder
from graven.io.gpkg import read_gpkg
from graven.io.images import open_raster
from graven.io.labelme import write_labelme
from graven.io.strictjson import read_json
from graven.methods.record import VECTOR_WRITERS, Scene, file_hashes, write_run
from graven.types import PETROGLYPH_CLASSES, PixelSize

__all__ = ["FORMATS", "export"]

FORMATS = (*VECTOR_WRITERS, "coco", "labelme")
"""What ``--to`` may name."""


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
        If the folder is no record, or its GeoPackage is missing.
    """
    unknown = [name for name in to if name not in FORMATS]
    if unknown or not to:
        raise UsageError(f"--to takes any of {', '.join(FORMATS)}, got {', '.join(unknown) or 'nothing'}")
    folder = Path(record)
    packages = sorted(folder.glob("*_traces.gpkg")) if folder.is_dir() else []
    if len(packages) != 1:
        raise DataError(
            f"{folder} must be a record with one *_traces.gpkg, found {len(packages)}; run graven segment first"
        )
    traces = read_gpkg(packages[0])
    scene, image_name = _scene(folder, packages[0])
    target = Path(out) if out is not None else Path(f"{folder.resolve().name}-export")
    with OutputFolder(target, overwrite=overwrite) as output:
        for name in to:
            if name == "coco":
                write_coco(
                    output.path / f"{scene.name}_coco.json",
                    traces,
                    classes=PETROGLYPH_CLASSES,
                    file_name=image_name,
                    height=scene.height,
                    width=scene.width,
                    pixel_size=scene.pixel_size,
                )
            elif name == "labelme":
                write_labelme(
                    output.path / f"{scene.name}.json",
                    traces,
                    classes=PETROGLYPH_CLASSES,
                    image_path=image_name,
                    height=scene.height,
                    width=scene.width,
                )
            else:
                VECTOR_WRITERS[name](output.path, traces, scene, PETROGLYPH_CLASSES)
        written = file_hashes(output.path)
        write_run(output.path, {"command": "export", "record": folder.name, "to": list(to), "outputs": written})
    return [target / name for name in written]


def _scene(folder: Path, package: Path) -> tuple[Scene, str]:
    """Find out what the record is of: from its mask where there is one, else from its account."""
    name = package.name.removesuffix("_traces.gpkg")
    account = read_json(folder / "run.json")
    image_name = str(account["input"]["name"])
    mask = folder / f"{name}_mask.tif"
    if mask.is_file():
        raster = open_raster(mask, palette="index", hash_source=False)
        source = account["input"]["sha256"] or name
        return Scene(name, raster.height, raster.width, raster.georeference, raster.pixel_size, source), image_name
    height, width = account["input"]["size"]
    size = account.get("pixel_size")
    pixel_size = None if size is None else PixelSize(**size)
    return Scene(name, height, width, None, pixel_size, account["input"]["sha256"] or name), image_name
