"""How far the answers of an engine lie from those in float32, and how far they may.

A maximum over all pixels says nothing: in bfloat16 single pixels on an edge move by a twentieth. What counts is the
mean, the difference that one pixel in a thousand exceeds, and how many pixels change sides at the model's threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import MismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BOUNDS", "MAX_F1_CHANGE", "Agreement", "Comparison", "check_agreement"]

BIN = 1e-5
MAX_F1_CHANGE = 0.001
"""Largest change of F1 on a labelled set that a precision may cause."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two sets of probabilities compared.

    Attributes
    ----------
    mean : float, 0 to 1
        Mean absolute difference.
    p999 : float, 0 to 1
        Difference that one value in a thousand exceeds, rounded up to 0.00001.
    flipped_share : float, 0 to 1
        Share of values that lie on different sides of the threshold.
    n_values : int
        Values compared.
    """

    mean: float
    p999: float
    flipped_share: float
    n_values: int

    def __str__(self) -> str:
        n_flipped = round(self.flipped_share * self.n_values)
        return (
            f"mean difference {self.mean:.2g}, p99.9 {self.p999:.2g}, {n_flipped} of {self.n_values} values on the "
            "other side of the threshold"
        )


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Largest values that an `Agreement` may have."""

    mean: float
    p999: float
    flipped_share: float


_HALF = _Bounds(mean=0.002, p999=0.25, flipped_share=0.002)
BOUNDS = {"float32": _Bounds(mean=1e-5, p999=1e-4, flipped_share=1e-4), "bfloat16": _HALF, "float16": _HALF}
"""By precision. Libraries sum in another order, so float32 differs in the last bits only. With 8 to 11 bits the mean
must stay below half a step of the stored bytes (1/510), and two values in a thousand may change sides. One in a
thousand may move by a quarter: on the borders of lines the bundled model for engravings moves that many by 0.19, and
F1 by less than 0.0001; the others stay below 0.02."""


class Comparison:
    """Compare two engines over many batches, in memory that does not grow.

    Parameters
    ----------
    threshold : float, 0 to 1
        A value is positive at or above it.

    Examples
    --------
    >>> comparison = Comparison(0.5)
    >>> comparison.add(np.array([0.5, 0.9]), np.array([0.4, 0.9]))
    >>> comparison.result().flipped_share
    0.5
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._counts = np.zeros(round(1 / BIN) + 1, np.int64)
        self._sum = 0.0
        self._flipped = 0

    def add(self, found: NDArray[np.floating], expected: NDArray[np.floating]) -> None:
        """Count one batch.

        Parameters
        ----------
        found, expected : ndarray of one shape, 0 to 1
            Probabilities.

        Raises
        ------
        MismatchError
            If the shapes differ, or a number is not finite or further than 1 from the expected one.
        """
        if found.shape != expected.shape:
            raise MismatchError(f"the answer must have the shape {expected.shape}, got {found.shape}")
        difference = np.abs(found.astype(np.float64) - expected)
        if not (difference <= 1).all():
            raise MismatchError("the answer has values that are no probabilities")
        self._counts += np.bincount(np.ceil(difference / BIN).astype(np.int64).ravel(), minlength=len(self._counts))
        self._sum += float(difference.sum())
        self._flipped += int(((found >= self._threshold) != (expected >= self._threshold)).sum())

    def result(self) -> Agreement:
        """Give what was counted so far; zeros where nothing was.

        Returns
        -------
        Agreement
            Over all batches.
        """
        n_values = int(self._counts.sum())
        if n_values == 0:
            return Agreement(0.0, 0.0, 0.0, 0)
        p999 = BIN * int(np.searchsorted(np.cumsum(self._counts), 0.999 * n_values))
        return Agreement(self._sum / n_values, p999, self._flipped / n_values, n_values)


def check_agreement(found: Agreement, precision: str, *, what: str) -> None:
    """Refuse an engine whose answers lie too far from those in float32.

    Parameters
    ----------
    found : Agreement
        Its answers against those in float32.
    precision : str
        A key of `BOUNDS`.
    what : str
        The engine, for the message.

    Raises
    ------
    MismatchError
        With the first of mean, p99.9 and changed sides that is beyond its bound. One value may always change sides:
        a gate answers few.
    """
    bounds = BOUNDS[precision]
    cure = "choose another --engine" if precision == "float32" else "predict with --precision float32"
    sides = max(bounds.flipped_share, 1 / max(1, found.n_values))
    for name, value, allowed in (
        ("the mean difference", found.mean, bounds.mean),
        ("the p99.9 difference", found.p999, bounds.p999),
        ("the share that changes sides", found.flipped_share, sides),
    ):
        if not value <= allowed:
            raise MismatchError(
                f"{what} does not answer as float32 did: {name} is {value:.3g}, allowed is {allowed:.3g}; {cure}"
            )
