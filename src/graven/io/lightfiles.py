"""Files that say where the lights of a stack stand: ``.lp``, ``.dome`` and ``.csv``.

Axes are those of `graven.types.Lights`. Readers are kind to what other programs write (Windows line ends and paths,
names with spaces, vectors of any length, decimal commas in a spreadsheet) and strict about what would bend a surface: a
count that is wrong, a number that is none, a light at or below the object.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError, InputError, MismatchError
from graven.io.domefile import read_dome
from graven.io.fs import write_text_atomic
from graven.io.lighttext import base_name, finite, light_directions, light_positions, read_light_text
from graven.io.tables import Table, write_table

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from graven.types.lights import Lights

__all__ = ["LIGHT_FILES", "read_lights", "read_lights_csv", "read_lp", "write_lights_csv", "write_lp"]

_COLUMNS = ("file", "x_mm", "y_mm", "z_mm", "dx", "dy", "dz", "intensity")
_NAMES = ("file", "filename", "name", "image")
_DIRECTIONS = (("dx", "dy", "dz"), ("lx", "ly", "lz"), ("x", "y", "z"))
_POSITIONS = ("x_mm", "y_mm", "z_mm")
_STRENGTHS = ("intensity", "strength")
_FORMULA = re.compile(r"'(?=[=+\-@\t\r])")


def read_lights(path: str | os.PathLike[str]) -> Lights:
    """Read the lights of a stack from any file that graven knows.

    Parameters
    ----------
    path : path
        ``.lp``, ``.dome`` or ``.csv``.

    Returns
    -------
    Lights
        In the order of the file; `names` is empty where the file names no images (a ``.dome``, a bare table).

    Raises
    ------
    InputError
        If there is no such file or its name ends otherwise.
    DataError
        If the content is not what it must be; the message names the row.
    """
    path = Path(path)
    reader = LIGHT_FILES.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path.name}: lights are read from {', '.join(LIGHT_FILES)}; give a file of one of these")
    return reader(path)


def read_lp(path: str | os.PathLike[str]) -> Lights:
    """Read an ``.lp`` file: the number of lights, then ``name x y z`` for each.

    Parameters
    ----------
    path : path
        UTF-8, or the code page of western Windows. Numbers are taken from the right, so names may hold spaces; folders
        before a name are dropped; blank lines do not count.

    Returns
    -------
    Lights
        Directions, normalised.

    Raises
    ------
    InputError
        If there is no such file.
    DataError
        If the count is wrong, a row has no three numbers, a vector is shorter than 1e-4, z is not positive, or a name
        stands twice.
    """
    path = Path(path)
    head, *rows = [line.strip() for line in read_light_text(path).splitlines() if line.strip()] or [""]
    if not re.fullmatch(r"[0-9]{1,6}", head):
        raise DataError(f"{path.name}: the first line must be the number of lights, got {head[:40]!r}")
    if len(rows) != int(head):
        raise DataError(f"{path.name} announces {int(head)} lights and lists {len(rows)}; correct the first line")
    names, vectors = [], []
    for number, row in enumerate(rows, start=1):
        name, *numbers = row.rsplit(maxsplit=3)
        if len(numbers) != 3:
            raise DataError(f"{path.name}: light {number} must read 'name x y z', got {row[:60]!r}")
        names.append(base_name(name))
        vectors.append([finite(text, f"{path.name}: light {number}") for text in numbers])
    return _lights(path, names, light_directions(vectors, names or None, where=path.name))


def read_lights_csv(path: str | os.PathLike[str]) -> Lights:
    """Read a table of lights.

    Parameters
    ----------
    path : path
        With a row of column names: ``file`` (optional), then ``dx, dy, dz`` or ``lx, ly, lz`` or ``x, y, z`` for
        directions, or ``x_mm, y_mm, z_mm`` for positions, and ``intensity`` (optional). Divided by commas, semicolons
        or tabs; where by semicolons or tabs, decimals may have a comma.

    Returns
    -------
    Lights
        Positions where the table has them in every row, else directions.

    Raises
    ------
    InputError
        If there is no such file.
    DataError
        If columns are missing, a cell is no number, or a light is none (see `read_lp`).
    """
    path = Path(path)
    text = read_light_text(path)
    first = text.split("\n", 1)[0]
    divider = max((";", "\t", ","), key=first.count)
    table = [row for row in csv.reader(io.StringIO(text), delimiter=divider) if any(cell.strip() for cell in row)]
    head = [cell.strip().lower() for cell in table[0]] if table else []
    rows = [dict(zip(head, (cell.strip() for cell in row), strict=False)) for row in table[1:]]
    if len(set(head)) != len(head) or not rows:
        raise DataError(
            f"{path.name} must be a table of lights with one row of column names, each once, and data below"
        )
    named = next((column for column in _NAMES if column in head), None)
    names = [] if named is None else [base_name(_FORMULA.sub("", row.get(named, ""))) for row in rows]

    def cells(columns: Sequence[str]) -> list[list[float]]:
        return [
            [
                finite(_point(row.get(column, ""), divider), f"{path.name}: {column} of light {number}")
                for column in columns
            ]
            for number, row in enumerate(rows, start=1)
        ]

    strength = next((column for column in _STRENGTHS if column in head), None)
    strengths = np.array(cells([strength]))[:, 0] if strength else np.ones(len(rows))
    if not (strengths > 0).all():
        raise DataError(f"{path.name}: {strength} of every light must be positive, got {strengths.min():g}")
    where, labels = path.name, names or None
    if set(_POSITIONS) <= set(head) and any(row.get(column) for row in rows for column in _POSITIONS):
        return _lights(path, names, light_positions(cells(_POSITIONS), labels, where=where)).strengthened(strengths)
    directions = next((columns for columns in _DIRECTIONS if set(columns) <= set(head)), None)
    if directions is None:
        raise DataError(
            f"{path.name} must have the columns dx, dy, dz (or lx, ly, lz) or x_mm, y_mm, z_mm, got {', '.join(head)}"
        )
    return _lights(path, names, light_directions(cells(directions), labels, where=where)).strengthened(strengths)


def write_lp(target: str | os.PathLike[str], lights: Lights) -> None:
    """Write directions as an ``.lp`` file.

    Parameters
    ----------
    target : path
        ``lights.lp``.
    lights : Lights
        Named; of near ones the directions from the centre of the image are written.

    Raises
    ------
    InputError
        If the lights have no names.
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.
    """
    if not lights.names:
        raise InputError("an .lp file names an image for every light; give the lights names first")
    rows = (
        f"{name} {' '.join(repr(float(value)) for value in vector)}"
        for name, vector in zip(lights.names, lights.towards, strict=True)
    )
    write_text_atomic(target, "\n".join([str(len(lights)), *rows]) + "\n")


def write_lights_csv(target: str | os.PathLike[str], lights: Lights) -> None:
    """Write lights as a table for a spreadsheet.

    Parameters
    ----------
    target : path
        ``lights.csv``.
    lights : Lights
        Near or far; `read_lights_csv` gives them back, to nine digits.

    Raises
    ------
    DiskFull, OutputError
        As in `graven.io.fs.atomic_path`.

    Notes
    -----
    Columns ``file x_mm y_mm z_mm dx dy dz intensity``. Positions are empty for far lights; directions are those seen
    from the centre of the image.
    """
    places = np.full((len(lights), 3), np.nan) if lights.positions_mm is None else lights.positions_mm
    numbers = np.column_stack([places, lights.towards, lights.strengths]).tolist()
    names = lights.names or ("",) * len(lights)
    rows = tuple((name, *values) for name, values in zip(names, numbers, strict=True))
    write_table(target, Table(_COLUMNS, rows))


LIGHT_FILES: dict[str, Callable[[Path], Lights]] = {".lp": read_lp, ".dome": read_dome, ".csv": read_lights_csv}
"""Ending of a file of lights → its reader."""


def _lights(path: Path, names: list[str], lights: Lights) -> Lights:
    """Give lights their names; a name that stands twice, in whatever case, is refused."""
    if not any(names):
        return lights
    seen: set[str] = set()
    for name in names:
        if not name or name.casefold() in seen:
            raise MismatchError(
                f"{path.name} names {name!r} twice; every light has an image of its own"
                if name
                else f"{path.name} names an image for some lights only; name all or none"
            )
        seen.add(name.casefold())
    return lights.renamed(names)


def _point(cell: str, divider: str) -> str:
    """Give a number its decimal point where the table is not divided by commas."""
    return cell if divider == "," else cell.replace(",", ".")
