"""What a person draws on a prediction: strokes with a width that add to it or take away from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Polarity", "Stroke", "StrokeSet", "stroke_uid"]

Polarity = Literal["add", "erase"]

_SIGNS: dict[str, int] = {"add": 1, "erase": -1}
_FARTHEST_PX = 1e9  # beyond, distances would lose the pixel


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Stroke:
    """One line of a person's pen.

    Attributes
    ----------
    points : ndarray of shape (N, 2), float64, pixels, N >= 1
        ``(x, y)`` from the outer corner of the top-left pixel; a single point is a dot. Kept as a read-only copy.
    width_px : float, pixels, > 0
        Whole width of the line; its ends are round.
    polarity : {"add", "erase"}
        Whether the person says that there is something, or that there is nothing.
    uid : str
        Names the stroke among all of its item; see `stroke_uid`.
    class_id : int, 1 to 254
        What is there, in the table of the run.
    override : bool
        Whether the stroke also changes pixels on which the person decided before; an ordinary one leaves them alone.
    author : str
        Who drew it; empty where nobody says.
    time : str
        When, in ISO 8601; empty where nobody says.

    Raises
    ------
    InputError
        If one of these is outside its range.

    Examples
    --------
    >>> stroke = Stroke(points=np.array([[1, 2], [5, 2]]), width_px=3, polarity="erase", uid="a")
    >>> stroke.sign, stroke.bounds_px
    (-1, (-0.5, 0.5, 6.5, 3.5))
    """

    points: NDArray[np.float64]
    width_px: float
    polarity: Polarity
    uid: str
    class_id: int = 1
    override: bool = False
    author: str = ""
    time: str = ""

    def __post_init__(self) -> None:
        points = np.array(self.points, np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
            raise InputError(f"a stroke needs finite points of shape (N, 2), got an array of shape {points.shape}")
        if np.abs(points).max() > _FARTHEST_PX:
            raise InputError(f"a stroke reaches to {np.abs(points).max():.3g} px; check whether it is in pixels")
        if not 0 < self.width_px <= _FARTHEST_PX:
            raise InputError(f"the width of a stroke must be a positive number of pixels, got {self.width_px}")
        if self.polarity not in _SIGNS:
            raise InputError(f"the polarity of a stroke must be 'add' or 'erase', got {self.polarity!r}")
        if not self.uid:
            raise InputError("a stroke needs a uid; make one with stroke_uid")
        if not 1 <= self.class_id <= 254:
            raise InputError(f"the class of a stroke must lie between 1 and 254, got {self.class_id}")
        if self.time:
            _check_time(self.time)
        points.flags.writeable = False
        object.__setattr__(self, "points", points)

    @property
    def sign(self) -> int:
        """1 for a stroke that adds, -1 for one that erases."""
        return _SIGNS[self.polarity]

    @property
    def bounds_px(self) -> tuple[float, float, float, float]:
        """``(x_min, y_min, x_max, y_max)`` of the line with its width, in pixels."""
        (x_min, y_min), (x_max, y_max) = self.points.min(axis=0), self.points.max(axis=0)
        reach = self.width_px / 2
        return float(x_min - reach), float(y_min - reach), float(x_max + reach), float(y_max + reach)


@dataclass(frozen=True, slots=True)
class StrokeSet:
    """Strokes of one item in the order in which they were drawn.

    Attributes
    ----------
    strokes : tuple of Stroke
        Each with a uid of its own.

    Raises
    ------
    InputError
        If two strokes have the same uid.
    """

    strokes: tuple[Stroke, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for stroke in self.strokes:
            if stroke.uid in seen:
                raise InputError(f"two strokes have the uid {stroke.uid!r}; give each one its own")
            seen.add(stroke.uid)

    def __len__(self) -> int:
        return len(self.strokes)

    def __iter__(self) -> Iterator[Stroke]:
        return iter(self.strokes)

    def of_class(self, class_id: int) -> StrokeSet:
        """Give the strokes of one class, in the same order."""
        return StrokeSet(tuple(stroke for stroke in self.strokes if stroke.class_id == class_id))


def stroke_uid(
    points: NDArray[np.float64], *, width_px: float, polarity: str, class_id: int = 1, salt: str = ""
) -> str:
    """Name a stroke by what it is: a hash of its geometry to a thousandth of a pixel, its polarity and its class.

    Parameters
    ----------
    points : ndarray of shape (N, 2), float64, pixels
        As in `Stroke`.
    width_px, polarity, class_id
        As in `Stroke`.
    salt : str
        What tells two equal strokes apart: a time, or the number of a stroke in its file.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    digest = hashlib.sha256(f"{width_px:.3f}|{polarity}|{class_id}|{salt}|".encode())
    digest.update(np.round(np.asarray(points, np.float64) * 1000).astype("<i8").tobytes())
    return digest.hexdigest()[:32]


def _check_time(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"the time of a stroke must look like 2026-05-31T14:00:00Z, got {text!r}") from None
