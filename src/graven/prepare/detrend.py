"""Heights as the networks for engravings see them: the slow shape removed, detail standardised to a fixed range.

The steps are those of the published code (methods/engraving-refinement, section 3), which
`graven.prepare.detrend_official` repeats as it stands. Here means are of known heights only and statistics of the
object only, and these are measured in a first pass and passed in, so that tiles show no seams.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import DataError, InputError
from graven.prepare.heights import (
    check_pixel_size,
    heights_view,
    known_height,
    local_view,
    row_bands,
    square_pixel_mm,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from graven.types import Raster

__all__ = [
    "DetailStatistics",
    "detail_input",
    "detail_statistics",
    "highpass",
    "highpass_margin_px",
    "highpass_statistics",
    "highpass_view",
]

TRUNCATE = 4.0
CLIP = 3.0


@dataclass(frozen=True, slots=True)
class DetailStatistics:
    """What a whole surface says about its detail, measured before any of it is cut into tiles.

    Attributes
    ----------
    mean_mm : float, millimetres
        Mean of the detail.
    std_mm : float, millimetres, > 0
        Its standard deviation.
    """

    mean_mm: float
    std_mm: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean_mm) and math.isfinite(self.std_mm) and self.std_mm > 0):
            raise InputError(
                f"detail needs a finite mean and a deviation above 0, got {self.mean_mm} and {self.std_mm}"
            )


def highpass_margin_px(sigma_mm: float, *, pixel_size_mm: float) -> int:
    """Give how far the result of `highpass` depends on neighbours.

    Parameters
    ----------
    sigma_mm, pixel_size_mm : float, millimetres, > 0
        As in `highpass`.

    Returns
    -------
    int, pixels
        ``ceil(4 * sigma)``.

    Raises
    ------
    InputError
        If one of them is not positive and finite.

    Examples
    --------
    >>> highpass_margin_px(1.0, pixel_size_mm=0.05)
    80
    """
    check_pixel_size(pixel_size_mm)
    if not (math.isfinite(sigma_mm) and sigma_mm > 0):
        raise InputError(f"the width of the Gaussian must be positive and finite, got {sigma_mm} mm")
    return math.ceil(round(TRUNCATE * sigma_mm / pixel_size_mm, 6))


def highpass(
    height: NDArray[Any], *, pixel_size_mm: float, sigma_mm: float = 1.0, valid: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Remove the slow shape of a surface and keep its engraved detail.

    The Gaussian mean of the known neighbours is subtracted (normalised convolution).

    Parameters
    ----------
    height : ndarray of shape (H, W), float32, millimetres
        Heights, growing towards the viewer; NaN where they are not known.
    pixel_size_mm : float, millimetres, > 0
        Side of a pixel.
    sigma_mm : float, millimetres, > 0
        Width of the Gaussian, cut at four times that. Shapes wider than about three times that disappear.
    valid : ndarray of shape (H, W), bool, optional
        False where `height` is not to be used, for example off the object.

    Returns
    -------
    ndarray of shape (H, W), float32, millimetres
        Detail; below 0 in grooves. NaN where the height is not known.

    Raises
    ------
    InputError
        If shapes differ, or a size is not positive.

    Notes
    -----
    Local: needs `highpass_margin_px`; then tiles agree to the rounding of float32. Away from borders this is the
    published filter, without the mean that it adds back. Beside a border the known neighbours lie to one side, which
    leaves some of a slant in the detail.

    Examples
    --------
    >>> plane = np.full((9, 9), 7, np.float32)
    >>> float(abs(highpass(plane, pixel_size_mm=0.5)).max())
    0.0
    """
    margin = highpass_margin_px(sigma_mm, pixel_size_mm=pixel_size_mm)
    known = known_height(height, valid)
    is_known = np.isfinite(known)
    if not is_known.any():
        return known
    sigma_px = sigma_mm / pixel_size_mm
    level = known[is_known].mean(dtype=np.float64).astype(np.float32)  # small numbers lose fewer digits in the sums
    filled = np.where(is_known, known - level, np.float32(0))
    offset = np.arange(-margin, margin + 1)
    kernel = np.exp(-0.5 * (offset / sigma_px) ** 2) * (np.abs(offset) <= int(TRUNCATE * sigma_px + 0.5))
    kernel /= kernel.sum()
    weight = cv2.sepFilter2D(is_known.astype(np.float32), cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)
    smooth = cv2.sepFilter2D(filled, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)
    detail = np.full_like(known, np.nan)
    return np.subtract(filled, smooth / np.where(is_known, weight, np.float32(1)), out=detail, where=is_known)


