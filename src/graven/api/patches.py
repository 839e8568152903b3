"""Patches of labelled images: cut, expanded into variants, written side by side, and listed in a table."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import DataError, MismatchError
from graven.io.classmasks import write_class_png
from graven.io.fs import write_bytes_atomic, write_text_atomic
from graven.io.seam import remove_quietly
from graven.io.strictjson import read_json
from graven.prepare.expand import expand
from graven.prepare.splits import split_random_patches
from graven.types import NODATA, TileGrid
from graven.types.labels import class_slug

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.types import ClassTable, Raster
    from graven.types.dataset import LabelledImage

    Row = dict[str, Any]

__all__ = ["Ledger", "Patch", "PatchFolder", "cut_patches", "scatter", "write_table"]

PARTS = ("images", "masks", "valid")
SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch, before it is written; `target` is bool, or holds class numbers."""

    name: str
    group: str
    row: int
    col: int
    image: NDArray[np.uint8]
    target: NDArray[Any]
    valid: NDArray[np.bool_]


def cut_patches(item: LabelledImage, raster: Raster, *, patch_px: int) -> Iterator[Patch]:
    """Cut an image into patches side by side; those without a valid pixel are left out.

    Parameters
    ----------
    item : LabelledImage
        Gives truth and valid mask.
    raster : Raster
        Its pixels, in bytes.
    patch_px : int, pixels
        Side of a patch; border patches are mirrored and invalid there.

    Yields
    ------
    Patch
        In reading order.
    """
    size = (raster.height, raster.width)
    target = item.read_target(size)
    valid = (
        raster.read_valid_padded() if item.read_valid is None else raster.read_valid_padded() & item.read_valid(size)
    )
    grid = TileGrid(raster.height, raster.width, tile_px=patch_px, overlap_px=0)
    for _, _, window in grid.windows():
        inside = window.intersection(grid.bounds)
        patch_target = np.zeros((patch_px, patch_px), target.dtype)
        patch_valid = np.zeros((patch_px, patch_px), bool)
        patch_target[: inside.height, : inside.width] = target[inside.slices()]
        patch_valid[: inside.height, : inside.width] = valid[inside.slices()]
        if not patch_valid.any():
            continue
        name = f"{item.name}_r{window.row:06d}_c{window.col:06d}"
        image = raster.read(window)
        yield Patch(name, item.group, window.row, window.col, image, patch_target * patch_valid, patch_valid)


@dataclass(frozen=True, slots=True)
class PatchFolder:
    """Where patches are written: ``<side>/images``, ``masks`` and ``valid``.

    Attributes
    ----------
    path : Path
        Output folder.
    classes : ClassTable or None
        Of several classes: masks are then palette images of their numbers, 255 where nothing is known. Otherwise masks
        are 0 and 255.
    """

    path: Path
    classes: ClassTable | None = None

    def make_side(self, side: str) -> None:
        """Make the folders of a side."""
        for part in PARTS:
            (self.path / side / part).mkdir(parents=True, exist_ok=True)

    def write(self, side: str, patch: Patch) -> Row:
        """Write a patch and give its row of the table."""
        self.make_side(side)
        image = np.ascontiguousarray(np.moveaxis(patch.image, 0, -1)[..., ::-1])
        self._write_png(side, "images", patch.name, image)
        self._write_png(side, "valid", patch.name, _bytes(patch.valid))
        if self.classes is None:
            self._write_png(side, "masks", patch.name, _bytes(patch.target))
        else:
            numbers = np.where(patch.valid, patch.target, NODATA).astype(np.uint8)
            write_class_png(self._file(side, "masks", patch.name), numbers, classes=self.classes)
        known = int(patch.valid.sum())
        row = {
            "name": patch.name,
            "group": patch.group,
            "split": side,
            "row": patch.row,
            "col": patch.col,
            "valid_share": round(known / patch.valid.size, 6),
            "target_share": round(float((patch.target > 0).sum()) / known, 6),
        }
        for entry in self.classes.classes if self.classes is not None else ():
            row[f"share_{class_slug(entry.name)}"] = round(float((patch.target == entry.id).sum()) / known, 6)
        return row

    def write_variants(self, side: str, patch: Patch, *, n: int, seed: int) -> list[Row]:
        """Write the first `n` variants of a patch; one that translation leaves without a valid pixel is left out."""
        rows = []
        for variant in expand(patch.image, patch.target, patch.valid, n=n, seed=seed, name=patch.name):
            if not variant.valid.any():
                continue
            name = f"{patch.name}_x{variant.number:02d}" if variant.number else patch.name
            changed = replace(
                patch,
                name=name,
                image=variant.image,
                target=variant.target * variant.valid,
                valid=variant.valid,
            )
            rows.append({**self.write(side, changed), "variant": "+".join(variant.changes) or SOURCE})
        return rows

    def _file(self, side: str, part: str, name: str) -> Path:
        return self.path / side / part / f"{name}.png"

    def _write_png(self, side: str, part: str, name: str, pixels: NDArray[np.uint8]) -> None:
        encoded, data = cv2.imencode(".png", pixels)
        if not encoded:
            raise DataError(f"the patch {name} of shape {pixels.shape} cannot be written as PNG")
        write_bytes_atomic(self._file(side, part, name), data.tobytes())


