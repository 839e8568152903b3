"""Scans of Etruscan mirrors as their authors lay them out: layers from photometric stereo, drawings, object masks.

::

    <folder>/<object>/PS/<view>_N.tif  <view>_RHO.tif  <view>_U.tif    normals, albedo, height
    <folder>/GT_REL/<view>_drawings.png                                the drawing: alpha, or the first band
    <folder>/MASKS_REL/<view>_mask.png                                 the object, likewise

A view is an object and its side, ``ANSA-VI-1700_R``. Normals hold colours, ``v = (n + 1) / 2``, or the components
themselves; their resolution tag is the scale of the scan. The unit of heights is not stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, MismatchError
from graven.io.gate import inspect
from graven.io.images import open_raster, suggested_pixel_size
from graven.types import Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.types import PixelSize, Raster


__all__ = ["HELD_OUT", "MirrorView", "is_mirrors", "list_mirrors", "read_drawn"]

DRAWINGS, MASKS, LAYERS = "GT_REL", "MASKS_REL", "PS"
DRAWING, MASK = "_drawings.png", "_mask.png"
ENDS = {"height": "_U.tif", "normals": "_N.tif", "albedo": "_RHO.tif"}
BAND_ROWS = 512
TOLERANCE = 1e-3

HELD_OUT = ("wels-11944", "ansa-vi-1700", "ansa-vi-1701")
"""Objects that the published networks never learned from, in lower case."""


@dataclass(frozen=True, slots=True)
class MirrorView:
    """One side of a mirror, not yet read.

    Attributes
    ----------
    name, group : str
        The view, and the object it belongs to.
    layers : dict of str to Path
        Files of ``height``, ``normals`` and ``albedo``.
    mask : Path
        Where the object is.
    drawing : Path or None
        What an expert drew; None for a view without.
    """

    name: str
    group: str
    layers: dict[str, Path]
    mask: Path
    drawing: Path | None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files."""
        return (*self.layers.values(), self.mask, *(() if self.drawing is None else (self.drawing,)))

    def size(self) -> tuple[int, int]:
        """Give height and width in pixels, the same for all files.

        Raises
        ------
        MismatchError
            If they differ; both are shown.
        """
        sizes = {path: (header.height, header.width) for path in self.files for header in (inspect(path),)}
        first = next(iter(sizes))
        for path, size in sizes.items():
            if size != sizes[first]:
                raise MismatchError(
                    f"{path.name} has {size[0]} x {size[1]} px, but {first.name} has {sizes[first][0]} x "
                    f"{sizes[first][1]}; all files of a view lie on one grid"
                )
        return sizes[first]

    def pixel_size(self) -> PixelSize:
        """Give the scale, from the georeference or the resolution tag of the normals.

        Raises
        ------
        DataError
            If there is neither.
        """
        path = self.layers["normals"]
        found = open_raster(path, hash_source=False).pixel_size or suggested_pixel_size(path)
        if found is None:
            raise DataError(f"{path.name} has no resolution tag, so the scale is not known; write its dots per inch")
        return found

    def blocks(self, layer: str, known: NDArray[np.bool_]) -> Iterator[tuple[Window, NDArray[np.float32]]]:
        """Read a layer in bands of rows, as graven holds it.

        Parameters
        ----------
        layer : {"height", "normals", "albedo"}
            Which.
        known : ndarray of shape (H, W), bool
            Where the object is; elsewhere is NaN.

        Yields
        ------
        Window, ndarray of shape (C, h, w)
            Heights and albedo as they are (grey of whole numbers as shares), normals as unit vectors.

        Raises
        ------
        DataError
            If it has not the bands of its layer, or normals are neither colours nor components.
        """
        raster = open_raster(self.layers[layer], hash_source=False)
        n_bands = 3 if layer == "normals" else 1
        if raster.n_bands != n_bands or (layer == "height" and raster.dtype.kind != "f"):
            raise DataError(
                f"{self.layers[layer].name} has {raster.n_bands} bands of {raster.dtype}; the {layer} of a mirror has "
                f"{n_bands}{' of float32' if layer == 'height' else ''}"
            )
        top = float(np.iinfo(raster.dtype).max) if raster.dtype.kind == "u" else 1.0
        encoded = layer == "normals" and _is_encoded(raster, known, self.layers[layer].name)
        for window in _rows(raster):
            pixels = raster.read_pixels(window).astype(np.float32) / np.float32(top)
            if encoded:
                pixels = 2 * pixels - 1
            if layer == "normals":
                length = np.sqrt(np.square(pixels).sum(axis=0))
                pixels = np.divide(pixels, length, out=np.full_like(pixels, np.nan), where=length > 0)
            inside = known[window.slices()] & raster.read_valid(window)
            yield window, np.where(inside, pixels, np.float32(np.nan))


