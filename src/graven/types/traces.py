"""What is published: polygons and centre-lines with their measures and uncertainties."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Measure", "Ring", "Trace", "trace_uid"]

Ring = NDArray[np.float64]
"""Closed ring or open line of shape (N, 2): ``(x, y)`` in pixels of the input; a ring repeats its first point."""

Status = Literal["proposed", "confirmed", "rejected"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its unit and standard uncertainty.

    Attributes
    ----------
    value : float
        In `unit`.
    unit : str
        ``px``, ``px2``, ``mm``, ``mm2`` or empty for a ratio; millimetres only where a scale is known.
    sigma : float or None
        One standard uncertainty in `unit`; None where none was estimated.
    """

    value: float
    unit: str
    sigma: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """One object of a record.

    Attributes
    ----------
    uid : str
        Hash of input and geometry: the same object of the same run always has the same id.
    number : int
        Running number per class in reading order, printed on drawings.
    class_id : int
        Class in the table of the run.
    polygons : tuple of tuple of Ring
        Parts of an area; in each part the first ring is the exterior, the others are holes. Empty for a line.
    lines : tuple of Ring
        Centre-lines; for an area only where they were asked for.
    confidence : float, 0 to 1
        Mean probability inside the object.
    measures : dict of str to Measure
        By name: ``area``, ``length``, ``width``, ``perimeter``, …
    status : {"proposed", "confirmed", "rejected"}
        What a person has said of it.
    creator : str or None
        What or who drew it: ``model``, name, version and hash of a model, or the name of a person; None where nobody
        says.
    """

    uid: str
    number: int
    class_id: int
    polygons: tuple[tuple[Ring, ...], ...]
    lines: tuple[Ring, ...]
    confidence: float
    measures: dict[str, Measure] = field(default_factory=dict)
    status: Status = "proposed"
    creator: str | None = None

    @property
    def bounds_px(self) -> tuple[float, float, float, float]:
        """``(x_min, y_min, x_max, y_max)`` in pixels."""
        points = np.concatenate([part[0] for part in self.polygons] + list(self.lines))
        x_min, y_min = points.min(axis=0)
        x_max, y_max = points.max(axis=0)
        return float(x_min), float(y_min), float(x_max), float(y_max)


def trace_uid(source: str, class_id: int, rings: list[Ring]) -> str:
    """Name an object by what it is: a hash of the input, the class and the vertices to a thousandth of a pixel.

    Parameters
    ----------
    source : str
        Hash or name of the input.
    class_id : int
        Class of the object.
    rings : list of Ring
        All rings or lines, in their canonical order.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    digest = hashlib.sha256(f"{source}|{class_id}".encode())
    for ring in rings:
        digest.update(b"|")
        digest.update(np.round(np.asarray(ring, np.float64) * 1000).astype("<i8").tobytes())
    return digest.hexdigest()[:32]
