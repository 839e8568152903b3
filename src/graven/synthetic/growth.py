"""What grows or lies on a panel: lichen, specks, moss and turf, roots and twigs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.fractures import random_path
from graven.synthetic.noise import blur, cells, fractal, smoothstep
from graven.synthetic.rock_parts import linear_rgb
from graven.synthetic.stamp import draw_path, hide, window_around

if TYPE_CHECKING:
    from graven.synthetic.surface import Canvas

__all__ = ["add_lichen", "add_moss", "add_roots", "add_specks"]

Float = np.float32
Generator = np.random.Generator

_LICHENS = (
    # thallus, rim, how much it rises in mm
    ((186, 188, 178), (208, 208, 200), 0.25),  # grey-white crusts
    ((166, 168, 158), (70, 70, 66), 0.2),
    ((152, 158, 76), (34, 34, 30), 0.25),  # map lichen, black prothallus
    ((178, 122, 40), (196, 148, 62), 0.4),  # orange
    ((56, 54, 52), (44, 42, 42), 0.2),  # black crusts
    ((124, 112, 92), (150, 138, 116), 0.3),
    ((138, 150, 138), (164, 172, 158), 0.5),  # leafy, grey-green
)


def add_lichen(canvas: Canvas, *, radius_mm: float, rng: Generator) -> None:
    """One colony of crustose lichen: lobed edge, areoles, sometimes a rim or a dead centre; mask ``lichen``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place; ``pecked`` is cleared under the dense parts.
    radius_mm : float, millimetres
        Mean radius of the colony.
    rng : numpy.random.Generator
        Source of randomness.
    """
    radius = canvas.px(radius_mm)
    cx, cy = rng.uniform(0, canvas.shape[1]), rng.uniform(0, canvas.shape[0])
    found = window_around(canvas, cx, cy, 1.7 * radius)
    if found is None:
        return
    at, shape = found
    y, x = np.ogrid[at[0], at[1]]
    thallus, rim, rise = _LICHENS[int(rng.integers(len(_LICHENS)))]
    polar = np.arctan2(y - cy, x - cx).astype(Float)
    field = np.hypot(x - cx, (y - cy) * rng.uniform(0.85, 1.2)).astype(Float) / Float(radius)
    for k, sway in ((2, 0.1), (3, 0.05), (4, 0.03)):
        field += Float(rng.normal(0, sway)) * np.cos(k * polar + Float(rng.uniform(0, 6.28)))
    field += fractal(rng, shape, wavelength_px=0.5 * radius, gain=0.7) * Float(rng.uniform(0.08, 0.3))
    body = smoothstep(field, 1.0 + 0.8 / radius, 1.0 - 2.5 / radius)
    if rng.random() < 0.35:
        body *= smoothstep(field, 0.2, rng.uniform(0.4, 0.8))
    areole_px = max(canvas.px(rng.uniform(0.9, 2.2)), 2.5)
    labels, distance = cells(rng, shape, cell_px=areole_px)
    patch = rng.normal(1, 0.13, int(labels.max()) + 1).astype(Float)[labels]
    dense = rng.uniform(0.6, 0.97)
    holes = fractal(rng, shape, wavelength_px=canvas.px(9), gain=0.75)
    body *= smoothstep(holes, -1.6 + 0.5 * (1 - dense), -0.6 + 1.8 * (1 - dense))
    edge = smoothstep(np.abs(field - Float(0.95)), 0.1, 0.02) if rng.random() < 0.6 else np.zeros(shape, Float)
    shade = patch * (1 - Float(0.35) * smoothstep(distance, 0.4, 0.75))
    main, border = linear_rgb(*thallus) * Float(rng.uniform(0.45, 0.9)), linear_rgb(*rim) * Float(rng.uniform(0.5, 0.9))
    pale = Float(rng.uniform(0.1, 0.65))
    main = main * (1 - pale) + main.mean() * pale
    colour = (main[:, None, None] * (1 - edge) + border[:, None, None] * edge) * shade
    canvas.tint(colour, body * Float(dense), at)
    canvas.height_mm[at] += body * (Float(rise) * (Float(1.2) - distance))
    hide(canvas, "lichen", body * Float(dense) > 0.62, at)


def add_specks(canvas: Canvas, *, share: float, rng: Generator) -> None:
    """Patches of tiny lichens, droppings and mineral spots of one to four millimetres; too thin to hide a mark.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour, and a little height); mask ``lichen``.
    share : float, range [0, 1]
        How many of the possible places are taken where specks are dense.
    rng : numpy.random.Generator
        Source of randomness.
    """
    labels, distance = cells(rng, canvas.shape, cell_px=max(canvas.px(rng.uniform(2.5, 6.0)), 3.0))
    n_labels = int(labels.max()) + 1
    radius = np.where(rng.random(n_labels) < share, np.clip(rng.lognormal(-1.5, 0.5, n_labels), 0, 0.5), 0).astype(
        Float
    )
    ragged = fractal(rng, canvas.shape, wavelength_px=canvas.px(3), gain=0.7, finest_px=1.0)
    ragged *= Float(0.07)
    ragged += distance
    cover = smoothstep(ragged - radius[labels], 0.03, -0.05)
    where = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(40, 200)), gain=0.65, finest_px=2.0)
    cover *= smoothstep(where, -0.1, 0.7)
    thallus = linear_rgb(*_LICHENS[int(rng.integers(len(_LICHENS)))][0])
    pale = Float(rng.uniform(0.3, 0.9))
    cover *= Float(rng.uniform(0.25, 0.85))
    canvas.tint((thallus * (1 - pale) + thallus.mean() * pale) * Float(rng.uniform(0.4, 1.0)), cover)
    cover *= Float(0.12)
    canvas.height_mm += cover
    canvas.mark("lichen", cover > 0.05)


def add_moss(canvas: Canvas, *, radius_mm: float, rng: Generator) -> None:
    """Grow a cushion of moss or a tuft of turf; mask ``vegetation``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place; ``pecked`` is cleared beneath.
    radius_mm : float, millimetres
        Mean radius.
    rng : numpy.random.Generator
        Source of randomness.
    """
    radius = canvas.px(radius_mm)
    side = rng.random()
    cx, cy = rng.uniform(0, canvas.shape[1]), rng.uniform(0, canvas.shape[0])
    if side < 0.6:  # mostly from the edge of the panel inwards
        cx = rng.choice([0.0, float(canvas.shape[1])]) if side < 0.3 else cx
        cy = cy if side < 0.3 else rng.choice([0.0, float(canvas.shape[0])])
    found = window_around(canvas, cx, cy, 1.8 * radius)
    if found is None:
        return
    at, shape = found
    y, x = np.ogrid[at[0], at[1]]
    field = np.hypot(x - cx, y - cy).astype(Float) / Float(radius)
    field += fractal(rng, shape, wavelength_px=0.8 * radius, gain=0.7) * Float(0.35)
    body = smoothstep(field, 1.02, 0.9)
    tufts = fractal(rng, shape, wavelength_px=canvas.px(14), gain=0.72, finest_px=1.0)
    green = linear_rgb(*[(74, 78, 42), (56, 62, 34), (96, 86, 54)][rng.integers(3)]) * Float(rng.uniform(0.25, 0.75))
    canvas.tint(green[:, None, None] * np.clip(1 + Float(0.35) * tufts, 0.25, 1.8), body * Float(0.96), at)
    canvas.height_mm[at] += body * (
        Float(rng.uniform(1.5, 5)) * (Float(1.1) - np.clip(field, 0, 1)) + tufts * Float(0.7)
    )
    hide(canvas, "vegetation", body > 0.5, at)


def add_roots(canvas: Canvas, *, n_roots: int, rng: Generator) -> None:
    """Roots, twigs and needles lying on the rock; mask ``vegetation``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place; ``pecked`` is cleared beneath.
    n_roots : int
        How many.
    rng : numpy.random.Generator
        Source of randomness.
    """
    needle = rng.random() < 0.5
    for _ in range(n_roots * (4 if needle else 1)):
        start = rng.uniform(0, canvas.shape[1]), rng.uniform(0, canvas.shape[0])
        length = canvas.px(rng.uniform(25, 70) if needle else rng.uniform(80, 420))
        path = random_path(rng, start, rng.uniform(0, 6.28), length, step=canvas.px(3), wander=0.03 if needle else 0.14)
        low, high = path.min(0), path.max(0)
        middle = (low + high) / 2
        found = window_around(canvas, middle[0], middle[1], float((high - low).max()) / 2 + canvas.px(12))
        if found is None:
            continue
        at, shape = found
        thick = canvas.px(rng.uniform(0.7, 1.3) if needle else rng.uniform(1.2, 5.0))
        widths = thick * np.linspace(1, 0.4, len(path))
        cover = draw_path(shape, at, path, widths)
        tube = np.sqrt(blur(cover, max(0.6, 0.25 * thick)))
        bark = linear_rgb(*[(86, 66, 50), (116, 92, 68), (140, 108, 72), (96, 92, 84)][rng.integers(4)])
        grain = 1 + Float(0.25) * fractal(rng, shape, wavelength_px=canvas.px(3), gain=0.8, finest_px=1.0)
        canvas.tint(bark[:, None, None] * grain, np.clip(cover * Float(0.97), 0, 1), at)
        canvas.height_mm[at] += tube * cover * Float(thick * canvas.pixel_size_mm * 0.8)
        hide(canvas, "vegetation", cover > 0.5, at)