def is_mirrors(folder: Path) -> bool:
    """Say whether a folder is laid out so."""
    return (folder / DRAWINGS).is_dir() and (folder / MASKS).is_dir()


def list_mirrors(folder: Path) -> list[MirrorView]:
    """List the views of a folder, those without a drawing included.

    Parameters
    ----------
    folder : Path
        The data set.

    Returns
    -------
    list of MirrorView
        Sorted by name.

    Raises
    ------
    DataError
        If the folder is laid out otherwise, a view lacks a layer or its object mask, or a drawing its view.

    References
    ----------
    .. [1] Sterzinger, Brenner, Sablatnig, Drawing the Line: Deep Segmentation for Extracting Art from Ancient Etruscan
       Mirrors, ICDAR 2024; names of folders and files as its authors give them.
    """
    if not is_mirrors(folder):
        raise DataError(
            f"{folder} must hold the folders {DRAWINGS} and {MASKS} beside one folder per mirror, each with {LAYERS}/"
        )
    heights = sorted(folder.glob(f"*/{LAYERS}/*{ENDS['height']}"))
    if not heights:
        raise DataError(f"{folder} holds no heights; expected <object>/{LAYERS}/<view>{ENDS['height']}")
    views = [_view(folder, path) for path in heights]
    names = [view.name for view in views]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{folder} holds two views named {twice!r}; names must be unique")
    drawn = {path.name.removesuffix(DRAWING) for path in (folder / DRAWINGS).glob(f"*{DRAWING}")}
    lost = sorted(drawn - set(names))
    if lost:
        raise DataError(f"{DRAWINGS}/{lost[0]}{DRAWING} has no scan; expected <object>/{LAYERS}/{lost[0]}_U.tif")
    if not drawn:
        raise DataError(f"{folder / DRAWINGS} holds no drawing (*{DRAWING})")
    return views


def _view(folder: Path, height: Path) -> MirrorView:
    name = height.name.removesuffix(ENDS["height"])
    layers = {layer: height.with_name(name + end) for layer, end in ENDS.items()}
    mask, drawing = folder / MASKS / f"{name}{MASK}", folder / DRAWINGS / f"{name}{DRAWING}"
    for path in (*layers.values(), mask):
        if not path.is_file():
            raise DataError(
                f"the view {name!r} lacks {path.relative_to(folder).as_posix()}; give it or take the view out"
            )
    return MirrorView(name, height.parent.parent.name, layers, mask, drawing if drawing.is_file() else None)


def read_drawn(path: Path) -> NDArray[np.bool_]:
    """Read where a drawing or a mask is painted.

    Parameters
    ----------
    path : Path
        PNG.

    Returns
    -------
    ndarray of shape (H, W), bool
        Where its alpha is above 0; where nothing of it is transparent, where its first band is.
    """
    raster = open_raster(path, hash_source=False)
    opaque = raster.read_valid(raster.bounds)
    return np.asarray(raster.read()[0] > 0) if opaque.all() else opaque


def _is_encoded(raster: Raster, known: NDArray[np.bool_], name: str) -> bool:
    """Say whether normals are stored as colours: of components some point to the left, of colours none is negative."""
    if raster.dtype.kind == "u":
        return True
    lowest, highest = np.inf, -np.inf
    for window in _rows(raster):
        values: NDArray[Any] = raster.read_pixels(window)[:, known[window.slices()]]
        values = values[np.isfinite(values)]
        lowest = min(lowest, float(values.min(initial=np.inf)))
        highest = max(highest, float(values.max(initial=-np.inf)))
    if lowest < -1 - TOLERANCE or highest > 1 + TOLERANCE:
        raise DataError(
            f"{name} holds values from {lowest:g} to {highest:g}; normals lie in -1 to 1, or 0 to 1 as colours"
        )
    return lowest >= 0


def _rows(raster: Raster) -> Iterator[Window]:
    for row in range(0, raster.height, BAND_ROWS):
        yield Window(row, 0, min(BAND_ROWS, raster.height - row), raster.width)
