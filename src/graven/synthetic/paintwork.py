"""A painted surface as it left the workshop: bands of ornament with borders, drawn by hand, and brush marks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.synthetic.brush import Brush
from graven.synthetic.noise import blur, fractal, streaks
from graven.synthetic.ornament import BANDS, Field
from graven.synthetic.palettes import PALETTES
from graven.synthetic.surface import Canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.palettes import Palette

__all__ = ["paint_surface"]

Float = np.float32
Generator = np.random.Generator


def paint_surface(name: str, *, shape: tuple[int, int], pixel_size_mm: float, rng: Generator) -> Canvas:
    """Paint a new surface.

    Parameters
    ----------
    name : str
        One of `graven.synthetic.palettes.PALETTES`.
    shape : tuple of two int, pixels
        Height and width.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Canvas
        Height of the paint over a plane, albedo, no masks yet.
    """
    palette = PALETTES[name]
    angle = float(rng.choice([0.0, 90.0]) + rng.normal(0, 4))
    sheet = _by_hand(_lay_out(palette, shape, pixel_size_mm, angle, rng), palette.bend_mm, pixel_size_mm, rng)
    linear = _SRGB_TO_LINEAR[sheet]
    canvas = Canvas(
        np.zeros(shape, Float),
        np.ascontiguousarray(linear.transpose(2, 0, 1)),
        np.zeros((1, 1), Float),
        np.zeros(3, Float),
        pixel_size_mm,
    )
    _texture(canvas, angle, rng, impasto=name == "canvas")
    return canvas


def _lay_out(
    palette: Palette, shape: tuple[int, int], pixel_size_mm: float, angle_deg: float, rng: Generator
) -> NDArray[np.uint8]:
    """Paint band after band across the surface, and the borders between them."""
    rows, cols = shape
    reach = math.hypot(rows, cols) * pixel_size_mm
    turn = math.radians(angle_deg)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) / pixel_size_mm
    line_mm = float(rng.uniform(0.15, 0.55))
    sheet = np.zeros((rows, cols, 3), np.uint8)
    borders: list[tuple[Brush, float]] = []
    v = -reach / 2 - rng.uniform(0, 20)
    while v < reach / 2:
        height = float(np.clip(palette.band_mm * rng.lognormal(0, 0.55), 7, 110))
        origin = np.array([cols, rows]) / 2 + rotation @ np.array([-reach / 2, v])
        matrix = np.concatenate([rotation, origin[:, None]], 1)
        outline = np.array([(0, 0), (reach, 0), (reach, height), (0, height)])
        corners = outline @ rotation.T + origin
        if not (corners.max(0) < 0).any() and not (corners.min(0) > (cols, rows)).any():
            layer = np.zeros_like(sheet)
            brush = Brush(layer, matrix)
            base = int(rng.integers(len(palette.hues)))
            brush.area(outline, palette.hues[base][int(rng.integers(3))])
            field = Field(brush, palette, rng, reach, height, base, line_mm)
            BANDS[str(rng.choice(np.array(palette.bands)))](field)
            cover = np.zeros(shape, np.uint8)
            cv2.fillPoly(cover, [np.round(corners).astype(np.int32)], 255)
            cv2.copyTo(layer, cover, sheet)
            borders.append((Brush(sheet, matrix), float(rng.uniform(0.5, 3.0))))
        v += height
    for brush, width in borders if rng.random() < (0.85 if palette.bend_mm < 10 else 0.2) else ():
        _border(brush, palette, reach, width, line_mm, rng)
    return sheet


def _border(brush: Brush, palette: Palette, length: float, width: float, line_mm: float, rng: Generator) -> None:
    """Parallel lines of gold, white and ink where two bands meet."""
    choices = (palette.gold, palette.white, palette.ink, palette.hues[0][1])
    for offset in np.cumsum(rng.uniform(0.3, 1.0, int(rng.integers(1, 5)))).tolist():
        rgb = choices[int(rng.integers(4))]
        brush.line(
            [(0, offset * width), (length, offset * width)], rgb, max(line_mm, 0.35 * width * rng.uniform(0.2, 1.2))
        )


def _by_hand(sheet: NDArray[np.uint8], bend_mm: float, pixel_size_mm: float, rng: Generator) -> NDArray[np.uint8]:
    """Bend fields, let lines waver as drawn by hand, and edges run a little."""
    rows, cols = sheet.shape[:2]
    x, y = np.meshgrid(np.arange(cols, dtype=Float), np.arange(rows, dtype=Float))
    sway = rng.uniform(0.1, 0.8) / pixel_size_mm
    for axis in (x, y):
        axis += fractal(rng, (rows, cols), wavelength_px=14 / pixel_size_mm, gain=0.35, finest_px=8.0) * Float(sway)
        if bend_mm > 0:
            bend = fractal(rng, (rows, cols), wavelength_px=50 / pixel_size_mm, gain=0.3, finest_px=16.0)
            axis += bend * Float(bend_mm / pixel_size_mm)
    moved = cv2.remap(sheet, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    sigma = rng.uniform(0.03, 0.12) / pixel_size_mm
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), max(sigma, 0.3)), np.uint8)


def _texture(canvas: Canvas, angle_deg: float, rng: Generator, *, impasto: bool) -> None:
    """Uneven pigment, brush furrows along the bands, and relief of the thicker lights."""
    shape = canvas.shape
    bristles = streaks(
        rng,
        shape,
        wavelength_px=canvas.px(1.2),
        stretch=rng.uniform(8, 24),
        angle_deg=-angle_deg,
        gain=0.7,
        finest_px=1.5,
    )
    pigment = fractal(rng, shape, wavelength_px=canvas.px(rng.uniform(1.5, 6)), gain=0.8, finest_px=1.2)
    wash = fractal(rng, shape, wavelength_px=canvas.px(rng.uniform(20, 60)), gain=0.6, finest_px=6.0)
    tone = bristles * Float(rng.uniform(0.02, 0.1))
    tone += pigment * Float(rng.uniform(0.02, 0.09))
    tone += wash * Float(rng.uniform(0.04, 0.2))
    np.exp(tone, out=tone)
    for channel in range(3):
        canvas.albedo[channel] *= tone
    light = canvas.albedo.mean(axis=0)
    relief = (light - blur(light, canvas.px(1.0))) * Float(rng.uniform(0.02, 0.12))
    bristles *= Float(rng.uniform(0.003, 0.02) * (2.5 if impasto else 1.0))
    canvas.height_mm += bristles
    canvas.height_mm += relief
    canvas.height_mm += fractal(rng, shape, wavelength_px=canvas.px(60), gain=0.45, finest_px=8.0) * Float(0.12)


def _linear_table() -> NDArray[np.float32]:
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(Float)


_SRGB_TO_LINEAR = _linear_table()
