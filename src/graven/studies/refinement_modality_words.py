"""What the refinement study says about the layers that a first network sees: a table, sentences, a section."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graven.report.tables import markdown_table
from graven.studies.paired import comparisons_table, findings
from graven.studies.refinement_contenders import MODALITIES
from graven.studies.refinement_summary import compare_patches, summarise_patches

if TYPE_CHECKING:
    from graven.report.tables import Cell
    from graven.studies.refinement_contenders import Modality
    from graven.studies.refinement_summary import Results

__all__ = ["modalities_section", "modalities_table", "modalities_words"]

HEIGHT = "sees-height"
TEXT = (
    "The same bronzes, photographed under a dome of lights and solved by photometric stereo; the height is integrated "
    "from the normals. The networks of one seed differ in the bands that they see and in nothing else. Numbers are not "
    "to be compared with those of the other sections, whose heights are measured in another way."
)


def modalities_table(results: Results) -> str:
    """Set the first networks by what they see, on all patches of the test and on each test set.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    str
        Markdown.
    """
    seen = _seen(results)
    subsets = list(dict.fromkeys(score.subset for entry in seen for score in results.patches[entry.key]))
    rows: list[list[Cell]] = []
    for entry in seen:
        found = results.patch(entry.key)
        parts = [[score for score in results.patches[entry.key] if score.subset == subset] for subset in subsets]
        by_set = [summarise_patches(part).text("pfm") for part in parts]
        rows.append([entry.label, len(entry.bands), found.text("iou"), found.text("pfm"), *by_set])
    return markdown_table(["Sees", "Bands", "IoU", "pFM", *(f"pFM, {subset}" for subset in subsets)], rows)


def modalities_words(results: Results) -> list[str]:
    """Say which layers are best, and whether the height alone is, as for the predecessor of the paper.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Sentences; none where fewer than two combinations are finished.
    """
    seen = _seen(results)
    if len(seen) < 2:
        return []
    order = sorted(seen, key=lambda entry: -results.patch(entry.key).mean("pfm"))
    listed = ", ".join(f"{entry.label.lower()} {results.patch(entry.key).text('pfm')}" for entry in order)
    same = "here as well" if order[0].key == HEIGHT else f"here {order[0].label.lower()} is"
    lines = [f"First networks by what they see, by pFM: {listed}. On mirrors the height alone was best; {same}."]
    if HEIGHT in results.patches:
        found = compare_patches(HEIGHT, {entry.key: results.patches[entry.key] for entry in seen})
        labels = {entry.key: entry.label.lower() for entry in seen}
        lines.append(f"Panel by panel, the height alone {findings(found, labels, items='panels')}.")
    return lines


def modalities_section(results: Results) -> list[str]:
    """Write the section of the page.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    list of str
        Paragraphs in Markdown; none where fewer than two combinations are finished.
    """
    seen = _seen(results)
    if len(seen) < 2:
        return []
    parts = ["## What the first network sees", TEXT, modalities_table(results)]
    if HEIGHT in results.patches:
        scores = {entry.key: results.patches[entry.key] for entry in seen}
        labels = {entry.key: entry.label for entry in seen}
        parts.append(comparisons_table(compare_patches(HEIGHT, scores), labels, metric="pFM", items="panels"))
    return parts


def _seen(results: Results) -> list[Modality]:
    return [entry for key, entry in MODALITIES.items() if key in results.patches]
