"""Where panels come from: folders of images and masks, or seeds; prepared once and kept on disk for training.

Nothing here splits a panel: all pixels of a group (panel, site, photograph) stay on one side.
"""

from __future__ import annotations

import csv
import importlib
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, InputError, MissingExtra, UsageError
from graven.prepare.chain import FRAME_STEPS, PrepareChain
from graven.prepare.splits import SIDES, split_groups
from graven.types import PrepareStep, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.prepare.splits import Side
    from graven.synthetic.testsets import PanelSpec
    from graven.train.recipe import Named
    from graven.types import Raster
    from graven.types.dataset import LabelledImage

    ReadPanel = Callable[[], tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_] | None]]
    Source = tuple[str, str, ReadPanel]

__all__ = [
    "chain_of",
    "labelled_source",
    "prepared_sides",
    "procedural_source",
    "require_training",
    "split_pairs",
]


def require_training() -> None:
    """Check that what trains is installed.

    Raises
    ------
    MissingExtra
        If PyTorch, Lightning or safetensors is missing; the message names the extra.
    """
    try:
        importlib.import_module("graven.train.run")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("graven"):
            raise
        raise MissingExtra(
            f"training needs PyTorch and Lightning, and {error.name!r} is not installed; run: pip install 'graven[train]'"
        ) from error


def chain_of(steps: Sequence[Named], *, n_bands: int = 3) -> PrepareChain:
    """Turn the preparation of a recipe into a chain.

    Parameters
    ----------
    steps : sequence of Named
        As a recipe lists them.
    n_bands : int
        Bands of the network.

    Returns
    -------
    PrepareChain
        Applied to whole panels before anything is cut.

    Raises
    ------
    DataError
        If a step or option is unknown.
    UsageError
        If a step changes the frame: truth and valid mask would no longer lie under the image.
    """
    moving = [step.name for step in steps if step.name in FRAME_STEPS]
    if moving:
        raise UsageError(
            f"training takes panels in their own frame, but the recipe prepares with {moving[0]!r}; "
            "take the step out of the recipe and name it in the bundle"
        )
    return PrepareChain(tuple(PrepareStep(step.name, dict(step.options)) for step in steps), n_bands=n_bands)


def procedural_source(
    specs: Sequence[PanelSpec], *, size_px: int, pixel_size_mm: float, chain: PrepareChain
) -> Iterator[Source]:
    """Offer procedural panels, each grown when it is read.

    Parameters
    ----------
    specs : sequence of PanelSpec
        Seeds, degradations and rocks.
    size_px : int, pixels
        Side of the panels.
    pixel_size_mm : float
        Size of a pixel.
    chain : PrepareChain
        Preparation.

    Yields
    ------
    name, group, read
        For `graven.train.panels.write_store`; every panel is its own group.
    """
    from graven.synthetic import make_petroglyph

    def reader(spec: PanelSpec) -> ReadPanel:
        def read() -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_] | None]:
            panel = make_petroglyph(
                spec.seed,
                size_px=size_px,
                pixel_size_mm=pixel_size_mm,
                degradation=spec.degradation,
                rock=spec.rock,
            )
            return prepared(chain, raster_from_array(panel.image)), panel.mask & panel.valid, panel.valid

        return read

    for spec in specs:
        name = f"{spec.degradation}-{spec.seed}"
        yield name, name, reader(spec)


def labelled_source(items: Sequence[LabelledImage], *, chain: PrepareChain) -> Iterator[Source]:
    """Offer labelled images, each opened when it is read.

    Parameters
    ----------
    items : sequence of LabelledImage
        Images with their truth.
    chain : PrepareChain
        Preparation.

    Yields
    ------
    name, group, read
        For `graven.train.panels.write_store`. Reading raises DataError or MismatchError when a file is not what it
        must be.
    """
    from graven.io.images import open_raster

    def reader(item: LabelledImage) -> ReadPanel:
        def read() -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_] | None]:
            raster = open_raster(item.image_path, hash_source=False)
            size = (raster.height, raster.width)
            target, valid = item.read_target(size), raster.read_valid_padded()
            if item.read_valid is not None:
                valid = valid & item.read_valid(size)
            return prepared(chain, raster), target & valid, valid

        return read

    for item in items:
        yield item.name, item.group, reader(item)


def prepared(chain: PrepareChain, raster: Raster) -> NDArray[np.uint8]:
    """Prepare a whole raster; the steps work on bytes, so nothing is lost by keeping bytes."""
    return chain.view(raster).read().astype(np.uint8)


def prepared_sides(folder: Path) -> tuple[dict[Side, list[LabelledImage]], bool]:
    """Read a folder as ``graven prepare`` leaves it: ``train``, ``val`` and ``test``, each with image and mask pairs.

    Parameters
    ----------
    folder : Path
        Its ``patches.csv``, where there is one, says which panel a patch was cut from; otherwise every image counts as a
        panel of its own. A folder ``valid`` beside the masks limits where truth is known.

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
            f"{folder} must hold the folders train and val with images and masks; make them with: graven prepare {folder}"
        )
    groups = _patch_groups(folder / "patches.csv")
    leaky = _is_leaky(folder / "run.json")
    sides: dict[Side, list[LabelledImage]] = {}
    seen: dict[str, Side] = {}
    for side in SIDES:
        if not (folder / side / "images").is_dir() or not any((folder / side / "images").iterdir()):
            continue
        items = []
        for item in _pairs_with_valid(folder / side):
            group = item.name if leaky else groups.get(item.name, item.group)
            if seen.setdefault(group, side) != side:
                raise DataError(f"the panel {group!r} is in {seen[group]} and {side}; split by panel with graven prepare")
            items.append(replace(item, group=group))
        sides[side] = items
    return sides, leaky


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
    items = [replace(item, group=_group_of(item.name, group_by)) for item in _pairs_with_valid(folder)]
    assigned = split_groups([item.group for item in items], val_share=val_share, test_share=test_share, seed=seed)
    return {side: [item for item in items if assigned[item.group] == side] for side in SIDES}


def _pairs_with_valid(folder: Path) -> list[LabelledImage]:
    from graven.io.maskfolders import list_mask_folders, read_binary_mask

    def reader(path: Path) -> Callable[[tuple[int, int]], NDArray[np.bool_]]:
        return lambda size: read_binary_mask(path, size=size)

    items = list_mask_folders(folder)
    valid_folder = folder / "valid"
    if not valid_folder.is_dir():
        return items
    found = {path.stem: path for path in valid_folder.iterdir() if path.is_file()}
    missing = [item.name for item in items if item.name not in found]
    if missing:
        raise DataError(f"{valid_folder} has no mask for {missing[0]!r}; give one for every image, or remove the folder")
    return [replace(item, read_valid=reader(found[item.name])) for item in items]


def _group_of(stem: str, pattern: str | None) -> str:
    if pattern is None:
        return stem
    try:
        match = re.match(pattern, stem)
    except re.error as error:
        raise UsageError(f"--group-by must be a regular expression, got {pattern!r}: {error}") from error
    if match is None:
        raise UsageError(f"--group-by {pattern!r} does not match the file name {stem!r}; every name must match")
    name = match.group(1) if match.re.groups else match.group(0)
    if not name:
        raise UsageError(f"--group-by {pattern!r} finds an empty name in {stem!r}")
    return str(name)


def _patch_groups(path: Path) -> dict[str, str]:
    """Panel of every patch, from the table that ``graven prepare`` writes."""
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
        raise InputError(f"{path} must hold a JSON object, got {type(facts).__name__}")
    return "leaks" in str(facts.get("split_by", ""))
