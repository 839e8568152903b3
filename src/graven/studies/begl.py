"""The experiment of the BEGL paper: one U-Net, five losses, one protocol; Table 1 and Figures 5 to 7 written anew.

A folder of the study, which can be interrupted at any time and continued::

    <study>/protocol.json          all that was held fixed, with hashes and versions
    <study>/data/                  panels, prepared
    <study>/runs/<loss>-s<seed>/   one run each (`graven.studies.begl_run`)
    <study>/results.csv baseline.csv runs.csv table1.csv table1.md README.md
    <study>/figure5.png figure6.png figure7.png curves.png
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from graven.errors import UsageError
from graven.studies.begl_data import folder_data, procedural_data
from graven.studies.begl_protocol import PUBLISHED, run_recipe
from graven.studies.begl_run import judge_run
from graven.studies.begl_scores import MIN_SHARE, MIN_VALID, TOLERANCE_PX
from graven.studies.protocols import keep_protocol, versions
from graven.studies.running import Lessons, do_run
from graven.studies.sources import require_training
from graven.train.panels import band_statistics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from graven.studies.begl_data import StudyData
    from graven.studies.begl_protocol import Contender, Protocol
    from graven.studies.begl_report import StudyResult
    from graven.studies.listener import Listener

__all__ = ["run_study"]


def run_study(
    folder: Path,
    *,
    protocol: Protocol,
    contenders: Sequence[Contender],
    n_seeds: int,
    source: Path | None = None,
    group_by: str | None = None,
    command: str,
    monitor: Listener,
) -> StudyResult:
    """Train every loss with every seed, and write tables, figures and the page of the study.

    Parameters
    ----------
    folder : Path
        Folder of the study. Finished runs in it are kept, interrupted ones continue.
    protocol : Protocol
        What is the same for all.
    contenders : sequence of Contender
        What is compared.
    n_seeds : int, >= 1
        Seeds 1 to `n_seeds`.
    source : Path, optional
        Labelled images; default is procedural panels.
    group_by : str, optional
        As in `graven.studies.labelled.split_pairs`.
    command : str
        What was typed, for the page.
    monitor : Listener
        Hears progress.

    Returns
    -------
    StudyResult
        The verdict and the table.

    Raises
    ------
    MismatchError
        If the folder holds a study of another protocol or other data.
    TrainingCollapsed
        If no run gave a result.
    Interrupted
        After Ctrl-C.
    MissingExtra
        If PyTorch or Lightning is missing.
    """
    require_training()
    if n_seeds < 1:
        raise UsageError(f"--seeds must be at least 1, got {n_seeds}")
    panels = folder / "data"
    data = (
        procedural_data(panels, protocol, monitor=monitor)
        if source is None
        else folder_data(panels, source, group_by=group_by, monitor=monitor)
    )
    mean, std = band_statistics(data.train_panels())
    lessons = Lessons(data.train_panels(), data.val.open(), data.sha256, mean, std)
    facts = _facts(protocol, contenders, data, n_seeds=n_seeds, mean=mean, std=std)
    keep_protocol(folder / "protocol.json", facts, fixed=("protocol", "data"))
    n_done, total = 0, n_seeds * len(contenders)
    plan = [(entry, seed) for seed in range(1, n_seeds + 1) for entry in contenders]
    for number, (entry, seed) in enumerate(plan, start=1):
        monitor.say(f"run {number} of {total}: {entry.label}, seed {seed}")
        run_folder = folder / "runs" / f"{entry.key}-s{seed}"
        recipe = run_recipe(protocol, entry, seed=seed)
        n_done += do_run(
            run_folder,
            recipe,
            lessons,
            partial(judge_run, folder=run_folder, recipe=recipe, contender=entry, data=data, monitor=monitor),
            label=entry.label,
            identity={"loss": entry.key, "seed": seed},
            monitor=monitor,
        )
        monitor.event("run", loss=entry.key, seed=seed, number=number, of=total)
    from graven.studies.begl_report import write_report

    return write_report(folder, plan, data, protocol, n_seeds=n_seeds, n_done=n_done, command=command, monitor=monitor)


def _facts(
    protocol: Protocol,
    contenders: Sequence[Contender],
    data: StudyData,
    *,
    n_seeds: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> dict[str, Any]:
    """Gather everything that was held fixed; no path, no time."""
    return {
        "study": "begl",
        "protocol": asdict(protocol),
        "seeds": list(range(1, n_seeds + 1)),
        "losses": [asdict(entry) for entry in contenders],
        "recipe_of_the_first": asdict(run_recipe(protocol, contenders[0], seed=1)),
        "data": {**data.origin, "panels": data.counts(), "sha256": data.sha256},
        "standardisation": {"mean": list(mean), "std": list(std)},
        "judging": {
            "threshold": 0.5,
            "weights": "best validation MIoU",
            "patch_px": protocol.crop_px,
            "kept_if_foreground_share_at_least": MIN_SHARE,
            "kept_if_valid_share_at_least": MIN_VALID,
            "boundary_tolerance_px": TOLERANCE_PX,
        },
        "published": {"source": "Table 1 of the BEGL paper, measured on 3D-Pitoti", "values": PUBLISHED},
        "versions": versions(),
    }
