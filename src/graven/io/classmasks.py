"""Masks of several classes that exclude each other: numbers in grey, in a palette or in a class raster.

0 is background, 1, 2, … are the classes in their order, 255 is unknown. ``classes.json`` beside a set of masks says
which number is which class.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, InputError, MismatchError
from graven.io.fs import write_bytes_atomic, write_text_atomic
from graven.io.gate import inspect
from graven.io.images import open_raster
from graven.io.rasterize import rasterize_geometries
from graven.io.strictjson import parse_json, read_json
from graven.io.tiffsource import TiffSource
from graven.types.labels import NODATA, ClassTable, class_slug, named_classes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from graven.types.traces import Trace

__all__ = [
    "number_classes",
    "read_class_mask",
    "read_class_table",
    "stated_classes",
    "trace_classes",
    "write_class_png",
    "write_class_table",
]

SCHEMA = 1
_VOID = (224, 224, 192)
_SHOWN = 3


def number_classes(masks: Iterable[NDArray[np.bool_]]) -> NDArray[np.uint8]:
    """Put one mask per class into one raster; where they overlap, the later class wins.

    Parameters
    ----------
    masks : iterable of ndarray of shape (H, W), bool
        At least one, in the order of the classes.

    Returns
    -------
    ndarray of shape (H, W), uint8
        0 where no mask is True, else the number of the last one that is, counted from 1.

    Examples
    --------
    >>> crack, loss = np.array([[True, True, False, False]]), np.array([[False, True, True, False]])
    >>> number_classes([crack, loss]).tolist()
    [[1, 2, 2, 0]]
    """
    numbers: NDArray[np.uint8] | None = None
    for number, mask in enumerate(masks, start=1):
        if numbers is None:
            numbers = np.zeros(mask.shape, np.uint8)
        numbers[mask] = number
    if numbers is None:
        raise InputError("a raster of classes needs at least one mask, got none")
    return numbers


def read_class_mask(
    path: str | os.PathLike[str], *, classes: ClassTable, size: tuple[int, int] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Read a whole mask of several classes.

    Parameters
    ----------
    path : path
        Grey or palette image, or class raster of graven, with the numbers of `classes`, 0 and 255.
    classes : ClassTable
        Which numbers there may be. A class raster of graven names its classes; they must be these.
    size : tuple of int, optional
        ``(height, width)`` that it must have.

    Returns
    -------
    numbers : ndarray of shape (H, W), uint8
        Class of each pixel, 0 where it is background or unknown.
    valid : ndarray of shape (H, W), bool
        True where a pixel is known.

    Raises
    ------
    MismatchError
        If the size differs, or the file names other classes.
    DataError
        If it holds other numbers, bands differ, or it is no raster of classes.
    FormatRefused, ImageDamaged, ImageTooLarge, ScaleError
        As `graven.io.images.open_raster`.
    """
    name = Path(path).name
    raster = open_raster(path, palette="index", hash_source=False)
    if size is not None and (raster.height, raster.width) != size:
        raise MismatchError(f"{name} has {raster.height} x {raster.width} px, but its image has {size[0]} x {size[1]}")
    header = inspect(path)
    if header.format == "tiff":
        _check_tags(TiffSource(header, palette="index").tags, classes, name)
    pixels, valid = raster.read(), raster.read_valid_padded()
    if (pixels[1:] != pixels[0])[:, valid].any():
        raise DataError(
            f"{name} has {raster.n_bands} bands that differ; a mask of classes has one number per pixel, in grey or in "
            "a palette"
        )
    numbers = pixels[0]
    odd = np.setdiff1d(numbers[valid], [0, *(entry.id for entry in classes.classes), NODATA])
    if odd.size:
        raise DataError(
            f"{name} must hold 0 to {len(classes)} ({', '.join(entry.name for entry in classes.classes)}) and 255 for "
            f"unknown, found {', '.join(f'{value:g}' for value in odd[:_SHOWN])}; name every class, in the order of "
            "its number"
        )
    known = valid & (numbers != NODATA)
    return np.where(known, numbers, 0).astype(np.uint8), known


def stated_classes(path: str | os.PathLike[str]) -> dict[int, str]:
    """Read which classes a mask says that it holds.

    Parameters
    ----------
    path : path
        Class raster of graven; or a mask that ``graven prepare`` wrote, with ``classes.json`` up to two folders above.

    Returns
    -------
    dict of int to str
        Names by number; empty where nothing says it.

    Raises
    ------
    FormatRefused, ImageDamaged
        As `graven.io.gate.inspect`.
    DataError
        If the list is damaged.
    """
    header = inspect(path)
    tags = TiffSource(header, palette="index").tags if header.format == "tiff" else {}
    if "GRAVEN_CLASSES" in tags:
        return _named(parse_json(tags["GRAVEN_CLASSES"], name=f"the list of classes in {Path(path).name}"))
    tables = [folder / "classes.json" for folder in Path(path).absolute().parents[:3]]
    found = next((table for table in tables if table.is_file()), None)
    return {} if found is None else {entry.id: entry.name for entry in read_class_table(found).classes}


