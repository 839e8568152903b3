"""The three places where the published code puts one half: each takes it for something else.

Errors are looked up in a mask where a logit of 0 is foreground (`graven.refine.hints.composite_mask`). The score of a
patch rounds probabilities, halves to even, so 0.5 is background. The whole object is scored after probabilities were
cut to bytes, so foreground begins at 128/255.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["byte_levels", "foreground"]


def byte_levels(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn logits to probabilities and cut them to 8 bits.

    Parameters
    ----------
    logits : ndarray, float32
        May be infinite.

    Returns
    -------
    ndarray of that shape, uint8
        ``floor(255 * p)``; foreground on the whole object from 128.

    Examples
    --------
    >>> byte_levels(np.float32([-np.inf, 0.0, 0.008, np.inf])).tolist()
    [0, 127, 128, 255]
    """
    levels: NDArray[np.uint8] = (expit(logits) * 255).astype(np.uint8)
    return levels


def foreground(
    logits: NDArray[np.float32], *, rounds_half_down: bool = False, floors_to_bytes: bool = False
) -> NDArray[np.bool_]:
    """Threshold logits at a probability of one half, or nearly so.

    Parameters
    ----------
    logits : ndarray, float32
        May be infinite.
    rounds_half_down : bool
        A probability of 0.5 itself is background.
    floors_to_bytes : bool
        Foreground begins at 128/255.

    Returns
    -------
    ndarray of that shape, bool
        The mask; by default 0.5 is foreground.

    Examples
    --------
    >>> logits = np.float32([0.0, 0.004, 0.008])
    >>> foreground(logits).tolist(), foreground(logits, rounds_half_down=True).tolist()
    ([True, True, True], [False, True, True])
    >>> foreground(logits, floors_to_bytes=True).tolist()
    [False, False, True]
    """
    if floors_to_bytes:
        return byte_levels(logits) >= 128
    return logits > 0 if rounds_half_down else logits >= 0
