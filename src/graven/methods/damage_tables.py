"""What a record of damage leaves beside traces: layers of nodes, islands and surface; tables by size and direction."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from graven.io.gpkglayers import SURFACE, Layer
from graven.io.records import columns_of
from graven.io.styles import island_style, node_style, surface_style
from graven.io.tables import Table
from graven.methods.damage import CRACK_ID, LOSS_ID
from graven.types import CONDITION_CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graven.measure.crack_sizes import LengthBin
    from graven.measure.islands import Island
    from graven.measure.loss_areas import SizeBin
    from graven.methods.damage import Damage
    from graven.types import Measure

__all__ = ["damage_layers", "damage_tables"]

Cells = tuple[str | int | float | None, ...]

_NAMED = {entry.id: entry.name for entry in CONDITION_CLASSES.classes}
_SIZES = (
    *("class_id", "class", "by", "low", "high", "unit"),
    *("count", "total", "total_sigma", "total_unit", "share", "share_sigma"),
)


def damage_layers(damage: Damage) -> tuple[Layer, ...]:
    """Give the layers ``nodes``, ``islands`` and ``surface`` of the GeoPackage.

    Parameters
    ----------
    damage : Damage
        What was measured.

    Returns
    -------
    tuple of Layer
        Points with ``kind degree network contact``, areas with ``number is_open`` and their measures, and the area that
        was looked at.
    """
    nodes = Layer(
        "nodes",
        "Point",
        tuple((node.x, node.y) for node in damage.nodes),
        tuple(
            {"kind": node.kind, "degree": node.degree, "network": node.network, "contact": node.contact or None}
            for node in damage.nodes
        ),
        node_style(),
    )
    islands = Layer(
        "islands",
        "MultiPolygon",
        tuple(island.polygons for island in damage.islands),
        tuple({**_island(island), **columns_of(island.measures)} for island in damage.islands),
        island_style(),
    )
    looked_at = (damage.surface,) if damage.surface else ()
    surface = Layer(SURFACE, "MultiPolygon", looked_at, tuple({"kind": "analysed"} for _ in looked_at), surface_style())
    return nodes, islands, surface


def damage_tables(damage: Damage) -> dict[str, Table]:
    """Give the tables by the end of their file names.

    Parameters
    ----------
    damage : Damage
        What was measured.

    Returns
    -------
    dict of str to Table
        ``sizes`` by class and size, ``rose`` by direction, ``networks``, ``islands``, and ``style``, the pattern of the
        cracks with the figures behind it.
    """
    return {
        "sizes": _sizes(damage),
        "rose": _rose(damage),
        "networks": _listed([({"number": found.number}, found.measures) for found in damage.networks], ("number",)),
        "islands": _listed([(_island(found), found.measures) for found in damage.islands], ("number", "is_open")),
        "style": Table(
            ("pattern", "quantity", "value", "sigma", "unit"),
            tuple(
                (damage.style.name, name, measure.value, measure.sigma, measure.unit)
                for name, measure in damage.style.measures.items()
            ),
        ),
    }


def _sizes(damage: Damage) -> Table:
    rows = [
        *(_size_row(CRACK_ID, "width_mean", row, row.length) for row in damage.width_bins),
        *(_size_row(CRACK_ID, "length", row, row.length) for row in damage.length_bins),
        *(_size_row(LOSS_ID, "area", row, row.area) for row in damage.loss_bins),
    ]
    return Table(_SIZES, tuple(rows))


def _size_row(class_id: int, by: str, row: LengthBin | SizeBin, total: Measure) -> Cells:
    high = row.high if math.isfinite(row.high) else None
    bin_ = class_id, _NAMED[class_id], by, row.low, high, total.unit, row.count
    return *bin_, total.value, total.sigma, total.unit, row.share.value, row.share.sigma


def _rose(damage: Damage) -> Table:
    """Cracks by direction; bins run counter-clockwise from the right."""
    step = 180.0 / len(damage.rose)
    total = float(damage.rose.sum())
    unit = damage.totals[CRACK_ID]["length"].unit
    edges = [round(step * k, 9) for k in range(len(damage.rose) + 1)]
    rows = tuple(
        (low, high, length, length / total if total > 0 else 0.0)
        for (low, high), length in zip(itertools.pairwise(edges), damage.rose.tolist(), strict=True)
    )
    return Table(("from_deg", "to_deg", f"length_{unit}", "share"), rows)


def _island(island: Island) -> dict[str, str | int | float | None]:
    return {"number": island.number, "is_open": int(island.is_open)}


def _listed(
    entries: Sequence[tuple[Mapping[str, str | int | float | None], Mapping[str, Measure]]], head: tuple[str, ...]
) -> Table:
    """Put measures into columns, behind the columns of `head`."""
    rows = [{**named, **columns_of(measures)} for named, measures in entries]
    names = list(dict.fromkeys([*head, *(name for row in rows for name in row)]))
    return Table(tuple(names), tuple(tuple(row.get(name) for name in names) for row in rows))
