"""Strokes as hard constraints on any prediction, for methods whose network does not listen to strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from graven.errors import InputError, MismatchError
from graven.refine.hints import ADD, ERASE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["constrain"]

Number = TypeVar("Number", np.float32, np.float64, np.uint8)


def constrain(prob: NDArray[Number], hints: NDArray[np.int8]) -> NDArray[Number]:
    """Write what a person has decided into the probability of one class.

    Parameters
    ----------
    prob : ndarray, floating from 0 to 1, or uint8 scaled 1/255
        Prediction of any method.
    hints : ndarray of that shape, int8
        Strokes of that class, as `graven.refine.drawing.hint_map` draws them, or all decisions.

    Returns
    -------
    ndarray of that shape and type
        Certain where added, impossible where erased, else `prob`; a new array.

    Raises
    ------
    InputError
        If `prob` is of another type.
    MismatchError
        If shapes differ; both are shown.

    Notes
    -----
    Local, so windows of a large raster can be done one by one. Classes do not exclude each other here: of a record with
    several, each band is done with the strokes of its class.

    Examples
    --------
    >>> constrain(np.array([10, 20, 30], np.uint8), np.array([1, 0, -1], np.int8)).tolist()
    [255, 20, 0]
    """
    if prob.shape != hints.shape:
        raise MismatchError(f"hints have shape {hints.shape}, got {prob.shape} beside them; bring both to one grid")
    found = prob.copy()
    found[hints == ADD] = _certain(prob.dtype)
    found[hints == ERASE] = 0
    return found


def _certain(dtype: np.dtype[Any]) -> int:
    if dtype == np.uint8:
        return 255
    if np.issubdtype(dtype, np.floating):
        return 1
    raise InputError(f"a probability must be floating from 0 to 1, or uint8 scaled 1/255, got {dtype}")
