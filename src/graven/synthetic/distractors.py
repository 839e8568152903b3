"""What lies on a panel and is not art: lichen, moss, scratches, roots, paint, chalk, scale bars, water streaks.

Each function draws one thing onto a canvas, in place, and records it in a mask of its own. Things that hide the rock clear
``pecked``: nobody traces what cannot be seen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.synthetic.noise import blur, cells, fractal, smoothstep, streaks
from graven.synthetic.rock import linear_rgb
from graven.synthetic.weather import random_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.synthetic.surface import Canvas

__all__ = [
    "add_chalk",
    "add_lichen",
    "add_moss",
    "add_paint",
    "add_roots",
    "add_scale_bar",
    "add_scratches",
    "add_specks",
    "add_water_streaks",
]

Float = np.float32
Generator = np.random.Generator
Window = tuple[slice, slice]

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


def _window(canvas: Canvas, x: float, y: float, reach: float) -> tuple[Window, tuple[int, int]] | None:
    """Part of the canvas within reach (pixels) of a point, or None if next to nothing is left."""
    x0, y0 = max(0, int(x - reach)), max(0, int(y - reach))
    x1, y1 = min(canvas.shape[1], int(x + reach) + 1), min(canvas.shape[0], int(y + reach) + 1)
    if x1 - x0 < 6 or y1 - y0 < 6:
        return None
    return (slice(y0, y1), slice(x0, x1)), (y1 - y0, x1 - x0)


def _hide(canvas: Canvas, name: str, where: NDArray[np.bool_], at: Window) -> None:
    """Record an opaque thing and take what it covers out of the truth."""
    canvas.mark(name, where, at)
    if "pecked" in canvas.masks:
        canvas.masks["pecked"][at] &= ~where


def _draw(
    shape: tuple[int, int], at: Window, path: NDArray[np.float64], widths: float | NDArray[np.float64]
) -> NDArray[np.float32]:
    """Antialiased coverage of a path in a window, 0 to 1."""
    layer = np.zeros(shape, np.uint8)
    fixed = np.round((path - [at[1].start, at[0].start]) * 16).astype(np.int64)
    broad = np.broadcast_to(widths, len(path))
    for i in range(len(fixed) - 1):
        if np.abs(fixed[i : i + 2]).max() < 2**27:
            grey = 255 if broad[i] >= 1 else int(70 + 185 * broad[i])
            cv2.line(
                layer, fixed[i].tolist(), fixed[i + 1].tolist(), grey, max(1, round(float(broad[i]))), cv2.LINE_AA, 4
            )
    return layer.astype(Float) * Float(1 / 255)


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
    found = _window(canvas, cx, cy, 1.7 * radius)
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
    _hide(canvas, "lichen", body * Float(dense) > 0.62, at)


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
    found = _window(canvas, cx, cy, 1.8 * radius)
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
    _hide(canvas, "vegetation", body > 0.5, at)


def add_scratches(canvas: Canvas, *, n_scratches: int, rng: Generator) -> None:
    """Draw a bundle of scratches from ploughs, boots, ice or knives; mask ``scratch``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    n_scratches : int
        Number of lines of the bundle.
    rng : numpy.random.Generator
        Source of randomness.
    """
    rows, cols = canvas.shape
    heading = rng.uniform(0, 2 * math.pi)
    centre = np.array([rng.uniform(0, cols), rng.uniform(0, rows)])
    spread = canvas.px(rng.uniform(5, 90))
    light = rng.uniform(-0.15, 0.6)
    for _ in range(n_scratches):
        start = centre + rng.normal(0, spread, 2)
        length = canvas.px(rng.lognormal(4.1, 0.7))
        path = random_path(
            rng, (start[0], start[1]), heading + rng.normal(0, 0.12), length, step=canvas.px(4), wander=0.02
        )
        low, high = path.min(0), path.max(0)
        middle = (low + high) / 2
        found = _window(canvas, middle[0], middle[1], float((high - low).max()) / 2 + 4)
        if found is None:
            continue
        at, shape = found
        cover = _draw(shape, at, path, max(canvas.px(rng.uniform(0.3, 1.3)), 0.3))
        cover *= smoothstep(fractal(rng, shape, wavelength_px=canvas.px(18), gain=0.8), -1.1, 0.3)
        canvas.height_mm[at] -= cover * Float(rng.uniform(0.05, 0.3))
        if light > 0:
            canvas.tint(canvas.fresh_rgb * Float(1.05), cover * Float(light), at)
        else:
            canvas.tint(canvas.fresh_rgb * Float(0.15), cover * Float(-light), at)
        canvas.mark("scratch", cover > 0.3, at)


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
        found = _window(canvas, middle[0], middle[1], float((high - low).max()) / 2 + canvas.px(12))
        if found is None:
            continue
        at, shape = found
        thick = canvas.px(rng.uniform(0.7, 1.3) if needle else rng.uniform(1.2, 5.0))
        widths = thick * np.linspace(1, 0.4, len(path))
        cover = _draw(shape, at, path, widths)
        tube = np.sqrt(blur(cover, max(0.6, 0.25 * thick)))
        bark = linear_rgb(*[(86, 66, 50), (116, 92, 68), (140, 108, 72), (96, 92, 84)][rng.integers(4)])
        grain = 1 + Float(0.25) * fractal(rng, shape, wavelength_px=canvas.px(3), gain=0.8, finest_px=1.0)
        canvas.tint(bark[:, None, None] * grain, np.clip(cover * Float(0.97), 0, 1), at)
        canvas.height_mm[at] += tube * cover * Float(thick * canvas.pixel_size_mm * 0.8)
        _hide(canvas, "vegetation", cover > 0.5, at)


def add_paint(canvas: Canvas, *, rng: Generator) -> None:
    """Modern paint: a number, an arrow or a smear, thin over the grain; mask ``paint``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only); a pecked mark beneath stays in the truth where it can be felt.
    rng : numpy.random.Generator
        Source of randomness.
    """
    colour = linear_rgb(*[(210, 208, 200), (168, 46, 36), (52, 78, 142), (206, 168, 40), (38, 36, 36)][rng.integers(5)])
    height = canvas.px(rng.uniform(25, 110))
    x, y = rng.uniform(0, canvas.shape[1]), rng.uniform(0, canvas.shape[0])
    found = _window(canvas, x, y, 2.2 * height)
    if found is None:
        return
    at, shape = found
    layer = np.zeros(shape, np.uint8)
    brush = max(1, round(height * rng.uniform(0.08, 0.16)))
    if rng.random() < 0.6:
        text = "".join(rng.choice(list("0123456789ABNR"), int(rng.integers(1, 4))))
        font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX]))
        cv2.putText(layer, text, (shape[1] // 5, shape[0] // 2), font, height / 22, 255, brush, cv2.LINE_AA)
    else:
        for _ in range(int(rng.integers(1, 4))):
            path = random_path(
                rng,
                (shape[1] * rng.uniform(0.2, 0.8), shape[0] * rng.uniform(0.2, 0.8)),
                rng.uniform(0, 6.28),
                1.6 * height,
                step=3,
                wander=0.15,
            )
            cv2.polylines(layer, [np.round(path).astype(np.int32)], False, 255, max(1, round(1.3 * brush)), cv2.LINE_AA)
    affine = cv2.getRotationMatrix2D((shape[1] / 2, shape[0] / 2), rng.normal(0, 12), 1.0)
    turned = cv2.warpAffine(layer.astype(Float), affine, (shape[1], shape[0]))
    cover = blur(np.asarray(turned, Float), max(0.7, brush * 0.12)) * Float(1 / 255)
    worn = fractal(rng, shape, wavelength_px=canvas.px(14), gain=0.85, finest_px=1.0)
    alpha = smoothstep(cover, 0.25, 0.6) * np.clip(Float(rng.uniform(0.45, 0.9)) + Float(0.3) * worn, 0.05, 0.95)
    canvas.tint(colour, alpha, at)
    canvas.mark("paint", alpha > 0.3, at)


def add_chalk(canvas: Canvas, outlines: Sequence[NDArray[np.float64]], *, rng: Generator) -> None:
    """Chalk drawn by visitors or recorders along or around figures; it catches on the grain; mask ``chalk``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only); the truth stays as it is: chalk is no art by itself.
    outlines : sequence of ndarray of shape (N, 2)
        Outlines of figures in pixels (x, y); one or two are followed, not closely.
    rng : numpy.random.Generator
        Source of randomness.
    """
    paths: list[NDArray[np.float64]] = []
    if outlines and rng.random() < 0.75:
        for index in rng.permutation(len(outlines))[: int(rng.integers(1, 3))]:
            ring = np.concatenate([outlines[index], outlines[index][:1]])
            grown = ring + (ring - ring.mean(0)) * rng.uniform(-0.05, 0.18)
            paths.append(grown + np.cumsum(rng.normal(0, canvas.px(0.35), grown.shape), axis=0) * 0.3)
    else:
        start = rng.uniform(0, canvas.shape[1]), rng.uniform(0, canvas.shape[0])
        paths.append(
            random_path(
                rng, start, rng.uniform(0, 6.28), canvas.px(rng.uniform(80, 500)), step=canvas.px(4), wander=0.12
            )
        )
    tone = linear_rgb(
        *[(226, 224, 218), (218, 214, 206), (222, 218, 214), (198, 158, 150), (166, 182, 200)][rng.integers(5)]
    )
    for path in paths:
        low, high = path.min(0), path.max(0)
        middle = (low + high) / 2
        found = _window(canvas, middle[0], middle[1], float((high - low).max()) / 2 + 6)
        if found is None:
            continue
        at, shape = found
        cover = blur(_draw(shape, at, path, canvas.px(rng.uniform(1.8, 4.5))), 0.8)
        local = canvas.height_mm[at]
        tips = smoothstep(local - blur(local, canvas.px(1.2)), -0.12, 0.08)
        press = np.clip(Float(0.75) + Float(0.4) * fractal(rng, shape, wavelength_px=canvas.px(25), gain=0.7), 0.1, 1)
        alpha = cover * (Float(0.25) + Float(0.75) * tips) * press * Float(rng.uniform(0.5, 0.95))
        canvas.tint(tone, np.clip(alpha, 0, 1), at)
        canvas.mark("chalk", alpha > 0.3, at)


def add_scale_bar(canvas: Canvas, *, rng: Generator) -> None:
    """A black and white scale of 5 to 20 cm, sometimes with colour fields; mask ``scale_bar``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place; ``pecked`` is cleared beneath.
    rng : numpy.random.Generator
        Source of randomness.
    """
    n_fields = int(rng.choice([5, 10, 20]))
    length, breadth = canvas.px(10.0 * n_fields), canvas.px(rng.uniform(8, 28))
    x, y = rng.uniform(0.05, 0.95) * canvas.shape[1], rng.uniform(0.05, 0.95) * canvas.shape[0]
    found = _window(canvas, x, y, 0.5 * math.hypot(length, breadth) + 4)
    if found is None:
        return
    at, shape = found
    turn = rng.choice([0.0, 90.0]) + rng.normal(0, 6)
    card_h, card_w = max(3, round(breadth)), max(8, round(length))
    card = np.empty((card_h, card_w, 3), Float)
    field = (np.arange(card_w) * n_fields // card_w) % 2
    card[:] = np.where(field[:, None] == 0, Float(0.82), Float(0.025))
    if rng.random() < 0.5:
        swatch = [(180, 40, 40), (60, 140, 60), (50, 70, 160), (220, 190, 40), (120, 120, 120), (200, 120, 90)]
        for i, rgb in enumerate(swatch):
            card[card_h // 2 :, i * card_w // len(swatch) : (i + 1) * card_w // len(swatch)] = linear_rgb(*rgb)
    elif rng.random() < 0.6:
        card[card_h // 2 :] = card[card_h // 2 :][:, ::-1]
    affine = cv2.getRotationMatrix2D((card_w / 2, card_h / 2), turn, 1.0)
    affine[:, 2] += np.array([x - at[1].start - card_w / 2, y - at[0].start - card_h / 2])
    placed = np.asarray(cv2.warpAffine(card, affine, (shape[1], shape[0]), flags=cv2.INTER_LINEAR), Float)
    plain = np.ones((card_h, card_w), Float)
    alpha = np.asarray(cv2.warpAffine(plain, affine, (shape[1], shape[0]), flags=cv2.INTER_LINEAR), Float)
    canvas.tint(placed.transpose(2, 0, 1), alpha, at)
    top = Float(blur(canvas.height_mm[at], 6).max() + 1.5)
    canvas.height_mm[at] += (top - canvas.height_mm[at]) * alpha
    _hide(canvas, "scale_bar", alpha > 0.5, at)


def add_water_streaks(canvas: Canvas, *, rng: Generator) -> None:
    """Dark or pale runs where water comes down; mask ``water_streak``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (colour only).
    rng : numpy.random.Generator
        Source of randomness.
    """
    runs = streaks(
        rng,
        canvas.shape,
        wavelength_px=canvas.px(rng.uniform(40, 120)),
        stretch=rng.uniform(5, 10),
        angle_deg=90 + rng.normal(0, 10),
        gain=0.7,
    )
    alpha = smoothstep(runs, rng.uniform(0.2, 0.8), 1.8)
    choice = int(rng.integers(4))
    tone = linear_rgb(*[(40, 38, 36), (40, 38, 36), (196, 190, 178), (110, 82, 56)][choice])
    alpha *= Float(rng.uniform(0.2, 0.65) if choice < 2 else rng.uniform(0.1, 0.4))
    canvas.tint(tone, alpha)
    canvas.mark("water_streak", alpha > 0.25)
