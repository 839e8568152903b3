"""``graven reproduce``: a paper's experiment on the data at hand, its table and figures beside the published values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.api.account import Clock, account, output_hashes
from graven.api.jobs import job_folder
from graven.api.monitor import SILENT, Monitor
from graven.errors import DataError, UsageError
from graven.methods.record import write_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graven.studies.begl_report import StudyResult
    from graven.studies.craquelure_report import CraquelureResult
    from graven.studies.refinement_report import RefinementResult

    Result = StudyResult | CraquelureResult | RefinementResult

__all__ = ["STUDIES", "Reproduced", "reproduce"]

STUDIES: dict[str, tuple[str, ...]] = {
    "begl": ("losses", "variants", "group_by"),
    "craquelure": ("parts", "sets", "paper_split"),
    "refinement": ("parts",),
}
"""Each study with the options that are its own."""


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What a study left.

    Attributes
    ----------
    path : Path
        Output folder: ``README.md`` is the page to begin with.
    study : str
        Name of the study.
    result : StudyResult, CraquelureResult or RefinementResult
        Verdict and table.
    """

    path: Path
    study: str
    result: Result

    def summary(self) -> str:
        """Say who wins, and where table and figures are."""
        runs = f"{self.result.n_done} runs trained, {self.result.n_found} found finished"
        if self.result.n_collapsed:
            runs += f", {self.result.n_collapsed} without a result"
        return "\n".join(
            [f"{self.path}: {runs}", *self.result.verdict, f"table and figures: {self.path / 'README.md'}"]
        )

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {
            "path": str(self.path),
            "study": self.study,
            "verdict": list(self.result.verdict),
            **self.result.scores(),
            "runs": {
                "trained": self.result.n_done,
                "found": self.result.n_found,
                "collapsed": self.result.n_collapsed,
            },
            "files": list(self.result.files),
        }


@dataclass(frozen=True, slots=True)
class _Plan:
    """A study with all names turned into objects: the settings for its record, and what does it in a folder."""

    settings: dict[str, Any]
    run: Callable[..., Result]


def reproduce(
    study: str,
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    protocol: str = "small",
    n_seeds: int = 3,
    epochs: int | None = None,
    losses: Sequence[str] | None = None,
    variants: Sequence[str] = (),
    group_by: str | None = None,
    parts: Sequence[str] | None = None,
    sets: Sequence[str] | None = None,
    paper_split: bool = False,
    resume: bool = False,
    monitor: Monitor = SILENT,
) -> Reproduced:
    r"""Train what a paper compares under one protocol, and write tables and figures beside the published values.

    Parameters
    ----------
    study : {"begl", "craquelure", "refinement"}
        Which experiment.
    data : str or Path, optional
        ``begl``: a folder that ``graven prepare`` has split, or one with ``images`` and ``masks``, which is split by
        photograph; default is procedural panels with their frozen test lists. ``craquelure``: the folder that holds the
        sets of photographed cracks; all else is procedural paintings. ``refinement``: the folder of the DIBCO pages of
        2009, 2010 and 2014; default is procedural bronzes.
    out : str or Path, optional
        Output folder; default is ``<study>-study`` here. Until all is done it is called ``<out>.partial``.
    protocol : {"small", "full"}
        Narrow networks for two cores, or the published size.
    n_seeds : int, >= 1
        Seeds of every run.
    epochs : int, optional
        Epochs of every run; default is the protocol's.
    losses : sequence of str, optional
        ``begl``: some of ``be focal dice bce begl``; default is all. One loss alone is a pilot run.
    variants : sequence of str
        ``begl``: further rows that are not the paper's, keys of `graven.studies.begl_protocol.VARIANTS`.
    group_by : str, optional
        ``begl``: regular expression that finds the photograph in a file name, for data that are split here; default is
        that every image is a photograph of its own.
    parts : sequence of str, optional
        ``craquelure``: some of ``losses lambda networks cracks``; default is all for which there are data.
        ``refinement``: some of ``inputs widths strokes objects operations keeping``, which is the default, and
        ``modalities``.
    sets : sequence of str, optional
        ``craquelure``: some of ``crackforest deepcrack_crops masonry224 uav75``; default is all.
    paper_split : bool
        ``craquelure``: repeat the leak of the paper on paintings; every table says so.
    resume : bool
        Keep finished runs and continue interrupted ones. A finished study can be given more seeds, variants or parts.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Reproduced
        Verdict, table, and where the files are.

    Raises
    ------
    UsageError
        If a name is unknown, an option belongs to another study, or the output exists and `resume` is False.
    DataError
        If the data are not as they must be.
    MismatchError
        If the output holds a study of another protocol or other data.
    Interrupted
        After Ctrl-C; the same command with `resume` continues.
    MissingExtra
        If PyTorch or Lightning is missing.
    """
    if study not in STUDIES:
        raise UsageError(f"reproduce knows {', '.join(STUDIES)}, got {study!r}")
    own: dict[str, Any] = {
        "losses": None if losses is None else tuple(losses),
        "variants": tuple(variants),
        "group_by": group_by,
        "parts": None if parts is None else tuple(parts),
        "sets": None if sets is None else tuple(sets),
        "paper_split": paper_split,
    }
    foreign = [name for name, value in own.items() if value not in (None, (), False) and name not in STUDIES[study]]
    if foreign:
        raise UsageError(f"--{foreign[0].replace('_', '-')} does not belong to the study {study}")
    own = {name: own[name] for name in STUDIES[study]}
    from graven.studies.labelled import digest_of
    from graven.studies.sources import require_training

    source = None if data is None else Path(data)
    plan = _PLANS[study](protocol, epochs, n_seeds, source, **own)
    require_training()
    clock = Clock()
    target = Path(out) if out is not None else Path(f"{study}-study")
    command = _command(study, source, protocol, n_seeds, epochs, own)
    with job_folder(target, command="reproduce", resume=resume) as output:
        result = plan.run(output.path, command=command, monitor=monitor)
        told = account(
            "reproduce",
            clock=clock,
            options={
                "study": study,
                "data": source,
                "out": target,
                "protocol": protocol,
                "n_seeds": n_seeds,
                "epochs": epochs,
                **own,
                "resume": resume,
            },
            inputs=[] if source is None else [{"name": source.resolve().name, "sha256": digest_of(source)}],
            settings=plan.settings,
            outputs=output_hashes(output.path, leave_out=("panels",)),
            study=study,
            typed=command,
            **result.scores(),
        )
        write_run(output.path, told)
    return Reproduced(target, study, result)


