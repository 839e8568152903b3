"""Six-number affines in the pixel frame: compose and invert.

``(a, b, c, d, e, f)`` maps ``(x, y)`` to ``(a*x + b*y + c, d*x + e*y + f)``; both frames count from the outer corner of
their top-left pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graven.errors import InputError

if TYPE_CHECKING:
    from graven.types.raster import Affine6

__all__ = ["IDENTITY", "compose", "invert"]

IDENTITY: Affine6 = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def compose(outer: Affine6, inner: Affine6) -> Affine6:
    """Give the affine that applies `inner` first and `outer` to its result.

    Examples
    --------
    >>> compose((2.0, 0.0, 1.0, 0.0, 2.0, 0.0), (1.0, 0.0, 10.0, 0.0, 1.0, 20.0))
    (2.0, 0.0, 21.0, 0.0, 2.0, 40.0)
    """
    a, b, c, d, e, f = outer
    g, h, i, j, k, m = inner
    return (a * g + b * j, a * h + b * k, a * i + b * m + c, d * g + e * j, d * h + e * k, d * i + e * m + f)


def invert(matrix: Affine6) -> Affine6:
    """Give the affine that undoes `matrix`.

    Raises
    ------
    InputError
        If the matrix flattens the plane, however small its pixels are.

    Examples
    --------
    >>> invert((2.0, 0.0, 1.0, 0.0, 4.0, 0.0))
    (0.5, -0.0, -0.5, -0.0, 0.25, 0.0)
    """
    a, b, c, d, e, f = matrix
    determinant = a * e - b * d
    if not abs(determinant) > 1e-12 * (abs(a * e) + abs(b * d)):
        raise InputError(f"an affine with determinant {determinant:.3g} cannot be inverted: {matrix}")
    p, q, r, s = e / determinant, -b / determinant, -d / determinant, a / determinant
    return (p, q, 0.0 - (p * c + q * f), r, s, 0.0 - (r * c + s * f))
