"""The labelled photographs that a model is fine-tuned with: in the numbers of its classes, and on three sides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from graven.api.datasets import LABELS, check_names, choose_classes, choose_labels, list_dataset, source_files
from graven.errors import UsageError
from graven.prepare.splits import SIDES, group_of, split_groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.api.monitor import Monitor
    from graven.io.bundle import Bundle
    from graven.prepare.splits import Side
    from graven.types.dataset import LabelledImage

__all__ = ["labelled_photographs", "split_photographs"]

MIN_GROUPS = 5
SHARES = {"val_share": 0.2, "test_share": 0.2}


def labelled_photographs(
    folder: Path,
    bundle: Bundle,
    layout: str,
    *,
    labels: Sequence[str] | None,
    classes: Mapping[str, Sequence[str]] | None,
    group_by: str | None,
    monitor: Monitor,
) -> tuple[list[LabelledImage], list[dict[str, str]]]:
    """List the photographs with truth in the numbers of the model.

    Parameters
    ----------
    folder : Path
        The data set.
    bundle : Bundle
        Its classes count.
    layout, labels, classes, group_by, monitor
        As in `graven.finetune`.

    Returns
    -------
    items : list of LabelledImage
        The photographs.
    sources : list of dict
        Their files with their hashes.

    Raises
    ------
    UsageError
        If the options do not fit model or data set.
    DataError
        If the folder fits no layout.
    """
    if not folder.is_dir():
        raise UsageError(f"expected the folder of labelled photographs, got {folder}, which is no folder")
    names = [entry.name for entry in bundle.spec.classes.classes]
    found, items = list_dataset(folder, layout)
    if len(names) == 1:
        if classes is not None:
            raise UsageError(f"{bundle.spec.name!r} knows one class, {names[0]}; choose its labels with --labels")
        items = items if labels is None else choose_labels(folder, found, labels)
    else:
        if labels is not None or (classes is not None and not set(classes) <= set(names)):
            example = ",".join(f"{name}=LABEL" for name in names)
            raise UsageError(
                f"{bundle.spec.name!r} tells {', '.join(names)} apart; say which labels are which: --classes {example}"
            )
        asked = dict.fromkeys(names, ()) if classes is None else classes
        absent = [name for name in names if name not in asked]
        if not asked:
            raise UsageError(f"--classes names at least one of {', '.join(names)}, got none")
        if absent:
            monitor.say(
                f"{', '.join(absent)}: said to be in none of the photographs; the model will come to see less of it"
            )
        chosen = {name: asked.get(name, ()) for name in names}
        if found in LABELS or len(asked) > 1:
            items, _, _ = choose_classes(folder, found, chosen, absent=absent)
        else:  # masks of 0 and 255 say where that one class is
            (name,) = asked
            if asked[name]:
                raise UsageError(f"masks in {folder} hold no labels, so --classes takes {name} alone, without =")
            items = [_numbered(item, names.index(name) + 1) for item in items]
    if group_by is not None:
        items = [replace(item, group=group_of(item.name, group_by)) for item in items]
    check_names(items)
    return items, source_files(folder, items)


def _numbered(item: LabelledImage, number: int) -> LabelledImage:
    """Give the foreground of an image the number of a class."""

    def read(size: tuple[int, int]) -> NDArray[np.uint8]:
        return np.where(item.read_target(size), np.uint8(number), np.uint8(0))

    return replace(item, read_target=read)


def split_photographs(items: Sequence[LabelledImage], seed: int) -> dict[Side, list[LabelledImage]]:
    """Put a fifth of the photographs aside to choose by and a fifth to judge by, groups as a whole.

    Parameters
    ----------
    items : sequence of LabelledImage
        The photographs.
    seed : int
        Of the split.

    Returns
    -------
    dict of {"train", "val", "test"} to list of LabelledImage
        No group is on two sides.

    Raises
    ------
    UsageError
        If there are fewer than five groups.
    """
    groups = [item.group for item in items]
    if len(set(groups)) < MIN_GROUPS:
        raise UsageError(
            f"fine-tuning needs at least {MIN_GROUPS} labelled photographs (or objects, with --group-by), got "
            f"{len(set(groups))}: some to learn from, some to choose by, and some to judge the result"
        )
    assigned = split_groups(groups, **SHARES, seed=seed)
    return {side: [item for item in items if assigned[item.group] == side] for side in SIDES}
