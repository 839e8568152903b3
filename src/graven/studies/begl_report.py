"""From finished runs to the tables, figures and page of the BEGL study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import MismatchError, TrainingCollapsed
from graven.io.fs import write_bytes_atomic, write_text_atomic
from graven.report.tables import csv_table
from graven.studies.baselines import clahe_otsu
from graven.studies.begl_figures import Shown, choose_images, curves_figure, figure5, figure6, figure7
from graven.studies.begl_page import readme
from graven.studies.begl_run import cut_test_panels, read_preds
from graven.studies.begl_scores import read_scores, score_patch, scores_csv
from graven.studies.begl_tables import BASELINE, Results, table_csv, table_markdown
from graven.studies.begl_words import verdict
from graven.studies.running import read_run
from graven.train.dataset import validation_tiles
from graven.train.panels import Panel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.studies.begl_data import StudyData
    from graven.studies.begl_protocol import Contender, Protocol
    from graven.studies.begl_scores import PatchScore
    from graven.studies.listener import Listener

__all__ = ["StudyResult", "write_report"]


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What a study found.

    Attributes
    ----------
    verdict : tuple of str
        Sentences: who wins, by how much, and how sure that is.
    table : str
        Table 1 in Markdown.
    miou : dict of str to float
        MIoU of each loss, variant and the baseline: mean over patches and seeds.
    n_done, n_found, n_collapsed : int
        Runs trained now, found finished, and without a result.
    files : tuple of str
        Names of the tables and pictures in the folder of the study.
    """

    verdict: tuple[str, ...]
    table: str
    miou: dict[str, float]
    n_done: int
    n_found: int
    n_collapsed: int
    files: tuple[str, ...]

    def scores(self) -> dict[str, dict[str, float]]:
        """Give the numbers for a record."""
        return {"miou": self.miou}


def write_report(
    folder: Path,
    plan: Sequence[tuple[Contender, int]],
    data: StudyData,
    protocol: Protocol,
    *,
    n_seeds: int,
    n_done: int,
    command: str,
    monitor: Listener,
) -> StudyResult:
    """Write what all runs together say.

    Parameters
    ----------
    folder : Path
        Folder of the study.
    plan : sequence of (Contender, int)
        Loss and seed of every run, all of them finished.
    data : StudyData
        Panels.
    protocol : Protocol
        What was the same for all.
    n_seeds, n_done : int
        Seeds per loss, and runs that were trained now.
    command : str
        What was typed.
    monitor : Listener
        Hears progress.

    Returns
    -------
    StudyResult
        Verdict and table.

    Raises
    ------
    TrainingCollapsed
        If no run gave a result.
    MismatchError
        If no test patch holds foreground.
    """
    monitor.say("writing tables and figures …")
    runs = [read_run(folder / "runs" / f"{entry.key}-s{seed}") for entry, seed in plan]
    scores: dict[str, list[PatchScore]] = {}
    folders: dict[str, list[Path]] = {}
    for (entry, seed), run in zip(plan, runs, strict=True):
        if run["status"] == "complete":
            place = folder / "runs" / f"{entry.key}-s{seed}"
            scores.setdefault(entry.key, []).extend(read_scores(place / "scores.csv"))
            folders.setdefault(entry.key, []).append(place)
    entries = tuple(dict.fromkeys(entry.key for entry, _ in plan if entry.key in scores))
    by_key = {entry.key: entry for entry, _ in plan}
    if not entries:
        raise TrainingCollapsed(f"none of the {len(runs)} runs gave a result; the first says: {runs[0]['reason']}")
    baseline = _baseline(data, patch_px=protocol.crop_px)
    results = Results(tuple(by_key[key] for key in entries), {**scores, BASELINE: baseline})
    if not results.kept(BASELINE):
        raise MismatchError("no test patch holds foreground, so there is nothing to compare; give other test panels")
    chosen = choose_images(results)
    shown = _shown(results, data, folders, chosen, patch_px=protocol.crop_px)
    texts = {
        "results.csv": scores_csv(score for key in entries for score in scores[key]),
        "baseline.csv": scores_csv(baseline),
        "runs.csv": _runs_csv(runs),
        "table1.csv": table_csv(results),
        "table1.md": table_markdown(results, reduction="mean over images"),
        "README.md": readme(
            results,
            protocol=protocol,
            origin=data.origin,
            counts=data.counts(),
            runs=runs,
            n_seeds=n_seeds,
            command=command,
            shown=chosen,
        ),
    }
    pictures = {
        "figure5.png": figure5(results),
        "figure6.png": figure6(shown),
        "figure7.png": figure7(shown),
        "curves.png": curves_figure({by_key[key].label: folders[key] for key in entries}),
    }
    for name, text in texts.items():
        write_text_atomic(folder / name, text)
    for name, picture in pictures.items():
        write_bytes_atomic(folder / name, picture)
    return StudyResult(
        verdict=tuple(verdict(results)),
        table=texts["table1.md"],
        miou={key: results.summary(key, reduction="mean over images").mean("miou") for key in (*entries, BASELINE)},
        n_done=n_done,
        n_found=len(plan) - n_done,
        n_collapsed=sum(run["status"] != "complete" for run in runs),
        files=(*texts, *pictures, "protocol.json"),
    )


def _baseline(data: StudyData, *, patch_px: int) -> list[PatchScore]:
    """Segment whole test panels without learning, and judge the same patches."""
    found: list[PatchScore] = []
    for entry, patches in cut_test_panels(data, patch_px=patch_px):
        original = data.originals.open([entry.name])[0]
        valid = None if original.valid is None else np.asarray(original.valid, bool)
        mask = clahe_otsu(np.asarray(original.image), valid=valid)
        guesses = validation_tiles(
            [Panel(entry.name, entry.group, original.image, mask.astype(np.uint8), original.valid)], tile_px=patch_px
        )
        found += [
            score_patch(
                guess.target > 0,
                patch.target > 0,
                patch.valid,
                loss=BASELINE,
                variant=False,
                seed=0,
                subset=data.sets[entry.name],
                panel=entry.group,
                image=patch.origin,
            )
            for guess, patch in zip(guesses, patches, strict=True)
        ]
    return found


def _shown(
    results: Results, data: StudyData, folders: dict[str, list[Path]], chosen: dict[str, str], *, patch_px: int
) -> list[Shown]:
    """Gather photograph, truth and the maps of the first seed for the patches of Figures 6 and 7."""
    entries = [entry for entry in results.contenders if not entry.is_variant]
    places = {score.image: place for place, score in enumerate(read_scores(folders[entries[0].key][0] / "scores.csv"))}
    maps: dict[str, dict[str, NDArray[np.bool_]]] = {}
    for entry in entries:
        preds = read_preds(folders[entry.key][0])
        maps[entry.label] = {image: preds[places[image]].copy() for image in chosen}
    shown = []
    for image, title in chosen.items():
        original = data.originals.open([image.rpartition("[")[0]])
        patch = next(tile for tile in validation_tiles(original, tile_px=patch_px) if tile.origin == image)
        photo = np.ascontiguousarray(np.moveaxis(patch.image, 0, -1)).astype(np.uint8)
        found = {label: by_image[image] for label, by_image in maps.items()}
        shown.append(Shown(title, photo, patch.target > 0, patch.valid, found))
    return shown


def _runs_csv(runs: Sequence[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for run in runs for key in run))
    return csv_table(columns, [[run.get(column) for column in columns] for run in runs])
