"""Fit of blurred slits to many profiles: how wide a dark line is whose depth and blur are not known either."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_slits"]

_MOST_COST = 9.0
_COARSE = 4
_FLOOR = 0.005  # of the depth: no crack is a slit more exactly than this


@compiled
def fit_slits(
    profile: NDArray[np.float64],
    weight: NDArray[np.float64],
    table: NDArray[np.float64],
    log_width: NDArray[np.float64],
    expected: NDArray[np.float64],
    expected_sigma: float,
    blur_cost: NDArray[np.float64],
    depth: float,
    depth_sigma: float,
    step: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Fit a slit of unknown width, depth and blur on an unknown base to each profile.

    Parameters
    ----------
    profile, weight : ndarray of shape (K, T), float64
        Depth by distance from the middle, and how much each value counts (1 for the best of a profile).
    table : ndarray of shape (B, W, T), float64
        Profile of a slit of depth 1, by blur and width.
    log_width : ndarray of shape (W,), float64
        Natural logarithms of the widths, evenly spaced.
    expected : ndarray of shape (K,), float64
        Logarithm of the width that is expected.
    expected_sigma : float
        How far from that, in logarithms, the width may well be.
    blur_cost : ndarray of shape (B,), float64
        Cost of each blur, as minus two logarithms of its probability; those that cost more than 9 are not tried.
    depth, depth_sigma : float
        Logarithm of the depth that is expected, and how far from that it may well be; infinite where nothing is.
    step : float
        Distance of two values in pixels; what is nearer than a pixel is not independent.

    Returns
    -------
    log_width, sigma : ndarray of shape (K,), float64
        Logarithm of the width and its standard uncertainty; NaN where no slit fits.
    log_depth : ndarray of shape (K,), float64
        Logarithm of the depth of the best fit.
    cost : ndarray of shape (K, B), float64
        Least cost at each blur, without that of the blur.

    Notes
    -----
    The cost of a fit is ``n * log(s)`` with the mean square ``s`` of what is left and the number ``n`` of independent
    values: minus two logarithms of the likelihood if the noise is unknown. Depth and base follow by linear regression.
    """
    n_profiles, n_steps = profile.shape
    n_blurs, n_widths = table.shape[:2]
    best = np.full(n_profiles, np.nan)
    sigma = np.full(n_profiles, np.nan)
    log_depth = np.full(n_profiles, np.nan)
    costs = np.full((n_profiles, n_blurs), np.inf)
    spacing = log_width[1] - log_width[0]
    by_width = np.empty(n_widths)
    for k in range(n_profiles):
        s1 = sd = sdd = peak = 0.0
        used = 0
        for t in range(n_steps):
            if weight[k, t] > 0:
                used = t + 1
                s1 += weight[k, t]
                sd += weight[k, t] * profile[k, t]
                sdd += weight[k, t] * profile[k, t] ** 2
                peak = max(peak, abs(profile[k, t]))
        if used < 4 or peak == 0:
            continue
        n_free = s1 * step
        floor = (_FLOOR * peak) ** 2
        by_width[:] = np.inf
        least = np.inf
        at = 0
        for every in (_COARSE, 1):  # a coarse look at all widths, then each one about the best
            first, last = (0, n_widths) if every > 1 else (max(0, at - _COARSE), min(n_widths, at + _COARSE + 1))
            for w in range(first, last, every):
                away = (log_width[w] - expected[k]) / expected_sigma
                if abs(away) > 3 or np.isfinite(by_width[w]):
                    continue
                for b in range(n_blurs):
                    if blur_cost[b] > _MOST_COST:
                        continue
                    sm = smm = smd = 0.0
                    for t in range(used):
                        vm = weight[k, t] * table[b, w, t]
                        sm += vm
                        smm += vm * table[b, w, t]
                        smd += vm * profile[k, t]
                    spread, common = smm - sm * sm / s1, smd - sm * sd / s1
                    if common <= 0 or spread <= 1e-12:
                        continue
                    left = max(sdd - sd * sd / s1 - common * common / spread, 0.0) / s1
                    cost = n_free * np.log(left + floor) + away * away
                    cost += ((np.log(common / spread) - depth) / depth_sigma) ** 2
                    costs[k, b] = min(costs[k, b], cost)
                    by_width[w] = min(by_width[w], cost + blur_cost[b])
                    if cost + blur_cost[b] < least:
                        least = cost + blur_cost[b]
                        log_depth[k] = np.log(common / spread)
            at = int(np.argmin(by_width))
        if not np.isfinite(by_width[at]):
            continue
        best[k] = log_width[at]
        if 0 < at < n_widths - 1 and np.isfinite(by_width[at - 1]) and np.isfinite(by_width[at + 1]):
            bend = by_width[at - 1] - 2 * by_width[at] + by_width[at + 1]
            if bend > 0:
                best[k] += spacing * (by_width[at - 1] - by_width[at + 1]) / (2 * bend)
                sigma[k] = spacing * np.sqrt(2 / bend)
    return best, sigma, log_depth, costs
