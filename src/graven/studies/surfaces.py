"""Panels for training from surfaces: layers on disk, or bronzes from seeds, prepared as a model will see them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import ScaleError
from graven.prepare.frame import working_frame
from graven.prepare.views import affine_view
from graven.synthetic.bronze_scan import measured_height
from graven.synthetic.engraving import make_bronze
from graven.synthetic.testsets import BRONZE_PIXEL_SIZE_MM, BronzeSpec, train_seeds
from graven.types import PixelSize, raster_from_array
from graven.types.affine import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from graven.prepare.chain import PrepareChain
    from graven.studies.sources import Source
    from graven.synthetic.engraving import EngravingPanel
    from graven.types import Raster
    from graven.types.dataset import LabelledImage

    Pixels = tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.bool_]]

__all__ = ["bronze_pixels", "bronze_source", "grown", "surface_source", "training_bronzes"]

SEVERE_EVERY = 4


def surface_source(
    items: Sequence[LabelledImage], *, chain: PrepareChain, pixel_size_mm: float | None, scale: PixelSize | None = None
) -> Iterator[Source]:
    """Offer surfaces with their truth, each opened when it is read, on the grid of the model and prepared by its chain.

    Parameters
    ----------
    items : sequence of LabelledImage
        Files of a layer each; the others that the chain takes lie beside.
    chain : PrepareChain
        Of a recipe for surfaces.
    pixel_size_mm : float, millimetres, or None
        Scale of the model; None leaves surfaces on their own grid.
    scale : PixelSize, optional
        Of every file that does not say its own.

    Yields
    ------
    name, group, read
        For `graven.train.panels.write_store`. Reading raises DataError, MismatchError or ScaleError when a file is not
        what it must be. Truth is resampled by its nearest pixel.
    """
    for item in items:
        yield item.name, item.group, partial(_surface, item, chain, pixel_size_mm, scale)


def _surface(item: LabelledImage, chain: PrepareChain, pixel_size_mm: float | None, scale: PixelSize | None) -> Pixels:
    from graven.io.surfacefiles import beside, open_surface, surface_name

    first = chain.layers[0]
    is_named = surface_name(item.image_path)[1] is not None
    path = beside(item.image_path, first) if is_named else item.image_path
    raster = open_surface(path, chain.layers, hash_source=False)
    if raster.pixel_size is None:
        raster = raster.with_pixel_size(scale)
    if raster.pixel_size is None:
        raise ScaleError(f"{path.name}: no scale is known; a surface needs one, in the tags that graven stereo writes")
    size = (raster.height, raster.width)
    target, valid = item.read_target(size), raster.read_valid_padded()
    if item.read_valid is not None:
        valid &= item.read_valid(size)
    return _prepared(raster, target, valid, chain, pixel_size_mm)


def _prepared(
    raster: Raster, target: NDArray[Any], valid: NDArray[np.bool_], chain: PrepareChain, pixel_size_mm: float | None
) -> Pixels:
    """Bring a surface to the grid of a model and prepare it there; statistics are those of the object."""
    on_object = raster_from_array(raster.read(), valid=valid, pixel_size=raster.pixel_size, name=raster.name)
    surface = chain.known(on_object)
    frame = working_frame(chain.filled(surface), pixel_size_mm=pixel_size_mm)
    known, labels = surface.read_valid(surface.bounds), target.astype(np.uint8)
    if frame.matrix != IDENTITY:
        shape = (frame.raster.height, frame.raster.width)
        labels = affine_view(raster_from_array(labels[None]), frame.matrix, *shape, order=0).read()[0]
        known = frame.raster.read_valid(frame.raster.bounds)
    pixels = np.rint(chain.view(frame.raster).read()).astype(np.uint8)
    return pixels, labels * known, known


def training_bronzes(n: int) -> tuple[BronzeSpec, ...]:
    """Name the first bronzes that may be learned from, every fourth of them severe, as in the validation list.

    Examples
    --------
    >>> [spec.degradation for spec in training_bronzes(4)]
    ['ordinary', 'ordinary', 'ordinary', 'severe']
    """
    return tuple(
        BronzeSpec(seed, "severe" if seed % SEVERE_EVERY == SEVERE_EVERY - 1 else "ordinary") for seed in train_seeds(n)
    )


def bronze_source(specs: Iterable[BronzeSpec], *, size_px: int, chain: PrepareChain) -> Iterator[Source]:
    """Offer procedural bronzes, each grown when it is read.

    Parameters
    ----------
    specs : iterable of BronzeSpec
        Which.
    size_px : int, pixels
        Side.
    chain : PrepareChain
        Of a recipe for heights alone.

    Yields
    ------
    name, group, read
        For `graven.train.panels.write_store`; every bronze is its own group.
    """
    for spec in specs:
        name = f"{spec.degradation}-{spec.seed}"
        yield name, name, partial(_bronze, spec, size_px, chain)


def grown(spec: BronzeSpec, *, size_px: int | tuple[int, int], whole: bool = False) -> EngravingPanel:
    """Grow a bronze of a set at another size than that of the frozen lists.

    Parameters
    ----------
    spec : BronzeSpec
        Which.
    size_px : int or tuple of two int, pixels
        Side, or height and width.
    whole : bool
        Fit the mirror with its handle into the frame.

    Returns
    -------
    EngravingPanel
        Of pixels of 0.05 mm.
    """
    return make_bronze(
        spec.seed,
        size_px=size_px,
        pixel_size_mm=BRONZE_PIXEL_SIZE_MM,
        degradation=spec.degradation,
        style=spec.style,
        borders=spec.borders,
        whole=whole,
    )


def _bronze(spec: BronzeSpec, size_px: int, chain: PrepareChain) -> Pixels:
    return bronze_pixels(grown(spec, size_px=size_px), chain)


def bronze_pixels(panel: EngravingPanel, chain: PrepareChain) -> Pixels:
    """Measure the height of a bronze as a scan would, and prepare it.

    Parameters
    ----------
    panel : EngravingPanel
        What was grown.
    chain : PrepareChain
        Takes heights.

    Returns
    -------
    image : ndarray of shape (1, H, W), uint8
        Prepared height.
    target, valid : ndarray of shape (H, W), bool
        Engraved lines, and where the height is known.
    """
    height = measured_height(panel, np.random.default_rng(panel.seed))
    known = panel.object_mask & np.isfinite(height)
    size = PixelSize(BRONZE_PIXEL_SIZE_MM, BRONZE_PIXEL_SIZE_MM, "user")
    raster = raster_from_array(height[None], valid=known, pixel_size=size)
    return np.rint(chain.view(raster).read()).astype(np.uint8), panel.mask & known, known
