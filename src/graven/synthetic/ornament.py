"""Fields of ornament between two borders: clouds, lotus, frets, diaper, scrolls, scales, drapery, gilding, writing.

Their outlines, hatchings and gilding lines are as dark, as light and as thin as cracks, and are none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.synthetic.brush import petal, placed, spiral
from graven.synthetic.fractures import random_path
from graven.synthetic.noise import fractal

if TYPE_CHECKING:
    from collections.abc import Callable

    from graven.synthetic.brush import Brush
    from graven.synthetic.palettes import Palette, Rgb

__all__ = ["BANDS", "Field"]

Float = np.float32
Generator = np.random.Generator


@dataclass(frozen=True, slots=True)
class Field:
    """What a motif needs to know of the field that it fills.

    Parameters
    ----------
    brush : Brush
        Paints in millimetres, u along the field and v across it.
    palette : Palette
        Colours of the painting.
    rng : numpy.random.Generator
        Source of randomness.
    length_mm, height_mm : float, millimetres
        The field is ``0 <= u < length_mm``, ``0 <= v < height_mm``.
    base : int
        Index of the hue of its ground.
    line_mm : float, millimetres
        Width of its outlines.
    """

    brush: Brush
    palette: Palette
    rng: Generator
    length_mm: float
    height_mm: float
    base: int
    line_mm: float

    def hue(self) -> tuple[Rgb, Rgb, Rgb]:
        """Draw a hue other than that of the ground.

        Returns
        -------
        tuple of Rgb
            Dark, middle and light tone.
        """
        others = [hue for number, hue in enumerate(self.palette.hues) if number != self.base]
        return others[int(self.rng.integers(len(others)))]

    def tones(self) -> list[Rgb]:
        """Draw a hue as tones from a light rim to a dark middle, or the other way round.

        Returns
        -------
        list of Rgb
            From the rim inwards.
        """
        dark, mid, light = self.hue()
        ramp = [self.palette.white, light, mid, dark]
        return ramp if self.rng.random() < 0.6 else ramp[:0:-1]

    def rim(self) -> Rgb:
        """Draw the colour of an outline.

        Returns
        -------
        Rgb
            Ink, gold or white.
        """
        colours = (self.palette.ink, self.palette.gold, self.palette.white, self.palette.ink)
        return colours[int(self.rng.integers(4))]

    def spots(self, size_mm: float) -> list[tuple[float, float]]:
        """Return places for motifs of a size, in staggered rows.

        Parameters
        ----------
        size_mm : float, millimetres
            Width of a motif.

        Returns
        -------
        list of (float, float)
            Centres (u, v).
        """
        n_rows = max(1, round(self.height_mm / size_mm))
        row_mm = self.height_mm / n_rows
        places = []
        for row in range(n_rows):
            shift = self.rng.uniform(-0.1, 0.1) + 0.5 * (row % 2)
            places += [
                (step * size_mm, (row + 0.5 + self.rng.normal(0, 0.05)) * row_mm)
                for step in np.arange(-0.5 + shift, self.length_mm / size_mm + 1, 1.15).tolist()
            ]
        return places


def _cloud(field: Field) -> None:
    """Ruyi clouds: curls in nested tones with a long tail."""
    size = float(np.clip(field.height_mm * field.rng.uniform(0.5, 0.95), 9, 34))
    tones, rim = field.tones(), field.rim()
    for u, v in field.spots(1.35 * size):
        side = field.rng.choice([-1.0, 1.0])
        radius = size * field.rng.uniform(0.2, 0.28)
        t = np.linspace(0, 1, 24)
        tail = np.stack([u - side * size * (0.1 + 0.75 * t), v + radius + 0.12 * size * np.sin(4 * t)], 1)
        curls = [tail]
        for du, dv, share in ((-0.32, 0.05, 0.8), (0.0, -0.2, 1.0), (0.32, 0.08, 0.75)):
            curl = placed(spiral(side * field.rng.uniform(1.1, 1.7), radius * share), 0, 0, field.rng.uniform(0, 1.5))
            curls.append(curl + np.array([u + side * du * size, v + dv * size]))
        for curl in curls:
            field.brush.line(curl, rim, radius * 0.62 + 2 * field.line_mm)
        for curl in curls:
            field.brush.stroke(curl, tones, radius * 0.62)


def _lotus(field: Field) -> None:
    """Lotus from above: rings of veined petals about a seed head."""
    size = float(np.clip(field.height_mm * field.rng.uniform(0.6, 1.1), 12, 44))
    rings = [(field.tones(), 0.5), (field.tones(), 0.36), (field.tones(), 0.22)]
    rim, n_petals = field.rim(), int(field.rng.integers(7, 12))
    for u, v in field.spots(1.2 * size):
        for number, (tones, reach) in enumerate(rings):
            for k in range(n_petals):
                turn = 2 * math.pi * (k + 0.5 * number) / n_petals + field.rng.normal(0, 0.02)
                leaf = placed(petal(reach * size, 3.0 * reach * size / n_petals * 1.5, point=0.9), u, v, turn)
                field.brush.nest(leaf, tones, rim=rim, rim_mm=field.line_mm)
                if number < 2:
                    for sway in (-0.06, 0.06):
                        vein = placed(np.array([[0.45, sway], [0.9, 0.4 * sway]]) * reach * size, u, v, turn)
                        field.brush.line(vein, rim, 0.6 * field.line_mm)
        field.brush.dot(u, v, 0.08 * size, field.palette.gold)
        for k in range(6):
            field.brush.dot(u + 0.05 * size * math.cos(k), v + 0.05 * size * math.sin(k), 0.012 * size, rim)


def _fret(field: Field) -> None:
    """Key fret: squared spirals side by side, in one or two rows."""
    n_rows = 1 if field.height_mm < 14 else 2
    unit = field.height_mm / n_rows / 4.6
    key = np.array([(0, 3.4), (0, 0), (3, 0), (3, 2.4), (1, 2.4), (1, 1.2), (2, 1.2)]) * unit
    rgb, width = field.rim(), unit * field.rng.uniform(0.3, 0.6)
    for row in range(n_rows):
        base = (row + 0.5) * field.height_mm / n_rows - 1.7 * unit
        for number in range(int(field.length_mm / (4 * unit)) + 2):
            mirrored = key * (-1, 1) + (3 * unit, 0) if number % 2 else key
            field.brush.line(mirrored + np.array([number * 4 * unit, base]), rgb, width)


def _diaper(field: Field) -> None:
    """Diaper: a lattice of lines with a rosette in each cell."""
    pitch = float(field.rng.uniform(5, 15))
    rgb, tones, dot = field.rim(), field.tones(), field.palette.gold
    n = int((field.length_mm + field.height_mm) / pitch) + 2
    for k in range(-n, n):
        for lean in (1, -1):
            start = k * pitch
            ends = [(start, 0.0), (start + lean * field.height_mm, field.height_mm)]
            field.brush.line(ends, rgb, field.line_mm * 1.4)
    for row in range(int(2 * field.height_mm / pitch) + 2):
        for k in range(int(field.length_mm / pitch) + 2):
            u, v = (k + 0.5 * ((row + 1) % 2)) * pitch, 0.5 * row * pitch
            for arm in range(4):
                field.brush.area(placed(petal(0.28 * pitch, 0.2 * pitch), u, v, math.pi / 2 * arm), tones[1])
            field.brush.dot(u, v, 0.06 * pitch, dot)


def _scroll(field: Field) -> None:
    """Scrolling stem with curls and leaves."""
    swing, pace = field.height_mm * 0.3, float(np.clip(field.height_mm * field.rng.uniform(0.9, 1.6), 12, 50))
    rgb, tones = field.rim(), field.tones()
    u = np.arange(-pace, field.length_mm + pace, 0.6)
    v = field.height_mm / 2 + swing * np.sin(2 * math.pi * u / pace)
    field.brush.line(np.stack([u, v], 1), rgb, 2.2 * field.line_mm)
    for k in range(-2, int(2 * field.length_mm / pace) + 2):
        side = 1 if k % 2 else -1
        centre = (0.5 * k + 0.25) * pace, field.height_mm / 2 - 0.2 * side * swing
        curl = spiral(1.6 * side, 0.28 * pace)
        field.brush.line(placed(curl, *centre, field.rng.normal(0, 0.2)), rgb, 1.6 * field.line_mm)
        for _ in range(3):
            leaf = petal(pace * field.rng.uniform(0.16, 0.3), pace * field.rng.uniform(0.06, 0.12), point=1.2)
            turn = field.rng.uniform(0, 2 * math.pi)
            at = placed(leaf, centre[0] + 0.24 * pace * math.cos(turn), centre[1] + 0.24 * pace * math.sin(turn), turn)
            field.brush.nest(at, tones, rim=rgb, rim_mm=0.7 * field.line_mm)


def _scales(field: Field) -> None:
    """Overlapping scales or waves in nested tones."""
    radius, tones, rim = float(field.rng.uniform(3, 8)), field.tones(), field.rim()
    arc = np.linspace(0, math.pi, 18)
    for row in range(-1, int(field.height_mm / (0.62 * radius)) + 3):
        for k in range(-1, int(field.length_mm / (2 * radius)) + 2):
            u, v = (2 * k + row % 2) * radius, row * 0.62 * radius
            half = np.stack([u + radius * np.cos(arc), v - radius * np.sin(arc)], 1)
            for number, tone in enumerate(tones):
                share = 1 - 0.24 * number
                field.brush.area((half - (u, v)) * share + (u, v), tone)
                field.brush.line((half - (u, v)) * share + (u, v), rim, 0.7 * field.line_mm)


def _drapery(field: Field) -> None:
    """Modelled folds with hatching in the shadows."""
    dark, mid, light = field.hue()
    _model(field, dark, light, wavelength_mm=field.rng.uniform(9, 26), stretch=3.0)
    if field.rng.random() < 0.6:
        _hatch(field, (dark, mid, light), share=field.rng.uniform(0.2, 1.0))
    for _ in range(int(field.rng.integers(2, 7))):
        start = field.rng.uniform(0, field.length_mm), field.rng.uniform(0, field.height_mm)
        fold = random_path(field.rng, start, field.rng.normal(0.9, 0.5), field.rng.uniform(15, 60), step=2, wander=0.1)
        field.brush.line(fold, dark if field.rng.random() < 0.7 else light, field.line_mm * field.rng.uniform(1, 2.5))


def _landscape(field: Field) -> None:
    """Soft passages of one tone into another, with twigs and grass drawn over them."""
    for _ in range(2):
        first, second = field.hue(), field.hue()
        _model(
            field, first[int(field.rng.integers(2))], second[1], wavelength_mm=field.rng.uniform(18, 50), stretch=1.0
        )
    for _ in range(int(field.rng.integers(0, 9))):
        start = field.rng.uniform(0, field.length_mm), field.rng.uniform(0, field.height_mm)
        heading = field.rng.uniform(0, 2 * math.pi)
        for _ in range(int(field.rng.integers(2, 9))):
            twig = random_path(
                field.rng, start, heading + field.rng.normal(0, 0.5), field.rng.uniform(5, 30), step=1.2, wander=0.16
            )
            colour = (field.palette.ink, field.hue()[0], field.hue()[2])[int(field.rng.integers(3))]
            field.brush.line(twig, colour, field.rng.uniform(0.12, 0.5))
            start = tuple(twig[int(field.rng.integers(len(twig)))].tolist())


def _gilding(field: Field) -> None:
    """Gold ground with incised rays and rings and rows of punch marks."""
    gold = field.palette.gold
    worn = (int(gold[0] * 0.86), int(gold[1] * 0.72), int(gold[2] * 0.62))
    _model(field, worn, gold, wavelength_mm=12.0, stretch=1.5)
    groove: Rgb = (gold[0] // 2, gold[1] // 2, gold[2] // 3)
    u, v = field.rng.uniform(0, field.length_mm), field.rng.uniform(-0.5, 1.5) * field.height_mm
    angle = np.linspace(0, 2 * math.pi, 160)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    for radius in np.cumsum(field.rng.uniform(1.2, 9, 9)).tolist():
        field.brush.line(ring * radius + (u, v), groove, field.line_mm * field.rng.uniform(0.5, 1.0), closed=True)
        if field.rng.random() < 0.5:
            for turn in np.arange(0, 2 * math.pi, 1.6 / radius).tolist():
                field.brush.dot(u + radius * math.cos(turn), v + radius * math.sin(turn), 0.28, groove)
    for turn in np.arange(0, 2 * math.pi, field.rng.uniform(0.06, 0.3)).tolist():
        ray = np.array([[8.0, 0.0], [60.0, 0.0]])
        field.brush.line(placed(ray, u, v, turn), groove, 0.5 * field.line_mm)


def _script(field: Field) -> None:
    """Columns of brush-written signs."""
    size, ink = float(field.rng.uniform(6, 16)), field.palette.ink if field.rng.random() < 0.8 else field.rim()
    for u in np.arange(0.4 * size, field.length_mm, 1.5 * size).tolist():
        for v in np.arange(0.6 * size, field.height_mm, 1.15 * size).tolist():
            for _ in range(int(field.rng.integers(3, 8))):
                start = u + field.rng.uniform(-0.4, 0.3) * size, v + field.rng.uniform(-0.4, 0.3) * size
                heading = field.rng.choice([0.0, 1.57, 0.9, 2.2]) + field.rng.normal(0, 0.12)
                length = size * field.rng.uniform(0.2, 0.8)
                path = random_path(field.rng, start, heading, length, step=0.12 * size, wander=0.08)
                for part, share in enumerate(np.linspace(1.2, field.rng.uniform(0.3, 0.9), len(path) - 1)):
                    field.brush.line(path[part : part + 2], ink, 0.085 * size * share)


def _plain(field: Field) -> None:
    """Plain colour with the marks of a wide brush and now and then a line."""
    dark, mid, light = field.palette.hues[field.base]
    _model(field, mid, light if field.rng.random() < 0.5 else dark, wavelength_mm=30.0, stretch=6.0, depth=0.35)
    for _ in range(int(field.rng.integers(0, 4))):
        v = field.rng.uniform(0, field.height_mm)
        field.brush.line([(0, v), (field.length_mm, v)], field.rim(), field.line_mm * field.rng.uniform(0.7, 3))


def _model(field: Field, dark: Rgb, light: Rgb, *, wavelength_mm: float, stretch: float, depth: float = 1.0) -> None:
    """Fill a field with a soft change between two colours."""
    high, wide = max(4, int(2 * field.height_mm)), max(4, int(2 * field.length_mm / stretch))
    noise = fractal(field.rng, (high, wide), wavelength_px=max(4.0, 2 * wavelength_mm), gain=0.4, finest_px=4.0)
    share = (0.5 + 0.5 * np.sin(2.2 * noise + field.rng.uniform(0, 6)))[..., None] * depth
    cloth = np.asarray(dark) + share * (np.asarray(light) - np.asarray(dark))
    to_mm = np.array([[field.length_mm / wide, 0, 0], [0, field.height_mm / high, 0]])
    affine = field.brush.matrix.copy()
    affine[:, :2] = affine[:, :2] @ to_mm[:, :2]
    rows, cols = field.brush.sheet.shape[:2]
    cv2.warpAffine(
        np.clip(cloth, 0, 255).astype(np.uint8), affine, (cols, rows), dst=field.brush.sheet,
        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT,
    )  # fmt: skip


def _hatch(field: Field, tones: tuple[Rgb, ...], *, share: float) -> None:
    """Fine strokes side by side in patches, as tempera is modelled; their ends are feathered."""
    turn = field.rng.uniform(0, math.pi)
    for _ in range(int(share * field.length_mm * field.height_mm / 60)):
        u, v = field.rng.uniform(0, field.length_mm), field.rng.uniform(0, field.height_mm)
        turn += field.rng.normal(0, 0.3)
        length, gap = field.rng.uniform(3, 11), field.rng.uniform(0.16, 0.5)
        tone, width = tones[int(field.rng.integers(len(tones)))], field.rng.uniform(0.06, 0.16)
        for k in range(int(field.rng.integers(8, 40))):
            start, reach = field.rng.normal(0, 0.12 * length), length * field.rng.uniform(0.6, 1.1)
            bow = 0.08 * reach
            stroke = np.array([[start, k * gap], [start + 0.5 * reach, k * gap + bow], [start + reach, k * gap]])
            field.brush.line(placed(stroke, u, v, turn), tone, width)


BANDS: dict[str, Callable[[Field], None]] = {
    "cloud": _cloud,
    "lotus": _lotus,
    "fret": _fret,
    "diaper": _diaper,
    "scroll": _scroll,
    "scales": _scales,
    "drapery": _drapery,
    "landscape": _landscape,
    "gilding": _gilding,
    "script": _script,
    "plain": _plain,
}
