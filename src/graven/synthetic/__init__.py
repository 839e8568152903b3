"""Procedural surfaces: a height field with an albedo, grown from a seed, photographed, with its exact truth."""

from __future__ import annotations

from graven.synthetic.petroglyph import PetroglyphPanel, make_petroglyph, petroglyph_layers
from graven.synthetic.surface import Surface

__all__ = ["PetroglyphPanel", "Surface", "make_petroglyph", "petroglyph_layers"]
