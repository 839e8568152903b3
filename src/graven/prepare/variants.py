"""Changes to a labelled picture: what the craquelure paper expands its data with.

Images are (C, H, W), float32, 0 to 255, and stay in that range. Light acts on the image alone; what moves pixels moves
image, truth and valid mask alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import InputError
from graven.types.raster import mirror_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["add_noise", "invert", "sharpen", "shift_hsv", "translate"]


def invert(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the negative: ``255 - image``.

    Examples
    --------
    >>> invert(np.array([[[0, 200]]], np.float32)).tolist()
    [[[255.0, 55.0]]]
    """
    return np.float32(255) - image


def sharpen(image: NDArray[np.float32], *, amount: float, sigma_px: float = 1.0) -> NDArray[np.float32]:
    """Sharpen with an unsharp mask: ``image + amount * (image - blurred)``.

    Parameters
    ----------
    image : ndarray of shape (C, H, W), float32, 0 to 255
        Pixels.
    amount : float, >= 0
        0 changes nothing.
    sigma_px : float, pixels, > 0
        Width of the Gaussian blur; mirrored at the border.

    Returns
    -------
    ndarray of the same shape, float32, 0 to 255
        Clipped to the range.

    Examples
    --------
    >>> edge = np.repeat(np.float32([[[50, 50, 50, 150, 150, 150]]]), 3, axis=1)
    >>> sharper = sharpen(edge, amount=1.0)[0, 1]
    >>> bool(sharper[2] < 50), bool(sharper[3] > 150)
    (True, True)
    """
    blurred = np.stack([cv2.GaussianBlur(band, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101) for band in image])
    changed: NDArray[np.float32] = np.clip(image + np.float32(amount) * (image - blurred), 0, 255)
    return changed


def shift_hsv(image: NDArray[np.float32], *, hue_deg: float, saturation: float, value: float) -> NDArray[np.float32]:
    """Turn the hue and scale saturation and value.

    Parameters
    ----------
    image : ndarray of shape (3, H, W), float32, 0 to 255
        Red, green and blue.
    hue_deg : float, degrees
        Added to the hue of every pixel; greys have none and stay.
    saturation, value : float, >= 0
        Factors; 1 changes nothing. Saturation and value are cut off at their ends.

    Returns
    -------
    ndarray of the same shape, float32, 0 to 255
        The changed colours.

    Raises
    ------
    InputError
        If there are not three bands.

    Examples
    --------
    >>> red = np.float32([200, 0, 0]).reshape(3, 1, 1)
    >>> shift_hsv(red, hue_deg=120, saturation=1, value=0.5).round().ravel().tolist()
    [0.0, 100.0, 0.0]
    """
    if image.shape[0] != 3:
        raise InputError(f"hue, saturation and value need red, green and blue, got {image.shape[0]} bands")
    hsv = cv2.cvtColor(np.ascontiguousarray(np.moveaxis(image, 0, -1)) / np.float32(255), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + np.float32(hue_deg)) % np.float32(360)
    hsv[..., 1] = np.clip(hsv[..., 1] * np.float32(saturation), 0, 1)
    hsv[..., 2] = np.clip(hsv[..., 2] * np.float32(value), 0, 1)
    rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * np.float32(255)
    return np.ascontiguousarray(np.moveaxis(np.clip(rgb, 0, 255), -1, 0)).astype(np.float32, copy=False)


def add_noise(image: NDArray[np.float32], *, sigma: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Add white Gaussian noise, independent in every band and pixel, and clip.

    Parameters
    ----------
    image : ndarray of shape (C, H, W), float32, 0 to 255
        Pixels.
    sigma : float, >= 0
        Standard deviation.
    rng : numpy.random.Generator
        One normal number is drawn per value.

    Returns
    -------
    ndarray of the same shape, float32, 0 to 255
        The noisy image.
    """
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    changed: NDArray[np.float32] = np.clip(image + np.float32(sigma) * noise, 0, 255)
    return changed


def translate(
    image: NDArray[Any], target: NDArray[Any], valid: NDArray[np.bool_], *, rows: int, cols: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Move image, truth and valid mask by whole pixels.

    Parameters
    ----------
    image : ndarray of shape (C, H, W)
        Pixels.
    target, valid : ndarray of shape (H, W)
        Truth and where it is known.
    rows, cols : int, pixels
        Down and to the right; negative the other way.

    Returns
    -------
    image, target, valid : ndarray
        Moved. What comes in from outside is mirrored in the image, background in the truth, and invalid.

    Examples
    --------
    >>> image, ones = np.array([[[1, 2, 3, 4]]]), np.ones((1, 4), bool)
    >>> moved, target, valid = translate(image, ones, ones, rows=0, cols=1)
    >>> moved.tolist(), target.tolist(), valid.tolist()
    ([[[2, 1, 2, 3]]], [[False, True, True, True]], [[False, True, True, True]])
    """
    height, width = target.shape
    row, col = np.arange(height) - rows, np.arange(width) - cols
    inside = ((row >= 0) & (row < height))[:, None] & ((col >= 0) & (col < width))[None]
    mesh = np.ix_(mirror_index(row, height), mirror_index(col, width))
    moved = np.stack([band[mesh] for band in image])
    return moved, np.where(inside, target[mesh], 0).astype(target.dtype), inside & valid[mesh]
