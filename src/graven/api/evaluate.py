"""``graven evaluate``: masks against truth, every metric, per image and over all images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.api.monitor import SILENT, Monitor
from graven.errors import DataError, MismatchError
from graven.io.folders import OutputFolder
from graven.io.fs import write_text_atomic
from graven.io.masks import read_mask
from graven.metrics import BinaryCounts, binary_counts, score_masks
from graven.metrics.aggregate import total
from graven.metrics.binary import accuracy, f1, iou, miou, precision, recall
from graven.report import (
    EvaluationOverlay,
    EvaluationReport,
    EvaluationRow,
    csv_table,
    evaluation_overlay,
    evaluation_report,
    evaluation_rows,
)
from graven.report.overview import overview_factor, shrink_max

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Evaluation", "evaluate"]

SUFFIXES = (".tif", ".tiff", ".png")
PICTURE_PX = 900
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
    """

    images: tuple[EvaluationRow, ...]
    mean: EvaluationRow
    pooled: EvaluationRow
    path: Path | None

    def rows(self) -> list[dict[str, Any]]:
        """Give all rows as plain dictionaries; what is undefined for a row is None."""
        return [dict(row) for row in evaluation_rows([*self.images, self.mean, self.pooled])]


@dataclass(frozen=True, slots=True)
class _Pair:
    """A prediction with its truth, read."""

    name: str
    preds: NDArray[np.bool_]
    target: NDArray[np.bool_]
    valid: NDArray[np.bool_]


def evaluate(
    preds: str | Path,
    target: str | Path,
    *,
    out: str | Path | None = None,
    tolerance_px: float = 2.0,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Evaluation:
    """Compare masks with truth.

    Parameters
    ----------
    preds : str or Path
        A mask, a record that ``segment`` left, or a folder in which masks are found by the stem of each true mask:
        ``<stem>_mask.tif`` as ``segment`` writes it, anywhere below the folder, else a file of the same stem. Values:
        0 background, 1 foreground and 255 unknown in a class raster, 0 and 255 in a plain mask (`graven.io.masks`).
    target : str or Path
        A true mask, or a folder of them.
    out : str or Path, optional
        Folder for ``scores.json``, ``scores.csv`` and ``evaluation.html``.
    tolerance_px : float, pixels
        Tolerance of boundary F and of the tolerance scores.
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
    MismatchError
        If a prediction is missing or has another size.
    DataError
        If a file is refused or a folder empty.
    """
    pairs = _pairs(Path(preds), Path(target))
    images: list[EvaluationRow] = []
    counts: list[BinaryCounts] = []
    overlays: list[EvaluationOverlay] = []
    with monitor.progress("scoring") as report:
        for done, (name, preds_path, target_path) in enumerate(pairs, start=1):
            pair = _read_pair(name, preds_path, target_path)
            counts.append(binary_counts(pair.preds, pair.target, pair.valid))
            scores = score_masks(pair.preds, pair.target, pair.valid, tolerance_px=tolerance_px)
            images.append(EvaluationRow(name, dict(scores), int(pair.valid.sum())))
            if out is not None and len(overlays) < MAX_PICTURES:
                overlays.append(EvaluationOverlay(name, _picture(pair)))
            report(done, len(pairs))
    mean = EvaluationRow("mean over images", _mean(images), is_summary=True)
    pooled = EvaluationRow("pooled pixels", _pooled(total(counts), list(mean.scores)), is_summary=True)
    result = Evaluation(tuple(images), mean, pooled, None if out is None else Path(out))
    if out is not None:
        _write(result, Path(out), overlays, title=Path(preds).name, overwrite=overwrite)
    return result


def _pairs(preds: Path, target: Path) -> list[tuple[str, Path, Path]]:
    if target.is_file():
        found = [preds] if preds.is_file() else sorted(preds.glob("*_mask.tif"))
        if len(found) != 1:
            raise MismatchError(f"the truth is one file, so one mask or one record is needed, {preds} has {len(found)}")
        return [(target.stem, found[0], target)]
    if not target.is_dir() or not preds.is_dir():
        raise MismatchError(f"expected two masks or two folders of masks, got {preds} and {target}")
    truths = sorted(path for path in target.iterdir() if path.suffix.lower() in SUFFIXES)
    if not truths:
        raise DataError(f"{target} holds no masks ({', '.join(SUFFIXES)})")
    return [(path.stem, _prediction(preds, path.stem), path) for path in truths]


def _prediction(folder: Path, stem: str) -> Path:
    for pattern in (f"{stem}_mask.*", f"{stem}.*"):
        found = sorted(path for path in folder.rglob(pattern) if path.suffix.lower() in SUFFIXES)
        if len(found) > 1:
            raise MismatchError(
                f"{folder} holds {len(found)} predictions for {stem!r}; keep one: {found[0]}, {found[1]} …"
            )
        if found:
            return found[0]
    raise MismatchError(f"{folder} holds no prediction for {stem!r}; expected {stem}_mask.tif or a file of that stem")


def _read_pair(name: str, preds_path: Path, target_path: Path) -> _Pair:
    preds, preds_valid = read_mask(preds_path)
    target, target_valid = read_mask(target_path)
    if preds.shape != target.shape:
        raise MismatchError(
            f"{preds_path.name} has {preds.shape[0]} x {preds.shape[1]} px, "
            f"{target_path.name} has {target.shape[0]} x {target.shape[1]}; they must be of one image"
        )
    return _Pair(name, preds, target, preds_valid & target_valid)


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
        "miou": miou,
    }
    return {name: known[name](counts) if name in known else None for name in names}


def _picture(pair: _Pair) -> NDArray[np.uint8]:
    factor = overview_factor(*pair.target.shape, long_side_px=PICTURE_PX)
    small = [shrink_max(mask, factor) for mask in (pair.preds, pair.target, pair.valid)]
    return evaluation_overlay(small[0], small[1], valid=small[2])


def _write(result: Evaluation, out: Path, overlays: list[EvaluationOverlay], *, title: str, overwrite: bool) -> None:
    rows = result.rows()
    page = EvaluationReport(
        title=title,
        date="",
        version=__version__,
        rows=(*result.images, result.mean, result.pooled),
        overlays=tuple(overlays),
        notes=("Pixels that either mask does not know are not judged.",),
    )
    with OutputFolder(out, overwrite=overwrite) as output:
        write_text_atomic(output.path / "scores.json", json.dumps(rows, indent=2, allow_nan=False) + "\n")
        write_text_atomic(output.path / "scores.csv", csv_table(list(rows[0]), [list(row.values()) for row in rows]))
        write_text_atomic(output.path / "evaluation.html", evaluation_report(page))
        write_text_atomic(output.path / "run.json", json.dumps({"command": "evaluate", "graven": __version__}) + "\n")
