"""Panels with petroglyphs: rock, figures, time, dirt and a photograph, each from its own stream of one seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from graven.errors import InputError
from graven.synthetic.distractors import add_chalk, add_paint, add_scale_bar, add_scratches, add_water_streaks
from graven.synthetic.figures import FIGURE_KINDS, make_figure
from graven.synthetic.fractures import add_cracks, add_joint, add_spall
from graven.synthetic.growth import add_lichen, add_moss, add_roots, add_specks
from graven.synthetic.noise import fractal
from graven.synthetic.pecking import peck_figure
from graven.synthetic.pits import draw_style
from graven.synthetic.render import draw_photo, render_orthophoto
from graven.synthetic.rock import ROCKS, TRAINING_ROCKS, make_rock
from graven.synthetic.rock_parts import linear_rgb
from graven.synthetic.scene import add_background, foreign_shadow, ortho_margin, tilt_view
from graven.synthetic.surface import surface_normals
from graven.synthetic.weather import pebble, roughen_patches, settle, soften

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.surface import Canvas, Surface

__all__ = ["Degradation", "PetroglyphPanel", "PlacedFigure", "make_petroglyph", "petroglyph_layers"]

Float = np.float32
Generator = np.random.Generator
Degradation = Literal["ordinary", "severe"]
_STREAM = 0x9E7409  # keeps these streams apart from those of other generators that take the same seed


@dataclass(frozen=True, slots=True)
class PlacedFigure:
    """One figure on a panel.

    Parameters
    ----------
    name : str
        Kind of the figure, one of `FIGURE_KINDS`.
    technique : str
        How it was made.
    freshness : float, range [-0.4, 1]
        1 as bright as fresh rock, 0 the colour of the skin, below 0 darker.
    outlines_px : tuple of ndarray of shape (N, 2), float64, pixels
        Outer outlines of what was meant (x, y); the truth is the mask.
    """

    name: str
    technique: str
    freshness: float
    outlines_px: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, slots=True)
class PetroglyphPanel:
    """A picture of a panel with its exact truth.

    Parameters
    ----------
    image : ndarray of shape (3, H, W), uint8
        sRGB; 0 where `valid` is False.
    mask : ndarray of shape (H, W), bool
        Pecked and still visible: not lost with a flake, not hidden under lichen, plants or a scale.
    valid : ndarray of shape (H, W), bool
        False where the orthophoto has no picture.
    surface : Surface
        Height, albedo and what covers what, in the geometry of the picture.
    seed : int
        What it was grown from.
    rock : str
        Kind of rock.
    degradation : {'ordinary', 'severe'}
        How hard it is.
    figures : tuple of PlacedFigure
        In the order in which they were pecked; later ones may lie over earlier ones.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    surface: Surface
    seed: int
    rock: str
    degradation: Degradation
    figures: tuple[PlacedFigure, ...]


def make_petroglyph(
    seed: int,
    *,
    size_px: int | tuple[int, int] = 1024,
    pixel_size_mm: float = 0.5,
    degradation: Degradation = "ordinary",
    rock: str | None = None,
) -> PetroglyphPanel:
    """Grow a panel from a seed.

    About one panel in seven is empty; figures cover some 5 to 25 % of the others, less on panels beyond a square metre.
    The same arguments and generator version give the same bytes, whatever was generated before and however many threads
    run; bytes may differ between processor families and versions of NumPy and OpenCV. A panel of another size is
    another panel, not a crop. A seed gives different panels for the two degradations.

    Parameters
    ----------
    seed : int, >= 0
        Any number; see `graven.synthetic.testsets` for those that are reserved.
    size_px : int or tuple of two int, pixels, >= 64
        Side, or height and width.
    pixel_size_mm : float, millimetres, range [0.1, 4]
        Length of a pixel side.
    degradation : {'ordinary', 'severe'}
        Severe panels are older, flatter, dirtier and worse photographed.
    rock : str, optional
        One of `graven.synthetic.rock.ROCKS`; by default drawn from those for training.

    Returns
    -------
    PetroglyphPanel
        Picture, truth and surface.

    Raises
    ------
    InputError
        If an argument is outside its range.

    Examples
    --------
    >>> panel = make_petroglyph(3, size_px=128)
    >>> panel.image.shape, panel.image.dtype.name, panel.mask.shape
    ((3, 128, 128), 'uint8', (128, 128))
    """
    shape = _check(seed, size_px, pixel_size_mm, degradation, rock)
    streams = np.random.default_rng([_STREAM, seed, get_args(Degradation).index(degradation)]).spawn(6)
    plan, rock_rng, figure_rng, time_rng, dirt_rng, photo_rng = streams
    severe = degradation == "severe"
    kind = str(plan.choice(np.array(TRAINING_ROCKS))) if rock is None else rock
    canvas = make_rock(kind, shape=shape, pixel_size_mm=pixel_size_mm, rng=rock_rng)
    canvas.mark("pecked", np.zeros(shape, np.bool_))
    _crack(canvas, plan, time_rng)
    empty = plan.random() < 0.14
    figures = [] if empty else _peck_all(canvas, plan, figure_rng, severe=severe)
    if empty and plan.random() < 0.4:
        pebble(canvas, size_mm=float(plan.lognormal(1.4, 0.5)), rng=rock_rng)
    _age(canvas, plan, time_rng, severe=severe)
    _dirty(canvas, plan, dirt_rng, figures, severe=severe)
    canvas.grain = np.zeros((1, 1), Float)  # not needed any more; frees a plane of a large panel
    plain = plan.random() < (0.45 if severe else 0.12)
    if plain:
        figures = _photograph_plainly(canvas, figures, plan, photo_rng)
    return _expose(canvas, figures, plan, photo_rng, plain=plain, seed=seed, rock=kind, degradation=degradation)


