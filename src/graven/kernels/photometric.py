"""Normals and albedo of every pixel from its brightness under many lights, in one pass over the images.

Pixels are taken in short runs, so that what is computed for a pixel stays in the nearest cache and the loops over a run
become vector instructions. Division is written ``np.divide``: the sign for it asks whether to raise an error, which no
vector instruction does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_lambert", "solve_symmetric"]

_RUN = 1024  # pixels of one run of the plain fit
_PARTS = 7  # sums that it keeps for each, one run after the other in one array: the compiler then sees them apart
_SINGULAR = 1e-9  # a pivot below this share of the trace: the lights that are left lie in a plane


@compiled
def solve_symmetric(
    a00: float, a01: float, a02: float, a11: float, a12: float, a22: float, b0: float, b1: float, b2: float
) -> tuple[float, float, float]:
    """Solve symmetric 3 x 3 equations by Cholesky's factors; NaN where they are singular."""
    least = _SINGULAR * (a00 + a11 + a22)
    i0 = np.divide(1.0, a00 if a00 > least else np.nan)
    c10, c20 = a01 * i0, a02 * i0
    d1 = a11 - c10 * a01
    i1 = np.divide(1.0, d1 if d1 > least else np.nan)
    e = a12 - c20 * a01
    c21 = e * i1
    d2 = a22 - c20 * a02 - c21 * e
    i2 = np.divide(1.0, d2 if d2 > least else np.nan)
    y1 = b1 - c10 * b0
    z2 = (b2 - c20 * b0 - c21 * y1) * i2
    z1 = y1 * i1 - c21 * z2
    return b0 * i0 - c10 * z1 - c20 * z2, z1, z2


@compiled
def fit_lambert(
    images: NDArray[np.floating],
    valid: NDArray[np.bool_],
    rows: NDArray[np.float64],
    inverse: NDArray[np.float64],
    black: float,
    dark: float,
    bright: float,
    out: NDArray[np.floating],
) -> None:
    """Fit Lambert's law to every pixel by least squares.

    Parameters
    ----------
    images : ndarray of shape (K, P), float32 or float64
        Brightness under each light.
    valid : ndarray of shape (P,), bool
        Pixels to fit.
    rows : ndarray of shape (K, 3), float64
        Direction times strength of each light.
    inverse : ndarray of shape (3, K), float64
        Pseudo-inverse of `rows`; it serves all pixels whose values can all be used.
    black : float
        Taken away from every value that is used.
    dark, bright : float
        Only values between these, both excluded, are used; NaN never is.
    out : ndarray of shape (5, P), of the type of the images
        Filled with the normal (3), the albedo and the relative residual. All NaN where a pixel is not valid, fewer than
        three lights are left or those that are lie in a plane, or the normal does not face the viewer.
    """
    n_pixels = images.shape[1]
    gram = np.dot(rows.T, rows).astype(images.dtype)
    shift = black * inverse.sum(axis=1)
    steps, models = inverse.astype(images.dtype), rows.astype(images.dtype)
    sums = np.empty(_PARTS * _RUN, images.dtype)
    for begin in range(0, n_pixels, _RUN):
        run = min(_RUN, n_pixels - begin)
        _project(images, begin, run, steps, shift, sums)
        _measure(images, begin, run, models, black, sums)
        _finish(run, gram, sums)
        for j in range(run):
            i = begin + j
            if not valid[i]:
                sums[j] = sums[_RUN + j] = sums[2 * _RUN + j] = sums[5 * _RUN + j] = sums[6 * _RUN + j] = np.nan
            elif not (dark < sums[3 * _RUN + j] and sums[4 * _RUN + j] < bright and np.isfinite(sums[6 * _RUN + j])):
                x, y, z, albedo, residual = _fit_pixel(images, i, rows, black, dark, bright)
                sums[j], sums[_RUN + j], sums[2 * _RUN + j] = x, y, z
                sums[5 * _RUN + j], sums[6 * _RUN + j] = residual, albedo
        out[0, begin : begin + run] = sums[:run]
        out[1, begin : begin + run] = sums[_RUN : _RUN + run]
        out[2, begin : begin + run] = sums[2 * _RUN : 2 * _RUN + run]
        out[3, begin : begin + run] = sums[6 * _RUN : 6 * _RUN + run]
        out[4, begin : begin + run] = sums[5 * _RUN : 5 * _RUN + run]


@compiled
def _finish(run: int, gram: NDArray[np.floating], sums: NDArray[np.floating]) -> None:
    """Turn a solution and what it leaves into normal (parts 0 to 2), relative residual (5) and albedo (6)."""
    one, two = gram.dtype.type(1), gram.dtype.type(2)
    g00, g01, g02, g11, g12, g22 = gram[0, 0], gram[0, 1], gram[0, 2], gram[1, 1], gram[1, 2], gram[2, 2]
    for j in range(run):
        x, y, z, left = sums[j], sums[_RUN + j], sums[2 * _RUN + j], sums[5 * _RUN + j]
        explained = g00 * x * x + g11 * y * y + g22 * z * z + two * (g01 * x * y + g02 * x * z + g12 * y * z)
        length = np.sqrt(x * x + y * y + z * z) if z > 0 else gram.dtype.type(np.nan)
        scale = np.divide(one, length)
        sums[j] = x * scale
        sums[_RUN + j] = y * scale
        sums[2 * _RUN + j] = z * scale
        sums[5 * _RUN + j] = np.sqrt(np.divide(left, left + explained))
        sums[6 * _RUN + j] = length


