"""Output folders that appear whole or not at all.

Work in progress lives in ``<out>.partial/`` with its ledger; completion renames it. A folder that is replaced is set
aside as ``.graven-<out>.old/`` between two renames; if the machine dies there, the next run puts it back.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from graven._version import __version__
from graven.errors import Interrupted, OutputError, UsageError
from graven.io import seam

if TYPE_CHECKING:
    from types import TracebackType

if sys.platform != "win32":
    import fcntl

__all__ = ["COMPLETE_MARKER", "PARTIAL_MARKER", "OutputFolder"]

COMPLETE_MARKER = "run.json"
"""File that a complete output folder of graven holds; without it a folder is never overwritten."""

PARTIAL_MARKER = ".graven-partial.json"
"""File that a folder of work in progress holds; removed on completion."""


class OutputFolder:
    """A folder that is written beside its final name and renamed when complete.

    Parameters
    ----------
    target : path
        Final name; its parent is created if missing.
    overwrite : bool
        Replace a complete output of graven, and discard interrupted work. Anything else of that name is left alone.
    resume : bool
        Continue interrupted work, which must be there.
    resumable : bool
        Whether what is written can be continued later. Where it cannot, an interruption leaves nothing behind.

    Attributes
    ----------
    target : pathlib.Path
        Final name.
    path : pathlib.Path
        Where to write: ``<out>.partial``.
    resumed : bool
        Whether interrupted work was found and is being continued.

    Raises
    ------
    UsageError
        If the name is taken or none, or there is nothing to resume, or another run is writing there.
    DiskFull, OutputError
        If the folder cannot be created or renamed.

    Notes
    -----
    As a context manager: leaving the block completes the folder; `Interrupted` and ``KeyboardInterrupt`` keep
    ``<out>.partial`` where it is `resumable`; any other error removes it, unless it was there before.

    Examples
    --------
    >>> import tempfile
    >>> from graven.io.fs import OutputFolder, write_text_atomic
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     with OutputFolder(Path(parent) / "out") as folder:
    ...         write_text_atomic(folder.path / "run.json", "{}")
    ...     sorted(entry.name for entry in Path(parent).rglob("*"))
    ['out', 'run.json']
    """

    def __init__(
        self,
        target: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        resume: bool = False,
        resumable: bool = False,
    ) -> None:
        self.target = _checked(Path(target).absolute())
        self._overwrite, self._resumable = overwrite, resumable or resume
        self.path = self.target.with_name(self.target.name + ".partial")
        self._aside = self.target.with_name(f".graven-{self.target.name}.old")
        self._lock: int | None = None
        try:
            self._recover()
            self._check_target(overwrite=overwrite)
            self.resumed = self._claim_partial(overwrite=overwrite, resume=resume)
        except OSError as error:
            self._unlock()
            raise seam.as_resource_error(error, self.path) from error
        except BaseException:
            self._unlock()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.complete()
        elif self.resumed or (self._resumable and isinstance(error, (Interrupted, KeyboardInterrupt))):
            self._unlock()
        else:
            self.discard()

    def complete(self) -> None:
        """Give the folder its final name.

        Raises
        ------
        UsageError
            If something else has appeared under the final name meanwhile; it is left alone and the work is kept.
        DiskFull, OutputError
            If a step fails; what stood under the final name before is then still there.
        """
        try:
            seam.OPERATIONS.fsync(self.path)
            self._check_again()
            if self.target.exists() and not any(self.target.iterdir()):
                self.target.rmdir()
            if self.target.exists():
                seam.OPERATIONS.replace(self.target, self._aside)
            try:
                seam.OPERATIONS.replace(self.path, self.target)
            except OSError:
                if self._aside.exists():
                    self._aside.replace(self.target)
                raise
            (self.target / PARTIAL_MARKER).unlink(missing_ok=True)
            seam.OPERATIONS.fsync(self.target.parent)
            if self._aside.exists():
                seam.remove_quietly(self._aside)
        except OSError as error:
            if not (self.resumed or self._resumable):
                seam.remove_quietly(self.path)
            raise seam.as_resource_error(error, self.target) from error
        finally:
            self._unlock()

    def discard(self) -> None:
        """Remove the work in progress; the final name stays as it was."""
        self._unlock()
        seam.remove_quietly(self.path)

    def _recover(self) -> None:
        """Finish what a machine that died between two renames left behind."""
        if not (self._aside / COMPLETE_MARKER).is_file():
            return
        if self.target.exists():
            seam.remove_quietly(self._aside)
        else:
            self._aside.replace(self.target)

    def _check_target(self, *, overwrite: bool) -> None:
        if self.target.is_symlink() or (self.target.exists() and not self.target.is_dir()):
            raise UsageError(f"{self.target} exists and is not a folder; choose another output name")
        if not self.target.exists() or not any(self.target.iterdir()):
            return
        if not (self.target / COMPLETE_MARKER).is_file():
            raise UsageError(
                f"{self.target} holds files but no {COMPLETE_MARKER} of graven, so it is left alone; "
                "choose another output name"
            )
        if not overwrite:
            raise UsageError(f"{self.target} exists; choose another output name or replace it with --overwrite")

    def _check_again(self) -> None:
        """Look at the final name once more: hours may have passed since the start."""
        try:
            self._check_target(overwrite=self._overwrite)
        except UsageError as error:
            raise UsageError(
                f"{self.target} appeared during the run and is left alone; the finished work is kept in {self.path}, "
                "give that folder a name of its own"
            ) from error

    def _claim_partial(self, *, overwrite: bool, resume: bool) -> bool:
        exists = self.path.exists()
        if exists and not (self.path / PARTIAL_MARKER).is_file():
            raise UsageError(f"{self.path} exists and is not work of graven; choose another output name")
        if resume and not exists:
            raise UsageError(f"{self.path} does not exist, so there is nothing to resume; run without --resume")
        if exists and not (resume or overwrite or self._resumable):
            raise UsageError(
                f"{self.path} holds unfinished work; choose another output name, or --overwrite discards it"
            )
        if exists and not (resume or overwrite):
            raise UsageError(f"{self.path} holds interrupted work; use --resume to continue or --overwrite to drop it")
        if exists:
            self._acquire()
            if resume:
                seam.remove_strays(self.path, even_of_living=True)
                return True
            self._unlock()
            seam.OPERATIONS.remove_tree(self.path)
        self.target.parent.mkdir(parents=True, exist_ok=True)
        seam.OPERATIONS.make_folder(self.path)
        try:
            note = json.dumps({"software": f"graven {__version__}", "state": "partial"}) + "\n"
            seam.OPERATIONS.write_new(self.path / PARTIAL_MARKER, note.encode())
            self._acquire()
        except OSError:
            seam.remove_quietly(self.path)
            raise
        return False

    def _acquire(self) -> None:
        """Hold a lock on the marker as long as this process lives."""
        if sys.platform == "win32":
            return
        descriptor = os.open(self.path / PARTIAL_MARKER, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise UsageError(f"{self.path} is being written by another run; choose another output name") from None
        except OSError as error:
            os.close(descriptor)
            raise OutputError(f"{self.path}: cannot be locked ({error.strerror}); choose a local disk") from error
        self._lock = descriptor

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _checked(target: Path) -> Path:
    """Refuse what cannot be renamed as a whole, and what the vector library would take for an archive."""
    if target.name in ("", ".."):
        raise UsageError(f"an output folder needs a name of its own, got {target}; choose another output name")
    if "!" in str(target):
        raise UsageError(f"{target}: vectors cannot be written below a folder with ! in its name; choose another one")
    return target
