"""Animals as a few tapering strokes: body, legs, neck, head, and what tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.pen import Pen, disc

if TYPE_CHECKING:
    from graven.synthetic.pen import Points

__all__ = ["draw_cattle", "draw_deer", "draw_dog", "draw_goat", "draw_horse"]

Generator = np.random.Generator


def _legs(pen: Pen, rng: Generator, x_front: float, x_back: float, top: float, width: float, spread: float) -> None:
    """Four legs, standing or running, with a knee."""
    length = rng.uniform(0.3, 0.46)
    stride = rng.uniform(-0.16, 0.16)
    for x, lean in ((x_front, stride), (x_front + spread, -stride), (x_back, stride), (x_back - spread, -stride)):
        knee = rng.normal(0, 0.025)
        foot = lean + rng.normal(0, 0.02)
        pen.line(
            [(x, top), (x + foot * 0.45 + knee, top + length * 0.55), (x + foot, top + length)],
            [width * 1.25, width * 0.8, width * 0.7],
        )
        if rng.random() < 0.25:
            pen.line([(x + foot, top + length), (x + foot + 0.05, top + length + 0.01)], width * 0.6)


def _quadruped(
    rng: Generator, *, girth: float, neck: float, head: float, tail: float
) -> tuple[Pen, tuple[float, float]]:
    """Body, legs, neck, head and tail of an animal that looks to the right; returns the top of its head."""
    pen = Pen()
    girth *= rng.uniform(0.7, 1.25)
    sag = rng.normal(0, 0.035)
    pen.line(
        [(-0.4, rng.normal(0, 0.02)), (-0.13, sag), (0.12, sag * 0.6), (0.36, -0.02)],
        [girth * 0.95, girth * 0.86, girth * 0.95, girth * 1.05],
    )
    _legs(pen, rng, 0.34, -0.38, girth * 0.35, max(0.045, girth * rng.uniform(0.26, 0.4)), rng.uniform(0.07, 0.14))
    rise = neck * rng.uniform(0.75, 1.25)
    nose_x, nose_y = 0.36 + rng.uniform(0.1, 0.2), -0.05 - rise
    pen.line(
        [(0.34, -0.03), (0.42, -0.05 - rise * 0.55), (nose_x - 0.03, nose_y)], [girth * 0.85, girth * 0.55, girth * 0.5]
    )
    pen.line(
        [(nose_x - 0.04, nose_y - 0.005), (nose_x + head, nose_y + rng.uniform(0.01, 0.08))],
        [girth * 0.5, girth * 0.26],
    )
    if tail > 0:
        up = rng.uniform(-1, 0.9)
        pen.line(
            [(-0.42, -0.02), (-0.42 - tail * 0.6, 0.02 - 0.06 * up), (-0.42 - tail, 0.12 - tail * up)],
            [0.05, 0.035, 0.03],
        )
    return pen, (nose_x - 0.03, nose_y - girth * 0.2)


def draw_deer(rng: Generator) -> Pen:
    """Draw a deer with branching antlers.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen, (x, y) = _quadruped(rng, girth=0.2, neck=0.24, head=0.1, tail=0.06)
    height = rng.uniform(0.28, 0.55)
    for side in (-1, 1):
        beam: Points = [
            (x, y),
            (x + side * 0.1 - 0.06, y - height * 0.5),
            (x + side * rng.uniform(0.12, 0.24) - 0.12, y - height),
        ]
        pen.line(beam, [0.04, 0.032, 0.025])
        for step in np.linspace(0.25, 0.9, int(rng.integers(2, 6))):
            bx = x + (beam[2][0] - x) * step * (0.8 + 0.2 * step)
            by = y - height * step
            pen.line([(bx, by), (bx + side * 0.05 + 0.04, by - rng.uniform(0.06, 0.13))], [0.03, 0.022])
    return pen


def draw_goat(rng: Generator) -> Pen:
    """Draw a goat or ibex with horns swept back.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen, (x, y) = _quadruped(rng, girth=0.22, neck=0.17, head=0.09, tail=0.09)
    reach = rng.uniform(0.3, 0.6)
    for offset in (0.0, rng.uniform(0.03, 0.07)):
        pen.line(
            [
                (x + offset, y),
                (x - reach * 0.25 + offset, y - reach * 0.55),
                (x - reach * 0.7 + offset, y - reach * 0.6),
                (x - reach + offset, y - reach * rng.uniform(0.15, 0.4)),
            ],
            [0.045, 0.04, 0.034, 0.026],
        )
    if rng.random() < 0.5:
        pen.line([(x + 0.1, y + 0.12), (x + 0.09, y + 0.2)], 0.025)
    return pen


def draw_dog(rng: Generator) -> Pen:
    """Draw a dog with pricked ears and a long tail.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen, (x, y) = _quadruped(rng, girth=0.17, neck=0.1, head=0.13, tail=0.26)
    for offset in (-0.02, 0.04):
        pen.line([(x + offset, y + 0.02), (x + offset - 0.01, y - 0.07)], [0.04, 0.025])
    return pen


def draw_cattle(rng: Generator) -> Pen:
    """Draw an ox or cow with spread horns.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen, (x, y) = _quadruped(rng, girth=0.3, neck=0.06, head=0.12, tail=0.24)
    span = rng.uniform(0.1, 0.24)
    lyre = rng.uniform(-0.06, 0.08)
    for side in (-1, 1):
        pen.line(
            [(x, y + 0.02), (x + side * span, y - 0.06), (x + side * (span - lyre), y - 0.06 - span)],
            [0.045, 0.036, 0.025],
        )
    return pen


def draw_horse(rng: Generator) -> Pen:
    """Draw a horse, sometimes with a rider.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of pose and proportion.

    Returns
    -------
    Pen
        Strokes, areas and bowls in unit coordinates.
    """
    pen, (x, y) = _quadruped(rng, girth=0.24, neck=0.24, head=0.15, tail=0.22)
    for offset in (-0.03, 0.02):
        pen.line([(x + offset, y + 0.02), (x + offset + 0.01, y - 0.06)], [0.035, 0.022])
    if rng.random() < 0.5:  # a rider
        pen.line([(-0.02, -0.1), (0.0, -0.38)], [0.09, 0.07])
        pen.bowls.clear()
        pen.area(disc(0.01, -0.46, 0.055))
        pen.line([(0.0, -0.32), (0.2, -0.24), (x - 0.04, y + 0.1)], 0.04)
        if rng.random() < 0.6:
            pen.line([(-0.2, -0.2), (0.5, -0.52)], 0.028)
    return pen
