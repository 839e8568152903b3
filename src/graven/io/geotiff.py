"""Rasters as Cloud Optimized GeoTIFF: classes, probabilities, doubt, and floats such as heights.

Blocks stream into a tiled temporary file, from which GDAL makes the final one (`graven.io.cog`). The final file is
opened again and every pixel compared by hash with what was handed in; only then does it get its name. The same content
gives the same bytes: nothing in the file speaks of the time or place of writing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.errors import InputError
from graven.io.cog import CogPlan, write_cog
from graven.io.fs import write_text_atomic
from graven.io.qml import class_style
from graven.types.labels import NODATA

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from graven.types.labels import ClassTable
    from graven.types.raster import Georeference, PixelSize
    from graven.types.window import Window

__all__ = ["write_doubt_cog", "write_float_cog", "write_image_cog", "write_mask_cog", "write_probability_cog"]


def write_mask_cog(
    target: str | os.PathLike[str],
    blocks: Iterable[tuple[Window, NDArray[np.uint8]]],
    *,
    height: int,
    width: int,
    classes: ClassTable,
    georeference: Georeference | None = None,
    pixel_size: PixelSize | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write a class raster, with a QGIS style beside it.

    Parameters
    ----------
    target : path
        ``panel_mask.tif``; the style becomes ``panel_mask.qml``.
    blocks : iterable of (Window, ndarray of shape (h, w), uint8)
        A partition of the raster in row order: 0 background, class ids of `classes`, 255 where nothing is known.
    height, width : int, pixels
        Size of the raster.
    classes : ClassTable
        Colours and names; embedded as colour table and tags.
    georeference : Georeference, optional
        Of the input; None leaves the file a plain image.
    pixel_size : PixelSize, optional
        Written into tags that `graven.io.images.open_raster` reads back.
    tags : mapping of str to str, optional
        More tags, such as run id and source hash.

    Raises
    ------
    InputError
        If blocks do not partition the raster or hold other values.
    DiskFull, OutputError
        If the file could not be written or does not read back as written; an existing file is then unchanged.

    Notes
    -----
    uint8, nodata 255, tiles of 512, deflate (level 1) with predictor 2, overviews by majority (thin lines fade in
    them: draw lines from the vectors).
    """
    import cv2

    colors = {entry.id: (*entry.rgb, 255) for entry in classes.classes}
    allowed = np.zeros(256, bool)
    allowed[[0, NODATA, *colors]] = True

    def checked() -> Iterable[tuple[Window, NDArray[np.uint8]]]:
        for window, block in blocks:
            if block.dtype == np.uint8 and not cv2.LUT(block, allowed.view(np.uint8)).all():
                odd = np.unique(block[~allowed[block]]).tolist()
                raise InputError(f"a class raster may hold 0, 255 and {sorted(colors)}, got {odd[:5]} at {window}")
            yield window, block

    plan = CogPlan(
        height=height,
        width=width,
        n_bands=1,
        dtype=np.dtype(np.uint8),
        nodata=NODATA,
        predictor=2,
        resampling="MODE",
        descriptions=(", ".join(entry.name for entry in classes.classes),),
        colors={0: (255, 255, 255, 0), **colors, NODATA: (128, 128, 128, 0)},
        band_tags=({f"CLASS_{entry.id}": entry.name for entry in classes.classes},),
        tags=_all_tags("classes", classes, georeference, pixel_size, tags),
        georeference=georeference,
    )
    write_cog(Path(target), checked(), plan)
    write_text_atomic(Path(target).with_suffix(".qml"), class_style(classes))


