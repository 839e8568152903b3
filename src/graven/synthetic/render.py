"""Pictures of a surface: an orthophoto as a camera records it, and an old photograph of the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import DefectError
from graven.synthetic.light import cast_shadow, lambert, light_direction, sky_view
from graven.synthetic.noise import blur, fractal, smoothstep, white
from graven.synthetic.surface import surface_normals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.surface import Surface

__all__ = ["PhotoSettings", "draw_photo", "encode_srgb", "render_old_photograph", "render_orthophoto"]

Float = np.float32
Generator = np.random.Generator


@dataclass(frozen=True, slots=True)
class PhotoSettings:
    """Light and camera of one photograph.

    Parameters
    ----------
    azimuth_deg, elevation_deg : float, degrees
        Where the sun stands (azimuth counter-clockwise from the right, y up).
    sun_share : float, range [0, 1]
        Share of direct light; the rest comes from the sky.
    exposure : float
        Mean brightness of the picture before the tone curve, linear.
    warmth : float
        Logarithm of red over blue of the light that the white balance left.
    contrast : float
        Steepness of the tone curve, 1 is none.
    blur_px : float, pixels
        Deviation of the point spread.
    noise : float
        Deviation of the sensor noise at mid grey, in sRGB units of 1.
    jpeg_quality : int, range [1, 100]
        Quality of the compression that the picture went through.
    """

    azimuth_deg: float
    elevation_deg: float
    sun_share: float
    exposure: float
    warmth: float
    contrast: float
    blur_px: float
    noise: float
    jpeg_quality: int


def draw_photo(rng: Generator, *, severe: bool) -> PhotoSettings:
    """Draw light and camera: mostly soft or slanting light, as recorders choose it; anything when severe.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    severe : bool
        High sun, flat sky, blur, noise and strong compression are likely.

    Returns
    -------
    PhotoSettings
        Values within the limits of a usable picture.
    """
    if severe:
        return PhotoSettings(
            rng.uniform(0, 360), rng.uniform(16, 75), rng.uniform(0.1, 0.85), rng.uniform(0.12, 0.34),
            rng.normal(0.04, 0.13), rng.uniform(0.8, 1.35), rng.uniform(0.5, 1.25),
            rng.uniform(0.012, 0.04), int(rng.integers(40, 85)),
        )  # fmt: skip
    return PhotoSettings(
        rng.uniform(0, 360), rng.uniform(18, 54), rng.uniform(0.25, 0.85), rng.uniform(0.14, 0.30),
        rng.normal(0.02, 0.08), rng.uniform(0.9, 1.25), rng.uniform(0.35, 0.8),
        rng.uniform(0.004, 0.016), int(rng.integers(78, 97)),
    )  # fmt: skip


def encode_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply the sRGB curve.

    Parameters
    ----------
    linear : ndarray of float32, range [0, 1]
        Linear light.

    Returns
    -------
    ndarray of float32, range [0, 1]
        Display values.

    Examples
    --------
    >>> [round(float(value), 3) for value in encode_srgb(np.array([0.0, 0.5, 1.0], np.float32))]
    [0.0, 0.735, 1.0]
    """
    return np.where(
        linear <= 0.0031308, linear * Float(12.92), Float(1.055) * linear ** Float(1 / 2.4) - Float(0.055)
    ).astype(Float)


