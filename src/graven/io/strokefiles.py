"""Strokes as GeoJSON: lines with a width and a polarity, as graven writes them and as a person draws them in a GIS.

A ``.px.geojson`` holds pixels from the outer corner of the top-left pixel, y down. Any other ``.geojson`` holds the
coordinates of the raster's frame, and of no other: a CRS that it names must be that of the raster.

Of each feature these properties are read; names and words may be in capitals, and an empty field counts as none:

============ ===========================================================================
``polarity`` ``add`` or ``1``, ``erase`` or ``-1``; needed
``width_mm`` whole width of the line in millimetres; or
``width_px`` the same in pixels of the raster; one of the two is needed
``class_id`` class of the record; 1 where it is missing
``override`` true: also where an earlier stroke decided otherwise; false where it is missing
``uid``      names the stroke; made from its geometry where it is missing
``author``   who drew it
``time``     when, in ISO 8601
============ ===========================================================================
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.errors import DataError, GravenError, InputError, MismatchError, ScaleError
from graven.io.crsnames import CRS84, check_crs, crs_urn, named_crs
from graven.io.fs import write_text_atomic
from graven.io.gate import check_path
from graven.io.strictjson import read_json
from graven.io.vectorframe import Placement
from graven.types import Stroke, StrokeSet, stroke_uid
from graven.types.affine import IDENTITY, invert

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from graven.types import Raster
    from graven.types.strokes import Polarity

__all__ = ["read_strokes", "write_strokes"]

_PIXELS = ".px.geojson"
_MAX_POINTS = 1_000_000
_POLARITIES: dict[str, Polarity] = {"add": "add", "1": "add", "+1": "add", "erase": "erase", "-1": "erase"}
_YES_NO = {"true": True, "1": True, "false": False, "0": False}


def read_strokes(path: str | os.PathLike[str], raster: Raster, *, width_px: float | None = None) -> StrokeSet:
    """Read strokes and bring them into the pixel frame of a raster.

    Parameters
    ----------
    path : path
        A ``.geojson`` or ``.px.geojson`` as the head of this module says.
    raster : Raster
        What the strokes are for.
    width_px : float, pixels, optional
        Width of strokes that do not say theirs.

    Returns
    -------
    StrokeSet
        In the order of the file; each part of a MultiLineString is a stroke. A third coordinate is left out.

    Raises
    ------
    InputError
        If there is no such file.
    DataError
        If the file is no GeoJSON, holds more than a million points, or a feature is no stroke; the message gives its
        number, counted from 1.
    MismatchError
        If the file is in another CRS than the raster, names one while the raster has none, or a stroke lies beside the
        raster.
    ScaleError
        If a width is in millimetres and the raster has no scale.
    """
    path = check_path(path)
    if path.suffix.lower() not in (".geojson", ".json"):
        raise DataError(f"{path.name}: strokes must be GeoJSON; export the layer as .geojson")
    document = read_json(path)
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise DataError(f"{path.name} is no GeoJSON FeatureCollection; export the layer of strokes as GeoJSON")
    to_pixels = _to_pixels(path, document, raster)
    strokes: list[Stroke] = []
    n_points = 0
    for number, feature in enumerate(features, start=1):
        try:
            for stroke in _strokes(feature, to_pixels, raster, number=number, width_px=width_px):
                n_points += len(stroke.points)
                strokes.append(stroke)
        except (ScaleError, MismatchError) as error:
            raise type(error)(f"{path.name}, feature {number}: {error}") from error
        except (GravenError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            raise DataError(f"{path.name}, feature {number}: {reason}") from error
        if n_points > _MAX_POINTS:
            raise DataError(f"{path.name} has more than {_MAX_POINTS} points; simplify the lines or split the file")
    try:
        return StrokeSet(tuple(strokes))
    except InputError as error:
        raise DataError(f"{path.name}: {error}, or empty the field uid") from error


def write_strokes(target: str | os.PathLike[str], strokes: StrokeSet, raster: Raster) -> None:
    """Write strokes as GeoJSON.

    Parameters
    ----------
    target : path
        Named by `graven.io.geojson.geojson_name`; the ending decides the frame and must suit it.
    strokes : StrokeSet
        In pixels of `raster`; written in their order.
    raster : Raster
        What they were drawn on.

    Raises
    ------
    InputError
        If the ending promises a CRS and there is none to name.
    DiskFull, OutputError
        As in `graven.io.fs.write_text_atomic`.

    Notes
    -----
    Coordinates are not rounded, so strokes in pixels read back as they are. Widths are in pixels in both frames: those
    of the raster are the only pixels that a stroke knows.
    """
    target = Path(target)
    is_pixel = target.name.endswith(_PIXELS)
    urn = None if is_pixel else crs_urn(raster.georeference)
    if not is_pixel and (urn is None or raster.georeference is None):
        raise InputError(f"{target.name}: this raster has no CRS that GeoJSON can name; end the name in {_PIXELS}")
    affine = IDENTITY if is_pixel or raster.georeference is None else raster.georeference.affine
    document: dict[str, Any] = {"type": "FeatureCollection"}
    if urn is not None and urn != CRS84:
        document["crs"] = {"type": "name", "properties": {"name": urn}}
    document["graven"] = {"version": __version__, "size_px": [raster.width, raster.height]}
    features = ",\n".join(_compact(_feature(stroke, Placement(affine, None, "frame"))) for stroke in strokes)
    write_text_atomic(target, f'{_compact(document)[:-1]},"features":[\n{features}\n]}}\n')


def _compact(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _feature(stroke: Stroke, placement: Placement) -> dict[str, Any]:
    points = placement.points(stroke.points)
    line = points if len(points) > 1 else np.repeat(points, 2, axis=0)  # a line of GeoJSON has two positions
    return {
        "type": "Feature",
        "id": stroke.uid,
        "geometry": {"type": "LineString", "coordinates": line.tolist()},
        "properties": {
            "uid": stroke.uid,
            "polarity": stroke.polarity,
            "width_px": stroke.width_px,
            "class_id": stroke.class_id,
            "override": stroke.override,
            "author": stroke.author,
            "time": stroke.time,
        },
    }


def _to_pixels(path: Path, document: dict[str, Any], raster: Raster) -> Placement:
    """Say how the coordinates of a file become pixels."""
    if path.name.lower().endswith(_PIXELS):
        return Placement(IDENTITY, None, "px")
    name = named_crs(document)
    if raster.georeference is None:
        if name is None:
            raise MismatchError(
                f"{path.name}: the image has no CRS, so strokes are in pixels; name the file …{_PIXELS}"
            )
        raise MismatchError(f"{path.name} is in {name[:40]}, the image has no CRS; draw on the image itself, in pixels")
    if name is not None and raster.georeference.frame != "local":
        check_crs(path, name, raster, what="layer of strokes")
    return Placement(invert(raster.georeference.affine), None, "px")


def _strokes(
    feature: Any, to_pixels: Placement, raster: Raster, *, number: int, width_px: float | None
) -> Iterator[Stroke]:
    """Read the strokes of one feature."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in ("LineString", "MultiLineString"):
        raise DataError(f"a stroke must be a LineString or MultiLineString, got {kind}; draw it as a line")
    parts = [geometry["coordinates"]] if kind == "LineString" else geometry["coordinates"]
    facts = _facts(feature.get("properties"))
    polarity = _POLARITIES.get(str(facts.get("polarity")).strip().lower())
    if polarity is None:
        raise DataError(f"polarity must be 'add' or 'erase', got {facts.get('polarity')!r}; fill in the field")
    width = _width_px(facts, raster, default=width_px)
    class_id = int(facts.get("class_id", 1))
    for part_number, part in enumerate(parts):
        points = to_pixels.points(_points(part))
        salt = f"{number}.{part_number}"
        uid = stroke_uid(points, width_px=width, polarity=polarity, class_id=class_id, salt=salt)
        if "uid" in facts:
            uid = str(facts["uid"]) + (f".{part_number + 1}" if len(parts) > 1 else "")
        stroke = Stroke(
            points=points,
            width_px=width,
            polarity=polarity,
            uid=uid,
            class_id=class_id,
            override=_yes(facts.get("override", False)),
            author=str(facts.get("author", "")),
            time=str(facts.get("time", "")),
        )
        _check_place(stroke, raster)
        yield stroke


