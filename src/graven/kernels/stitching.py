"""Patches back to one image: weights that fall towards the border of a patch, and weighted means of logits.

The weight of a pixel is the square of its distance to the outermost ring of the patch, capped and scaled to 1. The
ring itself has weight 0: where no other patch covers it nothing is known, unless a lowest weight is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError, MismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["blend_logits", "squared_distance_weights"]


def squared_distance_weights(size_px: int, *, fraction: float = 0.5, lowest: float = 0.0) -> NDArray[np.float64]:
    """Weigh the pixels of a square patch by their distance to its border.

    Parameters
    ----------
    size_px : int, pixels
        Side of the patch.
    fraction : float, 0 to 1
        Share of half the side over which weights rise.
    lowest : float, 0 to 1
        Smaller weights are raised to this; ``1e-6`` for patches that do not overlap.

    Returns
    -------
    ndarray of shape (size_px, size_px), float64, 0 to 1
        ``(min(d, cap) / cap) ** 2`` with the distance ``d`` to the outermost ring and
        ``cap = floor(fraction * size_px / 2)``.

    Raises
    ------
    InputError
        If the weights would not rise over a single pixel.

    Examples
    --------
    >>> squared_distance_weights(8)[2].tolist()
    [0.0, 0.25, 1.0, 1.0, 1.0, 1.0, 0.25, 0.0]
    """
    cap = int(fraction * size_px / 2)
    if not 0 < cap <= (size_px - 1) // 2:
        raise InputError(f"weights need a rise of at least one pixel inside, got {fraction} of {size_px} px; use 0.5")
    index = np.arange(size_px)
    side = np.minimum(np.minimum(index, index[::-1]), cap) / cap
    weights: NDArray[np.float64] = np.maximum(np.minimum.outer(side, side) ** 2, lowest)
    return weights


def blend_logits(
    patches: Sequence[NDArray[np.float32]],
    origins: Sequence[tuple[int, int]],
    weights: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Take the weighted mean of logits where patches lie.

    Parameters
    ----------
    patches : sequence of ndarray of shape (h, w), float32
        Logits, finite.
    origins : sequence of (int, int)
        First row and column of each patch, inside the image with all of it.
    weights : ndarray of shape (h, w), float64, >= 0
        Weights of the pixels of a patch.
    shape : (int, int)
        Height and width of the image.

    Returns
    -------
    ndarray of `shape`, float32
        Logits; ``-inf``, certain background, where no patch has a weight.

    Raises
    ------
    MismatchError
        If a patch has another shape than the weights, reaches beyond the image, or has no origin.
    """
    if len(patches) != len(origins):
        raise MismatchError(f"each patch needs one origin, got {len(patches)} patches and {len(origins)} origins")
    sums, totals = np.zeros(shape), np.zeros(shape)
    for patch, (row, col) in zip(patches, origins, strict=True):
        at = slice(row, row + weights.shape[0]), slice(col, col + weights.shape[1])
        if patch.shape != weights.shape or min(row, col) < 0 or sums[at].shape != weights.shape:
            raise MismatchError(
                f"a patch of shape {patch.shape} at {(row, col)} does not fit weights of {weights.shape} "
                f"in an image of {shape}"
            )
        sums[at] += weights * patch
        totals[at] += weights
    blended = np.full(shape, -np.inf, np.float32)
    np.divide(sums, totals, out=blended, where=totals > 0, casting="same_kind")
    return blended
