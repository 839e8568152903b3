"""Model bundles: a folder or zip that holds a network and all that is needed to run it correctly.

::

    <name>/
      model.onnx          what prediction runs: input "image" (N, C, H, W), 0 to 255; output "probability"
      model.json          the `ModelSpec`, with the hash of model.onnx
      MODEL_CARD.md       what it was trained on, how well it does, what it does badly
      weights.safetensors (optional) what training resumes from
      check_input.npy     (optional) a stored input ...
      check_output.npy    (optional) ... and what the network answered in float32

Nothing in a bundle is code. Files that could run code when opened (pickles, in whatever wrapping) are refused by name
and by content, ONNX data outside the file as well.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, InputError, UsageError
from graven.io import seam
from graven.io.bundle_files import OPTIONAL, REQUIRED, UNSAFE_SUFFIXES, npy_bytes, read_npy, refuse_unsafe, unpack
from graven.io.fs import sha256_file, write_bytes_atomic
from graven.io.model_json import spec_from_json, spec_to_json
from graven.io.onnx_check import check_onnx

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import ModelSpec

__all__ = [
    "Bundle",
    "list_bundles",
    "read_bundle",
    "read_check",
    "read_companion",
    "verify_bundle",
    "write_bundle",
]

BUNDLED = Path(__file__).resolve().parent.parent / "bundles"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model that can be run.

    Attributes
    ----------
    spec : ModelSpec
        What ``model.json`` says.
    path : Path
        The folder or zip that was read.
    model_path : Path
        ``model.onnx``; for a zip a copy in a temporary folder that lives as long as the process.
    card : str
        Text of ``MODEL_CARD.md``.
    """

    spec: ModelSpec
    path: Path
    model_path: Path
    card: str

    @property
    def companions(self) -> dict[str, str]:
        """Names of the other bundles that the method needs, by role."""
        return dict(self.spec.companions)


def list_bundles() -> tuple[str, ...]:
    """Give the names of the models that come with graven, sorted."""
    return tuple(sorted(entry.parent.name for entry in BUNDLED.glob("*/model.json")))


def read_bundle(name_or_path: str | Path) -> Bundle:
    """Read a bundle by its name or path.

    Parameters
    ----------
    name_or_path : str or Path
        The name of a bundled model (`list_bundles`), or a folder or zip. A bundled name wins over a folder of the same
        name in the working directory; write ``./name`` for the folder.

    Returns
    -------
    Bundle
        Description checked against the schema, and the hash of the network against the description.

    Raises
    ------
    UsageError
        If there is neither a bundled model nor a file of that name.
    UnsafeModel
        If it is a file that could run code when opened.
    DataError
        If a part is missing, damaged or contradicts another.
    """
    bundled = list_bundles()
    if isinstance(name_or_path, str) and name_or_path in bundled:
        return _read_folder(BUNDLED / name_or_path, BUNDLED / name_or_path)
    path = Path(name_or_path)
    if path.is_dir():
        return _read_folder(path, path)
    if not path.is_file():
        known = ", ".join(bundled) or "none"
        raise UsageError(f"there is no model {str(name_or_path)!r}; give a bundle's folder or zip, or one of: {known}")
    refuse_unsafe(path)
    if zipfile.is_zipfile(path):
        return _read_folder(unpack(path), path)
    raise DataError(f"{path.name} is not a model bundle; expected a folder or zip with {', '.join(REQUIRED)}")


def read_companion(bundle: Bundle, role: str) -> Bundle:
    """Read another network that a bundle's method needs.

    Parameters
    ----------
    bundle : Bundle
        The main model.
    role : str
        ``"gate"`` or ``"refine"``.

    Returns
    -------
    Bundle
        The folder of that name beside the bundle where there is one, else the bundled model of that name.

    Raises
    ------
    UsageError
        If the bundle names no companion of that role, or it is nowhere.
    """
    name = bundle.spec.companions.get(role)
    if name is None:
        known = ", ".join(sorted(bundle.spec.companions)) or "none"
        raise UsageError(f"the model {bundle.spec.name!r} has no companion {role!r}; it has: {known}")
    beside = bundle.path.parent / name
    return read_bundle(beside if beside.is_dir() else name)


