"""Figures 5 to 7 of the BEGL paper and the validation curves, as PNG bytes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.metrics import miou
from graven.report.figures import box_plots, curves, picture_grid
from graven.report.overlays import evaluation_overlay
from graven.studies.begl_protocol import CONTENDERS, PUBLISHED
from graven.studies.shown import easy_median_hard, ranked
from graven.types import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.studies.begl_tables import Results

__all__ = ["Shown", "choose_images", "curves_figure", "figure5", "figure6", "figure7", "zoom_window"]

SHOWN_SHARES = (0.05, 0.8)
CELL_PX = 190


@dataclass(frozen=True, slots=True)
class Shown:
    """One test patch with what every loss made of it.

    Attributes
    ----------
    title : str
        What the row is called: easy, median or hard.
    photo : ndarray of shape (H, W, 3), uint8
        As photographed.
    target, valid : ndarray of shape (H, W), bool
        Truth, and where it is known.
    preds : dict of str to ndarray of shape (H, W), bool
        By label of the loss.
    """

    title: str
    photo: NDArray[np.uint8]
    target: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    preds: dict[str, NDArray[np.bool_]]


def figure5(results: Results) -> bytes:
    """Draw the spread of MIoU over the kept test patches and all seeds.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    bytes
        PNG; diamonds are the published means.
    """
    groups = {
        entry.label: [miou(score.counts) for score in results.kept(entry.key)]
        for entry in results.contenders
        if not entry.is_variant
    }
    published = {entry.label: PUBLISHED[entry.key]["miou"] for entry in CONTENDERS.values()}
    title = "MIoU of single test patches, all seeds"
    return box_plots(groups, ylabel="MIoU", title=title, published=published, limits=(0.0, 1.0))


def choose_images(results: Results) -> dict[str, str]:
    """Choose an easy, a median and a hard patch: quantiles 0.9, 0.5 and 0.1 of MIoU over all losses and seeds.

    Parameters
    ----------
    results : Results
        What was measured.

    Returns
    -------
    dict of str to str
        Title (``easy``, ``median``, ``hard``) by name of the patch, each patch once. Only patches with 5 to 80 %
        foreground are looked at where there are any.
    """
    values: dict[str, list[float]] = {}
    shares: dict[str, float] = {}
    for entry in results.contenders:
        if entry.is_variant:
            continue
        for score in results.kept(entry.key):
            values.setdefault(score.image, []).append(miou(score.counts))
            shares[score.image] = (score.counts.tp + score.counts.fn) / score.counts.total
    order = ranked(values)
    low, high = SHOWN_SHARES
    return easy_median_hard([image for image in order if low <= shares[image] <= high] or order)


def figure6(shown: Sequence[Shown]) -> bytes:
    """Draw photograph, truth and the map of every loss: hit white, miss blue, false alarm orange.

    Parameters
    ----------
    shown : sequence of Shown
        Rows.

    Returns
    -------
    bytes
        PNG.
    """
    rows, titles = [_pictures(entry) for entry in shown], [entry.title for entry in shown]
    return picture_grid(rows, column_titles=_titles(shown), row_titles=titles, cell_px=CELL_PX)


def figure7(shown: Sequence[Shown]) -> bytes:
    """Draw the same maps with the part enlarged on which the losses disagree most.

    Parameters
    ----------
    shown : sequence of Shown
        Rows.

    Returns
    -------
    bytes
        PNG.
    """
    rows = [_pictures(entry) for entry in shown]
    zooms = [zoom_window(list(entry.preds.values()), valid=entry.valid) for entry in shown]
    return picture_grid(
        rows,
        column_titles=_titles(shown),
        row_titles=[entry.title for entry in shown],
        zooms=zooms,
        cell_px=CELL_PX,
    )


def zoom_window(preds: Sequence[NDArray[np.bool_]], *, valid: NDArray[np.bool_]) -> Window:
    """Find the square, a quarter as wide as the patch, on which predictions disagree most.

    Parameters
    ----------
    preds : sequence of ndarray of shape (H, W), bool
        Predictions of several losses.
    valid : ndarray of shape (H, W), bool
        Where disagreement counts.

    Returns
    -------
    Window
        Inside the patch; the first such place in reading order.

    Examples
    --------
    >>> a, b = np.zeros((2, 16, 16), bool)
    >>> b[8:12, 4:8] = True
    >>> zoom_window([a, b], valid=np.ones((16, 16), bool))
    Window(row=8, col=4, height=4, width=4)
    """
    share = np.mean(np.stack(preds), axis=0)
    doubt = (share * (1 - share) * valid).astype(np.float32)
    side = max(1, min(doubt.shape) // 4)
    sums = cv2.boxFilter(doubt, -1, (side, side), anchor=(0, 0), normalize=False, borderType=cv2.BORDER_CONSTANT)
    inside = np.round(sums[: doubt.shape[0] - side + 1, : doubt.shape[1] - side + 1], 3)
    row, col = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return Window(int(row), int(col), side, side)


def curves_figure(runs: Mapping[str, Sequence[Path]]) -> bytes:
    """Draw validation MIoU over updates, the mean over the seeds of each loss.

    Parameters
    ----------
    runs : mapping of str to sequence of Path
        Folders of the finished runs by label of the loss.

    Returns
    -------
    bytes
        PNG.
    """
    series = {}
    for label, folders in runs.items():
        found: dict[float, list[float]] = {}
        for folder in folders:
            with (folder / "validation.csv").open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    found.setdefault(float(row["step"]), []).append(float(row["miou"]))
        steps = sorted(found)
        series[label] = (steps, [float(np.mean(found[step])) for step in steps])
    return curves(series, xlabel="updates", ylabel="MIoU, validation patches pooled", title="Validation")


def _titles(shown: Sequence[Shown]) -> list[str]:
    return ["photograph", "truth", *shown[0].preds]


def _pictures(entry: Shown) -> list[NDArray[np.uint8]]:
    truth = evaluation_overlay(entry.target, entry.target, valid=entry.valid)
    maps = [evaluation_overlay(preds, entry.target, valid=entry.valid) for preds in entry.preds.values()]
    return [entry.photo, truth, *maps]
