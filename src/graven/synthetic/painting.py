"""Paintings with craquelure and paint loss: paintwork, cracks, losses, age and a photograph, each from its own stream.

The truth is exact: a pixel is craquelure where a crack of one pixel or more covers half of it (by its analytic width,
`graven.synthetic.cracknet.cover_pixels`), paint loss where the paint is gone. Thinner cracks are neither crack nor
background: their pixels are 255, their centre-lines are in the network with their widths. What a restorer covered is
background.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from graven.errors import InputError
from graven.synthetic import ageing
from graven.synthetic.cracknet import CrackNetwork, clip_network, cover_pixels
from graven.synthetic.craquelure import CRACK_STYLES, TRAINING_PATTERNS, Growth
from graven.synthetic.flaking import cup_islands, lose_paint, open_cracks, plan_losses
from graven.synthetic.noise import fractal, smoothstep, threshold_mask
from graven.synthetic.paintwork import paint_surface
from graven.synthetic.palettes import PALETTES, TRAINING_PAINTINGS
from graven.synthetic.petroglyph import Degradation
from graven.synthetic.render import render_orthophoto
from graven.synthetic.rock_parts import linear_rgb
from graven.synthetic.studio import draw_studio_photo, uneven_light

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graven.synthetic.cracknet import Coverage
    from graven.synthetic.surface import Canvas, Surface

__all__ = [
    "CRAQUELURE",
    "PAINT_LOSS",
    "UNKNOWN",
    "ConditionPanel",
    "condition_layers",
    "make_painting",
    "photograph_painting",
]

Float = np.float32
Generator = np.random.Generator
CRAQUELURE, PAINT_LOSS, UNKNOWN = 1, 2, 255
"""Values of the class map; 0 is sound."""
_STREAM = 0xC7AC5  # keeps these streams apart from those of other generators that take the same seed
_THIN_SHARE = 0.15  # of a pixel that a thin crack covers; less is background
_DIRT = ((30, 24, 20), (52, 40, 30), (78, 60, 44))
_PALE = ((206, 196, 176), (176, 164, 144))


@dataclass(frozen=True, slots=True)
class ConditionPanel:
    """A picture of a damaged painting with its exact truth.

    Parameters
    ----------
    image : ndarray of shape (3, H, W), uint8
        sRGB.
    classes : ndarray of shape (H, W), uint8
        0 sound, 1 craquelure, 2 paint loss, 255 covered by a crack thinner than a pixel.
    cracks : CrackNetwork
        What is to be seen of the cracks, the thin ones included.
    surface : Surface
        Height, albedo and masks ``craquelure``, ``loss``, ``bare`` (support), ``retouching``.
    seed : int
        What it was grown from.
    painting : str
        Kind of painting.
    patterns : tuple of str
        Patterns of cracks, the main one first; empty for a surface without cracks.
    degradation : {'ordinary', 'severe'}
        How hard it is.
    """

    image: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    cracks: CrackNetwork
    surface: Surface
    seed: int
    painting: str
    patterns: tuple[str, ...]
    degradation: Degradation


def make_painting(
    seed: int,
    *,
    size_px: int | tuple[int, int] = 1024,
    pixel_size_mm: float = 0.1,
    degradation: Degradation = "ordinary",
    painting: str | None = None,
    pattern: str | None = None,
) -> ConditionPanel:
    """Grow a panel from a seed.

    About one panel in twenty has no cracks and one in eight no losses. The same arguments and generator version give
    the same bytes, whatever was generated before and however many threads run; bytes may differ between processor
    families and versions of NumPy and OpenCV. A panel of another size is another panel, not a crop.

    Parameters
    ----------
    seed : int, >= 0
        Any number; see `graven.synthetic.testsets` for those that are reserved.
    size_px : int or tuple of two int, pixels, range [64, 4096]
        Side, or height and width.
    pixel_size_mm : float, millimetres, range [0.02, 0.5]
        Length of a pixel side.
    degradation : {'ordinary', 'severe'}
        Severe panels are more damaged, dirtier and worse photographed.
    painting : str, optional
        One of `graven.synthetic.palettes.PALETTES`; by default drawn from those for training.
    pattern : str, optional
        Main pattern, one of `graven.synthetic.craquelure.CRACK_STYLES`; by default drawn from those for training.

    Returns
    -------
    ConditionPanel
        Picture, truth and surface.

    Raises
    ------
    InputError
        If an argument is outside its range.

    Examples
    --------
    >>> panel = make_painting(3, size_px=128)
    >>> panel.image.shape, panel.classes.shape, sorted(set(panel.classes.ravel().tolist()) - {0, 1, 2, 255})
    ((3, 128, 128), (128, 128), [])
    """
    return photograph_painting(
        seed,
        size_px=size_px,
        pixel_size_mm=pixel_size_mm,
        degradation=degradation,
        painting=painting,
        pattern=pattern,
    )


def photograph_painting(
    seed: int,
    *,
    size_px: int | tuple[int, int] = 1024,
    pixel_size_mm: float = 0.1,
    degradation: Degradation = "ordinary",
    painting: str | None = None,
    pattern: str | None = None,
    hide: Callable[[CrackNetwork], CrackNetwork] | None = None,
    visit: int = 0,
) -> ConditionPanel:
    """Grow a panel as `make_painting` does, as it was at one date.

    Parameters
    ----------
    seed, size_px, pixel_size_mm, degradation, painting, pattern
        As for `make_painting`.
    hide : callable, optional
        Given all cracks, gives those that are there yet. Losses stay what they are with all cracks.
    visit : int, >= 0
        Another visit has other light and another camera.

    Returns
    -------
    ConditionPanel
        Truth as at that date.

    Raises
    ------
    InputError
        If an argument is outside its range.
    """
    shape = _check(seed, size_px, pixel_size_mm, degradation, painting, pattern)
    streams = np.random.default_rng([_STREAM, seed, get_args(Degradation).index(degradation)]).spawn(7)
    plan, paint_rng, crack_rng, loss_rng, age_rng, dirt_rng, photo_rng = streams
    severe = degradation == "severe"
    kind = str(plan.choice(np.array(TRAINING_PAINTINGS))) if painting is None else painting
    canvas = paint_surface(kind, shape=shape, pixel_size_mm=pixel_size_mm, rng=paint_rng)
    _age(canvas, plan, age_rng, kind, severe=severe)
    network, patterns = _crack(canvas, plan, crack_rng, pattern, severe=severe)
    later = cover_pixels(network, shape)
    network = network if hide is None else hide(network)
    cover = later if hide is None else cover_pixels(network, shape)
    _open(canvas, cover, plan, crack_rng)
    _lose(canvas, later, plan, loss_rng, kind, severe=severe)
    _dirty(canvas, plan, dirt_rng, severe=severe)
    covered = canvas.masks.setdefault("retouching", np.zeros(shape, np.bool_))
    classes = _classify(cover, canvas.masks["loss"], covered)
    canvas.mark("craquelure", classes == CRAQUELURE)
    network = clip_network(network, ~(canvas.masks["loss"] | covered))
    if visit:
        plan, photo_rng = np.random.default_rng([_STREAM, seed, visit]).spawn(2)
    photo = draw_studio_photo(plan, severe=severe)
    shade = uneven_light(shape, strength=float(plan.uniform(0, 0.8 if severe else 0.5)), rng=photo_rng)
    surface = canvas.freeze()
    image = render_orthophoto(surface, rng=photo_rng, photo=photo, shade=shade)
    return ConditionPanel(image, classes, network, surface, seed, kind, patterns, degradation)


def _check(
    seed: int,
    size_px: int | tuple[int, int],
    pixel_size_mm: float,
    degradation: str,
    painting: str | None,
    pattern: str | None,
) -> tuple[int, int]:
    shape = (size_px, size_px) if isinstance(size_px, int) else (int(size_px[0]), int(size_px[1]))
    if seed < 0:
        raise InputError(f"seed must be 0 or more, got {seed}")
    if min(shape) < 64 or max(shape) > 4096:
        raise InputError(f"size_px must lie in [64, 4096] on each side, got {shape}; make several panels instead")
    if not 0.02 <= pixel_size_mm <= 0.5:
        raise InputError(f"pixel_size_mm must lie in [0.02, 0.5], got {pixel_size_mm}")
    if degradation not in get_args(Degradation):
        raise InputError(f"degradation must be one of {', '.join(get_args(Degradation))}, got {degradation!r}")
    if painting is not None and painting not in PALETTES:
        raise InputError(f"painting must be one of {', '.join(PALETTES)}, got {painting!r}")
    if pattern is not None and pattern not in CRACK_STYLES:
        raise InputError(f"pattern must be one of {', '.join(CRACK_STYLES)}, got {pattern!r}")
    return shape


def _age(canvas: Canvas, plan: Generator, rng: Generator, kind: str, *, severe: bool) -> None:
    """Fading and wear before the paint cracks."""
    ageing.fade(canvas, chroma=float(plan.uniform(0.3, 0.8) if severe else plan.uniform(0.45, 0.95)), rng=rng)
    ground = linear_rgb(*PALETTES[kind].grounds[0])
    if plan.random() < (0.8 if severe else 0.5):
        ageing.rub(canvas, tone=ground, share=float(plan.uniform(0.05, 0.4)), rng=rng)


def _crack(
    canvas: Canvas, plan: Generator, rng: Generator, pattern: str | None, *, severe: bool
) -> tuple[CrackNetwork, tuple[str, ...]]:
    """One pattern, here and there with a second one."""
    growth = Growth(canvas.shape, pixel_size_mm=canvas.pixel_size_mm, rng=rng)
    patterns: list[str] = []
    if plan.random() < 0.95 or pattern is not None:
        main = str(plan.choice(np.array(TRAINING_PATTERNS))) if pattern is None else pattern
        patterns.append(main)
        if pattern is None and plan.random() < 0.25:
            patterns.append(str(plan.choice(np.array([name for name in TRAINING_PATTERNS if name != main]))))
    angle = float(plan.choice([0.0, math.pi / 2]) + plan.normal(0, 0.15))
    for number, name in enumerate(patterns):
        reach = plan.uniform(0.15, 0.5) if number else plan.uniform(0.5, 1.4)
        growth.add(name, _density(canvas, rng, share=float(reach), severe=severe), angle_rad=angle)
    return growth.network(), tuple(patterns)


def _density(canvas: Canvas, rng: Generator, *, share: float, severe: bool) -> NDArray[np.float32]:
    """Where the paint cracks, and how closely: in regions, and according to the pigment."""
    region = fractal(rng, canvas.shape, wavelength_px=canvas.px(rng.uniform(30, 90)), gain=0.5, finest_px=8.0)
    limit = threshold_mask(region, min(share, 1.0)) if share < 1 else float(region.min()) - 1
    light = np.sqrt(np.clip(canvas.albedo.mean(axis=0), 0, 1))
    pigment = np.clip(1 + Float(rng.normal(0, 0.6)) * (light - light.mean()), 0.5, 1.6)
    close = rng.uniform(0.65, 1.15) * (1.15 if severe else 1.0)
    return np.asarray(smoothstep(region, limit - 0.25, limit + 0.3) * pigment * Float(close), Float)


def _open(canvas: Canvas, cover: Coverage, plan: Generator, rng: Generator) -> None:
    """Cup the islands, cut the cracks and fill them with dirt, with dust, or with nothing."""
    cup_islands(
        canvas,
        cover,
        lift_mm=float(plan.uniform(0.0, 0.12)),
        reach_mm=float(plan.uniform(0.3, 1.2)),
        tilt_mm=float(plan.uniform(0.0, 0.02)),
        rng=rng,
    )
    pale = plan.random() < 0.16
    tones = _PALE if pale else _DIRT
    tone = linear_rgb(*tones[int(plan.integers(len(tones)))])
    filled = fractal(rng, canvas.shape, wavelength_px=canvas.px(12), gain=0.7, finest_px=2.0)
    opacity = np.clip(Float(plan.uniform(*((0.35, 0.75) if pale else (0.5, 0.98)))) + filled * Float(0.16), 0.25, 1.0)
    open_cracks(canvas, cover, tone=tone, opacity=opacity, depth_mm=float(plan.uniform(0.02, 0.16)))


def _lose(canvas: Canvas, cover: Coverage, plan: Generator, rng: Generator, kind: str, *, severe: bool) -> None:
    """Let paint fall."""
    share = float(np.clip(plan.lognormal(math.log(0.12 if severe else 0.07), 0.8), 0.0, 0.5))
    losses = plan_losses(
        np.maximum(cover.wide, cover.thin),
        share=share if plan.random() < 0.87 else 0.0,
        bare_share=float(plan.uniform(0, 0.8)) if plan.random() < 0.5 else 0.0,
        speck_share=float(plan.uniform(0, 0.02 if severe else 0.012)) if plan.random() < 0.8 else 0.0,
        pixel_size_mm=canvas.pixel_size_mm,
        rng=rng,
    )
    lose_paint(
        canvas,
        losses,
        PALETTES[kind],
        lift_mm=float(plan.uniform(0.0, 0.2)),
        dirt=float(plan.beta(1.4, 2.5)),
        angle_deg=float(plan.choice([0.0, 90.0]) + plan.normal(0, 4)),
        rng=rng,
    )


def _dirty(canvas: Canvas, plan: Generator, rng: Generator, *, severe: bool) -> None:
    load = 2.0 if severe else 1.0
    area = canvas.height_mm.size * canvas.pixel_size_mm**2 / 102.4**2
    for _ in range(min(40, int(plan.poisson(0.5 * area)))):
        ageing.add_retouching(canvas, size_mm=float(plan.lognormal(1.7, 0.5)), rng=rng)
    if plan.random() < 0.5:
        ageing.add_varnish(canvas, strength=float(plan.uniform(0.05, 0.5)), rng=rng)
    if plan.random() < 0.35 * load:
        ageing.add_soot(canvas, strength=float(plan.uniform(0.15, 0.6)), rng=rng)
    for _ in range(int(plan.poisson(0.35 * load))):
        ageing.add_tidelines(canvas, rng=rng)
    if plan.random() < 0.4 * load:
        ageing.add_dust(canvas, strength=float(plan.uniform(0.04, 0.2) * load**0.5), rng=rng)
    if plan.random() < 0.4:
        ageing.add_specks(canvas, n_specks=min(4000, int(plan.poisson(25 * area * load))), rng=rng)
    ageing.add_scratches(canvas, n_scratches=min(800, int(plan.poisson(4 * area * load))), rng=rng)
    ageing.add_hairs(canvas, n_hairs=min(400, int(plan.poisson(1.5 * area * load))), rng=rng)


def _classify(cover: Coverage, lost: NDArray[np.bool_], covered: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Put the class map together; what lies on top wins."""
    classes = np.zeros(lost.shape, np.uint8)
    classes[cover.thin > _THIN_SHARE] = UNKNOWN
    classes[cover.wide >= 0.5] = CRAQUELURE
    classes[lost] = PAINT_LOSS
    classes[covered] = 0
    return classes


def condition_layers(panel: ConditionPanel) -> dict[str, NDArray[np.generic]]:
    """Name the layers of a panel as ``graven synth`` writes them.

    Parameters
    ----------
    panel : ConditionPanel
        What to name.

    Returns
    -------
    dict of str to ndarray
        ``image`` (3, H, W) uint8, ``mask`` (H, W) uint8 classes, ``height`` (H, W) float32 in mm, ``albedo`` (3, H, W)
        float32.
    """
    return {
        "image": panel.image,
        "mask": panel.classes,
        "height": panel.surface.height_mm,
        "albedo": panel.surface.albedo,
    }
