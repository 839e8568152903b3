"""Hint maps: what a person has said of single pixels, and masks and logits that obey it.

A hint map is int8 of shape (H, W): `ADD` where the person says engraved, `ERASE` where not, 0 where nothing was said.
An earlier hint is never changed by a later one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from graven.errors import InputError, MismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ADD", "ERASE", "accumulate", "composite_logits", "composite_mask", "write_hints"]

ADD: Final = 1
ERASE: Final = -1


def accumulate(old: NDArray[np.int8], new: NDArray[np.int8]) -> NDArray[np.int8]:
    """Add new hints to those given so far.

    Parameters
    ----------
    old, new : ndarray of one shape, int8, -1, 0 or 1
        Hint maps; `new` fills only what is 0 in `old`.

    Returns
    -------
    ndarray of that shape, int8
        A new array.

    Raises
    ------
    InputError
        If one of them is no hint map.
    MismatchError
        If shapes differ; both are shown.

    Examples
    --------
    >>> accumulate(np.array([0, 1, -1, 0], np.int8), np.array([1, -1, 1, 0], np.int8)).tolist()
    [1, 1, -1, 0]
    """
    _check(old, old, "the earlier hints")
    _check(new, old, "the new hints")
    return np.where(old == 0, new, old)


def composite_logits(logits: NDArray[np.float32], hints: NDArray[np.int8]) -> NDArray[np.float32]:
    """Overwrite logits with hints, for a threshold alone: infinities are poison to a network or a loss.

    Parameters
    ----------
    logits : ndarray, floating
        Answer of a network.
    hints : ndarray of that shape, int8
        Hint map.

    Returns
    -------
    ndarray of that shape and the type of `logits`
        ``+inf`` where added, ``-inf`` where erased, else the logit; a new array.

    Raises
    ------
    InputError
        If `hints` is no hint map.
    MismatchError
        If shapes differ; both are shown.

    Examples
    --------
    >>> composite_logits(np.float32([0.3, -2, 4, -0.5]), np.array([1, 1, -1, 0], np.int8)).tolist()
    [inf, inf, -inf, -0.5]
    """
    _check(hints, logits, "hints")
    found = logits.copy()
    found[hints == ADD] = np.inf
    found[hints == ERASE] = -np.inf
    return found


def composite_mask(logits: NDArray[np.float32], hints: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Threshold logits at 0, which is foreground, and write the hints in.

    Parameters
    ----------
    logits : ndarray, floating
        Answer of a network.
    hints : ndarray of that shape, int8
        Hint map.

    Returns
    -------
    ndarray of that shape, bool
        The mask that the person would see.

    Raises
    ------
    InputError
        If `hints` is no hint map.
    MismatchError
        If shapes differ; both are shown.
    """
    return write_hints(logits >= 0, hints)


def write_hints(mask: NDArray[np.bool_], hints: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Set what was added and clear what was erased.

    Parameters
    ----------
    mask : ndarray, bool
        Any prediction.
    hints : ndarray of that shape, int8
        Hint map.

    Returns
    -------
    ndarray of that shape, bool
        A new array, equal to `mask` where nothing was said.

    Raises
    ------
    InputError
        If `hints` is no hint map.
    MismatchError
        If shapes differ; both are shown.
    """
    _check(hints, mask, "hints")
    written: NDArray[np.bool_] = (mask | (hints == ADD)) & (hints != ERASE)
    return written


def _check(hints: NDArray[Any], other: NDArray[Any], name: str) -> None:
    if hints.dtype != np.int8:
        raise InputError(f"{name} must be int8 with -1, 0 and 1, got {hints.dtype}; convert them with astype(np.int8)")
    if hints.shape != other.shape:
        raise MismatchError(f"{name} have shape {hints.shape}, got {other.shape} beside them; bring both to one grid")
    if hints.size and not -1 <= hints.min() <= hints.max() <= 1:
        raise InputError(f"{name} must be -1, 0 or 1, got {hints.min()} to {hints.max()}; erase is -1, add is 1")
