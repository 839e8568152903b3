"""Rotation correction: which way a panel was turned, read off its spectrum.

Edges of a frame, tool marks and joints put ridges through the centre of the spectrum. The direction of the strongest
ridge, taken modulo a quarter turn, is the skew. Correction is an affine (`correction_affine`), never a lossy resave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import fft

from graven.errors import InputError
from graven.prepare.overview import grey_overview

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import Affine6, Raster

__all__ = [
    "MIN_PEAK_RATIO",
    "RotationEstimate",
    "correction_affine",
    "estimate_rotation",
    "ray_energy",
    "skew_of_grey",
    "spectrum_angle_deg",
]

MIN_PEAK_RATIO = 1.15
"""Least ratio of peak to median of the spectrum at which a direction is believed."""

STEP_DEG = 0.1
BAND = (0.02, 0.45)
MIN_SIDE_PX = 64


@dataclass(frozen=True, slots=True)
class RotationEstimate:
    """How far a panel is turned, and whether that is to be corrected.

    Attributes
    ----------
    skew_deg : float, (-45, 45]
        Angle of the strongest direction from the nearest axis, from +x towards +y (clockwise on the screen).
    peak_ratio : float
        Energy of that direction over the median of all.
    applied : bool
        Whether the correction is worth doing.
    reason : str
        One sentence that says why.
    """

    skew_deg: float
    peak_ratio: float
    applied: bool
    reason: str


def spectrum_angle_deg(peak_row: float, peak_col: float, *, height: int, width: int) -> float:
    """Give the direction of a wave from its place in the spectrum.

    Parameters
    ----------
    peak_row, peak_col : float, bins from DC
        Cycles down the `height` rows and across the `width` columns of the transformed array.
    height, width : int, pixels
        Size of that array. Bins are not square when it is not: the angle is taken between physical frequencies.

    Returns
    -------
    float, degrees
        Direction of the wave vector from +x towards +y.

    Examples
    --------
    >>> round(spectrum_angle_deg(4, 6, height=64, width=128), 4)
    53.1301
    """
    return math.degrees(math.atan2(peak_row / height, peak_col / width))


def ray_energy(grey: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Integrate the log spectrum along rays from its centre.

    Parameters
    ----------
    grey : ndarray of shape (H, W), float32
        Grey values, 0 to 255.

    Returns
    -------
    angles_deg : ndarray of shape (1800,), float64, degrees
        0 to 179.9 in steps of 0.1, in physical frequency, from +x towards +y.
    energy : ndarray of shape (1800,), float64
        Mean of ``log(1 + |F|)`` over radii of 0.02 to 0.45 cycles per pixel. The cross of one bin around DC is
        skipped; NaN for the rays beside the axes that have less than a tenth of their radii outside it.

    Notes
    -----
    The paper gives the transform (its equations 1 and 2) but no rule; mean removed, Hann window, zero padding to a fast
    size (methods/petroglyph-begl, section 2, step 1).
    """
    height, width = grey.shape
    padded_height, padded_width = fft.next_fast_len(height, real=True), fft.next_fast_len(width, real=True)
    windowed = (grey - grey.mean(dtype=np.float64)).astype(np.float32)
    windowed *= np.hanning(height).astype(np.float32)[:, None] * np.hanning(width).astype(np.float32)[None, :]
    magnitude = np.log1p(np.abs(fft.fftshift(fft.fft2(windowed, (padded_height, padded_width)))))

    angles_deg = np.arange(0, 180, STEP_DEG).round(1)
    n_radii = max(16, math.ceil((BAND[1] - BAND[0]) * max(padded_height, padded_width)))
    radii = np.linspace(*BAND, n_radii)
    k_col = np.cos(np.radians(angles_deg))[:, None] * radii * padded_width
    k_row = np.sin(np.radians(angles_deg))[:, None] * radii * padded_height
    sampled = cv2.remap(
        magnitude.astype(np.float32),
        (k_col + padded_width // 2).astype(np.float32),
        (k_row + padded_height // 2).astype(np.float32),
        cv2.INTER_LINEAR,
    )
    used = (np.abs(k_col) > 1) & (np.abs(k_row) > 1)
    count = used.sum(axis=1)
    total = np.where(used, sampled, 0).sum(axis=1, dtype=np.float64)
    return angles_deg, np.divide(total, count, out=np.full(total.shape, np.nan), where=10 * count >= n_radii)


def skew_of_grey(
    grey: NDArray[np.float32], *, min_peak_ratio: float = MIN_PEAK_RATIO, min_skew_deg: float = 0.2
) -> RotationEstimate:
    """Estimate the skew of a grey image.

    Parameters
    ----------
    grey : ndarray of shape (H, W), float32
        Grey values, 0 to 255.
    min_peak_ratio : float, >= 1
        The strongest direction must exceed the median direction by this factor.
    min_skew_deg : float, degrees, >= 0
        Smaller skews are left alone.

    Returns
    -------
    RotationEstimate
        With `applied` False and a reason where nothing is to be done.

    Raises
    ------
    InputError
        If the thresholds make no sense or the array is not two-dimensional.

    Notes
    -----
    A skew of less than two bins at the outer radius is not told from zero (0.25 degrees at 1024 px): the Hann window
    widens the axes by that much, and an upright grid would be turned otherwise. This limit is ours.
    """
    if grey.ndim != 2:
        raise InputError(f"rotation is estimated on a grey image of shape (H, W), got {grey.shape}")
    if not (min_peak_ratio >= 1 and min_skew_deg >= 0):
        raise InputError(
            f"min_peak_ratio must be at least 1 and min_skew_deg at least 0, got {min_peak_ratio} and {min_skew_deg}"
        )
    if min(grey.shape) < MIN_SIDE_PX:
        return RotationEstimate(
            0.0, 1.0, applied=False, reason=f"smaller than {MIN_SIDE_PX} px, no direction can be told"
        )
    angles_deg, energy = ray_energy(grey)
    median = float(np.nanmedian(energy))
    if not median > 0:
        return RotationEstimate(0.0, 1.0, applied=False, reason="the image is flat, it has no direction")
    best = int(np.nanargmax(energy))
    ratio = float(energy[best]) / median
    limit_deg = max(min_skew_deg, math.degrees(2 / (BAND[1] * min(grey.shape))))
    skew_deg = round((float(angles_deg[best]) + 45) % 90 - 45, 1)
    if skew_deg == -45:
        skew_deg = 45.0
    if ratio < min_peak_ratio:
        reason = f"no direction stands out (peak {ratio:.2f} of the median, {min_peak_ratio:.2f} is needed)"
    elif abs(skew_deg) < limit_deg:
        reason = f"a skew of {skew_deg:.1f} degrees is below what is corrected at this size ({limit_deg:.2f})"
    else:
        reason = f"turned by {skew_deg:.1f} degrees (peak {ratio:.2f} of the median)"
        return RotationEstimate(skew_deg, ratio, applied=True, reason=reason)
    return RotationEstimate(skew_deg, ratio, applied=False, reason=reason)


def estimate_rotation(
    raster: Raster, *, max_side_px: int = 1024, min_peak_ratio: float = MIN_PEAK_RATIO, min_skew_deg: float = 0.2
) -> RotationEstimate:
    """Estimate the skew of a raster from a small overview.

    Parameters
    ----------
    raster : Raster
        8 or 16 bits, any number of bands; read once by windows, so memory does not grow with it.
    max_side_px : int, >= 64
        Longest side of the overview. Both axes are reduced by the same whole factor, so angles stay true.
    min_peak_ratio, min_skew_deg
        As in `skew_of_grey`.

    Returns
    -------
    RotationEstimate
        In the frame of the raster.
    """
    overview, _ = grey_overview(raster, max_side_px=max_side_px)
    return skew_of_grey(overview, min_peak_ratio=min_peak_ratio, min_skew_deg=min_skew_deg)


def correction_affine(height: int, width: int, skew_deg: float) -> tuple[Affine6, int, int]:
    """Give the frame in which a skewed panel stands upright.

    Parameters
    ----------
    height, width : int, pixels
        Size of the raster.
    skew_deg : float, degrees
        From `estimate_rotation`.

    Returns
    -------
    matrix : tuple of 6 floats
        From pixel coordinates of the upright frame to pixel coordinates of the raster (outer corners).
    height, width : int, pixels
        Size of the upright frame, enlarged so that the whole raster fits.

    Examples
    --------
    >>> correction_affine(100, 200, 0.0)
    ((1.0, -0.0, 0.0, 0.0, 1.0, 0.0), 100, 200)
    """
    cos, sin = math.cos(math.radians(skew_deg)), math.sin(math.radians(skew_deg))
    new_height = math.ceil(height * abs(cos) + width * abs(sin) - 1e-9)
    new_width = math.ceil(width * abs(cos) + height * abs(sin) - 1e-9)
    x, y = new_width / 2, new_height / 2
    matrix = (cos, -sin, width / 2 - cos * x + sin * y, sin, cos, height / 2 - sin * x - cos * y)
    return matrix, new_height, new_width
