"""What kinds of rock are put together from: ground, grain, natural pits, and colours mixed by a field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.noise import blur, cells, fractal, smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.surface import Canvas

__all__ = ["breadth", "hollows", "linear_rgb", "modulate", "paint", "relief", "roughen", "vary"]

Float = np.float32
Generator = np.random.Generator


def linear_rgb(red: float, green: float, blue: float) -> NDArray[np.float32]:
    """Linear reflectance of an 8-bit sRGB colour.

    Parameters
    ----------
    red, green, blue : float, range [0, 255]
        The colour as a screen shows it.

    Returns
    -------
    ndarray of shape (3,), float32, range [0, 1]
        The sRGB curve undone.

    Examples
    --------
    >>> linear_rgb(255, 188, 0).round(2).tolist()
    [1.0, 0.5, 0.0]
    """
    value = np.array([red, green, blue], np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(Float)


def vary(rng: Generator, rgb: NDArray[np.float32], *, value: float = 0.12, hue: float = 0.03) -> NDArray[np.float32]:
    """Return the colour of one panel: that of the kind, lighter or darker, warmer or colder.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    rgb : ndarray of shape (3,), float32
        Linear reflectance of the kind.
    value, hue : float
        Deviations of the logarithm of lightness and, roughly, of the share of a channel.

    Returns
    -------
    ndarray of shape (3,), float32
        Linear reflectance.
    """
    warm, green = rng.normal(0, 1.6 * hue), rng.normal(0, 0.4 * hue)
    return np.asarray(rgb * np.exp(rng.normal(0, value)) * np.exp(np.array([warm, green, -warm])), Float)


def relief(rng: Generator, canvas: Canvas, amplitude_mm: float, gain: float, wavelength_mm: float = 260.0) -> None:
    """Add the fractal ground, from undulation down to grain.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Changed in place.
    amplitude_mm : float, millimetres
        About the deviation of the height.
    gain : float
        As in `fractal`; lower is smoother.
    wavelength_mm : float, millimetres
        Longest wavelength.
    """
    ground = fractal(rng, canvas.shape, wavelength_px=canvas.px(wavelength_mm), gain=gain, finest_px=1.6)
    ground *= Float(amplitude_mm)
    canvas.height_mm += ground
    side_mm = max(canvas.shape) * canvas.pixel_size_mm
    if side_mm > 800:  # the swell of a whole outcrop
        swell = fractal(rng, canvas.shape, wavelength_px=canvas.px(0.5 * side_mm), gain=0.5, finest_px=canvas.px(130.0))
        swell *= Float(0.025 * side_mm)
        canvas.height_mm += swell


def breadth(canvas: Canvas) -> float:
    """Return how much broader stains grow on a panel larger than half a metre.

    Parameters
    ----------
    canvas : Canvas
        For its size.

    Returns
    -------
    float, range [1, 4]
        Factor on their wavelength.
    """
    side = max(canvas.shape) * canvas.pixel_size_mm
    return float(np.clip(np.sqrt(side / 512.0), 1.0, 4.0))


def paint(canvas: Canvas, first: NDArray[np.float32], second: NDArray[np.float32], t: NDArray[np.float32]) -> None:
    """Set the albedo to a mixture of two colours.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    first, second : ndarray of shape (3,), float32
        Linear reflectances.
    t : ndarray of shape (H, W), float32, range [0, 1]
        Share of the second.
    """
    for channel in range(3):
        np.multiply(t, second[channel] - first[channel], out=canvas.albedo[channel])
        canvas.albedo[channel] += first[channel]


def modulate(canvas: Canvas, factor: NDArray[np.float32]) -> None:
    """Multiply all channels of the albedo.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    factor : ndarray of shape (H, W), float32
        What to multiply with.
    """
    for channel in range(3):
        canvas.albedo[channel] *= factor


def roughen(rng: Generator, canvas: Canvas, amplitude_mm: float, *, patchy: float = 0.5) -> None:
    """Add a granular texture whose strength changes from place to place.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Changed in place.
    amplitude_mm : float, millimetres
        About its mean deviation.
    patchy : float
        How much the strength changes.
    """
    texture = fractal(rng, canvas.shape, wavelength_px=canvas.px(3.0), gain=0.9, finest_px=1.0)
    where = fractal(rng, canvas.shape, wavelength_px=canvas.px(90.0), gain=0.55, finest_px=8.0)
    where *= Float(patchy)
    where += Float(1)
    np.clip(where, 0.15, 2.2, out=where)
    texture *= where
    texture *= Float(amplitude_mm)
    canvas.height_mm += texture


def hollows(rng: Generator, canvas: Canvas, *, spacing_mm: float, share: float, depth_mm: float) -> NDArray[np.float32]:
    """Sink scattered natural pits: vesicles of lava, solution pits of limestone.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Changed in place.
    spacing_mm : float, millimetres
        Mean distance of the places where a pit may be.
    share : float, range [0, 1]
        How many of them have one, where pits are dense.
    depth_mm : float, millimetres
        Depth of a pit as wide as the spacing.

    Returns
    -------
    ndarray of shape (H, W), float32, range [0, 1]
        How deep into a pit each pixel lies.
    """
    labels, distance = cells(rng, canvas.shape, cell_px=max(canvas.px(spacing_mm), 3.0))
    n_labels = int(labels.max()) + 1
    radius = np.clip(rng.lognormal(-1.6, 0.5, n_labels), 0.05, 0.42).astype(Float)
    radius[rng.random(n_labels) > share] = 0
    here = radius[labels]
    ragged = fractal(rng, canvas.shape, wavelength_px=canvas.px(0.5 * spacing_mm), gain=0.5, finest_px=3.0)
    ragged *= Float(0.07)
    ragged += distance
    bowl = np.clip(1 - np.square(ragged / np.maximum(here, 1e-3)), 0, 1).astype(Float)
    bowl[here <= 0] = 0
    bowl **= Float(0.8)
    where = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(60, 200)), gain=0.6, finest_px=6.0)
    bowl *= smoothstep(where, rng.uniform(-1.2, 0.3), 0.8)
    bowl = blur(bowl, 0.8)
    canvas.height_mm -= bowl * here * Float(depth_mm)
    return bowl
