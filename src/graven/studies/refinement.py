"""The experiments of the refinement paper: inputs, strokes, operations, and the effort of work on whole objects.

A folder of the study, which can be interrupted at any time, continued, and given further parts and seeds::

    <study>/protocol.json               all that was held fixed, with hashes and versions
    <study>/data/                       panels
    <study>/runs/initial-s<seed>/       the first network (`graven.studies.refinement_networks`)
    <study>/runs/<refiner>-s<seed>/     networks that refine it, and the work done with them
    <study>/runs/sees-<layers>-s<seed>/ first networks on other layers (`graven.studies.refinement_modalities`)
    <study>/runs.csv tables.csv patches.csv objects.csv README.md
    <study>/figure5.png figure5-objects.png figure6.png workload.png maps.png strokes.png operations.png keeping.png
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from graven.errors import UsageError
from graven.studies.protocols import PACKAGES, keep_protocol, versions
from graven.studies.refinement_contenders import (
    EARLY_PFM,
    GOALS,
    MODALITIES,
    MODALITY_PART,
    OUR_KEEPING,
    PUBLISHED_OPERATIONS,
    PUBLISHED_PATCHES,
    PUBLISHED_PEAKS,
    PUBLISHED_WORKLOAD,
    refiners_of,
    trials_of,
)
from graven.studies.refinement_data import PAGES, bronze_data, is_prepared, page_data, surface_data, test_bronzes
from graven.studies.refinement_modalities import modality_data, train_modality
from graven.studies.refinement_networks import INITIAL, Bench
from graven.studies.refinement_objects import work_on_objects
from graven.studies.refinement_report import write_report
from graven.studies.sources import require_training

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from graven.studies.crack_sets import CrackSet
    from graven.studies.listener import Listener
    from graven.studies.refinement_contenders import Refiner, Trial
    from graven.studies.refinement_data import RefinementData
    from graven.studies.refinement_protocol import RefinementProtocol
    from graven.studies.refinement_report import RefinementResult

__all__ = ["run_study"]


def run_study(
    folder: Path,
    *,
    protocol: RefinementProtocol,
    parts: Sequence[str],
    n_seeds: int,
    source: Path | None = None,
    pages: CrackSet = PAGES,
    command: str,
    monitor: Listener,
) -> RefinementResult:
    """Train what the parts ask for with every seed, let persons work, and write tables, figures and the page.

    Parameters
    ----------
    folder : Path
        Folder of the study. Finished runs in it are kept, also those of other parts; interrupted ones continue.
    protocol : RefinementProtocol
        What is the same for all.
    parts : sequence of str
        Some of `graven.studies.refinement_contenders.PARTS`, and ``modalities``.
    n_seeds : int, >= 1
        Seeds 1 to `n_seeds` of the networks.
    source : Path, optional
        Folder of the pages, or of surfaces that ``graven prepare --as mirrors`` has left; without it the study is on
        procedural bronzes.
    pages : CrackSet
        Which pages are on which side.
    command : str
        What was typed, for the page.
    monitor : Listener
        Hears progress.

    Returns
    -------
    RefinementResult
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
    if MODALITY_PART in parts and source is not None:
        raise UsageError(f"the part {MODALITY_PART} photographs procedural bronzes under lights; leave --data out")
    if source is None:
        data = bronze_data(folder / "data", protocol, monitor=monitor)
    elif is_prepared(source):
        data = surface_data(folder / "data", source, monitor=monitor)
    else:
        data = page_data(folder / "data", source, pages=pages, monitor=monitor)
    keep_protocol(folder / "protocol.json", _facts(protocol, data, n_seeds=n_seeds), fixed=("protocol", "data"))
    refiners, trials = refiners_of(tuple(parts)), trials_of(tuple(parts))
    n_done = 0
    if MODALITY_PART in parts:
        n_done += _compare_modalities(folder, protocol, n_seeds=n_seeds, monitor=monitor)
    lessons = data.lessons()
    for seed in range(1, n_seeds + 1) if refiners else ():
        bench = Bench(folder, seed, protocol, data, lessons, monitor)
        n_done += _train(bench, refiners, of=n_seeds)
        for refiner in refiners if seed <= protocol.work_seeds else ():
            if bench.has(refiner.key):
                _work(bench, refiner, [trial for trial in trials if trial.refiner == refiner.key])
    return write_report(folder, data, protocol, n_done=n_done, command=command, monitor=monitor)


def _compare_modalities(folder: Path, protocol: RefinementProtocol, *, n_seeds: int, monitor: Listener) -> int:
    """Train the first network on every combination of layers; give the number of runs that had to be done."""
    data = modality_data(folder / "data" / MODALITY_PART, protocol, test_bronzes(protocol), monitor=monitor)
    n_done, n = 0, n_seeds * len(MODALITIES)
    for seed in range(1, n_seeds + 1):
        for number, modality in enumerate(MODALITIES.values(), start=(seed - 1) * len(MODALITIES) + 1):
            monitor.say(f"run {number} of {n}: first network that sees {modality.label.lower()}, seed {seed}")
            n_done += train_modality(folder, modality, seed=seed, data=data, protocol=protocol, monitor=monitor)
            monitor.event("run", contender=modality.key, seed=seed, number=number, of=n)
    return n_done


def _train(bench: Bench, refiners: Sequence[Refiner], *, of: int) -> int:
    """Train the networks of one seed; without a first network there is nothing to refine."""
    total = 1 + len(refiners)
    before, monitor = (bench.seed - 1) * total, bench.monitor
    monitor.say(f"run {before + 1} of {of * total}: first network, seed {bench.seed}")
    n_done = int(bench.train_first())
    monitor.event("run", contender=INITIAL, seed=bench.seed, number=before + 1, of=of * total)
    if not bench.has(INITIAL):
        monitor.say(f"seed {bench.seed} has no first network, so nothing refines it")
        return n_done
    for number, refiner in enumerate(refiners, start=before + 2):
        monitor.say(f"run {number} of {of * total}: {refiner.label}, seed {bench.seed}")
        n_done += bench.train_refiner(refiner)
        monitor.event("run", contender=refiner.key, seed=bench.seed, number=number, of=of * total)
    return n_done


def _work(bench: Bench, refiner: Refiner, trials: Sequence[Trial]) -> None:
    work_on_objects(
        bench.place(refiner.key),
        trials,
        lambda: (bench.first(refiner.start), bench.refiner(refiner)),
        seed=bench.seed,
        data=bench.data,
        protocol=bench.protocol,
        monitor=bench.monitor,
    )


def _facts(protocol: RefinementProtocol, data: RefinementData, *, n_seeds: int) -> dict[str, Any]:
    """Gather everything that was held fixed; no path, no time."""
    return {
        "study": "refinement",
        "protocol": asdict(protocol),
        "seeds": list(range(1, n_seeds + 1)),
        "data": {data.kind: data.facts()},
        "judging": {
            "threshold": 0.5,
            "weights": {INITIAL: "best validation pFM", "refiners": "best validation gain over the strokes alone"},
            "early_pfm": EARLY_PFM,
            "our_keeping": OUR_KEEPING,
        },
        "published": {
            "patches": PUBLISHED_PATCHES,
            "peaks": PUBLISHED_PEAKS,
            "workload": PUBLISHED_WORKLOAD,
            "operations": PUBLISHED_OPERATIONS,
            "goals": GOALS[data.kind],
        },
        "versions": versions((*PACKAGES, "scikit-image", "segmentation-models-pytorch")),
    }
