"""The page of the craquelure study, in Markdown: findings, tables, figures, protocol; every sentence computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.report.tables import markdown_table
from graven.studies.craquelure_contenders import (
    CLASSES,
    LAMBDAS,
    LOSSES,
    NETWORKS,
)
from graven.studies.craquelure_judge import BASELINE
from graven.studies.craquelure_summary import compare_paintings
from graven.studies.craquelure_tables import (
    cracks_table,
    lambda_table,
    losses_table,
    networks_table,
    sets_table,
)
from graven.studies.craquelure_words import verdict
from graven.studies.paired import comparisons_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.report.tables import Cell
    from graven.studies.budget import Budget
    from graven.studies.craquelure_contenders import Contender
    from graven.studies.craquelure_protocol import CraquelureProtocol
    from graven.studies.craquelure_tables import Results

__all__ = ["readme"]

THEIRS = (
    "The published values were measured on the authors' photographs, with variants of one picture in training and "
    "test; they stand here for comparison and were not measured on these paintings."
)
COLUMNS = (
    "One confusion matrix over all test paintings, as in the paper; pixels under cracks thinner than a pixel count "
    "nowhere. Precision and recall are means over the three classes, F1 is that of these two. ± is the standard "
    "deviation over seeds. Black-hat + Otsu knows no paint loss."
)
DERIVED = (
    "Of U-Net and MC-DM the paper gives only how far they are behind; those rows subtract the gains as percentage "
    "points. Images per second: single pictures of 512 × 512 px, forward pass and argmax in float32, the median and "
    "the quartiles of 20; published on a GTX 1080 Ti."
)
LOSS_CURVES = "Losses have different scales: what can be compared is the course, not the height."
CRACKS = (
    "Res-UNet with Mixed 1 and two classes. All pictures of one photograph are on one side, as "
    "`graven.studies.crack_sets` has written down; the threshold was chosen on the validation part. Pixels of all "
    "test pictures are pooled, but for the column per picture. Published values are left out: none on these parts "
    "of the sets is known to us. These are roads, concrete and walls, not paintings."
)
MAPS = (
    "show an easy, a median and a hard picture of each set (the quantiles 0.9, 0.5 and 0.1 of F1 at 2 px) as the first "
    "seed and the baseline see them: hits white, misses blue, false alarms orange. They lie in the folder of the study "
    "and are not shown here, since most of these photographs may not be passed on."
)
EQUAL = (
    "Runs of one seed start from the same weights where their network is the same, and see the same crops in the same"
    " order; no run stops early; the weights of the best validation MIoU are tested."
)
LEAKY = (
    "**Leaky split.** Variants of one painting are in training, validation and test, as in the paper. The scores on "
    "paintings say how well a network remembers."
)
FILES = (
    "All settings, seeds, versions and hashes stand in `protocol.json`, every run in `runs.csv`, every mean with its "
    "seeds in `tables.csv`, every test painting in `paintings.csv`, every test picture of cracks in `cracks.csv`."
)


def readme(
    results: Results,
    *,
    protocol: CraquelureProtocol,
    origins: Mapping[str, Mapping[str, Any]],
    runs: Sequence[Mapping[str, Any]],
    command: str,
    pictures: Sequence[str],
) -> str:
    """Write the page of the study.

    Parameters
    ----------
    results : Results
        What was measured.
    protocol : CraquelureProtocol
        What was the same for all.
    origins : mapping of str to mapping
        What the panels are: ``paintings``, and sets of cracks by key.
    runs : sequence of mapping
        Facts of every run, finished or collapsed.
    command : str
        What was typed.
    pictures : sequence of str
        Names of the figures that were drawn.

    Returns
    -------
    str
        Markdown; the same numbers give the same text. A part without a finished run has no section.
    """
    parts = [
        "# Craquelure and paint loss: losses, λ and networks",
        f"Repeated with\n\n```console\n$ {command}\n```",
        "## Result",
        "\n".join(f"* {line}" for line in verdict(results)),
        *([LEAKY] if results.is_leaky and results.paintings else []),
        *_losses(results),
        *_lambda(results),
        *_networks(results),
        *_by_set(results),
        *_cracks(results),
        "## Protocol",
        _protocol(protocol, runs, has_paintings=bool(results.paintings)),
        *_time(runs),
        *(f"Data: {_data(key, origin)}" for key, origin in origins.items()),
        FILES,
        *_collapsed(runs),
    ]
    drawn = [part for part in parts if not part.startswith("![") or part[part.index("(") + 1 : -1] in pictures]
    return "\n\n".join(part.strip() for part in drawn) + "\n"


def _losses(results: Results) -> list[str]:
    if not results.paintings or not results.of(LOSSES):
        return []
    return [
        "## Table 2: five losses",
        f"{COLUMNS} {THEIRS}",
        losses_table(results),
        *_pairs(results, LOSSES, "craquelure"),
        *_pairs(results, LOSSES, "paint loss"),
        "![IoU of craquelure by loss](figure2.png)",
        "## Figure 6: loss curves",
        LOSS_CURVES,
        "![Training loss](figure6.png)",
        "![Validation MIoU](curves.png)",
    ]


def _lambda(results: Results) -> list[str]:
    if len(results.of(LAMBDAS)) < 2:
        return []
    return [
        "## Figure 5: weight of the focal term",
        "The plot of the paper is lost.",
        lambda_table(results),
        *_pairs(results, LAMBDAS, "craquelure"),
        "![IoU over λ](figure5.png)",
    ]


def _networks(results: Results) -> list[str]:
    if len(results.of(NETWORKS)) < 2:
        return []
    return [
        "## Figure 9: three networks",
        DERIVED,
        networks_table(results),
        *_pairs(results, NETWORKS, "miou"),
        *_pairs(results, NETWORKS, "craquelure"),
        "![MIoU by network](figure9.png)",
    ]


def _by_set(results: Results) -> list[str]:
    if len(results.subsets) < 2:
        return []
    return ["## By test set", "IoU of craquelure and of paint loss:", sets_table(results)]


def _cracks(results: Results) -> list[str]:
    if not results.cracks:
        return []
    maps = ", ".join(f"`{key}.png`" for key in results.cracks)
    return ["## Photographed cracks", CRACKS, cracks_table(results), f"{maps} {MAPS}"]


def _pairs(results: Results, table: Mapping[Any, Contender], metric: str) -> list[str]:
    labels = {entry.key: entry.label for entry in results.of(table)}
    if "mixed1" not in labels or len(labels) < 2:
        return []
    name = "MIoU" if metric == "miou" else f"IoU {metric}"
    name += " (leaky split)" if results.is_leaky else ""
    if metric in CLASSES and not any(score.has(CLASSES.index(metric)) for score in results.paintings[BASELINE]):
        return []
    found = compare_paintings("mixed1", results.family(table), metric=metric)
    return [comparisons_table(found, labels, metric=name, items="paintings")]


def _protocol(protocol: CraquelureProtocol, runs: Sequence[Mapping[str, Any]], *, has_paintings: bool) -> str:
    budgets: dict[str, Budget] = {"paintings": protocol.paintings} if has_paintings else {}
    budgets |= {key: budget for key, budget in protocol.cracks.items() if any(run["part"] == key for run in runs)}
    listed = "; ".join(f"{key}: {_budget(budget)}" for key, budget in budgets.items())
    return f"`{protocol.name}`. {listed}. {EQUAL} {protocol.note}"


def _budget(budget: Budget) -> str:
    return (
        f"{budget.epochs} epochs of {budget.crops_per_epoch} crops of {budget.crop_px} px in batches of "
        f"{budget.batch_size}, {budget.steps} updates, highest rate {budget.lr:g}"
    )


def _time(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what the runs of each part took."""
    rows: list[list[Cell]] = []
    for part in dict.fromkeys(run["part"] for run in runs):
        minutes = [run["minutes"] for run in runs if run["part"] == part and run["status"] == "complete"]
        if minutes:
            rows.append([part, len(minutes), f"{sum(minutes) / len(minutes):.1f}", f"{sum(minutes):.0f}"])
    if not rows:
        return []
    done = [run for run in runs if run["status"] == "complete"]
    kinds = sorted({f"{run['device']}, {run['precision']}, {run['threads']} threads" for run in done})
    head = ["Part", "Runs", "Minutes per run", "Minutes in all"]
    return [f"Training and validation took ({'; '.join(kinds)}):", markdown_table(head, rows)]


def _data(key: str, origin: Mapping[str, Any]) -> str:
    panels = origin["panels"]
    sides = f"{panels['train']} for training, {panels['val']} for validation, {panels['test']} for the test"
    if key != "paintings":
        photographs = origin["photographs"]
        text = (
            f"`{key}`, {sides}, of {photographs['train']}, {photographs['val']} and {photographs['test']} photographs"
        )
        return text + (f"; {origin['left_out']} left out, siblings of the test." if origin["left_out"] else ".")
    kind = (
        f"procedural paintings of generator {origin['generator']}, {origin['panel_px']} px of "
        f"{origin['pixel_size_mm']:g} mm"
    )
    if origin["leaky"]:
        return f"{kind}, slices of {origin['slice_px']} px in {origin['variants']} variants, split at random: {sides}."
    return f"{kind}: {sides}. The test seeds were frozen before anything was trained."


def _collapsed(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"* {run['contender']}, seed {run['seed']}: {run['reason']}" for run in runs if "reason" in run]
    return ["## Runs without a result", "\n".join(lines)] if lines else []
