"""Width of a dark or light line in an image: a slit behind a blur, fitted to the mean profile of a piece of crack.

A hairline darkens a photograph little because it is narrow, or because it is shallow, or because the picture is not
sharp; the sum of its darkness alone does not tell. Four things do. The shape of the profile separates width and blur as
soon as the crack is wider than about two blurs. All cracks of a picture were taken through the same lens, so the blur
is one for all (each may deviate a little). Wide cracks show how dark a crack is, and how much that varies in this
picture; narrow ones are taken to be as dark. And where there are no wide ones, the width of the mask is the best guess.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erf

from graven.kernels.slits import fit_slits

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_REACH", "STEP", "slit_widths"]

STEP = 0.5
"""Distance of the values of a profile, in units."""

MOST_REACH = 60.0
"""Units on either side of the middle that a profile may have; wider cracks are not fitted."""

_WIDTHS = np.exp(np.arange(math.log(0.25), math.log(100.0), 0.025))
_BLURS = np.exp(np.arange(math.log(0.4), math.log(3.5), 0.1))  # with that of pixels and of interpolation: 0.5 at least
_BLUR_EXPECTED, _BLUR_SIGMA = 0.85, 0.6  # of the picture, before it is looked at; the latter in logarithms
_BLUR_SIGMA_OWN = 0.1  # of a crack against the picture, in logarithms
_WIDE, _LEAST_WIDE = 3.0, 3  # blurs that a crack must be wide to show its depth, and pieces of such cracks that suffice
_ANY_DEPTH = 0.0, math.inf
_LEAST_DEPTH_SIGMA = 0.1  # of cracks in one picture, in logarithms
_MASK_SIGMA = 0.35  # of the width of the mask against the true one, in logarithms
_MOST_SAY = 20.0  # of one piece in the choice of the blur
_PIECES_ASKED = 500  # at most, for what all cracks of a picture share


def slit_widths(
    profile: NDArray[np.float64], count: NDArray[np.float64], mask_width: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the widths of slits from their mean profiles.

    Parameters
    ----------
    profile : ndarray of shape (K, T), float64
        Depth, positive inside, by distance from the middle: 0, `STEP`, and so on.
    count : ndarray of shape (K, T), float64
        Values behind each mean.
    mask_width : ndarray of shape (K,), float64, units
        Width of the mask.

    Returns
    -------
    width, sigma : ndarray of shape (K,), float64, units
        NaN where no slit fits. The uncertainty is that of the fit.
    """
    if len(profile) == 0:
        return np.zeros(0), np.zeros(0)
    weight = count / np.maximum(count.max(axis=1, keepdims=True), 1)
    table = _table(profile.shape[1])
    expected = np.log(np.clip(mask_width, _WIDTHS[0], _WIDTHS[-1]))

    def fit(
        which: slice, blur_cost: NDArray[np.float64], depth: tuple[float, float]
    ) -> tuple[NDArray[np.float64], ...]:
        grid = table, np.log(_WIDTHS)
        found: tuple[NDArray[np.float64], ...] = fit_slits(
            profile[which], weight[which], *grid, expected[which], _MASK_SIGMA, blur_cost, *depth, STEP
        )
        return found

    some = slice(None, None, -(-len(profile) // _PIECES_ASKED))
    before = ((np.log(_BLURS) - math.log(_BLUR_EXPECTED)) / _BLUR_SIGMA) ** 2
    costs = fit(some, before, _ANY_DEPTH)[3]
    costs = costs[np.isfinite(costs).any(axis=1)]
    say = np.minimum(costs - costs.min(axis=1, initial=np.inf, keepdims=True), _MOST_SAY).sum(axis=0)
    blur = float(_BLURS[np.argmin(say + before)])
    of_picture = (np.log(_BLURS / blur) / _BLUR_SIGMA_OWN) ** 2
    log_width, _, log_depth, _ = fit(some, of_picture, _ANY_DEPTH)
    depth = _common_depth(log_depth[np.exp(log_width) > _WIDE * blur])
    log_width, sigma, _, _ = fit(slice(None), of_picture, depth)
    width = np.exp(log_width)
    return width, width * sigma


def _common_depth(log_depth: NDArray[np.float64]) -> tuple[float, float]:
    """Give the depth of wide cracks and how much it varies, both as logarithms."""
    if len(log_depth) < _LEAST_WIDE:
        return _ANY_DEPTH
    middle = float(np.median(log_depth))
    return middle, max(_LEAST_DEPTH_SIGMA, 1.4826 * float(np.median(np.abs(log_depth - middle))))


def _table(n_steps: int) -> NDArray[np.float64]:
    """Give the profiles of slits of depth 1 by blur, width and distance."""
    distance = STEP * np.arange(n_steps)
    blur = math.sqrt(2) * _BLURS[:, None, None]
    half = _WIDTHS[:, None] / 2
    profiles: NDArray[np.float64] = (erf((distance + half) / blur) - erf((distance - half) / blur)) / 2
    return profiles
