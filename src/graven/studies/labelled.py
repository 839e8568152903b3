"""Folders of labelled images, split so that nothing leaks.

All pixels of a group (panel, site, photograph) stay on one side.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graven.errors import DataError
from graven.prepare.splits import SIDES, group_of, split_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from graven.prepare.splits import Side
    from graven.types import ClassTable
    from graven.types.dataset import LabelledImage

__all__ = ["digest_of", "prepared_classes", "prepared_sides", "prepared_unlabelled", "split_pairs"]

CLASSES = "classes.json"


def prepared_sides(folder: Path) -> tuple[dict[Side, list[LabelledImage]], bool]:
    """Read a folder as ``graven prepare`` leaves it: ``train``, ``val`` and ``test``, each with image and mask pairs.

    Parameters
    ----------
    folder : Path
        Its ``patches.csv`` or ``surfaces.csv``, where there is one, says which panel an image belongs to; otherwise
        every image counts as a panel of its own. A folder ``valid`` beside the masks limits where truth is known. Where
        there is a ``classes.json``, truth is the number of a class.

    Returns
    -------
    sides : dict of {"train", "val", "test"} to list of LabelledImage
        Sides without images are left out.
    leaky : bool
        Whether patches were split at random, so that scores will be too good.

    Raises
    ------
    DataError
        If there is no ``train`` folder, files have no partner, or a panel stands on two sides.
    """
    if not (folder / "train").is_dir():
        raise DataError(
            f"{folder} must hold the folders train and val with images and masks; "
            f"make them with: graven prepare {folder}"
        )
    groups = _patch_groups(folder / "patches.csv") | _patch_groups(folder / "surfaces.csv")
    classes = prepared_classes(folder)
    leaky = _is_leaky(folder / "run.json")
    sides: dict[Side, list[LabelledImage]] = {}
    seen: dict[str, Side] = {}
    for side in SIDES:
        if not (folder / side / "images").is_dir() or not any((folder / side / "images").iterdir()):
            continue
        items = []
        for item in _pairs_with_valid(folder / side, classes):
            group = item.name if leaky else groups.get(item.name, item.group)
            if seen.setdefault(group, side) != side:
                raise DataError(
                    f"the panel {group!r} is in {seen[group]} and {side}; split by panel with graven prepare"
                )
            items.append(replace(item, group=group))
        sides[side] = items
    return sides, leaky


def prepared_unlabelled(folder: Path, sides: Mapping[Side, Sequence[LabelledImage]]) -> list[LabelledImage]:
    """Read the images without truth of a prepared folder.

    Parameters
    ----------
    folder : Path
        As in `prepared_sides`; they lie in its ``unlabelled``.
    sides : mapping of {"train", "val", "test"} to sequence of LabelledImage
        Those with truth.

    Returns
    -------
    list of LabelledImage
        With no foreground.

    Raises
    ------
    DataError
        If there is no such folder, or an image belongs to a panel that is held out.
    """
    from graven.io.maskfolders import list_images

    if not (folder / "unlabelled").is_dir():
        raise DataError(
            f"{folder} has no folder unlabelled, from which cross pseudo supervision learns; put images there, or "
            "leave cps out of the recipe"
        )
    groups = _patch_groups(folder / "patches.csv") | _patch_groups(folder / "surfaces.csv")
    items = [replace(item, group=groups.get(item.name, item.group)) for item in list_images(folder / "unlabelled")]
    held_out = {item.group: side for side in ("val", "test") for item in sides.get(side, ())}
    for item in items:
        if item.group in held_out:
            raise DataError(f"{item.name} in unlabelled belongs to the panel {item.group!r} in {held_out[item.group]}")
    return items


def prepared_classes(folder: Path) -> ClassTable | None:
    """Read which classes the masks of a prepared folder hold.

    Parameters
    ----------
    folder : Path
        As in `prepared_sides`.

    Returns
    -------
    ClassTable or None
        None where masks are of one class.

    Raises
    ------
    DataError
        If ``classes.json`` is not what ``graven prepare`` writes.
    """
    from graven.io.classmasks import read_class_table

    path = folder / CLASSES
    return read_class_table(path) if path.is_file() else None


def split_pairs(
    folder: Path, *, group_by: str | None = None, val_share: float, test_share: float, seed: int = 0
) -> dict[Side, list[LabelledImage]]:
    r"""Split a folder of image and mask pairs by photograph.

    Parameters
    ----------
    folder : Path
        Holds ``images`` and ``masks`` with equal stems, and ``valid`` where truth is not known everywhere.
    group_by : str, optional
        Regular expression matched at the start of each stem; its first group (or the whole match) names the photograph
        or site. By default every image is a group of its own.
    val_share, test_share : float, 0 to 1
        Shares of the images that are held out.
    seed : int
        The same seed and files give the same split.

    Returns
    -------
    dict of {"train", "val", "test"} to list of LabelledImage
        No group is on two sides.

    Raises
    ------
    DataError
        If files have no partner or the groups are too few.
    UsageError
        If `group_by` is no regular expression, or a stem does not match it.
    """
    items = _pairs_with_valid(folder)
    if group_by is not None:
        items = [replace(item, group=group_of(item.name, group_by)) for item in items]
    assigned = split_groups([item.group for item in items], val_share=val_share, test_share=test_share, seed=seed)
    return {side: [item for item in items if assigned[item.group] == side] for side in SIDES}


def digest_of(folder: Path) -> str:
    """Hash names and content of all images and tables below a folder, so that an edited mask is noticed.

    Parameters
    ----------
    folder : Path
        A data set.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    from graven.io.fs import sha256_file
    from graven.io.maskfolders import IMAGE_SUFFIXES

    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in {*IMAGE_SUFFIXES, ".csv"} and path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\0{sha256_file(path)}\0".encode())
    return digest.hexdigest()


def _pairs_with_valid(folder: Path, classes: ClassTable | None = None) -> list[LabelledImage]:
    from graven.io.maskfolders import list_mask_folders, read_binary_mask

    def reader(path: Path) -> Callable[[tuple[int, int]], NDArray[np.bool_]]:
        return lambda size: read_binary_mask(path, size=size)

    items = list_mask_folders(folder, classes=classes)
    valid_folder = folder / "valid"
    if not valid_folder.is_dir():
        return items
    found = {path.stem: path for path in valid_folder.iterdir() if path.is_file()}
    missing = [item.name for item in items if item.name not in found]
    if missing:
        raise DataError(
            f"{valid_folder} has no mask for {missing[0]!r}; give one for every image, or remove the folder"
        )
    return [replace(item, read_valid=reader(found[item.name])) for item in items]


def _patch_groups(path: Path) -> dict[str, str]:
    """Panel of every image, from the table that ``graven prepare`` writes."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not {"name", "group"} <= set(rows.fieldnames or ()):
            raise DataError(f"{path} must have the columns name and group; make the folder again with graven prepare")
        return {row["name"]: row["group"] for row in rows}


def _is_leaky(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not valid JSON ({error}); make the folder again with graven prepare") from error
    if not isinstance(facts, dict):
        raise DataError(f"{path} must hold a JSON object, got {type(facts).__name__}")
    return "leaks" in str(facts.get("split_by", ""))