@compiled
def _project(
    images: NDArray[np.floating],
    begin: int,
    run: int,
    steps: NDArray[np.floating],
    shift: NDArray[np.float64],
    sums: NDArray[np.floating],
) -> None:
    """Solution of a run of pixels if all values are used (parts 0 to 2), their least and largest value (3 and 4)."""
    n_lights = len(images)
    for c in range(3):
        sums[c * _RUN : (c + 1) * _RUN] = -shift[c]
    sums[3 * _RUN : 4 * _RUN] = np.inf
    sums[4 * _RUN : 5 * _RUN] = -np.inf
    for k in range(0, n_lights - 3, 4):  # four at once: the sums are read and written a quarter as often
        one, two = images[k, begin : begin + run], images[k + 1, begin : begin + run]
        three, four = images[k + 2, begin : begin + run], images[k + 3, begin : begin + run]
        x1, x2, x3, x4 = steps[0, k], steps[0, k + 1], steps[0, k + 2], steps[0, k + 3]
        y1, y2, y3, y4 = steps[1, k], steps[1, k + 1], steps[1, k + 2], steps[1, k + 3]
        z1, z2, z3, z4 = steps[2, k], steps[2, k + 1], steps[2, k + 2], steps[2, k + 3]
        for j in range(run):
            a, b, c, d = one[j], two[j], three[j], four[j]
            sums[j] += (x1 * a + x2 * b) + (x3 * c + x4 * d)
            sums[_RUN + j] += (y1 * a + y2 * b) + (y3 * c + y4 * d)
            sums[2 * _RUN + j] += (z1 * a + z2 * b) + (z3 * c + z4 * d)
            sums[3 * _RUN + j] = min(sums[3 * _RUN + j], min(a, b), min(c, d))
            sums[4 * _RUN + j] = max(sums[4 * _RUN + j], max(a, b), max(c, d))
    for k in range(n_lights - n_lights % 4, n_lights):
        one = images[k, begin : begin + run]
        x1, y1, z1 = steps[0, k], steps[1, k], steps[2, k]
        for j in range(run):
            sums[j] += x1 * one[j]
            sums[_RUN + j] += y1 * one[j]
            sums[2 * _RUN + j] += z1 * one[j]
            sums[3 * _RUN + j] = min(sums[3 * _RUN + j], one[j])
            sums[4 * _RUN + j] = max(sums[4 * _RUN + j], one[j])


@compiled
def _measure(
    images: NDArray[np.floating],
    begin: int,
    run: int,
    models: NDArray[np.floating],
    black: float,
    sums: NDArray[np.floating],
) -> None:
    """Sum of squares that the solution leaves (part 5)."""
    n_lights = len(images)
    base = images.dtype.type(black)
    sums[5 * _RUN : 6 * _RUN] = 0.0
    for k in range(0, n_lights - 1, 2):
        one, two = images[k, begin : begin + run], images[k + 1, begin : begin + run]
        x1, y1, z1 = models[k, 0], models[k, 1], models[k, 2]
        x2, y2, z2 = models[k + 1, 0], models[k + 1, 1], models[k + 1, 2]
        for j in range(run):
            x, y, z = sums[j], sums[_RUN + j], sums[2 * _RUN + j]
            a = one[j] - base - (x1 * x + y1 * y + z1 * z)
            b = two[j] - base - (x2 * x + y2 * y + z2 * z)
            sums[5 * _RUN + j] += a * a + b * b
    for k in range(n_lights - n_lights % 2, n_lights):
        one = images[k, begin : begin + run]
        x1, y1, z1 = models[k, 0], models[k, 1], models[k, 2]
        for j in range(run):
            a = one[j] - base - (x1 * sums[j] + y1 * sums[_RUN + j] + z1 * sums[2 * _RUN + j])
            sums[5 * _RUN + j] += a * a


@compiled
def _fit_pixel(
    images: NDArray[np.floating], i: int, rows: NDArray[np.float64], black: float, dark: float, bright: float
) -> tuple[float, float, float, float, float]:
    """Fit one pixel to the values that can be used: normal, albedo and relative residual."""
    a00 = a01 = a02 = a11 = a12 = a22 = b0 = b1 = b2 = power = 0.0
    n_used = 0
    for k in range(len(images)):
        held = np.float64(images[k, i])
        if dark < held < bright:
            value, l0, l1, l2 = held - black, rows[k, 0], rows[k, 1], rows[k, 2]
            a00 += l0 * l0
            a01 += l0 * l1
            a02 += l0 * l2
            a11 += l1 * l1
            a12 += l1 * l2
            a22 += l2 * l2
            b0 += l0 * value
            b1 += l1 * value
            b2 += l2 * value
            power += value * value
            n_used += 1
    x, y, z = solve_symmetric(a00, a01, a02, a11, a12, a22, b0, b1, b2)
    if n_used < 3 or not z > 0.0:  # NaN is not above 0 either
        return np.nan, np.nan, np.nan, np.nan, np.nan
    length = np.sqrt(x * x + y * y + z * z)
    residual = np.sqrt(max(1.0 - (x * b0 + y * b1 + z * b2) / power, 0.0))
    return x / length, y / length, z / length, length, residual
