"""What two photographs of one paint have in common whatever the light: the mix of their bands that agrees best.

Light that falls from another side brightens and darkens relief, which looks as if the paint had moved by a pixel or
two. It hardly changes the hue. Canonical correlation finds, for each of two photographs that lie on each other, the
weights of the bands with which they agree most; shading then weighs little and paint weighs much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import MismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["agreeing_bands", "log_detail"]

BLUR_PX, DETAIL_PX = 3.0, 16.0
DARKEST = 8.0
"""Added to bytes before the logarithm, so that the noise of dark places stays small."""
RIDGE = 1e-4


def log_detail(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give the logarithm of each band without noise and without what is wider than some 16 px.

    Parameters
    ----------
    pixels : ndarray of shape (C, H, W), uint8
        Bands.

    Returns
    -------
    ndarray of shape (C, H, W), float32
        A band of light twice as strong gives the same.
    """
    bands = [np.log(cv2.GaussianBlur(band.astype(np.float32), (0, 0), BLUR_PX) + DARKEST) for band in pixels]
    return np.stack([band - cv2.GaussianBlur(band, (0, 0), DETAIL_PX) for band in bands]).astype(np.float32)


def agreeing_bands(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the mix of bands in which two photographs agree best: the first canonical pair [1]_.

    Parameters
    ----------
    first, second : ndarray of shape (C, N), float32
        Bands of the same places, from `log_detail`.

    Returns
    -------
    ours, theirs : ndarray of shape (C,), float32
        Weights of the bands of each; the mixes have unit variance and a positive correlation. One band gives itself.

    Raises
    ------
    MismatchError
        If the shapes differ.

    References
    ----------
    .. [1] H. Hotelling, Relations between two sets of variates, Biometrika 28, 1936.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> paint, light, other = rng.normal(size=(3, 1000)).astype(np.float32)
    >>> ours, theirs = agreeing_bands(np.stack([light, light + paint]), np.stack([other, other - paint]))
    >>> bool(abs(ours[0] + ours[1]) < 0.1), bool(abs(theirs[0] + theirs[1]) < 0.1)
    (True, True)
    """
    if first.shape != second.shape:
        raise MismatchError(f"both photographs must have one shape, got {first.shape} and {second.shape}")
    ours, theirs = (bands.astype(np.float64) - bands.mean(axis=1, keepdims=True) for bands in (first, second))
    roots = [np.linalg.cholesky(_covariance(bands)) for bands in (ours, theirs)]
    shared = np.linalg.solve(roots[0], ours @ theirs.T / ours.shape[1])
    left, _, right = np.linalg.svd(np.linalg.solve(roots[1], shared.T).T)
    mixes = [np.linalg.solve(root.T, mix) for root, mix in zip(roots, (left[:, 0], right[0]), strict=True)]
    return np.asarray(mixes[0], np.float32), np.asarray(mixes[1], np.float32)


def _covariance(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the covariance of centred bands, made regular where bands are copies of each other."""
    found = bands @ bands.T / bands.shape[1]
    ridge = RIDGE * np.trace(found) / len(bands) + 1e-12
    return np.asarray(found + ridge * np.eye(len(bands)), np.float64)
