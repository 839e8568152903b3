"""Ornament of mirrors: running borders of leaves, waves, tongues, beads and cables, palmettes, stars and plants."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.engraving_curves import moved, ring
from graven.synthetic.pen import smooth_curve

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.synthetic.engraving_sheet import Easel, Sheet

__all__ = [
    "BORDERS",
    "TRAINING_BORDERS",
    "UNSEEN_BORDERS",
    "draw_border",
    "draw_palmette",
    "draw_plant",
    "draw_star",
    "lay_band",
]

Generator = np.random.Generator
Points = "NDArray[np.float64]"
Curve = tuple["NDArray[np.float64]", float]
TWO_PI = 2 * math.pi
_SHORTEST_PERIOD_MM = 1.7  # engravers do not go finer


# Each motif gives one period: curves in (u, v), u from 0 to 1 along the band, v from 0 inside to 1 outside.
def _ivy(rng: Generator) -> list[Curve]:
    """Ivy: a winding stem, a heart-shaped leaf and a cluster of berries on either side."""
    u = np.linspace(0, 1, 25)
    fruiting = rng.random() < 0.7
    curves: list[Curve] = [(np.stack([u, 0.5 + 0.16 * np.sin(TWO_PI * u)], 1), 0.8)]
    for side, at in ((-1.0, 0.25), (1.0, 0.75)):
        heart = np.array(
            [
                [0, 0.02],
                [-0.09, -0.06],
                [-0.15, 0.06],
                [-0.11, 0.2],
                [0, 0.36],
                [0.11, 0.2],
                [0.15, 0.06],
                [0.09, -0.06],
                [0, 0.02],
            ]
        )
        base = 0.5 + side * 0.1
        curves.append((smooth_curve(heart * [1.0, side] + [at, base]), 0.85))
        curves.append((np.array([[at, base], [at, base + side * 0.24]]), 0.6))
        curves.append((np.array([[at - 0.12, 0.5], [at, base]]), 0.7))
        if not fruiting:
            continue
        berry = at + 0.25
        curves += [
            (ring(berry + du, 0.5 + side * (0.3 + dv), 0.026, 0.045), 0.6)
            for du, dv in ((-0.035, 0), (0.035, 0), (0, 0.09))
        ]
        curves.append((np.array([[berry, 0.5 + side * 0.1], [berry, 0.5 + side * 0.26]]), 0.6))
    return curves


def _laurel(rng: Generator) -> list[Curve]:
    """Laurel: leaves in pairs along a straight stem, now and then a berry."""
    leaf = np.array([[0, 0], [0.3, 0.2], [0.72, 0.34], [0.5, 0.12], [0, 0]])
    curves: list[Curve] = [(np.array([[0.0, 0.5], [1.0, 0.5]]), 0.75)]
    for side in (-1.0, 1.0):
        curves.append((smooth_curve(leaf * [1, side] + [0.05, 0.5 + side * 0.03]), 0.85))
        curves.append((np.array([[0.1, 0.5 + side * 0.07], [0.6, 0.5 + side * 0.28]]), 0.55))
    if rng.random() < 0.5:
        curves.append((ring(0.85, 0.86, 0.06, 0.07), 0.6))
    return curves


def _wave(rng: Generator) -> list[Curve]:
    """Draw a running dog, one scroll after the other."""
    t = np.linspace(0, 1, 30)
    angle = math.pi - t * rng.uniform(6.0, 8.5)
    radius = 0.36 * (1 - 0.82 * t)
    scroll = np.stack([0.52 - radius * np.cos(angle) * 0.95, 0.55 + radius * np.sin(angle)], 1)
    tail = smooth_curve(np.array([[-0.32, 0.12], [0.1, 0.1], [0.75, 0.2], scroll[0]]))
    return [(np.concatenate([tail, scroll[1:]]), 0.95)]


def _tongue(rng: Generator) -> list[Curve]:
    """Tongues side by side, often with a line inside."""
    arch = np.array([[0.06, 0.95], [0.08, 0.4], [0.22, 0.1], [0.5, 0.03], [0.78, 0.1], [0.92, 0.4], [0.94, 0.95]])
    curves: list[Curve] = [(smooth_curve(arch), 0.9)]
    if rng.random() < 0.7:
        curves.append((smooth_curve(arch * [0.55, 0.75] + [0.225, 0.22]), 0.65))
    return curves


def _beads(rng: Generator) -> list[Curve]:
    """Beads between two lines."""
    curves: list[Curve] = [(ring(0.5, 0.5, 0.36, 0.3), 0.85)]
    if rng.random() < 0.4:
        curves.append((ring(0.5, 0.5, 0.1, 0.08), 0.6))
    return curves + _rails((0.06, 0.94), 0.8)


def _cable(rng: Generator) -> list[Curve]:
    """Two strands twisted, with eyes."""
    strand = np.array([[-0.5, 0.3], [-0.25, 0.1], [0.1, 0.12], [0.5, 0.5], [0.9, 0.88], [1.25, 0.9], [1.5, 0.7]])
    curves: list[Curve] = [(smooth_curve(strand), 0.9), (smooth_curve(strand[1:-1] * [0.8, 0.72] + [0.1, 0.14]), 0.7)]
    if rng.random() < 0.7:
        curves.append((ring(0.0, 0.5, 0.1, 0.1), 0.65))
    return curves


def _zigzag(rng: Generator) -> list[Curve]:
    """Triangles with dots or lines in them."""
    curves: list[Curve] = [(np.array([[0.0, 0.08], [0.5, 0.92], [1.0, 0.08]]), 0.9)]
    if rng.random() < 0.5:
        curves += [(ring(0.5, 0.3, 0.07, 0.07), 0.6), (ring(0.0, 0.72, 0.07, 0.07), 0.6)]
    else:
        curves += [(np.array([[0.5 - w, 0.08], [0.5, 0.92 - 1.68 * (0.5 - w)]]), 0.55) for w in (0.35, 0.2)]
    return curves


def _rails(levels: tuple[float, ...], weight: float) -> list[Curve]:
    return [(np.array([[0.0, level], [1.0, level]]), weight) for level in levels]


def _plain(rng: Generator) -> list[Curve]:
    """Two or three lines and nothing else."""
    return _rails((0.1, 0.5, 0.9) if rng.random() < 0.5 else (0.3, 0.7), 0.9)


def _meander(rng: Generator) -> list[Curve]:
    """Greek key."""
    key = np.array([[0, 0.9], [0.82, 0.9], [0.82, 0.1], [0.2, 0.1], [0.2, 0.62], [0.55, 0.62], [0.55, 0.38]])
    double: list[Curve] = [(moved(key[1:], 0.09, 0.0), 0.6)] if rng.random() < 0.5 else []
    return [(key, 0.9), (np.array([[0.82, 0.9], [1.0, 0.9]]), 0.9), *double]


def _lotus(rng: Generator) -> list[Curve]:
    """Lotus and palmette in turn, joined by arcs."""
    curves: list[Curve] = []
    for spread in np.linspace(-0.2, 0.2, int(rng.choice([5, 7]))):
        tip = 0.95 - 1.6 * abs(spread)
        leaf = np.array([[0.25, 0.25], [0.25 + spread * 0.8, tip * 0.75], [0.25 + spread, tip]])
        curves.append((smooth_curve(leaf), 0.8))
    bud = np.array(
        [
            [0.75, 0.22],
            [0.63, 0.5],
            [0.62, 0.95],
            [0.7, 0.66],
            [0.75, 0.95],
            [0.8, 0.66],
            [0.88, 0.95],
            [0.87, 0.5],
            [0.75, 0.22],
        ]
    )
    curves.append((smooth_curve(bud), 0.85))
    u = np.linspace(0, 1, 15)
    arc = np.stack([0.5 * u, 0.24 - 0.2 * np.sin(math.pi * u)], 1)
    return [*curves, (moved(arc, 0.25, 0.0), 0.75), (moved(arc, 0.75, 0.0), 0.75)]


# name -> (one period, its length over the width of the band)
BORDERS: dict[str, tuple[Callable[[Generator], list[Curve]], float]] = {
    "ivy": (_ivy, 1.9),
    "laurel": (_laurel, 0.85),
    "wave": (_wave, 1.15),
    "tongue": (_tongue, 0.62),
    "beads": (_beads, 0.8),
    "cable": (_cable, 1.1),
    "zigzag": (_zigzag, 0.9),
    "plain": (_plain, 0.5),
    "meander": (_meander, 1.0),
    "lotus": (_lotus, 1.5),
}
UNSEEN_BORDERS = ("meander", "lotus")
TRAINING_BORDERS = tuple(name for name in BORDERS if name not in UNSEEN_BORDERS)


def lay_band(
    sheet: Sheet,
    kind: str,
    *,
    length_mm: float,
    width_mm: float,
    place: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> None:
    """Draw a running ornament.

    Parameters
    ----------
    sheet : Sheet
        Where it is drawn.
    kind : str
        One of `BORDERS`.
    length_mm, width_mm : float, millimetres
        Size of the band.
    place : callable
        From (share of the length, share of the width) to (x, y) in mm.
    """
    draw, aspect = BORDERS[kind]
    curves = draw(sheet.rng)
    n_periods = max(2, round(length_mm / max(aspect * width_mm, _SHORTEST_PERIOD_MM)))
    shake = 0.012
    for number in range(n_periods):
        squeeze, shift = sheet.rng.normal(1, shake), sheet.rng.normal(0, shake)
        for curve, weight in curves:
            u = (number + curve[:, 0]) / n_periods
            v = 0.5 + (curve[:, 1] - 0.5) * squeeze + shift
            sheet.line(place(np.stack([u, v], 1)), weight)


def draw_border(sheet: Sheet, kind: str, inner_mm: float, outer_mm: float) -> None:
    """Draw a running ornament round the disc, between two lines or without.

    Parameters
    ----------
    sheet : Sheet
        Where it is drawn.
    kind : str
        One of `BORDERS`.
    inner_mm, outer_mm : float, millimetres
        Radii of the band.
    """
    start = sheet.rng.uniform(0, TWO_PI)
    middle = (inner_mm + outer_mm) / 2

    def place(at: NDArray[np.float64]) -> NDArray[np.float64]:
        angle, radius = start + TWO_PI * at[:, 0], inner_mm + (outer_mm - inner_mm) * at[:, 1]
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)

    lay_band(sheet, kind, length_mm=TWO_PI * middle, width_mm=outer_mm - inner_mm, place=place)
    rails = int(sheet.rng.integers(0, 3))
    gap = sheet.rng.uniform(0.5, 0.9)
    for radius in ([], [inner_mm - gap], [inner_mm - gap, outer_mm + gap * 0.8])[rails]:
        for shift in (0.0, gap) if sheet.rng.random() < 0.4 else (0.0,):
            angle = np.linspace(0, TWO_PI, 361)
            sheet.line((radius - shift) * np.stack([np.cos(angle), np.sin(angle)], 1), 0.85)


def draw_palmette(easel: Easel) -> None:
    """Draw a palmette on two volutes, one unit tall, its foot at the origin.

    Parameters
    ----------
    easel : Easel
        Where it stands.
    """
    rng = easel.rng
    n_leaves = int(rng.choice([5, 7, 9]))
    heart = ring(0.0, -0.2, 0.1, 0.12)
    easel.part(heart, weight=0.85)
    for turn in sorted(np.linspace(-1.25, 1.25, n_leaves), key=abs):
        leaf = easel.at(0.0, -0.22, 0.78 - 0.18 * abs(float(turn)), float(turn))
        shape = smooth_curve(
            np.array([[-0.03, -0.1], [-0.09, -0.7], [-0.04, -0.97], [0.05, -0.98], [0.1, -0.75], [0.03, -0.1]])
        )
        leaf.part(shape, details=[(np.array([[0.0, -0.25], [0.01, -0.8]]), 0.55)], weight=0.8)
    for side in (-1.0, 1.0):
        angle = np.linspace(0, 8.5, 34)
        radius = 0.22 * (1 - angle / 10.5)
        scroll = np.stack([side * (0.24 - radius * np.cos(angle)), -0.02 - radius * np.sin(angle)], 1)
        easel.line(scroll, 0.85, straight=True)


def draw_star(easel: Easel) -> None:
    """Draw a star or a rosette of one unit's radius.

    Parameters
    ----------
    easel : Easel
        Its middle.
    """
    rng = easel.rng
    n_points = int(rng.integers(5, 9))
    if rng.random() < 0.5:
        angle = np.linspace(0, TWO_PI, 2 * n_points + 1)
        radius = np.where(np.arange(2 * n_points + 1) % 2, 0.36, 1.0)
        easel.part(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)[:-1], weight=0.75)
        return
    easel.part(ring(0, 0, 0.24), weight=0.7)
    for turn in np.linspace(0, TWO_PI, n_points, endpoint=False):
        petal = easel.at(0, 0, 1, float(turn))
        petal.part(
            smooth_curve(np.array([[0.2, -0.12], [0.7, -0.26], [1.0, 0.0], [0.7, 0.26], [0.2, 0.12]])), weight=0.75
        )


def draw_plant(easel: Easel, *, height: float = 1.0) -> None:
    """Draw a shoot with leaves that grows from the origin upwards.

    Parameters
    ----------
    easel : Easel
        Its root.
    height : float
        How tall it is.
    """
    rng = easel.rng
    sway = np.cumsum(rng.normal(0, 0.05, 6)) * height
    stem = smooth_curve(np.stack([sway, -np.linspace(0, height, 6)], 1))
    leaf = smooth_curve(np.array([[0, 0], [0.4, -0.2], [1.0, 0.0], [0.4, 0.2], [0, 0]]))
    size = rng.uniform(0.12, 0.2) * height
    for number, share in enumerate(np.linspace(0.18, 0.98, int(rng.integers(5, 10)))):
        x, y = stem[int(share * (len(stem) - 1))]
        turn = -math.pi / 2 + (1 if number % 2 else -1) * rng.uniform(0.5, 1.0)
        easel.at(float(x), float(y), size, turn).part(
            leaf, details=[(np.array([[0.0, 0.0], [0.75, 0.0]]), 0.55)], weight=0.75
        )
    easel.line(stem, 0.85, straight=True)
