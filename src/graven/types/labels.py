"""Classes of a record: their names, colours, hatches and what they mean on paper."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from graven.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CONDITION_CLASSES",
    "ENGRAVING_CLASSES",
    "HATCHES",
    "NODATA",
    "PETROGLYPH_CLASSES",
    "ClassDefinition",
    "ClassTable",
    "class_slug",
    "named_classes",
]

NODATA = 255
"""Value of a class raster where nothing is known."""

HATCHES = ("solid", "diagonal", "cross", "dots", "horizontal")
"""Hatches for black-and-white print."""

Kind = Literal["area", "line"]


@dataclass(frozen=True, slots=True)
class ClassDefinition:
    """One class of a record.

    Attributes
    ----------
    id : int, 1 to 254
        Value in class rasters; 0 is background and 255 is nodata.
    name : str
        As printed in legends and used for layers.
    color : str
        ``#RRGGBB``.
    hatch : str
        One of `HATCHES`.
    kind : {"area", "line"}
        How objects of the class are drawn and measured; fixed per class.
    code : str
        Letter code on drawings.
    """

    id: int
    name: str
    color: str
    hatch: str
    kind: Kind
    code: str

    def __post_init__(self) -> None:
        if not 1 <= self.id <= 254:
            raise InputError(f"a class id must lie between 1 and 254, got {self.id} for {self.name!r}")
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", self.color):
            raise InputError(f"a class colour must look like #D55E00, got {self.color!r} for {self.name!r}")
        if self.hatch not in HATCHES:
            raise InputError(f"a hatch must be one of {', '.join(HATCHES)}, got {self.hatch!r} for {self.name!r}")

    @property
    def title(self) -> str:
        """The name as words, for people: ``paint loss``."""
        return self.name.replace("_", " ")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Colour as three bytes."""
        return int(self.color[1:3], 16), int(self.color[3:5], 16), int(self.color[5:7], 16)


@dataclass(frozen=True, slots=True)
class ClassTable:
    """The classes of one model or project, in the order of their ids."""

    classes: tuple[ClassDefinition, ...]

    def __post_init__(self) -> None:
        ids = [entry.id for entry in self.classes]
        names = [entry.name for entry in self.classes]
        if ids != sorted(set(ids)) or len(set(names)) != len(names):
            raise InputError(f"class ids must rise and names must differ, got ids {ids} and names {names}")

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, class_id: int) -> ClassDefinition:
        for entry in self.classes:
            if entry.id == class_id:
                return entry
        raise InputError(f"class id {class_id} is not in the table; known ids: {[c.id for c in self.classes]}")


PETROGLYPH_CLASSES = ClassTable((ClassDefinition(1, "pecked", "#D55E00", "dots", "area", "P"),))
"""The one class of the petroglyph method: the pecked surface."""

ENGRAVING_CLASSES = ClassTable((ClassDefinition(1, "engraved", "#0072B2", "solid", "area", "E"),))
"""The one class of the engraving method: the surface of the grooves, whose centre-lines are traced as well."""

CONDITION_CLASSES = ClassTable(
    (
        ClassDefinition(1, "craquelure", "#D55E00", "solid", "line", "C"),
        ClassDefinition(2, "paint_loss", "#56B4E9", "diagonal", "area", "L"),
    )
)
"""The classes of the condition method: cracks of the paint layer, and where the paint is gone."""

_COLORS = ("#009E73", "#E69F00", "#0072B2", "#CC79A7", "#F0E442", "#56B4E9", "#D55E00")
_TURN = 0.618


def class_slug(name: str) -> str:
    """Write the name of a class as tables and layers do.

    Parameters
    ----------
    name : str
        As a person writes it.

    Returns
    -------
    str
        In lower case, spaces and hyphens as underscores; two classes of one table may not share it.

    Examples
    --------
    >>> class_slug("Paint loss")
    'paint_loss'
    """
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def named_classes(names: Sequence[str]) -> ClassTable:
    """Give classes numbers in the order of their names, and colours.

    Parameters
    ----------
    names : sequence of str
        At least one, at most 254, all different.

    Returns
    -------
    ClassTable
        Ids 1, 2, … . A class of the condition method keeps colour, hatch, kind and code; others are areas and take the
        next free colour.

    Raises
    ------
    InputError
        If a name is empty or stands twice, or there are too many.

    Examples
    --------
    >>> [(entry.id, entry.name, entry.color) for entry in named_classes(["paint loss", "dust"]).classes]
    [(1, 'paint loss', '#56B4E9'), (2, 'dust', '#009E73')]
    """
    slugs = [class_slug(name) for name in names]
    if not 1 <= len(slugs) <= NODATA - 1 or not all(slugs) or len(set(slugs)) != len(slugs):
        raise InputError(f"classes need 1 to {NODATA - 1} names that differ, got {', '.join(names) or 'none'}")
    known = {class_slug(entry.name): entry for entry in CONDITION_CLASSES.classes}
    taken = {known[slug].color for slug in slugs if slug in known}
    free = [color for color in _COLORS if color not in taken]
    classes = []
    for number, (name, slug) in enumerate(zip(names, slugs, strict=True), start=1):
        if slug in known:
            classes.append(replace(known[slug], id=number, name=name))
            continue
        color = free.pop(0) if free else _color(number)
        classes.append(ClassDefinition(number, name, color, HATCHES[number % len(HATCHES)], "area", name[0].upper()))
    return ClassTable(tuple(classes))


def _color(number: int) -> str:
    """Give a colour by its number; neighbours differ by the golden section of a turn."""
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(number * _TURN % 1, 0.65, 0.85))
    return f"#{red:02X}{green:02X}{blue:02X}"
