"""From the finished runs in a folder to the tables, figures and page of the refinement study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graven.errors import TrainingCollapsed
from graven.io.fs import write_bytes_atomic, write_text_atomic
from graven.report.tables import csv_table
from graven.studies.refinement_baselines import baselines_on_objects, baselines_on_patches
from graven.studies.refinement_contenders import MODALITIES, OUR_KEEPING, REFINERS, TRIALS
from graven.studies.refinement_figures import (
    figure5,
    figure5_objects,
    figure6,
    part_figure,
    work_maps,
    workload_figure,
)
from graven.studies.refinement_networks import INITIAL
from graven.studies.refinement_objects import open_whole, read_maps, work_path
from graven.studies.refinement_page import readme
from graven.studies.refinement_scores import patches_csv, read_patches, read_work, work_csv
from graven.studies.refinement_summary import Results
from graven.studies.refinement_tables import first_table, summary_csv, work_table
from graven.studies.refinement_words import verdict
from graven.studies.running import is_done, read_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from graven.studies.listener import Listener
    from graven.studies.refinement_data import RefinementData
    from graven.studies.refinement_protocol import RefinementProtocol
    from graven.studies.refinement_scores import PatchScore, WorkedObject

__all__ = ["FinishedNetwork", "RefinementResult", "finished_networks", "write_report"]

PART_TITLES = {
    "strokes": "Order and number of the strokes",
    "operations": "What the person may do",
    "keeping": "What is kept of an answer",
}
SHOWN = f"ours-{OUR_KEEPING}"
N_MAPS = 2


@dataclass(frozen=True, slots=True)
class FinishedNetwork:
    """A run that is in the folder.

    Attributes
    ----------
    folder : Path
        Where it lies.
    contender : str
        ``initial``, or a key of `REFINERS` or `MODALITIES` in `graven.studies.refinement_contenders`.
    facts : dict
        Its ``run.json``.
    """

    folder: Path
    contender: str
    facts: dict[str, Any]

    @property
    def is_complete(self) -> bool:
        """Whether it has scores."""
        return bool(self.facts["status"] == "complete")


@dataclass(frozen=True, slots=True)
class RefinementResult:
    """What a study found.

    Attributes
    ----------
    verdict : tuple of str
        Sentences: how strong, how much better, how much work is saved.
    table : str
        Work on whole objects, or where there is none the first network, in Markdown.
    pfm : dict of str to float
        Of the test patches, by contender.
    peak, workload : dict of str to float
        Of the relative improvement, and the share of the drawing that is saved, by trial.
    n_done, n_found, n_collapsed : int
        Runs trained now, found finished, and without a result.
    files : tuple of str
        Names of the tables and pictures in the folder of the study.
    """

    verdict: tuple[str, ...]
    table: str
    pfm: dict[str, float]
    peak: dict[str, float]
    workload: dict[str, float]
    n_done: int
    n_found: int
    n_collapsed: int
    files: tuple[str, ...]

    def scores(self) -> dict[str, dict[str, float]]:
        """Give the numbers for a record."""
        return {"pfm": self.pfm, "peak": self.peak, "workload": self.workload}


def finished_networks(folder: Path) -> list[FinishedNetwork]:
    """List the finished runs, in the order of the tables and of the seeds.

    Parameters
    ----------
    folder : Path
        Folder of the study.

    Returns
    -------
    list of FinishedNetwork
        Collapsed ones included.
    """
    runs = []
    for key in (INITIAL, *REFINERS, *MODALITIES):
        numbered = [(int(place.name.rpartition("-s")[2]), place) for place in (folder / "runs").glob(f"{key}-s[0-9]*")]
        runs += [FinishedNetwork(place, key, read_run(place)) for _, place in sorted(numbered) if is_done(place)]
    return runs


def write_report(
    folder: Path,
    data: RefinementData,
    protocol: RefinementProtocol,
    *,
    n_done: int,
    command: str,
    monitor: Listener,
) -> RefinementResult:
    """Write what all runs together say.

    Parameters
    ----------
    folder : Path
        Folder of the study.
    data : RefinementData
        Panels.
    protocol : RefinementProtocol
        What was the same for all.
    n_done : int
        Runs that were trained now.
    command : str
        What was typed.
    monitor : Listener
        Hears progress.

    Returns
    -------
    RefinementResult
        Verdict and table.

    Raises
    ------
    TrainingCollapsed
        If no run gave a result.
    """
    monitor.say("writing tables and figures …")
    runs = finished_networks(folder)
    complete = [run for run in runs if run.is_complete]
    if not complete:
        raise TrainingCollapsed(
            f"none of the {len(runs)} runs gave a result; the first says: {runs[0].facts['reason']}"
        )
    results = _results(complete, data, protocol)
    pictures = _pictures(results, complete, data, protocol)
    texts = {
        "runs.csv": _runs_csv(runs),
        "tables.csv": summary_csv(results),
        "patches.csv": patches_csv(score for found in results.patches.values() for score in found),
        "README.md": readme(
            results,
            protocol=protocol,
            origin=data.facts(),
            runs=[run.facts for run in runs],
            command=command,
            pictures=tuple(pictures),
        ),
    }
    if results.work:
        texts["objects.csv"] = work_csv(work for found in results.work.values() for work in found)
    for name, text in texts.items():
        write_text_atomic(folder / name, text)
    for name, picture in pictures.items():
        write_bytes_atomic(folder / name, picture)
    trials = {key: results.trial(key) for key in results.work}
    return RefinementResult(
        verdict=tuple(verdict(results)),
        table=work_table(results, "objects") if results.trials("objects") else first_table(results),
        pfm={key: results.patch(key).mean("pfm") for key in results.patches},
        peak={key: found.mean("peak") for key, found in trials.items()},
        workload={key: found.mean("workload") for key, found in trials.items()},
        n_done=n_done,
        n_found=len(runs) - n_done,
        n_collapsed=len(runs) - len(complete),
        files=(*texts, *pictures, "protocol.json"),
    )


def _results(runs: Sequence[FinishedNetwork], data: RefinementData, protocol: RefinementProtocol) -> Results:
    patches: dict[str, list[PatchScore]] = {}
    work: dict[str, list[WorkedObject]] = {}
    trials = {key: trial for part in TRIALS.values() for key, trial in part.items()}
    names = [entry.name for entry in data.objects.entries]
    for run in runs:
        for score in read_patches(run.folder / "scores.csv"):
            patches.setdefault(score.contender, []).append(score)
        for key, trial in trials.items():
            paths = [work_path(run.folder, key, name) for name in names]
            if trial.refiner == run.contender and all(path.is_file() for path in paths):
                work.setdefault(key, []).extend(found for path in paths for found in read_work(path))
    for score in baselines_on_patches(data, patch_px=protocol.patch_px):
        patches.setdefault(score.contender, []).append(score)
    return Results(data.kind, patches, work, baselines_on_objects(data) if work else {})


def _pictures(
    results: Results, runs: Sequence[FinishedNetwork], data: RefinementData, protocol: RefinementProtocol
) -> dict[str, bytes]:
    """Draw the figures of the parts that are there."""
    pictures: dict[str, bytes] = {}
    if main := results.trials("objects"):
        pictures["figure5.png"] = figure5(results)
        pictures["figure5-objects.png"] = figure5_objects(results, main[0].key)
        pictures["figure6.png"] = figure6(results)
        pictures["workload.png"] = workload_figure(results)
        shown = next((trial for trial in main if trial.key == SHOWN), main[0])
        first = next(run for run in runs if run.contender == shown.refiner)
        rows = []
        for name in results.objects[:N_MAPS]:
            whole = open_whole(data, name, patch_px=protocol.patch_px)
            maps = read_maps(first.folder, shown.key, name, shape=whole.target.shape)
            rows.append((name, whole, maps))
        pictures["maps.png"] = work_maps(rows)
    for part, title in PART_TITLES.items():
        if len(results.trials(part)) > 1:
            pictures[f"{part}.png"] = part_figure(results, part, title=title)
    return pictures


def _runs_csv(runs: Sequence[FinishedNetwork]) -> str:
    columns = list(dict.fromkeys(key for run in runs for key in run.facts))
    return csv_table(columns, [[run.facts.get(column) for column in columns] for run in runs])
