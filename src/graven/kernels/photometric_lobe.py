"""A highlight's lobe beside Lambert's law, fitted by damped Gauss-Newton steps.

A pixel shows ``albedo * (n . l) + s * (1 + tan(t)^2 / (4 a^2))^-4`` with the angle t between the normal and the half
vector of light and viewer. The lobe falls off between Ward's (a Gaussian) and Trowbridge and Reitz's (a power of 2);
its strength s and width a are unknown in every pixel.

Arrays are by lanes, as in `graven.kernels.photometric_robust`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LANES", "fit_lobe", "half_lengths"]

LANES = 32
"""Pixels that are worked on together."""

_WIDTH = 0.3  # where every lobe begins
_NARROWEST, _WIDEST = 0.07, 0.8
_USUAL, _PULL = 0.35, 0.02  # what a width is drawn to where the values do not say, and how much, of the median
_TAU = 0.05  # of the median: residual with half the weight
_DAMPING = 0.03
_LEAST_COS = 0.05  # to the half vector
_FEWEST = 8  # usable values below which the lobe stays away


@compiled
def half_lengths(lamps: NDArray[np.float64], halves: NDArray[np.float64]) -> None:
    """Invert the length of light plus viewer, for every light and lane.

    Parameters
    ----------
    lamps : ndarray of shape (K * 4 * LANES,), float64
        Directions, of which the third part is z.
    halves : ndarray of shape (K * LANES,), float64
        Filled.
    """
    for k in range(len(halves) // LANES):
        lamp, half = lamps[4 * k * LANES :], halves[k * LANES :]
        for j in range(LANES):
            half[j] = np.divide(1.0, np.sqrt(2.0 + 2.0 * lamp[2 * LANES + j]))


@compiled
def fit_lobe(
    values: NDArray[np.float64],
    usable: NDArray[np.float64],
    lamps: NDArray[np.float64],
    halves: NDArray[np.float64],
    rounds: int,
    state: NDArray[np.float64],
    lobe: NDArray[np.float64],
) -> None:
    """Improve a solution by a lobe, where that explains the values better.

    Parameters
    ----------
    values : ndarray of shape (K * LANES,), float64
        What the pixels show; what the lobe explains of it is taken away.
    usable : ndarray of shape (K * LANES,), float64
        1 where that may be used, else 0.
    lamps : ndarray of shape (K * 4 * LANES,), float64
        Directions.
    halves : ndarray of shape (K * LANES,), float64
        From `half_lengths`.
    rounds : int
        Steps.
    state : ndarray of shape (4 * LANES,), float64
        Solution and median value; the solution is changed in place where a lobe helps.
    lobe : ndarray of shape (2 * LANES,), float64
        Filled with strength and ``1 / (4 a^2)``; strength 0 where there is no lobe.
    """
    trial = state.copy()
    logs = np.full(LANES, np.log(_WIDTH))
    counts = np.zeros(LANES)
    lobe[:LANES] = 0.0
    lobe[LANES:] = 0.25 / _WIDTH**2
    for k in range(len(values) // LANES):
        for j in range(LANES):
            counts[j] += usable[k * LANES + j]
    before = _cost(values, usable, lamps, halves, state, lobe)
    _start(values, usable, lamps, halves, trial, lobe)
    _try_facing(values, usable, lamps, halves, trial, lobe)
    sums = np.empty(30 * LANES)
    for _ in range(rounds):
        _gather(values, usable, lamps, halves, trial, lobe, sums)
        _damp(trial, logs, sums)
        _eliminate(sums)
        for j in range(LANES):
            trial[j] += sums[5 * LANES + j]
            trial[LANES + j] += sums[11 * LANES + j]
            trial[2 * LANES + j] = max(trial[2 * LANES + j] + sums[17 * LANES + j], 0.01 * trial[3 * LANES + j])
            lobe[j] = max(lobe[j] + sums[23 * LANES + j], 0.0)
            logs[j] += min(max(sums[29 * LANES + j], -0.5), 0.5)
            logs[j] = min(max(logs[j], np.log(_NARROWEST)), np.log(_WIDEST))
            lobe[LANES + j] = 0.25 * np.exp(-2.0 * logs[j])
    after = _cost(values, usable, lamps, halves, trial, lobe)
    for j in range(LANES):
        better = after[j] < before[j] or not np.isfinite(before[j])
        if counts[j] >= _FEWEST and better and np.isfinite(after[j]):
            state[j], state[LANES + j], state[2 * LANES + j] = trial[j], trial[LANES + j], trial[2 * LANES + j]
        else:
            lobe[j] = 0.0
    _subtract(values, lamps, halves, state, lobe)


@compiled
def _parts(
    light: tuple[float, float, float], half: float, x: float, y: float, z: float, sharpness: float
) -> tuple[float, float]:
    """Matt part of a value, and the lobe that its strength multiplies."""
    matt = light[0] * x + light[1] * y + light[2] * z
    c = np.divide(matt + z, np.sqrt(x * x + y * y + z * z)) * half  # cosine to the half vector
    c = min(max(c, _LEAST_COS), 1.0)
    q = np.divide(1.0, 1.0 + sharpness * np.divide(1.0 - c * c, c * c))
    return matt, q * q * q * q


@compiled
def _subtract(
    values: NDArray[np.float64],
    lamps: NDArray[np.float64],
    halves: NDArray[np.float64],
    state: NDArray[np.float64],
    lobe: NDArray[np.float64],
) -> None:
    """Take the lobe out of the values."""
    for k in range(len(values) // LANES):
        lamp, half, value = lamps[4 * k * LANES :], halves[k * LANES :], values[k * LANES :]
        for j in range(LANES):
            x, y, z = state[j], state[LANES + j], state[2 * LANES + j]
            light = lamp[j], lamp[LANES + j], lamp[2 * LANES + j]
            _, shape = _parts(light, half[j], x, y, z, lobe[LANES + j])
            value[j] -= lobe[j] * shape


@compiled
def _cost(
    values: NDArray[np.float64],
    usable: NDArray[np.float64],
    lamps: NDArray[np.float64],
    halves: NDArray[np.float64],
    state: NDArray[np.float64],
    lobe: NDArray[np.float64],
) -> NDArray[np.float64]:
    """How many values a model misses, each counted from 0 (met) to 1 (far off)."""
    costs = np.zeros(LANES)
    for k in range(len(values) // LANES):
        lamp, half = lamps[4 * k * LANES :], halves[k * LANES :]
        value, use = values[k * LANES :], usable[k * LANES :]
        for j in range(LANES):
            x, y, z = state[j], state[LANES + j], state[2 * LANES + j]
            light = lamp[j], lamp[LANES + j], lamp[2 * LANES + j]
            matt, shape = _parts(light, half[j], x, y, z, lobe[LANES + j])
            left = value[j] - matt - lobe[j] * shape
            width = _TAU * state[3 * LANES + j]
            costs[j] += use[j] * np.divide(left * left, width * width + left * left)
    return costs


@compiled
def _start(
    values: NDArray[np.float64],
    usable: NDArray[np.float64],
    lamps: NDArray[np.float64],
    halves: NDArray[np.float64],
    state: NDArray[np.float64],
    lobe: NDArray[np.float64],
) -> None:
    """Give the lobe the strength that explains what the solution leaves."""
    sums = np.zeros(2 * LANES)
    for k in range(len(values) // LANES):
        lamp, half = lamps[4 * k * LANES :], halves[k * LANES :]
        value, use = values[k * LANES :], usable[k * LANES :]
        for j in range(LANES):
            x, y, z = state[j], state[LANES + j], state[2 * LANES + j]
            light = lamp[j], lamp[LANES + j], lamp[2 * LANES + j]
            matt, shape = _parts(light, half[j], x, y, z, lobe[LANES + j])
            sums[j] += use[j] * (value[j] - matt) * shape
            sums[LANES + j] += use[j] * shape * shape
    for j in range(LANES):
        lobe[j] = max(sums[j] / sums[LANES + j], 0.0) if sums[LANES + j] > 0.0 else 0.0


@compiled
def _try_facing(
    values: NDArray[np.float64],
    usable: NDArray[np.float64],
    lamps: NDArray[np.float64],
    halves: NDArray[np.float64],
    state: NDArray[np.float64],
    lobe: NDArray[np.float64],
) -> None:
    """Begin with a surface that faces the viewer where that, with its lobe, meets more values than the first fit."""
    facing, other = state.copy(), lobe.copy()
    facing[: 2 * LANES] = 0.0
    facing[2 * LANES : 3 * LANES] = state[3 * LANES :]
    _start(values, usable, lamps, halves, facing, other)
    costs = _cost(values, usable, lamps, halves, state, lobe)
    others = _cost(values, usable, lamps, halves, facing, other)
    for j in range(LANES):
        if not costs[j] <= others[j]:  # NaN, where the first fit failed, is not
            state[j], state[LANES + j], state[2 * LANES + j] = 0.0, 0.0, facing[2 * LANES + j]
            lobe[j] = other[j]


@compiled
def _gather(
    values: NDArray[np.float64],
    usable: NDArray[np.float64],
    lamps: NDArray[np.float64],
    halves: NDArray[np.float64],
    state: NDArray[np.float64],
    lobe: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Write the equations of a step for x, y, z, strength and logarithm of the width: five rows of six."""
    sums[:] = 0.0
    for k in range(len(values) // LANES):
        lamp, half = lamps[4 * k * LANES :], halves[k * LANES :]
        value, use = values[k * LANES :], usable[k * LANES :]
        for j in range(LANES):
            l0, l1, l2 = lamp[j], lamp[LANES + j], lamp[2 * LANES + j]
            x, y, z = state[j], state[LANES + j], state[2 * LANES + j]
            inverse = np.divide(1.0, np.sqrt(x * x + y * y + z * z))
            n0, n1, n2 = x * inverse, y * inverse, z * inverse
            matt = l0 * x + l1 * y + l2 * z
            c = min(max((matt + z) * inverse * half[j], _LEAST_COS), 1.0)
            square = np.divide(1.0, c * c)
            spread = lobe[LANES + j] * (square - 1.0)
            q = np.divide(1.0, 1.0 + spread)
            shape = q * q * q * q
            slope = 8.0 * lobe[LANES + j] * shape * q * square * square * c  # of the shape, by c
            turn = lobe[j] * inverse * slope
            d0 = l0 + turn * (l0 * half[j] - c * n0)
            d1 = l1 + turn * (l1 * half[j] - c * n1)
            d2 = l2 + turn * ((l2 + 1.0) * half[j] - c * n2)
            d4 = 8.0 * lobe[j] * shape * spread * q
            left = value[j] - matt - lobe[j] * shape
            width = _TAU * state[3 * LANES + j]
            w = use[j] * np.divide(width * width, width * width + left * left)
            w0, w1, w2, w3, w4 = w * d0, w * d1, w * d2, w * shape, w * d4
            sums[j] += w0 * d0
            sums[LANES + j] += w0 * d1
            sums[2 * LANES + j] += w0 * d2
            sums[3 * LANES + j] += w0 * shape
            sums[4 * LANES + j] += w0 * d4
            sums[5 * LANES + j] += w0 * left
            sums[7 * LANES + j] += w1 * d1
            sums[8 * LANES + j] += w1 * d2
            sums[9 * LANES + j] += w1 * shape
            sums[10 * LANES + j] += w1 * d4
            sums[11 * LANES + j] += w1 * left
            sums[14 * LANES + j] += w2 * d2
            sums[15 * LANES + j] += w2 * shape
            sums[16 * LANES + j] += w2 * d4
            sums[17 * LANES + j] += w2 * left
            sums[21 * LANES + j] += w3 * shape
            sums[22 * LANES + j] += w3 * d4
            sums[23 * LANES + j] += w3 * left
            sums[28 * LANES + j] += w4 * d4
            sums[29 * LANES + j] += w4 * left


@compiled
def _damp(state: NDArray[np.float64], logs: NDArray[np.float64], sums: NDArray[np.float64]) -> None:
    """Keep steps short, and draw a width that nothing depends on to the usual one."""
    for j in range(LANES):
        pull = (_PULL * state[3 * LANES + j]) ** 2
        sums[28 * LANES + j] += pull
        sums[29 * LANES + j] -= pull * (logs[j] - np.log(_USUAL))
        for row in range(5):
            sums[7 * row * LANES + j] = sums[7 * row * LANES + j] * (1.0 + _DAMPING) + 1e-9


@compiled
def _eliminate(sums: NDArray[np.float64]) -> None:
    """Solve five symmetric equations in every lane; the solution replaces the sixth column."""
    for pivot in range(5):
        top = sums[6 * pivot * LANES :]
        for row in range(pivot + 1, 5):
            low = sums[6 * row * LANES :]
            for j in range(LANES):
                low[pivot * LANES + j] = np.divide(top[row * LANES + j], top[pivot * LANES + j])
            for column in range(row, 6):
                for j in range(LANES):
                    low[column * LANES + j] -= low[pivot * LANES + j] * top[column * LANES + j]
    for pivot in range(4, -1, -1):
        top = sums[6 * pivot * LANES :]
        for column in range(pivot + 1, 5):
            found = sums[(6 * column + 5) * LANES :]
            for j in range(LANES):
                top[5 * LANES + j] -= top[column * LANES + j] * found[j]
        for j in range(LANES):
            top[5 * LANES + j] = np.divide(top[5 * LANES + j], top[pivot * LANES + j])
