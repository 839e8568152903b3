"""Surfaces on disk: one file per layer beside each other, ``<name>_height.tif``, ``_normals.tif`` and ``_albedo.tif``.

``graven stereo`` leaves them so. Any of them stands for the whole: the others are found by their names.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, MismatchError
from graven.io.images import open_raster
from graven.types.surface import LAYERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.types import PixelSize, Raster, Window

__all__ = ["beside", "layer_files", "open_surface", "surface_name"]

SUFFIXES = (".tif", ".tiff")


def surface_name(path: Path) -> tuple[str, str | None]:
    """Take the name of a file apart.

    Parameters
    ----------
    path : Path
        File of a layer.

    Returns
    -------
    name : str
        Of the surface; the stem where it does not end in a layer.
    layer : str or None
        Which layer.

    Examples
    --------
    >>> surface_name(Path("mirror_7_height.tif")), surface_name(Path("scan.tif"))
    (('mirror_7', 'height'), ('scan', None))
    """
    stem = path.stem
    for layer in LAYERS:
        name = stem.removesuffix(f"_{layer}")
        if name not in ("", stem):
            return name, layer
    return stem, None


def layer_files(path: str | Path, layers: Sequence[str]) -> dict[str, Path]:
    """Find the files of a surface.

    Parameters
    ----------
    path : str or Path
        File of one of its layers. A height map that is needed alone may have any name.
    layers : sequence of str
        Keys of `graven.types.surface.LAYERS`.

    Returns
    -------
    dict of str to Path
        In the order of `layers`.

    Raises
    ------
    DataError
        If a file is missing or the name does not say which layer it is.
    """
    given = Path(path)
    name, layer = surface_name(given)
    listed = ", ".join(layers)
    if layer is None and len(layers) == 1:
        return {layers[0]: given}
    if layer is None:
        raise DataError(
            f"{given.name}: the model takes {listed}, which are found by their names; give the file of one of them, "
            f"named as graven stereo does, for example {name}_{layers[0]}.tif"
        )
    if layer not in layers and len(layers) == 1:
        raise DataError(f"{given.name} is the {layer} by its name, but the model takes the {listed}; give that file")
    found = {wanted: given if wanted == layer else beside(given, wanted) for wanted in layers}
    lost = [wanted for wanted, file in found.items() if not file.is_file()]
    if lost:
        raise DataError(f"{given.name}: the model takes {listed}, but there is no {found[lost[0]].name} beside it")
    return found


def beside(path: Path, layer: str) -> Path:
    """Give the file of another layer of a surface.

    Parameters
    ----------
    path : Path
        File of a layer.
    layer : str
        Key of `graven.types.surface.LAYERS`.

    Returns
    -------
    Path
        Named alike, with the suffix under which it is there; with that of `path` where it is not.
    """
    paths = [path.with_name(f"{surface_name(path)[0]}_{layer}{suffix}") for suffix in (path.suffix, *SUFFIXES)]
    return next((other for other in paths if other.is_file()), paths[0])


def open_surface(
    path: str | Path, layers: Sequence[str], *, pixel_size: PixelSize | None = None, hash_source: bool = True
) -> Raster:
    """Open the layers of a surface as one raster.

    Parameters
    ----------
    path, layers
        As in `layer_files`.
    pixel_size : PixelSize, optional
        As in `graven.io.images.open_raster`; by default that of the first file which knows it.
    hash_source : bool
        Whether to hash the files. The hash of a surface of several files is that of their hashes.

    Returns
    -------
    Raster
        One layer: the file as it is. Several: their bands one after the other, valid where all are. An albedo in
        colours becomes the mean of its bands.

    Raises
    ------
    DataError
        As `layer_files`, or if a file has not the bands of its layer.
    MismatchError
        If sizes differ; both are shown.
    """
    files = layer_files(path, layers)
    known: dict[str, Any] = {"pixel_size": pixel_size, "hash_source": hash_source}
    opened = {layer: open_raster(file, **known) for layer, file in files.items()}
    if len(opened) == 1:
        return next(iter(opened.values()))
    first = next(iter(opened.values()))
    for layer, raster in opened.items():
        if (raster.height, raster.width) != (first.height, first.width):
            raise MismatchError(
                f"{raster.name} has {raster.height} x {raster.width} px, but {first.name} has {first.height} x "
                f"{first.width}; the layers of a surface lie on one grid"
            )
        fits = raster.n_bands in ({1, 3} if layer == "albedo" else {len(LAYERS[layer])})
        if not fits or raster.dtype.kind != "f":
            raise DataError(
                f"{raster.name} has {raster.n_bands} bands of {raster.dtype}; the {layer} of a surface has "
                f"{len(LAYERS[layer])} of float32"
            )
    return _joined(opened, name=surface_name(Path(path))[0])


def _joined(opened: dict[str, Raster], *, name: str) -> Raster:
    rasters = tuple(opened.values())
    hashes = [raster.source_sha256 for raster in rasters]

    def read_pixels(window: Window) -> NDArray[Any]:
        return np.concatenate([_layer(layer, raster.read_pixels(window)) for layer, raster in opened.items()])

    def read_valid(window: Window) -> NDArray[np.bool_]:
        return np.asarray(np.logical_and.reduce([raster.read_valid(window) for raster in rasters]))

    return replace(
        rasters[0],
        n_bands=sum(len(LAYERS[layer]) for layer in opened),
        dtype=np.result_type(*(raster.dtype for raster in rasters)),
        read_pixels=read_pixels,
        read_valid=read_valid,
        overviews={},
        georeference=next((raster.georeference for raster in rasters if raster.georeference is not None), None),
        pixel_size=next((raster.pixel_size for raster in rasters if raster.pixel_size is not None), None),
        name=name,
        source_sha256=None if None in hashes else hashlib.sha256("".join(map(str, hashes)).encode()).hexdigest(),
    )


def _layer(layer: str, pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels.mean(axis=0, keepdims=True) if layer == "albedo" else pixels
