"""Classes of a record: their names, colours, hatches and what they mean on paper."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from graven.errors import InputError

__all__ = ["CONDITION_CLASSES", "HATCHES", "NODATA", "PETROGLYPH_CLASSES", "ClassDefinition", "ClassTable"]

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

CONDITION_CLASSES = ClassTable(
    (
        ClassDefinition(1, "craquelure", "#D55E00", "solid", "line", "C"),
        ClassDefinition(2, "paint_loss", "#56B4E9", "diagonal", "area", "L"),
    )
)
"""The classes of the condition method: cracks of the paint layer, and where the paint is gone."""
