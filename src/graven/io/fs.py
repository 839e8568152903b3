"""Safe writing: a file is the old one or the complete new one, whatever happens in between.

Every writer of graven goes through `atomic_path`. It hands out a path in a private temporary folder beside the target,
and when the writer is done it synchronises, verifies and renames.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from graven.errors import DiskFull, OutputError
from graven.io import seam
from graven.io.folders import COMPLETE_MARKER, PARTIAL_MARKER, OutputFolder
from graven.io.seam import FileOperations, free_bytes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

__all__ = [
    "COMPLETE_MARKER",
    "PARTIAL_MARKER",
    "FileOperations",
    "OutputFolder",
    "atomic_path",
    "free_bytes",
    "require_free_space",
    "sha256_file",
    "write_bytes_atomic",
    "write_text_atomic",
]


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike[str], *, verify: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """Hand out a temporary path of the same name, and make it the target when the block ends well.

    Parameters
    ----------
    target : path
        File to be written; its folder must exist. An existing file of that name stays until the new one is complete.
    verify : callable, optional
        ``verify(temporary)`` reopens what was written and raises if it is not what was meant.

    Yields
    ------
    pathlib.Path
        Path to write to: same file name, in a private folder ``.graven-<process>-<machine>-<random>.tmp`` beside it, so
        that side files of a writer stay in there as well.

    Raises
    ------
    DiskFull
        If no space, quota or permitted file size is left.
    OutputError
        If the file could not be written, did not verify, or the block wrote nothing.

    Notes
    -----
    Order: write, close (by the caller), fsync, verify, rename, fsync of the folder. On any error the temporary folder
    is removed and the target is unchanged. Left-overs of killed processes are removed by the next write beside them, on
    the same machine.
    """
    target = Path(target)
    folder: Path | None = None
    try:
        seam.remove_strays(target.parent)
        folder = seam.OPERATIONS.make_temporary_folder(target.parent)
        temporary = folder / target.name
        yield temporary
        if not temporary.is_file():
            raise OutputError(f"{target}: nothing was written; please report this as a defect")
        seam.OPERATIONS.fsync(temporary)
        if verify is not None:
            verify(temporary)
        seam.OPERATIONS.replace(temporary, target)
        seam.OPERATIONS.fsync(target.parent)
    except Exception as error:
        ours = seam.as_resource_error(error, target)
        if ours is error:
            raise
        raise ours from error
    finally:
        if folder is not None:
            seam.remove_quietly(folder)


def write_bytes_atomic(target: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    target : path
        File to be written.
    data : bytes
        Its content; read back and compared before the rename.

    Raises
    ------
    DiskFull, OutputError
        As in `atomic_path`.
    """

    def verify(temporary: Path) -> None:
        if temporary.read_bytes() != data:
            raise OutputError(f"{target}: the file does not read back as it was written; check the disk")

    with atomic_path(target, verify=verify) as temporary:
        seam.OPERATIONS.write_new(temporary, data)


def write_text_atomic(target: str | os.PathLike[str], text: str) -> None:
    """Write a text file whole or not at all, in UTF-8 with its line ends as they are.

    Parameters
    ----------
    target : path
        File to be written.
    text : str
        Its content.

    Raises
    ------
    DiskFull, OutputError
        As in `atomic_path`.
    """
    write_bytes_atomic(target, text.encode("utf-8"))


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Hash the content of a file.

    Parameters
    ----------
    path : path
        File to read.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def require_free_space(path: str | os.PathLike[str], needed_bytes: int, *, reserve_bytes: int = 1 << 30) -> None:
    """Refuse a job that would fill the disk, before it starts.

    Parameters
    ----------
    path : path
        Where the output will be.
    needed_bytes : int, >= 0
        Estimate of what will be written, temporary files included.
    reserve_bytes : int, >= 0
        What must stay free.

    Raises
    ------
    DiskFull
        If less than ``1.2 * needed_bytes + reserve_bytes`` is free.
    """
    required, free = needed_bytes * 6 // 5 + reserve_bytes, free_bytes(path)
    if free < required:
        raise DiskFull(
            f"{path}: about {required / 1e9:.1f} GB must be free before the start, {free / 1e9:.1f} GB are; "
            "free some space or choose another output folder"
        )
