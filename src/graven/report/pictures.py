"""The maps of a record as arrays: classes with hatches, probability, doubt.

Kernels: plain arrays in, arrays out. Everything arrives at picture size (see `graven.report.overview`); axes are
``[row, col]`` and colour is last, as a picture file has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError
from graven.report.palette import UNKNOWN, colormap, hatch_mask
from graven.types import NODATA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import ClassTable

__all__ = ["as_rgb", "class_map", "doubt", "unit_levels", "zero_one_picture"]

N_LEVELS = 64
"""Steps of a probability map; more cannot be told apart by eye and cost file size."""


def as_rgb(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give a photograph as ``(H, W, 3)``, whether it came as grey, as bands first or as colour last.

    Parameters
    ----------
    photo : ndarray of shape (H, W), (1, H, W), (3, H, W) or (H, W, 3), uint8
        The photograph. Three bands of three rows are read as bands first.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        Colour last.

    Raises
    ------
    InputError
        If the shape or dtype is another.
    """
    if photo.dtype == np.uint8:
        if photo.ndim == 2:
            return np.repeat(photo[..., None], 3, axis=2)
        if photo.ndim == 3 and photo.shape[0] in {1, 3}:
            return np.ascontiguousarray(np.broadcast_to(photo, (3, *photo.shape[1:])).transpose(1, 2, 0))
        if photo.ndim == 3 and photo.shape[2] == 3:
            return np.ascontiguousarray(photo)
    raise InputError(f"a photograph must be uint8 with one or three bands, got {photo.dtype} {photo.shape}")


def class_map(labels: NDArray[np.uint8], classes: ClassTable, *, period_px: int = 8) -> NDArray[np.uint8]:
    """Fill every class with its colour and hatch on white; the hatch alone tells the classes apart in a grey print.

    Parameters
    ----------
    labels : ndarray of shape (H, W), uint8
        0 background (white), class ids, 255 nodata (grey).
    classes : ClassTable
        Colours and hatches.
    period_px : int, >= 4
        Distance between hatch strokes.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        The map. A one-pixel edge in full colour surrounds every area, so that small marks are not lost between strokes.
    """
    picture = np.full((*labels.shape, 3), 255, np.uint8)
    picture[labels == NODATA] = UNKNOWN
    for entry in classes.classes:
        inside = labels == entry.id
        color = np.array(entry.rgb, np.float64)
        picture[inside] = np.rint(255 - 0.28 * (255 - color)).astype(np.uint8)
        edge = inside & ~_shrunk(inside)
        picture[inside & (hatch_mask(entry.hatch, labels.shape, period_px=period_px) | edge)] = entry.rgb
    return picture


def unit_levels(values: NDArray[np.floating], *, n_levels: int = N_LEVELS) -> NDArray[np.uint8]:
    """Round values between 0 and 1 to `n_levels` steps and give them as bytes 0 to 255.

    Parameters
    ----------
    values : ndarray of shape (H, W), float, 0 to 1
        Probabilities or the like.
    n_levels : int, 2 to 256
        Number of steps; 0 and 1 are kept exactly.

    Returns
    -------
    ndarray of shape (H, W), uint8
        Index into a colour scale of 256.

    Raises
    ------
    InputError
        If a value is undefined or outside 0 to 1.
    """
    if values.size and not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise InputError("a map must lie between 0 and 1 everywhere; mask or clip it before it is drawn")
    step = np.rint(values.astype(np.float64) * (n_levels - 1))
    return np.rint(step * (255 / (n_levels - 1))).astype(np.uint8)


def zero_one_picture(values: NDArray[np.floating], *, scale: str, n_levels: int = N_LEVELS) -> NDArray[np.uint8]:
    """Colour a map of values between 0 and 1.

    Parameters
    ----------
    values : ndarray of shape (H, W), float, 0 to 1
        The map.
    scale : {"viridis", "cividis"}
        Colour scale.
    n_levels : int, 2 to 256
        Number of steps.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        The coloured map.
    """
    return np.ascontiguousarray(colormap(scale)[unit_levels(values, n_levels=n_levels)])


def doubt(prob: NDArray[np.floating]) -> NDArray[np.float32]:
    """Turn a probability into doubt: 0 where it is 0 or 1, 1 where it is one half, ``1 - |2p - 1|``.

    Parameters
    ----------
    prob : ndarray of shape (H, W), float, 0 to 1
        Probability of a mark.

    Returns
    -------
    ndarray of shape (H, W), float32, 0 to 1
        Doubt.
    """
    return (1 - np.abs(2 * prob.astype(np.float32) - 1)).astype(np.float32)


def _shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.asarray(cv2.erode(mask.astype(np.uint8), cross)).astype(bool)
