"""Counts of two masks in one pass over their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["count_agreement"]

_BLOCK = 128  # a sum of so many zeros and ones fits a byte, and a block of bytes is summed in a few vector instructions


@compiled
def _count(preds: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.int64]:
    found = np.zeros(3, np.int64)
    whole = preds.size - preds.size % _BLOCK
    for begin in range(0, whole, _BLOCK):
        both, ours, theirs = np.uint8(0), np.uint8(0), np.uint8(0)
        for i in range(begin, begin + _BLOCK):
            both += preds[i] & target[i]
            ours += preds[i]
            theirs += target[i]
        found[0] += both
        found[1] += ours
        found[2] += theirs
    for i in range(whole, preds.size):
        found[0] += preds[i] & target[i]
        found[1] += preds[i]
        found[2] += target[i]
    return found


@compiled
def _count_valid(preds: NDArray[np.uint8], target: NDArray[np.uint8], valid: NDArray[np.uint8]) -> NDArray[np.int64]:
    found = np.zeros(4, np.int64)
    whole = preds.size - preds.size % _BLOCK
    for begin in range(0, whole, _BLOCK):
        both, ours, theirs, seen = np.uint8(0), np.uint8(0), np.uint8(0), np.uint8(0)
        for i in range(begin, begin + _BLOCK):
            both += preds[i] & target[i] & valid[i]
            ours += preds[i] & valid[i]
            theirs += target[i] & valid[i]
            seen += valid[i]
        found[0] += both
        found[1] += ours
        found[2] += theirs
        found[3] += seen
    for i in range(whole, preds.size):
        found[0] += preds[i] & target[i] & valid[i]
        found[1] += preds[i] & valid[i]
        found[2] += target[i] & valid[i]
        found[3] += valid[i]
    return found


def count_agreement(
    preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_] | None = None
) -> tuple[int, int, int, int]:
    """Count the foreground that two masks share and that of each, reading every byte once.

    Parameters
    ----------
    preds, target : ndarray of one shape, bool
        The masks.
    valid : ndarray of that shape, bool, optional
        Pixels that are False here count nowhere.

    Returns
    -------
    n_both, n_preds, n_target, n_valid : int, pixels
        Foreground in both masks, in the first, in the second, and all pixels that count.

    Notes
    -----
    An array that is not contiguous is copied first.

    Examples
    --------
    >>> count_agreement(np.array([True, True, False]), np.array([True, False, False]))
    (1, 2, 1, 3)
    """
    if valid is None:
        n_both, n_preds, n_target = _count(_as_bytes(preds), _as_bytes(target)).tolist()
        return n_both, n_preds, n_target, preds.size
    n_both, n_preds, n_target, n_valid = _count_valid(_as_bytes(preds), _as_bytes(target), _as_bytes(valid)).tolist()
    return n_both, n_preds, n_target, n_valid


def _as_bytes(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(mask).reshape(-1).view(np.uint8)
