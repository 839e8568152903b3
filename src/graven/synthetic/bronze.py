"""Bronze before anyone engraves it: a cast disc with its handle, its dome and rim, wear, patina and crust."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.noise import blur, fractal, smoothstep, streaks, threshold_mask
from graven.synthetic.rock_parts import linear_rgb, vary
from graven.synthetic.surface import Canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Blank", "Workpiece", "cast_blank", "fill_background", "patinate", "plan_blank", "wear_down"]

Float = np.float32
Generator = np.random.Generator
_METALS = ((176, 140, 86), (150, 112, 66), (120, 92, 60))
_PATINAS = ((62, 84, 60), (88, 104, 74), (52, 46, 38), (92, 76, 52), (70, 96, 84), (44, 56, 46), (104, 74, 50))
_CRUSTS = ((112, 150, 118), (150, 168, 136), (84, 118, 96), (106, 62, 46), (128, 116, 92))
_BACKGROUNDS = ((20, 20, 22), (226, 226, 222), (92, 94, 98), (48, 58, 80))


@dataclass(frozen=True, slots=True)
class Blank:
    """Where the disc and its handle lie in the frame.

    Parameters
    ----------
    centre_px : tuple of two float, pixels
        Middle of the disc, (x, y).
    radius_mm : float, millimetres
        Of the disc.
    handle_mm : tuple of two float, millimetres
        Half the width of the handle at the disc, and how far it reaches beyond it.
    """

    centre_px: tuple[float, float]
    radius_mm: float
    handle_mm: tuple[float, float]


@dataclass(slots=True)
class Workpiece:
    """A bronze in the making; its arrays are changed in place.

    Parameters
    ----------
    canvas : Canvas
        Height and colour so far.
    inside : ndarray of shape (H, W), bool
        Where there is bronze.
    rim_mm : ndarray of shape (H, W), float32, millimetres
        Distance to the outline, positive inside.
    gloss : ndarray of shape (H, W), float32, range [0, 1]
        0 a dull crust, 1 bare polished metal.
    worn_mm : ndarray of shape (H, W), float32, millimetres
        How much of the engraved surface is rubbed away.
    rough_mm : ndarray of shape (H, W), float32, millimetres
        Deviation of the fine texture.
    fill : ndarray of shape (H, W), float32, range [0, 1]
        How far corrosion fills what is hollow.
    gone : ndarray of shape (H, W), bool
        Where the engraved surface is destroyed or covered for good.
    """

    canvas: Canvas
    inside: NDArray[np.bool_]
    rim_mm: NDArray[np.float32]
    gloss: NDArray[np.float32]
    worn_mm: NDArray[np.float32]
    rough_mm: NDArray[np.float32]
    fill: NDArray[np.float32]
    gone: NDArray[np.bool_]


def plan_blank(rng: Generator, shape: tuple[int, int], *, pixel_size_mm: float, whole: bool) -> Blank:
    """Choose the size of a mirror and the part of it that the frame shows.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of two int
        Height and width of the frame.
    pixel_size_mm : float, millimetres
        Length of a pixel side.
    whole : bool
        Fit disc and handle into the frame instead of showing a part of a mirror of usual size.

    Returns
    -------
    Blank
        Its place.
    """
    rows, cols = shape
    high, wide = rows * pixel_size_mm, cols * pixel_size_mm
    if whole:
        reach = rng.uniform(0.3, 0.5)
        radius = min(high / (2.16 + reach), wide / 2.16)
        handle = (radius * rng.uniform(0.14, 0.2), radius * reach)
        top = (high - radius * (2 + reach)) / 2
        centre = (wide / 2 + rng.normal(0, 0.006) * wide, top + radius)
        return Blank((centre[0] / pixel_size_mm, centre[1] / pixel_size_mm), radius, handle)
    radius = float(rng.uniform(62, 88))
    handle = (radius * rng.uniform(0.14, 0.2), radius * rng.uniform(0.3, 0.5))
    angle, away = rng.uniform(0, 2 * math.pi), radius * 0.96 * math.sqrt(rng.uniform(0.0, 1.0))
    x, y = wide / 2 - away * math.cos(angle), high / 2 - away * math.sin(angle)
    return Blank((x / pixel_size_mm, y / pixel_size_mm), radius, handle)


def cast_blank(blank: Blank, *, shape: tuple[int, int], pixel_size_mm: float, rng: Generator) -> Workpiece:
    """Make a disc: dome, rim, the smith's hammer, the marks of polishing, the grain of the casting.

    Parameters
    ----------
    blank : Blank
        Where it lies.
    shape : tuple of two int
        Height and width of the frame.
    pixel_size_mm : float, millimetres
        Length of a pixel side.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Workpiece
        Bare metal, nothing worn, nothing filled.
    """
    rim = _distance_to_rim(blank, shape, pixel_size_mm)
    inside = rim > 0
    canvas = Canvas(
        np.zeros(shape, Float), np.empty((3, *shape), Float), np.zeros((1, 1), Float),
        vary(rng, linear_rgb(*_METALS[int(rng.integers(len(_METALS)))])), pixel_size_mm,
    )  # fmt: skip
    canvas.albedo[:] = canvas.fresh_rgb[:, None, None]
    height = canvas.height_mm
    x = (np.arange(shape[1]) + 0.5 - blank.centre_px[0]).astype(Float) * Float(pixel_size_mm)
    y = (np.arange(shape[0]) + 0.5 - blank.centre_px[1]).astype(Float) * Float(pixel_size_mm)
    bow = Float(rng.choice([-1.0, 1.0], p=[0.6, 0.4]) / (2 * rng.uniform(350, 1400)))
    height += (x * x)[None, :] * bow + (y * y)[:, None] * bow
    long = canvas.px(rng.uniform(12, 30))
    height += fractal(rng, shape, wavelength_px=long, gain=0.45, finest_px=16.0) * Float(rng.uniform(0.02, 0.09))
    height += fractal(rng, shape, wavelength_px=canvas.px(rng.uniform(2, 5)), gain=0.5, finest_px=4.0) * Float(
        rng.uniform(0.002, 0.008)
    )
    for _ in range(int(rng.integers(1, 3))):
        marks = streaks(
            rng, shape, wavelength_px=canvas.px(rng.uniform(0.3, 0.8)), stretch=rng.uniform(15, 50),
            angle_deg=rng.uniform(0, 180), gain=0.8, finest_px=1.5,
        )  # fmt: skip
        height += marks * Float(rng.uniform(0.0008, 0.003))
    raised, wide = rng.uniform(0.1, 1.2) * (rng.random() < 0.7), rng.uniform(0.8, 2.2)
    height += smoothstep(rim, wide * 1.6, wide * 0.5) * Float(raised)
    height -= smoothstep(rim, 0.9, 0.0) * Float(rng.uniform(0.3, 0.9))
    worn, rough, fill = np.zeros((3, *shape), Float)
    return Workpiece(canvas, inside, rim, np.ones(shape, Float), worn, rough, fill, np.zeros(shape, np.bool_))


def _distance_to_rim(blank: Blank, shape: tuple[int, int], pixel_size_mm: float) -> NDArray[np.float32]:
    """Distance to the outline of disc and handle, rounded where they meet."""
    size = Float(pixel_size_mm)
    x = ((np.arange(shape[1]) + 0.5 - blank.centre_px[0]).astype(Float) * size)[None, :]
    y = ((np.arange(shape[0]) + 0.5 - blank.centre_px[1]).astype(Float) * size)[:, None]
    disc = Float(blank.radius_mm) - np.sqrt(x * x + y * y)
    half, reach = blank.handle_mm
    if float(y.max()) < blank.radius_mm * 0.8 or float(np.abs(x).min()) > 2 * half:
        return np.asarray(disc, Float)
    top = Float(blank.radius_mm * 0.85)
    share = np.clip((y - top) / Float(blank.radius_mm * 0.15 + reach - 0.6 * half), 0, 1)
    beyond = y - top - share * Float(blank.radius_mm * 0.15 + reach - 0.6 * half)
    tang = Float(half) * (1 - Float(0.4) * share) - np.sqrt(x * x + beyond * beyond)
    soft = Float(half * 0.5)
    mix = np.clip(Float(0.5) + (tang - disc) / (2 * soft), 0, 1)
    return np.asarray(disc + (tang - disc) * mix + soft * mix * (1 - mix), Float)


def wear_down(piece: Workpiece, *, worn_mm: float, share: float, rng: Generator) -> None:
    """Rub a part of the surface.

    Parameters
    ----------
    piece : Workpiece
        Its `worn_mm` and `gloss` are changed.
    worn_mm : float, millimetres
        How much is gone where it is rubbed most.
    share : float, range [0, 1]
        Share of the surface that is rubbed.
    rng : numpy.random.Generator
        Source of randomness.
    """
    shape = piece.canvas.shape
    field = fractal(rng, shape, wavelength_px=piece.canvas.px(rng.uniform(14, 34)), gain=0.55, finest_px=8.0)
    limit = threshold_mask(field, share)
    piece.worn_mm += smoothstep(field, limit - 0.35, limit + 0.75) * Float(worn_mm)
    piece.worn_mm += Float(0.12 * worn_mm)


def patinate(piece: Workpiece, *, crust_share: float, rough_share: float, rng: Generator) -> None:
    """Let bronze corrode: a skin of changing colour, etched regions, and a crust that fills the hollows.

    Parameters
    ----------
    piece : Workpiece
        Changed in place.
    crust_share, rough_share : float, range [0, 1]
        Shares of the surface under a crust, and etched.
    rng : numpy.random.Generator
        Source of randomness.
    """
    canvas, shape = piece.canvas, piece.canvas.shape
    region = fractal(rng, shape, wavelength_px=canvas.px(rng.uniform(6, 22)), gain=0.62, finest_px=2.0)
    skin = vary(rng, linear_rgb(*_PATINAS[int(rng.integers(len(_PATINAS)))]), value=0.2, hue=0.06)
    other = vary(rng, linear_rgb(*_PATINAS[int(rng.integers(len(_PATINAS)))]), value=0.2, hue=0.06)
    cover = np.clip(Float(rng.uniform(0.6, 1.0)) + region * Float(0.22), 0, 1)
    canvas.tint(skin, cover)
    canvas.tint(other, smoothstep(region, 0.0, 1.6) * Float(rng.uniform(0.15, 0.6)))
    piece.gloss *= 1 - Float(rng.uniform(0.35, 0.8)) * cover
    fine = fractal(rng, shape, wavelength_px=canvas.px(0.7), gain=0.85, finest_px=1.0)
    etched = smoothstep(-region, *_ramp(-region, rough_share, 0.25)) if rough_share > 0 else np.zeros(shape, Float)
    texture = Float(rng.uniform(0.0025, 0.007)) + etched * Float(rng.uniform(0.004, 0.012))
    if crust_share > 0:
        blotch = region + fractal(rng, shape, wavelength_px=canvas.px(2.5), gain=0.7, finest_px=1.0) * Float(0.5)
        crust = smoothstep(blotch, *_ramp(blotch, crust_share, 0.16))
        thick = Float(rng.uniform(0.015, 0.07))
        canvas.height_mm += crust * (thick + region * thick * Float(0.5))
        texture += crust * Float(rng.uniform(0.004, 0.014))
        np.maximum(piece.fill, crust * Float(rng.uniform(0.55, 1.0)), out=piece.fill)
        tone = vary(rng, linear_rgb(*_CRUSTS[int(rng.integers(len(_CRUSTS)))]), value=0.15, hue=0.05)
        canvas.tint(tone, crust * Float(rng.uniform(0.5, 0.95)))
        piece.gloss *= 1 - Float(0.9) * crust
        canvas.mark("crust", crust > 0.5)
    canvas.height_mm += fine * texture
    piece.rough_mm += texture
    piece.gloss *= 1 - Float(0.6) * etched
    canvas.albedo *= np.exp(fine * Float(0.1))
    canvas.mark("etched", etched > 0.5)


def _ramp(field: NDArray[np.float32], share: float, width: float) -> tuple[float, float]:
    """Give the ends of a ramp whose middle about `share` of a field exceeds."""
    limit = threshold_mask(field, share)
    return limit - width, limit + width


def fill_background(piece: Workpiece, *, rng: Generator) -> None:
    """Lay the bronze on cloth or paper.

    Parameters
    ----------
    piece : Workpiece
        Changed in place where it is not bronze.
    rng : numpy.random.Generator
        Source of randomness.
    """
    outside = ~piece.inside
    if not outside.any():
        return
    canvas, shape = piece.canvas, piece.canvas.shape
    below = float(canvas.height_mm[piece.inside].min()) if piece.inside.any() else 0.0
    cloth = blur(rng.standard_normal(shape, dtype=Float), 1.5)
    tone = vary(rng, linear_rgb(*_BACKGROUNDS[int(rng.integers(len(_BACKGROUNDS)))]), value=0.1)
    canvas.height_mm[outside] = Float(below - rng.uniform(1.5, 3.5)) + cloth[outside] * Float(0.02)
    for channel in range(3):
        canvas.albedo[channel][outside] = tone[channel] * np.exp(cloth[outside] * Float(0.3))
    piece.gloss[outside] = 0
