"""What the numbers of the craquelure study say, in sentences computed from them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from graven.studies.crack_sets import CRACK_SETS
from graven.studies.craquelure_contenders import (
    GOALS,
    LAMBDAS,
    LOSSES,
    NETWORKS,
    PUBLISHED_IOU,
    PUBLISHED_NETWORKS,
)
from graven.studies.craquelure_judge import BASELINE
from graven.studies.craquelure_summary import compare_paintings
from graven.studies.paired import findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.studies.craquelure_contenders import Contender
    from graven.studies.craquelure_tables import Results

__all__ = ["cracks_words", "lambda_words", "losses_words", "networks_words", "verdict"]

MIXED1 = "mixed1"
OVER = "paintings"
LEAK = "Variants of one painting were in training and test, as in the paper, so all scores on paintings are too good."


def verdict(results: Results) -> list[str]:
    """Say what all finished parts of the study found.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences, in Markdown.
    """
    lines = [LEAK] if results.is_leaky and results.paintings else []
    if results.paintings:
        lines += [*losses_words(results), *lambda_words(results), *networks_words(results)]
    return [*lines, *cracks_words(results)]


def losses_words(results: Results) -> list[str]:
    """Say which loss is best, whether Mixed 1 is, and how both lie beside the goals and the baseline.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences; none where fewer than two losses are finished.
    """
    entries = results.of(LOSSES)
    if len(entries) < 2:
        return []
    order = _ranked(results, entries, "craquelure")
    published = sorted(entries, key=lambda entry: -PUBLISHED_IOU[entry.key][1])
    lines = [
        f"By IoU of craquelure the losses are in the order {_listed(results, order, 'craquelure')}.",
        _order_of_paper(order, published),
    ]
    labels = {entry.key: entry.label for entry in entries}
    if MIXED1 in labels:
        values = {entry.key: results.summary(entry.key).mean("craquelure") for entry in entries}
        place = 1 + sum(value > values[MIXED1] for value in values.values())
        where = "first" if place == 1 else f"number {place}"
        lines.append(f"Mixed 1 is {where} of {len(order)} by IoU of craquelure; in the paper it is first.")
        found = compare_paintings(MIXED1, results.family(LOSSES))
        lines.append(f"Painting by painting, by IoU of craquelure: Mixed 1 {findings(found, labels, items=OVER)}.")
        lines.append(_goals(results))
    lines.append(_beside_baseline(results, order))
    return lines


def lambda_words(results: Results) -> list[str]:
    """Say which weight of the focal term is best, and whether larger ones are better, as the paper says.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences; none where fewer than two weights are finished.
    """
    entries = results.of(LAMBDAS)
    if len(entries) < 2:
        return []
    values = [results.summary(entry.key).mean("craquelure") for entry in entries]
    best = _ranked(results, entries, "craquelure")[0]
    rises = all(later > earlier for earlier, later in pairwise(values))
    falls = all(later < earlier for earlier, later in pairwise(values))
    course = "rises with λ" if rises else "falls with λ" if falls else "neither rises nor falls steadily with λ"
    text = (
        f"Mixed 1 is best by IoU of craquelure at {best.label} ({results.summary(best.key).text('craquelure')}; lowest "
        f"{min(values):.3f}), and its IoU {course}; the paper's text finds larger values better."
    )
    labels = {entry.key: entry.label for entry in entries}
    if MIXED1 not in labels:
        return [text]
    found = compare_paintings(MIXED1, results.family(LAMBDAS))
    return [text, f"Painting by painting, by IoU of craquelure: λ = 1 {findings(found, labels, items=OVER)}."]


def networks_words(results: Results) -> list[str]:
    """Say which network is best and which is fastest, beside the paper's.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences; none where fewer than two networks are finished.
    """
    entries = results.of(NETWORKS)
    if len(entries) < 2:
        return []
    order = _ranked(results, entries, "miou")
    published = sorted(entries, key=lambda entry: -PUBLISHED_NETWORKS[entry.key]["miou"])
    lines = [
        f"By MIoU the networks are in the order {_listed(results, order, 'miou')}.",
        _order_of_paper(order, published),
    ]
    labels = {entry.key: entry.label for entry in entries}
    if MIXED1 in labels:
        found = compare_paintings(MIXED1, results.family(NETWORKS), metric="miou")
        lines.append(f"Painting by painting, by MIoU: Res-UNet {findings(found, labels, items=OVER)}.")
    speeds = [speed for speed in results.speed if speed.contender in labels]
    if len(speeds) > 1:
        fastest = sorted(speeds, key=lambda speed: speed.median)
        listed = ", ".join(f"{labels[speed.contender]} {speed.fps:.2f}" for speed in fastest)
        agrees = "as in the paper" if fastest[0].contender == "mcdm" else "in the paper it is MC-DM"
        lines.append(
            f"Images of {speeds[0].size_px} px per second: {listed} ({speeds[0].machine}, float32); the fastest is "
            f"{labels[fastest[0].contender]}, {agrees}."
        )
    return lines


def cracks_words(results: Results) -> list[str]:
    """Say how photographed cracks are found, beside the goals and the baseline.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        A sentence or two per set.
    """
    lines = []
    for key, by_contender in results.cracks.items():
        crack_set = CRACK_SETS[key]
        baseline = results.crack_summary(key, BASELINE).mean("f1_2px")
        for contender in (name for name in by_contender if name != BASELINE):
            found = results.crack_summary(key, contender)
            f1 = found.mean("f1_2px")
            text = (
                f"{crack_set.label}: F1 at 2 px {found.text('f1_2px')} on {found.n_images} pictures of photographs "
                f"that were in no other part; black-hat + Otsu reaches {baseline:.3f}"
                + ("." if f1 > baseline else ", which is not less.")
            )
            if crack_set.goal is not None:
                text += f" The goal of {crack_set.goal:.2f} is {'reached' if f1 >= crack_set.goal else 'missed'}."
            if crack_set.distractor is not None:
                share = found.mean("distractor_share")
                text += f" Of the pixels of {crack_set.distractor}, which is no crack, {share:.1%} are marked."
            lines.append(text)
    return lines


def _ranked(results: Results, entries: Sequence[Contender], metric: str) -> list[Contender]:
    return sorted(entries, key=lambda entry: -results.summary(entry.key).mean(metric))


def _order_of_paper(order: Sequence[Contender], published: Sequence[Contender]) -> str:
    same = [entry.key for entry in order] == [entry.key for entry in published]
    listed = ", ".join(entry.label for entry in published)
    return f"The paper's order is {listed}: {'the same' if same else 'another one'}."


def _listed(results: Results, entries: Sequence[Contender], metric: str) -> str:
    return ", ".join(f"{entry.label} {results.summary(entry.key).text(metric)}" for entry in entries)


def _goals(results: Results) -> str:
    """Say which of the paper's values Mixed 1 reaches."""
    found = results.summary(MIXED1)
    parts = [
        f"{'MIoU' if name == 'miou' else name} {found.mean(name):.3f} of {goal:g} "
        f"{'reached' if found.mean(name) >= goal else 'missed'}"
        for name, goal in GOALS.items()
    ]
    return f"Beside the values of the paper, which are the goals here, Mixed 1 has: {', '.join(parts)}."


def _beside_baseline(results: Results, order: Sequence[Contender]) -> str:
    baseline = results.summary(BASELINE).mean("craquelure")
    beaten = [entry.label for entry in order if results.summary(entry.key).mean("craquelure") <= baseline]
    return f"Black-hat + Otsu, without learning, reaches an IoU of craquelure of {baseline:.3f}; " + (
        f"{', '.join(beaten)} did not do better." if beaten else "every loss does better."
    )
