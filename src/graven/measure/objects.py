"""Objects of one class with what the probability says about them, gathered in one pass over mask and probability."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError
from graven.measure.components import Runs, bands, find_components, label_runs, runs_of
from graven.measure.sweeps import cut_band

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.measure.components import Components, ReadWindow
    from graven.types import Window

__all__ = ["Evidence", "cut_objects", "find_objects", "least_step"]

_STEPS_PER_UNIT = 1 << 20  # float probabilities are counted in whole steps, so sums do not depend on their order


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the probability says about each object.

    Attributes
    ----------
    mean : ndarray of shape (N,), float64, 0 to 1
        Mean probability inside.
    area_high_px : ndarray of shape (N,), int64, pixels
        Pixels of the object at or above the upper threshold.
    group : ndarray of shape (N,), int64
        Objects that have grown together at the lower threshold share a group.
    growth_px : ndarray of shape (G,), int64, pixels
        What each group has at the lower threshold beyond the objects in it.
    """

    mean: NDArray[np.float64]
    area_high_px: NDArray[np.int64]
    group: NDArray[np.int64]
    growth_px: NDArray[np.int64]

    def area_low_px(self, area_px: NDArray[np.int64], perimeter: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the area of each object at the lower threshold; a common growth is shared along the perimeters."""
        together = np.bincount(self.group, weights=perimeter, minlength=len(self.growth_px))
        return area_px + self.growth_px[self.group] * perimeter / together[self.group]


def find_objects(
    read_mask: ReadWindow,
    read_prob: ReadWindow | None,
    *,
    height: int,
    width: int,
    class_id: int,
    threshold: float = 0.5,
    threshold_spread: float = 0.1,
    min_area_px: float = 0.0,
    band_rows: int = 1024,
) -> tuple[Components, Evidence | None]:
    """Find the objects of one class and their probabilities.

    Parameters
    ----------
    read_mask : callable
        ``read_mask(window) -> (h, w)``; a bool array is foreground where True, any other where it equals `class_id`.
    read_prob : callable or None
        ``read_prob(window) -> (h, w)`` probability of the class, uint8 in steps of 1/255 or float from 0 to 1.
    height, width : int, pixels
        Size of the raster.
    class_id : int
        Class to look for.
    threshold, threshold_spread : float
        Where the mask was cut, and how far the cut is moved down and up.
    min_area_px : float, pixels
        Smaller objects are dropped.
    band_rows : int, >= 1
        Rows read at a time; the result does not depend on it.

    Returns
    -------
    components : Components
        The objects.
    evidence : Evidence or None
        None without probability.

    Raises
    ------
    InputError
        If a reader gives another shape than asked for, or a probability inside an object is not between 0 and 1.
    """
    runs: list[tuple[NDArray[np.int32], ...]] = []
    low_runs: list[tuple[NDArray[np.int32], ...]] = []
    sums: list[NDArray[np.int64]] = []
    n_high: list[NDArray[np.int64]] = []
    unit = 1
    for window in bands(height, width, band_rows):
        mask = _read(read_mask, window, "mask")
        mask = mask if mask.dtype == bool else mask == class_id
        found = runs_of(mask, first_row=window.row)
        runs.append(found)
        if read_prob is None:
            continue
        prob = _read(read_prob, window, "probability")
        steps, unit = _in_steps(prob, mask, window)
        sums.append(_sum_over_runs(steps, found, window))
        n_high.append(_sum_over_runs(steps >= (threshold + threshold_spread) * unit, found, window))
        low_runs.append(runs_of(mask | (steps >= (threshold - threshold_spread) * unit), first_row=window.row))
    everything = find_components(_joined(runs, height, width))
    large = everything.area_px >= min_area_px
    components = everything.select(large)
    if read_prob is None:
        return components, None
    n_all = len(everything)
    mean = np.bincount(everything.label, weights=np.concatenate(sums), minlength=n_all) / everything.area_px / unit
    high = np.bincount(everything.label, weights=np.concatenate(n_high), minlength=n_all).astype(np.int64)
    group, growth = _growth(everything, _joined(low_runs, height, width))
    return components, Evidence(mean[large], high[large], group[large], growth)


def least_step(threshold: float) -> int:
    """Give the smallest byte of a probability in steps of 1/255 that reaches a threshold.

    Parameters
    ----------
    threshold : float, 0 to 1
        The threshold.

    Returns
    -------
    int
        ``ceil(255 * threshold)``, where a billionth of a step does not count.

    Examples
    --------
    >>> least_step(0.5), least_step(0.2), least_step(0.6)
    (128, 51, 153)
    """
    return math.ceil(threshold * 255 - 1e-9)


def cut_objects(
    read_prob: ReadWindow,
    *,
    height: int,
    width: int,
    threshold: float = 0.5,
    threshold_spread: float = 0.1,
    min_area_px: float = 0.0,
    read_kept: ReadWindow | None = None,
    band_rows: int = 1024,
) -> tuple[Components, Evidence]:
    """Cut a probability, and find the objects and what it says of them in the same pass.

    Parameters
    ----------
    read_prob : callable
        ``read_prob(window) -> (h, w)`` uint8 in steps of 1/255; 0 where nothing is known.
    height, width : int, pixels
        Size of the raster.
    threshold, threshold_spread : float
        Where to cut (`least_step`), and how far the cut is moved down and up.
    min_area_px : float, pixels
        Smaller objects are dropped first, as if the mask had never held them.
    read_kept : callable, optional
        ``read_kept(window) -> (h, w)`` bool; an object with such a pixel is not dropped.
    band_rows : int, >= 1
        Rows read at a time; the result does not depend on it.

    Returns
    -------
    components : Components
        The objects; ``components.runs`` is the mask.
    evidence : Evidence
        What `find_objects` would say of that mask and the probability.

    Raises
    ------
    InputError
        If the reader gives another shape or type than asked for.
    """
    cut = least_step(threshold)
    low = min(cut, math.ceil((threshold - threshold_spread) * 255))
    high = math.ceil((threshold + threshold_spread) * 255)
    found: list[NDArray[np.int32]] = []
    wide: list[NDArray[np.int32]] = []
    n_kept: list[NDArray[np.int64]] = []
    for window in bands(height, width, band_rows):
        prob = _read(read_prob, window, "probability")
        if prob.dtype != np.uint8:
            raise InputError(f"a probability to be cut must be uint8 in steps of 1/255, got {prob.dtype}")
        for parts, table in zip((found, wide), cut_band(prob, window.row, low, cut, high), strict=True):
            parts.append(table)
        if read_kept is not None:
            kept = _read(read_kept, window, "mask of what is kept")
            n_kept.append(_sum_over_runs(kept, (found[-1][:, 0], found[-1][:, 1], found[-1][:, 2]), window))
    row, start, stop, sums, n_high = _columns(found)
    everything = find_components(Runs(row, start, stop, height, width))
    mean = np.bincount(everything.label, weights=sums, minlength=len(everything)) / everything.area_px / 255
    above = np.bincount(everything.label, weights=n_high, minlength=len(everything)).astype(np.int64)
    large = everything.area_px >= min_area_px
    if n_kept:
        large |= np.bincount(everything.label, weights=np.concatenate(n_kept), minlength=len(everything)) > 0
    components = everything.select(large)
    row, start, stop = _columns(wide)
    group, growth = _growth(components, Runs(row, start, stop, height, width))
    return components, Evidence(mean[large], above[large], group, growth)


def _columns(parts: list[NDArray[np.int32]]) -> list[NDArray[np.int32]]:
    """Join tables, and let go of them: each column by itself."""
    columns = [np.concatenate([part[:, column] for part in parts]) for column in range(parts[0].shape[1])]
    parts.clear()
    return columns


def _growth(components: Components, low: Runs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the component at the lower threshold around each object, and what each has beyond its objects."""
    label = label_runs(low, connectivity=8)
    low_key = low.row.astype(np.int64) * low.width + low.start
    runs, first = components.runs, components.first_run
    key = runs.row[first].astype(np.int64) * runs.width + runs.start[first]
    group = label[np.searchsorted(low_key, key, side="right") - 1].astype(np.int64)
    n_groups = int(label.max(initial=-1)) + 1
    area = np.bincount(label, weights=low.length, minlength=n_groups)
    taken = np.bincount(group, weights=components.area_px, minlength=n_groups)
    return group, (area - taken).astype(np.int64)


def _read(read: ReadWindow, window: Window, what: str) -> NDArray[Any]:
    values = np.asarray(read(window))
    if values.shape != (window.height, window.width):
        raise InputError(f"the {what} reader was asked for {window} and gave shape {values.shape}")
    return values


def _in_steps(prob: NDArray[Any], mask: NDArray[np.bool_], window: Window) -> tuple[NDArray[Any], int]:
    """Turn probabilities into whole steps; those outside the mask may be unknown."""
    if prob.dtype == np.uint8:
        return prob, 255
    if not np.issubdtype(prob.dtype, np.floating):
        raise InputError(f"a probability must be uint8 in steps of 1/255 or float from 0 to 1, got {prob.dtype}")
    known = (prob >= 0) & (prob <= 1)
    if not known[mask].all():
        raise InputError(f"a probability must lie between 0 and 1 inside every object, but does not in {window}")
    return np.rint(np.where(known, prob, 0).astype(np.float64) * _STEPS_PER_UNIT).astype(np.int32), _STEPS_PER_UNIT


def _sum_over_runs(values: NDArray[Any], runs: tuple[NDArray[np.int32], ...], window: Window) -> NDArray[np.int64]:
    """Add up the values of each run of a band."""
    row, start, stop = (part.astype(np.int64) for part in runs)
    if len(row) == 0:
        return np.zeros(0, np.int64)
    first = (row - window.row) * window.width
    ends = np.stack([first + start, first + stop], axis=1).reshape(-1)
    flat = values.reshape(-1)
    if ends[-1] == flat.size:  # the last run ends with the band
        ends = ends[:-1]
    return np.add.reduceat(flat, ends, dtype=np.int64)[::2]


def _joined(parts: list[tuple[NDArray[np.int32], ...]], height: int, width: int) -> Runs:
    row, start, stop = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Runs(row, start, stop, height, width)
