"""``graven refine``: a first tracing, a person's strokes, and the tracing that follows from both."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.api.account import Clock
from graven.api.images import open_image
from graven.api.monitor import SILENT, Monitor
from graven.api.objectmask import limit_to_object
from graven.api.segment import NOUNS, WORK, check_method, load_tracers, mask_name, region_words
from graven.api.segment_record import Run, segment_account, write_record
from graven.errors import InputError
from graven.io.bundle import read_bundle, read_companion
from graven.io.folders import OutputFolder
from graven.io.fs import sha256_file
from graven.io.geojson import geojson_name
from graven.io.journalfile import JournalFile
from graven.io.scale import measurable_pixel_size
from graven.io.strokefiles import read_strokes, write_strokes
from graven.methods import tracing
from graven.methods.record import PARTS, file_hashes, write_run
from graven.methods.refining import open_desk, refined_record
from graven.predict.engines import load_engine
from graven.types import StrokeSet

if TYPE_CHECKING:
    from graven.methods.tracing import Tracer
    from graven.refine.events import Event
    from graven.types import Measure

__all__ = ["Refined", "refine"]


@dataclass(frozen=True, slots=True)
class Refined:
    """What `refine` left.

    Attributes
    ----------
    path : Path
        Output folder.
    n_strokes : int
        Strokes that were drawn.
    n_tiles : int
        Tiles about which the refining network was asked.
    n_traces : int
        Objects found.
    totals : dict of str to Measure
        Over the panel.
    notes : tuple of str
        What a reader must know.
    noun : str
        What the objects of this method are called.
    """

    path: Path
    n_strokes: int
    n_tiles: int
    n_traces: int
    totals: dict[str, Measure]
    notes: tuple[str, ...]
    noun: str

    def summary(self) -> str:
        """Say it in a few lines."""
        head = f"{self.n_strokes} strokes, {self.n_tiles} tiles asked again; {self.n_traces} {self.noun}; {self.path}"
        return "\n".join([head, *(f"note: {note}" for note in self.notes)])

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {
            "path": str(self.path),
            "n_strokes": self.n_strokes,
            "n_tiles": self.n_tiles,
            "n_traces": self.n_traces,
            "totals": {name: asdict(measure) for name, measure in self.totals.items()},
            "notes": list(self.notes),
        }


def refine(
    image: str | Path,
    *,
    strokes: str | Path,
    model: str = "engraving",
    out: str | Path | None = None,
    scale: str | None = None,
    length: str | None = None,
    roi: str | None = None,
    object_mask: str | Path | None = None,
    threshold: float | None = None,
    min_object: float | None = None,
    stroke_width_px: float | None = None,
    author: str = "",
    title: str | None = None,
    engine: str = "auto",
    device: str = "auto",
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Refined:
    """Trace an image again with what a person has drawn on the first tracing.

    Parameters
    ----------
    image : str or Path
        Height map of an engraving, or what the model asks for.
    strokes : str or Path
        GeoJSON of lines with the property ``polarity`` (``add`` or ``erase``) and a width: ``.px.geojson`` in pixels of
        the image, ``.geojson`` in its CRS.
    model : str
        Name of a bundled model, or the path of a bundle. One with a companion that refines answers to strokes; with any
        other, strokes are hard constraints and no more.
    out : str or Path, optional
        Output folder; default is ``<image stem>-refined`` here.
    scale, length, roi : str, optional
        As in `graven.open`.
    object_mask : str or Path, optional
        Where the object is: a mask file of the same size, or ``auto``. What lies beside is unknown.
    threshold : float, optional
        Probability from which a pixel counts; default is the model's.
    min_object : float, optional
        Smaller objects are dropped: mm² where a scale is known, else px².
    stroke_width_px : float, optional
        Width of strokes that do not say theirs.
    author : str
        Who drew; kept with every stroke.
    title : str, optional
        Title of the report; default is the stem of the image.
    engine, device : str
        As in `graven.segment`. Networks run in float32: the second one sees the logits of the first.
    overwrite : bool
        Replace an earlier output of graven.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Refined
        A record like that of `graven.segment`, with the strokes and the journal of what followed from them.

    Raises
    ------
    MismatchError
        If the model has several classes, or its companion does not suit it.
    UsageError, DataError, ResourceError
        As their messages say; nothing is left behind.
    """
    clock = Clock()
    bundle = read_bundle(model)
    check_method(bundle)
    raster = limit_to_object(open_image(image, scale=scale, length=length, roi=roi), object_mask)
    measurable_pixel_size(raster)
    drawn = read_strokes(strokes, raster, width_px=stroke_width_px)
    if not len(drawn):
        raise InputError(f"{Path(strokes).name} holds no stroke; to trace without any, use graven segment")
    drawn = StrokeSet(tuple(replace(stroke, author=stroke.author or author) for stroke in drawn))
    settings = tracing.TraceSettings(threshold=threshold, min_object=min_object, gate=False)
    planned = tracing.plan(raster, bundle.spec, settings)
    target = Path(out) if out is not None else Path(f"{raster.name}-refined")
    segmenter, _ = load_tracers(bundle, settings, engine=engine, precision="float32", device=device, n_parallel=None)
    desk = open_desk(planned, segmenter, _refiner(bundle, engine=engine, device=device))
    clock.lap("plan")
    with OutputFolder(target, overwrite=overwrite) as output:
        monitor.say(f"engine: {segmenter.engine.reason}")
        for note in planned.notes:
            monitor.say(note)
        head = {"model": bundle.spec.sha256, "input": raster.source_sha256}
        with JournalFile(output.path / f"{raster.name}_journal.jsonl", head, resume=False) as journal:

            def record(event: Event) -> None:
                journal.add(event.to_dict())

            session = desk.session(author=author, record=record)
            for stroke in drawn:
                session.take(desk.on_frame(stroke))
            n_tiles = len(session.unanswered)
            session.refine()
        clock.lap("refine")
        work = output.path / WORK
        work.mkdir()
        with monitor.progress(f"tracing {raster.name}") as report:
            found = refined_record(desk, session, work, progress=report)
        clock.lap("trace")
        beside: tuple[dict[str, str | None], ...] = (
            {"name": Path(strokes).name, "sha256": sha256_file(Path(strokes))},
        )
        run = Run(
            found,
            segmenter,
            None,
            Path(image).name,
            title or raster.name,
            settings,
            region_words(roi),
            command="refine",
            beside=beside,
        )
        write_record(output.path, run, PARTS)
        name = geojson_name(f"{raster.name}_strokes", raster.georeference)
        write_strokes(output.path / name, drawn, raster)
        clock.lap("write")
        files = file_hashes(output.path)
        asked = {
            "image": Path(image),
            "strokes": Path(strokes),
            "model": Path(model),
            "out": target,
            "scale": scale,
            "length": length,
            "roi": region_words(roi),
            "object_mask": mask_name(object_mask),
            "threshold": threshold,
            "min_object": min_object,
            "stroke_width_px": stroke_width_px,
            "author": author,
            "title": title,
            "engine": engine,
            "device": device,
        }
        write_run(output.path, segment_account(run, files, asked=asked, clock=clock, only=PARTS))
        shutil.rmtree(work)
    return Refined(target, len(drawn), n_tiles, len(found.traces), run.totals, planned.notes, NOUNS[bundle.spec.method])


def _refiner(bundle: Any, *, engine: str, device: str) -> Tracer | None:
    """Load the companion that refines, where the model has one."""
    if "refine" not in bundle.companions:
        return None
    other = read_companion(bundle, "refine")
    loaded = load_engine(
        other.model_path,
        engine=engine,
        sha256=other.spec.sha256,
        precision="float32",
        device=device,
        takes_floats=other.spec.takes_floats,
    )
    return tracing.Tracer(other.spec, loaded)
