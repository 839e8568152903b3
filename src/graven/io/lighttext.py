"""What readers of light files have in common: text of any origin, names without folders, vectors that are lights."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError, InputError
from graven.types.lights import Lights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["base_name", "finite", "light_directions", "light_positions", "read_light_text"]

MAX_BYTES = 16 << 20
MIN_LENGTH = 1e-4


def read_light_text(path: Path) -> str:
    """Read a text file of at most 16 MiB: UTF-8 with or without a mark, else the code page of western Windows."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path.name} is larger than {MAX_BYTES >> 20} MiB; that is no file of lights")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its name and permissions") from error
    if b"\0" in data:
        raise DataError(f"{path.name} is no text; a file of lights is")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def base_name(text: str) -> str:
    r"""Drop folders before a name, whichever system wrote them, and quotes around it.

    Examples
    --------
    >>> base_name(r'"C:\RTI dome\light 01.JPG"'), base_name("images/a.png")
    ('light 01.JPG', 'a.png')
    """
    return re.split(r"[\\/]", text.strip().strip("\"'").strip())[-1]


def finite(text: str, where: str) -> float:
    """Read a finite number; `where` begins the message if it is none.

    Examples
    --------
    >>> finite("-0.5", "light 3")
    -0.5
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        hint = "; write decimals with a point" if "," in text else ""
        raise DataError(f"{where} needs a number, got {text[:40]!r}{hint}")
    return value


def light_directions(vectors: Sequence[Sequence[float]], names: Sequence[str] | None, *, where: str) -> Lights:
    """Make far lights of vectors of any length.

    Parameters
    ----------
    vectors : sequence of 3 floats each
        Towards the lights.
    names : sequence of str or None
        For messages.
    where : str
        Name of the file, for messages.

    Returns
    -------
    Lights
        Normalised, without names.

    Raises
    ------
    DataError
        If there is none, one is shorter than 1e-4, or its z is not positive.
    """
    array = _array(vectors, where)
    length = np.linalg.norm(array, axis=1)
    for index in np.flatnonzero(length < MIN_LENGTH).tolist():
        raise DataError(
            f"{where}: light {_label(names, index)} has no direction (length {length[index]:g}); measure it again or "
            "leave the light out"
        )
    _check_above(array, names, where)
    return Lights(directions=array / length[:, None])


def light_positions(vectors: Sequence[Sequence[float]], names: Sequence[str] | None, *, where: str) -> Lights:
    """Make near lights of positions in millimetres; as `light_directions`, but nothing is normalised."""
    array = _array(vectors, where)
    _check_above(array, names, where)
    return Lights(positions_mm=array)


def _array(vectors: Sequence[Sequence[float]], where: str) -> NDArray[np.float64]:
    if not len(vectors):
        raise DataError(f"{where} lists no light; at least three are needed for a surface")
    return np.array(vectors, np.float64)


def _check_above(array: NDArray[np.float64], names: Sequence[str] | None, where: str) -> None:
    """Refuse lights at or below the object, and say which axis could be the right one."""
    below = np.flatnonzero(array[:, 2] <= 0)
    if not below.size:
        return
    up = [axis for axis in (0, 1) if (array[:, axis] > 0).all()]
    guess = "z seems to point away from the camera" if below.size == len(array) and not up else "are the axes swapped?"
    raise DataError(
        f"{where}: z of every light must be positive (x right, y up, z towards the camera), but light "
        f"{_label(names, int(below[0]))} has z = {array[below[0], 2]:g}, as have {below.size} of {len(array)}; {guess}"
    )


def _label(names: Sequence[str] | None, index: int) -> str:
    return repr(names[index]) if names else str(index + 1)
