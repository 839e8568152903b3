"""Pseudo-F-measure in the form of H-DIBCO 2010 and 2012: recall is taken on the thinned truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graven.metrics.counts import MatchCounts, binary_counts, check_masks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["pseudo_counts", "pseudo_fmeasure"]


def pseudo_counts(
    preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_] | None = None
) -> MatchCounts:
    """Count predicted pixels that are true, and thinned true pixels that are predicted.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    valid : ndarray of shape (H, W), bool, optional
        Foreground outside is cleared from both masks first, before thinning.

    Returns
    -------
    MatchCounts
        Precision is the ordinary one, recall the pseudo-recall.

    Raises
    ------
    MismatchError, InputError
        If the masks cannot be compared.

    References
    ----------
    .. [1] Pratikakis et al., H-DIBCO 2010, ICFHR 2010.
    .. [2] Guo and Hall, Parallel thinning with two-subiteration algorithms, 1989.
    """
    from graven.metrics.guo_hall import thin_guo_hall

    preds, target = check_masks(preds, target, valid)
    pixels, line = binary_counts(preds, target), binary_counts(preds, thin_guo_hall(target))
    return MatchCounts(
        matched_preds=pixels.tp,
        n_preds=pixels.tp + pixels.fp,
        matched_target=line.tp,
        n_target=line.tp + line.fn,
    )


def pseudo_fmeasure(
    preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_] | None = None
) -> float:
    """Harmonic mean of precision and pseudo-recall, the share of the thinned truth that is predicted.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    valid : ndarray of shape (H, W), bool, optional
        Foreground outside is cleared from both masks first.

    Returns
    -------
    float, 0 to 1
        0 where either mask is empty, also where both are.

    Raises
    ------
    MismatchError, InputError
        If the masks cannot be compared.
    """
    return pseudo_counts(preds, target, valid).f1
