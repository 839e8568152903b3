"""Relief seen by looking around: sky-view factor, openness and local dominance.

Parameters, defaults and ranges are those of the Relief Visualization Toolbox (RVT), with radii in millimetres instead
of pixels. Two things are finer here. Horizons are sought between pixels, by linear interpolation along the ray, where
RVT takes the nearest pixel: a slanted plane then has an openness of exactly 90 degrees. And what lies beyond the border
or is not known is left out, where RVT mirrors the border.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError
from graven.kernels import horizon
from graven.prepare.heights import known_height, radius_in_px

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["local_dominance", "openness", "sky_margin_px", "sky_view_factor"]

RING_DIRECTIONS = 24  # every 15 degrees
EYE_PER_RADIUS = 0.17  # 1.7 m above ground that is looked at from 10 m on


def sky_margin_px(radius_mm: float, *, pixel_size_mm: float) -> int:
    """Give how far the functions of this module look.

    Parameters
    ----------
    radius_mm : float, millimetres
        Their (largest) radius.
    pixel_size_mm : float, millimetres
        Side of a pixel.

    Returns
    -------
    int, pixels
        With this margin the result does not depend on tiling.

    Examples
    --------
    >>> sky_margin_px(0.52, pixel_size_mm=0.05)
    11
    """
    return math.ceil(radius_in_px(radius_mm, pixel_size_mm))


def sky_view_factor(
    height: NDArray[Any],
    *,
    pixel_size_mm: float,
    radius_mm: float,
    n_directions: int = 16,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Give how much of the sky is seen from each point of a surface [1]_.

    Parameters
    ----------
    height : ndarray of shape (H, W), float32, millimetres
        Heights, growing towards the viewer; NaN where they are not known.
    pixel_size_mm : float, millimetres, > 0
        Side of a pixel.
    radius_mm : float, millimetres
        How far to look for the horizon, at least one pixel. RVT looks 10 pixels far.
    n_directions : int, a multiple of 4
        Directions that are looked in.
    valid : ndarray of shape (H, W), bool, optional
        False where `height` is not to be used.

    Returns
    -------
    ndarray of shape (H, W), float32, 0 to 1
        ``1 - mean(sin(max(g, 0)))`` with the elevation ``g`` of the horizon. 1 on a plane and on whatever sticks out,
        less on slopes and in hollows; NaN where the height is not known.

    Raises
    ------
    InputError
        If shapes, the radius or the number of directions are outside the above.

    Notes
    -----
    Local: needs `sky_margin_px`. Unknown points hide nothing, and a direction in which nothing is known is left out of
    the mean. Time grows with ``n_directions * radius_mm``.

    References
    ----------
    .. [1] K. Zakšek, K. Oštir, Ž. Kokalj, Sky-View Factor as a Relief Visualization Technique, Remote Sensing 3(2),
       2011, 398-415, doi:10.3390/rs3020398.

    Examples
    --------
    >>> wall = np.tile(np.float32([0, 0, 1, 1]), (4, 1))
    >>> seen = sky_view_factor(wall, pixel_size_mm=1.0, radius_mm=1.0, n_directions=4)
    >>> [round(share, 3) for share in seen[1].tolist()]
    [1.0, 0.823, 1.0, 1.0]
    """
    padded, margin, rays = _surroundings(height, valid, pixel_size_mm, radius_mm, n_directions)
    return horizon.sky_view(padded, margin, rays, pixel_size_mm)


