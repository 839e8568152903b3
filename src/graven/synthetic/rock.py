"""Bare rock: relief, bedding, grain and weathered skin of eight kinds of stone on which people pecked figures.

Six kinds are for training, two (`UNSEEN_ROCKS`) are never shown to a network, so that what it does on strange stone can be
measured. Colours and amplitudes are our choice, judged by eye; each function says what it imitates. The skin (varnish,
patina, weathering rind) lies in the albedo; what lies beneath is `Canvas.fresh_rgb` times `Canvas.grain`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.synthetic.noise import blur, cells, fractal, ridged, smoothstep, streaks, threshold_mask, white
from graven.synthetic.surface import Canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ROCKS", "TRAINING_ROCKS", "UNSEEN_ROCKS", "linear_rgb", "make_rock"]

Float = np.float32
Generator = np.random.Generator


def linear_rgb(red: float, green: float, blue: float) -> NDArray[np.float32]:
    """Linear reflectance of an 8-bit sRGB colour.

    Parameters
    ----------
    red, green, blue : float, range [0, 255]
        The colour as a screen shows it.

    Returns
    -------
    ndarray of shape (3,), float32, range [0, 1]
        The sRGB curve undone.

    Examples
    --------
    >>> linear_rgb(255, 188, 0).round(2).tolist()
    [1.0, 0.5, 0.0]
    """
    value = np.array([red, green, blue], np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(Float)


def _vary(rng: Generator, rgb: NDArray[np.float32], *, value: float = 0.12, hue: float = 0.03) -> NDArray[np.float32]:
    """Colour of this panel: the kind's colour, lighter or darker, warmer or colder."""
    warm, green = rng.normal(0, 1.6 * hue), rng.normal(0, 0.4 * hue)
    return (rgb * np.exp(rng.normal(0, value)) * np.exp(np.array([warm, green, -warm]))).astype(Float)


def _relief(rng: Generator, canvas: Canvas, amplitude_mm: float, gain: float, wavelength_mm: float = 260.0) -> None:
    """Fractal ground: undulation down to grain."""
    relief = fractal(rng, canvas.shape, wavelength_px=canvas.px(wavelength_mm), gain=gain, finest_px=1.6)
    relief *= Float(amplitude_mm)
    canvas.height_mm += relief
    side_mm = max(canvas.shape) * canvas.pixel_size_mm
    if side_mm > 800:  # the swell of a whole outcrop
        swell = fractal(rng, canvas.shape, wavelength_px=canvas.px(0.5 * side_mm), gain=0.5, finest_px=canvas.px(130.0))
        swell *= Float(0.025 * side_mm)
        canvas.height_mm += swell


def _breadth(canvas: Canvas) -> float:
    """How much broader stains grow on a panel larger than half a metre."""
    side = max(canvas.shape) * canvas.pixel_size_mm
    return float(np.clip(np.sqrt(side / 512.0), 1.0, 4.0))


def _paint(canvas: Canvas, first: NDArray[np.float32], second: NDArray[np.float32], t: NDArray[np.float32]) -> None:
    """Set the albedo to a mixture of two colours."""
    for channel in range(3):
        np.multiply(t, second[channel] - first[channel], out=canvas.albedo[channel])
        canvas.albedo[channel] += first[channel]


def _modulate(canvas: Canvas, factor: NDArray[np.float32]) -> None:
    """Multiply all channels."""
    for channel in range(3):
        canvas.albedo[channel] *= factor


def _roughen(rng: Generator, canvas: Canvas, amplitude_mm: float, *, patchy: float = 0.5) -> None:
    """Granular texture whose strength changes from place to place."""
    texture = fractal(rng, canvas.shape, wavelength_px=canvas.px(3.0), gain=0.9, finest_px=1.0)
    where = fractal(rng, canvas.shape, wavelength_px=canvas.px(90.0), gain=0.55, finest_px=8.0)
    where *= Float(patchy)
    where += Float(1)
    np.clip(where, 0.15, 2.2, out=where)
    texture *= where
    texture *= Float(amplitude_mm)
    canvas.height_mm += texture


