"""Random fields: fractal, ridged and cellular noise, grown coarse to fine in float32.

Each octave is drawn on a grid of its own wavelength and enlarged in steps of two with a cubic spline, which leaves no
trace of the grid; a field costs little more than its finest octave. All fields depend on the generator and the shape
alone, not on the number of threads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["blur", "cells", "fractal", "ridged", "smoothstep", "streaks", "threshold_mask", "white"]

Float = np.float32
_SPLINE_GAIN = 2.0  # enlarging with a cubic spline halves the deviation of independent numbers


def white(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Independent standard normal numbers.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of two int
        Height and width.

    Returns
    -------
    ndarray of shape `shape`, float32
        Mean 0, standard deviation 1.
    """
    return rng.standard_normal(shape, dtype=Float)


def blur(field: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Gaussian mean, mirrored at the border.

    Parameters
    ----------
    field : ndarray of shape (H, W), float32
        What to smooth.
    sigma_px : float, pixels, > 0
        Deviation of the Gaussian.

    Returns
    -------
    ndarray of shape (H, W), float32
        A new array.
    """
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101), Float)


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    wavelength_px: float,
    gain: float = 0.5,
    finest_px: float = 2.0,
) -> NDArray[np.float32]:
    """Sum of octaves from a longest to a shortest wavelength.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of two int
        Height and width.
    wavelength_px : float, pixels
        Grid distance of the coarsest octave.
    gain : float, range (0, 1.2]
        Amplitude of an octave relative to the next coarser one; 0.5 gives natural rock, 0.8 is rough.
    finest_px : float, pixels, >= 1
        The octaves stop here.

    Returns
    -------
    ndarray of shape `shape`, float32
        About zero mean; divided by the root of the summed octave powers, so the deviation is near, below, 1.

    Examples
    --------
    >>> field = fractal(np.random.default_rng(1), (64, 80), wavelength_px=16)
    >>> field.shape, bool(0.3 < field.std() < 1.2)
    ((64, 80), True)
    """
    octaves = max(0, round(math.log2(max(wavelength_px / finest_px, 1.0))))
    rows, cols = shape
    cell = finest_px * 2.0**octaves
    field = white(rng, _grid(rows, cols, cell)) * Float(_SPLINE_GAIN)
    power, amplitude = 1.0, 1.0
    while octaves > 0 or cell >= 2.0:
        cell /= 2.0
        field = np.asarray(cv2.pyrUp(field), Float)
        grid = _grid(rows, cols, cell)
        field = field[2 : grid[0] + 2, 2 : grid[1] + 2]
        if octaves > 0:
            octaves -= 1
            amplitude *= gain
            power += amplitude * amplitude
            field = field + Float(amplitude * _SPLINE_GAIN * (0.5 if octaves == 0 and cell < 2.0 else 1.0)) * white(
                rng, grid
            )
    if cell > 1:
        size = (math.ceil(field.shape[1] * cell), math.ceil(field.shape[0] * cell))
        field = np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR), Float)
    skip = math.floor(cell)
    out: NDArray[np.float32] = np.ascontiguousarray(field[skip : skip + rows, skip : skip + cols])
    out *= Float(1.0 / math.sqrt(power))
    return out


def _grid(rows: int, cols: int, cell: float) -> tuple[int, int]:
    """Grid that covers the field with a margin of cells on each side."""
    return math.ceil(rows / cell) + 6, math.ceil(cols / cell) + 6


def streaks(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    wavelength_px: float,
    stretch: float,
    angle_deg: float,
    gain: float = 0.5,
    finest_px: float = 2.0,
) -> NDArray[np.float32]:
    """Fractal noise drawn out in one direction: bedding, striae, water runs.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of two int
        Height and width.
    wavelength_px : float, pixels
        Coarsest wavelength across the streaks.
    stretch : float, >= 1
        Length of a streak over its width.
    angle_deg : float, degrees
        Direction of the streaks, counter-clockwise from the x axis as seen (y up).
    gain, finest_px : float
        As in `fractal`.

    Returns
    -------
    ndarray of shape `shape`, float32
        About zero mean and unit deviation.

    Examples
    --------
    >>> rows = streaks(np.random.default_rng(1), (96, 96), wavelength_px=8, stretch=20, angle_deg=0)
    >>> bool(np.abs(np.diff(rows, axis=0)).mean() > 3 * np.abs(np.diff(rows, axis=1)).mean())
    True
    """
    rows, cols = shape
    turn = math.radians(angle_deg)
    cosine, sine = math.cos(turn), math.sin(turn)
    wide = math.ceil(abs(cols * cosine) + abs(rows * sine)) + 4
    high = math.ceil(abs(cols * sine) + abs(rows * cosine)) + 4
    narrow = fractal(
        rng, (high, math.ceil(wide / stretch) + 4), wavelength_px=wavelength_px, gain=gain, finest_px=finest_px
    )
    field = cv2.resize(narrow, (math.ceil(narrow.shape[1] * stretch), high), interpolation=cv2.INTER_CUBIC)[:, :wide]
    if abs(sine) < 1e-3:
        return np.ascontiguousarray(field[2 : rows + 2, 2 : cols + 2])
    centre_out, centre_in = ((cols - 1) / 2, (rows - 1) / 2), ((wide - 1) / 2, (high - 1) / 2)
    affine = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    affine[:, 2] = np.array(centre_in) - affine[:, :2] @ np.array(centre_out)
    turned = cv2.warpAffine(
        np.ascontiguousarray(field),
        affine,
        (cols, rows),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(turned, Float)


def ridged(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    wavelength_px: float,
    gain: float = 0.55,
    finest_px: float = 2.0,
) -> NDArray[np.float32]:
    """Noise with sharp crests: broken stone, hairline networks along its crests.

    Parameters
    ----------
    rng, shape, wavelength_px, gain, finest_px
        As in `fractal`.

    Returns
    -------
    ndarray of shape `shape`, float32, range (-inf, 1]
        1 on the crests, which lie where the noise underneath changes sign.
    """
    field = fractal(rng, shape, wavelength_px=wavelength_px, gain=gain, finest_px=finest_px)
    np.abs(field, out=field)
    return np.subtract(Float(1), field, out=field)


def cells(
    rng: np.random.Generator, shape: tuple[int, int], *, cell_px: float
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Voronoi cells around jittered grid points: crystals, pebbles, polygons of a cracked skin.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of two int
        Height and width.
    cell_px : float, pixels, >= 2
        Mean width of a cell.

    Returns
    -------
    labels : ndarray of shape `shape`, int32
        Number of the cell, from 0.
    distance : ndarray of shape `shape`, float32
        Distance to the point of the cell, in units of `cell_px`.
    """
    rows, cols = shape
    n_rows, n_cols = math.ceil(rows / cell_px) + 1, math.ceil(cols / cell_px) + 1
    points = (np.indices((n_rows, n_cols)) + rng.random((2, n_rows, n_cols))) * cell_px
    y, x = points.reshape(2, -1).astype(np.int64)
    keep = (y < rows) & (x < cols)
    empty = np.full((rows, cols), 255, np.uint8)
    empty[y[keep], x[keep]] = 0
    found = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    distance, labels = np.asarray(found[0], Float), np.asarray(found[1], np.int32)
    labels -= 1
    distance /= Float(cell_px)
    return labels, distance


def smoothstep(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Ramp from 0 at `low` to 1 at `high` with flat ends.

    Parameters
    ----------
    values : ndarray of float32
        Where to evaluate.
    low, high : float
        Ends of the ramp; `high` may lie below `low`, then the ramp falls.

    Returns
    -------
    ndarray of float32, range [0, 1]
        ``t * t * (3 - 2 t)`` with t the clipped position between the ends.

    Examples
    --------
    >>> smoothstep(np.array([0, 1, 2, 3], np.float32), 1, 3).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    t = (values - Float(low)) * Float(1.0 / (high - low))
    np.clip(t, 0, 1, out=t)
    return np.asarray(t * t * (Float(3) - Float(2) * t), Float)


def threshold_mask(field: NDArray[np.float32], share: float) -> float:
    """Value that about `share` of the field exceeds.

    Parameters
    ----------
    field : ndarray of float32
        Any field.
    share : float, range [0, 1]
        Share wanted above the value.

    Returns
    -------
    float
        Quantile ``1 - share`` of every eighth pixel.
    """
    return float(np.quantile(field[::8, ::8], min(max(1.0 - share, 0.0), 1.0)))