def openness(
    height: NDArray[Any],
    *,
    pixel_size_mm: float,
    radius_mm: float,
    n_directions: int = 16,
    negative: bool = False,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Give the mean angle by which a surface opens above, or below, each of its points [1]_ [2]_.

    Parameters
    ----------
    height, pixel_size_mm, radius_mm, n_directions, valid
        As in `sky_view_factor`.
    negative : bool
        Look from below instead: high in hollows and at the foot of steps. It is not the inverse of positive openness.

    Returns
    -------
    ndarray of shape (H, W), float32, degrees, 0 to 180
        Mean angle between the zenith (for `negative` the nadir) and the horizon. 90 on a plane however it slants, above
        90 on ridges, below in grooves; for `negative` the other way round. NaN where the height is not known.

    Raises
    ------
    InputError
        As in `sky_view_factor`.

    Notes
    -----
    As in `sky_view_factor`; beside a border a slanted plane is seen on one side only and differs from 90.

    References
    ----------
    .. [1] R. Yokoyama, M. Shirasawa, R. J. Pike, Visualizing topography by openness, Photogrammetric Engineering and
       Remote Sensing 68(3), 2002, 257-265.
    .. [2] M. Doneus, Openness as Visualization Technique for Interpretative Mapping of Airborne Lidar Derived Digital
       Terrain Models, Remote Sensing 5(12), 2013, 6427-6442, doi:10.3390/rs5126427.
    """
    padded, margin, rays = _surroundings(height, valid, pixel_size_mm, radius_mm, n_directions)
    return horizon.mean_zenith_deg(-padded if negative else padded, margin, rays, pixel_size_mm)


def local_dominance(
    height: NDArray[Any],
    *,
    pixel_size_mm: float,
    min_radius_mm: float,
    max_radius_mm: float,
    eye_mm: float | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Give how much an observer on each point would look down on the surroundings [1]_.

    Parameters
    ----------
    height, pixel_size_mm, valid
        As in `sky_view_factor`.
    min_radius_mm, max_radius_mm : float, millimetres
        Between them the surroundings are looked at, on rings one pixel apart, in 24 directions; rounded to pixels. RVT
        looks from 10 to 20 pixels.
    eye_mm : float, millimetres, > 0, optional
        Height of the observer's eye above the surface; default is 0.17 times `min_radius_mm`, after the 1.7 m over 10 m
        of RVT.

    Returns
    -------
    ndarray of shape (H, W), float32, >= 0
        Mean tangent of the angle at which the observer looks down, each ring weighted by its area, as a share of what
        it is on a plane. 1 on a plane, more on what stands out even a little, less in hollows; points at or above the
        eye count as 0. NaN where the height is not known.

    Raises
    ------
    InputError
        If shapes or radii are outside the above, or `eye_mm` is not positive.

    Notes
    -----
    Local: needs `sky_margin_px` of the larger radius. Unknown points are left out. Distances are those of the pixels
    that are looked at, where RVT takes the radius of the ring.

    References
    ----------
    .. [1] R. Hesse, Visualisierung hochauflösender digitaler Geländemodelle mit LiVT, in: 3D-Anwendungen in der
       Archäologie, Edition Topoi, Berlin, 2016, 109-128.
    """
    first_px, last_px = (round(radius_in_px(radius, pixel_size_mm)) for radius in (min_radius_mm, max_radius_mm))
    if first_px > last_px:
        raise InputError(f"the smaller radius comes first, got {min_radius_mm:g} and {max_radius_mm:g} mm")
    eye_mm = EYE_PER_RADIUS * min_radius_mm if eye_mm is None else eye_mm
    if not (math.isfinite(eye_mm) and eye_mm > 0):
        raise InputError(f"the eye of the observer must be above the surface, got {eye_mm} mm")
    rings = horizon.make_rings(n_directions=RING_DIRECTIONS, first_px=first_px, last_px=last_px)
    padded = _padded(known_height(height, valid), last_px)
    return horizon.local_dominance(padded, last_px, rings, pixel_size_mm, eye_mm)


def _surroundings(
    height: NDArray[Any], valid: NDArray[np.bool_] | None, pixel_size_mm: float, radius_mm: float, n_directions: int
) -> tuple[NDArray[np.float32], int, horizon.Rays]:
    """Give the heights with unknown ones all around, how many, and where to look."""
    if n_directions < 4 or n_directions % 4:
        raise InputError(f"the number of directions must be a multiple of 4, got {n_directions}; the usual one is 16")
    margin = sky_margin_px(radius_mm, pixel_size_mm=pixel_size_mm)
    rays = horizon.make_rays(n_directions=n_directions, radius_px=radius_in_px(radius_mm, pixel_size_mm))
    return _padded(known_height(height, valid), margin), margin, rays


def _padded(height: NDArray[np.float32], margin: int) -> NDArray[np.float32]:
    return np.pad(height, margin, constant_values=np.nan)
