"""How a figure is struck: the style of a hand and its tool, where the blows land, and the pits that they leave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import cv2
import numpy as np

from graven.synthetic.noise import fractal

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PeckStyle", "Technique", "aim_blows", "draw_style", "signed_distance", "strike"]

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
        Pecked as drawn; areas pecked along their border only; pecked, then ground to a rounded groove; pecked, then
        rubbed.
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


def signed_distance(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance to the border of a mask.

    Parameters
    ----------
    inside : ndarray of shape (H, W), bool
        The mask.

    Returns
    -------
    ndarray of shape (H, W), float32, pixels
        Positive inside.
    """
    within = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    signed: NDArray[np.float32] = within - outside
    return signed


def aim_blows(
    rng: Generator, signed: NDArray[np.float32], style: PeckStyle, pixel_size_mm: float
) -> NDArray[np.float64]:
    """Choose where blows land: a jittered triangular grid inside the figure, thinner in places, then scattered.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    signed : ndarray of shape (H, W), float32, pixels
        Distance to the border of the figure, positive inside.
    style : PeckStyle
        For spacing and scatter.
    pixel_size_mm : float, millimetres
        Length of a pixel side.

    Returns
    -------
    ndarray of shape (N, 2), float64, pixels
        Row and column of each blow.
    """
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


def strike(
    rng: Generator, hits: NDArray[np.float64], shape: tuple[int, int], style: PeckStyle, pixel_size_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Stamp one pit for each blow: a lobed, slightly slanted bowl of its own size and depth.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    hits : ndarray of shape (N, 2), float64, pixels
        Row and column of each blow.
    shape : tuple of two int
        Height and width of the window.
    style : PeckStyle
        For pit size and depth.
    pixel_size_mm : float, millimetres
        Length of a pixel side.

    Returns
    -------
    deepest, total : ndarray of shape `shape`, float32, millimetres
        Depth of the deepest pit at each pixel, and of all pits together.
    profile : ndarray of shape `shape`, float32, range [0, 1.2]
        Depth relative to the own depth of the pit, where that is largest.
    """
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
