"""The page of the BEGL study, in Markdown: result, tables, figures, protocol; every sentence computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graven.metrics import miou, precision, recall
from graven.report.tables import markdown_table
from graven.studies.begl_protocol import CONTENDERS, VARIANTS
from graven.studies.begl_summary import paired_difference
from graven.studies.begl_tables import BASELINE, differences_table, table_markdown
from graven.studies.begl_words import verdict
from graven.studies.running import PLATEAU

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.report.tables import Cell
    from graven.studies.begl_protocol import Protocol
    from graven.studies.begl_tables import Results

__all__ = ["readme"]

THEIRS = (
    "The published values were measured on 3D-Pitoti, with patches of one panel in training and test; they stand here "
    "for comparison and were not measured on these data."
)
COLUMNS = "F1 and DSC are one quantity for two classes. MIoU is the mean of foreground and background. 0/0 counts as 0."
MAPS = (
    "Hits are white, misses blue, false alarms orange; one seed of each loss. The patches are chosen by rule, at the "
    "quantiles 0.9, 0.5 and 0.1 of MIoU over all losses. Figure 7 enlarges the place on which the losses disagree most."
)
EQUAL = (
    "Runs of one seed start from the same weights and see the same crops in the same order; no run stops early; the "
    "weights of the best validation MIoU are tested."
)
FILTER = "at least 0.1 % of their valid pixels; the paper's filter, here given the truth"
SHARE = (
    "The paper's is about 0.25, as follows from its own table. `table1.csv` also has pooled values over all patches."
)
FILES = "All settings, seeds, versions and hashes stand in `protocol.json`, every run in `runs.csv`, every patch in"


def readme(
    results: Results,
    *,
    protocol: Protocol,
    origin: Mapping[str, Any],
    counts: Mapping[str, int],
    runs: Sequence[Mapping[str, Any]],
    n_seeds: int,
    command: str,
    shown: Mapping[str, str],
) -> str:
    """Write the page of the study.

    Parameters
    ----------
    results : Results
        What was measured.
    protocol : Protocol
        What was the same for all.
    origin : mapping
        What the panels are.
    counts : mapping of str to int
        Panels per side.
    runs : sequence of mapping
        Facts of every run, finished or collapsed.
    n_seeds : int
        Seeds per loss.
    command : str
        What was typed.
    shown : mapping of str to str
        Title by name of the patches in Figures 6 and 7.

    Returns
    -------
    str
        Markdown; the same numbers give the same text.
    """
    n_kept = len(results.kept(BASELINE))
    patches = ", ".join(f"{title} {name}" for name, title in shown.items())
    parts = [
        "# Five losses, one U-Net: the BEGL study",
        f"Repeated with\n\n```console\n$ {command}\n```",
        "## Result",
        "\n".join(f"* {line}" for line in verdict(results)),
        "## Table 1",
        f"Mean over {n_kept} test patches with foreground; ± is the standard deviation over {n_seeds} seeds. {THEIRS}",
        table_markdown(results, reduction="mean over images"),
        COLUMNS,
        "## Pooled pixels",
        "The same patches, every pixel weighing the same:",
        table_markdown(results, reduction="pooled", published=False),
        *_by_set(results),
        "## Loss against loss",
        *_pairs(results),
        "## Spread over patches",
        _spread_table(results),
        "![Box plots of MIoU](figure5.png)",
        "## Maps",
        f"{MAPS} The patches are: {patches}.",
        "![Maps](figure6.png)",
        "![Zooms](figure7.png)",
        "![Validation curves](curves.png)",
        "## Protocol",
        _protocol(protocol, n_seeds=n_seeds),
        _budget(protocol, runs),
        f"Data: {_data(origin, counts)}",
        _test(results, protocol),
        f"{FILES} `results.csv`.",
        *_collapsed(runs),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _protocol(protocol: Protocol, *, n_seeds: int) -> str:
    steps = protocol.crops_per_epoch // protocol.batch_size * protocol.epochs
    widths = "-".join(map(str, protocol.widths))
    budget = (
        f"{protocol.epochs} epochs of {protocol.crops_per_epoch} crops of {protocol.crop_px} px around foreground, "
        f"batches of {protocol.batch_size}, {steps} updates"
    )
    rate = f"Adam at {protocol.lr:g}, falling as 1/(1 + 1e-6 n)"
    return (
        f"`{protocol.name}`: U-Net of widths {widths} without normalisation; {budget}; {rate}; flips, quarter turns; "
        f"reversal and CLAHE of whole panels; {n_seeds} seeds. {EQUAL} {protocol.note}"
    )


def _budget(protocol: Protocol, runs: Sequence[Mapping[str, Any]]) -> str:
    """Say whether the epochs were enough, as far as validation tells."""
    done = [run for run in runs if run["status"] == "complete"]
    last = sum(run["best_epoch"] == protocol.epochs for run in done)
    flat = [run["plateau_epoch"] for run in done]
    rise = f"Validation MIoU came within {PLATEAU:g} of its best after {min(flat):g} to {max(flat):g} epochs"
    return f"{rise}; {last} of {len(done)} runs were best after the last one, and might have gained from more."


def _data(origin: Mapping[str, Any], counts: Mapping[str, int]) -> str:
    noun = "panels" if origin["kind"] == "procedural panels" else "images"
    sides = (
        f"{counts['train']} {noun} for training ({counts['train_with_foreground']} with foreground), "
        f"{counts['val']} for validation, {counts['test']} for the test."
    )
    if origin["kind"] == "procedural panels":
        size = f"{origin['panel_px']} px of {origin['pixel_size_mm']:g} mm"
        kind = f"procedural panels of generator {origin['generator']}, {size}"
        return f"{kind}; {sides} The test seeds were frozen before anything was trained."
    leak = " Patches of one panel are in training and test, so all scores are too good." if origin["leaky"] else ""
    n_groups = " + ".join(str(len(origin["groups"][side])) for side in ("train", "val", "test"))
    return f"labelled images of `{origin['name']}`, split {origin['split']} ({n_groups} groups); {sides}{leak}"


def _test(results: Results, protocol: Protocol) -> str:
    kept = results.kept(BASELINE)
    total = sum((score.counts for score in kept[1:]), kept[0].counts)
    share = (total.tp + total.fn) / total.total
    return (
        f"Test: {len(results.scores[BASELINE])} patches of {protocol.crop_px} px, of which {len(kept)} hold foreground "
        f"({FILTER}). The foreground share of these is {share:.3f}. {SHARE}"
    )


def _by_set(results: Results) -> list[str]:
    if len(results.subsets) < 2:
        return []
    parts = ["## By degradation"]
    for subset in results.subsets:
        n = len(results.kept(BASELINE, subset))
        if n:
            parts.append(f"**{subset}**, mean over {n} patches:")
            parts.append(table_markdown(results, reduction="mean over images", subset=subset, published=False))
    return parts


def _pairs(results: Results) -> list[str]:
    keys = [entry.key for entry in results.contenders]
    if "begl" not in keys or len(keys) < 2:
        return ["BEGL was not compared with another loss in this run of the study."]
    labels = {entry.key: entry.label for entry in results.contenders}
    begl = results.kept("begl")
    differences = [paired_difference(begl, results.kept(key)) for key in keys if key != "begl"]
    intro = (
        f"On the same patches, each averaged over seeds. The interval comes from drawing the {differences[0].n_panels} "
        "test panels (or photographs) anew; it says how much depends on their choice, not on the choice of seeds."
    )
    return [intro, differences_table(differences, labels)]


def _spread_table(results: Results) -> str:
    """Quartiles, outliers, outlines, and whether a loss finds too much: for the claim that BEGL spreads least."""
    rows: list[list[Cell]] = []
    for entry in results.contenders:
        scores = results.kept(entry.key)
        values = np.array([miou(score.counts) for score in scores])
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        reach = 1.5 * (high - low)
        outliers = int(np.count_nonzero((values < low - reach) | (values > high + reach)))
        outlines = results.summary(entry.key, reduction="mean over images").mean("boundary_f1")
        over = float(np.mean([recall(score.counts) > precision(score.counts) for score in scores]))
        rows.append([entry.label, float(middle), float(high - low), outliers, outlines, f"{over:.0%}"])
    head = ["Loss", "Median MIoU", "Quartile range", "Outliers", "Boundary F (2 px)", "Recall above precision on"]
    return markdown_table(head, rows)


def _collapsed(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    labels = {key: entry.label for key, entry in {**CONTENDERS, **VARIANTS}.items()}
    lines = [f"* {labels[run['loss']]}, seed {run['seed']}: {run['reason']}" for run in runs if "reason" in run]
    return ["## Runs without a result", "\n".join(lines)] if lines else []
