"""What a mask gets wrong, as lines: strokes that are missing, and strokes that are too many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from skimage.morphology import skeletonize

from graven.refine.dilation import dilate_diamond

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TrueLines", "missing_lines", "superfluous_lines", "true_lines"]


@dataclass(frozen=True, slots=True, eq=False)
class TrueLines:
    """The truth as errors are looked up against; computed once per patch.

    Attributes
    ----------
    skeleton : ndarray of shape (H, W), bool
        Centre-lines of the truth, of the library's skeletonisation (not the thinning of the pseudo-F-measure).
    guard : ndarray of shape (H, W), bool
        The skeleton, dilated: nothing inside is superfluous. It is the skeleton that is dilated, not the truth.
    """

    skeleton: NDArray[np.bool_]
    guard: NDArray[np.bool_]


def true_lines(target: NDArray[np.bool_], *, n_guard: int) -> TrueLines:
    """Prepare a truth for looking up errors.

    Parameters
    ----------
    target : ndarray of shape (H, W), bool
        The truth.
    n_guard : int, >= 0
        Dilation steps around its skeleton; `graven.refine.strokes_stats.StrokeStatistics.n_guard`.

    Returns
    -------
    TrueLines
        Skeleton and guard.
    """
    skeleton: NDArray[np.bool_] = skeletonize(target)
    return TrueLines(skeleton, dilate_diamond(skeleton, n_guard))


def missing_lines(mask: NDArray[np.bool_], truth: TrueLines) -> NDArray[np.bool_]:
    """Mark the true centre-lines that a mask leaves out.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        A prediction with the hints given so far written in.
    truth : TrueLines
        From `true_lines`.

    Returns
    -------
    ndarray of shape (H, W), bool
        Skeleton pixels of the truth outside `mask`.
    """
    return truth.skeleton & ~mask


def superfluous_lines(mask: NDArray[np.bool_], truth: TrueLines) -> NDArray[np.bool_]:
    """Mark the centre-lines of a mask that are far from every true line.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        A prediction with the hints given so far written in.
    truth : TrueLines
        From `true_lines`.

    Returns
    -------
    ndarray of shape (H, W), bool
        Skeleton pixels of `mask` outside the guard of the truth.
    """
    skeleton: NDArray[np.bool_] = skeletonize(mask)
    return skeleton & ~truth.guard
