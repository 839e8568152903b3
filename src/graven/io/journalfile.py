"""A journal on disk: one line of JSON for everything that happened, appended and synchronised before it counts.

The first line says what the journal is of, every further one is an event. A line ends with a checksum of what stands
before it, as its last member ``crc32``. Lines are never changed. Only the last one can be torn, when the machine died
while it was written; whoever wrote it had not been told that it was safe, so it is dropped, with a notice.
"""

from __future__ import annotations

import json
import os
import re
import sys
import zlib
from typing import TYPE_CHECKING, Any, Self

from graven.errors import DataError, MismatchError, OutputError, UsageError
from graven.io import seam

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

if sys.platform != "win32":
    import fcntl

__all__ = ["SCHEMA", "JournalFile"]

SCHEMA = "graven-journal/1"

_SUM = re.compile(rb'(?s)(.*),"crc32":"([0-9a-f]{8})"\}')


class JournalFile:
    """A journal, open for appending by this process alone.

    Parameters
    ----------
    path : Path
        File in an existing folder.
    head : mapping
        What the journal is of, JSON-ready: size, hash of the image, settings. That of a journal that is continued must
        say the same.
    resume : bool
        Continue the journal that is there; a file without a whole first line is begun anew. Without it there must be no
        such file.

    Attributes
    ----------
    path : Path
        The file.
    notice : str or None
        One line for the person, where a torn line was dropped.

    Raises
    ------
    UsageError
        If the file exists and is not to be continued, is not there to be continued, or another process has it open.
    MismatchError
        If it is the journal of something else; the message names what differs.
    DataError
        If it is no journal of a version that is read.
    DiskFull, OutputError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with JournalFile(Path(folder) / "journal.jsonl", {"height": 20}, resume=False) as journal:
    ...         journal.add({"id": 1})
    ...     with JournalFile(Path(folder) / "journal.jsonl", {"height": 20}, resume=True) as journal:
    ...         list(journal.events())
    [{'id': 1}]
    """

    def __init__(self, path: Path, head: Mapping[str, Any], *, resume: bool) -> None:
        self.path = path
        self.notice: str | None = None
        self._broken = False
        _check_presence(path, resume=resume)
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise seam.as_resource_error(error, path) from error
        try:
            self._lock()
            if not (resume and self._continue(head)):
                self._append({"schema": SCHEMA, **head})
                seam.OPERATIONS.fsync(path.parent)
        except OSError as error:
            self.close()
            raise seam.as_resource_error(error, path) from error
        except BaseException:
            self.close()
            raise

    def add(self, event: Mapping[str, Any]) -> None:
        """Write an event, and wait until it is on the device.

        Parameters
        ----------
        event : mapping
            JSON-ready, without a member ``crc32``.

        Raises
        ------
        DiskFull, OutputError
            If it cannot be written. Nothing is written after that: open the journal again, which drops what is torn.
        """
        if self._broken:
            raise OutputError(f"{self.path}: an earlier line could not be written; open the journal again")
        try:
            self._append(event)
        except OSError as error:
            self._broken = True
            raise seam.as_resource_error(error, self.path) from error

    def events(self) -> Iterator[dict[str, Any]]:
        """Read the events from the first.

        Yields
        ------
        dict
            One event.

        Raises
        ------
        DataError
            At a line that is damaged; the message names it.
        """
        with self.path.open("rb") as stream:
            stream.readline()
            for number, line in enumerate(stream, start=2):
                event = _parse(line)
                if event is None:
                    raise DataError(f"{self.path}: line {number} is damaged; restore the file from a copy")
                yield event

    def close(self) -> None:
        """Close the file; another process may continue it then."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, event: Mapping[str, Any]) -> None:
        text = json.dumps(event, allow_nan=False, separators=(",", ":")).encode()[:-1]
        view = memoryview(text + b',"crc32":"%08x"}\n' % zlib.crc32(text))
        while view:
            view = view[os.write(self._descriptor, view) :]
        seam.OPERATIONS.fsync(self.path)

    def _continue(self, head: Mapping[str, Any]) -> bool:
        """Drop a torn last line and compare heads; give whether the first line was whole."""
        with self.path.open("rb") as stream:
            first = stream.readline()
            size = n_lines = 0
            last = b""
            stream.seek(0)
            for line in stream:
                size, last, n_lines = size + len(line), line, n_lines + 1
        if not first.endswith(b"\n") and _parse(first) is None:
            os.truncate(self._descriptor, 0)  # whoever died at the first line had not begun
            self.notice = f"{self.path.name} was cut off before it began; it is begun anew"
            return False
        _compare(_head_of(first, self.path), {"schema": SCHEMA, **head}, self.path)
        if _parse(last) is None:
            os.truncate(self._descriptor, size - len(last))
            self.notice = f"{self.path.name}: the last line, {n_lines}, was torn and is dropped; all before it is whole"
        elif not last.endswith(b"\n"):
            os.write(self._descriptor, b"\n")  # only the end of the line was missing
        seam.OPERATIONS.fsync(self.path)
        return True

    def _lock(self) -> None:
        """Hold the file as long as this process has it open."""
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{self.path} is open in another process; close it there first") from None
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be locked ({error.strerror}); choose another disk") from error


def _check_presence(path: Path, *, resume: bool) -> None:
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not a file; choose another name for the journal")
    if resume and not path.exists():
        raise UsageError(f"{path} does not exist, so there is no journal to continue; begin one")
    if not resume and path.exists():
        raise UsageError(f"{path} exists; continue it, or choose another name for the journal")


def _parse(line: bytes) -> dict[str, Any] | None:
    """Give what a line says; None where it is torn or damaged."""
    match = _SUM.fullmatch(line.removesuffix(b"\n"))
    if match is None or zlib.crc32(match[1]) != int(match[2], 16):
        return None
    try:
        event = json.loads(match[1] + b"}")
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _head_of(line: bytes, path: Path) -> dict[str, Any]:
    head = _parse(line)
    if head is None or not str(head.get("schema", "")).startswith("graven-journal/"):
        raise DataError(f"{path} is no journal of graven, or its first line is damaged; choose another name")
    if head["schema"] != SCHEMA:
        raise DataError(f"{path} is of version {head['schema']}, this graven continues {SCHEMA}; begin another journal")
    return head


def _compare(found: Mapping[str, Any], asked: Mapping[str, Any], path: Path) -> None:
    """Refuse to continue the journal of something else."""
    plain: dict[str, Any] = json.loads(json.dumps(asked))  # as it would stand in the file
    different = sorted(name for name in {*found, *plain} if found.get(name) != plain.get(name))
    if different:
        told = "; ".join(f"{name} was {found.get(name)!r}, now {plain.get(name)!r}" for name in different)
        raise MismatchError(f"{path.name} is the journal of something else ({told}); choose the one that belongs here")