def write_bundle(
    folder: Path,
    spec: ModelSpec,
    onnx_path: Path,
    card: str,
    *,
    check: tuple[NDArray[Any], NDArray[np.float32]] | None = None,
    weights_path: Path | None = None,
) -> Bundle:
    """Write a bundle and read it back.

    Parameters
    ----------
    folder : Path
        Made if needed. A bundle that is there already is replaced whole, and stays if anything fails; other files in
        its folder are kept.
    spec : ModelSpec
        Its ``sha256`` may be empty and is then filled in.
    onnx_path : Path
        The network, with input ``image`` and output ``probability``.
    card : str
        Text of the model card.
    check : pair of ndarrays, optional
        A batch of inputs (N, C, H, W), uint8 or float32, and the float32 answer of the network, for `read_check`.
    weights_path : Path, optional
        ``weights.safetensors`` to put beside.

    Returns
    -------
    Bundle
        As `read_bundle` gives it.

    Raises
    ------
    DataError
        If the network does not fit the description, or the given hash is another than that of the file.
    OutputError
        If a file cannot be written.
    """
    if not card.strip():
        raise InputError(f"the model {spec.name!r} needs a model card; say what it was trained on and how well it does")
    refuse_unsafe(onnx_path)
    content = onnx_path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if spec.sha256 not in ("", digest):
        raise DataError(
            f"the description of {spec.name!r} names another model.onnx (hash {spec.sha256[:12]}, found {digest[:12]})"
        )
    spec = replace(spec, sha256=digest)
    check_onnx(content, spec)
    text = spec_to_json(spec)
    parts = {"model.onnx": content, "MODEL_CARD.md": card.encode(), "model.json": text.encode()}
    parts |= {name: npy_bytes(array) for name, array in zip(OPTIONAL[1:], check or (), strict=False)}
    if weights_path is not None:
        parts["weights.safetensors"] = weights_path.read_bytes()
    _swap_in(folder, parts)
    return read_bundle(folder)


def _swap_in(folder: Path, parts: dict[str, bytes]) -> None:
    """Write a bundle beside its place, read it back, and only then exchange the folders."""
    place = folder.resolve()
    fresh: Path | None = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        seam.remove_strays(place.parent)
        fresh = seam.OPERATIONS.make_temporary_folder(place.parent)
        new, old = fresh / place.name, fresh / "old"
        if place.is_dir():
            shutil.copytree(place, new, symlinks=True, ignore=shutil.ignore_patterns(*REQUIRED, *OPTIONAL))
        else:
            new.mkdir()
        for name, data in parts.items():
            write_bytes_atomic(new / name, data)
        _read_folder(new, place)
        if place.is_dir():
            seam.OPERATIONS.replace(place, old)
        try:
            seam.OPERATIONS.replace(new, place)
        except OSError:
            if old.is_dir():
                old.replace(place)
            raise
        seam.OPERATIONS.fsync(place.parent)
    except OSError as error:
        raise seam.as_resource_error(error, place) from error
    finally:
        if fresh is not None:
            seam.remove_quietly(fresh)


def verify_bundle(bundle: Bundle) -> tuple[str, ...]:
    """Check that a bundle is whole, without running its network.

    Parameters
    ----------
    bundle : Bundle
        From `read_bundle`, which has checked schema and hash; both are checked again.

    Returns
    -------
    tuple of str
        One sentence per check that was passed.

    Raises
    ------
    DataError
        At the first check that fails.
    """
    spec = bundle.spec
    _check_hash(bundle.model_path, spec)
    return (
        f"model.json follows the schema; model.onnx has the hash {spec.sha256[:12]}",
        check_onnx(bundle.model_path.read_bytes(), spec),
    )


def read_check(bundle: Bundle) -> tuple[NDArray[Any], NDArray[np.float32]] | None:
    """Read the stored input of a bundle and what its network answered in float32.

    Parameters
    ----------
    bundle : Bundle
        From `read_bundle`.

    Returns
    -------
    pair of ndarrays, or None
        Inputs (N, C, H, W) and answers; None where the bundle stores none.

    Raises
    ------
    DataError
        If one of them is no plain array of numbers, or they are not equally many.
    """
    input_path, output_path = (bundle.model_path.with_name(name) for name in OPTIONAL[1:])
    if not (input_path.is_file() and output_path.is_file()):
        return None
    stored, expected = read_npy(input_path), read_npy(output_path)
    if stored.dtype not in (np.uint8, np.float32) or expected.dtype != np.float32 or len(stored) != len(expected):
        raise DataError(
            f"{input_path.name} and {output_path.name} must be as many of uint8 or float32 and of float32, got "
            f"{stored.shape} of {stored.dtype} and {expected.shape} of {expected.dtype}"
        )
    return stored, expected


def _read_folder(folder: Path, source: Path) -> Bundle:
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        for entry in sorted(folder.iterdir()):
            if entry.suffix.lower() in UNSAFE_SUFFIXES:
                refuse_unsafe(entry)
        raise DataError(f"{source.name} is not a model bundle: {', '.join(missing)} is missing")
    try:
        text, card = ((folder / name).read_text(encoding="utf-8") for name in ("model.json", "MODEL_CARD.md"))
    except UnicodeDecodeError as error:
        raise DataError(f"model.json and MODEL_CARD.md of {source.name} must be UTF-8: {error}") from error
    spec = spec_from_json(text, where=f"{source.name}/model.json")
    model_path = folder / "model.onnx"
    refuse_unsafe(model_path)
    _check_hash(model_path, spec)
    return Bundle(spec, source, model_path, card)


def _check_hash(model_path: Path, spec: ModelSpec) -> None:
    digest = sha256_file(model_path)
    if digest != spec.sha256:
        raise DataError(
            f"model.onnx of {spec.name!r} is not the file that model.json describes (hash {digest[:12]}, expected "
            f"{spec.sha256[:12]}); fetch the bundle again"
        )
