"""Figures of rock art as strokes and areas in millimetres, before anyone pecks them.

A figure is drawn around its own origin, x right and y down, about one unit tall, then scaled. Strokes are tapering
curves (a leg, an antler), areas are closed outlines. The repertoire follows what panels from the Alps, Iberia,
Scandinavia and the American south-west show; proportions are our choice and vary from figure to figure, as hands did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.synthetic.animals import draw_cattle, draw_deer, draw_dog, draw_goat, draw_horse
from graven.synthetic.people import draw_orant, draw_warrior
from graven.synthetic.signs import (
    draw_cups,
    draw_dagger,
    draw_footprint,
    draw_grid,
    draw_halberd,
    draw_meander,
    draw_rings,
    draw_spiral,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.synthetic.pen import Pen

__all__ = ["FIGURE_KINDS", "Figure", "Stroke", "make_figure"]

Generator = np.random.Generator


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


# name -> (drawing, smallest and largest size in mm, whether it may lie at any angle)
_KINDS: dict[str, tuple[Callable[[Generator], Pen], float, float, bool]] = {
    "deer": (draw_deer, 110, 300, False),
    "goat": (draw_goat, 80, 240, False),
    "dog": (draw_dog, 70, 180, False),
    "cattle": (draw_cattle, 110, 300, False),
    "horse": (draw_horse, 110, 300, False),
    "orant": (draw_orant, 90, 260, False),
    "warrior": (draw_warrior, 110, 320, False),
    "spiral": (draw_spiral, 90, 260, True),
    "rings": (draw_rings, 90, 300, True),
    "cup_marks": (draw_cups, 120, 320, True),
    "grid": (draw_grid, 120, 340, True),
    "footprint": (draw_footprint, 120, 260, True),
    "dagger": (draw_dagger, 90, 260, True),
    "halberd": (draw_halberd, 120, 280, True),
    "meander": (draw_meander, 120, 340, True),
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
