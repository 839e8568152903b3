"""The rose of directions: how much crack runs which way, as a drawing that needs no colour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup

from graven.errors import InputError
from graven.report.format import format_share

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["draw_rose"]

_R, _MARGIN = 100.0, 34.0


def draw_rose(lengths: Sequence[float]) -> Markup:
    """Draw lengths by direction as wedges whose **area** is their share of the whole.

    Parameters
    ----------
    lengths : sequence of float, >= 0
        Length in each bin; bins share 180 degrees evenly and run counter-clockwise from the right of the picture.

    Returns
    -------
    Markup
        Inline SVG. A line has no sense, so every wedge stands on both sides. The outer ring is the largest share, the
        dashed one is what each bin would have without any preference.

    Raises
    ------
    InputError
        If there is no length at all, or one is negative or not finite.
    """
    total = math.fsum(lengths)
    if not (math.isfinite(total) and total > 0 and min(lengths) >= 0):
        raise InputError("a rose of directions needs lengths of which at least one is positive")
    shares = [length / total for length in lengths]
    most, step = max(shares), math.pi / len(lengths)
    wedges = "".join(
        _wedge(_R * math.sqrt(share / most), first, first + step)
        for k, share in enumerate(shares)
        for first in (k * step, k * step + math.pi)
        if share > 0
    )
    even = _R * math.sqrt(1 / len(lengths) / most)
    size = _R + _MARGIN
    names = ((0, "0°"), (45, "45°"), (90, "90°"), (135, "135°"))
    labels = "".join(_label(degrees, name) for degrees, name in names)
    peak = max(range(len(shares)), key=lambda k: shares[k])
    degrees = math.degrees(step)
    spoken = f"Most, {format_share(most)}, runs between {degrees * peak:g} and {degrees * (peak + 1):g} degrees."
    return Markup(
        f'<svg class="rose" viewBox="{-size:g} {-size:g} {2 * size:g} {2 * size:g}" role="img" '
        'aria-labelledby="rose-title rose-desc"><title id="rose-title">Directions of cracks</title>'
        f'<desc id="rose-desc">{spoken}</desc>'
        f'<g fill="none" stroke="#9aa0a6" stroke-width="0.8"><circle r="{_R:g}"/>'
        f'<path d="M{-_R:g} 0H{_R:g}M0 {-_R:g}V{_R:g}"/></g>'
        f'<g fill="#5b6770" stroke="#fff" stroke-width="0.7" stroke-linejoin="round">{wedges}</g>'
        f'<circle r="{even:.1f}" fill="none" stroke="#111" stroke-width="0.9" stroke-dasharray="4 3"/>'
        f'<g font-size="11" fill="#111">{labels}</g></svg>'
    )


def _wedge(radius: float, first: float, last: float) -> str:
    """Angles run counter-clockwise, y points down."""
    x0, y0 = radius * math.cos(first), -radius * math.sin(first)
    x1, y1 = radius * math.cos(last), -radius * math.sin(last)
    return f'<path d="M0 0L{x0:.1f} {y0:.1f}A{radius:.1f} {radius:.1f} 0 0 0 {x1:.1f} {y1:.1f}z"/>'


def _label(degrees: float, name: str) -> str:
    turn = math.radians(degrees)
    x, y = (_R + 8) * math.cos(turn), -(_R + 8) * math.sin(turn)
    anchor = "start" if x > 1 else "end" if x < -1 else "middle"
    return f'<text x="{x:.1f}" y="{y + (4 if degrees == 0 else 0):.1f}" text-anchor="{anchor}">{name}</text>'
