"""Paint that lifts and falls: cupped islands, raised edges, and losses down to the ground and to what bears it.

Whole islands fall where the paint is weak, so most borders of a loss follow cracks; between cracks paint breaks off in
small angular flakes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from graven.synthetic.noise import blur, cells, fractal, smoothstep, streaks, threshold_mask
from graven.synthetic.rock_parts import linear_rgb, vary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.cracknet import Coverage
    from graven.synthetic.palettes import Palette
    from graven.synthetic.surface import Canvas

__all__ = ["Losses", "cup_islands", "find_islands", "lose_paint", "open_cracks", "plan_losses"]

Float = np.float32
Generator = np.random.Generator
_DUST = np.array([1.0, 0.92, 0.8], Float)
_LEAST_LOSS_PX = 12  # smaller specks are neither lost nor left standing alone


class Losses(NamedTuple):
    """Where paint is gone, bool (H, W): `lost` all of it, `bare` the part where the ground is gone too."""

    lost: NDArray[np.bool_]
    bare: NDArray[np.bool_]


def find_islands(cover: NDArray[np.float32]) -> NDArray[np.int32]:
    """Find the pieces of paint between cracks and number them.

    Parameters
    ----------
    cover : ndarray of shape (H, W), float32, range [0, 1]
        Coverage by cracks.

    Returns
    -------
    ndarray of shape (H, W), int32
        From 1; a pixel of a crack belongs to the nearest island.
    """
    on_crack = (cover > 0.2).astype(np.uint8)
    if on_crack.all():
        return np.ones(cover.shape, np.int32)
    _, labels = cv2.distanceTransformWithLabels(on_crack, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)
    return np.asarray(labels, np.int32)


def plan_losses(
    cover: NDArray[np.float32],
    *,
    share: float,
    bare_share: float,
    speck_share: float,
    pixel_size_mm: float,
    rng: Generator,
) -> Losses:
    """Decide what falls.

    Parameters
    ----------
    cover : ndarray of shape (H, W), float32
        Coverage by cracks.
    share : float, range [0, 1]
        Share of the surface in larger losses.
    bare_share : float, range [0, 1]
        Share of these where the ground is lost as well.
    speck_share : float, range [0, 1]
        Share of the surface in chips of few millimetres, most of them beside cracks.
    pixel_size_mm : float, millimetres
        Length of a pixel side.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Losses
        Without specks of fewer than twelve pixels.
    """
    shape = (cover.shape[0], cover.shape[1])
    islands = find_islands(cover)
    flakes = _flakes(rng, shape, rng.uniform(0.8, 2.2) / pixel_size_mm)
    weak = fractal(rng, shape, wavelength_px=rng.uniform(12, 50) / pixel_size_mm, gain=0.55, finest_px=8.0)
    weak += rng.normal(0, rng.uniform(0.15, 0.7), int(islands.max()) + 1).astype(Float)[islands]
    weak += flakes * Float(rng.uniform(0.1, 0.35))
    weak += fractal(rng, shape, wavelength_px=0.8 / pixel_size_mm, gain=0.7, finest_px=1.5) * Float(0.06)
    limit = threshold_mask(weak, share)
    lost = weak > limit if share > 0 else np.zeros(shape, np.bool_)
    bare = weak > max(threshold_mask(weak, share * bare_share), limit + 0.12)
    lost = _with_rims(lost, cover)
    distance = cv2.distanceTransform((cover <= 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    chips = _flakes(rng, shape, rng.uniform(0.35, 0.9) / pixel_size_mm)
    chips += fractal(rng, shape, wavelength_px=10 / pixel_size_mm, gain=0.6, finest_px=4.0) * Float(0.8)
    chips += np.exp(np.asarray(distance, Float) * Float(-pixel_size_mm / 0.5)) * Float(rng.uniform(0, 1.6))
    if speck_share > 0:
        lost |= chips > threshold_mask(chips, speck_share)
    lost = _tidy(lost)
    return Losses(lost, _tidy(bare) & lost)


def _with_rims(lost: NDArray[np.bool_], cover: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Add the far half of a crack along which paint fell: a crack with one side is the border of a loss."""
    on_crack = (cover > 0.2).astype(np.uint8)
    half = cv2.dilate(cv2.distanceTransform(on_crack, cv2.DIST_L2, 3), np.ones((9, 9), np.uint8))
    away = cv2.distanceTransform((~lost).astype(np.uint8), cv2.DIST_L2, 3)
    return lost | ((on_crack > 0) & (away <= half + 1.5))


