"""The working frame: the panel upright and at the pixel size that the model was trained at, or shrunk to one input.

Prediction runs in this frame through a lazy view; `graven.prepare.views.bring_back` returns to the original grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError, ScaleError
from graven.prepare.rotation import RotationEstimate, correction_affine
from graven.prepare.views import affine_view
from graven.types import Window
from graven.types.affine import IDENTITY, compose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import Affine6, Raster

__all__ = ["WorkingFrame", "fitted_frame", "working_frame"]

BORDER_GREY = 128
"""Value of the borders of a letterboxed picture, of 255."""


@dataclass(frozen=True, slots=True)
class WorkingFrame:
    """Where prediction runs.

    Attributes
    ----------
    raster : Raster
        The view; the original itself where nothing was to be done.
    matrix : tuple of 6 floats
        From pixel coordinates of the working frame to the original.
    factor : tuple of 2 floats
        Original pixels per working pixel, down and across.
    rotation : RotationEstimate or None
        None where the chain has no rotation step.
    notes : tuple of str
        What was done or could not be, one sentence each, for log and report.
    """

    raster: Raster
    matrix: Affine6
    factor: tuple[float, float]
    rotation: RotationEstimate | None
    notes: tuple[str, ...]


def working_frame(
    raster: Raster,
    *,
    rotation: RotationEstimate | None = None,
    pixel_size_mm: float | None = None,
    force_scale: bool = False,
    max_factor: float = 4.0,
    tolerance: float = 0.05,
) -> WorkingFrame:
    """Set up the working frame of a raster.

    Parameters
    ----------
    raster : Raster
        The original.
    rotation : RotationEstimate, optional
        From `graven.prepare.rotation.estimate_rotation`; used where its `applied` is True.
    pixel_size_mm : float, millimetres, optional
        Pixel size that the model was trained at.
    force_scale : bool
        Allow a scale further from the model's than `max_factor`.
    max_factor : float, > 1
        Largest accepted ratio between the two pixel sizes, either way.
    tolerance : float, >= 0
        Within this relative difference pixels are left as they are.

    Returns
    -------
    WorkingFrame
        View, affine and notes.

    Raises
    ------
    ScaleError
        If the pixel sizes differ by more than `max_factor` and `force_scale` is not set.
    InputError
        If the model's pixel size is not positive.

    Notes
    -----
    The panel is turned in its own pixels and then resampled per axis; for pixels that are not square the turn is that
    of the pixel grid.
    """
    matrix, height, width, notes = _upright(raster, rotation)
    down, across = _factors(raster, pixel_size_mm, notes, force_scale=force_scale, max_factor=max_factor)
    if abs(down - 1) <= tolerance and abs(across - 1) <= tolerance:
        down = across = 1.0
    else:
        matrix = compose(matrix, (across, 0.0, 0.0, 0.0, down, 0.0))
        height, width = math.ceil(height / down - 1e-9), math.ceil(width / across - 1e-9)
        notes.append(f"resampled to the model's {pixel_size_mm:g} mm pixels ({across:.3g} x {down:.3g} pixels each)")
    view = raster if matrix == IDENTITY else affine_view(raster, matrix, height, width)
    return WorkingFrame(view, matrix, (down, across), rotation, tuple(notes))


def fitted_frame(
    raster: Raster,
    side_px: int,
    *,
    fit: str,
    rotation: RotationEstimate | None = None,
) -> WorkingFrame:
    """Shrink or enlarge a whole raster to one square network input, whatever its scale.

    Parameters
    ----------
    raster : Raster
        The original.
    side_px : int, pixels
        Side of the square.
    fit : {"stretch", "letterbox"}
        ``stretch`` fills the square, ``letterbox`` keeps the shape of pixels and puts grey borders (128 of 255) on
        either side, which are invalid.
    rotation : RotationEstimate, optional
        As for `working_frame`.

    Returns
    -------
    WorkingFrame
        View, affine, and a note that says how many pixels become one.

    Raises
    ------
    InputError
        If `side_px` is below 1, or `fit` is another word.

    Notes
    -----
    The craquelure paper stretches ("using the resize function"); the public code that its recipe matches letterboxes
    (shared specification C, section 2). Both lose lines that are thinner than a pixel of the square.
    """
    if fit not in ("stretch", "letterbox"):
        raise InputError(f"fit must be stretch or letterbox, got {fit!r}")
    if side_px < 1:
        raise InputError(f"the side of the network input must be at least 1 px, got {side_px}")
    matrix, height, width, notes = _upright(raster, rotation)
    if fit == "stretch":
        down, across = height / side_px, width / side_px
        inside = Window(0, 0, side_px, side_px)
    else:
        down = across = max(height, width) / side_px
        rows, cols = (min(side_px, max(1, round(length / down))) for length in (height, width))
        inside = Window((side_px - rows) // 2, (side_px - cols) // 2, rows, cols)
        down, across = height / rows, width / cols
    matrix = compose(matrix, (across, 0.0, -across * inside.col, 0.0, down, -down * inside.row))
    view = affine_view(raster, matrix, side_px, side_px)
    notes.append(
        f"{fit}: the whole image as one input of {side_px} x {side_px} px ({across:.3g} x {down:.3g} pixels each); "
        "lines thinner than that are lost"
    )
    return WorkingFrame(_bordered(view, inside), matrix, (down, across), rotation, tuple(notes))


def _upright(raster: Raster, rotation: RotationEstimate | None) -> tuple[Affine6, int, int, list[str]]:
    """Give the affine and size of the upright panel, and what to note."""
    if rotation is None or not rotation.applied:
        return IDENTITY, raster.height, raster.width, []
    matrix, height, width = correction_affine(raster.height, raster.width, rotation.skew_deg)
    return matrix, height, width, [f"rotation: {rotation.reason}"]


def _bordered(view: Raster, inside: Window) -> Raster:
    """See a raster with grey, invalid borders around a window."""
    if inside == view.bounds:
        return view
    full = np.iinfo(view.dtype).max if np.issubdtype(view.dtype, np.integer) else 255
    grey = view.dtype.type(full * BORDER_GREY // 255)

    def within(window: Window) -> NDArray[np.bool_]:
        rows, cols = window.row + np.arange(window.height), window.col + np.arange(window.width)
        is_row, is_col = (rows >= inside.row) & (rows < inside.row_end), (cols >= inside.col) & (cols < inside.col_end)
        both: NDArray[np.bool_] = is_row[:, None] & is_col
        return both

    def read_pixels(window: Window) -> NDArray[Any]:
        return np.where(within(window), view.read(window), grey)

    def read_valid(window: Window) -> NDArray[np.bool_]:
        return within(window) & view.read_valid(window)

    return replace(view, read_pixels=read_pixels, read_valid=read_valid)


def _factors(
    raster: Raster, pixel_size_mm: float | None, notes: list[str], *, force_scale: bool, max_factor: float
) -> tuple[float, float]:
    if pixel_size_mm is None:
        return 1.0, 1.0
    if not pixel_size_mm > 0:
        raise InputError(f"the model's pixel size must be above 0 mm, got {pixel_size_mm}")
    if raster.pixel_size is None:
        notes.append(
            f"no scale is known; pixels are taken as they are, the model was trained at {pixel_size_mm:g} mm per pixel"
        )
        return 1.0, 1.0
    down, across = pixel_size_mm / raster.pixel_size.y_mm, pixel_size_mm / raster.pixel_size.x_mm
    worst = max(down, across, 1 / down, 1 / across)
    if worst > max_factor and not force_scale:
        raise ScaleError(
            f"the image has {raster.pixel_size.mean_mm:.4g} mm per pixel, the model was trained at {pixel_size_mm:g}; "
            f"they differ {worst:.1f} times and at most {max_factor:g} is accepted; check --scale or give --force-scale"
        )
    return down, across
