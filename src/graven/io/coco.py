"""COCO: one JSON file of annotations for a folder of images.

Objects with holes, several parts or of raster origin are run lengths; plain polygons cannot hold holes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from graven.errors import DataError, MismatchError
from graven.io.classmasks import number_classes
from graven.io.fs import write_text_atomic
from graven.io.rasterize import rasterize_geometries
from graven.io.records import known, object_numbers
from graven.io.rle import decode_rle, encode_rle, pack_counts, unpack_counts
from graven.io.strictjson import read_json
from graven.types.dataset import LabelledImage, unique_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.types import ClassTable, PixelSize, Trace
    from graven.types.dataset import ReadTarget

    Segmentations = Sequence[tuple[Any, Any]]

__all__ = ["coco_categories", "list_coco", "read_segmentation", "write_coco"]

MAX_BYTES = 512 * 1024 * 1024


def read_segmentation(segmentation: Any, *, size: tuple[int, int], where: str) -> NDArray[np.bool_]:
    """Turn one ``segmentation`` into a mask.

    Parameters
    ----------
    segmentation : list or dict
        Polygons as flat lists ``x1, y1, x2, y2, …``, or run lengths, plain or compressed.
    size : tuple of int
        ``(height, width)`` of the image.
    where : str
        What messages call it.

    Returns
    -------
    ndarray of shape (H, W), bool
        The object.

    Raises
    ------
    DataError
        If it is neither form, or does not fit the image.
    """
    height, width = size
    if isinstance(segmentation, dict):
        if segmentation.get("size") != [height, width]:
            raise MismatchError(
                f"{where} has run lengths for {segmentation.get('size')}, but the image has {[height, width]}"
            )
        counts = segmentation.get("counts")
        runs = unpack_counts(counts) if isinstance(counts, str) else counts
        if not isinstance(runs, list) or not all(isinstance(run, int) for run in runs):
            raise DataError(f"{where} must have counts as a string or a list of integers")
        return decode_rle(runs, height=height, width=width)
    if not isinstance(segmentation, list) or not segmentation:
        raise DataError(f"{where} must have polygons or run lengths, got {type(segmentation).__name__}")
    polygons = []
    for flat in segmentation:
        try:
            points = np.asarray(flat, np.float64).reshape(-1, 2)
        except (TypeError, ValueError) as error:
            raise DataError(f"{where} has a polygon that is not a flat list x1, y1, x2, y2, …") from error
        if len(points) < 3 or not np.isfinite(points).all() or np.abs(points).max() > 2 * max(height, width):
            raise DataError(f"{where} needs polygons of at least 3 finite points near the image")
        polygons.append(shapely.make_valid(shapely.Polygon(points)))
    return rasterize_geometries(polygons, [], height=height, width=width)


def list_coco(
    path: Path,
    *,
    images: Path | None = None,
    categories: frozenset[str] | None = None,
    classes: Sequence[frozenset[str]] | None = None,
) -> list[LabelledImage]:
    """List the labelled images of a COCO file.

    Parameters
    ----------
    path : Path
        The JSON file, or a folder that holds exactly one.
    images : Path, optional
        Folder that ``file_name`` is relative to; default is the folder of the file, then its ``images`` subfolder.
    categories : frozenset of str, optional
        Only annotations of these categories; default is all.
    classes : sequence of frozenset of str, optional
        The categories of class 1, of class 2, …: the truth is then the number of a class, the later one where objects
        overlap.

    Returns
    -------
    list of LabelledImage
        In the order of the file; each image is its own group, and named by its path, the parts joined by ``__``.

    Raises
    ------
    DataError
        If the file is not COCO, or an image is missing or lies outside the folder.
    """
    file = _only_json(path)
    document = read_json(file, max_bytes=MAX_BYTES)
    if not isinstance(document, dict) or not all(isinstance(document.get(k), list) for k in ("images", "annotations")):
        raise DataError(f"{file.name} is not a COCO file: it needs the lists images and annotations")
    names = _category_names(document.get("categories", []), file.name)
    by_image: dict[Any, list[tuple[Any, Any]]] = defaultdict(list)
    for annotation in document["annotations"]:
        if not isinstance(annotation, dict) or "image_id" not in annotation or "segmentation" not in annotation:
            raise DataError(f"{file.name} has an annotation without image_id or segmentation")
        for key in ("image_id", "category_id"):
            if not isinstance(annotation.get(key), int | str | None):
                raise DataError(f"{file.name} has an annotation whose {key} is {annotation[key]!r}; give a number")
        category = names.get(annotation.get("category_id"))
        if categories is None or category in categories:
            by_image[annotation["image_id"]].append((category, annotation["segmentation"]))
    roots = [images] if images is not None else [file.parent, file.parent / "images"]
    items = []
    for entry in document["images"]:
        if not isinstance(entry, dict) or "id" not in entry or not isinstance(entry.get("file_name"), str):
            raise DataError(f"{file.name} has an image without id or file_name")
        if not isinstance(entry["id"], int | str):
            raise DataError(f"{file.name} has an image whose id is {entry['id']!r}; give a number")
        image_path, name = _resolve(entry["file_name"], roots, file.name)
        where = f"image {entry['file_name']} of {file.name}"
        found = by_image[entry["id"]]
        read = _reader(found, where) if classes is None else _class_reader(found, classes, where)
        items.append(LabelledImage(name=name, group=name, image_path=image_path, read_target=read, label_paths=(file,)))
    if not items:
        raise DataError(f"{file.name} lists no images")
    return items


def coco_categories(path: Path) -> frozenset[str]:
    """List the names of the categories of a COCO file.

    Parameters
    ----------
    path : Path
        As in `list_coco`.

    Returns
    -------
    frozenset of str
        Names, whether or not an annotation has them.

    Raises
    ------
    DataError
        If the file has no list of categories with an id.
    """
    file = _only_json(path)
    document = read_json(file, max_bytes=MAX_BYTES)
    categories = document.get("categories", []) if isinstance(document, dict) else None
    return frozenset(name for name in _category_names(categories, file.name).values() if isinstance(name, str))


def write_coco(
    target: Path,
    traces: Sequence[Trace],
    *,
    classes: ClassTable,
    file_name: str,
    height: int,
    width: int,
    pixel_size: PixelSize | None,
) -> None:
    """Write traces of one image as COCO.

    Parameters
    ----------
    target : Path
        JSON file to write.
    traces : sequence of Trace
        Areas; simple ones become polygons, others compressed run lengths. Lines have no place in COCO and are left out.
    classes : ClassTable
        Categories keep the class ids.
    file_name : str
        Of the image, with forward slashes.
    height, width : int
        Size of the image.
    pixel_size : PixelSize or None
        Written under ``x_graven`` where known.
    """
    annotations = []
    for trace, number in zip(traces, object_numbers(traces), strict=True):
        if not trace.polygons:
            continue
        polygons = [shapely.Polygon(part[0], part[1:]) for part in trace.polygons]
        x_min, y_min, x_max, y_max = trace.bounds_px
        segmentation: Any
        if len(trace.polygons) == 1 and len(trace.polygons[0]) == 1:
            segmentation = [trace.polygons[0][0][:-1].ravel().tolist()]
        else:
            mask = rasterize_geometries(polygons, [], height=height, width=width)
            segmentation = {"size": [height, width], "counts": pack_counts(encode_rle(mask))}
        annotations.append(
            {
                "id": number,
                "image_id": 1,
                "category_id": trace.class_id,
                "segmentation": segmentation,
                "area": float(sum(polygon.area for polygon in polygons)),
                "bbox": [x_min, y_min, x_max - x_min, y_max - y_min],
                "iscrowd": 0,
                "x_graven": {"uid": trace.uid, "status": trace.status, "confidence": known(trace.confidence)},
            }
        )
    scale = None if pixel_size is None else [pixel_size.x_mm, pixel_size.y_mm]
    image = {"id": 1, "file_name": file_name, "height": height, "width": width, "x_graven": {"gsd_mm": scale}}
    document = {
        "info": {"description": "traced with graven"},
        "images": [image],
        "annotations": annotations,
        "categories": [{"id": entry.id, "name": entry.name, "supercategory": ""} for entry in classes.classes],
    }
    write_text_atomic(target, json.dumps(document, allow_nan=False) + "\n")


def _only_json(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(path.glob("*.json")) + sorted(path.glob("annotations/*.json"))
    if len(found) != 1:
        raise DataError(f"{path} must hold exactly one COCO file (*.json), found {len(found)}; name the file itself")
    return found[0]


def _category_names(categories: Any, source: str) -> dict[Any, Any]:
    if not isinstance(categories, list):
        raise DataError(f"{source} must have a list of categories, got {type(categories).__name__}")
    for entry in categories:
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), int | str):
            raise DataError(f"{source} has a category without id; give each an id and a name")
    return {entry["id"]: entry.get("name") for entry in categories}


def _resolve(name: str, roots: Sequence[Path], source: str) -> tuple[Path, str]:
    """Find an image under one of the roots and name it; names that lead outside are refused."""
    relative = name.replace("\\", "/")
    for root in roots:
        candidate = (root / relative).resolve()
        if not candidate.is_relative_to(root.resolve()):
            raise DataError(f"{source} names {name!r}, which leads outside {root}; move the image into the folder")
        if candidate.is_file():
            return candidate, unique_name(candidate.with_suffix(""), root.resolve())
    raise DataError(f"{source} names {name!r}, which is not in {' or '.join(str(root) for root in roots)}")


def _reader(found: Segmentations, where: str) -> Callable[[tuple[int, int]], NDArray[np.bool_]]:
    def read(size: tuple[int, int]) -> NDArray[np.bool_]:
        mask = np.zeros(size, bool)
        for _, segmentation in found:
            mask |= read_segmentation(segmentation, size=size, where=where)
        return mask

    return read


def _class_reader(found: Segmentations, classes: Sequence[frozenset[str]], where: str) -> ReadTarget:
    readers = [_reader([pair for pair in found if pair[0] in categories], where) for categories in classes]

    def read(size: tuple[int, int]) -> NDArray[np.uint8]:
        return number_classes(reader(size) for reader in readers)

    return read
