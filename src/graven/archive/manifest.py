"""The manifest of a batch: one line that says what was asked, then one line for everything that happened to an item.

Lines are JSON, appended and synchronised one by one, so a dead process loses nothing that it had told. A file of lines
was chosen over a database because it can be read with any editor and appended to on a network disk.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from graven.errors import DataError, MismatchError, OutputError, UsageError
from graven.io import seam

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

if sys.platform != "win32":
    import fcntl

__all__ = ["SCHEMA", "Entry", "Manifest", "read_head"]

SCHEMA = "graven-batch/1"

EVENTS = ("started", "lost", "done", "failed", "set aside")
"""What can happen to an item: given to a worker, the worker died, and the three ways in which it ends."""

JOINED = "joined"
"""Event of a worker that came, with what it computes with."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The last thing that happened to an item.

    Attributes
    ----------
    event : str
        One of ``started``, ``lost``, ``done``, ``failed`` and ``set aside``.
    facts : mapping
        What was written with it.
    """

    event: str
    facts: Mapping[str, Any]


class Manifest:
    """The record of a batch, open for appending.

    Parameters
    ----------
    path : Path
        File in an existing folder.
    head : mapping
        What was asked, JSON-ready. ``settings`` of a manifest that is continued must be the same.
    resume : bool
        Continue the manifest that is there. Without it there must be none, or one that may be replaced.
    discard : callable, optional
        Allows to replace a manifest that is there: told its head while it is locked, to remove what it names.

    Attributes
    ----------
    head : dict
        As it stands in the file; of a continued manifest what was asked first.
    last : dict of str to Entry
        By item, the last thing that happened to it.
    worker : dict or None
        Facts of the worker that joined last.

    Raises
    ------
    UsageError
        If another batch is writing it.
    MismatchError
        If it was begun with other settings; the message names them.
    DataError
        If the file is no manifest of a version that is read.
    DiskFull, OutputError
        If it cannot be written.

    Notes
    -----
    A last line that is torn, because its writer was killed, is dropped. Times are for people; order is that of lines.
    """

    def __init__(
        self,
        path: Path,
        head: Mapping[str, Any],
        *,
        resume: bool,
        discard: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.path = path
        self.last: dict[str, Entry] = {}
        self.worker: dict[str, Any] | None = None
        if resume and not path.is_file():
            raise UsageError(f"{path} does not exist, so there is nothing to resume; run without --resume")
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise seam.as_resource_error(error, path) from error
        try:
            self._lock()
            self.head = self._continue(head) if resume else self._begin(head, discard)
        except OSError as error:
            self.close()
            raise seam.as_resource_error(error, path) from error
        except BaseException:
            self.close()
            raise

    def add(self, event: str, item: str, **facts: Any) -> None:
        """Write what happened to an item, and wait until it is on the device.

        Parameters
        ----------
        event : str
            As in `Entry`.
        item : str
            Name of the item.
        **facts
            What else to tell, JSON-ready.

        Raises
        ------
        DiskFull, OutputError
            If the line cannot be written.
        """
        self._tell({"event": event, "item": item, **facts})

    def join(self, **facts: Any) -> None:
        """Write that a worker came, in the same way.

        Parameters
        ----------
        **facts
            Who it is and what it computes with, JSON-ready.

        Raises
        ------
        DiskFull, OutputError
            If the line cannot be written.
        """
        self._tell({"event": JOINED, **facts})

    def close(self) -> None:
        """Close the file; another run may continue it then."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tell(self, entry: dict[str, Any]) -> None:
        try:
            self._append(entry | {"time": datetime.now(UTC).isoformat(timespec="seconds")})
        except OSError as error:
            raise seam.as_resource_error(error, self.path) from error
        self._take(entry)

    def _append(self, entry: Mapping[str, Any]) -> None:
        view = memoryview(json.dumps(entry, allow_nan=False).encode() + b"\n")
        while view:
            view = view[os.write(self._descriptor, view) :]
        seam.OPERATIONS.fsync(self.path)

    def _take(self, entry: dict[str, Any] | None) -> bool:
        """Note what a line says; give whether it says anything."""
        facts = dict(entry or {})
        event, item = facts.pop("event", None), facts.pop("item", None)
        facts.pop("time", None)
        if event == JOINED:
            self.worker = facts
        elif event in EVENTS and isinstance(item, str):
            self.last[item] = Entry(event, facts)
        else:
            return False
        return True

    def _begin(self, head: Mapping[str, Any], discard: Callable[[Mapping[str, Any]], None] | None) -> dict[str, Any]:
        if b"\n" in self.path.read_bytes():
            if discard is None:
                raise UsageError(f"{self.path} exists; continue it with --resume, or replace it with --overwrite")
            discard(read_head(self.path))
        os.truncate(self._descriptor, 0)  # whoever was killed at the first line had not begun
        begun = {"schema": SCHEMA, **head}
        self._append(begun)
        seam.OPERATIONS.fsync(self.path.parent)
        return begun

    def _continue(self, head: Mapping[str, Any]) -> dict[str, Any]:
        content = self.path.read_bytes()
        kept = content[: content.rfind(b"\n") + 1]
        lines = kept.split(b"\n")[:-1]
        if not lines:
            raise UsageError(f"{self.path} was cut off before it began; run without --resume")
        if len(lines) > 1 and _parse(lines[-1]) is None:
            kept = kept[: -len(lines.pop()) - 1]
        begun = _head_of(lines[0], self.path)
        _compare(begun, head)
        for number, line in enumerate(lines[1:], start=2):
            if not self._take(_parse(line)):
                raise DataError(f"{self.path}: line {number} is damaged; restore the file, or start anew")
        os.truncate(self._descriptor, len(kept))
        return begun

    def _lock(self) -> None:
        """Hold the file as long as this process lives."""
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{self.path} is being written by another batch; wait for it") from None
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be locked ({error.strerror}); choose another disk") from error


def read_head(path: Path) -> dict[str, Any]:
    """Give the first line of a manifest.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        What was asked when the batch began.

    Raises
    ------
    DataError
        If the file is no manifest of a version that is read.
    """
    try:
        with path.open("rb") as stream:
            return _head_of(stream.readline(), path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _head_of(line: bytes, path: Path) -> dict[str, Any]:
    head = _parse(line)
    if head is None or not str(head.get("schema", "")).startswith("graven-batch/"):
        raise DataError(f"{path} is not the manifest of a batch; choose another output name")
    if head["schema"] != SCHEMA:
        raise DataError(f"{path} is of version {head['schema']}, this graven continues {SCHEMA}; start anew")
    return head


def _parse(line: bytes) -> dict[str, Any] | None:
    """Give the object of one line; None where the line is torn."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _compare(found: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse to continue what was begun otherwise."""
    before, now = found.get("settings", {}), asked.get("settings", {})
    different = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if different:
        told = "; ".join(f"{name} was {before.get(name)!r}, now {now.get(name)!r}" for name in different)
        raise MismatchError(f"the batch was begun otherwise ({told}); repeat the first command, or start anew")