def detail_statistics(details: Iterable[NDArray[np.float32]]) -> DetailStatistics:
    """Measure mean and standard deviation of detail that comes in parts.

    Parameters
    ----------
    details : iterable of ndarray, float32, millimetres
        Parts of the result of `highpass`; NaN is left out.

    Returns
    -------
    DetailStatistics
        Of all parts together.

    Raises
    ------
    DataError
        If nothing is known or all detail is the same.
    """
    count, total, square = 0, 0.0, 0.0
    for detail in details:
        known = detail[np.isfinite(detail)].astype(np.float64)
        count += known.size
        total += float(known.sum())
        square += float(np.square(known).sum())
    mean = total / count if count else math.nan
    variance = square / count - mean**2 if count else math.nan
    if not variance > 0:
        raise DataError("no detail is left of these heights: the surface is flat or nothing of it is known")
    return DetailStatistics(mean, math.sqrt(variance))


def highpass_statistics(raster: Raster, *, sigma_mm: float = 1.0) -> DetailStatistics:
    """Measure the detail of a height map in one pass, band by band.

    Parameters
    ----------
    raster : Raster
        One band of float heights in millimetres with a pixel size; only valid pixels count, so a raster whose valid
        mask is the object measures the object.
    sigma_mm : float, millimetres, > 0
        As in `highpass`.

    Returns
    -------
    DetailStatistics
        To be passed to `highpass_view`.

    Raises
    ------
    DataError
        If the raster is no height map, or without detail.
    ScaleError
        If it has no scale or its pixels are not square.
    """
    detail = _detail_view(raster, sigma_mm)
    return detail_statistics(detail.read_pixels(window) for window in row_bands(detail))


def detail_input(
    detail: NDArray[np.float32], statistics: DetailStatistics, *, clip: float = CLIP
) -> NDArray[np.float32]:
    """Standardise detail and bring it to the range 0 to 1.

    Parameters
    ----------
    detail : ndarray, float32, millimetres
        From `highpass`; NaN where not known.
    statistics : DetailStatistics
        Of the whole surface.
    clip : float, > 0
        What lies more standard deviations from the mean is clipped.

    Returns
    -------
    ndarray of the same shape, float32, 0 to 1
        ``(clipped / clip + 1) / 2``: 0.5 is the mean, and what is not known. The published code divides by the range
        that is found instead, which is the same where the detail reaches the clip on both sides.

    Raises
    ------
    InputError
        If `clip` is not positive.

    Examples
    --------
    >>> detail_input(np.float32([-9, 0, 1.5, np.nan]), DetailStatistics(0.0, 1.0)).tolist()
    [0.0, 0.5, 0.75, 0.5]
    """
    if not (math.isfinite(clip) and clip > 0):
        raise InputError(f"the clip must be positive and finite, got {clip}; the usual one is 3")
    standard = (detail - np.float32(statistics.mean_mm)) * np.float32(1 / statistics.std_mm)
    np.nan_to_num(standard, copy=False, nan=0.0)
    return np.asarray((np.clip(standard, -clip, clip) / clip + 1) / 2, np.float32)


def highpass_view(
    raster: Raster,
    *,
    sigma_mm: float = 1.0,
    clip: float = CLIP,
    mean_mm: float | None = None,
    std_mm: float | None = None,
) -> Raster:
    """See a height map as prepared for a network, window by window.

    Parameters
    ----------
    raster : Raster
        As in `highpass_statistics`.
    sigma_mm, clip
        As in `highpass` and `detail_input`.
    mean_mm, std_mm : float, millimetres, optional
        Statistics of the whole surface, given together; without them a first pass over the raster measures them now.

    Returns
    -------
    Raster
        One band of float32, 0 to 255 like every prepared raster, 127.5 being the mean and what is not known; any window
        equals the whole to the rounding of float32.

    Raises
    ------
    DataError, ScaleError
        As in `highpass_statistics`.
    InputError
        If a setting is not positive, or one of `mean_mm` and `std_mm` is given without the other.
    """
    if (mean_mm is None) != (std_mm is None):
        raise InputError("the statistics of the detail are mean_mm and std_mm together; give both or none")
    if mean_mm is None or std_mm is None:
        statistics = highpass_statistics(raster, sigma_mm=sigma_mm)
    else:
        statistics = DetailStatistics(mean_mm, std_mm)
    detail_input(np.zeros(0, np.float32), statistics, clip=clip)
    detail = _detail_view(raster, sigma_mm)

    def to_bytes(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return detail_input(values, statistics, clip=clip) * np.float32(255)

    return local_view(detail, to_bytes, margin_px=0)


def _detail_view(raster: Raster, sigma_mm: float) -> Raster:
    pixel_size_mm = square_pixel_mm(raster)
    margin = highpass_margin_px(sigma_mm, pixel_size_mm=pixel_size_mm)

    def detail(height: NDArray[np.float32]) -> NDArray[np.float32]:
        return highpass(height, pixel_size_mm=pixel_size_mm, sigma_mm=sigma_mm)

    return local_view(heights_view(raster), detail, margin_px=margin)