def _hollows(
    rng: Generator, canvas: Canvas, *, spacing_mm: float, share: float, depth_mm: float
) -> NDArray[np.float32]:
    """Scattered natural pits (vesicles, solution pits); returns how deep into one each pixel lies, 0 to 1."""
    labels, distance = cells(rng, canvas.shape, cell_px=max(canvas.px(spacing_mm), 3.0))
    n_labels = int(labels.max()) + 1
    radius = np.clip(rng.lognormal(-1.6, 0.5, n_labels), 0.05, 0.42).astype(Float)
    radius[rng.random(n_labels) > share] = 0
    here = radius[labels]
    ragged = fractal(rng, canvas.shape, wavelength_px=canvas.px(0.5 * spacing_mm), gain=0.5, finest_px=3.0)
    ragged *= Float(0.07)
    ragged += distance
    bowl = np.clip(1 - np.square(ragged / np.maximum(here, 1e-3)), 0, 1).astype(Float)
    bowl[here <= 0] = 0
    bowl **= Float(0.8)
    where = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(60, 200)), gain=0.6, finest_px=6.0)
    bowl *= smoothstep(where, rng.uniform(-1.2, 0.3), 0.8)
    bowl = blur(bowl, 0.8)
    canvas.height_mm -= bowl * here * Float(depth_mm)
    return bowl


def _sandstone(rng: Generator, canvas: Canvas) -> None:
    """Varnished sandstone of deserts: buff to red sand under a dark, patchily worn manganese varnish."""
    _relief(rng, canvas, rng.uniform(2.0, 6.0), 0.5)
    angle = rng.uniform(-25, 25) if rng.random() < 0.7 else rng.uniform(60, 120)
    bedding = streaks(
        rng, canvas.shape, wavelength_px=canvas.px(30), stretch=rng.uniform(6, 14), angle_deg=angle, gain=0.62
    )
    canvas.height_mm += bedding * Float(rng.uniform(0.15, 0.9))
    _roughen(rng, canvas, rng.uniform(0.05, 0.13))
    sand = white(rng, canvas.shape)
    canvas.grain[:] = sand * Float(0.13) + bedding * Float(0.12)
    canvas.fresh_rgb[:] = _vary(rng, linear_rgb(*[(196, 152, 112), (186, 120, 88), (202, 176, 140)][rng.integers(3)]))
    varnish = _vary(rng, linear_rgb(*[(58, 44, 38), (84, 58, 44), (104, 74, 56)][rng.integers(3)]), value=0.18)
    thick = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(60, 220)) * _breadth(canvas), gain=0.62)
    thick += np.clip(blur(canvas.height_mm, canvas.px(2.5)) - canvas.height_mm, -0.3, 0.3) * Float(1.5)
    worn = smoothstep(
        thick, threshold_mask(thick, rng.uniform(0.78, 0.995)) - 0.7, threshold_mask(thick, rng.uniform(0.55, 0.75))
    )
    bare = canvas.fresh_rgb * Float(rng.uniform(0.35, 0.75)) + varnish * Float(rng.uniform(0.0, 0.4))
    _paint(canvas, bare, varnish, worn * Float(rng.uniform(0.75, 0.98)))
    _modulate(canvas, np.clip(1 + sand * Float(0.09) + bedding * Float(0.08), 0.4, 1.8))


def _granite(rng: Generator, canvas: Canvas) -> None:
    """Granite: quartz, feldspar and mica crystals that stand out or have fallen out, under a brown-grey rind."""
    _relief(rng, canvas, rng.uniform(2.5, 6.0), 0.5)
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
    _roughen(rng, canvas, rng.uniform(0.06, 0.13))
    canvas.fresh_rgb[:] = _vary(rng, linear_rgb(*[(176, 170, 162), (188, 158, 144), (164, 164, 166)][rng.integers(3)]))
    rind = _vary(rng, linear_rgb(*[(120, 108, 94), (128, 120, 110), (104, 84, 68)][rng.integers(3)]))
    stain = smoothstep(fractal(rng, canvas.shape, wavelength_px=canvas.px(140) * _breadth(canvas), gain=0.6), -0.9, 1.1)
    _paint(canvas, rind, canvas.fresh_rgb * Float(0.7), stain * Float(rng.uniform(0.2, 0.7)))
    _modulate(canvas, np.clip(1 + canvas.grain * Float(rng.uniform(0.22, 0.5)), 0.2, 2))


