"""What strokes of a person are worth: gain over the hints alone, workload saved, and curves over the effort.

All functions take plain columns of a run, one value per record: the score of the refined prediction, the score of the
initial prediction with the same hints written in, and the pixels drawn so far. The first record is without hints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError, MismatchError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "gain_ratio",
    "improvement_curve",
    "mean_by_record",
    "relative_improvement",
    "rolling_mean",
    "running_maximum_drop",
    "share_of_records",
    "workload_reduction",
]

Column = Sequence[float] | np.ndarray
"""Values of one run, record by record."""


def gain_ratio(score: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Divide scores by those they are compared with.

    Parameters
    ----------
    score, reference : array_like of one shape, 0 to 1
        For example the refined score, and the initial one or that of the hints alone.

    Returns
    -------
    ndarray, float64
        ``score / reference``; 0 where the reference is 0.

    Examples
    --------
    >>> float(gain_ratio(0.5, 0.25))
    2.0
    """
    above, below = np.broadcast_arrays(np.asarray(score, np.float64), np.asarray(reference, np.float64))
    ratios: NDArray[np.float64] = np.divide(above, below, out=np.zeros(above.shape), where=below != 0)
    return ratios


def relative_improvement(refined: ArrayLike, hints: ArrayLike) -> NDArray[np.float64]:
    """Give what a refining network adds to the same hints without it.

    Parameters
    ----------
    refined, hints : array_like of one shape, 0 to 1
        Scores of the refined prediction, and of the initial one with the hints written in.

    Returns
    -------
    ndarray, float64
        ``(refined - hints) / hints``; 0 where the hints score 0.

    Examples
    --------
    >>> float(relative_improvement(0.75, 0.5))
    0.5
    """
    return gain_ratio(np.asarray(refined, np.float64) - np.asarray(hints, np.float64), hints)


def workload_reduction(refined: Column, hints: Column, hint_px: Column, *, official: bool = False) -> float:
    """Give the share of drawing that a refining network saves.

    Parameters
    ----------
    refined, hints : sequence of float, 0 to 1
        Scores of one run.
    hint_px : sequence of int, pixels
        Pixels drawn.
    official : bool
        The published expression, which takes a score that is never reached for reached at once.

    Returns
    -------
    float, 0 to 1
        ``1 - drawn / all``, where `drawn` is what was drawn until the refined score first reached the last score of the
        hints. If it never does: 0, or 1 with `official`. Without any drawn pixel: 0.

    Raises
    ------
    MismatchError
        If the columns differ in length.
    InputError
        If they are empty.

    Examples
    --------
    >>> workload_reduction([0.5, 0.62, 0.66], [0.5, 0.55, 0.6], [0, 25, 100])
    0.75
    """
    columns = [np.asarray(column, np.float64) for column in (refined, hints, hint_px)]
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise MismatchError(f"a run needs columns of one length, got shapes {[column.shape for column in columns]}")
    if columns[0].size == 0:
        raise InputError("a run needs at least one record, got none")
    reached = columns[0] >= columns[1][-1]
    if not (reached.any() or official) or columns[2][-1] == 0:
        return 0.0
    return float(1 - columns[2][np.argmax(reached)] / columns[2][-1])


def mean_by_record(runs: Sequence[Column]) -> NDArray[np.float64]:
    """Average one column of several runs, record by record.

    Parameters
    ----------
    runs : sequence of sequence of float
        The same column of each run; runs may differ in length.

    Returns
    -------
    ndarray of shape (n_records,), float64
        As long as the longest run; a record is the mean of the runs that have it.

    Raises
    ------
    InputError
        If there is no run, or one without a record.

    Examples
    --------
    >>> mean_by_record([[0, 2, 4], [2, 4]]).tolist()
    [1.0, 3.0, 4.0]
    """
    if not runs or min(len(run) for run in runs) == 0:
        raise InputError("at least one run with a record is needed to average; leave empty runs out")
    n_records = max(len(run) for run in runs)
    sums, n_runs = np.zeros(n_records), np.zeros(n_records)
    for run in runs:
        sums[: len(run)] += run
        n_runs[: len(run)] += 1
    return sums / n_runs


def rolling_mean(values: Column, *, window: int = 8) -> NDArray[np.float64]:
    """Smooth a curve by a centred mean.

    Parameters
    ----------
    values : sequence of float
        The curve.
    window : int, >= 1
        Values per mean. An even window reaches one further back than ahead.

    Returns
    -------
    ndarray of the same length, float64
        NaN where the window is not complete.

    Raises
    ------
    InputError
        If `window` is below 1.

    Examples
    --------
    >>> rolling_mean([1, 3, 5, 7], window=2).tolist()
    [nan, 2.0, 4.0, 6.0]
    """
    if window < 1:
        raise InputError(f"window must be 1 or more, got {window}")
    curve = np.asarray(values, np.float64)
    smooth = np.full(curve.shape, np.nan)
    if curve.size >= window:
        means = np.lib.stride_tricks.sliding_window_view(curve, window).mean(axis=1)
        smooth[window // 2 : window // 2 + means.size] = means
    return smooth


def share_of_records(n_records: int) -> NDArray[np.float64]:
    """Give the effort of each record as a share of the whole run.

    Parameters
    ----------
    n_records : int, >= 0
        Records with hints; the first, which has none, is not counted.

    Returns
    -------
    ndarray of shape (n_records,), float64, 0 to 1
        ``1 / n, 2 / n, ... 1``.
    """
    return np.arange(1, n_records + 1) / max(n_records, 1)


def improvement_curve(
    refined: Sequence[Column], hints: Sequence[Column], *, window: int = 8
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the relative improvement over the effort, averaged over runs and smoothed.

    Parameters
    ----------
    refined, hints : sequence of sequence of float, 0 to 1
        Scores of each run.
    window : int, >= 1
        Records per smoothed value.

    Returns
    -------
    share : ndarray of shape (N,), float64, 0 to 1
        Share of records.
    improvement : ndarray of shape (N,), float64
        Mean relative improvement; NaN where the window is not complete. The record without hints is left out.

    Raises
    ------
    MismatchError
        If the numbers of runs or of their records differ.
    InputError
        If a run has no record, or `window` is below 1.
    """
    if [len(run) for run in refined] != [len(run) for run in hints]:
        raise MismatchError("refined scores and those of the hints must come from the same runs, record by record")
    curves = [relative_improvement(*run) for run in zip(refined, hints, strict=True)]
    curve = mean_by_record(curves)[1:]
    return share_of_records(curve.size), rolling_mean(curve, window=window)


def running_maximum_drop(scores: Column) -> float:
    """Give how far a curve falls below the best it had reached before.

    Parameters
    ----------
    scores : sequence of float
        Scores of one run.

    Returns
    -------
    float, >= 0
        The largest fall; 0 for a curve that never falls, and for an empty one.

    Examples
    --------
    >>> running_maximum_drop([0.25, 0.75, 0.5, 0.625])
    0.25
    """
    curve = np.asarray(scores, np.float64)
    return float(np.max(np.maximum.accumulate(curve) - curve, initial=0.0))
