"""Reversal of intensities: dark marks become light ones, and the other way round."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import Raster, Window

__all__ = ["reversal", "reversal_view"]


def reversal(image: NDArray[Any]) -> NDArray[Any]:
    """Invert intensities: ``v_max - v``, with 255 for bytes.

    Parameters
    ----------
    image : ndarray of any shape, unsigned integers
        Pixels over the full range of their type.

    Returns
    -------
    ndarray of the same shape and dtype
        The negative.

    Raises
    ------
    InputError
        If the type is not an unsigned integer: floats and signed values have no largest value to count from.

    Notes
    -----
    The petroglyph paper lists "image reversal" beside equalisation as something that brings out the marks; it is read
    as a negative, not as a flip (methods/petroglyph-begl, section 2, step 4).

    Examples
    --------
    >>> reversal(np.array([0, 100, 255], np.uint8)).tolist()
    [255, 155, 0]
    """
    if image.dtype.kind != "u":
        raise InputError(
            f"reversal needs unsigned integers (uint8 or uint16), got {image.dtype}; scale the image first"
        )
    negative: NDArray[Any] = image.dtype.type(np.iinfo(image.dtype).max) - image
    return negative


def reversal_view(raster: Raster) -> Raster:
    """Give the negative of a raster, read window by window.

    Parameters
    ----------
    raster : Raster
        Unsigned integers.

    Returns
    -------
    Raster
        The same size, type and frame; needs no margin.

    Raises
    ------
    InputError
        If the type is not an unsigned integer.
    """
    reversal(np.zeros(0, raster.dtype))

    def read_pixels(window: Window) -> NDArray[Any]:
        return reversal(raster.read_pixels(window))

    return replace(raster, read_pixels=read_pixels, overviews={})
