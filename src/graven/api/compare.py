"""``graven compare``: two photographs of one painting, and what has changed between them."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.api.account import Clock
from graven.api.images import open_image
from graven.api.monitor import SILENT, Monitor
from graven.api.segment import WORK, load_tracers
from graven.api.segment_record import Run, segment_account, write_record
from graven.errors import MismatchError
from graven.io.bundle import read_bundle
from graven.io.folders import OutputFolder
from graven.io.scale import measurable_pixel_size
from graven.methods import condition, tracing
from graven.methods.comparison import CHANGE_CLASSES
from graven.methods.comparison import compare as compare_records
from graven.methods.record import file_hashes, write_run
from graven.prepare.registration import register

if TYPE_CHECKING:
    from graven.types import Measure

__all__ = ["Compared", "compare"]

PARTS = ("mask", "traces", "drawing", "measures", "report")
MAX_RESIDUAL_PX = 2.0


@dataclass(frozen=True, slots=True)
class Compared:
    """What `compare` left.

    Attributes
    ----------
    path : Path
        Output folder.
    totals : dict of str to Measure
        By class of change, such as ``craquelure_gained.length``.
    residual_px : float, pixels of the earlier photograph
        How far the photographs lie beside each other, root mean square.
    notes : tuple of str
        What a reader must know.
    """

    path: Path
    totals: dict[str, Measure]
    residual_px: float
    notes: tuple[str, ...]

    def summary(self) -> str:
        """Say it in a few lines."""
        told = []
        for name, words in (("craquelure", "length"), ("paint_loss", "area")):
            gained, lost = (self.totals[f"{name}_{way}.{words}"] for way in ("gained", "lost"))
            told.append(f"{name.replace('_', ' ')} {words}: {_signed(gained, '+')}, {_signed(lost, '-')}")
        return "\n".join([f"{'; '.join(told)}; {self.path}", *(f"note: {note}" for note in self.notes)])

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {
            "path": str(self.path),
            "totals": {name: asdict(measure) for name, measure in self.totals.items()},
            "residual_px": self.residual_px,
            "notes": list(self.notes),
        }


def compare(
    before: str | Path,
    after: str | Path,
    *,
    model: str = "condition",
    out: str | Path | None = None,
    scale: str | None = None,
    length: str | None = None,
    threshold: float | None = None,
    max_residual_px: float = MAX_RESIDUAL_PX,
    title: str | None = None,
    engine: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Compared:
    """Trace two photographs with one model, bring the later onto the earlier, and tell what has come and gone.

    Parameters
    ----------
    before, after : str or Path
        Photographs of one flat painting, of any size, viewpoint and light.
    model : str
        Name of a bundled model for condition, or the path of a bundle.
    out : str or Path, optional
        Output folder; default is ``<stem of before>-change`` here.
    scale, length : str, optional
        Of the earlier photograph, as in `graven.open`. The later one needs none.
    threshold : float, optional
        Of both dates; default is the model's.
    max_residual_px : float, > 0
        Photographs that cannot be brought closer (95th percentile) are refused.
    title : str, optional
        Title of the report; default is the stem of the earlier photograph.
    engine, precision, device : str
        As in `graven.segment`.
    overwrite : bool
        Replace an earlier output of graven.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Compared
        A record of the change in the frame of the earlier photograph: classes of what was gained and lost as raster,
        lines, areas, tables and a report.

    Raises
    ------
    MismatchError
        If the model is not for condition.
    DataError
        If the photographs do not show the same, or one is refused.
    UsageError, ResourceError
        As their messages say; nothing is left behind.
    """
    clock = Clock()
    bundle = read_bundle(model)
    if bundle.spec.method != "condition":
        raise MismatchError(f"-m {model} is for {bundle.spec.method}; compare takes a model for condition")
    rasters = (open_image(before, scale=scale, length=length), open_image(after))
    for raster in rasters:
        measurable_pixel_size(raster)
    settings = tracing.TraceSettings(threshold=threshold, gate=False)
    target = Path(out) if out is not None else Path(f"{rasters[0].name}-change")
    registration = register(*rasters, max_residual_px=max_residual_px)
    clock.lap("register")
    choice = {"engine": engine, "precision": precision, "device": device}
    segmenter, _ = load_tracers(bundle, settings, n_parallel=None, **choice)
    with OutputFolder(target, overwrite=overwrite) as output:
        monitor.say(f"engine: {segmenter.engine.reason}")
        records: list[condition.ConditionRecord] = []
        for name, raster in zip(("before", "after"), rasters, strict=True):
            work = output.path / WORK / name
            work.mkdir(parents=True)
            planned = tracing.plan(raster, bundle.spec, settings)
            with monitor.progress(f"tracing {raster.name}") as report:
                records.append(condition.trace(planned, segmenter, None, work, progress=report))
        clock.lap("predict and trace")
        found = compare_records(records[0], records[1], registration)
        for note in found.notes:
            monitor.say(note)
        run = Run(
            found.record,
            tracing.Tracer(replace(segmenter.spec, classes=CHANGE_CLASSES), segmenter.engine),
            None,
            Path(before).name,
            title or f"{rasters[0].name}: change",
            settings,
            None,
            command="compare",
            beside=({"name": Path(after).name, "sha256": rasters[1].source_sha256},),
        )
        write_record(output.path, run, PARTS)
        clock.lap("write")
        asked = {
            "before": Path(before),
            "after": Path(after),
            "model": Path(model),
            "out": target,
            "scale": scale,
            "length": length,
            "threshold": threshold,
            "max_residual_px": max_residual_px,
            "title": title,
            **choice,
        }
        told = segment_account(run, file_hashes(output.path), asked=asked, clock=clock, only=PARTS)
        facts = asdict(registration) | {"matrix": registration.matrix.tolist()}
        write_run(output.path, {**told, "registration": facts})
        shutil.rmtree(output.path / WORK)
    return Compared(target, run.totals, registration.residual_px, found.notes)


def _signed(measure: Measure, sign: str) -> str:
    sigma = "" if measure.sigma is None else f" ± {measure.sigma:.2g}"
    return f"{sign}{measure.value:.4g}{sigma} {measure.unit}"
