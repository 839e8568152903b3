"""From the finished runs in a folder to the tables, figures and page of the craquelure study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import TrainingCollapsed
from graven.io.fs import write_bytes_atomic, write_text_atomic
from graven.report.tables import csv_table
from graven.studies.baselines import blackhat_otsu
from graven.studies.crack_sets import CRACK_SETS
from graven.studies.craquelure_contenders import (
    LABELS,
    LAMBDAS,
    LOSSES,
    NETWORKS,
)
from graven.studies.craquelure_figures import (
    choose_pictures,
    crack_maps,
    figure2,
    figure5,
    figure6,
    figure9,
    validation_figure,
)
from graven.studies.craquelure_judge import BASELINE, baseline_on_cracks, baseline_on_paintings, read_crack_masks
from graven.studies.craquelure_page import readme
from graven.studies.craquelure_scores import cracks_csv, paintings_csv, read_cracks, read_paintings
from graven.studies.craquelure_speed import read_speed
from graven.studies.craquelure_tables import Results, cracks_table, losses_table, summary_csv
from graven.studies.craquelure_words import verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from graven.studies.craquelure_data import StudyData
    from graven.studies.craquelure_protocol import CraquelureProtocol
    from graven.studies.craquelure_scores import CrackScore, PaintingScore
    from graven.studies.listener import Listener

__all__ = ["CraquelureResult", "FinishedRun", "write_report"]


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that is in the folder.

    Attributes
    ----------
    folder : Path
        Where it lies.
    contender : str
        Key of what was trained.
    part : str
        ``paintings``, or the key of a set of cracks.
    facts : dict
        Its ``run.json``.
    """

    folder: Path
    contender: str
    part: str
    facts: dict[str, Any]

    @property
    def is_complete(self) -> bool:
        """Whether it has scores."""
        return bool(self.facts["status"] == "complete")


@dataclass(frozen=True, slots=True)
class CraquelureResult:
    """What a study found.

    Attributes
    ----------
    verdict : tuple of str
        Sentences: who wins, by how much, and how sure that is.
    table : str
        Table 2, or where no run on paintings is finished the table of cracks, in Markdown.
    miou : dict of str to float
        MIoU on paintings by contender, the baseline included.
    f1_2px : dict of str to float
        F1 at 2 px on photographed cracks by set.
    n_done, n_found, n_collapsed : int
        Runs trained now, found finished, and without a result.
    files : tuple of str
        Names of the tables and pictures in the folder of the study.
    """

    verdict: tuple[str, ...]
    table: str
    miou: dict[str, float]
    f1_2px: dict[str, float]
    n_done: int
    n_found: int
    n_collapsed: int
    files: tuple[str, ...]

    def scores(self) -> dict[str, dict[str, float]]:
        """Give the numbers for a record."""
        return {"miou": self.miou, "f1_2px": self.f1_2px}


def write_report(
    folder: Path,
    runs: Sequence[FinishedRun],
    data: Mapping[str, StudyData],
    protocol: CraquelureProtocol,
    *,
    source: Path,
    n_done: int,
    command: str,
    monitor: Listener,
) -> CraquelureResult:
    """Write what all runs together say.

    Parameters
    ----------
    folder : Path
        Folder of the study.
    runs : sequence of FinishedRun
        All that are finished and whose data were opened.
    data : mapping of str to StudyData
        ``paintings``, and sets of cracks by key.
    protocol : CraquelureProtocol
        What was the same for all.
    source : Path
        Folder of the crack sets.
    n_done : int
        Runs that were trained now.
    command : str
        What was typed.
    monitor : Listener
        Hears progress.

    Returns
    -------
    CraquelureResult
        Verdict and table.

    Raises
    ------
    TrainingCollapsed
        If no run gave a result.
    """
    monitor.say("writing tables and figures …")
    complete = [run for run in runs if run.is_complete]
    if not complete:
        raise TrainingCollapsed(
            f"none of the {len(runs)} runs gave a result; the first says: {runs[0].facts['reason']}"
        )
    results = _results(folder, complete, data, source)
    pictures = _pictures(results, complete, data)
    texts = {
        "runs.csv": _runs_csv(runs),
        "tables.csv": summary_csv(results),
        "README.md": readme(
            results,
            protocol=protocol,
            origins={key: found.facts() for key, found in data.items()},
            runs=[{**run.facts, "part": run.part} for run in runs],
            command=command,
            pictures=tuple(pictures),
        ),
    }
    if results.paintings:
        texts["paintings.csv"] = paintings_csv(score for found in results.paintings.values() for score in found)
    if results.cracks:
        by_set = results.cracks.values()
        texts["cracks.csv"] = cracks_csv(score for found in by_set for scores in found.values() for score in scores)
    for name, text in texts.items():
        write_text_atomic(folder / name, text)
    for name, picture in pictures.items():
        write_bytes_atomic(folder / name, picture)
    return CraquelureResult(
        verdict=tuple(verdict(results)),
        table=losses_table(results) if results.paintings else cracks_table(results),
        miou={key: results.summary(key).mean("miou") for key in results.paintings},
        f1_2px={key: results.crack_summary(key, "res_unet").mean("f1_2px") for key in results.cracks},
        n_done=n_done,
        n_found=len(runs) - n_done,
        n_collapsed=len(runs) - len(complete),
        files=(*texts, *pictures, "protocol.json"),
    )


