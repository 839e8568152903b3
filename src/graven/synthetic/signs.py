"""Signs and things: spirals, rings, cup marks, maps, soles, blades and meanders."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.pen import Pen, smooth_curve

if TYPE_CHECKING:
    from graven.synthetic.pen import Points

__all__ = [
    "draw_cups",
    "draw_dagger",
    "draw_footprint",
    "draw_grid",
    "draw_halberd",
    "draw_meander",
    "draw_rings",
    "draw_spiral",
]

Generator = np.random.Generator


def draw_spiral(rng: Generator) -> Pen:
    """Draw a spiral, sometimes doubled.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen = Pen()
    turns = rng.uniform(2.0, 4.5)
    angle = np.linspace(0.4, turns * 2 * math.pi, int(40 * turns))
    radius = 0.5 * (angle / angle[-1]) ** rng.uniform(0.85, 1.1)
    hand = float(rng.choice([-1.0, 1.0]))
    curve = np.stack([radius * np.cos(angle), hand * radius * np.sin(angle) * rng.uniform(0.85, 1.0)], 1)
    pen.raw(curve)
    if rng.random() < 0.3:
        pen.raw(curve[-1] * 1.95 - curve[::-1])
    return pen


def draw_rings(rng: Generator) -> Pen:
    """Draw concentric rings, often around a cup and with a tail.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen = Pen()
    n_rings = int(rng.integers(2, 6))
    gap = rng.uniform(0.2, 0.7) * (rng.random() < 0.4)
    start = rng.uniform(0, 6.28)
    squash = rng.uniform(0.85, 1.0)
    for radius in np.linspace(0.5 / n_rings, 0.5, n_rings):
        pen.ring(0, 0, radius, radius * squash, gap, start)
    if rng.random() < 0.8:
        pen.bowls.append((0.0, 0.0, 0.28 / n_rings))
    if gap > 0:
        pen.line([(0.0, 0.0), (0.75 * math.cos(start), 0.75 * math.sin(start))])
    return pen


def draw_cups(rng: Generator) -> Pen:
    """Draw a group of cup marks, sometimes joined by a groove.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen = Pen()
    for _ in range(int(rng.integers(3, 14))):
        for _attempt in range(12):
            x, y, radius = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), rng.uniform(0.04, 0.1)
            if all(math.hypot(x - a, y - b) > 1.15 * (radius + r) for a, b, r in pen.bowls):
                pen.bowls.append((x, y, radius))
                break
    if rng.random() < 0.3 and len(pen.bowls) > 2:
        (ax, ay, _), (bx, by, _) = pen.bowls[:2]
        pen.line([(ax, ay), ((ax + bx) / 2 + rng.normal(0, 0.06), (ay + by) / 2), (bx, by)])
    return pen


