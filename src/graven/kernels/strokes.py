"""Compiled drawing of thick lines: which pixel centres lie within a distance of a polyline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["fill_capsules"]


@compiled
def fill_capsules(points: NDArray[np.float64], radius: float, row: int, col: int, mask: NDArray[np.bool_]) -> None:
    """Set the pixels whose centre lies at most `radius` from a polyline.

    Parameters
    ----------
    points : ndarray of shape (N, 2), float64, pixels, N >= 1
        ``(x, y)`` from the outer corner of the first pixel of the raster.
    radius : float, pixels
        Half the width.
    row, col : int
        Where the first pixel of `mask` lies in the raster. Points are not moved there, which would round: a mask of a
        part is exactly that part of the whole.
    mask : ndarray of shape (H, W), bool
        Changed in place; pixels that are set stay so.

    Notes
    -----
    The union of one capsule per segment. Per row, only columns are looked at that the part of the segment within
    `radius` of this row can reach, so a long oblique line costs as much as a straight one.
    """
    height, width = mask.shape
    square = radius * radius
    for k in range(max(1, len(points) - 1)):
        ax, ay = points[k, 0], points[k, 1]
        last = min(k + 1, len(points) - 1)
        dx, dy = points[last, 0] - ax, points[last, 1] - ay
        long = dx * dx + dy * dy
        low, high = min(ay, ay + dy) - radius - row, max(ay, ay + dy) + radius - row
        if high < 0 or low > height:
            continue
        for i in range(int(max(0.0, low - 1)), int(min(float(height), high + 1))):
            y = row + i + 0.5 - ay
            begin, end = 0.0, 1.0
            if dy != 0:
                one, other = (y - radius) / dy, (y + radius) / dy
                begin = min(1.0, max(0.0, min(one, other)))
                end = min(1.0, max(0.0, max(one, other)))
            left = ax + min(begin * dx, end * dx) - radius - col
            right = ax + max(begin * dx, end * dx) + radius - col
            if right < 0 or left > width:
                continue
            for j in range(int(max(0.0, left - 1)), int(min(float(width), right + 1))):
                x = col + j + 0.5 - ax
                share = 0.0
                if long > 0:
                    share = min(1.0, max(0.0, (x * dx + y * dy) / long))
                off_x, off_y = x - share * dx, y - share * dy
                if off_x * off_x + off_y * off_y <= square:
                    mask[i, j] = True
