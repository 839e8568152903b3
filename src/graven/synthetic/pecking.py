"""From a figure to thousands of pits: relief, patina and the truth a specialist would trace.

Sizes are our choice, within what is published. Experimental and traceological work on pecking describes single dints that
touch or overlap inside a figure and scatter around its border, made directly with a hammerstone or indirectly with a
chisel stone, which keeps every dint on the line [1]_ [2]_; the dints are a few millimetres wide and at most a few deep, so
relief lies at sub-millimetre to millimetre scale [3]_. Patina: on one panel the colour of marks runs from that of the fresh
rock to that of the skin as they grow older [4]_. We draw pits of 1.6 to 5 mm diameter with a depth of 0.16 to 0.4 diameters.

References
----------
.. [1] Keyser and Rabiega, Petroglyph manufacture by indirect percussion, J. California and Great Basin Anthropology 21(1),
   1999, 124-136.
.. [2] Fedorova and Girya, Types of chiselings in rock art of Besov Nos, Ural Historical Journal 24(1), 2024, 140-148,
   DOI 10.31833/uav/2024.24.1.009.
.. [3] Poier et al., PetroSurf3D, 2016, arXiv:1610.01944 (segmentation of pecked surfaces at sub-millimetre scale).
.. [4] Bednarik, Experimental colorimetric analysis of petroglyphs, Rock Art Research 26(1), 2009, 55-64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import cv2
import numpy as np

from graven.synthetic.noise import blur, fractal, smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.figures import Figure
    from graven.synthetic.surface import Canvas

__all__ = ["PeckStyle", "Technique", "draw_style", "peck_figure", "rasterise_figure"]

Float = np.float32
Generator = np.random.Generator
Technique = Literal["pecked", "outline", "groove", "rubbed"]
_TECHNIQUES: tuple[Technique, ...] = get_args(Technique)


@dataclass(frozen=True, slots=True)
class PeckStyle:
    """How one figure was made and how it has aged.

    Parameters
    ----------
    technique : {'pecked', 'outline', 'groove', 'rubbed'}
        Pecked as drawn; areas pecked along their border only; pecked, then ground to a rounded groove; pecked, then rubbed.
    pit_mm : float, millimetres
        Median diameter of a pit.
    depth_mm : float, millimetres
        Median depth of a pit.
    spacing : float
        Distance of neighbouring pits in diameters; below 0.8 they merge into one rough hollow.
    scatter : float
        Deviation of a blow from its aim, in diameters.
    freshness : float, range [-0.4, 1]
        1 shows the fresh rock, 0 the colour of the skin, negative is darker than the skin.
    """

    technique: Technique
    pit_mm: float
    depth_mm: float
    spacing: float
    scatter: float
    freshness: float


def draw_style(rng: Generator, *, age: float, severe: bool) -> PeckStyle:
    """Draw a technique, a tool and a patina.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    age : float, range [0, 1]
        Mean age of the marks of the panel: 0 fresh, 1 fully repatinated.
    severe : bool
        Allow shallow, sparse and colourless marks.

    Returns
    -------
    PeckStyle
        Values within the limits of the module docstring.
    """
    technique = _TECHNIQUES[int(rng.choice(4, p=[0.62, 0.17, 0.11, 0.1]))]
    pit = float(np.clip(rng.lognormal(math.log(2.7), 0.27), 1.6, 5.0))
    own_age = float(np.clip(age + rng.normal(0, 0.16), 0, 1))
    freshness = (1 - own_age) ** 1.6 * rng.uniform(0.6, 0.95)
    if rng.random() < 0.14:
        freshness = -rng.uniform(0.08, 0.3)
    ratio, spacing = rng.uniform(0.22, 0.4), rng.uniform(0.5, 1.0)
    if severe:
        freshness *= 0.65
        ratio, spacing = rng.uniform(0.18, 0.3), rng.uniform(0.62, 1.25)
    elif technique in ("rubbed", "groove"):
        freshness = math.copysign(
            max(abs(freshness), rng.uniform(0.2, 0.4)), rng.random() - 0.4 if own_age > 0.6 else 1.0
        )
    elif abs(freshness) < 0.1:  # what has no colour of its own must be felt: nobody would have traced it otherwise
        ratio, spacing = rng.uniform(0.29, 0.42), rng.uniform(0.5, 0.85)
    return PeckStyle(technique, pit, pit * ratio, spacing, rng.uniform(0.12, 0.4), freshness)


def rasterise_figure(
    figure: Figure, *, shape: tuple[int, int], offset_px: tuple[float, float], pixel_size_mm: float
) -> NDArray[np.bool_]:
    """Draw the strokes and areas of a figure, bowls left out.

    Parameters
    ----------
    figure : Figure
        In millimetres around its own origin.
    shape : tuple of two int, pixels
        Height and width of the raster.
    offset_px : tuple of (x, y), pixels
        Where the origin of the figure lies, from the outer corner of the top-left pixel.
    pixel_size_mm : float, millimetres
        Length of a pixel side.

    Returns
    -------
    ndarray of shape `shape`, bool
        True inside a stroke or an area.
    """
    raster = np.zeros(shape, np.uint8)
    shift = 4

    def fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
        pixel = points / pixel_size_mm + np.asarray(offset_px) - 0.5
        return np.round(pixel * (1 << shift)).astype(np.int32)

    for area in figure.areas:
        cv2.fillPoly(raster, [fixed(area)], 1, lineType=cv2.LINE_8, shift=shift)
    for stroke in figure.strokes:
        points, half = stroke.points_mm, stroke.widths_mm[:, None] / 2
        along = np.gradient(points, axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
        left, right = points + normal * half, points - normal * half
        for i in range(len(points) - 1):
            cv2.fillConvexPoly(raster, fixed(np.stack([left[i], left[i + 1], right[i + 1], right[i]])), 1, shift=shift)
        for point, radius in zip(fixed(points), half[:, 0], strict=True):
            cv2.circle(
                raster, (int(point[0]), int(point[1])), round(radius / pixel_size_mm * (1 << shift)), 1, -1, shift=shift
            )
    return raster.astype(np.bool_)


def _signed_distance(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance to the border in pixels, positive inside."""
    within = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    signed: NDArray[np.float32] = within - outside
    return signed


