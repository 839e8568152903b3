"""What the numbers of the BEGL study say, in sentences computed from them: who wins, by how much, how surely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.studies.begl_protocol import METRICS, PUBLISHED
from graven.studies.begl_tables import BASELINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.studies.begl_protocol import Contender
    from graven.studies.begl_tables import Results

__all__ = ["ranking", "verdict"]

NAMES = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "F1", "miou": "MIoU", "dsc": "DSC"}


def ranking(results: Results) -> list[Contender]:
    """Order the losses of the paper by MIoU (mean over images, mean over seeds), best first; variants are left out."""
    entries = [entry for entry in results.contenders if not entry.is_variant]
    return sorted(entries, key=lambda entry: -_miou(results, entry.key))


def verdict(results: Results) -> list[str]:
    """Say who wins and how sure that is.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences, in Markdown.
    """
    order = ranking(results)
    lines = [f"By MIoU the order is {', '.join(f'{e.label} {_spread(results, e.key)}' for e in order)}."]
    published = sorted((e for e in order), key=lambda e: -PUBLISHED[e.key]["miou"])
    same = [entry.key for entry in order] == [entry.key for entry in published]
    theirs = ", ".join(entry.label for entry in published)
    lines.append(f"The paper's order is {theirs}: {'the same' if same else 'another one'}.")
    if len(order) > 1:
        lines.append(_lead(results, order[0], order[1]))
    begl = next((place for place, entry in enumerate(order, start=1) if entry.key == "begl"), None)
    if begl is not None and len(order) > 1:
        lines.append(_begl(results, order, begl))
    baseline = _miou(results, BASELINE)
    beaten = [entry.label for entry in order if _miou(results, entry.key) <= baseline]
    lines.append(
        f"CLAHE + Otsu, without learning, reaches an MIoU of {baseline:.3f}; "
        + (f"{', '.join(beaten)} did not do better." if beaten else "every loss does better.")
    )
    blank = [text for entry in order for text in _blank_runs(results, entry)]
    if blank:
        lines.append(f"These runs mark nothing, and their MIoU is that of an empty mask: {', '.join(blank)}.")
    variants = [entry for entry in results.contenders if entry.is_variant]
    if variants:
        shown = ", ".join(f"{entry.label} {_spread(results, entry.key)}" for entry in variants)
        lines.append(f"Variants of ours, not the paper's: {shown}.")
    return lines


def _lead(results: Results, first: Contender, second: Contender) -> str:
    a = results.summary(first.key, reduction="mean over images").by_seed["miou"]
    b = results.summary(second.key, reduction="mean over images").by_seed["miou"]
    gap = f"{first.label} leads {second.label} by {np.mean(a) - np.mean(b):.3f}"
    if min(len(a), len(b)) < 2:
        return f"{gap}; with one seed nothing can be said about how sure that is."
    if min(a) > max(b):
        return f"{gap}; its worst seed ({min(a):.3f}) is above the best seed of {second.label} ({max(b):.3f})."
    spread = f"{min(a):.3f} to {max(a):.3f} against {min(b):.3f} to {max(b):.3f}"
    return f"{gap}, which is within the spread between seeds ({spread})."


def _begl(results: Results, order: Sequence[Contender], place: int) -> str:
    def leads(metric: str) -> bool:
        values = {entry.key: results.summary(entry.key, reduction="mean over images").mean(metric) for entry in order}
        return values["begl"] == max(values.values())

    columns = [NAMES[metric] for metric in METRICS if leads(metric)]
    where = "first" if place == 1 else f"number {place}"
    listed = f" ({', '.join(columns)})" if columns else ""
    text = (
        f"BEGL is {where} of {len(order)} by MIoU and best in {len(columns)} of 6 columns{listed}; "
        "in the paper it is first, and best in 4."
    )
    if place > 1:
        found = results.summary("begl", reduction="mean over images")
        winner = results.summary(order[0].key, reduction="mean over images")
        parts = [
            f"{NAMES[metric]} {found.mean(metric):.3f} against {winner.mean(metric):.3f}"
            for metric in ("precision", "recall")
        ]
        outlines = f"{found.mean('boundary_f1'):.3f} against {winner.mean('boundary_f1'):.3f}"
        text += f" Beside the winner, {order[0].label}, it has {parts[0]}, {parts[1]} and boundary F (2 px) {outlines}."
    return text


def _blank_runs(results: Results, entry: Contender) -> list[str]:
    """Name the runs of a loss that mark no pixel rightly."""
    found = results.summary(entry.key, reduction="mean over images")
    values = zip(found.seeds, found.by_seed["f1"], strict=True)
    return [f"{entry.label}, seed {seed}" for seed, f1 in values if f1 == 0]


def _miou(results: Results, key: str) -> float:
    return results.summary(key, reduction="mean over images").mean("miou")


def _spread(results: Results, key: str) -> str:
    found = results.summary(key, reduction="mean over images")
    sd = found.sd("miou")
    return f"{found.mean('miou'):.3f}" + ("" if sd is None else f" ± {sd:.3f}")
