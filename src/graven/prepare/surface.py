"""Surfaces as networks for engravings see them: height, normals and albedo in any combination, each as bands of bytes.

A surface is one raster of floats whose bands are layers, one after the other: the height (1 band), the normal (3: x
right, y up, z towards the viewer), the albedo (1). Each step of a preparation takes one layer; the steps together say
which layers a network sees, and in which order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError
from graven.prepare.detrend import CLIP, DetailStatistics, detail_input, highpass_statistics, highpass_view
from graven.prepare.heights import (
    FILL_MARGIN_PX,
    fill_gaps,
    filled_view,
    first_known,
    heights_view,
    local_view,
    row_bands,
)
from graven.types.surface import LAYERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from graven.types import PrepareStep, Raster, Window

__all__ = [
    "SURFACE_STEPS",
    "SurfaceStep",
    "albedo_view",
    "band_of_normals",
    "filled_surface",
    "known_surface",
    "layers_of",
    "measured_step",
    "normals_view",
    "prepared_surface",
]

HALF_RANGE = np.float32(127.5)


def normals_view(raster: Raster) -> Raster:
    """See normals as bytes: ``(n + 1) / 2`` of the unit vector.

    Parameters
    ----------
    raster : Raster
        Three bands of float: x right, y up, z towards the viewer; of any length.

    Returns
    -------
    Raster
        float32, 0 to 255. Where the normal is not known it faces the viewer: 127.5, 127.5, 255.
    """

    def read_pixels(window: Window) -> NDArray[np.float32]:
        normals = raster.read_pixels(window).astype(np.float32)
        length = np.sqrt(np.square(normals).sum(axis=0))
        is_known = raster.read_valid(window) & np.isfinite(length) & (length > 0)
        facing = np.array([0, 0, 1], np.float32)[:, None, None]
        unit = np.where(is_known, normals / np.where(is_known, length, np.float32(1)), facing)
        return (unit + 1) * HALF_RANGE

    return replace(raster, dtype=np.dtype(np.float32), read_pixels=read_pixels, overviews={})


def _albedo_statistics(raster: Raster) -> DetailStatistics:
    """Measure mean and deviation of the albedo over its valid pixels; they are shares, not millimetres."""
    count, total, square = 0, 0.0, 0.0
    for window in row_bands(raster):
        values = raster.read_pixels(window)[0].astype(np.float64)
        known = values[raster.read_valid(window) & np.isfinite(values)]
        count, total, square = count + known.size, total + float(known.sum()), square + float(np.square(known).sum())
    mean = total / count if count else 0.0
    variance = square / count - mean**2 if count else 0.0
    if not variance > 1e-12 * mean**2:
        raise DataError(f"{raster.name}: the albedo is the same everywhere or not known; leave it out")
    return DetailStatistics(mean, variance**0.5)


def albedo_view(raster: Raster, *, clip: float = CLIP, mean: float | None = None, std: float | None = None) -> Raster:
    """See the albedo as bytes: standardised over the valid pixels, clipped, and brought to the range.

    Parameters
    ----------
    raster : Raster
        One band of float.
    clip : float, > 0
        What lies more standard deviations from the mean is clipped.
    mean, std : float, optional
        Of the whole surface; without them a first pass measures them now.

    Returns
    -------
    Raster
        float32, 0 to 255; 127.5 is the mean, and what is not known.

    Raises
    ------
    DataError
        If all values are the same, or none is known.
    InputError
        If `clip` or `std` is not positive.

    Notes
    -----
    The published code takes least and greatest value for the ends of the range, which one highlight can move.
    """
    statistics = _albedo_statistics(raster) if mean is None or std is None else DetailStatistics(mean, std)
    detail_input(np.zeros(0, np.float32), statistics, clip=clip)

    def to_bytes(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return detail_input(values, statistics, clip=clip) * np.float32(255)

    return local_view(_known_view(raster), to_bytes, margin_px=0)


@dataclass(frozen=True, slots=True)
class SurfaceStep:
    """How one layer of a surface is prepared.

    Attributes
    ----------
    layer : str
        Key of `graven.types.surface.LAYERS`; it makes as many bands as it takes.
    view : callable
        ``view(raster, **options)``.
    options : frozenset of str
        What it takes; those that `measure` gives may be left out.
    measure : callable or None
        ``measure(raster, options) -> dict``: the options that depend on the whole surface.
    """

    layer: str
    view: Callable[..., Raster]
    options: frozenset[str]
    measure: Callable[[Raster, dict[str, Any]], dict[str, float]] | None = None

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of its bands."""
        return LAYERS[self.layer]


