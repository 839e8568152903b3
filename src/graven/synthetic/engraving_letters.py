"""Etruscan letters and the names that stand beside figures on mirrors, written from right to left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NAMES", "write_name"]

NAMES = (
    "TURAN", "MENRVA", "HERCLE", "TINIA", "TURMS", "UNI", "APLU", "ARTUMES", "FUFLUNS", "SEMLA", "SETHLANS", "NETHUNS",
    "LASA", "CASTUR", "PULTUCE", "ELINAI", "ALCSENTRE", "ACHLE", "UTHUSTE", "ATUNIS", "THESAN", "USIL", "LARAN",
    "MARIS", "VANTH", "ZIRNA", "MEAN", "ACHVIZR", "PHERSE", "META", "VILE", "THALNA", "CHALCHAS", "UCTU", "ETHAUSVA",
)  # fmt: skip
"""Gods, heroes and attendants; th, ph and ch are one letter each."""

_RING = [(0.3 + 0.3 * math.cos(a), 0.5 + 0.36 * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 15)]
_EIGHT = [(0.25 + 0.22 * math.sin(2 * a), 0.5 - 0.48 * math.cos(a)) for a in np.linspace(0, 2 * math.pi, 21)]
# As they would stand from left to right, baseline 1 and top 0; `write_name` turns them over.
_GLYPHS: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(0, 1), (0.3, 0), (0.62, 1)], [(0.12, 0.52), (0.52, 0.72)]],
    "C": [[(0.45, 0.05), (0, 0.5), (0.45, 0.95)]],
    "E": [[(0, 0), (0, 1)], [(0, 0.05), (0.42, 0.2)], [(0, 0.35), (0.42, 0.5)], [(0, 0.66), (0.42, 0.8)]],
    "F": [_EIGHT],
    "H": [
        [(0, 0), (0, 1)],
        [(0.5, 0), (0.5, 1)],
        [(0, 0.1), (0.5, 0.1)],
        [(0, 0.5), (0.5, 0.5)],
        [(0, 0.9), (0.5, 0.9)],
    ],
    "I": [[(0, 0), (0, 1)]],
    "L": [[(0, 0), (0, 1), (0.38, 0.7)]],
    "M": [[(0, 1), (0, 0), (0.2, 0.4), (0.4, 0.04), (0.58, 0.4), (0.58, 0.75)]],
    "N": [[(0, 1), (0, 0), (0.4, 0.55), (0.4, 0.05)]],
    "P": [[(0, 1), (0, 0), (0.36, 0.16), (0.34, 0.4)]],
    "R": [[(0, 1), (0, 0), (0.42, 0.24), (0, 0.52)]],
    "S": [[(0.42, 0), (0.05, 0.3), (0.42, 0.62), (0.05, 0.95)]],
    "T": [[(0.22, 0), (0.22, 1)], [(0, 0.3), (0.44, 0.12)]],
    "U": [[(0, 0), (0.24, 1)], [(0.5, 0), (0.24, 1)]],
    "V": [[(0, 0), (0, 1)], [(0, 0.05), (0.42, 0.2)], [(0, 0.42), (0.42, 0.57)]],
    "Z": [[(0.2, 0), (0.2, 1)], [(0, 0.22), (0.42, 0.12)], [(0, 0.9), (0.42, 0.8)]],
    "θ": [_RING, [(0.26, 0.5), (0.34, 0.5)]],
    "φ": [_RING, [(0.3, 0), (0.3, 1)]],
    "χ": [[(0.25, 0), (0.25, 1)], [(0, 0.02), (0.25, 0.5)], [(0.5, 0.02), (0.25, 0.5)]],
}


def write_name(name: str, *, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Write a name from right to left.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    rng : numpy.random.Generator
        Source of the hand: letters lean, dance and vary in width.

    Returns
    -------
    list of ndarray of shape (N, 2), float64
        Strokes with corners; letters are one unit tall, the first one ends at x = 0 and the others lie to its left.

    Examples
    --------
    >>> strokes = write_name("UNI", rng=np.random.default_rng(0))
    >>> len(strokes), bool(max(stroke[:, 0].max() for stroke in strokes) < 0.2)
    (4, True)
    """
    spelt = name.replace("TH", "θ").replace("PH", "φ").replace("CH", "χ")
    lean, spacing = rng.normal(0, 0.08), rng.uniform(0.2, 0.36)
    strokes: list[NDArray[np.float64]] = []
    right = 0.0
    for letter in spelt:
        glyph = [np.asarray(stroke, np.float64) for stroke in _GLYPHS[letter]]
        wide = max(float(stroke[:, 0].max()) for stroke in glyph) * rng.uniform(0.88, 1.15)
        tall, drop = rng.uniform(0.85, 1.1), rng.normal(0, 0.05)
        for stroke in glyph:
            shaken = stroke + rng.normal(0, 0.022, stroke.shape)
            x = right - shaken[:, 0] + lean * (0.5 - shaken[:, 1])
            strokes.append(np.stack([x, drop + shaken[:, 1] * tall], 1))
        right -= wide + spacing
    return strokes
