"""Least-squares integration inside a mask: Poisson's equation by conjugate gradients and multigrid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import DefectError
from graven.kernels.multigrid import apply_laplacian, coarsen_edges, prolong, restrict, slope_divergence, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["masked_heights"]

_COARSEST = 4  # pixels a side; so few are solved by repeated smoothing
_COARSEST_SWEEPS = 12
_MAX_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class _Level:
    """One grid of the multigrid cycle, with its frame of one pixel."""

    east: NDArray[np.float32]
    south: NDArray[np.float32]
    right: NDArray[np.float32]
    field: NDArray[np.float32]


def masked_heights(
    dcol: NDArray[np.floating], drow: NDArray[np.floating], valid: NDArray[np.bool_], *, tolerance: float = 1e-7
) -> NDArray[np.float64]:
    """Find the heights whose differences between valid neighbours are nearest to the slopes.

    Parameters
    ----------
    dcol, drow : ndarray of shape (H, W), floating, height per pixel
        Slopes at the pixels, along columns and along rows; finite where valid.
    valid : ndarray of shape (H, W), bool
        Where the surface is known.
    tolerance : float, > 0
        Largest error that may be left, as a share of the surface's own size (both as root mean square slopes).

    Returns
    -------
    ndarray of shape (H, W), float64
        Heights with mean 0 in each part of the mask that hangs together over sides of pixels; 0 elsewhere.

    Raises
    ------
    DefectError
        If the solver does not converge.

    Notes
    -----
    Between two valid neighbours the slope is the mean of the slopes at both. The constant of each part is free; the one
    chosen is the limit of a small penalty on the heights. The multigrid cycle is only a preconditioner, in float32; the
    equations themselves are solved in float64. About 70 bytes per pixel of the frame are in use.
    """
    levels = _make_levels(valid)
    left = np.zeros(levels[0].east.shape)
    slope_divergence(dcol, drow, valid, left)
    heights = _conjugate_gradients(levels, left, tolerance)[1:-1, 1:-1]
    return _centred(heights, valid)


def _make_levels(valid: NDArray[np.bool_]) -> list[_Level]:
    framed = np.pad(valid, 1)
    east, south = np.zeros((2, *framed.shape), np.float32)
    east[:, :-1] = framed[:, :-1] & framed[:, 1:]
    south[:-1] = framed[:-1] & framed[1:]
    levels = [_Level(east, south, np.zeros_like(east), np.zeros_like(east))]
    while max(east.shape) - 2 > _COARSEST:
        size = tuple((side - 1) // 2 + 2 for side in east.shape)
        coarse_east, coarse_south, right, field = np.zeros((4, *size), np.float32)
        coarsen_edges(east, south, coarse_east, coarse_south)
        east, south = coarse_east, coarse_south
        levels.append(_Level(east, south, right, field))
    return levels


def _conjugate_gradients(levels: list[_Level], left: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Solve for the right-hand side `left`, which is used up."""
    east, south = levels[0].east, levels[0].south
    heights, pushed = np.zeros_like(left), np.zeros_like(left)
    guess = _precondition(levels, left)
    step = guess.astype(np.float64)
    size = first = float(np.vdot(left, guess))
    for _ in range(_MAX_ROUNDS):
        if size <= first * tolerance**2:
            return heights
        length = size / apply_laplacian(east, south, step, pushed)
        heights += length * step
        left -= length * pushed
        guess = _precondition(levels, left)
        size, before = float(np.vdot(left, guess)), size
        step *= size / before
        step += guess
    raise DefectError(
        f"the integration of slopes did not converge in {_MAX_ROUNDS} rounds (error {np.sqrt(size / first):.1e}, "
        f"wanted {tolerance:.1e}); please report the mask"
    )


def _precondition(levels: list[_Level], left: NDArray[np.float64]) -> NDArray[np.float32]:
    levels[0].right[:] = left
    _cycle(levels, 0)
    return levels[0].field


def _cycle(levels: list[_Level], number: int) -> None:
    """Solve a level roughly, from zero; symmetric, as conjugate gradients need it."""
    level = levels[number]
    east, south, right, field = level.east, level.south, level.right, level.field
    field[:] = 0
    if number == len(levels) - 1:
        for colour in [0, 1] * _COARSEST_SWEEPS + [1, 0] * _COARSEST_SWEEPS:
            smooth(east, south, right, field, colour)
        return
    coarse = levels[number + 1]
    for colour in (0, 1):
        smooth(east, south, right, field, colour)
    restrict(east, south, right, field, coarse.east, coarse.south, coarse.right)
    _cycle(levels, number + 1)
    prolong(east, south, field, coarse.east, coarse.south, coarse.field)
    for colour in (1, 0):
        smooth(east, south, right, field, colour)


def _centred(heights: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Take the mean of each connected part away."""
    n_parts, labels = cv2.connectedComponents(valid.view(np.uint8), connectivity=4)
    sums = np.bincount(labels.ravel(), heights.ravel(), n_parts)
    means = sums / np.maximum(np.bincount(labels.ravel(), minlength=n_parts), 1)
    return np.where(valid, heights - means[labels], 0.0)
