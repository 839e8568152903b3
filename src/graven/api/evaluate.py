"""``graven evaluate``: masks against truth, every metric, per image and over all images."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.api.account import Clock, account, output_hashes
from graven.api.evaluate_files import EvaluatedFiles, Pair, classes_of, find_files, read_class_pair, read_pair
from graven.api.monitor import SILENT, Monitor
from graven.errors import UsageError
from graven.io.folders import OutputFolder
from graven.io.fs import write_text_atomic
from graven.methods.record import write_run
from graven.metrics import BinaryCounts, binary_counts, confusion_matrix, multiclass_scores, score_masks
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
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from graven.report.tables import Cell
    from graven.types import ClassTable

__all__ = ["PROTOCOLS", "Evaluation", "evaluate"]

PROTOCOLS = ("pitoti",)
"""Benchmarks whose own table can be written as well."""

MAX_PICTURES = 12


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate` found.

    Attributes
    ----------
    images : tuple of EvaluationRow
        One per image, and per class where there are several.
    summaries : tuple of EvaluationRow
        Per class the mean of the images' scores and the scores of the summed counts; last, over all classes.
    path : Path or None
        Output folder, where one was asked for.
    benchmark : tuple of dict
        Rows of the table of the benchmark (`graven.report.pitoti.pitoti_rows`); empty where none was asked for.
    """

    images: tuple[EvaluationRow, ...]
    summaries: tuple[EvaluationRow, ...]
    path: Path | None
    benchmark: tuple[dict[str, Cell], ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Give all rows as plain dictionaries; what is undefined for a row is None."""
        return [dict(row) for row in evaluation_rows([*self.images, *self.summaries])]


@dataclass(slots=True)
class _Class:
    """What was counted of one class so far; without a name, of the only one."""

    name: str = ""
    rows: list[EvaluationRow] = field(default_factory=list)
    counts: list[BinaryCounts] = field(default_factory=list)

    def score(self, name: str, pair: Pair, *, tolerance_px: float) -> None:
        """Judge one image."""
        self.counts.append(binary_counts(pair.preds, pair.target, pair.valid))
        scores = score_masks(pair.preds, pair.target, pair.valid, tolerance_px=tolerance_px)
        self.rows.append(EvaluationRow(name, dict(scores), int(pair.valid.sum()), class_name=self.name))

    def summaries(self) -> tuple[EvaluationRow, EvaluationRow]:
        """Give the mean over images and the scores of the summed counts."""
        mean = _mean(self.rows)
        return (
            EvaluationRow("mean over images", mean, class_name=self.name, is_summary=True),
            EvaluationRow("pooled pixels", _pooled(total(self.counts), mean), class_name=self.name, is_summary=True),
        )


def evaluate(
    preds: str | Path,
    target: str | Path,
    *,
    out: str | Path | None = None,
    tolerance_px: float = 2.0,
    protocol: str | None = None,
    group_by: str | None = None,
    classes: Sequence[str] = (),
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Evaluation:
    r"""Compare masks with truth.

    Parameters
    ----------
    preds : str or Path
        A mask, a record that ``segment`` left, or a folder in which masks are found by the stem of each true mask:
        ``<stem>_mask.tif`` as ``segment`` writes it, anywhere below the folder, else a file of the same stem. Values:
        0 background, 1 foreground and 255 unknown in a class raster, 0 and 255 in a plain mask (`graven.io.masks`); 0,
        the number of a class, and 255 where there are several.
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
    classes : sequence of str, optional
        Names of several classes in the order of their numbers from 1 on. Masks of graven name theirs. Each class is
        then scored against all others, and a last row gives accuracy and mean IoU over all, background included.
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
        If there is no such protocol, `group_by` cannot be obeyed, or the protocol is for one class.
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
    pairs = find_files(Path(preds), Path(target), with_panels=protocol == "pitoti")
    groups = None if group_by is None else [group_of(files.name, group_by) for files in pairs]
    table = classes_of(pairs, classes)
    if protocol is not None and table is not None:
        raise UsageError(f"--protocol {protocol} is for masks of one class, these tell {len(table)} apart")
    if table is None:
        images, summaries, overlays, benchmark = _one_class(
            pairs, protocol=protocol, groups=groups, tolerance_px=tolerance_px, monitor=monitor
        )
    else:
        images, summaries, overlays = _several_classes(pairs, table, tolerance_px=tolerance_px, monitor=monitor)
        benchmark = []
    result = Evaluation(tuple(images), tuple(summaries), None if out is None else Path(out), tuple(benchmark))
    if out is not None:
        options = {
            "preds": Path(preds),
            "target": Path(target),
            "out": Path(out),
            "tolerance_px": tolerance_px,
            "protocol": protocol,
            "group_by": group_by,
            "classes": list(classes),
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


def _one_class(
    pairs: Sequence[EvaluatedFiles],
    *,
    protocol: str | None,
    groups: list[str] | None,
    tolerance_px: float,
    monitor: Monitor,
) -> tuple[list[EvaluationRow], list[EvaluationRow], list[EvaluationOverlay], list[dict[str, Cell]]]:
    only = _Class()
    counts_of_truth: list[BinaryCounts] = []
    overlays: list[EvaluationOverlay] = []
    with monitor.progress("scoring") as report:
        for done, files in enumerate(pairs, start=1):
            pair = read_pair(files)
            only.score(files.name, pair, tolerance_px=tolerance_px)
            if protocol == "pitoti":
                counts_of_truth.append(binary_counts(pair.preds, pair.target, pair.target_valid))
            _draw(overlays, files.name, pair)
            report(done, len(pairs))
    table: list[dict[str, Cell]] = []
    if protocol == "pitoti":
        table = pitoti_rows([files.name for files in pairs], counts_of_truth, groups=groups)
    return only.rows, list(only.summaries()), overlays, table


def _several_classes(
    pairs: Sequence[EvaluatedFiles], table: ClassTable, *, tolerance_px: float, monitor: Monitor
) -> tuple[list[EvaluationRow], list[EvaluationRow], list[EvaluationOverlay]]:
    found = {entry.id: _Class(entry.name) for entry in table.classes}
    confusion = np.zeros((len(table) + 1, len(table) + 1), np.int64)
    overlays: list[EvaluationOverlay] = []
    with monitor.progress("scoring") as report:
        for done, files in enumerate(pairs, start=1):
            both = read_class_pair(files, table)
            confusion += confusion_matrix(both.preds, both.target, both.valid, n_classes=len(table) + 1)
            for class_id, one in found.items():
                pair = both.of(class_id)
                one.score(files.name, pair, tolerance_px=tolerance_px)
                _draw(overlays, f"{files.name}, {one.name}", pair)
            report(done, len(pairs))
    rows = [row for image in zip(*(one.rows for one in found.values()), strict=True) for row in image]
    summaries = [row for one in found.values() for row in one.summaries()]
    return rows, [*summaries, _over_all(confusion, summaries[0].scores)], overlays


def _over_all(confusion: NDArray[np.int64], names: Iterable[str]) -> EvaluationRow:
    """Score all classes together, background included."""
    scores = multiclass_scores(confusion)
    known = {"accuracy": scores.accuracy, "miou": scores.miou}
    values = {name: known.get(name) for name in names}
    return EvaluationRow("pooled pixels", values, int(confusion.sum()), class_name="all classes", is_summary=True)


def _draw(overlays: list[EvaluationOverlay], name: str, pair: Pair) -> None:
    if len(overlays) < MAX_PICTURES:
        overlays.append(EvaluationOverlay(name, evaluation_picture(pair.preds, pair.target, pair.valid)))


def _mean(rows: list[EvaluationRow]) -> dict[str, float]:
    return {name: float(np.mean([row.scores[name] for row in rows])) for name in rows[0].scores}


def _pooled(counts: BinaryCounts, names: Iterable[str]) -> dict[str, float | None]:
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
        rows=(*result.images, *result.summaries),
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
