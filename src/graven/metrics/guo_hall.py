"""Two-subiteration thinning of Guo and Hall, which the pseudo-F-measure is defined with.

It is not the thinning of the centre-lines (`graven.measure.thinning`), nor the skeleton of clDice: each of the three
gives other pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.kernels.thinning import neighbours, thin_by_tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["thin_guo_hall"]


def _tables() -> NDArray[np.bool_]:
    """Write down conditions G1, G2 and G3 of the paper for both subiterations."""
    p = neighbours()
    n_pieces = sum((~p[k] & (p[k + 1] | p[(k + 2) % 8])).astype(int) for k in (0, 2, 4, 6))
    n_before = sum((p[k - 1] | p[k]).astype(int) for k in (1, 3, 5, 7))
    n_after = sum((p[k] | p[(k + 1) % 8]).astype(int) for k in (1, 3, 5, 7))
    n_sides = np.minimum(n_before, n_after)
    goes = (n_pieces == 1) & (n_sides >= 2) & (n_sides <= 3)
    first = goes & ~((p[1] | p[2] | ~p[7]) & p[0])
    second = goes & ~((p[5] | p[6] | ~p[3]) & p[4])
    return np.stack([first, second])


_TABLES = _tables()


def thin_guo_hall(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin a mask.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        Foreground; what lies outside counts as background.

    Returns
    -------
    ndarray of shape (H, W), bool
        A subset of `mask`, the same as `skimage.morphology.thin` gives. Blocks of two by two pixels may stay.

    Raises
    ------
    InputError
        If `mask` is not an image.

    References
    ----------
    .. [1] Guo and Hall, Parallel thinning with two-subiteration algorithms, Comm. ACM 32, 1989,
       doi:10.1145/62065.62074.

    Examples
    --------
    >>> thin_guo_hall(np.ones((3, 5), bool)).astype(int).tolist()
    [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    """
    if mask.ndim != 2:
        raise InputError(f"expected a mask of shape (H, W), got {mask.shape}; give one image at a time")
    return thin_by_tables(mask.view(np.uint8), _TABLES)[0]