class Ledger:
    """Rows of patches whose files are all written, so that an interrupted expansion goes on behind them.

    Parameters
    ----------
    folder : Path
        Output folder in work.
    key : mapping
        JSON-ready: everything that the files depend on.

    Raises
    ------
    MismatchError
        If the folder was begun with another key; the first entry that differs is named.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        self.path = folder / ".rows"
        begun, key = self.path / "key.json", json.loads(json.dumps(key))
        if begun.is_file():
            stored = read_json(begun)
            wrong = [name for name in key if stored.get(name) != key[name]]
            if wrong:
                raise MismatchError(
                    f"{folder} was begun otherwise: {wrong[0]} differs; resume with the same, or start anew with "
                    "--overwrite"
                )
        else:
            (self.path / "patches").mkdir(parents=True, exist_ok=True)
            write_text_atomic(begun, json.dumps(key))

    def rows(self, name: str) -> list[Row] | None:
        """Give the rows of a patch that is finished, else None."""
        path = self._file(name)
        rows: list[Row] | None = read_json(path) if path.is_file() else None
        return rows

    def finish(self, name: str, rows: list[Row]) -> None:
        """Note that all files of a patch are written."""
        write_text_atomic(self._file(name), json.dumps(rows))

    def close(self) -> None:
        """Remove the notes; the output is complete and looks as if it had been made at once."""
        remove_quietly(self.path)

    def _file(self, name: str) -> Path:
        return self.path / "patches" / f"{name}.json"


def scatter(folder: PatchFolder, rows: list[Row], *, val_share: float, test_share: float, seed: int) -> None:
    """Move single patches from training to other sides of the split, which leaks by design; those moved already stay.

    Parameters
    ----------
    folder : PatchFolder
        Where they lie.
    rows : list of dict
        Of all patches; their column ``split`` is changed.
    val_share, test_share, seed
        As in `graven.prepare.splits.split_random_patches`.
    """
    names = [row["name"] for row in rows]
    sides = split_random_patches(names, val_share=val_share, test_share=test_share, seed=seed, tiles_leak=True)
    for row in rows:
        row["split"] = side = sides[row["name"]]
        if side == "train":
            continue
        folder.make_side(side)
        for part in PARTS:
            source = folder.path / "train" / part / f"{row['name']}.png"
            target = folder.path / side / part / source.name
            if source.exists() or not target.exists():
                source.rename(target)


def write_table(folder: Path, rows: list[Row]) -> None:
    """Write ``patches.csv``, one row per patch.

    Raises
    ------
    DataError
        If there is no patch.
    """
    if not rows:
        raise DataError("the data set has no valid pixel; nothing was cut")
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text_atomic(folder / "patches.csv", text.getvalue())


def _bytes(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(mask, 255, 0).astype(np.uint8)
