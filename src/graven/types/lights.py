"""Lights of a stack of photographs: where each one stands and how strong it is.

Axes: x right, y **up** (against the rows), z towards the camera. A far light has a direction; a near one has a position
in millimetres, counted from the centre of the image on the plane of the object.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Lights"]

_UNIT_TOLERANCE = 1e-6


def _even() -> NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class Lights:
    """The lights of a stack, in the order of its images.

    Attributes
    ----------
    names : tuple of str
        File name of the image that each light lit; empty where a file of lights names none.
    directions : ndarray of shape (K, 3), float64, or None
        Unit vectors towards far lights, z > 0.
    positions_mm : ndarray of shape (K, 3), float64, millimetres, or None
        Places of near lights, z > 0. Exactly one of `directions` and `positions_mm` is given.
    strengths : ndarray of shape (K,), float64, > 0
        How strong each light is relative to the others; empty, the default, stands for ones. Of a near light it is the
        strength of the lamp, before the light spreads.

    Raises
    ------
    InputError
        If shapes disagree, a direction is no unit vector, a light stands at or below the plane of the object, a
        strength is not positive, or a name stands twice.

    Examples
    --------
    >>> lights = Lights(("a.tif", "b.tif"), directions=np.array([[0.0, 0.0, 1.0], [0.0, 0.6, 0.8]]))
    >>> len(lights), lights.strengths.tolist(), lights.elevations_deg.round(2).tolist()
    (2, [1.0, 1.0], [90.0, 53.13])
    """

    names: tuple[str, ...] = ()
    directions: NDArray[np.float64] | None = None
    positions_mm: NDArray[np.float64] | None = None
    strengths: NDArray[np.float64] = field(default_factory=_even)

    def __post_init__(self) -> None:
        if (self.directions is None) == (self.positions_mm is None):
            raise InputError("lights have either directions or positions; give exactly one of the two")
        kind = "directions" if self.positions_mm is None else "positions_mm"
        vectors = np.array(getattr(self, kind), np.float64)
        if vectors.ndim != 2 or vectors.shape[1] != 3 or not len(vectors):
            raise InputError(f"{kind} must have shape (K, 3) with at least one light, got {vectors.shape}")
        count = len(vectors)
        if self.names and (len(self.names) != count or len(set(self.names)) != count):
            raise InputError(
                f"{count} lights need {count} different names or none, got {len(self.names)} of which "
                f"{len(set(self.names))} differ"
            )
        strengths = np.array(self.strengths, np.float64) if np.size(self.strengths) else np.ones(count)
        if strengths.shape != (count,) or not (np.isfinite(strengths).all() and (strengths > 0).all()):
            raise InputError(f"{count} lights need {count} positive strengths, got {strengths.tolist()}")
        for index, vector in enumerate(vectors):
            self._check(index, vector, is_unit=self.positions_mm is None)
        object.__setattr__(self, kind, vectors)
        object.__setattr__(self, "strengths", strengths)

    def _check(self, index: int, vector: NDArray[np.float64], *, is_unit: bool) -> None:
        if not np.isfinite(vector).all() or vector[2] <= 0:
            raise InputError(
                f"light {self.label(index)} must stand above the plane of the object (z > 0), got {vector.tolist()}; "
                "x is right, y up and z towards the camera"
            )
        if is_unit and abs(float(np.linalg.norm(vector)) - 1) > _UNIT_TOLERANCE:
            raise InputError(
                f"direction of light {self.label(index)} must be a unit vector, got {vector.tolist()}; normalise it"
            )

    def __len__(self) -> int:
        return len(self.strengths)

    def label(self, index: int) -> str:
        """Name a light for a person: its file name, or its number counted from 1."""
        return repr(self.names[index]) if self.names else str(index + 1)

    @property
    def towards(self) -> NDArray[np.float64]:
        """Unit vectors from the centre of the image to the lights, near or far; shape (K, 3)."""
        if self.directions is not None:
            return self.directions
        return np.asarray(self.positions_mm, np.float64) / self.distances_mm[:, None]

    @property
    def distances_mm(self) -> NDArray[np.float64]:
        """How far the lights stand from the centre of the image; infinite for far ones."""
        if self.positions_mm is None:
            return np.full(len(self), np.inf)
        return np.asarray(np.linalg.norm(self.positions_mm, axis=1), np.float64)

    @property
    def elevations_deg(self) -> NDArray[np.float64]:
        """Height of each light above the plane of the object, seen from the centre of the image."""
        return np.rad2deg(np.arcsin(np.clip(self.towards[:, 2], -1, 1)))

    def at_centre(self) -> Lights:
        """Give the lights as the centre of the image sees them: directions, and strengths that fall with distance.

        Returns
        -------
        Lights
            Itself where lights are far. Of near ones, strengths are divided by the square of the distance, relative to
            the middle one.
        """
        if self.positions_mm is None:
            return self
        distance = self.distances_mm
        fall = (np.median(distance) / distance) ** 2
        return replace(self, directions=self.towards, positions_mm=None, strengths=self.strengths * fall)

    def renamed(self, names: Sequence[str]) -> Lights:
        """Give the same lights with other names.

        Parameters
        ----------
        names : sequence of str
            As many as there are lights.

        Returns
        -------
        Lights
            With these names.
        """
        return replace(self, names=tuple(names))

    def strengthened(self, factors: NDArray[np.float64]) -> Lights:
        """Give the same lights with strengths times `factors`, an ndarray of shape (K,)."""
        return replace(self, strengths=self.strengths * factors)
