"""The ``.dome`` file of Relight: the lamps of a dome, as JSON, without the names of images.

Its documentation and its program use different keys (``diameter`` and ``positions`` against ``domeDiameter`` and
``positions3d``); both are read, and both are written. Lengths are millimetres.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from graven.errors import DataError, InputError
from graven.io.fs import write_text_atomic
from graven.io.lighttext import light_directions, light_positions
from graven.io.strictjson import read_json

if TYPE_CHECKING:
    import os

    from graven.types.lights import Lights

__all__ = ["read_dome", "write_dome"]

_CONFIGURATIONS = ("directional", "spherical", "lights3d")


def read_dome(path: str | os.PathLike[str]) -> Lights:
    """Read a ``.dome`` file.

    Parameters
    ----------
    path : path
        JSON. ``lightConfiguration`` chooses between ``directions``, lamps on a sphere (``directions`` with diameter and
        ``verticalOffset``) and ``positions``; without it positions are taken where there are any.

    Returns
    -------
    Lights
        Without names. A ``ledAdjust`` or ``lightsCalibration`` that brightens a weak lamp gives it a smaller strength;
        a calibration over the area of the image is not applied.

    Raises
    ------
    InputError
        If there is no such file.
    DataError
        If it is no sound JSON, has neither directions nor positions, or a light is none.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; check the name")
    dome = read_json(path)
    if not isinstance(dome, dict):
        raise DataError(f"{path.name} must hold one JSON object with directions or positions of lights")
    directions = _vectors(dome, ("directions",), path.name)
    positions = _vectors(dome, ("positions3d", "positions", "positionsSphere"), path.name)
    kind = dome.get("lightConfiguration", "lights3d" if positions else "directional")
    if kind not in _CONFIGURATIONS:
        raise DataError(f"{path.name}: lightConfiguration is one of {', '.join(_CONFIGURATIONS)}, got {kind!r}")
    if kind == "spherical" and directions:
        positions = _on_sphere(directions, dome, path.name)
    if not (directions if kind == "directional" else positions):
        wanted = "directions" if kind == "directional" else "positions"
        raise DataError(f"{path.name} is {kind} but lists no {wanted}; save it again from the program that made it")
    if kind == "directional":
        lights = light_directions(directions, None, where=path.name)
    else:
        lights = light_positions(positions, None, where=path.name)
    return lights.strengthened(1 / np.array(_gains(dome, len(lights), path.name)))


def write_dome(target: str | os.PathLike[str], lights: Lights, *, image_width_mm: float | None = None) -> None:
    """Write lights as a ``.dome`` file.

    Parameters
    ----------
    target : path
        ``lights.dome``.
    lights : Lights
        Near or far. The format has no place for names; they stand under a key of ours.
    image_width_mm : float, optional
        Width of what the image shows.

    Raises
    ------
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.
    """
    near = lights.positions_mm is not None
    gains = lights.strengths.max() / lights.strengths
    width = {} if image_width_mm is None else {"imageWidth": image_width_mm}
    places = [] if lights.positions_mm is None else _named_axes(lights.positions_mm.tolist())
    dome = {
        "label": Path(target).stem,
        **width,
        "lightConfiguration": "lights3d" if near else "directional",
        "directions": _named_axes(lights.towards.tolist()),
        **({"positions": places, "positions3d": places} if near else {}),
        "ledAdjust": [{"r": gain, "g": gain, "b": gain} for gain in gains.tolist()],
        "x_graven": {"files": list(lights.names), "unit": "mm"},
    }
    write_text_atomic(target, json.dumps(dome, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _vectors(dome: dict[str, Any], keys: tuple[str, ...], where: str) -> list[list[float]]:
    """Give the first list of vectors that is not empty; a vector is ``{x, y, z}`` or three numbers."""
    key = next((key for key in keys if dome.get(key)), None)
    if key is None:
        return []
    if not isinstance(dome[key], list):
        raise DataError(f"{where}: {key} must be a list of vectors, got {str(dome[key])[:40]!r}")
    return [_vector(entry, f"{where}: {key} {number}") for number, entry in enumerate(dome[key], start=1)]


def _vector(entry: Any, where: str) -> list[float]:
    numbers = [entry.get(axis) for axis in "xyz"] if isinstance(entry, dict) else entry
    if not isinstance(numbers, list) or len(numbers) != 3 or not all(_is_number(value) for value in numbers):
        raise DataError(f"{where} must be three numbers x, y, z, got {str(entry)[:60]}")
    return [float(value) for value in numbers]


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _on_sphere(directions: list[list[float]], dome: dict[str, Any], where: str) -> list[list[float]]:
    """Place lamps on the sphere of the dome, whose centre may lie above or below the object."""
    diameter, offset = dome.get("domeDiameter", dome.get("diameter")), dome.get("verticalOffset", 0.0)
    if not _is_number(diameter) or not _is_number(offset) or diameter <= 0:
        raise DataError(f"{where} places lights on a sphere and needs its domeDiameter in mm, got {diameter!r}")
    unit = np.array(directions) / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
    return [list(place) for place in (unit * (diameter / 2) + [0.0, 0.0, float(offset)]).tolist()]


def _gains(dome: dict[str, Any], count: int, where: str) -> list[float]:
    """Read by what each lamp's image is to be multiplied; the mean of the three colours."""
    entries = dome.get("ledAdjust") or dome.get("lightsCalibration") or [{}] * count
    if not isinstance(entries, list) or len(entries) != count:
        raise DataError(f"{where} must calibrate each of its {count} lights or none; save it again")
    gains = []
    for number, entry in enumerate(entries, start=1):
        known = entry if isinstance(entry, dict) else {}
        colours = known.get("whiteBalance", known)
        stored = [colours.get(name, 1.0) for name in "rgb"] if isinstance(colours, dict) else [None]
        gains_rgb = [float(value) for value in stored if _is_number(value) and value > 0]
        intensity = known.get("intensity", 1.0)
        if len(gains_rgb) < 3 or not _is_number(intensity) or intensity <= 0:
            raise DataError(f"{where}: the calibration of light {number} must be positive numbers, got {entry!r}")
        gains.append(sum(gains_rgb) / 3 * intensity)
    return gains


def _named_axes(vectors: list[list[float]]) -> list[dict[str, float]]:
    return [dict(zip("xyz", vector, strict=True)) for vector in vectors]