def _aims(rng: Generator, signed: NDArray[np.float32], style: PeckStyle, pixel_size_mm: float) -> NDArray[np.float64]:
    """Centres (row, col) of the blows: a jittered triangular grid inside the figure, thinner in places."""
    rows, cols = signed.shape
    pit_px = style.pit_mm / pixel_size_mm
    step = max(pit_px * style.spacing, 1.2)
    n_rows, n_cols = int(rows / (step * 0.866)) + 1, int(cols / step) + 1
    grid = np.indices((n_rows, n_cols)).astype(np.float64)
    grid[1] += 0.5 * (grid[0] % 2)
    aims = grid * np.array([step * 0.866, step])[:, None, None] + rng.normal(0, 0.28 * step, grid.shape)
    aims = aims.reshape(2, -1).T
    aims = aims[((aims >= 0) & (aims < [rows, cols])).all(1)]
    cell = aims.astype(np.int64)
    inside = signed[cell[:, 0], cell[:, 1]]
    density = fractal(rng, (rows, cols), wavelength_px=max(12 * pit_px, 8), gain=0.5, finest_px=4.0)
    wanted = np.clip(1.02 + 0.22 * density[cell[:, 0], cell[:, 1]], 0.45, 1.0)
    keep = (inside > 0.22 * pit_px - rng.exponential(0.12 * pit_px, len(aims))) & (rng.random(len(aims)) < wanted)
    if keep.sum() < 4:
        keep = inside > 0
    hits = aims[keep]
    spread = np.where(rng.random(len(hits)) < 0.03, 3.0, 1.0)[:, None] * style.scatter * pit_px
    hits = hits + rng.normal(0, 1, hits.shape) * spread
    return np.asarray(hits[((hits >= 0) & (hits < [rows, cols])).all(1)])


