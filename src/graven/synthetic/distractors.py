"""What people and water leave on a panel and is not art: scratches, paint, chalk, scale bars, streaks.

Each function draws one thing onto a canvas, in place, and records it in a mask of its own. Things that hide the rock
clear ``pecked``: nobody traces what cannot be seen. What grows there is in `graven.synthetic.growth`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.synthetic.fractures import random_path
from graven.synthetic.noise import blur, fractal, smoothstep, streaks
from graven.synthetic.rock_parts import linear_rgb
from graven.synthetic.stamp import draw_path, hide, window_around

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.synthetic.surface import Canvas

__all__ = ["add_chalk", "add_paint", "add_scale_bar", "add_scratches", "add_water_streaks"]

Float = np.float32
Generator = np.random.Generator


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
        found = window_around(canvas, middle[0], middle[1], float((high - low).max()) / 2 + 4)
        if found is None:
            continue
        at, shape = found
        cover = draw_path(shape, at, path, max(canvas.px(rng.uniform(0.3, 1.3)), 0.3))
        cover *= smoothstep(fractal(rng, shape, wavelength_px=canvas.px(18), gain=0.8), -1.1, 0.3)
        canvas.height_mm[at] -= cover * Float(rng.uniform(0.05, 0.3))
        if light > 0:
            canvas.tint(canvas.fresh_rgb * Float(1.05), cover * Float(light), at)
        else:
            canvas.tint(canvas.fresh_rgb * Float(0.15), cover * Float(-light), at)
        canvas.mark("scratch", cover > 0.3, at)


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
    found = window_around(canvas, x, y, 2.2 * height)
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
            cv2.polylines(
                layer,
                [np.round(path).astype(np.int32)],
                isClosed=False,
                color=255,
                thickness=max(1, round(1.3 * brush)),
                lineType=cv2.LINE_AA,
            )
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
        found = window_around(canvas, middle[0], middle[1], float((high - low).max()) / 2 + 6)
        if found is None:
            continue
        at, shape = found
        cover = blur(draw_path(shape, at, path, canvas.px(rng.uniform(1.8, 4.5))), 0.8)
        local = canvas.height_mm[at]
        tips = smoothstep(local - blur(local, canvas.px(1.2)), -0.12, 0.08)
        press = np.clip(Float(0.75) + Float(0.4) * fractal(rng, shape, wavelength_px=canvas.px(25), gain=0.7), 0.1, 1)
        alpha = cover * (Float(0.25) + Float(0.75) * tips) * press * Float(rng.uniform(0.5, 0.95))
        canvas.tint(tone, np.clip(alpha, 0, 1), at)
        canvas.mark("chalk", alpha > 0.3, at)


def add_scale_bar(canvas: Canvas, *, rng: Generator) -> None:
    """Lay down a black and white scale of 5 to 20 cm, sometimes with colour fields; mask ``scale_bar``.

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
    found = window_around(canvas, x, y, 0.5 * math.hypot(length, breadth) + 4)
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
    hide(canvas, "scale_bar", alpha > 0.5, at)


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
