"""What a plain photograph adds to a panel: oblique view, shadows of things outside, and what stands behind the rock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.synthetic.noise import fractal, smoothstep
from graven.synthetic.rock_parts import linear_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.surface import Canvas

__all__ = ["add_background", "foreign_shadow", "ortho_margin", "tilt_view"]

Float = np.float32
Generator = np.random.Generator


def tilt_view(canvas: Canvas, *, rng: Generator, strength: float) -> NDArray[np.float64]:
    """See the panel obliquely: all layers are moved by one homography, so the truth stays exact.

    Parameters
    ----------
    canvas : Canvas
        Its arrays are replaced; the picture stays full, what leaves it is cut off. Heights keep their value, the pixel
        size becomes nominal.
    rng : numpy.random.Generator
        Source of randomness.
    strength : float, range [0, 0.4]
        How far corners may move inwards, as a share of the side.

    Returns
    -------
    ndarray of shape (3, 3), float64
        Homography from old to new pixel coordinates (outer-corner frame).
    """
    rows, cols = canvas.shape
    corners = np.array([[0, 0], [cols, 0], [cols, rows], [0, rows]], np.float32)
    inward = rng.uniform(0, strength, (4, 2)).astype(Float) * np.array([cols, rows], Float)
    seen = corners + inward * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], Float)
    matrix = cv2.getPerspectiveTransform(seen, corners).astype(np.float64)
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])
    index = half @ matrix @ np.linalg.inv(half)

    def warp(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        moved = cv2.warpPerspective(plane, index, (cols, rows), borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(moved, Float)

    canvas.height_mm = warp(canvas.height_mm)
    for channel in range(3):
        canvas.albedo[channel] = warp(canvas.albedo[channel])
    for name, mask in canvas.masks.items():
        canvas.masks[name] = warp(mask.astype(Float)) > 0.5
    return matrix


def foreign_shadow(shape: tuple[int, int], *, rng: Generator, pixel_size_mm: float) -> NDArray[np.float32]:
    """Direct light left by a tree, a wall or the photographer outside the picture.

    Parameters
    ----------
    shape : tuple of two int
        Height and width.
    rng : numpy.random.Generator
        Source of randomness.
    pixel_size_mm : float, millimetres
        Length of a pixel side.

    Returns
    -------
    ndarray of shape `shape`, float32, range [0, 1]
        0 in the shadow.
    """
    rows, cols = shape
    turn = rng.uniform(0, 2 * math.pi)
    y, x = np.ogrid[:rows, :cols]
    along = ((x - cols / 2) * math.cos(turn) + (y - rows / 2) * math.sin(turn)).astype(Float) / Float(
        math.hypot(rows, cols)
    )
    ragged = fractal(rng, shape, wavelength_px=max(rows, cols) / 3, gain=0.55, finest_px=4.0)
    edge = float(rng.uniform(0.5, 6.0) / pixel_size_mm) / math.hypot(rows, cols)
    if rng.random() < 0.45:  # leaves
        return smoothstep(ragged, -0.25 - 40 * edge, -0.25 + 40 * edge) * Float(0.95) + Float(0.05)
    field = along + ragged * Float(rng.uniform(0.0, 0.12)) - Float(rng.uniform(-0.25, 0.25))
    return smoothstep(field, -edge, edge) * Float(0.97) + Float(0.03)


def add_background(canvas: Canvas, *, rng: Generator) -> None:
    """Let the rock end within the picture: bushes and sky above it, or grass below; masks ``sky``, ``vegetation``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place; ``pecked`` is cleared there.
    rng : numpy.random.Generator
        Source of randomness.
    """
    rows, cols = canvas.shape
    upper = rng.random() < 0.65
    share = rng.uniform(0.05, 0.22) * rows
    x = np.arange(cols, dtype=np.int64)
    line = fractal(rng, (8, cols), wavelength_px=cols / 3, gain=0.6)[4] * Float(0.03 * rows) + Float(share)
    line += Float(rng.normal(0, 0.1)) * (x - cols / 2).astype(Float)
    bushes = (
        np.abs(fractal(rng, (8, cols), wavelength_px=cols / 6, gain=0.5)[4])
        * Float(0.06 * rows)
        * Float(rng.random() < 0.8)
    )
    y = np.arange(rows, dtype=Float)[:, None]
    from_edge = y if upper else Float(rows) - y
    behind = from_edge < line
    green = behind & (from_edge > line - bushes) if upper else behind
    leaves = fractal(rng, (rows, cols), wavelength_px=canvas.px(40), gain=0.9, finest_px=1.5)
    tone = linear_rgb(*[(66, 74, 38), (50, 58, 30), (104, 94, 60)][rng.integers(3)]) * Float(rng.uniform(0.5, 1.0))
    canvas.tint(tone[:, None, None] * np.clip(1 + Float(0.7) * leaves, 0.08, 2.5), green.astype(Float))
    canvas.height_mm[behind] = 0
    canvas.height_mm += np.where(green, leaves * Float(6), Float(0))
    canvas.mark("vegetation", green)
    if upper:
        sky = behind & ~green
        blue = linear_rgb(*[(168, 196, 226), (214, 220, 226), (240, 240, 238)][rng.integers(3)])
        haze = 1 + Float(0.08) * fractal(rng, (rows, cols), wavelength_px=cols / 2, gain=0.5, finest_px=8.0)
        canvas.tint(np.minimum(blue[:, None, None] * haze, 0.95), sky.astype(Float))
        canvas.mark("sky", sky)
    if "pecked" in canvas.masks:
        canvas.masks["pecked"] &= ~behind


def ortho_margin(shape: tuple[int, int], *, rng: Generator) -> NDArray[np.bool_]:
    """Pixels that the photographs of an orthophoto covered: one to three ragged corners are missing.

    Parameters
    ----------
    shape : tuple of two int
        Height and width.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape `shape`, bool
        True where there is a picture.
    """
    rows, cols = shape
    valid = np.ones(shape, np.uint8)
    for corner in rng.permutation(4)[: int(rng.integers(1, 4))]:
        cx, cy = (0, cols)[corner % 2], (0, rows)[corner // 2]
        a, b = rng.uniform(0.06, 0.3) * cols, rng.uniform(0.06, 0.3) * rows
        t = np.linspace(0, 1, 14)
        edge = np.stack([cx + (1 - t) * a * (1 if cx == 0 else -1), cy + t * b * (1 if cy == 0 else -1)], 1)
        edge[1:-1] += rng.normal(0, 0.006 * max(rows, cols), (12, 2))
        cv2.fillPoly(valid, [np.concatenate([edge, [[cx, cy]]]).astype(np.int32)], 0)
    return valid.astype(np.bool_)
