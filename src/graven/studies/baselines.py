"""The lines that every table holds: what contrast and one global threshold find without learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["blackhat_otsu", "clahe_otsu", "groove_otsu"]


def clahe_otsu(
    image: NDArray[np.uint8],
    *,
    valid: NDArray[np.bool_] | None = None,
    clip_limit: float = 2.0,
    cell_px: int = 64,
    sigma_px: float = 2.0,
) -> NDArray[np.bool_]:
    """Segment marks by CLAHE on the lightness, a Gaussian and Otsu's threshold.

    The polarity is chosen without truth: marks are taken to be the **smaller** of the two classes, since people leave
    most of a panel empty.

    Parameters
    ----------
    image : ndarray of shape (3, H, W), uint8
        sRGB.
    valid : ndarray of shape (H, W), bool, optional
        False where there is no picture; ignored by the threshold and never marked.
    clip_limit : float
        Clip limit of CLAHE.
    cell_px : int, pixels
        Side of its cells.
    sigma_px : float, pixels, > 0
        Width of the Gaussian.

    Returns
    -------
    ndarray of shape (H, W), bool
        True where a mark is supposed.

    Raises
    ------
    InputError
        If the image or the mask has another shape or dtype.

    References
    ----------
    .. [1] Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV, 1994.
    .. [2] Otsu, A threshold selection method from gray-level histograms, IEEE Trans. SMC 9(1), 1979.

    Examples
    --------
    >>> picture = np.full((3, 64, 64), 60, np.uint8)
    >>> picture[:, 20:30, 20:40] = 200
    >>> bool(clahe_otsu(picture)[25, 30]), bool(clahe_otsu(picture)[5, 5])
    (True, False)
    """
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != np.uint8:
        raise InputError(f"image must be uint8 of shape (3, H, W), got {image.dtype} {image.shape}")
    shape = image.shape[1:]
    if valid is not None and valid.shape != shape:
        raise InputError(f"valid must have the shape of the image {shape}, got {valid.shape}")
    lightness = cv2.cvtColor(np.ascontiguousarray(image.transpose(1, 2, 0)), cv2.COLOR_RGB2LAB)[:, :, 0]
    grid = (max(1, shape[1] // cell_px), max(1, shape[0] // cell_px))
    even = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=grid).apply(np.ascontiguousarray(lightness))
    smooth = cv2.GaussianBlur(even, (0, 0), sigma_px)
    inside = np.ones(shape, np.bool_) if valid is None else valid
    if not inside.any():
        return np.zeros(shape, np.bool_)
    threshold, _ = cv2.threshold(
        np.ascontiguousarray(smooth[inside][None]), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU
    )
    bright: NDArray[np.bool_] = (smooth > threshold) & inside
    if 2 * np.count_nonzero(bright) > np.count_nonzero(inside):
        return ~bright & inside
    return bright


def blackhat_otsu(image: NDArray[np.uint8], *, width_px: int = 9) -> NDArray[np.bool_]:
    """Segment dark lines by the black top-hat of the lightness and Otsu's threshold.

    Parameters
    ----------
    image : ndarray of shape (3, H, W), uint8
        sRGB.
    width_px : int, pixels, odd
        Side of the round element; what is dark and narrower is found.

    Returns
    -------
    ndarray of shape (H, W), bool
        True where a crack is supposed.

    Raises
    ------
    InputError
        If the image has another shape or dtype, or the width is not odd.

    References
    ----------
    .. [1] Meyer, Contrast feature extraction, Practical Metallography 15 special issue, 1978.
    .. [2] Otsu, A threshold selection method from gray-level histograms, IEEE Trans. SMC 9(1), 1979.

    Examples
    --------
    >>> picture = np.full((3, 64, 64), 180, np.uint8)
    >>> picture[:, 30:33] = 60
    >>> found = blackhat_otsu(picture)
    >>> bool(found[31, 20]), int(found.sum()) == 3 * 64
    (True, True)
    """
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != np.uint8:
        raise InputError(f"image must be uint8 of shape (3, H, W), got {image.dtype} {image.shape}")
    if width_px < 3 or width_px % 2 == 0:
        raise InputError(f"width_px must be odd and at least 3, got {width_px}")
    lightness = cv2.cvtColor(np.ascontiguousarray(image.transpose(1, 2, 0)), cv2.COLOR_RGB2LAB)[:, :, 0]
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width_px, width_px))
    hat = cv2.morphologyEx(np.ascontiguousarray(lightness), cv2.MORPH_BLACKHAT, element)
    threshold, _ = cv2.threshold(hat, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    found: NDArray[np.bool_] = hat > threshold
    return found


def groove_otsu(
    height_mm: NDArray[np.float32],
    *,
    pixel_size_mm: float,
    sigma_mm: float = 1.0,
    clip_limit: float = 0.0,
    width_px: int = 0,
) -> NDArray[np.bool_]:
    """Segment grooves by a high-pass of the height, contrast, and Otsu's threshold.

    Parameters
    ----------
    height_mm : ndarray of shape (H, W), float32, millimetres
        Grows towards the viewer; NaN where unknown.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side.
    sigma_mm : float, millimetres, > 0
        Width of the Gaussian whose mean is subtracted; the rest is clipped at three deviations.
    clip_limit : float, >= 0
        Clip limit of CLAHE on cells of 64 pixels; 0 for none.
    width_px : int, pixels, >= 0
        Side of a black top-hat; 0 takes the detail as it is.

    Returns
    -------
    ndarray of shape (H, W), bool
        True where a groove is supposed.

    References
    ----------
    .. [1] Otsu, A threshold selection method from gray-level histograms, IEEE Trans. SMC 9(1), 1979.

    Examples
    --------
    >>> plate = np.zeros((64, 64), np.float32)
    >>> plate[30:34] = -0.1
    >>> int(groove_otsu(plate, pixel_size_mm=0.05).sum())
    256
    """
    known = np.isfinite(height_mm)
    if not known.any():
        return np.zeros(height_mm.shape, np.bool_)
    weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), sigma_mm / pixel_size_mm)
    mean = cv2.GaussianBlur(np.where(known, height_mm, np.float32(0)), (0, 0), sigma_mm / pixel_size_mm)
    detail = np.where(known, height_mm - mean / np.maximum(weight, 1e-6), np.float32(0))
    limit = 3 * float(detail[known].std())
    if limit == 0:
        return np.zeros(height_mm.shape, np.bool_)
    grey = np.rint(127.5 - 127.5 * np.clip(detail / limit, -1, 1)).astype(np.uint8)  # grooves are bright
    if clip_limit > 0:
        cells = (max(1, grey.shape[1] // 64), max(1, grey.shape[0] // 64))
        grey = np.asarray(cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=cells).apply(grey), np.uint8)
    if width_px > 0:
        element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width_px, width_px))
        grey = np.asarray(cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, element), np.uint8)
    threshold, _ = cv2.threshold(np.ascontiguousarray(grey[known][None]), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.asarray((grey > threshold) & known, np.bool_)
