"""Steps of a multigrid cycle for Poisson's equation on the valid part of a grid.

Every array has a frame of one pixel that is never valid, so that no loop asks about borders. Two neighbours are joined
by an edge: ``east[r, c]`` joins a pixel with ``[r, c + 1]``, ``south[r, c]`` with ``[r + 1, c]``; its weight is 1
between two valid pixels and 0 otherwise. A coarse pixel stands for 2 x 2 fine ones, and a coarse edge weighs half of
the fine edges that it stands for: the equations then look the same on every level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["apply_laplacian", "coarsen_edges", "prolong", "restrict", "slope_divergence", "smooth"]


@compiled
def slope_divergence(
    dcol: NDArray[np.floating], drow: NDArray[np.floating], valid: NDArray[np.bool_], out: NDArray[np.float64]
) -> None:
    """Right-hand side of the normal equations: what the slopes ask of each pixel.

    Parameters
    ----------
    dcol, drow : ndarray of shape (H, W), floating
        Slopes at the pixels, along columns and along rows.
    valid : ndarray of shape (H, W), bool
        Only pairs of valid neighbours count.
    out : ndarray of shape (H + 2, W + 2), float64, zeros
        Filled inside its frame.
    """
    n_rows, n_cols = valid.shape
    for r in range(n_rows):
        for c in range(n_cols):
            if not valid[r, c]:
                continue
            if c + 1 < n_cols and valid[r, c + 1]:
                step = 0.5 * (np.float64(dcol[r, c]) + np.float64(dcol[r, c + 1]))
                out[r + 1, c + 1] -= step
                out[r + 1, c + 2] += step
            if r + 1 < n_rows and valid[r + 1, c]:
                step = 0.5 * (np.float64(drow[r, c]) + np.float64(drow[r + 1, c]))
                out[r + 1, c + 1] -= step
                out[r + 2, c + 1] += step


@compiled
def apply_laplacian(
    east: NDArray[np.float32], south: NDArray[np.float32], field: NDArray[np.float64], out: NDArray[np.float64]
) -> float:
    """Sum over the edges of a pixel of how much it is higher than its neighbour.

    Parameters
    ----------
    east, south : ndarray of shape (h, w), float32
        Edges.
    field : ndarray of shape (h, w), float64
        Heights.
    out : ndarray of shape (h, w), float64
        Filled inside its frame.

    Returns
    -------
    float
        Product of `field` and `out`, not below 0.
    """
    n_rows, n_cols = field.shape
    product = 0.0
    for r in range(1, n_rows - 1):
        for c in range(1, n_cols - 1):
            here = field[r, c]
            value = east[r, c] * (here - field[r, c + 1]) + east[r, c - 1] * (here - field[r, c - 1])
            value += south[r, c] * (here - field[r + 1, c]) + south[r - 1, c] * (here - field[r - 1, c])
            out[r, c] = value
            product += here * value
    return product


@compiled
def coarsen_edges(
    east: NDArray[np.float32],
    south: NDArray[np.float32],
    coarse_east: NDArray[np.float32],
    coarse_south: NDArray[np.float32],
) -> None:
    """Join coarse pixels where their fine ones are joined.

    Parameters
    ----------
    east, south : ndarray of shape (h, w), float32
        Fine edges.
    coarse_east, coarse_south : ndarray, float32, zeros
        Filled; half as many pixels inside the frame, rounded up.
    """
    n_rows, n_cols = east.shape
    for r in range(1, n_rows - 1):
        for c in range(1, n_cols - 1):
            if c % 2 == 0:
                coarse_east[(r + 1) // 2, (c + 1) // 2] += np.float32(0.5) * east[r, c]
            if r % 2 == 0:
                coarse_south[(r + 1) // 2, (c + 1) // 2] += np.float32(0.5) * south[r, c]


@compiled
def smooth(
    east: NDArray[np.float32],
    south: NDArray[np.float32],
    right: NDArray[np.float32],
    field: NDArray[np.float32],
    colour: int,
) -> None:
    """Solve the equation of every second pixel, as on a chessboard, with its neighbours as they are.

    Parameters
    ----------
    east, south : ndarray of shape (h, w), float32
        Edges.
    right : ndarray of shape (h, w), float32
        Right-hand side.
    field : ndarray of shape (h, w), float32
        Heights, changed in place; pixels without edges stay.
    colour : int, 0 or 1
        Which of the two colours.
    """
    n_rows, n_cols = field.shape
    for r in range(1, n_rows - 1):
        for c in range(1 + (r + 1 + colour) % 2, n_cols - 1, 2):
            e, w, s, n = east[r, c], east[r, c - 1], south[r, c], south[r - 1, c]
            total = e + w + s + n
            if total > 0:
                pull = e * field[r, c + 1] + w * field[r, c - 1] + s * field[r + 1, c] + n * field[r - 1, c]
                field[r, c] = (right[r, c] + pull) / total


@compiled
def _shares(
    east: NDArray[np.float32], south: NDArray[np.float32], r: int, c: int
) -> tuple[int, int, float, float, float, float]:
    """Where the coarse neighbours of a fine pixel lie, and its shares in them: own, aside, above or below, diagonal.

    Bilinear, 9 : 3 : 3 : 1, where the coarse pixels are joined; a neighbour across a gap gets nothing.
    """
    row, col = (r + 1) // 2, (c + 1) // 2
    down = 1 if r % 2 == 0 else -1
    right = 1 if c % 2 == 0 else -1
    first_row, first_col = min(row, row + down), min(col, col + right)
    aside = 3.0 if east[row, first_col] > 0 else 0.0
    along = 3.0 if south[first_row, col] > 0 else 0.0
    round_a_corner = along > 0 and east[row + down, first_col] > 0
    diagonal = 1.0 if round_a_corner or (aside > 0 and south[first_row, col + right] > 0) else 0.0
    total = 9.0 + aside + along + diagonal
    return down, right, 9.0 / total, aside / total, along / total, diagonal / total


@compiled
def restrict(
    east: NDArray[np.float32],
    south: NDArray[np.float32],
    right: NDArray[np.float32],
    field: NDArray[np.float32],
    coarse_east: NDArray[np.float32],
    coarse_south: NDArray[np.float32],
    coarse_right: NDArray[np.float32],
) -> None:
    """Hand what is left of the equations down to the coarse level.

    Parameters
    ----------
    east, south, right, field : ndarray of shape (h, w), float32
        Edges, right-hand side and heights of the fine level.
    coarse_east, coarse_south : ndarray, float32
        Edges of the coarse level.
    coarse_right : ndarray, float32
        Filled.
    """
    n_rows, n_cols = field.shape
    coarse_right[:] = 0
    for r in range(1, n_rows - 1):
        for c in range(1, n_cols - 1):
            e, w, s, n = east[r, c], east[r, c - 1], south[r, c], south[r - 1, c]
            total = e + w + s + n
            if total > 0:
                pull = e * field[r, c + 1] + w * field[r, c - 1] + s * field[r + 1, c] + n * field[r - 1, c]
                left = right[r, c] + pull - total * field[r, c]
                down, side, own, aside, along, diagonal = _shares(coarse_east, coarse_south, r, c)
                row, col = (r + 1) // 2, (c + 1) // 2
                coarse_right[row, col] += np.float32(own * left)
                coarse_right[row, col + side] += np.float32(aside * left)
                coarse_right[row + down, col] += np.float32(along * left)
                coarse_right[row + down, col + side] += np.float32(diagonal * left)


@compiled
def prolong(
    east: NDArray[np.float32],
    south: NDArray[np.float32],
    field: NDArray[np.float32],
    coarse_east: NDArray[np.float32],
    coarse_south: NDArray[np.float32],
    coarse_field: NDArray[np.float32],
) -> None:
    """Add the correction that the coarse level found.

    Parameters
    ----------
    east, south : ndarray of shape (h, w), float32
        Edges of the fine level.
    field : ndarray of shape (h, w), float32
        Its heights, changed in place.
    coarse_east, coarse_south, coarse_field : ndarray, float32
        Edges and heights of the coarse level.
    """
    n_rows, n_cols = field.shape
    for r in range(1, n_rows - 1):
        for c in range(1, n_cols - 1):
            if east[r, c] + east[r, c - 1] + south[r, c] + south[r - 1, c] > 0:
                down, side, own, aside, along, diagonal = _shares(coarse_east, coarse_south, r, c)
                row, col = (r + 1) // 2, (c + 1) // 2
                field[r, c] += np.float32(
                    own * coarse_field[row, col]
                    + aside * coarse_field[row, col + side]
                    + along * coarse_field[row + down, col]
                    + diagonal * coarse_field[row + down, col + side]
                )
