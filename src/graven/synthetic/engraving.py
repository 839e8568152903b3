"""Engraved bronze mirrors: a drawing, a hand, a disc and two thousand years, each from its own stream of one seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from graven.errors import InputError
from graven.synthetic import bronze_damage as damage
from graven.synthetic.bronze import cast_blank, fill_background, patinate, plan_blank, wear_down
from graven.synthetic.engraving_cut import EngravedLine, carve, draw_hand, engrave
from graven.synthetic.engraving_ornament import BORDERS, TRAINING_BORDERS
from graven.synthetic.engraving_scene import draw_mirror
from graven.synthetic.engraving_sheet import Sheet
from graven.synthetic.engraving_styles import STYLES, TRAINING_STYLES
from graven.synthetic.engraving_truth import split_traceable
from graven.synthetic.noise import blur
from graven.synthetic.petroglyph import Degradation
from graven.synthetic.rock_parts import linear_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.bronze import Blank, Workpiece
    from graven.synthetic.engraving_cut import Groove
    from graven.synthetic.surface import Surface

__all__ = ["EngravingPanel", "make_bronze"]

Float = np.float32
Generator = np.random.Generator
_STREAM = 0xB207E  # keeps these streams apart from those of other generators that take the same seed


@dataclass(frozen=True, slots=True)
class EngravingPanel:
    """An engraved bronze with its exact truth.

    Parameters
    ----------
    surface : Surface
        Height, albedo and masks ``scratch``, ``pit``, ``blister``, ``crack``, ``crust``, ``etched``.
    mask : ndarray of shape (H, W), bool
        The drawing that an ideal draughtsman makes, see `graven.synthetic.engraving_truth`: the union of the capsules
        of `lines` on the object.
    object_mask : ndarray of shape (H, W), bool
        Where there is bronze.
    lines : tuple of EngravedLine
        What can be traced, with widths.
    lost : tuple of EngravedLine
        What was engraved and is worn away, filled or destroyed; not in `mask`.
    gloss : ndarray of shape (H, W), float32, range [0, 1]
        0 a dull crust, 1 bare polished metal.
    seed : int
        What it was grown from.
    style : str
        Hand of the engraver.
    degradation : {'ordinary', 'severe'}
        How hard it is to read.
    """

    surface: Surface
    mask: NDArray[np.bool_]
    object_mask: NDArray[np.bool_]
    lines: tuple[EngravedLine, ...]
    lost: tuple[EngravedLine, ...]
    gloss: NDArray[np.float32]
    seed: int
    style: str
    degradation: Degradation


def make_bronze(
    seed: int,
    *,
    size_px: int | tuple[int, int] = 1024,
    pixel_size_mm: float = 0.05,
    degradation: Degradation = "ordinary",
    style: str | None = None,
    borders: tuple[str, ...] = TRAINING_BORDERS,
    whole: bool = False,
) -> EngravingPanel:
    """Grow a bronze mirror from a seed, or a part of one.

    The same arguments and generator version give the same bytes, whatever was generated before and however many threads
    run; bytes may differ between processor families and versions of NumPy and OpenCV. A panel of another size is
    another panel, not a crop.

    Parameters
    ----------
    seed : int, >= 0
        Any number; see `graven.synthetic.testsets` for those that are reserved.
    size_px : int or tuple of two int, pixels, range [64, 6144]
        Side, or height and width.
    pixel_size_mm : float, millimetres, range [0.02, 0.1]
        Length of a pixel side.
    degradation : {'ordinary', 'severe'}
        Severe ones are more worn, corroded and scratched.
    style : str, optional
        One of `graven.synthetic.engraving_styles.STYLES`; by default drawn from those for training.
    borders : tuple of str
        Ornaments to choose from, names of `graven.synthetic.engraving_ornament.BORDERS`.
    whole : bool
        Fit the disc with its handle into the frame, with background round it, instead of showing a part of a mirror of
        usual size (12 to 18 cm).

    Returns
    -------
    EngravingPanel
        Surface and truth.

    Raises
    ------
    InputError
        If an argument is outside its range.

    Examples
    --------
    >>> panel = make_bronze(3, size_px=128)
    >>> panel.mask.shape, panel.surface.pixel_size_mm
    ((128, 128), 0.05)
    """
    shape = _check(seed, size_px, pixel_size_mm, degradation, style, borders)
    streams = np.random.default_rng([_STREAM, seed, get_args(Degradation).index(degradation)]).spawn(6)
    plan, design_rng, hand_rng, metal_rng, damage_rng, dirt_rng = streams
    severe = degradation == "severe"
    name = str(plan.choice(np.array(TRAINING_STYLES))) if style is None else style
    blank = plan_blank(plan, shape, pixel_size_mm=pixel_size_mm, whole=whole)
    grooves = _engrave_all(name, borders, blank, shape, pixel_size_mm, design_rng, hand_rng)
    piece = cast_blank(blank, shape=shape, pixel_size_mm=pixel_size_mm, rng=metal_rng)
    _age(piece, plan, metal_rng, severe=severe)
    _damage(piece, plan, damage_rng, severe=severe)
    traced, lost = split_traceable(grooves, piece)
    mask = _sink(piece, traced, lost, plan, dirt_rng)
    fill_background(piece, rng=dirt_rng)
    return EngravingPanel(
        piece.canvas.freeze(), mask, piece.inside, _as_lines(traced), _as_lines(lost),
        np.clip(piece.gloss, 0, 1), seed, name, degradation,
    )  # fmt: skip


def _check(
    seed: int,
    size_px: int | tuple[int, int],
    pixel_size_mm: float,
    degradation: str,
    style: str | None,
    borders: tuple[str, ...],
) -> tuple[int, int]:
    shape = (size_px, size_px) if isinstance(size_px, int) else (int(size_px[0]), int(size_px[1]))
    if seed < 0:
        raise InputError(f"seed must be 0 or more, got {seed}")
    if min(shape) < 64 or max(shape) > 6144:
        raise InputError(f"size_px must lie in [64, 6144] on each side, got {shape}; make several panels instead")
    if not 0.02 <= pixel_size_mm <= 0.1:
        raise InputError(f"pixel_size_mm must lie in [0.02, 0.1], got {pixel_size_mm}")
    if degradation not in get_args(Degradation):
        raise InputError(f"degradation must be one of {', '.join(get_args(Degradation))}, got {degradation!r}")
    if style is not None and style not in STYLES:
        raise InputError(f"style must be one of {', '.join(STYLES)}, got {style!r}")
    if not borders or not set(borders) <= set(BORDERS):
        raise InputError(f"borders must be some of {', '.join(BORDERS)}, got {', '.join(borders) or 'none'}")
    return shape


def _engrave_all(
    style: str,
    borders: tuple[str, ...],
    blank: Blank,
    shape: tuple[int, int],
    pixel_size_mm: float,
    design_rng: Generator,
    hand_rng: Generator,
) -> list[Groove]:
    """Draw the mirror and cut what lies in the frame."""
    chosen = STYLES[style]
    corner = -np.array(blank.centre_px) * pixel_size_mm
    far = corner + np.array([shape[1], shape[0]]) * pixel_size_mm
    view = (corner[0] - 1, corner[1] - 1, far[0] + 1, far[1] + 1)
    sheet = Sheet(blank.radius_mm * 1.05, rng=design_rng, view=view, hatch_mm=chosen.hatch_mm)
    draw_mirror(sheet, radius_mm=blank.radius_mm, borders=borders)
    hand = draw_hand(chosen, hand_rng)
    return engrave(sheet.cuts, hand, origin_px=blank.centre_px, pixel_size_mm=pixel_size_mm, rng=hand_rng)


def _age(piece: Workpiece, plan: Generator, rng: Generator, *, severe: bool) -> None:
    """Wear and corrosion."""
    worn = float(np.clip(plan.lognormal(np.log(0.045 if severe else 0.028), 0.45), 0.006, 0.14))
    wear_down(piece, worn_mm=worn, share=float(plan.uniform(0.2, 0.8)), rng=rng)
    crust = float(plan.uniform(0.02, 0.35 if severe else 0.16)) if plan.random() < (0.9 if severe else 0.65) else 0.0
    rough = float(plan.uniform(0.05, 0.6 if severe else 0.35))
    patinate(piece, crust_share=crust, rough_share=rough, rng=rng)


def _damage(piece: Workpiece, plan: Generator, rng: Generator, *, severe: bool) -> None:
    """All that is not art; numbers are per frame of 51 mm."""
    load = float(plan.lognormal(0.0, 0.35)) * (1.4 if severe else 1.0)
    rows, cols = piece.canvas.shape
    area = rows * cols * piece.canvas.pixel_size_mm**2 / 51.2**2

    def number(mean: float) -> int:
        return int(plan.poisson(mean * load * area))

    damage.add_fine_scratches(piece, n_bundles=number(24), rng=rng)
    damage.add_deep_scratches(piece, n_scratches=number(130), rng=rng)
    damage.add_pits(piece, n_pits=number(1300), size_mm=float(plan.uniform(0.1, 0.2)), rng=rng)
    damage.add_pits(piece, n_pits=number(90), size_mm=float(plan.uniform(0.25, 0.5)), rng=rng)
    damage.add_bumps(piece, n_blisters=number(9), n_dents=number(5), rng=rng)
    if plan.random() < 0.45:
        damage.add_cracks(piece, n_cracks=max(1, number(0.8)), rng=rng)
    if plan.random() < 0.5:
        damage.add_fibres(piece, n_fibres=number(25), rng=rng)
    if plan.random() < 0.3 * load:
        damage.add_weave(piece, rng=rng)


def _sink(
    piece: Workpiece, traced: list[Groove], lost: list[Groove], plan: Generator, rng: Generator
) -> NDArray[np.bool_]:
    """Cut what is left of the grooves into the surface and darken them; returns the mask."""
    canvas = piece.canvas
    kept, faint = carve(traced, canvas.shape), carve(lost, canvas.shape)
    left = np.maximum(kept.depth_mm, faint.depth_mm)
    left -= piece.worn_mm
    np.clip(left, 0, None, out=left)
    left *= 1 - piece.fill
    left[piece.gone] = 0
    left = blur(left, float(plan.uniform(0.5, 1.0)))
    canvas.height_mm -= left
    burr = np.maximum(kept.burr_mm, faint.burr_mm) - Float(0.5) * piece.worn_mm
    canvas.height_mm += blur(np.clip(burr, 0, None) * (1 - piece.fill), 0.6)
    dirt = np.clip(left * Float(rng.uniform(4, 16)), 0, Float(rng.uniform(0.2, 0.85)))
    tones = ((40, 34, 28), (70, 92, 70), (150, 160, 130))
    canvas.tint(linear_rgb(*tones[int(rng.choice(3, p=[0.55, 0.3, 0.15]))]), dirt)
    piece.gloss *= 1 - Float(0.6) * dirt
    return kept.mask & piece.inside


def _as_lines(grooves: list[Groove]) -> tuple[EngravedLine, ...]:
    return tuple(EngravedLine(groove.points_px, groove.widths_px) for groove in grooves)
