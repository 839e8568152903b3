"""How paintings are photographed: in soft or raking light from one side, seldom even, now and then badly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.noise import fractal
from graven.synthetic.render import PhotoSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["draw_studio_photo", "uneven_light"]

Float = np.float32
Generator = np.random.Generator


def draw_studio_photo(rng: Generator, *, severe: bool) -> PhotoSettings:
    """Draw light and camera.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    severe : bool
        Raking light, blur, noise and strong compression are likely.

    Returns
    -------
    PhotoSettings
        One picture in five is in raking light, two in five when severe.
    """
    raking = rng.random() < (0.4 if severe else 0.2)
    elevation, share = (rng.uniform(11, 24), rng.uniform(0.5, 0.9)) if raking else (
        rng.uniform(30, 72), rng.uniform(0.15, 0.75)
    )  # fmt: skip
    if severe:
        return PhotoSettings(
            rng.uniform(0, 360), elevation, share, rng.uniform(0.10, 0.36), rng.normal(0.05, 0.14),
            rng.uniform(0.8, 1.35), rng.uniform(0.45, 1.15), rng.uniform(0.01, 0.035), int(rng.integers(45, 88)),
        )  # fmt: skip
    return PhotoSettings(
        rng.uniform(0, 360), elevation, share, rng.uniform(0.15, 0.32), rng.normal(0.02, 0.09),
        rng.uniform(0.9, 1.25), rng.uniform(0.3, 0.75), rng.uniform(0.003, 0.014), int(rng.integers(80, 98)),
    )  # fmt: skip


def uneven_light(shape: tuple[int, int], *, strength: float, rng: Generator) -> NDArray[np.float32]:
    """Return the direct light that reaches a surface from a lamp near one side.

    Parameters
    ----------
    shape : tuple of two int
        Height and width.
    strength : float, range [0, 1]
        How much is missing where least arrives.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape `shape`, float32, range [0, 1]
        1 below the lamp.
    """
    rows, cols = shape
    turn, far = rng.uniform(0, 2 * math.pi), rng.uniform(0.3, 0.8)
    y, x = np.ogrid[-0.5 : 0.5 : rows * 1j, -0.5 : 0.5 : cols * 1j]
    distance = np.hypot(x - far * math.cos(turn), y - far * math.sin(turn)).astype(Float)
    distance += fractal(rng, shape, wavelength_px=max(shape) / 2, gain=0.4, finest_px=16.0) * Float(0.05)
    distance -= distance.min()
    return np.asarray(np.clip(1 - Float(strength) * distance / distance.max(), 0, 1), Float)
