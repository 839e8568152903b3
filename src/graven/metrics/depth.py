"""Errors of a depth map against the true one, as Eigen et al. (2014) define them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError, MismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DepthScores", "depth_scores"]


@dataclass(frozen=True, slots=True)
class DepthScores:
    """Scores over the valid pixels; NaN where there are none.

    Attributes
    ----------
    abs_rel, sq_rel : float
        Mean of ``|d - g| / g`` and of ``(d - g)² / g``; the second has the unit of the depth.
    rmse, mae : float
        Root of the mean square, and mean of the absolute error, in the unit of the depth.
    rmse_log, log10 : float
        Root of the mean square of the natural log error, and mean of the absolute decimal one.
    silog : float
        Standard deviation of the natural log error times 100: what is left when the scale is free.
    delta1, delta2, delta3 : float, 0 to 1
        Share of the pixels whose ratio stays below 1.25, 1.25² and 1.25³.
    n_pixels : int
        Valid pixels.
    """

    abs_rel: float
    sq_rel: float
    rmse: float
    mae: float
    rmse_log: float
    log10: float
    silog: float
    delta1: float
    delta2: float
    delta3: float
    n_pixels: int


def depth_scores(
    preds: NDArray[np.floating],
    target: NDArray[np.floating],
    valid: NDArray[np.bool_] | None = None,
    *,
    lowest: float = 1e-3,
    inclusive: bool = False,
) -> DepthScores:
    """Compute all depth scores.

    Parameters
    ----------
    preds, target : ndarray of one shape, floating, one unit
        Predicted and true depth; a truth of 0 or less is unknown.
    valid : ndarray of that shape, bool, optional
        Pixels that are False here count nowhere.
    lowest : float, > 0
        Predictions below are raised to it, so that ratios and logarithms stay finite. A thousandth of the range, where
        that is 1.
    inclusive : bool
        Whether a ratio that lies exactly on the bound counts, as the paper on reliefs prints it; code in wide use does
        not count it.

    Returns
    -------
    DepthScores
        In the unit of the maps: on 0 to 1 and on grey levels ``rmse``, ``mae`` and ``sq_rel`` differ by 255.

    Raises
    ------
    MismatchError
        If shapes differ; both are shown.
    InputError
        If `lowest` is not above 0, or a valid pixel is not finite.

    References
    ----------
    .. [1] Eigen, Puhrsch and Fergus, Depth Map Prediction from a Single Image, NIPS 2014.

    Examples
    --------
    >>> scores = depth_scores(np.array([0.5, 0.25]), np.array([0.5, 0.125]))
    >>> scores.abs_rel, scores.delta1
    (0.5, 0.5)
    """
    if preds.shape != target.shape or (valid is not None and valid.shape != target.shape):
        shapes = [part.shape for part in (preds, target, valid) if part is not None]
        raise MismatchError(f"depth, truth and valid mask must have one shape, got {shapes}")
    if not lowest > 0:
        raise InputError(f"lowest must be above 0, got {lowest}")
    known = target > 0 if valid is None else valid & (target > 0)
    d, g = preds[known].astype(np.float64), target[known].astype(np.float64)
    if not (np.isfinite(d).all() and np.isfinite(g).all()):
        raise InputError("depth holds NaN or infinity at valid pixels; mark them as invalid")
    n = g.size
    if n == 0:
        names = [field.name for field in fields(DepthScores) if field.name != "n_pixels"]
        return DepthScores(**dict.fromkeys(names, float("nan")), n_pixels=0)
    d = np.maximum(d, lowest)
    apart, error = np.abs(d - g), np.log(d) - np.log(g)
    ratio = np.maximum(d / g, g / d)
    bounds = [1.25, 1.25**2, 1.25**3]
    near = [ratio <= bound if inclusive else ratio < bound for bound in bounds]
    return DepthScores(
        abs_rel=float((apart / g).mean()),
        sq_rel=float((apart**2 / g).mean()),
        rmse=float(np.sqrt((apart**2).mean())),
        mae=float(apart.mean()),
        rmse_log=float(np.sqrt((error**2).mean())),
        log10=float(np.abs(error).mean() / np.log(10)),
        silog=float(100 * error.std()),
        delta1=float(near[0].mean()),
        delta2=float(near[1].mean()),
        delta3=float(near[2].mean()),
        n_pixels=n,
    )