def _results(folder: Path, runs: Sequence[FinishedRun], data: Mapping[str, StudyData], source: Path) -> Results:
    paintings: dict[str, list[PaintingScore]] = {}
    cracks: dict[str, dict[str, list[CrackScore]]] = {}
    for run in runs:
        path = run.folder / "scores.csv"
        if run.part == "paintings":
            paintings.setdefault(run.contender, []).extend(read_paintings(path))
        else:
            cracks.setdefault(run.part, {}).setdefault("res_unet", []).extend(read_cracks(path))
    if paintings:
        paintings[BASELINE] = baseline_on_paintings(data["paintings"])
    for key, found in cracks.items():
        found[BASELINE] = baseline_on_cracks(CRACK_SETS[key], source / key, data[key])
    is_leaky = "paintings" in data and bool(data["paintings"].origin["leaky"])
    return Results(paintings, cracks, read_speed(folder), is_leaky)


def _pictures(results: Results, runs: Sequence[FinishedRun], data: Mapping[str, StudyData]) -> dict[str, bytes]:
    """Draw the figures of the parts that are there."""
    pictures: dict[str, bytes] = {}
    if results.paintings:
        folders: dict[str, list[Path]] = {}
        for run in runs:
            if run.part == "paintings":
                folders.setdefault(run.contender, []).append(run.folder)
        if entries := results.of(LOSSES):
            pictures["figure6.png"] = figure6({entry.label: folders[entry.key] for entry in entries})
            if any(score.has(1) for score in results.paintings[BASELINE]):
                pictures["figure2.png"] = figure2(results)
        pictures["curves.png"] = validation_figure({LABELS[key]: found for key, found in folders.items()})
        if len(results.of(LAMBDAS)) > 1:
            pictures["figure5.png"] = figure5(results)
        if len(results.of(NETWORKS)) > 1:
            pictures["figure9.png"] = figure9(results)
    for key in results.cracks:
        pictures[f"{key}.png"] = _crack_maps(results, runs, data[key], key)
    return pictures


def _crack_maps(results: Results, runs: Sequence[FinishedRun], data: StudyData, key: str) -> bytes:
    """Draw an easy, a median and a hard picture of a set, as the first seed and the baseline see them."""
    chosen = choose_pictures(results.cracks[key]["res_unet"])
    panels = {name: data.test.open([name])[0] for name in chosen}
    shapes = {name: (panel.target.shape[0], panel.target.shape[1]) for name, panel in panels.items()}
    masks = read_crack_masks(next(run for run in runs if run.part == key).folder, shapes)
    rows = []
    for name, title in chosen.items():
        image = np.asarray(panels[name].image)
        photo = np.ascontiguousarray(np.moveaxis(image, 0, -1))
        maps = {"Res-UNet": masks[name], "black-hat + Otsu": blackhat_otsu(image)}
        rows.append((title, photo, np.asarray(panels[name].target) > 0, maps))
    return crack_maps(rows)


def _runs_csv(runs: Sequence[FinishedRun]) -> str:
    columns = list(dict.fromkeys(key for run in runs for key in run.facts))
    return csv_table(["part", *columns], [[run.part, *(run.facts.get(column) for column in columns)] for run in runs])
