"""What is engraved on a mirror: border, figures on their ground line, names, and what grows between them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.engraving_gear import HELD
from graven.synthetic.engraving_heads import HEADGEAR, draw_head
from graven.synthetic.engraving_letters import NAMES, write_name
from graven.synthetic.engraving_ornament import draw_border, draw_palmette, draw_plant, draw_star, lay_band
from graven.synthetic.engraving_people import POSES, draw_person, sole_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.engraving_sheet import Sheet

__all__ = ["draw_mirror"]

Generator = np.random.Generator
_DRESSES = ("nude", "dress", "mantle", "cloak", "armour")
_STANDING = ("standing", "resting", "speaking", "offering", "leaning")


def draw_mirror(sheet: Sheet, *, radius_mm: float, borders: tuple[str, ...]) -> None:
    """Draw all that is engraved on one disc.

    Parameters
    ----------
    sheet : Sheet
        Origin in the middle of the disc.
    radius_mm : float, millimetres
        Radius of the disc.
    borders : tuple of str
        Ornaments to choose from, names of `graven.synthetic.engraving_ornament.BORDERS`.
    """
    rng = sheet.rng
    field = _border(sheet, radius_mm, borders)
    _palmette_at_handle(sheet, radius_mm)
    if rng.random() < 0.1:
        _large_head(sheet, field)
    else:
        ground = field * rng.uniform(0.56, 0.8)
        _exergue(sheet, field, ground, borders)
        _people(sheet, field, ground)
    _between(sheet, field)


def _border(sheet: Sheet, radius: float, borders: tuple[str, ...]) -> float:
    """Draw one or two bands along the rim; returns the radius of the field inside."""
    rng = sheet.rng
    outer = radius * rng.uniform(0.93, 0.965)
    n_bands = int(rng.choice([0, 1, 2], p=[0.1, 0.6, 0.3]))
    for number in range(n_bands):
        kind = str(rng.choice(np.array(borders)))
        width = float(np.clip(radius * rng.uniform(0.07, 0.15), 3.0, 12.0)) * (0.45 if number else 1.0)
        if kind in ("beads", "plain", "zigzag", "tongue", "cable"):
            width = max(0.55 * width, 2.4)
        draw_border(sheet, kind, outer - width, outer)
        outer -= width + rng.uniform(0.8, 2.2)
    if n_bands == 0:
        angle = np.linspace(0, 2 * math.pi, 361)
        sheet.line(outer * np.stack([np.cos(angle), np.sin(angle)], 1), 0.9)
    sheet.cover_outside(outer)
    return outer


def _palmette_at_handle(sheet: Sheet, radius: float) -> None:
    """Ornament of the tang, below the disc."""
    if sheet.rng.random() < 0.6:
        easel = sheet.easel(0.0, radius * 1.12, radius * 0.2)
        draw_palmette(easel.at(0, 0, 1, math.pi))


def _exergue(sheet: Sheet, field: float, ground: float, borders: tuple[str, ...]) -> None:
    """Ground line, and what fills the segment below."""
    rng = sheet.rng
    half = math.sqrt(field**2 - ground**2)
    kind = int(rng.integers(4))
    for shift in (0.0, rng.uniform(0.6, 1.2))[: 1 if rng.random() < 0.4 else 2]:
        sheet.line(np.array([[-half, ground + shift], [half, ground + shift]]), 1.0)
    if kind == 0:
        draw_palmette(sheet.easel(0.0, field * 0.985, (field - ground) * 0.9))
    elif kind == 1 and field - ground > 4:
        width = min((field - ground) * 0.4, 6.0)

        def place(at: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.stack([half * (2 * at[:, 0] - 1), ground + 1.6 + width * (1 - at[:, 1])], 1)

        lay_band(sheet, str(rng.choice(np.array(borders))), length_mm=2 * half, width_mm=width, place=place)
    elif kind == 2:
        pitch = rng.uniform(2.0, 3.5)
        for row in range(int((field - ground) / pitch)):
            for x in np.arange(-half + (row % 2) * pitch / 2, half, pitch):
                angle = np.linspace(0, math.pi, 9)
                scale = np.stack(
                    [x + pitch / 2 * np.cos(angle), ground + 1.5 + pitch * (row + 0.62 * np.sin(angle))], 1
                )
                sheet.line(scale, 0.75)
    else:
        for x in np.linspace(-0.7, 0.7, 5) * half:
            draw_plant(sheet.easel(float(x), field, (field - ground) * 0.75), height=1.0)
    sheet.cover(np.array([[-field, ground], [field, ground], [field, field], [-field, field]]))


def _people(sheet: Sheet, field: float, ground: float) -> None:
    """One to five people on the ground line, the nearer ones in front."""
    rng = sheet.rng
    n_people = int(rng.choice([1, 2, 3, 4, 5], p=[0.12, 0.3, 0.3, 0.2, 0.08]))
    tall = (ground + field * rng.uniform(0.72, 0.9)) / 1.02
    reach = math.sqrt(max(field**2 - (ground * 0.55) ** 2, 1.0))
    places = np.linspace(-1, 1, n_people + 2)[1:-1] * reach * rng.uniform(0.95, 1.2)
    if n_people == 1:
        places = places + rng.normal(0, 0.08) * field
    for place in sorted(places, key=lambda x: (round(abs(float(x)) / field, 3), x)):
        x = float(place) + rng.normal(0, 0.03) * field
        pose_name = str(rng.choice(np.array(_STANDING if rng.random() < 0.55 else tuple(POSES))))
        pose = POSES[pose_name]
        room = ground + math.sqrt(max((field * 0.97) ** 2 - min(abs(x) + 0.05 * field, field * 0.9) ** 2, 1.0))
        size = min(tall * rng.uniform(0.9, 1.0), room) * (0.92 if pose_name == "seated" else 1.0)
        female = rng.random() < 0.5
        easel = sheet.easel(x, ground - size * sole_of(pose) + rng.normal(0, 0.2), size)
        towards = x > 0 if abs(x) > 0.1 * field else rng.random() < 0.5
        draw_person(
            easel.at(0, 0, mirror=towards != (rng.random() < 0.15)),
            pose,
            female=female,
            dress=str(rng.choice(np.array(_DRESSES), p=_wardrobe(pose_name, female=female))),
            winged=rng.random() < 0.2,
            held=_hands(rng),
        )
        if pose_name == "seated":
            _seat(sheet, x, ground, size)
        if pose_name == "leaning":
            _pillar(sheet, x - (-1 if towards else 1) * size * 0.2, ground, size * 0.42)


def _wardrobe(pose: str, *, female: bool) -> list[float]:
    """Chances of nude, dress, mantle, cloak and armour."""
    if pose in ("running", "fighting", "striding"):
        return [0.35, 0.05, 0.0, 0.4, 0.2]
    if pose == "seated":
        return [0.25, 0.0, 0.7, 0.05, 0.0]
    return [0.15, 0.55, 0.2, 0.1, 0.0] if female else [0.3, 0.08, 0.22, 0.25, 0.15]


def _hands(rng: Generator) -> tuple[str, str]:
    names = np.array(["none", *HELD])
    near, far = rng.choice(names), rng.choice(names)
    return (str(near) if rng.random() < 0.6 else "none"), (str(far) if rng.random() < 0.6 else "none")


def _seat(sheet: Sheet, x: float, ground: float, size: float) -> None:
    """Rock or folding stool beneath somebody who sits."""
    rng = sheet.rng
    top = ground - size * 0.24
    half = size * rng.uniform(0.1, 0.15)
    easel = sheet.easel(x, ground)
    if rng.random() < 0.5:
        for side in (-1, 1):
            easel.line([(side * half, top - ground), (-side * half, 0.0)], 0.95)
            easel.line([(side * half + 1, top - ground), (-side * half + 1, 0.0)], 0.95)
        return
    knots = np.array(
        [
            [-half * 1.2, 0.0],
            [-half * 1.1, (top - ground) * 0.5],
            [-half, top - ground],
            [half, top - ground],
            [half * 1.3, (top - ground) * 0.4],
            [half * 1.2, 0.0],
        ]
    )
    knots += rng.normal(0, size * 0.01, knots.shape)
    easel.line(knots, 0.95)
    for _ in range(6):
        at = np.array([rng.uniform(-half, half), rng.uniform(top - ground, 0)])
        easel.line(
            [tuple(at), tuple(at + rng.normal(0, size * 0.03, 2)), tuple(at + rng.normal(0, size * 0.05, 2))], 0.7
        )


def _pillar(sheet: Sheet, x: float, ground: float, tall: float) -> None:
    """Altar or column with capital, base and flutes."""
    rng = sheet.rng
    half = tall * rng.uniform(0.1, 0.2)
    easel = sheet.easel(x, ground)
    for low, high, wide in ((0.0, 0.08, 1.35), (0.92, 1.0, 1.4), (0.85, 0.92, 1.2)):
        easel.part(
            np.array(
                [
                    [-half * wide, -low * tall],
                    [half * wide, -low * tall],
                    [half * wide, -high * tall],
                    [-half * wide, -high * tall],
                ]
            )
        )
    flutes = [(np.array([[f * half, -0.08 * tall], [f * half, -0.85 * tall]]), 0.65) for f in (-0.5, 0.0, 0.5)]
    easel.part(np.array([[-half, 0.0], [half, 0.0], [half, -0.86 * tall], [-half, -0.86 * tall]]), details=flutes)


def _large_head(sheet: Sheet, field: float) -> None:
    """One head that fills the disc."""
    rng = sheet.rng
    gear = str(rng.choice(np.array(HEADGEAR)))
    easel = sheet.easel(rng.normal(0, 0.06) * field, -0.04 * field, field * rng.uniform(0.95, 1.2))
    draw_head(easel.at(0, 0, mirror=rng.random() < 0.5), female=rng.random() < 0.6, headgear=gear)


def _between(sheet: Sheet, field: float) -> None:
    """Names, plants, stars and columns where there is room."""
    rng = sheet.rng
    for _ in range(int(rng.integers(0, 6))):
        tall = rng.uniform(2.2, 4.2)
        strokes = write_name(str(rng.choice(np.array(NAMES))), rng=rng)
        turn = (
            rng.normal(0, 0.12) if rng.random() < 0.7 else rng.choice([-1.0, 1.0]) * (math.pi / 2) + rng.normal(0, 0.1)
        )
        for _ in range(12):
            angle, radius = rng.uniform(0, 2 * math.pi), field * math.sqrt(rng.uniform(0.02, 0.9))
            easel = sheet.easel(radius * math.cos(angle), radius * math.sin(angle), tall).at(0, 0, 1, turn)
            if sheet.is_free(easel.place(np.concatenate(strokes))):
                for stroke in strokes:
                    easel.line(stroke, 0.85, straight=True)
                sheet.cover(_box(easel.place(np.concatenate(strokes))))
                break
    for _ in range(int(rng.poisson(2.5))):
        angle, radius = rng.uniform(0, 2 * math.pi), field * math.sqrt(rng.uniform(0.05, 0.95))
        easel = sheet.easel(radius * math.cos(angle), radius * math.sin(angle), field * rng.uniform(0.04, 0.09))
        if rng.random() < 0.5:
            draw_star(easel)
        else:
            draw_plant(easel, height=rng.uniform(2.0, 5.0))


def _box(points: NDArray[np.float64]) -> NDArray[np.float64]:
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