def draw_grid(rng: Generator) -> Pen:
    """Draw a topographic map: fields as rectangles, some stippled or filled, joined by paths.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen = Pen()
    n_rows, n_cols = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    ys = np.linspace(-0.42, 0.42, n_rows + 1) + rng.normal(0, 0.02, n_rows + 1)
    xs = np.linspace(-0.5, 0.5, n_cols + 1) + rng.normal(0, 0.02, n_cols + 1)
    if rng.random() < 0.5:
        for y in ys:
            pen.line([(xs[0], y), (0, y + rng.normal(0, 0.015)), (xs[-1], y + rng.normal(0, 0.02))])
        for x in xs:
            pen.line([(x, ys[0]), (x + rng.normal(0, 0.015), 0), (x + rng.normal(0, 0.02), ys[-1])])
    else:
        for y0, y1 in pairwise(ys):
            for x0, x1 in pairwise(xs):
                choice = rng.random()
                dx, dy = 0.12 * (x1 - x0), 0.12 * (y1 - y0)
                box: Points = [(x0 + dx, y0 + dy), (x1 - dx, y0 + dy), (x1 - dx, y1 - dy), (x0 + dx, y1 - dy)]
                if choice < 0.3:
                    pen.area(
                        [
                            p
                            for a, b in zip(box, box[1:] + box[:1], strict=True)
                            for p in (a, ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2))
                        ]
                    )
                elif choice < 0.75:
                    pen.raw(np.asarray([*box, box[0]], np.float64))
                    pen.bowls.append(((x0 + x1) / 2, (y0 + y1) / 2, 0.025 * rng.uniform(0.7, 1.5)))
        pen.line([(xs[0], ys[1]), (0, ys[1] + 0.03), (xs[-1] + 0.05, ys[0])])
    return pen


def draw_footprint(rng: Generator) -> Pen:
    """Draw one or two soles, filled or outlined.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen = Pen()
    for side in (-1, 1)[: int(rng.integers(1, 3))]:
        x = side * 0.17
        narrow = rng.uniform(0.06, 0.09)
        outline: Points = [
            (x - narrow, 0.42), (x - narrow * 0.8, 0.1), (x - 0.11, -0.22), (x - 0.05, -0.4),
            (x + 0.06, -0.42), (x + 0.11, -0.25), (x + narrow * 0.9, 0.1), (x + narrow, 0.4), (x, 0.5),
        ]  # fmt: skip
        if rng.random() < 0.5:
            pen.area(outline)
        else:
            pen.raw(smooth_curve(np.asarray([*outline, outline[0]], np.float64)))
            if rng.random() < 0.5:
                pen.line([(x - narrow, 0.08), (x + narrow, 0.08)])
    return pen


def draw_dagger(rng: Generator) -> Pen:
    """Draw a dagger.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen = Pen()
    broad = rng.uniform(0.1, 0.18)
    blade: Points = [
        (-broad, -0.12),
        (0, -0.15),
        (broad, -0.12),
        (broad * 0.6, 0.15),
        (0.0, 0.52),
        (-broad * 0.6, 0.15),
    ]
    if rng.random() < 0.7:
        pen.area(blade)
    else:
        pen.raw(smooth_curve(np.asarray([*blade, blade[0]], np.float64)))
    pen.line([(0, -0.12), (0, -0.36)], rng.uniform(0.05, 0.09))
    pen.line([(-0.1, -0.38), (0, -0.41), (0.1, -0.38)], 0.06)
    return pen


def draw_halberd(rng: Generator) -> Pen:
    """Draw a halberd: a blade across a shaft.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen = Pen()
    pen.line([(0.3, 0.55), (0.28, 0), (0.3, -0.5)], 0.05)
    half = rng.uniform(0.08, 0.14)
    pen.area(
        [(0.29, -0.38 - half), (0.0, -0.4 - half * 0.4), (-0.32, -0.3), (0.0, -0.3 + half * 0.6), (0.29, -0.38 + half)]
    )
    return pen


def draw_meander(rng: Generator) -> Pen:
    """Draw a zigzag, a wandering line or parallel waves.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen = Pen()
    style = rng.integers(3)
    if style == 0:
        n = int(rng.integers(4, 9))
        pen.line([(x, 0.2 * (-1) ** i * rng.uniform(0.6, 1.3)) for i, x in enumerate(np.linspace(-0.5, 0.5, n))])
    elif style == 1:
        walk = np.cumsum(rng.normal(0, 0.16, (int(rng.integers(6, 12)), 2)), axis=0)
        walk -= walk.mean(0)
        walk /= 2 * np.abs(walk).max()
        pen.line([(float(x), float(y)) for x, y in walk])
    else:
        for y in np.linspace(-0.3, 0.3, int(rng.integers(2, 5))):
            pen.line(
                [(x, y + 0.06 * math.sin(9 * x + 2 * y) + rng.normal(0, 0.012)) for x in np.linspace(-0.5, 0.5, 9)]
            )
    return pen
