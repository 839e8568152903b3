"""``--object-mask``: where the object is, from a file or found by graven."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError
from graven.io.fs import sha256_file
from graven.io.masks import read_mask
from graven.prepare.bands import grey_reader
from graven.prepare.objectmask import find_object

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import Raster, Window

__all__ = ["limit_to_object", "mask_sources"]


def limit_to_object(raster: Raster, object_mask: str | Path | None) -> Raster:
    """Take everything beside the object for unknown.

    Parameters
    ----------
    raster : Raster
        Photograph or height map.
    object_mask : str or Path or None
        A mask file of the same size, ``auto`` to find the object in the picture itself, or None for no limit.

    Returns
    -------
    Raster
        The same pixels; valid only on the object. The mask is held in memory, a byte per pixel.

    Raises
    ------
    MismatchError
        If the mask has another size.
    DataError
        If it marks nothing, or no object stands out.
    """
    if object_mask is None:
        return raster
    if str(object_mask) == "auto":
        grey = raster.read()[0] if raster.dtype.kind == "f" else grey_reader(raster)(raster.bounds)
        mask = find_object(grey, known=raster.read_valid(raster.bounds))
    else:
        mask = read_mask(object_mask, size=(raster.height, raster.width))[0]
    if not mask.any():
        raise DataError(f"{Path(object_mask).name} marks nothing; paint the object white on black")

    def read_valid(window: Window) -> NDArray[np.bool_]:
        return np.logical_and(raster.read_valid(window), mask[window.slices()])

    return replace(raster, read_valid=read_valid)


def mask_sources(object_mask: str | Path | None) -> tuple[dict[str, str | None], ...]:
    """Give the file of an object mask for the inputs of a run.

    Parameters
    ----------
    object_mask : str or Path or None
        As for `limit_to_object`.

    Returns
    -------
    tuple of dict
        Its ``name`` and ``sha256``; empty where there is no file.
    """
    if object_mask is None or str(object_mask) == "auto":
        return ()
    path = Path(object_mask)
    return ({"name": path.name, "sha256": sha256_file(path)},)
