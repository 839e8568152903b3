"""What age, soot, water, varnish and earlier restorers leave on a painting: none of it is damage to be mapped here.

Only `add_retouching` changes the truth: what it covers is not to be seen, and is marked.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.synthetic.fractures import random_path
from graven.synthetic.noise import blur, fractal, smoothstep, streaks, threshold_mask
from graven.synthetic.rock_parts import linear_rgb
from graven.synthetic.stamp import draw_path, window_around

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.surface import Canvas

__all__ = [
    "add_dust",
    "add_hairs",
    "add_retouching",
    "add_scratches",
    "add_soot",
    "add_specks",
    "add_tidelines",
    "add_varnish",
    "fade",
    "rub",
]

Float = np.float32
Generator = np.random.Generator


def fade(canvas: Canvas, *, chroma: float, rng: Generator) -> None:
    """Let pigments lose strength, more in some places than in others.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only).
    chroma : float, range [0, 1]
        Share of the colourfulness that is left in the mean.
    rng : numpy.random.Generator
        Source of randomness.
    """
    left = fractal(rng, canvas.shape, wavelength_px=canvas.px(50), gain=0.6, finest_px=8.0)
    left = np.clip(chroma + Float(0.12) * left, 0.15, 1)
    grey = np.tensordot(np.array([0.25, 0.6, 0.15], Float), canvas.albedo, 1)
    for channel in range(3):
        canvas.albedo[channel] += (grey - canvas.albedo[channel]) * (1 - left)


def rub(canvas: Canvas, *, tone: NDArray[np.float32], share: float, rng: Generator) -> None:
    """Wear the paint thin so that the ground shines through, most on what stands out.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only).
    tone : ndarray of shape (3,), float32
        Linear reflectance of the ground.
    share : float, range [0, 1]
        Part of the surface that is worn; nowhere through.
    rng : numpy.random.Generator
        Source of randomness.
    """
    where = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(10, 40)), gain=0.75, finest_px=1.5)
    where += (canvas.height_mm - blur(canvas.height_mm, canvas.px(1.0))) * Float(12)
    limit = threshold_mask(where, share)
    canvas.tint(tone, smoothstep(where, limit, limit + 1.2) * Float(rng.uniform(0.2, 0.45)))


def add_dust(canvas: Canvas, *, strength: float, rng: Generator) -> None:
    """Lay a pale film over the surface, thicker in patches and in hollows.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only).
    strength : float, range [0, 1]
        Mean opacity.
    rng : numpy.random.Generator
        Source of randomness.
    """
    film = fractal(rng, canvas.shape, wavelength_px=canvas.px(40), gain=0.75, finest_px=1.5)
    hollow = blur(canvas.height_mm, canvas.px(0.8)) - canvas.height_mm
    alpha = Float(strength) * (1 + Float(0.5) * film) + np.clip(hollow * 3, 0, 0.3) * Float(2 * strength)
    canvas.tint(linear_rgb(168, 156, 138) * Float(rng.uniform(0.7, 1.1)), np.clip(alpha, 0, 0.75).astype(Float))


def add_soot(canvas: Canvas, *, strength: float, rng: Generator) -> None:
    """Darken the surface from one side, in clouds.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only).
    strength : float, range [0, 1]
        Opacity where it is thickest.
    rng : numpy.random.Generator
        Source of randomness.
    """
    rows, cols = canvas.shape
    turn = rng.uniform(0, 2 * math.pi)
    y, x = np.ogrid[-0.5 : 0.5 : rows * 1j, -0.5 : 0.5 : cols * 1j]
    side = (x * math.cos(turn) + y * math.sin(turn)).astype(Float)
    cloud = fractal(rng, canvas.shape, wavelength_px=max(rows, cols) / 2, gain=0.55, finest_px=4.0)
    alpha = smoothstep(side + cloud * Float(0.35), -0.5, 0.9) * Float(strength)
    canvas.tint(linear_rgb(44, 38, 32), alpha)


def add_tidelines(canvas: Canvas, *, rng: Generator) -> None:
    """Leave one water stain: a dark or pale rim with a slight change of tone inside.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only).
    rng : numpy.random.Generator
        Source of randomness.
    """
    field = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(25, 90)), gain=0.5, finest_px=2.0)
    if rng.random() < 0.4:
        field += streaks(
            rng, canvas.shape, wavelength_px=canvas.px(15), stretch=8, angle_deg=90 + rng.normal(0, 4), gain=0.5
        )
    limit = threshold_mask(field, rng.uniform(0.05, 0.4))
    width = rng.uniform(0.02, 0.09)
    rim = np.exp(-np.square((field - Float(limit)) / Float(width)))
    rim *= np.clip(0.7 + fractal(rng, canvas.shape, wavelength_px=canvas.px(12), gain=0.6, finest_px=4.0), 0, 1.3)
    inside = smoothstep(field, limit - width, limit + width)
    tone = linear_rgb(*((74, 52, 32) if rng.random() < 0.65 else (206, 200, 186)))
    canvas.tint(tone, np.clip(rim * Float(rng.uniform(0.12, 0.55)), 0, 1))
    canvas.tint(tone, inside * Float(rng.uniform(0.02, 0.2)))


def add_varnish(canvas: Canvas, *, strength: float, rng: Generator) -> None:
    """Yellow the surface under an uneven varnish, now and then with a cleaned field.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only).
    strength : float, range [0, 1]
        How brown it has become.
    rng : numpy.random.Generator
        Source of randomness.
    """
    rows, cols = canvas.shape
    thick = fractal(rng, canvas.shape, wavelength_px=canvas.px(60), gain=0.6, finest_px=6.0)
    thick = np.clip(1 + Float(0.3) * thick, 0.2, 2)
    if rng.random() < 0.15:
        corner = np.array([rng.uniform(0, cols), rng.uniform(0, rows)])
        size = np.array([rng.uniform(0.1, 0.4) * cols, rng.uniform(0.1, 0.4) * rows])
        window = np.ones(canvas.shape, np.uint8)
        box = corner + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * size
        cv2.fillPoly(window, [np.round(box + rng.normal(0, 3, (4, 2))).astype(np.int32)], 0)
        thick *= Float(0.25) + Float(0.75) * blur(window.astype(Float), 2.0)
    for channel, density in enumerate((0.25, 0.6, 1.6)):
        canvas.albedo[channel] *= np.exp(thick * Float(-density * strength))


def add_specks(canvas: Canvas, *, n_specks: int, rng: Generator) -> None:
    """Fly spots and splashes: round dots, dark or pale.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only).
    n_specks : int
        How many.
    rng : numpy.random.Generator
        Source of randomness.
    """
    rows, cols = canvas.shape
    layer = np.zeros(canvas.shape, np.uint8)
    for _ in range(n_specks):
        centre = (int(rng.uniform(0, cols * 16)), int(rng.uniform(0, rows * 16)))
        radius = canvas.px(float(np.clip(rng.lognormal(-1.4, 0.5), 0.08, 1.2)))
        cv2.circle(layer, centre, max(8, round(radius * 16)), int(rng.integers(120, 255)), -1, cv2.LINE_AA, 4)
    tone = linear_rgb(*((38, 30, 24) if rng.random() < 0.75 else (214, 206, 190)))
    canvas.tint(tone, layer.astype(Float) * Float(0.9 / 255))


def add_hairs(canvas: Canvas, *, n_hairs: int, rng: Generator) -> None:
    """Hairs, fibres and cobweb that lie on the surface, dark or pale.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    n_hairs : int
        How many.
    rng : numpy.random.Generator
        Source of randomness.
    """
    for _ in range(n_hairs):
        start = rng.uniform(0, canvas.shape[1]), rng.uniform(0, canvas.shape[0])
        length = canvas.px(float(rng.uniform(3, 35)))
        path = random_path(rng, start, rng.uniform(0, 6.28), length, step=4.0, wander=rng.uniform(0.02, 0.12))
        _lay_line(canvas, path, canvas.px(rng.uniform(0.06, 0.16)), rise_mm=0.06, rng=rng, solid=True)


def add_scratches(canvas: Canvas, *, n_scratches: int, rng: Generator) -> None:
    """Fine scratches in the varnish, straight and broken.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    n_scratches : int
        How many.
    rng : numpy.random.Generator
        Source of randomness.
    """
    heading = rng.uniform(0, 6.28)
    for _ in range(n_scratches):
        start = rng.uniform(0, canvas.shape[1]), rng.uniform(0, canvas.shape[0])
        length = canvas.px(float(rng.uniform(4, 50)))
        path = random_path(rng, start, heading + rng.normal(0, 0.5), length, step=5.0, wander=0.01)
        _lay_line(canvas, path, canvas.px(rng.uniform(0.05, 0.14)), rise_mm=-0.01, rng=rng, solid=False)


def _lay_line(
    canvas: Canvas, path: NDArray[np.float64], width: float, *, rise_mm: float, rng: Generator, solid: bool
) -> None:
    """Draw one thin line, dark or pale, whole or broken."""
    low, high = path.min(0), path.max(0)
    middle = (low + high) / 2
    found = window_around(canvas, middle[0], middle[1], float((high - low).max()) / 2 + 4)
    if found is None:
        return
    at, shape = found
    cover = draw_path(shape, at, path, width)
    if not solid:
        cover *= smoothstep(fractal(rng, shape, wavelength_px=canvas.px(3), gain=0.7), -0.6, 0.5)
    canvas.height_mm[at] += cover * Float(rise_mm)
    tone = linear_rgb(*((34, 28, 24) if rng.random() < 0.55 else (224, 216, 200)))
    canvas.tint(tone, cover * Float(rng.uniform(0.35, 0.9)), at)


def add_retouching(canvas: Canvas, *, size_mm: float, rng: Generator) -> None:
    """One patch filled and painted over in nearly the right colour; mask ``retouching``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place. Cracks and losses beneath are not to be seen any more.
    size_mm : float, millimetres
        Mean radius.
    rng : numpy.random.Generator
        Source of randomness.
    """
    radius = canvas.px(size_mm)
    x, y = rng.uniform(0, canvas.shape[1]), rng.uniform(0, canvas.shape[0])
    found = window_around(canvas, x, y, 1.8 * radius)
    if found is None:
        return
    at, shape = found
    rows, cols = np.ogrid[at[0], at[1]]
    squeeze = rng.uniform(0.5, 1.0)
    field = np.hypot(cols - x, (rows - y) / squeeze).astype(Float) / Float(radius)
    field += fractal(rng, shape, wavelength_px=0.9 * radius, gain=0.5, finest_px=2.0) * Float(0.3)
    patch = smoothstep(field, 1.0 + 0.7 / radius, 1.0 - 0.7 / radius)
    around = canvas.albedo[:, at[0], at[1]]
    colour = np.stack([blur(np.ascontiguousarray(plane), max(0.35 * radius, 1.0)) for plane in around])
    colour *= np.exp(rng.normal(0, 0.12, 3)).astype(Float)[:, None, None] * Float(np.exp(rng.normal(0, 0.12)))
    strokes = streaks(rng, shape, wavelength_px=canvas.px(1.0), stretch=8, angle_deg=rng.uniform(0, 180), gain=0.6)
    canvas.tint(colour * np.exp(strokes * Float(0.05)), patch, at)
    smooth = blur(np.ascontiguousarray(canvas.height_mm[at]), max(canvas.px(1.2), 1.0))
    canvas.height_mm[at] += (smooth + strokes * Float(0.006) - canvas.height_mm[at]) * patch
    canvas.mark("retouching", patch > 0.5, at)
