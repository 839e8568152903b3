"""Compiled loops for the change of curvature around every pixel of a height map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["disc_offsets", "smallest_share", "variation_rows"]


def disc_offsets(radius_px: float) -> NDArray[np.int64]:
    """List the pixels of a disc around a pixel.

    Parameters
    ----------
    radius_px : float, pixels, >= 0
        Pixels whose centre lies at most so far away.

    Returns
    -------
    ndarray of shape (N, 2), int64
        Rows and columns from the middle, the middle among them.
    """
    reach = math.floor(radius_px)
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = rows**2 + cols**2 <= radius_px**2
    return np.stack([rows[inside], cols[inside]], axis=1).astype(np.int64)


@compiled
def smallest_share(xx: float, yy: float, zz: float, xy: float, xz: float, yz: float) -> float:
    """Give the smallest eigenvalue of a symmetric 3 x 3 matrix as a share of their sum, 0 to 1/3."""
    trace = xx + yy + zz
    if trace <= 0:
        return 0.0
    mean = trace / 3
    a, b, c = xx - mean, yy - mean, zz - mean
    spread = math.sqrt((a * a + b * b + c * c + 2 * (xy * xy + xz * xz + yz * yz)) / 6)
    if spread <= 1e-14 * trace:
        return 1 / 3
    half = (a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)) / (2 * spread**3)
    angle = math.acos(min(1.0, max(-1.0, half))) / 3
    lowest = mean + 2 * spread * math.cos(angle + 2 * math.pi / 3)
    return max(0.0, lowest) / trace


@compiled
def variation_rows(
    height: NDArray[np.float64],
    offsets: NDArray[np.int64],
    radius: float,
    first: int,
    last: int,
    out: NDArray[np.float32],
) -> None:
    """Fill rows `first` to `last` of the change of curvature; heights are in pixels, NaN where not known.

    Neighbours are the points of the surface inside a sphere around the point, so what lies far above or below does not
    count. With fewer than four of them there is no value.
    """
    n_rows, n_cols = height.shape
    for row in range(first, last):
        for col in range(n_cols):
            here = height[row, col]
            out[row, col] = np.nan
            if not math.isfinite(here):
                continue
            n = 0
            x = y = z = xx = yy = zz = xy = xz = yz = 0.0
            for k in range(offsets.shape[0]):
                r, c = row + offsets[k, 0], col + offsets[k, 1]
                if r < 0 or c < 0 or r >= n_rows or c >= n_cols:
                    continue
                dz = height[r, c] - here
                dy, dx = float(offsets[k, 0]), float(offsets[k, 1])
                if not dx * dx + dy * dy + dz * dz <= radius * radius:  # NaN is not
                    continue
                n += 1
                x += dx
                y += dy
                z += dz
                xx += dx * dx
                yy += dy * dy
                zz += dz * dz
                xy += dx * dy
                xz += dx * dz
                yz += dy * dz
            if n > 3:
                x, y, z = x / n, y / n, z / n
                out[row, col] = smallest_share(
                    xx / n - x * x, yy / n - y * y, zz / n - z * z, xy / n - x * y, xz / n - x * z, yz / n - y * z
                )
