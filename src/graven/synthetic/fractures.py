"""Where rock breaks: cracks, open joints and lost flakes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.synthetic.noise import blur, fractal, smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.surface import Canvas

__all__ = ["add_cracks", "add_joint", "add_spall", "random_path"]

Float = np.float32
Generator = np.random.Generator


def random_path(
    rng: Generator, start: tuple[float, float], heading_rad: float, length: float, *, step: float, wander: float
) -> NDArray[np.float64]:
    """Walk with a slowly drifting heading.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    start : tuple of (x, y)
        First point.
    heading_rad : float, radians
        First direction.
    length, step : float
        Length of the path and of one step, in the unit of `start`.
    wander : float, radians
        Deviation of the turn per step; the heading is drawn back to the first one.

    Returns
    -------
    ndarray of shape (N, 2), float64
        Vertices.
    """
    n = max(2, int(length / step))
    turns = rng.normal(0, wander, n)
    drift = np.zeros(n)
    for i in range(1, n):
        drift[i] = 0.93 * drift[i - 1] + turns[i]
    heading = heading_rad + drift + rng.normal(0, 0.25 * wander + 0.05, n)
    steps = np.stack([np.cos(heading), np.sin(heading)], 1) * step
    return np.concatenate([[np.asarray(start)], np.asarray(start) + np.cumsum(steps, axis=0)])


def _stamp(
    canvas: Canvas, path_px: NDArray[np.float64], widths_px: NDArray[np.float64]
) -> tuple[tuple[slice, slice], NDArray[np.float32]] | None:
    """Antialiased band along a path: window and coverage 0 to 1."""
    pad = float(widths_px.max()) + 4
    low = np.floor(path_px.min(0) - pad).astype(int)
    high = np.ceil(path_px.max(0) + pad).astype(int)
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    x1, y1 = min(int(high[0]), canvas.shape[1]), min(int(high[1]), canvas.shape[0])
    if x1 - x0 < 4 or y1 - y0 < 4:
        return None
    layer = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fixed = np.round((path_px - [x0, y0]) * 16).astype(np.int64)
    limit = 2**27
    for i in range(len(fixed) - 1):
        if np.abs(fixed[i : i + 2]).max() < limit:
            width = widths_px[i]
            cv2.line(
                layer,
                fixed[i].tolist(),
                fixed[i + 1].tolist(),
                255 if width >= 1 else int(60 + 195 * width),
                max(1, round(width)),
                cv2.LINE_AA,
                4,
            )
    return (slice(y0, y1), slice(x0, x1)), layer.astype(Float) * Float(1 / 255)


def add_cracks(canvas: Canvas, *, n_cracks: int, rng: Generator, wide: bool = False) -> None:
    """Branching cracks with dark, dirty bottoms; mask ``crack``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    n_cracks : int
        Number of cracks before they branch.
    rng : numpy.random.Generator
        Source of randomness.
    wide : bool
        Open cracks of some millimetres instead of hairlines.
    """
    rows, cols = canvas.shape
    favourite = rng.uniform(0, math.pi)
    span = canvas.px(700)
    for _ in range(n_cracks):
        heading = favourite + rng.normal(0, 0.35) + (math.pi / 2 if rng.random() < 0.25 else 0)
        start = (rng.uniform(0, cols), rng.uniform(0, rows))
        stack = [
            (
                start,
                heading,
                rng.uniform(0.25, 1.0) * span,
                canvas.px(rng.uniform(1.0, 3.5) if wide else rng.uniform(0.35, 1.1)),
            )
        ]
        n_made = 0
        while stack and n_made < 7:
            origin, turn, length, width = stack.pop()
            path = random_path(rng, origin, turn, length, step=max(2.0, canvas.px(2.5)), wander=0.2)
            n_made += 1
            n = len(path)
            taper = np.clip(np.minimum(np.arange(n) / 6, (n - np.arange(n)) / (0.4 * n)), 0.25, 1)
            rough = np.exp(np.convolve(rng.normal(0, 0.9, n + 4), np.ones(5) / 5, mode="valid"))
            _open(canvas, path, width * taper * rough, rng)
            if rng.random() < 0.6 and n > 12:
                i = int(rng.integers(4, n - 4))
                stack.append(
                    (
                        (path[i, 0], path[i, 1]),
                        turn + rng.choice([-1, 1]) * rng.uniform(0.4, 1.2),
                        length * rng.uniform(0.2, 0.6),
                        width * 0.7,
                    )
                )


def _open(canvas: Canvas, path: NDArray[np.float64], widths: NDArray[np.float64], rng: Generator) -> None:
    """Cut one crack."""
    stamped = _stamp(canvas, path, widths)
    if stamped is None:
        return
    at, cover = stamped
    rounded = blur(cover, max(0.8, canvas.px(0.6)))
    canvas.height_mm[at] -= (cover + rounded) * Float(
        min(4.0, 0.5 + 1.1 * float(np.median(widths)) * canvas.pixel_size_mm)
    )
    soil = np.array([0.05, 0.04, 0.03], Float) * Float(rng.uniform(0.6, 1.8))
    canvas.tint(soil, np.clip(cover * Float(rng.uniform(0.35, 0.9)), 0, 1), at)
    canvas.mark("crack", cover > 0.35, at)


def add_joint(canvas: Canvas, *, rng: Generator) -> None:
    """One long open joint with rounded edges, filled with soil; mask ``crack``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    rng : numpy.random.Generator
        Source of randomness.
    """
    rows, cols = canvas.shape
    heading = rng.uniform(0, math.pi)
    middle = np.array([rng.uniform(0.1, 0.9) * cols, rng.uniform(0.1, 0.9) * rows])
    reach = math.hypot(rows, cols)
    start = middle - reach * np.array([math.cos(heading), math.sin(heading)])
    path = random_path(rng, (start[0], start[1]), heading, 2 * reach, step=canvas.px(6), wander=0.03)
    width = canvas.px(rng.uniform(2, 9))
    widths = width * np.exp(np.convolve(rng.normal(0, 0.8, len(path) + 8), np.ones(9) / 9, mode="valid"))
    stamped = _stamp(canvas, path, widths)
    if stamped is None:
        return
    at, cover = stamped
    shoulder = blur(cover, canvas.px(rng.uniform(1.5, 5)))
    canvas.height_mm[at] -= shoulder * Float(rng.uniform(1.5, 5)) + cover * Float(rng.uniform(1, 5))
    crumbs = fractal(rng, cover.shape, wavelength_px=canvas.px(8), gain=0.8)
    canvas.height_mm[at] += np.maximum(crumbs, 0) * cover * Float(1.2)
    earth = np.array([0.07, 0.05, 0.035], Float) * Float(rng.uniform(0.7, 2.0))
    canvas.tint(earth[:, None, None] * (1 + Float(0.4) * crumbs), cover * Float(0.85), at)
    canvas.mark("crack", cover > 0.35, at)


def add_spall(canvas: Canvas, *, radius_mm: float, rng: Generator) -> None:
    """One flake lost with all that was pecked on it: sharp edge, rough younger floor; mask ``spall``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place; ``pecked`` is cleared where the flake was.
    radius_mm : float, millimetres
        Mean radius.
    rng : numpy.random.Generator
        Source of randomness.
    """
    rows, cols = canvas.shape
    radius = canvas.px(radius_mm)
    cx, cy = rng.uniform(0, cols), rng.uniform(0, rows)
    x0, x1 = max(0, int(cx - 2.2 * radius)), min(cols, int(cx + 2.2 * radius))
    y0, y1 = max(0, int(cy - 2.2 * radius)), min(rows, int(cy + 2.2 * radius))
    if x1 - x0 < 8 or y1 - y0 < 8:
        return
    at, shape = (slice(y0, y1), slice(x0, x1)), (y1 - y0, x1 - x0)
    y, x = np.ogrid[y0:y1, x0:x1]
    turn, squeeze = rng.uniform(0, math.pi), rng.uniform(0.45, 1.0)
    u = (x - cx) * math.cos(turn) + (y - cy) * math.sin(turn)
    v = ((y - cy) * math.cos(turn) - (x - cx) * math.sin(turn)) / squeeze
    ragged = fractal(rng, shape, wavelength_px=radius, gain=0.55) * Float(0.3)
    field = np.sqrt(u * u + v * v).astype(Float) / Float(radius) + ragged
    gone = smoothstep(field, 1.0 + 1.2 / radius, 1.0 - 1.2 / radius)
    floor = blur(canvas.height_mm[at], max(1.0, canvas.px(5)))
    floor -= Float(rng.uniform(0.6, 3.2)) * (Float(0.7) + Float(0.5) * np.clip(1 - field, 0, 1))
    floor += fractal(rng, shape, wavelength_px=canvas.px(20), gain=0.62) * Float(rng.uniform(0.15, 0.45))
    canvas.height_mm[at] += (floor - canvas.height_mm[at]) * gone
    young = rng.uniform(0.0, 0.55)
    skin = canvas.albedo[:, y0:y1:4, x0:x1:4].mean(axis=(1, 2))
    colour = canvas.fresh_rgb * Float(young) + skin * Float(1 - young)
    mottle = np.exp(fractal(rng, shape, wavelength_px=0.8 * radius, gain=0.7) * Float(rng.uniform(0.1, 0.3)))
    hidden = gone * np.clip(Float(rng.uniform(0.5, 0.95)) + Float(0.15) * ragged, 0, 1)
    canvas.tint(colour[:, None, None] * np.clip(1 + canvas.grain[at], 0.4, 1.7) * mottle, hidden, at)
    lost = gone > 0.5
    canvas.mark("spall", lost, at)
    if "pecked" in canvas.masks:
        canvas.masks["pecked"][at] &= ~lost
