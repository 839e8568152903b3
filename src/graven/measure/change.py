"""What has come and what has gone between two dates: lines that nothing accompanies, and areas beyond the old border.

Both dates lie in one frame by then. A displacement up to the tolerance is no change: that is how well the photographs
could be brought onto each other. What is smaller than the limit is added up, but not reported as a change of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.spatial import KDTree

from graven.errors import InputError, MismatchError
from graven.types import Measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from graven.types import PixelSize, Ring

__all__ = ["AreaChange", "LineChange", "changed_areas", "changed_lines", "resample", "stretches"]

STEP_PX = 0.5
MAX_TURN_DEG = 35.0
SLACK = 0.15
"""Share of its distance by which a point may lie ahead of the one that it is beside: lines bend."""
TANGENT_PX = 3.0
TIP_SIGMA_PX = 0.5
"""How well the end of a line is known, where the photographs fit perfectly."""


@dataclass(frozen=True, slots=True)
class LineChange:
    """Lines of one date that the other does not have.

    Attributes
    ----------
    pieces : tuple of Ring
        Each at least as long as the limit, ``(x, y)`` in pixels.
    lengths : tuple of Measure
        Of the pieces.
    length : Measure
        Of all pieces together.
    below_limit : Measure
        Length of what is shorter than the limit, and therefore counts as no change.
    limit : Measure
        The shortest piece that counts.
    """

    pieces: tuple[Ring, ...]
    lengths: tuple[Measure, ...]
    length: Measure
    below_limit: Measure
    limit: Measure


@dataclass(frozen=True, slots=True)
class AreaChange:
    """Areas of one date that the other does not have.

    Attributes
    ----------
    mask : ndarray of shape (H, W), bool
        Where they are.
    areas : tuple of Measure
        Of each piece, in raster order of their first pixels.
    area : Measure
        Of all pieces together.
    below_limit : Measure
        Area that differs, but nowhere further from the old border than the tolerance, or is smaller than the limit.
    limit : Measure
        The smallest piece that counts.
    """

    mask: NDArray[np.bool_]
    areas: tuple[Measure, ...]
    area: Measure
    below_limit: Measure
    limit: Measure


def changed_lines(
    lines: Sequence[Ring],
    others: Sequence[Ring],
    *,
    tolerance_px: float,
    min_length_px: float,
    residual_px: float = 0.0,
    pixel_size: PixelSize | None = None,
    shows: Callable[[Ring], NDArray[np.bool_]] | None = None,
) -> LineChange:
    """Find the parts of lines that no line of another date accompanies.

    Parameters
    ----------
    lines : sequence of Ring
        Centre-lines of the date that is asked about, ``(x, y)`` in pixels of the common frame.
    others : sequence of Ring
        Those of the other date.
    tolerance_px : float, > 0, pixels
        A line runs along another where it is no further away and turns away by less than 35 degrees. What lies beyond
        the tip of the other does not run along it, so growth is measured from the old tip on.
    min_length_px : float, >= 0, pixels
        Shorter pieces are no change.
    residual_px : float, >= 0, pixels
        How far the photographs lie beside each other; enters the uncertainty of both ends of a piece.
    pixel_size : PixelSize, optional
        Without it lengths are in pixels.
    shows : callable, optional
        ``shows(points) -> (N,)`` bool, asked about points a pixel apart of what nothing accompanies: where this date's
        photograph shows a line and the other's does not (`graven.measure.evidence`).

    Returns
    -------
    LineChange
        Given the lines of the later date and those of the earlier, what was gained; the other way round, what was lost.

    Raises
    ------
    InputError
        If the tolerance is not positive or another number is negative.

    Examples
    --------
    >>> old, new = np.array([[0.0, 0.0], [50.0, 0.0]]), np.array([[0.0, 1.0], [80.0, 1.0]])
    >>> found = changed_lines([new], [old], tolerance_px=3, min_length_px=5)
    >>> len(found.pieces), round(found.length.value, 6)
    (1, 29.5)
    """
    if not tolerance_px > 0 or min(min_length_px, residual_px) < 0:
        raise InputError(
            "the tolerance must be above 0 and limits at least 0 px, got "
            f"{tolerance_px}, {min_length_px} and {residual_px}"
        )
    company = _Company(others)
    side = (1.0, 1.0) if pixel_size is None else (pixel_size.x_mm, pixel_size.y_mm)
    pieces, lengths, below = [], [], 0.0
    for line in lines:
        points, tangents = _resampled(line)
        if len(points) < 2:
            continue
        alone = ~company.along(points, tangents, tolerance_px)
        for first, last in stretches(alone):
            whole = points[max(0, first - 1) : last + 1]  # what runs along the other ends between two points
            if shows is not None and _length(whole) >= min_length_px:
                seen = whole[:: round(1 / STEP_PX)]
                parts = [seen[a:b] for a, b in stretches(shows(seen)) if b - a >= 2]
            else:
                parts = [whole]
            for piece in parts:
                length = _length(piece * side)
                if _length(piece) < min_length_px:
                    below += length
                    continue
                pieces.append(piece)
                lengths.append(length)
    tip = math.hypot(TIP_SIGMA_PX, residual_px) * math.sqrt(2) * math.sqrt(side[0] * side[1])
    unit = "px" if pixel_size is None else "mm"
    scale = 0.0 if pixel_size is None else pixel_size.sigma_rel
    each = tuple(Measure(value, unit, math.hypot(tip, scale * value)) for value in lengths)
    total = float(sum(lengths))
    sigma = math.hypot(tip * math.sqrt(len(lengths)), scale * total)
    return LineChange(
        pieces=tuple(pieces),
        lengths=each,
        length=Measure(total, unit, sigma),
        below_limit=Measure(below, unit),
        limit=Measure(min_length_px * math.sqrt(side[0] * side[1]), unit),
    )


def changed_areas(
    mask: NDArray[np.bool_],
    other: NDArray[np.bool_],
    *,
    valid: NDArray[np.bool_] | None = None,
    tolerance_px: float,
    min_area_px: float,
    residual_px: float = 0.0,
    pixel_size: PixelSize | None = None,
    differ: Callable[[NDArray[np.int32], NDArray[np.bool_]], NDArray[np.bool_]] | None = None,
) -> AreaChange:
    """Find the areas of one date that the other does not have.

    Parameters
    ----------
    mask, other : ndarray of shape (H, W), bool
        The date that is asked about, and the other, in one frame.
    valid : ndarray of shape (H, W), bool, optional
        Where both dates are known.
    tolerance_px : float, > 0, pixels
        A piece counts where any of it lies further from the other mask and is wider than twice that; then all of it
        does, from the old border on.
    min_area_px : float, >= 0, pixels
        Smaller pieces are no change.
    residual_px : float, >= 0, pixels
        How far the photographs lie beside each other; shifts the old border, and so enters the uncertainty.
    pixel_size : PixelSize, optional
        Without it areas are in square pixels.
    differ : callable, optional
        ``differ(labels, chosen) -> (N,)`` bool, asked which of the numbered pieces look different in the photographs
        of the two dates (`graven.measure.evidence.areas_differ`).

    Returns
    -------
    AreaChange
        As `LineChange`.

    Raises
    ------
    InputError
        If the tolerance is not positive or another number is negative.
    MismatchError
        If the masks differ in size.

    Examples
    --------
    >>> old, new = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    >>> old[10:20, 10:20], new[10:20, 9:30] = True, True
    >>> found = changed_areas(new, old, tolerance_px=2, min_area_px=20)
    >>> found.area.value, found.below_limit.value
    (100.0, 10.0)
    """
    if mask.shape != other.shape or (valid is not None and valid.shape != mask.shape):
        raise MismatchError(f"the masks of both dates must have one size, got {mask.shape} and {other.shape}")
    if not tolerance_px > 0 or min(min_area_px, residual_px) < 0:
        raise InputError(
            "the tolerance must be above 0 and limits at least 0 px, got "
            f"{tolerance_px}, {min_area_px} and {residual_px}"
        )
    added = mask & ~other if valid is None else mask & ~other & valid
    distance = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    far = added & (distance > tolerance_px) if other.any() else added
    inside = cv2.distanceTransform(np.pad(added, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    far = far & (inside >= tolerance_px)
    n_labels, labels, stats, _ = cv2.connectedComponentsWithStats(added.astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    counts = np.zeros(n_labels, bool)
    counts[labels[far]] = True
    counts &= areas >= max(1.0, min_area_px)
    counts[0] = False
    large = counts[labels]
    if differ is not None and counts.any():
        counts &= differ(np.asarray(labels, np.int32), counts)
    kept = counts[labels]
    pixel = 1.0 if pixel_size is None else pixel_size.area_mm2
    unit = "px2" if pixel_size is None else "mm2"
    scale = 0.0 if pixel_size is None else 2 * pixel_size.sigma_rel
    near_old = cv2.dilate(other.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    borders = np.bincount(labels[kept & near_old], minlength=n_labels)
    outlines = _outline_px(np.asarray(labels, np.int32), n_labels)
    shift = math.hypot(TIP_SIGMA_PX, residual_px)
    found, rests = [], []
    for label in np.flatnonzero(counts):
        area = float(areas[label]) * pixel
        rest = pixel * math.hypot(borders[label] * shift, math.sqrt(outlines[label]) * TIP_SIGMA_PX)
        found.append(Measure(area, unit, math.hypot(scale * area, rest)))
        rests.append(rest)
    total, rest = float(sum(measure.value for measure in found)), math.hypot(*rests)
    return AreaChange(
        mask=kept,
        areas=tuple(found),
        area=Measure(total, unit, math.hypot(scale * total, rest)),
        below_limit=Measure(float(np.count_nonzero(added & ~large)) * pixel, unit),
        limit=Measure(min_area_px * pixel, unit),
    )


def stretches(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Find the stretches of a mask that are True.

    Parameters
    ----------
    mask : ndarray of shape (N,), bool
        The mask.

    Returns
    -------
    list of tuple of 2 int
        First index, and last index (not included).

    Examples
    --------
    >>> stretches(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    padded = np.concatenate([[False], mask, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def resample(line: Ring, *, step_px: float) -> Ring:
    """Give points of a line at equal distances, its ends among them.

    Parameters
    ----------
    line : ndarray of shape (N, 2), float64, pixels
        Vertices.
    step_px : float, > 0, pixels
        Distance of the points, about.

    Returns
    -------
    ndarray of shape (M, 2), float64
        Without a point where the line is shorter than a step.
    """
    length = _length(line)
    if length < step_px:
        return np.zeros((0, 2))
    return _at(line, np.linspace(0, 1, max(2, round(length / step_px) + 1)))


class _Company:
    """The lines of the other date, ready to be asked what runs along them."""

    def __init__(self, lines: Sequence[Ring]) -> None:
        parts = [_resampled(line) for line in lines]
        parts = [(points, tangents) for points, tangents in parts if len(points) >= 2]
        self._tree = KDTree(np.concatenate([points for points, _ in parts])) if parts else None
        if not parts:
            return
        self._tangents = np.concatenate([tangents for _, tangents in parts])

    def along(
        self, points: NDArray[np.float64], tangents: NDArray[np.float64], tolerance_px: float
    ) -> NDArray[np.bool_]:
        """Say which points run along a line: beside it, not beyond its tip, and in its direction."""
        if self._tree is None:
            return np.zeros(len(points), bool)
        n_near = math.ceil(4 * tolerance_px / STEP_PX)  # more than a line that crosses has within the tolerance
        distance, nearest = self._tree.query(points, k=n_near, distance_upper_bound=tolerance_px)
        found = np.zeros(len(points), bool)
        for column in range(distance.shape[1]):
            near = np.isfinite(distance[:, column])
            if not near.any():
                break
            index = np.where(near, nearest[:, column], 0)
            turn = np.abs((tangents * self._tangents[index]).sum(axis=1))
            ahead = np.abs(((points - self._tree.data[index]) * self._tangents[index]).sum(axis=1))
            beside = ahead <= STEP_PX + SLACK * distance[:, column]
            found |= near & beside & (turn >= math.cos(math.radians(MAX_TURN_DEG)))
        return found


def _resampled(line: Ring) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give points of a line half a pixel apart, and its direction over a few pixels around each."""
    points = resample(line, step_px=STEP_PX)
    if not len(points):
        return points, points
    places, along = np.linspace(0, 1, len(points)), _along(line)
    reach = TANGENT_PX / along[-1]
    chord = _at(line, np.minimum(places + reach, 1)) - _at(line, np.maximum(places - reach, 0))
    return points, chord / np.maximum(np.hypot(*chord.T), 1e-9)[:, None]


def _along(line: Ring) -> NDArray[np.float64]:
    """Give the length of a line up to each vertex."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])


def _at(line: Ring, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the points of a line at shares of its length."""
    along = _along(line)
    return np.column_stack([np.interp(places * along[-1], along, line[:, axis]) for axis in (0, 1)])


def _length(points: NDArray[np.float64]) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _outline_px(labels: NDArray[np.int32], n_labels: int) -> NDArray[np.int64]:
    """Count the pixels of each label that touch another."""
    padded = np.pad(labels, 1, constant_values=-1)
    inner = padded[1:-1, 1:-1]
    is_border = np.zeros(labels.shape, bool)
    for rows, cols in ((slice(0, -2), slice(1, -1)), (slice(2, None), slice(1, -1))):
        is_border |= padded[rows, cols] != inner
        is_border |= padded[cols, rows] != inner
    return np.bincount(labels[is_border], minlength=n_labels)
