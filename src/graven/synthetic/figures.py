"""Figures of rock art as strokes and areas in millimetres, before anyone pecks them.

A figure is drawn around its own origin, x right and y down, about one unit tall, then scaled. Strokes are tapering curves
(a leg, an antler), areas are closed outlines. The repertoire follows what panels from the Alps, Iberia, Scandinavia and the
American south-west show; proportions are our choice and vary from figure to figure, as hands did.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FIGURE_KINDS", "Figure", "Stroke", "make_figure"]

Generator = np.random.Generator
Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Stroke:
    """A curve with a width at each point.

    Parameters
    ----------
    points_mm : ndarray of shape (N, 2), float64, millimetres
        Vertices (x, y), y down, N >= 2.
    widths_mm : ndarray of shape (N,), float64, millimetres
        Full width at each vertex.
    """

    points_mm: NDArray[np.float64]
    widths_mm: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """What somebody meant to peck.

    Parameters
    ----------
    name : str
        One of `FIGURE_KINDS`.
    strokes : tuple of Stroke
        Lines to be pecked.
    areas : tuple of ndarray of shape (N, 2), float64, millimetres
        Closed outlines to be pecked all over.
    bowls : tuple of (x, y, radius), millimetres
        Cup marks: round hollows much deeper than a line.
    size_mm : float, millimetres
        Longer side of the bounding box the figure was scaled to, before the hand's wobble.
    line_mm : float, millimetres
        Typical width of its lines.
    """

    name: str
    strokes: tuple[Stroke, ...]
    areas: tuple[NDArray[np.float64], ...]
    bowls: tuple[tuple[float, float, float], ...]
    size_mm: float
    line_mm: float


class _Pen:
    """Collects strokes in unit coordinates; widths are relative to the unit as well."""

    def __init__(self) -> None:
        self.strokes: list[tuple[NDArray[np.float64], NDArray[np.float64] | None]] = []
        self.areas: list[NDArray[np.float64]] = []
        self.bowls: list[tuple[float, float, float]] = []

    def line(self, points: Points, width: float | list[float] | None = None) -> None:
        """Smooth curve through points; no width means the line width of the figure."""
        knots = np.asarray(points, np.float64)
        smooth = _smooth(knots)
        if width is None:
            self.strokes.append((smooth, None))
            return
        given = np.full(len(knots), width) if isinstance(width, float) else np.asarray(width, np.float64)
        at = np.linspace(0, 1, len(smooth))
        self.strokes.append((smooth, np.interp(at, np.linspace(0, 1, len(knots)), given)))

    def ring(
        self, x: float, y: float, rx: float, ry: float | None = None, gap: float = 0.0, start: float = 0.0
    ) -> None:
        """Closed or gapped ellipse."""
        angle = start + np.linspace(gap / 2, 2 * math.pi - gap / 2, max(24, int(90 * rx)))
        ring = np.stack([x + rx * np.cos(angle), y + (ry or rx) * np.sin(angle)], 1)
        self.strokes.append((ring, None))

    def area(self, points: Points) -> None:
        """Filled outline with rounded corners."""
        closed = np.asarray([points[-1], *points, points[0], points[1]], np.float64)
        self.areas.append(_smooth(closed)[8:-8])

    def raw(self, curve: NDArray[np.float64]) -> None:
        """Curve that is smooth already."""
        self.strokes.append((curve, None))


def _smooth(knots: NDArray[np.float64], steps: int = 8) -> NDArray[np.float64]:
    """Centripetal-looking Catmull-Rom curve through the knots, `steps` samples per span."""
    if len(knots) < 3:
        t = np.linspace(0, 1, steps + 1)[:, None]
        return knots[0] * (1 - t) + knots[-1] * t
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    spans = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        tangent_b, tangent_c = 0.4 * (c - a), 0.4 * (d - b)
        spans.append(
            (2 * t**3 - 3 * t**2 + 1) * b
            + (t**3 - 2 * t**2 + t) * tangent_b
            + (3 * t**2 - 2 * t**3) * c
            + (t**3 - t**2) * tangent_c
        )
    return np.asarray(np.concatenate([*spans, knots[-1:]]), np.float64)


def _legs(pen: _Pen, rng: Generator, x_front: float, x_back: float, top: float, width: float, spread: float) -> None:
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
) -> tuple[_Pen, tuple[float, float]]:
    """Body, legs, neck, head and tail of an animal that looks to the right; returns the top of its head."""
    pen = _Pen()
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


def _deer(rng: Generator) -> _Pen:
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


def _goat(rng: Generator) -> _Pen:
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


def _dog(rng: Generator) -> _Pen:
    pen, (x, y) = _quadruped(rng, girth=0.17, neck=0.1, head=0.13, tail=0.26)
    for offset in (-0.02, 0.04):
        pen.line([(x + offset, y + 0.02), (x + offset - 0.01, y - 0.07)], [0.04, 0.025])
    return pen


def _cattle(rng: Generator) -> _Pen:
    pen, (x, y) = _quadruped(rng, girth=0.3, neck=0.06, head=0.12, tail=0.24)
    span = rng.uniform(0.1, 0.24)
    lyre = rng.uniform(-0.06, 0.08)
    for side in (-1, 1):
        pen.line(
            [(x, y + 0.02), (x + side * span, y - 0.06), (x + side * (span - lyre), y - 0.06 - span)],
            [0.045, 0.036, 0.025],
        )
    return pen


def _horse(rng: Generator) -> _Pen:
    pen, (x, y) = _quadruped(rng, girth=0.24, neck=0.24, head=0.15, tail=0.22)
    for offset in (-0.03, 0.02):
        pen.line([(x + offset, y + 0.02), (x + offset + 0.01, y - 0.06)], [0.035, 0.022])
    if rng.random() < 0.5:  # a rider
        pen.line([(-0.02, -0.1), (0.0, -0.38)], [0.09, 0.07])
        pen.bowls.clear()
        pen.area(_disc(0.01, -0.46, 0.055))
        pen.line([(0.0, -0.32), (0.2, -0.24), (x - 0.04, y + 0.1)], 0.04)
        if rng.random() < 0.6:
            pen.line([(-0.2, -0.2), (0.5, -0.52)], 0.028)
    return pen


def _disc(x: float, y: float, radius: float) -> Points:
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 9)[:-1]]


def _human(rng: Generator, pen: _Pen, *, arms: bool) -> float:
    """Head, trunk, legs; returns the height of the shoulders."""
    trunk = rng.uniform(0.05, 0.13)
    shoulder, hip = -0.24 + rng.normal(0, 0.02), 0.1 + rng.normal(0, 0.03)
    lean = rng.normal(0, 0.03)
    pen.line([(lean, shoulder), (0.0, hip)], [trunk * rng.uniform(0.9, 1.6), trunk])
    pen.line([(lean, shoulder), (lean, shoulder - 0.1)], trunk * 0.6)
    pen.area(_disc(lean, shoulder - 0.14, rng.uniform(0.045, 0.075)))
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


def _orant(rng: Generator) -> _Pen:
    pen = _Pen()
    _human(rng, pen, arms=True)
    return pen


def _warrior(rng: Generator) -> _Pen:
    pen = _Pen()
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
        pen.area(_disc(left[0] - radius * 0.4, left[1], radius))
    else:
        pen.ring(left[0] - radius * 0.3, left[1], radius * 0.7, radius * 1.3)
    return pen


def _spiral(rng: Generator) -> _Pen:
    pen = _Pen()
    turns = rng.uniform(2.0, 4.5)
    angle = np.linspace(0.4, turns * 2 * math.pi, int(40 * turns))
    radius = 0.5 * (angle / angle[-1]) ** rng.uniform(0.85, 1.1)
    hand = float(rng.choice([-1.0, 1.0]))
    curve = np.stack([radius * np.cos(angle), hand * radius * np.sin(angle) * rng.uniform(0.85, 1.0)], 1)
    pen.raw(curve)
    if rng.random() < 0.3:
        pen.raw(curve[-1] * 1.95 - curve[::-1])
    return pen


def _rings(rng: Generator) -> _Pen:
    pen = _Pen()
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


def _cups(rng: Generator) -> _Pen:
    pen = _Pen()
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


def _grid(rng: Generator) -> _Pen:
    """Topographic map: fields as rectangles, some stippled or filled, joined by paths."""
    pen = _Pen()
    n_rows, n_cols = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    ys = np.linspace(-0.42, 0.42, n_rows + 1) + rng.normal(0, 0.02, n_rows + 1)
    xs = np.linspace(-0.5, 0.5, n_cols + 1) + rng.normal(0, 0.02, n_cols + 1)
    if rng.random() < 0.5:
        for y in ys:
            pen.line([(xs[0], y), (0, y + rng.normal(0, 0.015)), (xs[-1], y + rng.normal(0, 0.02))])
        for x in xs:
            pen.line([(x, ys[0]), (x + rng.normal(0, 0.015), 0), (x + rng.normal(0, 0.02), ys[-1])])
    else:
        for y0, y1 in zip(ys[:-1], ys[1:], strict=True):
            for x0, x1 in zip(xs[:-1], xs[1:], strict=True):
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


def _footprint(rng: Generator) -> _Pen:
    pen = _Pen()
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
            pen.raw(_smooth(np.asarray([*outline, outline[0]], np.float64)))
            if rng.random() < 0.5:
                pen.line([(x - narrow, 0.08), (x + narrow, 0.08)])
    return pen


def _dagger(rng: Generator) -> _Pen:
    pen = _Pen()
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
        pen.raw(_smooth(np.asarray([*blade, blade[0]], np.float64)))
    pen.line([(0, -0.12), (0, -0.36)], rng.uniform(0.05, 0.09))
    pen.line([(-0.1, -0.38), (0, -0.41), (0.1, -0.38)], 0.06)
    return pen


def _halberd(rng: Generator) -> _Pen:
    pen = _Pen()
    pen.line([(0.3, 0.55), (0.28, 0), (0.3, -0.5)], 0.05)
    half = rng.uniform(0.08, 0.14)
    pen.area(
        [(0.29, -0.38 - half), (0.0, -0.4 - half * 0.4), (-0.32, -0.3), (0.0, -0.3 + half * 0.6), (0.29, -0.38 + half)]
    )
    return pen


def _meander(rng: Generator) -> _Pen:
    pen = _Pen()
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


# name -> (drawing, smallest and largest size in mm, line width in mm, may lie at any angle, may be filled)
_KINDS: dict[str, tuple[Callable[[Generator], _Pen], float, float, bool]] = {
    "deer": (_deer, 110, 300, False),
    "goat": (_goat, 80, 240, False),
    "dog": (_dog, 70, 180, False),
    "cattle": (_cattle, 110, 300, False),
    "horse": (_horse, 110, 300, False),
    "orant": (_orant, 90, 260, False),
    "warrior": (_warrior, 110, 320, False),
    "spiral": (_spiral, 90, 260, True),
    "rings": (_rings, 90, 300, True),
    "cup_marks": (_cups, 120, 320, True),
    "grid": (_grid, 120, 340, True),
    "footprint": (_footprint, 120, 260, True),
    "dagger": (_dagger, 90, 260, True),
    "halberd": (_halberd, 120, 280, True),
    "meander": (_meander, 120, 340, True),
}
FIGURE_KINDS: tuple[str, ...] = tuple(_KINDS)


def make_figure(name: str, *, rng: Generator, size_mm: float | None = None) -> Figure:
    """Draw a figure of a kind with its own proportions, pose and hand.

    Parameters
    ----------
    name : str
        One of `FIGURE_KINDS`.
    rng : numpy.random.Generator
        Source of randomness.
    size_mm : float, millimetres, optional
        Longer side of the bounding box of its centre-lines; by default drawn between the limits of the kind.

    Returns
    -------
    Figure
        Centred on the origin, turned, mirrored, with the wobble of a hand.

    Raises
    ------
    InputError
        If the kind is unknown or the size is not positive.

    Examples
    --------
    >>> deer = make_figure("deer", rng=np.random.default_rng(3), size_mm=200.0)
    >>> deer.name, len(deer.strokes) > 8, deer.size_mm
    ('deer', True, 200.0)
    """
    if name not in _KINDS:
        raise InputError(f"figure must be one of {', '.join(FIGURE_KINDS)}, got {name!r}")
    draw, smallest, largest, free = _KINDS[name]
    size = float(np.exp(rng.uniform(math.log(smallest), math.log(largest)))) if size_mm is None else float(size_mm)
    if not size > 0:
        raise InputError(f"size_mm must be positive, got {size_mm}")
    pen = draw(rng)
    corners = np.concatenate(
        [p for p, _ in pen.strokes] + pen.areas + [np.array([[x - r, y - r], [x + r, y + r]]) for x, y, r in pen.bowls]
    )
    low, high = corners.min(0), corners.max(0)
    scale = size / float((high - low).max())
    turn = rng.uniform(0, 2 * math.pi) if free else rng.normal(0, 0.16)
    mirror = float(rng.choice([-1.0, 1.0]))
    rotate = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    rotate = np.array([[mirror, 0.0], [rng.normal(0, 0.06), rng.uniform(0.88, 1.08)]]) @ rotate * scale
    wave = rng.normal(0, 1, (2, 4))
    phase = rng.uniform(0, 6.28, (2, 4))
    frequency = rng.uniform(3, 14, (2, 4)) / size

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        straight = (points - (low + high) / 2) @ rotate
        along = straight[:, :1] + 0.7 * straight[:, 1:]
        wobble = [(wave[i] * np.sin(along * frequency[i] + phase[i])).sum(1) for i in range(2)]
        return np.asarray(straight + 0.006 * size * np.stack(wobble, 1))

    line = float(np.clip(size * rng.uniform(0.035, 0.065), 5.0, 17.0))
    strokes = tuple(
        Stroke(place(p), np.full(len(p), line) if w is None else np.maximum(w * scale, 0.55 * line))
        for p, w in pen.strokes
    )
    bowls = []
    for x, y, radius in pen.bowls:
        centre = place(np.array([[x, y]]))[0]
        bowls.append((float(centre[0]), float(centre[1]), float(np.clip(radius * scale, 4.5, 28.0))))
    return Figure(name, strokes, tuple(place(a) for a in pen.areas), tuple(bowls), size, line)
