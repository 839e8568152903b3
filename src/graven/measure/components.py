"""Connected components of a mask that is read band by band.

The mask is kept as runs: maximal stretches of foreground in one row. A run does not depend on how the mask was cut into
bands, so neither does anything that follows from runs, and no seam has to be sewn. Memory is one band of pixels plus
12 bytes per run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from graven.errors import InputError
from graven.measure.sweeps import join_runs, paint_runs, sum_up
from graven.types import Window

__all__ = ["Components", "ReadWindow", "Runs", "bands", "find_components", "label_runs", "read_runs", "runs_of"]

ReadWindow = Callable[[Window], NDArray[Any]]
"""``read(window) -> (h, w)`` for a window inside the raster."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Foreground of a mask as runs in raster order.

    Attributes
    ----------
    row, start, stop : ndarray of shape (N,), int32, pixels
        A run covers columns ``start <= col < stop`` of its row; neighbouring runs of a row never touch.
    height, width : int
        Size of the mask.
    """

    row: NDArray[np.int32]
    start: NDArray[np.int32]
    stop: NDArray[np.int32]
    height: int
    width: int

    def __len__(self) -> int:
        return len(self.row)

    @property
    def length(self) -> NDArray[np.int64]:
        """Pixels of each run."""
        return self.stop.astype(np.int64) - self.start

    def where(self, keep: NDArray[np.bool_]) -> Runs:
        """Give the runs for which `keep` is True."""
        return Runs(self.row[keep], self.start[keep], self.stop[keep], self.height, self.width)

    def paint(self, row: int, row_end: int) -> NDArray[np.uint8]:
        """Give rows ``row`` to ``row_end`` as an array of 0 and 1."""
        first, last = np.searchsorted(self.row, [row, row_end])
        painted = np.zeros((row_end - row, self.width), np.uint8)
        paint_runs(self.row[first:last], self.start[first:last], self.stop[first:last], row, painted)
        return painted


@dataclass(frozen=True, slots=True)
class Components:
    """The objects of a mask, numbered from 0 in raster order of their first pixels.

    Attributes
    ----------
    runs : Runs
        All runs of the objects.
    label : ndarray of shape (R,), int32
        Object of each run.
    first_run : ndarray of shape (N,), int64
        First run of each object; its first pixel is ``(runs.row[i], runs.start[i])``, the key of the object.
    area_px : ndarray of shape (N,), int64, pixels
        Pixel count.
    bbox_px : ndarray of shape (N, 4), int64, pixels
        ``(row, col, row_end, col_end)``.
    centroid_px : ndarray of shape (N, 2), float64, pixels
        Centre of gravity ``(x, y)`` from the outer corner of the top-left pixel.
    """

    runs: Runs
    label: NDArray[np.int32]
    first_run: NDArray[np.int64]
    area_px: NDArray[np.int64]
    bbox_px: NDArray[np.int64]
    centroid_px: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.area_px)

    def select(self, keep: NDArray[np.bool_]) -> Components:
        """Give the objects for which `keep` is True, in the same order.

        Parameters
        ----------
        keep : ndarray of shape (N,), bool
            One value per object.

        Returns
        -------
        Components
            Renumbered from 0.
        """
        if keep.all():
            return self
        of_run = keep[self.label]
        renumbered = (np.cumsum(keep) - 1).astype(np.int32)
        return _components(self.runs.where(of_run), renumbered[self.label[of_run]], int(keep.sum()))


def bands(height: int, width: int, band_rows: int) -> list[Window]:
    """Cut a raster into bands of full width, from top to bottom.

    Parameters
    ----------
    height, width : int, pixels
        Size of the raster.
    band_rows : int, >= 1
        Rows of a band; the last one may have fewer.

    Returns
    -------
    list of Window
        The bands.

    Raises
    ------
    InputError
        If `band_rows` is below 1.
    """
    if band_rows < 1:
        raise InputError(f"a band needs at least one row, got band_rows={band_rows}")
    return [Window(row, 0, min(band_rows, height - row), width) for row in range(0, height, band_rows)]


def runs_of(mask: NDArray[np.bool_], *, first_row: int = 0) -> tuple[NDArray[np.int32], ...]:
    """Find the runs of a mask.

    Parameters
    ----------
    mask : ndarray of shape (h, w), bool
        Foreground is True.
    first_row : int, pixels
        Row number of the first row.

    Returns
    -------
    tuple of three ndarray of shape (N,), int32
        Row, start and stop of each run in raster order.

    Examples
    --------
    >>> [part.tolist() for part in runs_of(np.array([[0, 1, 1], [1, 0, 1]], bool))]
    [[0, 1, 1], [1, 0, 2], [3, 1, 3]]
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 1), bool)  # a background pixel between the rows
    padded[:, :-1] = mask
    flat = padded.reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate([[0], changes]) if flat[:1].any() else changes
    rows, cols = np.divmod(ends, width + 1)
    return (rows[::2] + first_row).astype(np.int32), cols[::2].astype(np.int32), cols[1::2].astype(np.int32)


def read_runs(read: ReadWindow, *, height: int, width: int, band_rows: int = 1024) -> Runs:
    """Read a mask band by band into runs.

    Parameters
    ----------
    read : callable
        ``read(window) -> (h, w)``; nonzero is foreground.
    height, width : int, pixels
        Size of the mask.
    band_rows : int, >= 1
        Rows read at a time; the result does not depend on it.

    Returns
    -------
    Runs
        The foreground.

    Raises
    ------
    InputError
        If a window comes back with another shape than asked for.
    """
    parts = []
    for window in bands(height, width, band_rows):
        mask = np.asarray(read(window))
        if mask.shape != (window.height, window.width):
            raise InputError(f"the mask reader was asked for {window} and gave shape {mask.shape}")
        parts.append(runs_of(mask != 0, first_row=window.row))
    row, start, stop = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Runs(row, start, stop, height, width)


def label_runs(runs: Runs, *, connectivity: Literal[4, 8]) -> NDArray[np.int32]:
    """Label the connected components of runs.

    Parameters
    ----------
    runs : Runs
        In raster order.
    connectivity : {4, 8}
        Whether pixels that touch at a corner only are neighbours.

    Returns
    -------
    ndarray of shape (R,), int32
        Component of each run; components are numbered from 0 in raster order of their first pixels.
    """
    return join_runs(runs.row, runs.start, runs.stop, 1 if connectivity == 8 else 0)[0]


def find_components(runs: Runs, *, connectivity: Literal[4, 8] = 8) -> Components:
    """Find the objects of a mask: foreground pixels that touch at an edge or a corner.

    Parameters
    ----------
    runs : Runs
        The mask.
    connectivity : {8, 4}
        With 4, pixels that touch at a corner only are not neighbours: the right one for what objects leave between
        them.

    Returns
    -------
    Components
        Objects with their pixel counts, boxes and centres.

    Examples
    --------
    >>> mask = np.array([[1, 0, 0, 1], [0, 1, 0, 1]], bool)
    >>> found = find_components(Runs(*runs_of(mask), height=2, width=4))
    >>> found.area_px.tolist(), found.bbox_px.tolist()
    ([2, 2], [[0, 0, 2, 2], [0, 3, 2, 4]])
    """
    return _components(runs, *join_runs(runs.row, runs.start, runs.stop, 1 if connectivity == 8 else 0))


def _components(runs: Runs, label: NDArray[np.int32], n_objects: int) -> Components:
    first_run, area, bbox, moment = sum_up(runs.row, runs.start, runs.stop, label, n_objects)
    return Components(runs, label, first_run, area, bbox, moment / np.maximum(area, 1)[:, None])
