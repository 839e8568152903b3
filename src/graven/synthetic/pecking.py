"""From a figure to thousands of pits: relief, patina and the truth a specialist would trace.

What is published and used here: dints are struck directly with a hammerstone, which scatters them around the border of
a figure, or indirectly with a chisel stone, which keeps them on the line [1]_ [2]_; telling them from rock needs
geometry at sub-millimetre scale [3]_; and on one panel the colour of marks runs from that of fresh rock to that of the
skin as they grow older [4]_. No table of pit sizes was at hand: the numbers are our choice, judged by eye (pits of 1.6
to 5 mm median diameter, 0.18 to 0.42 diameters deep, 0.5 to 1.25 diameters apart, blows scattered by 0.12 to 0.4
diameters, 3 % of them three times as far).

References
----------
.. [1] Keyser and Rabiega, Petroglyph manufacture by indirect percussion, J. California and Great Basin Anthropology
   21(1), 1999, 124-136.
.. [2] Fedorova and Girya, Types of chiselings in rock art of Besov Nos, Ural Historical Journal 24(1), 2024, 140-148,
   DOI 10.31833/uav/2024.24.1.009.
.. [3] Poier et al., PetroSurf3D, 2016, arXiv:1610.01944 (segmentation of pecked surfaces at sub-millimetre scale).
.. [4] Bednarik, Experimental colorimetric analysis of petroglyphs, Rock Art Research 26(1), 2009, 55-64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.synthetic.noise import blur, fractal, smoothstep
from graven.synthetic.pits import aim_blows, signed_distance, strike

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.figures import Figure
    from graven.synthetic.pits import PeckStyle
    from graven.synthetic.surface import Canvas

__all__ = ["peck_figure", "rasterise_figure"]

Float = np.float32
Generator = np.random.Generator


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
        return np.asarray(np.round(pixel * (1 << shift)), np.int32)

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


def _disc_kernel(radius_px: float) -> NDArray[np.uint8]:
    size = 2 * max(1, round(radius_px)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def peck_figure(
    canvas: Canvas, figure: Figure, *, centre_mm: tuple[float, float], style: PeckStyle, rng: Generator
) -> list[NDArray[np.float64]]:
    """Peck a figure into a canvas: height, albedo and the mask ``pecked`` are changed in place.

    The truth of a figure is the union of the footprints of its pits (where a pit reaches more than 15 % of its own
    depth), closed with a disc of radius 0.75 times the larger of pit diameter and pit spacing, as far as the closing
    stays within half a pit diameter of the drawn figure; holes of up to three squared pit diameters are filled. So a
    pecked body is one area without the slivers of skin between its pits, a stray pit near the figure is its own little
    footprint, and the border follows the pits, not the drawing. Bowls and ground grooves count to their rim.

    Parameters
    ----------
    canvas : Canvas
        Rock to peck; changed in place.
    figure : Figure
        What to peck.
    centre_mm : tuple of (x, y), millimetres
        Where the origin of the figure goes, from the outer corner of the top-left pixel. May lie near or beyond the
        border.
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
    signed = signed_distance(meant)
    signed += fractal(rng, shape, wavelength_px=18 / unit, gain=0.6) * Float(0.45 * style.pit_mm / unit)
    hits = aim_blows(rng, signed, style, unit)
    deepest, total, profile = strike(rng, hits, shape, style, unit)
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
    corner = np.array([x0 + 0.5, y0 + 0.5])
    return [outline[:, 0].astype(np.float64) + corner for outline in outlines if len(outline) > 2]


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
