"""``graven segment``: open the image, run the method, and leave the whole record or nothing."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.api.account import Clock
from graven.api.images import layer_sources, open_layers
from graven.api.monitor import SILENT, Monitor
from graven.api.objectmask import limit_to_object, mask_sources
from graven.api.segment_record import Run, segment_account, write_record
from graven.errors import MismatchError, UsageError
from graven.io.bundle import read_bundle, read_companion
from graven.io.folders import PARTIAL_MARKER, OutputFolder
from graven.io.fs import require_free_space
from graven.io.scale import measurable_pixel_size
from graven.methods import condition, engraving, petroglyph, tracing
from graven.methods.record import PARTS, file_hashes, write_run
from graven.methods.screening import is_coarse
from graven.predict.augmented import augmented
from graven.predict.engines import load_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from graven.io.bundle import Bundle
    from graven.methods.tracing import Tracer, TraceRecord, TraceSettings
    from graven.types import Measure

__all__ = ["WORK", "Segmented", "check_method", "load_tracers", "mask_name", "region_words", "segment"]

WORK = ".work"
"""Folder of an unfinished record that holds what makes it resumable."""

BYTES_PER_PIXEL, BYTES_PER_CLASS = 2, 3
"""Room that a record takes while it is written, at the most: the classes, and the probability of each."""

TRACE: dict[str, Callable[..., TraceRecord]] = {
    "petroglyph": petroglyph.trace,
    "engraving": engraving.trace,
    "condition": condition.trace,
}
"""Methods of which a record is made, by name."""

NOUNS = {"petroglyph": "figures", "engraving": "engraved marks", "condition": "cracks and losses"}

REGION_LETTERS = 160
REGION_FILES = (".geojson", ".json", ".gpkg")


@dataclass(frozen=True, slots=True)
class Segmented:
    """What `segment` left.

    Attributes
    ----------
    path : Path
        Output folder; in a dry run, where it would be.
    name : str
        Stem of the files.
    n_traces : int
        Objects found.
    totals : dict of str to Measure
        Over the panel.
    n_tiles, n_skipped : int
        Tiles in all, and tiles that the segmenter did not have to see.
    notes : tuple of str
        What a reader must know.
    dry_run : bool
        Whether nothing was done.
    files : tuple of str
        What was written.
    noun : str
        What the objects of this method are called.
    """

    path: Path
    name: str
    n_traces: int
    totals: dict[str, Measure]
    n_tiles: int
    n_skipped: int
    notes: tuple[str, ...]
    dry_run: bool = False
    files: tuple[str, ...] = field(default=())
    noun: str = "figures"

    def summary(self) -> str:
        """Say it in a few lines."""
        if self.dry_run:
            head = f"would trace {self.name} in {self.n_tiles} tiles into {self.path}"
        else:
            head = f"{self.n_traces} {self.noun}; {self.n_skipped} of {self.n_tiles} tiles skipped; {self.path}"
        return "\n".join([head, *(f"note: {note}" for note in self.notes)])

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {
            "path": str(self.path),
            "n_traces": self.n_traces,
            "totals": {name: asdict(measure) for name, measure in self.totals.items()},
            "n_tiles": self.n_tiles,
            "n_skipped": self.n_skipped,
            "notes": list(self.notes),
            "files": list(self.files),
            "dry_run": self.dry_run,
        }


def segment(
    image: str | Path,
    *,
    model: str = "petroglyph",
    out: str | Path | None = None,
    scale: str | None = None,
    length: str | None = None,
    roi: str | None = None,
    object_mask: str | Path | None = None,
    tile_px: int | None = None,
    overlap_px: int | None = None,
    threshold: float | None = None,
    min_object: float | None = None,
    gate: bool = True,
    gate_threshold: float | None = None,
    rotation: bool = True,
    only: tuple[str, ...] = PARTS,
    title: str | None = None,
    engine: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    n_parallel: int | None = None,
    tta: str = "none",
    mode: str = "tile",
    force_scale: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    monitor: Monitor = SILENT,
) -> Segmented:
    """Trace an image and leave the whole record.

    Parameters
    ----------
    image : str or Path
        TIFF, GeoTIFF, COG, PNG or JPEG; never altered. For a model that takes several layers of a surface the file of
        one, ``mirror_height.tif``; the others lie beside it.
    model : str
        Name of a bundled model, or the path of a bundle.
    out : str or Path, optional
        Output folder; it appears whole or not at all. Default is ``<image stem>-record`` here.
    scale, length, roi : str, optional
        As in `graven.open`.
    object_mask : str or Path, optional
        Where the object is: a mask file of the same size, or ``auto``. What lies beside is unknown.
    tile_px, overlap_px : int, optional
        Network input and shared pixels; default is the model's.
    threshold : float, optional
        Probability from which a pixel counts as worked; default is the model's.
    min_object : float, optional
        Smaller objects are dropped: mm² where a scale is known, else px².
    gate, rotation : bool
        Whether the gate and the rotation correction take part.
    gate_threshold : float, 0 to 1, optional
        A tile is predicted where the gate reaches it; higher is faster and may lose figures. Default is the model's.
    only : tuple of str
        Parts to write: ``mask``, ``prob``, ``traces``, ``drawing``, ``measures``, ``report``.
    title : str, optional
        Title of the report; default is the stem of the image.
    engine, precision, device : str
        What runs the networks, in which numbers and where, as in `graven.predict.engines.load_engine`.
    n_parallel : int, optional
        Calls of the network at a time; default is one per core. It changes no byte of the result.
    tta : {"none", "flips", "scales", "all"}
        Test-time augmentation: every tile is predicted so many times (`graven.predict.augmented`) and averaged.
    mode : {"tile", "stretch", "letterbox"}
        Tiles at the model's scale; or the whole image as one input of `tile_px`, stretched to a square or with grey
        borders, which loses thin lines and takes no gate.
    force_scale : bool
        Accept a scale more than four times off the model's.
    resume : bool
        Continue an interrupted run; input, model and settings must be the same.
    overwrite : bool
        Replace an earlier output of graven.
    dry_run : bool
        Decide everything, do nothing.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Segmented
        Where the record is and what it holds.

    Raises
    ------
    UsageError, DataError, ResourceError
        As their messages say; nothing is left behind.
    Interrupted
        When stopped; the same call with `resume` continues.
    """
    unknown = sorted(set(only) - set(PARTS))
    if unknown or not only:
        raise UsageError(f"only takes any of {', '.join(PARTS)}, got {', '.join(unknown) or 'nothing'}")
    clock = Clock()
    bundle = read_bundle(model)
    check_method(bundle)
    steps = bundle.spec.prepare
    raster = limit_to_object(open_layers(image, steps, scale=scale, length=length, roi=roi), object_mask)
    measurable_pixel_size(raster)
    settings = tracing.TraceSettings(
        tile_px=tile_px,
        overlap_px=overlap_px,
        threshold=threshold,
        min_object=min_object,
        gate=gate,
        gate_threshold=gate_threshold,
        rotation=rotation,
        force_scale=force_scale,
        tta=tta,
        mode=mode,
    )
    planned = tracing.plan(raster, bundle.spec, settings)
    clock.lap("plan")
    target = Path(out) if out is not None else Path(f"{raster.name}-record")
    if dry_run:
        return Segmented(target, raster.name, 0, {}, len(planned.grid), 0, planned.notes, dry_run=True)
    segmenter, screen = load_tracers(
        bundle, settings, engine=engine, precision=precision, device=device, n_parallel=n_parallel
    )
    if tile_px is not None:
        tracing.probe_tile(segmenter, tile_px)
        if screen is not None and not is_coarse(screen.engine, screen.spec):  # a coarse gate keeps its own tiles
            tracing.probe_tile(screen, tile_px)
    for note in planned.notes:
        monitor.say(note)
    with OutputFolder(target, overwrite=overwrite, resume=resume, resumable=True) as output:
        work = output.path / WORK
        work.mkdir(exist_ok=True)
        monitor.say(f"engine: {segmenter.engine.reason}")
        if not resume:
            n_classes = len(bundle.spec.classes)
            needed = (BYTES_PER_PIXEL + BYTES_PER_CLASS * n_classes) * raster.height * raster.width
            needed += n_classes * planned.grid.height * planned.grid.width
            require_free_space(work, needed)
        with monitor.progress(f"tracing {raster.name}") as report:
            record = TRACE[bundle.spec.method](planned, segmenter, screen, work, resume=resume, progress=report)
        clock.lap("predict and trace")
        run = Run(
            record,
            segmenter,
            screen,
            Path(image).name,
            title or raster.name,
            settings,
            region_words(roi),
            beside=(*layer_sources(image, steps), *mask_sources(object_mask)),
        )
        _sweep(output.path)
        write_record(output.path, run, only)
        clock.lap("write")
        files = file_hashes(output.path)
        asked = {
            "image": Path(image),
            "model": Path(model),
            "out": target,
            "scale": scale,
            "length": length,
            "roi": region_words(roi),
            "object_mask": mask_name(object_mask),
            **asdict(settings),
            "only": only,
            "title": title,
            "engine": engine,
            "precision": precision,
            "device": device,
            "resume": resume,
        }
        write_run(output.path, segment_account(run, files, asked=asked, clock=clock, only=only))
        shutil.rmtree(work)
    summary = record.summary
    return Segmented(
        path=target,
        name=raster.name,
        n_traces=len(record.traces),
        totals=run.totals,
        n_tiles=summary.n_tiles,
        n_skipped=summary.n_tiles - summary.n_predicted,
        notes=planned.notes,
        files=tuple(files),
        noun=NOUNS[bundle.spec.method],
    )


def check_method(bundle: Bundle) -> None:
    """Refuse a model of which no record can be made.

    Raises
    ------
    MismatchError
        With the methods that there are.
    """
    if bundle.spec.method not in TRACE:
        raise MismatchError(
            f"the model {bundle.spec.name!r} is for {bundle.spec.method}; give one for {' or '.join(TRACE)}"
        )


def load_tracers(bundle: Bundle, settings: TraceSettings, **choice: Any) -> tuple[Tracer, Tracer | None]:
    """Load the segmenter and, where wanted and there, its gate.

    The gate computes in float32 always: it is cheap, its threshold is as low as the faintest figure, and so it decides
    the same about every tile on every machine.

    Parameters
    ----------
    bundle : Bundle
        The model.
    settings : TraceSettings
        Whether the gate takes part, and the test-time augmentation.
    **choice
        Engine, precision, device and parallel calls, as in `graven.predict.engines.load_engine`.

    Returns
    -------
    segmenter : Tracer
        The U-Net.
    gate : Tracer or None
        None where it takes no part.
    """

    def load(found: Bundle, **settings: Any) -> Tracer:
        return tracing.Tracer(found.spec, load_engine(found.model_path, sha256=found.spec.sha256, **settings))

    segmenter = load(bundle, **choice)
    segmenter = tracing.Tracer(segmenter.spec, augmented(segmenter.engine, settings.tta))
    if not settings.gate or settings.mode != "tile" or "gate" not in bundle.companions:
        return segmenter, None
    gate = load(read_companion(bundle, "gate"), **choice | {"precision": "float32"})
    if settings.gate_threshold is None:
        return segmenter, gate
    return segmenter, replace(gate, spec=replace(gate.spec, threshold=settings.gate_threshold))


def _sweep(folder: Path) -> None:
    """Remove what an interrupted run had already written, so that a resumed one leaves the same files."""
    for entry in folder.iterdir():
        if entry.name in (WORK, PARTIAL_MARKER):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def mask_name(object_mask: str | Path | None) -> str | Path | None:
    """Tell a mask file from the word ``auto``, for the account of a run.

    Parameters
    ----------
    object_mask : str or Path or None
        As a user gave it.

    Returns
    -------
    str or Path or None
        A path where it names a file.
    """
    return object_mask if object_mask is None or str(object_mask) == "auto" else Path(object_mask)


def region_words(roi: str | None) -> str | None:
    """Say in words to which polygon the work was limited.

    Parameters
    ----------
    roi : str or None
        As a user gave it: WKT, or a file.

    Returns
    -------
    str or None
        Without the folder of a file, and not longer than a line or two.
    """
    if roi is None:
        return None
    if Path(roi).suffix.lower() in REGION_FILES:
        return f"the polygon in {Path(roi).name}"
    words = " ".join(roi.split())
    return words if len(words) <= REGION_LETTERS else f"{words[: REGION_LETTERS - 1]}…"
