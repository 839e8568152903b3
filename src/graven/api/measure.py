"""``graven measure``: objects of a class raster that already exists, numbered and measured."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.api.account import Clock, account, output_hashes, source_of
from graven.api.images import stated_pixel_size
from graven.api.monitor import SILENT, Monitor
from graven.errors import DataError, InputError
from graven.io.folders import OutputFolder
from graven.io.masks import Mask, open_mask, probability_reader
from graven.io.scale import measurable_pixel_size
from graven.measure.components import bands
from graven.measure.figures import trace_figures
from graven.measure.totals import panel_totals
from graven.methods.record import Scene, write_run, write_vectors
from graven.types import PETROGLYPH_CLASSES

if TYPE_CHECKING:
    from graven.types import Measure

__all__ = ["Measured", "measure"]

BAND_ROWS = 1024


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
        Over the panel.
    """

    path: Path
    n_traces: int
    totals: dict[str, Measure]

    def summary(self) -> str:
        """Say it in one line."""
        return f"{self.n_traces} figures measured; {self.path}"

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        totals = {name: asdict(value) for name, value in self.totals.items()}
        return {"path": str(self.path), "n_traces": self.n_traces, "totals": totals}


def measure(
    mask: str | Path,
    *,
    prob: str | Path | None = None,
    out: str | Path | None = None,
    scale: str | None = None,
    length: str | None = None,
    min_object: float = 0.0,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Measured:
    """Measure every object of a mask and write vectors, drawings and tables.

    Parameters
    ----------
    mask : str or Path
        Class raster: 0 background, 1 pecked, 255 unknown; a plain mask of 0 and 255 counts 255 as pecked
        (`graven.io.masks`).
    prob : str or Path, optional
        Its probability raster (`graven.io.masks.probability_reader`); without it confidences are
        unknown and no uncertainty stems from the threshold.
    out : str or Path, optional
        Output folder; default is ``<mask stem>-measures`` here.
    scale, length : str, optional
        As in `graven.open`; without either, and without a scale in the file, all measures are in pixels.
    min_object : float
        Smaller objects are left out: mm² where a scale is known, else px².
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
    MismatchError
        If mask and probability differ in size or frame.
    InputError
        If `min_object` is no area.
    ScaleError
        If a scale is needed to know sizes: coordinates in degrees or sheared pixels, and none is stated.
    DataError
        If a file is refused, or the mask holds other values.
    """
    if not (math.isfinite(min_object) and min_object >= 0):
        raise InputError(f"--min-object must be an area of at least 0, got {min_object}")
    clock = Clock()
    opened = open_mask(mask, pixel_size=stated_pixel_size(scale=scale, length=length), hash_source=True)
    raster, threshold = opened.raster, _threshold(opened)
    measurable_pixel_size(raster)
    read_prob = None if prob is None else probability_reader(prob, raster)
    valid_px = sum(int(opened.read_valid(window).sum()) for window in bands(raster.height, raster.width, BAND_ROWS))
    if valid_px == 0:
        raise DataError(f"{raster.name} has no pixel where anything is known; check that it is a class raster")
    target = Path(out) if out is not None else Path(f"{raster.name}-measures")
    with OutputFolder(target, overwrite=overwrite) as output:
        monitor.say(f"measuring {raster.name} …")
        traces = trace_figures(
            opened.read,
            read_prob,
            height=raster.height,
            width=raster.width,
            class_id=1,
            source=raster.source_sha256 or raster.name,
            threshold=threshold,
            pixel_size=raster.pixel_size,
            min_area_px=min_object if raster.pixel_size is None else 0.0,
            min_area_mm2=0.0 if raster.pixel_size is None else min_object,
        )
        traces = [replace(trace, creator=_creator(opened)) for trace in traces]
        totals = panel_totals(traces, valid_px=valid_px, pixel_size=raster.pixel_size)
        write_vectors(output.path, traces, scene=Scene.of(raster), classes=PETROGLYPH_CLASSES, totals={1: totals})
        told = account(
            "measure",
            clock=clock,
            options={
                "mask": Path(mask),
                "prob": None if prob is None else Path(prob),
                "out": target,
                "scale": scale,
                "length": length,
                "min_object": min_object,
            },
            inputs=[
                {"name": Path(mask).name, "sha256": raster.source_sha256, "role": "mask"},
                *([] if prob is None else [source_of(prob) | {"role": "prob"}]),
            ],
            settings={"threshold": threshold, "min_object": min_object},
            outputs=output_hashes(output.path),
            input={"name": Path(mask).name, "sha256": raster.source_sha256, "size": [raster.height, raster.width]},
            pixel_size=None if raster.pixel_size is None else asdict(raster.pixel_size),
            n_traces=len(traces),
            totals={name: asdict(value) for name, value in totals.items()},
        )
        write_run(output.path, told)
    return Measured(target, len(traces), totals)


def _threshold(mask: Mask) -> float:
    """Read where the probability was cut, from the tag that segment writes; 0.5 where nothing says it."""
    text = mask.tags.get("GRAVEN_THRESHOLD", "0.5")
    try:
        threshold = float(text)
    except ValueError:
        threshold = math.nan
    if not 0 < threshold < 1:
        raise DataError(f"{mask.raster.name}: its tag GRAVEN_THRESHOLD must lie between 0 and 1, got {text!r}")
    return threshold


def _creator(mask: Mask) -> str | None:
    """Name the model that drew the mask, from the tag that segment writes; None where nothing says it."""
    model = mask.tags.get("GRAVEN_MODEL")
    return f"model {model}" if model else None