def _schist(rng: Generator, canvas: Canvas) -> None:
    """Mica schist: foliation seen as wavy stripes and small steps, grey-green with rusty seams and quartz veins."""
    _relief(rng, canvas, rng.uniform(2.0, 5.0), 0.48)
    angle = rng.uniform(-40, 40)
    fabric = streaks(
        rng, canvas.shape, wavelength_px=canvas.px(16), stretch=rng.uniform(5, 10), angle_deg=angle, gain=0.72
    )
    steps = np.round(fabric * 2.2) / Float(2.2) * Float(0.6) + fabric * Float(0.4)
    canvas.height_mm += blur(steps.astype(Float), max(0.6, canvas.px(0.35))) * Float(rng.uniform(0.15, 0.5))
    _roughen(rng, canvas, rng.uniform(0.04, 0.1))
    canvas.grain[:] = fabric * Float(rng.uniform(0.1, 0.2)) + white(rng, canvas.shape) * Float(0.1)
    canvas.fresh_rgb[:] = _vary(rng, linear_rgb(*[(168, 170, 162), (150, 156, 160)][rng.integers(2)]))
    skin = _vary(rng, linear_rgb(*[(98, 98, 86), (86, 92, 90), (112, 100, 84)][rng.integers(3)]))
    rust = _vary(rng, linear_rgb(116, 92, 70))
    seam = smoothstep(fabric + fractal(rng, canvas.shape, wavelength_px=canvas.px(90)), 0.5, 2.8)
    _paint(canvas, skin, rust, seam * Float(rng.uniform(0.1, 0.8)))
    _modulate(canvas, np.clip(1 + canvas.grain, 0.35, 1.9))
    if rng.random() < 0.3:
        turn = angle + rng.normal(0, 12)
        vein = streaks(
            rng, canvas.shape, wavelength_px=canvas.px(160), stretch=4, angle_deg=turn, gain=0.42, finest_px=6.0
        )
        vein += Float(0.02) * fabric
        quartz = smoothstep(np.abs(vein), 0.05, 0.015) * smoothstep(fabric, -1.2, 0.8)
        canvas.tint(_vary(rng, linear_rgb(188, 182, 170)), quartz * Float(0.7))
        canvas.height_mm += quartz * Float(0.25)


def _limestone(rng: Generator, canvas: Canvas) -> None:
    """Limestone: smooth, with solution pits and grey microbial skin over a cream body."""
    _relief(rng, canvas, rng.uniform(2.5, 6.0), 0.46)
    pits = _hollows(rng, canvas, spacing_mm=rng.uniform(7, 14), share=rng.uniform(0.1, 0.45), depth_mm=2.2)
    _roughen(rng, canvas, rng.uniform(0.035, 0.09), patchy=0.8)
    canvas.grain[:] = fractal(rng, canvas.shape, wavelength_px=canvas.px(12), gain=0.8, finest_px=1.0) * Float(0.1)
    canvas.fresh_rgb[:] = _vary(rng, linear_rgb(*[(216, 206, 184), (208, 200, 190)][rng.integers(2)]))
    skin = _vary(rng, linear_rgb(*[(150, 146, 138), (136, 128, 114), (164, 154, 134)][rng.integers(3)]))
    dark = _vary(rng, linear_rgb(92, 90, 86))
    microbes = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(40, 160)), gain=0.72)
    _paint(canvas, skin, dark, smoothstep(microbes, rng.uniform(-0.2, 0.6), 1.6) * Float(rng.uniform(0.4, 0.9)))
    _modulate(canvas, (1 + canvas.grain) * (1 - Float(0.45) * pits))


