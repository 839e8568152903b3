"""People: standing with raised arms, or armed."""

from __future__ import annotations

import math

import numpy as np

from graven.synthetic.pen import Pen, disc

__all__ = ["draw_orant", "draw_warrior"]

Generator = np.random.Generator


def _human(rng: Generator, pen: Pen, *, arms: bool) -> float:
    """Head, trunk, legs; returns the height of the shoulders."""
    trunk = rng.uniform(0.05, 0.13)
    shoulder, hip = -0.24 + rng.normal(0, 0.02), 0.1 + rng.normal(0, 0.03)
    lean = rng.normal(0, 0.03)
    pen.line([(lean, shoulder), (0.0, hip)], [trunk * rng.uniform(0.9, 1.6), trunk])
    pen.line([(lean, shoulder), (lean, shoulder - 0.1)], trunk * 0.6)
    pen.area(disc(lean, shoulder - 0.14, rng.uniform(0.045, 0.075)))
    stance, bend = rng.uniform(0.06, 0.22), rng.uniform(-0.04, 0.1)
    for side in (-1, 1):
        pen.line(
            [(0, hip), (side * (stance * 0.6 + bend), hip + 0.2), (side * stance, hip + 0.42)],
            [trunk * 0.85, trunk * 0.65, trunk * 0.55],
        )
        if rng.random() < 0.7:
            pen.line(
                [(side * stance, hip + 0.42), (side * stance + 0.06 * (side if rng.random() < 0.5 else 1), hip + 0.43)],
                trunk * 0.5,
            )
    if rng.random() < 0.4:
        pen.line([(0, hip), (0, hip + rng.uniform(0.08, 0.16))], trunk * 0.5)
    if arms:
        for side in (-1, 1):
            reach = rng.uniform(0.17, 0.27)
            lift = rng.uniform(0.12, 0.26)
            pen.line(
                [
                    (lean, shoulder),
                    (side * reach, shoulder + rng.uniform(-0.04, 0.06)),
                    (side * reach * 1.02, shoulder - lift),
                ],
                [trunk * 0.7, trunk * 0.6, trunk * 0.5],
            )
            if rng.random() < 0.35:
                for finger in (-0.5, 0.0, 0.5):
                    pen.line(
                        [
                            (side * reach * 1.02, shoulder - lift),
                            (side * reach * 1.02 + finger * 0.07, shoulder - lift - 0.07),
                        ],
                        0.02,
                    )
    return shoulder


def draw_orant(rng: Generator) -> Pen:
    """Draw a person with raised arms.

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
    _human(rng, pen, arms=True)
    return pen


def draw_warrior(rng: Generator) -> Pen:
    """Draw a person with spear, sword or axe, and a shield.

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
    shoulder = _human(rng, pen, arms=False)
    hand = (rng.uniform(0.2, 0.3), shoulder + rng.uniform(-0.12, 0.06))
    pen.line([(0, shoulder), (hand[0] * 0.6, shoulder + 0.06), hand], [0.07, 0.055, 0.045])
    weapon = rng.integers(3)
    if weapon == 0:  # spear
        slope = rng.uniform(-0.3, 1.2)
        dx, dy = math.cos(slope) * 0.42, -math.sin(slope) * 0.42
        pen.line([(hand[0] - dx, hand[1] - dy), (hand[0] + dx, hand[1] + dy)], 0.026)
        pen.line(
            [(hand[0] + dx * 0.85, hand[1] + dy * 0.85), (hand[0] + dx * 1.15, hand[1] + dy * 1.15)], [0.075, 0.015]
        )
    elif weapon == 1:  # sword
        pen.line([hand, (hand[0] + rng.uniform(0.06, 0.2), hand[1] - rng.uniform(0.18, 0.3))], [0.05, 0.02])
        pen.line([(hand[0] - 0.04, hand[1] - 0.03), (hand[0] + 0.05, hand[1] + 0.01)], 0.025)
    else:  # axe
        pen.line([(hand[0], hand[1] + 0.12), (hand[0] + 0.03, hand[1] - 0.22)], 0.026)
        pen.area(
            [
                (hand[0] + 0.02, hand[1] - 0.22),
                (hand[0] + 0.14, hand[1] - 0.27),
                (hand[0] + 0.13, hand[1] - 0.1),
                (hand[0] + 0.02, hand[1] - 0.15),
            ]
        )
    left = (-rng.uniform(0.17, 0.26), shoulder + rng.uniform(0.0, 0.1))
    pen.line([(0, shoulder), (left[0] * 0.5, shoulder + 0.07), left], [0.07, 0.055, 0.045])
    shield = rng.integers(3)
    radius = rng.uniform(0.08, 0.17)
    if shield == 0:
        pen.ring(left[0] - radius * 0.5, left[1], radius)
    elif shield == 1:
        pen.area(disc(left[0] - radius * 0.4, left[1], radius))
    else:
        pen.ring(left[0] - radius * 0.3, left[1], radius * 0.7, radius * 1.3)
    return pen
