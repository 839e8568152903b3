"""Procedural surfaces: a height field with an albedo, grown from a seed, photographed, with its exact truth."""

from __future__ import annotations

from graven.synthetic.cracknet import CrackNetwork
from graven.synthetic.painting import ConditionPanel, condition_layers, make_painting
from graven.synthetic.petroglyph import PetroglyphPanel, make_petroglyph, petroglyph_layers
from graven.synthetic.surface import Surface

__all__ = [
    "ConditionPanel",
    "CrackNetwork",
    "PetroglyphPanel",
    "Surface",
    "condition_layers",
    "make_painting",
    "make_petroglyph",
    "petroglyph_layers",
]
