"""``graven prepare --as mirrors``: scans of mirrors with drawings → surfaces as graven keeps them, split by mirror.

::

    <out>/<side>/images/<view>_height.tif  <view>_normals.tif  <view>_albedo.tif
    <out>/<side>/masks/<view>.png          what an expert drew, 0 and 255
    <out>/<side>/valid/<view>.png          where the object is
    <out>/unlabelled/images …  valid …     views without a drawing, where they are asked for
    <out>/surfaces.csv  run.json
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.api.account import Clock, account, output_hashes
from graven.api.prepared import Prepared
from graven.errors import DataError, MismatchError
from graven.io.folders import OutputFolder
from graven.io.fs import sha256_file, write_bytes_atomic, write_text_atomic
from graven.io.geotiff import write_float_cog
from graven.io.mirrors import HELD_OUT, list_mirrors, read_drawn
from graven.methods.record import write_run
from graven.prepare.splits import SIDES, split_groups
from graven.types.surface import LAYERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.api.monitor import Monitor
    from graven.io.mirrors import MirrorView
    from graven.prepare.splits import Side

__all__ = ["prepare_mirrors", "sides_of_mirrors"]

UNLABELLED = "unlabelled"
UNITS = {"height": "unknown", "normals": "unit vector", "albedo": "reflectance"}
TAGS = {
    "height": {"GRAVEN_HEIGHT": "positive towards the viewer"},
    "normals": {"NORMAL_CONVENTION": "OpenGL"},
    "albedo": {},
}


def prepare_mirrors(
    folder: Path,
    target: Path,
    *,
    seed: int,
    val_share: float,
    test_share: float,
    unlabelled: bool,
    overwrite: bool,
    monitor: Monitor,
) -> Prepared:
    """Bring the scans of a folder into graven's own form.

    Parameters
    ----------
    folder : Path
        As `graven.io.mirrors` describes it.
    target : Path
        Output folder.
    seed, val_share, test_share
        As in `sides_of_mirrors`.
    unlabelled : bool
        Whether views without a drawing are brought along.
    overwrite : bool
        Replace an earlier output.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Prepared
        Where the surfaces are and how many.

    Raises
    ------
    DataError, MismatchError
        If the folder is laid out otherwise or a file is not what it must be; nothing is left behind.
    """
    clock = Clock()
    views = list_mirrors(folder)
    drawn = [view for view in views if view.drawing is not None]
    others = [view for view in views if view.drawing is None]
    sides = sides_of_mirrors([view.group for view in drawn], seed=seed, val_share=val_share, test_share=test_share)
    taken: list[tuple[str, MirrorView]] = [(sides[view.group], view) for view in drawn]
    held_out = {group for group, side in sides.items() if side != "train"}
    if unlabelled:
        taken += [(UNLABELLED, view) for view in others if view.group not in held_out]
    if others:
        kept = f"{len(taken) - len(drawn)} of them are kept" if unlabelled else "they are left out"
        monitor.say(f"{len(others)} views have no drawing; {kept}")
    options = {"seed": seed, "val_share": val_share, "test_share": test_share, "unlabelled": unlabelled}
    with OutputFolder(target, overwrite=overwrite) as output:
        rows = []
        with monitor.progress("bringing over scans") as report:
            for done, (side, view) in enumerate(taken):
                report(done, len(taken))
                rows.append(_write_view(output.path / side, side, view))
            report(len(taken), len(taken))
        _write_table(output.path / "surfaces.csv", rows)
        told = account(
            "prepare",
            clock=clock,
            options={"dataset": folder, "layout": "mirrors", "out": target, **options},
            inputs=[
                {"name": path.relative_to(folder).as_posix(), "sha256": sha256_file(path)}
                for _, view in taken
                for path in view.files
            ],
            settings={**options, "layout": "mirrors"},
            outputs=output_hashes(output.path),
            split_by="group",
        )
        write_run(output.path, told)
    counts: dict[str, int] = {side: sum(row["split"] == side for row in rows) for side in SIDES}
    if unlabelled:
        counts[UNLABELLED] = sum(row["split"] == UNLABELLED for row in rows)
    return Prepared(target, "mirrors", counts, len(sides), leaky=False, what="drawings", of="mirrors")


def sides_of_mirrors(groups: Sequence[str], *, seed: int, val_share: float, test_share: float) -> dict[str, Side]:
    """Assign mirrors to sides, both views of one to the same.

    Parameters
    ----------
    groups : sequence of str
        Mirror of every drawing.
    seed : int
        Of what is drawn.
    val_share, test_share : float, 0 to 1
        As in `graven.prepare.splits.split_groups`.

    Returns
    -------
    dict of str to {"train", "val", "test"}
        Where some of the published held-out mirrors (`graven.io.mirrors.HELD_OUT`) are there, these are the test, and
        only the validation is drawn; otherwise both are. The published code validates on patches of its test mirrors;
        here no mirror is on two sides.

    Raises
    ------
    DataError
        If there are fewer mirrors than sides.

    Examples
    --------
    >>> sides = sides_of_mirrors(["wels-11944", "a", "b"], seed=0, val_share=0.5, test_share=0.1)
    >>> sides["wels-11944"], sorted(sides.values())
    ('test', ['test', 'train', 'val'])
    """
    test = sorted({group for group in groups if group.lower() in HELD_OUT})
    if not test:
        return split_groups(groups, val_share=val_share, test_share=test_share, seed=seed)
    rest = [group for group in groups if group not in test]
    if not rest:
        raise DataError(f"only mirrors that are held out for the test have drawings: {', '.join(test)}")
    drawn = split_groups(rest, val_share=val_share, test_share=0.0, seed=seed)
    return {**drawn, **dict.fromkeys(test, "test")}


def _write_view(folder: Path, side: str, view: MirrorView) -> dict[str, Any]:
    height, width = view.size()
    pixel_size = view.pixel_size()
    known = read_drawn(view.mask)
    if not known.any():
        raise DataError(f"{view.mask.name} marks nothing; paint the object white on black")
    for part in ("images", "valid") if view.drawing is None else ("images", "masks", "valid"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for layer, bands in LAYERS.items():
        write_float_cog(
            folder / "images" / f"{view.name}_{layer}.tif",
            view.blocks(layer, known),
            height=height,
            width=width,
            names=bands,
            units=(UNITS[layer],) * len(bands),
            georeference=None,
            pixel_size=pixel_size,
            tags=TAGS[layer],
        )
    _write_mask(folder / "valid" / f"{view.name}.png", known)
    row = {"name": view.name, "group": view.group, "split": side, "pixel_size_mm": round(pixel_size.mean_mm, 6)}
    row["valid_share"] = round(float(known.mean()), 6)
    if view.drawing is None:
        return {**row, "target_share": ""}
    target = read_drawn(view.drawing) & known
    if not target.any():
        raise MismatchError(f"{view.drawing.name} draws nothing on the object that {view.mask.name} marks")
    _write_mask(folder / "masks" / f"{view.name}.png", target)
    return {**row, "target_share": round(float(target.sum() / known.sum()), 6)}


def _write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    _, data = cv2.imencode(".png", np.where(mask, np.uint8(255), np.uint8(0)))
    write_bytes_atomic(path, data.tobytes())


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text_atomic(path, text.getvalue())