def _flakes(rng: Generator, shape: tuple[int, int], size_px: float) -> NDArray[np.float32]:
    """One number for each angular flake, standard normal, with frayed borders."""
    labels, _ = cells(rng, shape, cell_px=max(size_px, 2.5))
    value = rng.standard_normal(int(labels.max()) + 1, dtype=Float)[labels]
    x, y = np.meshgrid(np.arange(shape[1], dtype=Float), np.arange(shape[0], dtype=Float))
    for axis in (x, y):
        axis += fractal(rng, shape, wavelength_px=max(0.7 * size_px, 3.0), gain=0.6, finest_px=1.5) * Float(
            0.22 * size_px
        )
    return np.asarray(cv2.remap(value, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101), Float)


def _tidy(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop specks and fill pinholes."""
    for value in (1, 0):
        image = (mask == bool(value)).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(image, connectivity=4)
        small = stats[:, cv2.CC_STAT_AREA] < _LEAST_LOSS_PX
        small[0] = False
        mask = mask ^ small[labels]
    return mask


def open_cracks(
    canvas: Canvas, cover: Coverage, *, tone: NDArray[np.float32], opacity: NDArray[np.float32], depth_mm: float
) -> None:
    """Cut cracks into the paint and let dirt or ground show in them.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    cover : Coverage
        What they cover.
    tone : ndarray of shape (3,), float32
        Linear reflectance of what is seen in a crack; where the paint is as dark, dust and ground make cracks pale.
    opacity : ndarray of shape (H, W), float32, range [0, 1]
        How much of it is seen.
    depth_mm : float, millimetres
        Depth of a crack that is wider than a pixel.
    """
    share = np.maximum(cover.wide, cover.thin)
    canvas.height_mm -= share * Float(depth_mm)
    paint, filling = blur(canvas.albedo.mean(axis=0), canvas.px(0.6)), float(tone.mean())
    seen = np.minimum(1, (Float(8) * paint + Float(0.05)) / Float(filling))  # soiled as the paint is
    alike = np.exp(-np.square(np.log(paint / Float(filling)) / Float(0.75)))
    dust = alike * Float(min(2.2 * (0.03 + filling), 0.2))
    canvas.tint(tone[:, None, None] * seen + dust * _DUST[:, None, None], share * opacity)


def cup_islands(
    canvas: Canvas, cover: Coverage, *, lift_mm: float, reach_mm: float, tilt_mm: float, rng: Generator
) -> None:
    """Raise the edges of islands beside cracks and tilt the islands a little.

    Parameters
    ----------
    canvas : Canvas
        Changed in place (height only).
    cover : Coverage
        Coverage by cracks.
    lift_mm : float, millimetres
        How far an edge rises where the paint is weakest; some edges stay flat.
    reach_mm : float, millimetres
        How far from the crack the rise has fallen to a third.
    tilt_mm : float, millimetres
        Deviation of the level of an island.
    rng : numpy.random.Generator
        Source of randomness.
    """
    share = np.maximum(cover.wide, cover.thin)
    distance = np.asarray(cv2.distanceTransform((share <= 0.4).astype(np.uint8), cv2.DIST_L2, 3), Float)
    islands = find_islands(share)
    n_islands = int(islands.max()) + 1
    some = np.clip(rng.normal(0.5, 0.6, n_islands), 0, 1.6).astype(Float)[islands]
    some *= np.clip(0.6 + fractal(rng, canvas.shape, wavelength_px=canvas.px(25), gain=0.5, finest_px=8.0), 0, 2)
    rise = np.exp(distance * Float(-canvas.pixel_size_mm / reach_mm))
    rise *= some
    rise *= 1 - share
    canvas.height_mm += rise * Float(lift_mm)
    level = rng.normal(0, tilt_mm, n_islands).astype(Float)[islands]
    canvas.height_mm += blur(level, 1.0)


def lose_paint(
    canvas: Canvas, losses: Losses, palette: Palette, *, lift_mm: float, dirt: float, angle_deg: float, rng: Generator
) -> None:
    """Take the paint away: bevelled edge, ground or support beneath; masks ``loss`` and ``bare``.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    losses : Losses
        Where.
    palette : Palette
        What lies beneath.
    lift_mm : float, millimetres
        How far the paint stands off along the edge of a loss, where it does.
    dirt : float, range [0, 1]
        How grey the exposed ground has become.
    angle_deg : float, degrees
        Direction of the grain, counter-clockwise from x.
    rng : numpy.random.Generator
        Source of randomness.
    """
    lost, bare = losses
    thick = float(rng.uniform(*palette.layer_mm))
    paint_mm = thick * float(rng.uniform(0.25, 0.6))
    edge = np.asarray(cv2.distanceTransform((~lost).astype(np.uint8), cv2.DIST_L2, 3), Float)
    curl = np.exp(edge * Float(-canvas.pixel_size_mm / rng.uniform(0.4, 1.6)))
    curl *= np.clip(fractal(rng, canvas.shape, wavelength_px=canvas.px(8), gain=0.6, finest_px=4.0) + 0.2, 0, 1.5)
    curl[lost] = 0
    canvas.height_mm += curl * Float(lift_mm)
    gone, worn = (blur(part.astype(Float), 0.55) for part in (lost, bare))
    deeper = blur(bare.astype(Float), max(1.0, canvas.px(0.2)))
    level = blur(canvas.height_mm, canvas.px(1.5))
    level -= Float(paint_mm)
    level -= deeper * Float(thick - paint_mm)
    rough = fractal(rng, canvas.shape, wavelength_px=canvas.px(1.5), gain=0.8, finest_px=1.2)
    level += rough * Float(rng.uniform(0.01, 0.05))
    grain = _support(canvas, palette, angle_deg, rng, level, bare)
    canvas.height_mm += (level - canvas.height_mm) * gone
    ground = vary(rng, linear_rgb(*palette.grounds[int(rng.integers(len(palette.grounds)))]), value=0.1)
    ground *= Float(1 - 0.45 * dirt)
    mottle = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(3, 15)), gain=0.7, finest_px=1.5)
    mottle = np.exp(mottle * Float(rng.uniform(0.04, 0.14)) + rough * Float(0.04))
    residue = fractal(rng, canvas.shape, wavelength_px=canvas.px(4), gain=0.8, finest_px=1.5)
    keep = smoothstep(residue, rng.uniform(0.5, 1.6), 2.2) * Float(0.7)
    canvas.tint(ground[:, None, None] * mottle, gone * (1 - keep))
    canvas.tint(grain, worn)
    canvas.mark("loss", lost)
    canvas.mark("bare", bare)


def _support(
    canvas: Canvas,
    palette: Palette,
    angle_deg: float,
    rng: Generator,
    level: NDArray[np.float32],
    bare: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Colour of wood or clay; its relief goes into `level` where it is bare."""
    shape = canvas.shape
    base = vary(rng, linear_rgb(*palette.support_rgb), value=0.25, hue=0.04)
    if palette.support == "wood":
        fibre = streaks(
            rng,
            shape,
            wavelength_px=canvas.px(rng.uniform(1.5, 5)),
            stretch=30,
            angle_deg=angle_deg,
            gain=0.75,
            finest_px=1.5,
        )
        tone = np.exp(fibre * Float(rng.uniform(0.12, 0.35)))
        level += fibre * bare * Float(0.04)
    else:
        lumps = fractal(rng, shape, wavelength_px=canvas.px(6), gain=0.85, finest_px=1.2)
        tone = np.exp(lumps * Float(0.16))
        level += lumps * bare * Float(0.09)
    return np.asarray(base[:, None, None] * tone, Float)