def _facts(properties: Any) -> dict[str, Any]:
    """Give the fields that are filled in, by their names in small letters."""
    listed = properties if isinstance(properties, dict) else {}
    return {str(name).lower(): value for name, value in listed.items() if value is not None and value != ""}


def _width_px(facts: dict[str, Any], raster: Raster, *, default: float | None) -> float:
    if "width_mm" in facts and "width_px" in facts:
        raise DataError("a stroke has one width, got both width_mm and width_px; leave one of them empty")
    if "width_px" in facts:
        return float(facts["width_px"])
    if "width_mm" not in facts:
        if default is None:
            raise DataError("a stroke needs a width; fill in the field width_mm or width_px")
        return default
    if raster.pixel_size is None:
        raise ScaleError("the width is in millimetres and the image has no scale; give one, or use width_px")
    return float(facts["width_mm"]) / raster.pixel_size.mean_mm


def _yes(value: Any) -> bool:
    found = _YES_NO.get(str(value).strip().lower())
    if found is None:
        raise DataError(f"override must be true or false, got {value!r}")
    return found


def _points(values: Any) -> NDArray[np.float64]:
    """Read the positions of a line; two equal ones are a dot."""
    points = np.asarray(values, np.float64)
    if points.ndim != 2 or points.shape[1] not in (2, 3) or len(points) < 2:
        raise DataError(f"a line needs at least two positions (x, y), got an array of shape {points.shape}")
    flat = points[:, :2]
    return flat[:1] if len(flat) == 2 and (flat[0] == flat[1]).all() else flat


def _check_place(stroke: Stroke, raster: Raster) -> None:
    x_min, y_min, x_max, y_max = stroke.bounds_px
    if x_max > 0 and y_max > 0 and x_min < raster.width and y_min < raster.height:
        return
    shown = f"x {x_min:.1f} to {x_max:.1f}, y {y_min:.1f} to {y_max:.1f}"
    hint = "check whether it is in the coordinates of the image"
    if y_max <= 0 and -y_min <= raster.height + stroke.width_px:
        hint = "y must grow downwards from 0, so change its sign"  # as a GIS draws on an image without a place
    raise MismatchError(f"the stroke lies beside the image of {raster.width} x {raster.height} px ({shown}); {hint}")
