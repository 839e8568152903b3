"""The whole state of a run in one safetensors file, its structure as JSON in the metadata; no pickle.

::

    <run>/checkpoints/step_00000400.safetensors    the newest two are kept
    <run>/best.safetensors                         weights of the best validation

A file is written beside its name, read back and compared, then renamed, so that it is whole or not there. Its tensors
carry a hash: a damaged newest file is recognised, reported, and the one before it used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from graven.errors import DataError, InputError, OutputError
from graven.io.fs import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CHECKPOINT_SCHEMA",
    "load_checkpoint",
    "load_newest",
    "load_tensors",
    "save_checkpoint",
    "save_tensors",
    "tensor_hash",
]

CHECKPOINT_SCHEMA = 1
KEPT = 2


def tensor_hash(tensors: Mapping[str, Tensor]) -> str:
    """Hash names, types, shapes and bytes of tensors, in the order of their names.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        For instance ``net.state_dict()``.

    Returns
    -------
    str
        64 hexadecimal digits; equal for equal bits alone.

    Examples
    --------
    >>> tensor_hash({"a": torch.zeros(2)}) == tensor_hash({"a": -torch.zeros(2)})
    False
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save_tensors(path: Path, tensors: Mapping[str, Tensor], *, facts: Mapping[str, Any]) -> str:
    """Write tensors and JSON facts whole or not at all.

    Parameters
    ----------
    path : Path
        Target, ``.safetensors``.
    tensors : mapping of str to Tensor
        Copied to the CPU; may share memory.
    facts : mapping
        JSON-ready.

    Returns
    -------
    str
        The hash of the tensors.

    Raises
    ------
    OutputError, DiskFull
        If the file cannot be written or does not read back.
    """
    flat = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    digest = tensor_hash(flat)
    text = json.dumps({"schema": CHECKPOINT_SCHEMA, "tensors_sha256": digest, **facts}, allow_nan=True)

    def verify(temporary: Path) -> None:
        if load_tensors(temporary)[1]["tensors_sha256"] != digest:
            raise OutputError(f"{path}: the checkpoint does not read back as it was written; check the disk")

    with atomic_path(path, verify=verify) as temporary:
        save_file(flat, temporary, metadata={"graven": text})
    return digest


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote, and check its hash.

    Parameters
    ----------
    path : Path
        A safetensors file of graven.

    Returns
    -------
    tensors : dict of str to Tensor
        On the CPU.
    facts : dict
        With ``schema`` and ``tensors_sha256``.

    Raises
    ------
    DataError
        If the file is damaged, not from graven, of another schema, or its tensors are not those that were written.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if "graven" not in metadata:
                raise DataError(f"{path.name} is not a checkpoint of graven")
            facts = json.loads(metadata["graven"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path.name} is damaged: {error}") from error
    if facts.get("schema") != CHECKPOINT_SCHEMA:
        raise DataError(f"{path.name} has schema {facts.get('schema')!r}, this graven reads {CHECKPOINT_SCHEMA}")
    if tensor_hash(tensors) != facts["tensors_sha256"]:
        raise DataError(f"{path.name} is damaged: its tensors are not those that were written")
    return tensors, facts


def save_checkpoint(folder: Path, state: Mapping[str, Any], *, step: int) -> Path:
    """Write the state of a run and drop all but the newest two.

    Parameters
    ----------
    folder : Path
        Made if needed.
    state : mapping
        Nested dicts, lists and tuples of tensors, numbers, text and None.
    step : int, >= 0
        Updates done.

    Returns
    -------
    Path
        The new file.

    Raises
    ------
    InputError
        If the state holds something else.
    OutputError, DiskFull
        As `save_tensors`; older files stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    structure = _take_apart(state, "state", tensors)
    path = folder / f"step_{step:08d}.safetensors"
    save_tensors(path, tensors, facts={"step": step, "state": structure})
    for old in _files(folder)[:-KEPT]:
        old.unlink()
    return path


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read the state of a run.

    Parameters
    ----------
    path : Path
        A file of `save_checkpoint`.

    Returns
    -------
    dict
        The state as it was given; tuples come back as tuples.

    Raises
    ------
    DataError
        As `load_tensors`.
    """
    tensors, facts = load_tensors(path)
    try:
        state: dict[str, Any] = _put_together(facts["state"], tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path.name} is damaged: its structure misses {error}") from error
    return state


def load_newest(folder: Path, *, say: Callable[[str], None]) -> dict[str, Any]:
    """Read the newest sound checkpoint of a run.

    Parameters
    ----------
    folder : Path
        Folder of checkpoints.
    say : callable
        Told when a damaged file is passed over.

    Returns
    -------
    dict
        The state.

    Raises
    ------
    DataError
        If there is no checkpoint, or none that is sound. A run is never started anew instead.
    """
    files = _files(folder)
    if not files:
        raise DataError(f"{folder} holds no checkpoint to resume from; start without resume, or give another folder")
    for path in reversed(files):
        try:
            return load_checkpoint(path)
        except DataError as error:
            say(f"{error}; trying the checkpoint before it")
    raise DataError(f"none of the {len(files)} checkpoints in {folder} is sound; start the run again without resume")


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("step_*.safetensors"))


def _take_apart(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Replace tensors by their names and keep the kinds that JSON would lose."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):
        pairs = [[key, _take_apart(entry, f"{name}.{key}", tensors)] for key, entry in value.items()]
        if not all(isinstance(key, str | int) for key, _ in pairs):
            raise InputError(f"{name} has keys that are neither text nor whole numbers; a checkpoint cannot hold them")
        return {"map": pairs}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_take_apart(entry, f"{name}.{i}", tensors) for i, entry in enumerate(value)]}
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    raise InputError(f"{name} is a {type(value).__name__}; a checkpoint holds tensors, numbers, text, lists and maps")


def _put_together(node: Any, tensors: Mapping[str, Tensor]) -> Any:
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "map":
        return {key: _put_together(entry, tensors) for key, entry in content}
    if kind == "value":
        return content
    entries = [_put_together(entry, tensors) for entry in content]
    return entries if kind == "list" else tuple(entries)
