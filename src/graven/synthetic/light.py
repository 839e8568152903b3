"""Light on a height field: Lambert shading, cast shadows, an open sky and stacks of single lights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError
from graven.synthetic.noise import blur
from graven.synthetic.surface import surface_normals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.surface import Surface

__all__ = ["cast_shadow", "lambert", "light_direction", "render_light_stack", "sky_view"]

Float = np.float32


def light_direction(azimuth_deg: float, elevation_deg: float) -> NDArray[np.float32]:
    """Return the unit vector towards a far light.

    Parameters
    ----------
    azimuth_deg : float, degrees
        Direction in the image plane, counter-clockwise from x (right), y up.
    elevation_deg : float, degrees, range [-90, 90]
        Above the image plane.

    Returns
    -------
    ndarray of shape (3,), float32
        (x, y up, z towards the viewer).

    Examples
    --------
    >>> light_direction(90.0, 0.0).round(6).tolist()
    [0.0, 1.0, 0.0]
    """
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    flat = math.cos(elevation)
    return np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)], Float)


def lambert(normals: NDArray[np.float32], direction: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine between normal and light, not below 0.

    Parameters
    ----------
    normals : ndarray of shape (3, H, W), float32
        Unit normals (x, y up, z).
    direction : ndarray of shape (3,), float32
        Unit vector towards the light.

    Returns
    -------
    ndarray of shape (H, W), float32, range [0, 1]
        Attached shadow is 0.
    """
    shade = normals[0] * direction[0]
    shade += normals[1] * direction[1]
    shade += normals[2] * direction[2]
    np.clip(shade, 0, 1, out=shade)
    return np.asarray(shade, Float)


def cast_shadow(
    height_mm: NDArray[np.float32],
    *,
    pixel_size_mm: float,
    direction: NDArray[np.float32],
    reach_mm: float = 30.0,
    softness_mm: float = 0.15,
) -> NDArray[np.float32]:
    """Light that is not blocked by higher ground.

    The field is moved towards the light in growing steps and compared with the ray above each pixel.

    Parameters
    ----------
    height_mm : ndarray of shape (H, W), float32, millimetres
        Relief.
    pixel_size_mm : float, millimetres
        Length of a pixel side.
    direction : ndarray of shape (3,), float32
        Unit vector towards the light (x, y up, z > 0).
    reach_mm : float, millimetres
        Longest shadow looked for.
    softness_mm : float, millimetres
        Height over which a shadow's edge fades.

    Returns
    -------
    ndarray of shape (H, W), float32, range [0, 1]
        1 in the light, 0 in full cast shadow.

    Raises
    ------
    InputError
        If the light is not above the plane.
    """
    flat = math.hypot(float(direction[0]), float(direction[1]))
    if direction[2] <= 0:
        raise InputError(f"a cast shadow needs a light above the plane, got direction {direction.tolist()}")
    if flat < 1e-6:
        return np.ones_like(height_mm)
    rows, cols = height_mm.shape
    climb = float(direction[2]) / flat
    step_x, step_y = float(direction[0]) / flat, -float(direction[1]) / flat
    over = np.full_like(height_mm, -1e6)
    distance = 1.0
    while distance * pixel_size_mm <= reach_mm:
        affine = np.array([[1.0, 0.0, step_x * distance], [0.0, 1.0, step_y * distance]])
        shifted = cv2.warpAffine(
            height_mm,
            affine,
            (cols, rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        moved = np.asarray(shifted, Float)
        moved -= Float(distance * pixel_size_mm * climb)
        np.maximum(over, moved, out=over)
        distance = distance * 1.28 + 0.5
    over -= height_mm
    over *= Float(-1.0 / softness_mm)
    over += Float(1.0)
    return np.clip(over, 0, 1, out=over)


def sky_view(height_mm: NDArray[np.float32], pixel_size_mm: float) -> NDArray[np.float32]:
    """Approximate share of the sky that is seen: hollows are darker, at three scales.

    Parameters
    ----------
    height_mm : ndarray of shape (H, W), float32, millimetres
        Relief.
    pixel_size_mm : float, millimetres
        Length of a pixel side.

    Returns
    -------
    ndarray of shape (H, W), float32, range [0.25, 1.15]
        1 on a plane, above 1 on crests that light reaches from below the horizon of their surroundings.
    """
    view = np.ones_like(height_mm)
    for scale_mm, weight in ((1.2, 0.5), (4.0, 0.55), (16.0, 0.45)):
        sigma = scale_mm / pixel_size_mm
        if sigma < 0.4:
            continue
        if sigma > 8:
            small = np.asarray(cv2.resize(height_mm, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), Float)
            small = blur(small, sigma / 4)
            size = (height_mm.shape[1], height_mm.shape[0])
            mean = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), Float)
        else:
            mean = blur(height_mm, sigma)
        mean -= height_mm
        mean *= Float(-weight / scale_mm)
        np.clip(mean, -0.55, 0.12, out=mean)
        view += mean
    return np.clip(view, 0.25, 1.15, out=view)


