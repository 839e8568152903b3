"""The preparation of height maps as the published code for engravings does it, step by step, with its oddities.

For comparisons with published numbers; `graven.prepare.detrend` is what we use (methods/engraving-refinement, section
3).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from graven.errors import InputError
from graven.prepare.detrend import CLIP, TRUNCATE
from graven.prepare.heights import known_height

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NETWORK_STATISTICS", "normalised", "official_input"]

NETWORK_STATISTICS: dict[str, tuple[float, float]] = {
    "depth": (0.5140403, 0.15302444),
    "albedo": (0.0911411, 0.05621303),
    "normal_x": (0.41616833, 0.113035046),
    "normal_y": (0.41096762, 0.110428646),
    "normal_z": (0.7927827, 0.06655099),
}
"""Mean and standard deviation of each input, 0 to 1, over the object pixels of the published training scans."""


def normalised(values: NDArray[np.float32], *, modality: str = "depth") -> NDArray[np.float32]:
    """Standardise a prepared input by the statistics of the published networks.

    Parameters
    ----------
    values : ndarray, float32, 0 to 1
        For example from `detail_input`.
    modality : str
        A key of `NETWORK_STATISTICS`.

    Returns
    -------
    ndarray of the same shape, float32
        ``(values - mean) / std``.

    Raises
    ------
    InputError
        If the modality is unknown.
    """
    if modality not in NETWORK_STATISTICS:
        raise InputError(f"the modality must be one of {', '.join(NETWORK_STATISTICS)}, got {modality!r}")
    mean, std = NETWORK_STATISTICS[modality]
    return (values - np.float32(mean)) / np.float32(std)


def official_input(
    height: NDArray[Any], *, dpi: float, sigma_mm: float = 1.0, mm_per_inch: float = 25.0, clip: float = CLIP
) -> NDArray[np.float32]:
    """Prepare a whole height map exactly as the published code does.

    Parameters
    ----------
    height : ndarray of shape (H, W), float
        Any unit and sign, all of it finite.
    dpi : float, > 0
        Pixels per inch.
    sigma_mm : float, millimetres, > 0
        Width of the Gaussian, cut at four times that; borders are extended by their own value.
    mm_per_inch : float
        The published 25.0, or 25.4, which is true and makes the Gaussian 1.6 % narrower.
    clip : float, > 0
        In standard deviations of the whole image, background included.

    Returns
    -------
    ndarray of shape (H, W), float32, 0 to 1
        The smallest value that is left becomes 0, the largest 1.

    Raises
    ------
    InputError
        If a height is not finite, all are the same, or a setting is not positive.

    Notes
    -----
    Not local: mean, deviation and range are those of the array.
    """
    settings = (dpi, sigma_mm, mm_per_inch, clip)
    if not all(math.isfinite(value) and value > 0 for value in settings):
        raise InputError(f"dpi, sigma_mm, mm_per_inch and clip must be positive and finite, got {settings}")
    depth = known_height(height)
    if not np.isfinite(depth).all():
        raise InputError("the published preparation knows no missing heights; use highpass and detail_input instead")
    sigma_px = sigma_mm * dpi / mm_per_inch
    depth = depth - ndimage.gaussian_filter(depth, sigma_px, mode="nearest", truncate=TRUNCATE) + depth.mean()
    std = depth.std()
    if not std > 0:
        raise InputError("all heights are the same, so that nothing can be standardised; give another height map")
    clipped = np.clip((depth - depth.mean()) / std, -clip, clip)
    clipped -= clipped.min()
    return np.asarray(clipped / clipped.max(), np.float32)