def _irradiance(
    surface: Surface, photo: PhotoSettings, shade: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sun and sky on each pixel, each 1 on a plane that faces it."""
    normals = surface_normals(surface.height_mm, surface.pixel_size_mm)
    direction = light_direction(photo.azimuth_deg, photo.elevation_deg)
    sun = lambert(normals, direction)
    sky = normals[2] + Float(1)
    sky *= Float(0.5)
    del normals
    sun *= cast_shadow(surface.height_mm, pixel_size_mm=surface.pixel_size_mm, direction=direction)
    if shade is not None:
        sun *= shade
    sun /= Float(max(float(direction[2]), 0.2))
    sky *= sky_view(surface.height_mm, surface.pixel_size_mm)
    return sun, sky


def render_orthophoto(
    surface: Surface, *, rng: Generator, photo: PhotoSettings | None = None, shade: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    """Photograph a surface from straight above.

    Sun with cast shadows and sky with occlusion light the albedo; exposure, white balance, point spread, photon and
    read noise, tone curve and JPEG follow.

    Parameters
    ----------
    surface : Surface
        What to photograph.
    rng : numpy.random.Generator
        Source of the noise, and of the settings if `photo` is not given.
    photo : PhotoSettings, optional
        Light and camera; by default drawn for an ordinary picture.
    shade : ndarray of shape (H, W), float32, range [0, 1], optional
        Direct light that reaches the panel, where something outside the picture throws a shadow.

    Returns
    -------
    ndarray of shape (3, H, W), uint8
        sRGB.
    """
    photo = draw_photo(rng, severe=False) if photo is None else photo
    sun, sky = _irradiance(surface, photo, shade)
    sky_tint = np.exp(np.array([-0.06, 0.0, 0.08], np.float64))
    sun_tint = np.exp(np.array([0.05, 0.0, -0.08], np.float64))
    balance = np.exp(np.array([0.5, 0.0, -0.5]) * photo.warmth)
    grey = float(surface.albedo[:, ::4, ::4].mean())
    gain = photo.exposure / max(grey, 0.02) * float(np.clip((grey / 0.18) ** 0.45, 0.45, 1.5))
    bands = np.empty((*surface.shape, 3), np.uint8)
    for channel in range(3):
        light = sun * Float(photo.sun_share * sun_tint[channel])
        light += sky * Float((1 - photo.sun_share) * sky_tint[channel])
        light *= surface.albedo[channel]
        light *= Float(gain * balance[channel])
        light = blur(light, photo.blur_px)
        bands[:, :, channel] = _develop(light, photo, rng)
    return _compress(bands, photo.jpeg_quality)


def _develop(light: NDArray[np.float32], photo: PhotoSettings, rng: Generator) -> NDArray[np.uint8]:
    """Noise, shoulder, sRGB and contrast of one channel."""
    np.clip(light, 0, None, out=light)
    noise = white(rng, (light.shape[0], light.shape[1]))
    noise *= Float(photo.noise)
    noise *= np.sqrt(light + Float(0.02))
    light += noise
    del noise
    np.clip(light, 0, None, out=light)
    light *= 1 / (1 + Float(0.22) * light * light)
    np.clip(light, 0, 1, out=light)
    value = encode_srgb(light)
    value = (value - Float(0.45)) * Float(photo.contrast) + Float(0.45)
    value *= Float(255)
    value += Float(0.5)
    return np.clip(value, 0, 255, out=value).astype(np.uint8)


def _compress(bands: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Through JPEG and back, channels first."""
    done, buffer = cv2.imencode(".jpg", bands[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise DefectError("the picture could not be compressed; please report the seed and the size")
    del bands
    decoded = np.asarray(cv2.imdecode(buffer, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[:, :, ::-1].transpose(2, 0, 1))


def render_old_photograph(surface: Surface, rng: Generator, *, photo: PhotoSettings | None = None) -> NDArray[np.uint8]:
    """Photograph a surface as an archive keeps it: tilted, faded, grainy, stained, sometimes printed as halftone.

    Parameters
    ----------
    surface : Surface
        What to photograph.
    rng : numpy.random.Generator
        Source of randomness.
    photo : PhotoSettings, optional
        Light and camera; by default drawn.

    Returns
    -------
    ndarray of shape (3, H, W), uint8
        Toned grey, sRGB. The tilt moves pixels by up to about 1.5 % of the picture; the truth is not moved.
    """
    photo = draw_photo(rng, severe=False) if photo is None else photo
    rows, cols = surface.shape
    sun, sky = _irradiance(surface, photo, None)
    film = np.array([0.1, 0.45, 0.45], Float)
    tone = np.tensordot(film, surface.albedo, 1).astype(Float)
    tone *= sun * Float(photo.sun_share) + sky * Float(1 - photo.sun_share)
    tone *= Float(photo.exposure / max(float(tone[::4, ::4].mean()), 1e-3))
    tone = encode_srgb(np.clip(blur(tone, photo.blur_px + 0.6), 0, 1))
    corner = np.array([[0, 0], [cols, 0], [cols, rows], [0, rows]], np.float32)
    moved = corner + rng.normal(0, 0.006, (4, 2)).astype(Float) * np.array([cols, rows], Float)
    matrix = cv2.getPerspectiveTransform(corner, moved.astype(Float))
    tilted = cv2.warpPerspective(tone, matrix, (cols, rows), borderMode=cv2.BORDER_REFLECT_101)
    tone = np.asarray(tilted, Float)
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : cols * 1j]
    tone *= (1 - Float(rng.uniform(0.05, 0.3)) * (x * x + y * y)).astype(Float)
    grain = blur(white(rng, (rows, cols)), rng.uniform(0.5, 0.9))
    tone += grain * Float(rng.uniform(0.03, 0.08))
    if rng.random() < 0.35:
        pitch, turn = rng.uniform(3.2, 5.5), np.deg2rad(rng.uniform(30, 60))
        rows_at, cols_at = np.ogrid[:rows, :cols]
        u = (cols_at * np.cos(turn) + rows_at * np.sin(turn)) * (2 * np.pi / pitch)
        v = (rows_at * np.cos(turn) - cols_at * np.sin(turn)) * (2 * np.pi / pitch)
        screen = (np.cos(u) + np.cos(v)).astype(Float) * Float(0.25) + Float(0.5)
        tone = tone * Float(0.35) + smoothstep(tone - screen, -0.22, 0.22) * Float(0.65)
    black, paper = rng.uniform(0.08, 0.25), rng.uniform(0.78, 0.95)
    tone = np.clip(tone, 0, 1) * Float(paper - black) + Float(black)
    stain = smoothstep(fractal(rng, (rows, cols), wavelength_px=max(rows, cols) / 3, gain=0.6, finest_px=4.0), 0.8, 1.5)
    tone *= 1 - stain * Float(rng.uniform(0.0, 0.18))
    sepia = np.array([1.0, 0.95, 0.84]) ** rng.uniform(0.2, 1.4)
    bands = np.clip(tone[:, :, None] * sepia.astype(Float) * Float(255) + Float(0.5), 0, 255).astype(np.uint8)
    return _compress(bands, photo.jpeg_quality)