def render_light_stack(
    surface: Surface,
    lights: NDArray[np.float32],
    *,
    ambient: float = 0.0,
    shadows: bool = True,
    specular: float = 0.0,
    shininess: float = 30.0,
) -> NDArray[np.float32]:
    """Photographs of one surface under one far light after the other, camera straight above.

    Parameters
    ----------
    surface : Surface
        Relief and albedo.
    lights : ndarray of shape (K, 3), float32
        Unit vectors towards the lights (x, y up, z > 0).
    ambient : float, range [0, 1]
        Light that comes from everywhere, as a share of a light that stands straight above.
    shadows : bool
        Cast shadows as well as attached ones.
    specular : float, range [0, 1]
        Strength of a Blinn-Phong highlight, the same in all channels.
    shininess : float, > 0
        Exponent of the highlight.

    Returns
    -------
    ndarray of shape (K, 3, H, W), float32
        Linear intensities; ``albedo * cos`` for a matt surface without shadows and ambient light.

    Raises
    ------
    InputError
        If `lights` is not an array of unit vectors with z > 0.

    Examples
    --------
    >>> from graven.synthetic.surface import Surface
    >>> plane = Surface(np.zeros((4, 4), np.float32), np.full((3, 4, 4), 0.5, np.float32), {}, 1.0)
    >>> stack = render_light_stack(plane, np.array([[0, 0, 1], [0, 0.8, 0.6]], np.float32))
    >>> [round(float(value), 3) for value in stack[:, 0, 1, 1]]
    [0.5, 0.3]
    """
    lights = np.asarray(lights, Float)
    if lights.ndim != 2 or lights.shape[1] != 3:
        raise InputError(f"lights must have shape (K, 3), got {lights.shape}")
    if not np.allclose(np.linalg.norm(lights, axis=1), 1, atol=1e-3) or (lights[:, 2] <= 0).any():
        raise InputError("lights must be unit vectors with z > 0; normalise them and drop those below the plane")
    normals = surface_normals(surface.height_mm, surface.pixel_size_mm)
    out = np.empty((len(lights), 3, *surface.shape), Float)
    for k, direction in enumerate(lights):
        shade = lambert(normals, direction)
        free = (
            cast_shadow(surface.height_mm, pixel_size_mm=surface.pixel_size_mm, direction=direction)
            if shadows
            else np.ones(surface.shape, Float)
        )
        shade *= free
        shade += Float(ambient)
        np.multiply(surface.albedo, shade, out=out[k])
        if specular > 0:
            half = direction + np.array([0, 0, 1], Float)
            half /= np.linalg.norm(half)
            out[k] += Float(specular) * lambert(normals, half.astype(Float)) ** Float(shininess) * free
    return out