def _basalt(rng: Generator, canvas: Canvas) -> None:
    """Basalt boulder: fine and dark, with vesicles and a red-brown to black varnish."""
    _relief(rng, canvas, rng.uniform(2.5, 7.0), 0.5)
    vesicles = _hollows(rng, canvas, spacing_mm=rng.uniform(5, 11), share=rng.uniform(0.05, 0.5), depth_mm=2.6)
    _roughen(rng, canvas, rng.uniform(0.06, 0.14))
    canvas.grain[:] = fractal(rng, canvas.shape, wavelength_px=canvas.px(4), gain=0.9, finest_px=1.0) * Float(0.12)
    canvas.fresh_rgb[:] = _vary(rng, linear_rgb(*[(134, 126, 118), (122, 122, 122), (150, 132, 112)][rng.integers(3)]))
    skin = _vary(rng, linear_rgb(*[(62, 48, 42), (52, 46, 44), (88, 62, 48)][rng.integers(3)]), value=0.2)
    other = _vary(rng, linear_rgb(*[(98, 70, 54), (78, 74, 70)][rng.integers(2)]))
    blotch = fractal(rng, canvas.shape, wavelength_px=canvas.px(120) * _breadth(canvas), gain=0.66)
    _paint(canvas, skin, other, smoothstep(blotch, -0.2, 1.6) * Float(rng.uniform(0.4, 1.0)))
    _modulate(canvas, (1 + canvas.grain) * (1 - Float(0.3) * vesicles))


def _polished_sandstone(rng: Generator, canvas: Canvas) -> None:
    """Permian sandstone polished by a glacier (Valcamonica): violet or green grey, smooth, with long parallel striae."""
    _relief(rng, canvas, rng.uniform(2.0, 6.0), 0.41, 320)
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
    _roughen(rng, canvas, rng.uniform(0.03, 0.075), patchy=0.9)
    sand = white(rng, canvas.shape)
    canvas.grain[:] = sand * Float(0.09) + striae * Float(0.05)
    canvas.fresh_rgb[:] = _vary(rng, linear_rgb(*[(172, 164, 162), (168, 172, 158)][rng.integers(2)]))
    skin = _vary(rng, linear_rgb(*[(122, 112, 112), (116, 120, 108), (104, 98, 94)][rng.integers(3)]))
    ochre = _vary(rng, linear_rgb(124, 108, 90))
    stain = fractal(rng, canvas.shape, wavelength_px=canvas.px(180) * _breadth(canvas), gain=0.6)
    _paint(canvas, skin, ochre, smoothstep(stain, -0.4, 1.8) * Float(rng.uniform(0.2, 0.9)))
    _modulate(canvas, 1 + sand * Float(0.07) + striae * Float(0.04))


def _gneiss(rng: Generator, canvas: Canvas) -> None:
    """Banded gneiss: light and dark bands, folded, coarse-grained, some bands standing proud."""
    _relief(rng, canvas, rng.uniform(2.5, 6.0), 0.47)
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
        Float(0.75) + Float(0.5) * fractal(rng, canvas.shape, wavelength_px=canvas.px(120) * _breadth(canvas), gain=0.6), 0.1, 1.5
    )
    bands += fractal(rng, canvas.shape, wavelength_px=canvas.px(12), gain=0.85) * Float(0.6)
    labels, _ = cells(rng, canvas.shape, cell_px=max(canvas.px(2.0), 2.5))
    crystal = rng.normal(0, 0.3, int(labels.max()) + 1).astype(Float)[labels]
    canvas.grain[:] = np.clip(bands, -1.4, 1.4) * Float(0.2) + blur(crystal, 0.6) * Float(0.5)
    canvas.height_mm += blur(bands, canvas.px(0.8)) * Float(rng.uniform(0.05, 0.35))
    _roughen(rng, canvas, rng.uniform(0.05, 0.11))
    canvas.fresh_rgb[:] = _vary(rng, linear_rgb(178, 172, 164))
    skin = _vary(rng, linear_rgb(*[(128, 122, 114), (116, 104, 96)][rng.integers(2)]))
    _paint(canvas, skin * Float(0.7), skin * Float(1.25), smoothstep(bands, -1.3, 1.3) * Float(rng.uniform(0.5, 1.0)))
    _modulate(canvas, np.clip(1 + crystal * Float(0.4), 0.4, 1.8))


