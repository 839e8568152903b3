"""Bronze under lights: photographs of a panel under one far light after the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.synthetic.light import cast_shadow, lambert, light_direction
from graven.synthetic.noise import white
from graven.synthetic.render import encode_srgb
from graven.synthetic.surface import surface_normals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.engraving import EngravingPanel

__all__ = ["dome_lights", "exposure", "photograph_bronze", "render_bronze_lights"]

Float = np.float32
Generator = np.random.Generator
_SHADOW_SOFTNESS_MM = 0.01


def dome_lights(n_lights: int, *, elevations_deg: tuple[float, ...] = (28.0, 48.0, 68.0)) -> NDArray[np.float64]:
    """Give directions as a light dome has them: rings of lamps, each turned against the one below.

    Parameters
    ----------
    n_lights : int, >= 3
        How many in all.
    elevations_deg : tuple of float, degrees
        Heights of the rings; lower ones hold more lamps.

    Returns
    -------
    ndarray of shape (K, 3), float64
        Unit vectors towards the lights (x, y up, z).

    Raises
    ------
    InputError
        If there are fewer than three.

    Examples
    --------
    >>> bool((abs(np.linalg.norm(dome_lights(20), axis=1) - 1) < 1e-12).all())
    True
    """
    if n_lights < 3:
        raise InputError(f"photometric stereo needs 3 lights or more, got {n_lights}")
    number = np.arange(n_lights)
    elevation = np.radians(np.asarray(elevations_deg)[number % len(elevations_deg)])
    azimuth = 2 * math.pi * (number / n_lights + 0.05)
    flat = np.cos(elevation)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], 1)


def render_bronze_lights(
    panel: EngravingPanel,
    lights: NDArray[np.floating],
    *,
    rng: Generator,
    shine: float = 1.0,
    ambient: float = 0.01,
    noise: float = 0.003,
    shadows: bool = True,
) -> NDArray[np.float32]:
    """Photograph a bronze under one far light after the other, camera straight above.

    Matt reflection with attached and cast shadows, and Ward's lobe whose width follows the gloss of the surface: about
    0.14 on bare metal, 0.5 on a crust. Light from one part of the surface to another is left out.

    Parameters
    ----------
    panel : EngravingPanel
        What to photograph.
    lights : ndarray of shape (K, 3)
        Unit vectors towards the lights (x, y up, z > 0).
    rng : numpy.random.Generator
        Source of the noise; not used where `noise` is 0.
    shine : float, >= 0
        Strength of the highlights; 0 gives a matt surface.
    ambient : float, >= 0
        Light that comes from everywhere, as a share of one light that stands straight above.
    noise : float, >= 0
        Deviation of the photon noise at a value of 1, and a tenth of it as read noise.
    shadows : bool
        Cast shadows; attached ones are always there.

    Returns
    -------
    ndarray of shape (K, 3, H, W), float32
        Linear intensities, not clipped; 1 is a white plane under a light straight above.

    Raises
    ------
    InputError
        If `lights` are not unit vectors with z > 0.
    """
    directions = np.asarray(lights, Float)
    if directions.ndim != 2 or directions.shape[1] != 3:
        raise InputError(f"lights must have shape (K, 3), got {directions.shape}")
    if not np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-3) or (directions[:, 2] <= 0).any():
        raise InputError("lights must be unit vectors with z > 0; normalise them and drop those below the plane")
    surface = panel.surface
    normals = surface_normals(surface.height_mm, surface.pixel_size_mm)
    rough = Float(0.5) - Float(0.36) * panel.gloss
    tint = surface.albedo / np.maximum(surface.albedo.max(0), Float(1e-3)) * Float(0.7) + Float(0.3)
    strength = Float(shine) * (Float(0.03) + Float(0.32) * panel.gloss * panel.gloss)
    spread = float(np.ptp(surface.height_mm))
    out = np.empty((len(directions), 3, *surface.shape), Float)
    for k, direction in enumerate(directions):
        shade = lambert(normals, direction)
        free = np.ones(surface.shape, Float)
        if shadows:
            reach = spread * math.hypot(direction[0], direction[1]) / float(direction[2])
            free = cast_shadow(
                surface.height_mm, pixel_size_mm=surface.pixel_size_mm, direction=direction,
                reach_mm=min(reach, 30.0) + 1.0, softness_mm=_SHADOW_SOFTNESS_MM,
            )  # fmt: skip
        lobe = _ward(normals, direction, rough, shade) * free * strength if shine > 0 else None
        shade = shade * free + Float(ambient)
        for channel in range(3):
            light = surface.albedo[channel] * shade
            if lobe is not None:
                light += tint[channel] * lobe
            if noise > 0:
                light += white(rng, surface.shape) * (np.sqrt(light) * Float(noise) + Float(0.1 * noise))
                np.clip(light, 0, None, out=light)
            out[k, channel] = light
    return out


def _ward(
    normals: NDArray[np.float32], direction: NDArray[np.float32], rough: NDArray[np.float32], shade: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Isotropic Ward reflection times pi and the cosine of the light, seen from straight above."""
    half = direction + np.array([0, 0, 1], Float)
    half /= np.linalg.norm(half)
    near = np.clip(lambert(normals, half.astype(Float)), 0.05, 1)
    square = near * near
    lobe = np.exp((square - 1) / (square * rough * rough))
    lobe *= np.sqrt(shade / np.maximum(normals[2], Float(0.05)))
    lobe /= 4 * rough * rough
    return np.asarray(lobe, Float)


def exposure(panel: EngravingPanel, lights: NDArray[np.floating], *, level: float = 0.8) -> float:
    """Give the gain under which a stack of photographs uses its range and clips only the sharpest highlights.

    Parameters
    ----------
    panel : EngravingPanel
        What is photographed.
    lights : ndarray of shape (K, 3)
        Unit vectors towards the lights; the highest one decides.
    level : float, range (0, 1]
        Value below which all but the brightest hundredth of the bronze stays.

    Returns
    -------
    float, > 0
        Factor on what `render_bronze_lights` gives.
    """
    highest = np.asarray(lights)[[int(np.argmax(np.asarray(lights)[:, 2]))]]
    probe = render_bronze_lights(panel, highest, rng=np.random.default_rng(0), noise=0, shadows=False)
    bright = probe[0].max(0)[panel.object_mask]
    return level / max(float(np.quantile(bright[::16], 0.99)), 1e-3) if bright.size else 1.0


def photograph_bronze(panel: EngravingPanel, *, rng: Generator) -> NDArray[np.uint8]:
    """Take one picture as a museum does: a lamp from one side, a weaker one from the other.

    Parameters
    ----------
    panel : EngravingPanel
        What to photograph.
    rng : numpy.random.Generator
        Source of the light's place and of the noise.

    Returns
    -------
    ndarray of shape (3, H, W), uint8
        sRGB.
    """
    azimuth = rng.uniform(90, 180)
    lamps = np.stack([
        light_direction(azimuth, rng.uniform(25, 45)),
        light_direction(azimuth + rng.uniform(140, 220), rng.uniform(45, 65)),
    ])  # fmt: skip
    gain = exposure(panel, lamps[:1], level=0.5)
    first, second = render_bronze_lights(panel, lamps, rng=rng, ambient=0.06)
    light = (first + Float(0.35) * second) * Float(gain)
    return np.asarray(np.rint(encode_srgb(np.clip(light, 0, 1)) * Float(255)), np.uint8)
