"""Colours and hatches of every picture: told apart in print, in grey, and by readers who do not see red and green."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError
from graven.types.labels import HATCHES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FALSE_ALARM",
    "HIT",
    "MISS",
    "OKABE_ITO",
    "UNKNOWN",
    "colormap",
    "hatch_mask",
    "hatch_pattern",
]

OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Class colours, in the order of the field's own convention (Okabe and Ito, 2008)."""

HIT, MISS, FALSE_ALARM = (255, 255, 255), (0, 114, 178), (230, 159, 0)
"""Evaluation overlay: found rightly white, missed blue, found wrongly orange."""

UNKNOWN = (214, 214, 210)
"""Grey of pixels about which nothing is known (outside the panel, transparent, nodata)."""

_MAPS = {"viridis": cv2.COLORMAP_VIRIDIS, "cividis": cv2.COLORMAP_CIVIDIS}


def colormap(name: str) -> NDArray[np.uint8]:
    """Give the 256 colours of a perceptually even scale.

    Parameters
    ----------
    name : {"viridis", "cividis"}
        Viridis for probability, cividis for uncertainty.

    Returns
    -------
    ndarray of shape (256, 3), uint8, 0 to 255
        Red, green, blue from low to high.

    Raises
    ------
    InputError
        If the name is unknown.

    Examples
    --------
    >>> colormap("viridis")[0].tolist()
    [68, 1, 84]
    """
    if name not in _MAPS:
        raise InputError(f"a colour scale must be one of {sorted(_MAPS)}, got {name!r}")
    bgr = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], _MAPS[name])[:, 0]
    return np.ascontiguousarray(bgr[:, ::-1], np.uint8)


def hatch_mask(name: str, shape: tuple[int, int], *, period_px: int = 8) -> NDArray[np.bool_]:
    """Draw a hatch as a pattern of pixels that repeats every `period_px`.

    Parameters
    ----------
    name : str
        One of `HATCHES`.
    shape : (int, int)
        Height and width of the picture in pixels.
    period_px : int, >= 4
        Distance between strokes.

    Returns
    -------
    ndarray of shape (H, W), bool
        True where ink lies. ``solid`` is ink everywhere; the others cover between a tenth and a half.

    Raises
    ------
    InputError
        If the name is unknown or the period too small.
    """
    _check_hatch(name)
    if period_px < 4:
        raise InputError(f"a hatch needs a period of at least 4 pixels, got {period_px}")
    row, col = np.ogrid[: shape[0], : shape[1]]
    stroke = max(1, period_px // 4)
    if name == "solid":
        return np.ones(shape, bool)
    if name == "horizontal":
        return np.broadcast_to(row % period_px < stroke, shape).copy()
    if name == "diagonal":
        return np.asarray((row + col) % period_px < stroke)
    if name == "cross":
        return np.asarray(((row + col) % period_px < stroke) | ((row - col) % period_px < stroke))
    # Dots on a staggered grid: every second row of dots is shifted by half a period.
    shift = (row // period_px % 2) * (period_px // 2)
    dy, dx = row % period_px - period_px / 2 + 0.5, (col + shift) % period_px - period_px / 2 + 0.5
    return np.asarray(dy * dy + dx * dx <= (0.25 * period_px) ** 2)


def hatch_pattern(name: str, color: str, *, pattern_id: str, period: float) -> str:
    """Write the same hatch as an SVG pattern.

    Parameters
    ----------
    name : str
        One of `HATCHES`.
    color : str
        ``#RRGGBB`` of the ink, as validated by `graven.types.ClassDefinition`.
    pattern_id : str
        Identifier, unique on the page, letters, digits and hyphens.
    period : float
        Distance between strokes in user units.

    Returns
    -------
    str
        A ``<pattern>`` element: a pale tint of the colour below the strokes, so that colour readers see the class and
        a black-and-white print keeps the hatch.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    _check_hatch(name)
    p, half = period, period / 2
    tint = f'<rect width="{p:g}" height="{p:g}" fill="{color}" fill-opacity="{0.85 if name == "solid" else 0.16:g}"/>'
    line = f'stroke="{color}" stroke-width="{p / 5:g}"'
    shapes = {
        "solid": "",
        "horizontal": f'<path d="M0 {half:g}H{p:g}" {line}/>',
        "diagonal": f'<path d="M0 {half:g}H{p:g}" {line}/>',
        "cross": f'<path d="M0 {half:g}H{p:g}M{half:g} 0V{p:g}" {line}/>',
        "dots": "".join(
            f'<circle cx="{x:g}" cy="{y:g}" r="{p / 6:g}" fill="{color}"/>'
            for x, y in ((p / 4, p / 4), (3 * p / 4, 3 * p / 4))
        ),
    }
    turn = ' patternTransform="rotate(-45)"' if name in {"diagonal", "cross"} else ""
    return (
        f'<pattern id="{pattern_id}" width="{p:g}" height="{p:g}" patternUnits="userSpaceOnUse"{turn}>'
        f"{tint}{shapes[name]}</pattern>"
    )


def _check_hatch(name: str) -> None:
    if name not in HATCHES:
        raise InputError(f"a hatch must be one of {list(HATCHES)}, got {name!r}")
