"""``graven prepare``: a labelled data set → patches on disk, with all patches of a panel on one side of the split."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.api.account import Clock, account, output_hashes
from graven.api.monitor import SILENT, Monitor
from graven.errors import DataError, InputError, UsageError
from graven.io.coco import coco_categories, list_coco
from graven.io.folders import OutputFolder
from graven.io.fs import sha256_file, write_bytes_atomic, write_text_atomic
from graven.io.images import open_raster
from graven.io.labelme import labelme_labels, list_labelme
from graven.io.maskfolders import list_mask_folders, list_pitoti
from graven.methods.record import write_run
from graven.prepare.bands import bands_view
from graven.prepare.splits import group_of, split_groups, split_random_patches
from graven.types import TileGrid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from graven.types import Raster
    from graven.types.dataset import LabelledImage

__all__ = ["LAYOUTS", "Patch", "Prepared", "prepare"]

N_BANDS = 3
"""Bands of a patch, which is what the networks take."""

LAYOUTS: dict[str, Callable[[Path], list[LabelledImage]]] = {
    "pitoti": list_pitoti,
    "folders": list_mask_folders,
    "labelme": list_labelme,
    "coco": list_coco,
}
"""Known layouts, in the order in which ``auto`` tries them."""

LABELS: dict[str, Callable[[Path], frozenset[str]]] = {"labelme": labelme_labels, "coco": coco_categories}
"""Layouts whose foreground can be chosen, and what lists the labels that a data set has."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch, before it is written."""

    name: str
    group: str
    row: int
    col: int
    image: NDArray[np.uint8]
    target: NDArray[np.bool_]
    valid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` left.

    Attributes
    ----------
    path : Path
        Output folder with ``train``, ``val`` and ``test``, each with ``images``, ``masks`` and ``valid``.
    layout : str
        The layout that was read.
    counts : dict of str to int
        Patches per side of the split.
    n_groups : int
        Panels or sites in all.
    leaky : bool
        Whether patches were split at random.
    """

    path: Path
    layout: str
    counts: dict[str, int]
    n_groups: int
    leaky: bool

    def summary(self) -> str:
        """Say it in one line."""
        sides = ", ".join(f"{count} {side}" for side, count in self.counts.items())
        warning = "; patches of one panel stand on both sides, scores will be too good" if self.leaky else ""
        return f"{self.path}: {sides} patches from {self.n_groups} panels or sites ({self.layout}){warning}"

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {"path": str(self.path), "layout": self.layout, "patches": self.counts, "leaky": self.leaky}


def prepare(
    dataset: str | Path,
    *,
    layout: str = "auto",
    out: str | Path | None = None,
    labels: Sequence[str] | None = None,
    group_by: str | None = None,
    patch_px: int = 512,
    seed: int = 0,
    test_share: float = 0.1,
    val_share: float = 0.1,
    leaky: bool = False,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Prepared:
    r"""Cut a labelled data set into patches with leakage-safe splits.

    Parameters
    ----------
    dataset : str or Path
        Folder of the data set.
    layout : {"auto", "pitoti", "folders", "labelme", "coco"}
        How labels lie; ``auto`` takes the first that fits.
    out : str or Path, optional
        Output folder; default is ``<dataset>-patches`` here.
    labels : sequence of str, optional
        Of LabelMe or COCO, the labels that are foreground; everything else is background. Default is that every shape
        is foreground.
    group_by : str, optional
        Regular expression matched at the start of each image's name; its first group (or the whole match) names the
        panel or site, whose patches stay together. Default is that every image is a panel of its own.
    patch_px : int
        Side of a patch; border patches are mirrored and marked invalid there.
    seed : int
        Of the split.
    test_share, val_share : float, 0 to 1
        Shares of the groups that are held out.
    leaky : bool
        Split single patches at random, as the paper did; every table of such a run must say so.
    overwrite : bool
        Replace an earlier output.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Prepared
        Where the patches are and how many.

    Raises
    ------
    DataError
        If the folder fits no layout, or truth and image do not belong together.
    UsageError
        If the layout is unknown, the data set has no such label, or `group_by` does not match a name.
    """
    folder = Path(dataset)
    if not folder.is_dir():
        raise DataError(f"expected the folder of a data set, got {folder}, which is no folder")
    if patch_px < 32:
        raise InputError(f"a patch must have a side of at least 32 px, got {patch_px}")
    if leaky and group_by is not None:
        raise UsageError("--group-by keeps patches together and --i-know-tiles-leak scatters them; give one of them")
    clock = Clock()
    found, items = _list(folder, layout)
    if labels is not None:
        items = _choose(folder, found, labels)
    if group_by is not None:
        items = [replace(item, group=group_of(item.name, group_by)) for item in items]
    _check_names(items)
    target = Path(out) if out is not None else Path(f"{folder.resolve().name}-patches")
    groups = [item.group for item in items]
    with OutputFolder(target, overwrite=overwrite) as output:
        rows: list[dict[str, Any]] = []
        with monitor.progress("cutting patches") as report:
            if not leaky:
                sides = split_groups(groups, val_share=val_share, test_share=test_share, seed=seed)
                for side in ("train", "val", "test"):
                    _make_folders(output.path / side)
            for done, item in enumerate(items):
                report(done, len(items))
                raster, note = bands_view(open_raster(item.image_path, hash_source=False), n_bands=N_BANDS)
                if note is not None:
                    monitor.say(f"{item.name}: {note}")
                for patch in _patches(item, raster, patch_px):
                    side = "train" if leaky else sides[item.group]
                    rows.append(_write_patch(output.path, side, patch))
            report(len(items), len(items))
        if leaky:
            _scatter(output.path, rows, val_share=val_share, test_share=test_share, seed=seed)
        _write_table(output.path, rows)
        options = {
            "dataset": folder,
            "layout": layout,
            "out": target,
            "labels": labels,
            "group_by": group_by,
            "patch_px": patch_px,
            "seed": seed,
            "test_share": test_share,
            "val_share": val_share,
            "leaky": leaky,
        }
        told = account(
            "prepare",
            clock=clock,
            options=options,
            inputs=_sources(folder, items),
            settings={**options, "layout": found},
            outputs=output_hashes(output.path),
            split_by="patch (leaks)" if leaky else "group",
        )
        write_run(output.path, told)
    counts = {side: sum(row["split"] == side for row in rows) for side in ("train", "val", "test")}
    return Prepared(target, found, counts, len(set(groups)), leaky)


def _list(folder: Path, layout: str) -> tuple[str, list[LabelledImage]]:
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


def _choose(folder: Path, layout: str, labels: Sequence[str]) -> list[LabelledImage]:
    """List the images with the labels named as foreground."""
    if layout not in LABELS:
        raise UsageError(f"--labels belongs to {' and '.join(LABELS)}, but {folder} is read as {layout}")
    there, chosen = LABELS[layout](folder), frozenset(labels)
    if not chosen or chosen - there:
        wrong = ", ".join(sorted(chosen - there)) or "nothing"
        raise UsageError(f"--labels takes any of {', '.join(sorted(there)) or 'none'}, got {wrong}")
    return list_labelme(folder, labels=chosen) if layout == "labelme" else list_coco(folder, categories=chosen)


def _sources(folder: Path, items: list[LabelledImage]) -> list[dict[str, str]]:
    """Name every image and label file by its place in the data set, with its hash."""
    roots = (folder, folder.resolve())
    paths = dict.fromkeys(path for item in items for path in (item.image_path, *item.label_paths))

    def name(path: Path) -> str:
        inside = [path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root)]
        return inside[0] if inside else path.name

    return [{"name": name(path), "sha256": sha256_file(path)} for path in paths]


def _check_names(items: list[LabelledImage]) -> None:
    """Refuse images of one name: their patches would overwrite each other."""
    found: dict[str, LabelledImage] = {}
    for item in items:
        other = found.setdefault(item.name, item)
        if other is not item:
            raise DataError(
                f"{other.image_path} and {item.image_path} would both be named {item.name!r}; rename one of them"
            )


def _patches(item: LabelledImage, raster: Raster, patch_px: int) -> Iterator[Patch]:
    size = (raster.height, raster.width)
    target = item.read_target(size)
    valid = (
        raster.read_valid_padded() if item.read_valid is None else raster.read_valid_padded() & item.read_valid(size)
    )
    grid = TileGrid(raster.height, raster.width, tile_px=patch_px, overlap_px=0)
    for _, _, window in grid.windows():
        inside = window.intersection(grid.bounds)
        patch_target = np.zeros((patch_px, patch_px), bool)
        patch_valid = np.zeros((patch_px, patch_px), bool)
        patch_target[: inside.height, : inside.width] = target[inside.slices()]
        patch_valid[: inside.height, : inside.width] = valid[inside.slices()]
        if not patch_valid.any():
            continue
        name = f"{item.name}_r{window.row:06d}_c{window.col:06d}"
        image = raster.read(window)
        yield Patch(name, item.group, window.row, window.col, image, patch_target & patch_valid, patch_valid)


def _make_folders(side: Path) -> None:
    for part in ("images", "masks", "valid"):
        (side / part).mkdir(parents=True, exist_ok=True)


def _write_patch(folder: Path, side: str, patch: Patch) -> dict[str, Any]:
    _make_folders(folder / side)
    image = np.ascontiguousarray(np.moveaxis(patch.image, 0, -1)[..., ::-1])
    for part, pixels in (("images", image), ("masks", _bytes(patch.target)), ("valid", _bytes(patch.valid))):
        encoded, data = cv2.imencode(".png", pixels)
        if not encoded:
            raise DataError(f"the patch {patch.name} of shape {pixels.shape} cannot be written as PNG")
        write_bytes_atomic(folder / side / part / f"{patch.name}.png", data.tobytes())
    known = int(patch.valid.sum())
    return {
        "name": patch.name,
        "group": patch.group,
        "split": side,
        "row": patch.row,
        "col": patch.col,
        "valid_share": round(known / patch.valid.size, 6),
        "target_share": round(float(patch.target.sum()) / known, 6),
    }


def _bytes(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(mask, 255, 0).astype(np.uint8)


def _scatter(folder: Path, rows: list[dict[str, Any]], *, val_share: float, test_share: float, seed: int) -> None:
    """Move single patches to other sides of the split, which leaks by design."""
    names = [row["name"] for row in rows]
    sides = split_random_patches(names, val_share=val_share, test_share=test_share, seed=seed, tiles_leak=True)
    for row in rows:
        row["split"] = side = sides[row["name"]]
        if side != "train":
            _make_folders(folder / side)
            for part in ("images", "masks", "valid"):
                source = folder / "train" / part / f"{row['name']}.png"
                source.rename(folder / side / part / source.name)


def _write_table(folder: Path, rows: list[dict[str, Any]]) -> None:
    if not rows:
        raise DataError("the data set has no valid pixel; nothing was cut")
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text_atomic(folder / "patches.csv", text.getvalue())
