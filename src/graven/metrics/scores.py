"""All scores of one pair of masks, as ``graven evaluate`` prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graven.metrics import binary
from graven.metrics.boundary import boundary_f1
from graven.metrics.counts import binary_counts, check_masks
from graven.metrics.pseudo import pseudo_counts
from graven.metrics.tolerance import tolerance_counts
from graven.metrics.topology import cldice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["score_masks"]


def score_masks(
    preds: NDArray[np.bool_],
    target: NDArray[np.bool_],
    valid: NDArray[np.bool_] | None = None,
    *,
    tolerance_px: float = 2.0,
) -> dict[str, float]:
    """Compute every score that two masks allow.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    valid : ndarray of shape (H, W), bool, optional
        Pixels that are False here count nowhere.
    tolerance_px : float, pixels, >= 0
        Tolerance of the boundary and tolerance scores; repeated in the result.

    Returns
    -------
    dict of str to float
        ``accuracy precision recall f1 dsc iou iou_background miou false_alarm_rate`` of the pixels,
        ``boundary_f1 f1_tol precision_tol recall_tol`` at ``tolerance_px``, ``cldice`` and ``pfm``; all in 0 to 1.
        0/0 is 0, except ``boundary_f1``, which is 1 where both masks are empty.

    Raises
    ------
    MismatchError
        If shapes differ; both are shown.
    InputError
        If a mask is not a bool image or the tolerance is negative.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.eye(5, dtype=bool)
    >>> set(score_masks(mask, mask).values()) == {0.0, 1.0, 2.0}
    True
    """
    counts = binary_counts(preds, target, valid)
    preds, target = check_masks(preds, target, valid)
    near = tolerance_counts(preds, target, tolerance_px=tolerance_px)
    return {
        "accuracy": binary.accuracy(counts),
        "precision": binary.precision(counts),
        "recall": binary.recall(counts),
        "f1": binary.f1(counts),
        "dsc": binary.dsc(counts),
        "iou": binary.iou(counts),
        "iou_background": binary.iou_background(counts),
        "miou": binary.miou(counts),
        "false_alarm_rate": binary.false_alarm_rate_pitoti(counts),
        "tolerance_px": float(tolerance_px),
        "boundary_f1": boundary_f1(preds, target, tolerance_px=tolerance_px),
        "f1_tol": near.f1,
        "precision_tol": near.precision,
        "recall_tol": near.recall,
        "cldice": cldice(preds, target),
        "pfm": pseudo_counts(preds, target).f1,
    }