def write_probability_cog(
    target: str | os.PathLike[str],
    blocks: Iterable[tuple[Window, NDArray[np.uint8]]],
    *,
    height: int,
    width: int,
    classes: ClassTable,
    georeference: Georeference | None = None,
    pixel_size: PixelSize | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write a probability raster, one band per class in the order of their ids.

    Parameters
    ----------
    target : path
        ``panel_prob.tif``.
    blocks : iterable of (Window, ndarray of shape (C, h, w), uint8)
        A partition of the raster in row order: probability times 255.
    height, width : int, pixels
        Size of the raster.
    classes : ClassTable
        Names become band descriptions.
    georeference, pixel_size, tags
        As in `write_mask_cog`.

    Raises
    ------
    InputError, DiskFull, OutputError
        As in `write_mask_cog`.

    Notes
    -----
    Scale 1/255 and offset 0 stand in the band metadata. There is no nodata value, since all of 0 to 255 are
    probabilities: where nothing is known the probability is 0, and the class raster says 255. Overviews are means.
    GDAL drops scale and offset where the CRS is compound (with heights); the band tag ``GRAVEN_SCALE`` stays.
    """
    plan = CogPlan(
        height=height,
        width=width,
        n_bands=len(classes),
        dtype=np.dtype(np.uint8),
        nodata=None,
        predictor=2,
        resampling="AVERAGE",
        descriptions=tuple(entry.name for entry in classes.classes),
        scale=1.0 / 255.0,
        band_tags=tuple({"CLASS_ID": str(entry.id), "GRAVEN_SCALE": "1/255"} for entry in classes.classes),
        tags=_all_tags("probability", classes, georeference, pixel_size, tags),
        georeference=georeference,
    )
    write_cog(Path(target), blocks, plan)


def write_doubt_cog(
    target: str | os.PathLike[str],
    blocks: Iterable[tuple[Window, NDArray[np.uint8]]],
    *,
    height: int,
    width: int,
    georeference: Georeference | None = None,
    pixel_size: PixelSize | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write how probably each pixel is called wrong, as one band.

    Parameters
    ----------
    target : path
        ``panel_doubt.tif``.
    blocks : iterable of (Window, ndarray of shape (1, h, w), uint8)
        A partition of the raster in row order: the probability that the class given to a pixel is wrong, times 255; 0
        where a person decided and where nothing is known.
    height, width : int, pixels
        Size of the raster.
    georeference, pixel_size, tags
        As in `write_mask_cog`.

    Raises
    ------
    InputError, DiskFull, OutputError
        As in `write_mask_cog`.

    Notes
    -----
    Otherwise as `write_probability_cog`. At a threshold of one half no value is above 128.
    """
    plan = CogPlan(
        height=height,
        width=width,
        n_bands=1,
        dtype=np.dtype(np.uint8),
        nodata=None,
        predictor=2,
        resampling="AVERAGE",
        descriptions=("doubt",),
        scale=1.0 / 255.0,
        band_tags=({"GRAVEN_SCALE": "1/255"},),
        tags=_all_tags("doubt", None, georeference, pixel_size, tags),
        georeference=georeference,
    )
    write_cog(Path(target), blocks, plan)


def write_image_cog(
    target: str | os.PathLike[str],
    blocks: Iterable[tuple[Window, NDArray[np.unsignedinteger]]],
    *,
    height: int,
    width: int,
    n_bands: int,
    dtype: np.dtype[Any],
    read_valid: Callable[[Window], NDArray[np.bool_]] | None = None,
    georeference: Georeference | None = None,
    pixel_size: PixelSize | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write a picture: grey or RGB, 8 or 16 bits, with alpha where some of it is invalid.

    Parameters
    ----------
    target : path
        ``panel_image.tif``.
    blocks : iterable of (Window, ndarray of shape (C, h, w))
        A partition of the raster in row order.
    height, width : int, pixels
        Size of the raster.
    n_bands : {1, 3}
        Grey or RGB.
    dtype : numpy.dtype
        uint8 or uint16.
    read_valid : callable, optional
        ``read_valid(window) -> (h, w) bool``; adds an alpha band that is 0 where False.
    georeference, pixel_size, tags
        As in `write_mask_cog`.

    Raises
    ------
    InputError, DiskFull, OutputError
        As in `write_mask_cog`; also if the picture is neither grey nor RGB, or of another type.

    Notes
    -----
    Tiles of 512, deflate (level 1) with predictor 2, overviews are means.
    """
    if n_bands not in (1, 3) or dtype not in (np.uint8, np.uint16):
        raise InputError(f"a picture has 1 or 3 bands of 8 or 16 bits, got {n_bands} of {dtype}")
    names = ("grey",) if n_bands == 1 else ("red", "green", "blue")

    def with_alpha() -> Iterable[tuple[Window, NDArray[Any]]]:
        for window, pixels in blocks:
            if read_valid is None:
                yield window, pixels
            else:
                alpha = read_valid(window).astype(dtype) * np.iinfo(dtype).max
                yield window, np.concatenate([pixels, alpha[None].astype(dtype)])

    bands = names if read_valid is None else (*names, "alpha")
    plan = CogPlan(
        height=height,
        width=width,
        n_bands=len(bands),
        dtype=np.dtype(dtype),
        nodata=None,
        predictor=2,
        resampling="AVERAGE",
        descriptions=bands,
        band_tags=({},) * len(bands),
        tags=_all_tags("picture", None, georeference, pixel_size, tags),
        georeference=georeference,
        picture="grey" if n_bands == 1 else "rgb",
    )
    write_cog(Path(target), with_alpha(), plan)


def write_float_cog(
    target: str | os.PathLike[str],
    blocks: Iterable[tuple[Window, NDArray[np.float32]]],
    *,
    height: int,
    width: int,
    names: Sequence[str],
    units: Sequence[str] | None = None,
    georeference: Georeference | None = None,
    pixel_size: PixelSize | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write a float raster such as a height map or normals.

    Parameters
    ----------
    target : path
        ``panel_height.tif``.
    blocks : iterable of (Window, ndarray of shape (C, h, w) or (h, w), float32)
        A partition of the raster in row order; NaN where nothing is known.
    height, width : int, pixels
        Size of the raster.
    names : sequence of str
        One per band, for example ``("height",)``.
    units : sequence of str, optional
        One per band, for example ``("mm",)``.
    georeference, pixel_size, tags
        As in `write_mask_cog`; the sign of a height is stated by the caller in `tags`.

    Raises
    ------
    InputError, DiskFull, OutputError
        As in `write_mask_cog`.

    Notes
    -----
    float32, nodata NaN, tiles of 512, deflate (level 1) with predictor 3, overviews are means.
    """
    plan = CogPlan(
        height=height,
        width=width,
        n_bands=len(names),
        dtype=np.dtype(np.float32),
        nodata=float("nan"),
        predictor=3,
        resampling="AVERAGE",
        descriptions=tuple(names),
        units=None if units is None else tuple(units),
        band_tags=tuple({"GRAVEN_UNIT": unit} for unit in units) if units else ({},) * len(names),
        tags=_all_tags("float", None, georeference, pixel_size, tags),
        georeference=georeference,
    )
    write_cog(Path(target), blocks, plan)


def _all_tags(
    content: str,
    classes: ClassTable | None,
    georeference: Georeference | None,
    pixel_size: PixelSize | None,
    more: Mapping[str, str] | None,
) -> dict[str, str]:
    """Put together the tags of a file; what GeoTIFF cannot hold of a local frame is kept in tags of ours."""
    tags = {"TIFFTAG_SOFTWARE": f"graven {__version__}", "GRAVEN_CONTENT": content}
    if classes is not None:
        listed = [
            {"id": c.id, "name": c.name, "color": c.color, "hatch": c.hatch, "kind": c.kind, "code": c.code}
            for c in classes.classes
        ]
        tags["GRAVEN_CLASSES"] = json.dumps(listed, ensure_ascii=True, separators=(",", ":"))
    if georeference is not None:
        tags["GRAVEN_FRAME"] = georeference.frame
        if georeference.frame == "local" and georeference.crs_wkt is not None:
            tags["GRAVEN_CRS_WKT"] = georeference.crs_wkt
            if georeference.unit_mm is not None:
                tags["GRAVEN_UNIT_MM"] = repr(georeference.unit_mm)
    if pixel_size is not None:
        tags["GRAVEN_PIXEL_SIZE_MM"] = f"{pixel_size.x_mm!r} {pixel_size.y_mm!r}"
        tags["GRAVEN_PIXEL_SIZE_SOURCE"] = pixel_size.source
        tags["GRAVEN_PIXEL_SIZE_SIGMA"] = repr(pixel_size.sigma_rel)
    return tags | dict(more or {})
