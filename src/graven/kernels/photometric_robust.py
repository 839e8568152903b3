"""Normals of every pixel in spite of highlights and shadows, under far or near lights.

A few pixels ("lanes") are worked on together. Their values lie light after light, each light with all lanes, so that
every loop over the lanes becomes vector instructions; division is written ``np.divide`` for the same reason.

The cached code of `fit_robust` contains that of the two modules imported below. Numba looks at this file only: after a
change of theirs delete what ``__pycache__`` holds of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled
from graven.kernels.photometric import solve_symmetric
from graven.kernels.photometric_lobe import LANES, fit_lobe, half_lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_robust"]


@compiled
def fit_robust(
    images: NDArray[np.floating],
    valid: NDArray[np.bool_],
    lights: NDArray[np.float64],
    strengths: NDArray[np.float64],
    place: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.floating]] | None,
    cos_power: float,
    black: float,
    dark: float,
    bright: float,
    shares: tuple[float, float],
    above: float,
    below: float,
    readmit: bool,  # noqa: FBT001 - a compiled function takes no arguments by keyword alone
    rounds: int,
    lobe_rounds: int,
    out: NDArray[np.floating],
) -> None:
    """Fit Lambert's law to every pixel by reweighted least squares that leaves out highlights and shadows.

    Parameters
    ----------
    images : ndarray of shape (K, H, W), float32 or float64
        Brightness under each light.
    valid : ndarray of shape (H, W), bool
        Pixels to fit.
    lights : ndarray of shape (K, 3), float64
        Unit vectors towards far lights, or positions in millimetres where `place` is given.
    strengths : ndarray of shape (K,), float64
        Brightness of a white surface that faces the light; for near lights of one at the origin.
    place : (x, y, height) or None
        Where the pixels are, in millimetres, of shapes (W,), (H,) and (H, W); None for far lights.
    cos_power : float
        Exponent of the cosine between the axis of a near lamp, which points to the origin, and the ray.
    black : float
        Taken away from every value that is used.
    dark, bright : float
        Only values between these, both excluded, are used; NaN never is.
    shares : (float, float)
        Shares of the darkest and of the brightest usable values that the first fit leaves out; four values stay.
    above, below : float
        Residual at which a value that is too bright, or too dark, has half its weight, as a share of the median value.
    readmit : bool
        True if the later fits may use what the first one left out.
    rounds : int
        Later fits, each with the weights of the one before.
    lobe_rounds : int
        Steps that fit a highlight's lobe as well, of `graven.kernels.photometric_lobe`; 0 for none.
    out : ndarray of shape (5, H, W), of the type of the images
        As of `graven.kernels.photometric.fit_lambert`; the residual is that of the values with their weights.
    """
    n_lights, n_rows, n_cols = images.shape
    size = (n_lights + n_lights % 2) * LANES  # an odd light gets a partner that counts nothing
    values, usable, weights, ordered = np.zeros(size), np.zeros(size), np.zeros(size), np.empty(size)
    lamps = np.zeros(4 * size)
    pairs = _sorting_pairs(size // LANES)
    state, lobe, halves = np.empty(4 * LANES), np.zeros(2 * LANES), np.zeros(size)
    if place is None:
        _far_lamps(lights, strengths, lamps)
        half_lengths(lamps, halves)
    for row in range(n_rows):
        for begin in range(0, n_cols, LANES):
            run = min(LANES, n_cols - begin)
            if not valid[row, begin : begin + run].any():
                out[:, row, begin : begin + run] = np.nan
                continue
            if place is not None:
                _near_lamps(lights, strengths, cos_power, place, row, begin, run, lamps)
                half_lengths(lamps, halves)
            _load(images, row, begin, run, black, dark, bright, lamps, values, usable)
            _trim(values, usable, shares, pairs, ordered, weights, state)
            _fit(values, weights, lamps, state)
            if not readmit:
                usable[:] = weights
            for _ in range(rounds):
                _reweigh(values, usable, lamps, state, above, below, weights)
                _fit(values, weights, lamps, state)
            if lobe_rounds > 0:
                fit_lobe(values, usable, lamps, halves, lobe_rounds, state, lobe)
                _reweigh(values, usable, lamps, state, above, below, weights)
            _store(values, weights, lamps, state, valid, row, begin, run, out)


@compiled
def _far_lamps(directions: NDArray[np.float64], strengths: NDArray[np.float64], lamps: NDArray[np.float64]) -> None:
    """Write x, y, z and inverse strength of each light, the same for all lanes."""
    for k in range(len(directions)):
        for c in range(3):
            lamps[(4 * k + c) * LANES : (4 * k + c + 1) * LANES] = directions[k, c]
        lamps[(4 * k + 3) * LANES : (4 * k + 4) * LANES] = 1.0 / strengths[k]


@compiled
def _near_lamps(
    positions: NDArray[np.float64],
    strengths: NDArray[np.float64],
    cos_power: float,
    place: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.floating]],
    row: int,
    begin: int,
    run: int,
    lamps: NDArray[np.float64],
) -> None:
    """Write direction and inverse strength of each light as the pixels of a run see it."""
    x, y, height = place
    for k in range(len(positions)):
        s0, s1, s2 = positions[k, 0], positions[k, 1], positions[k, 2]
        away = np.sqrt(s0 * s0 + s1 * s1 + s2 * s2)
        at = 4 * k * LANES
        for j in range(run):
            d0, d1, d2 = s0 - x[begin + j], s1 - y[row], s2 - np.float64(height[row, begin + j])
            distance = np.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
            strength = strengths[k] * (away / distance) ** 2
            if cos_power > 0.0:
                strength *= max((d0 * s0 + d1 * s1 + d2 * s2) / (distance * away), 0.0) ** cos_power
            lamps[at + j] = d0 / distance
            lamps[at + LANES + j] = d1 / distance
            lamps[at + 2 * LANES + j] = d2 / distance
            lamps[at + 3 * LANES + j] = 1.0 / strength if strength > 0.0 else np.nan


@compiled
def _load(
    images: NDArray[np.floating],
    row: int,
    begin: int,
    run: int,
    black: float,
    dark: float,
    bright: float,
    lamps: NDArray[np.float64],
    values: NDArray[np.float64],
    usable: NDArray[np.float64],
) -> None:
    """Read a run of pixels, divided by the strengths; what cannot be used becomes 0 and counts nothing."""
    values[:] = 0.0
    usable[:] = 0.0
    for k in range(len(images)):
        held = images[k, row, begin : begin + run]
        value, use = values[k * LANES :][:run], usable[k * LANES :][:run]
        inverse = lamps[(4 * k + 3) * LANES :][:run]
        for j in range(run):
            scaled = (held[j] - black) * inverse[j]
            good = dark < held[j] < bright and np.isfinite(scaled)
            value[j] = scaled if good else 0.0
            use[j] = 1.0 if good else 0.0


@compiled
def _sorting_pairs(size: int) -> NDArray[np.int64]:
    """Batcher's network: comparing and swapping these pairs in turn sorts any values."""
    pairs = []
    width = 1
    while width < size:
        step = width
        while step >= 1:
            for first in range(step % width, size - step, 2 * step):
                for k in range(first, min(first + step, size - step)):
                    if k // (2 * width) == (k + step) // (2 * width):
                        pairs.append((k, k + step))  # noqa: PERF401 - the compiler knows no extend with a generator
            step //= 2
        width *= 2
    return np.array(pairs)


