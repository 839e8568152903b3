"""The page of the refinement study, in Markdown: findings, tables, figures, protocol; every sentence computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.report.tables import markdown_table
from graven.studies.paired import comparisons_table
from graven.studies.refinement_contenders import EARLY_PFM, MODALITIES, OF_PART, OUR_KEEPING
from graven.studies.refinement_modality_words import modalities_section
from graven.studies.refinement_summary import compare_patches
from graven.studies.refinement_tables import (
    first_table,
    objects_table,
    refiners_table,
    sets_table,
    work_table,
)
from graven.studies.refinement_words import verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.report.tables import Cell
    from graven.studies.budget import Budget
    from graven.studies.refinement_protocol import RefinementProtocol
    from graven.studies.refinement_summary import Results

__all__ = ["readme"]

THEIRS = "Published values were measured on scans of Etruscan mirrors; they stand here for comparison."
FIRST = (
    "Patches lie side by side, and the pixels of all of them are pooled. Objects are predicted in patches that overlap "
    "by half, and their means are given. pFM is the pseudo-F-measure, whose recall is taken on the thinned truth. ± is "
    "the standard deviation over seeds of the networks."
)
ONE_STROKE = (
    "On each patch of the test a simulated person draws one stroke, an addition or an erasure, on the longest error of "
    "the first answer; the network answers, and nothing is written into its answer. Beside it stands the first answer "
    "with the stroke written in."
)
WIDTHS = (
    "Thin is the mean half-width less two standard deviations, in dilation steps; mean is the mean; sampled is drawn "
    "from the fitted distribution. Each network is judged by strokes as wide as those it learned from."
)
STROKES = (
    "The published simulation takes eleven pixels of an error in raster order; *along the line* takes them as a person "
    "would draw them. *Many strokes* also learns from up to {n} strokes at once."
)
WORK = (
    "A simulated person works on a whole object, worst patch first, until nothing helps any more: {n} persons on each "
    "of {objects} objects (in the other tables {few}), with the networks of at most {seeds} seeds. All scores include "
    "the strokes, written in. Peak: of the relative improvement of pFM over the same strokes alone, averaged over "
    "persons, smoothed over 8 records (at most a third of them), then averaged over objects. Workload saved: the "
    "share of the pixels that need not be drawn for the pFM that strokes alone have in the end; where it is not "
    "reached nothing is saved, although the official expression says all. Worst fall: of the refined pFM below its "
    "running maximum, over all runs. *As published* keeps all of each answer; *ours* is the network that learned from "
    "many strokes, with the rule *{ours}*. The early start is the first network when its validation pFM was nearest "
    "to {early:g}, with a refining network of its own."
)
OPERATIONS = "The network as published; the person may add, erase, or do both."
KEEPING = (
    "How much of a new answer replaces the earlier one (`graven.refine.keeping`). *official* is all of it; *oracle* "
    "knows the truth, and bounds what a choice per patch can reach."
)
MAPS = (
    "Hits are white, misses blue, false alarms orange. The first person, when nothing helped any more; below each "
    "object the square in which most was changed."
)
FILES = (
    "All settings, seeds, versions and hashes stand in `protocol.json`, every run in `runs.csv`, every mean with its "
    "seeds in `tables.csv`, every test panel in `patches.csv`, every record of every person in `objects.csv`."
)
EQUAL = (
    "Networks of one seed that refine start from the same weights and see the same crops in the same order; no run "
    "stops early. Weights are chosen on the validation panels: of the first network by pFM, of the others by pFM over "
    "that of the strokes alone."
)


def readme(
    results: Results,
    *,
    protocol: RefinementProtocol,
    origin: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    command: str,
    pictures: Sequence[str],
) -> str:
    """Write the page of the study.

    Parameters
    ----------
    results : Results
        What was measured.
    protocol : RefinementProtocol
        What was the same for all.
    origin : mapping
        Facts of the data.
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
        "# Refinement by strokes: inputs, widths, operations, effort",
        f"Repeated with\n\n```console\n$ {command}\n```",
        "## Result",
        "\n".join(f"* {line}" for line in verdict(results)),
        "## The first network",
        f"{FIRST} {THEIRS}",
        first_table(results),
        *modalities_section(results),
        *_networks(results, protocol),
        *_objects(results, protocol),
        *_trials(results, "operations", "Operations", OPERATIONS),
        *_trials(results, "keeping", "What is kept of an answer", KEEPING),
        *_by_set(results),
        "## Protocol",
        _protocol(protocol),
        *_time(runs),
        _data(origin),
        FILES,
        *_collapsed(runs),
    ]
    drawn = [part for part in parts if not part.startswith("![") or part[part.index("(") + 1 : -1] in pictures]
    return "\n\n".join(part.strip() for part in drawn) + "\n"


