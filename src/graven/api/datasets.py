"""Labelled data sets as people keep them: which layouts graven knows, and which labels become which class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graven.errors import DataError, UsageError
from graven.io.coco import coco_categories, list_coco
from graven.io.fs import sha256_file
from graven.io.labelme import labelme_labels, list_labelme
from graven.io.maskfolders import list_mask_folders, list_pitoti
from graven.types.labels import named_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from graven.types import ClassTable
    from graven.types.dataset import LabelledImage

__all__ = ["LABELS", "LAYOUTS", "check_names", "choose_classes", "choose_labels", "list_dataset", "source_files"]

LAYOUTS: dict[str, Callable[[Path], list[LabelledImage]]] = {
    "pitoti": list_pitoti,
    "folders": list_mask_folders,
    "labelme": list_labelme,
    "coco": list_coco,
}
"""Known layouts, in the order in which ``auto`` tries them."""

LABELS: dict[str, Callable[[Path], frozenset[str]]] = {"labelme": labelme_labels, "coco": coco_categories}
"""Layouts whose foreground can be chosen, and what lists the labels that a data set has."""


def list_dataset(folder: Path, layout: str) -> tuple[str, list[LabelledImage]]:
    """List the images of a data set, with truth of one class.

    Parameters
    ----------
    folder : Path
        The data set.
    layout : str
        ``auto``, or a key of `LAYOUTS`.

    Returns
    -------
    layout : str
        The one that fits.
    items : list of LabelledImage
        The images.

    Raises
    ------
    UsageError
        If there is no such layout.
    DataError
        If the folder does not fit.
    """
    if layout in LAYOUTS:
        return layout, LAYOUTS[layout](folder)
    if layout != "auto":
        raise UsageError(f"--as takes auto, {', '.join(LAYOUTS)}, got {layout!r}")
    reasons = []
    for name, read in LAYOUTS.items():
        try:
            return name, read(folder)
        except DataError as error:
            reasons.append(f"{name}: {error}")
    raise DataError(f"{folder} fits no known layout; " + "; ".join(reasons))


def choose_labels(folder: Path, layout: str, labels: Sequence[str]) -> list[LabelledImage]:
    """List the images with the labels named as foreground.

    Raises
    ------
    UsageError
        If the layout has no labels, or the data set not these.
    """
    if layout not in LABELS:
        raise UsageError(f"--labels belongs to {' and '.join(LABELS)}, but {folder} is read as {layout}")
    there, chosen = LABELS[layout](folder), frozenset(labels)
    if not chosen or chosen - there:
        wrong = ", ".join(sorted(chosen - there)) or "nothing"
        raise UsageError(f"--labels takes any of {', '.join(sorted(there)) or 'none'}, got {wrong}")
    return list_labelme(folder, labels=chosen) if layout == "labelme" else list_coco(folder, categories=chosen)


def choose_classes(
    folder: Path, layout: str, classes: Mapping[str, Sequence[str]], *, absent: Collection[str] = ()
) -> tuple[list[LabelledImage], ClassTable, frozenset[str]]:
    """List the images with truth of several classes.

    Parameters
    ----------
    folder : Path
        The data set.
    layout : str
        ``folders``, ``labelme`` or ``coco``.
    classes : mapping of str to sequence of str
        Names in the order of their numbers, each with the labels that go into it; without labels, of LabelMe and COCO
        the one of the same name.
    absent : collection of str
        Names out of `classes` of which nothing is labelled; they keep their numbers.

    Returns
    -------
    items : list of LabelledImage
        Their truth holds class numbers.
    table : ClassTable
        The classes.
    left_out : frozenset of str
        Labels of the data set that belong to no class and count as background.

    Raises
    ------
    UsageError
        If there are fewer than two classes, the layout has one class only or no labels, the data set has no such label,
        or a label is in two classes.
    """
    if len(classes) < 2:
        raise UsageError(f"--classes needs two names or more, got {', '.join(classes) or 'none'}; for one use --labels")
    table = named_classes(list(classes))
    if layout == "folders":
        if any(classes.values()):
            raise UsageError(f"masks in {folder} hold numbers, so --classes takes their names alone, without =")
        return list_mask_folders(folder, classes=table), table, frozenset()
    if layout not in LABELS:
        raise UsageError(f"--classes belongs to folders, {' and '.join(LABELS)}, but {folder} is read as {layout}")
    groups = [frozenset(() if name in absent else labels or (name,)) for name, labels in classes.items()]
    named, there = frozenset().union(*groups), LABELS[layout](folder)
    if named - there:
        wrong = ", ".join(sorted(named - there))
        raise UsageError(f"--classes takes labels out of {', '.join(sorted(there)) or 'none'}, got {wrong}")
    twice = sorted(label for label in named if sum(label in group for group in groups) > 1)
    if twice:
        raise UsageError(f"the label {twice[0]!r} is in two classes; name it once")
    list_items = list_labelme if layout == "labelme" else list_coco
    return list_items(folder, classes=groups), table, there - named


def source_files(folder: Path, items: Sequence[LabelledImage]) -> list[dict[str, str]]:
    """Name every image and label file by its place in the data set, with its hash."""
    roots = (folder, folder.resolve())
    paths = dict.fromkeys(path for item in items for path in (item.image_path, *item.label_paths))

    def name(path: Path) -> str:
        inside = [path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root)]
        return inside[0] if inside else path.name

    return [{"name": name(path), "sha256": sha256_file(path)} for path in paths]


def check_names(items: Sequence[LabelledImage]) -> None:
    """Refuse images of one name: their patches would overwrite each other."""
    found: dict[str, LabelledImage] = {}
    for item in items:
        other = found.setdefault(item.name, item)
        if other is not item:
            raise DataError(
                f"{other.image_path} and {item.image_path} would both be named {item.name!r}; rename one of them"
            )
