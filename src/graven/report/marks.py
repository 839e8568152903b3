"""What stands beside a picture so that it can be measured and turned: scale bar, direction arrow, colour bar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from graven.report.format import UNIT_SPACE, format_number
from graven.report.palette import colormap
from graven.report.units import round_length

if TYPE_CHECKING:
    from graven.types import Georeference, PixelSize

__all__ = ["Arrow", "ScaleBar", "arrow", "color_bar", "length_label", "scale_bar"]


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A scale bar below a picture.

    Attributes
    ----------
    share : float, 0 to 1
        Length as a share of the picture's width.
    label : str
        Round length with its unit.
    is_metric : bool
        False for a bar in pixels, which is printed in red.
    n_parts : int
        Alternating black and white parts.
    """

    share: float
    label: str
    is_metric: bool
    n_parts: int

    @property
    def svg(self) -> Markup:
        """The bar itself, as wide as its share of what holds it; the label stands beside it."""
        ink = "#111" if self.is_metric else "#a3260c"
        parts = "".join(
            f'<rect x="{i}" y="0" width="1" height="1" fill="{ink if i % 2 == 0 else "#fff"}"/>'
            for i in range(self.n_parts)
        )
        return Markup(
            f'<svg class="bar" style="width:{100 * self.share:.3f}%" viewBox="0 0 {self.n_parts} 1" '
            f'preserveAspectRatio="none" aria-hidden="true">{parts}'
            f'<rect x="0" y="0" width="{self.n_parts}" height="1" fill="none" stroke="{ink}" stroke-width="1" '
            'vector-effect="non-scaling-stroke"/></svg>'
        )


def scale_bar(width_px: int, pixel_size: PixelSize | None, *, longest_share: float = 0.35) -> ScaleBar:
    """Choose a scale bar of round length for a picture of the whole raster.

    Parameters
    ----------
    width_px : int, pixels
        Width of the raster at full size.
    pixel_size : PixelSize or None
        None gives a bar in pixels.
    longest_share : float, 0 to 1
        The bar is the longest round length within this share of the width.

    Returns
    -------
    ScaleBar
        In millimetres below 1 cm, centimetres below 1 m, metres from there on.

    Examples
    --------
    >>> from graven.types import PixelSize
    >>> scale_bar(8000, PixelSize(0.5, 0.5, "user")).label.replace(UNIT_SPACE, " ")
    '1 m'
    >>> scale_bar(8000, None).label.replace(UNIT_SPACE, " ")
    '2000 pixels'
    """
    full = width_px * (1.0 if pixel_size is None else pixel_size.x_mm)
    length = round_length(full * longest_share)
    leading = length / 10 ** math.floor(math.log10(length) + 1e-9)
    n_parts = 4 if round(leading) in {2, 4} else 5
    label = f"{format_number(length, 0)}{UNIT_SPACE}pixels" if pixel_size is None else length_label(length)
    return ScaleBar(length / full, label, pixel_size is not None, n_parts)


def length_label(length_mm: float) -> str:
    """Print a round length in mm, cm or m.

    Examples
    --------
    >>> [length_label(v).replace(UNIT_SPACE, " ") for v in (0.5, 5.0, 50.0, 2000.0)]
    ['0.5 mm', '5 mm', '5 cm', '2 m']
    """
    for least, unit in ((1000.0, "m"), (10.0, "cm")):
        if length_mm >= least:
            return f"{length_mm / least:g}{UNIT_SPACE}{unit}"
    return f"{length_mm:g}{UNIT_SPACE}mm"


@dataclass(frozen=True, slots=True)
class Arrow:
    """A direction arrow.

    Attributes
    ----------
    label : str
        ``N`` for grid north, ``Y`` for the second axis of a local frame, ``up`` for the top of a plain picture.
    angle_deg : float
        Clockwise from the top of the picture.
    """

    label: str
    angle_deg: float

    @property
    def svg(self) -> Markup:
        """A small arrow, turned; the letter stays upright beside it."""
        return Markup(
            '<svg class="arrow" viewBox="-12 -12 24 24" aria-hidden="true">'
            f'<g transform="rotate({self.angle_deg:.2f})"><path d="M0 -11L5 8L0 4L-5 8Z" fill="#fff" stroke="#111"/>'
            '<path d="M0 -11L0 4L-5 8Z" fill="#111"/></g></svg>'
        )


def arrow(georeference: Georeference | None) -> Arrow:
    """Give the arrow of a picture: north only where a projected coordinate system says where north is.

    Parameters
    ----------
    georeference : Georeference or None
        Where the raster lies.

    Returns
    -------
    Arrow
        Grid north for a projected frame, the Y axis for a local one, the top of the picture otherwise.

    Examples
    --------
    >>> arrow(None)
    Arrow(label='up', angle_deg=0.0)
    """
    if georeference is None or georeference.frame in {"pixel", "geographic"} or georeference.crs_wkt is None:
        return Arrow("up", 0.0)
    a, b, _, d, e, _ = georeference.affine
    # Pixel direction whose image in the frame is (0, 1).
    x, y = np.linalg.solve(np.array([[a, b], [d, e]], np.float64), np.array([0.0, 1.0]))
    angle_deg = math.degrees(math.atan2(x, -y)) + 0.0
    return Arrow("N" if georeference.frame == "projected" else "Y", angle_deg)


def color_bar(scale: str, *, bar_id: str) -> Markup:
    """Draw the colour scale of a map as a small horizontal bar from 0 to 1.

    Parameters
    ----------
    scale : {"viridis", "cividis"}
        Colour scale.
    bar_id : str
        Identifier, unique on the page.

    Returns
    -------
    Markup
        Inline SVG; the labels stand beside it.
    """
    colors = colormap(scale)
    stops = "".join(
        f'<stop offset="{i / 8:g}" stop-color="#{"".join(f"{c:02x}" for c in colors[round(i * 255 / 8)])}"/>'
        for i in range(9)
    )
    return Markup(
        f'<svg class="ramp" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><defs>'
        f'<linearGradient id="{bar_id}">{stops}</linearGradient></defs>'
        f'<rect width="100" height="6" fill="url(#{bar_id})" stroke="#111" stroke-width="0.3"/></svg>'
    )
