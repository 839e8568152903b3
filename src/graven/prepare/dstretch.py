"""Decorrelation stretch: faint colours pulled apart until the eye can tell them.

The three components of a colour space are made uncorrelated and given one spread, from statistics of the whole image,
and turned back to RGB. Statistics come from a first pass and are passed in, so windows agree.

Names follow the practice of rock-art recording, where J. Harman's DStretch made the method common. What is standard and
what is ours: ``rgb`` needs no definition; ``lab`` is CIELAB (D65) and ``yuv`` is ITU-R BT.601. ``yds``, ``ybk``,
``yre`` and ``lds`` are YUV and CIELAB with the component weights that users report as DStretch's defaults for those
names; how the weights enter (components are multiplied before the decorrelation and divided after it) is ours, so
pictures resemble those of DStretch and are not equal to them. DStretch does not say how its ``crgb`` is made; ours uses
the opponent axes of Ohta with weights of our own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graven.errors import DataError, InputError, UsageError
from graven.prepare.colour import lab_from_rgb, rgb_from_lab
from graven.types import Raster, Window

__all__ = ["SPACES", "ColourSpace", "DStretchStatistics", "dstretch_statistics", "dstretch_view"]

WINDOW_PX = 1024
MIN_SIGMA = 1e-3

_YUV = np.array([[0.299, 0.587, 0.114], [-0.147, -0.289, 0.436], [0.615, -0.515, -0.100]])
_OHTA = np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, 0.0, -0.5], [-0.25, 0.5, -0.25]])

Convert = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class ColourSpace:
    """Three components, how to get there and back, and how much each counts.

    Attributes
    ----------
    forward, backward : callable
        From RGB in 0 to 255 to components and back, arrays of shape (3, ...), float64.
    centre : tuple of 3 floats
        Where the mean of each component is put: the middle of lightness, no hue.
    span : float
        Range of the lightness component; strengths are per cent of it.
    weights : tuple of 3 floats
        Share of each component in the decorrelation.
    meaning : str
        One line for help texts.
    """

    forward: Convert
    backward: Convert
    centre: tuple[float, float, float]
    span: float
    weights: tuple[float, float, float]
    meaning: str


def _linear(matrix: NDArray[np.float64]) -> Convert:
    def convert(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return _mix(matrix, values, np.zeros(3))

    return convert


def _mix(matrix: NDArray[np.float64], values: NDArray[np.float64], offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply and add, pixel by pixel in a fixed order, so that windows agree to the last bit."""
    a, b, c = values
    return np.stack([row[0] * a + row[1] * b + row[2] * c + shift for row, shift in zip(matrix, offset, strict=True)])


def _yuv(weights: tuple[float, float, float], meaning: str) -> ColourSpace:
    return ColourSpace(_linear(_YUV), _linear(np.linalg.inv(_YUV)), (127.5, 0.0, 0.0), 255.0, weights, meaning)


def _lab(weights: tuple[float, float, float], meaning: str) -> ColourSpace:
    return ColourSpace(lab_from_rgb, rgb_from_lab, (50.0, 0.0, 0.0), 100.0, weights, meaning)


SPACES: dict[str, ColourSpace] = {
    "rgb": ColourSpace(_linear(np.eye(3)), _linear(np.eye(3)), (127.5,) * 3, 255.0, (1.0, 1.0, 1.0), "plain RGB"),
    "lab": _lab((0.5, 1.0, 1.0), "CIELAB; general"),
    "yuv": _yuv((0.7, 1.0, 1.0), "BT.601; general"),
    "yds": _yuv((1.0, 0.5, 1.0), "yellow, and a first try on anything"),
    "lds": _lab((0.5, 0.9, 0.5), "yellow and white"),
    "ybk": _yuv((1.5, 0.2, 1.6), "black and blue"),
    "yre": _yuv((8.0, 1.0, 0.4), "red, strong"),
    "crgb": ColourSpace(
        _linear(_OHTA), _linear(np.linalg.inv(_OHTA)), (127.5, 0.0, 0.0), 255.0, (0.5, 1.0, 1.5), "faint red"
    ),
}
"""Colour spaces by name, with DStretch's weights where it names them (see the head of this module)."""


@dataclass(frozen=True, slots=True)
class DStretchStatistics:
    """What the first pass found.

    Attributes
    ----------
    space : str
        Key of `SPACES`.
    mean : tuple of 3 floats
        Mean of the components over valid pixels.
    covariance : tuple of 3 tuples of 3 floats
        Their covariance.
    n_pixels : int
        Valid pixels.
    """

    space: str
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    n_pixels: int


