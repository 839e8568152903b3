"""The working frame: the panel upright and at the pixel size that the model was trained at.

Prediction runs in this frame through a lazy view; `graven.prepare.views.bring_back` returns to the original grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.errors import InputError, ScaleError
from graven.prepare.rotation import RotationEstimate, correction_affine
from graven.prepare.views import affine_view
from graven.types.affine import IDENTITY, compose

if TYPE_CHECKING:
    from graven.types import Affine6, Raster

__all__ = ["WorkingFrame", "working_frame"]


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
    notes: list[str] = []
    matrix, height, width = IDENTITY, raster.height, raster.width
    if rotation is not None and rotation.applied:
        notes.append(f"rotation: {rotation.reason}")
        matrix, height, width = correction_affine(height, width, rotation.skew_deg)
    down, across = _factors(raster, pixel_size_mm, notes, force_scale=force_scale, max_factor=max_factor)
    if abs(down - 1) <= tolerance and abs(across - 1) <= tolerance:
        down = across = 1.0
    else:
        matrix = compose(matrix, (across, 0.0, 0.0, 0.0, down, 0.0))
        height, width = math.ceil(height / down - 1e-9), math.ceil(width / across - 1e-9)
        notes.append(f"resampled to the model's {pixel_size_mm:g} mm pixels ({across:.3g} x {down:.3g} pixels each)")
    view = raster if matrix == IDENTITY else affine_view(raster, matrix, height, width)
    return WorkingFrame(view, matrix, (down, across), rotation, tuple(notes))


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