def write_class_png(target: str | os.PathLike[str], numbers: NDArray[np.uint8], *, classes: ClassTable) -> None:
    """Write class numbers as a palette PNG with the colours of the classes.

    Parameters
    ----------
    target : path
        ``<name>.png``.
    numbers : ndarray of shape (H, W), uint8
        0 background (black), ids of `classes`, 255 unknown (the pale grey that VOC uses).
    classes : ClassTable
        Colours.

    Raises
    ------
    InputError
        If there is a number without a class.
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.
    """
    from PIL import Image

    colors = {0: (0, 0, 0), **{entry.id: entry.rgb for entry in classes.classes}, NODATA: _VOID}
    odd = np.setdiff1d(numbers, list(colors))
    if odd.size:
        raise InputError(f"a class mask may hold {sorted(colors)}, got {odd[:_SHOWN].tolist()}")
    palette = np.zeros((256, 3), np.uint8)
    for number, color in colors.items():
        palette[number] = color
    picture = Image.fromarray(np.ascontiguousarray(numbers, np.uint8))
    picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    write_bytes_atomic(target, buffer.getvalue())


def trace_classes(traces: Sequence[Trace], *, classes: ClassTable, height: int, width: int) -> NDArray[np.uint8]:
    """Draw traces as class numbers.

    Parameters
    ----------
    traces : sequence of Trace
        Areas with their holes; a trace that has lines alone marks the pixels that they touch.
    classes : ClassTable
        Where traces overlap, the later class wins.
    height, width : int, pixels
        Size of the image.

    Returns
    -------
    ndarray of shape (H, W), uint8
        0 for the background, else the id of a class.
    """
    import shapely

    numbers = np.zeros((height, width), np.uint8)
    for entry in classes.classes:
        chosen = [trace for trace in traces if trace.class_id == entry.id]
        areas = [shapely.Polygon(part[0], part[1:]) for trace in chosen for part in trace.polygons]
        lines = [shapely.LineString(line) for trace in chosen if not trace.polygons for line in trace.lines]
        numbers[rasterize_geometries(areas, lines, height=height, width=width)] = entry.id
    return numbers


def write_class_table(target: Path, classes: ClassTable, *, labels: Mapping[str, Sequence[str]]) -> None:
    """Write which number is which class.

    Parameters
    ----------
    target : Path
        ``classes.json``.
    classes : ClassTable
        Names and colours.
    labels : mapping of str to sequence of str
        By name of a class, the labels of the data set that went into it; empty where masks held numbers.
    """
    listed = [
        {"id": entry.id, "name": entry.name, "color": entry.color, "labels": list(labels.get(entry.name, ()))}
        for entry in classes.classes
    ]
    content = {"schema": SCHEMA, "background": 0, "unknown": NODATA, "overlap": "the later class", "classes": listed}
    write_text_atomic(target, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_class_table(path: Path) -> ClassTable:
    """Read what `write_class_table` wrote.

    Parameters
    ----------
    path : Path
        ``classes.json``.

    Returns
    -------
    ClassTable
        The classes, numbered from 1 in the order of the file.

    Raises
    ------
    DataError
        If the file is not such a table.
    """
    content = read_json(path)
    found = _named(content.get("classes") if isinstance(content, dict) else None)
    if list(found) != list(range(1, len(found) + 1)) or not found:
        raise DataError(f"{path} must list classes with names and the ids 1, 2, …; make it again with graven prepare")
    try:
        return named_classes(tuple(found.values()))
    except InputError as error:
        raise DataError(f"{path}: {error}") from error


def _named(listed: Any) -> dict[int, str]:
    """Give number and name of each class in a list that a file holds; what is neither is left out."""
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    pairs = [(entry.get("id"), entry.get("name")) for entry in entries]
    return {number: name for number, name in pairs if isinstance(number, int) and isinstance(name, str)}


def _check_tags(tags: Mapping[str, str], classes: ClassTable, name: str) -> None:
    """Refuse rasters of graven that hold no classes, or others."""
    content = tags.get("GRAVEN_CONTENT", "classes")
    if content != "classes":
        raise DataError(f"{name} is a raster of kind {content!r}, not of classes; give the file that ends in _mask.tif")
    if "GRAVEN_CLASSES" not in tags:
        return
    stated: Any = parse_json(tags["GRAVEN_CLASSES"], name=f"the list of classes in {name}")
    theirs = _named(stated)
    ours = {entry.id: entry.name for entry in classes.classes}
    wrong = [number for number, label in theirs.items() if class_slug(label) != class_slug(ours.get(number, ""))]
    if wrong:
        listed = ", ".join(f"{number} {label}" for number, label in sorted(theirs.items()))
        raise MismatchError(f"{name} names its classes {listed}; name the same, in the order of their numbers")
