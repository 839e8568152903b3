"""CIELAB and back, for values that are too far out for bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["lab_from_rgb", "rgb_from_lab"]

_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]], np.float64
)
_WHITE = _XYZ.sum(axis=1)
_RGB = np.linalg.inv(_XYZ)
_EDGE = 6 / 29


def lab_from_rgb(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert sRGB to CIELAB (D65).

    Parameters
    ----------
    rgb : ndarray of shape (3, ...), float64, 0 to 255
        Gamma-encoded sRGB.

    Returns
    -------
    ndarray of the same shape, float64
        L 0 to 100, a and b about -128 to 127.
    """
    share = np.clip(rgb / 255, 0, 1)
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    x, y, z = (
        _bent((row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2]) / white)
        for row, white in zip(_XYZ, _WHITE, strict=True)
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def rgb_from_lab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert CIELAB (D65) to sRGB, clipped to what can be shown.

    Parameters
    ----------
    lab : ndarray of shape (3, ...), float64
        L, a, b.

    Returns
    -------
    ndarray of the same shape, float64, 0 to 255
        Gamma-encoded sRGB.
    """
    y = (lab[0] + 16) / 116
    x, z = y + lab[1] / 500, y - lab[2] / 200
    xyz = [_straight(value) * white for value, white in zip((x, y, z), _WHITE, strict=True)]
    linear = np.stack([row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2] for row in _RGB])
    linear = np.clip(linear, 0, 1)
    return np.asarray(
        255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), np.float64
    )


def _bent(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(share > _EDGE**3, np.cbrt(share), share / (3 * _EDGE**2) + 4 / 29)


def _straight(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(value > _EDGE, value**3, 3 * _EDGE**2 * (value - 4 / 29))
