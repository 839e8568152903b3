"""``graven refine``: a first tracing, a person's strokes, and the tracing that follows from both."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.api.account import Clock
from graven.api.doubt import write_doubt
from graven.api.images import open_image
from graven.api.monitor import SILENT, Monitor
from graven.api.objectmask import limit_to_object, mask_sources
from graven.api.segment import NOUNS, WORK, check_method, mask_name, region_words
from graven.api.segment_record import Run, segment_account, write_record
from graven.errors import InputError, UsageError
from graven.io.bundle import read_bundle, read_companion
from graven.io.folders import OutputFolder
from graven.io.fs import sha256_file
from graven.io.geojson import geojson_name
from graven.io.journalfile import JournalFile
from graven.io.scale import measurable_pixel_size
from graven.io.strokefiles import read_strokes, write_strokes
from graven.methods import tracing
from graven.methods.adjusting import Adjuster
from graven.methods.prediction import Tracer
from graven.methods.record import PARTS, file_hashes, write_run
from graven.methods.refining import Desk, open_desk, refined_record
from graven.predict.engines import load_engine
from graven.refine.events import Event
from graven.types import StrokeSet

if TYPE_CHECKING:
    from graven.io.bundle import Bundle
    from graven.methods.tracing import TracePlan
    from graven.types import Measure, Raster

__all__ = ["Refined", "load_desk", "refine"]


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
    strokes: str | Path | None = None,
    journal: str | Path | None = None,
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
    adjust: bool = False,
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
    strokes : str or Path, optional
        GeoJSON of lines with the property ``polarity`` (``add`` or ``erase``) and a width: ``.px.geojson`` in pixels of
        the image, ``.geojson`` in its CRS.
    journal : str or Path, optional
        Journal of earlier work on this image with this model; it is done again before the strokes are drawn. One of the
        two must be given.
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
    adjust : bool
        Also correct the whole panel by what its strokes teach (`graven.refine.adjustment`), and leave a raster of doubt
        and a list of places in the order they are worth a look.
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
        If the model has several classes, its companion does not suit it, or the journal is of something else.
    UsageError, DataError, ResourceError
        As their messages say; nothing is left behind.
    """
    if strokes is None and journal is None:
        raise UsageError("give strokes to draw, or a journal to go on with; to trace without any, use graven segment")
    if journal is not None and not Path(journal).is_file():
        raise UsageError(f"there is no journal at {journal}; give the one that graven refine left")
    clock = Clock()
    bundle = read_bundle(model)
    check_method(bundle)
    raster = limit_to_object(open_image(image, scale=scale, length=length, roi=roi), object_mask)
    measurable_pixel_size(raster)
    drawn = () if strokes is None else _read(strokes, raster, author=author, width_px=stroke_width_px)
    settings = tracing.TraceSettings(threshold=threshold, min_object=min_object, gate=False)
    planned = tracing.plan(raster, bundle.spec, settings)
    target = Path(out) if out is not None else Path(f"{raster.name}-refined")
    desk = load_desk(bundle, planned, engine=engine, device=device, gives_features=adjust)
    clock.lap("plan")
    with OutputFolder(target, overwrite=overwrite) as output:
        monitor.say(f"engine: {desk.segmenter.engine.reason}")
        for note in planned.notes:
            monitor.say(note)
        path = output.path / f"{raster.name}_journal.jsonl"
        if journal is not None:
            shutil.copyfile(journal, path)
        with JournalFile(path, desk.head, resume=journal is not None) as written:

            def record(event: Event) -> None:
                written.add(event.to_dict())

            if written.notice is not None:
                monitor.say(written.notice)
            session = desk.session(author=author, record=record, events=map(Event.from_dict, written.events()))
            for stroke in drawn:
                session.take(desk.on_frame(stroke))
            n_tiles = len(session.unanswered)
            session.refine()
        clock.lap("refine")
        adjusted = Adjuster(desk).adjust(session) if adjust else None
        clock.lap("adjust")
        work = output.path / WORK
        work.mkdir()
        with monitor.progress(f"tracing {raster.name}") as report:
            found = refined_record(desk, session, work, adjusted=adjusted, progress=report)
        clock.lap("trace")
        given = [Path(path) for path in (strokes, journal) if path is not None]
        beside: list[dict[str, str | None]] = [{"name": path.name, "sha256": sha256_file(path)} for path in given]
        run = Run(
            found,
            desk.segmenter,
            None,
            Path(image).name,
            title or raster.name,
            settings,
            region_words(roi),
            command="refine",
            beside=(*beside, *mask_sources(object_mask)),
            refiner=desk.refiner,
            adjustment=None if adjusted is None else adjusted.step.settings,
        )
        if adjust:
            write_doubt(output.path, run)
        write_record(output.path, run, PARTS)
        name = geojson_name(f"{raster.name}_strokes", raster.georeference)
        all_drawn = StrokeSet(tuple(map(desk.on_input, session.strokes)))
        write_strokes(output.path / name, all_drawn, raster)
        clock.lap("write")
        files = file_hashes(output.path)
        asked = {
            "image": Path(image),
            "strokes": None if strokes is None else Path(strokes),
            "journal": None if journal is None else Path(journal),
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
            "adjust": adjust,
            "title": title,
            "engine": engine,
            "device": device,
        }
        write_run(output.path, segment_account(run, files, asked=asked, clock=clock, only=PARTS))
        shutil.rmtree(work)
    return Refined(
        target, len(all_drawn), n_tiles, len(found.traces), run.totals, planned.notes, NOUNS[bundle.spec.method]
    )


def _read(path: str | Path, raster: Raster, *, author: str, width_px: float | None) -> StrokeSet:
    """Read strokes; those that do not say who drew them are the author's."""
    drawn = read_strokes(path, raster, width_px=width_px)
    if not len(drawn):
        raise InputError(f"{Path(path).name} holds no stroke; to trace without any, use graven segment")
    return StrokeSet(tuple(replace(stroke, author=stroke.author or author) for stroke in drawn))


def load_desk(bundle: Bundle, planned: TracePlan, *, engine: str, device: str, gives_features: bool = False) -> Desk:
    """Load a model and, where it has one, the companion that refines, and lay out a panel for correction.

    Parameters
    ----------
    bundle : Bundle
        The model.
    planned : TracePlan
        Made with it.
    engine, device : str
        As in `graven.predict.engines.load_engine`; both networks compute in float32.
    gives_features : bool
        Load the model with what it sees before its last convolution, as `graven.methods.adjusting` needs it.

    Returns
    -------
    Desk
        Nothing is predicted yet.

    Raises
    ------
    GravenError
        As in `graven.methods.refining.open_desk`, or if a network cannot be loaded.
    """

    def load(found: Bundle, *, gives_logits: bool, gives_features: bool = False) -> Tracer:
        loaded = load_engine(
            found.model_path,
            engine=engine,
            sha256=found.spec.sha256,
            precision="float32",
            device=device,
            takes_floats=found.spec.takes_floats,
            gives_logits=gives_logits,
            gives_features=gives_features,
        )
        return Tracer(found.spec, loaded)

    if "refine" not in bundle.companions:
        first = load(bundle, gives_logits=False, gives_features=gives_features)
        return open_desk(planned, first, None, gives_logits=gives_features)
    refiner = load(read_companion(bundle, "refine"), gives_logits=False)
    first = load(bundle, gives_logits=True, gives_features=gives_features)
    return open_desk(planned, first, refiner, gives_logits=True)
