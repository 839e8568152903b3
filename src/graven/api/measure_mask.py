"""Measuring a class raster: figures of a rock panel, cracks and losses of a painting."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.api.images import open_image
from graven.api.measured import Found
from graven.errors import DataError, MismatchError
from graven.io.classmasks import read_class_mask, stated_classes
from graven.io.gate import inspect
from graven.io.images import open_raster
from graven.io.masks import class_probability_reader, open_mask, probability_reader
from graven.io.scale import measurable_pixel_size
from graven.io.tiffsource import TiffSource
from graven.measure.components import bands
from graven.measure.figures import trace_figures
from graven.measure.objects import find_objects
from graven.measure.totals import panel_totals
from graven.methods.damage import measure_damage
from graven.methods.damage_tables import damage_layers, damage_tables
from graven.methods.record import Beside, Scene
from graven.prepare.bands import grey_reader
from graven.types import CONDITION_CLASSES, NODATA, PETROGLYPH_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.types import ClassTable, Method, PixelSize, Raster, Window

__all__ = ["BAND_ROWS", "method_of_mask", "measure_figures_mask", "measure_damage_mask", "opened_image"]

BAND_ROWS = 1024
_HOW = (
    "Nothing was predicted for this record. The objects were taken from the mask that is named below as they stand "
    "there, and measured."
)


def method_of_mask(path: Path) -> Method | None:
    """Find out from the tags of a class raster of graven which method it is of; None where nothing says it."""
    named = stated_classes(path)
    known: dict[Method, ClassTable] = {"condition": CONDITION_CLASSES, "petroglyph": PETROGLYPH_CLASSES}
    return next((method for method, table in known.items() if named == _names(table)), None)


def _names(table: ClassTable) -> dict[int, str]:
    return {entry.id: entry.name for entry in table.classes}


def opened_image(path: Path | None, *, height: int, width: int, what: str) -> Raster | None:
    """Open the photograph that something was traced on.

    Raises
    ------
    MismatchError
        If it has another size.
    """
    if path is None:
        return None
    image = open_image(path)
    if (image.height, image.width) != (height, width):
        raise MismatchError(
            f"{path.name} has {image.height} x {image.width} px, {what} has {height} x {width}; give the photograph "
            "that it was traced on"
        )
    return image


def measure_figures_mask(
    mask: Path, *, prob: Path | None, image: Path | None, pixel_size: PixelSize | None, min_object: float
) -> Found:
    """Measure the figures of a mask of one class.

    Parameters
    ----------
    mask, prob, image : Path
        The mask, its probability and its photograph; None where there is none.
    pixel_size : PixelSize or None
        As stated by the user.
    min_object : float, mm², or px² without a scale
        Smaller figures are left out.

    Returns
    -------
    Found
        The figures.

    Raises
    ------
    DataError, MismatchError, ScaleError
        As `graven.api.measure.measure`.
    """
    opened = open_mask(mask, pixel_size=pixel_size, hash_source=True)
    raster, threshold = opened.raster, _threshold(opened.tags, opened.raster.name)
    measurable_pixel_size(raster)
    read_prob = None if prob is None else probability_reader(prob, raster)
    photo = opened_image(image, height=raster.height, width=raster.width, what="the mask")
    valid_px = sum(int(opened.read_valid(window).sum()) for window in bands(raster.height, raster.width, BAND_ROWS))
    _some_valid(valid_px, raster)
    traces = trace_figures(
        opened.read,
        read_prob,
        height=raster.height,
        width=raster.width,
        class_id=1,
        source=raster.source_sha256 or raster.name,
        threshold=threshold,
        pixel_size=raster.pixel_size,
        min_area_px=min_object if raster.pixel_size is None else 0.0,
        min_area_mm2=0.0 if raster.pixel_size is None else min_object,
    )

    def read_labels(window: Window) -> NDArray[np.uint8]:
        labels = opened.read(window).astype(np.uint8)
        return np.where(opened.read_valid(window), labels, np.uint8(NODATA))

    return Found(
        method="petroglyph",
        scene=Scene.of(raster, valid_px=valid_px),
        classes=PETROGLYPH_CLASSES,
        traces=tuple(replace(trace, creator=_creator(opened.tags)) for trace in traces),
        totals={1: panel_totals(traces, valid_px=valid_px, pixel_size=raster.pixel_size)},
        how=_HOW,
        photo=photo,
        read_prob=None if read_prob is None else lambda window: read_prob(window)[None],
        read_labels=read_labels,
        settings={"threshold": threshold, "min_object": min_object},
    )


def measure_damage_mask(
    mask: Path, *, prob: Path | None, image: Path | None, pixel_size: PixelSize | None, min_object: float
) -> Found:
    """Measure cracks and losses of a mask with both.

    Parameters
    ----------
    mask, prob, image, pixel_size, min_object
        As in `measure_figures_mask`; the smallest area counts for cracks and losses.

    Returns
    -------
    Found
        Cracks as lines and losses as areas, with nodes, networks, islands and sizes.

    Raises
    ------
    DataError, MismatchError, ScaleError
        As `graven.api.measure.measure`.
    """
    raster = open_raster(mask, pixel_size=pixel_size, palette="index", hash_source=True)
    measurable_pixel_size(raster)
    labels, valid = read_class_mask(mask, classes=CONDITION_CLASSES)
    header = inspect(mask)
    tags = TiffSource(header, palette="index").tags if header.format == "tiff" else {}
    threshold = _threshold(tags, raster.name)
    size: dict[str, Any] = {"height": raster.height, "width": raster.width}
    read_prob = None if prob is None else class_probability_reader(prob, raster, n_classes=len(CONDITION_CLASSES))
    photo = opened_image(image, what="the mask", **size)
    valid_px = int(np.count_nonzero(valid))
    _some_valid(valid_px, raster)
    least_px = min_object if raster.pixel_size is None else min_object / raster.pixel_size.area_mm2

    def band(number: int) -> Callable[[Window], NDArray[np.uint8]] | None:
        return None if read_prob is None else lambda window: read_prob(window)[number]

    (cracks, _), (losses, evidence) = (
        find_objects(
            lambda window: labels[window.slices()],
            band(number),
            class_id=entry.id,
            threshold=threshold,
            min_area_px=least_px,
            **size,
        )
        for number, entry in enumerate(CONDITION_CLASSES.classes)
    )
    damage = measure_damage(
        cracks,
        losses,
        evidence=evidence,
        valid=valid,
        image=None if photo is None else grey_reader(photo)(photo.bounds),
        prob=None if read_prob is None else read_prob(raster.bounds)[0],
        threshold=threshold,
        pixel_size=raster.pixel_size,
        source=raster.source_sha256 or raster.name,
    )
    known = np.where(valid, labels, np.uint8(NODATA))
    return Found(
        method="condition",
        scene=Scene.of(raster, valid_px=valid_px),
        classes=CONDITION_CLASSES,
        traces=tuple(replace(trace, creator=_creator(tags)) for trace in damage.traces),
        totals=damage.totals,
        how=f"{_HOW} {_WIDTHS[photo is not None, read_prob is not None]}",
        damage=damage,
        beside=Beside(damage_layers(damage), damage_tables(damage)),
        photo=photo,
        read_prob=read_prob,
        read_labels=lambda window: known[window.slices()],
        settings={"threshold": threshold, "min_object": min_object},
    )


_WIDTHS = {
    (True, True): "Widths of cracks come from the photograph, and from the probability where it shows none.",
    (True, False): "Widths of cracks come from the photograph, and from the mask where it shows none.",
    (False, True): "Widths of cracks come from the probability.",
    (False, False): "Widths of cracks come from the mask, and are known to a pixel only.",
}
"""Whether there is a photograph, and a probability → where widths come from."""


def _some_valid(valid_px: int, raster: Raster) -> None:
    if valid_px == 0:
        raise DataError(f"{raster.name} has no pixel where anything is known; check that it is a class raster")


def _threshold(tags: Mapping[str, str], name: str) -> float:
    """Read where the probability was cut, from the tag that segment writes; 0.5 where nothing says it."""
    text = tags.get("GRAVEN_THRESHOLD", "0.5")
    try:
        threshold = float(text)
    except ValueError:
        threshold = math.nan
    if not 0 < threshold < 1:
        raise DataError(f"{name}: its tag GRAVEN_THRESHOLD must lie between 0 and 1, got {text!r}")
    return threshold


def _creator(tags: Mapping[str, str]) -> str | None:
    """Name the model that drew the mask, from the tag that segment writes; None where nothing says it."""
    model = tags.get("GRAVEN_MODEL")
    return f"model {model}" if model else None
