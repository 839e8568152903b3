"""Polygons and lines of label files → masks, by the pixel-centre rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.io.gdalenv import load_rasterio, quiet_about_missing_georeference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

__all__ = ["rasterize_geometries"]


def rasterize_geometries(
    areas: Sequence[BaseGeometry], lines: Sequence[BaseGeometry], *, height: int, width: int
) -> NDArray[np.bool_]:
    """Burn geometries into a mask.

    Parameters
    ----------
    areas : sequence of shapely geometries
        Polygons in pixels from the outer corner; a pixel belongs to an area when its centre lies inside.
    lines : sequence of shapely geometries
        Lines and points; every pixel that they touch belongs to them.
    height, width : int
        Size of the mask.

    Returns
    -------
    ndarray of shape (H, W), bool
        True inside any geometry; parts beyond the image are cut off.
    """
    rasterio = load_rasterio()
    mask = np.zeros((height, width), np.uint8)
    for geometries, all_touched in ((areas, False), (lines, True)):
        wanted = [geometry for geometry in geometries if not geometry.is_empty]
        if wanted:
            shapes = [(geometry, 1) for geometry in wanted]
            identity = rasterio.Affine.identity()
            with quiet_about_missing_georeference():
                rasterio.features.rasterize(shapes, out=mask, transform=identity, all_touched=all_touched)
    return mask.astype(bool)
