"""The files of a model bundle: which there may be, what is refused, and how a zip is opened."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, UnsafeModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OPTIONAL", "REQUIRED", "UNSAFE_SUFFIXES", "npy_bytes", "read_npy", "refuse_unsafe", "unpack"]

REQUIRED = ("model.onnx", "model.json", "MODEL_CARD.md")
OPTIONAL = ("weights.safetensors", "check_input.npy", "check_output.npy")
UNSAFE_SUFFIXES = frozenset({".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".pt2", ".npz", ".joblib", ".bin", ".tar"})
MAX_BYTES = 4 << 30
MAX_RATIO = 100


def refuse_unsafe(path: Path) -> None:
    """Refuse what could run code when opened, by suffix and by content.

    Parameters
    ----------
    path : Path
        A file that is about to be read as a model.

    Raises
    ------
    UnsafeModel
        If the suffix is one of `UNSAFE_SUFFIXES`, or the content is a pickle, bare or in a zip.
    """
    with path.open("rb") as file:
        head = file.read(2)
    by_content = len(head) == 2 and head[0] == 0x80 and head[1] <= 5
    if not by_content and zipfile.is_zipfile(path):
        with _open_zip(path) as archive:
            by_content = any(name.lower().endswith((".pkl", ".pickle")) for name in archive.namelist())
    if by_content or path.suffix.lower() in UNSAFE_SUFFIXES:
        raise UnsafeModel(
            f"{path.name} can run code when it is opened and is refused; export it to ONNX and safetensors first, "
            "see docs/how-to/models"
        )


def unpack(path: Path) -> Path:
    """Copy the known members of a zip into a fresh temporary folder.

    Parameters
    ----------
    path : Path
        A zip of a bundle, its files at the top or in one folder.

    Returns
    -------
    Path
        A folder that is removed when the process ends.

    Raises
    ------
    DataError
        If a member is unknown, twice, a link, damaged, or unpacks to far more than the zip holds. Names never become
        paths: each member is written under one of the known names.
    """
    with _open_zip(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        folders = {info.filename.rpartition("/")[0] for info in members}
        names = [info.filename.rpartition("/")[2] for info in members]
        odd = sorted(
            info.filename for info, name in zip(members, names, strict=True) if name not in REQUIRED + OPTIONAL
        )
        if odd or len(folders) > 1 or any("/" in f or "\\" in f or f in (".", "..") for f in folders):
            shown = odd[0] if odd else ", ".join(sorted(folders))
            raise DataError(
                f"{path.name} holds {shown!r}; a bundle has only {', '.join(REQUIRED + OPTIONAL)} in one folder"
            )
        if len(set(names)) != len(names):
            raise DataError(f"{path.name} holds a file twice; pack the bundle again")
        unpacked = sum(info.file_size for info in members)
        if unpacked > min(MAX_BYTES, MAX_RATIO * max(1, path.stat().st_size)):
            raise DataError(f"{path.name} unpacks to {unpacked} bytes, far beyond its own size; it is refused")
        target = Path(tempfile.mkdtemp(prefix="graven-bundle-"))
        atexit.register(shutil.rmtree, target, ignore_errors=True)
        for info, name in zip(members, names, strict=True):
            if info.external_attr >> 16 & 0o170000 == 0o120000:
                raise DataError(f"{path.name} holds the link {info.filename!r}; pack the file itself")
            try:
                with archive.open(info) as source, (target / name).open("xb") as sink:
                    shutil.copyfileobj(source, sink)
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
                raise DataError(f"{path.name} is damaged at {info.filename!r}: {error}") from error
    return target


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise DataError(f"{path.name} is a damaged zip: {error}; fetch it again") from error


def npy_bytes(array: NDArray[Any]) -> bytes:
    """Give the content of a ``.npy`` file."""
    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def read_npy(path: Path) -> NDArray[Any]:
    """Read a plain ``.npy`` array; a pickled one raises `DataError`."""
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path.name} is not a plain array: {error}") from error
    return array
