"""The one seam to the file system, and what its errors mean.

All steps with which graven changes the file system go through `OPERATIONS`, so that a test can make the k-th of them
fail. Libraries that write on their own (GDAL, SQLite) are judged afterwards: by their error, or by a full disk.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path

from graven.errors import DiskFull, GravenError, OutputError

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]  # the name stands for the module elsewhere

__all__ = [
    "MACHINE",
    "OPERATIONS",
    "FileOperations",
    "as_resource_error",
    "free_bytes",
    "remove_quietly",
    "remove_strays",
]

MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
"""Short name of this machine: on a shared disk the number of a process says nothing without it."""

_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_WORDS = re.compile(r"no space left|disk quota|file too large|free disk space|disk is full", re.IGNORECASE)
_FULL_BELOW_BYTES = 1 << 20
_TEMPORARY = re.compile(r"\.graven-(\d+)-([0-9a-f]{8})-[A-Za-z0-9_]+\.tmp")


class FileOperations:
    """The calls that change the file system; a test substitutes one that fails at a chosen step."""

    def make_temporary_folder(self, parent: Path) -> Path:
        """Create a private folder with a fresh name, marked with the number of this process and its machine."""
        return Path(tempfile.mkdtemp(prefix=f".graven-{os.getpid()}-{MACHINE}-", suffix=".tmp", dir=parent))

    def make_folder(self, path: Path) -> None:
        """Create one folder; it must not exist."""
        path.mkdir()

    def write_new(self, path: Path, data: bytes) -> None:
        """Write a file that must not exist yet; closing is part of the step."""
        with path.open("xb") as stream:
            stream.write(data)
            stream.flush()

    def fsync(self, path: Path) -> None:
        """Wait until the content of a file, or the entries of a folder, are on the device."""
        windows = sys.platform == "win32"
        if windows and path.is_dir():
            return  # Windows cannot open a folder; it writes entries through on its own
        descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)  # Windows flushes only what it may write to
        try:
            _flush(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Rename, replacing a file of that name in one step."""
        source.replace(target)

    def remove_tree(self, path: Path) -> None:
        """Remove a folder and what is in it."""
        shutil.rmtree(path)


def _flush(descriptor: int) -> None:
    """Flush to the medium; on macOS fsync stops at the cache of the drive, and not every disk knows F_FULLFSYNC."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, full)
            return
    os.fsync(descriptor)


OPERATIONS = FileOperations()


def free_bytes(path: str | os.PathLike[str]) -> int:
    """Tell how much an ordinary user can still write on the disk of a path.

    Parameters
    ----------
    path : path
        A file or folder; where it does not exist yet, its nearest existing parent counts.

    Returns
    -------
    int
        Bytes.
    """
    place = Path(path).absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def as_resource_error(error: Exception, target: Path) -> Exception:
    """Translate what a writer raised into an error of ours, where it was the disk's fault.

    Parameters
    ----------
    error : Exception
        What came.
    target : pathlib.Path
        What was being written; still in its unchanged state.

    Returns
    -------
    Exception
        `DiskFull`, `OutputError`, or `error` itself where it speaks of something else.

    Notes
    -----
    Raster and vector libraries report a full disk in their own words, or only as a file that does not verify; less than
    1 MiB of free space at that moment is then taken as the reason.
    """
    if isinstance(error, GravenError) and not isinstance(error, OutputError):
        return error
    number = error.errno if isinstance(error, OSError) else None
    chain: list[BaseException] = [error]
    while chain[-1].__cause__ is not None and len(chain) < 10:
        chain.append(chain[-1].__cause__)
    full = number in _FULL_ERRNOS or any(_FULL_WORDS.search(str(link)) for link in chain)
    if full or (number is None and _is_full(target)):
        return DiskFull(f"{target}: the disk is full, the file was not changed; free some space and run again")
    if isinstance(error, OSError):
        reason = error.strerror or " ".join(str(error).split())
        return OutputError(f"{target}: cannot be written ({reason}); check the folder and its permissions")
    return error


def _is_full(target: Path) -> bool:
    try:
        return free_bytes(target.parent) < _FULL_BELOW_BYTES
    except OSError:
        return False


def remove_strays(parent: Path, *, even_of_living: bool = False) -> None:
    """Remove temporary folders that killed processes of this machine left behind.

    Parameters
    ----------
    parent : pathlib.Path
        Folder to tidy.
    even_of_living : bool
        All of them, also those of other machines; only for a folder that is locked by this process.
    """
    for entry in parent.glob(".graven-*.tmp"):
        match = _TEMPORARY.fullmatch(entry.name)
        if not match or not entry.is_dir() or entry.is_symlink():
            continue
        if even_of_living or (match[2] == MACHINE and not _is_alive(int(match[1]))):
            remove_quietly(entry)


def remove_quietly(folder: Path) -> None:
    """Tidy up; a folder that cannot be removed must not hide the error that led here."""
    with contextlib.suppress(OSError):
        OPERATIONS.remove_tree(folder)


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # os.kill would end the process there; left-overs are then removed by hand
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