def _measured_height(raster: Raster, options: dict[str, Any]) -> dict[str, float]:
    found = highpass_statistics(raster, **{name: value for name, value in options.items() if name == "sigma_mm"})
    return {"mean_mm": found.mean_mm, "std_mm": found.std_mm}


def _measured_albedo(raster: Raster, _options: dict[str, Any]) -> dict[str, float]:
    found = _albedo_statistics(raster)
    return {"mean": found.mean_mm, "std": found.std_mm}


SURFACE_STEPS: dict[str, SurfaceStep] = {
    "highpass": SurfaceStep(
        "height", highpass_view, frozenset({"sigma_mm", "clip", "mean_mm", "std_mm"}), _measured_height
    ),
    "normals": SurfaceStep("normals", normals_view, frozenset()),
    "albedo": SurfaceStep("albedo", albedo_view, frozenset({"clip", "mean", "std"}), _measured_albedo),
}
"""Steps by name; each prepares one layer, and their statistics are filled in by `PrepareChain.measured`."""


def layers_of(steps: Sequence[PrepareStep]) -> tuple[str, ...]:
    """Name the layers that a preparation takes.

    Parameters
    ----------
    steps : sequence of PrepareStep
        Of a model or a recipe.

    Returns
    -------
    tuple of str
        Some of ``height``, ``normals`` and ``albedo``, in the order of the bands; none for photographs.

    Examples
    --------
    >>> from graven.types import PrepareStep
    >>> layers_of((PrepareStep("normals"), PrepareStep("albedo")))
    ('normals', 'albedo')
    """
    return tuple(SURFACE_STEPS[step.name].layer for step in steps if step.name in SURFACE_STEPS)


def band_of_normals(steps: Sequence[Any]) -> int | None:
    """Find the normals among the bands of a preparation.

    Parameters
    ----------
    steps : sequence with attribute ``name``
        As of `layers_of`.

    Returns
    -------
    int or None
        Index of the first of their three bands; None where there are none.

    Examples
    --------
    >>> from graven.types import PrepareStep
    >>> band_of_normals((PrepareStep("highpass"), PrepareStep("normals")))
    1
    """
    names = [name for step in steps if step.name in SURFACE_STEPS for name in SURFACE_STEPS[step.name].bands]
    first = LAYERS["normals"][0]
    return names.index(first) if first in names else None


def known_surface(raster: Raster, steps: Sequence[PrepareStep]) -> Raster:
    """See a surface as floats with NaN where something of it is not known.

    Parameters
    ----------
    raster : Raster
        Bands of float, those of the layers of `steps` one after the other.
    steps : sequence of PrepareStep
        Of the preparation.

    Returns
    -------
    Raster
        float32. Heights count from the first known pixel (`graven.prepare.heights.heights_view`). Valid where every
        band is known.

    Raises
    ------
    DataError
        If the bands are not those, or not of float, or no height is known.
    """
    if len(steps) == 1 and steps[0].name == "highpass":
        return heights_view(raster)
    n_bands = sum(len(SURFACE_STEPS[step.name].bands) for step in steps)
    if raster.n_bands != n_bands or raster.dtype.kind != "f":
        listed = ", ".join(layers_of(steps))
        raise DataError(
            f"{raster.name} has {raster.n_bands} bands of {raster.dtype}; the model takes {listed}, {n_bands} bands of "
            "float32"
        )
    level = np.zeros((n_bands, 1, 1))
    for part, step, band in _layers(raster, steps):
        if step.name == "highpass":
            level[band] = first_known(part)

    def read_pixels(window: Window) -> NDArray[np.float32]:
        values = (raster.read_pixels(window) - level).astype(np.float32)
        return np.where(raster.read_valid(window) & np.isfinite(values).all(axis=0), values, np.float32(np.nan))

    def read_valid(window: Window) -> NDArray[np.bool_]:
        return np.asarray(np.isfinite(read_pixels(window)[0]))

    return replace(raster, dtype=np.dtype(np.float32), read_pixels=read_pixels, read_valid=read_valid, overviews={})