def dstretch_statistics(raster: Raster, *, space: str = "yds") -> DStretchStatistics:
    """Measure mean and covariance of the colours, in bounded memory.

    Parameters
    ----------
    raster : Raster
        3 bands of uint8 (`graven.prepare.bands.bands_view`).
    space : str
        Key of `SPACES`.

    Returns
    -------
    DStretchStatistics
        Over the valid pixels of the whole raster.

    Raises
    ------
    UsageError
        If the colour space is unknown; the choices are listed.
    DataError
        If no pixel is valid, or the colours do not vary in three directions (a grey picture).
    """
    if space not in SPACES:
        raise UsageError(f"the colour space {space!r} is unknown; choose from {', '.join(SPACES)}")
    _check_bands(raster)
    forward, shift = SPACES[space].forward, np.array(SPACES[space].centre)
    count, total, products = 0, np.zeros(3), np.zeros((3, 3))
    for row in range(0, raster.height, WINDOW_PX):
        for col in range(0, raster.width, WINDOW_PX):
            window = Window(row, col, WINDOW_PX, WINDOW_PX).intersection(raster.bounds)
            pixels = raster.read(window)[:, raster.read_valid_padded(window)]
            values = forward(pixels.astype(np.float64)) - shift[:, None]
            count += values.shape[1]
            total += values.sum(axis=1)
            products += values @ values.T
    if count == 0:
        raise DataError("no pixel of the image is valid; there is nothing to stretch")
    mean = total / count
    covariance = products / count - np.outer(mean, mean)
    if float(np.linalg.eigvalsh(covariance)[0]) < MIN_SIGMA**2:
        raise DataError("the colours of the image do not vary in three directions (a grey picture?); try clahe instead")
    rows = tuple(tuple(float(v) for v in line) for line in covariance)
    return DStretchStatistics(space, tuple(float(v) for v in mean + shift), rows, count)


def dstretch_view(raster: Raster, statistics: DStretchStatistics, *, strength: float = 15.0) -> Raster:
    """Give the decorrelated raster, read window by window.

    Parameters
    ----------
    raster : Raster
        3 bands of uint8.
    statistics : DStretchStatistics
        From `dstretch_statistics`, of this raster or of another that is to look alike.
    strength : float, per cent, > 0
        Standard deviation that every weighted component is given, in per cent of the range of lightness.

    Returns
    -------
    Raster
        3 bands of uint8; every window equals the whole result.

    Raises
    ------
    InputError
        If the strength is not positive.
    DataError
        If the raster has not 3 bands of uint8.

    References
    ----------
    .. [1] A. R. Gillespie, A. B. Kahle, R. E. Walker, Color enhancement of highly correlated images. I. Decorrelation
       and HSI contrast stretches, Remote Sensing of Environment 20, 1986, 209-235.
    """
    if not (np.isfinite(strength) and strength > 0):
        raise InputError(f"the strength of a stretch must be above 0, got {strength}; the usual value is 15")
    _check_bands(raster)
    space = SPACES[statistics.space]
    matrix = _stretch_matrix(np.array(statistics.covariance), space, strength)
    offset = np.array(space.centre) - matrix @ np.array(statistics.mean)

    def read_pixels(window: Window) -> NDArray[Any]:
        components = space.forward(raster.read_pixels(window).astype(np.float64))
        return np.rint(np.clip(space.backward(_mix(matrix, components, offset)), 0, 255)).astype(np.uint8)

    return replace(raster, read_pixels=read_pixels, overviews={})


def _stretch_matrix(covariance: NDArray[np.float64], space: ColourSpace, strength: float) -> NDArray[np.float64]:
    """Rotate to the principal axes of the weighted components, equalise their spread, rotate back."""
    weights = np.diag(space.weights)
    values, axes = np.linalg.eigh(weights @ covariance @ weights)
    gain = strength / 100 * space.span / np.sqrt(values)
    whiten = axes @ np.diag(gain) @ axes.T
    return np.asarray(np.linalg.inv(weights) @ whiten @ weights, np.float64)


def _check_bands(raster: Raster) -> None:
    if raster.n_bands != 3 or raster.dtype != np.uint8:
        raise DataError(f"a colour stretch needs 3 bands of uint8, got {raster.n_bands} of {raster.dtype}")
