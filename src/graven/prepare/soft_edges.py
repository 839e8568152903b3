"""Soft edges from a surface: how strongly it bends, as an opacity, as a grey level and as one of six classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from graven.errors import DataError, InputError
from graven.kernels.surface_variation import disc_offsets, smallest_share, variation_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["SoftEdgeSettings", "cloud_variation", "edge_opacity", "feature_bounds", "soft_edges", "surface_variation"]

BLOCK_ROWS = 64
BLOCK_POINTS = 4096
_FEWEST = 4
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftEdgeSettings:
    """How the bend of a surface becomes an edge.

    Attributes
    ----------
    radius_px : float, pixels, >= 1
        Neighbourhood: a sphere of so many pixel pitches.
    low_percentile, high_percentile : float, 0 to 100
        Which percentiles of the panel begin to show and show in full.
    exponent : float, > 0
        Of the ramp between them.
    least, most : float, 0 to 1
        Opacity below the ramp and above it.
    """

    radius_px: float = 5.0
    low_percentile: float = 70.0
    high_percentile: float = 99.0
    exponent: float = 1.0
    least: float = 0.0
    most: float = 1.0

    def __post_init__(self) -> None:
        if not self.radius_px >= 1:
            raise InputError(f"the radius must be 1 px or more, got {self.radius_px}")
        if not 0 <= self.low_percentile < self.high_percentile <= 100:
            raise InputError(f"percentiles must rise in 0 to 100, got {self.low_percentile} and {self.high_percentile}")
        if not self.exponent > 0 or not 0 <= self.least <= self.most <= 1:
            raise InputError(
                "the exponent must be above 0 and opacities rise in 0 to 1, got "
                f"{self.exponent}, {self.least}, {self.most}"
            )


def surface_variation(
    height: NDArray[np.floating],
    *,
    pitch: float,
    radius_px: float = 5.0,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    r"""Compute the change of curvature of a height map.

    .. math:: f = \frac{\lambda_3}{\lambda_1 + \lambda_2 + \lambda_3} \in [0, 1/3]

    with the eigenvalues :math:`\lambda_1 \ge \lambda_2 \ge \lambda_3` of the covariance of the points in a sphere: 0 on
    a plane, 1/3 where points lie alike in all directions. On a surface with main curvatures :math:`\kappa_1, \kappa_2`
    it is :math:`r^2\,[(\kappa_1^2 + \kappa_2^2)/32 - \kappa_1\kappa_2/48]` for a small radius.

    Parameters
    ----------
    height : ndarray of shape (H, W), floating
        Height towards the viewer, NaN where it is not known; one point per pixel.
    pitch : float, > 0
        Distance of pixels, in the unit of the height.
    radius_px : float, pixels, >= 1
        Radius of the sphere in pitches.
    progress : callable, optional
        ``progress(rows_done, n_rows)``.

    Returns
    -------
    ndarray of shape (H, W), float32, 0 to 1/3
        NaN where the height is not known or has fewer than three known neighbours.

    Raises
    ------
    InputError
        If `pitch` or `radius_px` are out of range, or `height` is no map.

    References
    ----------
    .. [1] Pauly, Gross and Kobbelt, Efficient Simplification of Point-Sampled Surfaces, 2002.
    .. [2] Kawakami et al., Opacity-Based Edge Highlighting for Transparent Visualization of 3D Scanned Point Clouds,
       2020.
    """
    if height.ndim != 2 or not pitch > 0 or not radius_px >= 1:
        raise InputError(
            f"expected a map of shape (H, W), a pitch above 0 and a radius of 1 px or more, got {height.shape}, "
            f"{pitch} and {radius_px}"
        )
    points = height.astype(np.float64) / pitch
    offsets = disc_offsets(radius_px)
    out = np.empty(height.shape, np.float32)
    for first in range(0, height.shape[0], BLOCK_ROWS):
        last = min(first + BLOCK_ROWS, height.shape[0])
        variation_rows(points, offsets, radius_px, first, last, out)
        if progress is not None:
            progress(last, height.shape[0])
    return out


def cloud_variation(points: NDArray[np.floating], *, radius: float) -> NDArray[np.float32]:
    """Compute the change of curvature at every point of a cloud.

    Parameters
    ----------
    points : ndarray of shape (N, 3), floating
        Positions.
    radius : float, > 0
        Radius of the sphere, in the unit of the positions.

    Returns
    -------
    ndarray of shape (N,), float32, 0 to 1/3
        As in `surface_variation`; NaN where fewer than three other points are near.

    Raises
    ------
    InputError
        If the shape is wrong, a position is not finite, or `radius` is not above 0.
    """
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all() or not radius > 0:
        raise InputError(
            f"expected finite points of shape (N, 3) and a radius above 0, got {points.shape} and {radius}"
        )
    tree = cKDTree(points)
    out = np.full(len(points), np.nan, np.float32)
    for start in range(0, len(points), BLOCK_POINTS):
        block = points[start : start + BLOCK_POINTS]
        for k, near in enumerate(tree.query_ball_point(block, radius), start=start):
            if len(near) >= _FEWEST:
                apart = points[near] - points[k]
                c = np.cov(apart.T, bias=True)
                out[k] = smallest_share(c[0, 0], c[1, 1], c[2, 2], c[0, 1], c[0, 2], c[1, 2])
    return out


def feature_bounds(variation: NDArray[np.floating], settings: SoftEdgeSettings) -> tuple[float, float]:
    """Measure where the ramp of opacity begins and ends on a panel.

    Parameters
    ----------
    variation : ndarray, floating
        From `surface_variation` or `cloud_variation`, all of the panel.
    settings : SoftEdgeSettings
        Percentiles.

    Returns
    -------
    low, high : float
        Values of the feature.

    Raises
    ------
    DataError
        If nothing is known, or the panel bends everywhere alike, as a plane does.
    """
    known = variation[np.isfinite(variation)]
    if not known.size:
        raise DataError("no point of the panel has enough neighbours to tell how it bends; take a larger radius")
    low, high = np.percentile(known.astype(np.float64), [settings.low_percentile, settings.high_percentile])
    if not high - low > _ROUNDING:
        raise DataError(f"the panel bends everywhere alike ({low:.3g}), so it has no edges")
    return float(low), float(high)


def edge_opacity(
    variation: NDArray[np.floating], bounds: tuple[float, float], settings: SoftEdgeSettings | None = None
) -> NDArray[np.float64]:
    r"""Give the opacity of every point: a ramp between two values of the feature.

    .. math:: \alpha = \alpha_{min} + (\alpha_{max} - \alpha_{min})\Bigl(\frac{f - f_1}{f_2 - f_1}\Bigr)^\delta

    Parameters
    ----------
    variation : ndarray, floating
        The feature *f*.
    bounds : (float, float)
        :math:`f_1 < f_2`.
    settings : SoftEdgeSettings, optional
        Exponent and ends.

    Returns
    -------
    ndarray of that shape, float64, 0 to 1
        NaN where the feature is.

    Raises
    ------
    InputError
        If the bounds do not rise.

    Examples
    --------
    >>> edge_opacity(np.array([0.01, 0.06, 0.2]), (0.02, 0.1)).round(6).tolist()
    [0.0, 0.5, 1.0]
    """
    settings = SoftEdgeSettings() if settings is None else settings
    low, high = bounds
    if not high > low:
        raise InputError(f"the bounds of the ramp must rise, got {low} and {high}")
    share = np.clip((np.asarray(variation, np.float64) - low) / (high - low), 0, 1)
    return np.asarray(settings.least + (settings.most - settings.least) * share**settings.exponent)


def soft_edges(
    height: NDArray[np.floating],
    *,
    pitch: float,
    settings: SoftEdgeSettings | None = None,
    bounds: tuple[float, float] | None = None,
) -> NDArray[np.uint8]:
    """Draw the soft edges of a height map as grey levels.

    Parameters
    ----------
    height : ndarray of shape (H, W), floating
        As in `surface_variation`.
    pitch : float, > 0
        Distance of pixels, in the unit of the height.
    settings : SoftEdgeSettings, optional
        Radius, percentiles and ramp.
    bounds : (float, float), optional
        Values of the feature between which the ramp lies; measured on this map by default. Parts of one panel need
        those of the panel.

    Returns
    -------
    ndarray of shape (H, W), uint8, 0 to 255
        255 times the opacity, rounded; 0 where nothing is known. `graven.types.soft_edges.edge_classes` sorts them.

    Raises
    ------
    DataError, InputError
        As in `surface_variation`, `feature_bounds` and `edge_opacity`.
    """
    settings = SoftEdgeSettings() if settings is None else settings
    variation = surface_variation(height, pitch=pitch, radius_px=settings.radius_px)
    bounds = feature_bounds(variation, settings) if bounds is None else bounds
    return np.rint(255 * np.nan_to_num(edge_opacity(variation, bounds, settings))).astype(np.uint8)
