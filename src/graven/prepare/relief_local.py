"""Relief by what stands out from its surroundings: simple and multi-scale local relief models.

Both subtract means over squares, as the Relief Visualization Toolbox (RVT) does, with radii in millimetres instead of
pixels. Means are of known heights only. Beside a border or a hole these lie to one side, so that a slanted surface
stands out there by its slope times the way from the pixel to the middle of what is known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import InputError
from graven.prepare.heights import check_pixel_size, known_height, radius_in_px

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["box_mean", "msrm", "msrm_radii_px", "slrm", "slrm_radius_px"]


def box_mean(height: NDArray[np.float32], radius_px: int) -> NDArray[np.float32]:
    """Give the mean of the known heights in a square around each pixel.

    Parameters
    ----------
    height : ndarray of shape (H, W), float32
        NaN where not known.
    radius_px : int, pixels, >= 0
        The square has ``2 * radius_px + 1`` pixels a side.

    Returns
    -------
    ndarray of shape (H, W), float32
        NaN where the square holds no known height.

    Examples
    --------
    >>> box_mean(np.float32([[1, np.nan, 3, 5]]), 1).tolist()
    [[1.0, 2.0, 4.0, 4.0]]
    """
    known = np.isfinite(height)
    side = (2 * radius_px + 1,) * 2
    total = _box_sum(np.where(known, height, np.float32(0)), side)
    count = np.rint(_box_sum(known.astype(np.float32), side))
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return np.asarray(mean, np.float32)


def slrm_radius_px(radius_mm: float, *, pixel_size_mm: float) -> int:
    """Give the radius of the square of `slrm`, which is also the margin that it needs.

    Parameters
    ----------
    radius_mm, pixel_size_mm : float, millimetres
        As in `slrm`.

    Returns
    -------
    int, pixels
        The nearest whole number, at least 1.
    """
    return round(radius_in_px(radius_mm, pixel_size_mm))


def slrm(
    height: NDArray[Any], *, pixel_size_mm: float, radius_mm: float, valid: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Subtract the trend of a surface: simple local relief model [1]_.

    Parameters
    ----------
    height : ndarray of shape (H, W), float32, millimetres
        Heights, growing towards the viewer; NaN where they are not known.
    pixel_size_mm : float, millimetres, > 0
        Side of a pixel.
    radius_mm : float, millimetres
        The trend is the mean over a square that reaches this far, rounded to pixels. RVT takes 20 pixels.
    valid : ndarray of shape (H, W), bool, optional
        False where `height` is not to be used.

    Returns
    -------
    ndarray of shape (H, W), float32, millimetres
        Above 0 on what stands out, below in grooves; NaN where the height is not known.

    Raises
    ------
    InputError
        If shapes differ, or the radius is below one pixel.

    Notes
    -----
    Local: needs a margin of `slrm_radius_px`. The full model of the reference corrects the trend along the contour of
    zero; like RVT we do not, so a groove has a faint rim of the other sign.

    References
    ----------
    .. [1] R. Hesse, LiDAR-derived Local Relief Models: a new tool for archaeological prospection, Archaeological
       Prospection 17(2), 2010, 67-72, doi:10.1002/arp.374.
    """
    known = known_height(height, valid)
    return known - box_mean(known, slrm_radius_px(radius_mm, pixel_size_mm=pixel_size_mm))


def msrm_radii_px(
    *, pixel_size_mm: float, feature_min_mm: float = 0.0, feature_max_mm: float, scaling: int = 2
) -> tuple[int, ...]:
    """Give the radii of the squares that `msrm` compares; the last is the margin that it needs.

    Parameters
    ----------
    pixel_size_mm, feature_min_mm, feature_max_mm, scaling
        As in `msrm`.

    Returns
    -------
    tuple of int, pixels
        ``i**scaling`` for the whole numbers ``i`` from the smallest to the largest feature, 0 meaning the surface.

    Raises
    ------
    InputError
        As `msrm`.

    Examples
    --------
    >>> msrm_radii_px(pixel_size_mm=0.05, feature_max_mm=1.0)
    (0, 1, 4, 9, 16)
    """
    if scaling < 1:
        raise InputError(f"the scaling of a multi-scale relief must be at least 1, got {scaling}; the usual one is 2")
    check_pixel_size(pixel_size_mm)
    smallest_px, largest_px = (max(1.0, size_mm / pixel_size_mm) for size_mm in (feature_min_mm, feature_max_mm))
    first = math.floor(((smallest_px - 1) / 2) ** (1 / scaling) + 1e-9)
    last = math.ceil(((largest_px - 1) / 2) ** (1 / scaling) - 1e-9)
    if not first < last:
        raise InputError(
            f"features from {feature_min_mm:g} to {feature_max_mm:g} mm span no scale at pixels of {pixel_size_mm:g} "
            "mm; widen the range"
        )
    return tuple(step**scaling for step in range(first, last + 1))


def msrm(
    height: NDArray[Any],
    *,
    pixel_size_mm: float,
    feature_min_mm: float = 0.0,
    feature_max_mm: float,
    scaling: int = 2,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Give the relief of features of several sizes at once: multi-scale relief model [1]_.

    Parameters
    ----------
    height, pixel_size_mm, valid
        As in `slrm`.
    feature_min_mm, feature_max_mm : float, millimetres
        Width of the smallest and the largest feature to be seen. RVT takes 0 to 20 m.
    scaling : int, >= 1
        Radii of the squares grow with this power; larger values favour wide features.

    Returns
    -------
    ndarray of shape (H, W), float32, millimetres
        Mean of the differences between means over successively larger squares (`msrm_radii_px`); NaN where the height
        is not known.

    Raises
    ------
    InputError
        If shapes differ, or the sizes leave fewer than two squares.

    Notes
    -----
    Local: needs a margin of the last radius. The sum of successive differences is the difference of the first and the
    last mean, so only these two are computed; the result is that of the reference.

    References
    ----------
    .. [1] H. A. Orengo, C. A. Petrie, Multi-scale relief model (MSRM): a new algorithm for the visualization of subtle
       topographic change of variable size in digital elevation models, Earth Surface Processes and Landforms 43(6),
       2018, 1361-1369, doi:10.1002/esp.4317.
    """
    radii_px = msrm_radii_px(
        pixel_size_mm=pixel_size_mm, feature_min_mm=feature_min_mm, feature_max_mm=feature_max_mm, scaling=scaling
    )
    known = known_height(height, valid)
    relief = (box_mean(known, radii_px[0]) - box_mean(known, radii_px[-1])) / np.float32(len(radii_px) - 1)
    return np.where(np.isfinite(known), relief, np.float32(np.nan))


def _box_sum(values: NDArray[np.float32], side: tuple[int, int]) -> NDArray[np.float64]:
    """Add up squares in double precision; beyond the border there is nothing to add."""
    summed = cv2.boxFilter(values, cv2.CV_64F, side, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(summed, np.float64)
