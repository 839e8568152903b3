"""LabelMe: one JSON file of shapes beside each image.

Coordinates are ours (outer corner of the top-left pixel, y down), so nothing is converted. A shape that has holes or
comes from a raster is a ``mask``: a PNG in base64 with the two corner pixels of its inclusive bounding box.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, MismatchError
from graven.io.classmasks import number_classes
from graven.io.fs import write_text_atomic
from graven.io.rasterize import rasterize_geometries
from graven.io.records import object_numbers
from graven.io.strictjson import read_json
from graven.types.dataset import LabelledImage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from graven.types import ClassTable, PixelSize, Trace
    from graven.types.dataset import ReadTarget

__all__ = ["labelme_labels", "list_labelme", "read_labelme", "write_labelme"]

VERSION = "7.0.0"
MAX_POINTS = 1_000_000
MAX_WIDTH_PX = 500.0
AREAS = {"polygon", "rectangle", "circle", "oriented_rectangle"}
LINES = {"line", "linestrip", "point"}
IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")


def read_labelme(path: Path, *, size: tuple[int, int], labels: frozenset[str] | None = None) -> NDArray[np.bool_]:
    """Burn the shapes of a LabelMe file into one mask.

    Parameters
    ----------
    path : Path
        JSON file; older versions, missing ``mask`` keys and embedded images are accepted.
    size : tuple of int
        ``(height, width)`` of the image.
    labels : frozenset of str, optional
        Only shapes with these labels; default is all.

    Returns
    -------
    ndarray of shape (H, W), bool
        True inside any shape. Lines and points mark the pixels that they touch; lines that graven wrote are as wide as
        it had measured them.

    Raises
    ------
    MismatchError
        If the file states another image size.
    DataError
        If the file is not LabelMe, a shape is malformed or its kind unknown.
    """
    height, width = size
    document = read_json(path)
    shapes = _shapes(document, path.name)
    stated = document.get("imageHeight"), document.get("imageWidth")
    if None not in stated and stated != (height, width):
        raise MismatchError(
            f"{path.name} is for an image of {stated[0]} x {stated[1]} px, but it has {height} x {width}"
        )
    widths = _widths_px(document)
    areas: list[BaseGeometry] = []
    lines: list[BaseGeometry] = []
    mask = np.zeros((height, width), bool)
    n_points = 0
    for number, shape in enumerate(shapes, start=1):
        where = f"shape {number} of {path.name}"
        if not isinstance(shape, dict) or not isinstance(shape.get("points"), list):
            raise DataError(f"{where} has no points")
        if labels is not None and shape.get("label") not in labels:
            continue
        points = _points(shape["points"], where, limit=2 * max(height, width))
        n_points += len(points)
        if n_points > MAX_POINTS:
            raise DataError(f"{path.name} has more than {MAX_POINTS} points; split it")
        kind = shape.get("shape_type") or "polygon"
        if kind == "mask":
            _burn_mask(mask, points, shape.get("mask"), where)
        elif kind in AREAS:
            areas.append(_area(kind, points, where))
        elif kind in LINES:
            width_px = widths.get(str(shape.get("description")), 0.0)
            if width_px > 1 and len(points) > 1:
                areas.append(_line(points).buffer(width_px / 2, cap_style="flat"))
            else:
                lines.append(_line(points))
        else:
            raise DataError(
                f"{where} is of unknown kind {kind!r}; known: {', '.join(sorted(AREAS | LINES | {'mask'}))}"
            )
    return mask | rasterize_geometries(areas, lines, height=height, width=width)


def write_labelme(
    target: Path,
    traces: Sequence[Trace],
    *,
    classes: ClassTable,
    image_path: str,
    height: int,
    width: int,
    pixel_size: PixelSize | None = None,
) -> None:
    """Write traces as a LabelMe file.

    Parameters
    ----------
    target : Path
        JSON file to write.
    traces : sequence of Trace
        Areas become ``polygon`` when simple and ``mask`` when they have holes; lines become ``linestrip``.
    classes : ClassTable
        Gives the labels.
    image_path : str
        Relative path of the image with forward slashes.
    height, width : int
        Size of the image; LabelMe refuses the file when it differs.
    pixel_size : PixelSize, optional
        With it, the width of a line that was measured in millimetres is kept in pixels.

    Notes
    -----
    What LabelMe has no field for stands under the one key ``x_graven``, which it keeps: number, status and width of
    each trace. A line that is corrected in LabelMe keeps its width.
    """
    shapes = []
    groups = object_numbers(traces)
    for trace, number in zip(traces, groups, strict=True):
        label = classes[trace.class_id].name
        group = number if len(trace.polygons) + len(trace.lines) > 1 else None
        for part in trace.polygons:
            if len(part) == 1:
                shapes.append(_shape(label, part[0][:-1].tolist(), "polygon", group, trace.uid))
            else:
                shapes.append(_mask_shape(label, part, group, trace.uid))
        shapes.extend(_shape(label, line.tolist(), "linestrip", group, trace.uid) for line in trace.lines)
    document = {
        "version": VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
        "x_graven": {"traces": {trace.uid: _kept(trace, pixel_size) for trace in traces}},
    }
    write_text_atomic(target, json.dumps(document, indent=2, allow_nan=False) + "\n")


def list_labelme(
    folder: Path, *, labels: frozenset[str] | None = None, classes: Sequence[frozenset[str]] | None = None
) -> list[LabelledImage]:
    """List the labelled images of a LabelMe folder.

    Parameters
    ----------
    folder : Path
        JSON files with the image of the same stem, or the one named in ``imagePath``, beside them.
    labels : frozenset of str, optional
        Only shapes with these labels are foreground; default is all.
    classes : sequence of frozenset of str, optional
        The labels of class 1, of class 2, …: the truth is then the number of a class, the later one where shapes
        overlap.

    Returns
    -------
    list of LabelledImage
        Sorted by name; each image is its own group.

    Raises
    ------
    DataError
        If a JSON file has no image, or the folder no JSON file.
    """
    items = [
        LabelledImage(
            name=path.stem,
            group=path.stem,
            image_path=_image_beside(path),
            read_target=_reader(path, labels) if classes is None else _class_reader(path, classes),
            label_paths=(path,),
        )
        for path in sorted(folder.glob("*.json"))
    ]
    if not items:
        raise DataError(f"{folder} holds no LabelMe files (*.json with an image beside each)")
    return items


def labelme_labels(folder: Path) -> frozenset[str]:
    """List the labels that occur in a folder of LabelMe files.

    Parameters
    ----------
    folder : Path
        As in `list_labelme`.

    Returns
    -------
    frozenset of str
        Labels of all shapes.

    Raises
    ------
    DataError
        If a file is not LabelMe.
    """
    shapes = [shape for path in sorted(folder.glob("*.json")) for shape in _shapes(read_json(path), path.name)]
    labels = [shape.get("label") for shape in shapes if isinstance(shape, dict)]
    return frozenset(label for label in labels if isinstance(label, str))


def _shapes(document: Any, name: str) -> list[Any]:
    shapes = document.get("shapes") if isinstance(document, dict) else None
    if not isinstance(shapes, list):
        raise DataError(f"{name} is not a LabelMe file: it has no list of shapes")
    return shapes


def _reader(path: Path, labels: frozenset[str] | None) -> Callable[[tuple[int, int]], NDArray[np.bool_]]:
    def read(size: tuple[int, int]) -> NDArray[np.bool_]:
        return read_labelme(path, size=size, labels=labels)

    return read


def _class_reader(path: Path, classes: Sequence[frozenset[str]]) -> ReadTarget:
    def read(size: tuple[int, int]) -> NDArray[np.uint8]:
        return number_classes(read_labelme(path, size=size, labels=labels) for labels in classes)

    return read


def _image_beside(path: Path) -> Path:
    """Find the image of a label file in the same folder; paths inside the file are cut to their last part."""
    for suffix in IMAGE_SUFFIXES:
        if path.with_suffix(suffix).is_file():
            return path.with_suffix(suffix)
    document = read_json(path)
    stated = str(document.get("imagePath", "")) if isinstance(document, dict) else ""
    candidate = path.parent / stated.replace("\\", "/").rsplit("/", 1)[-1]
    if stated and candidate.is_file():
        return candidate
    raise DataError(f"{path.name} has no image beside it; expected {path.stem} with {', '.join(IMAGE_SUFFIXES)}")


def _points(raw: list[Any], where: str, *, limit: float) -> NDArray[np.float64]:
    try:
        points = np.asarray(raw, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} has points that are not pairs of numbers") from error
    if points.ndim != 2 or points.shape[1:] != (2,) or not np.isfinite(points).all() or np.abs(points).max() > limit:
        raise DataError(f"{where} must have points (x, y) that are finite and near the image, got shape {points.shape}")
    return points


def _area(kind: str, points: NDArray[np.float64], where: str) -> BaseGeometry:
    import shapely

    needed = {"polygon": 3, "rectangle": 2, "circle": 2, "oriented_rectangle": 4}[kind]
    if len(points) < needed or (kind != "polygon" and len(points) != needed):
        raise DataError(f"{where} is a {kind} and needs {needed} points, got {len(points)}")
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        box: BaseGeometry = shapely.box(x0, y0, x1, y1)
        return box
    if kind == "circle":
        radius = float(np.linalg.norm(points[1] - points[0]))
        return shapely.Point(points[0]).buffer(radius, quad_segs=32)
    return shapely.make_valid(shapely.Polygon(points))


def _kept(trace: Trace, pixel_size: PixelSize | None) -> dict[str, Any]:
    """Give what LabelMe has no field for."""
    kept: dict[str, Any] = {"number": trace.number, "status": trace.status}
    width = trace.measures.get("width_mean")
    if trace.lines and width is not None and math.isfinite(width.value):
        if width.unit == "px":
            kept["width_px"] = round(width.value, 3)
        elif width.unit == "mm" and pixel_size is not None:
            kept["width_px"] = round(width.value / pixel_size.mean_mm, 3)
    return kept


def _widths_px(document: Any) -> dict[str, float]:
    """Find the widths that `write_labelme` kept, by uid; none in files of other programs."""
    ours = document.get("x_graven")
    traces = ours.get("traces") if isinstance(ours, dict) else None
    if not isinstance(traces, dict):
        return {}
    widths = {uid: kept.get("width_px") for uid, kept in traces.items() if isinstance(kept, dict)}
    return {uid: float(w) for uid, w in widths.items() if isinstance(w, int | float) and 0 < w <= MAX_WIDTH_PX}


def _line(points: NDArray[np.float64]) -> BaseGeometry:
    import shapely

    return shapely.Point(points[0]) if len(points) == 1 else shapely.LineString(points)


def _burn_mask(mask: NDArray[np.bool_], points: NDArray[np.float64], encoded: Any, where: str) -> None:
    """Put a raster shape in place; its corners are the first and last pixel, both included."""
    from PIL import Image

    (x0, y0), (x1, y1) = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    height, width = mask.shape
    if len(points) != 2 or x0 < 0 or y0 < 0 or x1 >= width or y1 >= height:
        raise DataError(f"{where} is a mask whose two corners must lie inside {height} x {width} px")
    try:
        raw = base64.b64decode(encoded, validate=True)
        with Image.open(io.BytesIO(raw), formats=("PNG",)) as picture:
            if picture.size != (x1 - x0 + 1, y1 - y0 + 1):
                raise DataError(
                    f"{where} has a mask of {picture.size}, but its corners span {(x1 - x0 + 1, y1 - y0 + 1)}"
                )
            inside = np.asarray(picture.convert("L")) > 0
    except (binascii.Error, TypeError, ValueError, OSError) as error:
        raise DataError(f"{where} has a mask that is not a PNG in base64") from error
    mask[y0 : y1 + 1, x0 : x1 + 1] |= inside


def _shape(label: str, points: list[Any], kind: str, group: int | None, uid: str) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "description": uid,
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }


def _mask_shape(label: str, part: Sequence[NDArray[np.float64]], group: int | None, uid: str) -> dict[str, Any]:
    from PIL import Image
    from shapely import Polygon

    x0, y0 = np.floor(part[0].min(axis=0)).astype(int).tolist()
    x1, y1 = np.ceil(part[0].max(axis=0)).astype(int).tolist()
    shift = np.array([x0, y0], np.float64)
    polygon = Polygon(part[0] - shift, [hole - shift for hole in part[1:]])
    inside = rasterize_geometries([polygon], [], height=y1 - y0, width=x1 - x0)
    buffer = io.BytesIO()
    Image.fromarray(np.where(inside, 255, 0).astype(np.uint8)).save(buffer, format="PNG")
    shape = _shape(label, [[x0, y0], [x1 - 1, y1 - 1]], "mask", group, uid)
    return {**shape, "mask": base64.b64encode(buffer.getvalue()).decode("ascii")}
