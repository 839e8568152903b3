"""Graded soft edges: six classes of how strong an edge is, and the grey levels that stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["N_EDGE_CLASSES", "edge_classes", "edge_levels"]

N_EDGE_CLASSES = 6
_BIN, _STEP = 50, 51


def edge_classes(values: ArrayLike) -> NDArray[np.uint8]:
    """Sort grey levels into classes: 0 to 49, 50 to 99, … , 250 to 255.

    Parameters
    ----------
    values : array_like, 0 to 255
        Strength of an edge as it is stored.

    Returns
    -------
    ndarray of that shape, uint8, 0 to 5
        Levels that `edge_levels` gave come back as their classes.

    Raises
    ------
    InputError
        If a value leaves 0 to 255.

    References
    ----------
    .. [1] Reconstructing reliefs from old photographs, Table 1.

    Examples
    --------
    >>> edge_classes([0, 49, 50, 255]).tolist()
    [0, 0, 1, 5]
    """
    levels = np.asarray(values)
    if levels.size and not (levels.min() >= 0 and levels.max() <= 255):
        raise InputError(f"edge levels lie in 0 to 255, got {levels.min()} to {levels.max()}")
    return np.asarray(np.minimum(levels // _BIN, N_EDGE_CLASSES - 1), np.uint8)


def edge_levels(classes: ArrayLike) -> NDArray[np.uint8]:
    """Give the grey level of each class: 0, 51, … , 255.

    Parameters
    ----------
    classes : array_like, 0 to 5
        Class of an edge.

    Returns
    -------
    ndarray of that shape, uint8
        What a raster of soft edges holds.

    Raises
    ------
    InputError
        If a class is not one of the six.

    Examples
    --------
    >>> edge_levels([0, 1, 5]).tolist()
    [0, 51, 255]
    """
    numbers = np.asarray(classes)
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < N_EDGE_CLASSES):
        raise InputError(f"edge classes are 0 to {N_EDGE_CLASSES - 1}, got {numbers.min()} to {numbers.max()}")
    return np.asarray(numbers * _STEP, np.uint8)
