"""``graven batch``: many images, each traced into a record of its own, by the processes of one machine or many."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.api.batch_run import INDEX, SUMMARY, BatchRun, with_name
from graven.api.batch_work import MANIFEST, SETTINGS
from graven.api.images import stated_pixel_size
from graven.api.monitor import SILENT, Monitor
from graven.api.segment import check_method
from graven.archive.cluster import check_scheduler, default_workers, open_cluster, slurm_job_script
from graven.archive.items import find_items
from graven.archive.manifest import Manifest
from graven.errors import DataError, Interrupted, UsageError
from graven.io import seam
from graven.io.bundle import list_bundles, read_bundle, read_companion
from graven.io.folders import COMPLETE_MARKER, PARTIAL_MARKER
from graven.methods import tracing
from graven.methods.record import PARTS
from graven.types import PixelSize, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.archive.items import Found
    from graven.io.bundle import Bundle

__all__ = ["Batched", "batch"]

WORKER_ENGINES = ("openvino", "onnxruntime")
NAMED = 3


@dataclass(frozen=True, slots=True)
class Batched:
    """What `batch` left.

    Attributes
    ----------
    path : Path
        Output folder; in a dry run, where it would be.
    rows : tuple of dict
        One per image, with the columns of ``summary.csv``.
    left_out : tuple of str
        Files of the input folders that are no images.
    n_kept : int
        Images that were done before and not touched.
    job_script : str or None
        In a dry run for SLURM, the script of one job.
    dry_run : bool
        Whether nothing was done.
    """

    path: Path
    rows: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...]
    n_kept: int = 0
    job_script: str | None = None
    dry_run: bool = False

    @property
    def n_missed(self) -> int:
        """Images that were not traced."""
        return 0 if self.dry_run else sum(row["status"] != "done" for row in self.rows)

    def summary(self) -> str:
        """Say it in a few lines."""
        if self.dry_run:
            lines = [f"would trace {len(self.rows)} images into {self.path}"]
            lines += [f"{row['image']} into {row['record']}" for row in self.rows]
            return "\n".join([*lines, *([] if self.job_script is None else ["", self.job_script.rstrip()])])
        figures = sum(row["figures"] for row in self.rows if row["status"] == "done")
        kept = f", {self.n_kept} of them before" if self.n_kept else ""
        lines = [f"{len(self.rows) - self.n_missed} of {len(self.rows)} images traced{kept}; {figures} figures"]
        missed = [row for row in self.rows if row["status"] != "done"]
        lines += [f"{row['status']}: {with_name(row['image'], row['message'])}" for row in missed]
        return "\n".join([*lines, f"{self.path / SUMMARY}"])

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {
            "path": str(self.path),
            "n_images": len(self.rows),
            "n_missed": self.n_missed,
            "n_kept": self.n_kept,
            "images": list(self.rows),
            "left_out": list(self.left_out),
            "job_script": self.job_script,
            "dry_run": self.dry_run,
        }


def batch(
    inputs: Sequence[str | Path],
    *,
    model: str = "petroglyph",
    out: str | Path | None = None,
    workers: int | None = None,
    scheduler: str = "local",
    cluster_config: str | Path | None = None,
    bands: int = 1,
    on_error: str = "skip",
    scale: str | None = None,
    roi: str | None = None,
    tile_px: int | None = None,
    overlap_px: int | None = None,
    threshold: float | None = None,
    min_object: float | None = None,
    gate: bool = True,
    gate_threshold: float | None = None,
    rotation: bool = True,
    only: tuple[str, ...] = PARTS,
    engine: str = "openvino",
    precision: str = "auto",
    tta: str = "none",
    mode: str = "tile",
    force_scale: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    monitor: Monitor = SILENT,
) -> Batched:
    """Trace many images, each into a record of its own.

    Parameters
    ----------
    inputs : sequence of str or Path
        Images, folders, patterns, and lists of images; see `graven.archive.items.find_items`.
    model : str
        Name of a bundled model, or the path of a bundle.
    out : str or Path, optional
        Output folder, with a folder ``<image stem>-record`` per image, ``manifest.jsonl``, ``summary.csv`` and
        ``index.html``. Default is ``<first input>-records`` here.
    workers : int, optional
        Processes of this machine, by default one per core as far as memory allows, or jobs of SLURM.
    scheduler : str
        ``local``, ``slurm``, or the address of a Dask scheduler.
    cluster_config : str or Path, optional
        YAML file with options of ``dask_jobqueue.SLURMCluster``.
    bands : int, >= 1
        Parts into which the prediction of each image is divided, for several workers at a time.
    on_error : {"skip", "fail"}
        Whether an image that cannot be traced is listed, or stops the batch.
    scale, roi, tile_px, overlap_px, threshold, min_object, gate, gate_threshold, rotation
        As in `graven.segment`, the same for every image.
    only, precision, tta, mode, force_scale
        Likewise.
    engine : {"openvino", "onnxruntime"}
        What runs the networks on every worker; workers do without PyTorch.
    resume : bool
        Continue an interrupted batch; model, settings and version must be the same. What is done is not read again.
    overwrite : bool
        Replace an earlier batch in this folder: what its manifest names is removed.
    dry_run : bool
        Decide everything, do nothing.
    monitor : Monitor
        Hears progress, and an event ``item`` for every image.

    Returns
    -------
    Batched
        What became of each image.

    Raises
    ------
    UsageError, DataError, ResourceError
        As their messages say. With ``on_error="fail"`` also what the first image failed with.
    Interrupted
        When stopped; the same call with `resume` continues.

    Notes
    -----
    An image that was in hand when a worker died is given to another one, and set aside when that dies as well. A
    script that calls this needs the usual ``if __name__ == "__main__":``, since worker processes import it.
    """
    config = None if cluster_config is None else Path(cluster_config)
    _check_asked(on_error=on_error, engine=engine, only=only, bands=bands, resume=resume, overwrite=overwrite)
    check_scheduler(scheduler, n_workers=workers, config=config)
    found = find_items(inputs)
    bundle = read_bundle(model)
    check_method(bundle)
    options = {
        "model": model if model in list_bundles() else str(bundle.path.resolve()),
        "scale": scale,
        "roi": None if roi is None else _findable(roi),
        "tile_px": tile_px,
        "overlap_px": overlap_px,
        "threshold": threshold,
        "min_object": min_object,
        "gate": gate,
        "gate_threshold": gate_threshold,
        "rotation": rotation,
        "only": list(only),
        "engine": engine,
        "precision": precision,
        "tta": tta,
        "mode": mode,
        "force_scale": force_scale,
    }
    _check_settings(bundle, options)
    target = Path(out) if out is not None else Path(f"{Path(inputs[0]).stem}-records")
    _check_target(target, resume=resume, overwrite=overwrite)
    left_out = _tell_left_out(found, monitor)
    if dry_run:
        script = slurm_job_script(config) if scheduler == "slurm" else None
        rows = tuple({"image": Path(entry["path"]).name, "record": entry["record"]} for entry in _listed(found))
        return Batched(target, rows, left_out, job_script=script, dry_run=True)
    with _open_manifest(target, bundle, options, found, resume=resume, overwrite=overwrite) as manifest:
        run = BatchRun(
            target.resolve(), manifest, bundle.spec, options, n_bands=bands, fail=on_error == "fail", monitor=monitor
        )
        run.tell_new(found)
        n_workers = workers or default_workers(len(run.entries) * bands)
        try:
            run.work(lambda: open_cluster(scheduler, n_workers=n_workers, config=config))
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted; {run.progress_in_words()}; continue with --resume") from None
        finally:
            run.write_summary()
    return Batched(target, run.rows(), left_out, n_kept=run.n_kept)


def _check_asked(*, on_error: str, engine: str, only: Sequence[str], bands: int, resume: bool, overwrite: bool) -> None:
    """Refuse what no image is needed to refuse."""
    if on_error not in ("skip", "fail"):
        raise UsageError(f"--on-error takes skip or fail, got {on_error!r}")
    if resume and overwrite:
        raise UsageError("give --resume or --overwrite, not both: one continues what the other removes")
    if engine not in WORKER_ENGINES:
        raise UsageError(
            f"workers predict without PyTorch, so --engine takes {' or '.join(WORKER_ENGINES)}, got {engine!r}"
        )
    unknown = sorted(set(only) - set(PARTS))
    if unknown or not only:
        raise UsageError(f"only takes any of {', '.join(PARTS)}, got {', '.join(unknown) or 'nothing'}")
    if bands < 1:
        raise UsageError(f"--bands must be at least 1, got {bands}")


def _check_settings(bundle: Bundle, options: Mapping[str, Any]) -> None:
    """Refuse settings that suit no image, by planning a blank one of the model's own size."""
    spec = bundle.spec
    size = stated_pixel_size(scale=options["scale"], length=None)
    if size is None and spec.pixel_size_mm is not None:
        size = PixelSize(spec.pixel_size_mm, spec.pixel_size_mm, "user")
    blank = np.full((len(spec.bands), spec.tile_px, spec.tile_px), 128, np.uint8)
    settings = tracing.TraceSettings(**{name: options[name] for name in SETTINGS})
    tracing.plan(raster_from_array(blank, pixel_size=size, name="blank"), spec, replace(settings, rotation=False))


