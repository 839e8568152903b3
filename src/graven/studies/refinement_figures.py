"""Figures 5 and 6 of the refinement paper, curves by rule of keeping and by operation, and maps, as PNG bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.report.figures import box_plots, curves, picture_grid
from graven.report.overlays import evaluation_overlay
from graven.studies.refinement_contenders import PUBLISHED_WORKLOAD, TRIALS
from graven.studies.refinement_summary import effort_curve, mean_improvement
from graven.types import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from graven.studies.refinement_objects import Whole
    from graven.studies.refinement_scores import WorkedObject
    from graven.studies.refinement_summary import Results

    Series = dict[str, tuple[Sequence[float], Sequence[float]]]

__all__ = ["busiest_window", "figure5", "figure5_objects", "figure6", "part_figure", "work_maps", "workload_figure"]

IMPROVEMENT = "relative improvement of pFM, %"
EFFORT = "share of the effort (records), %"
ZOOM_PX = 384


def figure5(results: Results) -> bytes:
    """Draw the relative improvement over the share of the effort, the mean over objects, persons and seeds.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    bytes
        PNG: one line per trial.
    """
    title = "What the network adds to the same strokes"
    return curves(_improvements(results, "objects"), xlabel=EFFORT, ylabel=IMPROVEMENT, title=title)


def figure5_objects(results: Results, trial: str) -> bytes:
    """Draw the relative improvement over the share of the effort, object by object, as the paper does.

    Parameters
    ----------
    results : Results
        What was measured.
    trial : str
        Key of the trial.

    Returns
    -------
    bytes
        PNG.
    """
    series: Series = {
        name: _in_percent(mean_improvement([work for work in results.work[trial] if work.name == name]))
        for name in results.objects
    }
    return curves(series, xlabel=EFFORT, ylabel=IMPROVEMENT, title=TRIALS["objects"][trial].label)


def figure6(results: Results) -> bytes:
    """Draw pFM over the share of drawn pixels, refined and by hand alone.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    bytes
        PNG: two lines per trial. Where the refined line reaches the end of the other, the rest of the work is saved.
    """
    series: Series = {}
    for trial in results.trials("objects"):
        for name, what in (("pfm_refined", "refined"), ("pfm_hints", "strokes alone")):
            share, score = effort_curve(results.work[trial.key], name)
            series[f"{trial.label}, {what}"] = ((100 * share).tolist(), score.tolist())
    return curves(series, xlabel="share of the drawn pixels, %", ylabel="pFM of whole objects", title="Effort")


def workload_figure(results: Results) -> bytes:
    """Draw the workload reduction of single runs by trial.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    bytes
        PNG; the diamond is the best published value.
    """
    from graven.metrics.effort import workload_reduction

    def saved(work: WorkedObject) -> float:
        return workload_reduction(*(work.column(name) for name in ("pfm_refined", "pfm_hints", "hint_px")))

    labels = {trial.label.replace(", ", ",\n"): trial.key for trial in results.trials("objects")}
    groups = {label: [saved(work) for work in results.work[key]] for label, key in labels.items()}
    published = dict.fromkeys(labels, PUBLISHED_WORKLOAD[1])
    title = "Workload saved, all objects, persons and seeds"
    return box_plots(groups, ylabel="share of the drawing", title=title, published=published, limits=(0.0, 1.0))


def part_figure(results: Results, part: str, *, title: str) -> bytes:
    """Draw the relative improvement by trial of a part.

    Parameters
    ----------
    results : Results
        What was measured.
    part : str
        Key of `TRIALS`.
    title : str
        Heading.

    Returns
    -------
    bytes
        PNG.
    """
    return curves(_improvements(results, part), xlabel=EFFORT, ylabel=IMPROVEMENT, title=title)


def busiest_window(change: NDArray[np.bool_], *, side_px: int = ZOOM_PX) -> Window:
    """Find the square in which most changed.

    Parameters
    ----------
    change : ndarray of shape (H, W), bool
        Where two masks differ.
    side_px : int, pixels
        Side of the square; smaller where the mask is.

    Returns
    -------
    Window
        On a grid of half its side; of equal ones the first.

    Examples
    --------
    >>> change = np.zeros((8, 12), bool)
    >>> change[5:7, 9:11] = True
    >>> busiest_window(change, side_px=4)
    Window(row=4, col=8, height=4, width=4)
    """
    side = min(side_px, *change.shape)
    step = max(1, side // 2)
    corners = [
        (row, col)
        for row in range(0, change.shape[0] - side + 1, step)
        for col in range(0, change.shape[1] - side + 1, step)
    ]
    row, col = max(corners, key=lambda at: int(np.count_nonzero(change[at[0] : at[0] + side, at[1] : at[1] + side])))
    return Window(row, col, side, side)


def work_maps(rows: Sequence[tuple[str, Whole, Mapping[str, NDArray[np.bool_]]]]) -> bytes:
    """Draw objects and masks: hit white, miss blue, false alarm orange, and enlarged where most was changed.

    Parameters
    ----------
    rows : sequence of (title, object, masks)
        Masks are ``initial``, ``by_hand`` and ``refined``.

    Returns
    -------
    bytes
        PNG.
    """
    pictures, zooms = [], []
    for _, whole, masks in rows:
        shown = [evaluation_overlay(masks[key], whole.target, valid=whole.known) for key in MAPS]
        pictures.append([np.repeat(whole.image[0][..., None], 3, axis=2), *shown])
        zooms.append(busiest_window(masks["initial"] ^ masks["refined"]))
    titles = ["prepared", *MAPS.values()]
    return picture_grid(pictures, column_titles=titles, row_titles=[row[0] for row in rows], zooms=zooms, cell_px=300)


MAPS = {"initial": "first network", "by_hand": "strokes alone", "refined": "refined"}


def _improvements(results: Results, part: str) -> Series:
    return {trial.label: _in_percent(mean_improvement(results.work[trial.key])) for trial in results.trials(part)}


def _in_percent(curve: tuple[NDArray[np.float64], NDArray[np.float64]]) -> tuple[list[float], list[float]]:
    return (100 * curve[0]).tolist(), (100 * curve[1]).tolist()
