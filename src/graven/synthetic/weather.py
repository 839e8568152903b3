"""What time does to the whole of a panel: rounding, dust in the hollows, crumbling; and ground that is all pebbles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.noise import blur, cells, fractal, smoothstep, threshold_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.surface import Canvas

__all__ = ["pebble", "roughen_patches", "settle", "soften"]

Float = np.float32
Generator = np.random.Generator


def soften(canvas: Canvas, *, sigma_mm: float, strength: float, rng: Generator) -> None:
    """Round the relief by loss of grains, more in some places than in others.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (height only).
    sigma_mm : float, millimetres
        Scale of the rounding.
    strength : float, range [0, 1]
        Mean share of the rounded relief.
    rng : numpy.random.Generator
        Source of randomness.
    """
    sigma = canvas.px(sigma_mm)
    if sigma < 0.25 or strength <= 0:
        return
    share = fractal(rng, canvas.shape, wavelength_px=canvas.px(120), gain=0.5, finest_px=8.0)
    share *= Float(0.5 * strength)
    share += Float(strength)
    np.clip(share, 0, 1, out=share)
    loss = blur(canvas.height_mm, sigma)
    loss -= canvas.height_mm
    loss *= share
    canvas.height_mm += loss


def settle(canvas: Canvas, *, tone: NDArray[np.float32], strength: float) -> None:
    """Let dust or dirt gather in hollows, of pits and of natural ones alike.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only).
    tone : ndarray of shape (3,), float32
        Linear reflectance of what settles.
    strength : float, range [0, 1]
        Opacity in a hollow of half a millimetre.
    """
    hollow = blur(canvas.height_mm, canvas.px(2.2))
    hollow -= canvas.height_mm
    hollow *= Float(2.0 * strength)
    np.clip(hollow, 0, strength, out=hollow)
    canvas.tint(tone, hollow)


def roughen_patches(canvas: Canvas, *, share: float, rng: Generator) -> None:
    """Crumbling by frost or salt in patches: rough without being worked.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    share : float, range [0, 1]
        Part of the panel that crumbles.
    rng : numpy.random.Generator
        Source of randomness.
    """
    where = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(60, 200)), gain=0.6, finest_px=2.0)
    limit = threshold_mask(where, share)
    where = smoothstep(where, limit - 0.05, limit + 0.35)
    crumble = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(4, 14)), gain=0.8, finest_px=1.3)
    crumble *= Float(rng.uniform(0.15, 0.42))
    crumble -= Float(rng.uniform(0.1, 0.6))
    crumble *= where
    canvas.height_mm += crumble
    tone = np.clip(1 + Float(rng.uniform(-0.1, 0.2)) * where, 0.5, 1.5)
    for channel in range(3):
        canvas.albedo[channel] *= tone


def pebble(canvas: Canvas, *, size_mm: float, rng: Generator) -> None:
    """Turn a panel into conglomerate, gravel or tarmac: bumps all over it and nothing worked.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    size_mm : float, millimetres
        Mean width of a pebble.
    rng : numpy.random.Generator
        Source of randomness.
    """
    labels, distance = cells(rng, canvas.shape, cell_px=max(canvas.px(size_mm), 2.5))
    n_pebbles = int(labels.max()) + 1
    ragged = fractal(rng, canvas.shape, wavelength_px=max(canvas.px(0.6 * size_mm), 2.0), gain=0.7, finest_px=1.0)
    distance += Float(0.08) * ragged
    width = rng.uniform(0.22, 0.6, n_pebbles).astype(Float)[labels]
    dome = np.sqrt(np.clip(1 - np.square(distance / width), 0, 1))
    stone = smoothstep(dome, 0.0, 0.35)
    dome *= rng.uniform(0.2, 1.0, n_pebbles).astype(Float)[labels]
    canvas.height_mm += blur(dome, 0.8) * Float(size_mm * rng.uniform(0.04, 0.18))
    tone = np.exp(rng.normal(0, rng.uniform(0.05, 0.3), n_pebbles)).astype(Float)[labels]
    tone = 1 + (tone - 1) * stone
    for channel in range(3):
        canvas.albedo[channel] *= tone
