"""What ``graven segment`` leaves: rasters, vectors, the report, and the account of the run."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.api.account import account
from graven.api.doctor import versions
from graven.api.images import crs_name
from graven.io.fs import write_text_atomic
from graven.io.gdalenv import quiet_threads
from graven.io.geotiff import write_mask_cog, write_probability_cog
from graven.methods.condition import ConditionRecord
from graven.methods.damage_tables import damage_layers, damage_tables
from graven.methods.record import Beside, Scene, file_hashes, write_vectors
from graven.predict.engine_base import engine_facts
from graven.prepare.chain import PrepareChain
from graven.prepare.relief_light import shaded_view
from graven.prepare.rotation import MIN_PEAK_RATIO
from graven.report import (
    DamageSheet,
    GateSummary,
    MethodBox,
    OutputFile,
    RotationNote,
    SegmentReport,
    SizeRow,
    Source,
    overview,
    overview_factor,
    segment_report,
)
from graven.types import Measure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.api.account import Clock
    from graven.methods.damage import Damage
    from graven.methods.tracing import TracePlan, Tracer, TraceRecord, TraceSettings
    from graven.types import Raster

__all__ = ["Run", "damage_sheet", "photograph", "segment_account", "write_record"]


@dataclass(frozen=True, slots=True)
class Run:
    """What the writers of a record need to know.

    Attributes
    ----------
    record : TraceRecord
        The result.
    segmenter, gate, refiner : Tracer, Tracer or None
        What predicted; the last answers to strokes.
    file_name, title : str
        Of the input, and of the report.
    settings : TraceSettings
        What the user chose.
    region : str or None
        In words, the polygon to which the work was limited.
    command : str
        The verb.
    beside : tuple of dict
        Further inputs of the run, each with ``name`` and ``sha256``.
    adjustment : mapping or None
        Settings of the correction of the whole panel (`graven.methods.adjusting.AdjustedPanel.step`).
    """

    record: TraceRecord
    segmenter: Tracer
    gate: Tracer | None
    file_name: str
    title: str
    settings: TraceSettings
    region: str | None
    command: str = "segment"
    beside: tuple[dict[str, str | None], ...] = ()
    refiner: Tracer | None = None
    adjustment: Mapping[str, Any] | None = None

    @property
    def plan(self) -> TracePlan:
        """What was decided."""
        return self.record.plan

    @property
    def raster(self) -> Raster:
        """The input."""
        return self.record.plan.raster

    @property
    def run_id(self) -> str:
        """Hash of inputs, region, models and settings as resolved: the same run has the same id."""
        facts: dict[str, Any] = {
            "input": self.raster.source_sha256,
            "valid": self.record.valid_sha256,
            "grid": asdict(self.plan.grid),
            "threshold": self.plan.threshold,
            "min_area_px": self.plan.min_area_px,
            "matrix": self.plan.frame.matrix,
            "models": [model["sha256"] for model in self.models],
            "settings": asdict(self.settings),
            "pixel_size": None if self.raster.pixel_size is None else asdict(self.raster.pixel_size),
        }
        if self.beside:
            facts["beside"] = [entry["sha256"] for entry in self.beside]
        if self.adjustment is not None:
            facts["adjustment"] = dict(self.adjustment)
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def models(self) -> list[dict[str, str]]:
        """All that took part, as ``run.json`` lists them."""
        roles = {"segment": self.segmenter, "gate": self.gate, "refine": self.refiner}
        return [
            {"name": model.spec.name, "version": model.spec.version, "role": role, "sha256": model.spec.sha256}
            for role, model in roles.items()
            if model is not None
        ]

    @property
    def totals(self) -> dict[str, Measure]:
        """Totals by name; of several classes each name begins with the class and a dot."""
        classes = self.segmenter.spec.classes
        if len(classes) == 1:
            return next(iter(self.record.totals.values()))
        return {
            f"{classes[number].name}.{name}": measure
            for number, found in self.record.totals.items()
            for name, measure in found.items()
        }

    @property
    def valid_px(self) -> int | None:
        """Pixels where something is known, as the totals say; None where they do not."""
        areas = [own["valid_area"] for own in self.record.totals.values() if "valid_area" in own]
        size = self.raster.pixel_size
        return round(areas[0].value / (1.0 if size is None else size.area_mm2)) if areas else None

    @property
    def model(self) -> str:
        """The segmenter in a few words: name, version and the beginning of its hash."""
        spec = self.segmenter.spec
        return f"{spec.name} {spec.version} {spec.sha256[:12]}"


def write_record(folder: Path, run: Run, only: tuple[str, ...]) -> None:
    """Write rasters, vectors and report.

    Parameters
    ----------
    folder : Path
        Existing folder.
    run : Run
        What was done.
    only : tuple of str
        Parts, of `graven.methods.record.PARTS`.

    Raises
    ------
    DiskFull, OutputError
        If a file cannot be written.

    Notes
    -----
    Rasters are compressed and pictures taken in a thread, one after the other, while the vectors are written.
    """
    with quiet_threads(), ThreadPoolExecutor(1, thread_name_prefix="graven-record") as thread:
        rasters = thread.submit(_write_rasters, folder, run, only)
        pictures = thread.submit(_pictures, run) if "report" in only else None
        spec, record = run.segmenter.spec, run.record
        beside = None
        if isinstance(record, ConditionRecord):
            beside = Beside(damage_layers(record.damage), damage_tables(record.damage))
        write_vectors(
            folder,
            [replace(trace, creator=f"model {run.model}") for trace in record.traces],
            scene=Scene.of(run.raster, run_id=run.run_id, valid_px=run.valid_px),
            classes=spec.classes,
            totals=record.totals,
            parts=only,
            beside=beside,
        )
        rasters.result()
    if pictures is not None:
        files = tuple(
            OutputFile(name, sha256, (folder / name).stat().st_size) for name, sha256 in file_hashes(folder).items()
        )
        page = segment_report(_report(run, files, pictures.result()))
        write_text_atomic(folder / f"{run.raster.name}_report.html", page)


def _write_rasters(folder: Path, run: Run, only: tuple[str, ...]) -> None:
    record, raster = run.record, run.raster
    frame: dict[str, Any] = {
        "height": raster.height,
        "width": raster.width,
        "classes": run.segmenter.spec.classes,
        "georeference": raster.georeference,
        "pixel_size": raster.pixel_size,
        "tags": {
            "GRAVEN_RUN_ID": run.run_id,
            "GRAVEN_SOURCE_SHA256": raster.source_sha256 or "",
            "GRAVEN_THRESHOLD": repr(float(run.plan.threshold)),
            "GRAVEN_MODEL": run.model,
        },
    }
    if "mask" in only:
        write_mask_cog(folder / f"{raster.name}_mask.tif", record.mask_blocks(), **frame)
    if "prob" in only:
        write_probability_cog(folder / f"{raster.name}_prob.tif", record.prob_blocks(), **frame)


def _pictures(run: Run) -> dict[str, NDArray[Any]]:
    """Shrink what the report shows: the input, the classes and the probability."""
    size = {"height": run.raster.height, "width": run.raster.width}
    return {
        "photo": photograph(run.raster),
        "labels": overview(run.record.read_mask, how="labels", **size),
        "prob": overview(run.record.prob.read, how="max", **size).max(axis=0).astype(np.float32) / 255,
    }


def segment_account(
    run: Run, files: dict[str, str], *, asked: dict[str, Any], clock: Clock, only: tuple[str, ...]
) -> dict[str, Any]:
    """Give the account of the run, for ``run.json``.

    Parameters
    ----------
    run : Run
        What was done.
    files : dict of str to str
        SHA-256 by name of file.
    asked : dict
        Options as given.
    clock : Clock
        Of the run.
    only : tuple of str
        Parts that were written.

    Returns
    -------
    dict
        As `graven.api.account.account` gives it.
    """
    record, raster, engine = run.record, run.raster, run.segmenter.engine
    rotation = run.plan.frame.rotation
    return account(
        run.command,
        clock=clock,
        options=asked,
        inputs=[{"name": run.file_name, "sha256": raster.source_sha256}, *run.beside, *run.models],
        settings={**asdict(run.settings), "only": list(only), "roi": run.region, **_adjust(run)},
        outputs=files,
        run_id=run.run_id,
        input={"name": run.file_name, "sha256": raster.source_sha256, "size": [raster.height, raster.width]},
        pixel_size=None if raster.pixel_size is None else asdict(raster.pixel_size),
        resolved={
            "tile_px": run.plan.grid.tile_px,
            "overlap_px": run.plan.grid.overlap_px,
            "threshold": run.plan.threshold,
            "min_area_px": run.plan.min_area_px,
            "rotation": None if rotation is None else asdict(rotation),
            "matrix": list(run.plan.frame.matrix),
            "valid_sha256": record.valid_sha256,
        },
        models=run.models,
        engine={**engine_facts(engine), "reason": engine.reason},
        tiles={
            "all": record.summary.n_tiles,
            "predicted": record.summary.n_predicted,
            "gated": record.summary.n_gated,
            "invalid": record.summary.n_invalid,
            "rows_resumed": record.summary.n_tile_rows_resumed,
        },
        n_traces=len(record.traces),
        totals={name: asdict(measure) for name, measure in run.totals.items()},
        notes=list(run.plan.notes),
        provenance=record.provenance.to_dicts(),
    )


def _adjust(run: Run) -> dict[str, Any]:
    return {} if run.adjustment is None else {"adjust": dict(run.adjustment)}


def _report(run: Run, files: tuple[OutputFile, ...], pictures: Mapping[str, NDArray[Any]]) -> SegmentReport:
    record, raster, spec = run.record, run.raster, run.segmenter.spec
    planned, engine = run.plan, run.segmenter.engine
    rotation = planned.frame.rotation
    needed = (PrepareChain.from_spec(spec).rotation or {}).get("min_peak_ratio", MIN_PEAK_RATIO)
    return SegmentReport(
        title=run.title,
        date="see run.json",
        source=Source(
            name=run.file_name,
            sha256=raster.source_sha256 or hashlib.sha256(b"").hexdigest(),
            height=raster.height,
            width=raster.width,
            pixel_size=raster.pixel_size,
            georeference=raster.georeference,
            crs_name=None if raster.georeference is None else crs_name(raster.georeference.crs_wkt),
            region=run.region,
        ),
        classes=spec.classes,
        photo=pictures["photo"],
        labels=pictures["labels"],
        prob=pictures["prob"],
        traces=record.traces,
        method=MethodBox(
            method=spec.method,
            model=spec.name,
            model_version=spec.version,
            model_sha256=spec.sha256,
            threshold=planned.threshold,
            tile_px=planned.grid.tile_px,
            overlap_px=planned.grid.overlap_px,
            engine=f"{engine.name} {engine.version.split('-')[0]}",
            device=f"{engine.device.upper()}, {engine.precision}",
            versions={name: text for name, text in versions().items() if name != "platform"},
            model_pixel_size_mm=spec.pixel_size_mm,
            prepare=tuple(step.name for step in spec.prepare),
            min_object=_least(planned),
        ),
        totals=run.totals,
        gate=None if run.gate is None else _gate_summary(run, run.gate),
        rotation=None
        if rotation is None
        else RotationNote(rotation.skew_deg, rotation.peak_ratio, needed, rotation.applied),
        provenance=record.provenance,
        files=files,
        notes=planned.notes,
        damage=damage_sheet(record.damage) if isinstance(record, ConditionRecord) else None,
    )


def damage_sheet(damage: Damage) -> DamageSheet:
    """Give what the report prints of damage beside objects and totals."""
    widths, lengths = (
        tuple(SizeRow(row.low, row.high, row.count, row.length, row.share) for row in bins)
        for bins in (damage.width_bins, damage.length_bins)
    )
    losses = tuple(SizeRow(row.low, row.high, row.count, row.area, row.share) for row in damage.loss_bins)
    return DamageSheet(widths, lengths, losses, damage.rose, damage.style.name, damage.style.measures)


def photograph(raster: Raster) -> NDArray[np.uint8]:
    """Give the panel at picture size, 8 bits, three bands last; heights as if lit from the upper left."""
    if raster.dtype.kind == "f":
        raster = shaded_view(raster)
    wanted = overview_factor(raster.height, raster.width)
    factor = max((factor for factor in raster.overviews if factor <= wanted), default=1)
    read = raster.overviews.get(factor, raster.read)
    picture = overview(read, height=-(-raster.height // factor), width=-(-raster.width // factor), how="mean")
    if picture.dtype == np.uint16:
        picture = (picture // 257).astype(np.uint8)
    colours = picture[:3] if len(picture) >= 3 else np.repeat(picture[:1], 3, axis=0)
    return np.ascontiguousarray(np.moveaxis(colours, 0, -1))


def _least(planned: TracePlan) -> Measure | None:
    if planned.min_area_px <= 0:
        return None
    size = planned.raster.pixel_size
    if size is None:
        return Measure(planned.min_area_px, "px2")
    return Measure(planned.min_area_px * size.area_mm2, "mm2")


def _gate_summary(run: Run, gate: Tracer) -> GateSummary:
    """Say which tiles the gate left out; the map is drawn where tiles lie on the grid of the input."""
    summary, grid = run.record.summary, run.plan.grid
    skipped = np.array([[letter == "g" for letter in row] for row in summary.states])
    same_frame = (grid.height, grid.width) == (run.raster.height, run.raster.width)
    return GateSummary(
        n_tiles=summary.n_tiles,
        n_skipped=summary.n_gated,
        threshold=gate.spec.threshold,
        model=gate.spec.name,
        grid=grid if same_frame else None,
        skipped=skipped if same_frame else None,
        activation=run.record.activation,
    )
