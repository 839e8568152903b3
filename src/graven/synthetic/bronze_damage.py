"""What two thousand years do to bronze, none of it art: scratches, pits, blisters, dents, cracks and fibres."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.synthetic.engraving_curves import resample
from graven.synthetic.engraving_cut import Groove, carve
from graven.synthetic.fractures import random_path
from graven.synthetic.noise import blur, fractal, smoothstep
from graven.synthetic.rock_parts import linear_rgb
from graven.synthetic.stamp import window_around

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.bronze import Workpiece

__all__ = ["add_bumps", "add_cracks", "add_deep_scratches", "add_fibres", "add_fine_scratches", "add_pits", "add_weave"]

Float = np.float32
Generator = np.random.Generator


def _apply(piece: Workpiece, grooves: list[Groove], name: str, *, glint: float) -> NDArray[np.bool_]:
    """Cut grooves into the surface as it is now; `glint` is how much bare metal they show."""
    found = carve(grooves, piece.canvas.shape)
    piece.canvas.height_mm -= found.depth_mm
    piece.canvas.height_mm += found.burr_mm
    piece.canvas.mark(name, found.mask)
    if glint > 0:
        shine = found.mask * Float(glint)
        piece.canvas.tint(piece.canvas.fresh_rgb, shine)
        piece.gloss += (1 - piece.gloss) * shine
    return found.mask


def _path(start: NDArray[np.float64], heading: float, length: float, bend: float) -> NDArray[np.float64]:
    """Arc of a circle, straight for `bend` 0; lengths in pixels, `bend` the turn over the whole length."""
    t = np.linspace(0, 1, max(3, int(length / 8)))
    angle = heading + bend * (t - 0.5)
    steps = np.stack([np.cos(angle), np.sin(angle)], 1) * length / len(t)
    return np.asarray(start + np.cumsum(steps, axis=0) - steps.sum(0) / 2)


def _draw(layer: NDArray[np.uint8], path: NDArray[np.float64], *, grey: int, thick: int) -> None:
    """Draw a thin line into a layer, antialiased."""
    points = np.round(path * 16).astype(np.int32)
    cv2.polylines(layer, [points], isClosed=False, color=grey, thickness=thick, lineType=cv2.LINE_AA, shift=4)


def _place(rng: Generator, piece: Workpiece) -> NDArray[np.float64]:
    rows, cols = piece.canvas.shape
    return rng.uniform((0, 0), (cols, rows))


def add_fine_scratches(piece: Workpiece, *, n_bundles: int, rng: Generator) -> None:
    """Bundles of fine parallel scratches as brushes, sand and scouring leave them.

    Parameters
    ----------
    piece : Workpiece
        Changed in place; mask ``scratch`` is not, they are too fine for it.
    n_bundles : int
        How many bundles.
    rng : numpy.random.Generator
        Source of randomness.
    """
    canvas = piece.canvas
    layer = np.zeros(canvas.shape, np.uint8)
    for _ in range(n_bundles):
        heading, bend = rng.uniform(0, 6.28), rng.normal(0, 0.25)
        middle, breadth = _place(rng, piece), canvas.px(rng.uniform(0.5, 6))
        for _ in range(int(rng.integers(4, 26))):
            start = middle + breadth * rng.normal(0, 1, 2)
            path = _path(start, heading + rng.normal(0, 0.05), canvas.px(rng.lognormal(1.7, 0.6)), bend)
            grey = int(rng.integers(40, 255))
            thick = 1 if rng.random() < 0.75 else 2
            _draw(layer, path, grey=grey, thick=thick)
    cut = blur(layer.astype(Float), 0.6)
    canvas.height_mm -= cut * Float(rng.uniform(0.006, 0.016) / 255)
    piece.gloss += (1 - piece.gloss) * cut * Float(0.3 / 255)


def add_deep_scratches(piece: Workpiece, *, n_scratches: int, rng: Generator) -> None:
    """Scratches as wide and deep as engraved lines: straight, curved, in pairs, drawn by compasses; mask ``scratch``.

    Parameters
    ----------
    piece : Workpiece
        Changed in place.
    n_scratches : int
        How many, not counting companions.
    rng : numpy.random.Generator
        Source of randomness.
    """
    canvas = piece.canvas
    grooves: list[Groove] = []
    for _ in range(n_scratches):
        width = canvas.px(float(np.clip(rng.lognormal(math.log(0.2), 0.4), 0.08, 0.55)))
        depth = float(np.clip(rng.lognormal(math.log(0.036), 0.6), 0.006, 0.14))
        heading = rng.uniform(0, 6.28)
        length = canvas.px(float(np.clip(rng.lognormal(2.1, 0.7), 1.5, 60)))
        bend = rng.normal(0, 0.15) if rng.random() < 0.65 else rng.normal(0, 1.5)
        n_companions = int(rng.integers(2, 9)) if rng.random() < 0.22 else 1
        start = _place(rng, piece)
        for _ in range(n_companions):
            path = _path(
                start + rng.normal(0, canvas.px(0.9), 2) * (n_companions > 1),
                heading + rng.normal(0, 0.03),
                length,
                bend,
            )
            t = np.linspace(0, 1, len(path))
            fade = np.clip(np.minimum(t / rng.uniform(0.05, 0.5), (1 - t) / rng.uniform(0.05, 0.5)), 0.05, 1)
            skip = 1 + 0.3 * np.sin(t * rng.uniform(5, 60) + rng.uniform(0, 6))
            path = path + rng.normal(0, 0.12, path.shape)
            grooves.append(
                Groove(
                    path,
                    np.maximum(width * fade**0.4, 1.0),
                    depth * fade * skip,
                    rng.uniform(0.9, 2.5),
                    rng.uniform(0, 0.35),
                )
            )
    _apply(piece, grooves, "scratch", glint=float(rng.uniform(0, 0.5)))


def add_pits(piece: Workpiece, *, n_pits: int, size_mm: float, rng: Generator) -> None:
    """Corrosion pits and casting pores in clusters; mask ``pit``, large ones destroy what was engraved.

    Parameters
    ----------
    piece : Workpiece
        Changed in place.
    n_pits : int
        How many.
    size_mm : float, millimetres
        Median diameter.
    rng : numpy.random.Generator
        Source of randomness.
    """
    canvas = piece.canvas
    if n_pits <= 0:
        return
    crowd = fractal(rng, (64, 64), wavelength_px=20, gain=0.6)
    spots = rng.random((6 * n_pits, 2))
    chance = 1 / (1 + np.exp(-3.0 * (crowd[(spots[:, 1] * 64).astype(int), (spots[:, 0] * 64).astype(int)] - 0.4)))
    spots = spots[rng.random(len(spots)) < chance][:n_pits] * (canvas.shape[1], canvas.shape[0])
    widths = canvas.px(1.0) * np.clip(rng.lognormal(math.log(size_mm), 0.55, len(spots)), 0.06, 2.4)
    depths = np.clip(0.3 * widths / canvas.px(1.0) * rng.uniform(0.3, 1.0, len(spots)), 0.006, 0.3)
    edges = rng.uniform(1.5, 4.0, len(spots))
    grooves, large = [], []
    for spot, width, depth, edge in zip(spots, widths, depths, edges, strict=True):
        lobes = (
            resample(spot + width * 0.28 * rng.normal(0, 1, (3, 2)), 4.0)
            if width > 4
            else spot + np.array([[0.0, 0.0], [0.4, 0.3]])
        )
        wide = np.full(len(lobes), width * 0.72)
        pit = Groove(lobes, wide * rng.uniform(0.75, 1.2, len(lobes)), np.full(len(lobes), depth), edge, 0.0)
        grooves.append(pit)
        if width > canvas.px(0.5):
            large.append(pit)
    hit = _apply(piece, grooves, "pit", glint=0.0)
    piece.gone |= carve(large, canvas.shape).mask
    tone = linear_rgb(*((96, 136, 104) if rng.random() < 0.6 else (58, 44, 34)))
    soft = blur(hit.astype(Float), 1.0)
    canvas.tint(tone, soft * Float(rng.uniform(0.2, 0.8)))
    piece.gloss *= 1 - Float(0.8) * soft


def add_bumps(piece: Workpiece, *, n_blisters: int, n_dents: int, rng: Generator) -> None:
    """Blisters of corrosion, some of them burst, and dents from blows; mask ``blister``.

    Parameters
    ----------
    piece : Workpiece
        Changed in place.
    n_blisters, n_dents : int
        How many of each.
    rng : numpy.random.Generator
        Source of randomness.
    """
    canvas = piece.canvas
    for number in range(n_blisters + n_dents):
        blister = number < n_blisters
        radius = canvas.px(float(rng.lognormal(math.log(0.55), 0.5) if blister else rng.lognormal(math.log(1.6), 0.5)))
        x, y = _place(rng, piece)
        squeeze, turn = rng.uniform(0.45, 1.0), rng.uniform(0, 3.14)
        warp = rng.normal(0, 0.1 if blister else 0.05, 3)
        size = (
            float(rng.uniform(0.02, 0.16))
            if blister
            else -float(np.clip(rng.lognormal(math.log(0.07), 0.6), 0.02, 0.3))
        )
        burst = rng.random() < 0.35
        found = window_around(canvas, x, y, 1.7 * radius / squeeze**0.5)
        if found is None:
            continue
        at, _ = found
        rows, cols = np.ogrid[at[0], at[1]]
        u = (cols + 0.5 - x) * math.cos(turn) + (rows + 0.5 - y) * math.sin(turn)
        v = ((rows + 0.5 - y) * math.cos(turn) - (cols + 0.5 - x) * math.sin(turn)) / squeeze
        angle = np.arctan2(v, u)
        r = (
            np.hypot(u, v)
            / radius
            * (1 + warp[0] * np.sin(2 * angle + warp[1] * 9) + 0.4 * warp[2] * np.sin(5 * angle))
        )
        r = r.astype(Float)
        if not blister:
            canvas.height_mm[at] += np.exp(-2.2 * r * r) * Float(size)
            continue
        dome = np.clip(1 - r * r, 0, None) ** Float(0.7)
        if burst:
            dome -= np.clip(1 - (r / Float(0.62)) ** 2, 0, None) ** Float(0.5) * Float(1.6)
        canvas.height_mm[at] += dome * Float(size)
        canvas.mark("blister", r < 1, at)
        piece.gone[at] |= r < 0.9
        canvas.tint(linear_rgb(110, 146, 114), smoothstep(r, 1.1, 0.7) * Float(0.6), at)
        piece.gloss[at] *= 1 - smoothstep(r, 1.1, 0.8) * Float(0.9)


def add_cracks(piece: Workpiece, *, n_cracks: int, rng: Generator) -> None:
    """Cracks through the metal, with branches; mask ``crack``.

    Parameters
    ----------
    piece : Workpiece
        Changed in place.
    n_cracks : int
        How many, not counting branches.
    rng : numpy.random.Generator
        Source of randomness.
    """
    canvas = piece.canvas
    grooves: list[Groove] = []
    todo = [
        (_place(rng, piece), rng.uniform(0, 6.28), canvas.px(rng.uniform(8, 45)), canvas.px(rng.uniform(0.08, 0.3)))
        for _ in range(n_cracks)
    ]
    while todo and len(grooves) < 6 * n_cracks:
        start, heading, length, width = todo.pop()
        path = random_path(rng, (start[0], start[1]), heading, length, step=5.0, wander=0.16)
        t = np.linspace(0, 1, len(path))
        wide = np.maximum(width * (1 - 0.7 * t) * rng.uniform(0.6, 1.3, len(path)), 1.0)
        grooves.append(Groove(path, wide, np.full(len(path), rng.uniform(0.05, 0.25)), 2.0, 0.0))
        if rng.random() < 0.6 and length > canvas.px(6):
            at = int(rng.integers(len(path)))
            todo.append((path[at], heading + rng.choice([-1, 1]) * rng.uniform(0.5, 1.2), 0.5 * length, 0.7 * width))
    hit = _apply(piece, grooves, "crack", glint=0.0)
    canvas.tint(linear_rgb(60, 66, 50), hit * Float(0.7))
    piece.gloss[hit] *= Float(0.2)


def add_fibres(piece: Workpiece, *, n_fibres: int, rng: Generator) -> None:
    """Fine raised threads: roots and fibres that turned to mineral where they lay.

    Parameters
    ----------
    piece : Workpiece
        Changed in place.
    n_fibres : int
        How many.
    rng : numpy.random.Generator
        Source of randomness.
    """
    canvas = piece.canvas
    layer = np.zeros(canvas.shape, np.uint8)
    for _ in range(n_fibres):
        x, y = _place(rng, piece)
        path = random_path(
            rng, (x, y), rng.uniform(0, 6.28), canvas.px(rng.uniform(2, 16)), step=6.0, wander=rng.uniform(0.05, 0.3)
        )
        thick = max(1, round(canvas.px(rng.uniform(0.06, 0.22))))
        _draw(layer, path, grey=int(rng.integers(90, 255)), thick=thick)
    raised = blur(layer.astype(Float), max(0.8, canvas.px(0.05)))
    canvas.height_mm += raised * Float(rng.uniform(0.01, 0.035) / 255)
    canvas.tint(linear_rgb(104, 122, 92), raised * Float(0.5 / 255))


def add_weave(piece: Workpiece, *, rng: Generator) -> None:
    """Print of a cloth in the corrosion: threads over and under, in one region.

    Parameters
    ----------
    piece : Workpiece
        Changed in place.
    rng : numpy.random.Generator
        Source of randomness.
    """
    canvas = piece.canvas
    x, y = _place(rng, piece)
    reach = canvas.px(rng.uniform(4, 14))
    found = window_around(canvas, x, y, 1.5 * reach)
    if found is None:
        return
    at, shape = found
    rows, cols = np.ogrid[at[0], at[1]]
    warp = fractal(rng, shape, wavelength_px=reach, gain=0.5, finest_px=8.0)
    turn, pitch = rng.uniform(0, 1.57), canvas.px(rng.uniform(0.35, 0.8))
    bend = warp * Float(1.5)
    u = ((cols - x) * math.cos(turn) + (rows - y) * math.sin(turn)).astype(Float) * Float(math.pi / pitch) + bend
    v = ((rows - y) * math.cos(turn) - (cols - x) * math.sin(turn)).astype(Float) * Float(math.pi / pitch) - bend
    cloth = np.abs(np.sin(u)) * np.cos(v) + np.abs(np.sin(v)) * np.cos(u)
    edge = np.hypot(cols - x, rows - y).astype(Float) / Float(reach) + warp * Float(0.3)
    region = smoothstep(edge, 1.1, 0.6)
    canvas.height_mm[at] += cloth * region * Float(rng.uniform(0.004, 0.014))
    piece.fill[at] = np.maximum(piece.fill[at], region * Float(rng.uniform(0.2, 0.7)))
    piece.gloss[at] *= 1 - Float(0.7) * region
