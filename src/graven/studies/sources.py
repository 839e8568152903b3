"""Panels for training from labelled images or from seeds: each is read, prepared as a whole, and handed to a store."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import MissingExtra, UsageError
from graven.prepare.chain import FRAME_STEPS, PrepareChain
from graven.prepare.frame import working_frame
from graven.prepare.views import affine_view
from graven.train.panels import write_store
from graven.types import PrepareStep, raster_from_array
from graven.types.affine import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.studies.listener import Listener
    from graven.synthetic.testsets import PanelSpec
    from graven.train.panels import PanelStore
    from graven.train.recipe import Named
    from graven.types import ModelSpec, Raster
    from graven.types.dataset import LabelledImage

    ReadPanel = Callable[[], tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.bool_] | None]]
    Source = tuple[str, str, ReadPanel]

__all__ = [
    "chain_of",
    "labelled_source",
    "procedural_source",
    "require_training",
    "scaled_source",
    "write_stores",
]


def require_training() -> None:
    """Check that what trains is installed.

    Raises
    ------
    MissingExtra
        If PyTorch, Lightning or safetensors is missing; the message names the extra.
    """
    try:
        importlib.import_module("graven.train.run")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("graven"):
            raise
        raise MissingExtra(
            f"training needs PyTorch and Lightning, but {error.name!r} is not installed; "
            "run: pip install 'graven[train]'"
        ) from error


def chain_of(steps: Sequence[Named], *, n_bands: int = 3) -> PrepareChain:
    """Turn the preparation of a recipe into a chain.

    Parameters
    ----------
    steps : sequence of Named
        As a recipe lists them.
    n_bands : int
        Bands of the network.

    Returns
    -------
    PrepareChain
        Applied to whole panels before anything is cut.

    Raises
    ------
    DataError
        If a step or option is unknown.
    UsageError
        If a step changes the frame: truth and valid mask would no longer lie under the image.
    """
    moving = [step.name for step in steps if step.name in FRAME_STEPS]
    if moving:
        raise UsageError(
            f"training takes panels in their own frame, but the recipe prepares with {moving[0]!r}; "
            "take the step out of the recipe and name it in the bundle"
        )
    return PrepareChain(tuple(PrepareStep(step.name, dict(step.options)) for step in steps), n_bands=n_bands)


def procedural_source(
    specs: Sequence[PanelSpec], *, size_px: int, pixel_size_mm: float, chain: PrepareChain
) -> Iterator[Source]:
    """Offer procedural panels, each grown when it is read.

    Parameters
    ----------
    specs : sequence of PanelSpec
        Seeds, degradations and rocks.
    size_px : int, pixels
        Side of the panels.
    pixel_size_mm : float
        Size of a pixel.
    chain : PrepareChain
        Preparation.

    Yields
    ------
    name, group, read
        For `graven.train.panels.write_store`; every panel is its own group.
    """
    from graven.synthetic import make_petroglyph

    def reader(spec: PanelSpec) -> ReadPanel:
        def read() -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_] | None]:
            panel = make_petroglyph(
                spec.seed,
                size_px=size_px,
                pixel_size_mm=pixel_size_mm,
                degradation=spec.degradation,
                rock=spec.rock,
            )
            return _prepared(chain, raster_from_array(panel.image)), panel.mask & panel.valid, panel.valid

        return read

    for spec in specs:
        name = f"{spec.degradation}-{spec.seed}"
        yield name, name, reader(spec)


def labelled_source(items: Sequence[LabelledImage], *, chain: PrepareChain) -> Iterator[Source]:
    """Offer labelled images, each opened when it is read.

    Parameters
    ----------
    items : sequence of LabelledImage
        Images with their truth: of one class, or class numbers.
    chain : PrepareChain
        Preparation.

    Yields
    ------
    name, group, read
        For `graven.train.panels.write_store`. Reading raises DataError or MismatchError when a file is not what it
        must be.
    """
    from graven.io.images import open_raster

    def reader(item: LabelledImage) -> ReadPanel:
        def read() -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.bool_] | None]:
            raster = open_raster(item.image_path, hash_source=False)
            size = (raster.height, raster.width)
            target, valid = item.read_target(size), raster.read_valid_padded()
            if item.read_valid is not None:
                valid = valid & item.read_valid(size)
            return _prepared(chain, raster), target * valid, valid

        return read

    for item in items:
        yield item.name, item.group, reader(item)


def scaled_source(items: Sequence[LabelledImage], spec: ModelSpec, *, scale: str | None = None) -> Iterator[Source]:
    """Offer labelled images at the scale of a bundle and prepared by its chain; they are not turned upright.

    Parameters
    ----------
    items : sequence of LabelledImage
        Images with their truth.
    spec : ModelSpec
        Pixel size and preparation.
    scale : str, optional
        Size of a pixel of every image, as ``0.05mm/px``; default is what each file says.

    Yields
    ------
    name, group, read
        For `graven.train.panels.write_store`. Reading raises DataError, MismatchError or ScaleError when a file is not
        what it must be.
    """
    from graven.io.images import open_raster
    from graven.io.scale import parse_scale

    chain = PrepareChain.from_spec(spec)
    stated = None if scale is None else parse_scale(scale)

    def reader(item: LabelledImage) -> ReadPanel:
        def read() -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.bool_] | None]:
            raster = open_raster(item.image_path, pixel_size=stated, hash_source=False)
            frame = working_frame(raster, pixel_size_mm=spec.pixel_size_mm)
            size = (raster.height, raster.width)
            target = item.read_target(size).astype(np.uint8)
            valid = raster.read_valid_padded()
            if item.read_valid is not None:
                valid = valid & item.read_valid(size)
            if frame.matrix != IDENTITY:
                shape = (frame.raster.height, frame.raster.width)
                seen = affine_view(raster_from_array(np.stack([target, valid])), frame.matrix, *shape, order=0)
                target, known = seen.read()
                valid = known.astype(bool) & seen.read_valid(seen.bounds)
            return _prepared(chain, frame.raster), target * valid, valid

        return read

    for item in items:
        yield item.name, item.group, reader(item)


def _prepared(chain: PrepareChain, raster: Raster) -> NDArray[np.uint8]:
    """Prepare a whole raster; the steps work on bytes, so nothing is lost by keeping bytes."""
    return chain.view(raster).read().astype(np.uint8)


def write_stores(
    folder: Path,
    sources: Mapping[Any, Iterable[Source]],
    *,
    origin: dict[str, Any],
    n: int,
    what: str,
    monitor: Listener,
) -> dict[str, PanelStore]:
    """Write one store of panels per side, or open those that are there.

    Parameters
    ----------
    folder : Path
        Where they lie, each named by its side; work that was interrupted continues.
    sources : mapping of str to iterable of Source
        Panels of each side.
    origin : dict
        What they are made from.
    n : int
        Panels of all sides.
    what : str
        What is being done, for a person.
    monitor : Listener
        Hears progress.

    Returns
    -------
    dict of str to PanelStore
        By side.

    Raises
    ------
    MismatchError
        If the folder holds other panels.
    """
    with monitor.progress(what) as report:
        done = 0

        def count(_entry: object) -> None:
            nonlocal done
            done += 1
            report(done, n)

        return {
            side: write_store(folder / side, panels, origin={**origin, "side": side}, on_panel=count)
            for side, panels in sources.items()
        }
