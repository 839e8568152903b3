"""What ``graven evaluate`` compares: predictions found for each truth, and both read, one class at a time."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graven.api.account import source_of
from graven.errors import DataError, MismatchError
from graven.io.classmasks import read_class_mask, stated_classes
from graven.io.maskfolders import PITOTI_TRUTH, pitoti_files
from graven.io.masks import read_mask
from graven.types.labels import named_classes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from graven.types import ClassTable

__all__ = ["ClassPair", "EvaluatedFiles", "Pair", "classes_of", "find_files", "read_class_pair", "read_pair"]

SUFFIXES = (".tif", ".tiff", ".png")


@dataclass(frozen=True, slots=True)
class EvaluatedFiles:
    """The files of a prediction with its truth; `valid` is the mask of the panel, where the truth has one beside it."""

    name: str
    preds: Path
    target: Path
    valid: Path | None = None

    def sources(self) -> list[dict[str, str]]:
        """Name the files with their hashes."""
        roles = {"preds": self.preds, "target": self.target, "valid": self.valid}
        return [source_of(path) | {"role": role} for role, path in roles.items() if path is not None]


@dataclass(frozen=True, slots=True)
class Pair:
    """One class of a prediction with its truth; where truth is known, and where both are."""

    preds: NDArray[np.bool_]
    target: NDArray[np.bool_]
    target_valid: NDArray[np.bool_]
    valid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ClassPair:
    """Class numbers of a prediction and of its truth, 0 for the background, and where both are known."""

    preds: NDArray[np.uint8]
    target: NDArray[np.uint8]
    valid: NDArray[np.bool_]

    def of(self, class_id: int) -> Pair:
        """Take one class; all others are background."""
        return Pair(self.preds == class_id, self.target == class_id, self.valid, self.valid)


def find_files(preds: Path, target: Path, *, with_panels: bool) -> list[EvaluatedFiles]:
    """Find the prediction of each truth.

    Parameters
    ----------
    preds, target : Path
        Two files, or two folders.
    with_panels : bool
        Whether truths of 3D-Pitoti have the mask of their panel beside them.

    Returns
    -------
    list of EvaluatedFiles
        By name.

    Raises
    ------
    MismatchError
        If a prediction is missing or there are two.
    DataError
        If there is no truth.
    """
    if target.is_file():
        found = [preds] if preds.is_file() else sorted(preds.glob("*_mask.tif"))
        if len(found) != 1:
            raise MismatchError(f"the truth is one file, so one mask or one record is needed, {preds} has {len(found)}")
        name, valid = _panel(target) if with_panels else (target.stem, None)
        return [EvaluatedFiles(name, found[0], target, valid)]
    if not target.is_dir() or not preds.is_dir():
        raise MismatchError(f"expected two masks or two folders of masks, got {preds} and {target}")
    truths = sorted(path for path in target.iterdir() if path.suffix.lower() in SUFFIXES)
    if not truths:
        raise DataError(f"{target} holds no masks ({', '.join(SUFFIXES)})")
    panels = [path for path in truths if path.name.endswith(PITOTI_TRUTH)]
    if not with_panels or not panels:
        return [EvaluatedFiles(path.stem, _prediction(preds, path.stem), path) for path in truths]
    named = [(path, *_panel(path)) for path in panels]
    return [EvaluatedFiles(name, _prediction(preds, name), path, valid) for path, name, valid in named]


def _panel(truth: Path) -> tuple[str, Path | None]:
    """Name a panel of 3D-Pitoti and its valid mask; any other truth is named by its stem and has none."""
    return pitoti_files(truth) if truth.name.endswith(PITOTI_TRUTH) else (truth.stem, None)


def _prediction(folder: Path, stem: str) -> Path:
    for pattern in (f"{glob.escape(stem)}_mask.*", f"{glob.escape(stem)}.*"):
        found = sorted(path for path in folder.rglob(pattern) if path.suffix.lower() in SUFFIXES)
        if len(found) > 1:
            raise MismatchError(
                f"{folder} holds {len(found)} predictions for {stem!r}; keep one: {found[0]}, {found[1]} …"
            )
        if found:
            return found[0]
    raise MismatchError(f"{folder} holds no prediction for {stem!r}; expected {stem}_mask.tif or a file of that stem")


def classes_of(pairs: Sequence[EvaluatedFiles], names: Sequence[str]) -> ClassTable | None:
    """Find out which classes the masks tell apart.

    Parameters
    ----------
    pairs : sequence of EvaluatedFiles
        From `find_files`.
    names : sequence of str
        What the user says; empty where the files are to tell.

    Returns
    -------
    ClassTable or None
        None for masks of one class.
    """
    if names:
        return named_classes(tuple(names))
    stated = [stated_classes(path) for files in pairs for path in (files.target, files.preds)]
    return next((named_classes(tuple(found.values())) for found in stated if len(found) > 1), None)


def read_pair(files: EvaluatedFiles) -> Pair:
    """Read masks of one class."""
    preds, preds_valid = read_mask(files.preds)
    target, target_valid = read_mask(files.target)
    _check_sizes(files, preds, target)
    if files.valid is not None:
        target_valid &= read_mask(files.valid, size=target.shape)[0]
    return Pair(preds, target, target_valid, preds_valid & target_valid)


def read_class_pair(files: EvaluatedFiles, classes: ClassTable) -> ClassPair:
    """Read masks of several classes."""
    preds, preds_valid = read_class_mask(files.preds, classes=classes)
    target, target_valid = read_class_mask(files.target, classes=classes)
    _check_sizes(files, preds, target)
    return ClassPair(preds, target, preds_valid & target_valid)


def _check_sizes(files: EvaluatedFiles, preds: NDArray[Any], target: NDArray[Any]) -> None:
    if preds.shape != target.shape:
        raise MismatchError(
            f"{files.preds.name} has {preds.shape[0]} x {preds.shape[1]} px, "
            f"{files.target.name} has {target.shape[0]} x {target.shape[1]}; they must be of one image"
        )
