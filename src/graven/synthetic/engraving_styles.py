"""Hands of engravers: how wide, how deep, how sure their lines are."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STYLES", "TRAINING_STYLES", "UNSEEN_STYLES", "Style"]

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Style:
    """What tells one hand from another; ranges are drawn from once per mirror.

    Parameters
    ----------
    width_mm : tuple of two float, millimetres
        Mean full width of a contour.
    steepness : tuple of two float
        Depth of a line over its width.
    edge : tuple of two float
        Exponent of the profile across: 1 is a V, 2 a U, more a flat bottom.
    stroke_mm : tuple of two float, millimetres
        Length after which the burin is set anew.
    wobble_mm : float, millimetres
        How far the hand strays.
    taper_mm : tuple of two float, millimetres
        Length over which an end thins out.
    overshoot_mm : float, millimetres
        How far a stroke may run beyond its end.
    hatch_mm : float, millimetres
        Length of the shading along contours; 0 for none.
    dot_mm : tuple of two float, millimetres
        Distance and diameter of punched dots; (0, 0) for lines.
    """

    width_mm: Range
    steepness: Range
    edge: Range
    stroke_mm: Range
    wobble_mm: float
    taper_mm: Range
    overshoot_mm: float
    hatch_mm: float = 0.0
    dot_mm: Range = (0.0, 0.0)


STYLES: dict[str, Style] = {
    "archaic": Style((0.34, 0.46), (0.16, 0.3), (1.2, 2.4), (20, 60), 0.03, (0.3, 1.0), 0.1),
    "classical": Style((0.29, 0.4), (0.14, 0.3), (1.0, 2.0), (10, 35), 0.03, (0.6, 2.5), 0.25),
    "late": Style((0.28, 0.37), (0.12, 0.25), (1.0, 1.6), (6, 20), 0.05, (0.8, 3.0), 0.6),
    "cursory": Style((0.3, 0.44), (0.1, 0.26), (1.0, 2.6), (4, 14), 0.09, (0.4, 2.0), 1.0),
    "punched": Style((0.3, 0.4), (0.2, 0.35), (1.6, 2.4), (20, 60), 0.04, (0.2, 0.4), 0.0, dot_mm=(0.75, 0.36)),
    "hatched": Style((0.28, 0.37), (0.13, 0.28), (1.0, 1.8), (8, 25), 0.03, (0.6, 2.0), 0.3, hatch_mm=1.5),
}
UNSEEN_STYLES = ("punched", "hatched")
TRAINING_STYLES = tuple(name for name in STYLES if name not in UNSEEN_STYLES)
