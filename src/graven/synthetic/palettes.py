"""Colours of painted surfaces: pigments in tones from dark to light, lines, ground and support."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PALETTES", "TRAINING_PAINTINGS", "UNSEEN_PAINTINGS", "Palette", "Rgb"]

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """What one kind of painting is painted with and on.

    Parameters
    ----------
    hues : tuple of tuple of Rgb
        Pigments, each in three tones from dark to light, as 8-bit sRGB.
    gold, ink, white : Rgb
        Colours of lines.
    grounds : tuple of Rgb
        Colours that the priming may have.
    support : {'wood', 'clay'}
        What lies under the ground.
    support_rgb : Rgb
        Its colour.
    layer_mm : tuple of two float, millimetres
        Least and greatest thickness of paint with ground.
    bands : tuple of str
        Kinds of fields that such paintings are made of, see `graven.synthetic.ornament`.
    band_mm : float, millimetres
        Median height of a field.
    bend_mm : float, millimetres
        How far fields bend from straight bands.
    """

    hues: tuple[tuple[Rgb, Rgb, Rgb], ...]
    gold: Rgb
    ink: Rgb
    white: Rgb
    grounds: tuple[Rgb, ...]
    support: str
    support_rgb: Rgb
    layer_mm: tuple[float, float]
    bands: tuple[str, ...]
    band_mm: float
    bend_mm: float


_AZURITE = ((24, 48, 96), (48, 88, 148), (122, 158, 196))
_MALACHITE = ((22, 76, 62), (52, 124, 96), (134, 182, 150))
_VERMILION = ((118, 28, 22), (176, 50, 34), (214, 112, 82))
_EARTH_RED = ((92, 40, 30), (140, 68, 48), (186, 122, 96))
_OCHRE = ((124, 84, 34), (178, 132, 62), (216, 182, 118))
_LAKE = ((72, 18, 32), (118, 32, 48), (168, 84, 92))
_ULTRAMARINE = ((20, 28, 72), (42, 58, 122), (108, 124, 172))
_UMBER = ((42, 30, 22), (82, 60, 42), (134, 108, 80))
_FLESH = ((150, 104, 78), (204, 160, 126), (232, 204, 176))
_LEAD = ((170, 160, 140), (206, 198, 180), (232, 228, 214))
_VERDIGRIS = ((18, 58, 46), (40, 92, 70), (104, 142, 110))
_SMALT = ((70, 84, 104), (112, 128, 146), (164, 176, 186))
_ORPIMENT = ((150, 104, 20), (206, 160, 48), (232, 206, 124))
_BLACK = ((26, 24, 24), (48, 44, 42), (96, 90, 86))

PALETTES: dict[str, Palette] = {
    "beam": Palette(
        (_AZURITE, _MALACHITE, _VERMILION, _AZURITE, _MALACHITE, _LEAD),
        (196, 152, 62), (28, 26, 26), (226, 222, 208), ((196, 186, 166), (170, 158, 138), (214, 208, 194)),
        "wood", (112, 82, 56), (0.25, 0.8), ("cloud", "lotus", "fret", "diaper", "scroll", "plain", "scales"),
        27.0, 0.0,
    ),
    "panel": Palette(
        (_ULTRAMARINE, _LAKE, _FLESH, _OCHRE, _VERDIGRIS, _UMBER, _LEAD),
        (204, 164, 84), (34, 26, 22), (234, 226, 206), ((232, 224, 204), (218, 204, 176), (240, 234, 220)),
        "wood", (126, 90, 58), (0.2, 0.7), ("drapery", "gilding", "drapery", "plain", "scroll", "landscape"),
        42.0, 14.0,
    ),
    "mural": Palette(
        (_EARTH_RED, _MALACHITE, _AZURITE, _LEAD, _OCHRE, _BLACK, _SMALT),
        (188, 148, 74), (46, 36, 32), (228, 220, 204), ((220, 212, 196), (204, 192, 172), (228, 224, 214)),
        "clay", (150, 122, 92), (0.15, 0.6), ("cloud", "drapery", "script", "lotus", "plain", "landscape", "diaper"),
        36.0, 5.0,
    ),
    "canvas": Palette(
        (_UMBER, _OCHRE, _FLESH, _SMALT, _VERDIGRIS, _BLACK, _LAKE),
        (190, 150, 80), (30, 24, 22), (226, 216, 192), ((206, 190, 160), (172, 132, 100), (196, 184, 166)),
        "wood", (146, 116, 82), (0.12, 0.4), ("landscape", "drapery", "landscape", "plain"),
        45.0, 18.0,
    ),
    "thangka": Palette(
        (_ORPIMENT, _AZURITE, _VERDIGRIS, _VERMILION, _BLACK),
        (222, 178, 70), (24, 20, 22), (236, 228, 208), ((222, 214, 192), (206, 196, 176)),
        "wood", (158, 130, 96), (0.12, 0.4), ("lotus", "cloud", "scales", "drapery", "scroll", "plain"),
        30.0, 6.0,
    ),
    "lacquer": Palette(
        (_BLACK, _VERMILION, _BLACK, _OCHRE),
        (206, 160, 64), (18, 16, 16), (222, 206, 170), ((92, 78, 64), (140, 120, 96)),
        "wood", (116, 84, 56), (0.3, 0.9), ("scroll", "landscape", "fret", "plain", "lotus"),
        40.0, 2.0,
    ),
}  # fmt: skip
UNSEEN_PAINTINGS: tuple[str, ...] = ("thangka", "lacquer")
TRAINING_PAINTINGS: tuple[str, ...] = tuple(name for name in PALETTES if name not in UNSEEN_PAINTINGS)