def _begl(
    protocol: str,
    epochs: int | None,
    n_seeds: int,
    source: Path | None,
    *,
    losses: tuple[str, ...] | None,
    variants: tuple[str, ...],
    group_by: str | None,
) -> _Plan:
    from graven.studies.begl import run_study
    from graven.studies.begl_protocol import choose_contenders, choose_protocol

    chosen = choose_protocol(protocol, epochs=epochs)
    contenders = choose_contenders(losses, variants)
    _check(n_seeds, source, "images and masks")
    if source is None and group_by is not None:
        raise UsageError("--group-by belongs to --data; procedural panels are groups of their own")

    def run(folder: Path, **told: Any) -> StudyResult:
        return run_study(
            folder,
            protocol=chosen,
            contenders=contenders,
            n_seeds=n_seeds,
            source=source,
            group_by=group_by,
            **told,
        )

    return _Plan(asdict(chosen), run)


def _craquelure(
    protocol: str,
    epochs: int | None,
    n_seeds: int,
    source: Path | None,
    *,
    parts: tuple[str, ...] | None,
    sets: tuple[str, ...] | None,
    paper_split: bool,
) -> _Plan:
    from graven.studies.crack_sets import choose_sets
    from graven.studies.craquelure import run_study
    from graven.studies.craquelure_contenders import choose_parts
    from graven.studies.craquelure_protocol import choose_protocol

    chosen = choose_protocol(protocol, epochs=epochs)
    asked = choose_parts(parts, has_cracks=source is not None)
    crack_sets = choose_sets(sets)
    _check(n_seeds, source, "the sets of cracks")
    if sets is not None and "cracks" not in asked:
        raise UsageError("--sets belongs to the part cracks; name it in --parts and give --data")

    def run(folder: Path, **told: Any) -> CraquelureResult:
        return run_study(
            folder,
            protocol=chosen,
            parts=asked,
            n_seeds=n_seeds,
            crack_sets=crack_sets,
            source=source,
            paper_split=paper_split,
            **told,
        )

    return _Plan(asdict(chosen), run)


def _refinement(
    protocol: str,
    epochs: int | None,
    n_seeds: int,
    source: Path | None,
    *,
    parts: tuple[str, ...] | None,
) -> _Plan:
    from graven.studies.refinement import run_study
    from graven.studies.refinement_contenders import choose_parts
    from graven.studies.refinement_protocol import choose_protocol

    chosen = choose_protocol(protocol, epochs=epochs)
    asked = choose_parts(parts)
    _check(n_seeds, source, "images and masks of pages, or prepared surfaces")

    def run(folder: Path, **told: Any) -> RefinementResult:
        return run_study(folder, protocol=chosen, parts=asked, n_seeds=n_seeds, source=source, **told)

    return _Plan(asdict(chosen), run)


_PLANS: dict[str, Callable[..., _Plan]] = {"begl": _begl, "craquelure": _craquelure, "refinement": _refinement}


def _check(n_seeds: int, source: Path | None, what: str) -> None:
    if n_seeds < 1:
        raise UsageError(f"--seeds must be at least 1, got {n_seeds}")
    if source is not None and not source.is_dir():
        raise DataError(f"expected a folder with {what}, got {source}, which is no folder")


def _command(
    study: str, source: Path | None, protocol: str, n_seeds: int, epochs: int | None, own: dict[str, Any]
) -> str:
    """Spell the command that repeats the study; of a folder only its name is told."""
    words = ["graven", "reproduce", study]
    words += [] if source is None else ["--data", source.resolve().name]
    words += [] if own.get("group_by") is None else ["--group-by", f"'{own['group_by']}'"]
    words += ["--protocol", protocol, "--seeds", str(n_seeds)]
    words += [] if epochs is None else ["--epochs", str(epochs)]
    for name in ("losses", "variants", "parts", "sets"):
        words += [f"--{name}", ",".join(own[name])] if own.get(name) else []
    words += ["--paper-split"] if own.get("paper_split") else []
    return " ".join(words)
