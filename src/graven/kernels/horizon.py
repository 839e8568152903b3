"""Compiled loops that look from every pixel along rays: how high the horizon stands, and how far one looks down.

Heights come with a margin on all four sides, so that no ray leaves the array; NaN is a height that is not known. The
innermost loops run along a row, which the compiler turns into vector instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Rays", "local_dominance", "make_rays", "make_rings", "mean_zenith_deg", "sky_view"]

_ROUNDING = 1e-9


class Rays(NamedTuple):
    """Where to look from a pixel, one line per sample.

    Attributes
    ----------
    start : ndarray of shape (D + 1,), int64
        Samples ``start[d]`` to ``start[d + 1]`` lie in direction `d`.
    near, far : ndarray of shape (S, 2), int64, pixels
        Rows and columns from the pixel to the two pixels that a sample lies between; the same where it hits one.
    share : ndarray of shape (S,), float32, 0 to 1
        Weight of `far`.
    distance_px : ndarray of shape (S,), float32
        How far away the sample is.
    weight : ndarray of shape (S,), float32
        How much it counts, for those who add samples up.
    """

    start: NDArray[np.int64]
    near: NDArray[np.int64]
    far: NDArray[np.int64]
    share: NDArray[np.float32]
    distance_px: NDArray[np.float32]
    weight: NDArray[np.float32]


def make_rays(*, n_directions: int, radius_px: float) -> Rays:
    """Lay rays that take one sample per row or column, whichever they cross more often.

    Parameters
    ----------
    n_directions : int, a multiple of 4
        Evenly spaced; the first points right, the next ones turn towards the top. A quarter turn of the image permutes
        them.
    radius_px : float, >= 1
        Samples lie at most this far away; each direction has at least one.

    Returns
    -------
    Rays
        Samples lie between two pixels of a row or column and are interpolated linearly, so that a plane is seen as one
        in every direction.

    Examples
    --------
    >>> rays = make_rays(n_directions=4, radius_px=2)
    >>> rays.near[rays.start[1] : rays.start[2]].tolist()
    [[-1, 0], [-2, 0]]
    """
    quadrant = []
    for index in range(n_directions // 4):
        angle = 2 * np.pi * index / n_directions
        along, across = np.cos(angle), np.sin(angle)
        steep = across > along + _ROUNDING
        major, minor = (across, along) if steep else (along, across)
        step = np.arange(1, max(1, int(radius_px * major + _ROUNDING)) + 1)
        beside = step * (minor / major)
        whole = np.floor(beside + _ROUNDING)
        share = np.where(beside - whole > _ROUNDING, beside - whole, 0.0)
        near = np.stack([-step, whole] if steep else [-whole, step], axis=1).astype(np.int64)
        aside = np.array([0, 1] if steep else [-1, 0]) * (share > 0)[:, None]
        quadrant.append((near, near + aside, share, step / major))
    turned = [
        (_turned(near, turns), _turned(far, turns), share, distance)
        for turns in range(4)
        for near, far, share, distance in quadrant
    ]
    near, far, share, distance = (np.concatenate(parts) for parts in zip(*turned, strict=True))
    start = np.concatenate([[0], np.cumsum([len(part[0]) for part in turned])])
    return Rays(start, near, far, share.astype(np.float32), distance.astype(np.float32), np.ones(len(near), np.float32))


def make_rings(*, n_directions: int, first_px: int, last_px: int) -> Rays:
    """Lay points on rings one pixel apart, each on the nearest pixel.

    Parameters
    ----------
    n_directions : int, a multiple of 4
        Points per ring.
    first_px, last_px : int, 1 <= first_px <= last_px
        Radius of the first and last ring.

    Returns
    -------
    Rays
        With the true distance of the pixel, and as weight the area that the point stands for, which grows with the
        radius of its ring.
    """
    radius = np.arange(first_px, last_px + 1)
    angle = 2 * np.pi * np.arange(n_directions // 4)[:, None] / n_directions
    exact = np.stack([-radius * np.sin(angle), radius * np.cos(angle)], axis=-1)
    quarter = np.rint(exact.round(9)).astype(np.int64)  # halves are halves, on either side of a diagonal
    point = np.concatenate([_turned(quarter.reshape(-1, 2), turns) for turns in range(4)])
    weight = np.tile(2.0 * radius + 1.0, n_directions)
    start = np.arange(n_directions + 1) * len(radius)
    distance = np.hypot(point[:, 0], point[:, 1])
    share = np.zeros(len(point), np.float32)
    return Rays(start, point, point, share, distance.astype(np.float32), weight.astype(np.float32))


@compiled
def sky_view(height: NDArray[np.float32], margin: int, rays: Rays, pixel_size: float) -> NDArray[np.float32]:
    """Give the share of the sky that is seen from each pixel.

    Parameters
    ----------
    height : ndarray of shape (H + 2 * margin, W + 2 * margin), float32
        Heights in the unit of `pixel_size`.
    margin : int, pixels
        At least as far as `rays` reach.
    rays : Rays
        From `make_rays`.
    pixel_size : float
        Distance of two pixels.

    Returns
    -------
    ndarray of shape (H, W), float32, 0 to 1
        One minus the mean sine of the horizon's elevation, which counts as 0 below the horizontal. Directions in which
        nothing is known are left out; NaN where none is left or the pixel itself is not known.
    """
    n_rows, n_cols = height.shape[0] - 2 * margin, height.shape[1] - 2 * margin
    seen = np.empty((n_rows, n_cols), np.float32)
    steepest = np.empty(n_cols, np.float32)
    total, known = np.empty(n_cols, np.float32), np.empty(n_cols, np.float32)
    for row in range(n_rows):
        total[:] = 0.0
        known[:] = 0.0
        for direction in range(len(rays.start) - 1):
            _find_horizon(height, row, margin, rays, direction, 1.0 / pixel_size, steepest)
            for col in range(n_cols):
                tangent = max(steepest[col], np.float32(0.0))
                is_known = np.float32(steepest[col] > -np.inf)
                known[col] += is_known
                total[col] += is_known * (np.float32(1.0) - tangent / np.sqrt(np.float32(1.0) + tangent * tangent))
        for col in range(n_cols):
            seen[row, col] = total[col] / known[col] if known[col] > 0 else np.nan
    return seen


@compiled
def mean_zenith_deg(height: NDArray[np.float32], margin: int, rays: Rays, pixel_size: float) -> NDArray[np.float32]:
    """Give the mean angle between the zenith and the horizon.

    Parameters
    ----------
    height, margin, rays, pixel_size
        As in `sky_view`.

    Returns
    -------
    ndarray of shape (H, W), float32, degrees, 0 to 180
        Above 90 where the surroundings fall away. Unknown heights as in `sky_view`.
    """
    n_rows, n_cols = height.shape[0] - 2 * margin, height.shape[1] - 2 * margin
    zenith = np.empty((n_rows, n_cols), np.float32)
    steepest = np.empty(n_cols, np.float32)
    total, known = np.empty(n_cols, np.float32), np.empty(n_cols, np.float32)
    for row in range(n_rows):
        total[:] = 0.0
        known[:] = 0.0
        for direction in range(len(rays.start) - 1):
            _find_horizon(height, row, margin, rays, direction, 1.0 / pixel_size, steepest)
            for col in range(n_cols):
                if steepest[col] > -np.inf:
                    known[col] += np.float32(1.0)
                    total[col] += np.arctan(steepest[col])
        for col in range(n_cols):
            mean = total[col] / known[col] if known[col] > 0 else np.nan
            zenith[row, col] = 90.0 - np.degrees(mean)
    return zenith


@compiled
def _find_horizon(
    height: NDArray[np.float32],
    row: int,
    margin: int,
    rays: Rays,
    direction: int,
    per_pixel: float,
    steepest: NDArray[np.float32],
) -> None:
    """Write the greatest tangent of elevation along one direction for a row; minus infinity where none is known."""
    n_cols = len(steepest)
    here = height[row + margin, margin : margin + n_cols]
    steepest[:] = -np.inf
    for sample in range(rays.start[direction], rays.start[direction + 1]):
        near_row, near_col = row + margin + rays.near[sample, 0], margin + rays.near[sample, 1]
        far_row, far_col = row + margin + rays.far[sample, 0], margin + rays.far[sample, 1]
        near = height[near_row, near_col : near_col + n_cols]
        far = height[far_row, far_col : far_col + n_cols]
        share, scale = rays.share[sample], np.float32(per_pixel / rays.distance_px[sample])
        for col in range(n_cols):
            tangent = (near[col] - here[col] + share * (far[col] - near[col])) * scale
            steepest[col] = tangent if tangent > steepest[col] else steepest[col]  # an unknown one is never greater


@compiled
def local_dominance(
    height: NDArray[np.float32], margin: int, rings: Rays, pixel_size: float, observer: float
) -> NDArray[np.float32]:
    """Give how steeply an observer on each pixel looks down on the surroundings.

    Parameters
    ----------
    height, margin, pixel_size
        As in `sky_view`.
    rings : Rays
        From `make_rings`.
    observer : float, > 0
        Height of the observer's eye above the surface.

    Returns
    -------
    ndarray of shape (H, W), float32, >= 0
        Weighted mean of ``(eye - height) / distance`` over the points below the eye, as a share of what it is on a
        plane. NaN where the pixel or all that surrounds it is not known.
    """
    n_rows, n_cols = height.shape[0] - 2 * margin, height.shape[1] - 2 * margin
    dominance = np.empty((n_rows, n_cols), np.float32)
    total, on_plane = np.empty(n_cols, np.float32), np.empty(n_cols, np.float32)
    eye = np.float32(observer)
    for row in range(n_rows):
        here = height[row + margin, margin : margin + n_cols]
        total[:] = 0.0
        on_plane[:] = 0.0
        for sample in range(len(rings.weight)):
            first = margin + rings.near[sample, 1]
            there = height[row + margin + rings.near[sample, 0], first : first + n_cols]
            weight = np.float32(rings.weight[sample] / (rings.distance_px[sample] * pixel_size))
            for col in range(n_cols):
                drop = here[col] - there[col] + eye
                total[col] += weight * drop if drop > 0 else np.float32(0.0)
                on_plane[col] += weight * eye if drop == drop else np.float32(0.0)  # NaN is unequal to itself
        for col in range(n_cols):
            dominance[row, col] = total[col] / on_plane[col] if on_plane[col] > 0 else np.nan
    return dominance


def _turned(offset: NDArray[np.int64], turns: int) -> NDArray[np.int64]:
    """Turn rows and columns by quarters, from right to top."""
    for _ in range(turns):
        offset = np.stack([-offset[:, 1], offset[:, 0]], axis=1)
    return offset
