"""A batch at work: which images are still to be traced, what has come of each, and the summary of them all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven._version import __version__
from graven.api.batch_work import greet, is_unchanged, work_on
from graven.archive.run import Listener, Task, run_tasks
from graven.errors import DataError, DefectError, ResourceError, UsageError
from graven.io.fs import write_text_atomic
from graven.report.batch import BatchPage, BatchRow, batch_page
from graven.report.tables import csv_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graven.api.monitor import Monitor
    from graven.archive.items import Found
    from graven.archive.manifest import Manifest
    from graven.archive.run import Outcome
    from graven.types import ModelSpec

__all__ = ["COLUMNS", "INDEX", "SUMMARY", "BatchRun", "with_name"]

SUMMARY, INDEX = "summary.csv", "index.html"
COLUMNS = ("image", "record", "status", "figures", "tiles", "skipped", "seconds", "message")
STOPPING = ("DiskFull",)
ERRORS = {1: UsageError, 2: DataError, 4: ResourceError}
TOLD = ("error", "message", "exit_code")


class BatchRun(Listener):
    """What a batch has done and has still to do; hears it all, writes it down, and tells it.

    Parameters
    ----------
    target : Path
        Output folder, absolute.
    manifest : Manifest
        Open for appending; of a batch that is continued, with what was done.
    spec : ModelSpec
        Of the model.
    options : mapping
        Of `graven.segment`, JSON-ready.
    n_bands : int, >= 1
        Parts into which the prediction of each image is divided.
    fail : bool
        Whether the first image that fails stops the batch.
    monitor : Monitor
        Hears progress.

    Attributes
    ----------
    entries : dict of str to dict
        By item: its name, the path of its image and the name of its record.
    outcomes : dict of str to Outcome
        By item, as far as known.
    n_kept : int
        Images that were done before.
    """

    def __init__(
        self,
        target: Path,
        manifest: Manifest,
        spec: ModelSpec,
        options: Mapping[str, Any],
        *,
        n_bands: int,
        fail: bool,
        monitor: Monitor,
    ) -> None:
        self.target, self.manifest, self.monitor = target, manifest, monitor
        self.entries: dict[str, dict[str, str]] = {entry["item"]: entry for entry in manifest.head["inputs"]}
        self._spec, self._options, self._n_bands, self._fail = spec, dict(options), n_bands, fail
        self._engine = None if manifest.worker is None else manifest.worker.get("engine")
        self._report: Callable[[int, int], None] = _ignore
        self.outcomes: dict[str, Outcome] = {
            item: {"status": "done", **last.facts}
            for item, entry in self.entries.items()
            if (last := manifest.last.get(item)) is not None
            and last.event == "done"
            and is_unchanged(target / entry["record"], last.facts)
        }
        self.n_kept = len(self.outcomes)

    def tell_new(self, found: Found) -> None:
        """Name images that were not there when the batch began: it keeps to its list."""
        known = {entry["path"] for entry in self.entries.values()}
        new = [str(item.path) for item in found.items if str(item.path) not in known]
        if new:
            self.monitor.say(
                f"not there when the batch began, and left out: {len(new)} images, the first is {new[0]}; "
                "trace them in a batch of their own"
            )

    def work(self, open_workers: Callable[[], Any]) -> None:
        """Have everything traced that is not done.

        Parameters
        ----------
        open_workers : callable
            Gives a context manager that yields a Dask client; not called when nothing is to be done.
        """
        waiting = [entry for item, entry in self.entries.items() if item not in self.outcomes]
        if not waiting:
            return
        greeting = {
            **{name: self._options[name] for name in ("model", "engine", "precision")},
            "out": str(self.target),
            "folders": sorted({str(Path(entry["path"]).parent) for entry in waiting}),
        }
        tasks = [task for entry in waiting for task in self._tasks(entry)]
        with self.monitor.progress(f"tracing {len(self.entries)} images") as self._report, open_workers() as client:
            self._report(len(self.outcomes), len(self.entries))
            run_tasks(client, tasks, work=work_on, greet=greet, greeting=greeting, judge=self._judge, hear=self)

    def joined(self, worker: str, facts: Mapping[str, Any]) -> None:
        """Remember who came, and with what it computes."""
        self._engine = facts["engine"]
        self.manifest.join(worker=worker, host=facts["host"], pid=facts["pid"], engine=facts["engine"])
        self.monitor.event("worker", worker=worker, host=facts["host"], pid=facts["pid"])

    def started(self, task: Task, worker: str, attempt: int) -> None:
        """Write down who has an image in hand."""
        self.manifest.add("started", task.name, worker=worker, attempt=attempt)
        self.monitor.event("started", item=task.name, worker=worker, attempt=attempt)

    def lost(self, task: Task, worker: str, deaths: int) -> None:
        """Write down that a worker died with an image in hand."""
        self.manifest.add("lost", task.name, worker=worker, deaths=deaths)
        self.monitor.event("lost", item=task.name, worker=worker, deaths=deaths)
        self.monitor.say(f"a worker died while it traced {task.name}")

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Write down what came of an image or a part; stop where nothing better can be expected of the others."""
        if task.name not in self.entries:
            told = {name: value for name, value in outcome.items() if name in TOLD}
            self.manifest.add(outcome["status"], task.name, **told)
            self.monitor.event("part", item=task.name, status=outcome["status"])
            return
        self.manifest.add(**{"event": outcome["status"], "item": task.name, **_without(outcome, "status")})
        self.outcomes[task.name] = outcome
        entry = self.entries[task.name]
        self.monitor.event("item", **_row(entry, outcome))
        self._report(len(self.outcomes), len(self.entries))
        if outcome["status"] == "done":
            return
        reason = with_name(Path(entry["path"]).name, outcome["message"])
        if self._fail or outcome.get("error") in STOPPING:
            kind = ERRORS.get(outcome.get("exit_code", 4), DefectError)
            raise kind(f"{reason}; {self.progress_in_words()}, --resume continues")
        self.monitor.say(reason)

    def say(self, text: str) -> None:
        """Pass it on."""
        self.monitor.say(text)

    def progress_in_words(self) -> str:
        """Say how far the batch is."""
        n_done = sum(outcome["status"] == "done" for outcome in self.outcomes.values())
        return f"{n_done} of {len(self.entries)} images are done"

    def rows(self) -> tuple[dict[str, Any], ...]:
        """Give what became of each image, in the order of the batch, with `COLUMNS` as names."""
        return tuple(_row(entry, self.outcomes.get(item)) for item, entry in self.entries.items())

    def write_summary(self) -> None:
        """Write the table and the page."""
        rows = self.rows()
        table = csv_table(COLUMNS, [[row[name] for name in COLUMNS] for row in rows])
        write_text_atomic(self.target / SUMMARY, table)
        printed = tuple(
            BatchRow(**_without(row, "record"), report=self._report_of(entry))
            for entry, row in zip(self.entries.values(), rows, strict=True)
        )
        page = BatchPage(self.target.name, f"{self._spec.name} {self._spec.version}", __version__, printed)
        write_text_atomic(self.target / INDEX, batch_page(page))

    def _tasks(self, entry: Mapping[str, str]) -> list[Task]:
        """Give what is to be done with an image: all at once, or gate, bands and the rest."""
        item = entry["item"]
        payload = {
            "image": entry["path"],
            "record": str(self.target / entry["record"]),
            "options": self._options,
            "model": self._spec.sha256,
            "n_bands": self._n_bands,
        }
        if self._n_bands == 1:
            return [Task(item, {**payload, "part": "whole"})]
        gate = Task(f"{item}/gate", {**payload, "part": "gate"})
        bands = [Task(f"{item}/band-{i + 1}", {**payload, "part": i}, after=(gate.name,)) for i in range(self._n_bands)]
        rest = Task(item, {**payload, "part": "finish"}, after=tuple(band.name for band in bands))
        return [gate, *bands, rest]

    def _report_of(self, entry: Mapping[str, str]) -> str | None:
        files = self.outcomes.get(entry["item"], {}).get("files", ())
        reports = [name for name in files if name.endswith("_report.html")]
        return f"{entry['record']}/{reports[0]}" if reports else None

    def _judge(self, facts: Mapping[str, Any]) -> str | None:
        """Say why a worker cannot trace images of this batch."""
        if facts["graven"] != __version__:
            return f"has graven {facts['graven']}, and here is {__version__}; install the same"
        if facts["model"] != self._spec.sha256:
            return f"has another model {self._spec.name!r}; give all the same bundle"
        if facts["missing"]:
            return f"does not see {facts['missing'][0]}; images must lie where every worker sees them"
        if facts["batch"] != self.manifest.head["id"]:
            return f"does not see {self.target}; the output must lie where every worker sees it"
        if not facts["writable"]:
            return f"may not write to {self.target}; change its permissions"
        if self._engine not in (None, facts["engine"]):
            theirs, ours = (" ".join(map(str, engine.values())) for engine in (facts["engine"], self._engine))
            return f"computes with {theirs}, the batch with {ours}; use machines that are alike, or --precision"
        return None


def with_name(image: str, message: str) -> str:
    """Put the name of an image before what is said of it, where it does not stand there already."""
    return message if message.startswith(image) else f"{image}: {message}"


def _row(entry: Mapping[str, str], outcome: Outcome | None) -> dict[str, Any]:
    """Give the line of the summary; of an image that was not reached only the name is known."""
    known = {"status": "to do", "message": ""} if outcome is None else {"message": "", **outcome}
    row = {"image": Path(entry["path"]).name, "record": entry["record"], **known}
    return {name: row.get(name) for name in COLUMNS}


def _without(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != name}


def _ignore(done: int, total: int) -> None:
    del done, total