def filled_surface(surface: Raster) -> Raster:
    """See a surface without gaps, so that it can be resampled; see `graven.prepare.heights.filled_view`.

    Parameters
    ----------
    surface : Raster
        From `known_surface`.

    Returns
    -------
    Raster
        The same where it is known, and the same valid mask.
    """

    def read_pixels(window: Window) -> NDArray[np.float32]:
        around = window.padded(FILL_MARGIN_PX).intersection(surface.bounds)
        rows, cols = window.relative_to(around).slices()
        return np.stack([fill_gaps(band)[rows, cols] for band in surface.read_pixels(around)])

    return filled_view(surface) if surface.n_bands == 1 else replace(surface, read_pixels=read_pixels)


def prepared_surface(surface: Raster, steps: Sequence[PrepareStep]) -> Raster:
    """See the layers of a surface as their steps prepare them.

    Parameters
    ----------
    surface : Raster
        As `known_surface` takes it.
    steps : sequence of PrepareStep
        One for each layer.

    Returns
    -------
    Raster
        float32, 0 to 255, the bands of all steps.

    Raises
    ------
    DataError, ScaleError, InputError
        As the steps do.
    """
    if len(steps) == 1:
        return SURFACE_STEPS[steps[0].name].view(surface, **steps[0].options)
    return _stacked([SURFACE_STEPS[step.name].view(part, **step.options) for part, step, _ in _layers(surface, steps)])


def measured_step(surface: Raster, steps: Sequence[PrepareStep], index: int) -> PrepareStep:
    """Fill in what a step needs to know of the whole surface.

    Parameters
    ----------
    surface : Raster
        As `known_surface` takes it.
    steps : sequence of PrepareStep
        All of the preparation.
    index : int
        Which of them.

    Returns
    -------
    PrepareStep
        With the statistics among its options; itself where nothing is missing.

    Raises
    ------
    DataError, ScaleError
        If the layer is without detail, or has no scale where it needs one.
    """
    step = steps[index]
    measure = SURFACE_STEPS[step.name].measure
    if measure is None or {"std_mm", "std"} & set(step.options):
        return step
    part = surface if len(steps) == 1 else _layers(surface, steps)[index][0]
    return replace(step, options={**step.options, **measure(part, dict(step.options))})


def _layers(surface: Raster, steps: Sequence[PrepareStep]) -> list[tuple[Raster, PrepareStep, int]]:
    """Take a surface apart: the raster of each step, and its first band."""
    parts, first = [], 0
    for step in steps:
        n_bands = len(SURFACE_STEPS[step.name].bands)
        parts.append((_picked(surface, first, n_bands), step, first))
        first += n_bands
    return parts


def _picked(raster: Raster, first: int, n_bands: int) -> Raster:
    """See some bands of a raster."""

    def read_pixels(window: Window) -> NDArray[Any]:
        return raster.read_pixels(window)[first : first + n_bands]

    return replace(raster, n_bands=n_bands, read_pixels=read_pixels, overviews={})


def _known_view(raster: Raster) -> Raster:
    """See floats with NaN, and as invalid, wherever one of the bands is not known."""

    def read_valid(window: Window) -> NDArray[np.bool_]:
        return np.asarray(raster.read_valid(window) & np.isfinite(raster.read_pixels(window)).all(axis=0))

    def read_pixels(window: Window) -> NDArray[np.float32]:
        values = raster.read_pixels(window).astype(np.float32)
        return np.where(raster.read_valid(window) & np.isfinite(values).all(axis=0), values, np.float32(np.nan))

    return replace(raster, dtype=np.dtype(np.float32), read_pixels=read_pixels, read_valid=read_valid, overviews={})


def _stacked(parts: Sequence[Raster]) -> Raster:
    """Put the bands of rasters of one grid on top of each other; valid where all are."""

    def read_pixels(window: Window) -> NDArray[np.float32]:
        return np.concatenate([part.read_pixels(window) for part in parts])

    def read_valid(window: Window) -> NDArray[np.bool_]:
        return np.asarray(np.logical_and.reduce([part.read_valid(window) for part in parts]))

    n_bands = sum(part.n_bands for part in parts)
    return replace(
        parts[0],
        n_bands=n_bands,
        dtype=np.dtype(np.float32),
        read_pixels=read_pixels,
        read_valid=read_valid,
        overviews={},
    )
