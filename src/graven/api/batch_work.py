"""What a worker of a batch does: show that it is fit, and trace one image or a part of one.

It runs in processes of a cluster and gives plain dictionaries back. Whatever it is given, it goes on with what lies
there, so that it may be given to another worker when one dies.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import time
from contextlib import contextmanager, suppress
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven._version import __version__
from graven.api.images import open_layers
from graven.api.segment import WORK, load_tracers, segment
from graven.archive.manifest import read_head
from graven.archive.run import is_wanted_here
from graven.errors import DataError, GravenError, Interrupted, UsageError
from graven.io.bundle import read_bundle
from graven.io.folders import COMPLETE_MARKER, OutputFolder
from graven.io.fs import sha256_file
from graven.io.strictjson import read_json
from graven.methods import tracing
from graven.methods.prediction import join_bands, predict_band, screen
from graven.predict.engine_base import engine_facts
from graven.predict.engines import load_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from graven.archive.run import Outcome
    from graven.methods.prediction import Panel, Tracer

__all__ = ["MANIFEST", "SETTINGS", "greet", "is_unchanged", "work_on"]

MANIFEST = "manifest.jsonl"
SETTINGS = tuple(field.name for field in fields(tracing.TraceSettings))
"""Options that are fields of `graven.methods.tracing.TraceSettings`."""

PARALLEL = 1
LOOK_S = 0.5
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def greet(greeting: Mapping[str, Any]) -> dict[str, Any]:
    """Say who a worker is, what it computes with, and whether it sees what it must.

    Parameters
    ----------
    greeting : mapping
        ``model``, ``engine``, ``precision``, ``out`` and ``folders`` of the batch.

    Returns
    -------
    dict
        ``host``, ``pid``, ``graven``, ``model`` (hash), ``engine`` (facts), ``batch`` (id that stands in the manifest
        which it sees, or None), ``writable``, and ``missing`` (folders that it does not see).
    """
    bundle = read_bundle(greeting["model"])
    choice = {name: greeting[name] for name in ("engine", "precision")}
    engine = load_engine(bundle.model_path, sha256=bundle.spec.sha256, n_parallel=PARALLEL, **choice)
    out = Path(greeting["out"])
    try:
        batch = read_head(out / MANIFEST).get("id")
    except DataError:
        batch = None
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "graven": __version__,
        "model": bundle.spec.sha256,
        "engine": engine_facts(engine),
        "batch": batch,
        "writable": os.access(out, os.W_OK),
        "missing": [folder for folder in greeting["folders"] if not Path(folder).is_dir()],
    }


def work_on(payload: Mapping[str, Any], before: Mapping[str, Outcome]) -> Outcome:
    """Trace one image or do a part of it, go on with what a dead worker left, or find it done.

    Parameters
    ----------
    payload : mapping
        ``image``, ``record`` (output folder), ``options`` of `graven.segment`, ``model`` (hash), ``n_bands``, and
        ``part``: ``whole``, ``gate``, ``finish``, or the number of a band from 0.
    before : mapping
        A band is told what came of the gate.

    Returns
    -------
    dict
        ``status`` is ``done`` or ``failed``, the latter with the message and the exit code of `graven.segment`. An
        image that is done tells its figures, tiles, seconds and the hashes of its files; the gate its ``states``.
    """
    try:
        record = Path(payload["record"])
        if record.exists():
            _check_found(record, payload)
            return _success(record) if payload["part"] in ("whole", "finish") else {"status": "done", "states": None}
        return _PARTS.get(payload["part"], _band)(record, payload, before)
    except Exception as error:  # noqa: BLE001 - the border of a worker, where every error becomes a line and a code
        return _failure(error)


def is_unchanged(record: Path, facts: Mapping[str, Any]) -> bool:
    """Whether a record is the one that the manifest tells of, by the hash of its account and the sizes of its files.

    Parameters
    ----------
    record : Path
        Output folder of an item.
    facts : mapping
        What was written when it was done.

    Returns
    -------
    bool
        Nothing large is read for it.
    """
    account = record / COMPLETE_MARKER
    if not account.is_file() or sha256_file(account) != facts.get("run_sha256"):
        return False
    files = facts.get("files", {})
    return all(
        (record / name).is_file() and (record / name).stat().st_size == file["bytes"] for name, file in files.items()
    )


def _whole(record: Path, payload: Mapping[str, Any], before: Mapping[str, Outcome]) -> Outcome:
    """Trace an image as ``graven segment`` does."""
    del before
    options: dict[str, Any] = {**payload["options"], "only": tuple(payload["options"]["only"])}
    resume = _has_partial(record)
    segment(payload["image"], out=record, resume=resume, n_parallel=PARALLEL, monitor=_Attentive(), **options)
    return _success(record)


def _gate(record: Path, payload: Mapping[str, Any], before: Mapping[str, Outcome]) -> Outcome:
    """Begin the record of an image that is divided: its folder, and what the gate decides."""
    del before
    panel, segmenter, gate = _panel(record, payload)
    states = None
    with suppress(_BandsNext), OutputFolder(record, resume=_has_partial(record), resumable=True):
        panel.work.mkdir(exist_ok=True)
        if gate is not None:
            with _Attentive().progress("gate") as report:
                states = list(screen(panel, segmenter, gate, progress=report).states)
        raise _BandsNext
    return {"status": "done", "states": states}


def _band(record: Path, payload: Mapping[str, Any], before: Mapping[str, Outcome]) -> Outcome:
    """Predict one band; a small image has fewer of them."""
    panel, segmenter, _ = _panel(record, payload)
    rows = _stretches(panel, payload["n_bands"])
    states = next(iter(before.values()))["states"]
    if payload["part"] < len(rows):
        with _Attentive().progress("band") as report:
            predict_band(panel, segmenter, rows[payload["part"]], states=states, progress=report)
    return {"status": "done"}


def _finish(record: Path, payload: Mapping[str, Any], before: Mapping[str, Outcome]) -> Outcome:
    """Join the bands and do what remains as if one run had come so far."""
    panel, _, _ = _panel(record, payload)
    join_bands(panel, _stretches(panel, payload["n_bands"]))
    return _whole(record, payload, before)


_PARTS = {"whole": _whole, "gate": _gate, "finish": _finish}


def _panel(record: Path, payload: Mapping[str, Any]) -> tuple[Panel, Tracer, Tracer | None]:
    """Open an image that is divided, as `graven.segment` does."""
    options = payload["options"]
    bundle = read_bundle(options["model"])
    settings = tracing.TraceSettings(**{name: options[name] for name in SETTINGS})
    raster = open_layers(payload["image"], bundle.spec.prepare, scale=options["scale"], roi=options["roi"])
    choice = {name: options[name] for name in ("engine", "precision")}
    segmenter, gate = load_tracers(bundle, settings, n_parallel=PARALLEL, **choice)
    planned = tracing.plan(raster, bundle.spec, settings)
    work = record.with_name(record.name + ".partial") / WORK
    return tracing.panel(planned, segmenter, gate, work, resume=True), segmenter, gate


def _stretches(panel: Panel, n_bands: int) -> list[range]:
    """Divide the tile rows of an image as evenly as they go."""
    n_rows = panel.grid.n_rows
    edges = [n_rows * i // n_bands for i in range(n_bands + 1)]
    return [range(first, last) for first, last in pairwise(edges) if first < last]


def _has_partial(record: Path) -> bool:
    """Whether there is work to go on with."""
    partial = record.with_name(record.name + ".partial")
    if partial.is_dir() and not any(partial.iterdir()):
        partial.rmdir()  # its maker was killed before it could mark it
    return partial.exists()


def _failure(error: Exception) -> Outcome:
    """Turn an error into an outcome, on one line and with the exit code that it would have had."""
    message = " ".join(str(error).split()) or type(error).__name__
    code = error.exit_code if isinstance(error, GravenError) else 70
    if isinstance(error, MemoryError):
        message, code = "not enough memory; use fewer --workers, or a smaller --tile", 4
    elif isinstance(error, OSError):
        code = 4 if error.errno in _FULL else 2
    elif code == 70:
        message = f"a defect in graven {__version__}: {type(error).__name__}: {message}; please report it"
    return {"status": "failed", "error": type(error).__name__, "message": message, "exit_code": code}


def _success(record: Path) -> Outcome:
    """Tell what a complete record holds."""
    run = read_json(record / COMPLETE_MARKER)
    try:
        tiles = run["tiles"]
        files = {
            name: {"sha256": sha256, "bytes": (record / name).stat().st_size} for name, sha256 in run["outputs"].items()
        }
        return {
            "status": "done",
            "figures": run["n_traces"],
            "tiles": tiles["all"],
            "skipped": tiles["all"] - tiles["predicted"],
            "seconds": run["seconds"]["total"],
            "source_sha256": run["input"]["sha256"],
            "run_sha256": sha256_file(record / COMPLETE_MARKER),
            "files": files,
        }
    except (KeyError, TypeError, AttributeError, OSError) as error:
        raise DataError(f"{record}: {COMPLETE_MARKER} does not tell of this folder; move it away") from error


def _check_found(record: Path, payload: Mapping[str, Any]) -> None:
    """Accept a record whose worker died before it could tell of it; refuse any other."""
    refusal = UsageError(f"{record} exists and is not of this batch; move it away and repeat with --resume")
    if not (record / COMPLETE_MARKER).is_file():
        raise refusal
    run = read_json(record / COMPLETE_MARKER)
    try:
        asked = {name: value for name, value in payload["options"].items() if name not in ("model", "roi")}
        same = all(run["options"][name] == value for name, value in json.loads(json.dumps(asked)).items())
        same &= run["models"][0]["sha256"] == payload["model"]
        same &= all(sha256_file(record / name) == sha256 for name, sha256 in run["outputs"].items())
    except (KeyError, IndexError, TypeError, AttributeError, OSError):
        raise refusal from None
    if not same:
        raise refusal


class _BandsNext(Interrupted):
    """Leaves a folder as work in progress."""


class _Attentive:
    """Hears the progress of an image, and stops the work when nobody waits for it any more."""

    def __init__(self) -> None:
        self._is_wanted = is_wanted_here()
        self._next_look = 0.0

    def say(self, text: str) -> None:
        """Ignore the line: it stands in the account of the record."""

    def event(self, kind: str, /, **facts: Any) -> None:
        """Ignore the event."""

    @contextmanager
    def progress(self, description: str) -> Iterator[Callable[[int, int], None]]:
        """Look up now and then."""
        del description
        yield self._report

    def _report(self, done: int, total: int) -> None:
        del done, total
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_S
        if not self._is_wanted():
            raise Interrupted("the batch was stopped; continue it with --resume")
