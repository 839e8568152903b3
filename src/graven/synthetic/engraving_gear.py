"""What people carry and have: spears, swords, shields, staffs, vessels, flowers, and wings.

What is held is drawn in the frame of the person, with the wrist as origin.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.engraving_curves import moved, ring
from graven.synthetic.pen import smooth_curve

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.synthetic.engraving_sheet import Easel

__all__ = ["HELD", "draw_held", "draw_wings"]

Curve = tuple["NDArray[np.float64]", float]


def draw_held(easel: Easel, name: str, *, near: bool) -> None:
    """Draw what a hand holds.

    Parameters
    ----------
    easel : Easel
        Set up at the wrist; the unit is the height of a person.
    name : str
        One of `HELD`, or ``none``.
    near : bool
        Whether it is the hand towards the viewer.
    """
    if name in HELD:
        HELD[name](easel.at(0.02, 0.02, mirror=not near and easel.rng.random() < 0.3))


def _shaft(easel: Easel, top: float, bottom: float, half: float = 0.006) -> None:
    outline = np.array([[-half, top], [half, top], [half, bottom], [-half, bottom]])
    easel.part(outline, edges=[outline[[0, 3]], outline[[1, 2]]], weight=0.8)


def _spear(easel: Easel) -> None:
    lean = easel.at(0, 0, 1, easel.rng.normal(0, 0.16))
    tip = -easel.rng.uniform(0.42, 0.6)
    blade = smooth_curve(
        np.array(
            [
                [0.0, tip - 0.1],
                [0.019, tip - 0.045],
                [0.007, tip],
                [-0.007, tip],
                [-0.019, tip - 0.045],
                [0.0, tip - 0.1],
            ]
        )
    )
    lean.part(blade, details=[(np.array([[0.0, tip - 0.09], [0.0, tip]]), 0.6)], weight=0.85)
    _shaft(lean, tip, easel.rng.uniform(0.3, 0.5))


def _staff(easel: Easel) -> None:
    """Staff with a cone or a knob, and a ribbon."""
    lean = easel.at(0, 0, 1, easel.rng.normal(0, 0.14))
    tip = -easel.rng.uniform(0.25, 0.45)
    cone = smooth_curve(
        np.array(
            [
                [0.0, tip - 0.085],
                [0.03, tip - 0.04],
                [0.018, tip],
                [-0.018, tip],
                [-0.03, tip - 0.04],
                [0.0, tip - 0.085],
            ]
        )
    )
    net: list[Curve] = [(np.array([[-0.03, tip - y], [0.03, tip - y - 0.03]]), 0.5) for y in (0.0, 0.02, 0.04)]
    net += [(curve * [-1, 1], light) for curve, light in net]
    lean.part(cone, details=net, weight=0.8)
    for side in (-1, 1):
        lean.line([(0, tip), (side * 0.03, tip + 0.04), (side * 0.02, tip + 0.09), (side * 0.045, tip + 0.12)], 0.65)
    _shaft(lean, tip, easel.rng.uniform(0.3, 0.5), 0.005)


def _sword(easel: Easel) -> None:
    lean = easel.at(0, 0, 1, easel.rng.uniform(-1.2, 2.6))
    blade = smooth_curve(
        np.array(
            [
                [-0.009, -0.03],
                [-0.014, -0.15],
                [-0.012, -0.22],
                [0.0, -0.28],
                [0.012, -0.22],
                [0.014, -0.15],
                [0.009, -0.03],
            ]
        )
    )
    lean.part(blade, details=[(np.array([[0.0, -0.26], [0.0, -0.03]]), 0.6)], weight=0.85)
    lean.part(np.array([[-0.03, -0.03], [0.03, -0.03], [0.03, -0.018], [-0.03, -0.018]]), weight=0.75)
    lean.part(ring(0, 0.04, 0.012), weight=0.75)


def _shield(easel: Easel) -> None:
    """Round shield with rim and device."""
    rng = easel.rng
    radius = rng.uniform(0.12, 0.2)
    squeeze = 1.0 if rng.random() < 0.5 else rng.uniform(0.55, 0.9)
    curves: list[Curve] = [(ring(0, 0, radius * squeeze * share, radius * share), 0.75) for share in (0.84, 0.8)]
    kind = int(rng.integers(4))
    if kind == 0:
        n_rays = int(rng.integers(6, 13))
        angle = np.linspace(0, 2 * math.pi, 2 * n_rays + 1)
        reach = np.where(np.arange(2 * n_rays + 1) % 2, 0.68, 0.25) * radius
        curves.append((np.stack([reach * squeeze * np.cos(angle), reach * np.sin(angle)], 1), 0.7))
        curves.append((ring(0, 0, 0.12 * radius * squeeze, 0.12 * radius), 0.7))
    elif kind == 1:
        angle = np.linspace(0, 2 * math.pi, int(rng.integers(14, 30)), endpoint=False)
        curves += [
            (ring(0.9 * radius * squeeze * math.cos(a), 0.9 * radius * math.sin(a), 0.03 * radius), 0.5) for a in angle
        ]
        curves += [(ring(0, 0, radius * squeeze * share, radius * share), 0.7) for share in (0.3, 0.26)]
    elif kind == 2:
        for turn in np.linspace(0, 2 * math.pi, 3, endpoint=False):
            t = np.linspace(0, 1, 14)
            angle = turn + 2.2 * t
            curves.append(
                (np.stack([0.7 * radius * squeeze * t * np.cos(angle), 0.7 * radius * t * np.sin(angle)], 1), 0.8)
            )
    else:
        curves += [(ring(0, 0, radius * squeeze * share, radius * share), 0.7) for share in (0.55, 0.5, 0.12)]
    easel.part(ring(0, 0, radius * squeeze, radius), details=curves)


def _flower(easel: Easel) -> None:
    rng = easel.rng
    top = -rng.uniform(0.08, 0.16)
    for petal in (-0.6, -0.3, 0.0, 0.3, 0.6):
        leaf = easel.at(0.012, top, 0.055, petal)
        leaf.part(smooth_curve(np.array([[0, 0], [0.3, -0.5], [0.0, -1.0], [-0.3, -0.5], [0, 0]])), weight=0.7)
    easel.line([(0.012, top), (0.0, top / 2), (0.01, 0.05)], 0.75)


def _vessel(easel: Easel) -> None:
    """Bowl, jug or flask."""
    rng = easel.rng
    kind = int(rng.integers(3))
    if kind == 0:
        bowl = smooth_curve(np.array([[-0.06, -0.02], [-0.045, 0.012], [0.0, 0.022], [0.045, 0.012], [0.06, -0.02]]))
        easel.part(np.concatenate([bowl, bowl[:1]]), details=[(np.array([[-0.055, -0.008], [0.055, -0.008]]), 0.6)])
        return
    tall, wide = (0.15, 0.03) if kind == 1 else (0.1, 0.04)
    body = np.array(
        [[-0.018, -tall / 2], [-0.012, -tall * 0.3], [-wide, 0.0], [-wide * 0.8, tall * 0.35], [-0.015, tall / 2]]
    )
    left = smooth_curve(body)
    right = left * [-1, 1]
    bands: list[Curve] = [(np.array([[-0.06, y], [0.06, y]]), 0.6) for y in (-tall * 0.3, -0.01, 0.01)]
    easel.part(np.concatenate([left, right[::-1]]), details=bands, weight=0.85)
    if kind == 2:
        easel.line([(0.015, -tall * 0.4), (0.06, -tall * 0.35), (0.045, 0.0)], 0.8)


def _mirror(easel: Easel) -> None:
    radius = easel.rng.uniform(0.045, 0.065)
    _shaft(easel, -0.07, 0.03, 0.007)
    easel.part(ring(0, -0.07 - radius, radius), details=[(ring(0, -0.07 - radius, radius * 0.8), 0.6)], weight=0.9)


def _ribbon(easel: Easel) -> None:
    rng = easel.rng
    sway = rng.normal(0, 0.02, 5)
    y = np.linspace(0, rng.uniform(0.16, 0.3), 5)
    middle = smooth_curve(np.stack([sway, y], 1))
    easel.part(
        np.concatenate([moved(middle, -0.01, 0.0), moved(middle, 0.01, 0.0)[::-1]]), details=[(middle, 0.5)], weight=0.7
    )
    for dx in (-0.008, 0.0, 0.008):
        easel.line([(middle[-1, 0] + dx, middle[-1, 1]), (middle[-1, 0] + 1.6 * dx, middle[-1, 1] + 0.025)], 0.6)


def _bird(easel: Easel) -> None:
    """Dove or swan that sits on the hand."""
    rng = easel.rng
    neck = rng.uniform(0.02, 0.09)
    body = easel.at(0, -0.02, 0.9)
    body.part(ring(0.085, -0.05 - neck, 0.017, 0.014), details=[(ring(0.09, -0.052 - neck, 0.003), 0.5)], weight=0.75)
    body.line([(0.1, -0.05 - neck), (0.125, -0.044 - neck), (0.1, -0.042 - neck)], 0.65)
    trunk = smooth_curve(np.array([
        [0.075, -0.045 - neck], [0.06, -0.03], [0.02, -0.035], [-0.07, -0.03], [-0.15, -0.01], [-0.08, 0.01],
        [0.0, 0.03], [0.06, 0.02], [0.09, -0.01], [0.093, -0.038 - neck],
    ]))  # fmt: skip
    feathers: list[Curve] = [
        (smooth_curve(np.array([[0.03, -0.01 + shift], [-0.03, 0.004 + shift], [-0.1, -0.008 + 0.4 * shift]])), 0.6)
        for shift in (-0.012, 0.0, 0.012)
    ]
    body.part(trunk, details=feathers, weight=0.8)


HELD: dict[str, Callable[[Easel], None]] = {
    "spear": _spear,
    "staff": _staff,
    "sword": _sword,
    "shield": _shield,
    "flower": _flower,
    "vessel": _vessel,
    "mirror": _mirror,
    "ribbon": _ribbon,
    "bird": _bird,
}


def draw_wings(easel: Easel) -> None:
    """Draw a pair of wings behind the shoulders: coverts as scales, quills as long curved feathers.

    Parameters
    ----------
    easel : Easel
        Set up at the pelvis; the unit is the height of a person.
    """
    rng = easel.rng
    raised = rng.uniform(-0.5, 0.7)
    size = rng.uniform(0.42, 0.6)
    for side in (-1, 1):
        wing = easel.at(0.03 * side, -0.27, size, raised * side, mirror=side < 0)
        lead = smooth_curve(np.array([[0.0, 0.0], [0.2, -0.2], [0.45, -0.22], [0.72, -0.02], [0.9, 0.3]]))
        trail = smooth_curve(np.array([[0.9, 0.3], [0.7, 0.3], [0.5, 0.26], [0.3, 0.25], [0.05, 0.16]]))
        outline = np.concatenate([lead, trail])
        details: list[Curve] = []
        fold = smooth_curve(np.array([[0.02, 0.06], [0.22, -0.04], [0.45, -0.04], [0.66, 0.12]]))
        details += [(fold, 0.75), (moved(fold, 0.0, 0.025), 0.65)]
        n_quills = int(rng.integers(8, 15))
        for share in np.linspace(0.05, 1.0, n_quills):
            a, b = fold[int(share * (len(fold) - 1))], trail[::-1][int(share * (len(trail) - 1))]
            details.append((smooth_curve(np.stack([a, (a + b) / 2 + [0.02, -0.015], b])), 0.7))
        for row in range(3):
            for column in range(9):
                x = 0.08 + 0.06 * column + 0.03 * (row % 2)
                y = -0.005 - 0.045 * row - 0.09 * math.sin(math.pi * min(1.0, x / 0.8)) + 0.09 * max(0.0, x - 0.45)
                details.append((smooth_curve(np.array([[x - 0.03, y], [x, y + 0.045], [x + 0.03, y]])), 0.55))
        wing.part(outline, edges=[lead, trail], details=details)
