"""Text that is written as it is made: drawings and tables of a large panel never lie in memory as a whole."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from graven.errors import OutputError
from graven.io.fs import atomic_path

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["plain_number", "write_text_stream"]

_CHUNK_BYTES = 1 << 20
_N_REMEMBERED = 1 << 17  # coordinates of pixel corners repeat; a panel has as many as it has rows and columns


def write_text_stream(
    target: str | os.PathLike[str], chunks: Iterable[str], *, check: Callable[[Path], None] | None = None
) -> None:
    """Write a text file whole or not at all, in UTF-8 with its line ends as they are.

    Parameters
    ----------
    target : path
        File to be written.
    chunks : iterable of str
        Its content, piece by piece; each is needed only until the next.
    check : callable, optional
        ``check(temporary)`` parses what was written and raises if it is not what was meant.

    Raises
    ------
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`; also if the file does not read back as it was written.
    """
    written = 0

    def verify(temporary: Path) -> None:
        found = 0
        with temporary.open("rb") as stream:
            while part := stream.read(_CHUNK_BYTES):
                found = zlib.crc32(part, found)
        if found != written:
            raise OutputError(f"{target}: the file does not read back as it was written; check the disk")
        if check is not None:
            check(temporary)

    with atomic_path(target, verify=verify) as temporary, temporary.open("xb") as stream:
        for chunk in chunks:
            data = chunk.encode("utf-8")
            written = zlib.crc32(data, written)
            stream.write(data)


def plain_number(decimals: int) -> Callable[[float], str]:
    """Give a function that writes numbers with at most so many digits after the point.

    Parameters
    ----------
    decimals : int, >= 0
        Digits; zeros at the end are left out.

    Returns
    -------
    callable
        ``write(value) -> str``, which remembers what it has written.

    Examples
    --------
    >>> write = plain_number(2)
    >>> write(1.5), write(-0.001), write(20.0)
    ('1.5', '0', '20')
    """

    @lru_cache(maxsize=_N_REMEMBERED)
    def write(value: float) -> str:
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text

    return write
