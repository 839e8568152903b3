"""clDice: how much of the centre-lines of each mask stays inside the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.morphology import skeletonize

from graven.metrics.counts import MatchCounts, check_masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cldice", "cldice_counts"]


def cldice_counts(
    preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_] | None = None
) -> MatchCounts:
    """Count the skeleton pixels of each mask that lie in the other.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    valid : ndarray of shape (H, W), bool, optional
        Foreground outside is cleared from both masks first.

    Returns
    -------
    MatchCounts
        Precision is the topology precision, recall the topology sensitivity of [1]_.

    Raises
    ------
    MismatchError, InputError
        If the masks cannot be compared.

    References
    ----------
    .. [1] Shit et al., clDice, CVPR 2021, eqs. (1)-(2).
    """
    preds, target = check_masks(preds, target, valid)
    skeletons = [skeletonize(mask) for mask in (preds, target)]
    line_preds, line_target = skeletons
    return MatchCounts(
        matched_preds=int(np.count_nonzero(line_preds & target)),
        n_preds=int(np.count_nonzero(line_preds)),
        matched_target=int(np.count_nonzero(line_target & preds)),
        n_target=int(np.count_nonzero(line_target)),
    )


def cldice(preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_] | None = None) -> float:
    """Harmonic mean of topology precision and sensitivity, on the skeletons of the library.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    valid : ndarray of shape (H, W), bool, optional
        Foreground outside is cleared from both masks first.

    Returns
    -------
    float, 0 to 1
        0 where either mask is empty.

    Raises
    ------
    MismatchError, InputError
        If the masks cannot be compared.
    """
    return cldice_counts(preds, target, valid).f1
