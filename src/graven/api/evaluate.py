"""``graven evaluate``: masks against truth, every metric, per image and over all images."""

from __future__ import annotations

import glob
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.api.account import Clock, account, output_hashes, source_of
from graven.api.monitor import SILENT, Monitor
from graven.errors import DataError, MismatchError, UsageError
from graven.io.folders import OutputFolder
from graven.io.fs import write_text_atomic
from graven.io.maskfolders import PITOTI_TRUTH, pitoti_files
from graven.io.masks import read_mask
from graven.methods.record import write_run
from graven.metrics import BinaryCounts, binary_counts, score_masks
from graven.metrics.aggregate import total
from graven.metrics.binary import (
    accuracy,
    f1,
    false_alarm_rate_pitoti,
    iou,
    iou_background,
    miou,
    precision,
    recall,
)
from graven.prepare.splits import group_of
from graven.report import (
    EvaluationOverlay,
    EvaluationReport,
    EvaluationRow,
    csv_table,
    evaluation_picture,
    evaluation_report,
    evaluation_rows,
    pitoti_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from graven.report.tables import Cell

__all__ = ["PROTOCOLS", "Evaluation", "evaluate"]

PROTOCOLS = ("pitoti",)
"""Benchmarks whose own table can be written as well."""

SUFFIXES = (".tif", ".tiff", ".png")
MAX_PICTURES = 12


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate` found.

    Attributes
    ----------
    images : tuple of EvaluationRow
        One per image.
    mean, pooled : EvaluationRow
        Mean of the images' scores, and scores of the summed counts.
    path : Path or None
        Output folder, where one was asked for.
    benchmark : tuple of dict
        Rows of the table of the benchmark (`graven.report.pitoti.pitoti_rows`); empty where none was asked for.
    """

    images: tuple[EvaluationRow, ...]
    mean: EvaluationRow
    pooled: EvaluationRow
    path: Path | None
    benchmark: tuple[dict[str, Cell], ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Give all rows as plain dictionaries; what is undefined for a row is None."""
        return [dict(row) for row in evaluation_rows([*self.images, self.mean, self.pooled])]


@dataclass(frozen=True, slots=True)
class _Files:
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
class _Pair:
    """A prediction with its truth, read; where truth is known, and where both are."""

    name: str
    preds: NDArray[np.bool_]
    target: NDArray[np.bool_]
    target_valid: NDArray[np.bool_]
    valid: NDArray[np.bool_]


def evaluate(
    preds: str | Path,
    target: str | Path,
    *,
    out: str | Path | None = None,
    tolerance_px: float = 2.0,
    protocol: str | None = None,
    group_by: str | None = None,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Evaluation:
    r"""Compare masks with truth.

    Parameters
    ----------
    preds : str or Path
        A mask, a record that ``segment`` left, or a folder in which masks are found by the stem of each true mask:
        ``<stem>_mask.tif`` as ``segment`` writes it, anywhere below the folder, else a file of the same stem. Values:
        0 background, 1 foreground and 255 unknown in a class raster, 0 and 255 in a plain mask (`graven.io.masks`).
    target : str or Path
        A true mask, or a folder of them.
    out : str or Path, optional
        Folder for ``scores.json``, ``scores.csv``, ``evaluation.html`` and the table of the benchmark.
    tolerance_px : float, pixels
        Tolerance of boundary F and of the tolerance scores.
    protocol : {"pitoti"}, optional
        Also set the table of a benchmark, ``pitoti.json`` and ``pitoti.csv``. Truth is then taken as the authors of
        3D-Pitoti distribute it, ``<name>_gt.tif`` with ``<name>.d_mask.png`` beside it, where `target` is or holds
        such files. Every pixel inside the mask counts; what a prediction does not know is background there.
    group_by : str, optional
        Regular expression matched at the start of each name; its first group (or the whole match) names the site or
        fold, which gets a mean and an overall row in the table of the benchmark.
    overwrite : bool
        Replace an earlier output.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Evaluation
        Scores per image, their mean, and scores of the summed counts.

    Raises
    ------
    UsageError
        If there is no such protocol, or `group_by` cannot be obeyed.
    MismatchError
        If a prediction is missing or has another size.
    DataError
        If a file is refused or a folder empty.
    """
    if protocol is not None and protocol not in PROTOCOLS:
        raise UsageError(f"--protocol takes {', '.join(PROTOCOLS)}, got {protocol!r}")
    if protocol is None and group_by is not None:
        raise UsageError("--group-by belongs to --protocol, whose table has rows for sites")
    clock = Clock()
    pairs = _pairs(Path(preds), Path(target), with_panels=protocol == "pitoti")
    groups = None if group_by is None else [group_of(files.name, group_by) for files in pairs]
    images: list[EvaluationRow] = []
    counts: list[BinaryCounts] = []
    counts_of_truth: list[BinaryCounts] = []
    overlays: list[EvaluationOverlay] = []
    with monitor.progress("scoring") as report:
        for done, files in enumerate(pairs, start=1):
            pair = _read_pair(files)
            counts.append(binary_counts(pair.preds, pair.target, pair.valid))
            if protocol == "pitoti":
                counts_of_truth.append(binary_counts(pair.preds, pair.target, pair.target_valid))
            scores = score_masks(pair.preds, pair.target, pair.valid, tolerance_px=tolerance_px)
            images.append(EvaluationRow(pair.name, dict(scores), int(pair.valid.sum())))
            if out is not None and len(overlays) < MAX_PICTURES:
                overlays.append(EvaluationOverlay(pair.name, evaluation_picture(pair.preds, pair.target, pair.valid)))
            report(done, len(pairs))
    mean = EvaluationRow("mean over images", _mean(images), is_summary=True)
    pooled = EvaluationRow("pooled pixels", _pooled(total(counts), list(mean.scores)), is_summary=True)
    table: list[dict[str, Cell]] = []
    if protocol == "pitoti":
        table = pitoti_rows([files.name for files in pairs], counts_of_truth, groups=groups)
    result = Evaluation(tuple(images), mean, pooled, None if out is None else Path(out), tuple(table))
    if out is not None:
        options = {
            "preds": Path(preds),
            "target": Path(target),
            "out": Path(out),
            "tolerance_px": tolerance_px,
            "protocol": protocol,
            "group_by": group_by,
        }
        with OutputFolder(out, overwrite=overwrite) as output:
            _write(output.path, result, overlays, title=Path(preds).name)
            told = account(
                "evaluate",
                clock=clock,
                options=options,
                inputs=[source for files in pairs for source in files.sources()],
                outputs=output_hashes(output.path),
                n_images=len(pairs),
            )
            write_run(output.path, told)
    return result


def _pairs(preds: Path, target: Path, *, with_panels: bool) -> list[_Files]:
    if target.is_file():
        found = [preds] if preds.is_file() else sorted(preds.glob("*_mask.tif"))
        if len(found) != 1:
            raise MismatchError(f"the truth is one file, so one mask or one record is needed, {preds} has {len(found)}")
        name, valid = _panel(target) if with_panels else (target.stem, None)
        return [_Files(name, found[0], target, valid)]
    if not target.is_dir() or not preds.is_dir():
        raise MismatchError(f"expected two masks or two folders of masks, got {preds} and {target}")
    truths = sorted(path for path in target.iterdir() if path.suffix.lower() in SUFFIXES)
    if not truths:
        raise DataError(f"{target} holds no masks ({', '.join(SUFFIXES)})")
    panels = [path for path in truths if path.name.endswith(PITOTI_TRUTH)]
    if not with_panels or not panels:
        return [_Files(path.stem, _prediction(preds, path.stem), path) for path in truths]
    named = [(path, *_panel(path)) for path in panels]
    return [_Files(name, _prediction(preds, name), path, valid) for path, name, valid in named]


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


def _read_pair(files: _Files) -> _Pair:
    preds, preds_valid = read_mask(files.preds)
    target, target_valid = read_mask(files.target)
    if preds.shape != target.shape:
        raise MismatchError(
            f"{files.preds.name} has {preds.shape[0]} x {preds.shape[1]} px, "
            f"{files.target.name} has {target.shape[0]} x {target.shape[1]}; they must be of one image"
        )
    if files.valid is not None:
        target_valid &= read_mask(files.valid, size=target.shape)[0]
    return _Pair(files.name, preds, target, target_valid, preds_valid & target_valid)


def _mean(rows: list[EvaluationRow]) -> dict[str, float]:
    return {name: float(np.mean([row.scores[name] for row in rows])) for name in rows[0].scores}


def _pooled(counts: BinaryCounts, names: list[str]) -> dict[str, float | None]:
    """Score summed counts; what is no function of pixel counts has no pooled value."""
    known = {
        "accuracy": accuracy,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "dsc": f1,
        "iou": iou,
        "iou_background": iou_background,
        "miou": miou,
        "false_alarm_rate": false_alarm_rate_pitoti,
    }
    return {name: known[name](counts) if name in known else None for name in names}


def _write(folder: Path, result: Evaluation, overlays: list[EvaluationOverlay], *, title: str) -> None:
    page = EvaluationReport(
        title=title,
        date="see run.json",
        version=__version__,
        rows=(*result.images, result.mean, result.pooled),
        overlays=tuple(overlays),
        notes=("Pixels that either mask does not know are not judged.",),
    )
    _write_rows(folder, "scores", result.rows())
    if result.benchmark:
        _write_rows(folder, "pitoti", result.benchmark)
    write_text_atomic(folder / "evaluation.html", evaluation_report(page))


def _write_rows(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    write_text_atomic(folder / f"{name}.json", json.dumps(rows, indent=2, allow_nan=False) + "\n")
    write_text_atomic(folder / f"{name}.csv", csv_table(list(rows[0]), [list(row.values()) for row in rows]))
