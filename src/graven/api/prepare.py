"""``graven prepare``: a labelled data set → patches on disk, with all patches of a panel on one side of the split."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.api.account import Clock, account, output_hashes
from graven.api.datasets import LAYOUTS, check_names, choose_classes, choose_labels, list_dataset, source_files
from graven.api.monitor import SILENT, Monitor
from graven.api.patches import Ledger, PatchFolder, cut_patches, scatter, write_table
from graven.api.prepare_mirrors import prepare_mirrors
from graven.api.prepared import Prepared
from graven.errors import DataError, InputError, Interrupted, ResourceError, UsageError
from graven.io.classmasks import write_class_table
from graven.io.folders import OutputFolder
from graven.io.images import open_raster
from graven.io.mirrors import is_mirrors
from graven.methods.record import write_run
from graven.prepare.bands import bands_view
from graven.prepare.expand import VARIANTS, VARIANTS_VERSION
from graven.prepare.splits import SIDES, group_of, split_groups
from graven.types.labels import class_slug

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from graven.api.patches import Patch, Row
    from graven.types import ClassTable
    from graven.types.dataset import LabelledImage

__all__ = ["Prepared", "prepare"]

N_BANDS = 3
"""Bands of a patch, which is what the networks take."""

PATCH_PX = 512
"""Side of a patch unless another is asked for."""


def prepare(
    dataset: str | Path,
    *,
    layout: str = "auto",
    out: str | Path | None = None,
    labels: Sequence[str] | None = None,
    classes: Mapping[str, Sequence[str]] | None = None,
    group_by: str | None = None,
    patch_px: int = PATCH_PX,
    expand: int | None = None,
    seed: int = 0,
    test_share: float = 0.1,
    val_share: float = 0.1,
    leaky: bool = False,
    unlabelled: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    monitor: Monitor = SILENT,
) -> Prepared:
    r"""Cut a labelled data set into patches with leakage-safe splits.

    Parameters
    ----------
    dataset : str or Path
        Folder of the data set.
    layout : {"auto", "pitoti", "folders", "labelme", "coco", "mirrors"}
        How labels lie; ``auto`` takes the first that fits. Scans of mirrors (`graven.io.mirrors`) become whole surfaces
        and not patches; `labels` to `expand` do not belong to them.
    out : str or Path, optional
        Output folder; default is ``<dataset>-patches`` here, of mirrors ``<dataset>-surfaces``.
    labels : sequence of str, optional
        Of LabelMe or COCO, the labels that are foreground; everything else is background. Default is that every shape
        is foreground.
    classes : mapping of str to sequence of str, optional
        Names of several classes that exclude each other, in the order of their numbers, from 1. Of LabelMe and COCO
        each with the labels that go into it, or with none if its label has its name; where shapes of two classes
        overlap, the later class wins. Masks of folders hold the numbers already, and 255 where nothing is known.
        Default is one class.
    group_by : str, optional
        Regular expression matched at the start of each image's name; its first group (or the whole match) names the
        panel or site, whose patches stay together. Default is that every image is a panel of its own.
    patch_px : int
        Side of a patch; border patches are mirrored and marked invalid there.
    expand : int, optional
        So many variants of every patch on the training side, the patch itself included: the first of
        `graven.prepare.expand.VARIANTS`. With `leaky`, of every patch, before they are split. Default is none.
    seed : int
        Of the split, and of the variants.
    test_share, val_share : float, 0 to 1
        Shares of the groups that are held out.
    leaky : bool
        Split single patches at random, as the paper did; every table of such a run must say so.
    unlabelled : bool
        Of mirrors, bring along views without a drawing as well, for cross pseudo supervision.
    overwrite : bool
        Replace an earlier output.
    resume : bool
        Go on with an interrupted expansion; it ends with the same bytes as one that was not interrupted.
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
    MismatchError
        If data set or options are not those of the expansion that is resumed.
    Interrupted
        After Ctrl-C during an expansion, which can be resumed.
    """
    folder = Path(dataset)
    _check(folder, layout, patch_px=patch_px, expand=expand, resume=resume)
    if leaky and group_by is not None:
        raise UsageError("--group-by keeps patches together and --i-know-tiles-leak scatters them; give one of them")
    if labels is not None and classes is not None:
        raise UsageError("--labels is for one class and --classes for several; give one of them")
    target = Path(out) if out is not None else Path(f"{folder.resolve().name}-patches")
    if layout == "mirrors" or (layout == "auto" and is_mirrors(folder)):
        _check_whole(labels, classes, group_by, expand, patch_px, leaky=leaky)
        split: dict[str, Any] = {"seed": seed, "val_share": val_share, "test_share": test_share}
        whole = Path(f"{folder.resolve().name}-surfaces") if out is None else target
        return prepare_mirrors(folder, whole, unlabelled=unlabelled, overwrite=overwrite, monitor=monitor, **split)
    if unlabelled:
        raise UsageError("--unlabelled belongs to --as mirrors")
    clock = Clock()
    found, items = list_dataset(folder, layout)
    table: ClassTable | None = None
    if labels is not None:
        items = choose_labels(folder, found, labels)
    if classes is not None:
        items, table, left_out = choose_classes(folder, found, classes)
        if left_out:
            monitor.say(f"labels of no class count as background: {', '.join(sorted(left_out))}")
    if group_by is not None:
        items = [replace(item, group=group_of(item.name, group_by)) for item in items]
    check_names(items)
    groups = [item.group for item in items]
    options = {
        "dataset": folder,
        "layout": layout,
        "out": target,
        "labels": labels,
        "classes": None if classes is None else {name: list(chosen) for name, chosen in classes.items()},
        "group_by": group_by,
        "patch_px": patch_px,
        "expand": expand,
        "seed": seed,
        "test_share": test_share,
        "val_share": val_share,
        "leaky": leaky,
    }
    split = {"val_share": val_share, "test_share": test_share, "seed": seed}
    with _output(target, overwrite=overwrite, resume=resume, is_long=expand is not None) as output:
        sources = source_files(folder, items)
        patches = PatchFolder(output.path, table)
        ledger: Ledger | None = None
        if expand is not None:
            key = {name: value for name, value in options.items() if name not in ("dataset", "out")}
            ledger = Ledger(output.path, {"the data set": sources, **key, "layout": found, **_versions(expand)})
        sides = None if leaky else split_groups(groups, **split)
        for name in ("train",) if leaky else SIDES:
            patches.make_side(name)
        rows = [
            row
            for side, patch in _patches(items, sides, patch_px, monitor)
            for row in _write(patches, ledger, side, patch, n=expand, seed=seed)
        ]
        if leaky:
            scatter(patches, rows, **split)
        write_table(output.path, rows)
        if table is not None:
            write_class_table(output.path / "classes.json", table, labels=classes or {})
            _say_shares(rows, table, monitor)
        if ledger is not None:
            ledger.close()
        told = account(
            "prepare",
            clock=clock,
            options=options,
            inputs=sources,
            settings={**options, "layout": found, **_versions(expand)},
            outputs=output_hashes(output.path),
            split_by="patch (leaks)" if leaky else "group",
        )
        write_run(output.path, told)
    counts: dict[str, int] = {side: sum(row["split"] == side for row in rows) for side in SIDES}
    named = () if table is None else tuple(entry.name for entry in table.classes)
    return Prepared(target, found, counts, len(set(groups)), leaky, named)


def _check(folder: Path, layout: str, *, patch_px: int, expand: int | None, resume: bool) -> None:
    if not folder.is_dir():
        raise DataError(f"expected the folder of a data set, got {folder}, which is no folder")
    if layout not in ("auto", *LAYOUTS, "mirrors"):
        raise UsageError(f"--as takes auto, {', '.join(LAYOUTS)} or mirrors, got {layout!r}")
    if patch_px < 32:
        raise InputError(f"a patch must have a side of at least 32 px, got {patch_px}")
    if expand is not None and not 2 <= expand <= len(VARIANTS):
        raise UsageError(f"--expand takes 2 to {len(VARIANTS)} variants of a patch, itself included, got {expand}")
    if resume and expand is None:
        raise UsageError("--resume goes on with an interrupted --expand; without --expand start anew")


def _check_whole(*given: object, leaky: bool) -> None:
    """Refuse options that choose or cut, where whole surfaces are brought over."""
    names = ("--labels", "--classes", "--group-by", "--expand", "--patch", "--i-know-tiles-leak")
    usual = (None, None, None, None, PATCH_PX, False)
    odd = [name for name, value, rule in zip(names, (*given, leaky), usual, strict=True) if value != rule]
    if odd:
        raise UsageError(f"mirrors are brought over whole, so {odd[0]} does not belong to them; leave it out")


def _versions(expand: int | None) -> dict[str, int]:
    return {} if expand is None else {"variants_version": VARIANTS_VERSION}


@contextmanager
def _output(target: Path, *, overwrite: bool, resume: bool, is_long: bool) -> Iterator[OutputFolder]:
    """Open the output folder; what an expansion has written is kept when it is interrupted or resources run out."""
    with OutputFolder(target, overwrite=overwrite, resume=resume, resumable=is_long) as output:
        try:
            yield output
        except KeyboardInterrupt:
            if not is_long:
                raise
            raise Interrupted(f"interrupted; {output.path} is kept, continue with --resume") from None
        except (ResourceError, MemoryError, OSError):
            output.resumed |= is_long  # an OutputFolder keeps what it had found there before
            raise


def _patches(
    items: Sequence[LabelledImage], sides: Mapping[str, str] | None, patch_px: int, monitor: Monitor
) -> Iterator[tuple[str, Patch]]:
    """Cut all images, with the side of each patch; without `sides` all are for training."""
    with monitor.progress("cutting patches") as report:
        for done, item in enumerate(items):
            report(done, len(items))
            raster, note = bands_view(open_raster(item.image_path, hash_source=False), n_bands=N_BANDS)
            if note is not None:
                monitor.say(f"{item.name}: {note}")
            for patch in cut_patches(item, raster, patch_px=patch_px):
                yield "train" if sides is None else sides[item.group], patch
        report(len(items), len(items))


def _write(
    patches: PatchFolder, ledger: Ledger | None, side: str, patch: Patch, *, n: int | None, seed: int
) -> list[Row]:
    """Write a patch, on the training side with its variants, unless that was done before an interruption."""
    if ledger is None or n is None:
        return [patches.write(side, patch)]
    rows = ledger.rows(patch.name)
    if rows is None:
        rows = patches.write_variants(side, patch, n=n if side == "train" else 1, seed=seed)
        ledger.finish(patch.name, rows)
    return rows


def _say_shares(rows: Sequence[Row], table: ClassTable, monitor: Monitor) -> None:
    """Say how much of the training side each class has: a rare one is learnt late, an absent one never."""
    train = [row for row in rows if row["split"] == "train"]
    known = sum(row["valid_share"] for row in train)
    shares = {}
    for entry in table.classes:
        column = f"share_{class_slug(entry.name)}"
        covered = sum(row[column] * row["valid_share"] for row in train)
        shares[entry.name] = covered / known if known else 0.0
    monitor.say("known training pixels: " + ", ".join(f"{100 * share:.2f} % {name}" for name, share in shares.items()))
    absent = [name for name, share in shares.items() if not share]
    if absent:
        monitor.say(f"no training pixel is {' or '.join(absent)}; what is not shown cannot be learnt")
