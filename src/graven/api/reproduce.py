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
    from collections.abc import Sequence

    from graven.studies.begl_report import StudyResult

__all__ = ["STUDIES", "Reproduced", "reproduce"]

STUDIES = ("begl",)


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What a study left.

    Attributes
    ----------
    path : Path
        Output folder: ``README.md`` is the page to begin with.
    study : str
        Name of the study.
    result : StudyResult
        Verdict and table.
    """

    path: Path
    study: str
    result: StudyResult

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
            "miou": self.result.miou,
            "runs": {
                "trained": self.result.n_done,
                "found": self.result.n_found,
                "collapsed": self.result.n_collapsed,
            },
            "files": list(self.result.files),
        }


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
    resume: bool = False,
    monitor: Monitor = SILENT,
) -> Reproduced:
    r"""Train the compared losses under one protocol, and write table and figures beside the published values.

    Parameters
    ----------
    study : {"begl"}
        Which experiment.
    data : str or Path, optional
        Folder that ``graven prepare`` has split, or one with ``images`` and ``masks``, which is split by photograph.
        Default is procedural panels with their frozen test lists.
    out : str or Path, optional
        Output folder; default is ``<study>-study`` here. Until all is done it is called ``<out>.partial``.
    protocol : {"small", "full"}
        Quarter width for two cores, or the published size.
    n_seeds : int, >= 1
        Seeds per loss.
    epochs : int, optional
        Epochs of every run; default is the protocol's.
    losses : sequence of str, optional
        Some of ``be focal dice bce begl``; default is all. One loss alone is a pilot run.
    variants : sequence of str
        Further rows that are not the paper's, keys of `graven.studies.begl_protocol.VARIANTS`.
    group_by : str, optional
        Regular expression that finds the photograph in a file name, for data that are split here; default is that every
        image is a photograph of its own.
    resume : bool
        Keep finished runs and continue interrupted ones. A finished study can be given more seeds or variants.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Reproduced
        Verdict, table, and where the files are.

    Raises
    ------
    UsageError
        If a name is unknown, or the output exists and `resume` is False.
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
    from graven.studies.begl import run_study
    from graven.studies.begl_protocol import choose_contenders, choose_protocol
    from graven.studies.labelled import digest_of
    from graven.studies.sources import require_training

    plan = choose_protocol(protocol, epochs=epochs)
    contenders = choose_contenders(None if losses is None else tuple(losses), tuple(variants))
    if n_seeds < 1:
        raise UsageError(f"--seeds must be at least 1, got {n_seeds}")
    source = None if data is None else Path(data)
    if source is not None and not source.is_dir():
        raise DataError(f"expected a folder with images and masks, got {source}, which is no folder")
    if source is None and group_by is not None:
        raise UsageError("--group-by belongs to --data; procedural panels are groups of their own")
    require_training()
    clock = Clock()
    target = Path(out) if out is not None else Path(f"{study}-study")
    command = _command(study, source, protocol, n_seeds, epochs, losses, variants, group_by)
    with job_folder(target, command="reproduce", resume=resume) as output:
        result = run_study(
            output.path,
            protocol=plan,
            contenders=contenders,
            n_seeds=n_seeds,
            source=source,
            group_by=group_by,
            command=command,
            monitor=monitor,
        )
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
                "losses": losses,
                "variants": variants,
                "group_by": group_by,
                "resume": resume,
            },
            inputs=[] if source is None else [{"name": source.resolve().name, "sha256": digest_of(source)}],
            settings=asdict(plan),
            outputs=output_hashes(output.path, leave_out=("panels",)),
            study=study,
            typed=command,
            miou=result.miou,
        )
        write_run(output.path, told)
    return Reproduced(target, study, result)


def _command(
    study: str,
    source: Path | None,
    protocol: str,
    n_seeds: int,
    epochs: int | None,
    losses: Sequence[str] | None,
    variants: Sequence[str],
    group_by: str | None,
) -> str:
    """Spell the command that repeats the study; of a folder only its name is told."""
    words = ["graven", "reproduce", study]
    words += [] if source is None else ["--data", source.resolve().name]
    words += [] if group_by is None else ["--group-by", f"'{group_by}'"]
    words += ["--protocol", protocol, "--seeds", str(n_seeds)]
    words += [] if epochs is None else ["--epochs", str(epochs)]
    words += [] if losses is None else ["--losses", ",".join(losses)]
    words += ["--variants", ",".join(variants)] if variants else []
    return " ".join(words)
