"""What is laid over a photograph: outlines, what the gate saw and passed over, agreement with the truth.

Kernels: plain arrays in, arrays out. Everything arrives at picture size (see `graven.report.overview`); axes are
``[row, col]`` and colour is last, as a picture file has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError
from graven.report.palette import FALSE_ALARM, HIT, MISS, UNKNOWN, hatch_mask
from graven.report.pictures import zero_one_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import ClassTable, TileGrid

__all__ = ["cam_overlay", "doubt_overlay", "evaluation_overlay", "outline_overlay", "skipped_overlay"]


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


def cam_overlay(photo: NDArray[np.uint8], activation: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Lay what the gate saw over a grey photograph.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3), uint8
        The photograph.
    activation : ndarray of shape (h, w), float, 0 to 1
        Its coarse probability or class activation map; enlarged bilinearly to the photograph.

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


def doubt_overlay(
    photo: NDArray[np.uint8], prob: NDArray[np.floating], *, low: float = 0.25, high: float = 0.75, rim_px: int = 2
) -> NDArray[np.uint8]:
    """Hatch the places of a pale photograph at which a model wavered.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3), uint8
        The photograph.
    prob : ndarray of shape (H, W), float, 0 to 1
        Probability of a mark.
    low, high : float
        A model wavers from `low` up to `high`.
    rim_px : int, >= 0
        The rim of what is sure is no doubt: places so near to a probability above `high` are left out.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        Black hatch with a black edge, on a grey and pale photograph.
    """
    _same_shape(photo, prob)
    sure = _grown(prob > high, rim_px) if rim_px else prob > high
    wavers = _grown((prob >= low) & (prob <= high) & ~sure, 1)
    inner = wavers & ~_grown(~wavers, 1)
    pale = np.rint(0.45 * _grey(photo) + 0.55 * 255).astype(np.uint8)
    picture = np.repeat(pale[..., None], 3, axis=2)
    picture[inner] = 255
    picture[wavers & (hatch_mask("diagonal", prob.shape, period_px=5) | ~inner)] = 0
    return picture


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
        picture = np.repeat(np.rint(0.6 * _grey(photo)).astype(np.uint8)[..., None], 3, axis=2)
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


def _same_shape(photo: NDArray[np.uint8], mask: NDArray[np.generic]) -> None:
    if photo.ndim != 3 or photo.shape != (*mask.shape, 3):
        raise InputError(f"photograph and mask must have one size, got {photo.shape} and {mask.shape}")
