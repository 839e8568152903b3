"""The experiments of the craquelure paper: five losses, the weight of the focal term, three networks, and real cracks.

A folder of the study, which can be interrupted at any time, continued, and given further parts and seeds::

    <study>/protocol.json                all that was held fixed, with hashes and versions
    <study>/data/                        paintings and sets of cracks
    <study>/runs/<contender>-s<seed>/    one run each (`graven.studies.running`); of cracks, <set>-s<seed>
    <study>/speed.csv                    seconds per picture of the networks
    <study>/runs.csv tables.csv paintings.csv cracks.csv README.md
    <study>/figure2.png figure5.png figure6.png figure9.png curves.png <set>.png
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.errors import UsageError
from graven.studies.crack_sets import CRACK_SETS
from graven.studies.craquelure_contenders import (
    GOALS,
    LABELS,
    PUBLISHED_IOU,
    PUBLISHED_NETWORKS,
    contenders_of,
)
from graven.studies.craquelure_data import crack_data, leaky_data, painting_data
from graven.studies.craquelure_judge import judge_cracks, judge_paintings
from graven.studies.craquelure_protocol import crack_recipe, painting_recipe
from graven.studies.craquelure_report import FinishedRun, write_report
from graven.studies.craquelure_scores import TOLERANCE_PX
from graven.studies.craquelure_speed import measure_speed
from graven.studies.protocols import PACKAGES, keep_protocol, versions
from graven.studies.running import do_run, is_done, read_run
from graven.studies.sources import require_training

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.studies.crack_sets import CrackSet
    from graven.studies.craquelure_contenders import Contender
    from graven.studies.craquelure_data import StudyData
    from graven.studies.craquelure_protocol import CraquelureProtocol
    from graven.studies.craquelure_report import CraquelureResult
    from graven.studies.listener import Listener
    from graven.train.recipe import Recipe

__all__ = ["run_study"]

PAINTINGS = "paintings"


def run_study(
    folder: Path,
    *,
    protocol: CraquelureProtocol,
    parts: Sequence[str],
    n_seeds: int,
    crack_sets: Sequence[CrackSet] = (),
    source: Path | None = None,
    paper_split: bool = False,
    command: str,
    monitor: Listener,
) -> CraquelureResult:
    """Train what the parts ask for with every seed, and write tables, figures and the page of the study.

    Parameters
    ----------
    folder : Path
        Folder of the study. Finished runs in it are kept, also those of other parts; interrupted ones continue.
    protocol : CraquelureProtocol
        What is the same for all.
    parts : sequence of str
        Some of `graven.studies.craquelure_contenders.PARTS`.
    n_seeds : int, >= 1
        Seeds 1 to `n_seeds`.
    crack_sets : sequence of CrackSet
        Which sets the part ``cracks`` takes.
    source : Path, optional
        Folder of the crack sets; needed for that part.
    paper_split : bool
        Repeat the leak of the paper on paintings. Cracks are always split by photograph.
    command : str
        What was typed, for the page.
    monitor : Listener
        Hears progress.

    Returns
    -------
    CraquelureResult
        The verdict and a table.

    Raises
    ------
    UsageError
        If there are no seeds.
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
    contenders = contenders_of(tuple(parts))
    found = _found(folder)
    sets = [entry for entry in CRACK_SETS.values() if entry.key in found or entry in _asked(parts, crack_sets)]
    if sets and source is None:
        raise UsageError(f"runs on {sets[0].label} need --data with the folder of the crack sets")
    cracks = Path() if source is None else source
    data: dict[str, StudyData] = {}
    if contenders or PAINTINGS in found:
        grow = leaky_data if paper_split else painting_data
        data[PAINTINGS] = grow(folder / "data" / PAINTINGS, protocol, monitor=monitor)
    for entry in sets:
        data[entry.key] = crack_data(folder / "data" / entry.key, entry, cracks / entry.key, monitor=monitor)
    facts = _facts(protocol, data, n_seeds=n_seeds, paper_split=paper_split)
    keep_protocol(folder / "protocol.json", facts, fixed=("protocol", "data"))
    jobs = _painting_jobs(contenders, n_seeds, protocol)
    jobs += _crack_jobs(_asked(parts, crack_sets), n_seeds, protocol)
    lessons = {part: data[part].lessons() for part in dict.fromkeys(job.part for job in jobs)}
    n_done = 0
    for number, job in enumerate(jobs, start=1):
        monitor.say(f"run {number} of {len(jobs)}: {job.label}, seed {job.seed}")
        place = folder / "runs" / job.name
        known: dict[str, Any] = {"folder": place, "seed": job.seed, "data": data[job.part], "monitor": monitor}
        judge = (
            partial(judge_paintings, contender=job.contender, tile_px=protocol.tile_px, **known)
            if job.part == PAINTINGS
            else partial(judge_cracks, crack_set=CRACK_SETS[job.part], source=cracks / job.part, **known)
        )
        identity = {"contender": job.contender, "seed": job.seed}
        n_done += do_run(
            place, job.recipe, lessons[job.part], judge, label=job.label, identity=identity, monitor=monitor
        )
        monitor.event("run", contender=job.contender, seed=job.seed, number=number, of=len(jobs))
    if "networks" in parts:
        measure_speed(folder, protocol, monitor=monitor)
    return write_report(
        folder,
        [run for part in data for run in _finished(folder, part)],
        data,
        protocol,
        source=cracks,
        n_done=n_done,
        command=command,
        monitor=monitor,
    )


