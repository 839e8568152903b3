"""Eight kinds of rock, each grown onto a blank canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.noise import blur, cells, fractal, ridged, smoothstep, streaks, threshold_mask, white
from graven.synthetic.rock_parts import breadth, hollows, linear_rgb, modulate, paint, relief, roughen, vary

if TYPE_CHECKING:
    from graven.synthetic.surface import Canvas

__all__ = [
    "grow_basalt",
    "grow_dolomite",
    "grow_gneiss",
    "grow_granite",
    "grow_limestone",
    "grow_polished_sandstone",
    "grow_sandstone",
    "grow_schist",
]

Float = np.float32
Generator = np.random.Generator


def grow_sandstone(rng: Generator, canvas: Canvas) -> None:
    """Grow varnished sandstone of deserts: buff to red sand under a dark, patchily worn manganese varnish.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Blank; gets height, albedo, grain and fresh colour.
    """
    relief(rng, canvas, rng.uniform(2.0, 6.0), 0.5)
    angle = rng.uniform(-25, 25) if rng.random() < 0.7 else rng.uniform(60, 120)
    bedding = streaks(
        rng, canvas.shape, wavelength_px=canvas.px(30), stretch=rng.uniform(6, 14), angle_deg=angle, gain=0.62
    )
    canvas.height_mm += bedding * Float(rng.uniform(0.15, 0.9))
    roughen(rng, canvas, rng.uniform(0.05, 0.13))
    sand = white(rng, canvas.shape)
    canvas.grain[:] = sand * Float(0.13) + bedding * Float(0.12)
    canvas.fresh_rgb[:] = vary(rng, linear_rgb(*[(196, 152, 112), (186, 120, 88), (202, 176, 140)][rng.integers(3)]))
    varnish = vary(rng, linear_rgb(*[(58, 44, 38), (84, 58, 44), (104, 74, 56)][rng.integers(3)]), value=0.18)
    thick = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(60, 220)) * breadth(canvas), gain=0.62)
    thick += np.clip(blur(canvas.height_mm, canvas.px(2.5)) - canvas.height_mm, -0.3, 0.3) * Float(1.5)
    worn = smoothstep(
        thick, threshold_mask(thick, rng.uniform(0.78, 0.995)) - 0.7, threshold_mask(thick, rng.uniform(0.55, 0.75))
    )
    bare = canvas.fresh_rgb * Float(rng.uniform(0.35, 0.75)) + varnish * Float(rng.uniform(0.0, 0.4))
    paint(canvas, bare, varnish, worn * Float(rng.uniform(0.75, 0.98)))
    modulate(canvas, np.clip(1 + sand * Float(0.09) + bedding * Float(0.08), 0.4, 1.8))


def grow_granite(rng: Generator, canvas: Canvas) -> None:
    """Grow granite: quartz, feldspar and mica crystals that stand out or have fallen out, under a brown-grey rind.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Blank; gets height, albedo, grain and fresh colour.
    """
    relief(rng, canvas, rng.uniform(2.5, 6.0), 0.5)
    labels, _ = cells(rng, canvas.shape, cell_px=max(canvas.px(rng.uniform(1.6, 3.2)), 2.5))
    n_crystals = int(labels.max()) + 1
    kind = rng.choice(3, n_crystals, p=[0.42, 0.42, 0.16])
    brightness = (np.array([0.0, 0.42, -0.72])[kind] + rng.normal(0, 0.1, n_crystals)).astype(Float)
    canvas.grain[:] = blur(brightness[labels], 0.7)
    labels, _ = cells(rng, canvas.shape, cell_px=max(canvas.px(rng.uniform(0.7, 1.1)), 1.8))
    small = rng.choice(np.array([-0.55, 0.0, 0.1, 0.4], Float), int(labels.max()) + 1, p=[0.16, 0.5, 0.2, 0.14])
    canvas.grain += blur(small[labels], 0.6) * Float(rng.uniform(0.35, 0.8))
    canvas.grain *= np.clip(1 + Float(0.3) * fractal(rng, canvas.shape, wavelength_px=canvas.px(8), gain=0.9), 0.3, 1.7)
    labels, _ = cells(rng, canvas.shape, cell_px=max(canvas.px(2.2), 2.5))
    step = rng.normal(0, 0.08, int(labels.max()) + 1).astype(Float)
    canvas.height_mm += blur(step[labels], max(0.7, canvas.px(0.5))) * Float(rng.uniform(0.7, 1.5))
    roughen(rng, canvas, rng.uniform(0.06, 0.13))
    canvas.fresh_rgb[:] = vary(rng, linear_rgb(*[(176, 170, 162), (188, 158, 144), (164, 164, 166)][rng.integers(3)]))
    rind = vary(rng, linear_rgb(*[(120, 108, 94), (128, 120, 110), (104, 84, 68)][rng.integers(3)]))
    stain = smoothstep(fractal(rng, canvas.shape, wavelength_px=canvas.px(140) * breadth(canvas), gain=0.6), -0.9, 1.1)
    paint(canvas, rind, canvas.fresh_rgb * Float(0.7), stain * Float(rng.uniform(0.2, 0.7)))
    modulate(canvas, np.clip(1 + canvas.grain * Float(rng.uniform(0.22, 0.5)), 0.2, 2))


def grow_schist(rng: Generator, canvas: Canvas) -> None:
    """Grow mica schist: foliation seen as wavy stripes and small steps, grey-green with rusty seams and quartz veins.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Blank; gets height, albedo, grain and fresh colour.
    """
    relief(rng, canvas, rng.uniform(2.0, 5.0), 0.48)
    angle = rng.uniform(-40, 40)
    fabric = streaks(
        rng, canvas.shape, wavelength_px=canvas.px(16), stretch=rng.uniform(5, 10), angle_deg=angle, gain=0.72
    )
    steps = np.round(fabric * 2.2) / Float(2.2) * Float(0.6) + fabric * Float(0.4)
    canvas.height_mm += blur(steps.astype(Float), max(0.6, canvas.px(0.35))) * Float(rng.uniform(0.15, 0.5))
    roughen(rng, canvas, rng.uniform(0.04, 0.1))
    canvas.grain[:] = fabric * Float(rng.uniform(0.1, 0.2)) + white(rng, canvas.shape) * Float(0.1)
    canvas.fresh_rgb[:] = vary(rng, linear_rgb(*[(168, 170, 162), (150, 156, 160)][rng.integers(2)]))
    skin = vary(rng, linear_rgb(*[(98, 98, 86), (86, 92, 90), (112, 100, 84)][rng.integers(3)]))
    rust = vary(rng, linear_rgb(116, 92, 70))
    seam = smoothstep(fabric + fractal(rng, canvas.shape, wavelength_px=canvas.px(90)), 0.5, 2.8)
    paint(canvas, skin, rust, seam * Float(rng.uniform(0.1, 0.8)))
    modulate(canvas, np.clip(1 + canvas.grain, 0.35, 1.9))
    if rng.random() < 0.3:
        turn = angle + rng.normal(0, 12)
        vein = streaks(
            rng, canvas.shape, wavelength_px=canvas.px(160), stretch=4, angle_deg=turn, gain=0.42, finest_px=6.0
        )
        vein += Float(0.02) * fabric
        quartz = smoothstep(np.abs(vein), 0.05, 0.015) * smoothstep(fabric, -1.2, 0.8)
        canvas.tint(vary(rng, linear_rgb(188, 182, 170)), quartz * Float(0.7))
        canvas.height_mm += quartz * Float(0.25)


def grow_limestone(rng: Generator, canvas: Canvas) -> None:
    """Grow limestone: smooth, with solution pits and grey microbial skin over a cream body.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Blank; gets height, albedo, grain and fresh colour.
    """
    relief(rng, canvas, rng.uniform(2.5, 6.0), 0.46)
    pits = hollows(rng, canvas, spacing_mm=rng.uniform(7, 14), share=rng.uniform(0.1, 0.45), depth_mm=2.2)
    roughen(rng, canvas, rng.uniform(0.035, 0.09), patchy=0.8)
    canvas.grain[:] = fractal(rng, canvas.shape, wavelength_px=canvas.px(12), gain=0.8, finest_px=1.0) * Float(0.1)
    canvas.fresh_rgb[:] = vary(rng, linear_rgb(*[(216, 206, 184), (208, 200, 190)][rng.integers(2)]))
    skin = vary(rng, linear_rgb(*[(150, 146, 138), (136, 128, 114), (164, 154, 134)][rng.integers(3)]))
    dark = vary(rng, linear_rgb(92, 90, 86))
    microbes = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(40, 160)), gain=0.72)
    paint(canvas, skin, dark, smoothstep(microbes, rng.uniform(-0.2, 0.6), 1.6) * Float(rng.uniform(0.4, 0.9)))
    modulate(canvas, (1 + canvas.grain) * (1 - Float(0.45) * pits))


def grow_basalt(rng: Generator, canvas: Canvas) -> None:
    """Grow a basalt boulder: fine and dark, with vesicles and a red-brown to black varnish.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Blank; gets height, albedo, grain and fresh colour.
    """
    relief(rng, canvas, rng.uniform(2.5, 7.0), 0.5)
    vesicles = hollows(rng, canvas, spacing_mm=rng.uniform(5, 11), share=rng.uniform(0.05, 0.5), depth_mm=2.6)
    roughen(rng, canvas, rng.uniform(0.06, 0.14))
    canvas.grain[:] = fractal(rng, canvas.shape, wavelength_px=canvas.px(4), gain=0.9, finest_px=1.0) * Float(0.12)
    canvas.fresh_rgb[:] = vary(rng, linear_rgb(*[(134, 126, 118), (122, 122, 122), (150, 132, 112)][rng.integers(3)]))
    skin = vary(rng, linear_rgb(*[(62, 48, 42), (52, 46, 44), (88, 62, 48)][rng.integers(3)]), value=0.2)
    other = vary(rng, linear_rgb(*[(98, 70, 54), (78, 74, 70)][rng.integers(2)]))
    blotch = fractal(rng, canvas.shape, wavelength_px=canvas.px(120) * breadth(canvas), gain=0.66)
    paint(canvas, skin, other, smoothstep(blotch, -0.2, 1.6) * Float(rng.uniform(0.4, 1.0)))
    modulate(canvas, (1 + canvas.grain) * (1 - Float(0.3) * vesicles))


def grow_polished_sandstone(rng: Generator, canvas: Canvas) -> None:
    """Grow Permian sandstone polished by a glacier (Valcamonica): violet or green grey, with long striae.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Blank; gets height, albedo, grain and fresh colour.
    """
    relief(rng, canvas, rng.uniform(2.0, 6.0), 0.41, 320)
    angle = rng.uniform(0, 180)
    for wavelength, depth in ((2.5, 0.05), (9.0, 0.14)):
        striae = streaks(
            rng,
            canvas.shape,
            wavelength_px=canvas.px(wavelength),
            stretch=rng.uniform(40, 90),
            angle_deg=angle + rng.normal(0, 2),
            gain=0.75,
            finest_px=1.0,
        )
        canvas.height_mm -= np.maximum(striae - Float(0.4), 0) * Float(depth * rng.uniform(0.5, 1.4))
    roughen(rng, canvas, rng.uniform(0.03, 0.075), patchy=0.9)
    sand = white(rng, canvas.shape)
    canvas.grain[:] = sand * Float(0.09) + striae * Float(0.05)
    canvas.fresh_rgb[:] = vary(rng, linear_rgb(*[(172, 164, 162), (168, 172, 158)][rng.integers(2)]))
    skin = vary(rng, linear_rgb(*[(122, 112, 112), (116, 120, 108), (104, 98, 94)][rng.integers(3)]))
    ochre = vary(rng, linear_rgb(124, 108, 90))
    stain = fractal(rng, canvas.shape, wavelength_px=canvas.px(180) * breadth(canvas), gain=0.6)
    paint(canvas, skin, ochre, smoothstep(stain, -0.4, 1.8) * Float(rng.uniform(0.2, 0.9)))
    modulate(canvas, 1 + sand * Float(0.07) + striae * Float(0.04))


def grow_gneiss(rng: Generator, canvas: Canvas) -> None:
    """Grow banded gneiss: light and dark bands, folded, coarse-grained, some bands standing proud.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Blank; gets height, albedo, grain and fresh colour.
    """
    relief(rng, canvas, rng.uniform(2.5, 6.0), 0.47)
    rows, cols = canvas.shape
    turn = np.deg2rad(rng.uniform(0, 180))
    y = np.arange(rows, dtype=Float)[:, None] * Float(canvas.pixel_size_mm * np.cos(turn))
    x = np.arange(cols, dtype=Float)[None, :] * Float(canvas.pixel_size_mm * np.sin(turn))
    fold = fractal(rng, canvas.shape, wavelength_px=canvas.px(150), gain=0.42) * Float(rng.uniform(14, 34))
    across = y + x + fold
    across -= across.min()
    thin = max(rng.uniform(0.8, 1.8), 0.5 * canvas.pixel_size_mm)  # bands of all widths, from this one upwards
    profile = fractal(
        rng, (8, int(float(across.max()) / thin) + 8), wavelength_px=rng.uniform(12, 40), gain=0.8, finest_px=1.5
    )
    across /= Float(thin)
    bands = np.interp(across.reshape(-1), np.arange(profile.shape[1]), profile[4]).astype(Float).reshape(canvas.shape)
    bands *= Float(1.3)
    bands *= np.clip(
        Float(0.75) + Float(0.5) * fractal(rng, canvas.shape, wavelength_px=canvas.px(120) * breadth(canvas), gain=0.6),
        0.1,
        1.5,
    )
    bands += fractal(rng, canvas.shape, wavelength_px=canvas.px(12), gain=0.85) * Float(0.6)
    labels, _ = cells(rng, canvas.shape, cell_px=max(canvas.px(2.0), 2.5))
    crystal = rng.normal(0, 0.3, int(labels.max()) + 1).astype(Float)[labels]
    canvas.grain[:] = np.clip(bands, -1.4, 1.4) * Float(0.2) + blur(crystal, 0.6) * Float(0.5)
    canvas.height_mm += blur(bands, canvas.px(0.8)) * Float(rng.uniform(0.05, 0.35))
    roughen(rng, canvas, rng.uniform(0.05, 0.11))
    canvas.fresh_rgb[:] = vary(rng, linear_rgb(178, 172, 164))
    skin = vary(rng, linear_rgb(*[(128, 122, 114), (116, 104, 96)][rng.integers(2)]))
    paint(canvas, skin * Float(0.7), skin * Float(1.25), smoothstep(bands, -1.3, 1.3) * Float(rng.uniform(0.5, 1.0)))
    modulate(canvas, np.clip(1 + crystal * Float(0.4), 0.4, 1.8))


def grow_dolomite(rng: Generator, canvas: Canvas) -> None:
    """Grow patinated dolomite: brown rind over pale stone, with the net of furrows called elephant skin.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    canvas : Canvas
        Blank; gets height, albedo, grain and fresh colour.
    """
    relief(rng, canvas, rng.uniform(2.5, 6.0), 0.48)
    net = ridged(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(25, 60)), gain=0.36, finest_px=3.0)
    furrow = smoothstep(net, 0.86, 1.0)
    furrow *= smoothstep(fractal(rng, canvas.shape, wavelength_px=canvas.px(60), gain=0.6, finest_px=4.0), -0.9, 0.9)
    canvas.height_mm -= furrow * Float(rng.uniform(0.4, 1.3))
    pits = hollows(rng, canvas, spacing_mm=5.0, share=rng.uniform(0.05, 0.3), depth_mm=1.6)
    roughen(rng, canvas, rng.uniform(0.06, 0.12))
    canvas.grain[:] = fractal(rng, canvas.shape, wavelength_px=canvas.px(5), gain=0.85, finest_px=1.0) * Float(0.11)
    canvas.fresh_rgb[:] = vary(rng, linear_rgb(206, 196, 176))
    skin = vary(rng, linear_rgb(*[(136, 108, 84), (118, 104, 92), (150, 122, 92)][rng.integers(3)]))
    grey = vary(rng, linear_rgb(146, 142, 136))
    bare = fractal(rng, canvas.shape, wavelength_px=canvas.px(110), gain=0.68)
    paint(canvas, skin, grey, smoothstep(bare, 0.0, 1.4) * Float(rng.uniform(0.3, 0.9)))
    modulate(canvas, (1 + canvas.grain) * (1 - Float(0.35) * furrow) * (1 - Float(0.3) * pits))
