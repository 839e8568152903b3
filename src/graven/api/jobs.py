"""Output folders of long jobs: what they hold is worth hours, so nothing but the user throws it away."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from graven._version import __version__
from graven.errors import GravenError, Interrupted, OutputError, UsageError
from graven.io.folders import COMPLETE_MARKER, PARTIAL_MARKER, OutputFolder
from graven.io.fs import write_text_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["job_folder"]

JOB = "job.json"
HASHED_BYTES = 1 << 20


@contextmanager
def job_folder(target: Path, *, command: str, resume: bool) -> Iterator[OutputFolder]:
    """Open the folder of a long job; work lives in ``<target>.partial`` and is renamed when the block ends well.

    Parameters
    ----------
    target : Path
        Final name.
    command : str
        Verb, kept in ``job.json``, so that one verb does not continue the work of another.
    resume : bool
        Continue interrupted work, or take up a finished job again, to train longer or to add to it.

    Yields
    ------
    OutputFolder
        With ``resumed`` as it was found.

    Raises
    ------
    UsageError
        If the name is taken, there is nothing to resume, or the work there is of another verb.
    Interrupted
        After Ctrl-C. Then, and after any error once work has begun, the folder is kept for a resume.
    """
    finished = _take_up(target, command) if resume else None
    try:
        output = OutputFolder(target, resume=resume, resumable=True)
        if resume:
            _check(output.path / JOB, command)
        else:
            write_text_atomic(output.path / JOB, json.dumps({"command": command, "graven": __version__}) + "\n")
        with output:
            try:
                yield output
            except KeyboardInterrupt:
                raise Interrupted(f"interrupted; {output.path} is kept, continue with --resume") from None
            except (GravenError, MemoryError, OSError):
                output.resumed |= _has_work(output.path)  # an OutputFolder removes the work of a run that failed anew
                raise
    except Interrupted:
        raise
    except Exception:
        if finished is not None:
            _put_back(target, finished)
        raise
    (target / JOB).unlink(missing_ok=True)


def _take_up(target: Path, command: str) -> dict[str, str] | None:
    """Turn a finished job back into work in progress, and give its content; None where there is no finished job."""
    partial = target.with_name(target.name + ".partial")
    if partial.exists() or not (target / COMPLETE_MARKER).is_file():
        return None
    try:
        found = json.loads((target / COMPLETE_MARKER).read_text(encoding="utf-8")).get("command")
        if found != command:
            raise UsageError(f"{target} was written by graven {found}, not by {command}; choose another output name")
        write_text_atomic(target / JOB, json.dumps({"command": command, "graven": __version__}) + "\n")
        write_text_atomic(target / PARTIAL_MARKER, json.dumps({"software": f"graven {__version__}"}) + "\n")
        target.rename(partial)
        return _content(partial)
    except (OSError, ValueError, AttributeError) as error:
        if isinstance(error, UsageError):
            raise
        raise OutputError(f"{target} cannot be taken up again ({error}); choose another output name") from error


def _put_back(target: Path, finished: dict[str, str]) -> None:
    """Give a finished job its name again when the attempt to go on with it failed before it changed anything."""
    partial = target.with_name(target.name + ".partial")
    if target.exists() or not partial.is_dir() or _content(partial) != finished:
        return
    partial.rename(target)
    for name in (JOB, PARTIAL_MARKER):
        (target / name).unlink(missing_ok=True)


def _content(folder: Path) -> dict[str, str]:
    """Describe the files of a job: small ones by hash, large ones by size and time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            facts = path.stat()
            small = facts.st_size <= HASHED_BYTES
            text = hashlib.sha256(path.read_bytes()).hexdigest() if small else f"{facts.st_size} {facts.st_mtime_ns}"
            found[path.relative_to(folder).as_posix()] = text
    return found


def _check(path: Path, command: str) -> None:
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get("command")
    except (OSError, ValueError, AttributeError):
        found = "another verb"
    if found != command:
        raise UsageError(f"{path.parent} is work of graven {found}, not of {command}; choose another output name")


def _has_work(folder: Path) -> bool:
    """Whether there is something that took long: weights or prepared panels."""
    return any(folder.rglob("*.safetensors")) or any(folder.rglob("*.npy"))
