"""The pictures of a record as arrays: outlines on the photograph, class and probability maps, what the gate saw.

Kernels: plain arrays in, arrays out. Everything arrives at picture size (see `graven.report.overview`); axes are
``[row, col]`` and colour is last, as a picture file has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError
from graven.report.palette import FALSE_ALARM, HIT, MISS, UNKNOWN, colormap, hatch_mask
from graven.types import NODATA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import ClassTable, TileGrid

__all__ = [
    "as_rgb",
    "cam_overlay",
    "class_map",
    "doubt",
    "evaluation_overlay",
    "outline_overlay",
    "skipped_overlay",
    "unit_levels",
    "zero_one_picture",
]

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


def outline_overlay(
    photo: NDArray[np.uint8], labels: NDArray[np.uint8], classes: ClassTable, *, line_px: int = 2
) -> NDArray[np.uint8]:
    """Draw the outline of every class on the photograph, just outside its pixels, with a white halo.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3), uint8
        The photograph.
    labels : ndarray of shape (H, W), uint8
        0 background, class ids, 255 nodata.
    classes : ClassTable
        Colours.
    line_px : int, >= 1
        Width of the coloured line; the halo is one pixel wider. What lies under the marks stays visible.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        The photograph with outlines.
    """
    _same_shape(photo, labels)
    picture = photo.copy()
    rings = [(entry, labels == entry.id) for entry in classes.classes]
    for _, inside in rings:
        picture[_grown(inside, line_px + 1) & ~inside] = 255
    for entry, inside in rings:
        picture[_grown(inside, line_px) & ~inside] = entry.rgb
    return picture


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


def cam_overlay(photo: NDArray[np.uint8], activation: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Lay the class activation map of the gate over a grey photograph.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3), uint8
        The photograph.
    activation : ndarray of shape (h, w), float, 0 to 1
        Where the gate looked; enlarged bilinearly to the photograph.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        Viridis over grey; the weaker the activation, the more rock shows.
    """
    height, width = photo.shape[:2]
    heat = cv2.resize(activation.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    color = zero_one_picture(np.clip(heat, 0, 1), scale="viridis", n_levels=256)
    weight = (0.2 + 0.5 * np.clip(heat, 0, 1))[..., None]
    return np.rint((1 - weight) * _grey(photo)[..., None] + weight * color).astype(np.uint8)


def skipped_overlay(photo: NDArray[np.uint8], skipped: NDArray[np.bool_], grid: TileGrid) -> NDArray[np.uint8]:
    """Veil the parts of the photograph that the gate did not pass on.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3), uint8
        The photograph at picture size.
    skipped : ndarray of shape (n_rows, n_cols), bool
        Per tile of `grid`: True where it was skipped.
    grid : TileGrid
        Tiles of the full raster.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        Pale and hatched where **every** tile over a pixel was skipped; untouched elsewhere.

    Raises
    ------
    InputError
        If `skipped` has another shape than the grid; both are shown.
    """
    if skipped.shape != (grid.n_rows, grid.n_cols):
        raise InputError(f"the gate needs one answer per tile, {(grid.n_rows, grid.n_cols)}, got {skipped.shape}")
    height, width = photo.shape[:2]
    seen = np.zeros((height, width), bool)
    scale_row, scale_col = height / grid.height, width / grid.width
    for row, col, window in grid.windows():
        if not skipped[row, col]:
            rows = slice(max(0, round(window.row * scale_row)), max(0, round(window.row_end * scale_row)))
            cols = slice(max(0, round(window.col * scale_col)), max(0, round(window.col_end * scale_col)))
            seen[rows, cols] = True
    veiled = np.rint(0.35 * photo + 0.65 * 255).astype(np.uint8)
    veiled[hatch_mask("diagonal", (height, width), period_px=12)] = (150, 150, 150)
    return np.where(seen[..., None], photo, veiled)


def evaluation_overlay(
    preds: NDArray[np.bool_],
    target: NDArray[np.bool_],
    *,
    photo: NDArray[np.uint8] | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Show where a prediction agrees with the truth: hit white, miss blue, false alarm orange.

    Parameters
    ----------
    preds, target : ndarray of shape (H, W), bool
        Prediction and truth.
    photo : ndarray of shape (H, W, 3), uint8, optional
        Drawn dark and grey underneath; without it the ground is near black.
    valid : ndarray of shape (H, W), bool, optional
        False where nothing is judged; drawn in the grey of unknown pixels.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        The overlay.

    Raises
    ------
    InputError
        If shapes differ.

    Examples
    --------
    >>> found, truth = np.array([[True, True, False, False]]), np.array([[True, False, True, False]])
    >>> evaluation_overlay(found, truth)[0].tolist()
    [[255, 255, 255], [230, 159, 0], [0, 114, 178], [28, 28, 30]]
    """
    if preds.shape != target.shape or (valid is not None and valid.shape != preds.shape):
        shapes = [preds.shape, target.shape] + ([] if valid is None else [valid.shape])
        raise InputError(f"prediction, truth and valid mask must have one shape, got {shapes}")
    if photo is None:
        picture = np.full((*preds.shape, 3), (28, 28, 30), np.uint8)
    else:
        _same_shape(photo, preds)
        picture = np.repeat(np.rint(0.45 * _grey(photo)).astype(np.uint8)[..., None], 3, axis=2)
    picture[preds & target] = HIT
    picture[~preds & target] = MISS
    picture[preds & ~target] = FALSE_ALARM
    if valid is not None:
        picture[~valid] = UNKNOWN
    return picture


def _grey(photo: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey: NDArray[np.float64] = photo.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return grey


def _grown(mask: NDArray[np.bool_], reach_px: int) -> NDArray[np.bool_]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1, 2 * reach_px + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel)).astype(bool)


def _shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.asarray(cv2.erode(mask.astype(np.uint8), cross)).astype(bool)


def _same_shape(photo: NDArray[np.uint8], mask: NDArray[np.generic]) -> None:
    if photo.ndim != 3 or photo.shape != (*mask.shape, 3):
        raise InputError(f"photograph and mask must have one size, got {photo.shape} and {mask.shape}")