@dataclass(frozen=True, slots=True)
class _Job:
    """One run that was asked for."""

    part: str
    contender: str
    label: str
    seed: int
    recipe: Recipe

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.contender}-s{self.seed}"


def _painting_jobs(contenders: Sequence[Contender], n_seeds: int, protocol: CraquelureProtocol) -> list[_Job]:
    return [
        _Job(PAINTINGS, entry.key, LABELS[entry.key], seed, painting_recipe(protocol, entry, seed=seed))
        for seed in range(1, n_seeds + 1)
        for entry in contenders
    ]


def _crack_jobs(crack_sets: Sequence[CrackSet], n_seeds: int, protocol: CraquelureProtocol) -> list[_Job]:
    return [
        _Job(
            entry.key, entry.key, entry.label, seed, crack_recipe(protocol, entry.key, tile_px=entry.tile_px, seed=seed)
        )
        for seed in range(1, n_seeds + 1)
        for entry in crack_sets
    ]


def _asked(parts: Sequence[str], crack_sets: Sequence[CrackSet]) -> tuple[CrackSet, ...]:
    return tuple(crack_sets) if "cracks" in parts else ()


def _finished(folder: Path, part: str) -> list[FinishedRun]:
    """List the finished runs of a part, in the order of the tables and of the seeds."""
    keys = tuple(LABELS) if part == PAINTINGS else (part,)
    runs = []
    for key in keys:
        numbered = [(int(place.name.rpartition("-s")[2]), place) for place in (folder / "runs").glob(f"{key}-s[0-9]*")]
        runs += [FinishedRun(place, key, part, read_run(place)) for _, place in sorted(numbered) if is_done(place)]
    return runs


def _found(folder: Path) -> tuple[str, ...]:
    """Name the parts of which the folder holds finished runs."""
    return tuple(part for part in (PAINTINGS, *CRACK_SETS) if _finished(folder, part))


def _facts(
    protocol: CraquelureProtocol, data: Mapping[str, StudyData], *, n_seeds: int, paper_split: bool
) -> dict[str, Any]:
    """Gather everything that was held fixed; no path, no time."""
    return {
        "study": "craquelure",
        "protocol": {**asdict(protocol), "paper_split": paper_split},
        "seeds": list(range(1, n_seeds + 1)),
        "data": {key: found.facts() for key, found in data.items()},
        "judging": {
            "paintings": "most probable class, tiles side by side",
            "cracks": "threshold with the best F1 on the validation part",
            "weights": "best validation MIoU",
            "tolerance_px": TOLERANCE_PX,
        },
        "published": {"iou": PUBLISHED_IOU, "networks": PUBLISHED_NETWORKS, "goals": GOALS},
        "versions": versions((*PACKAGES, "timm", "segmentation-models-pytorch")),
    }