def _dolomite(rng: Generator, canvas: Canvas) -> None:
    """Patinated dolomite: brown rind over pale stone, with the net of furrows called elephant skin."""
    _relief(rng, canvas, rng.uniform(2.5, 6.0), 0.48)
    net = ridged(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(25, 60)), gain=0.36, finest_px=3.0)
    furrow = smoothstep(net, 0.86, 1.0)
    furrow *= smoothstep(fractal(rng, canvas.shape, wavelength_px=canvas.px(60), gain=0.6, finest_px=4.0), -0.9, 0.9)
    canvas.height_mm -= furrow * Float(rng.uniform(0.4, 1.3))
    pits = _hollows(rng, canvas, spacing_mm=5.0, share=rng.uniform(0.05, 0.3), depth_mm=1.6)
    _roughen(rng, canvas, rng.uniform(0.06, 0.12))
    canvas.grain[:] = fractal(rng, canvas.shape, wavelength_px=canvas.px(5), gain=0.85, finest_px=1.0) * Float(0.11)
    canvas.fresh_rgb[:] = _vary(rng, linear_rgb(206, 196, 176))
    skin = _vary(rng, linear_rgb(*[(136, 108, 84), (118, 104, 92), (150, 122, 92)][rng.integers(3)]))
    grey = _vary(rng, linear_rgb(146, 142, 136))
    bare = fractal(rng, canvas.shape, wavelength_px=canvas.px(110), gain=0.68)
    _paint(canvas, skin, grey, smoothstep(bare, 0.0, 1.4) * Float(rng.uniform(0.3, 0.9)))
    _modulate(canvas, (1 + canvas.grain) * (1 - Float(0.35) * furrow) * (1 - Float(0.3) * pits))


_KINDS: dict[str, Callable[[Generator, Canvas], None]] = {
    "varnished_sandstone": _sandstone,
    "granite": _granite,
    "schist": _schist,
    "limestone": _limestone,
    "basalt": _basalt,
    "polished_sandstone": _polished_sandstone,
    "gneiss": _gneiss,
    "dolomite": _dolomite,
}
ROCKS: tuple[str, ...] = tuple(_KINDS)
UNSEEN_ROCKS: tuple[str, ...] = ("gneiss", "dolomite")
TRAINING_ROCKS: tuple[str, ...] = tuple(name for name in ROCKS if name not in UNSEEN_ROCKS)


def make_rock(name: str, *, shape: tuple[int, int], pixel_size_mm: float, rng: Generator) -> Canvas:
    """Bare rock of a kind, without cracks and without marks.

    Parameters
    ----------
    name : str
        One of `ROCKS`.
    shape : tuple of two int, pixels
        Height and width.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Canvas
        Height, skin, grain and fresh colour; no masks yet.

    Raises
    ------
    InputError
        If the kind is unknown.

    Examples
    --------
    >>> rock = make_rock("schist", shape=(64, 96), pixel_size_mm=0.5, rng=np.random.default_rng(0))
    >>> rock.shape, sorted(rock.masks)
    ((64, 96), [])
    """
    if name not in _KINDS:
        raise InputError(f"rock must be one of {', '.join(ROCKS)}, got {name!r}")
    canvas = Canvas(
        np.zeros(shape, Float),
        np.zeros((3, *shape), Float),
        np.zeros(shape, Float),
        np.zeros(3, Float),
        pixel_size_mm,
    )
    _KINDS[name](rng, canvas)
    mottle = fractal(rng, shape, wavelength_px=canvas.px(rng.uniform(150, 500)) * _breadth(canvas), gain=0.6, finest_px=8.0)
    _modulate(canvas, np.exp(mottle * Float(rng.uniform(0.05, 0.22))))
    return canvas
