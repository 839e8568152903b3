"""Bare rock: relief, bedding, grain and weathered skin of eight kinds of stone on which people pecked figures.

Six kinds are for training, two (`UNSEEN_ROCKS`) are never shown to a network, so that what it does on strange stone can
be measured. Colours and amplitudes are our choice, judged by eye; each function says what it imitates. The skin
(varnish, patina, weathering rind) lies in the albedo; what lies beneath is `Canvas.fresh_rgb` times `Canvas.grain`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.synthetic.noise import fractal
from graven.synthetic.rock_kinds import (
    grow_basalt,
    grow_dolomite,
    grow_gneiss,
    grow_granite,
    grow_limestone,
    grow_polished_sandstone,
    grow_sandstone,
    grow_schist,
)
from graven.synthetic.rock_parts import breadth, modulate
from graven.synthetic.surface import Canvas

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ROCKS", "TRAINING_ROCKS", "UNSEEN_ROCKS", "make_rock"]

Float = np.float32
Generator = np.random.Generator

_KINDS: dict[str, Callable[[Generator, Canvas], None]] = {
    "varnished_sandstone": grow_sandstone,
    "granite": grow_granite,
    "schist": grow_schist,
    "limestone": grow_limestone,
    "basalt": grow_basalt,
    "polished_sandstone": grow_polished_sandstone,
    "gneiss": grow_gneiss,
    "dolomite": grow_dolomite,
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
    mottle = fractal(
        rng, shape, wavelength_px=canvas.px(rng.uniform(150, 500)) * breadth(canvas), gain=0.6, finest_px=8.0
    )
    modulate(canvas, np.exp(mottle * Float(rng.uniform(0.05, 0.22))))
    return canvas