def _check(
    seed: int, size_px: int | tuple[int, int], pixel_size_mm: float, degradation: str, rock: str | None
) -> tuple[int, int]:
    shape = (size_px, size_px) if isinstance(size_px, int) else (int(size_px[0]), int(size_px[1]))
    if seed < 0:
        raise InputError(f"seed must be 0 or more, got {seed}")
    if min(shape) < 64:
        raise InputError(f"size_px must be at least 64 on each side, got {shape}")
    if not 0.1 <= pixel_size_mm <= 4:
        raise InputError(f"pixel_size_mm must lie in [0.1, 4], got {pixel_size_mm}")
    if degradation not in get_args(Degradation):
        raise InputError(f"degradation must be one of {', '.join(get_args(Degradation))}, got {degradation!r}")
    if rock is not None and rock not in ROCKS:
        raise InputError(f"rock must be one of {', '.join(ROCKS)}, got {rock!r}")
    return shape


def _area_m2(canvas: Canvas) -> float:
    return canvas.height_mm.size * canvas.pixel_size_mm**2 * 1e-6


def _count(rng: Generator, per_quarter_m2: float, canvas: Canvas) -> int:
    """How many of a thing whose mean number is known for a panel of half a metre square."""
    return int(rng.poisson(per_quarter_m2 * min(_area_m2(canvas) / 0.262, 60)))


def _crack(canvas: Canvas, plan: Generator, rng: Generator) -> None:
    if plan.random() < 0.6:
        add_cracks(canvas, n_cracks=_count(plan, 1.2, canvas), rng=rng)
    if plan.random() < 0.25:
        add_cracks(canvas, n_cracks=max(1, _count(plan, 0.5, canvas)), rng=rng, wide=True)
    if plan.random() < 0.16:
        add_joint(canvas, rng=rng)


def _peck_all(canvas: Canvas, plan: Generator, rng: Generator, *, severe: bool) -> list[PlacedFigure]:
    """Peck figures until the share planned for this panel is covered."""
    rows, cols = canvas.shape
    wide, high = cols * canvas.pixel_size_mm, rows * canvas.pixel_size_mm
    goal = float(np.clip(plan.lognormal(math.log(0.12), 0.55), 0.02, 0.3))
    if _area_m2(canvas) > 1:
        goal *= 0.7
    kinds = plan.choice(np.array(FIGURE_KINDS), int(plan.integers(2, 6)), replace=False)
    age = float(np.clip(plan.beta(1.5, 1.1) + (0.12 if severe else 0.0), 0, 1))
    crowd = fractal(plan, (64, 64), wavelength_px=24, gain=0.5)
    placed: list[PlacedFigure] = []
    spots: list[tuple[float, float, float]] = []
    covered, misses = 0.0, 0
    patience = 40 * max(1.0, _area_m2(canvas) / 0.262)
    while covered < goal and misses < patience:
        figure = make_figure(str(rng.choice(kinds)), rng=rng, size_mm=None)
        x, y = rng.uniform(-0.02, 1.02) * wide, rng.uniform(-0.02, 1.02) * high
        place = crowd[min(63, max(0, int(64 * y / high))), min(63, max(0, int(64 * x / wide)))]
        near = min((math.hypot(x - a, y - b) / (0.5 * (figure.size_mm + s)) for a, b, s in spots), default=9.0)
        if (near < 0.72 and rng.random() > 0.07) or (place < -0.3 and rng.random() < 0.8):
            misses += 1
            continue
        style = draw_style(rng, age=age, severe=severe)
        before = int(np.count_nonzero(canvas.masks["pecked"]))
        outlines = peck_figure(canvas, figure, centre_mm=(x, y), style=style, rng=rng)
        if not outlines:
            misses += 1
            continue
        spots.append((x, y, figure.size_mm))
        placed.append(PlacedFigure(figure.name, style.technique, style.freshness, tuple(outlines)))
        covered += (int(np.count_nonzero(canvas.masks["pecked"])) - before) / canvas.height_mm.size
    return placed


