"""Which class a pixel belongs to, from the probabilities of classes that exclude each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["class_map"]


def class_map(probs: NDArray[Any], *, threshold: float = 0.5) -> NDArray[np.uint8]:
    r"""Give the class of every pixel, the background included.

    Parameters
    ----------
    probs : ndarray of shape (..., K, H, W), uint8 in steps of 1/255, or float from 0 to 1
        Of the K foreground classes; what is left to 1 is the probability of the background.
    threshold : float, 0 to 1
        The best class wins where its odds against the background are at least :math:`t / (1 - t)`: at 0.5 the most
        probable class of all, background included; of a single class where its probability reaches the threshold.

    Returns
    -------
    ndarray of shape (..., H, W), uint8, 0 to K
        0 is background; of equal classes the first.

    Raises
    ------
    InputError
        If the threshold does not lie between 0 and 1.

    Examples
    --------
    >>> probs = np.array([[[0.2, 0.6, 0.45]], [[0.3, 0.1, 0.2]]], np.float32)
    >>> class_map(probs).tolist(), class_map(probs, threshold=0.6).tolist()
    ([[0, 1, 1]], [[0, 1, 0]])
    """
    if not 0 < threshold < 1:
        raise InputError(f"a threshold must lie between 0 and 1, got {threshold}")
    whole = 255.0 if probs.dtype == np.uint8 else 1.0
    background = whole - probs.sum(axis=-3, dtype=np.float64)
    best = probs.max(axis=-3).astype(np.float64)
    wins = best * (1 - threshold) >= threshold * background - 1e-9 * whole
    return np.where(wins & (best > 0), probs.argmax(axis=-3) + 1, 0).astype(np.uint8)
