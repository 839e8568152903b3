"""From a drawing to grooves: the burin's way along each stroke, the section it leaves, and the pixels it covers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graven.synthetic.engraving_curves import resample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from graven.synthetic.engraving_sheet import Cut
    from graven.synthetic.engraving_styles import Style

__all__ = ["MAX_WIDTH_MM", "MIN_WIDTH_MM", "EngravedLine", "Groove", "Hand", "Relief", "carve", "draw_hand", "engrave"]

Float = np.float32
Generator = np.random.Generator
MIN_WIDTH_MM, MAX_WIDTH_MM = 0.15, 0.6
MIN_DEPTH_MM, MAX_DEPTH_MM = 0.02, 0.15
_CHUNK = 2**20  # pixels looked at together


@dataclass(frozen=True, slots=True)
class EngravedLine:
    """One line of the truth.

    Parameters
    ----------
    points_px : ndarray of shape (N, 2), float64, pixels
        Centre-line: vertices (x, y) from the outer corner of the top-left pixel; may run past the frame.
    widths_px : ndarray of shape (N,), float64, pixels
        Full width as it was cut, at each vertex; linear in between.
    """

    points_px: NDArray[np.float64]
    widths_px: NDArray[np.float64]


class Groove(NamedTuple):
    """A line with its depth: what `carve` takes.

    Attributes
    ----------
    points_px : ndarray of shape (N, 2), float64, pixels
        Vertices (x, y).
    widths_px : ndarray of shape (N,), float64, pixels
        Full width at each.
    depths_mm : ndarray of shape (N,), float64, millimetres
        Depth in the middle at each.
    edge : float
        Exponent of the section: 1 a V, 2 a U.
    burr : float
        Height of the ridges beside it over its depth.
    """

    points_px: NDArray[np.float64]
    widths_px: NDArray[np.float64]
    depths_mm: NDArray[np.float64]
    edge: float
    burr: float


class Hand(NamedTuple):
    """One engraver on one day: values drawn from the ranges of a style, lengths in mm."""

    width: float
    steepness: float
    edge: float
    burr: float
    stroke: tuple[float, float]
    wobble: float
    taper: float
    overshoot: float
    dot: tuple[float, float]


class Relief(NamedTuple):
    """What grooves do to a surface.

    Attributes
    ----------
    depth_mm : ndarray of shape (H, W), float32, millimetres
        What they take away; the deepest wins.
    burr_mm : ndarray of shape (H, W), float32, millimetres
        What they throw up beside them.
    mask : ndarray of shape (H, W), bool
        Pixels whose centre lies in a groove.
    """

    depth_mm: NDArray[np.float32]
    burr_mm: NDArray[np.float32]
    mask: NDArray[np.bool_]


def draw_hand(style: Style, rng: Generator) -> Hand:
    """Draw the values of one hand.

    Parameters
    ----------
    style : Style
        Their ranges.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Hand
        The same for all lines of a mirror.
    """
    return Hand(
        float(rng.uniform(*style.width_mm)),
        float(rng.uniform(*style.steepness)),
        float(rng.uniform(*style.edge)),
        float(rng.uniform(0.0, 0.22)),
        style.stroke_mm,
        style.wobble_mm,
        float(rng.uniform(*style.taper_mm)),
        style.overshoot_mm,
        style.dot_mm,
    )


def engrave(
    cuts: Sequence[Cut], hand: Hand, *, origin_px: tuple[float, float], pixel_size_mm: float, rng: Generator
) -> list[Groove]:
    """Cut a drawing into metal: set the burin anew now and then, stray, swell, thin out and overshoot.

    Parameters
    ----------
    cuts : sequence of Cut
        The drawing, in mm.
    hand : Hand
        Who cuts.
    origin_px : tuple of two float, pixels
        Where the origin of the drawing lies, (x, y).
    pixel_size_mm : float, millimetres
        Length of a pixel side.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    list of Groove
        In pixels; widths within [0.15, 0.6] mm, depths within [0.02, 0.15] mm.
    """
    grooves: list[Groove] = []
    for cut in cuts:
        for piece in _strokes(cut.points_mm, hand, rng):
            for points, width, depth in (
                _dots(piece, hand, rng) if hand.dot[0] > 0 else [_cut_one(piece, cut.weight, hand, rng)]
            ):
                grooves.append(
                    Groove(points / pixel_size_mm + origin_px, width / pixel_size_mm, depth, hand.edge, hand.burr)
                )
    return grooves


def _strokes(points: NDArray[np.float64], hand: Hand, rng: Generator) -> Iterable[NDArray[np.float64]]:
    """Pieces of a curve that are cut in one go, each a little displaced; they overlap by one point."""
    length = float(np.hypot(*np.diff(points, axis=0).T).sum())
    first = 0
    step = length / (len(points) - 1)
    while first < len(points) - 1:
        last = min(len(points) - 1, first + max(6, int(rng.uniform(*hand.stroke) / max(step, 1e-6))))
        if len(points) - 1 - last < 8:
            last = len(points) - 1
        yield points[first : last + 1] + rng.normal(0, 0.4 * hand.wobble, 2)
        first = last


def _wave(along: NDArray[np.float64], period: float, rng: Generator) -> NDArray[np.float64]:
    """Slow and a faster wave along a line, deviation near 1."""
    phase = rng.uniform(0, 6.28, 2)
    stretch = rng.uniform(0.7, 1.4, 2)
    return np.asarray(
        np.sin(along * (6.28 * stretch[0] / period) + phase[0])
        + 0.5 * np.sin(along * (15.7 * stretch[1] / period) + phase[1])
    )


def _cut_one(
    points: NDArray[np.float64], weight: float, hand: Hand, rng: Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points, widths and depths of one stroke, in mm."""
    over = np.abs(rng.normal(0, hand.overshoot + 1e-6, 2))
    head, tail = points[0] - points[1], points[-1] - points[-2]
    points = points.copy()
    points[0] += head / max(math.hypot(*head), 1e-9) * over[0]
    points[-1] += tail / max(math.hypot(*tail), 1e-9) * over[1]
    fine = resample(points, 0.2)
    along = np.linspace(0, 1, len(fine)) * float(np.hypot(*np.diff(fine, axis=0).T).sum())
    length = along[-1]
    stray = hand.wobble * np.stack([_wave(along, 6.0, rng), _wave(along, 6.0, rng)], 1)
    taper = np.minimum(hand.taper * rng.uniform(0.5, 1.5, 2), 0.45 * length)
    near = np.minimum(along / max(taper[0], 1e-6), (length - along) / max(taper[1], 1e-6))
    thin = np.minimum(0.35 + 0.65 * np.sqrt(np.clip(near, 0, 1)), 1.0)
    width = hand.width * weight * rng.normal(1, 0.1) * (1 + 0.1 * _wave(along, 9.0, rng)) * thin
    depth = width * hand.steepness * rng.normal(1, 0.15) * (1 + 0.15 * _wave(along, 2.5, rng)) * thin
    return fine + stray, np.clip(width, MIN_WIDTH_MM, MAX_WIDTH_MM), np.clip(depth, MIN_DEPTH_MM, MAX_DEPTH_MM)


