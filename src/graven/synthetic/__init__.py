"""Procedural surfaces: a height field with an albedo, grown from a seed, photographed, with its exact truth."""

from __future__ import annotations

from graven.synthetic.bronze_light import dome_lights, render_bronze_lights
from graven.synthetic.bronze_scan import measured_height
from graven.synthetic.cracknet import CrackNetwork
from graven.synthetic.engraving import EngravingPanel, make_bronze
from graven.synthetic.engraving_cut import EngravedLine
from graven.synthetic.painting import ConditionPanel, condition_layers, make_painting
from graven.synthetic.petroglyph import PetroglyphPanel, make_petroglyph, petroglyph_layers
from graven.synthetic.surface import Surface

__all__ = [
    "ConditionPanel",
    "CrackNetwork",
    "EngravedLine",
    "EngravingPanel",
    "PetroglyphPanel",
    "Surface",
    "condition_layers",
    "dome_lights",
    "make_bronze",
    "make_painting",
    "make_petroglyph",
    "measured_height",
    "petroglyph_layers",
    "render_bronze_lights",
]
