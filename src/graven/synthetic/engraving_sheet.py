"""A sheet for contour drawings made front to back: what lies behind something that is drawn already is left out.

Millimetres, origin in the middle of the sheet, x right and y down. An `Easel` carries a place, a size and a turn, so
that a head or a hand is drawn in its own unit coordinates wherever it sits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from graven.synthetic.engraving_curves import resample, ring
from graven.synthetic.pen import smooth_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.synthetic.pen import Points

__all__ = ["Cut", "Easel", "Sheet"]

Generator = np.random.Generator
View = tuple[float, float, float, float]
_STEP_MM = 0.25  # distance of the points of a cut
_SHORTEST_MM = 0.45  # what is shorter is left out; no burin draws it


class Cut(NamedTuple):
    """One stroke of the drawing: points (x, y) in mm, and its weight, 1 for a contour."""

    points_mm: NDArray[np.float64]
    weight: float


class Sheet:
    """Collect cuts and remember what is covered.

    Parameters
    ----------
    reach_mm : float, millimetres
        Half the side of the square in which things cover each other.
    rng : numpy.random.Generator
        Source of all that varies in the drawing.
    view : tuple of four float, optional
        ``(x0, y0, x1, y1)`` in mm; cuts outside are not kept. By default everything is.
    hatch_mm : float, millimetres
        Length of the shading along the edges of parts; 0 for none.

    Attributes
    ----------
    cuts : list of Cut
        What has been drawn.
    """

    def __init__(self, reach_mm: float, *, rng: Generator, view: View | None = None, hatch_mm: float = 0.0) -> None:
        self.rng = rng
        self.cuts: list[Cut] = []
        self._hatch_mm = hatch_mm
        self._view = view
        self._reach = reach_mm
        self._per_mm = 1 / 0.2
        side = math.ceil(2 * reach_mm * self._per_mm)
        self._covered = np.zeros((side, side), np.uint8)

    def easel(self, x: float = 0.0, y: float = 0.0, scale: float = 1.0) -> Easel:
        """Begin to draw at a place.

        Parameters
        ----------
        x, y : float, millimetres
            Origin of the drawing.
        scale : float, millimetres
            Length of its unit.

        Returns
        -------
        Easel
            Upright.
        """
        return Easel(self, np.array([[scale, 0.0, x], [0.0, scale, y]]))

    def line(self, points: NDArray[np.float64], weight: float, inside: NDArray[np.float64] | None = None) -> None:
        """Draw what is visible of a curve.

        Parameters
        ----------
        points : ndarray of shape (N, 2), float64, millimetres
            Vertices (x, y).
        weight : float
            Width relative to a contour.
        inside : ndarray of shape (M, 2), float64, millimetres, optional
            Outline beyond which nothing is drawn.
        """
        low, high = points.min(0), points.max(0)
        if self._view is not None and (
            high[0] < self._view[0] or high[1] < self._view[1] or low[0] > self._view[2] or low[1] > self._view[3]
        ):
            return
        fine = resample(points, _STEP_MM)
        cell = np.floor((fine + self._reach) * self._per_mm).astype(np.int64)
        on_sheet = ((cell >= 0) & (cell < len(self._covered))).all(1)
        cell = np.clip(cell, 0, len(self._covered) - 1)
        seen = (self._covered[cell[:, 1], cell[:, 0]] == 0) | ~on_sheet
        if inside is not None:
            start, shape = self._window(inside)
            mask = np.zeros(shape, np.uint8)
            cv2.fillPoly(mask, [self._fixed(inside, start)], 1, shift=4)
            local = cell - start
            within = ((local >= 0) & (local < shape[::-1])).all(1)
            local = np.clip(local, 0, np.array(shape[::-1]) - 1)
            seen &= within & (mask[local[:, 1], local[:, 0]] == 1)
        turns = np.flatnonzero(np.diff(np.concatenate([[0], seen.astype(np.int8), [0]])))
        for first, last in zip(turns[::2], turns[1::2], strict=True):
            piece = fine[first:last]
            if len(piece) >= 2 and np.hypot(*np.diff(piece, axis=0).T).sum() >= _SHORTEST_MM:
                self.cuts.append(Cut(piece, weight))

    def cover(self, outline: NDArray[np.float64]) -> None:
        """Let an area hide what is drawn later.

        Parameters
        ----------
        outline : ndarray of shape (N, 2), float64, millimetres
            Closed outline.
        """
        cv2.fillPoly(self._covered, [self._fixed(outline, np.zeros(2, np.int64))], 1, shift=4)

    def cover_outside(self, radius_mm: float) -> None:
        """Let all beyond a circle around the origin hide what is drawn later.

        Parameters
        ----------
        radius_mm : float, millimetres
            Radius of the circle.
        """
        at = (np.arange(len(self._covered)) + 0.5) / self._per_mm - self._reach
        self._covered[np.hypot(at[None, :], at[:, None]) > radius_mm] = 1

    def is_free(self, outline: NDArray[np.float64], *, margin_mm: float = 1.0) -> bool:
        """Tell whether an area lies on the sheet and nothing covers it.

        Parameters
        ----------
        outline : ndarray of shape (N, 2), float64, millimetres
            The area; its bounding box is looked at.
        margin_mm : float, millimetres
            How far the box is grown first.

        Returns
        -------
        bool
            True if it is free.
        """
        x0, y0 = np.floor((outline.min(0) - margin_mm + self._reach) * self._per_mm).astype(np.int64)
        x1, y1 = np.ceil((outline.max(0) + margin_mm + self._reach) * self._per_mm).astype(np.int64)
        if min(x0, y0) < 0 or max(x1, y1) > len(self._covered):
            return False
        return not bool(self._covered[y0:y1, x0:x1].any())

    def shade(self, edge: NDArray[np.float64], outline: NDArray[np.float64]) -> None:
        """Hatch along an edge, if this sheet is hatched.

        Parameters
        ----------
        edge : ndarray of shape (N, 2), float64, millimetres
            Where the strokes begin.
        outline : ndarray of shape (M, 2), float64, millimetres
            Area in which they stay.
        """
        if self._hatch_mm <= 0 or np.hypot(*np.diff(edge, axis=0).T).sum() < 3 * self._hatch_mm:
            return
        for x, y in resample(edge, 0.75)[1:-1]:
            length = self._hatch_mm * self.rng.uniform(0.5, 1.2)
            slant = length * self.rng.normal(0.75, 0.05)
            for side in (-1, 1):
                self.line(np.array([[x, y], [x + side * length, y + slant]]), 0.55, outline)

    def _window(self, outline: NDArray[np.float64]) -> tuple[NDArray[np.int64], tuple[int, int]]:
        low = np.floor((outline.min(0) + self._reach) * self._per_mm).astype(np.int64) - 1
        high = np.ceil((outline.max(0) + self._reach) * self._per_mm).astype(np.int64) + 2
        return low, (int(high[1] - low[1]), int(high[0] - low[0]))

    def _fixed(self, outline: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.int32]:
        cells = (outline + self._reach) * self._per_mm - start - 0.5
        return np.asarray(np.round(cells * 16), np.int32)


class Easel:
    """Draw on a sheet in coordinates of one's own.

    Parameters
    ----------
    sheet : Sheet
        Where the drawing appears.
    matrix : ndarray of shape (2, 3), float64
        From own coordinates to those of the sheet.
    """

    def __init__(self, sheet: Sheet, matrix: NDArray[np.float64]) -> None:
        self.sheet = sheet
        self.rng = sheet.rng
        self._matrix = matrix

    @property
    def unit_mm(self) -> float:
        """Length of the unit."""
        return float(math.sqrt(abs(np.linalg.det(self._matrix[:, :2]))))

    def at(self, x: float, y: float, scale: float = 1.0, turn: float = 0.0, *, mirror: bool = False) -> Easel:
        """Set up another easel within this one.

        Parameters
        ----------
        x, y : float
            Its origin.
        scale : float
            Its unit.
        turn : float, radians
            Clockwise as seen.
        mirror : bool
            Whether its x axis points the other way.

        Returns
        -------
        Easel
            On the same sheet.
        """
        cosine, sine = math.cos(turn) * scale, math.sin(turn) * scale
        flip = -1.0 if mirror else 1.0
        inner = np.array([[cosine * flip, -sine, x], [sine * flip, cosine, y], [0.0, 0.0, 1.0]])
        return Easel(self.sheet, self._matrix @ inner)

    def place(self, points: Points | NDArray[np.float64]) -> NDArray[np.float64]:
        """Bring points to the sheet.

        Parameters
        ----------
        points : sequence of (x, y)
            In own coordinates.

        Returns
        -------
        ndarray of shape (N, 2), float64, millimetres
            On the sheet.
        """
        return np.asarray(np.asarray(points, np.float64) @ self._matrix[:, :2].T + self._matrix[:, 2])

    def line(self, knots: Points | NDArray[np.float64], weight: float = 1.0, *, straight: bool = False) -> None:
        """Draw a curve through knots.

        Parameters
        ----------
        knots : sequence of (x, y)
            Two or more.
        weight : float
            Width relative to a contour.
        straight : bool
            Keep the corners, do not round them.
        """
        curve = np.asarray(knots, np.float64)
        self.sheet.line(self.place(curve if straight else smooth_curve(curve)), weight)

    def circle(self, x: float, y: float, radius: float, weight: float = 1.0) -> None:
        """Draw a circle.

        Parameters
        ----------
        x, y, radius : float
            Centre and radius.
        weight : float
            Width relative to a contour.
        """
        self.sheet.line(self.place(ring(x, y, radius)), weight)

    def part(
        self,
        outline: NDArray[np.float64],
        *,
        edges: Sequence[NDArray[np.float64]] | None = None,
        details: Sequence[tuple[NDArray[np.float64], float]] = (),
        weight: float = 1.0,
    ) -> None:
        """Draw a part of something, with what is on it, and cover what lies behind.

        Parameters
        ----------
        outline : ndarray of shape (N, 2), float64
            Closed outline of the part.
        edges : sequence of ndarray of shape (M, 2), optional
            The stretches of the outline that are drawn; by default all of it.
        details : sequence of (ndarray of shape (M, 2), float)
            Curves on the part with their weights; nothing of them is drawn beyond the outline.
        weight : float
            Width of the edges relative to a contour.
        """
        area = self.place(outline)
        drawn = [np.concatenate([area, area[:1]])] if edges is None else [self.place(edge) for edge in edges]
        for edge in drawn:
            self.sheet.line(edge, weight)
        for curve, light in details:
            self.sheet.line(self.place(curve), light, area)
        if drawn:
            self.sheet.shade(drawn[-1], area)
        self.sheet.cover(area)
