"""The brush that ornament is painted with: areas, lines and nested tones, in millimetres on an 8-bit sheet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from graven.synthetic.palettes import Rgb

__all__ = ["Brush", "petal", "placed", "spiral"]

_FIXED = 16  # OpenCV takes coordinates as sixteenths of a pixel
_LIMIT = 2**26


class Brush:
    """Paint on a sheet in the frame of a band: u along it, v across it, in millimetres.

    Parameters
    ----------
    sheet : ndarray of shape (H, W, 3), uint8
        sRGB; painted in place.
    matrix : ndarray of shape (2, 3), float64
        From (u, v, 1) in millimetres to (x, y) in pixels.
    """

    def __init__(self, sheet: NDArray[np.uint8], matrix: NDArray[np.float64]) -> None:
        self.sheet = sheet
        self.matrix = matrix
        self.px_per_mm = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))

    def _fixed(self, points: ArrayLike) -> NDArray[np.int32]:
        flat = np.asarray(points, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2] - 0.5
        return np.clip(np.round(flat * _FIXED), -_LIMIT, _LIMIT).astype(np.int32)

    def area(self, points: ArrayLike, rgb: Rgb) -> None:
        """Fill an outline.

        Parameters
        ----------
        points : array-like of shape (N, 2), millimetres
            Corners (u, v).
        rgb : Rgb
            Colour.
        """
        cv2.fillPoly(self.sheet, [self._fixed(points)], rgb, cv2.LINE_AA, 4)

    def line(self, points: ArrayLike, rgb: Rgb, width_mm: float, *, closed: bool = False) -> None:
        """Draw a line of even width.

        Parameters
        ----------
        points : array-like of shape (N, 2), millimetres
            Vertices (u, v).
        rgb : Rgb
            Colour.
        width_mm : float, millimetres
            Width; at least a pixel is drawn.
        closed : bool
            Back to the first vertex.
        """
        width = max(1, round(width_mm * self.px_per_mm))
        cv2.polylines(self.sheet, [self._fixed(points)], closed, rgb, width, cv2.LINE_AA, 4)

    def stroke(self, points: ArrayLike, tones: Sequence[Rgb], width_mm: float) -> None:
        """Draw a band of tones, the first outermost, as decorative painters set shade beside shade.

        Parameters
        ----------
        points : array-like of shape (N, 2), millimetres
            Centre-line.
        tones : sequence of Rgb
            From the rim to the middle.
        width_mm : float, millimetres
            Width of the whole.
        """
        for number, tone in enumerate(tones):
            self.line(points, tone, width_mm * (1 - number / len(tones)))

    def nest(self, points: ArrayLike, tones: Sequence[Rgb], *, rim: Rgb, rim_mm: float) -> None:
        """Fill an outline with tones one inside the other and draw its rim.

        Parameters
        ----------
        points : array-like of shape (N, 2), millimetres
            Outline (u, v); the inner ones shrink towards its mean.
        tones : sequence of Rgb
            From the rim to the middle.
        rim : Rgb
            Colour of the outline.
        rim_mm : float, millimetres
            Its width.
        """
        outline = np.asarray(points, np.float64)
        middle = outline.mean(0)
        for number, tone in enumerate(tones):
            self.area(middle + (outline - middle) * (1 - 0.8 * number / len(tones)), tone)
        self.line(outline, rim, rim_mm, closed=True)

    def dot(self, u: float, v: float, radius_mm: float, rgb: Rgb) -> None:
        """Set a round dot.

        Parameters
        ----------
        u, v, radius_mm : float, millimetres
            Centre and radius.
        rgb : Rgb
            Colour.
        """
        centre = self._fixed([(u, v)])[0]
        radius = max(1, round(radius_mm * self.px_per_mm * _FIXED))
        cv2.circle(self.sheet, (int(centre[0]), int(centre[1])), radius, rgb, -1, cv2.LINE_AA, 4)


def spiral(turns: float, radius: float, *, inner: float = 0.15) -> NDArray[np.float64]:
    """Return a spiral from its rim inwards, centred on the origin.

    Parameters
    ----------
    turns : float
        Number of turns; negative turns the other way.
    radius : float
        Outer radius.
    inner : float, range [0, 1)
        Inner radius over the outer one.

    Returns
    -------
    ndarray of shape (N, 2), float64
        Begins at (radius, 0).
    """
    t = np.linspace(0, 1, max(12, int(26 * abs(turns))))
    reach = radius * (1 - (1 - inner) * t)
    angle = 2 * math.pi * turns * t
    return np.stack([reach * np.cos(angle), reach * np.sin(angle)], 1)


def petal(length: float, width: float, *, point: float = 0.5) -> NDArray[np.float64]:
    """Return a pointed petal from the origin along u.

    Parameters
    ----------
    length, width : float
        Its size.
    point : float, range (0, 2]
        0.5 is round, 1 and more is pointed.

    Returns
    -------
    ndarray of shape (N, 2), float64
        Closed outline, last point not repeated.
    """
    t = np.linspace(0, 1, 16)
    half = 0.5 * width * np.sin(math.pi * t**0.7) ** 0.8 * (1 - 0.35 * point * t)
    side = np.stack([length * t, half], 1)
    return np.concatenate([side, side[-2:0:-1] * (1, -1)])


def placed(points: NDArray[np.float64], u: float, v: float, turn_rad: float = 0.0) -> NDArray[np.float64]:
    """Turn an outline about the origin and move it.

    Parameters
    ----------
    points : ndarray of shape (N, 2), float64
        What to place.
    u, v : float
        Where the origin goes.
    turn_rad : float, radians
        From u towards v.

    Returns
    -------
    ndarray of shape (N, 2), float64
        A new array.
    """
    cosine, sine = math.cos(turn_rad), math.sin(turn_rad)
    turned = points @ np.array([[cosine, sine], [-sine, cosine]])
    return np.asarray(turned + np.array([u, v]), np.float64)