def _networks(results: Results, protocol: RefinementProtocol) -> list[str]:
    """Write the sections on single strokes."""
    heads = {
        "inputs": ("Table 1: what the refining network sees", ONE_STROKE),
        "widths": ("Width of the strokes", WIDTHS),
        "strokes": ("Order and number of the strokes", STROKES.format(n=protocol.most_strokes)),
    }
    parts = []
    for part, (head, text) in heads.items():
        entries = results.refiners(OF_PART[part])
        if len(entries) < 2:
            continue
        parts += [f"## {head}", text, refiners_table(results, part)]
        if any(entry.key == "published" for entry in entries):
            scores = {entry.key: results.patches[entry.key] for entry in entries}
            labels = {entry.key: entry.label for entry in entries}
            parts.append(comparisons_table(compare_patches("published", scores), labels, metric="pFM", items="panels"))
        if part == "strokes" and results.trials("strokes"):
            parts += ["On whole objects:", work_table(results, "strokes"), "![By strokes](strokes.png)"]
    return parts


def _objects(results: Results, protocol: RefinementProtocol) -> list[str]:
    if not results.trials("objects"):
        return []
    told = {
        "n": protocol.n_annotators,
        "few": protocol.n_side_annotators,
        "seeds": protocol.work_seeds,
        "objects": len(results.objects),
        "ours": OUR_KEEPING,
        "early": EARLY_PFM,
    }
    return [
        "## Figures 5 and 6: work on whole objects",
        WORK.format(**told),
        work_table(results, "objects"),
        "![Relative improvement over the effort](figure5.png)",
        "![Relative improvement by object, as published](figure5-objects.png)",
        "![pFM over the drawn pixels](figure6.png)",
        "![Workload saved](workload.png)",
        objects_table(results),
        MAPS if results.kind == "bronzes" else f"{MAPS} `maps.png` lies in the folder of the study.",
        *(["![Maps](maps.png)"] if results.kind == "bronzes" else []),
    ]


def _trials(results: Results, part: str, head: str, text: str) -> list[str]:
    if len(results.trials(part)) < 2:
        return []
    return [f"## {head}", text, work_table(results, part), f"![{head}]({part}.png)"]


def _by_set(results: Results) -> list[str]:
    subsets = {score.subset for found in results.patches.values() for score in found}
    return ["## By test set", "pFM of the patches:", sets_table(results)] if len(subsets) > 1 else []


def _protocol(protocol: RefinementProtocol) -> str:
    listed = f"First network: {_budget(protocol.first)}; refining networks: {_budget(protocol.refiner)}."
    return f"`{protocol.name}`. {listed} {EQUAL} {protocol.note}"


def _budget(budget: Budget) -> str:
    return (
        f"{budget.epochs} epochs of {budget.crops_per_epoch} crops of {budget.crop_px} px in batches of "
        f"{budget.batch_size}, {budget.steps} updates, highest rate {budget.lr:g}"
    )


def _time(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what training took."""
    done = [run for run in runs if run["status"] == "complete"]
    rows: list[list[Cell]] = []
    for what, is_first in (("first network", True), ("refining network", False)):
        minutes = [run["minutes"] for run in done if (run["contender"] in ("initial", *MODALITIES)) == is_first]
        if minutes:
            rows.append([what, len(minutes), f"{sum(minutes) / len(minutes):.1f}", f"{sum(minutes):.0f}"])
    kinds = sorted({f"{run['device']}, {run['precision']}, {run['threads']} threads" for run in done})
    head = ["Run", "Runs", "Minutes per run", "Minutes in all"]
    return [f"Training and validation took ({'; '.join(kinds)}):", markdown_table(head, rows)]


def _data(origin: Mapping[str, Any]) -> str:
    panels, strokes = origin["panels"], origin["strokes"]
    mean = strokes["shape"] * strokes["scale"] + strokes["loc"]
    std = strokes["shape"] ** 0.5 * strokes["scale"]
    sides = (
        f"{panels['train']} for training, {panels['val']} for validation, {panels['test']} for the test patch by "
        f"patch, {panels['objects']} as whole objects"
    )
    widths = (
        "Half-widths of the lines of training panels at twice the resolution, which give the strokes their width: "
        f"{mean:.2f} ± {std:.2f} px (published, of mirrors: 6.19 ± 1.49 px)."
    )
    if origin["kind"] == "pages":
        return (
            f"Data: pages of `{origin['name']}`: {sides}. One year judges, as `graven.studies.refinement_data` has "
            f"written down. Pages are stand-ins for engraved lines, not heritage objects. {widths}"
        )
    if origin["kind"] == "surfaces":
        return (
            f"Data: scanned surfaces of `{origin['name']}` at {origin['pixel_size_mm']:g} mm per pixel: {sides}. No "
            f"object is on two sides. {widths}"
        )
    size = origin["object_px"]
    shown = f"{size[0]} × {size[1]} px" if isinstance(size, list) else f"{size} px"
    return (
        f"Data: procedural bronzes of generator {origin['generator']}, {origin['panel_px']} px of "
        f"{origin['pixel_size_mm']:g} mm, whole ones {shown}: {sides}. The test seeds were frozen before anything was "
        f"trained. {widths}"
    )


def _collapsed(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"* {run['contender']}, seed {run['seed']}: {run['reason']}" for run in runs if "reason" in run]
    return ["## Runs without a result", "\n".join(lines)] if lines else []