def _check_target(target: Path, *, resume: bool, overwrite: bool) -> None:
    """Leave alone what is not ours."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"{target} exists and is not a folder; choose another output name")
    has_manifest = (target / MANIFEST).is_file()
    if resume and not has_manifest:
        raise UsageError(f"{target} holds no {MANIFEST}, so there is nothing to resume; run without --resume")
    if resume or not target.exists() or not any(target.iterdir()):
        return
    if not has_manifest:
        raise UsageError(
            f"{target} holds files but no {MANIFEST} of graven, so it is left alone; choose another output name"
        )
    if not overwrite:
        raise UsageError(f"{target} holds a batch; continue it with --resume, or replace it with --overwrite")


def _open_manifest(
    target: Path, bundle: Bundle, options: Mapping[str, Any], found: Found, *, resume: bool, overwrite: bool
) -> Manifest:
    """Begin or continue the manifest in the output folder."""
    head = {
        "id": uuid.uuid4().hex,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": {**options, "graven": __version__, "models": _hashes(bundle)},
        "inputs": _listed(found),
    }
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise seam.as_resource_error(error, target) from error
    discard = (lambda before: _discard(target, before)) if overwrite else None
    return Manifest(target / MANIFEST, head, resume=resume, discard=discard)


def _discard(target: Path, head: Mapping[str, Any]) -> None:
    """Remove what an earlier batch left, and nothing else."""
    for entry in head.get("inputs", ()):
        record = str(entry.get("record", ""))
        if record in ("", "..") or Path(record).name != record:
            raise DataError(f"{target / MANIFEST} names the record {record!r}, which is no plain name; start elsewhere")
        for folder in (target / record, target / f"{record}.partial"):
            marked = (folder / COMPLETE_MARKER).is_file() or (folder / PARTIAL_MARKER).is_file()
            if marked and not folder.is_symlink():
                seam.OPERATIONS.remove_tree(folder)
    for name in (SUMMARY, INDEX):
        (target / name).unlink(missing_ok=True)


def _tell_left_out(found: Found, monitor: Monitor) -> tuple[str, ...]:
    """Say once what is no image, and give it."""
    if found.left_out:
        shown = [path.name for path in found.left_out[:NAMED]] + ["…"] * (len(found.left_out) > NAMED)
        monitor.say(f"no images by their extension, and left out: {len(found.left_out)} files ({', '.join(shown)})")
    return tuple(str(path) for path in found.left_out)


def _listed(found: Found) -> list[dict[str, str]]:
    """Give the images as they stand in the manifest."""
    return [{"item": item.name, "path": str(item.path), "record": f"{item.name}-record"} for item in found.items]


def _hashes(bundle: Bundle) -> dict[str, str]:
    """Name the networks that take part, with their hashes."""
    gates = [read_companion(bundle, role) for role in bundle.companions]
    return {found.spec.name: found.spec.sha256 for found in (bundle, *gates)}


def _findable(name: str) -> str:
    """Give a path as every worker finds it; any other text stays."""
    with suppress(OSError, ValueError):
        if Path(name).exists():
            return str(Path(name).resolve())
    return name
