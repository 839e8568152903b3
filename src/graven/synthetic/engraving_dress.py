"""Drapery: dress with belt and overfold, mantle round the hips, cloak that falls behind, all with their folds.

The unit is the height of a person and the origin the pelvis, as in `graven.synthetic.engraving_people`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.engraving_curves import moved, ring
from graven.synthetic.pen import smooth_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.engraving_sheet import Easel

__all__ = ["draw_cloak", "draw_dress", "draw_mantle"]

Generator = np.random.Generator
Curve = tuple["NDArray[np.float64]", float]
Joints = list[tuple[float, float]]


def _zigzag(start: tuple[float, float], stop: tuple[float, float], n_folds: int, depth: float) -> NDArray[np.float64]:
    """Hem of a pleated cloth: flat runs and short steps, as archaic and classical engravers stylise it."""
    t = np.linspace(0, 1, 2 * n_folds + 1)
    line = np.stack([start[0] + t * (stop[0] - start[0]), start[1] + t * (stop[1] - start[1])], 1)
    line[:, 1] += depth * (np.arange(len(t)) % 2) - depth * np.sin(np.pi * t) * 0.6
    line[1::2, 0] -= 0.35 / n_folds * (stop[0] - start[0]) * 0.5
    return np.asarray(line)


def _falls(
    rng: Generator, top: NDArray[np.float64], bottom: NDArray[np.float64], n_folds: int, sway: float
) -> list[Curve]:
    """Folds that fall from one edge to another, some of them short."""
    folds: list[Curve] = []
    for share in np.sort(rng.uniform(0.05, 0.95, n_folds)):
        a, b = top[int(share * (len(top) - 1))], bottom[int(share * (len(bottom) - 1))]
        first, last = (0.0, 1.0) if rng.random() < 0.55 else tuple(sorted(rng.uniform(0.0, 1.0, 2)))
        if last - first < 0.2:
            continue
        t = np.linspace(first, last, 12)[:, None]
        bend = sway * np.sin(np.pi * t) * (share - 0.5) * 2
        curve = a * (1 - t) + b * t
        curve[:, 0] += bend[:, 0] + rng.normal(0, 0.006)
        folds.append((curve, float(rng.uniform(0.6, 0.85))))
    return folds


def _scatter_pattern(rng: Generator, low: tuple[float, float], high: tuple[float, float]) -> list[Curve]:
    """Small woven ornaments: rings, dots in threes or stars."""
    marks: list[Curve] = []
    kind = int(rng.integers(3))
    for x, y in rng.uniform(low, high, (int(rng.integers(8, 20)), 2)):
        if kind == 0:
            marks.append((ring(x, y, 0.009), 0.55))
        elif kind == 1:
            marks += [(ring(x + dx, y + dy, 0.004), 0.55) for dx, dy in ((-0.008, 0.0), (0.008, 0.0), (0.0, -0.012))]
        else:
            marks += [
                (np.array([[x - dx, y - dy], [x + dx, y + dy]]), 0.5)
                for dx, dy in ((0.01, 0), (0, 0.01), (0.007, 0.007))
            ]
    return marks


def draw_dress(easel: Easel, upright: Easel, ankles: Joints) -> None:
    """Draw a dress that reaches to the ankles.

    Parameters
    ----------
    easel : Easel
        Set up at the pelvis; the skirt hangs straight down.
    upright : Easel
        The same, leaning with the trunk.
    ankles : list of two (x, y)
        Where the feet are.
    """
    rng = easel.rng
    xs = sorted(x for x, _ in ankles)
    hem_y = min(max(y for _, y in ankles) + 0.01, 0.47)
    flare = rng.uniform(0.03, 0.09)
    left, right = (xs[0] - flare - 0.035, hem_y), (xs[1] + flare + 0.05, hem_y)
    n_pleats = int(rng.integers(4, 10))
    hem = _zigzag(left, right, n_pleats, rng.uniform(0.008, 0.022))
    belt = -0.1 + rng.normal(0, 0.012)
    sides = [
        smooth_curve(np.array([[sign * 0.066, belt], [sign * 0.094, 0.02], [end[0] * 0.6 + sign * 0.04, 0.25], end]))
        for sign, end in ((-1.0, left), (1.0, right))
    ]
    waist = np.array([[-0.066, belt], [0.0, belt + 0.008], [0.066, belt]])
    _overfold(upright, belt, rng)
    folds = _falls(rng, waist, hem, int(rng.integers(7, 18)), rng.uniform(0.0, 0.05))
    t = np.linspace(0, 1, 2 * len(hem))
    border = np.stack([np.interp(t, np.linspace(0, 1, len(hem)), hem[:, 0]), np.full(len(t), hem_y - 0.035)], 1)
    if rng.random() < 0.4:
        folds += [(border, 0.65), (moved(border, 0.0, 0.012), 0.65)]
    if rng.random() < 0.3:
        folds += _scatter_pattern(rng, (left[0], 0.0), (right[0], hem_y - 0.05))
    outline = np.concatenate([sides[0], hem, sides[1][::-1]])
    easel.part(outline, edges=[sides[0], sides[1], hem], details=folds)
    _bodice(upright, belt, rng)


def _overfold(easel: Easel, belt: float, rng: Generator) -> None:
    """Belt, and the cloth that falls over it."""
    easel.part(
        np.array([[-0.067, belt - 0.008], [0.067, belt - 0.008], [0.067, belt + 0.01], [-0.067, belt + 0.01]]),
        details=_scatter_beads(belt) if rng.random() < 0.4 else [],
        weight=0.7,
    )
    if rng.random() < 0.55:
        depth = rng.uniform(0.06, 0.13)
        hem = _zigzag((-0.105, belt + depth), (0.105, belt + depth), int(rng.integers(4, 8)), 0.018)
        top = np.array([[-0.068, belt], [0.068, belt]])
        outline = np.concatenate([top[:1], hem, top[1:]])
        folds = _falls(rng, top, hem, int(rng.integers(6, 12)), 0.0)
        easel.part(outline, edges=[hem, np.stack([top[0], hem[0]]), np.stack([top[1], hem[-1]])], details=folds)


def _scatter_beads(y: float) -> list[Curve]:
    return [(ring(x, y + 0.001, 0.005), 0.5) for x in np.linspace(-0.055, 0.055, 8)]


def _bodice(easel: Easel, belt: float, rng: Generator) -> None:
    """Upper part: seams on the shoulders and folds that gather under the belt."""
    side = smooth_curve(
        np.array([[0.03, -0.35], [0.08, -0.322], [0.12, -0.3], [0.11, -0.22], [0.08, -0.15], [0.067, belt]])
    )
    left = side * np.array([-1.0, 1.0])
    neck = smooth_curve(np.array([[-0.05, -0.335], [0.0, -0.29 + rng.uniform(0, 0.05)], [0.05, -0.335]]))
    folds: list[Curve] = [(neck, 0.8), (moved(neck, 0.0, 0.01), 0.6)]
    for sign in (-1.0, 1.0):
        for reach in rng.uniform(0.0, 1.0, int(rng.integers(3, 7))):
            knots = np.array(
                [
                    [sign * (0.05 + 0.055 * reach), -0.31],
                    [sign * (0.04 + 0.05 * reach), -0.2],
                    [sign * 0.055 * reach, belt],
                ]
            )
            folds.append((smooth_curve(knots), 0.65))
        folds.append(
            (smooth_curve(np.array([[sign * 0.075, -0.225], [sign * 0.055, -0.185], [sign * 0.02, -0.2]])), 0.7)
        )
    easel.part(np.concatenate([side, left[::-1]]), edges=[side, left], details=folds)


def draw_mantle(easel: Easel, legs: list[Joints]) -> None:
    """Draw a mantle round hips and legs, rolled at the top, with folds that hang between the knees.

    Parameters
    ----------
    easel : Easel
        Set up at the pelvis.
    legs : list of two legs
        Hip, knee and ankle of both.
    """
    rng = easel.rng
    knee, ankle = max((leg[1] for leg in legs), key=lambda p: p[0]), max((leg[2] for leg in legs), key=lambda p: p[0])
    heel = min((leg[2] for leg in legs), key=lambda p: p[0])
    drop = rng.uniform(0.02, 0.1)
    roll = smooth_curve(np.array([[-0.09, -0.07], [-0.03, -0.02], [0.05, -0.025], [0.095, -0.06]]))
    front = smooth_curve(np.array([
        [0.095, -0.06], [max(knee[0] * 0.7, 0.09), min(knee[1] * 0.4, 0.05) - 0.02], [knee[0] + 0.055, knee[1]],
        [ankle[0] + 0.05, ankle[1] - drop],
    ]))  # fmt: skip
    back = smooth_curve(
        np.array([[-0.09, -0.07], [-0.105, 0.05], [heel[0] - 0.075, 0.25], [heel[0] - 0.06, heel[1] - drop]])
    )
    hem = _zigzag(tuple(back[-1]), tuple(front[-1]), int(rng.integers(3, 7)), 0.014)
    folds: list[Curve] = []
    for share in np.linspace(0.08, 0.95, int(rng.integers(8, 18))):
        a, b = back[int(share * (len(back) - 1))], front[int(share**0.8 * (len(front) - 1))]
        sag = rng.uniform(0.02, 0.07)
        first, last = sorted((rng.uniform(0.0, 0.35), rng.uniform(0.55, 1.0)))
        t = np.linspace(first, last, 12)[:, None]
        curve = a * (1 - t) + b * t
        curve[:, 1] += sag * np.sin(np.pi * t[:, 0])
        folds.append((curve, float(rng.uniform(0.6, 0.85))))
    bundle: list[Curve] = [(moved(roll, 0.0, shift), 0.65) for shift in (0.014, 0.026)]
    outline = np.concatenate([roll, front, hem[::-1], back[::-1]])
    easel.part(outline, edges=[roll, front, back, hem], details=folds + bundle)
    if rng.random() < 0.6:
        _fall(easel, (0.1, -0.07), rng.uniform(0.2, 0.42), rng)


def _fall(easel: Easel, start: tuple[float, float], length: float, rng: Generator) -> None:
    """End of a cloth that hangs down, with a swallow-tail hem."""
    x, y = start
    wide = rng.uniform(0.05, 0.09)
    hem = np.array([
        [x - wide * 0.6, y + length], [x - wide * 0.2, y + length * 0.9], [x - wide * 0.1, y + length * 0.97],
        [x + wide * 0.2, y + length * 0.84], [x + wide * 0.3, y + length * 0.9], [x + wide * 0.6, y + length * 0.76],
    ])  # fmt: skip
    sides = [
        smooth_curve(np.array([[x - 0.02, y], [x - wide * 0.45, y + length * 0.5], hem[0]])),
        smooth_curve(np.array([[x + 0.025, y], [x + wide * 0.5, y + length * 0.4], hem[-1]])),
    ]
    folds = _falls(rng, np.array([[x - 0.015, y], [x + 0.02, y]]), hem, 6, 0.0)
    easel.part(np.concatenate([sides[0], hem, sides[1][::-1]]), edges=[*sides, hem], details=folds)


def draw_cloak(easel: Easel) -> None:
    """Draw a cloak that is pinned at the neck and falls behind the body.

    Parameters
    ----------
    easel : Easel
        Set up at the pelvis.
    """
    rng = easel.rng
    low, spread = rng.uniform(0.1, 0.33), rng.uniform(0.15, 0.24)
    blow = rng.normal(-0.04, 0.05)
    left = smooth_curve(
        np.array([[-0.05, -0.34], [-spread * 0.75, -0.25], [-spread + blow, 0.0], [-spread + 1.5 * blow, low]])
    )
    right = smooth_curve(
        np.array(
            [[0.05, -0.34], [spread * 0.7, -0.26], [spread * 0.85 + blow, 0.0], [spread * 0.8 + 1.5 * blow, low * 0.8]]
        )
    )
    hem = _zigzag(tuple(left[-1]), tuple(right[-1]), int(rng.integers(5, 9)), 0.02)
    top = np.array([[-0.05, -0.34], [0.05, -0.34]])
    folds = _falls(rng, top, hem, int(rng.integers(8, 16)), 0.04)
    easel.part(np.concatenate([left, hem, right[::-1]]), edges=[left, right, hem], details=folds)
