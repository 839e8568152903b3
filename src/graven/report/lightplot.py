"""Where the lights of a stack stand, as a small drawing: the sky above the object, seen from the camera."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from graven.errors import InputError

if TYPE_CHECKING:
    from graven.types import Lights

__all__ = ["azimuth_deg", "draw_lights"]

_R, _MARGIN = 100.0, 26.0
_RINGS = (0, 30, 60)
_MAX_NUMBERED = 40


def draw_lights(lights: Lights) -> Markup:
    """Draw the directions of lights: the middle is straight above, the rim is level with the object.

    Parameters
    ----------
    lights : Lights
        Far or near; near ones are drawn as the centre of the image sees them.

    Returns
    -------
    Markup
        Inline SVG, right is right and up is up in the image. A dot's area is the strength at the object; up to 40
        lights are numbered in their order.

    Raises
    ------
    InputError
        If there is no light.
    """
    if not len(lights):
        raise InputError("a drawing of lights needs at least one, got none")
    seen = lights.at_centre()
    share = (90 - lights.elevations_deg) / 90
    azimuth = np.deg2rad(azimuth_deg(lights))
    strength = seen.strengths / seen.strengths.max()
    size = _R + _MARGIN
    rings = "".join(f'<circle r="{_R * (90 - ring) / 90:g}"/>' for ring in _RINGS)
    dots, labels = [], []
    for number, (r, a, s) in enumerate(zip(share, azimuth, strength, strict=True), start=1):
        x, y = _R * r * math.cos(a), -_R * r * math.sin(a)
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.2 + 2.6 * math.sqrt(s):.2f}"/>')
        if len(lights) <= _MAX_NUMBERED:
            labels.append(f'<text x="{x + 4.5:.1f}" y="{y - 3:.1f}">{number}</text>')
    heights = "".join(f'<text x="2" y="{-_R * (90 - ring) / 90 + 9:.1f}">{ring}°</text>' for ring in _RINGS)
    low, high = float(lights.elevations_deg.min()), float(lights.elevations_deg.max())
    return Markup(
        f'<svg class="rose" viewBox="{-size:g} {-size:g} {2 * size:g} {2 * size:g}" role="img" '
        'aria-labelledby="lights-title lights-desc"><title id="lights-title">Directions of the lights</title>'
        f'<desc id="lights-desc">{len(lights)} lights between {low:.0f} and {high:.0f} degrees above the object.</desc>'
        f'<g fill="none" stroke="#9aa0a6" stroke-width="0.8">{rings}<path d="M{-_R:g} 0H{_R:g}M0 {-_R:g}V{_R:g}"/></g>'
        f'<g font-size="8" fill="#6b7278">{heights}</g><g fill="#b35900" stroke="#fff" stroke-width="0.6">'
        f'{"".join(dots)}</g><g font-size="8.5" fill="#111">{"".join(labels)}</g></svg>'
    )


def azimuth_deg(lights: Lights) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Give where lights stand around the object, counter-clockwise from the right of the image, 0 to 360."""
    towards = lights.towards
    return np.asarray(np.rad2deg(np.arctan2(towards[:, 1], towards[:, 0])) % 360, np.float64)
