"""Measuring a GeoPackage again that a person has edited: what was kept, changed, drawn and deleted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from graven.api.export import package_classes
from graven.api.measure_mask import opened_image
from graven.api.measured import Found, beside_image
from graven.errors import DataError
from graven.io.gpkg import read_gpkg
from graven.io.gpkglayers import SURFACE
from graven.io.gpkgpanel import read_gpkg_panel, read_gpkg_surface
from graven.io.masks import class_probability_reader
from graven.measure.edited import geometry_measures
from graven.measure.totals import panel_totals
from graven.methods.comparison import CHANGE_CLASSES
from graven.methods.damage import CRACK_ID
from graven.methods.damage_edited import measure_edited_damage
from graven.methods.damage_tables import damage_layers, damage_tables
from graven.methods.record import Beside, Scene
from graven.prepare.bands import grey_reader
from graven.types import CONDITION_CLASSES, Measure, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from graven.io.gpkgpanel import GpkgPanel
    from graven.methods.damage import Damage
    from graven.types import ClassTable, PixelSize, Raster, Trace

__all__ = ["measure_traces"]

_BESIDE_PX = 1.0  # a line that ends at the edge of the surface may end a pixel beside it
_HOW = (
    "Nothing was predicted for this record. The objects are those of the file that is named below: what nobody changed "
    "keeps its measures, what a person drew or changed was measured as it was drawn."
)
_HOW_DAMAGE = (
    " Nodes, networks and islands follow from all lines together, each line as wide as it is known to be. A line that "
    "was drawn is taken to be right to half a pixel."
)


def measure_traces(package: Path, *, prob: Path | None, image: Path | None) -> Found:
    """Measure the traces of a GeoPackage.

    Parameters
    ----------
    package : Path
        ``<item>_traces.gpkg`` of graven, edited or not.
    prob, image : Path or None
        Probability and photograph that belong to it: the widths of changed cracks are measured in them.

    Returns
    -------
    Found
        What it holds, with what a person has done to it.

    Raises
    ------
    DataError
        If the file is none of graven, is a record of change, an object is drawn as what its class is not, or the layer
        that says where was looked was changed.
    MismatchError
        If photograph or probability have another size.
    """
    classes, panel = package_classes(package), read_gpkg_panel(package)
    if classes is CHANGE_CLASSES:
        raise DataError(f"{package.name} tells what has changed between two dates; measure the record of one date")
    edits = _Edits(is_figures=classes is not CONDITION_CLASSES)
    traces = read_gpkg(package, remeasure=edits.remeasure)
    _check_kinds(traces, classes, package.name)
    size: dict[str, Any] = {"height": panel.height, "width": panel.width}
    photo = opened_image(image, what=package.name, **size)
    frame = raster_from_array(np.broadcast_to(np.uint8(0), (1, panel.height, panel.width)))
    read_prob = None if prob is None else class_probability_reader(prob, frame, n_classes=len(classes))
    whole_px = panel.height * panel.width
    looked = _looked_at(package, panel, photo) if classes is CONDITION_CLASSES else None
    valid_px = looked.n_px if looked is not None else panel.valid_px or whole_px
    scene = Scene(
        name=package.name.removesuffix(".gpkg").removesuffix("_traces"),
        georeference=panel.georeference,
        pixel_size=panel.pixel_size,
        source=panel.source,
        valid_px=valid_px,
        **size,
    )
    unknown = f"{package.name} does not say where something is known; all that the picture shows counts"
    notes = [] if panel.valid_px else [unknown]
    odd = None if photo is None else beside_image(photo, scene)
    common: dict[str, Any] = {
        "scene": scene,
        "classes": classes,
        "photo": photo,
        "read_prob": read_prob,
        "edits": _counts(traces, edits, classes, panel),
        "settings": {"valid_px": valid_px},
    }
    notes += [] if odd is None else [odd]
    if looked is None:
        totals = _figure_totals(traces, valid_px=valid_px, pixel_size=panel.pixel_size)
        return Found("petroglyph", traces=tuple(traces), totals={1: totals}, how=_HOW, notes=tuple(notes), **common)
    damage = measure_edited_damage(
        traces,
        changed=edits.changed | edits.new,
        valid=looked.valid,
        valid_px=None if looked.is_known else valid_px,
        image=None if photo is None else grey_reader(photo)(photo.bounds),
        prob=None if read_prob is None else read_prob(frame.bounds)[0],
        pixel_size=panel.pixel_size,
    )
    if not looked.is_known:
        notes.append(
            f"{package.name} counts {valid_px} of {whole_px} px as looked at, but does not say which: densities and "
            "shares are of these; islands, free ends and distances to the edge are told as if all had been looked at"
        )
    notes += _beyond_notes(damage, edits.changed | edits.new)
    notes += _width_notes(damage.traces, photo=photo is not None, prob=read_prob is not None)
    return Found(
        "condition",
        traces=damage.traces,
        totals=damage.totals,
        how=_HOW + _HOW_DAMAGE,
        damage=damage,
        beside=Beside(damage_layers(damage), damage_tables(damage)),
        notes=tuple(notes),
        **common,
    )


@dataclass
class _Edits:
    """What `read_gpkg` finds to be changed or new."""

    is_figures: bool
    changed: set[str] = field(default_factory=set)
    new: set[str] = field(default_factory=set)

    def remeasure(self, trace: Trace, pixel_size: PixelSize | None) -> dict[str, Measure]:
        """Take note of a trace, and measure a figure; cracks and losses are measured later, together."""
        (self.changed if trace.number > 0 else self.new).add(trace.uid)
        return geometry_measures(trace, pixel_size) if self.is_figures else {}


def _check_kinds(traces: Sequence[Trace], classes: ClassTable, name: str) -> None:
    for trace in traces:
        entry = classes[trace.class_id]
        if bool(trace.polygons) != (entry.kind == "area"):
            drawn, wanted = ("an area", "lines") if trace.polygons else ("a line", "areas")
            raise DataError(
                f"{name}: object {trace.number} of class {entry.name} is drawn as {drawn}, but this class has {wanted}"
                "; draw it again or change its class"
            )


def _counts(
    traces: Sequence[Trace], edits: _Edits, classes: ClassTable, panel: GpkgPanel
) -> dict[str, dict[str, int | None]]:
    """Count what a person has done, by class."""
    counts: dict[str, dict[str, int | None]] = {}
    for entry in classes.classes:
        own = [trace.uid for trace in traces if trace.class_id == entry.id]
        changed, new = (sum(uid in found for uid in own) for found in (edits.changed, edits.new))
        left = len(own) - new
        before = None if panel.n_traces is None else panel.n_traces.get(entry.id, 0)
        counts[entry.name] = {
            "kept": left - changed,
            "changed": changed,
            "new": new,
            "deleted": None if before is None else max(0, before - left),
        }
    return counts


def _figure_totals(traces: Sequence[Trace], *, valid_px: int, pixel_size: PixelSize | None) -> dict[str, Measure]:
    """Add up the figures that nobody rejected; the error of a sum is unknown where that of a part is."""
    counted = [trace for trace in traces if trace.status != "rejected"]
    totals = panel_totals(counted, valid_px=valid_px, pixel_size=pixel_size)
    sizes = [trace.measures["area" if trace.polygons else "length"] for trace in counted]
    if all(measure.sigma is not None for measure in sizes):
        return totals
    summed = ("area", "pecked_share", "length")
    return {name: replace(m, sigma=None) if name in summed else m for name, m in totals.items()}


@dataclass(frozen=True, slots=True)
class _LookedAt:
    """Where was looked when traces were made: `n_px` pixels, those of `valid` if `is_known`."""

    valid: NDArray[np.bool_]
    n_px: int
    is_known: bool


def _looked_at(package: Path, panel: GpkgPanel, photo: Raster | None) -> _LookedAt:
    """Ask the layer of the surface; without it the photograph, which knows no region of interest."""
    surface = read_gpkg_surface(package)
    if surface is not None:
        return _LookedAt(surface, int(np.count_nonzero(surface)), is_known=True)
    shown = np.ones((panel.height, panel.width), bool) if photo is None else photo.read_valid(photo.bounds)
    n_px = int(np.count_nonzero(shown))
    return _LookedAt(shown, panel.valid_px or n_px, panel.valid_px in (None, n_px))


def _beyond_notes(damage: Damage, edited: set[str]) -> list[str]:
    """Say how many objects a person drew beyond what was looked at."""
    surface = shapely.MultiPolygon([(part[0], part[1:]) for part in damage.surface]).buffer(_BESIDE_PX)
    drawn = [trace for trace in damage.traces if trace.uid in edited and trace.status != "rejected"]
    n = sum(not surface.covers(_shape(trace)) for trace in drawn) if damage.surface else 0
    if n == 0:
        return []
    who = "1 object that a person drew reaches" if n == 1 else f"{n} objects that a person drew reach"
    return [f"{who} beyond the layer {SURFACE}, which was looked at: what lies there counts, its ground does not"]


def _shape(trace: Trace) -> BaseGeometry:
    if trace.polygons:
        return shapely.MultiPolygon([(part[0], part[1:]) for part in trace.polygons])
    return shapely.MultiLineString(list(trace.lines))


def _width_notes(traces: Sequence[Trace], *, photo: bool, prob: bool) -> list[str]:
    """Say of how many cracks the width is not known, and what would help."""
    cracks = [trace for trace in traces if trace.class_id == CRACK_ID and trace.status != "rejected"]
    lacking = sum(not math.isfinite(_width(trace)) for trace in cracks)
    if lacking == 0:
        return []
    who = "1 changed crack has" if lacking == 1 else f"{lacking} changed cracks have"
    if photo or prob:
        return [f"{who} no width: what was given does not show it plainly; means are those of the other cracks"]
    return [f"{who} no width: give the photograph with --image, or --prob; means are those of the other cracks"]


def _width(trace: Trace) -> float:
    measure = trace.measures.get("width_mean")
    return math.nan if measure is None else measure.value
