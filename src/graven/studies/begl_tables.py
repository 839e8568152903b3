"""Table 1 of the BEGL study, measured and published side by side, as Markdown and as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.report.tables import csv_table, markdown_table
from graven.studies.begl_protocol import CONTENDERS, METRICS, PUBLISHED
from graven.studies.begl_summary import summarise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.report.tables import Cell
    from graven.studies.begl_protocol import Contender
    from graven.studies.begl_scores import PatchScore
    from graven.studies.begl_summary import Difference, Reduction, Summary

__all__ = ["BASELINE", "BASELINE_LABEL", "Results", "differences_table", "table_csv", "table_markdown"]

BASELINE, BASELINE_LABEL = "clahe-otsu", "CLAHE + Otsu (no learning)"
HEADS = ("Accuracy", "Precision", "Recall", "F1", "MIoU", "DSC")


@dataclass(frozen=True, slots=True)
class Results:
    """All patch scores of a study.

    Attributes
    ----------
    contenders : tuple of Contender
        The losses that have at least one finished run, in the order of the tables.
    scores : dict of str to sequence of PatchScore
        By key of the loss, and of the baseline; all test patches, kept or not.
    """

    contenders: tuple[Contender, ...]
    scores: Mapping[str, Sequence[PatchScore]]

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the test sets, in the order of the patches."""
        return tuple(dict.fromkeys(score.subset for score in self.scores[BASELINE]))

    def kept(self, loss: str, subset: str | None = None) -> list[PatchScore]:
        """Give the scores on patches that hold foreground, of one test set or of all."""
        return [score for score in self.scores[loss] if score.kept and subset in (None, score.subset)]

    def summary(self, loss: str, *, reduction: Reduction, subset: str | None = None) -> Summary:
        """Reduce the kept patches of a loss."""
        return summarise(self.kept(loss, subset), reduction=reduction)

    def summary_with_empty(self, loss: str) -> Summary:
        """Pool all patches of a loss, those without foreground included."""
        return summarise(list(self.scores[loss]), reduction="pooled")


def table_markdown(results: Results, *, reduction: Reduction, subset: str | None = None, published: bool = True) -> str:
    """Set Table 1.

    Parameters
    ----------
    results : Results
        What was measured.
    reduction : {"mean over images", "pooled"}
        How patches are joined.
    subset : str, optional
        One test set; default is all.
    published : bool
        Set the published values below the measured ones.

    Returns
    -------
    str
        A Markdown table: for each loss mean ± standard deviation over seeds, and the published row; then, marked, the
        variants, and the baseline.
    """
    rows: list[list[Cell]] = []
    for contender in results.contenders:
        found = results.summary(contender.key, reduction=reduction, subset=subset)
        label = f"{contender.label} (variant, not the paper's)" if contender.is_variant else contender.label
        rows.append([label, "measured", *_measured(found)])
        if published and not contender.is_variant:
            rows.append(["", "published", *(f"{PUBLISHED[contender.key][name]:.3f}" for name in METRICS)])
    rows.append([BASELINE_LABEL, "measured", *_measured(results.summary(BASELINE, reduction=reduction, subset=subset))])
    return markdown_table(["Loss", "", *HEADS], rows)


def _measured(summary: Summary) -> list[str]:
    cells = []
    for name in METRICS:
        sd = summary.sd(name)
        cells.append(f"{summary.mean(name):.3f}" + ("" if sd is None else f" ± {sd:.3f}"))
    return cells


def table_csv(results: Results) -> str:
    """Write all tables as one: a row per loss, test set and reduction, with mean and spread over seeds.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        CSV. ``kind`` is measured, variant, baseline or published; ``patches`` is ``kept`` (with foreground) or ``all``.
    """
    metrics = (*METRICS, "boundary_f1")
    spread = [f"{name}_{part}" for name in metrics for part in ("mean", "sd")]
    head = ["loss", "kind", "set", "patches", "reduction", "n_seeds", "n_images", *spread]
    rows: list[list[Cell]] = []

    def add(summary: Summary, kind: str, subset: str, patches: str) -> None:
        cells: list[Cell] = [summary.loss, kind, subset, patches, summary.reduction, summary.n_seeds, summary.n_images]
        for name in metrics:
            known = name in summary.by_seed
            cells += [summary.mean(name), summary.sd(name)] if known else [None, None]
        rows.append(cells)

    kinds = {entry.key: "variant" if entry.is_variant else "measured" for entry in results.contenders}
    subsets = results.subsets
    for key, kind in {**kinds, BASELINE: "baseline"}.items():
        for subset in (None, *(subsets if len(subsets) > 1 else ())):
            if not results.kept(key, subset):
                continue
            for reduction in ("mean over images", "pooled"):
                add(results.summary(key, reduction=reduction, subset=subset), kind, subset or "all", "kept")
        add(results.summary_with_empty(key), kind, "all", "all")
    for key in CONTENDERS:
        theirs: list[Cell] = [key, "published", "3D-Pitoti", "kept", "mean over images", None, None]
        for name in METRICS:
            theirs += [PUBLISHED[key][name], None]
        rows.append([*theirs, None, None])
    return csv_table(head, rows)


def differences_table(differences: Sequence[Difference], labels: Mapping[str, str]) -> str:
    """Set the paired comparison of BEGL with the others in Markdown.

    Parameters
    ----------
    differences : sequence of Difference
        Comparisons.
    labels : mapping of str to str
        Printed name of each loss.

    Returns
    -------
    str
        A Markdown table.
    """
    rows: list[list[Cell]] = [
        [
            f"{labels[entry.loss]} − {labels[entry.other]}",
            f"{entry.mean:+.4f}",
            f"{entry.low:+.4f} to {entry.high:+.4f}",
            f"{entry.wins:.0%}",
        ]
        for entry in differences
    ]
    return markdown_table(["Difference of MIoU", "Mean", "95 % over panels", "Better on"], rows)