def _dots(
    points: NDArray[np.float64], hand: Hand, rng: Generator
) -> Iterable[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Blows of a punch along a line."""
    for at in resample(points, hand.dot[0] * rng.uniform(0.9, 1.1)):
        centre = at + rng.normal(0, hand.wobble, 2)
        aim = rng.normal(0, 0.02, 2)
        width = np.full(2, np.clip(hand.dot[1] * rng.normal(1, 0.12), MIN_WIDTH_MM, MAX_WIDTH_MM))
        depth = np.clip(width * hand.steepness * rng.normal(1, 0.2), MIN_DEPTH_MM, MAX_DEPTH_MM)
        yield np.stack([centre - aim, centre + aim]), width, depth


def carve(grooves: Sequence[Groove], shape: tuple[int, int]) -> Relief:
    """Find what grooves take away, pixel by pixel.

    Parameters
    ----------
    grooves : sequence of Groove
        In the frame of the picture.
    shape : tuple of two int
        Height and width.

    Returns
    -------
    Relief
        A pixel is in the mask where its centre is not farther from a centre-line than half the width there: the mask is
        the union of capsules whose radius changes along the line.
    """
    relief = Relief(np.zeros(shape, Float), np.zeros(shape, Float), np.zeros(shape, np.bool_))
    if not grooves:
        return relief
    start = np.concatenate([groove.points_px[:-1] for groove in grooves])
    stop = np.concatenate([groove.points_px[1:] for groove in grooves])
    ends = np.concatenate([
        np.stack([g.widths_px[:-1] / 2, g.widths_px[1:] / 2, g.depths_mm[:-1], g.depths_mm[1:],
                  np.full(len(g.points_px) - 1, g.edge), np.full(len(g.points_px) - 1, g.burr)], 1)
        for g in grooves
    ])  # fmt: skip
    room = 1.6 * ends[:, :2].max(1, keepdims=True) + 1
    low, high = np.minimum(start, stop) - room, np.maximum(start, stop) + room
    near = (high > 0).all(1) & (low < (shape[1], shape[0])).all(1)
    start, stop, ends = start[near], stop[near], ends[near]
    reach = np.ceil(np.abs(stop - start).max(1) / 2 + ends[:, :2].max(1) * np.where(ends[:, 5] > 0, 1.6, 1.0) + 0.5)
    for size in np.unique(reach).astype(np.int64):
        chosen = np.flatnonzero(reach == size)
        for part in np.array_split(chosen, math.ceil(len(chosen) * (2 * size + 1) ** 2 / _CHUNK)):
            _press(start[part], stop[part], ends[part].astype(Float), int(size), relief)
    return relief


def _press(
    start: NDArray[np.float64], stop: NDArray[np.float64], ends: NDArray[np.float32], reach: int, relief: Relief
) -> None:
    """Add segments of one reach to a relief, in place."""
    rows, cols = relief.mask.shape
    middle = np.floor((start + stop) / 2).astype(np.int64)
    offset = np.arange(-reach, reach + 1)
    step = (stop - start).astype(Float)[:, :, None, None]
    from_x = (middle[:, 0] + 0.5 - start[:, 0]).astype(Float)[:, None, None] + offset.astype(Float)[None, None, :]
    from_y = (middle[:, 1] + 0.5 - start[:, 1]).astype(Float)[:, None, None] + offset.astype(Float)[None, :, None]
    along = (from_x * step[:, 0] + from_y * step[:, 1]) / np.maximum((step * step).sum(1), Float(1e-9))
    np.clip(along, 0, 1, out=along)
    gap = (from_x - along * step[:, 0]) ** 2 + (from_y - along * step[:, 1]) ** 2
    half = ends[:, 0, None, None] + along * (ends[:, 1] - ends[:, 0])[:, None, None]
    wide = half * np.where(ends[:, 5] > 0, Float(1.6), Float(1))[:, None, None]
    segment, y, x = np.nonzero(gap <= wide * wide)
    row, col = middle[segment, 1] + offset[y], middle[segment, 0] + offset[x]
    inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    segment, y, x, place = segment[inside], y[inside], x[inside], (row * cols + col)[inside]
    share = along[segment, y, x]
    across = np.sqrt(gap[segment, y, x]) / half[segment, y, x]
    depth = ends[segment, 2] + share * (ends[segment, 3] - ends[segment, 2])
    cut = across <= 1
    relief.mask.reshape(-1)[place[cut]] = True
    taken = depth[cut] * (1 - across[cut] ** ends[segment[cut], 4])
    np.maximum.at(relief.depth_mm.reshape(-1), place[cut], taken)
    rim = ends[segment, 5] > 0
    ridge = np.clip(1 - np.abs(across[rim] - Float(1.15)) * Float(1 / 0.45), 0, 1)
    np.maximum.at(relief.burr_mm.reshape(-1), place[rim], ridge * ridge * depth[rim] * ends[segment[rim], 5])
