"""Photometric stereo from top to bottom: images and their lights → normals, albedo, height, and how good they are.

Images stream in bands of rows; normals, albedo and residuals go to scratch files. Only the integration sees the whole
surface at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from graven.errors import DataError, UsageError
from graven.io.floatrows import Planes
from graven.photometric.black_level import estimate_black_level
from graven.photometric.checks import integrability_deg, relative_residual
from graven.photometric.integrate import integrate_slopes
from graven.photometric.lambertian import lambertian_normals
from graven.photometric.near import near_normals, pixel_places
from graven.photometric.plane import remove_plane
from graven.photometric.robust import SURFACES, robust_normals
from graven.photometric.slopes import grid_slopes
from graven.photometric.stack import MAX_CONDITION, SurfaceFit, light_condition
from graven.types import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.io.lightstack import LightStack
    from graven.photometric.integrate import Integration
    from graven.types import Lights

__all__ = ["KINDS", "METHODS", "StereoSettings", "StereoSurface", "find_surface", "settle_black_level"]

METHODS = ("robust", "lambert", "near")
KINDS = ("metal", "matt")

_SAMPLE_BYTES = 64 << 20
_SAMPLE_ROWS = 8
_CHECK_ROWS = 512


@dataclass(frozen=True, slots=True)
class StereoSettings:
    """How a surface is found.

    Attributes
    ----------
    method : {"robust", "lambert", "near"}
        Reweighted least squares, plain least squares, or reweighted with lamps that stand near.
    surface : {"metal", "matt"}
        What reweighting expects: highlights, or shadows.
    integration : {"auto", "dct", "masked", "fc"}
        As in `graven.photometric.integrate.integrate_normals`.
    cos_power : float, >= 0
        How a near lamp fades to its sides.
    near_rounds : int, >= 1
        Turns of normals and heights for near lamps.
    """

    method: Literal["robust", "lambert", "near"] = "robust"
    surface: Literal["metal", "matt"] = "metal"
    integration: Integration = "auto"
    cos_power: float = 0.0
    near_rounds: int = 4


@dataclass(frozen=True, slots=True)
class StereoSurface:
    """What was found; everything has the size of the images and is NaN outside the object.

    Attributes
    ----------
    normals : Planes
        Three: x right, y up, z towards the viewer.
    albedo, residual, relit, misfit_deg : Planes
        One each: albedo, what the fit leaves (weighted), what the relit surface leaves of all images, and the angle
        between normal and height. `relit` is None for near lamps.
    height : Planes
        One: millimetres, or pixels where no scale is known; the best plane is taken away.
    n_pixels : int, pixels
        Where there is a normal.
    n_asked : int, pixels
        Where one was looked for.
    notes : tuple of str
        What a reader must know.
    """

    normals: Planes
    albedo: Planes
    residual: Planes
    relit: Planes | None
    misfit_deg: Planes
    height: Planes
    n_pixels: int
    n_asked: int
    notes: tuple[str, ...]


def settle_black_level(
    stack: LightStack, lights: Lights, text: str, *, mask: NDArray[np.bool_] | None
) -> tuple[LightStack, str]:
    """Take the offset of the images away.

    Parameters
    ----------
    stack : LightStack
        Images, not yet changed.
    lights : Lights
        As they stand, without what flats do to their strengths.
    text : str
        ``auto``, or a stored value.
    mask : ndarray of shape (H, W), bool, optional
        Where the object is.

    Returns
    -------
    stack : LightStack
        With its black level.
    note : str
        What was done, one sentence.

    Raises
    ------
    UsageError
        If the text is neither, or a value is given along with a dark frame.
    InputError
        If the value is outside the range of the images.
    """
    if text != "auto":
        try:
            stored = float(text)
        except ValueError:
            raise UsageError(f"--black-level takes auto or a stored value such as 300, got {text!r}") from None
        if stack.dark is not None and stored:
            raise UsageError("give --dark or --black-level, not both: each states what no light looks like")
        return stack.with_black(stored), f"black level {stored:g}, as stated"
    if stack.dark is not None:
        return stack, "black level from the dark frame"
    plain = replace(stack, flats=())
    rows = max(_SAMPLE_ROWS, _SAMPLE_BYTES // (4 * stack.width * len(stack.images)))
    step = max(_SAMPLE_ROWS, _SAMPLE_ROWS * stack.height // rows)
    greys, known = [], []
    for row in range(0, stack.height, step):
        window = Window(row, 0, min(_SAMPLE_ROWS, stack.height - row), stack.width)
        grey, valid = plain.read(window)
        greys.append(grey)
        known.append(valid if mask is None else valid & mask[window.slices()])
    images, valid = np.concatenate(greys, axis=1), np.concatenate(known)
    seen = lights.at_centre()
    found = estimate_black_level(images, seen.towards, strengths=seen.strengths, valid=valid)
    if not (np.isfinite(found.level) and found.is_certain):
        return stack, "black level 0: the surface is not matt enough to estimate one; a dark frame would tell (--dark)"
    share = found.level / found.brightness
    return replace(stack, black=found.level), (
        f"black level {found.level:.4g} of linear values, estimated from {found.n_pixels} pixels ({100 * share:.2g} % "
        "of their brightness)"
    )


def find_surface(
    stack: LightStack,
    lights: Lights,
    settings: StereoSettings,
    *,
    mask: NDArray[np.bool_] | None,
    pixel_pitch: float,
    scratch: Path,
    progress: Callable[[int, int], None],
) -> StereoSurface:
    """Find normals, albedo and height.

    Parameters
    ----------
    stack : LightStack
        Images, with their black level.
    lights : Lights
        In the order of the images.
    settings : StereoSettings
        How.
    mask : ndarray of shape (H, W), bool, optional
        Where the object is; everywhere by default.
    pixel_pitch : float, > 0
        Side of a pixel in millimetres, or 1 for heights in pixels.
    scratch : Path
        Existing folder for what is too large for memory.
    progress : callable
        ``progress(rows done, rows in all)``.

    Returns
    -------
    StereoSurface
        Its planes lie in `scratch`.

    Raises
    ------
    DataError
        If no pixel could be solved.
    InputError
        As the solvers.
    """
    size = {"height": stack.height, "width": stack.width}
    normals = Planes(scratch / "normals.raw", n_planes=3, **size)
    single = {
        name: Planes(scratch / f"{name}.raw", n_planes=1, **size)
        for name in ("albedo", "residual", "relit", "misfit", "height")
    }
    near = settings.method == "near"
    rounds = settings.near_rounds if near else 1
    n_pixels = n_asked = 0
    for turn in range(rounds):
        n_pixels = n_asked = 0
        for window in stack.bands():
            images, valid = stack.read(window)
            if mask is not None:
                valid &= mask[window.slices()]
            if near:
                guess = single["height"].read(window)[0]  # zeros to begin with
                fit = _fit_near(images, valid, guess, lights, settings, stack=stack, row=window.row, pitch=pixel_pitch)
            else:
                fit = _fit_far(images, valid, lights, settings)
            n_asked, n_pixels = n_asked + int(valid.sum()), n_pixels + int(fit.valid.sum())
            normals.write(window.row, fit.normals)
            single["albedo"].write(window.row, fit.albedo[None])
            single["residual"].write(window.row, fit.residual[None])
            if not near:
                seen = lights.at_centre()
                relit = relative_residual(fit, images, seen.towards, strengths=seen.strengths)
                single["relit"].write(window.row, relit[None])
            progress(turn * stack.height + window.row_end, rounds * stack.height)
        if not n_pixels:
            raise DataError("no pixel could be solved: fewer than three lights reach it unclipped; check the exposures")
        height = _integrate(normals, mask, settings.integration, pixel_pitch)
        single["height"].write(0, height[None])
    _check(normals, height, single["misfit"], pixel_pitch)
    single["height"].write(0, remove_plane(height)[None])
    return StereoSurface(
        normals,
        single["albedo"],
        single["residual"],
        None if near else single["relit"],
        single["misfit"],
        single["height"],
        n_pixels,
        n_asked,
        _notes(lights, n_pixels, n_asked),
    )


def _fit_far(
    images: NDArray[np.float32], valid: NDArray[np.bool_], lights: Lights, settings: StereoSettings
) -> SurfaceFit:
    """Fit one band; clipped values are NaN, which no fit uses."""
    seen = lights.at_centre()
    if settings.method == "lambert":
        return lambertian_normals(images, seen.towards, strengths=seen.strengths, valid=valid)
    kind = SURFACES[settings.surface]
    return robust_normals(images, seen.towards, strengths=seen.strengths, valid=valid, settings=kind)


def _fit_near(
    images: NDArray[np.float32],
    valid: NDArray[np.bool_],
    guess: NDArray[np.float32],
    lights: Lights,
    settings: StereoSettings,
    *,
    stack: LightStack,
    row: int,
    pitch: float,
) -> SurfaceFit:
    """Fit one band that begins at `row` with the heights as they are known so far."""
    x_mm, y_mm = pixel_places((stack.height, stack.width), pixel_size_mm=pitch)
    return near_normals(
        images,
        np.asarray(lights.positions_mm),
        x_mm=x_mm,
        y_mm=y_mm[row : row + images.shape[1]],
        height_mm=guess,
        strengths=lights.at_centre().strengths,
        valid=valid,
        cos_power=settings.cos_power,
        settings=SURFACES[settings.surface],
    )


def _integrate(
    normals: Planes, mask: NDArray[np.bool_] | None, method: Integration, pixel_pitch: float
) -> NDArray[np.float32]:
    """Integrate without having all normals in memory beside their slopes."""
    size = normals.shape[1:]
    known = np.ones(size, bool) if mask is None else mask.copy()
    dcol, drow = np.empty(size, np.float32), np.empty(size, np.float32)
    for window, block in normals.blocks():
        at = window.slices()
        dcol[at], drow[at] = grid_slopes(block, pixel_size_mm=pixel_pitch)
        known[at] &= np.isfinite(block).all(axis=0)
    return integrate_slopes(dcol, drow, known, method=method)


def _check(normals: Planes, height: NDArray[np.float32], out: Planes, pixel_pitch: float) -> None:
    """Compare normals with those of the height, in bands that overlap by the row that differences need."""
    rows = height.shape[0]
    for row in range(0, rows, _CHECK_ROWS):
        end = min(row + _CHECK_ROWS, rows)
        low, high = max(0, row - 1), min(rows, end + 1)
        band = normals.read(Window(low, 0, high - low, height.shape[1]))
        angles = integrability_deg(band, height[low:high], pixel_size_mm=pixel_pitch)
        out.write(row, angles[None, row - low : end - low])


def _notes(lights: Lights, n_pixels: int, n_asked: int) -> tuple[str, ...]:
    notes = []
    seen = lights.at_centre()
    condition = light_condition(seen.towards, seen.strengths)
    if condition > MAX_CONDITION:
        notes.append(f"the lights stand close together (condition {condition:.2g}), so that normals follow the noise")
    if n_pixels < n_asked:
        share = 100 * (n_asked - n_pixels) / n_asked
        notes.append(f"{share:.2g} % of the object could not be solved: too few lights reach it, or it faces away")
    return tuple(notes)
