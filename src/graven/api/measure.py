"""``graven measure``: objects of a class raster, or of traces that a person has edited, numbered and measured."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.api.account import Clock, account, output_hashes, source_of
from graven.api.images import stated_pixel_size
from graven.api.measure_mask import measure_damage_mask, measure_figures_mask, method_of_mask
from graven.api.measure_traces import measure_traces
from graven.api.measured import Found, edits_in_words, measured_report
from graven.api.monitor import SILENT, Monitor
from graven.errors import DataError, InputError, UsageError
from graven.io.folders import OutputFolder
from graven.io.fs import write_text_atomic
from graven.methods.record import write_run, write_vectors

if TYPE_CHECKING:
    from graven.types import Measure

__all__ = ["METHODS", "Measured", "measure"]

METHODS = ("petroglyph", "condition")
"""What ``--method`` may name."""

PACKAGE = ".gpkg"


@dataclass(frozen=True, slots=True)
class Measured:
    """What `measure` left.

    Attributes
    ----------
    path : Path
        Output folder.
    n_traces : int
        Objects.
    totals : dict of str to Measure
        Over the panel; of several classes each name begins with the class and a dot.
    edits : dict of str to dict of str to int or None
        By class, how many objects of a GeoPackage a person has kept, changed, drawn (``new``) and deleted; empty for a
        mask. None where it is not known.
    notes : tuple of str
        What a reader must know.
    """

    path: Path
    n_traces: int
    totals: dict[str, Measure]
    edits: dict[str, dict[str, int | None]]
    notes: tuple[str, ...]

    def summary(self) -> str:
        """Say it in a few lines."""
        told = [f"{self.n_traces} objects measured; {self.path}"]
        told += [edits_in_words(self.edits)] if self.edits else []
        return "\n".join([*told, *(f"note: {note}" for note in self.notes)])

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {
            "path": str(self.path),
            "n_traces": self.n_traces,
            "totals": {name: asdict(value) for name, value in self.totals.items()},
            "edits": self.edits,
            "notes": list(self.notes),
        }


def measure(
    mask: str | Path,
    *,
    method: str | None = None,
    prob: str | Path | None = None,
    image: str | Path | None = None,
    out: str | Path | None = None,
    scale: str | None = None,
    length: str | None = None,
    min_object: float = 0.0,
    title: str | None = None,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Measured:
    """Measure every object of a mask, or of a GeoPackage after editing, and write a record.

    Parameters
    ----------
    mask : str or Path
        Class raster: 0 background, 1 and further numbers the classes, 255 unknown. For petroglyphs a plain mask of 0
        and 255 counts 255 as pecked (`graven.io.masks`). Or a GeoPackage of traces, such as one that was edited in
        QGIS: what nobody changed keeps its measures, the rest is measured as it was drawn.
    method : {"petroglyph", "condition"}, optional
        Whose classes a raster has, where it does not say so itself; default is petroglyph.
    prob : str or Path, optional
        Its probability raster, with a band per class; without it confidences are unknown and no uncertainty stems from
        the threshold.
    image : str or Path, optional
        The photograph: widths of cracks are measured in it, and the report shows it.
    out : str or Path, optional
        Output folder; default is ``<stem>-measures`` here.
    scale, length : str, optional
        As in `graven.open`; without either, and without a scale in the file, all measures are in pixels. A GeoPackage
        keeps the scale that it was made with.
    min_object : float
        Smaller objects of a raster are left out: mm² where a scale is known, else px².
    title : str, optional
        Title of the report; default is the stem of the file.
    overwrite : bool
        Replace an earlier output of graven.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Measured
        Where the files are.

    Raises
    ------
    UsageError
        If an option does not go with the file.
    MismatchError
        If raster, probability and photograph differ in size or frame.
    InputError
        If `min_object` is no area.
    ScaleError
        If a scale is needed to know sizes: coordinates in degrees or sheared pixels, and none is stated.
    DataError
        If a file is refused, or the mask holds other values.
    """
    if not (math.isfinite(min_object) and min_object >= 0):
        raise InputError(f"--min-object must be an area of at least 0, got {min_object}")
    if method is not None and method not in METHODS:
        raise UsageError(f"--method must be one of {', '.join(METHODS)}, got {method!r}")
    clock, path = Clock(), Path(mask)
    beside = {name: None if given is None else Path(given) for name, given in (("prob", prob), ("image", image))}
    is_package = path.suffix.lower() == PACKAGE
    if is_package:
        _refuse(method=method, scale=scale, length=length, min_object=min_object or None)
    name = path.name.removesuffix(path.suffix).removesuffix("_traces") if is_package else path.stem
    target = Path(out) if out is not None else Path(f"{name}-measures")
    with OutputFolder(target, overwrite=overwrite) as output:
        monitor.say(f"measuring {path.name} …")
        if is_package:
            found = measure_traces(path, **beside)
        else:
            settings: dict[str, Any] = {
                **beside,
                "pixel_size": stated_pixel_size(scale=scale, length=length),
                "min_object": min_object,
            }
            found = _measure_mask(path, method, settings)
        source = source_of(path)
        write_vectors(
            output.path,
            found.traces,
            scene=found.scene,
            classes=found.classes,
            totals=found.totals,
            beside=found.beside,
        )
        page = measured_report(
            found,
            file_name=path.name,
            sha256=source["sha256"],
            photo_name=None if image is None else Path(image).name,
            title=title or found.scene.name,
            files=output_hashes(output.path),
            folder=output.path,
        )
        write_text_atomic(output.path / f"{found.scene.name}_report.html", page)
        size = found.scene.pixel_size
        told = account(
            "measure",
            clock=clock,
            options={
                "mask": path,
                "method": method,
                **beside,
                "out": target,
                "scale": scale,
                "length": length,
                "min_object": min_object,
                "title": title,
            },
            inputs=[
                source | {"role": "traces" if is_package else "mask"},
                *(source_of(given) | {"role": role} for role, given in beside.items() if given is not None),
            ],
            settings={**found.settings, "method": found.method},
            outputs=output_hashes(output.path),
            input={**source, "size": [found.scene.height, found.scene.width]},
            pixel_size=None if size is None else asdict(size),
            n_traces=len(found.traces),
            totals={name: asdict(value) for name, value in found.flat_totals.items()},
            edits=found.edits,
            notes=list(found.notes),
        )
        write_run(output.path, told)
    return Measured(target, len(found.traces), found.flat_totals, found.edits, found.notes)


def _measure_mask(path: Path, method: str | None, settings: dict[str, Any]) -> Found:
    stated = method_of_mask(path)
    if None not in (method, stated) and method != stated:
        raise DataError(f"{path.name} is a class raster of {stated}, but --method says {method}; leave it out")
    if (stated or method) == "condition":
        return measure_damage_mask(path, **settings)
    return measure_figures_mask(path, **settings)


def _refuse(**given: Any) -> None:
    """Refuse options that a GeoPackage settles itself."""
    wrong = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)} does not go with a GeoPackage, which keeps scale, classes and objects as they are; "
            "measure the mask to set them anew"
        )
