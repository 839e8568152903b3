"""Heads in profile as Etruscan engravers drew them: one line from brow to nose, an almond eye, hair and what is on it.

The unit is the height of a head from chin to crown; the origin is its middle, and it looks to the right.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.engraving_curves import moved, ring
from graven.synthetic.pen import smooth_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.engraving_sheet import Easel
    from graven.synthetic.pen import Points

__all__ = ["HEADGEAR", "draw_head"]

Generator = np.random.Generator
Curve = tuple["NDArray[np.float64]", float]
HEADGEAR = ("none", "diadem", "wreath", "helmet", "cap", "hat")


def draw_head(easel: Easel, *, female: bool, headgear: str) -> None:
    """Draw a head with its neck.

    Parameters
    ----------
    easel : Easel
        Set up in the middle of the head.
    female : bool
        Whether she wears her hair long or tied, and jewels; men may have a beard.
    headgear : str
        One of `HEADGEAR`.
    """
    rng = easel.rng
    if headgear == "helmet":
        _helmet(easel)
    elif headgear == "cap":
        _cap(easel)
    elif headgear == "hat":
        _hat(easel)
    elif headgear == "wreath":
        _wreath(easel)
    elif headgear == "diadem":
        _diadem(easel)
    bearded = not female and rng.random() < 0.3
    if bearded:
        _beard(easel)
    _ear(easel, jewel=female)
    _hair(easel, female=female, tied=female and rng.random() < 0.6)
    _face(easel)


def _jitter(rng: Generator, points: Points, size: float = 0.008) -> NDArray[np.float64]:
    return np.asarray(points, np.float64) + rng.normal(0, size, (len(points), 2))


def _face(easel: Easel) -> None:
    """Profile, eye and neck."""
    rng = easel.rng
    nose = rng.uniform(0.415, 0.455)
    chin = rng.uniform(0.36, 0.41)
    brow = smooth_curve(_jitter(rng, [(0.27, -0.33), (0.325, -0.18), (0.335, -0.06), (0.39, 0.03), (nose, 0.11)]))
    base = smooth_curve(_jitter(rng, [(nose, 0.11), (nose - 0.035, 0.15), (0.365, 0.155)], 0.004))
    lips = smooth_curve(
        _jitter(rng, [(0.365, 0.155), (0.405, 0.205), (0.36, 0.235), (0.39, 0.27), (0.345, 0.315)], 0.005)
    )
    jaw = smooth_curve(
        _jitter(rng, [(0.345, 0.315), (chin, 0.39), (chin - 0.06, 0.475), (0.18, 0.46), (0.04, 0.38)], 0.006)
    )
    throat = smooth_curve(np.array([[0.12, 0.45], [0.08, 0.6], [0.11, 0.78], [0.2, 0.92]]))
    nape = smooth_curve(np.array([[-0.3, 0.3], [-0.27, 0.5], [-0.3, 0.7], [-0.42, 0.86]]))
    outline = np.concatenate([brow, base, lips, jaw[:-4], throat, nape[::-1], ring(-0.02, -0.06, 0.4, 0.44)[12:26]])
    details: list[Curve] = [
        (smooth_curve(np.array([[0.36, 0.236], [0.31, 0.245], [0.29, 0.235]])), 0.8),
        (smooth_curve(np.array([[nose - 0.05, 0.1], [nose - 0.08, 0.125], [nose - 0.07, 0.15]])), 0.7),
        (smooth_curve(np.array([[0.29, -0.1], [0.2, -0.145], [0.1, -0.12]])), 0.85),
    ]
    lid = [(0.275, -0.025), (0.21, -0.075), (0.14, -0.06), (0.09, -0.015)]
    details.append((smooth_curve(_jitter(rng, lid, 0.004)), 0.9))
    details.append((smooth_curve(np.array([[0.275, -0.025], [0.2, 0.015], [0.09, -0.015]])), 0.7))
    details.append((ring(0.215, -0.035, 0.032), 0.6))
    if rng.random() < 0.4:  # rings of Venus
        details += [(smooth_curve(np.array([[-0.2, y], [-0.05, y + 0.04], [0.09, y]])), 0.6) for y in (0.58, 0.68)]
    if rng.random() < 0.35:  # necklace
        details += [
            (smooth_curve(np.array([[-0.28, y], [-0.08, y + 0.12], [0.13, y + 0.03]])), 0.7) for y in (0.7, 0.75)
        ]
    easel.part(outline, edges=[brow, base, lips, jaw, throat, nape], details=details, weight=0.9)


def _ear(easel: Easel, *, jewel: bool) -> None:
    rng = easel.rng
    ear = smooth_curve(
        _jitter(
            rng,
            [(0.0, 0.03), (-0.03, -0.07), (-0.1, -0.09), (-0.14, -0.02), (-0.1, 0.08), (-0.05, 0.13), (-0.01, 0.08)],
        )
    )
    inner = smooth_curve(np.array([[-0.03, -0.02], [-0.08, -0.04], [-0.09, 0.03], [-0.05, 0.06]]))
    easel.part(ear, edges=[ear], details=[(inner, 0.6)], weight=0.75)
    if jewel and rng.random() < 0.75:
        radius = rng.uniform(0.04, 0.065)
        easel.circle(-0.05, 0.15 + radius, radius, 0.7)
        if rng.random() < 0.5:
            easel.line(
                [
                    (-0.05, 0.15 + 2 * radius),
                    (-0.075, 0.2 + 3 * radius),
                    (-0.025, 0.2 + 3 * radius),
                    (-0.05, 0.15 + 2 * radius),
                ],
                0.6,
            )


def _hair(easel: Easel, *, female: bool, tied: bool) -> None:
    """Draw the cap of hair with its strands, and a knot or locks."""
    rng = easel.rng
    locks = "tied" if tied else str(rng.choice(["long", "short"] if female else ["short", "short", "long"]))
    if locks == "tied":
        knot = ring(-0.47, 0.02, rng.uniform(0.1, 0.16), rng.uniform(0.09, 0.14))
        swirl = [(ring(-0.47, 0.02, r), 0.6) for r in (0.05, 0.085)]
        easel.part(knot, details=swirl, weight=0.85)
    if locks == "long":
        for number in range(int(rng.integers(2, 5))):
            x = -0.16 - 0.07 * number
            sway = rng.normal(0, 0.03, 4)
            y = np.array([0.15, 0.4, 0.65, 0.9 + rng.normal(0, 0.08)])
            side = smooth_curve(np.stack([x + sway + 0.03 * np.array([0, 1, -1, 1]), y], 1))
            easel.line(side, 0.75, straight=True)
    rim = smooth_curve(
        _jitter(
            rng, [(0.28, -0.3), (0.19, -0.22), (0.06, -0.17), (-0.02, -0.05), (-0.1, 0.13), (-0.2, 0.22), (-0.31, 0.28)]
        )
    )
    bulge = rng.uniform(0.42, 0.5)
    crown = smooth_curve(
        np.array(
            [
                [-0.31, 0.28],
                [-bulge, 0.05],
                [-bulge + 0.02, -0.2],
                [-0.26, -0.44],
                [0.0, -0.53],
                [0.2, -0.46],
                [0.3, -0.31],
            ]
        )
    )
    details: list[Curve] = []
    curly = rng.random() < 0.4
    if curly:
        for x, y in _scatter(rng, 26):
            turns = np.linspace(0, rng.uniform(6, 9), 16)
            radius = np.linspace(0.012, 0.055, 16)
            turns = turns * (1 if rng.random() < 0.5 else -1) + rng.uniform(0, 6)
            details.append((np.stack([x + radius * np.cos(turns), y + radius * np.sin(turns)], 1), 0.6))
    else:
        n_strands = int(rng.integers(9, 20))
        wave = rng.uniform(0.0, 0.02)
        for share in np.linspace(0.06, 0.94, n_strands):
            start = rim[int(share * (len(rim) - 1))]
            stop = crown[::-1][int(min(share * 1.05, 1.0) * (len(crown) - 1))]
            t = np.linspace(0.02, rng.uniform(0.8, 1.0), 14)[:, None]
            bend = np.array([[-0.1, -0.08]]) * np.sin(math.pi * t) * (1 - share)
            curve = start * (1 - t) + stop * t + bend
            curve[:, 0] += wave * np.sin(t[:, 0] * 22 + share * 30)
            details.append((curve, 0.62))
    easel.part(np.concatenate([rim, crown]), edges=[crown, rim], details=details, weight=0.85)


def _scatter(rng: Generator, n_points: int) -> NDArray[np.float64]:
    """Points over the cap of hair on a spiral, so that no two lie on one another."""
    turn = np.arange(n_points) * 2.39996 + rng.uniform(0, 6)
    radius = 0.44 * np.sqrt((np.arange(n_points) + 0.5) / n_points)
    return np.stack([-0.1 + radius * np.cos(turn), -0.13 + radius * np.sin(turn)], 1)


def _beard(easel: Easel) -> None:
    rng = easel.rng
    tip = rng.uniform(0.62, 0.85)
    front = smooth_curve(np.array([[0.36, 0.32], [0.43, 0.45], [0.34, tip]]))
    back = smooth_curve(np.array([[0.34, tip], [0.12, 0.6], [-0.04, 0.3], [-0.04, 0.13]]))
    cheek = smooth_curve(np.array([[-0.04, 0.13], [0.1, 0.27], [0.25, 0.25], [0.36, 0.32]]))
    hair: list[Curve] = [
        (smooth_curve(np.array([[x, 0.26], [x + 0.06, 0.42], [x * 0.5 + 0.2, tip - 0.05]])), 0.6)
        for x in np.linspace(0.02, 0.36, int(rng.integers(5, 9)))
    ]
    easel.part(np.concatenate([front, back, cheek]), edges=[front, back, cheek], details=hair, weight=0.8)


def _helmet(easel: Easel) -> None:
    """Attic helmet, often with a crest and a raised cheek-piece."""
    rng = easel.rng
    if rng.random() < 0.8:
        rise = rng.uniform(0.14, 0.24)
        outer = smooth_curve(
            np.array(
                [[0.28, -0.58 - rise], [0.0, -0.66 - rise], [-0.36, -0.5 - rise * 0.8], [-0.62, -0.1], [-0.68, 0.35]]
            )
        )
        inner = smooth_curve(np.array([[-0.56, 0.36], [-0.5, -0.1], [-0.3, -0.45], [0.0, -0.58], [0.24, -0.5]]))
        n_lines = int(rng.integers(12, 26))
        step = np.linspace(0, 1, n_lines)
        at = (step * (len(outer) - 1)).astype(int)
        hairs: list[Curve] = [(np.stack([outer[a], inner[::-1][min(a, len(inner) - 1)]]), 0.55) for a in at]
        easel.part(np.concatenate([outer, inner]), details=hairs, weight=0.9)
    shell = smooth_curve(
        np.array(
            [[0.36, -0.22], [0.3, -0.44], [0.02, -0.57], [-0.32, -0.46], [-0.46, -0.14], [-0.42, 0.16], [-0.5, 0.34]]
        )
    )
    rim = smooth_curve(np.array([[-0.5, 0.34], [-0.26, 0.2], [-0.12, -0.02], [0.02, -0.16], [0.36, -0.22]]))
    band = moved(rim, -0.02, -0.05)
    scroll = np.linspace(0, 9, 24)
    volute = np.stack([-0.2 + 0.011 * scroll * np.cos(scroll), -0.2 + 0.011 * scroll * np.sin(scroll)], 1)
    easel.part(np.concatenate([shell, rim]), details=[(band, 0.7), (volute, 0.7)], weight=0.95)


def _cap(easel: Easel) -> None:
    """Phrygian cap with a bent tip and flaps."""
    rng = easel.rng
    tip = rng.uniform(0.2, 0.36)
    outline = smooth_curve(
        np.array([
            [0.32, -0.24], [0.3, -0.5], [tip, -0.78], [tip + 0.1, -0.68], [tip + 0.02, -0.62], [-0.02, -0.68],
            [-0.36, -0.42], [-0.45, -0.05], [-0.4, 0.32], [-0.24, 0.3], [-0.14, 0.02], [0.04, -0.16], [0.32, -0.24],
        ])
    )  # fmt: skip
    folds: list[Curve] = [
        (smooth_curve(np.array([[0.2, -0.55], [0.0, -0.5], [-0.2 - shift, -0.3]])), 0.6) for shift in (0.0, 0.1, 0.2)
    ]
    dots: list[Curve] = [(ring(x, y, 0.025), 0.5) for x, y in rng.uniform((-0.35, -0.5), (0.2, -0.2), (6, 2))]
    easel.part(outline, details=folds + (dots if rng.random() < 0.5 else []))


def _hat(easel: Easel) -> None:
    """Broad hat of a traveller, with a wing now and then."""
    rng = easel.rng
    if rng.random() < 0.5:
        for number in range(5):
            y = -0.5 - 0.05 * number
            easel.line([(-0.1, -0.42), (-0.25 - 0.05 * number, y - 0.1), (-0.45 - 0.04 * number, y - 0.14)], 0.65)
    crown = smooth_curve(np.array([[0.3, -0.3], [0.2, -0.55], [-0.1, -0.62], [-0.36, -0.45], [-0.42, -0.22]]))
    brim = smooth_curve(np.array([[0.56, -0.22], [0.2, -0.32], [-0.3, -0.26], [-0.62, -0.08]]))
    under = smooth_curve(np.array([[-0.62, -0.08], [-0.2, -0.18], [0.25, -0.24], [0.56, -0.22]]))
    easel.part(np.concatenate([brim, under]), weight=0.9)
    easel.part(np.concatenate([crown, brim[::-1]]), edges=[crown])


def _wreath(easel: Easel) -> None:
    rng = easel.rng
    for share in np.linspace(0.0, 1.0, int(rng.integers(7, 11))):
        x, y = 0.3 - 0.72 * share, -0.28 - 0.17 * math.sin(math.pi * share) + 0.25 * share**3
        turn = math.pi + rng.normal(0.0, 0.12) - 0.5 + 1.1 * share
        leaf = easel.at(x, y, rng.uniform(0.15, 0.2), turn)
        half = np.array([[0.0, 0.0], [0.4, -0.22], [1.0, -0.05], [0.45, 0.18], [0.0, 0.0]])
        leaf.part(smooth_curve(half), details=[(np.array([[0.0, 0.0], [0.8, -0.03]]), 0.5)], weight=0.65)


def _diadem(easel: Easel) -> None:
    rng = easel.rng
    lower = smooth_curve(np.array([[0.31, -0.28], [0.05, -0.33], [-0.22, -0.2], [-0.42, 0.02]]))
    height = rng.uniform(0.07, 0.13)
    upper = lower + np.array([0.0, -height])
    upper[: len(upper) // 2, 1] -= np.linspace(0.08 * rng.random(), 0, len(upper) // 2)
    middle = (lower + upper) / 2
    beads: list[Curve] = [(ring(x, y, 0.022), 0.5) for x, y in middle[2:-2:3]]
    easel.part(np.concatenate([lower, upper[::-1]]), edges=[lower, upper], details=beads, weight=0.75)
