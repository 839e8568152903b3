"""Finished rows on disk, with a ledger: what makes a long prediction resumable.

A store is two files in a folder, usually ``<out>.partial/``::

    <name>.rows     raw bytes, (H, K, W): row after row, so that it only ever grows at its end
    <name>.ledger   one JSON line that says what the rows are, then one line per finished tile row

Rows are written and synchronised before the ledger names them. On opening, lines that are torn or do not agree with the
rows are dropped together with the rows they name, and work continues from there.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from graven.errors import DataError, DefectError, MismatchError
from graven.io import seam
from graven.types import Raster, Window

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

__all__ = ["RowStore"]

LAYOUT = 1


class RowStore:
    """A raster of bytes that grows row by row and survives interruption.

    Parameters
    ----------
    folder : Path
        Existing folder.
    height, width, n_bands : int
        Size of the complete raster.
    key : str
        Hash of everything that the rows depend on (input, model, settings). Stored rows with another key are refused.
    name : str
        Stem of the two files.
    resume : bool
        Continue stored rows. Without it the files must not exist.

    Raises
    ------
    MismatchError
        If stored rows belong to another input, model or setting.
    DataError
        If rows exist and `resume` is False, or the ledger is not one.
    DiskFull, OutputError
        If the files cannot be written.

    Notes
    -----
    Not for two processes at once.
    """

    def __init__(
        self, folder: Path, *, height: int, width: int, n_bands: int, key: str, name: str = "prob", resume: bool = False
    ) -> None:
        self.path, self._ledger_path = folder / f"{name}.rows", folder / f"{name}.ledger"
        self._shape = (height, n_bands, width)
        self._states: list[str] = []
        self._rows_done = 0
        head = {"layout": LAYOUT, "height": height, "width": width, "n_bands": n_bands, "key": key}
        exists = self._ledger_path.exists()
        if exists and not resume:
            raise DataError(f"{self._ledger_path.name} holds unfinished work; continue it with --resume or remove it")
        kept = self._check(self._ledger_path.read_bytes(), head) if exists else b""
        start = kept or json.dumps(head).encode() + b"\n"
        with ExitStack() as files:
            try:
                self._rows = files.enter_context(_open(self.path, self._rows_done * n_bands * width))
                self._ledger = files.enter_context(_open(self._ledger_path, len(kept)))
                if not kept:
                    _append(self._ledger, start)
                self._ledger_size = self._ledger.tell()
                seam.OPERATIONS.fsync(folder)
            except OSError as error:
                raise seam.as_resource_error(error, self.path) from error
            self._files = files.pop_all()

    @property
    def rows_done(self) -> int:
        """Rows that are safely stored."""
        return self._rows_done

    @property
    def states(self) -> tuple[str, ...]:
        """What was stored with each block of rows."""
        return tuple(self._states)

    @property
    def is_complete(self) -> bool:
        """Whether every row is stored."""
        return self._rows_done == self._shape[0]

    def write_rows(self, row: int, probs: NDArray[np.uint8], *, state: str) -> None:
        """Store the next rows durably.

        Parameters
        ----------
        row : int
            Must be `rows_done`: rows come in order and without gaps.
        probs : ndarray of shape (K, n, W), uint8
            The rows.
        state : str
            Printable text kept with them.

        Raises
        ------
        DiskFull, OutputError
            If they cannot be written; the store then still ends at `rows_done`.
        """
        height, n_bands, width = self._shape
        if row != self._rows_done or probs.shape[::2] != (n_bands, width) or row + probs.shape[1] > height:
            raise DefectError(
                f"rows must continue at {self._rows_done} with {n_bands} bands of {width} px, got {row}, {probs.shape}"
            )
        data = np.ascontiguousarray(probs.transpose(1, 0, 2)).tobytes()
        entry = {"row": row, "n_rows": probs.shape[1], "crc32": zlib.crc32(data), "state": state}
        try:
            self._rows.seek(row * n_bands * width)
            _append(self._rows, data)
            self._ledger.seek(self._ledger_size)
            self._ledger.truncate()
            _append(self._ledger, json.dumps(entry).encode() + b"\n")
            self._ledger_size = self._ledger.tell()
        except OSError as error:
            raise seam.as_resource_error(error, self.path) from error
        self._rows_done += probs.shape[1]
        self._states.append(state)

    def raster(self, **fields: Any) -> Raster:
        """Give the stored rows as a raster.

        Parameters
        ----------
        **fields
            Fields of `Raster` to set, such as ``georeference`` or ``read_valid``.

        Returns
        -------
        Raster
            (K, H, W) uint8, everywhere valid unless `fields` says otherwise.

        Raises
        ------
        DefectError
            If rows are missing.
        """
        if not self.is_complete:
            raise DefectError(f"{self.path.name} has {self._rows_done} of {self._shape[0]} rows; finish the work first")
        height, n_bands, width = self._shape
        settings: dict[str, Any] = {"read_valid": lambda window: np.ones((window.height, window.width), bool)}
        settings |= fields
        return Raster(
            height=height, width=width, n_bands=n_bands, dtype=np.dtype(np.uint8), read_pixels=self._read, **settings
        )

    def close(self) -> None:
        """Close both files; what was written stays."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, window: Window) -> NDArray[np.uint8]:
        rows, cols = window.slices()
        mapped = np.memmap(self.path, np.uint8, "r", shape=self._shape)
        return np.array(mapped[rows, :, cols].transpose(1, 0, 2))

    def _check(self, content: bytes, head: dict[str, Any]) -> bytes:
        """Count the rows that ledger and data agree on; give the ledger up to there."""
        lines = content.split(b"\n")[:-1]
        found = _parse(lines[0]) if lines else {}
        if not found:
            return b""
        if found.get("layout") != LAYOUT:
            raise DataError(
                f"{self._ledger_path.name} is not a ledger that this graven reads; start again without --resume"
            )
        different = sorted(name for name in head if found.get(name) != head[name])
        if different:
            raise MismatchError(
                f"the stored rows belong to another run ({', '.join(different)} differ); start again without --resume"
            )
        kept = lines[0] + b"\n"
        if not self.path.exists():
            return kept
        with self.path.open("rb") as rows:
            for line in lines[1:]:
                entry = _parse(line)
                if set(entry) != {"row", "n_rows", "crc32", "state"} or entry["row"] != self._rows_done:
                    break
                if zlib.crc32(rows.read(entry["n_rows"] * self._shape[1] * self._shape[2])) != entry["crc32"]:
                    break
                self._rows_done += entry["n_rows"]
                self._states.append(entry["state"])
                kept += line + b"\n"
        return kept


def _parse(line: bytes) -> dict[str, Any]:
    """Give the object of one line; empty where the line is torn."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _open(path: Path, size: int) -> FileIO:
    """Open for appending after the first `size` bytes; the rest is cut off."""
    file = path.open("r+b" if path.exists() else "x+b", buffering=0)
    file.truncate(size)
    file.seek(size)
    return file


def _append(file: FileIO, data: bytes) -> None:
    """Write all of it and wait until it is on the device."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    os.fsync(file.fileno())