def _strike(
    rng: Generator, hits: NDArray[np.float64], shape: tuple[int, int], style: PeckStyle, pixel_size_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Stamp the pits; returns the deepest pit, the summed depth (both mm) and the deepest relative profile."""
    deepest, total, profile_max = (np.zeros(shape, Float) for _ in range(3))
    slant = rng.uniform(0, math.pi)
    for start in range(0, len(hits), 1500):
        part = hits[start : start + 1500]
        n = len(part)
        radius = style.pit_mm / 2 / pixel_size_mm * np.clip(rng.lognormal(0, 0.24, n), 0.5, 1.9)
        depth = style.depth_mm * (radius * 2 * pixel_size_mm / style.pit_mm) ** 0.7 * rng.lognormal(0, 0.28, n)
        squeeze = rng.uniform(0.68, 1.0, n)
        turn = slant + rng.normal(0, 0.5, n)
        reach = math.ceil(1.45 * float(radius.max())) + 1
        corner = np.floor(part).astype(np.int64)
        window = np.arange(-reach, reach + 1)
        shape_3d = (n, len(window), len(window))
        dy = np.broadcast_to((window[None, :] + (corner[:, :1] - part[:, :1]) + 0.5)[:, :, None], shape_3d).astype(
            Float
        )
        dx = np.broadcast_to((window[None, :] + (corner[:, 1:] - part[:, 1:]) + 0.5)[:, None, :], shape_3d).astype(
            Float
        )
        cosine, sine = (f(turn).astype(Float)[:, None, None] for f in (np.cos, np.sin))
        u = (dx * cosine + dy * sine) / radius.astype(Float)[:, None, None]
        v = (dy * cosine - dx * sine) / (radius * squeeze).astype(Float)[:, None, None]
        square = u * u + v * v
        lobes = rng.normal(0, 0.16, (3, n)).astype(Float)[:, :, None, None]
        cubic = (lobes[0] * u * (u * u - 3 * v * v) + lobes[1] * v * (3 * u * u - v * v)) / (square + Float(0.15))
        bowl = np.clip(1 - square * (1 + cubic) + lobes[2] * u * square, 0, 1.15)
        bowl[square > 1.9] = 0
        bowl **= Float(0.85)
        rows = np.clip(corner[:, :1] + window, -1, shape[0])
        cols = np.clip(corner[:, 1:] + window, -1, shape[1])
        valid = ((rows >= 0) & (rows < shape[0]))[:, :, None] & ((cols >= 0) & (cols < shape[1]))[:, None, :]
        valid &= bowl > 0
        flat = (rows[:, :, None] * shape[1] + cols[:, None, :])[valid]
        relative = bowl[valid]
        absolute = (bowl * depth.astype(Float)[:, None, None])[valid]
        np.maximum.at(deepest.reshape(-1), flat, absolute)
        np.maximum.at(profile_max.reshape(-1), flat, relative)
        np.add.at(total.reshape(-1), flat, absolute)
    return deepest, total, profile_max


def _disc_kernel(radius_px: float) -> NDArray[np.uint8]:
    size = 2 * max(1, round(radius_px)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def peck_figure(
    canvas: Canvas, figure: Figure, *, centre_mm: tuple[float, float], style: PeckStyle, rng: Generator
) -> list[NDArray[np.float64]]:
    """Peck a figure into a canvas: height, albedo and the mask ``pecked`` are changed in place.

    The truth of a figure is the union of the footprints of its pits (where a pit reaches more than 15 % of its own depth),
    closed with a disc of radius 0.75 times the larger of pit diameter and pit spacing, as far as the closing stays within
    half a pit diameter of the drawn figure; holes of up to three squared pit diameters are filled. So a pecked body is one area without the slivers of skin between its pits, a
    stray pit near the figure is its own little footprint, and the border follows the pits, not the drawing. Bowls and
    ground grooves count to their rim.

    Parameters
    ----------
    canvas : Canvas
        Rock to peck; changed in place.
    figure : Figure
        What to peck.
    centre_mm : tuple of (x, y), millimetres
        Where the origin of the figure goes, from the outer corner of the top-left pixel. May lie near or beyond the border.
    style : PeckStyle
        Technique, tool and patina.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    list of ndarray of shape (N, 2), float64
        Outer outlines of what was meant, in pixels of the canvas (x, y) from the outer corner of its top-left pixel;
        empty where the figure lies outside.
    """
    unit = canvas.pixel_size_mm
    reach_mm = _extent(figure) + 12.0
    x0, y0 = (int((c - reach_mm) / unit) for c in centre_mm)
    x1, y1 = (int((c + reach_mm) / unit) + 1 for c in centre_mm)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, canvas.shape[1]), min(y1, canvas.shape[0])
    if x1 - x0 < 8 or y1 - y0 < 8:
        return []
    at, shape = (slice(y0, y1), slice(x0, x1)), (y1 - y0, x1 - x0)
    offset = (centre_mm[0] / unit - x0, centre_mm[1] / unit - y0)
    meant = rasterise_figure(figure, shape=shape, offset_px=offset, pixel_size_mm=unit)
    if style.technique == "outline":
        depth_in = cv2.distanceTransform(meant.astype(np.uint8), cv2.DIST_L2, 5)
        meant &= depth_in < max(figure.line_mm * 0.7, 1.4 * style.pit_mm) / unit
    for bx, by, radius in figure.bowls:
        centre = (round((bx / unit + offset[0] - 0.5) * 16), round((by / unit + offset[1] - 0.5) * 16))
        layer = meant.view(np.uint8)
        cv2.circle(layer, centre, round(radius / unit * 16), 1, -1, shift=4)
    if not meant.any():
        return []
    signed = _signed_distance(meant)
    signed += fractal(rng, shape, wavelength_px=18 / unit, gain=0.6) * Float(0.45 * style.pit_mm / unit)
    hits = _aims(rng, signed, style, unit)
    deepest, total, profile = _strike(rng, hits, shape, style, unit)
    cap = Float(2.2 * style.depth_mm)
    relief = Float(0.7) * deepest + Float(0.3) * cap * np.tanh(total / cap)
    footprint = profile > 0.15
    if style.technique in ("groove", "rubbed"):
        relief, worked = _grind(rng, relief, signed, figure, style, unit)
        polished = blur(canvas.height_mm[at], 1.0 / unit)
        canvas.height_mm[at] += (polished - canvas.height_mm[at]) * worked * Float(0.75)
        profile = np.maximum(profile * Float(0.8), worked)
        footprint |= worked > 0.3
    relief += _bowls(figure, shape, offset, unit, rng)
    relief += (
        fractal(rng, shape, wavelength_px=2.0 / unit, gain=0.9, finest_px=1.0) * profile * Float(0.07 * style.depth_mm)
    )
    canvas.height_mm[at] -= relief
    _patinate(canvas, at, profile, relief, style, rng)
    closed = cv2.morphologyEx(
        footprint.astype(np.uint8),
        cv2.MORPH_CLOSE,
        _disc_kernel(0.75 * style.pit_mm * max(1.0, style.spacing) / unit),
        borderType=cv2.BORDER_REPLICATE,
    ).astype(np.bool_)
    traced = footprint | (closed & (signed > -0.5 * style.pit_mm / unit))
    canvas.mark("pecked", _without_holes(traced, max_area_px=3 * (style.pit_mm / unit) ** 2), at)
    outlines, _ = cv2.findContours(meant.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1)
    return [o[:, 0].astype(np.float64) + [x0 + 0.5, y0 + 0.5] for o in outlines if len(o) > 2]


def _without_holes(mask: NDArray[np.bool_], *, max_area_px: float) -> NDArray[np.bool_]:
    """Fill holes that are no larger than a few pits."""
    n_holes, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= max_area_px
    small[0] = False
    filled: NDArray[np.bool_] = mask | small[:n_holes][labels]
    return filled


def _extent(figure: Figure) -> float:
    """Largest coordinate of the figure, lines included."""
    parts = [np.abs(s.points_mm).max() + s.widths_mm.max() for s in figure.strokes]
    parts += [np.abs(a).max() for a in figure.areas] + [max(abs(x), abs(y)) + r for x, y, r in figure.bowls]
    return float(max(parts))


def _grind(
    rng: Generator,
    relief: NDArray[np.float32],
    signed: NDArray[np.float32],
    figure: Figure,
    style: PeckStyle,
    unit: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smooth the pits: to a rounded groove, or to a slightly lowered rubbed area; also returns where, 0 to 1."""
    worked = smoothstep(signed, -0.5, max(1.5, 0.8 / unit))
    soft = blur(relief, max(0.6, 0.2 * style.pit_mm / unit))
    if style.technique == "groove":
        half = Float(0.5 * figure.line_mm / unit)
        bowl = np.sqrt(np.clip(1 - np.square(1 - np.clip(signed / half, 0, 1)), 0, 1))
        return soft * Float(0.55) + bowl * Float(min(rng.uniform(1.2, 3.2), 0.32 * figure.line_mm)), worked
    return soft * Float(0.8) + worked * Float(rng.uniform(0.15, 0.4)), worked


def _bowls(
    figure: Figure, shape: tuple[int, int], offset: tuple[float, float], unit: float, rng: Generator
) -> NDArray[np.float32]:
    """Depth of the cup marks."""
    depth = np.zeros(shape, Float)
    if not figure.bowls:
        return depth
    y, x = np.ogrid[: shape[0], : shape[1]]
    for bx, by, radius in figure.bowls:
        square = np.square((x + 0.5 - offset[0]) * unit - bx) + np.square((y + 0.5 - offset[1]) * unit - by)
        ball = np.clip(1 - square / (radius * radius), 0, 1).astype(Float)
        np.maximum(depth, ball * Float(radius * rng.uniform(0.2, 0.5)), out=depth)
    return depth


def _patinate(
    canvas: Canvas,
    at: tuple[slice, slice],
    profile: NDArray[np.float32],
    relief: NDArray[np.float32],
    style: PeckStyle,
    rng: Generator,
) -> None:
    """Break the skin where pits are and let it grow again: more even than before, since blows crush crystals."""
    broken = smoothstep(profile, 0.03, 0.55)
    for channel in range(3):
        plane = canvas.albedo[channel][at]
        even = blur(plane, 2.0 / canvas.pixel_size_mm)
        plane += (even - plane) * (broken * Float(0.5))
    patches = fractal(rng, profile.shape, wavelength_px=30 / canvas.pixel_size_mm, gain=0.65)
    if style.freshness >= 0:
        share = np.clip(Float(style.freshness) * (1 + Float(0.3) * patches), 0, 1) * broken
        share *= np.clip(Float(0.85) + Float(0.25) * relief / Float(style.depth_mm), 0.6, 1.1)
        np.clip(share, 0, 1, out=share)
        crushed = np.clip(Float(1.04) + Float(0.7) * canvas.grain[at], 0.4, 1.7)
        canvas.tint(canvas.fresh_rgb[:, None, None] * crushed, share, at)
        return
    dirt = np.clip(Float(-style.freshness) * (1.3 + Float(0.5) * patches), 0, 0.6) * broken
    for channel, strength in enumerate((0.95, 1.0, 1.1)):
        canvas.albedo[channel][at] *= 1 - Float(strength) * dirt