@compiled
def _sort(ordered: NDArray[np.float64], pairs: NDArray[np.int64]) -> None:
    """Sort the values of every lane."""
    for i in range(len(pairs)):
        lower, upper = ordered[pairs[i, 0] * LANES :][:LANES], ordered[pairs[i, 1] * LANES :][:LANES]
        for j in range(LANES):
            a, b = lower[j], upper[j]
            lower[j] = a if a < b else b
            upper[j] = b if a < b else a


@compiled
def _trim(
    values: NDArray[np.float64],
    usable: NDArray[np.float64],
    shares: tuple[float, float],
    pairs: NDArray[np.int64],
    ordered: NDArray[np.float64],
    weights: NDArray[np.float64],
    state: NDArray[np.float64],
) -> None:
    """Weigh the middle of the sorted values 1 and the ends 0; the median goes into the fourth part of the state."""
    n_lights = len(values) // LANES
    counts, least, most = np.zeros(LANES), np.empty(LANES), np.empty(LANES)
    for k in range(n_lights):
        for j in range(LANES):
            counts[j] += usable[k * LANES + j]
            ordered[k * LANES + j] = values[k * LANES + j] if usable[k * LANES + j] > 0.0 else np.inf
    _sort(ordered, pairs)
    for j in range(LANES):
        count = int(counts[j])
        if count < 3:
            least[j] = most[j] = state[3 * LANES + j] = np.nan
            continue
        spare = max(count - 4, 0)
        top = min(int(shares[1] * count), spare)
        low = min(int(shares[0] * count), spare - top)
        least[j] = ordered[low * LANES + j]
        most[j] = ordered[(count - top - 1) * LANES + j]
        middle = ordered[(count - 1) // 2 * LANES + j] + ordered[count // 2 * LANES + j]
        state[3 * LANES + j] = 0.5 * middle
    for k in range(n_lights):
        for j in range(LANES):
            kept = least[j] <= values[k * LANES + j] <= most[j]
            weights[k * LANES + j] = usable[k * LANES + j] if kept else 0.0


@compiled
def _fit(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    lamps: NDArray[np.float64],
    state: NDArray[np.float64],
) -> None:
    """Solve the weighted equations of every lane."""
    sums = np.zeros(9 * LANES)
    for k in range(0, len(values) // LANES, 2):
        lamp = lamps[4 * k * LANES : 4 * (k + 2) * LANES]
        value, weight = values[k * LANES : (k + 2) * LANES], weights[k * LANES : (k + 2) * LANES]
        for j in range(LANES):
            l0, l1, l2 = lamp[j], lamp[LANES + j], lamp[2 * LANES + j]
            m0, m1, m2 = lamp[4 * LANES + j], lamp[5 * LANES + j], lamp[6 * LANES + j]
            v, w, o, u = value[j], weight[j], value[LANES + j], weight[LANES + j]
            w0, w1, w2 = w * l0, w * l1, w * l2
            u0, u1, u2 = u * m0, u * m1, u * m2
            sums[j] += w0 * l0 + u0 * m0
            sums[LANES + j] += w0 * l1 + u0 * m1
            sums[2 * LANES + j] += w0 * l2 + u0 * m2
            sums[3 * LANES + j] += w1 * l1 + u1 * m1
            sums[4 * LANES + j] += w1 * l2 + u1 * m2
            sums[5 * LANES + j] += w2 * l2 + u2 * m2
            sums[6 * LANES + j] += w0 * v + u0 * o
            sums[7 * LANES + j] += w1 * v + u1 * o
            sums[8 * LANES + j] += w2 * v + u2 * o
    for j in range(LANES):
        state[j], state[LANES + j], state[2 * LANES + j] = solve_symmetric(
            sums[j],
            sums[LANES + j],
            sums[2 * LANES + j],
            sums[3 * LANES + j],
            sums[4 * LANES + j],
            sums[5 * LANES + j],
            sums[6 * LANES + j],
            sums[7 * LANES + j],
            sums[8 * LANES + j],
        )


@compiled
def _reweigh(
    values: NDArray[np.float64],
    usable: NDArray[np.float64],
    lamps: NDArray[np.float64],
    state: NDArray[np.float64],
    above: float,
    below: float,
    weights: NDArray[np.float64],
) -> None:
    """Weigh each value by how far the fit misses it."""
    for k in range(len(values) // LANES):
        lamp, value = lamps[4 * k * LANES :], values[k * LANES :]
        use, weight = usable[k * LANES :], weights[k * LANES :]
        for j in range(LANES):
            fitted = lamp[j] * state[j] + lamp[LANES + j] * state[LANES + j]
            left = value[j] - (fitted + lamp[2 * LANES + j] * state[2 * LANES + j])
            width = (above if left > 0.0 else below) * state[3 * LANES + j]
            weight[j] = use[j] * np.divide(width * width, width * width + left * left)


@compiled
def _store(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    lamps: NDArray[np.float64],
    state: NDArray[np.float64],
    valid: NDArray[np.bool_],
    row: int,
    begin: int,
    run: int,
    out: NDArray[np.floating],
) -> None:
    """Write normal, albedo and relative residual of a run."""
    sums = np.zeros(2 * LANES)
    for k in range(len(values) // LANES):
        lamp, value, weight = lamps[4 * k * LANES :], values[k * LANES :], weights[k * LANES :]
        for j in range(LANES):
            fitted = lamp[j] * state[j] + lamp[LANES + j] * state[LANES + j]
            fitted += lamp[2 * LANES + j] * state[2 * LANES + j]
            sums[j] += weight[j] * (value[j] - fitted) ** 2
            sums[LANES + j] += weight[j] * value[j] ** 2
    for j in range(run):
        x, y, z = state[j], state[LANES + j], state[2 * LANES + j]
        facing = valid[row, begin + j] and z > 0.0  # NaN, where the equations were singular, is not above 0 either
        length = np.sqrt(x * x + y * y + z * z) if facing else np.nan
        scale = np.divide(1.0, length)
        out[0, row, begin + j] = x * scale
        out[1, row, begin + j] = y * scale
        out[2, row, begin + j] = z * scale
        out[3, row, begin + j] = length
        out[4, row, begin + j] = np.sqrt(np.divide(sums[j], sums[LANES + j])) if facing else np.nan