def _age(canvas: Canvas, plan: Generator, rng: Generator, *, severe: bool) -> None:
    if severe:
        soften(canvas, sigma_mm=plan.uniform(0.35, 0.85), strength=plan.uniform(0.3, 0.85), rng=rng)
    else:
        soften(canvas, sigma_mm=plan.uniform(0.2, 0.6), strength=plan.uniform(0.0, 0.6), rng=rng)
    if plan.random() < 0.2:
        roughen_patches(canvas, share=float(plan.uniform(0.03, 0.3)), rng=rng)
    for _ in range(_count(plan, 1.6 if severe else 0.5, canvas)):
        add_spall(canvas, radius_mm=float(plan.lognormal(3.0, 0.55)), rng=rng)
    if plan.random() < 0.35:
        add_cracks(canvas, n_cracks=_count(plan, 1.0, canvas), rng=rng)


def _dirty(canvas: Canvas, plan: Generator, rng: Generator, figures: list[PlacedFigure], *, severe: bool) -> None:
    load = 2.2 if severe else 1.0
    if plan.random() < 0.75:
        tone = linear_rgb(*((52, 44, 36) if plan.random() < 0.7 else (176, 158, 132)))
        settle(canvas, tone=tone, strength=float(plan.uniform(0.05, 0.45)))
    if plan.random() < 0.3 * load:
        add_water_streaks(canvas, rng=rng)
    for _ in range(_count(plan, 0.8 * load, canvas)):
        add_scratches(canvas, n_scratches=int(plan.integers(1, 9)), rng=rng)
    if plan.random() < 0.4:
        add_specks(canvas, share=float(plan.uniform(0.1, 0.6)), rng=rng)
    if plan.random() < 0.5 + 0.25 * severe:
        for _ in range(_count(plan, 6.0 * load, canvas)):
            add_lichen(canvas, radius_mm=float(np.clip(plan.lognormal(2.4, 0.75), 2.5, 90)), rng=rng)
    if plan.random() < 0.10 * load:
        add_moss(canvas, radius_mm=float(plan.uniform(25, 130)), rng=rng)
    if plan.random() < 0.10 * load:
        add_roots(canvas, n_roots=max(1, _count(plan, 3.0, canvas)), rng=rng)
    if plan.random() < 0.06 * load:
        add_paint(canvas, rng=rng)
    if plan.random() < 0.10:
        outlines = [outline for figure in figures for outline in figure.outlines_px]
        add_chalk(canvas, outlines, rng=rng)
    if plan.random() < 0.12:
        add_scale_bar(canvas, rng=rng)


def _photograph_plainly(
    canvas: Canvas, figures: list[PlacedFigure], plan: Generator, rng: Generator
) -> list[PlacedFigure]:
    """Oblique view and background; outlines follow."""
    matrix = tilt_view(canvas, rng=rng, strength=float(plan.uniform(0.03, 0.2)))
    if plan.random() < 0.5:
        add_background(canvas, rng=rng)

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        homogeneous = np.concatenate([points, np.ones((len(points), 1))], 1) @ matrix.T
        return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])

    return [
        PlacedFigure(f.name, f.technique, f.freshness, tuple(move(outline) for outline in f.outlines_px))
        for f in figures
    ]


def _expose(
    canvas: Canvas,
    figures: list[PlacedFigure],
    plan: Generator,
    rng: Generator,
    *,
    plain: bool,
    seed: int,
    rock: str,
    degradation: Degradation,
) -> PetroglyphPanel:
    """Light, camera and margin."""
    photo = draw_photo(plan, severe=degradation == "severe")
    shade = None
    if plain and plan.random() < 0.5:
        shade = foreign_shadow(canvas.shape, rng=rng, pixel_size_mm=canvas.pixel_size_mm)
    valid = np.ones(canvas.shape, np.bool_)
    if not plain and plan.random() < 0.2:
        valid = ortho_margin(canvas.shape, rng=rng)
    surface = canvas.freeze()
    image = render_orthophoto(surface, rng=rng, photo=photo, shade=shade)
    image *= valid
    return PetroglyphPanel(
        image, surface.mask("pecked") & valid, valid, surface, seed, rock, degradation, tuple(figures)
    )


def petroglyph_layers(panel: PetroglyphPanel) -> dict[str, NDArray[np.generic]]:
    """Name the layers of a panel as ``graven synth`` writes them.

    Parameters
    ----------
    panel : PetroglyphPanel
        What to name.

    Returns
    -------
    dict of str to ndarray
        ``image`` (3, H, W) uint8, ``mask`` (H, W) bool, ``height`` (H, W) float32 in mm, ``albedo`` (3, H, W) float32,
        ``normals`` (3, H, W) float32 (x, y up, z).
    """
    return {
        "image": panel.image,
        "mask": panel.mask,
        "height": panel.surface.height_mm,
        "albedo": panel.surface.albedo,
        "normals": surface_normals(panel.surface.height_mm, panel.surface.pixel_size_mm),
    }
